#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# One call fails at a place that faults.bats comes to by chance at most: what is told then, and that
# it can be done when nothing fails any more.

load lib/common
load lib/failing

# Types of messages (linux/rtnetlink.h, linux/netfilter/nf_tables.h, with their subsystem before them)
new_link=16 delete_link=17 new_table=2560 delete_table=2562 new_chain=2563 new_element=2572

# say LINE…: what the profile "faulty" says from now on, and that it is not repaired.
say() {
	printf '%s\n' '[profile]' 'repair = no' "$@" >/etc/nsctl/profiles/faulty.ini
}

prepare() {
	profile faulty </dev/null
	say '[link]' 'type = ptp' 'address = 10.77.0.2/30'
	log_start=$(stat -c %s /run/world/log/nsctld)
}

nsctld_says() {
	tail -c "+$((log_start + 1))" /run/world/log/nsctld | grep -F -- "$1" >/dev/null
}

# up_can_be_had: nothing fails any more
up_can_be_had() {
	nsctl up faulty
	no_drift faulty
}

# up_fails ACTOR CALL[:WORD] ERROR TEXT: and nothing is left
up_fails() {
	failing "${@:1:3}" refused "$4" -- nsctl up faulty
	same_as_before
}

@test "the mount namespace: what goes inside it can't be made, or it can't be held" {
	record_before
	up_fails nsctld/child openat:/sys EMFILE "can't mount /sys for the network inside"
	up_fails nsctld/child openat:/ns/mnt EMFILE "can't hold the mount namespace"
	up_can_be_had
}

@test "the responder waits for the mount namespace, and is not started where that can't be made" {
	say '[link]' 'type = ptp' 'address = 10.77.0.2/30' '[aaaa]' 'run = inside'
	: >/run/nsctl/aaaa # it could not start
	undo "rm -f /run/nsctl/aaaa"
	failing nsctld/child openat:/ns/mnt EMFILE refused "can't hold the mount namespace" -- \
		nsctl up faulty
	rm /run/nsctl/aaaa
	up_can_be_had
}

@test "mounts of the host's below /sys, which can't be looked at: /sys inside is put right later" {
	nsctl up faulty
	nsenter --mount=/run/nsctl/ns/faulty/mnt umount -l /sys
	failing nsctld mount_setattr EPERM refused "can't look at /sys" -- nsctl up faulty
	up_can_be_had
}

@test "a mount namespace that can't be looked at: status says so, up changes nothing" {
	nsctl up faulty
	nsctld_stop KILL
	umount /run/nsctl/ns/faulty/mnt
	nsctld_start
	failing nsctld openat:faulty/mnt EMFILE run -0 drift faulty
	says "mounts: can't be checked"
	failing nsctld openat:faulty/mnt EMFILE refused "can't look at /run/nsctl/ns/faulty/mnt" -- \
		nsctl up faulty
	up_can_be_had
}

@test "a mask that can't be told from another's mount, or not be taken off" {
	mkdir /run/nscd
	undo "rmdir /run/nscd"
	say '[dns]' 'nameserver = 9.9.9.9'
	nsctl up faulty
	failing nsctld fstatfs ENOMEM run -0 drift faulty
	says "resolver: can't be checked"
	say '[dns]' 'nameserver = 9.9.9.9' 'mask-host-resolvers = no'
	failing nsctld/child umount2:/run/nscd EPERM refused "can't unmount /run/nscd" -- nsctl up faulty
	up_can_be_had
}

@test "resolver files that can't be put back: that is in the log" {
	say '[dns]' 'nameserver = 9.9.9.9'
	nsctl up faulty
	say '' # what was up with [dns] stays so until the next up
	cp -a /etc/resolv.conf /run/world/resolv.conf
	undo "mv /run/world/resolv.conf /etc/resolv.conf"
	replaced() {
		cp -a /etc/resolv.conf /etc/resolv.conf.new
		mv /etc/resolv.conf.new /etc/resolv.conf
		wait_until nsctld_says "profile faulty: can't set the resolver up inside"
	}
	failing nsctld/child setns EPERM replaced
}

# forgets FILTER: nsctld died before it could note what it had made (FILTER, of jq, makes it so)
forgets() {
	nsctld_stop KILL
	jq "$1" /run/nsctl/state/faulty.json >/run/world/faulty.json
	undo "rm -f /run/world/faulty.json"
	cp /run/world/faulty.json /run/nsctl/state/faulty.json
	nsctld_start
}

forgets_the_pair() {
	forgets '.interface = "" | .host_interface = "" | .host_index = 0 | .link_config = 0 |
		.address = null | .masquerades = false | .forwards = false'
}

@test "a pair that a nsctld made which died before it could note that, and that can't be deleted" {
	nsctl up faulty
	forgets_the_pair
	failing_once nsctld netlink:$delete_link EPERM refused "can't delete link" -- nsctl up faulty
	up_can_be_had
	forgets_the_pair
	say '[link]' 'type = none'
	up_can_be_had
	run ! ip link show ns-faulty
}

@test "a pair that a nsctld made which died before it could note that: down waits for its end" {
	nsctl up faulty
	forgets_the_pair
	nsctl down faulty
	run ! ip link show ns-faulty
}

@test "elements that can't be added for a record that does not know of them: up says so" {
	nsctl up faulty
	forgets '.masquerades = false'
	failing_once nsctld netlink:$new_element EPERM refused "can't change nf_tables" -- nsctl up faulty
	up_can_be_had
}

@test "half a pair that can't be deleted: up says so" {
	nsctl up faulty
	ip -n faulty link set eth0 down
	ip -n faulty link set eth0 name other0
	failing_once nsctld netlink:$delete_link EPERM refused "can't delete link" -- nsctl up faulty
	up_can_be_had
}

@test "a bridge that somebody made in the same moment, and one that does not go when it is left" {
	say '[link]' 'bridge = br7'
	failing_once nsctld netlink:$new_link EEXIST refused "br7: File exists" -- nsctl up faulty
	up_can_be_had
	say '[link]' 'bridge = br8'
	failing_at 2 nsctld netlink:$delete_link EPERM refused "can't delete link" -- \
		nsctl up faulty # (the first is the pair)
	up_can_be_had
	run ! ip link show br7
}

@test "from a pair to a bridge, and rules that can't be made: there is a way back" {
	nsctl up faulty
	say '[link]' 'bridge = nsctl0' 'address = 10.77.0.2/24'
	failing_at 2 nsctld netlink:$new_table EPERM refused "can't change nf_tables" -- nsctl up faulty
	say '[link]' 'type = ptp' 'address = 10.77.0.2/30'
	up_can_be_had
	equal "$(inside faulty curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

@test "a table that does not go when up has failed: that is in the log, and it goes with the rest" {
	ip link add ns-faulty type bridge
	undo "ip link del ns-faulty 2>/dev/null || true"
	failing_once nsctld netlink:$delete_table EPERM \
		refused "link ns-faulty exists and was not made by nsctl" -- nsctl up faulty
	nsctld_says "can't change nf_tables: Operation not permitted"
	run ! nft list table inet nsctl
}

# The host forwards, and not for everybody.
is_strict() {
	equal "$(sysctl -n net.ipv4.ip_forward)" 1
	run -0 nft list set inet nsctl strict
	says "elements = "
}

@test "forwarding that can't be switched off when the last link goes, or when nobody is known to need it" {
	local refusal="can't set net/ipv4/ip_forward back to 0"
	nsctl up faulty
	say '[link]' 'type = none'
	failing nsctld openat:net/ipv4/ip_forward EPERM refused "$refusal" -- nsctl up faulty
	is_strict
	say '[link]' 'type = ptp' 'address = 10.77.0.2/30'
	up_can_be_had
	failing nsctld openat:net/ipv4/ip_forward EPERM refused "$refusal" -- nsctl down faulty
	is_strict
	up_can_be_had
	forgets_the_pair
	say '[link]' 'type = none'
	failing nsctld openat:net/ipv4/ip_forward EPERM refused "$refusal" -- nsctl up faulty
	up_can_be_had
	equal "$(sysctl -n net.ipv4.ip_forward)" 0
}

@test "Docker's FORWARD, which can't be closed for it: up says so, and closes it later" {
	nsctl up faulty
	iptables-nft -N DOCKER-USER
	undo "nft delete table ip filter; sysctl -qw net.ipv4.ip_forward=0"
	iptables-nft -A FORWARD -j DOCKER-USER
	failing_once nsctld netlink:$new_chain EPERM refused "can't change nf_tables" -- nsctl up faulty
	run -0 nsctl up faulty
	says "Docker was started after nsctl had made this host a router"
	iptables-nft -S FORWARD | grep -qx -- "-P FORWARD DROP"
	no_drift faulty
}

@test "a record that can't be opened: nsctld does not start as if there was none" {
	nsctl up faulty
	nsctld_stop KILL
	run -1 timeout 60 "$NSCTL_BUILD/tests/faults/inject" --actor nsctld --call openat --of state/faulty.json \
		--every --do EMFILE --report 9 -- nsctld 9>/dev/null
	says "can't read /run/nsctl/state/faulty.json: Too many open files"
	nsctld_start
	no_drift faulty
}

@test "a network inside that can't be watched any more: that is in the log" {
	sed -i 's/repair = no/repair = yes/' /etc/nsctl/profiles/faulty.ini
	nsctl up faulty
	failing nsctld setsockopt ENOMEM nsctl up faulty
	nsctld_says "profile faulty: what goes inside is not put back"
	no_drift faulty
}
