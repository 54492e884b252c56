# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for nsctl(1)

_nsctl_profiles() {
	"${COMP_WORDS[0]}" list --names 2>/dev/null
}

_nsctl_options() {
	local options="--socket --daemon --profiles --help"
	case $1 in
	up) options+=" --dry-run --wait" ;;
	down) options+=" --all" ;;
	exec) options+=" --user --chdir" ;;
	status) options+=" --json --watch" ;;
	list) options+=" --json --names" ;;
	ps | show) options+=" --json" ;;
	aaaa) options+=" --json --watch --plot --prometheus" ;;
	"") options+=" --version" ;;
	esac
	echo "$options"
}

# _nsctl_reply WORD COMPGEN-ARGUMENT...: names with spaces stay whole
_nsctl_reply() {
	local word=$1
	shift
	mapfile -t COMPREPLY < <(compgen "$@" -- "$word")
}

_nsctl_words() {
	local word=$1 command=$2 position=$3
	case $command in
	"" | help) [[ $command && $position -gt 0 ]] ||
		_nsctl_reply "$word" -W "up down exec status list ps check show aaaa help" ;;
	up | down | status | aaaa) _nsctl_reply "$word" -W "$(_nsctl_profiles)" ;;
	exec | ps | show) [[ $position -gt 0 ]] || _nsctl_reply "$word" -W "$(_nsctl_profiles)" ;;
	check)
		compopt -o filenames 2>/dev/null
		_nsctl_reply "$word" -f -W "$(_nsctl_profiles)"
		;;
	esac
}

# The command behind "nsctl exec PROFILE": whatever completes it elsewhere does so here.
_nsctl_command() {
	local offset=$1
	if declare -F _command_offset >/dev/null; then
		_command_offset "$offset"
	elif ((offset == COMP_CWORD)); then
		_nsctl_reply "${COMP_WORDS[COMP_CWORD]}" -c
	else
		compopt -o default 2>/dev/null
	fi
}

_nsctl() {
	local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
	local command="" position=0 end="" i
	COMPREPLY=()
	for ((i = 1; i < COMP_CWORD; i++)); do
		case ${COMP_WORDS[i]} in
		--socket | --daemon | --profiles | --chdir | --user | -u | --plot) ((i++)) ;;
		--) [[ $command == exec && $position -gt 0 ]] && end=$((i + 1)) ;;
		-*) ;;
		*)
			if [[ ! $command ]]; then
				command=${COMP_WORDS[i]}
			elif [[ $command == exec && $position -gt 0 ]]; then
				end=$i
			else
				((++position))
			fi
			;;
		esac
		[[ ! $end ]] || break
	done
	if [[ $end ]]; then
		_nsctl_command "$end"
		return
	fi
	case $previous in
	--socket | --daemon | --plot)
		compopt -o filenames 2>/dev/null
		_nsctl_reply "$word" -f
		return
		;;
	--profiles | --chdir)
		compopt -o filenames 2>/dev/null
		_nsctl_reply "$word" -d
		return
		;;
	--user | -u)
		_nsctl_reply "$word" -u
		return
		;;
	esac
	if [[ $word == -* ]]; then
		_nsctl_reply "$word" -W "$(_nsctl_options "$command")"
	elif [[ $command == exec && $position -gt 0 ]]; then
		_nsctl_command "$COMP_CWORD"
	else
		_nsctl_words "$word" "$command" "$position"
	fi
}

complete -F _nsctl nsctl
