#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# One user's abuse delays no other's call: mallory, who has a profile of her own, asks for too much or
# for ever, and alice's calls answer as they did before (lib/neighbours). What was counted for mallory
# is free again when she goes.

load lib/common

prepare_file() {
	export BATS_TEST_TIMEOUT=400
}

prepare() {
	local name
	for name in hers own; do
		profile $name <<-END
			[access]
			users = alice
			[dns]
			nameserver = 9.9.9.9
		END
	done
	profile theirs <<-END
		[access]
		users = mallory
		[dns]
		nameserver = 9.9.9.9
		[aaaa]
		run = inside
	END
	nsctl up hers theirs
	if grep -q asan "/proc/$(nsctld_pid)/maps"; then
		export NSCTL_SANITIZED=1
	fi
}

beside() {
	run python3 -B "$integration/lib/neighbours" "$1" "$(nsctld_pid)" 3>&- 4>&-
	echo "$output"
	return "$status"
}

@test "beside one who connects and goes again and again" {
	beside connects
}

@test "beside one who asks what costs most, on all connections" {
	beside asks
}

@test "beside one who names thousands of profiles in each call" {
	beside names_many
}

@test "beside one who changes a profile on all connections, and goes before it is done" {
	beside changes
}

@test "beside one who has a hundred profiles up, down, shown and explained at once" {
	local i
	for i in {0..99}; do
		profile "many-$i" <<<$'[access]\nusers = mallory'
	done
	beside has_many
}

@test "beside one who has as many changes waiting as the limit lets her" {
	local i names=()
	for i in {0..999}; do
		names+=("queued-$i")
		echo $'[access]\nusers = mallory' >"/etc/nsctl/profiles/queued-$i.ini"
	done
	undo "rm -f /etc/nsctl/profiles/queued-*"
	as mallory nsctl down "${names[@]}" >/dev/null
	beside queues
}

@test "beside one who sends the largest messages that there may be" {
	beside sends_much
}

@test "beside one who listens to news on all connections, and reads none" {
	beside watches
}

@test "beside one who runs as many commands as there may be" {
	beside runs
}

@test "beside one who sends a byte now and then, on all connections" {
	beside drips
}

@test "beside one who asks and never reads" {
	beside is_deaf
}

@test "beside one whose commands wait for descriptors that never come" {
	beside leaves_waiting
}

# As many as the limit allows, held by a process of mallory's until "release".
hold() {
	as mallory python3 -B "$integration/lib/neighbours" --hold "$1" 3>&- 4>&- &
	holder=$!
	undo release
	wait_until -t 100 test -s /run/world/mallory/now
}

release() {
	[[ -e /run/world/mallory/now ]] || return 0
	kill "$(</run/world/mallory/now)"
	rm /run/world/mallory/now
	wait "$holder" || true
}

@test "too many connections: it is said, and what to do" {
	hold connections
	refused "you have too many connections to nsctld" "64" "[limits] connections" -- as mallory nsctl list
	as alice nsctl list
	release
	wait_until as mallory nsctl list
}

@test "too many commands: it is said, and what to do" {
	hold sessions
	refused "you run too many commands in profiles" "256" "[limits] sessions" -- \
		as mallory nsctl exec theirs -- true
	as alice nsctl exec hers -- true
	release
	wait_until as mallory nsctl exec theirs -- true
}

@test "too many changes: it is said, and what to do" {
	printf '[limits]\nchanges = 1\n' >/etc/nsctl/nsctld.ini
	undo "rm /etc/nsctl/nsctld.ini; nsctld_stop; nsctld_start"
	nsctld_stop
	nsctld_start
	refused "you have too many profiles brought up or taken down at once" "1" "[limits] changes" -- \
		as alice nsctl up hers own
	as alice nsctl up own
	as alice nsctl down own
	nsctl up hers own
}
