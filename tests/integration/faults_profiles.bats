#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Calls and messages go wrong in what faults.bats has not: where something is put back, looked at,
# or changed, and with other kinds of links and hosts (tests/faults/variants.py).

load lib/common
load lib/faults

prepare() {
	if [[ $BATS_TEST_DESCRIPTION == *"(a sample)" ]]; then
		[[ -z ${NSCTL_FAULTS:-}${NSCTL_COVERAGE:-} ]] || skip "the others have all of it"
	else
		[[ -n ${NSCTL_FAULTS:-}${NSCTL_COVERAGE:-} ]] ||
			skip "it takes minutes: tests/run --all"
	fi
}

@test "who can't look, or is killed beside a mount, mounts nothing twice (a sample)" {
	faults again-in-part 4 --calls=openat2,statx,rename
	faults again-in-part 1 --calls=move_mount
}

@test "a profile that says something else, and what goes wrong then (a sample)" {
	faults change 80 --variant=existing
	faults change 40 --variant=alone
}

@test "what is put back, and what goes wrong then (a sample)" {
	faults repair 150
}

@test "up of what has been taken away: put back, or told" {
	faults again 80
}

@test "up of what has been changed: put back, or told" {
	faults again-in-part 80
}

@test "up of a profile that says something else: changed, or told" {
	faults change 80
}

@test "nsctld puts back what was taken away, now or later" {
	faults repair 80
}

@test "the start of nsctld, with errors only" {
	[[ -n ${NSCTL_COVERAGE:-} ]] || skip "faults.bats has all of it"
	faults start 80
}

@test "status, and a script that says what up would do" {
	faults status 40
	faults status-of-damaged 80
	faults explain 40
	faults explain-up 40
}

@test "point to point, with a responder inside and Docker's chains" {
	local scenario
	for scenario in up down again-in-part change status explain; do
		faults $scenario 120 --variant=ptp
	done
}

@test "a bridge of the host's, with masks, files of ip-netns and a responder outside" {
	local scenario
	for scenario in up down again-in-part change status explain; do
		faults $scenario 120 --variant=existing
	done
}

@test "a bridge that is made for it, and no link at all" {
	local scenario
	for scenario in up down again again-in-part change; do
		faults $scenario 120 --variant=made
	done
	faults up 120 --variant=alone
	faults change 120 --variant=alone
}
