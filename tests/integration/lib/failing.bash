# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# For tests of what a user is told when the kernel goes on refusing: not one call, as in faults.bats,
# but every one of its kind (tests/faults/inject).

injector_pid_file=/run/world/injector.pid
injector_says=/run/world/injector.says

injector_is_ready() {
	grep -q ready $injector_says
}

# It does not hear a signal that comes right before it waits for its program.
stop_failing() {
	local pid
	[[ -e $injector_pid_file ]] || return 0
	pid=$(<$injector_pid_file)
	while ! is_gone "$pid"; do
		kill "$pid" 2>/dev/null || true
		sleep 0.02
	done
	rm $injector_pid_file
}

# failing ACTOR CALL[:WORD] ERROR COMMAND…: COMMAND, while each CALL of ACTOR fails (inject.c has the
# names; WORD is for its --of); skips where that can't be done.
failing() {
	fails --every "$@"
}

# failing_once: the first of them only
failing_once() {
	fails --number=1 "$@"
}

# failing_at N: the N-th of them only
failing_at() {
	fails "--number=$1" "${@:2}"
}

# fails WHICH ACTOR CALL ERROR COMMAND…
fails() {
	local inject=$NSCTL_BUILD/tests/faults/inject result=0 # (status and output are those of run)
	local -a which=("$1" --call "${3%%:*}")
	[[ $3 != *:* ]] || which+=(--of "${3#*:}")
	[[ -x $inject ]] || skip "the fault injector was not built (NSCTL_BUILD)"
	$inject --list >/dev/null || skip "the fault injector does not know this processor"
	undo stop_failing
	: >$injector_says
	"$inject" --pid "$(nsctld_pid)" --actor "$2" "${which[@]}" --do "$4" --report 1 \
		>>$injector_says 2>&1 3>&- 4>&- &
	echo $! >$injector_pid_file
	disown
	wait_until injector_is_ready
	"${@:5}" || result=$?
	stop_failing
	injector_has_fired || result=1
	return $result
}

injector_has_fired() {
	grep -q fired $injector_says || { echo "no such call was made" && return 1; }
}
