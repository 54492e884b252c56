#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What others change of a profile that says `repair = no` is named by status, and put right by up, or
# refused by it. (What they take away is in converge.bats.)

load lib/common

# up_with: a profile "full" with what is on stdin
up_with() {
	{ printf '[profile]\nrepair = no\n' && cat; } | profile full
	nsctl up full
	no_drift full
}

# named TEXT: it is the one thing that is wrong
named() {
	equal "$(drift full)" "$1"
	equal "$(state full)" partial
}

up_puts_it_right() {
	nsctl up full
	no_drift full
}

@test "an MTU and a MAC address" {
	up_with <<-END
		[link]
		mtu = 1400
		mac = 02:00:00:00:57:01
	END
	ip link set ns-full mtu 1300
	named "link: the MTU is not 1400"
	up_puts_it_right
	ip -n full link set eth0 mtu 1300
	named "link: the MTU is not 1400"
	up_puts_it_right
	ip -n full link set eth0 address 02:00:00:00:57:02
	named "link: the MAC address of eth0 differs"
	up_puts_it_right
	equal "$(inside full cat /sys/class/net/eth0/address)" 02:00:00:00:57:01
}

@test "an interface inside that has another name" {
	up_with </dev/null
	ip -n full link set eth0 down
	ip -n full link set eth0 name renamed
	named "link: eth0 is missing inside"
	up_puts_it_right
	run ! ip -n full link show renamed
}

@test "a bridge in whose place another's is, or something else" {
	up_with </dev/null
	ip link del nsctl0
	ip link add nsctl0 type bridge
	run -0 drift full
	says "bridge: nsctl0 was replaced by another's"
	refused "bridge nsctl0 exists and was not made by nsctl" -- nsctl up full
	ip link del nsctl0
	ip link add nsctl0 type veth peer name nsctl0peer
	run -0 drift full
	says "bridge: nsctl0 is not a bridge"
	refused "nsctl0 is not a bridge" -- nsctl up full
	nsctl down full
	ip -d link show nsctl0 | grep -q veth # another's stays
	ip link del nsctl0
}

@test "the table of a profile without nat" {
	up_with <<-END
		[link]
		nat = none
	END
	nft flush chain inet nsctl forward
	named "forward: the table inet nsctl is not what it should be"
	up_puts_it_right
}

@test "a mask of a name service, taken off inside" {
	mkdir /run/nscd
	undo "rmdir /run/nscd"
	up_with <<-END
		[dns]
		nameserver = 9.9.9.9
	END
	nsenter --mount=/run/nsctl/ns/full/mnt umount /run/nscd
	named "resolver: /run/nscd is not masked"
	up_puts_it_right
}

@test "a route of the host's that leads nowhere, over the profile's network" {
	up_with <<-END
		[link]
		address = 10.77.0.2/24
	END
	ip route add unreachable 10.77.0.0/16
	undo "ip route del unreachable 10.77.0.0/16 2>/dev/null || true"
	run -0 drift full
	says "addresses: network 10.77.0.0/24 is also" "(route to 10.77.0.0/16)"
	ip route del unreachable 10.77.0.0/16
	no_drift full
}

@test "a resolver file of ip-netns, where the profile has [dns]: the profile's own counts" {
	mkdir -p /etc/netns/full
	undo "rm -r /etc/netns"
	echo "nameserver 8.8.8.8" >/etc/netns/full/resolv.conf
	up_with <<-END
		[dns]
		nameserver = 9.9.9.9
	END
	equal "$(inside full grep nameserver /etc/resolv.conf)" "nameserver 9.9.9.9"
}

@test "on another's bridge whose router is another machine: no nat, no forwarding, no word of them" {
	ip link add br7 type bridge
	undo "ip link del br7"
	ip link set br7 up
	up_with <<-END
		[link]
		bridge = br7
		address = 192.168.57.2/24
		gateway = 192.168.57.1
	END
	run ! nft list table inet nsctl
	equal "$(sysctl -n net.ipv4.ip_forward)" 0
	run -0 nsctl up --dry-run full
	run ! grep -E "nft|ip_forward" <<<"$output"
}
