#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Traffic passes the host's own firewall, the host routes for nobody else, and what was changed
# for it is changed back.

load lib/common

passes() {
	equal "$(inside "$1" curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

# The home's web server takes the host for its router to the Internet.
stranger() { # [SECONDS]
	on web curl -sS -m "${1:-40}" http://198.51.100.80/
}

# Its packets must really come by the host: no redirects from it.
prepare_file() {
	iptables-legacy -nL >&2 || true # its table stays once somebody asked for it
	on web ip route replace 198.51.100.80 via 192.168.1.2
	sysctl -qw net.ipv4.conf.all.send_redirects=0 net.ipv4.conf.eth0.send_redirects=0
}

@test "ip_forward goes from 0 to 1 with the first profile, and back with the last" {
	equal "$(sysctl -n net.ipv4.ip_forward)" 0
	nsctl up vpn
	equal "$(sysctl -n net.ipv4.ip_forward)" 1
	nsctl up wine
	nsctl down vpn
	equal "$(sysctl -n net.ipv4.ip_forward)" 1
	passes wine
	nsctl down wine
	equal "$(sysctl -n net.ipv4.ip_forward)" 0
	same_as_before
}

@test "ip_forward that was 1 stays 1" {
	sysctl -qw net.ipv4.ip_forward=1
	undo "sysctl -qw net.ipv4.ip_forward=0"
	record_before
	nsctl up vpn
	nsctl down vpn
	same_as_before
}

@test "the settings of single interfaces survive the change of ip_forward" {
	# Writing ip_forward resets some of them behind one's back.
	local key
	for key in all.accept_redirects eth0.accept_redirects; do
		undo "sysctl -qw net.ipv4.conf.$key=$(sysctl -n net.ipv4.conf.$key)"
		sysctl -qw net.ipv4.conf.$key=0
	done
	sysctl -qw net.ipv4.conf.eth0.forwarding=1
	undo "sysctl -qw net.ipv4.conf.eth0.forwarding=0"
	record_before
	nsctl up vpn
	nsctl down vpn
	same_as_before
}

@test "a host that did not route does not route for strangers because of a profile" {
	sysctl -qw net.ipv4.ip_forward=1
	equal "$(stranger 40)" "internet 203.0.113.2" # the control: it would come through
	sysctl -qw net.ipv4.ip_forward=0
	run ! stranger 1
	nsctl up vpn
	passes vpn
	run ! stranger 1
}

@test "a host that did route goes on doing so" {
	sysctl -qw net.ipv4.ip_forward=1
	undo "sysctl -qw net.ipv4.ip_forward=0"
	record_before
	nsctl up vpn
	passes vpn
	equal "$(stranger 40)" "internet 203.0.113.2"
}

@test "nobody on the LAN reaches into a profile through the host" {
	nsctl up vpn
	local address
	address=$(address_of vpn)
	nsctl exec vpn -- "$integration/lib/web-server" self "$address" inside >/run/world/served 3>&- &
	wait_until grep -q ready /run/world/served
	equal "$(curl -sS -m 40 "http://$address/")" inside
	on web ip route add "$address" via 192.168.1.2
	run ! on web curl -sS -m 1 "http://$address/"
	on web ip route del "$address"
}

@test "a FORWARD chain with policy DROP (as ufw has it): traffic passes, the rule goes with it" {
	iptables-nft -P FORWARD DROP
	undo "nft delete table ip filter"
	record_before
	nsctl up vpn
	passes vpn
	run -0 iptables-nft -S FORWARD
	says nsctl0
	nsctl down vpn
	same_as_before
}

@test "a FORWARD chain that ends with a rule that rejects (as cloud images have it)" {
	iptables-nft -A FORWARD -p icmp -j ACCEPT
	undo "nft delete table ip filter"
	iptables-nft -A FORWARD -j REJECT --reject-with icmp-host-prohibited
	record_before
	nsctl up vpn
	passes vpn
	no_drift vpn
	nsctl down vpn
	same_as_before
	iptables-nft -I FORWARD -j ACCEPT # what stands behind counts no more
	undo "iptables-nft -D FORWARD -j ACCEPT"
	nsctl up vpn
	run ! grep nsctl0 <(iptables-nft -S FORWARD)
}

@test "Docker's chains: the rule is in DOCKER-USER, and goes with the last profile" {
	iptables-nft -N DOCKER-USER
	undo "nft delete table ip filter"
	iptables-nft -A DOCKER-USER -j RETURN
	iptables-nft -A FORWARD -j DOCKER-USER
	iptables-nft -P FORWARD DROP
	record_before
	nsctl up vpn
	passes vpn
	run -0 iptables-nft -S DOCKER-USER
	says nsctl0
	nsctl up wine
	passes wine
	nsctl down vpn
	passes wine
	nsctl down wine
	same_as_before
}

@test "a ptp profile passes a FORWARD chain with policy DROP as well" {
	iptables-nft -P FORWARD DROP
	undo "nft delete table ip filter"
	record_before
	profile direct <<-END
		[link]
		type = ptp
	END
	record_before
	nsctl up direct
	passes direct
	nsctl down direct
	same_as_before
}

@test "a profile whose address is the first of its subnet: the host has the second, or the other one" {
	local subnet
	for subnet in 24:10.77.0.2 31:10.77.0.0; do
		profile first <<-END
			[link]
			type = ptp
			address = 10.77.0.1/${subnet%:*}
		END
		nsctl up first
		equal "$(ip -4 -j address show dev ns-first | jq -r '.[0].addr_info[0].local')" "${subnet#*:}"
		passes first
		nsctl down first
	done
}

# As a nsctld leaves it that is killed right before it writes down that the profile forwards.
die_before_the_record() {
	nsctld_stop KILL
	local record=/run/nsctl/state/direct.json
	jq '.since = 0 | .forwards = false | .masquerades = false' $record >/run/world/direct.json
	cat /run/world/direct.json >$record
	rm /run/world/direct.json
}

rules_with() {
	nft -a list chain ip filter FORWARD | grep -c "\"$1\"" || true
}

@test "rules that a nsctld which was killed had put among others' go at the next start, and only they" {
	iptables-nft -P FORWARD DROP
	undo "nft delete table ip filter"
	profile direct <<-END
		[link]
		type = ptp
	END
	profile staying </dev/null
	ip link add byhand0 type bridge
	undo "ip link del byhand0"
	record_before
	nsctl up staying direct
	nft insert rule ip filter FORWARD iifname byhand0 counter accept comment '"nsctl: byhand0"'
	nft insert rule ip filter FORWARD iifname ns-direct counter drop comment '"nsctl: ns-direct"'
	nft insert rule ip filter FORWARD iifname ns-direct counter accept comment '"mine"'
	undo "nft flush chain ip filter FORWARD"
	equal "$(rules_with 'nsctl: ns-direct')" 3
	die_before_the_record
	nsctld_start
	equal "$(rules_with 'nsctl: ns-direct')" 1
	equal "$(rules_with 'nsctl: byhand0')" 1
	equal "$(rules_with 'nsctl: nsctl0')" 2
	equal "$(rules_with mine)" 1
	passes staying
}

@test "down takes its rules out of others' chains as nft saved and restored them, and none that does something else" {
	iptables-nft -P FORWARD DROP
	undo "nft delete table ip filter"
	profile direct <<-END
		[link]
		type = ptp
	END
	record_before
	nsctl up direct
	passes direct
	{ echo "delete table ip filter"; nft list table ip filter; } >/run/world/saved
	nft -f /run/world/saved
	rm /run/world/saved
	passes direct
	nft insert rule ip filter FORWARD iifname ns-direct counter drop comment '"nsctl: ns-direct"'
	undo "nft flush chain ip filter FORWARD"
	equal "$(rules_with 'nsctl: ns-direct')" 3
	nsctl down direct
	equal "$(rules_with 'nsctl: ns-direct')" 1
}

@test "with a FORWARD chain that accepts, nobody's table is touched" {
	iptables-nft -A FORWARD -j ACCEPT
	undo "nft delete table ip filter"
	nft list table ip filter >/run/world/filter
	nsctl up vpn
	nft list table ip filter | cmp - /run/world/filter
}

# What up tells to do about iptables-legacy, or nothing.
told_of_legacy() {
	nsctl up vpn 2>&1 | sed -n 's/.*iptables-legacy drops .*let nsctl0 through: //p'
}

@test "iptables-legacy that drops or rejects: up tells it, and what it tells helps" {
	iptables-legacy -nL >/dev/null 2>&1 || skip "this kernel has no iptables-legacy"
	undo "iptables-legacy -P FORWARD ACCEPT; iptables-legacy -F; iptables-legacy -X"
	nsctl up vpn
	equal "$(told_of_legacy)" "" # it is in use, and accepts
	local rule told
	for rule in "-P FORWARD DROP" "-A FORWARD -j DROP" "-A FORWARD -j REJECT"; do
		iptables-legacy $rule
		run ! inside vpn curl -sS -m 1 http://198.51.100.80/
		told=$(told_of_legacy)
		equal "$(grep -o 'I FORWARD' <<<"$told" | wc -l)" 2
		eval "$told"
		passes vpn
		equal "$(told_of_legacy)" ""
		iptables-legacy -P FORWARD ACCEPT
		iptables-legacy -F
	done
	iptables-legacy -P FORWARD DROP
	iptables-legacy -N mine
	iptables-legacy -A mine -i nsctl0 -m comment --comment "let it through" -j ACCEPT
	iptables-legacy -A mine -o nsctl0 -m conntrack --ctstate NEW -j ACCEPT
	[[ -n $(told_of_legacy) ]] # only a part of it
	iptables-legacy -A mine -o nsctl0 -m comment --comment "and back" -j ACCEPT
	iptables-legacy -A FORWARD -j mine
	equal "$(told_of_legacy)" ""
	passes vpn
}

@test "firewalld's table: up says what to do" {
	nft -f - <<-END
		table inet firewalld {
			chain filter_FORWARD {
				type filter hook forward priority filter + 10; policy accept;
				ct state established,related accept
				reject with icmpx admin-prohibited
			}
		}
	END
	undo "nft delete table inet firewalld"
	run -0 nsctl up vpn
	says firewalld trusted nsctl0
}

@test "a chain of somebody unknown that drops what is forwarded: up says which" {
	nft -f - <<-END
		table inet hardened {
			chain strict {
				type filter hook forward priority 0; policy drop;
			}
		}
	END
	undo "nft delete table inet hardened"
	run -0 nsctl up vpn
	says "inet hardened strict"
	nft 'chain inet hardened strict { policy accept; }'
	run -0 nsctl up vpn
	equal "$output" "vpn: already up"
	nft 'add rule inet hardened strict log prefix "no: " reject'
	run -0 nsctl up vpn
	says "inet hardened strict"
	local told
	told=${output#*for example: }
	told=${told%%$'\n'*}
	eval "$told"
	passes vpn
}

@test "nat = none: packets leave with the profile's own address" {
	profile routed <<-END
		[link]
		address = 10.77.0.2/24
		nat = none
	END
	nsctl up routed
	on router ip route add 10.77.0.0/24 via 192.168.1.2
	equal "$(inside routed curl -sS -m 40 http://192.168.1.10/)" home
	on router ip route del 10.77.0.0/24
	run -0 nsctl status routed --json
	says '"none"'
	# Nothing of it is in the sets that are masqueraded.
	[[ $(nft list ruleset) != *10.77.0* || $(nft list ruleset) != *masquerade* ]] || true
}

# say_to_vpn: the host tells who is inside that 198.51.100.80 is reached by another router (an ICMP
# redirect), and that this is a network of IPv6 (a router advertisement)
say_to_vpn() {
	python3 - "$(address_of vpn)" <<-'END'
		import socket, struct, sys
		inside, ip = sys.argv[1], socket.inet_aton
		def summed(data):
		    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
		    total = (total >> 16) + (total & 0xffff)
		    return ~(total + (total >> 16)) & 0xffff
		# about an answer to a ping, which the kernel sends by itself: no socket is asked
		about = struct.pack("!BBHHHBBH", 0x45, 0, 28, 1, 0, 64, 1, 0) + ip(inside) + ip("198.51.100.80") + bytes(8)
		body = ip("10.193.0.99") + about
		redirect = struct.pack("!BBH", 5, 1, summed(struct.pack("!BBH", 5, 1, 0) + body)) + body
		raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
		raw.bind(("10.193.0.1", 0))
		raw.sendto(redirect, (inside, 0))

		ip = lambda text: socket.inet_pton(socket.AF_INET6, text)
		prefix = struct.pack("!BBBBLLL", 3, 4, 64, 0xc0, 3600, 3600, 0) + ip("2001:db8:5::")
		body = struct.pack("!BBHLL", 64, 0, 1800, 0, 0) + prefix
		head = ip("fe80::1") + ip("ff02::1")
		pseudo = head + struct.pack("!LL", 4 + len(body), 58)
		message = struct.pack("!BBH", 134, 0, summed(pseudo + struct.pack("!BBH", 134, 0, 0) + body)) + body
		frame = bytes.fromhex("333300000001020000000099") + struct.pack("!HLHBB", 0x86dd, 6 << 28, len(message), 58, 255)
		packet = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
		packet.bind(("nsctl0", 0))
		packet.send(frame + head + message)
	END
}

believed() {
	ip -n vpn route get 198.51.100.80 | grep -o 'via 10.193.0.99'
	ip -n vpn -6 address show dev eth0 | grep -o '2001:db8:5:'
}

believes_both() {
	say_to_vpn
	[[ $(believed | xargs) == "via 10.193.0.99 2001:db8:5:" ]]
}

@test "what a router may say (a redirect, an advertisement) changes nothing inside" {
	nsctl up vpn
	equal "$(address_of vpn)" 10.193.0.2
	ip -n vpn neighbour add 10.193.0.99 lladdr 02:00:00:00:00:99 dev eth0 nud permanent
	say_to_vpn
	passes vpn # so that what was said before has been heard
	equal "$(believed)" ""
	# the control: elsewhere it would be believed
	ip netns exec vpn sysctl -qw net.ipv4.conf.{all,eth0}.accept_redirects=1 \
		net.ipv6.conf.eth0.{disable_ipv6=0,accept_ra=1}
	wait_until believes_both
}
