#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What becomes of commands when the process that starts them for nsctld hangs, or is killed.

load lib/common

prepare() {
	profile first <<-END
		[access]
		users = alice
	END
	nsctl up first
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
	wait_until -t 30 grep -q '^status' "/run/world/$1"
	cat "/run/world/$1"
}

no_children() {
	[[ -z $(<"/proc/$(nsctld_pid)/task/$(nsctld_pid)/children") ]]
}

# At most one command at a time for each user.
allow_one() {
	mkdir -p /etc/nsctl
	printf '[limits]\nsessions = 1\n' >/etc/nsctl/nsctld.ini
	undo "rm /etc/nsctl/nsctld.ini; kill -HUP $(nsctld_pid)"
	kill -HUP "$(nsctld_pid)"
}

@test "a starter that hangs is replaced: down does not fail, and the next command runs" {
	local starter
	starter=$(pgrep -x nsctl-starter)
	kill -STOP "$starter"
	undo "kill -CONT $starter 2>/dev/null || true"
	later one as alice env PYTHONPATH="$integration" python3 -B -c '
from varlink_client import Connection
connection = Connection()
connection.call("Exec", {"profile": "first", "command": ["sleep", "1000"], "environment": [],
                         "directory": "/", "umask": 18}, upgrade=True)
print("asked", flush=True)
while connection.socket.recv(1000):
    pass
print("closed")'
	wait_until grep -q asked /run/world/one
	later two nsctl down first
	equal "$(said two)" $'first: down\nstatus 0'
	equal "$(said one)" $'asked\nclosed\nstatus 0'
	is_gone "$starter"
	nsctl up first
	as alice nsctl exec first -- true
	run ! pgrep -u alice sleep
}

@test "a session whose starter was killed before it told of it counts, and is ended, as any other" {
	local inject=$NSCTL_BUILD/tests/faults/inject tracer
	[[ -x $inject ]] || skip "the fault injector was not built (NSCTL_BUILD)"
	$inject --list >/dev/null || skip "the fault injector does not know this processor"
	[[ -e /proc/self/task/$$/children || -e /proc/$$/task/$$/children ]] ||
		skip "this kernel does not list children"
	allow_one
	"$inject" --report 5 --actor nsctl-starter --call sendmsg --number 1 --do KILL \
		--pid "$(nsctld_pid)" 5>/run/world/injected 3>&- 4>&- &
	tracer=$!
	undo "kill $tracer 2>/dev/null; rm -f /run/world/injected"
	wait_until grep -q ready /run/world/injected
	later one as alice nsctl exec first -- sh -c 'echo begun; exec sleep 1000'
	wait_until grep -q fired /run/world/injected
	kill "$tracer" 2>/dev/null || true
	wait_until grep -q begun /run/world/one
	refused "too many commands" -- as alice nsctl exec first -- true
	nsctl down first
	run said one
	says begun "status 143"
	wait_until no_children
	nsctl up first
	as alice nsctl exec first -- true
}
