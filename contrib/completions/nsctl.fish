# SPDX-License-Identifier: GPL-2.0-or-later
# fish completion for nsctl(1)

function __nsctl_profiles
    nsctl list --names 2>/dev/null
end

# What stands before the cursor: nsctl's words without options and their values, and behind "exec
# PROFILE" the other command's line. Prints "word WORD" and "rest WORD"; "value": an option waits for one.
function __nsctl_words
    set -l skip 0
    set -l plain
    set -l rest 0
    for word in (commandline -opc)[2..-1]
        if test $rest = 1
            echo rest $word
            continue
        else if test $skip = 1
            set skip 0
            continue
        end
        switch $word
            case --socket --daemon --profiles --user -u --chdir --plot
                set skip 1
            case --
                test "$plain[1]" = exec; and test (count $plain) -ge 2; and set rest 1; and echo rest
            case '-*'
            case '*'
                set -a plain $word
                if test "$plain[1]" = exec; and test (count $plain) -gt 2
                    set rest 1
                    echo rest $word
                else
                    echo word $word
                end
        end
    end
    test $skip = 1; and echo value
end

function __nsctl_command
    __nsctl_words | string replace -rf '^word ' '' | head -n 1 | grep .
end

function __nsctl_is
    contains -- (__nsctl_command) $argv
end

# For exec: the profile is there already, and what follows is another command's line.
function __nsctl_in_command
    set -l words (__nsctl_words)
    string match -q 'rest*' -- $words; and return
    string match -q value -- $words; and return 1
    test "$words[1]" = 'word exec'; and test (count $words) -ge 2; and not string match -q -- '-*' (commandline -ct)
end

function __nsctl_complete_command
    set -l words (__nsctl_words | string replace -rf '^rest ' '')
    complete -C "$(string join ' ' -- (string escape -- $words) (commandline -ct))"
end

complete -c nsctl -f
complete -c nsctl -n 'not __nsctl_command' -a up -d 'make the network of a profile'
complete -c nsctl -n 'not __nsctl_command' -a down -d 'end what runs inside, and take it away'
complete -c nsctl -n 'not __nsctl_command' -a exec -d 'run a command inside a profile'
complete -c nsctl -n 'not __nsctl_command' -a status -d 'show what is up'
complete -c nsctl -n 'not __nsctl_command' -a list -d 'list the profiles that you may use'
complete -c nsctl -n 'not __nsctl_command' -a ps -d 'list what runs inside a profile'
complete -c nsctl -n 'not __nsctl_command' -a check -d 'look for mistakes in profiles'
complete -c nsctl -n 'not __nsctl_command' -a show -d 'show the values of a profile'
complete -c nsctl -n 'not __nsctl_command' -a aaaa -d 'show what the AAAA responder of a profile does'
complete -c nsctl -n 'not __nsctl_command' -a help -d 'say what a command does'
complete -c nsctl -n 'not __nsctl_command' -s V -l version -d 'show the version'

complete -c nsctl -n 'not __nsctl_in_command' -l socket -r -F -d 'the socket of nsctld'
complete -c nsctl -n 'not __nsctl_in_command' -l daemon -r -F -d 'the nsctld that root starts'
complete -c nsctl -n 'not __nsctl_in_command' -l profiles -x -a '(__fish_complete_directories)' -d 'a directory with profiles'
complete -c nsctl -n 'not __nsctl_in_command' -s h -l help -d 'show help'

complete -c nsctl -n '__nsctl_is up' -l dry-run -d 'print a shell script instead'
complete -c nsctl -n '__nsctl_is up' -l wait -d 'return when it is ready'
complete -c nsctl -n '__nsctl_is down' -l all -d 'every profile that is up'
complete -c nsctl -n '__nsctl_is status' -l json -d 'output for programs'
complete -c nsctl -n '__nsctl_is status' -l watch -d 'show it every second'
complete -c nsctl -n '__nsctl_is list' -l json -d 'output for programs'
complete -c nsctl -n '__nsctl_is list' -l names -d 'only the names'
complete -c nsctl -n '__nsctl_is ps' -l json -d 'output for programs'
complete -c nsctl -n '__nsctl_is show' -l json -d 'output for programs'
complete -c nsctl -n '__nsctl_is aaaa' -l json -d 'output for programs'
complete -c nsctl -n '__nsctl_is aaaa' -l watch -d 'show it live'
complete -c nsctl -n '__nsctl_is aaaa' -l plot -r -F -d 'draw the last minutes into an SVG file'
complete -c nsctl -n '__nsctl_is aaaa' -l prometheus -d 'in the text format of Prometheus'
complete -c nsctl -n '__nsctl_is exec; and not __nsctl_in_command' -s u -l user -x -a '(__fish_complete_users)' -d 'run as this user'
complete -c nsctl -n '__nsctl_is exec; and not __nsctl_in_command' -l chdir -x -a '(__fish_complete_directories)' -d 'run in this directory'

complete -c nsctl -n '__nsctl_is up down status ps check show aaaa; or __nsctl_is exec; and not __nsctl_in_command' -a '(__nsctl_profiles)' -d profile
complete -c nsctl -n '__nsctl_is check' -F
complete -c nsctl -n '__nsctl_is help' -a 'up down exec status list ps check show aaaa'
complete -c nsctl -n __nsctl_in_command -a '(__nsctl_complete_command)'
