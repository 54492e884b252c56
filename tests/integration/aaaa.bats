#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The AAAA responder: where it answers and where it does not, what it has no right to, and that
# questions reach the real server whenever it is not there.

load lib/common

server=9.9.9.53
log=/run/world/log/slow-dns

prepare_file() {
	# Of another machine: what is changed there is not the host's state.
	on internet ip address add $server/32 dev lo
	world_start nsenter -t "$(</run/world/machines/internet)" -n -- \
		"${integration:?}/lib/slow-dns" $server $log
}

prepare() {
	: >$log
}

# answered_at_once PREFIX…: no such data, and the server has not heard of it
answered_at_once() {
	local before after reply
	before=$(grep -c AAAA $log) || true
	reply=$("$@" dig +tries=1 +time=20 "@$server" AAAA "${name:-host.example.org}")
	output=$reply says "status: NOERROR" "ANSWER: 0"
	after=$(grep -c AAAA $log) || true
	equal "$after" "$before"
}

# reaches_the_server PREFIX…: an AAAA query does
reaches_the_server() {
	local before
	before=$(grep -c AAAA $log) || true
	"$@" python3 - $server <<-'END'
		import socket, sys
		query = bytes.fromhex("000001000001000000000000") + b"\4host\7example\3org\0" + bytes.fromhex("001c0001")
		socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(query, (sys.argv[1], 53))
	END
	wait_until sh -c "test \$(grep -c AAAA $log) -eq $((before + 1))"
}

in_office() {
	nsctl exec office -- "$@"
}

responder() {
	pgrep -f "^nsctl-aaaa .*--statistics=/run/nsctl/aaaa/$1( |\$)"
}

# guard RESPONDER: the process that looks whether it runs
guard() {
	pgrep -P "$1" -x aaaa-guard
}

office() {
	profile office <<-END
		[aaaa]
		run = inside
		$1
	END
	nsctl up office
}

# ---- where ---------------------------------------------------------------------------------

@test "inside, output: the profile's programs are answered at once, others not" {
	office
	answered_at_once in_office
	equal "$(in_office dig +short +tries=1 +time=20 @$server A host.example.org)" 192.0.2.1
	reaches_the_server env
}

@test "inside, output: TCP and other types go to the server" {
	office
	in_office dig +tcp +tries=1 +time=20 @$server AAAA host.example.org | grep -q "status: NOERROR"
	grep -q "^tcp AAAA" $log
	in_office dig +tries=1 +time=20 @$server MX host.example.org | grep -q "status: NOERROR"
	grep -q "^udp MX" $log
}

@test "inside, input: a server in the profile is spared" {
	profile office <<-END
		[aaaa]
		run = inside
		hook = input
	END
	nsctl up office
	local address
	address=$(address_of office)
	in_office "$integration/lib/slow-dns" "$address" /run/world/log/own-dns >/run/world/own-ready 3>&- 4>&- &
	wait_until grep -q ready /run/world/own-ready
	dig +tries=1 +time=20 "@$address" AAAA host.example.org | grep -q "status: NOERROR"
	equal "$(dig +short +tries=1 +time=20 "@$address" A host.example.org)" 192.0.2.1
	run ! grep AAAA /run/world/log/own-dns
}

@test "dns-host: who asks this host's server is answered, and nothing else changes" {
	local own
	"$integration/lib/slow-dns" 192.168.1.2 /run/world/log/own-dns >/run/world/own-ready 3>&- 4>&- &
	own=$!
	undo "kill $own; wait_until is_gone $own; rm -f /run/world/own-ready"
	wait_until grep -q ready /run/world/own-ready
	ip -j address >/run/world/addresses
	nsctl up dns-host
	ip -j address | cmp - /run/world/addresses
	equal "$(nsctl status --json dns-host | jq -c '.profiles[0] | [.state, .netns, .interfaces]')" '["up",null,[]]'
	on web dig +tries=1 +time=20 @192.168.1.2 AAAA host.example.org | grep -q "status: NOERROR"
	equal "$(on web dig +short +tries=1 +time=20 @192.168.1.2 A host.example.org)" 192.0.2.1
	run ! grep AAAA /run/world/log/own-dns
	# the host's own questions to others are not this profile's business
	reaches_the_server env
	nsctl down dns-host
	run -9 on web dig +tries=1 +time=1 @192.168.1.2 AAAA host.example.org
	grep -q AAAA /run/world/log/own-dns
}

@test "outside, forward: only this profile's queries are answered" {
	profile office <<-END
		[aaaa]
		run = outside
		hook = forward
	END
	profile other <<-END
		[link]
		isolate = no
	END
	nsctl up office other
	answered_at_once in_office
	reaches_the_server nsctl exec other --
	reaches_the_server env
}

@test "outside, forward, network = host: everybody's are that pass through this host" {
	profile passing <<-END
		[namespace]
		network = host
		[aaaa]
		run = outside
		hook = forward
	END
	profile other </dev/null
	nsctl up passing other
	answered_at_once nsctl exec other --
	reaches_the_server env
}

@test "several responders side by side" {
	office
	profile forwarded <<-END
		[aaaa]
		run = outside
		hook = forward
	END
	nsctl up dns-host forwarded
	answered_at_once in_office
	answered_at_once nsctl exec forwarded --
	equal "$(pgrep -c nsctl-aaaa)" 3
}

@test "queues = 2: two processes share the work and end together" {
	office "queues = 2"
	for _ in {1..10}; do
		answered_at_once in_office
	done
	equal "$(nsctl status --json office | jq '.profiles[0].aaaa.answered')" 10
	equal "$(pgrep -c nsctl-aaaa)" 2
	nsctl down office
	run -1 pgrep nsctl-aaaa
}

@test "only, except, qtype and soa" {
	profile office <<-END
		[aaaa]
		run = inside
		only = example.org, corp
		except = lab.example.org
		qtype = AAAA, HTTPS
		soa = yes
	END
	nsctl up office
	answered_at_once in_office
	name=x.corp answered_at_once in_office
	in_office dig +tries=1 +time=20 @$server AAAA host.example.org | grep -q "^host.example.org.	60	IN	SOA"
	in_office dig +tries=1 +time=20 @$server TYPE65 host.example.org | grep -q "IN	SOA"
	run -9 in_office dig +tries=1 +time=1 @$server AAAA x.lab.example.org
	run -9 in_office dig +tries=1 +time=1 @$server AAAA example.net
	equal "$(grep -c AAAA $log)" 2
	run ! grep -E "TYPE65|HTTPS" $log
}

@test "a list of domains that is longer than one argument can be" {
	{
		printf '[aaaa]\nrun = inside\n'
		printf 'only = a-domain-as-long-as-many-are-%04d.example\n' {1..3500}
	} | profile office
	nsctl check office
	nsctl up office
	local n
	for n in 0001 1750 3500; do
		name=x.a-domain-as-long-as-many-are-$n.example answered_at_once in_office
	done
	run -9 in_office dig +tries=1 +time=1 @$server AAAA host.example.org
}

@test "a changed profile starts it anew" {
	local before
	office
	before=$(responder office)
	nsctl up office
	equal "$(responder office)" "$before"
	sed -i '$a except = example.org' /etc/nsctl/profiles/office.ini
	nsctl up office
	[[ $(responder office) != "$before" ]]
	reaches_the_server in_office
	sed -i 's/^run = .*/run = no/; /^except/d' /etc/nsctl/profiles/office.ini
	nsctl up office
	run ! responder office
	[[ ! -e /run/nsctl/aaaa ]]
}

@test "a file that is nothing for it is refused, and nothing stays" {
	profile office <<-END
		[aaaa]
		run = outside
		hook = output
	END
	refused "office.ini:" "hook" -- nsctl up office
	record_before
}

# ---- rights ----------------------------------------------------------------------------------

# has_no_rights PROCESS USER
has_no_rights() {
	local key
	for key in Uid=$2 Gid=$2 CapInh=0000000000000000 CapPrm=0000000000001000 CapEff=0000000000001000 \
		CapBnd=0000000000000000 CapAmb=0000000000000000 NoNewPrivs=1 Seccomp=2; do
		equal "${key%=*}=$(sed -n "s/^${key%=*}:\t\([^\t]*\).*/\1/p" "/proc/$1/status")" "$key"
	done
	equal "$(sed -n 's/^Groups:\s*//p' "/proc/$1/status")" ""
	equal "$(ls -A "/proc/$1/root/")" ""
	equal "$(wc -l <"/proc/$1/mountinfo")" 1
	equal "$(awk '/^Max file size/ { print $5 }' "/proc/$1/limits")" \
		"$(stat -c %s /run/nsctl/aaaa/office)"
	# the kernel gives the files of one that can't be traced to root
	equal "$(stat -c %u "/proc/$1/mem")" 0
}

# has_nothing_but PROCESS REGEX: it has these open, and by now no more by what it has told that it is ready
has_nothing_but() {
	! readlink "/proc/$1/fd/"* | grep -Evx "$2"
}

@test "it has no rights but one: user, capabilities, root, system calls; its guard neither" {
	local pid
	office
	pid=$(responder office)
	has_no_rights "$pid" 2004
	# nothing but what it works with: /dev/null three times, sockets, the count
	wait_until has_nothing_but "$pid" '/dev/null|socket:.*|/nsctl/aaaa/office|/run/nsctl/aaaa/office|/'
	pid=$(guard "$pid")
	has_no_rights "$pid" 2004
	wait_until has_nothing_but "$pid" \
		'/dev/null|socket:.*|/nsctl/aaaa/office|/run/nsctl/aaaa/office|/|.*/net/netfilter/nfnetlink_queue'
}

# ---- when it is not there ---------------------------------------------------------------------

@test "killed: questions reach the server at once, and soon it is back" {
	local before
	office "soa = no"
	before=$(responder office)
	kill -STOP "$(nsctld_pid)"
	undo "kill -CONT $(nsctld_pid)"
	kill -KILL "$before"
	wait_until is_gone "$before"
	reaches_the_server nsenter "--net=/run/netns/office"
	kill -CONT "$(nsctld_pid)"
	wait_until responder office
	wait_until answered_at_once in_office
	no_drift office
	nsctl status --json office | jq -e '.profiles[0].repair.count == 1'
}

@test "killed again and again: it is left alone, status says so, up begins anew" {
	office
	killed_and_given_up() {
		! responder office || kill -KILL "$(responder office)"
		nsctl status --json office | jq -e '.profiles[0].repair.gave_up != null'
	}
	wait_until killed_and_given_up
	equal "$(drift office)" "aaaa: the responder does not run"
	reaches_the_server in_office
	nsctl up office
	answered_at_once in_office
}

@test "repair = no: it is not started again, and status says so" {
	profile office <<-END
		[profile]
		repair = no
		[aaaa]
		run = inside
	END
	nsctl up office
	kill -KILL "$(responder office)"
	wait_until sh -c "nsctl status --json office | grep -q 'does not run'"
	equal "$(state office)" partial
	reaches_the_server in_office
}

@test "stopped: what waits and what comes reaches the server, and soon it is back" {
	local before
	office
	before=$(responder office)
	kill -STOP "$before"
	reaches_the_server in_office
	wait_until is_gone "$before"
	wait_until responder office
	wait_until answered_at_once in_office
	no_drift office
	nsctl status --json office | jq -e '.profiles[0].repair.count == 1'
}

@test "stopped: with several queues all end" {
	local -a pids
	office "queues = 2"
	mapfile -t pids < <(responder office)
	kill -STOP "${pids[@]}"
	reaches_the_server in_office
	wait_until is_gone "${pids[0]}"
	wait_until is_gone "${pids[1]}"
	wait_until responder office
	wait_until answered_at_once in_office
}

# freezable RESPONDER: $group is a new cgroup, with the responder and its guard in it
freezable() {
	local pid
	group=$(findmnt -nro TARGET -t cgroup2 | tail -n 1)/world-frozen-$$
	mkdir "$group" 2>/dev/null || skip "no cgroup can be made here"
	[[ -e $group/cgroup.freeze ]] || skip "cgroups can't be frozen here"
	undo "wait_until rmdir $group"
	undo "echo 0 >$group/cgroup.freeze"
	for pid in "$1" "$(guard "$1")"; do
		echo "$pid" >"$group/cgroup.procs"
	done
}

@test "frozen with its guard: another takes its place as soon as nsctld hears of it" {
	local before
	office
	before=$(responder office)
	freezable "$before"
	nsctld_stop
	nsctld_start # it looks where they are when it takes them up
	echo 1 >"$group/cgroup.freeze"
	wait_until is_gone "$before"
	wait_until responder office
	wait_until answered_at_once in_office
	no_drift office
	nsctl status --json office | jq -e '.profiles[0].repair.count == 1'
}

@test "frozen while no nsctld runs: another takes its place when there is one again" {
	local before
	office
	before=$(responder office)
	freezable "$before"
	nsctld_stop
	echo 1 >"$group/cgroup.freeze"
	wait_until grep -q "frozen 1" "$group/cgroup.events"
	nsctld_start
	wait_until is_gone "$before"
	wait_until responder office
	wait_until answered_at_once in_office
	no_drift office
}

@test "frozen, repair = no: status says so, up puts another in its place, down ends it" {
	local before
	profile office <<-END
		[profile]
		repair = no
		[aaaa]
		run = inside
	END
	nsctl up office
	before=$(responder office)
	freezable "$before"
	echo 1 >"$group/cgroup.freeze"
	wait_until grep -q "frozen 1" "$group/cgroup.events"
	equal "$(drift office)" \
		"aaaa: the responder is frozen with its control group: queries for AAAA wait"
	nsctl up office
	wait_until is_gone "$before"
	answered_at_once in_office
	no_drift office
}

@test "its guard is killed: it ends, queries reach the server, and soon both are back" {
	local before
	office
	before=$(responder office)
	kill -KILL "$(guard "$before")"
	wait_until is_gone "$before"
	wait_until responder office
	wait_until answered_at_once in_office
	guard "$(responder office)"
}

@test "while nobody asks, neither it nor its guard wakes" {
	local pid before
	office
	answered_at_once in_office
	pid=$(responder office)
	wakes() {
		awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$pid/status" \
			"/proc/$(guard "$pid")/status"
	}
	idle() {
		before=$(wakes)
		sleep 1 # more than two looks of a guard that has one after the other
		[[ $(wakes) -eq $before ]]
	}
	wait_until idle
}

@test "flooded: what it can't take reaches the server" {
	local pid
	office
	pid=$(responder office)
	kill -STOP "$(guard "$pid")" "$pid"
	in_office python3 - $server <<-'END'
		import socket, sys
		query = bytes.fromhex("000001000001000000000000") + b"\4host\7example\3org\0" + bytes.fromhex("001c0001")
		# what waits counts against the sender's buffer
		for _ in range(100):
		    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		    for _ in range(100):
		        s.sendto(query, (sys.argv[1], 53))
	END
	wait_until sh -c "test \$(grep -c AAAA $log) -ge 100"
	nothing_comes_any_more() {
		local before
		before=$(wc -l <$log)
		# it has taken what has come, and written it down
		[[ $(on internet ss -Hun src $server:53 | awk '{ n += $2 } END { print n + 0 }') -eq 0 ]]
		sleep 0.3
		[[ $(wc -l <$log) -eq $before ]]
	}
	wait_until nothing_comes_any_more
	kill -CONT "$pid" "$(guard "$pid")"
	answered_at_once in_office
}

@test "nsctld is killed: it goes on, and the next nsctld takes it up" {
	local before
	office
	before=$(responder office)
	nsctld_stop KILL
	nsctld_start
	no_drift office
	equal "$(nsctl up office)" "office: already up"
	equal "$(responder office)" "$before"
	nsctld_stop KILL
	kill -KILL "$before"
	nsctld_start
	wait_until responder office
	wait_until no_drift office
}

@test "nsctld is killed while it starts one: nothing is left that nobody knows" {
	local delay
	for delay in 0.001 0.004 0.008 0.012 0.016 0.020 0.030; do
		nsctl up dns-host --daemon /nonexistent >/dev/null 2>&1 3>&- 4>&- &
		local caller=$!
		sleep $delay # not to wait for something: to hit it at different points
		nsctld_stop KILL
		wait $caller || true
		nsctld_start
		nsctl down --all
		wait_until sh -c "! pgrep nsctl-aaaa"
		same_as_before
	done
}

# ---- by hand ----------------------------------------------------------------------------------

@test "the explanation makes the same rules" {
	nsctl up dns-host
	nft list ruleset >/run/world/rules
	nsctl up --dry-run dns-host >/run/world/script
	nsctl down dns-host
	sh -e /run/world/script
	wait_until sh -c "nft list ruleset 2>/dev/null | grep -q notrack"
	nft list ruleset >/run/world/rules-by-hand
	kill "$(responder dns-host)"
	wait_until sh -c "! pgrep nsctl-aaaa"
	rm -r /run/nsctl/aaaa
	cmp /run/world/rules /run/world/rules-by-hand
}

@test "by hand: it works without nsctld, and takes its rules away, by whatever it ends" {
	local signal
	for signal in TERM INT HUP KILL SEGV; do
		nsctl-aaaa --hook=output >/run/world/by-hand 3>&- 4>&- &
		local pid=$!
		wait_until grep -q ready /run/world/by-hand
		answered_at_once env
		kill "-$signal" $pid
		wait $pid || true
		rm /run/world/by-hand
		wait_until sh -c 'test -z "$(nft list tables)"'
		reaches_the_server env
	done
}

@test "by hand: without a user of its own it becomes nobody" {
	grep -v ^nsctl-aaaa: /etc/passwd >/run/world/passwd
	# shellcheck disable=SC2016
	unshare --mount --net sh -euc '
		ip link set lo up
		mount --bind /run/world/passwd /etc/passwd
		nsctl-aaaa --hook=output >/run/world/by-hand 3>&- 4>&- &
		until grep -q ready /run/world/by-hand; do sleep 0.02; done
		test "$(ps -o uid= $! | tr -d " ")" = 65534
		kill $!
		wait $!'
	rm /run/world/passwd /run/world/by-hand
}

@test "by hand: --from makes a rule for packets of its own family alone" {
	# shellcheck disable=SC2016
	unshare --net bash -euc '
		ip link set lo up
		for from in 10.0.0.1:ip:ip6 fd00::1:ip6:ip; do
			nsctl-aaaa --hook=input --from="${from%:*:*}" >/run/world/from 3>&- 4>&- &
			until grep -q ready /run/world/from; do sleep 0.02; done
			own=${from%:*} own=${own##*:} other=${from##*:}
			nft list chain "$own" nsctl-aaaa queries | grep -q dport
			if nft list chain "$other" nsctl-aaaa queries | grep dport; then exit 1; fi
			kill %1
			wait %1
			rm /run/world/from
		done'
}

@test "by hand: it ends, though others' rules fill its queue for ever" {
	# shellcheck disable=SC2016
	unshare --net bash -euc '
		ip link set lo up
		nsctl-aaaa --hook=output --no-rules --queue=77 >/run/world/filled 3>&- 4>&- &
		responder=$!
		until grep -q ready /run/world/filled; do sleep 0.02; done
		iptables-nft -A OUTPUT -p udp --dport 53 -j NFQUEUE --queue-num 77 --queue-bypass
		python3 - 3>&- 4>&- <<-END &
			import socket
			query = bytes.fromhex("000001000001000000000000046578616d00001c0001")
			s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
			s.connect(("127.0.0.1", 53))
			s.setblocking(False)
			while True:
			    for call in (lambda: s.send(query), lambda: s.recv(512)):
			        try: call()
			        except OSError: pass
		END
		flood=$!
		trap "kill -KILL \$flood" EXIT
		until awk "{ exit !(\$8 > 1000) }" /proc/net/netfilter/nfnetlink_queue; do sleep 0.02; done
		kill $responder
		timeout 100 tail --pid=$responder -f /dev/null
		wait $responder'
	rm /run/world/filled
}

@test "by hand: IPv6" {
	# shellcheck disable=SC2016
	unshare --net bash -euc '
		ip link set lo up
		"$0" ::1 /run/world/log/six >/run/world/six-ready 3>&- 4>&- &
		until grep -q ready /run/world/six-ready; do sleep 0.02; done
		for hook in output input; do
			nsctl-aaaa --hook=$hook >/run/world/six 3>&- 4>&- &
			until grep -q ready /run/world/six; do sleep 0.02; done
			dig +tries=1 +time=20 @::1 AAAA host.example.org | grep "status: NOERROR"
			dig +tries=1 +time=20 @::1 A host.example.org | grep "192.0.2.1"
			kill %2
			wait %2
			rm /run/world/six
		done
		kill %1' "$integration/lib/slow-dns"
	run ! grep AAAA /run/world/log/six
	rm /run/world/six-ready
}

@test "by hand: a link-local client is answered by the interface that it is at" {
	# shellcheck disable=SC2016
	unshare --net bash -euc '
		unshare --net sleep 1000 3>&- 4>&- &
		client=$!
		until [[ ! /proc/$client/ns/net -ef /proc/self/ns/net ]]; do sleep 0.02; done
		# nodad: an address can be used at once
		ip link add other type veth peer name other2
		ip link add serving type veth peer name asking netns $client
		for interface in other other2 serving; do
			sysctl -qw net.ipv6.conf.$interface.addr_gen_mode=1
			ip link set $interface up
		done
		nsenter -t $client -n sysctl -qw net.ipv6.conf.asking.addr_gen_mode=1
		nsenter -t $client -n ip link set asking up
		ip address add fe80::1/64 dev other nodad
		ip address add fe80::2/64 dev serving nodad
		nsenter -t $client -n ip address add fe80::3/64 dev asking nodad
		"$0" :: /run/world/log/local >/run/world/local-ready 3>&- 4>&- &
		server=$!
		nsctl-aaaa --hook=input >/run/world/local-hand 3>&- 4>&- &
		until grep -q ready /run/world/local-ready && grep -q ready /run/world/local-hand; do
			sleep 0.02
		done
		nsenter -t $client -n dig +tries=3 +time=20 @fe80::2%asking AAAA host.example.org |
			grep "status: NOERROR"
		kill $client $server %3' "$integration/lib/slow-dns"
	run ! grep AAAA /run/world/log/local
	rm /run/world/local-ready /run/world/local-hand
}

@test "by hand: what is wrong is said" {
	local -a by_hand=(nsctl-aaaa --hook=output)
	local pid
	run -2 nsctl-aaaa --hook=sideways
	says "sideways" "nsctl-aaaa --help"
	run -2 nsctl-aaaa --port=0
	run -2 nsctl-aaaa --qtype=NOTHING
	run -2 nsctl-aaaa --only=a..b
	says "a..b"
	run -2 nsctl-aaaa --user=nobody-of-this-name
	run -2 nsctl-aaaa --user=root
	run -2 nsctl-aaaa --from=10.0.0.1
	run -1 as alice nsctl-aaaa --hook=output
	says "root"
	"${by_hand[@]}" --statistics=/run/world/count >/run/world/by-hand 3>&- 4>&- &
	pid=$!
	wait_until grep -q ready /run/world/by-hand
	run -1 "${by_hand[@]}" --statistics=/run/world/count
	says "/run/world/count" "runs"
	run -1 "${by_hand[@]}"
	says "exist"
	# and those that it has started by then end with it
	run -1 timeout 60 "${by_hand[@]}" --queues=3
	says "exist"
	equal "$(pgrep -c nsctl-aaaa)" 1
	kill $pid
	wait $pid
	rm /run/world/by-hand /run/world/count
}
