#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Every system call and every netlink message of nsctld, nsctl-session and nsctl goes wrong once:
# the program is killed there, or the call fails (tests/faults/faults says in which ways, and what
# has to hold afterwards). Here it is a sample; all of it with NSCTL_FAULTS=1/1, as tests/run --all
# does.

load lib/common
load lib/faults

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
