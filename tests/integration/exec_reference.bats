#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A command in a profile behaves as it does outside. The sessions are in lib/reference, and what
# runs and compares them is exec_reference.py; a difference that must be says why in its case.

load lib/common

prepare_file() {
	# what is written of logins (utmp, wtmp) is not for the machine
	mount -t tmpfs tmpfs /var/log
	mkdir -p /run/world/alice/cases
	chown alice: /run/world/alice/cases
	ip link set lo up
	cat >/etc/nsctl/profiles/hers.ini <<-END
		[access]
		users = alice
	END
	python3 "$integration/exec_reference.py" --prepare
}

prepare() {
	nsctl up hers
}

as_outside() {
	PYTHONDONTWRITEBYTECODE=1 python3 "$integration/exec_reference.py" --group "$1" 3>&- 4>&-
}

@test "streams, pipelines, redirections, bytes and statuses are as outside" {
	as_outside streams
}

@test "jobs are as outside: keys, fg, bg, jobs, kill, stops from inside, and the terminal's modes" {
	as_outside jobs
}

@test "signals arrive once, as outside" {
	as_outside signals
}

@test "a terminal that goes away ends what has to end, and lets live what has to live" {
	as_outside hangup
}

@test "full-screen programs, shells inside, and under tmux, ssh, script and nsctl: as outside" {
	as_outside screen
}
