#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What the lifecycle bench's profiles are, made with the commands that an administrator would use,
# those that `nsctl up --dry-run` prints, without a check or a look-up that a script can do without:
#
#     by-hand.sh up|down COUNT       profiles p1 … pCOUNT, from nothing, and back to nothing
#
# `down` waits for nothing; who times it waits until the links are gone. It expects the private
# world of tests/bench/lifecycle.
set -e

bridge=hand0 table=hand run=/run/hand

up_shared() {
	mkdir -p $run/ns
	mount --bind $run/ns $run/ns
	mount --make-private $run/ns
	ip link add $bridge address 5e:63:74:6c:6e:73 type bridge
	ip link set $bridge addrgenmode none
	ip link set $bridge up
	ip addr add 10.193.0.1/24 brd + dev $bridge
	nft -f - <<-END
		table inet $table {
			set interfaces { type ifname; elements = { "$bridge" }; }
			set masqueraded { type ipv4_addr; }
			set isolated { type ipv4_addr; }
			set strict { type nf_proto; elements = { ipv4 }; }
			chain postrouting {
				type nat hook postrouting priority 100
				ip saddr @masqueraded oifname != @interfaces masquerade
			}
			chain forward {
				type filter hook forward priority 0
				ct state established,related accept
				ip saddr @isolated ip daddr @isolated drop
				iifname @interfaces accept
				ip daddr @masqueraded drop
				oifname @interfaces accept
				meta nfproto @strict drop
			}
		}
	END
	sysctl -qw net.ipv4.ip_forward=1
}

# up_profile NAME ADDRESS
up_profile() {
	ip netns add "$1"
	nsenter --net=/run/netns/"$1" sysctl -qw net.ipv4.conf.all.accept_redirects=0 \
		net.ipv4.conf.default.accept_redirects=0 \
		net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 \
		net.ipv6.conf.all.accept_ra=0 net.ipv6.conf.default.accept_ra=0
	ip -n "$1" link set lo up

	mkdir -p $run/ns/"$1"/sys $run/ns/"$1"/etc
	echo "nameserver 192.0.2.53" >$run/ns/"$1"/etc/resolv.conf
	touch $run/ns/"$1"/mnt
	nsenter --net=/run/netns/"$1" unshare --mount=$run/ns/"$1"/mnt --propagation slave sh -e <<-END
		umount -l /run/netns
		mount --rbind /sys/fs/cgroup $run/ns/$1/sys
		umount -l /sys
		mount -t sysfs sysfs /sys
		mount --move $run/ns/$1/sys /sys/fs/cgroup
		mount --bind $run/ns/$1/etc/resolv.conf /etc/resolv.conf
	END

	ip link add ns-"$1" type veth peer name eth0 netns "$1"
	ip link set ns-"$1" master $bridge
	ip link set ns-"$1" addrgenmode none
	ip link set ns-"$1" type bridge_slave isolated on
	ip link set ns-"$1" up
	ip -n "$1" link set eth0 up
	ip -n "$1" addr add "$2"/24 brd + dev eth0
	ip -n "$1" route add default via 10.193.0.1 dev eth0 proto static
	nft add element inet $table masqueraded "{ $2 }"
	nft add element inet $table isolated "{ $2 }"
}

# down_profile NAME ADDRESS
down_profile() {
	nft delete element inet $table masqueraded "{ $2 }"
	nft delete element inet $table isolated "{ $2 }"
	umount -l $run/ns/"$1"/mnt
	ip netns del "$1"
	rm -r $run/ns/"$1"
}

down_shared() {
	nft delete table inet $table
	sysctl -qw net.ipv4.ip_forward=0
	ip link del $bridge
	umount -l $run/ns
	rm -r $run
	umount -l /run/netns
	rmdir /run/netns
}

[ "$1" = up ] && up_shared
i=0
while [ $i -lt "$2" ]; do
	i=$((i + 1))
	"$1"_profile p$i 10.193.0.$((i + 1))
done
[ "$1" = down ] && down_shared
exit 0
