#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nsctl ps: what runs inside a profile, however it got there.

load lib/common

prepare() {
	up_hers
	undo "rm -f /run/world/alice/pid"
	undo "wait_until nobody_waits"
}

# Every nsctl has ended with its command.
nobody_waits() {
	! pgrep -x nsctl
}

# begins COMMAND…: runs it (it writes its pid to /run/world/alice/pid) and returns the pid.
begins() {
	rm -f /run/world/alice/pid
	"$@" </dev/null >/dev/null 2>&1 3>&- 4>&- &
	wait_until test -s /run/world/alice/pid
	cat /run/world/alice/pid
}

# field PID NAME: of one process in `nsctl ps --json`
field() {
	nsctl ps --json hers | jq -c --argjson pid "$1" ".processes[] | select(.pid == \$pid) | .$2"
}

has_no_process() {
	[[ $(nsctl ps hers) == "no processes" ]]
}

readonly waits='echo $$ >/run/world/alice/pid; exec sleep 1000'

@test "what runs inside is told with user, terminal, command, parent and control group" {
	run -0 nsctl ps hers
	equal "$output" "no processes"
	local pid
	pid=$(begins as alice nsctl exec hers -- sh -c "$waits")
	equal "$(nsctl ps hers | awk -v pid="$pid" '$1 == pid { print $2, $3, $4, $5, $6 }')" \
		"alice - S sleep 1000"
	equal "$(field "$pid" command)" '["sleep","1000"]'
	equal "$(field "$pid" uid)" 2001
	equal "$(field "$pid" terminal)" null
	equal "$(field "$pid" parent)" "$(awk '$1 == "PPid:" { print $2 }' "/proc/$pid/status")"
	equal "$(field "$pid" cgroup)" "\"$(sed -n 's/^0:://p' "/proc/$pid/cgroup")\""
	# nsctl, which waits outside, is not among them.
	run -0 nsctl ps hers
	[[ $output != *"nsctl exec"* ]]
	kill "$pid"
	wait_until has_no_process
}

@test "it is the same list that status counts and down ends" {
	local pid
	pid=$(begins as alice nsctl exec hers -- sh -c "$waits")
	equal "$(nsctl ps --json hers | jq '.processes | length')" \
		"$(nsctl status --json hers | jq '.profiles[0].processes')"
	nsctl down hers
	is_gone "$pid"
	run ! nsctl ps hers
	says "nsctl: " "hers is not up" "nsctl up hers"
}

@test "a terminal is told by its name, and a process of root's that came by nsenter" {
	local pid terminal
	pid=$(begins script -qec "tty >/run/world/alice/tty; nsenter --net=/run/netns/hers sh -c 'echo \$\$ >/run/world/alice/pid; exec sleep 1000'" /dev/null)
	terminal=$(sed 's,^/dev/,,' /run/world/alice/tty)
	undo "rm /run/world/alice/tty"
	[[ $terminal == pts/* ]]
	equal "$(nsctl ps hers | awk -v pid="$pid" '$1 == pid { print $2, $3 }')" "root $terminal"
	kill "$pid"
	wait_until has_no_process
}

@test "a daemon that has left its session and its parent is found, and ended by down" {
	local pid
	pid=$(begins as alice nsctl exec hers -- sh -c 'setsid sh -c "trap \"\" HUP TERM; $0" &' "$waits")
	wait_until nobody_waits
	equal "$(field "$pid" command)" '["sleep","1000"]'
	nsctl down hers
	is_gone "$pid"
}

@test "nothing that a process says of itself acts on the terminal" {
	local pid
	as alice mkfifo /run/world/alice/fifo
	undo "rm /run/world/alice/fifo"
	pid=$(begins as alice nsctl exec hers -- python3 -c '
import ctypes, os
ctypes.CDLL(None).prctl(15, b"x) R\x1b[2J\n\xff", 0, 0, 0)
open("/run/world/alice/pid", "w").write(str(os.getpid()))
os.execv("/bin/sh", [b"\x1b]0;owned\x07\n4711  root\xc2\x9b", "-c", "read -r x </run/world/alice/fifo; :",
          b"\x1b\xff"])')
	wait_until grep -q read "/proc/$pid/cmdline"
	run -0 nsctl ps hers
	equal "${#lines[@]}" "$(nsctl ps --json hers | jq '.processes | length + 1')"
	says '\x1b]0;owned\x07\n4711  root\xc2\x9b'
	run ! env LC_ALL=C grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' <<<"$output"
	run -0 nsctl ps --json hers
	run ! env LC_ALL=C grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' <<<"$output"
	kill -KILL "$pid"
	wait_until has_no_process
}

@test "a name that is no text is told with its bytes" {
	local pid
	pid=$(begins as alice nsctl exec hers -- python3 -c '
import ctypes, os, time
ctypes.CDLL(None).prctl(15, b"odd\xff\xfe")
open("/run/world/alice/pid", "w").write(f"{os.getpid()}\n")
time.sleep(1000)')
	equal "$(nsctl ps --json hers | jq -r --argjson pid "$pid" \
		'.processes[] | select(.pid == $pid) | .name')" 'odd\xff\xfe'
	kill -KILL "$pid"
	wait_until has_no_process
}

@test "who may not use the profile gets no list, and is not told whether there is one" {
	run ! as mallory nsctl ps hers
	says "may not use this profile"
	local first=$output
	run ! as mallory nsctl ps nosuch
	equal "$output" "$first"
	run -0 as alice nsctl ps hers
	run ! nsctl ps nosuch
	says nosuch
	run -2 nsctl ps
	run -2 nsctl ps hers hers
}

@test "a list has an end, and nsctld stands it" {
	# 300 processes are enough to see that all are told; the limit itself is 10000.
	local pid
	pid=$(begins as alice nsctl exec hers -- sh -c \
		'for i in $(seq 300); do sleep 1000 & done; echo $$ >/run/world/alice/pid; wait')
	equal "$(nsctl ps --json hers | jq --argjson pid "$pid" \
		'[.processes[] | select(.parent == $pid)] | length')" 300
	equal "$(nsctl ps --json hers | jq .omitted)" 0
	nsctl down hers
	is_gone "$pid"
}
