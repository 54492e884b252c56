#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The world is what the other tests take it for, and the recorder sees what they rely on it to
# see. No nsctl here.

load lib/common

setup_file() { :; }
teardown_file() { :; }

setup() {
	rm -f $undo_list
	record_before
}

teardown() {
	run_undo_list
}

# notices SECTION COMMAND…: after COMMAND the record differs, in that section
notices() {
	local section=$1
	"${@:2}"
	$oracle record /run/world/noticed
	run -1 $oracle compare "/run/world/before-$record" /run/world/noticed
	grep -qE "^[-+]$section: " <<<"$output" || { echo "$output" && return 1; }
}

@test "home, the Internet, and who answers to which name" {
	equal "$(curl -sS -m 40 http://192.168.1.10/)" home
	equal "$(curl -sS -m 40 http://www.example.net/)" "internet 203.0.113.2"
	run -0 getent ahostsv4 nas.home.example
	says 192.168.1.10
}

@test "the office is there for its VPN's clients only" {
	run -0 "$NSCTL_WORLD/world" -- sh -c 'on office curl -sS -m 40 http://192.168.1.10/ &&
		curl -sS -m 40 http://192.168.1.10/ && ! getent ahostsv4 wiki.office.example'
	equal "$output" $'office\nhome'
}

@test "nothing of the host's is the machine's: mounts are shared, files are private" {
	equal "$(findmnt -no PROPAGATION /)" shared
	equal "$(ls /sys/class/net | xargs)" "eth0 lo"
	equal "$(hostname)" host
	equal "$(ip netns list)" ""
	mv /etc/resolv.conf /etc/renamed
	mv /etc/renamed /etc/resolv.conf
}

@test "twice recorded without a change is the same" {
	same_as_before
	$oracle record --normalise /run/world/n1
	$oracle record --normalise /run/world/n2
	$oracle compare /run/world/n1 /run/world/n2
}

@test "the recorder notices links and what is set on them" {
	ip link add probe type veth peer name probe2
	undo "ip link del probe"
	notices links true
	record_before
	notices links ip link set probe alias something
	ip link set probe alias ""
	notices links ip link property add dev probe altname other
	ip link property del dev probe altname other
	notices links ip link set probe mtu 1400
	ip link set probe mtu 1500
	notices bridges tc qdisc add dev probe root pfifo
	tc qdisc del dev probe root
}

@test "the recorder notices addresses, routes, rules and neighbours" {
	undo "ip address del 10.9.9.9/32 dev lo"
	notices addresses ip address add 10.9.9.9/32 dev lo
	record_before
	undo "ip route del 10.9.0.0/16 table 99"
	notices routes ip route add 10.9.0.0/16 via 192.168.1.1 table 99
	record_before
	undo "ip -6 route del 2001:db8::/32"
	notices routes ip -6 route add unreachable 2001:db8::/32
	record_before
	undo "ip rule del from 10.9.9.9 table 99"
	notices rules ip rule add from 10.9.9.9 table 99
	record_before
	undo "ip neigh del 192.168.1.99 dev eth0"
	notices neighbours ip neigh add 192.168.1.99 lladdr 02:00:00:00:00:01 dev eth0 nud permanent
}

@test "the recorder notices ports of a bridge" {
	ip link add probe-br type bridge
	undo "ip link del probe-br"
	ip link add probe type veth peer name probe2
	undo "ip link del probe"
	ip link set probe master probe-br
	record_before
	notices bridges bridge link set dev probe isolated on
	bridge link set dev probe isolated off
	notices bridges bridge fdb add 02:00:00:00:00:02 dev probe master static
	bridge fdb del 02:00:00:00:00:02 dev probe master
}

@test "the recorder notices rules of nft and of both kinds of iptables" {
	undo "nft delete table inet probe"
	notices firewall nft 'table inet probe { chain c { tcp dport 22 accept; }; }'
	record_before
	undo "nft delete table ip filter"
	notices firewall iptables-nft -A INPUT -p tcp --dport 22 -j ACCEPT
}

@test "the recorder notices rules of the old iptables" {
	iptables-legacy -nL >/dev/null 2>&1 || skip "this kernel has no iptables-legacy"
	# A table that was looked at stays, empty, as long as its network.
	rm $undo_list
	record_before
	undo "iptables-legacy -D INPUT -p tcp --dport 22 -j ACCEPT"
	notices firewall iptables-legacy -A INPUT -p tcp --dport 22 -j ACCEPT
}

@test "the recorder notices settings of the kernel" {
	undo "sysctl -qw net.ipv4.conf.eth0.rp_filter=$(sysctl -n net.ipv4.conf.eth0.rp_filter)"
	notices sysctls sysctl -qw net.ipv4.conf.eth0.rp_filter=2
}

@test "the recorder notices mounts, their propagation, and files" {
	mkdir /run/probe
	undo "rmdir /run/probe"
	notices files true
	record_before
	undo "umount /run/probe"
	notices mounts mount -t tmpfs tmpfs /run/probe
	record_before
	notices mounts mount --make-private /run/probe
	mount --make-shared /run/probe
	undo "rm -f /etc/probe"
	echo one >/etc/probe
	record_before
	notices files sh -c 'echo two >/etc/probe'
	echo one >/etc/probe
	notices files chmod 600 /etc/probe
	chmod 644 /etc/probe
	notices files chown alice /etc/probe
	chown root /etc/probe
}

@test "the recorder notices processes, listeners, and namespaces that only a descriptor holds" {
	python3 - 3>&- <<-'END' &
		import ctypes, os, signal, socket
		listener = socket.create_server(("127.0.0.1", 7777))
		child = os.fork()
		if child == 0:
		    ctypes.CDLL(None).unshare(0x40000000)
		    signal.pause()
		while os.readlink(f"/proc/{child}/ns/net") == os.readlink("/proc/self/ns/net"):
		    pass
		held = os.open(f"/proc/{child}/ns/net", os.O_RDONLY)
		os.kill(child, 9)
		os.waitpid(child, 0)
		open("/run/world/holding", "w").close()
		signal.pause()
	END
	local holder=$!
	disown
	undo "rm /run/world/holding; kill $holder; wait_until is_gone $holder"
	wait_until test -e /run/world/holding
	notices processes true
	notices namespaces true
	notices sockets true
}
