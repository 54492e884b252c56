# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For tests under the systemd of lib/boot, which is booted once for a file; the nsctld of these tests is
# the unit's. A file calls boot_file in prepare_file, boot_test in prepare, and has this teardown_file.

boot=$integration/lib/boot

# boot_file [PROGRAM…]: nothing is booted where one of them is not installed.
boot_file() {
	local program
	for program in /usr/lib/systemd/systemd "$@"; do
		[[ -x $program ]] || { echo "$program is not installed" >/run/world/boot-reason && return; }
	done
	$boot >&2 || echo "systemd can't be booted here" >/run/world/boot-reason
}

boot_test() {
	[[ ! -e /run/world/boot-reason ]] || skip "$(</run/world/boot-reason)"
	booted systemctl start nsctld.socket
	undo "booted systemctl stop nsctld.socket nsctld.service system-nsctl.slice"
	undo "booted systemctl stop 'nsctl@*'"
}

teardown_file() {
	[[ ! -e /run/world/boot ]] || $boot --end
	nsctld_stop
	no_sanitizer_reports
}

booted() {
	$boot --run "$@"
}

booted_state() {
	booted nsctl status --json "$1" | jq -r '.profiles[0].state'
}

booted_no_drift() {
	equal "$(booted nsctl status --json "$1" | jq -r '.profiles[0].drift[] | "\(.step): \(.what)"')" ""
	equal "$(booted_state "$1")" up
}

# A unit that lib/boot keeps from starting.
booted_unmask() {
	booted rm -f "${@/#//etc/systemd/system/}"
	booted systemctl daemon-reload
}

is_active() {
	booted systemctl -q is-active "$1"
}

is_inactive() {
	! is_active "$1"
}

passes() {
	equal "$(booted nsctl exec "$1" -- curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}
