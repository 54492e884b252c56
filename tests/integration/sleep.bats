#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a machine that has slept finds: its uplink gone and back, with another address or none, other
# networks around it, and so much news that the kernel had to throw some away.

load lib/common

prepare() {
	profile full <<-END
		[link]
		address = 10.77.0.2/24
		gateway = 10.77.0.1
		[route]
		add = 10.99.0.0/16 via 10.77.0.9
		[dns]
		nameserver = 9.9.9.9
	END
	uplink=$(ip -j route show default | jq -r '.[0].dev')
}

repairs() {
	nsctl status --json "$1" | jq '.profiles[0].repair.count'
}

# repaired PROFILE COUNT: it was, that often at least, and nothing is missing
repaired() {
	[[ $(repairs "$1") -ge $2 && -z $(drift "$1") ]]
}

reaches_internet() {
	equal "$(inside full curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

# A connection that is not closed to its end keeps its network namespace, with the uplink gone for long.
all_is_closed() {
	! inside full ss -Htan exclude time-wait | grep -q .
}

has_link_local_address() {
	ip -6 address show dev "$uplink" -tentative scope link | grep -q fe80
}

# As it was before the test.
wake_at_home() {
	ip link set "$uplink" up
	wait_until has_link_local_address
	ip -4 address flush dev "$uplink"
	ip address add 192.168.1.2/24 dev "$uplink"
	ip route replace default via 192.168.1.1 dev "$uplink"
}

@test "the uplink goes down and comes back: packets go out again, and nothing had to be put back" {
	undo wake_at_home
	nsctl up full
	reaches_internet
	wait_until all_is_closed
	ip link set "$uplink" down
	run ! inside full curl -sS -m 1 http://198.51.100.80/
	wake_at_home
	reaches_internet
	no_drift full
	equal "$(repairs full)" 0
}

@test "the uplink comes back with another address: that is the one under which packets go out" {
	undo wake_at_home
	nsctl up full
	reaches_internet
	wait_until all_is_closed
	ip link set "$uplink" down
	ip -4 address flush dev "$uplink"
	ip link set "$uplink" up
	ip address add 192.168.1.77/24 dev "$uplink"
	ip route add default via 192.168.1.1 dev "$uplink"
	reaches_internet
	no_drift full
	equal "$(repairs full)" 0
}

@test "what was begun under the old address goes on under the new one" {
	undo wake_at_home
	nsctl up full
	inside full python3 - >/run/world/answers 3>&- <<-'END' &
		import socket, time
		client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		client.settimeout(0.5)
		query = bytes.fromhex("123401000001000000000000") + b"\3www\7example\3net\0\0\1\0\1"
		answered = lost = 0
		while lost == 0 or answered < 2:
		    client.sendto(query, ("9.9.9.9", 53))
		    try:
		        client.recv(512)
		        if lost or not answered:
		            answered += 1
		            print("answer", flush=True)
		    except OSError:
		        if answered and not lost:
		            lost = 1
		            print("lost", flush=True)
		    time.sleep(0.02)
	END
	local client=$!
	wait_until grep -q answer /run/world/answers
	ip link set "$uplink" down
	ip -4 address flush dev "$uplink"
	wait_until grep -q lost /run/world/answers # it asks in vain
	ip link set "$uplink" up
	ip address add 192.168.1.77/24 dev "$uplink"
	ip route add default via 192.168.1.1 dev "$uplink"
	wait $client
	rm /run/world/answers
}

@test "more news than the socket holds: what went unheard is put back" {
	profile other <<-END
		[link]
		address = 10.77.0.3/24
		gateway = 10.77.0.1
	END
	nsctl up full other
	ip link add busy type veth peer name busy-peer
	undo "ip link del busy 2>/dev/null || true"
	local i
	for i in {1..1500}; do
		echo "link set busy up"
		echo "link set busy down"
	done >/run/world/busy
	kill -STOP "$(nsctld_pid)"
	undo "kill -CONT $(nsctld_pid)"
	ip -batch /run/world/busy
	rm /run/world/busy
	[[ $(drops) -gt 0 ]]
	ip link del ns-full
	ip link set ns-other down
	nft flush ruleset
	sysctl -qw net.ipv4.ip_forward=0
	kill -CONT "$(nsctld_pid)"
	wait_until repaired full 1
	wait_until repaired other 1
	reaches_internet
}

@test "more news inside than the socket holds: what went unheard is put back" {
	nsctl up full
	ip -n full link add busy type veth peer name busy-peer
	local i
	for i in {1..400}; do
		echo "link set busy up"
		echo "link set busy down"
	done >/run/world/busy
	kill -STOP "$(nsctld_pid)"
	undo "kill -CONT $(nsctld_pid)"
	ip -n full -batch /run/world/busy
	rm /run/world/busy
	[[ $(inside_drops) -gt 0 ]]
	ip -n full route del 10.99.0.0/16
	ip -n full address del 10.77.0.2/24 dev eth0
	kill -CONT "$(nsctld_pid)"
	wait_until repaired full 1
	reaches_internet
}

# The same of its socket inside, of which /proc tells in that namespace alone.
inside_drops() {
	nsenter --net=/run/netns/full awk '$9 > 0 { sum += $9 } END { print sum + 0 }' /proc/net/netlink
}

@test "an uplink that has the profile's network behind it is told, until it has gone" {
	profile auto </dev/null
	nsctl up auto
	no_drift auto
	local network
	network=$(address_of auto | sed 's/\.[0-9]*$/.0/')
	ip link add cafe type veth peer name cafe-peer
	undo "ip link del cafe 2>/dev/null || true"
	ip link set cafe up
	ip address add "${network%.*}.77/16" dev cafe
	run -0 nsctl status auto
	says "addresses: network $network/24 is also behind cafe (route to 10.193.0.0/16): down and up choose another"
	equal "$(state auto)" partial
	nsctl down auto
	nsctl up auto
	no_drift auto
	[[ $(address_of auto) != "${network%.*}".* ]]
	nsctl up full
	ip address add 10.77.0.99/25 dev cafe
	run -0 nsctl status full
	says "network 10.77.0.0/24 is also behind cafe (route to 10.77.0.0/25): choose another address"
	ip link del cafe
	no_drift full
}
