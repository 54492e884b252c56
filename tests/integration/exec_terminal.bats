#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nsctl exec on a terminal, for a user whom the profile admits: job control, hang-up, modes, bytes.

# shellcheck disable=SC2154 # set by lib/common
load lib/common

prepare() {
	up_hers
	undo "rm -rf /run/world/alice/pids; wait_until nobody_of_alice"
}

nobody_of_alice() {
	! pgrep -u alice >/dev/null
}

# -b: a job that stops is told at once
shell=(bash --norc --noprofile -b -i)

@test "the command has a terminal of its own, and each of 0, 1 and 2 that is none is passed as it is" {
	on_terminal nsctl exec hers -- sh -c 'tty; stty size; echo end' <<-'END'
		see /dev/pts/\d+\r\n
		see end\r\n
		wait
	END
	equal "$output" "status 0"
	on_terminal sh -c 'nsctl exec hers -- sh -c "test -t 0 && echo no; test -t 1 || echo pipe >&2; test -t 2 && echo end >&2" </dev/null | cat' <<-'END'
		see pipe\r\nend\r\n
		wait
	END
}

@test "Ctrl-C, Ctrl-Z, fg, bg and jobs do what they do outside" {
	on_terminal "${shell[@]}" <<-'END'
		see @@ 
		modes shell
		type nsctl exec hers -- sh -c 'echo rea""dy; exec cat'\r
		see ready
		raw
		type one\n
		see one\r\none\r\n
		type \x1a
		see Stopped
		see @@ 
		modes shell
		type jobs\r
		see Stopped
		see @@ 
		type fg\r
		raw
		type two\n
		see two\r\ntwo\r\n
		type \x1a
		see Stopped
		see @@ 
		type bg\r
		see Stopped
		type fg\r
		raw
		type three\n
		see three\r\nthree\r\n
		type \x03
		see @@ 
		modes shell
		type echo "<$?>"\r
		see <130>
		type exit\r
		wait
	END
}

@test "an interactive bash inside has job control of its own" {
	on_terminal nsctl exec hers -- "${shell[@]}" <<-'END'
		see @@ 
		type bash -c 'echo rea""dy; exec sleep 1000'\r
		see ready
		type \x1a
		see Stopped
		see @@ 
		type kill %1; wait; bash -c 'echo rea""dy; exec sleep 1001'\r
		see ready
		type \x03
		see @@ 
		type exit 7\r
		see exit
		wait
	END
	equal "$output" "status 7"
}

@test "a command in the background that reads the terminal stops, and gets it with fg" {
	on_terminal "${shell[@]}" <<-'END'
		see @@ 
		type nsctl exec hers -- sh -c 'echo sho""wn; read -r x; echo "<$x>"' &\r
		see shown
		see Stopped
		type fg\r
		raw
		type words\n
		see <words>
		see @@ 
		type exit\r
		wait
	END
}

@test "a change of size is the command's, also while it is stopped" {
	on_terminal "${shell[@]}" <<-'END'
		see @@ 
		size 30 100
		type nsctl exec hers -- sh -c 'trap "stty size" WINCH; stty size; while :; do sleep 0.05; done'\r
		see 30 100\r\n
		size 31 101
		see 31 101\r\n
		type \x03
		see @@ 
		type nsctl exec hers -- sh -c 'echo rea""dy; read -r x; stty size'\r
		see ready
		type \x1a
		see Stopped
		size 32 102
		type fg\r
		raw
		type \n
		see 32 102\r\n
		see @@ 
		type exit\r
		wait
	END
}

@test "a death by signal and a killed session leave the modes right" {
	local end
	for end in 'kill -KILL $$' 'kill -SEGV $$' 'stty raw -echo; kill -TERM $$'; do
		END_WITH=$end on_terminal "${shell[@]}" <<-'END'
			see @@ 
			modes shell
			type nsctl exec hers -- sh -c 'echo rea""dy; eval "$END_WITH"'\r
			see ready
			see @@ 
			modes shell
			type exit\r
			wait
		END
	done
	on_terminal "${shell[@]}" <<-'END'
		see @@ 
		modes shell
		type nsctl exec hers -- sh -c 'echo rea""dy; exec sleep 1000'\r
		see ready
		raw
		kill KILL nsctl-session
		see without a word
		see @@ 
		modes shell
		type exit\r
		wait
	END
}

@test "the terminal closes: the foreground group, however deep, and the stopped jobs end" {
	on_terminal "${shell[@]}" <<-'END'
		see @@ 
		type nsctl exec hers -- bash --norc --noprofile -i\r
		see @@ 
		type bash -c 'echo rea""dy; exec sleep 1001'\r
		see ready
		type \x1a
		see Stopped
		see @@ 
		type bash -c 'trap "" HUP TERM; echo rea""dy; while :; do sleep 0.1; done'\r
		see ready
		close
		wait
	END
	wait_until nobody_of_alice
}

@test "nsctl is killed: the foreground job inside ends, what was nohup'd or disowned lives on" {
	on_terminal "${shell[@]}" <<-'END'
		see @@ 
		type nsctl exec hers -- bash --norc --noprofile -i\r
		see @@ 
		type nohup sleep 1001 >/dev/null 2>&1 & sleep 1002 & disown\r
		see @@ 
		type until pgrep -u alice -xf "sleep 1001" && pgrep -u alice -xf "sleep 1002"; do :; done >/dev/null; echo bo""th\r
		see both
		see @@ 
		type sh -c 'echo rea""dy; exec sleep 1003'\r
		see ready
		kill KILL nsctl exec
		see Killed
		see @@ 
		type exit\r
		wait
	END
	wait_until fails pgrep -u alice -x nsctl-session
	wait_until fails pgrep -u alice -xf "sleep 1003"
	run pgrep -u alice -a -x sleep
	says "sleep 1001" "sleep 1002"
	[[ $output != *1003* ]]
	pkill -KILL -u alice -x sleep
}

fails() {
	! "$@"
}

@test "a stopped command that is killed ends nsctl too" {
	on_terminal "${shell[@]}" <<-'END'
		see @@ 
		type nsctl exec hers -- sh -c 'kill -STOP $$; sleep 1000'\r
		see Stopped
		see @@ 
		kill KILL sh -c kill -STOP
		see Killed
		type exit\r
		wait
	END
}

@test "SIGTTOU and SIGTTIN freeze nobody whose group is orphaned" {
	on_terminal "${shell[@]}" <<-'END'
		see @@ 
		type (nsctl exec hers -- sh -c 'stty echo; read -r x; echo "en""d<$x>"' &); echo\r
		see end<>
		type exit\r
		wait
	END
}

@test "8 MiB of output come whole, in the order that they were written" {
	run "$integration/lib/terminal.py" nsctl exec hers -- sh -c 'stty raw; head -c 8388608 /dev/zero | openssl enc -aes-128-ctr -K 00 -iv 00 2>/dev/null' <<-'END'
		wait
		count
	END
	equal "${lines[0]}" "status 0"
	equal "${lines[1]}" "8388608 $(head -c 8388608 /dev/zero |
		openssl enc -aes-128-ctr -K 00 -iv 00 2>/dev/null | sha256sum | cut -d' ' -f1)"
}

@test "keys that the command did not read are the shell's" {
	[[ $(sysctl -n dev.tty.legacy_tiocsti) == 1 ]] || skip "the kernel lets nobody put keys back"
	on_terminal "${shell[@]}" <<-'END'
		see @@ 
		type nsctl exec hers -- sh -c 'echo rea""dy; read -r x; echo "<$x>"'\r
		see ready
		raw
		type mine\necho the she""ll has it\n
		see <mine>
		see the shell has it\r\n
		type exit\r
		wait
	END
}

@test "a new size does not cut off what a command that has ended wrote to a slow terminal" {
	up_hers
	"$integration/lib/slow_terminal.py" end hers 3>&-
}

@test "a command that stops in the background while the shell brings it to the foreground runs on" {
	up_hers
	"$integration/lib/slow_terminal.py" fg hers 3>&-
}
