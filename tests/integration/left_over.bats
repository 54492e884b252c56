#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is in the way of taking something away: down says all of it, goes on with the rest, and the
# next down takes away what was left.

load lib/common

log=/run/world/log/nsctld

prepare() {
	profile full <<-END
		[link]
		address = 10.77.0.2/24
		[dns]
		nameserver = 9.9.9.9
	END
	log_start=$(stat -c %s $log)
}

log_says() {
	tail -c "+$((log_start + 1))" $log | grep -qF -- "$1"
}

@test "two things that can't be taken away are both told, the rest goes, and later they go" {
	nsctl up full
	touch /run/nsctl/ns/full/etc/theirs
	umount /run/nsctl/ns/full/mnt
	rm /run/nsctl/ns/full/mnt
	mkdir /run/nsctl/ns/full/mnt
	refused "can't remove /run/nsctl/ns/full/etc: Directory not empty" \
		"can't remove /run/nsctl/ns/full/mnt: Is a directory" -- nsctl down full
	equal "$(state full)" failed
	run ! ip link show ns-full
	run ! ip link show nsctl0
	rmdir /run/nsctl/ns/full/mnt
	rm /run/nsctl/ns/full/etc/theirs
	# it was to go: the next nsctld does not bring it up again
	nsctld_stop KILL
	nsctld_start
	equal "$(state full)" failed
	run ! ip link show ns-full
	run -0 nsctl down full
	says "full: down"
}

@test "the note of what profiles share: down says that it can't be removed, and tries again" {
	nsctl up full
	mv /run/nsctl/host.json /run/world/host.json
	undo "rm -f /run/world/host.json"
	mkdir /run/nsctl/host.json
	refused "can't remove /run/nsctl/host.json: Is a directory" -- nsctl down full
	run ! ip link show nsctl0
	run ! nft list table inet nsctl
	refused "can't remove /run/nsctl/host.json: Is a directory" -- nsctl down full
	rmdir /run/nsctl/host.json
	run -0 nsctl down full
	says "full: already down"
}

@test "a directory that profiles share: what is in its place is told by down, and by the next nsctld" {
	touch /run/nsctl/ns
	undo "rm -f /run/nsctl/ns"
	refused "can't remove /run/nsctl/ns: Not a directory" -- nsctl down full
	nsctld_stop
	nsctld_start
	log_says "can't remove /run/nsctl/ns: Not a directory"
	rm /run/nsctl/ns
	run -0 nsctl down full
}
