#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Changes that nsctld hears of late, or not at all, or while it is busy with something else about the
# same profile. (Lost news of links are in sleep.bats.)

load lib/common

prepare() {
	profile full <<-END
		[link]
		address = 10.77.0.2/24
		[dns]
		nameserver = 9.9.9.9
	END
	profile pair <<-END
		[link]
		type = ptp
	END
}

# while_stopped COMMAND…: nsctld hears of what it does afterwards
while_stopped() {
	local pid result=0
	pid=$(nsctld_pid)
	kill -STOP "$pid"
	"$@" || result=$?
	kill -CONT "$pid"
	return $result
}

repaired() {
	[[ $(nsctl status --json "$1" | jq '.profiles[0].repair.count') -ge 1 && -z $(drift "$1") ]]
}

inside_is_ours() {
	nsenter --mount=/run/nsctl/ns/full/mnt grep -q 9.9.9.9 /etc/resolv.conf
}

keep_resolv_conf() {
	cp /etc/resolv.conf /run/world/resolv.conf
	undo "cp /run/world/resolv.conf /etc/resolv.conf; rm /run/world/resolv.conf"
}

rename_resolv_conf() {
	echo "nameserver 192.168.1.1 # renamed" >/etc/resolv.conf.new
	mv /etc/resolv.conf.new /etc/resolv.conf
}

more_files_than_can_be_told() {
	local many
	many=$(sysctl -n fs.inotify.max_queued_events)
	[[ $many -le 100000 ]] || skip "fs.inotify.max_queued_events is $many: it would take long"
	seq -f /etc/many%.0f $((many / 3 + 100)) | xargs touch
	rename_resolv_conf
	rm /etc/many*
}

@test "more news of /etc than can be told: the profile's resolv.conf is back in place" {
	keep_resolv_conf
	nsctl up full
	while_stopped more_files_than_can_be_told
	wait_until inside_is_ours
}

@test "the profile's file is gone, and the host's resolv.conf is replaced: the profile's stays inside" {
	keep_resolv_conf
	nsctl up full
	mv /etc/nsctl/profiles/full.ini /run/world/full.ini
	undo "rm -f /run/world/full.ini"
	rename_resolv_conf
	wait_until inside_is_ours
	mv /run/world/full.ini /etc/nsctl/profiles/full.ini
	# the same when it says nothing of [dns] any more, until somebody brings it up anew
	sed -i '/dns/,$d' /etc/nsctl/profiles/full.ini
	rename_resolv_conf
	wait_until inside_is_ours
	nsctl up full
	inside full grep -q renamed /etc/resolv.conf
}

more_elements_than_can_be_told() {
	local text
	text=$(printf 'x%.0s' {1..120})
	nft add table inet busy
	undo "nft delete table inet busy 2>/dev/null || true"
	nft add set inet busy numbers '{ type inet_service; }'
	echo "add element inet busy numbers { $(seq -s, -f "%.0f comment \"$text\"" 15000) }" | nft -f -
	nft flush ruleset
	[[ $(drops) -gt 0 ]]
}

@test "more news of nf_tables than can be told: what went is put back" {
	nsctl up full
	while_stopped more_elements_than_can_be_told
	wait_until repaired full
}

@test "profiles of which each has a link of its own: what all share is put back for each" {
	nsctl up full pair
	nft flush ruleset
	sysctl -qw net.ipv4.ip_forward=0
	wait_until no_drift full
	wait_until no_drift pair
	equal "$(inside full curl -sS -m 10 http://198.51.100.80/)" "internet 203.0.113.2"
	equal "$(inside pair curl -sS -m 10 http://198.51.100.80/)" "internet 203.0.113.2"
}

@test "repair = no since it is up: nothing is put back, and status says it is not" {
	nsctl up full pair
	printf '[profile]\nrepair = no\n' >>/etc/nsctl/profiles/full.ini
	ip link del ns-full
	ip link del ns-pair
	wait_until repaired pair # which happened later
	equal "$(drift full)" "link: ns-full is missing"
	equal "$(nsctl status --json full | jq -c '.profiles[0].repair')" \
		'{"enabled":false,"count":0,"gave_up":null}'
}

# down_takes_time: the down of "full" waits for a process inside that does not want to end
down_takes_time() {
	inside full sh -c 'trap "echo >/run/world/told" TERM; echo >/run/world/ready
		while :; do sleep 0.05; done' >/dev/null 2>&1 3>&- 4>&- &
	undo "rm -f /run/world/ready /run/world/told /run/world/down"
	wait_until test -s /run/world/ready
	nsctl down full >/run/world/down 2>&1 3>&- 4>&- &
	down=$!
	wait_until test -s /run/world/told
}

@test "what goes while the profile is going down is not put back" {
	nsctl up full pair
	down_takes_time
	ip link del ns-full
	ip link del ns-pair
	wait_until repaired pair # which happened later
	run ! ip link show ns-full
	wait $down
	equal "$(</run/world/down)" "full: down"
}

@test "nsctld is asked to end in the middle of a down: it does, and the next one goes on" {
	nsctl up full
	down_takes_time
	nsctld_stop
	run ! wait $down
	run -0 cat /run/world/down
	says "nsctld has closed the connection"
	nsctld_start
	no_drift full
	run -0 nsctl down full
	says "full: down"
}
