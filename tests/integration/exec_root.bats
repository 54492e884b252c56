#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nsctl exec for root: it joins the namespaces and becomes the command.

load lib/common

prepare() {
	nsctl up vpn
}

# stays_out DIRECTORY COMMAND…: says that it can't be entered, and what helps, and runs nothing
stays_out() {
	rm -f /run/world/alice/ran
	run -125 "${@:2}" -- touch /run/world/alice/ran
	equal "${lines[0]%: *}" "nsctl: can't enter directory $1"
	equal "${lines[1]}" "  name another one with --chdir"
	[[ ! -e /run/world/alice/ran ]]
	equal "$("${@:2}" --chdir / -- pwd)" /
}

nobody_of_alice() {
	! pgrep -u alice >/dev/null
}

@test "the exit status is the command's" {
	local code
	for code in 0 1 42 125 255; do
		run -$code inside vpn sh -c "exit $code"
	done
}

@test "killed by a signal: 128 and the signal" {
	run -137 inside vpn sh -c 'kill -KILL $$'
	run -143 inside vpn sh -c 'kill -TERM $$'
}

@test "127 for a command that is not there, 126 for one that can't be run" {
	run -127 inside vpn no-such-command
	says no-such-command
	run -127 inside vpn /no/such/file
	echo "not a program" >/run/world/alice/text
	run -126 inside vpn /run/world/alice/text
	run -126 inside vpn /etc
}

@test "the command is the same process as nsctl was" {
	nsctl exec vpn -- sh -c 'echo $$' >/run/world/out 3>&- &
	local nsctl=$!
	wait $nsctl
	equal "$(cat /run/world/out)" "$nsctl"
}

@test "arguments arrive as they are" {
	run -0 inside vpn printf '<%s>' '' 'a b' '$HOME' '--' '-x' "it's" $'new\nline' '*'
	equal "$output" $'<><a b><$HOME><--><-x><it\'s><new\nline><*>'
}

@test "options after the command are the command's, with and without --" {
	run -0 nsctl exec vpn sh -c 'echo "$*"' --help --version -u alice
	equal "$output" "--version -u alice"
	run -0 nsctl exec vpn -- sh -c 'echo "$*"' --help --version -u alice
	equal "$output" "--version -u alice"
}

@test "stdin, stdout and stderr go through, large data too" {
	head -c 3000000 /dev/urandom >/run/world/data
	equal "$(inside vpn cat </run/world/data | sha256sum)" "$(sha256sum </run/world/data)"
	equal "$(inside vpn sh -c 'echo out; echo err >&2' 2>/dev/null)" out
	equal "$(inside vpn sh -c 'echo out; echo err >&2' 2>&1 >/dev/null)" err
}

@test "the command has exactly the descriptors 0, 1 and 2" {
	equal "$(inside vpn python3 -c 'import os; print(*sorted(map(int, os.listdir("/proc/self/fd")))[:-1])' 3>&-)" "0 1 2"
}

@test "what a service manager passes is the command's, but only when it was meant for this process" {
	# shellcheck disable=SC2016
	local show='import os; print(*sorted(map(int, os.listdir("/proc/self/fd")))[:-1], os.environ["LISTEN_FDS"])'
	equal "$(sh -c 'LISTEN_FDS=2 LISTEN_PID=$$ exec nsctl exec vpn -- python3 -c "$0"' "$show" 3</dev/null 4</dev/null 5</dev/null)" "0 1 2 3 4 2"
	equal "$(LISTEN_FDS=2 LISTEN_PID=1 inside vpn python3 -c "$show" 3</dev/null 4</dev/null)" "0 1 2 2"
}

@test "working directory: the caller's, or that of --chdir" {
	cd /run/world/alice
	equal "$(inside vpn pwd)" /run/world/alice
	equal "$(nsctl exec vpn --chdir /run/world/log -- pwd)" /run/world/log
	run -125 nsctl exec vpn --chdir /no/such/directory -- pwd
	says /no/such/directory
}

@test "a working directory that is not inside, or not the user's to enter: no command runs elsewhere" {
	profile veiled <<-END
		[access]
		users = alice
		[mount]
		tmpfs = /run/world/veil
	END
	mkdir -p /run/world/veil/outside
	install -d -m 700 /run/world/closed
	undo "rm -r /run/world/veil /run/world/closed"
	nsctl up veiled
	local who
	local -a roots=(nsctl exec veiled) hers=(setpriv --reuid=alice --regid=alice --init-groups nsctl exec veiled)
	cd /run/world/veil/outside
	stays_out /run/world/veil/outside "${roots[@]}"
	stays_out /run/world/veil/outside "${hers[@]}"
	cd /run/world/closed
	equal "$("${roots[@]}" pwd)" /run/world/closed
	stays_out /run/world/closed "${roots[@]}" -u alice
	cd /
	mkdir /run/world/veil/gone
	cd /run/world/veil/gone
	rmdir /run/world/veil/gone
	for who in roots hers; do
		local -n words=$who
		run -125 "${words[@]}" -- touch /run/world/alice/ran
		says "current directory" "--chdir"
		equal "$("${words[@]}" --chdir / -- pwd)" /
	done
	[[ ! -e /run/world/alice/ran ]]
}

@test "environment, umask and priority are the caller's" {
	equal "$(FOO='b a r' inside vpn sh -c 'echo "$FOO"')" "b a r"
	equal "$(umask 027 && inside vpn sh -c umask)" 0027
	equal "$(nice -n 7 nsctl exec vpn -- nice)" "$(nice -n 7 nice)"
}

@test "it is in the profile's namespaces and in all others of the caller's" {
	local kind
	for kind in net mnt; do
		[[ $(inside vpn readlink /proc/self/ns/$kind) != $(readlink /proc/self/ns/$kind) ]]
	done
	for kind in pid uts ipc user cgroup; do
		equal "$(inside vpn readlink /proc/self/ns/$kind)" "$(readlink /proc/self/ns/$kind)"
	done
	equal "$(inside vpn cat /proc/self/cgroup)" "$(cat /proc/self/cgroup)"
}

@test "without a command: the caller's shell" {
	equal "$(echo 'echo shell $((6 * 7)); cat /sys/class/net/eth0/iflink >/dev/null && echo in' |
		SHELL=/bin/sh nsctl exec vpn)" $'shell 42\nin'
}

@test "-u USER: as that user, with that user's groups" {
	equal "$(nsctl exec vpn -u alice -- id)" "$(as alice id)"
	run -125 nsctl exec vpn -u nobodyknows -- true
	says nobodyknows
}

@test "-u USER from a terminal: a terminal of the user's own, with job control, and root's is kept" {
	local shell=(bash --norc --noprofile -b -i)
	undo "wait_until nobody_of_alice"
	on_terminal --root "${shell[@]}" <<-'END'
		see @@ 
		modes shell
		type its=$(ps -o tty= -p $$)\r
		see @@ 
		type nsctl exec vpn -u alice -- sh -c 'test "$(tty)" != '$(tty)' && stat -c "owner %U" $(tty)'\r
		see owner alice
		see @@ 
		type nsctl exec vpn -u alice -- sh -c 'ps -o tty= -p $$' </dev/null | grep -vx $its | sed s/^/terminal./\r
		see terminal.pts
		see @@ 
		type nsctl exec vpn -u alice -- sh -c 'echo rea""dy; exec cat'\r
		see ready
		raw
		type one\n
		see one\r\none\r\n
		type \x1a
		see Stopped
		see @@ 
		modes shell
		type fg\r
		raw
		type two\n
		see two\r\ntwo\r\n
		type \x03
		see @@ 
		modes shell
		type echo status $?\r
		see status 130
		type nsctl exec vpn -u alice -- sh -c 'exit 7'; echo status $?\r
		see status 7
		type nsctl exec vpn -u alice -- /no/such/file; echo status $?\r
		see can't run /no/such/file
		see status 127
		type nsctl exec vpn -u alice --chdir /no/such -- true; echo status $?\r
		see can't enter directory /no/such
		see name another one
		see status 125
		type nsctl exec vpn -- sh -c 'ps -o tty= -p $$' | sed "s,$its,the same,"\r
		see the same\r\n
		see @@ 
		type exit 0\r
		wait
	END
	equal "$output" "status 0"
}

@test "-u USER from a terminal: the command ends with the terminal, with nsctl and with the profile" {
	undo "wait_until nobody_of_alice"
	local -a command=(nsctl exec vpn -u alice -- sh -c 'echo ready; exec sleep 1000')
	on_terminal --root "${command[@]}" <<-'END'
		see ready
		close
		wait
	END
	wait_until nobody_of_alice
	rm -f /run/world/seen
	{
		printf '%s\n' "see ready" "touch /run/world/seen"
		wait_until test -e /run/world/seen
		kill -KILL "$(cat /run/world/pid)"
		echo wait
	} | on_terminal --root sh -c 'echo $$ >/run/world/pid; exec "$@"' - "${command[@]}"
	wait_until nobody_of_alice
	on_terminal --root bash --norc --noprofile -b -i <<-'END'
		see @@ 
		type nsctl exec vpn -u alice -- sh -c 'echo rea""dy; exec sleep 1000' &\r
		see ready
		type nsctl down vpn\r
		see Terminated|Hangup
		type exit 0\r
		wait
	END
	nobody_of_alice
}

@test "-u USER: as the user goes all that could be root's: ids, capabilities, descriptors, keys" {
	local show='grep -E "^(Uid|Gid|Groups|Cap(Prm|Eff|Amb)|SigBlk):" /proc/self/status; ls /proc/self/fd | xargs'
	nsctl exec vpn -u alice -- sh -c "$show" </dev/null >/run/world/plain
	on_terminal --root sh -c 'nsctl exec vpn -u alice -- sh -c "$0" </dev/null >/run/world/relayed 9</dev/null' "$show" <<<wait
	equal "$(cat /run/world/relayed)" "$(cat /run/world/plain)"
}

@test "the address, route and name server are the profile's" {
	run -0 inside vpn ip -o -4 address
	says "$(address_of vpn)"
	run -0 inside vpn ip route
	says "default via"
	equal "$(inside vpn curl -sS -m 40 http://www.example.net/)" "internet 203.0.113.2"
}

@test "exec from inside another profile goes to the one that is named" {
	nsctl up wine
	equal "$(inside wine nsctl exec vpn -- readlink /proc/self/ns/net)" \
		"$(inside vpn readlink /proc/self/ns/net)"
}
