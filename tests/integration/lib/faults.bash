# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# What the tests share that let nsctl's programs go wrong (tests/faults/variants). They take a sample;
# all points with NSCTL_FAULTS=1/1, as tests/run --all does; for coverage (NSCTL_COVERAGE) only
# errors, but more of them.

prepare_file() {
	export BATS_TEST_TIMEOUT=${NSCTL_FAULTS:+7200}${NSCTL_COVERAGE:+1200}
	BATS_TEST_TIMEOUT=${BATS_TEST_TIMEOUT:-300}
}

# faults_with_sample N/M SCENARIO… [OPTION…]
faults_with_sample() {
	local inject=$NSCTL_BUILD/tests/faults/inject
	[[ -x $inject ]] || skip "the fault injector was not built (NSCTL_BUILD)"
	! grep -q libasan "/proc/$(nsctld_pid)/maps" ||
		skip "AddressSanitizer ends a program whose memory runs out"
	$inject --list >/dev/null || skip "the fault injector does not know this processor"
	run env NSCTL_INJECT="$inject" NSCTL_MEMORY="$NSCTL_BUILD/tests/faults/memory.so" \
		"$NSCTL_WORLD/faults/variants" "--sample=$1" "${@:2}"
	echo "$output"
	grep ' points tried' <<<"$output" | sed 's/^/# /' >&3
	return "$status"
}

# faults SCENARIO M [OPTION…]: at each M-th point
faults() {
	if [[ -n ${NSCTL_COVERAGE:-} ]]; then
		faults_with_sample "1/$((${2} / 10 + 1))" "$1" --errors "${@:3}"
	else
		faults_with_sample "${NSCTL_FAULTS:-1/$2}" "$1" "${@:3}"
	fi
}

# no_memory M SCENARIO…: nsctld's memory runs out, at each M-th place that wants some
no_memory() {
	local sample=${NSCTL_FAULTS:-1/$1}
	[[ -z ${NSCTL_COVERAGE:-} ]] || sample=1/1
	faults_with_sample "$sample" --memory "${@:2}"
}
