#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nsctl exec for a user whom the profile admits, with stdin, stdout and stderr that are no
# terminals (exec_terminal is about those).

load lib/common

prepare() {
	up_hers
	profile theirs <<-END
		[access]
		groups = vpnusers
	END
	nsctl up theirs
}

# her COMMAND…: alice's command inside
her() {
	as alice nsctl exec hers -- "$@" 3>&-
}

# is_stopped NAME: the only process of alice's with this name
is_stopped() {
	[[ $(ps -o stat= -p "$(pgrep -u alice -x "$1")" 2>/dev/null) == T* ]]
}

@test "who is admitted by name or by group gets in, nobody else does" {
	equal "$(her id -un)" alice
	equal "$(as alice nsctl exec theirs -- id -un)" alice
	run -125 as mallory nsctl exec hers -- true
	run -125 as mallory nsctl exec theirs -- true
	# The group counts as the process has it, not as /etc/group has it.
	run -125 setpriv --reuid=alice --regid=alice --clear-groups -- nsctl exec theirs -- true
	equal "$(setpriv --reuid=mallory --regid=mallory --groups=2003 -- nsctl exec theirs -- id -un)" mallory
}

@test "a user who is admitted may up, down and see the profile, and no other" {
	as alice nsctl down hers
	as alice nsctl up hers
	equal "$(as alice nsctl status --json | jq -r '.profiles[].name' | xargs)" "hers theirs"
	run ! as alice nsctl down vpn
	run -0 as alice nsctl list
	[[ $output != *vpn* ]]
	as alice nsctl down --all
	equal "$(state hers) $(state theirs)" "down down"
}

@test "identity: uid, gid and groups are the caller's and can't be got back" {
	equal "$(her id)" "$(as alice id)"
	run -0 her grep -E '^(Uid|Gid|Cap(Inh|Prm|Eff|Amb)|NoNewPrivs):' /proc/self/status
	equal "$(awk '{ print $2 }' <<<"$output" | xargs)" \
		"2001 2001 0000000000000000 0000000000000000 0000000000000000 0000000000000000 0"
	run ! her setpriv --reuid=0 true
}

@test "a uid beyond 2^31 without an entry in passwd works" {
	profile big <<-END
		[access]
		groups = vpnusers
	END
	nsctl up big
	equal "$(cd / && setpriv --reuid=3000000001 --regid=3000000002 --groups=2003 -- \
		nsctl exec big -- sh -c 'id -u; id -g' | xargs)" "3000000001 3000000002"
}

@test "the exit status is the command's" {
	local code
	for code in 0 1 42 255; do
		run -$code her sh -c "exit $code"
	done
	run -127 her no-such-command
	says no-such-command
	echo "not a program" >/run/world/alice/text
	run -126 her /run/world/alice/text
	run -137 her sh -c 'kill -KILL $$'
	run -143 her sh -c 'kill -TERM $$'
}

@test "pipes on all three, large data too" {
	head -c 3000000 /dev/urandom >/run/world/data
	equal "$(her cat </run/world/data | sha256sum)" "$(sha256sum </run/world/data)"
	equal "$(her sh -c 'echo out; echo err >&2' 2>/dev/null)" out
	equal "$(her sh -c 'echo out; echo err >&2' 2>&1 >/dev/null)" err
	equal "$(seq 5 | her sort -r | xargs)" "5 4 3 2 1"
}

@test "the command has exactly the descriptors 0, 1 and 2" {
	equal "$(her python3 -c 'import os; print(*sorted(map(int, os.listdir("/proc/self/fd")))[:-1])')" \
		"0 1 2"
}

@test "environment, umask, limits and priority are the caller's" {
	equal "$(FOO='b a r' her sh -c 'echo "$FOO"')" "b a r"
	equal "$(umask 027 && her sh -c umask)" 0027
	equal "$(ulimit -n 77 && her sh -c 'ulimit -n')" 77
	equal "$(as alice nice -n 7 nsctl exec hers -- nice)" "$(nice -n 7 nice)"
	equal "$(LD_LIBRARY_PATH=/run/world/alice her printenv LD_LIBRARY_PATH)" /run/world/alice
}

@test "the command is in the caller's cgroup" {
	local group
	group=$(findmnt -nro TARGET -t cgroup2 | tail -n 1)/world-$$
	mkdir "$group" 2>/dev/null || skip "no cgroup can be made here"
	undo "wait_until rmdir $group"
	equal "$(cd / && sh -c 'echo 0 >"$0/cgroup.procs" && exec "$@"' "$group" setpriv --reuid=alice \
		--regid=alice --init-groups -- nsctl exec hers -- grep ^0: /proc/self/cgroup)" "0::/world-$$"
}

@test "the environment is data: nothing of it works on what runs as root" {
	printf '#!/bin/sh\ntouch /run/world/log/owned\n' >/run/world/alice/env.sh
	chmod 755 /run/world/alice/env.sh
	BASH_ENV=/run/world/alice/env.sh ENV=/run/world/alice/env.sh LD_PRELOAD=/run/world/alice/env.sh \
		run her true
	[[ ! -e /run/world/log/owned ]]
}

@test "working directory: by name, entered as the user" {
	cd /run/world/alice
	equal "$(as alice sh -c 'cd /run/world/alice && nsctl exec hers -- pwd')" /run/world/alice
	install -d -m 700 /run/world/secret
	run as alice sh -c 'nsctl exec hers --chdir /run/world/secret -- pwd'
	equal "$status" 125
	says /run/world/secret
}

@test "a command that can't be run is named once, with nothing in it that acts on a terminal" {
	local name=$'a\x1bb' expected="nsctl: can't run a\\x1bb: command not found"
	run -127 her "$name"
	equal "$output" "$expected"
	run -127 nsctl exec hers -- "$name"
	equal "$output" "$expected"
}

@test "signals to nsctl reach the command" {
	local signal
	for signal in TERM INT HUP USR1 USR2; do
		rm -f /run/world/alice/ready
		# bash ignores SIGINT for what it runs in the background, and ignored stays ignored.
		as alice env --default-signal=INT nsctl exec hers -- sh -c "trap 'echo got $signal; exit 7' $signal; echo ready >/run/world/alice/ready; while :; do sleep 0.05; done" \
			>/run/world/out 2>&1 3>&- &
		local shell=$! nsctl
		wait_until test -s /run/world/alice/ready
		nsctl=$(pgrep -u alice -x nsctl)
		kill -$signal "$nsctl"
		local status=0
		wait $shell || status=$?
		# The group gets it, so that sh may have a word about its sleep.
		equal "$signal $status $(tail -n 1 /run/world/out)" "$signal 7 got $signal"
	done
}

@test "what is no UTF-8 arrives as it is: words, variables, the directory" {
	as alice python3 <<-'END'
		import os, subprocess, tempfile
		os.chdir(tempfile.mkdtemp(suffix=b"caf\xe9", dir=b"/run/world/alice"))
		os.environb.update({b"LATIN": b"\xff\xfe", b"GREEN": b"green"})
		script = 'printf "%s\n" "$1" "$LATIN" "$GREEN" "$(pwd)"'
		told = subprocess.check_output(["nsctl", "exec", "hers", "--", "sh", "-c", script, "sh", b"a\x80\xc3b"])
		wanted = [b"a\x80\xc3b", b"\xff\xfe", b"green", os.getcwdb(), b""]
		os.rmdir(os.getcwdb())
		assert told.split(b"\n") == wanted, told
	END
}

@test "when nsctl is killed, the command does not stay behind" {
	her sh -c 'echo $$ >/run/world/alice/pid; exec sleep 1000' 2>/dev/null &
	wait_until test -s /run/world/alice/pid
	local command
	command=$(cat /run/world/alice/pid)
	pkill -KILL -u alice -x nsctl
	wait_until is_gone "$command"
	rm /run/world/alice/pid
}

@test "nsctl, stopped with its command, ends when its session is killed" {
	her sh -c 'kill -STOP $$' &
	local shell=$! status=0
	wait_until is_stopped nsctl
	pkill -KILL -u alice -x nsctl-session
	wait $shell || status=$?
	equal "$status" 125
}

@test "down ends the command, and nsctl says by what it died" {
	her sh -c 'echo $$ >/run/world/alice/pid; exec sleep 1000' &
	local shell=$! status=0
	wait_until test -s /run/world/alice/pid
	rm /run/world/alice/pid
	nsctl down hers
	wait $shell || status=$?
	[[ $status -ge 128 ]]
}

@test "the command, and nsctl waiting for it, survive nsctld" {
	mkfifo /run/world/fifo
	undo "rm -f /run/world/fifo"
	as alice nsctl exec hers -- sh -c 'echo started; read -r x; echo "still $x"; exit 9' \
		<>/run/world/fifo >/run/world/out 2>&1 3>&- &
	local shell=$! status=0
	wait_until grep -q started /run/world/out
	nsctld_stop KILL
	echo here >/run/world/fifo
	wait $shell || status=$?
	equal "$status $(xargs </run/world/out)" "9 started still here"
	nsctld_start
}

@test "a process that gained nothing outside gains nothing inside (no_new_privs)" {
	run -125 setpriv --reuid=alice --regid=alice --init-groups --no-new-privs -- \
		nsctl exec hers -- true
	says "nsctl: "
}

@test "a caller in a user or mount namespace of its own is refused" {
	run -125 as alice unshare --user --map-root-user nsctl exec hers -- true
	run -125 as alice unshare --user --map-root-user --mount nsctl exec hers -- true
}

@test "a caller inside another profile is no stranger" {
	equal "$(as alice nsctl exec theirs -- nsctl exec hers -- id -un)" alice
}

@test "the network inside works for the user" {
	equal "$(her curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	equal "$(her ls /sys/class/net | xargs)" "eth0 lo"
}
