#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Many profiles at once: shared and separate, stable, side by side.

load lib/common

# As on a host without br_netfilter: what a bridge passes on, no firewall rule sees.
prepare_file() {
	sysctl -qew net.bridge.bridge-nf-call-iptables=0
}

# many NUMBER [LINE…]: profiles p1 … pN with these lines under [link]
many() {
	local i
	for ((i = 1; i <= $1; i++)); do
		profile p$i < <(printf '%s\n' "[link]" "${@:2}")
	done
}

# serve PROFILE: a web server inside, at its address
serve() {
	rm -f "/run/world/served-$1"
	nsctl exec "$1" -- "$integration/lib/web-server" self "$(address_of "$1")" "$1" \
		>"/run/world/served-$1" 2>&1 3>&- &
	wait_until grep -q ready "/run/world/served-$1"
}

# reaches FROM TO [SECONDS]
reaches() {
	equal "$(inside "$1" curl -sS -m "${3:-30}" "http://$(address_of "$2")/")" "$2"
}

@test "isolated profiles on one bridge can't reach each other" {
	many 2
	nsctl up p1 p2
	serve p1
	serve p2
	run ! reaches p1 p2 2
	run ! reaches p2 p1 2
	# The servers do answer: to the host.
	equal "$(curl -sS -m 40 "http://$(address_of p1)/")" p1
	equal "$(inside p1 curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	equal "$(inside p2 curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

@test "profiles with isolate = no reach each other" {
	many 2 "isolate = no"
	nsctl up p1 p2
	serve p2
	reaches p1 p2
}

@test "an isolated profile does not reach another network's profile through the host" {
	many 1
	profile other <<-END
		[link]
		bridge = nsctl1
	END
	profile direct <<-END
		[link]
		type = ptp
	END
	nsctl up p1 other direct
	serve other
	serve direct
	serve p1
	run ! reaches p1 other 2
	run ! reaches p1 direct 2
	run ! reaches direct p1 2
	run ! reaches other p1 2
}

@test "ptp: its own two ends, no bridge" {
	profile direct <<-END
		[link]
		type = ptp
	END
	nsctl up direct
	run ! ip link show nsctl0
	equal "$(inside direct curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	equal "$(nsctl status direct --json | jq '.profiles[0].interfaces[0].bridge')" null
}

@test "the bridge stays as long as one profile needs it" {
	many 3
	nsctl up p1 p2 p3
	nsctl down p1
	ip link show nsctl0
	nsctl down p3
	equal "$(inside p2 curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	no_drift p2
	nsctl down p2
	run ! ip link show nsctl0
}

@test "addresses are stable: what comes and goes does not change another's, nor the way back its own" {
	many 3
	nsctl up p1 p2 p3
	local first
	first="$(address_of p1) $(address_of p2) $(address_of p3)"
	equal "$(tr ' ' '\n' <<<"$first" | sort -u | wc -l)" 3
	nsctl down p1
	nsctl up vpn
	nsctl down p3
	equal "$(address_of p2)" "$(cut -d' ' -f2 <<<"$first")"
	nsctl down vpn p2
	nsctl up p1 p2 p3
	equal "$(address_of p1) $(address_of p2) $(address_of p3)" "$first"
}

@test "two profiles can't have the same fixed address" {
	many 2 "address = 10.77.0.2/24"
	nsctl up p1
	refused 10.77.0.2 -- nsctl up p2
	no_drift p1
}

@test "20 profiles up and down in one call" {
	many 20
	run -0 nsctl up p{1..20}
	equal "$(nsctl status --json | jq '[.profiles[] | select(.state == "up" and .drift == [])] | length')" 20
	equal "$(nsctl status --json | jq -r '.profiles[].interfaces[].addresses[]' | sort -u | wc -l)" 20
	run -0 nsctl down p{1..20}
	same_except_profiles
}

@test "20 profiles up and down side by side" {
	many 20
	local i
	local -a callers=()
	for i in {1..20}; do
		nsctl up p$i >/run/world/log/up-$i 2>&1 3>&- &
		callers+=($!)
	done
	for i in "${callers[@]}"; do
		wait "$i"
	done
	equal "$(nsctl status --json | jq '[.profiles[] | select(.state == "up" and .drift == [])] | length')" 20
	callers=()
	for i in {1..20}; do
		nsctl down p$i >/run/world/log/down-$i 2>&1 3>&- &
		callers+=($!)
	done
	for i in "${callers[@]}"; do
		wait "$i"
	done
	same_except_profiles
}

@test "up and down of one profile from many sides at once never leave it half" {
	many 1
	local i
	local -a callers=()
	for i in {1..8}; do
		nsctl up p1 >/dev/null 2>&1 3>&- &
		callers+=($!)
		nsctl down p1 >/dev/null 2>&1 3>&- &
		callers+=($!)
	done
	for i in "${callers[@]}"; do
		wait "$i" || true
	done
	[[ $(state p1) == up || $(state p1) == down ]]
	nsctl up p1
	no_drift p1
	equal "$(grep -c /run/netns/p1 /proc/self/mountinfo)" 1
}

@test "long names that are alike get host ends that are not" {
	profile a-rather-long-name-number-1 </dev/null
	profile a-rather-long-name-number-2 </dev/null
	nsctl up a-rather-long-name-number-1 a-rather-long-name-number-2
	no_drift a-rather-long-name-number-1
	no_drift a-rather-long-name-number-2
	# The whole name is there as an alternative name.
	ip link show ns-a-rather-long-name-number-1
	ip link show ns-a-rather-long-name-number-2
}

# The profile files are new since the record, nothing else.
same_except_profiles() {
	run same_as_before
	[[ -z $(grep '^[-+][a-z]' <<<"$output" | grep -v '^+files: /etc/nsctl') ]] ||
		{ echo "$output" && return 1; }
}
