#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What nsctl makes is what iproute2 knows; what others made is left to them.

load lib/common

# iproute2 makes its directory at its first use, and never takes it away.
prepare_file() {
	ip netns add first
	ip netns del first
}

@test "ip netns list names the profile, and only while it is up" {
	equal "$(ip netns list)" ""
	nsctl up vpn
	run -0 ip netns list
	[[ $output =~ ^vpn( \(id: [0-9]+\))?$ ]]
	nsctl down vpn
	equal "$(ip netns list)" ""
}

@test "ip netns exec enters the same network as nsctl exec" {
	nsctl up vpn
	equal "$(ip netns exec vpn readlink /proc/self/ns/net)" \
		"$(inside vpn readlink /proc/self/ns/net)"
	equal "$(ip netns exec vpn curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	run -0 ip netns exec vpn ip -o -4 address show dev eth0
	says "$(address_of vpn)"
}

@test "ip netns add and del beside a profile do no harm to either" {
	nsctl up vpn
	ip netns add other
	undo "ip netns del other 2>/dev/null || true"
	no_drift vpn
	nsctl down vpn
	ip netns exec other true
	nsctl up vpn
	ip netns del other
	no_drift vpn
}

@test "a network namespace of that name that is somebody else's is refused and left alone" {
	ip netns add vpn
	undo "ip netns del vpn"
	ip -n vpn link add theirs type veth peer name theirs2
	record_before
	refused vpn "not made by nsctl" -- nsctl up vpn
	same_as_before
	ip -n vpn link show theirs
	# Not ours to take away either.
	run nsctl down vpn
	same_as_before
}

@test "what somebody put at the place of a lost pin is not taken away by the repair" {
	nsctl up vpn
	kill -STOP "$(nsctld_pid)"
	ip netns del vpn
	echo precious >/run/netns/vpn
	undo "rm -f /run/netns/vpn"
	kill -CONT "$(nsctld_pid)"
	refused /run/netns/vpn "not made by nsctl" -- nsctl up vpn
	equal "$(</run/netns/vpn)" precious
}

@test "a file at the pin's place that is somebody else's is refused and left alone" {
	ip netns add other
	undo "ip netns del other"
	echo precious >/run/netns/vpn
	undo "rm /run/netns/vpn"
	refused /run/netns/vpn "not made by nsctl" -- nsctl up vpn
	equal "$(cat /run/netns/vpn)" precious
}

@test "a link of the host end's name that is somebody else's is refused and left alone" {
	ip link add ns-vpn type veth peer name theirs
	undo "ip link del ns-vpn"
	record_before
	refused ns-vpn "not made by nsctl" -- nsctl up vpn
	same_as_before
}

@test "an interface that only has the host end's name as an alternative name counts too" {
	ip link add theirs type veth peer name theirs2
	undo "ip link del theirs"
	ip link property add dev theirs altname ns-vpn
	record_before
	refused ns-vpn "not made by nsctl" -- nsctl up vpn
	same_as_before
}

@test "an existing bridge with the gateway's address is used, and left as it was" {
	# With another port and a MAC of its own, it does not change by a port's coming and going.
	ip link add br7 address 02:00:00:00:00:07 type bridge
	undo "ip link del br7"
	ip link add port7 master br7 type veth peer name port7peer
	undo "ip link del port7"
	ip link set port7peer up
	ip link set port7 up
	ip link set br7 up
	wait_until sh -c "ip link show br7 | grep -q 'state UP'"
	ip address add 192.168.57.1/24 dev br7
	profile office57 <<-END
		[link]
		bridge = br7
		address = 192.168.57.101/24
		gateway = 192.168.57.1
	END
	record_before
	nsctl up office57
	equal "$(address_of office57)" 192.168.57.101
	run -0 ip -o link show master br7
	says ns-office57
	run -0 inside office57 ip route
	says "default via 192.168.57.1"
	nsctl down office57
	same_as_before
}

@test "a bridge into another LAN, whose router is another machine: nothing of the host is changed" {
	world_machine lan57
	undo "kill $(</run/world/machines/lan57); wait_until is_gone $(</run/world/machines/lan57)"
	ip link add br0 type bridge
	undo "ip link del br0"
	ip link set br0 up
	ip link add to-lan57 master br0 type veth peer name eth0 netns "$(</run/world/machines/lan57)"
	undo "ip link del to-lan57 2>/dev/null || true"
	ip link set to-lan57 up
	on lan57 ip address add 192.168.57.1/24 dev eth0
	on lan57 ip link set eth0 up
	wait_until sh -c "ip link show br0 | grep -q 'state UP'"
	record_before
	nsctl up lan
	no_drift lan
	equal "$(address_of lan)" 192.168.57.101
	command on lan57 "$integration/lib/web-server" self 192.168.57.1 'lan57 {visitor}' \
		>/run/world/served 2>&1 3>&- &
	local server=$!
	wait_until grep -q ready /run/world/served
	# With its own address, and the host is no part of it.
	equal "$(inside lan curl -sS -m 40 http://192.168.57.1/)" "lan57 192.168.57.101"
	equal "$(ip -4 -o address show dev br0)" ""
	equal "$(sysctl -n net.ipv4.ip_forward)" 0
	kill $server
	wait $server || true
	nsctl down lan
	same_as_before
}

@test "an nf_tables table of our name that is somebody else's is refused and left alone" {
	nft 'table inet nsctl { chain theirs { counter; }; }'
	undo "nft delete table inet nsctl"
	record_before
	refused nsctl -- nsctl up vpn
	same_as_before
}

@test "processes inside are those that ip netns pids finds" {
	nsctl up vpn
	nsctl exec vpn -- sleep 1000 3>&- &
	local sleeper=$!
	wait_until sh -c "ip netns pids vpn | grep -qx $sleeper"
	equal "$(nsctl status --json vpn | jq '.profiles[0].processes')" 1
	nsctl down vpn
	wait_until is_gone "$sleeper"
}
