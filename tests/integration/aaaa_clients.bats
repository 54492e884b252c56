#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The AAAA responder between real clients and real servers: C libraries, resolvers that ask on
# behalf of others, and a server that never answers AAAA. Whoever asks gets the addresses there are,
# at once, and hears of each query once.

load lib/common

server=9.9.9.53
log=/run/world/log/never-aaaa
bin=/run/world/bin

prepare_file() {
	# Of another machine: what is changed there is not the host's state.
	on internet ip address add $server/32 dev lo
	world_start nsenter -t "$(</run/world/machines/internet)" -n -- \
		"${integration:?}/lib/slow-dns" $server $log
	! type musl-gcc >/dev/null || musl-gcc -o $bin/lookup-musl "$integration/lib/lookup.c"
	cc -o $bin/lookup-cares "$integration/lib/lookup-cares.c" -lcares 2>/dev/null || true
	! type go >/dev/null 2>&1 || (cd $bin && GOCACHE=/run/world/go CGO_ENABLED=0 \
		go build -o lookup-go "$integration/lib/lookup.go")
	cc -o $bin/fill-conntrack "$integration/lib/fill-conntrack.c" -lmnl
	# The first network namespace leaves the mount that all are pinned on.
	ip netns add first
	ip netns del first
}

prepare() {
	: >$log
}

# office [LINE…]: a profile whose programs ask the server that never answers AAAA, with these lines
# in its section [aaaa]; without any there is no responder. $options are the resolver's. There is an
# address for IPv6, of no use to anybody: without one getent would not ask for AAAA at all.
office() {
	{
		printf '[dns]\nnameserver = %s\n' $server
		[[ -z ${options:-} ]] || printf 'options = %s\n' "$options"
		[[ $# -eq 0 ]] || printf '%s\n' "[aaaa]" "$@"
	} | profile office
	nsctl up office
	ip -n office link add six type bridge
	ip netns exec office sysctl -qw net.ipv6.conf.six.disable_ipv6=0
	ip -n office address add fd79:1::2/64 dev six nodad
	ip -n office link set six up
}

in_office() {
	nsctl exec office -- "$@"
}

# milliseconds COMMAND…: how long it takes in the profile; what it says goes to /run/world/said
milliseconds() {
	# shellcheck disable=SC2016
	in_office bash -c 'start=${EPOCHREALTIME/./}; "$@" >/run/world/said; status=$?
		echo $(((${EPOCHREALTIME/./} - start) / 1000)); exit $status' - "$@"
}

# at_once COMMAND…: within 50 ms (the best of five, or of some more, for other programs take their time
# too), the address it finds is the one there is, and the server never hears of AAAA: the responder does
at_once() {
	local took best=100000 before rounds=0
	before=$(count answered)
	while ((rounds < 5 || (best >= 50 && rounds < 100))); do
		rounds=$((rounds + 1))
		took=$(milliseconds "$@")
		equal "$(awk '{ print $1 }' /run/world/said | sort -u)" 192.0.2.1
		# No ((…)) by itself: it fails where the value is 0, as it is on an idle machine.
		best=$((took < best ? took : best))
	done
	echo "# with the responder: $best ms" >&3
	((best < 50)) || { echo "took $best ms" && return 1; }
	run ! grep AAAA $log
	equal "$(grep -c "^udp A host.example.org" $log)" $rounds
	equal "$(count answered)" $((before + rounds))
}

# background READY-COMMAND -- COMMAND…: runs it in the profile until the test is over
background() {
	local -a ready=()
	while [[ $1 != -- ]]; do
		ready+=("$1")
		shift
	done
	shift
	nsctl exec office -- "$@" >/run/world/log/background 2>&1 3>&- 4>&- &
	undo "kill $! 2>/dev/null; wait_until is_gone $!"
	wait_until in_office "${ready[@]}"
}

count() {
	nsctl status --json office | jq ".profiles[0].aaaa.$1"
}

# ---- C libraries ------------------------------------------------------------------------------

@test "glibc: five seconds or more without the responder, under 50 ms with it" {
	local slow
	office
	slow=$(milliseconds getent ahosts host.example.org)
	echo "# without the responder: $slow ms" >&3
	((slow >= 5000)) || { echo "took $slow ms" && return 1; }
	: >$log
	sed -i '$a [aaaa]\nrun = inside' /etc/nsctl/profiles/office.ini
	nsctl up office
	at_once getent ahosts host.example.org
}

@test "glibc with single-request and single-request-reopen" {
	local options
	for options in single-request single-request-reopen; do
		office "run = inside"
		in_office grep -qx "options $options" /etc/resolv.conf
		at_once getent ahosts host.example.org
		nsctl down office
		rm /etc/nsctl/profiles/office.ini
		: >$log
	done
}

@test "glibc with EDNS, and with AD" {
	local options
	for options in edns0 "edns0, trust-ad"; do
		office "run = inside"
		at_once getent ahosts host.example.org
		nsctl down office
		rm /etc/nsctl/profiles/office.ini
		: >$log
	done
}

@test "glibc that wants IPv6 alone goes on to IPv4, mapped, as for any name without AAAA" {
	office "run = inside"
	run -0 in_office getent ahostsv6 host.example.org
	equal "$(awk '{ print $1 }' <<<"$output" | sort -u)" ::ffff:192.0.2.1
	run ! grep AAAA $log
	(($(count answered) >= 1))
}

@test "musl" {
	[[ -x $bin/lookup-musl ]] || skip "musl-gcc (package musl-tools) is not installed"
	office "run = inside"
	at_once $bin/lookup-musl host.example.org
}

@test "c-ares" {
	[[ -x $bin/lookup-cares ]] || skip "the package libc-ares-dev is not installed"
	office "run = inside"
	at_once $bin/lookup-cares host.example.org
}

# Go's package is of 460 MB: it is not among those that the tests install.
@test "Go" {
	[[ -x $bin/lookup-go ]] || skip "go (package golang-go) is not installed"
	office "run = inside"
	at_once $bin/lookup-go host.example.org
}

# ---- dig: what is seen on the wire --------------------------------------------------------------

@test "dig: the case of the name, EDNS, cookies, RD and CD" {
	local reply
	office "run = inside"
	reply=$(in_office dig +tries=1 +time=20 +qr AAAA hOsT.eXAMPLE.oRg)
	equal "$(grep -c '^;hOsT.eXAMPLE.oRg.' <<<"$reply")" 2
	output=$(sed -n '/Got answer/,$p' <<<"$reply") says "flags: qr rd ra;" "EDNS: version: 0, flags:; udp: 1232" \
		"QUERY: 1, ANSWER: 0, AUTHORITY: 0, ADDITIONAL: 1"
	output=$(in_office dig +tries=1 +time=20 +noedns AAAA host.example.org) \
		says "flags: qr rd ra;" "ADDITIONAL: 0"
	output=$(in_office dig +tries=1 +time=20 +norec +cd AAAA host.example.org) says "flags: qr ra cd;"
	output=$(in_office dig +tries=1 +time=20 +cookie=0123456789abcdef0011223344556677 AAAA host.example.org) \
		says "COOKIE: 0123456789abcdef0011223344556677"
	output=$(in_office dig +tries=1 +time=20 +subnet=192.0.2.0/24 +padding=128 +nsid AAAA host.example.org) \
		says "status: NOERROR" "EDNS: version: 0"
	run ! grep AAAA $log
}

@test "on the wire: a server's cookie comes back as it came, a client's alone does not" {
	local options
	pair
	responder asking --hook=output
	ip netns exec asking tcpdump -ni lo -U -w /run/world/wire udp src port 53 2>/run/world/said 3>&- 4>&- &
	local tcpdump=$!
	wait_until grep -q "listening on" /run/world/said
	no_such_data 10.79.0.2 +cookie=0123456789abcdef0011223344556677
	no_such_data 10.79.0.2 +cookie=0123456789abcdef
	wait_until sh -c 'test "$(tcpdump -nr /run/world/wire 2>/dev/null | wc -l)" -ge 2'
	kill -INT $tcpdump
	wait $tcpdump
	# what follows the question: an OPT (type 41, size 1232), and its options
	options=$(tcpdump -nxr /run/world/wire 2>/dev/null | awk '
		/^[0-9]/ { if (hex) print hex; hex = "" }
		/0x[0-9a-f]*:/ { for (i = 2; i <= NF; i++) hex = hex $i }
		END { print hex }' | sed 's/.*001c0001//')
	equal "$options" "00002904d0000000000014000a00100123456789abcdef0011223344556677
00002904d0000000000000"
	responder_ends
}

@test "dig: what is none of the responder's reaches the server" {
	local -a arguments
	local before line
	office "run = inside"
	while read -ra arguments; do
		before=$(grep -c . $log) || true
		in_office dig +tries=1 +time=1 "${arguments[@]}" host.example.org >/run/world/said 2>&1 || true
		wait_until sh -c "test \$(grep -c . $log) -gt $before" ||
			{ echo "dig ${arguments[*]}" && return 1; }
	done <<-END
		+dnssec AAAA
		+edns=1 +noednsneg AAAA
		+tcp AAAA
		-c CH AAAA
		A
		TXT
		-y hmac-sha256:key:c2VjcmV0c2VjcmV0 AAAA
	END
	equal "$(count answered)" 0
}

# ---- resolvers that ask for others ------------------------------------------------------------

# unbound_conf LINE…
unbound_conf() {
	cat >/run/world/unbound.conf <<-END
		server:
		  interface: 127.0.0.1@5300
		  do-daemonize: no
		  chroot: ""
		  username: ""
		  pidfile: ""
		  use-syslog: no
		  do-not-query-localhost: no
		  module-config: "iterator"
		  trust-anchor-file: ""
		  $1
		remote-control:
		  control-enable: no
		forward-zone:
		  name: "."
		  forward-addr: $server
	END
}

local_dig() {
	in_office dig +tries=1 +time=20 -p 5300 @127.0.0.1 "$@"
}

@test "unbound asks: with 0x20 and DO; both kinds of answers are taken at once" {
	office "run = inside" "dnssec = answer"
	unbound_conf "use-caps-for-id: yes"
	background sh -c "ss -Hlun sport = 5300 | grep -q ." -- unbound -d -c /run/world/unbound.conf
	output=$(local_dig AAAA host.example.org) says "status: NOERROR" "ANSWER: 0"
	equal "$(local_dig +short A host.example.org)" 192.0.2.1
	(($(count answered) >= 1))
	run ! grep AAAA $log
}

@test "unbound asks: its DO is let through where dnssec = pass" {
	office "run = inside"
	unbound_conf "use-caps-for-id: yes"
	background sh -c "ss -Hlun sport = 5300 | grep -q ." -- unbound -d -c /run/world/unbound.conf
	in_office dig +tries=1 +time=1 -p 5300 @127.0.0.1 AAAA host.example.org >/run/world/said || true
	wait_until grep -q AAAA $log
	(($(count passed) >= 1))
	equal "$(local_dig +short A host.example.org)" 192.0.2.1
}

dnsmasq_asks() {
	background sh -c "ss -Hlun sport = 5300 | grep -q ." -- dnsmasq --keep-in-foreground \
		--conf-file=/dev/null --no-hosts --no-resolv --user=root --pid-file --port=5300 \
		--listen-address=127.0.0.1 --bind-interfaces --server=$server
}

@test "dnsmasq asks: it keeps an answer that has an SOA" {
	office "run = inside" "soa = yes"
	dnsmasq_asks
	for _ in 1 2 3; do
		output=$(local_dig AAAA host.example.org) says "status: NOERROR" "ANSWER: 0"
	done
	equal "$(count answered)" 1
	equal "$(local_dig +short A host.example.org)" 192.0.2.1
	run ! grep AAAA $log
}

@test "dnsmasq asks: without an SOA it asks each time" {
	office "run = inside"
	dnsmasq_asks
	for _ in 1 2 3; do
		output=$(local_dig AAAA host.example.org) says "status: NOERROR" "ANSWER: 0"
	done
	equal "$(count answered)" 3
}

# ---- two machines and nothing else --------------------------------------------------------------

# pair: network namespaces "asking" and "serving", in the second of which unbound has AAAA too
pair() {
	local name
	for name in asking serving; do
		ip netns add $name
		undo "ip netns del $name"
		ip -n $name link set lo up
	done
	ip link add eth0 netns asking type veth peer name eth0 netns serving
	for name in asking/1 serving/2; do
		ip -n ${name%/*} address add 10.79.0.${name#*/}/24 dev eth0
		ip -n ${name%/*} address add fd79::${name#*/}/64 dev eth0 nodad
		ip -n ${name%/*} link set eth0 up
	done
	cat >/run/world/unbound.conf <<-END
		server:
		  interface: 10.79.0.2
		  interface: 10.79.0.2@5300
		  interface: fd79::2
		  access-control: 0.0.0.0/0 allow
		  access-control: ::/0 allow
		  do-daemonize: no
		  chroot: ""
		  username: ""
		  pidfile: ""
		  use-syslog: no
		  module-config: "iterator"
		  local-zone: "example.org." redirect
		  local-data: "example.org. 60 A 192.0.2.1"
		  local-data: "example.org. 60 AAAA 2001:db8::1"
		remote-control:
		  control-enable: no
	END
	ip netns exec serving unbound -d -c /run/world/unbound.conf >/run/world/log/background 2>&1 3>&- 4>&- &
	undo "kill $!; wait_until is_gone $!"
	wait_until real_answer 10.79.0.2
	wait_until real_answer fd79::2
}

asking() {
	ip netns exec asking "$@"
}

real_answer() {
	[[ $(asking dig +tries=1 +time=20 +short "@$1" AAAA host.example.org) == 2001:db8::1 ]]
}

# no_such_data ADDRESS [DIG-ARGUMENT…]
no_such_data() {
	output=$(asking dig +tries=1 +time=20 "@$1" "${@:2}" AAAA host.example.org) says "status: NOERROR" "ANSWER: 0"
}

# responder NAMESPACE OPTION…: until it is ready; its process is in $responder
responder() {
	local line
	coproc { exec ip netns exec "$1" nsctl-aaaa "${@:2}" 3>&-; }
	responder=$COPROC_PID
	read -r -t 60 line <&"${COPROC[0]}"
	equal "$line" ready
}

responder_ends() {
	kill "$responder"
	wait "$responder"
}

@test "a real server's A passes untouched, its AAAA does not, over IPv4 and IPv6, on either hook" {
	local address place before after
	pair
	for address in 10.79.0.2 fd79::2; do
		before=$(asking dig +tries=1 +time=20 +noall +answer +authority +additional "@$address" A host.example.org)
		output=$before says 192.0.2.1
		for place in "asking --hook=output" "serving --hook=input"; do
			# shellcheck disable=SC2086
			responder $place
			no_such_data $address
			after=$(asking dig +tries=1 +time=20 +noall +answer +authority +additional "@$address" A host.example.org)
			equal "$after" "$before"
			responder_ends
			real_answer $address
		done
	done
}

# Its package makes itself the resolver of the machine: it is not among those that the tests install.
# It needs no D-Bus, for it waits for it; asked over TCP it is not our responder who answers for it.
@test "systemd-resolved asks" {
	local resolved=${SYSTEMD_RESOLVED:-/lib/systemd/systemd-resolved}
	[[ -x $resolved ]] || skip "systemd-resolved is not installed"
	getent passwd systemd-resolve >/dev/null || skip "there is no user systemd-resolve"
	pair
	mkdir -p /etc/systemd
	mkdir /run/systemd /run/systemd/resolve
	chown systemd-resolve: /run/systemd/resolve
	printf '[Resolve]\nDNS=10.79.0.2\nFallbackDNS=\nDNSSEC=no\nCache=no\n' >/etc/systemd/resolved.conf
	undo "rm -r /etc/systemd/resolved.conf /run/systemd"
	ip netns exec asking "$resolved" >/run/world/log/background 2>&1 3>&- 4>&- &
	undo "kill $!; wait_until is_gone $!"
	stub() {
		asking dig +tcp +tries=1 +time=20 @127.0.0.53 +short "$1" host.example.org
	}
	wait_until stub A
	equal "$(stub AAAA)" 2001:db8::1
	responder asking --hook=output --statistics=/run/world/count
	equal "$(stub AAAA)" ""
	equal "$(stub A)" 192.0.2.1
	(($(answered) >= 1))
	responder_ends
	rm /run/world/count
}

# answered: how many, from the responder's file
answered() {
	od -An -tu8 -j 40 -N 8 /run/world/count | tr -d ' '
}

@test "each query is answered once, as it was asked" {
	local address place
	pair
	for address in 10.79.0.2 fd79::2; do
		for place in "asking --hook=output" "serving --hook=input"; do
			# shellcheck disable=SC2086
			responder $place
			equal "$(asking "$integration/lib/dns-count" $address 300)" \
				'{"a": 301, "aaaa": 301, "twice": 0, "wrong": 0}'
			responder_ends
		done
	done
}

@test "on the wire there is one answer to each query, and the server saw no AAAA" {
	pair
	responder serving --hook=input
	ip netns exec asking tcpdump -ni eth0 -U -w /run/world/wire udp port 53 2>/run/world/said 3>&- 4>&- &
	local tcpdump=$!
	wait_until grep -q "listening on" /run/world/said
	asking "$integration/lib/dns-count" 10.79.0.2 100 >/dev/null
	wait_until sh -c 'test "$(tcpdump -nr /run/world/wire 2>/dev/null | wc -l)" -ge 404'
	kill -INT $tcpdump
	wait $tcpdump
	equal "$(tcpdump -nr /run/world/wire dst port 53 2>/dev/null | wc -l)" 202
	equal "$(tcpdump -nr /run/world/wire src port 53 2>/dev/null | wc -l)" 202
	equal "$(tcpdump -nvr /run/world/wire src port 53 2>/dev/null | grep -c 'bad udp cksum')" 0
	run ! grep 2001:db8 <(tcpdump -nr /run/world/wire src port 53 2>/dev/null)
	responder_ends
}

@test "stopped: the very query that waits is answered by the real server, on either hook" {
	local address place
	pair
	for address in 10.79.0.2 fd79::2; do
		for place in "asking --hook=output" "serving --hook=input" "serving --hook=input --queues=2"; do
			# shellcheck disable=SC2086
			responder $place
			no_such_data $address
			# shellcheck disable=SC2046
			kill -STOP "$responder" $(pgrep -P "$responder" -x nsctl-aaaa)
			equal "$(asking dig +tries=1 +time=20 +short "@$address" AAAA host.example.org)" 2001:db8::1
			wait "$responder" || true
			real_answer $address
		done
	done
}

@test "fragments and IP options are let through" {
	pair
	responder asking --hook=output --statistics=/run/world/count
	equal "$(asking "$integration/lib/dns-fragments" 10.79.0.2 whole)" answered
	equal "$(passed packet)" 0
	equal "$(asking "$integration/lib/dns-fragments" 10.79.0.2 fragments)" answered
	equal "$(passed packet)" 1
	equal "$(asking "$integration/lib/dns-fragments" 10.79.0.2 options)" answered
	equal "$(passed packet)" 2
	responder_ends
	rm /run/world/count
}

# passed packet: how many the responder let through for their form, from its file: 8 numbers of 64
# bits stand before the first of the reasons
passed() {
	od -An -tu8 -j 48 -N 8 /run/world/count | tr -d ' '
}

@test "a server's own answers are tracked, on the output hook too: a redirected port works" {
	pair
	ip netns exec serving nft -f - <<-END
		table ip redirected {
			chain in {
				type nat hook prerouting priority dstnat;
				udp dport 5353 redirect to :53
			}
		}
	END
	responder serving --hook=output
	equal "$(asking dig +tries=1 +time=20 +short -p 5353 @10.79.0.2 A host.example.org)" 192.0.2.1
	output=$(ip netns exec serving dig +tries=1 +time=20 @10.79.0.2 AAAA host.example.org) \
		says "status: NOERROR" "ANSWER: 0"
	responder_ends
}

# ---- connection tracking ------------------------------------------------------------------------

# tracking NAMESPACE: the kernel tracks there
tracking() {
	ip netns exec "$1" nft -f - <<-END
		table inet tracking {
			chain in { type filter hook prerouting priority 0; ct state new counter; }
			chain out { type filter hook output priority 0; ct state new counter; }
		}
	END
}

@test "connection tracking is full: a responder whose answers are tracked fails, ours does not" {
	local peer=$NSCTL_BUILD/tests/bench/aaaa-peer
	pair
	tracking serving
	# the obvious responder, one that has no "notrack"
	ip netns exec serving iptables-nft -t raw -A PREROUTING -p udp --dport 53 -j NFQUEUE --queue-num 7
	ip netns exec serving strace -f -qq -e trace=sendto -o /run/world/sent "$peer" answer 7 \
		>/run/world/said 2>&1 3>&- 4>&- &
	local tracer=$!
	undo "pkill -P $tracer; wait_until is_gone $tracer"
	wait_until grep -q ready /run/world/said
	no_such_data 10.79.0.2 +noedns
	run ! grep EPERM /run/world/sent
	(($(ip netns exec serving fill-conntrack) > 1000))
	run -9 asking dig +noedns +tries=1 +time=1 @10.79.0.2 AAAA host.example.org
	grep -q "EPERM" /run/world/sent
	kill "$(pgrep -P $tracer)"
	wait $tracer || true
	ip netns exec serving iptables-nft -t raw -F

	# the server itself can't be reached: this is what the host is like
	run -9 asking dig +tries=1 +time=1 @10.79.0.2 A host.example.org
	responder serving --hook=input --statistics=/run/world/count
	for _ in {1..50}; do
		no_such_data 10.79.0.2
	done
	equal "$(answered)" 50
	# errors of all kinds, behind the reasons to pass
	equal "$(od -An -v -tu8 -w8 -j 304 -N 256 /run/world/count | sort -u | tr -d ' ')" 0
	responder_ends
	rm /run/world/count
}

@test "connection tracking is full where the programs run: on the output hook the same" {
	pair
	tracking asking
	(($(asking fill-conntrack) > 1000))
	run -9 asking dig +tries=1 +time=1 @10.79.0.2 AAAA host.example.org
	responder asking --hook=output
	for _ in {1..50}; do
		no_such_data 10.79.0.2
	done
	responder_ends
}

# from_one_port TYPE: a client that asks for both types from one socket, as glibc does
from_one_port() {
	asking dig +noedns +tries=1 +time=20 -b 10.79.0.1#40053 @10.79.0.2 "$1" host.example.org
}

@test "tuples collide: a responder whose answers are tracked fails, ours does not" {
	local peer=$NSCTL_BUILD/tests/bench/aaaa-peer
	pair
	tracking serving
	# what an answer's reply would be is there already, as what a query for A was before its port
	# was changed
	ip netns exec serving nft -f - <<-END
		table ip redirected {
			chain in {
				type nat hook prerouting priority dstnat;
				udp dport 53 redirect to :5300
			}
		}
	END
	output=$(from_one_port A) says 192.0.2.1
	ip netns exec serving iptables-nft -t raw -A PREROUTING -p udp --dport 53 \
		-m string --algo bm --hex-string "|00001c0001|" --from 28 -j NFQUEUE --queue-num 7
	ip netns exec serving "$peer" answer 7 >/run/world/said 2>&1 3>&- 4>&- &
	local other=$!
	undo "kill $other 2>/dev/null; wait_until is_gone $other"
	wait_until grep -q ready /run/world/said
	no_such_data 10.79.0.2 +noedns
	run -9 from_one_port AAAA
	kill $other
	wait $other || true
	ip netns exec serving iptables-nft -t raw -F

	responder serving --hook=input
	output=$(from_one_port A) says 192.0.2.1
	output=$(from_one_port AAAA) says "status: NOERROR" "ANSWER: 0"
	responder_ends
}
