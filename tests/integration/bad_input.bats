#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Whatever is wrong is refused, with words that say what is wrong, and nothing has been made.

load lib/common

# refuses_profile TEXT… : the profile on stdin is refused by `up` and by `check`, with these words.
refuses_profile() {
	profile bad
	refused "$@" -- nsctl up bad
	same_except_profile
	run nsctl check bad
	[[ $status -ne 0 ]]
	says "$@"
}

# The profile file itself is new, nothing else is.
same_except_profile() {
	run same_as_before
	[[ -z $(grep '^[-+][a-z]' <<<"$output" | grep -v '^+files: /etc/nsctl') ]] ||
		{ echo "$output" && return 1; }
}

@test "an unknown key: file, line, what stood there, and the nearest word" {
	refuses_profile /etc/nsctl/profiles/bad.ini:2 adress "address" <<-END
		[link]
		adress = 10.77.0.2/24
	END
}

@test "check tells of all mistakes, of what no step does, and of strangers" {
	profile bad <<-END
		[link]
		adress = 10.77.0.2/24
		mtu = much
		[access]
		users = nobody
	END
	refused bad.ini:2 adress bad.ini:3 much -- nsctl check bad
	profile bad <<-END
		[link]
		publish = 8080 -> 80
		[service web]
		command = httpd
	END
	refused "[link] publish" "[service NAME]" -- nsctl check bad
	refused "[link] publish" -- nsctl up bad
	profile bad <<-END
		[access]
		users = nobody, nosuchuser
		groups = nosuchgroup
	END
	run nsctl check bad
	[[ $status -eq 0 && $output != *'"nobody"'* ]]
	says 'users: no user "nosuchuser"' 'groups: no group "nosuchgroup"' ok
}

@test "an unknown section" {
	refuses_profile /etc/nsctl/profiles/bad.ini:1 lnik link <<-END
		[lnik]
		address = 10.77.0.2/24
	END
}

@test "a bad value: what stood there and what is allowed" {
	refuses_profile /etc/nsctl/profiles/bad.ini:2 brigde bridge ptp none <<-END
		[link]
		type = brigde
	END
}

@test "a duplicate key" {
	refuses_profile /etc/nsctl/profiles/bad.ini:3 gateway <<-END
		[link]
		gateway = 10.77.0.1
		gateway = 10.77.0.2
	END
}

@test "a bad CIDR" {
	refuses_profile /etc/nsctl/profiles/bad.ini:2 10.77.0.2/33 <<-END
		[link]
		address = 10.77.0.2/33
	END
}

@test "a gateway outside the subnet" {
	refuses_profile /etc/nsctl/profiles/bad.ini:3 10.78.0.1 10.77.0.0/24 <<-END
		[link]
		address = 10.77.0.2/24
		gateway = 10.78.0.1
	END
}

@test "a gateway without an address" {
	refuses_profile /etc/nsctl/profiles/bad.ini:2 gateway 8.8.8.8 "address = auto" <<-END
		[link]
		gateway = 8.8.8.8
	END
}

@test "a responder that nothing runs" {
	refuses_profile /etc/nsctl/profiles/bad.ini:2 only "run = no" <<-END
		[aaaa]
		only = example.org
	END
}

@test "a child of vpn has another type of link, or none" {
	local type
	for type in ptp none; do
		profile child <<-END
			[profile]
			inherit = vpn
			[link]
			type = $type
		END
		nsctl check child
		nsctl up child
		run ! ip link show nsctl0
		nsctl down child
	done
}

@test "the name of an interface is no command" {
	refuses_profile /etc/nsctl/profiles/bad.ini:2 bridge '$(id)' <<-'END'
		[link]
		bridge = $(id)
	END
}

@test "two mounts on one place" {
	refuses_profile /etc/nsctl/profiles/bad.ini:3 /srv/ /etc/nsctl/profiles/bad.ini:2 <<-END
		[mount]
		bind = /etc:/srv
		tmpfs = /srv/
	END
}

@test "more types of records than the responder takes" {
	refuses_profile /etc/nsctl/profiles/bad.ini:3 qtype 16 <<-END
		[aaaa]
		run = inside
		qtype = $(seq -s , 300 316)
	END
}

@test "a subnet that is in use on the host" {
	profile bad <<-END
		[link]
		address = 192.168.1.77/24
		gateway = 192.168.1.1
	END
	refused 192.168.1 eth0 -- nsctl up bad
	same_except_profile
}

@test "a subnet that only a route in another table uses" {
	ip route add 10.77.0.0/16 via 192.168.1.1 table 77
	undo "ip route del 10.77.0.0/16 table 77"
	record_before
	profile bad <<-END
		[link]
		address = 10.77.3.2/24
	END
	refused 10.77.0.0/16 -- nsctl up bad
	same_except_profile
}

@test "a subnet that would swallow a smaller one of the host" {
	ip route add 10.77.3.0/28 via 192.168.1.1
	undo "ip route del 10.77.3.0/28"
	record_before
	profile bad <<-END
		[link]
		address = 10.77.3.200/24
	END
	refused 10.77.3.0/28 -- nsctl up bad
	same_except_profile
}

@test "routes for everything do not count as a subnet in use" {
	ip route add 0.0.0.0/1 via 192.168.1.1
	undo "ip route del 0.0.0.0/1"
	ip route add 128.0.0.0/1 via 192.168.1.1
	undo "ip route del 128.0.0.0/1"
	record_before
	nsctl up vpn
	no_drift vpn
}

@test "auto takes another range when the first is in use" {
	ip route add 10.193.0.0/16 via 192.168.1.1
	undo "ip route del 10.193.0.0/16"
	record_before
	nsctl up vpn
	[[ $(address_of vpn) == 172.29.* ]]
	equal "$(inside vpn curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

@test "auto says so when every range is in use" {
	local range
	for range in 10.193.0.0/16 172.29.0.0/16 192.168.240.0/20; do
		ip route add $range via 192.168.1.1
		undo "ip route del $range"
	done
	record_before
	refused pool -- nsctl up vpn
	same_as_before
}

@test "a bridge that is not a bridge" {
	ip link add br7 type veth peer name br7peer
	undo "ip link del br7"
	record_before
	profile bad <<-END
		[link]
		bridge = br7
	END
	refused br7 bridge -- nsctl up bad
	same_except_profile
}

@test "a fixed bridge address that another interface of the host has" {
	ip address add 10.77.0.1/32 dev lo
	undo "ip address del 10.77.0.1/32 dev lo"
	record_before
	profile bad <<-END
		[link]
		address = 10.77.0.2/24
		gateway = 10.77.0.1
	END
	refused 10.77.0.1 -- nsctl up bad
	same_except_profile
}

@test "a name that is too long" {
	local long=a23456789012345678901234567890123
	refused "$long" -- nsctl up $long
	refused "$long" -- nsctl down $long
	refused "$long" -- nsctl exec $long -- true
}

@test "a name that is no name" {
	local name
	for name in ../vpn -- .vpn 'v pn' '' a/b; do
		run nsctl up -- "$name"
		[[ $status -ne 0 ]] || { echo "taken: '$name'" && return 1; }
	done
}

@test "a profile file that others can write" {
	profile bad </dev/null
	chmod 666 /etc/nsctl/profiles/bad.ini
	refused /etc/nsctl/profiles/bad.ini writ -- nsctl up bad
	chmod 664 /etc/nsctl/profiles/bad.ini
	chgrp alice /etc/nsctl/profiles/bad.ini
	refused /etc/nsctl/profiles/bad.ini writ -- nsctl up bad
	same_except_profile
}

@test "a profile file that is another user's" {
	profile bad </dev/null
	chown alice /etc/nsctl/profiles/bad.ini
	refused /etc/nsctl/profiles/bad.ini -- nsctl up bad
	same_except_profile
}

@test "a profile directory that others can write" {
	profile bad </dev/null
	chmod 777 /etc/nsctl/profiles
	undo "chmod 755 /etc/nsctl/profiles"
	refused /etc/nsctl/profiles writ -- nsctl up bad
}

@test "no such profile" {
	refused nosuch "no profile" -- nsctl up nosuch
	refused nosuch -- nsctl down nosuch
	refused nosuch -- nsctl status nosuch
	local command
	for command in up down exec status ps aaaa show check; do
		refused 'no profile "vnp"' 'did you mean "vpn"?' -- nsctl $command vnp
		refused 'no profile "vpn.ini"' 'did you mean "vpn"?' -- nsctl $command vpn.ini
	done
}

@test "a link that leads nowhere is no profile, and is not taken for a misspelt one" {
	ln -s nowhere /etc/nsctl/profiles/bad.ini
	undo "rm /etc/nsctl/profiles/bad.ini"
	refused "/etc/nsctl/profiles/bad.ini is a link to nothing" -- nsctl up bad
	refused "/etc/nsctl/profiles/bad.ini is a link to nothing" -- nsctl check bad
	run -0 nsctl list
	says "(wrong: /etc/nsctl/profiles/bad.ini is a link to nothing)"
	same_except_profile
}

@test "a profile that is not up: exec says how to bring it up" {
	run -125 nsctl exec vpn -- true
	says "nsctl: profile vpn is not up" "nsctl up vpn"
	refused "profile vpn is not up" "nsctl up vpn" -- nsctl ps vpn
	refused "profile vpn is not up" "nsctl up vpn" -- nsctl aaaa vpn
}

@test "down of what is down already is no failure, and says so" {
	run -0 nsctl down vpn
	says vpn "already down"
}

@test "a profile that asks for what is not built yet" {
	refuses_unsupported() {
		profile bad
		refused "$@" -- nsctl up bad
		same_except_profile
	}
	refuses_unsupported firewall <<-END
		[firewall]
		egress = none
	END
	refuses_unsupported publish <<-END
		[link]
		publish = 8080 -> 80
	END
	refuses_unsupported service <<-END
		[service x]
		command = sleep 1
	END
	refuses_unsupported hook <<-END
		[hook]
		pre-up = true
	END
	refuses_unsupported pid <<-END
		[namespace]
		pid = yes
	END
}

@test "a step that fails half way leaves nothing of the steps before it" {
	profile bad <<-END
		[dns]
		nameserver = 9.9.9.9
		[mount]
		bind = /nonexistent/source:/mnt
	END
	refused /nonexistent/source -- nsctl up bad
	same_except_profile
}

@test "each failure names its profile, and names it once" {
	ip link add br7 type veth peer name br7peer
	undo "ip link del br7"
	local name
	for name in br7 bridge not bad; do
		printf '[link]\nbridge = br7\n' | profile $name
	done
	run nsctl up br7 bridge not bad nosuch vpn
	printf '%s\n' "$output"
	equal "$(grep -c '^nsctl: \(br7\|bridge\|not\|bad\): .*br7' <<<"$output")" 4
	grep -q '^nsctl: no profile "nosuch"' <<<"$output"
	printf '[link]\nbridge = $(id)\n' | profile bad
	run -1 nsctl up bad
	[[ ${lines[0]} == 'nsctl: /etc/nsctl/profiles/bad.ini:2: '* ]]
}

@test "one bad profile of several does not stop the others" {
	run nsctl up vpn nosuch offline
	[[ $status -ne 0 ]]
	says nosuch
	equal "$(state vpn) $(state offline)" "up up"
}

@test "unknown commands and options" {
	refused upp 'did you mean "nsctl up"?' -- nsctl upp vpn
	refused stop 'did you mean "nsctl down"?' -- nsctl stop vpn
	refused nothing-like-it 'see "nsctl --help"' -- nsctl nothing-like-it
	refused --frobnicate -- nsctl up --frobnicate vpn
	run -2 nsctl
	says "Usage: "
	refused "" -- nsctl up
	refused "" -- nsctl exec
	refused "only one" -- nsctl list --names --json
	refused "/nonexistent: No such file" -- nsctl --profiles /nonexistent check
	refused "/etc/passwd: Not a directory" -- nsctl --profiles /etc/passwd check
	run -2 nsctl-aaaa --hook=outptu
	says "--hook: this value is not allowed: outptu"
	nsctl up vpn
	run -127 nsctl exec vpn ''
	says "can't run \"\": command not found"
}

@test "a socket on which nobody listens is named, and who has the lock" {
	refused "nobody listens on /run/world/none" "process $(nsctld_pid)," \
		"does not answer at /run/world/none" -- nsctl --socket /run/world/none list
	run -0 nsctl list
}

@test "the daemon does not run: a user is told how to start it, root's nsctl starts it" {
	nsctld_stop
	run -125 as alice nsctl exec vpn -- true
	says "nsctl: " nsctld
	run as alice nsctl list
	[[ $status -ne 0 ]]
	says "nsctl: " nsctld

	run -0 nsctl list
	says vpn
	pgrep -o -x nsctld >/run/world/nsctld.pid
	undo "rm -f /run/nsctl/nsctld.log"
	nsctld_stop
	nsctld_start
}

@test "not admitted: what exists and what does not look alike" {
	run as mallory nsctl up vpn
	local status_vpn=$status said_vpn=${output//vpn/NAME}
	run as mallory nsctl up nosuch
	equal "$status ${output//nosuch/NAME}" "$status_vpn $said_vpn"
	[[ $status -ne 0 ]]
	nsctl up vpn
	local command
	for command in up down exec status; do
		run as mallory nsctl $command vpn
		status_vpn=$status said_vpn=${output//vpn/NAME}
		[[ $status -ne 0 ]] || { echo "$command was allowed" && return 1; }
		run as mallory nsctl $command nosuch
		equal "$status ${output//nosuch/NAME}" "$status_vpn $said_vpn"
	done
	equal "$(state vpn)" up
	equal "$(as mallory nsctl list --json | jq -c .)" "$(as mallory nsctl list --json | jq -c .)"
	for command in list status "down --all"; do
		# shellcheck disable=SC2086
		run -0 as mallory nsctl $command
		[[ $output == "no profile that you may use"* ]]
	done
}

@test "not root: the daemon refuses to start, and says why" {
	run as alice nsctld
	[[ $status -ne 0 ]]
	says root
}
