#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What someone removes by hand is named as drift, and the next `up` puts it back.

load lib/common

prepare() {
	rm -rf /run/world/extra
	mkdir -p /run/world/extra/source /run/world/extra/target
	echo yes >/run/world/extra/source/file
	profile full <<-END
		[profile]
		repair = no
		[link]
		address = 10.77.0.2/24
		gateway = 10.77.0.1
		[route]
		add = 10.99.0.0/16 via 10.77.0.9
		[dns]
		nameserver = 9.9.9.9
		[mount]
		bind = /run/world/extra/source:/run/world/extra/target
	END
}

# enter_mounts COMMAND…: in the mount namespace of "full", whatever nsctl thinks of it.
enter_mounts() {
	nsenter --net=/run/netns/full --mount=/run/nsctl/ns/full/mnt -- "$@"
}

# converges STEP WORDS COMMAND…: after COMMAND, `status` shows a drift of STEP with WORDS in it; `up`
# repairs it and nothing else has to be done.
converges() {
	local step=$1 words=$2
	nsctl up full
	no_drift full
	record_up before-damage
	"${@:3}"
	run -0 drift full
	[[ $output == *"$step: "*"$words"* ]] || { echo "$output" && return 1; }
	equal "$(state full)" partial
	run -0 nsctl up full
	no_drift full
	works
	record_up after-repair
	$oracle compare /run/world/before-damage /run/world/after-repair
	diff /run/world/before-damage.mounts /run/world/after-repair.mounts
}

# What up made, apart from numbers that a thing made anew gets anew.
record_up() {
	$oracle record --normalise --only=links,addresses,routes,rules,firewall,sysctls \
		"/run/world/$1"
	inside full findmnt -rno TARGET,FSTYPE,OPTIONS | sort >"/run/world/$1.mounts"
}

works() {
	equal "$(inside full curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	equal "$(inside full cat /run/world/extra/target/file)" yes
	run -0 inside full cat /etc/resolv.conf
	says "nameserver 9.9.9.9"
}

@test "up of what is up changes nothing and says so" {
	nsctl up full
	$oracle record /run/world/up-1
	run -0 nsctl up full
	$oracle record /run/world/up-2
	$oracle compare /run/world/up-1 /run/world/up-2
}

@test "the veth, removed on the host" {
	converges link ns-full ip link del ns-full
}

@test "the veth, removed inside" {
	converges link ns-full inside full ip link del eth0
}

@test "the veth, down on the host" {
	converges link ns-full ip link set ns-full down
}

@test "the interface inside, down" {
	converges link eth0 inside full ip link set eth0 down
}

@test "the veth, out of its bridge" {
	converges link nsctl0 ip link set ns-full nomaster
}

@test "the isolation of the port" {
	converges link "not isolated" bridge link set dev ns-full isolated off
}

@test "the bridge" {
	converges bridge nsctl0 ip link del nsctl0
}

@test "the bridge, down" {
	converges bridge nsctl0 ip link set nsctl0 down
}

@test "the bridge's address" {
	converges addresses 10.77.0.1 ip address del 10.77.0.1/24 dev nsctl0
}

@test "the address inside" {
	converges addresses 10.77.0.2 inside full ip address del 10.77.0.2/24 dev eth0
}

@test "the default route" {
	converges addresses default inside full ip route del default
}

@test "a route of its own" {
	converges addresses 10.99.0.0/16 inside full ip route del 10.99.0.0/16
}

@test "the loopback inside, down" {
	converges netns lo inside full ip link set lo down
}

@test "the nf_tables table" {
	converges nat nsctl nft delete table inet nsctl
}

@test "all rules of the host (flush ruleset)" {
	converges nat nsctl nft flush ruleset
}

@test "the elements of the sets" {
	flush_sets() {
		nft -j list sets table inet nsctl |
			jq -r '.nftables[].set // empty | select(.elem) | "flush set inet nsctl \(.name)"' |
			nft -f -
	}
	converges nat "" flush_sets
}

@test "a rule of the table" {
	flush_chains() {
		nft flush table inet nsctl
	}
	converges nat "" flush_chains
}

@test "a rule of the table, another in its place" {
	replace_rule() {
		local handle
		handle=$(nft -a list chain inet nsctl forward | sed -n 's/.*@strict drop # handle //p')
		nft replace rule inet nsctl forward handle "$handle" meta nfproto @strict accept
	}
	converges nat nsctl replace_rule
}

@test "forwarding on the host" {
	converges forward ip_forward sysctl -qw net.ipv4.ip_forward=0
}

@test "IPv6 inside, switched on" {
	converges netns ipv6 inside full sysctl -qw net.ipv6.conf.all.disable_ipv6=0 \
		net.ipv6.conf.eth0.disable_ipv6=0
}

@test "the pin of the network namespace" {
	remove_pin() {
		umount -l /run/netns/full
		rm /run/netns/full
	}
	converges netns /run/netns/full remove_pin
}

@test "the pin of the network namespace, by ip netns del" {
	converges netns /run/netns/full ip netns del full
}

@test "resolv.conf inside" {
	converges resolver resolv.conf enter_mounts umount /etc/resolv.conf
}

@test "a mount of the profile" {
	converges mounts /run/world/extra/target enter_mounts umount /run/world/extra/target
}

@test "/sys inside" {
	converges mounts /sys enter_mounts umount -l /sys
}

@test "a tmpfs of the profile" {
	sed -i 's|^bind = .*|tmpfs = /run/world/extra|' /etc/nsctl/profiles/full.ini
	nsctl up full
	record_up before-damage
	enter_mounts umount /run/world/extra
	run -0 drift full
	says /run/world/extra
	nsctl up full
	no_drift full
	record_up after-repair
	diff /run/world/before-damage.mounts /run/world/after-repair.mounts
	# by the next nsctld it is still known for nsctl's own, as is one that a daemon noted and died
	nsctld_stop KILL
	nsctld_start
	no_drift full
	sed -i '/^tmpfs/d' /etc/nsctl/profiles/full.ini
	nsctl up full
	run -0 inside full findmnt -rno TARGET
	[[ $output != *"/run/world/extra"* ]]
}

@test "the pin of the mount namespace" {
	remove_pin() {
		umount -l /run/nsctl/ns/full/mnt
	}
	converges mounts "" remove_pin
}

@test "an up that fails leaves what it has put right: addresses, rules, files" {
	nsctl up full
	local table
	table=$(nft list table inet nsctl)
	inside full ip route del default
	nft flush chain inet nsctl forward
	nft add table ip filter
	nft 'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
	undo "nft delete table ip filter"
	enter_mounts umount /etc/resolv.conf
	# the responder, which comes last, can't get ready
	printf '[aaaa]\nrun = outside\nhook = forward\n' >>/etc/nsctl/profiles/full.ini
	mkdir -p /run/nsctl/aaaa/full
	undo "rm -rf /run/nsctl/aaaa"
	run ! nsctl up full
	equal "$(nft list table inet nsctl)" "$table"
	run -0 drift full
	equal "$(grep -v '^aaaa: ' <<<"$output")" ""
	rmdir /run/nsctl/aaaa/full
	nsctl up full
	no_drift full
	works
}

@test "an up that fails takes nothing away that was there, be it put right before" {
	nsctl up full
	local before
	before=$(stat -Lc %i /run/netns/full /run/nsctl/ns/full/mnt)
	ip -n full link set lo down
	enter_mounts umount /run/world/extra/target
	printf '%s\n' "link del ns-full" "link add ns-full type bridge" | ip -batch -
	run ! nsctl up full
	says ns-full
	equal "$(stat -Lc %i /run/netns/full /run/nsctl/ns/full/mnt)" "$before"
	run -0 drift full
	[[ $output != *"netns: "* && $output != *"mounts: "* ]]
	ip link del ns-full
	nsctl up full
	no_drift full
	works
}
