#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The job that nsctl is for: two networks of the same numbers at once, one at home and one
# behind a real VPN.

load lib/common

prepare_file() {
	world_office
}

# A profile that asks the office's name server, and is vpn in all else.
work_profile() {
	profile work <<-END
		[profile]
		inherit = vpn
		[dns]
		nameserver = 10.8.0.1
		search = office.example
	END
}

# vpn_connect PROFILE: a VPN client inside; returns when its routes are there.
vpn_connect() {
	rm -f /run/world/connected
	mkfifo /run/world/connected
	nsctl exec "$1" -- openvpn --config /run/world/client.ovpn --script-security 2 \
		--route-up "/bin/sh -c 'echo yes >/run/world/connected'" \
		>/run/world/log/openvpn-client 2>&1 3>&- &
	client=$!
	local connected=
	read -r -t 100 connected <>/run/world/connected || cat /run/world/log/openvpn-client
	[[ $connected == yes ]]
}

@test "the story: up, a VPN inside, home and office at once, down, and nothing is left" {
	run -0 nsctl up vpn
	vpn_connect vpn

	equal "$(curl -sS -m 40 http://192.168.1.10/)" home
	equal "$(inside vpn curl -sS -m 40 http://192.168.1.10/)" office
	equal "$(curl -sS -m 40 http://192.168.1.10/)" home

	run -0 nsctl down vpn
	wait_until is_gone "$client"
	run pgrep -f client.ovpn
	equal "$output" ""
	same_as_before
}

@test "both answers come at the very same moment" {
	nsctl up vpn
	vpn_connect vpn
	curl -sS -m 40 "http://192.168.1.10/[1-20]" >/run/world/out-home 2>&1 3>&- &
	local home=$!
	inside vpn curl -sS -m 40 "http://192.168.1.10/[1-20]" >/run/world/out-office
	wait "$home"
	equal "$(sort /run/world/out-home | uniq -c | xargs)" "20 home"
	equal "$(sort /run/world/out-office | uniq -c | xargs)" "20 office"
}

@test "names mean one thing inside and another outside" {
	work_profile
	nsctl up work
	vpn_connect work
	local inside outside
	inside=$(inside work getent ahostsv4 intranet.office.example)
	outside=$(getent ahostsv4 intranet.office.example)
	[[ $inside == "192.168.1.10 "* ]]
	[[ $outside == "198.51.100.80 "* ]]

	equal "$(inside work curl -sS -m 40 http://intranet.office.example/)" office
	equal "$(curl -sS -m 40 http://intranet.office.example/)" "internet 203.0.113.2"
	# A short name needs the profile's search list; outside nobody knows it.
	inside work getent ahostsv4 wiki
	run -2 getent ahostsv4 wiki.office.example
}

@test "the VPN's way is the VPN's own, the other way out is the home's" {
	nsctl up vpn
	vpn_connect vpn
	run -0 inside vpn ip route get 192.168.1.10
	says "dev tun0"
	run -0 ip route get 192.168.1.10
	says "dev eth0"
	equal "$(inside vpn curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	run ip link show tun0
	[[ $status -ne 0 ]]
}

@test "down ends a VPN client that ignores the polite way" {
	nsctl up vpn
	nsctl exec vpn -- sh -c 'trap "" TERM HUP INT; echo ready >/run/world/ready; while :; do sleep 1000; done' 3>&- &
	local stubborn=$!
	wait_until test -s /run/world/ready
	rm /run/world/ready
	run -0 nsctl down vpn
	wait_until is_gone "$stubborn"
}

@test "up, down and up again right away makes the same network" {
	nsctl up vpn
	local first
	first=$(address_of vpn)
	nsctl down vpn
	nsctl up vpn
	no_drift vpn
	equal "$(address_of vpn)" "$first"
}
