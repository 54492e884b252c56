#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every system call and every netlink message of nsctld, nsctl-session and nsctl goes wrong once:
# the program is killed there, or the call fails (tests/faults/faults says in which ways, and what
# has to hold afterwards). Here it is a sample; with NSCTL_FAULTS=1/1 all of it, with 1/2 the first
# half, as tests/run --all does for each processor.

load lib/common

prepare_file() {
	export BATS_TEST_TIMEOUT=${NSCTL_FAULTS:+3600}
	BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-300}
}

# faults SCENARIO M: at each M-th point. A sanitized program is slower, and can't stand all of them
# (its own run-time aborts, and does not look for leaks while another traces it).
faults() {
	local inject=$NSCTL_BUILD/tests/faults/inject every=$2
	local -a options=()
	[[ -x $inject ]] || skip "the fault injector was not built (NSCTL_BUILD)"
	$inject --list >/dev/null || skip "the fault injector does not know this processor"
	if grep -q libasan "/proc/$(nsctld_pid)/maps"; then
		export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0
		options+=(--sanitized)
		every=$((2 * every))
	fi
	if [[ -n ${NSCTL_FAULTS:-} ]]; then
		options+=("--share=$NSCTL_FAULTS")
	else
		options+=("--sample=1/$every")
	fi
	run env NSCTL_INJECT="$inject" "$NSCTL_WORLD/faults/faults" "${options[@]}" "$1"
	echo "$output"
	echo "# ${lines[-1]}" >&3
	return "$status"
}

@test "up, and whatever goes wrong in it: whole or gone, and up again" {
	faults up 80
}

@test "nsctld killed anywhere in up: down takes away what there is" {
	faults up-down 80
}

@test "down, and whatever goes wrong in it: the next one removes the rest" {
	faults down 40
}

@test "exec, and whatever goes wrong in it: the command runs as it should, or not at all" {
	faults exec 20
}

@test "exec on a terminal, and whatever goes wrong in it: the same, and the terminal is as it was" {
	faults exec-terminal 20
}

@test "the start of nsctld, and whatever goes wrong in it: it knows what is up, or does not start" {
	faults start 80
}

@test "up with a responder, and whatever goes wrong in either" {
	faults up-responder 100
}

@test "down with a responder" {
	faults down-responder 80
}

@test "the start of nsctld with a responder" {
	faults start-responder 150
}

@test "nsctl up, with whatever goes wrong in nsctl" {
	faults nsctl-up 20
}

@test "nsctl down, with whatever goes wrong in nsctl" {
	faults nsctl-down 20
}

@test "nsctl exec of a user, with whatever goes wrong in nsctl" {
	faults nsctl-exec 20
}

@test "nsctl exec on a terminal, with whatever goes wrong in nsctl" {
	faults nsctl-exec-terminal 25
}

@test "nsctl exec of root, with whatever goes wrong in nsctl" {
	faults nsctl-exec-root 15
}

@test "nsctl exec of root as another user, with whatever goes wrong in nsctl" {
	faults nsctl-exec-as 20
}
