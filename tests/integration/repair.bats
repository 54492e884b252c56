#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What somebody takes away of a profile while it is up is put back, soon and once; who takes it away
# again and again is left alone; and with `repair = no` it is shown and no more.

load lib/common

log=/run/world/log/nsctld

prepare() {
	profile full <<-END
		[link]
		address = 10.77.0.2/24
		gateway = 10.77.0.1
		[route]
		add = 10.99.0.0/16 via 10.77.0.9
		[dns]
		nameserver = 9.9.9.9
	END
	profile other <<-END
		[link]
		address = 10.77.0.3/24
		gateway = 10.77.0.1
		[dns]
		nameserver = 9.9.9.9
	END
}

# repairs PROFILE: how often something of it was put back
repairs() {
	nsctl status --json "$1" | jq '.profiles[0].repair.count'
}

# gave_up PROFILE: why nothing is put back any more; nothing as long as it is
gave_up() {
	nsctl status --json "$1" | jq -r '.profiles[0].repair.gave_up // empty'
}

given_up() {
	[[ -n $(gave_up full) ]]
}

# repaired PROFILE COUNT: it was, that often
repaired() {
	[[ $(repairs "$1") -ge $2 && -z $(drift "$1") ]]
}

# look_ms: how long a look takes, in milliseconds, on this machine now
look_ms() {
	local start
	start=$(date +%s%N)
	repaired full 0
	echo $((($(date +%s%N) - start) / 1000000))
}

# put_back COMMAND…: what it takes away of "full" is there again within a second, is told once in the
# log, and all is as before. The second is one of a machine with nothing else to do, where a look takes
# some 30 ms: else it has as many looks as that.
put_back() {
	nsctl up full
	record_up before-damage
	local start log_lines=0 look later
	look=$(look_ms)
	log_lines=$(grep -c "full: put back" $log) || true
	start=$(date +%s%N)
	"$@" || true # it may fail: what it takes away can be back before it is done
	wait_until repaired full 1
	local took=$((($(date +%s%N) - start) / 1000000))
	later=$(look_ms)
	look=$((look > later ? look : later))
	[[ $took -lt $((look > 30 ? 1000 * look / 30 : 1000)) ]] ||
		{ echo "it took $took ms, where a look takes $look ms" && return 1; }
	record_up after-repair
	$oracle compare /run/world/before-damage /run/world/after-repair
	equal "$(inside full curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	equal "$(repairs full)" 1
	equal "$(grep -c "full: put back" $log)" $((log_lines + 1))
}

# What up made, apart from numbers that a thing made anew gets anew.
record_up() {
	$oracle record --normalise --only=links,addresses,routes,rules,firewall,sysctls \
		"/run/world/$1"
}

# When another profile's damage, made later, has been put back, this one's would have been as well.
a_repair_later() {
	local before
	before=$(repairs other)
	ip link del ns-other
	wait_until repaired other $((before + 1))
}

@test "the veth, removed on the host" {
	put_back ip link del ns-full
}

@test "the veth, removed inside" {
	put_back ip -n full link del eth0
}

@test "the veth, down on the host" {
	put_back ip link set ns-full down
}

@test "the veth, renamed" {
	rename() {
		ip link set ns-full down && ip link set ns-full name elsewhere
	}
	put_back rename
}

@test "the interface inside, down" {
	put_back ip -n full link set eth0 down
}

@test "the veth, out of its bridge" {
	put_back ip link set ns-full nomaster
}

@test "the isolation of the port" {
	put_back bridge link set dev ns-full isolated off
}

@test "the bridge" {
	put_back ip link del nsctl0
}

@test "the bridge, down" {
	put_back ip link set nsctl0 down
}

@test "the bridge's address" {
	put_back ip address del 10.77.0.1/24 dev nsctl0
}

@test "the address inside" {
	put_back ip -n full address del 10.77.0.2/24 dev eth0
}

@test "the default route" {
	put_back ip -n full route del default
}

@test "a route of its own" {
	put_back ip -n full route del 10.99.0.0/16
}

@test "the loopback inside, down" {
	put_back ip -n full link set lo down
}

@test "the nf_tables table" {
	put_back nft delete table inet nsctl
}

@test "all rules of the host (flush ruleset)" {
	put_back nft flush ruleset
}

@test "the elements of a set" {
	put_back nft flush set inet nsctl masqueraded
}

@test "a rule of the table" {
	put_back nft flush chain inet nsctl forward
}

@test "a rule that another's firewall needs to let packets through" {
	nft add table ip filter
	undo "nft delete table ip filter 2>/dev/null || true"
	nft 'add chain ip filter FORWARD { type filter hook forward priority 0; policy drop; }'
	record_before
	put_back nft flush chain ip filter FORWARD
	nsctl down full
	same_as_before
}

@test "forwarding on the host" {
	put_back sysctl -qw net.ipv4.ip_forward=0
}

@test "IPv6 inside, switched on" {
	put_back ip netns exec full sysctl -qw net.ipv6.conf.all.disable_ipv6=0 \
		net.ipv6.conf.default.disable_ipv6=0
}

@test "the pin of the network namespace, by ip netns del" {
	put_back ip netns del full
}

@test "all of /run/netns, swept by another tool" {
	put_back umount -l /run/netns
}

@test "the pin of the mount namespace" {
	put_back umount -l /run/nsctl/ns/full/mnt
}

@test "what two profiles share: both are whole again" {
	nsctl up full other
	ip link del nsctl0
	nft flush ruleset
	wait_until no_drift full
	wait_until no_drift other
	equal "$(inside full curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	equal "$(inside other curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

# With forwarding off and no table, nothing of "other" gets out.
break_what_is_shared() {
	nft delete table inet nsctl
	sysctl -qw net.ipv4.ip_forward=0
}

shared_is_whole() {
	[[ $(sysctl -n net.ipv4.ip_forward) == 1 && -z $(drift other) ]]
}

@test "what profiles share is put back, whoever of them is not: changed since, told not to, or on its way down" {
	nsctl up full other
	sed -i 's/^address = .*/&\nmtu = 1400/' /etc/nsctl/profiles/full.ini
	break_what_is_shared
	wait_until shared_is_whole
	sed -i '/^mtu/d' /etc/nsctl/profiles/full.ini
	nsctl up full
	printf '[profile]\nrepair = no\n' >>/etc/nsctl/profiles/full.ini
	break_what_is_shared
	wait_until shared_is_whole
	sed -i '/^.profile/,$d' /etc/nsctl/profiles/full.ini
	nsctl up full
	wait_until repaired other 0
	sysctl -qw net.ipv4.ip_forward=0
	nsctl down full
	wait_until shared_is_whole
}

@test "what runs inside does not notice" {
	nsctl up full
	mkfifo /run/world/full-in
	undo "rm /run/world/full-in"
	inside full cat </run/world/full-in >/run/world/full-out 3>&- &
	local cat=$!
	exec 9>/run/world/full-in
	ip link del ns-full
	ip netns del full || true # see put_back
	wait_until repaired full 1
	echo still here >&9
	exec 9>&-
	wait $cat
	equal "$(</run/world/full-out)" "still here"
}

@test "repair = no: it is shown, and up puts it back" {
	sed -i '1i [profile]\nrepair = no' /etc/nsctl/profiles/full.ini
	nsctl up full other
	ip link del ns-full
	ip netns del full
	a_repair_later
	equal "$(state full)" partial
	run -0 drift full
	says "link: ns-full is missing" "netns: /run/netns/full is missing"
	equal "$(nsctl status --json full | jq -c '.profiles[0].repair')" \
		'{"enabled":false,"count":0,"gave_up":null}'
	nsctl up full
	no_drift full
}

# fight: from now on somebody removes the link whenever it is there; peace ends it.
fight() {
	mkfifo /run/world/fight
	ip monitor link >/run/world/fight 2>/dev/null 3>&- &
	echo $! >/run/world/fight.pid
	undo peace
	while read -r line; do
		[[ $line != *ns-full*"<"*UP* ]] || ip link del ns-full 2>/dev/null || true
	done </run/world/fight >/dev/null 2>&1 3>&- &
	fighter=$!
	wait_until monitor_listens
	ip link del ns-full 2>/dev/null || true
}

# Its socket has joined a group (netlink(7): the socket's first number is the process's).
monitor_listens() {
	awk -v pid="$(</run/world/fight.pid)" '$2 == 0 && $3 == pid && $4 !~ /^0+$/ { found = 1 }
		END { exit !found }' /proc/net/netlink
}

peace() {
	[[ -e /run/world/fight ]] || return 0
	kill "$(</run/world/fight.pid)"
	# what it has heard already it still acts upon
	wait_until is_gone "$fighter"
	rm /run/world/fight /run/world/fight.pid
}

@test "against who removes it again and again it gives up, says so, and up begins anew" {
	nsctl up full
	fight
	wait_until given_up
	peace
	# one that finds the link gone again before it is done with it does not count
	[[ $(repairs full) -ge 1 && $(repairs full) -le 6 ]]
	equal "$(state full)" partial
	run -0 nsctl status full
	says "link: ns-full is missing" "nothing is put back: link, addresses: gone again and again, 6 times"
	run -0 tail -n 1 $log
	says "full: nothing is put back any more"
	# It stays as it is,
	nsctl up other
	a_repair_later
	equal "$(state full)" partial
	# until somebody wants it.
	nsctl up full
	no_drift full
	equal "$(gave_up full)" ""
	ip link del ns-full
	wait_until repaired full 1
}

@test "what can't be put right is tried a few times, and said" {
	nsctl up full
	local log_lines
	log_lines=$(grep -c "full can't be put right" $log) || true
	kill -STOP "$(nsctld_pid)" # nor can it be quicker than the other
	undo "kill -CONT $(nsctld_pid)"
	printf '%s\n' "link del ns-full" "link add ns-full type bridge" | ip -batch -
	kill -CONT "$(nsctld_pid)"
	undo "ip link del ns-full 2>/dev/null || true"
	wait_until given_up
	run -0 nsctl status full
	says "nothing is put back: it can't be put right:" "link ns-full exists and was not made by nsctl" \
		"(tried 6 times)"
	ip -d link show ns-full | grep -q bridge
	equal "$(repairs full)" 0
	equal "$(grep -c "full can't be put right" $log)" $((log_lines + 6))
	ip link del ns-full
	nsctl up full
	no_drift full
}

@test "down in the middle of it: nothing is put back afterwards" {
	nsctl up full other
	ip link del ns-full
	nft flush ruleset
	nsctl down full
	a_repair_later
	equal "$(state full)" down
	run ! ip netns exec full true
}

removed_again() {
	[[ $(repairs full) -ge 2 ]]
}

@test "down while somebody fights" {
	nsctl up full
	fight
	wait_until removed_again
	nsctl down full
	equal "$(state full)" down
	peace
}

@test "a profile that was changed since is not made anew behind the user's back" {
	nsctl up full other
	sed -i 's/10\.77\.0\.2/10.77.0.4/' /etc/nsctl/profiles/full.ini
	ip link set ns-full down
	a_repair_later
	run -0 nsctl status full
	says "ns-full is down" "nothing is put back: the profile was changed since it was made"
	ip -n full -4 -o address show dev eth0 | grep -q 10.77.0.2
	nsctl up full
	no_drift full
	equal "$(address_of full)" 10.77.0.4
}

@test "a profile whose file has gone" {
	nsctl up full other
	mv /etc/nsctl/profiles/full.ini /run/world/full.ini
	ip link set ns-full down
	a_repair_later
	mv /run/world/full.ini /etc/nsctl/profiles/full.ini
	run -0 nsctl status full
	says "ns-full is down" "nothing is put back: "
}

@test "another's bridge is not made anew, and entered again when it is back" {
	profile port <<-END
		[link]
		bridge = br7
		address = 192.168.57.101/24
		nat = none
		[route]
		default = no
	END
	local make="ip link add br7 address 02:00:00:00:00:07 type bridge; ip link set br7 up"
	sh -c "$make"
	undo "ip link del br7"
	nsctl up port other
	ip link del br7
	a_repair_later
	run ! ip link show br7
	equal "$(state port)" partial
	sh -c "$make"
	wait_until repaired port 1
	run -0 ip -o link show master br7
	says ns-port
}

@test "a route that a VPN inside has put in the place of ours stays" {
	nsctl up full
	inside full ip tuntap add dev tun7 mode tun
	inside full ip address add 10.66.0.2/24 dev tun7
	inside full ip link set tun7 up
	# of less weight than ours would be
	inside full sh -c "ip route del default; ip route add default via 10.66.0.1 dev tun7 metric 50"
	ip -n full link set lo down
	wait_until sh -c "ip -n full link show lo | grep -q '<.*UP'"
	run -0 inside full ip route show default
	equal "$output" "default via 10.66.0.1 dev tun7 metric 50 linkdown "
}

@test "the uplink changes: the way out is the new one" {
	local uplink
	uplink=$(ip -j route show default | jq -r '.[0].dev')
	undo "ip route replace default via 192.168.1.1 dev $uplink; ip address del 192.168.1.77/24 dev $uplink"
	nsctl up full
	equal "$(inside full curl -sS -m 40 http://192.168.1.10/)" home
	ip address add 192.168.1.77/24 dev "$uplink"
	ip route del default
	run ! inside full curl -sS -m 1 http://198.51.100.80/
	ip route add default via 192.168.1.1 dev "$uplink" src 192.168.1.77
	equal "$(inside full curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	equal "$(repairs full)" 0
	no_drift full
}

@test "what goes while no nsctld runs is put back by the next one" {
	nsctl up full
	nsctld_stop KILL
	ip link del ns-full
	nft flush ruleset
	nsctld_start
	wait_until repaired full 1
	equal "$(inside full curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

@test "a network that is lost while no nsctld runs is made anew, and guarded" {
	nsctl up full
	nsctld_stop KILL
	umount -l /run/netns/full /run/nsctl/ns/full/mnt
	nsctld_start
	wait_until repaired full 1
	ip -n full link set lo down
	wait_until repaired full 2
	no_drift full
}

@test "a responder that lives on in a network that was lost is not the profile's" {
	printf '[aaaa]\nrun = inside\n' >>/etc/nsctl/profiles/full.ini
	nsctl up full
	local pid network
	nsctld_stop KILL
	umount -l /run/netns/full /run/nsctl/ns/full/mnt
	nsctld_start
	wait_until repaired full 1
	network=$(inside full readlink /proc/self/ns/net)
	for pid in $(pidof nsctl-aaaa); do
		equal "$(readlink "/proc/$pid/ns/net")" "$network"
	done
	[[ -n $pid ]]
	no_drift full
}

@test "what nsctl does itself is no reason to look" {
	nsctld_stop
	nsctld_start --log-level=debug
	nsctl up full other
	nsctl down other
	nsctl up other
	a_repair_later
	run ! grep "profile full, step .*: nothing to do" $log
	nsctld_stop
	nsctld_start
}

# How often nsctld has gone to sleep, and so was woken up.
wake_ups() {
	sed -n 's/^voluntary_ctxt_switches:\s*//p' "/proc/$(nsctld_pid)/status"
}

# sleeps_on: for half a second
sleeps_on() {
	local before
	before=$(wake_ups)
	sleep 0.5
	[[ $(wake_ups) -eq $before ]]
}

@test "addresses, routes and neighbours of others wake nobody up" {
	nsctl up full
	ip link add busy type veth peer name busy-peer
	undo "ip link del busy"
	ip link set busy up
	ip link set busy-peer up
	nft add table ip busy
	undo "nft delete table ip busy"
	a_round_of_the_loop() {
		nsctl list >/dev/null
	}
	for i in {1..250}; do
		echo "route add 10.200.$i.0/24 dev busy"
		echo "neigh add 10.201.0.$i lladdr 02:00:00:00:00:01 dev busy"
		echo "address add 10.202.$i.1/24 dev busy"
		echo "route del 10.200.$i.0/24 dev busy"
		echo "neigh del 10.201.0.$i dev busy"
	done >/run/world/busy
	a_round_of_the_loop
	wait_until sleeps_on # after what the links and the table were good for
	local before after
	before=$(wake_ups)
	ip -batch /run/world/busy
	after=$(wake_ups)
	[[ $((after - before)) -le 5 ]] || { echo "woken up $((after - before)) times" && return 1; }
	equal "$(repairs full)" 0
}
