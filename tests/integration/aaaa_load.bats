#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nsctl-aaaa by hand, between a client that always has 64 queries under way and a DNS server: each
# query is answered once and rightly, be the responder there, not there yet, or just going.

load lib/common

# The first network namespace leaves the mount that all are pinned on.
prepare_file() {
	ip netns add load-first
	ip netns del load-first
}

# Two network namespaces; in the server's a dnsmasq that says "no such data" as well.
prepare() {
	local name
	for name in load-client load-server; do
		ip netns add $name
		undo "ip netns del $name"
		ip -n $name link set lo up
	done
	ip link add eth0 netns load-client type veth peer name eth0 netns load-server
	for name in load-client/1 load-server/2; do
		ip -n ${name%/*} address add 10.78.0.${name#*/}/24 dev eth0
		ip -n ${name%/*} address add fd78::${name#*/}/64 dev eth0 nodad
		ip -n ${name%/*} link set eth0 up
	done
	ip netns exec load-server dnsmasq --keep-in-foreground --conf-file=/dev/null --no-resolv \
		--no-hosts --user=root --pid-file --address=/bench.test/192.0.2.1 --local=/bench.test/ \
		3>&- &
	undo "kill $!"
	wait_until once 10.78.0.2
	wait_until once fd78::2
}

# query ARGUMENT…: what the client has to say
query() {
	ip netns exec load-client "$NSCTL_BUILD/tests/bench/aaaa-load" "$@"
}

once() {
	[[ $(query --in-flight=1 --seconds=0.05 "$1" | jq .aaaa) -gt 0 ]]
}

# begin QUERY-ARGUMENT…: the client asks until end; what it has to say is in /run/world/load.
begin() {
	ip netns exec load-client "$NSCTL_BUILD/tests/bench/aaaa-load" --seconds=1000 "$@" \
		>/run/world/load 3>&- &
	load=$!
}

end() {
	kill "$load"
	wait "$load"
}

# all_well JSON: something was answered, nothing lost, and nothing answered twice or wrongly
all_well() {
	equal "$(jq -c '[.aaaa > 100, .lost, .wrong]' <<<"$1")" "[true,0,0]"
}

# responder NAMESPACE OPTION…: until it is ready; its process is in $responder
responder() {
	local line
	coproc { exec ip netns exec "$1" nsctl-aaaa "${@:2}" 3>&-; }
	responder=$COPROC_PID
	undo "kill -KILL $responder 2>/dev/null || true" # where a test ends early
	read -r -t 60 line <&"${COPROC[0]}"
	equal "$line" ready
}

# comes_and_goes NAMESPACE HOOK SERVER: five times while the client asks
comes_and_goes() {
	local i load
	begin --patience=60 "$3"
	for i in 1 2 3 4 5; do
		responder "$1" "--hook=$2"
		sleep 0.2 # of answers by it; what matters is where in the stream the end comes
		kill "$responder"
		wait "$responder"
	done
	end
	all_well "$(cat /run/world/load)"
	equal "$(ip netns exec "$1" nft list ruleset)" ""
}

@test "a responder on the output hook that comes and goes loses no query" {
	comes_and_goes load-client output 10.78.0.2
	comes_and_goes load-client output fd78::2
}

@test "a responder on the input hook that comes and goes loses no query" {
	comes_and_goes load-server input 10.78.0.2
	comes_and_goes load-server input fd78::2
}

@test "killed, it leaves no rules, and queries reach the server" {
	responder load-client --hook=output
	all_well "$(query --patience=60 10.78.0.2)"
	kill -KILL "$responder"
	wait "$responder" || true
	wait_until sh -c '[ -z "$(ip netns exec load-client nft list ruleset)" ]'
	all_well "$(query --patience=60 10.78.0.2)"
}

milliseconds() {
	local start=${EPOCHREALTIME/./}
	"$@"
	echo $(((${EPOCHREALTIME/./} - start) / 1000))
}

# What takes a second where somebody else does not want the processor: as a guard, it sleeps.
a_second() {
	sleep 0.3
	sleep 0.3
	sleep 0.4
}

@test "stopped under load: the real server answers within about a second" {
	local load took second
	responder load-client --hook=output
	begin 10.78.0.2
	milliseconds a_second >/run/world/second &
	kill -STOP "$responder"
	took=$(milliseconds wait_until is_gone "$responder")
	wait "$responder" || true
	wait_until test -s /run/world/second
	second=$(cat /run/world/second)
	rm /run/world/second
	((took < 2 * second)) || { echo "it took $took ms" && return 1; }
	wait_until sh -c '[ -z "$(ip netns exec load-client nft list ruleset)" ]'
	sleep 1 # of answers by the server
	end
	# those that waited are given up by this client after a second, and may be answered later
	jq -e --argjson most $((64 * (1 + took / 1000))) \
		'.aaaa > 100 and .lost <= $most and .wrong <= $most' /run/world/load
}

# With its guard, which would end it.
freeze() {
	kill -STOP "$(pgrep -P "$responder" -x aaaa-guard)" "$responder"
}

thaw() {
	kill -CONT "$responder" "$(pgrep -P "$responder" -x aaaa-guard)"
}

end_responder() {
	kill "$responder"
	wait "$responder"
}

# A number of its statistics: seen, answered, or the name of an error.
counted() {
	"$integration/lib/aaaa-counters" /run/world/counters "$@"
}

@test "stopped and flooded, it lets queries through once there is no room, and counts them" {
	local load lost
	responder load-client --hook=output --statistics=/run/world/counters
	undo "rm -f /run/world/counters"
	freeze
	begin --in-flight=1024 --patience=0.1 10.78.0.2
	wait_until once 10.78.0.2
	end
	# some thousand wait, and that client has given up each of them
	lost=$(jq .lost /run/world/load)
	((lost >= 1024))
	all_well "$(query --patience=60 10.78.0.2)"
	equal "$(counted overrun)" 0
	thaw
	# a later one, by whose number it sees what it has missed
	wait_until once 10.78.0.2
	(($(counted overrun) > 100))
	equal "$(counted verdict) $(counted receive)" "0 0"
	end_responder
}

# ask N [SERVER]: so many queries, each from a port of its own; how many were answered
ask() {
	ip netns exec load-client python3 - "$@" <<-'END'
		import select, socket, sys, time
		n, server = int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else "10.78.0.2"
		query = bytes.fromhex("000001000001000000000000") + b"\5bench\4test\0" + bytes.fromhex("001c0001")
		family = socket.AF_INET6 if ":" in server else socket.AF_INET
		sockets = [socket.socket(family, socket.SOCK_DGRAM) for _ in range(n)]
		for s in sockets:
		    s.sendto(query, (server, 53))
		answered, end = set(), time.monotonic() + 1
		while len(answered) < n and time.monotonic() < end:
		    answered.update(select.select([s for s in sockets if s not in answered], [], [], 0.1)[0])
		print(len(answered))
	END
}

# answers N SERVER: to all
answers() {
	[[ $(ask "$@") == "$1" ]]
}

@test "verdicts that the kernel refuses, for others have changed their rules meanwhile, are counted as such" {
	responder load-client --hook=output --statistics=/run/world/counters
	undo "rm -f /run/world/counters"
	freeze
	equal "$(ask 3)" 0
	# the kernel drops what is queued when any hook goes: nfqnl_nf_hook_drop()
	ip netns exec load-client nft "add table ip other; add chain ip other c { type filter hook output priority 0; }"
	ip netns exec load-client nft delete table ip other
	thaw
	wait_until sh -c "[ \$($integration/lib/aaaa-counters /run/world/counters verdict) = 3 ]"
	equal "$(counted receive) $(counted overrun)" "0 0"
	equal "$(ask 3)" 3
	equal "$(counted verdict)" 3
	end_responder
}

@test "an answer that the host's queue of packets has no room for is counted, and the query let through" {
	ip netns exec load-server tc qdisc add dev eth0 root tbf rate 8kbit burst 1600 limit 1600 ||
		skip "the kernel has no tbf"
	local server before
	responder load-server --hook=input --statistics=/run/world/counters
	undo "rm -f /run/world/counters"
	for server in 10.78.0.2 fd78::2; do
		before=$(counted send)
		(($(ask 100 $server) < 100))
		(($(counted send) >= before + 40))
	done
	equal "$(($(counted answered) + $(counted send)))" "$(counted seen)"
	end_responder
}

# The way back to the client is by another link, but for what comes from the address that it asked.
@test "answers take the way of the address that was asked" {
	local server
	ip link add eth1 netns load-server type veth peer name eth1 netns load-client
	ip -n load-client address add 10.78.1.1/32 dev lo
	ip -n load-client -6 address add fd78:1::1/128 dev lo
	ip -n load-client route add 10.78.0.2 dev eth0 src 10.78.1.1
	ip -n load-client -6 route add fd78::2 dev eth0 src fd78:1::1
	ip -n load-server link set eth1 up
	ip -n load-server route add 10.78.1.1 dev eth1
	ip -n load-server -6 route add fd78:1::1 dev eth1
	ip -n load-server rule add from 10.78.0.2 lookup 100
	ip -n load-server -6 rule add from fd78::2 lookup 100
	ip -n load-server route add 10.78.1.1 via 10.78.0.1 table 100
	ip -n load-server -6 route add fd78:1::1 via fd78::1 table 100
	for server in 10.78.0.2 fd78::2; do
		wait_until answers 5 $server # the server's own
		responder load-server --hook=input
		equal "$(ask 5 $server)" 5
		end_responder
	done
}

@test "what comes by a wire from or to an address of the loopback is not answered" {
	local at
	responder load-server --hook=input --statistics=/run/world/counters
	undo "rm -f /run/world/counters"
	at=$(ip -n load-server -j link show eth0 | jq -r '.[0].address')
	ip netns exec load-client python3 - "$at" <<-'END'
		import socket, struct, sys
		def frame(source, target, mac):
		    query = bytes.fromhex("000001000001000000000000") + b"\4host\0" + bytes.fromhex("001c0001")
		    udp = struct.pack("!HHHH", 40000, 53, 8 + len(query), 0) + query
		    head = struct.pack("!BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 0, 0, 64, 17, 0,
		                       socket.inet_aton(source), socket.inet_aton(target))
		    total = sum(struct.unpack("!10H", head))
		    total = (total & 0xffff) + (total >> 16)
		    head = head[:10] + struct.pack("!H", ~(total + (total >> 16)) & 0xffff) + head[12:]
		    return bytes.fromhex(mac.replace(":", "")) + bytes(6) + b"\x08\0" + head + udp
		s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
		s.bind(("eth0", 0))
		for source, target in ("127.0.0.1", "10.78.0.2"), ("10.78.0.1", "127.0.0.1"):
		    s.send(frame(source, target, sys.argv[1]))
	END
	equal "$(ask 1)" 1 # behind those
	wait_until sh -c "[ \$($integration/lib/aaaa-counters /run/world/counters seen) = 3 ]"
	equal "$(counted answered) $(counted passed)" "1 2"
	# the server itself may ask by its loopback
	equal "$(ip netns exec load-server dig +short +tries=1 @127.0.0.1 AAAA bench.test)" ""
	wait_until sh -c "[ \$($integration/lib/aaaa-counters /run/world/counters answered) = 2 ]"
	end_responder
}

@test "several queues share the queries of one asker" {
	local where seen
	for where in "load-client --hook=output" "load-server --hook=input"; do
		# shellcheck disable=SC2086 # words
		responder $where --queues=3 --statistics=/run/world/counters
		equal "$(ask 90)" 90
		# 30 of each, had chance no say
		for seen in $(counted seen each); do
			((seen >= 10))
		done
		end_responder
		rm /run/world/counters
	done
}

@test "hook = forward: a query to all of a network is not answered" {
	ip -n load-server route add 10.79.0.0/24 dev lo
	ip -n load-client route add 10.79.0.0/24 via 10.78.0.2
	responder load-server --hook=forward --statistics=/run/world/counters
	undo "rm -f /run/world/counters"
	ip netns exec load-client python3 - <<-'END'
		import socket
		query = bytes.fromhex("000001000001000000000000") + b"\5bench\4test\0" + bytes.fromhex("001c0001")
		s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
		s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
		s.sendto(query, ("10.78.0.255", 53))
	END
	equal "$(ask 1 10.79.0.9)" 1 # behind that
	equal "$(counted seen) $(counted answered)" "1 1"
	end_responder
}

@test "hook = forward: a query whose route is in a table for what comes in there is answered" {
	ip -n load-server -6 rule add iif eth0 lookup 100
	ip -n load-server -6 route add fd79::/64 dev lo table 100
	ip -n load-client -6 route add fd79::/64 via fd78::2
	responder load-server --hook=forward
	equal "$(ask 1 fd79::9)" 1
	end_responder
}

@test "what can't work is refused at once: no loopback for answers, more queues than there are" {
	ip -n load-client link set lo down
	run -1 timeout 20 ip netns exec load-client nsctl-aaaa --hook=output
	says "the interface lo is down" "ip link set lo up"
	ip -n load-client link set lo up
	run -2 timeout 20 ip netns exec load-client nsctl-aaaa --queue=65535 --queues=2 --no-rules
	says "--queue: of 2 queues the last would be beyond 65535"
}

@test "three queues, and A among AAAA: each is answered once" {
	local json
	responder load-server --hook=input --queues=3
	equal "$(pgrep -P "$responder" -c -x nsctl-aaaa)" 2
	json=$(query --patience=60 --a-percent=50 10.78.0.2)
	all_well "$json"
	jq -e '.a > 100' <<<"$json"
	kill "$responder"
	wait "$responder"
}
