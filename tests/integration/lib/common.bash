# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What every integration test stands on. Each file of tests runs by bats on the host of a world of
# its own (tests/world --without-office), with nsctld running. After each test everything is taken
# down, what the test itself changed is undone, and the state of the host has to be what it was
# before: no test can forget that.
#
# A file may define prepare_file (once, before nsctld starts) and prepare (before each test; what it
# changes is undone as what the test does).

bats_require_minimum_version 1.5.0
: "${NSCTL_WORLD:?run integration tests with tests/run}"

integration=$NSCTL_WORLD/integration
oracle=$integration/oracle
# shellcheck source=topology.bash
source "$integration/lib/topology.bash"

# Only for what hangs: a machine may be many times slower than this takes.
export BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-300}
export ASAN_OPTIONS=log_path=/run/world/asan/report UBSAN_OPTIONS=log_path=/run/world/asan/report
export NO_COLOR=1

socket=/run/nsctl/nsctl.sock
undo_list=/run/world/undo

# ---- nsctld -------------------------------------------------------------------------------

# nsctld_start [OPTION…]: returns when it answers.
# shellcheck disable=SC2120
nsctld_start() {
	nsctld "$@" >>/run/world/log/nsctld 2>&1 3>&- 4>&- &
	echo $! >/run/world/nsctld.pid
	disown
	wait_until nsctld_answers
}

# Without starting one, as root's nsctl does.
nsctld_answers() {
	nsctl list --daemon /nonexistent
}

nsctld_pid() {
	cat /run/world/nsctld.pid
}

# is_gone PID: it runs no more (a zombie that PID 1 has not reaped yet is gone).
is_gone() {
	local state
	state=$(sed -n 's/^State:\s*\(.\).*/\1/p' "/proc/$1/status" 2>/dev/null) || true
	[[ -z $state || $state == Z ]]
}

nsctld_runs() {
	! is_gone "$(nsctld_pid)"
}

# nsctld_stop [SIGNAL]
# shellcheck disable=SC2120
nsctld_stop() {
	local pid
	pid=$(nsctld_pid)
	kill "-${1:-TERM}" "$pid"
	wait_until is_gone "$pid"
}

# drops: of how many notices the kernel could not tell nsctld's sockets
drops() {
	local inodes
	inodes=$(find "/proc/$(nsctld_pid)/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n')
	awk -v inodes="$inodes" 'BEGIN { split(inodes, list, "\n"); for (i in list) own[list[i]] = 1 }
		$10 in own { sum += $9 } END { print sum + 0 }' /proc/net/netlink
}

# ---- state --------------------------------------------------------------------------------

# undo COMMAND: how to take back what the test did to the host, when the test is over.
undo() {
	echo "$1" >>$undo_list
}

# The last thing that was done is taken back first; a failure does not stop the others.
run_undo_list() {
	local line status=0
	[[ -e $undo_list ]] || return 0
	tac $undo_list >$undo_list.reversed
	rm $undo_list
	while read -r -u 9 line; do
		eval "$line" </dev/null || { echo "at the end: $line" && status=1; }
	done 9<$undo_list.reversed
	return $status
}

# Records the state of the host; when all that was done after it has been taken back, the state
# has to be this again. Called before each test, and by a test that has prepared its host.
record_before() {
	record=$((${record:-0} + 1))
	$oracle record "/run/world/before-$record"
	undo "same_as_before $record"
}

# What may stay a moment longer than the end of what it belongs to: the kernel's number for a network
# namespace (a connection that is being closed can hold one that has no name, no link and no process
# any more, for 100 seconds where nobody answers: tcp_orphan_retries), and the processes and listeners
# of what a test has ended without waiting for it.
late=namespaces,processes,sockets

# same_late_things RECORD
same_late_things() {
	$oracle record --only=$late /run/world/after-late
	$oracle compare --only=$late "$1" /run/world/after-late >/dev/null
}

# same_as_before [RECORD]: fails, with the difference, unless the host is what it was.
same_as_before() {
	local before=/run/world/before-${1:-$record}
	local status=0 others=links,addresses,routes,rules,neighbours,bridges,firewall,sysctls,mounts
	others+=,files,cgroups
	$oracle record /run/world/after
	! $oracle compare "$before" /run/world/after >/dev/null || return 0
	$oracle compare --only=$others "$before" /run/world/after || status=1
	wait_until -t 130 same_late_things "$before" 2>/dev/null || true
	$oracle compare --only=$late "$before" /run/world/after-late || status=1
	return $status
}

# profile NAME: makes a profile out of stdin, until the test is over.
profile() {
	cat >"/etc/nsctl/profiles/$1.ini"
	undo "rm -f '/etc/nsctl/profiles/$1.ini'"
}

# up_hers: a profile that alice may use, and nobody else but root
up_hers() {
	profile hers <<-END
		[access]
		users = alice
	END
	nsctl up hers
}

# No sanitizer found anything in any program; each finding fails one test.
no_sanitizer_reports() {
	local report status=0
	for report in /run/world/asan/* /run/world/log/nsctld; do
		[[ -e $report ]] || continue
		if grep -E -A 60 "runtime error:|ERROR: (Address|Leak)Sanitizer" "$report" | head -n 120 | grep .; then
			status=1
			: >"$report"
		fi
	done
	return $status
}

# ---- what tests say -----------------------------------------------------------------------

# inside PROFILE COMMAND…: as root
inside() {
	nsctl exec "$1" -- "${@:2}"
}

# as USER COMMAND…
as() {
	local home
	home=$(getent passwd "$1" | cut -d: -f6)
	(cd "$home" && HOME=$home exec setpriv --reuid="$1" --regid="$1" --init-groups -- "${@:2}")
}

# on_terminal COMMAND… <SCRIPT: as alice, on a terminal of its own (lib/terminal.py)
on_terminal() {
	run "$integration/lib/terminal.py" "$@" 3>&-
	[[ $status -eq 0 ]] || { echo "$output" && return 1; }
}

# says TEXT…: the output of the last `run` has each of them in it.
says() {
	local text
	for text in "$@"; do
		if [[ $output != *"$text"* ]]; then
			printf 'expected to read: %s\nbut it was:\n%s\n' "$text" "$output"
			return 1
		fi
	done
}

# refused TEXT… -- COMMAND…: it fails, says this, and nsctl is the one who says it.
refused() {
	local -a texts=()
	while [[ $1 != -- ]]; do
		texts+=("$1")
		shift
	done
	shift
	run "$@"
	if [[ $status -eq 0 ]]; then
		printf 'was to fail, but did not: %s\n%s\n' "$*" "$output"
		return 1
	fi
	says "nsctl: " "${texts[@]}"
}

equal() {
	if [[ $1 != "$2" ]]; then
		printf 'expected: %s\n but was: %s\n' "$2" "$1"
		return 1
	fi
}

# state PROFILE: up, down, partial or failed
state() {
	nsctl status --json "$1" | jq -r '.profiles[0].state'
}

# drift PROFILE: one line "step: what" for each difference
drift() {
	nsctl status --json "$1" | jq -r '.profiles[0].drift[] | "\(.step): \(.what)"'
}

# nsctld_is_idle: it has no thread that makes something ready or takes something away.
nsctld_is_idle() {
	[[ $(ls "/proc/$(nsctld_pid)/task" | wc -l) -eq 1 ]]
}

descriptors_of_nsctld() {
	find "/proc/$(nsctld_pid)/fd" -mindepth 1 | wc -l
}

# settled_descriptors: how many it has when it has done what it was asked, and said goodbye.
settled_descriptors() {
	local before=-1 now
	while :; do
		wait_until nsctld_is_idle
		now=$(descriptors_of_nsctld)
		[[ $now -ne $before ]] || break
		before=$now
		nsctl list >/dev/null
		sleep 0.2
	done
	echo "$now"
}

# has_descriptors NUMBER: no more than these
has_descriptors() {
	[[ $(descriptors_of_nsctld) -le $1 ]]
}

no_drift() {
	equal "$(drift "$1")" ""
	equal "$(state "$1")" up
}

# address_of PROFILE: its IPv4 address, without the length
address_of() {
	nsctl status --json "$1" |
		jq -r '.profiles[0].interfaces[0].addresses[] | select(contains(".")) | sub("/.*"; "")'
}

# nothing_is_closing PIN: no connection in this network waits for the other side's last word.
nothing_is_closing() {
	! nsenter --net="$1" ss -Htan state fin-wait-1 state last-ack state closing | grep -q .
}

# A connection that is not closed to its end keeps its network namespace, though its link has gone:
# for minutes, for nobody answers any more.
connections_end() {
	local pin
	for pin in /run/netns/*; do
		[[ ! -e $pin ]] || wait_until -t 3 nothing_is_closing "$pin" 2>/dev/null || true
	done
}

# ---- bats ---------------------------------------------------------------------------------

setup_file() {
	if declare -F prepare_file >/dev/null; then
		prepare_file
	fi
	nsctld_start
}

teardown_file() {
	nsctld_stop
	no_sanitizer_reports
}

setup() {
	rm -f $undo_list
	nsctld_runs || nsctld_start
	record_before
	if declare -F prepare >/dev/null; then
		prepare
	fi
}

teardown() {
	local failed=0
	# A test that fails may leave it dead; the host has to be cleaned all the same.
	nsctld_runs || nsctld_start
	connections_end
	nsctl down --all >/run/world/log/down 2>&1 || { cat /run/world/log/down && failed=1; }
	run_undo_list || failed=1
	no_sanitizer_reports || failed=1
	if [[ $failed -ne 0 || -z ${BATS_TEST_COMPLETED:-} ]]; then
		echo "nsctld said:"
		tail -n 20 /run/world/log/nsctld
	fi
	return $failed
}
