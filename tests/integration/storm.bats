#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Many clients at once, and one call again and again (tests/faults/storm): nothing hangs, nothing
# grows, and the host is as it was. Here for seconds; with NSCTL_STORM=600 (seconds) as tests/run
# --all does, and 10 000 rounds of one profile and 1000 at once.

load lib/common

prepare_file() {
	export BATS_TEST_TIMEOUT=${NSCTL_STORM:+7200}
	BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-300}
}

storm() {
	run "$NSCTL_WORLD/faults/storm" "$@"
	echo "$output"
	grep -E '^(storm|churn):' <<<"$output" | sed 's/^/# /' >&3
	return "$status"
}

@test "storm: 64 clients, 50 profiles, random calls and clients that are killed" {
	storm storm "--seconds=${NSCTL_STORM:-20}"
}

@test "churn: up and down again and again, and of many at once, cost what they cost at first" {
	local rounds=150 profiles=50
	[[ -z ${NSCTL_STORM:-} ]] || { rounds=10000 && profiles=1000; }
	storm churn --rounds=$rounds --profiles=$profiles
}
