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

@test "stopped and flooded, it lets queries through once its queue is full" {
	responder load-client --hook=output
	# its guard would end it
	kill -STOP "$(pgrep -P "$responder" -x aaaa-guard)" "$responder"
	local load
	begin --in-flight=1024 --patience=0.1 10.78.0.2
	wait_until once 10.78.0.2
	end
	# 8192 wait at most, and that client has given up each of them
	jq -e '.lost >= 1024' /run/world/load
	all_well "$(query --patience=60 10.78.0.2)"
	kill -CONT "$responder" "$(pgrep -P "$responder" -x aaaa-guard)"
	kill "$responder"
	wait "$responder"
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
