#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Many users' commands at once, for a while: some seconds, or as many as NSCTL_SOAK_SECONDS says
# (tests/run --all: two minutes).

load lib/common

export BATS_TEST_TIMEOUT=300

@test "64 users' commands at once leave nothing: no process, no memory, no descriptor of nsctld's" {
	profile theirs <<-END
		[access]
		groups = vpnusers
	END
	nsctl up theirs
	if grep -q asan "/proc/$(nsctld_pid)/maps"; then
		export NSCTL_SANITIZED=1
	fi
	python3 "$integration/lib/soak" "${NSCTL_SOAK_SECONDS:-8}" theirs "$(nsctld_pid)" 3>&- 4>&-
}
