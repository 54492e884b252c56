#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nsctld is killed at each system call that changes something, one after the other (strace(1) kills
# it as it enters the call). A new one finishes what the other began, or takes it away.

load lib/common

calls=(mount umount2 clone sendmsg sendto rename unlink rmdir mkdir write)

prepare_file() {
	export BATS_TEST_TIMEOUT=600
}

prepare() {
	command -v strace >/dev/null || skip "strace is not installed"
	profile crashing <<'END'
[dns]
nameserver = 9.9.9.9
host = 10.1.1.1 one
[mount]
tmpfs = /srv
END
	# What is made and looked at here is looked at quickly; the whole host is at the end of the test.
	glance >/run/world/glance
	undo "rm /run/world/glance"
}

glance() {
	ip -o link | sed 's/^[0-9]*: //; s/ state .*//' | sort
	ip -4 -o address | sed 's/^[0-9]*: //' | sort
	nft list ruleset
	sysctl net.ipv4.ip_forward
	awk '{ print $4, $5, $9 }' /proc/self/mountinfo | sort
	find /run/nsctl /run/netns 2>/dev/null | sort
}

nothing_is_left() {
	diff /run/world/glance <(glance)
}

# killed_at CALL NUMBER COMMAND…: 1 when COMMAND ends before nsctld comes to that call.
killed_at() {
	local call=$1 number=$2 tracer pid
	pid=$(nsctld_pid)
	strace -o /run/world/strace -p "$pid" -e trace="$call" \
		-e inject="$call:signal=KILL:when=$number" 2>/run/world/strace.err 3>&- 4>&- &
	tracer=$!
	wait_until grep -q attached /run/world/strace.err
	"${@:3}" >/dev/null 2>&1 && ! is_gone "$pid" && { kill $tracer && wait $tracer; return 1; }
	wait_until is_gone "$pid"
	wait $tracer || true
	nsctld_starts
}

# A thread of the old one may still be in the kernel with the lock in its hands.
nsctld_starts() {
	wait_until flock -n /run/nsctl/nsctld.lock true
	nsctld_start
}

# at_each_call FUNCTION COMMAND…: FUNCTION sets right what the killed COMMAND left.
at_each_call() {
	local call number points=0
	for call in "${calls[@]}"; do
		for ((number = 1; ; number++)); do
			before_command
			killed_at "$call" "$number" "${@:2}" || break
			$1 || { echo "killed at $call $number: $(tail -n 2 /run/world/strace)" && return 1; }
			nothing_is_left || { echo "left behind at $call $number" && return 1; }
			points=$((points + 1))
		done
		nsctl down --all
	done
	echo "killed at $points points"
	[[ $points -gt 15 ]]
}

up_and_down() {
	nsctl up crashing && no_drift crashing && nsctl down crashing
}

@test "killed anywhere in up: the next up finishes it" {
	before_command() { :; }
	at_each_call up_and_down nsctl up crashing
}

@test "killed anywhere in up: down takes away what there is" {
	before_command() { :; }
	at_each_call "nsctl down --all" nsctl up crashing
}

@test "killed anywhere in down: the next down removes the rest" {
	before_command() { nsctl up crashing; }
	at_each_call "nsctl down --all" nsctl down crashing
}
