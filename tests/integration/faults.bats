#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every system call and every netlink message of nsctld, nsctl-session and nsctl goes wrong once:
# the program is killed there, or the call fails (tests/faults/faults says in which ways, and what
# has to hold afterwards). Here it is a sample; all of it with NSCTL_FAULTS=1/1, as tests/run --all
# does.

load lib/common

prepare_file() {
	export BATS_TEST_TIMEOUT=${NSCTL_FAULTS:+3600}
	BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-300}
}

# faults SCENARIO M: at each M-th point
faults() {
	local inject=$NSCTL_BUILD/tests/faults/inject
	[[ -x $inject ]] || skip "the fault injector was not built (NSCTL_BUILD)"
	! grep -q libasan "/proc/$(nsctld_pid)/maps" ||
		skip "AddressSanitizer ends a program whose memory runs out"
	$inject --list >/dev/null || skip "the fault injector does not know this processor"
	run env NSCTL_INJECT="$inject" "$NSCTL_WORLD/faults/faults" \
		"--sample=${NSCTL_FAULTS:-1/$2}" "$1"
	echo "$output"
	echo "# ${lines[-1]}" >&3
	return "$status"
}

@test "up, and whatever goes wrong in it: whole or gone, and up again" {
	faults up 50
}

@test "nsctld killed anywhere in up: down takes away what there is" {
	faults up-down 50
}

@test "down, and whatever goes wrong in it: the next one removes the rest" {
	faults down 20
}

@test "exec, and whatever goes wrong in it: the command runs as it should, or not at all" {
	faults exec 12
}

@test "the start of nsctld, and whatever goes wrong in it: it knows what is up, or does not start" {
	faults start 50
}

@test "nsctl up, with whatever goes wrong in nsctl" {
	faults nsctl-up 12
}

@test "nsctl down, with whatever goes wrong in nsctl" {
	faults nsctl-down 12
}

@test "nsctl exec of a user, with whatever goes wrong in nsctl" {
	faults nsctl-exec 12
}

@test "nsctl exec of root, with whatever goes wrong in nsctl" {
	faults nsctl-exec-root 8
}
