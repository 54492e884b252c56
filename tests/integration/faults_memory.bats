#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nsctld's memory runs out once, at each place that asks for some (tests/faults/memory.c): what
# holds afterwards is what holds when a system call fails.

load lib/common
load lib/faults

@test "without memory in up and down: whole or gone, and told" {
	no_memory 20 up down
}

@test "without memory at the start: it knows all that is up, or does not start" {
	no_memory 20 start
}

@test "without memory for a look: nothing is said that is not so, nothing is changed" {
	no_memory 20 status status-of-damaged explain explain-up others forgotten
}

@test "without memory where something is put back or changed" {
	no_memory 20 again again-in-part change repair
}

@test "without memory for a profile with a responder, on a host with Docker's chains" {
	no_memory 20 up down again-in-part change status explain others --variant=ptp
}

@test "without memory for a bridge, resolver files and masks of others" {
	no_memory 20 up down again-in-part change status explain --variant=existing
}

@test "without memory for a profile without a link" {
	no_memory 20 up --variant=alone
}
