#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Commands, terminals and responders live on, and the next nsctld knows them: through a crash of
# nsctld, through a restart, and through an upgrade, which puts other files in the place of all
# programs while they run.

load lib/common

programs=/run/world/programs

prepare_file() {
	export PATH=$programs:$PATH
	mkdir -p $programs
	cp /usr/sbin/nsctld /usr/sbin/nsctl-aaaa /usr/bin/nsctl /usr/libexec/nsctl/nsctl-session \
		$programs
}

# Of the programs that an upgrade may replace.
start() {
	nsctld_start --session-program=$programs/nsctl-session --responder-program=$programs/nsctl-aaaa
}

prepare() {
	undo "nsctld_stop; nsctld_start"
	nsctld_stop
	start
	undo "rm -rf /run/world/alice/reached; wait_until nobody_of_alice"
	up_hers
}

nobody_of_alice() {
	! pgrep -u alice >/dev/null
}

# As a package manager does it: a new file is renamed over the old one. One byte more makes it
# another program that does the same.
replace_programs() {
	local file
	for file in nsctld nsctl-aaaa nsctl nsctl-session; do
		cp $programs/$file $programs/$file.new
		printf x >>$programs/$file.new
		mv $programs/$file.new $programs/$file
	done
}

# comes_again crash|restart|upgrade: nsctld is another process afterwards
comes_again() {
	local before now
	before=$(nsctld_pid)
	case $1 in
	crash) nsctld_stop KILL ;;
	restart) nsctld_stop TERM ;;
	upgrade)
		replace_programs
		equal "$(readlink "/proc/$before/exe")" "$programs/nsctld (deleted)"
		nsctld_stop TERM
		;;
	esac
	start
	now=$(nsctld_pid)
	[[ $now != "$before" ]]
	equal "$(readlink "/proc/$now/exe")" $programs/nsctld
	no_drift hers
}

# her_commands: what `nsctl ps` shows, a line a process: terminal or "-", state, command
her_commands() {
	nsctl ps hers --json |
		jq -r '.processes[] | [.terminal // "-", .state, (.command | join(" "))] | join(" ")' |
		sed -E 's,pts/[0-9]+,pts,' | sort
}

# her_commands_have REGEX
her_commands_have() {
	her_commands | grep -q "$1"
}

# her_commands_are LINE: beside a shell, and the leader of both
her_commands_are() {
	equal "$(her_commands | grep -v -e "^pts S bash" -e nsctl-session)" "$1"
}

# The steps on stdin are done (in the script of on_terminal).
done_are() {
	cat
	echo touch /run/world/alice/reached
	wait_until test -e /run/world/alice/reached
	rm /run/world/alice/reached
}

@test "a pipe: the command reads and writes on, gets signals, is listed, and its status arrives" {
	local way status=0 shell caller n=0
	mkfifo /run/world/fifo
	undo "rm -f /run/world/fifo /run/world/out"
	as alice nsctl exec hers -- bash -c 'trap "echo signalled" USR1; echo started
		while read -r x || [[ $? -gt 128 ]]; do echo "$x"; [[ $x != end ]] || exit 9; done' \
		<>/run/world/fifo >/run/world/out 2>&1 3>&- &
	shell=$!
	wait_until grep -q started /run/world/out
	caller=$(pgrep -u alice -x nsctl)
	for way in crash restart upgrade crash; do
		comes_again $way
		n=$((n + 1))
		echo "after $way $n" >/run/world/fifo
		wait_until grep -q "after $way $n" /run/world/out
		kill -USR1 "$caller"
		wait_until sh -c "test \$(grep -c signalled /run/world/out) -eq $n"
		wait_until her_commands_have "^- S bash -c trap"
		# its leader is one as well
		equal "$(nsctl status --json hers | jq '.profiles[0].processes')" 2
	done
	equal "$(readlink "/proc/$(pgrep -x nsctl-session)/exe")" "$programs/nsctl-session (deleted)"
	echo end >/run/world/fifo
	wait $shell || status=$?
	equal $status 9
}

@test "a command that lived through an upgrade is ended by down, and by the end of its nsctl" {
	local shell status=0
	as alice nsctl exec hers -- sleep 1000 3>&- &
	shell=$!
	wait_until pgrep -u alice -x sleep
	comes_again upgrade
	nsctl down hers
	wait $shell || status=$?
	[[ $status -gt 128 ]]
	wait_until nobody_of_alice
	nsctl up hers
	as alice nsctl exec hers -- sleep 1000 3>&- &
	shell=$!
	wait_until pgrep -u alice -x sleep
	comes_again upgrade
	kill -KILL "$(pgrep -u alice -x nsctl)"
	wait $shell || true
	wait_until nobody_of_alice
	equal "$(nsctl ps hers)" "no processes"
}

# terminal_session WAY: a job of a shell outside, and jobs of a shell inside it
terminal_session() {
	set -o pipefail # what writes the script can fail as well
	{
		done_are <<-'END'
			see @@ 
			modes shell
			type nsctl exec hers -- bash --norc --noprofile -b -i\r
			see @@ 
			type echo in$NSCTL_PROFILE\r
			see inhers
			see @@ 
			type sh -c 'echo rea""dy; exec cat'\r
			see ready
			type one\r
			see one\r\none\r\n
		END
		comes_again "$1"
		wait_until her_commands_are "pts S cat"
		done_are <<-'END'
			type two\r
			see two\r\ntwo\r\n
			type \x1a
			see Stopped
			see @@ 
		END
		wait_until her_commands_are "pts T cat"
		comes_again "$1"
		wait_until her_commands_are "pts T cat"
		done_are <<-'END'
			size 33 77
			type stty size; jobs\r
			see 33 77
			see Stopped
			see @@ 
			type fg\r
			reads cat
			type three\r
			see three\r\nthree\r\n
			type \x03
			see @@ 
			type exit 7\r
			see @@ 
			modes shell
			type echo status $?\r
			see status 7
			type nsctl exec hers -- sh -c 'echo rea""dy; exec cat'\r
			see ready
			type \x1a
			see Stopped
			see @@ 
			modes shell
		END
		comes_again "$1"
		cat <<-'END'
			type fg\r
			raw
			type four\r
			see four\r\nfour\r\n
			type \x04
			see @@ 
			modes shell
			type exit\r
			wait
		END
	} | on_terminal bash --norc --noprofile -b -i
}

@test "a terminal and a crash: jobs are stopped and go on, the size is told, the modes are right" {
	terminal_session crash
}

@test "a terminal and a restart" {
	terminal_session restart
}

@test "a terminal and an upgrade" {
	terminal_session upgrade
}

# ---- the responder ----------------------------------------------------------------------------

responder() {
	pgrep -f "^nsctl-aaaa .*--statistics=/run/nsctl/aaaa/office( |\$)"
}

# answers NUMBER: it answers, which makes NUMBER answers since it began
answers() {
	local reply
	reply=$(inside office dig +tries=1 +time=15 @9.9.9.9 AAAA www.example.net)
	output=$reply says "status: NOERROR" "ANSWER: 0"
	equal "$(nsctl status --json office | jq '.profiles[0].aaaa.answered')" "$1"
}

office_is_whole() {
	no_drift office && [[ $(readlink "/proc/$(responder)/exe") == "$programs/nsctl-aaaa" ]]
}

@test "a responder answers and counts on; one that ends after an upgrade comes again as the new one" {
	local way pid n=1
	profile office <<-END
		[aaaa]
		run = inside
	END
	nsctl up office
	pid=$(responder)
	answers 1
	for way in crash restart upgrade; do
		comes_again $way
		n=$((n + 1))
		equal "$(responder)" "$pid"
		equal "$(nsctl up office)" "office: already up"
		no_drift office
		answers $n
	done
	equal "$(readlink "/proc/$pid/exe")" "$programs/nsctl-aaaa (deleted)"
	kill -KILL "$pid"
	wait_until office_is_whole
	answers 1
	nsctl down office
	run ! responder
}
