#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What does not end, does not go, or can't be begun, however often nsctld tries: it gives up in time,
# says what is in the way, forgets nothing, and takes it away when it can be.

load lib/common
load lib/failing

prepare() {
	profile stuck <<-END
		[link]
		type = ptp
		address = 10.77.0.2/30
	END
}

# Nothing is left when nothing is in the way any more; same_as_before compares.
goes_now() {
	run -0 nsctl down stuck
	says "stuck: down"
	equal "$(state stuck)" down
}

@test "a process that can't be ended: down says which, and the profile stays whole" {
	nsctl up stuck
	nsctl exec stuck -- sleep 1000 3>&- &
	local pid=$!
	wait_until grep -qx sleep "/proc/$pid/comm"
	failing nsctld pidfd_send_signal EPERM \
		refused "1 processes in profile stuck can't be ended (one is $pid)" -- nsctl down stuck
	no_drift stuck
	is_gone "$pid" && return 1
	goes_now
	is_gone "$pid"
}

@test "a responder that does not end: down says so, and it answers on" {
	printf '[aaaa]\nrun = outside\nhook = forward\n' >>/etc/nsctl/profiles/stuck.ini
	nsctl up stuck
	failing nsctld pidfd_send_signal EPERM \
		refused "stuck: the responder does not end" -- nsctl down stuck
	pidof nsctl-aaaa
	goes_now
}

@test "a link that does not go: down says so, and the next one waits for it" {
	nsctl up stuck
	exec 7</run/netns/stuck
	failing nsctld clone3 ENOMEM refused "link" "of profile stuck does not go" -- nsctl down stuck
	ip link show ns-stuck
	goes_now
	exec 7<&-
	run ! ip link show ns-stuck
}

@test "without a thread to be had all is done, one after the other" {
	failing nsctld clone3 ENOMEM nsctl up stuck
	no_drift stuck
	equal "$(inside stuck curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	failing nsctld clone3 ENOMEM nsctl down stuck
}

# responder_is SCRIPT: what nsctld starts in the place of nsctl-aaaa
responder_is() {
	local program
	program=$(find /usr -xdev -name nsctl-aaaa -path '*nsctl*' -type f 2>/dev/null | head -n 1)
	printf '%s\n' '#!/bin/sh' "$1" >/run/world/responder
	chmod 755 /run/world/responder
	undo "rm /run/world/responder"
	mount --bind /run/world/responder "$program"
	undo "umount $program"
}

@test "a responder that does not get ready: up fails in time, and nothing of it is left" {
	printf '[aaaa]\nrun = inside\n' >>/etc/nsctl/profiles/stuck.ini
	responder_is "exec sleep 4711"
	record_before
	refused "the responder does not get ready" -- nsctl up stuck
	run ! pgrep -f "sleep 4711"
	same_as_before
}

@test "a responder that is added and ends at once: the profile stays up as it was, without one" {
	nsctl up stuck
	cp /etc/nsctl/profiles/stuck.ini /run/world/stuck.ini
	printf '[aaaa]\nrun = inside\n' >>/etc/nsctl/profiles/stuck.ini
	responder_is "exit 1"
	refused "the responder ended without a word" -- nsctl up stuck
	equal "$(jq .aaaa /run/nsctl/state/stuck.json)" 0
	mv /run/world/stuck.ini /etc/nsctl/profiles/stuck.ini
	no_drift stuck
}

@test "a responder that can't be started for want of descriptors or memory: up says so" {
	printf '[aaaa]\nrun = inside\n' >>/etc/nsctl/profiles/stuck.ini
	record_before
	failing nsctld pipe2 EMFILE refused "can't start the responder: Too many open files" -- nsctl up stuck
	same_as_before
	failing nsctld/child clone3 ENOMEM \
		refused "can't start the responder: Cannot allocate memory" -- nsctl up stuck
	same_as_before
}

@test "namespaces that can't be handed over for want of descriptors: no command runs" {
	nsctl up stuck
	failing nsctld fcntl-dup EMFILE refused "can't hand the namespaces over" -- \
		nsctl exec stuck -- touch /run/world/ran
	[[ ! -e /run/world/ran ]]
}

@test "an up that can neither go on nor take back what it made: that is in the log, and down does it" {
	sed -i '1i [profile]\nrepair = no' /etc/nsctl/profiles/stuck.ini
	nsctl up stuck
	nsctld_stop KILL
	umount /run/nsctl/ns/stuck/mnt # so that it has to be made anew
	rm /run/nsctl/ns/stuck/mnt
	ip link del ns-stuck
	ip link add ns-stuck type bridge
	undo "ip link del ns-stuck 2>/dev/null || true"
	nsctld_start
	failing nsctld umount2 EPERM refused "link ns-stuck exists and was not made by nsctl" -- \
		nsctl up stuck
	run -0 tail -n 3 /run/world/log/nsctld
	says "profile stuck, step mounts: can't remove /run/nsctl/ns/stuck/mnt: Operation not permitted"
	ip link del ns-stuck
	goes_now
}

@test "a responder that takes no word of its end is killed" {
	printf '[aaaa]\nrun = outside\nhook = forward\n' >>/etc/nsctl/profiles/stuck.ini
	nsctl up stuck
	# asked once only: the first signal does not get there
	failing_once nsctld pidfd_send_signal EPERM nsctl down stuck
	run ! pidof nsctl-aaaa
}
