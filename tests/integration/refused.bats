#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What up, a dry run and exec refuse because of what the profile asks for on this host: they say why,
# and leave the host as it is.

load lib/common

# refuses TEXT…: up and a dry run of the profile "bad" on stdin, for that reason; nothing changes.
refuses() {
	profile bad
	record_before
	refused "$@" -- nsctl up bad
	same_as_before
	refused "$@" -- nsctl up --dry-run bad
	same_as_before
}

# only_up_refuses TEXT…: what a dry run can't know
only_up_refuses() {
	profile bad
	record_before
	refused "$@" -- nsctl up bad
	same_as_before
}

@test "the bridge nsctl0 that is another's" {
	ip link add nsctl0 type bridge
	undo "ip link del nsctl0"
	refuses "bridge nsctl0 exists and was not made by nsctl" "ip link del nsctl0" </dev/null
}

# With a port, it does not change by another port's coming and going.
bridge_of_others() {
	ip link add br7 address 02:00:00:00:00:07 type bridge
	undo "ip link del br7"
	ip link add port7 master br7 type veth peer name port7peer
	undo "ip link del port7"
}

@test "another's bridge, without an address to take from it" {
	bridge_of_others
	refuses "bridge br7 was not made by nsctl" "set [link] address (and gateway) in" <<-END
		[link]
		bridge = br7
	END
}

@test "another's bridge, with a subnet that has no gateway on it" {
	bridge_of_others
	refuses "bridge br7 has no address in the subnet of 192.168.57.2/24" "set [link] gateway" <<-END
		[link]
		bridge = br7
		address = 192.168.57.2/24
	END
}

@test "a network namespace of its name that is another's" {
	ip netns add bad
	undo "ip netns del bad; umount /run/netns; rmdir /run/netns"
	refuses "network namespace bad exists and was not made by nsctl" </dev/null
}

@test "what has no step yet: resolver files and mounts in the host's network" {
	refuses "[dns] or [mount] with [namespace] network = host" <<-END
		[namespace]
		network = host
		[mount]
		tmpfs = /srv
	END
}

@test "no such profile: a dry run says so" {
	refused nosuch -- nsctl up --dry-run nosuch
}

@test "a mount where nothing is" {
	only_up_refuses "can't mount on or from /nonexistent" <<-END
		[mount]
		tmpfs = /nonexistent
	END
}

@test "a file that is to be mounted on a directory" {
	only_up_refuses "can't mount /etc/hosts on /srv" <<-END
		[mount]
		bind = /etc/hosts:/srv
	END
}

@test "a command in a profile whose network is the host's: it is there already" {
	profile here <<-END
		[namespace]
		network = host
		[aaaa]
		run = outside
	END
	nsctl up here
	refused "profile here has no network of its own" "run the command without nsctl" -- \
		nsctl exec here -- true
}
