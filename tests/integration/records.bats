#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A record is a claim, not a fact. Whatever stands in /run/nsctl (damaged, cut off, of other times,
# written by others), nsctld deletes nothing that is not its own, and says what it refuses.

load lib/common

# What is another's: each of these has to be there afterwards, as it was.
prepare() {
	profile hers <<-END
		[dns]
		nameserver = 9.9.9.9
		[mount]
		tmpfs = /srv
	END
	ip link add foreign type bridge
	undo "ip link del foreign"
	ip link add strange type veth peer name stranger
	undo "ip link del strange"
	ip address add 10.66.0.1/24 dev foreign
	nft add table inet foreign
	undo "nft delete table inet foreign"
	mkdir /run/world/foreign
	undo "rmdir /run/world/foreign"
	mount -t tmpfs foreign /run/world/foreign
	undo "umount /run/world/foreign"
	python3 -c 'import ctypes, os, time
ctypes.CDLL(None).unshare(0x40000000)
print("ready", flush=True); time.sleep(1000)' >/run/world/stranger.ready 3>&- 4>&- &
	local pid=$!
	undo "kill $pid"
	wait_until grep -q ready /run/world/stranger.ready
	echo $pid >/run/world/stranger.pid
	nsctl up hers
	others >/run/world/others
	undo "rm -f /run/world/stranger.* /run/world/others /run/world/good.json /run/world/host.json"
	nsctld_stop KILL
	cp /run/nsctl/state/hers.json /run/world/good.json
	cp /run/nsctl/host.json /run/world/host.json
	log_start=$(stat -c %s /run/world/log/nsctld)
}

others() {
	ip -o link | grep -E 'foreign|strange|eth0@' | sed 's/^[0-9]*: //; s/ state .*//'
	ip -o address show dev foreign
	nft list table inet foreign
	grep /run/world/foreign /proc/self/mountinfo
	cat /proc/sys/net/ipv4/tcp_syncookies /proc/sys/kernel/core_pattern
	ls "/proc/$(cat /run/world/stranger.pid)/ns"
	ip route show default
}

nothing_of_others_is_gone() {
	diff /run/world/others <(others)
}

# state_says FILTER, host_says FILTER: changes a record as jq does
state_says() {
	jq "$@" /run/world/good.json >/run/nsctl/state/hers.json
}

host_says() {
	jq "$@" /run/world/host.json >/run/nsctl/host.json
}

index_of() {
	cat "/sys/class/net/$1/ifindex"
}

log_says() {
	tail -c "+$((log_start + 1))" /run/world/log/nsctld | grep -qF -- "$1"
}

# With what was changed a new nsctld takes all down; then the truth is put back for the last one.
survives() {
	nsctld_start
	nsctl status >/dev/null
	# as what puts things right by itself does a moment after the start, if nobody is quicker
	nsctl up hers || true
	nothing_of_others_is_gone
	nsctl down --all || true
	nothing_of_others_is_gone
	nsctld_stop KILL
	if [[ -e /run/netns/hers || -e /sys/class/net/ns-hers ]]; then
		mkdir -p /run/nsctl/state
		cp /run/world/good.json /run/nsctl/state/hers.json
	fi
	cp /run/world/host.json /run/nsctl/host.json
	nsctld_start
	nsctl down hers
	nothing_of_others_is_gone
}

@test "a link that is another's, by name and by index" {
	state_says --argjson i "$(index_of strange)" '.host_interface = "strange" | .host_index = $i'
	survives
}

@test "the uplink of the host" {
	state_says --argjson i "$(index_of eth0)" '.host_interface = "eth0" | .host_index = $i'
	survives
}

@test "an index that is another's by now" {
	state_says --argjson i "$(index_of strange)" '.host_index = $i'
	survives
}

@test "a bridge that is another's: name and no index, as if one was about to be made" {
	state_says '.bridge = "foreign"'
	host_says '.bridges += [{name: "foreign", index: 0}]'
	survives
}

@test "a bridge that is another's: with an index that it does not have" {
	state_says '.bridge = "foreign"'
	host_says --argjson i "$(index_of strange)" '.bridges += [{name: "foreign", index: $i}]'
	survives
}

@test "a link that is no bridge" {
	host_says --argjson i "$(index_of strange)" '.bridges += [{name: "strange", index: $i}]'
	survives
}

@test "a network namespace that is another's: its processes live" {
	state_says --argjson i "$(stat -Lc %i "/proc/$(cat /run/world/stranger.pid)/ns/net")" \
		'.netns.ino = $i'
	survives
}

@test "the network and mount namespaces of the host: its processes live" {
	state_says --argjson n "$(stat -Lc %i /proc/1/ns/net)" \
		--argjson m "$(stat -Lc %i /proc/1/ns/mnt)" '.netns.ino = $n | .mounts.ino = $m'
	survives
}

@test "mounts that are others'" {
	state_says '.mounted = [{target: "/run/world/foreign", dev: 1, ino: 1}, {target: "/", dev: 0,
		ino: 0}, {target: "/../../run/world/foreign", dev: 1, ino: 1}]'
	survives
}

@test "an address that is another's" {
	state_says '.host_address = "10.66.0.1/24" | .bridge = "foreign"'
	survives
}

@test "settings that nsctl does not change" {
	host_says '.sysctls += [{name: "net/ipv4/tcp_syncookies", value: "0"},
		{name: "kernel/core_pattern", value: "1"},
		{name: "net/ipv4/../../kernel/core_pattern", value: "1"}]'
	survives
}

@test "values of other kinds" {
	state_says 'map_values(if type == "string" then 7 elif type == "number" then "x" else [] end)'
	host_says 'map_values("x")'
	survives
}

@test "a record that is cut off is left alone, and so is what it is about" {
	head -c 100 /run/world/good.json >/run/nsctl/state/hers.json
	profile other </dev/null
	nsctld_start
	log_says "/run/nsctl/state/hers.json"
	log_says "left alone"
	# Neither taken over, nor touched by what others do; not even what all share goes.
	refused hers -- nsctl up hers
	nsctl up other
	nsctl up other # which looks for what nobody uses any more
	nsctl down other
	[[ -e /run/netns/hers ]]
	ip link show ns-hers
	ip link show nsctl0
	nothing_of_others_is_gone
	nsctld_stop KILL
	survives
}

@test "a record that is cut off: the rules that its profile needs stay, whatever others do" {
	local set before=""
	for set in strict interfaces masqueraded; do
		before+=$(nft -j list set inet nsctl $set | jq -c '[.nftables[].set.elem // empty]')
	done
	nothing_of_hers_is_gone() {
		local now="" name
		for name in strict masqueraded; do
			now=$(nft -j list set inet nsctl $name | jq -c '[.nftables[].set.elem // empty]')
			[[ $before == *"$now"* ]] || { echo "$name: $now, before: $before" && return 1; }
		done
		run -0 nft list set inet nsctl interfaces
		says nsctl0
		equal "$(sysctl -n net.ipv4.ip_forward)" 1
	}
	head -c 100 /run/world/good.json >/run/nsctl/state/hers.json
	profile other <<<$'[link]\ntype = ptp\naddress = 10.77.0.2/30'
	nsctld_start
	nsctl up other
	no_drift other
	nsctl down other
	nothing_of_hers_is_gone
	nsctld_stop KILL
	survives
}

@test "an empty record, and one that is no object" {
	local text
	for text in "" "[]" "null" "{" '{"since": 1, "since": 2}'; do
		printf '%s' "$text" >/run/nsctl/state/hers.json
		nsctld_start
		log_says "left alone"
		[[ -e /run/netns/hers ]]
		nsctld_stop KILL
	done
	survives
}

@test "a record that others can write, or that is a link, is left alone" {
	chmod 666 /run/nsctl/state/hers.json
	nsctld_start
	log_says "was not written by nsctld"
	equal "$(state hers)" down
	nsctld_stop KILL
	rm /run/nsctl/state/hers.json
	ln -s /run/world/good.json /run/nsctl/state/hers.json
	nsctld_start
	equal "$(state hers)" down
	nsctld_stop KILL
	rm /run/nsctl/state/hers.json
	survives
}

@test "a record of a profile that was never up here" {
	jq '.netns.ino = 1 | .mounts.ino = 1 | .host_interface = "ns-never" | .host_index = 12345' \
		/run/world/good.json >/run/nsctl/state/never.json
	chmod 600 /run/nsctl/state/never.json
	survives
	run ! nsctl status never
}

@test "a record that is too long to be one" {
	head -c 1100000 /dev/zero | tr '\0' ' ' >>/run/nsctl/state/hers.json
	nsctld_start
	log_says "/run/nsctl/state/hers.json is too long for a record; it is left alone"
	refused "/run/nsctl/state/hers.json" -- nsctl up hers
	[[ -e /run/netns/hers ]]
	nsctld_stop KILL
	survives
}

@test "a mount that is named twice" {
	state_says '.mounted += .mounted'
	survives
}
