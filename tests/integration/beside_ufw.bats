#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Beside ufw, the real one, as Debian installs it and "ufw enable" starts it: what is forwarded is
# dropped, the profiles' packets are let through by a rule in its FORWARD chain, and that is put back
# whatever ufw does meanwhile.

load lib/common

passes() {
	equal "$(inside "$1" curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

# What there is in FORWARD, without the counters.
forward_chain() {
	iptables -S FORWARD
}

is_let_through() {
	equal "$(iptables -S FORWARD | grep -c 'nsctl0 .*-j ACCEPT')" 2
}

# The numbers of our rules.
handles() {
	nft -a list chain ip filter FORWARD | sed -n 's/.*nsctl0.*# handle //p'
}

are_made_anew() { # [OLD-HANDLES]
	is_let_through
	[[ $(handles) != "$1" ]]
}

# All that ufw made, in an order that does not depend on what it did before.
save_rules() {
	iptables-save >/run/world/ufw.v4
	ip6tables-save >/run/world/ufw.v6
}

restore_rules() {
	local table
	while read -r _ table; do
		nft delete table $table
	done < <(nft list tables | grep -E '^table ip6? ')
	iptables-restore </run/world/ufw.v4
	ip6tables-restore </run/world/ufw.v6
}

prepare_file() {
	command -v ufw >/dev/null || return 0
	ufw --force enable >&2
	save_rules
	restore_rules
	forward_chain >/run/world/forward
	# The control: what is forwarded is dropped, but for what somebody says.
	grep -qx -- "-P FORWARD DROP" /run/world/forward
}

prepare() {
	command -v ufw >/dev/null || skip "ufw is not installed"
}

@test "ufw drops what is forwarded, and a profile's packets pass it" {
	run -0 nsctl up vpn
	equal "$output" "vpn: up" # nothing is left to do by hand
	passes vpn
	no_drift vpn
	nsctl down vpn
	forward_chain | cmp - /run/world/forward
	same_as_before
}

@test "a profile that was made before ufw was enabled passes it too" {
	undo restore_rules
	ufw disable
	nsctl up vpn
	passes vpn
	ufw --force enable
	wait_until is_let_through
	passes vpn
	nsctl down vpn
	forward_chain | cmp - /run/world/forward
}

@test "ufw reload, disable and enable while a profile is up" {
	undo restore_rules
	nsctl up vpn
	ufw reload
	wait_until is_let_through
	passes vpn
	ufw disable
	passes vpn
	ufw --force enable
	wait_until is_let_through
	passes vpn
	wait_until no_drift vpn
	nsctl down vpn
	forward_chain | cmp - /run/world/forward
}

@test "what ufw flushes (MANAGE_BUILTINS) is put back" {
	undo restore_rules
	sed -i 's/^MANAGE_BUILTINS=.*/MANAGE_BUILTINS=yes/' /etc/default/ufw
	undo "sed -i 's/^MANAGE_BUILTINS=.*/MANAGE_BUILTINS=no/' /etc/default/ufw"
	nsctl up vpn
	local before
	before=$(handles)
	ufw reload
	wait_until are_made_anew "$before"
	passes vpn
	nsctl down vpn
	forward_chain | cmp - /run/world/forward
}

@test "what ufw is told while a profile is up stays" {
	undo restore_rules
	ufw route allow in on eth0 to 198.51.100.80
	undo "ufw route delete allow in on eth0 to 198.51.100.80"
	iptables-save -t filter | grep '^-A' >/run/world/with-route
	grep -q 198.51.100.80 /run/world/with-route
	nsctl up vpn
	passes vpn
	ufw deny 8080/tcp
	passes vpn
	ufw delete deny 8080/tcp
	nsctl down vpn
	iptables-save -t filter | grep '^-A' | cmp - /run/world/with-route
}

@test "a bridge that is not nsctl's, whose frames ufw gets to see: up tells it, and what it tells helps" {
	[[ $(sysctl -en net.bridge.bridge-nf-call-iptables) == 1 ]] || skip "no br_netfilter here"
	ip link add br7 type bridge
	undo "ip link delete br7"
	ip link set br7 up
	local name
	for name in 2 3; do
		profile "lan$name" <<-END
			[link]
			bridge = br7
			address = 10.7.0.$name/24
			gateway = 10.7.0.1
			nat = none
			isolate = no
		END
	done
	run -0 nsctl up lan2 lan3
	says "what passes the bridge br7"
	nsctl exec lan2 -- "$integration/lib/web-server" self 10.7.0.2 inside >/run/world/served 3>&- &
	wait_until grep -q ready /run/world/served
	run ! inside lan3 curl -sS -m 1 http://10.7.0.2/
	undo "sysctl -qw net.bridge.bridge-nf-call-iptables=1"
	sysctl -qw net.bridge.bridge-nf-call-iptables=0 # then it sees none of them
	run -0 nsctl up lan3
	equal "$output" "lan3: already up"
	equal "$(inside lan3 curl -sS -m 40 http://10.7.0.2/)" inside
	sysctl -qw net.bridge.bridge-nf-call-iptables=1
	local told
	told=$(nsctl up lan3 2>&1 | sed -n 's/.*let that through: //p')
	equal "$told" "iptables -I FORWARD -i br7 -o br7 -j ACCEPT"
	$told
	undo "${told/ -I / -D }"
	equal "$(inside lan3 curl -sS -m 40 http://10.7.0.2/)" inside
	run -0 nsctl up lan3
	equal "$output" "lan3: already up"
}
