#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The explanation can't lie: the script that `up --dry-run` prints, run by plain tools in a fresh
# world, makes exactly what `up` makes in another.

load lib/common

prepare() {
	directory=$(mktemp -d)
	undo "rm -rf $directory"
}

# explained PROFILE: both ways, each in a world of its own inside this one.
explained() {
	nsctl up --dry-run "$1" >"$directory/script"
	same_as_before
	"$NSCTL_WORLD/world" --without-office -- "$integration/lib/make-and-record" "$1" "$directory" \
		"$directory/script" 3>&-
	"$NSCTL_WORLD/world" --without-office -- "$integration/lib/make-and-record" "$1" "$directory" 3>&-
	# There is something in them to compare.
	grep -q "^links: " "$directory/host-hand"
	grep -q "^mounts: " "$directory/inside-hand"
	local status=0
	$oracle compare "$directory/host-hand" "$directory/host-nsctl" || status=1
	$oracle compare "$directory/inside-hand" "$directory/inside-nsctl" || status=1
	[[ $status -eq 0 ]] || cat "$directory/script"
	return $status
}

# prepare_host: the commands on stdin run first, in this world and in both others.
prepare_host() {
	{ echo '#!/bin/sh -e' && cat; } >"$directory/prepare"
	chmod +x "$directory/prepare"
	"$directory/prepare"
}

@test "the shipped profile vpn" {
	explained vpn
}

@test "the shipped profile wine" {
	explained wine
}

@test "the shipped profile offline" {
	explained offline
}

@test "the shipped profile lan, with the bridge that it expects" {
	local bridge
	bridge=$(nsctl show lan --json | jq -r '.. | objects | select(.key? == "bridge") | .value')
	prepare_host <<-END
		# an address of its own: else it takes a port's, and its link-local one is left of the old
		ip link add $bridge address 02:00:00:00:57:01 type bridge
		ip link set $bridge up
		ip address add 192.168.57.1/24 dev $bridge
	END
	undo "ip link del $bridge"
	record_before
	explained lan
}

@test "ptp, mounts, routes, hosts and a long name, on a host with Docker's chains" {
	cat >"$directory/custom.ini" <<-END
		[link]
		type = ptp
		address = 10.77.0.2/24
		mtu = 1400
		mac = 02:00:00:00:00:77
		[route]
		add = 10.99.0.0/16 via 10.77.0.1
		[dns]
		nameserver = 9.9.9.9
		search = internet.example
		host = 10.1.2.3 buildhost
		[mount]
		bind = /run/world/m/from:/run/world/m/to:ro
		tmpfs = /run/world/m/scratch
	END
	prepare_host <<-END
		iptables-nft -N DOCKER-USER
		iptables-nft -A DOCKER-USER -j RETURN
		iptables-nft -A FORWARD -j DOCKER-USER
		iptables-nft -P FORWARD DROP
		mkdir -p /run/world/m/from /run/world/m/to /run/world/m/scratch
		install -m 644 $directory/custom.ini /etc/nsctl/profiles/custom-of-a-long-name.ini
	END
	undo "nft delete table ip filter; rm -f /etc/nsctl/profiles/custom-of-a-long-name.ini"
	record_before
	explained custom-of-a-long-name
}

@test "a dry run works for a user whom the profile admits, and changes nothing" {
	profile hers <<-END
		[access]
		users = alice
	END
	record_before
	run -0 as alice nsctl up --dry-run hers
	says "ip netns add hers"
	same_as_before
	run ! as mallory nsctl up --dry-run hers
}
