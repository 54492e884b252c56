#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# contrib/quickstart does on a machine what it says, twice as well as once, and takes it back. The
# machine's /usr/local lies under the world's own; the source tree is a copy, a user's.

load lib/common

tree=/run/world/quickstart

setup_file() {
	local top=$NSCTL_WORLD/..
	mkdir -p $tree /run/world/local
	mount -t tmpfs tmpfs /run/world/local
	mkdir /run/world/local/{upper,work}
	mount -t overlay overlay /usr/local \
		-o lowerdir=/usr/local,upperdir=/run/world/local/upper,workdir=/run/world/local/work
	git -C "$top" ls-files -z | tar -C "$top" --null --ignore-failed-read -T - -c | tar -C $tree -x
	chown -R alice $tree
}

teardown_file() {
	umount /usr/local /run/world/local
	rm -rf $tree
}

setup() { :; }
teardown() { :; }

installed() {
	find /run/world/local/upper -type f -o -type l
}

@test "who is not root is told so, and nothing is done" {
	run -1 as alice $tree/contrib/quickstart
	says "needs root"
	[[ ! -e $tree/build && -z $(installed) ]]
}

@test "what can't be built ends it with what failed and what to do" {
	sed -i '1i this is no C' $tree/src/base/strv.c
	run -1 $tree/contrib/quickstart
	says "quickstart: make failed" "error: unknown type name" "that is a bug"
	[[ -z $(installed) ]]
	sed -i 1d $tree/src/base/strv.c
}

@test "it builds, installs, starts nsctld, and shows a second network with its way out" {
	local start=$SECONDS
	run -0 $tree/contrib/quickstart
	echo $((SECONDS - start)) >/run/world/first-run
	says "default via 10.193.0.1" "nameserver 9.9.9.9" "The host answers inside at 10.193.0.1" \
		"Inside, 9.9.9.9 is reached just as it is from outside" "nsctl exec vpn"
	equal "$(/usr/local/bin/nsctl status --json vpn | jq -r '.profiles[0].state')" up
	equal "$(stat -c %U $tree/build/nsctld)" alice # whose tree it is
}

@test "run again it is quick and disturbs nothing" {
	local network start=$SECONDS
	network=$(stat -Lc %i /run/netns/vpn)
	run -0 $tree/contrib/quickstart
	says "vpn: already up"
	equal "$(stat -Lc %i /run/netns/vpn)" "$network"
	local took=$((SECONDS - start))
	((took < 10 || took < $(</run/world/first-run) / 2)) || { echo "it took $took s" && return 1; }
}

@test "a machine without a way out is told that this is all right" {
	ip route del default via 192.168.1.1
	run -0 $tree/contrib/quickstart
	ip route add default via 192.168.1.1
	says "This machine has no way out itself" "That is all right"
}

@test "a new version takes over what the old one made" {
	local network
	network=$(stat -Lc %i /run/netns/vpn)
	echo 'const char newer[] = "newer";' >>$tree/src/daemon/main.c
	run -0 $tree/contrib/quickstart
	says "vpn: already up"
	equal "$(stat -Lc %i /run/netns/vpn)" "$network"
	cmp $tree/build/nsctld "/proc/$(pgrep -o -x nsctld)/exe"
}

@test "undone, nothing of it is left" {
	run -0 $tree/contrib/quickstart --undo
	equal "$(installed)" ""
	[[ ! -e /run/nsctl && ! -e /run/netns/vpn ]]
	run -1 pidof nsctld
	run -0 $tree/contrib/quickstart --undo
}
