#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# A profile's file changes while it is up: the next `up` makes it so, and nothing of the old is left.

load lib/common

# say LINE…: what the profile "changing" says from now on.
say() {
	printf '%s\n' "$@" >/etc/nsctl/profiles/changing.ini
}

prepare_file() {
	mount -t tmpfs tmpfs /srv # not the machine's
}

prepare() {
	profile changing </dev/null
	mkdir -p /srv/a /srv/b/own /srv/c
	echo a >/srv/a/which
	echo b >/srv/b/which
	echo own >/srv/b/own/which
	undo "rm -r /srv/a /srv/b /srv/c"
}

# changes: `up` has something to do, and then all is as the file says.
changes() {
	[[ $(drift changing) != "" ]]
	run -0 nsctl up changing
	no_drift changing
	run -0 nsctl up changing
	no_drift changing
}

lacks_link() {
	! ip link show "$1" >/dev/null 2>&1
}

mounts_at() {
	inside changing awk -v at="$1" '$5 == at' /proc/self/mountinfo | wc -l
}

@test "a bind and a tmpfs that are taken out go, what another mounted there stays" {
	say '[mount]' 'bind = /srv/a:/srv/c' 'tmpfs = /srv/b'
	nsctl up changing
	equal "$(inside changing cat /srv/c/which)" a
	equal "$(inside changing ls /srv/b)" ""
	say '[mount]' 'tmpfs = /srv/b'
	changes
	equal "$(inside changing ls /srv/c)" ""
	equal "$(mounts_at /srv/c)" 0
	# Ours is gone already; this one is the administrator's.
	nsenter --mount=/run/nsctl/ns/changing/mnt sh -c 'umount /srv/b; mount -t tmpfs mine /srv/b'
	say '[mount]'
	nsctl up changing
	equal "$(mounts_at /srv/b)" 1
}

@test "a bind that comes from elsewhere now, or may not be written any more, is made anew" {
	say '[mount]' 'bind = /srv/a:/srv/c'
	nsctl up changing
	say '[mount]' 'bind = /srv/b:/srv/c'
	changes
	equal "$(inside changing cat /srv/c/which)" b
	equal "$(mounts_at /srv/c)" 1
	say '[mount]' 'bind = /srv/b:/srv/c:ro'
	changes
	run inside changing touch /srv/c/x
	says "Read-only file system"
	say '[mount]' 'bind = /srv/b:/srv/c'
	changes
	inside changing touch /srv/c/x
	equal "$(mounts_at /srv/c)" 1
}

@test "a directory over the one that it lies in is no drift" {
	say '[mount]' 'bind = /srv/b/own:/srv/b'
	nsctl up changing
	no_drift changing
	run -0 nsctl up changing
	equal "$(inside changing cat /srv/b/which)" own
	equal "$(mounts_at /srv/b)" 1
}

@test "a bind on /etc/hosts is not the resolver's to take off" {
	say '[mount]' 'bind = /srv/a/which:/etc/hosts' '[dns]' 'nameserver = 9.9.9.9'
	nsctl up changing
	no_drift changing
	equal "$(inside changing cat /etc/hosts)" a
	run -0 nsctl up changing
	equal "$(inside changing cat /etc/hosts)" a
}

@test "masks go with mask-host-resolvers, and resolver files with [dns]" {
	mkdir /run/nscd
	undo "rmdir /run/nscd"
	say '[dns]' 'nameserver = 9.9.9.9' 'host = 9.9.9.9 nine'
	nsctl up changing
	equal "$(mounts_at /run/nscd)" 1
	say '[dns]' 'nameserver = 9.9.9.9' 'mask-host-resolvers = no'
	nsctl up changing
	no_drift changing
	equal "$(mounts_at /run/nscd)" 0
	equal "$(mounts_at /etc/hosts)" 0
	equal "$(mounts_at /etc/resolv.conf)" 1
	say ''
	nsctl up changing
	equal "$(mounts_at /etc/resolv.conf)" 0
	[[ ! -e /run/nsctl/ns/changing/etc ]]
}

@test "nat and isolation that are taken out leave no element" {
	say '[link]' 'address = 10.77.0.2/24'
	nsctl up changing
	nft list set inet nsctl masqueraded | grep -qF 10.77.0.2
	nft list set inet nsctl isolated | grep -qF 10.77.0.2
	say '[link]' 'address = 10.77.0.2/24' 'nat = none' 'isolate = no'
	nsctl up changing
	no_drift changing
	run -1 grep -F 10.77.0.2 <(nft list table inet nsctl)
}

@test "an element of somebody else's in our sets is drift" {
	say '[link]'
	nsctl up changing
	nft add element inet nsctl masqueraded '{ 192.0.2.7 }'
	changes
	run -1 grep -F 192.0.2.7 <(nft list table inet nsctl)
}

@test "a rule of somebody else's in our chains is drift" {
	say '[link]'
	nsctl up changing
	nft add rule inet nsctl forward ip daddr 192.0.2.7 drop
	changes
	run -1 grep -F 192.0.2.7 <(nft list table inet nsctl)
}

@test "another bridge: the old one goes with its last profile" {
	say '[link]' 'bridge = nsctl0'
	nsctl up changing
	say '[link]' 'bridge = other0'
	changes
	run -1 ip link show nsctl0
	equal "$(inside changing curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	say '[link]' 'bridge = nsctl0'
	changes
	run -1 ip link show other0
}

routes_inside() {
	inside changing ip -4 route show "$@"
}

@test "another gateway, and routes that are taken out, leave nothing of the old" {
	say '[link]' 'address = 10.77.0.2/24' '[route]' 'add = 10.99.0.0/16 via 10.77.0.1'
	nsctl up changing
	equal "$(routes_inside 10.99.0.0/16 | wc -l)" 1
	say '[link]' 'address = 10.77.0.2/24' 'gateway = 10.77.0.9'
	changes
	equal "$(routes_inside default)" "default via 10.77.0.9 dev eth0 proto static "
	equal "$(routes_inside 10.99.0.0/16)" ""
	run -1 grep -F 10.77.0.1/24 <(ip address show nsctl0)
	say '[link]' 'address = 10.77.0.2/24' 'gateway = 10.77.0.9' '[route]' 'default = no'
	changes
	equal "$(routes_inside default)" ""
}

@test "an MTU that is taken out is the kernel's again" {
	say '[link]' 'mtu = 1300'
	nsctl up changing
	equal "$(inside changing cat /sys/class/net/eth0/mtu)" 1300
	say '[link]'
	changes
	equal "$(inside changing cat /sys/class/net/eth0/mtu)" 1500
	equal "$(cat /sys/class/net/ns-changing/mtu)" 1500
}

@test "from the bridge to a pair and back, beside a profile that stays" {
	profile staying <<<'[link]'
	say '[link]'
	nsctl up staying changing
	say '[link]' 'type = ptp'
	changes
	equal "$(inside changing curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	run -1 grep -F 10.193.0.1/24 <(ip address show ns-changing)
	say '[link]'
	changes
	equal "$(inside changing curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	equal "$(ip -4 -br address show ns-changing | awk '{ print $3 }')" ""
	equal "$(inside staying curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	say '[link]' 'type = none'
	nsctl up changing
	no_drift changing
	lacks_link ns-changing
}

@test "another bridge under a FORWARD policy of DROP: no rule for the old one stays" {
	iptables-nft -P FORWARD DROP
	undo "iptables-nft -P FORWARD ACCEPT; nft delete table ip filter"
	say '[link]'
	nsctl up changing
	nft list chain ip filter FORWARD | grep -q "nsctl: nsctl0"
	say '[link]' 'bridge = other0'
	changes
	run -1 grep -F "nsctl: nsctl0" <(nft list chain ip filter FORWARD)
	equal "$(inside changing curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

# what_it_was_made_of: as far as the record says
what_it_was_made_of() {
	jq -r 'to_entries[] | select(.value) | .key' /run/nsctl/state/changing.json | xargs
}

@test "a change to a bridge that fails at the last step leaves nothing of it, and another link can be had" {
	say '[link]' 'type = none'
	nsctl up changing
	local before
	before=$(what_it_was_made_of)
	nft add table inet nsctl
	undo "nft delete table inet nsctl 2>/dev/null || true"
	say '[link]'
	refused "nf_tables table inet nsctl exists and was not made by nsctl" -- nsctl up changing
	lacks_link nsctl0
	lacks_link ns-changing
	equal "$(what_it_was_made_of)" "$before"
	nft delete table inet nsctl
	say '[link]' 'type = ptp'
	changes
	equal "$(inside changing curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

@test "what could neither be made nor taken back does not keep another link from being had" {
	say '[profile]' 'repair = no' '[link]' 'type = none'
	nsctl up changing
	say '[profile]' 'repair = no'
	mount --bind -o ro /proc/sys /proc/sys
	undo "umount /proc/sys 2>/dev/null || true"
	refused "can't set net/ipv4/ip_forward: Read-only file system" -- nsctl up changing
	umount /proc/sys
	lacks_link nsctl0
	say '[profile]' 'repair = no' '[link]' 'type = ptp'
	changes
	equal "$(inside changing curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

@test "resolver files of which one can't be put in place: none is" {
	say '[link]'
	nsctl up changing
	mv /etc/hosts /etc/hosts.away
	undo "mv /etc/hosts.away /etc/hosts 2>/dev/null || true"
	say '[link]' '[dns]' 'nameserver = 9.9.9.9' 'host = 9.9.9.9 nine'
	refused "the host has no /etc/hosts" -- nsctl up changing
	equal "$(mounts_at /etc/resolv.conf)" 0
	[[ ! -e /run/nsctl/ns/changing/etc ]]
	mv /etc/hosts.away /etc/hosts
	changes
	equal "$(mounts_at /etc/hosts)" 1
}

@test "a profile that gets the host's network and then one of its own again is watched as before" {
	say '[link]'
	nsctl up changing
	say '[namespace]' 'network = host'
	nsctl up changing
	no_drift changing
	[[ ! -e /run/netns/changing ]]
	lacks_link ns-changing
	say '[link]'
	changes
	ip -n changing address flush dev eth0
	wait_until has_address_inside
	no_drift changing
}

has_address_inside() {
	ip -n changing -4 address show dev eth0 | grep -q inet
}

@test "a profile whose network namespace died with nsctld shows the new one's devices in /sys" {
	say '[link]'
	nsctl up changing
	nsctld_stop KILL
	ip netns del changing
	nsctld_start
	nsctl up changing
	no_drift changing
	equal "$(inside changing ls /sys/class/net)" "$(printf 'eth0\nlo')"
}

# The lowest that is free is given: who makes enough of them gets it.
namespace_with_number() {
	local i
	for i in {1..100}; do
		ip netns add "stranger$i"
		undo "ip netns del stranger$i"
		stranger=stranger$i
		[[ $(stat -L -c %i "/run/netns/$stranger") != "$1" ]] || return 0
	done
	return 1
}

@test "no process is ended because its namespace has the number of one that is gone" {
	say '[link]'
	local number stranger
	nsctl up changing
	number=$(stat -L -c %i /run/netns/changing)
	nsctld_stop KILL
	ip netns del changing
	wait_until lacks_link ns-changing
	undo "umount /run/netns; rmdir /run/netns" # nsctl leaves it to the strangers
	namespace_with_number "$number" || skip "the number is not given again here"
	ip netns exec "$stranger" sleep 1000 3>&- 4>&- &
	local sleeper=$!
	undo "kill $sleeper; wait_until is_gone $sleeper"
	nsctld_start
	nsctl down changing
	kill -0 $sleeper
}
