#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Calls that come while another is under way: those for the same profile wait for it, in the order
# they came, also when its caller has gone; those for others do not wait.

load lib/common

prepare() {
	local name
	for name in first second; do
		profile $name <<-END
			[access]
			users = alice
			[dns]
			nameserver = 9.9.9.9
		END
	done
}

# hold_up: from now on the `up` of a profile stops at the first unmount in its new mount namespace, until
# let_go: its network is there by then, its link and its record are not yet.
hold_up() {
	strace -f -qq -o /dev/null -e trace=umount2 -e inject=umount2:delay_enter=120000000:when=1 \
		-p "$(nsctld_pid)" 3>&- 4>&- &
	tracer=$!
	undo let_go
	wait_until nsctld_is_traced
}

# By SIGKILL: what it lets go by itself it waits for, and that may wait for what is held.
let_go() {
	kill -KILL "$tracer" 2>/dev/null || true
	wait_until nsctld_is_not_traced
}

nsctld_is_traced() {
	grep -q '^TracerPid:\s*[1-9]' "/proc/$(nsctld_pid)/status"
}

nsctld_is_not_traced() {
	! nsctld_is_traced
}

# later NAME COMMAND…: in the background; what it says and its status are in /run/world/NAME.
later() {
	{
		local status=0
		# a look for leaks can hang when the process is ended in the middle of it
		local -x ASAN_OPTIONS=${ASAN_OPTIONS:-}:detect_leaks=0
		"${@:2}" >"/run/world/$1" 2>&1 </dev/null || status=$?
		echo "status $status" >>"/run/world/$1"
	} 3>&- 4>&- &
	undo "rm -f /run/world/$1"
}

# said NAME: when it has ended
said() {
	wait_until grep -q '^status' "/run/world/$1"
	cat "/run/world/$1"
}

is_under_way() {
	! grep -q '^status' "/run/world/$1"
}

# begin_up NAME: the up of "first" is held, until what the test does next has had its time to come
begin_up() {
	hold_up
	later "$1" nsctl up first
	wait_until test -e /run/netns/first
	is_under_way "$1"
	{ sleep 0.7 && kill -KILL "$tracer"; } 3>&- 4>&- &
}

# begin_down NAME: the down of "first" waits for a process that does not want to end
begin_down() {
	nsctl up first
	inside first sh -c 'trap "echo >/run/world/told" TERM; echo >/run/world/ready; while :; do sleep 0.05; done' \
		>/dev/null 2>&1 3>&- 4>&- &
	undo "rm -f /run/world/ready /run/world/told"
	wait_until test -s /run/world/ready
	later "$1" nsctl down first
	wait_until test -s /run/world/told
	is_under_way "$1"
}

@test "up, and up meanwhile: the second finds it up" {
	begin_up one
	run -0 nsctl up first
	equal "$output" "first: already up"
	equal "$(said one)" $'first: up\nstatus 0'
	no_drift first
}

@test "up, and down meanwhile: it is down, and nothing is left" {
	begin_up one
	run -0 nsctl down first
	equal "$output" "first: down"
	equal "$(said one)" $'first: up\nstatus 0'
	equal "$(state first)" down
}

@test "down, and up meanwhile: it is up anew" {
	begin_down one
	local before
	before=$(stat -Lc %i /run/netns/first)
	run -0 nsctl up first
	equal "$output" "first: up"
	equal "$(said one)" $'first: down\nstatus 0'
	no_drift first
	[[ $(stat -Lc %i /run/netns/first) != "$before" ]]
}

@test "down, and down meanwhile: the second finds it down" {
	begin_down one
	run -0 nsctl down first
	says "already down"
	equal "$(said one)" $'first: down\nstatus 0'
}

@test "up, and exec meanwhile: the command runs in a profile that is whole" {
	begin_up one
	run -0 inside first sh -c 'cat /etc/resolv.conf; ip -4 -o address show eth0'
	says "nameserver 9.9.9.9" "inet 10.193.0."
	equal "$(said one)" $'first: up\nstatus 0'
}

@test "up, and a user's exec meanwhile" {
	begin_up one
	run -0 as alice nsctl exec first -- cat /etc/resolv.conf
	says "nameserver 9.9.9.9"
	equal "$(said one)" $'first: up\nstatus 0'
}

@test "down, and exec meanwhile: it does not outlive the profile" {
	begin_down one
	later two as alice nsctl exec first -- sleep 1000
	equal "$(said one)" $'first: down\nstatus 0'
	run said two
	[[ $output != *"status 0"* ]]
	run ! pgrep -u alice sleep
}

@test "the first caller goes meanwhile: what it began is finished, and the others are served" {
	hold_up
	nsctl up first >/dev/null 2>&1 3>&- 4>&- &
	local first=$!
	wait_until test -e /run/netns/first
	later two nsctl up first
	kill -KILL $first
	let_go
	equal "$(said two)" $'first: already up\nstatus 0'
	no_drift first
}

@test "one who waits goes meanwhile: the others are served" {
	begin_down one
	nsctl up first >/dev/null 2>&1 3>&- 4>&- &
	local second=$!
	later three nsctl up first
	sleep 0.2 # both wait by now, or are about to
	kill -KILL $second
	equal "$(said one)" $'first: down\nstatus 0'
	run said three
	says "status 0"
	no_drift first
}

# What goes down waits for two seconds: on a machine where all takes longer nothing would be shown by it.
@test "another profile's calls do not wait" {
	local i shown=no
	for i in 1 2 3 4 5; do
		begin_down one
		run -0 nsctl up second
		run -0 as alice nsctl exec second -- cat /etc/resolv.conf
		says "nameserver 9.9.9.9"
		run -0 nsctl down second
		! is_under_way one || shown=yes
		equal "$(said one)" $'first: down\nstatus 0'
		[[ $shown == no ]] || break
		rm -f /run/world/ready /run/world/told
	done
	equal $shown yes
}

@test "the same profiles in another order, again and again: nobody waits for ever" {
	local i
	both_ways() {
		for i in {1..8}; do
			timeout 60 nsctl up "$1" "$2" >/dev/null
			timeout 60 nsctl down "$2" "$1" >/dev/null
		done
	}
	later one both_ways first second
	later two both_ways second first
	run said one
	equal "$output" "status 0"
	run said two
	equal "$output" "status 0"
}

starter_is_traced() {
	grep -q '^TracerPid:\s*[1-9]' "/proc/$(pgrep -x nsctl-starter)/status"
}

@test "a session that has not entered yet when the profile goes down does not run in what is left" {
	nsctl up first
	strace -f -qq -o /run/world/setns -e trace=setns -e inject=setns:delay_enter=5000000 \
		-p "$(pgrep -x nsctl-starter)" 3>&- 4>&- &
	tracer=$!
	undo "kill $tracer 2>/dev/null || true; rm -f /run/world/setns"
	wait_until starter_is_traced
	later one as alice nsctl exec first -- sleep 1000
	wait_until pgrep -x nsctl-session
	run -0 nsctl down first
	run said one
	[[ $output != *"status 0"* ]]
	run ! pgrep -u alice sleep
	kill $tracer
	wait $tracer || true
	# It was held on its way, and did not come there.
	run ! grep 'setns.* = 0' /run/world/setns
	grep -q setns /run/world/setns
}

# ask_for_sleep: asks for a session with `sleep` in the first profile; says when it has asked, and
# when the connection is closed.
ask_for_sleep() {
	as alice env PYTHONPATH="$integration" python3 -B -c '
from varlink_client import Connection
connection = Connection()
connection.call("Exec", {"profile": "first", "command": ["sleep", "1000"], "environment": [],
                         "directory": "/", "umask": 18}, upgrade=True)
print("asked", flush=True)
while connection.socket.recv(1000):
    pass
print("closed")'
}

@test "a session that has not started yet when the profile goes down is waited for" {
	nsctl up first
	local starter
	starter=$(pgrep -x nsctl-starter)
	kill -STOP "$starter"
	undo "kill -CONT $starter 2>/dev/null || true"
	later one ask_for_sleep
	wait_until grep -q asked /run/world/one
	nsctl list >/dev/null # what belongs to the call is done by now
	later two nsctl down first
	nsctl list >/dev/null
	is_under_way two
	kill -CONT "$starter"
	equal "$(said two)" $'first: down\nstatus 0'
	equal "$(said one)" $'asked\nclosed\nstatus 0'
	run ! pgrep -u alice sleep
}

@test "a starter of sessions that hangs is replaced, and holds nobody up" {
	nsctl up first
	local starter
	starter=$(pgrep -x nsctl-starter)
	kill -STOP "$starter"
	undo "kill -CONT $starter 2>/dev/null || true"
	later one ask_for_sleep
	wait_until grep -q asked /run/world/one
	nsctl list >/dev/null
	later two nsctl down first
	equal "$(said two)" $'first: down\nstatus 0'
	equal "$(said one)" $'asked\nclosed\nstatus 0'
	[[ ! -e /proc/$starter ]]
	grep -q 'nsctl-session does not answer' /run/world/log/nsctld
	nsctl up first
	equal "$(as alice nsctl exec first -- echo ran)" ran
	[[ $(pgrep -x nsctl-starter) != "$starter" ]]
}

@test "a session that its starter could not tell of before it was killed is ended" {
	nsctl up first
	as alice nsctl exec first -- true
	local starter
	starter=$(pgrep -x nsctl-starter)
	strace -f -qq -o /run/world/clones -e trace=clone3,sendmsg -e inject=sendmsg:signal=KILL:when=1 \
		-p "$starter" 3>&- 4>&- &
	undo "rm -f /run/world/clones"
	wait_until starter_is_traced
	run -125 as alice timeout 100 nsctl exec first -- sleep 1000
	wait_until gone "$starter"
	grep -q 'clone3.* = [1-9]' /run/world/clones
	nsctl list >/dev/null
	wait_until nsctld_has_no_child
	equal "$(as alice nsctl exec first -- echo ran)" ran
	nsctl down first
}

nsctld_has_no_child() {
	! pgrep -P "$(nsctld_pid)"
}

gone() {
	[[ ! -e /proc/$1 ]]
}

# At the call by which it enters.
is_entering() {
	local number=268 # asm-generic/unistd.h
	[[ $(uname -m) != x86_64 ]] || number=308
	grep -q "^$number " "/proc/$(pgrep -x nsctl)/syscall"
}

@test "root's command that has not entered yet when the profile goes down does not run in what is left" {
	nsctl up first
	local again
	for again in "" 1; do
		later one strace -f -qq -o /dev/null -e trace=setns \
			-e inject=setns:delay_enter=4000000:when=1 nsctl exec first -- touch /run/world/ran
		wait_until is_entering
		is_under_way one
		nsctl down first
		[[ -z $again ]] || nsctl up first
		run said one
		[[ ! -e /run/world/ran ]]
		[[ ${lines[-1]} == "status 125" ]]
		if [[ -z $again ]]; then
			[[ ${lines[0]} == "nsctl: profile first is not up"* ]]
			nsctl up first
		else
			[[ ${lines[0]} == "nsctl: profile first was made anew just now" ]]
			[[ ${lines[1]} == *"try again"* ]]
		fi
	done
	nsctl exec first -- touch /run/world/ran
	rm /run/world/ran
}

does_not_run() {
	! as alice nsctl exec first -- true 2>/dev/null
}

@test "nobody enters a profile that is going down" {
	nsctl up first
	later one as alice nsctl exec first -- sh -c 'trap "" HUP TERM; exec sleep 1000'
	wait_until pgrep -u alice -x sleep
	later two nsctl down first # which asks it to end, for two seconds
	wait_until does_not_run
	run -125 as alice nsctl exec first -- true
	equal "${lines[0]}" "nsctl: profile first is going down"
	run -125 nsctl exec first -- true
	equal "${lines[0]}" "nsctl: profile first is going down"
	is_under_way two
	equal "$(said two)" $'first: down\nstatus 0'
	run said one
	[[ ${lines[-1]} == "status 1"* ]]
}
