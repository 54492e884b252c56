# SPDX-License-Identifier: GPL-2.0-or-later
# shellcheck shell=bash
#
# The other machines of tests/world. Each is a network namespace held by one process, wired with
# plain iproute2, and has no name that the host's "ip netns list" would show. A function returns
# when what it made answers.

world_library=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")

# wait_until [-t SECONDS] COMMAND…: until it succeeds, at most 45 seconds. What has to be soon is a
# matter of milliseconds; on a machine that does a lot beside, it is one of seconds.
wait_until() {
	local limit=45
	if [[ $1 == -t ]]; then
		limit=$2
		shift 2
	fi
	local end=$((SECONDS + limit + 1))
	until "$@" >/dev/null 2>&1; do
		if ((SECONDS >= end)); then
			echo "still not so after $limit seconds: $*" >&2
			return 1
		fi
		sleep 0.02
	done
}

# A new machine: a namespace with its loopback up, forwarding, and without IPv6.
world_machine() {
	local name=$1 pid
	read -r pid < <(
		exec unshare --net -- bash -c '
			sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv4.ip_forward=1
			# Else a frame that it bridges would count as a packet that it routes.
			sysctl -qew net.bridge.bridge-nf-call-iptables=0
			ip link set lo up
			echo $$
			exec -a "world-$0" sleep infinity' "$name" 3>&- 4>&- 2>>/run/world/log/servers
	)
	echo "$pid" >"/run/world/machines/$name"
}

# on MACHINE COMMAND…
on() {
	nsenter -t "$(<"/run/world/machines/$1")" -n -- "${@:2}"
}

# Runs a server in the background and waits for the line that it prints when it is ready.
world_start() {
	local ready
	read -r ready < <(exec "$@" 3>&- 4>&- 2>>/run/world/log/servers)
	[[ -n $ready ]]
}

# world_dns MACHINE ADDRESS LOG NAME=ADDRESS…: a DNS server that knows these names, and logs
# what it is asked in /run/world/log/LOG. It is ready when dnsmasq's first process returns.
world_dns() {
	local machine=$1 address=$2 log=$3 record
	local -a records=()
	for record in "${@:4}"; do
		records+=("--host-record=${record%%=*},${record#*=}")
	done
	on "$machine" dnsmasq --conf-file=/dev/null --no-resolv --no-hosts --user=root --bind-interfaces \
		--listen-address="$address" --pid-file= --log-queries \
		--log-facility="/run/world/log/$log" "${records[@]}" 3>&- 4>&- 2>>/run/world/log/servers
}

world_home() {
	printf '#!/bin/sh\nm=$1\nshift\nexec nsenter -t "$(cat "/run/world/machines/$m")" -n -- "$@"\n' \
		>/run/world/bin/on
	chmod 755 /run/world/bin/on
	# No waiting for duplicates: addresses are usable at once, and records are stable.
	sysctl -qw net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0
	local machine
	for machine in router web internet; do
		world_machine "$machine"
	done
	local router web internet
	router=$(</run/world/machines/router)
	web=$(</run/world/machines/web)
	internet=$(</run/world/machines/internet)

	ip -batch - <<-END
		link set lo up
		link add eth0 address 02:00:00:01:00:02 type veth peer name to-host netns $router
		link set eth0 up
		address add 192.168.1.2/24 dev eth0
		route add default via 192.168.1.1
	END
	on router ip -batch - <<-END
		link add lan type bridge
		link set to-host master lan up
		link add to-web master lan type veth peer name eth0 netns $web
		link set to-web up
		link set lan up
		address add 192.168.1.1/24 dev lan
		link add wan type veth peer name to-router netns $internet
		link set wan up
		address add 203.0.113.2/24 dev wan
		route add default via 203.0.113.1
	END
	on router nft -f - <<-END
		table ip home {
			chain outgoing {
				type nat hook postrouting priority srcnat
				oifname wan masquerade
			}
		}
	END
	on web ip -batch - <<-END
		link set eth0 up
		address add 192.168.1.10/24 dev eth0
		route add default via 192.168.1.1
	END
	on internet ip -batch - <<-END
		link set to-router up
		address add 203.0.113.1/24 dev to-router
		address add 198.51.100.80/32 dev lo
		address add 9.9.9.9/32 dev lo
	END
	world_dns router 192.168.1.1 dns-home nas.home.example=192.168.1.10 \
		www.example.net=198.51.100.80 intranet.office.example=198.51.100.80
	world_dns internet 9.9.9.9 dns-internet www.example.net=198.51.100.80 \
		intranet.office.example=198.51.100.80 only.internet.example=198.51.100.80
	world_start "$world_library/web-server" "$web" 192.168.1.10 home \
		"$internet" 198.51.100.80 'internet {visitor}'
}

# One certificate authority, and a certificate each for the server and a client.
world_keys() {
	local keys=/run/world/keys name usage
	mkdir -p "$keys"
	openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 \
		-subj "/CN=office CA" -keyout "$keys/ca.key" -out "$keys/ca.crt"
	for name in server client; do
		usage=${name}Auth
		openssl req -x509 -CA "$keys/ca.crt" -CAkey "$keys/ca.key" -newkey ec \
			-pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "/CN=$name" \
			-addext basicConstraints=critical,CA:FALSE -addext "extendedKeyUsage=$usage" \
			-addext keyUsage=critical,digitalSignature,keyAgreement \
			-keyout "$keys/$name.key" -out "$keys/$name.crt"
	done
}

world_client_configuration() {
	printf '%s\n' client "dev tun" "proto udp" "remote 198.51.100.10 1194" nobind persist-tun \
		"remote-cert-tls server" "verb 3" disable-dco "connect-retry 1 1"
	local part
	for part in ca=ca.crt cert=client.crt key=client.key; do
		echo "<${part%%=*}>"
		openssl "$([[ $part == key* ]] && echo pkey || echo x509)" \
			-in "/run/world/keys/${part#*=}"
		echo "</${part%%=*}>"
	done
}

# The company: a VPN server on the Internet, and behind it a LAN of the home's very numbers.
world_office() {
	world_machine vpnserver
	world_machine office
	local vpnserver office internet
	vpnserver=$(</run/world/machines/vpnserver)
	office=$(</run/world/machines/office)
	internet=$(</run/world/machines/internet)
	on internet ip -batch - <<-END
		link add to-vpn type veth peer name eth0 netns $vpnserver
		link set to-vpn up
		address add 198.51.100.1/24 dev to-vpn
	END
	on vpnserver ip -batch - <<-END
		link set eth0 up
		address add 198.51.100.10/24 dev eth0
		route add default via 198.51.100.1
		link add lan type veth peer name eth0 netns $office
		link set lan up
		address add 192.168.1.1/24 dev lan
	END
	on office ip -batch - <<-END
		link set eth0 up
		address add 192.168.1.10/24 dev eth0
		route add default via 192.168.1.1
	END
	world_keys 2>>/run/world/log/servers
	world_client_configuration >/run/world/client.ovpn
	local keys=/run/world/keys
	on vpnserver openvpn --daemon --log /run/world/log/openvpn-server --dev tun --proto udp \
		--local 198.51.100.10 --server 10.8.0.0 255.255.255.0 --topology subnet --dh none \
		--ca $keys/ca.crt --cert $keys/server.crt --key $keys/server.key \
		--remote-cert-tls client --keepalive 5 30 --disable-dco \
		--push "route 192.168.1.0 255.255.255.0" --push "dhcp-option DNS 10.8.0.1" 3>&- 4>&- 2>>/run/world/log/servers
	wait_until grep -q "Initialization Sequence Completed" /run/world/log/openvpn-server
	world_dns vpnserver 10.8.0.1 dns-office intranet.office.example=192.168.1.10 \
		wiki.office.example=192.168.1.11
	world_start "$world_library/web-server" "$office" 192.168.1.10 office
}
