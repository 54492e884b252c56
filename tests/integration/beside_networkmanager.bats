#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Beside a real NetworkManager and a real udevd, under the systemd of lib/boot: they leave nsctl's links
# alone, and what NetworkManager does to resolv.conf does not get into a profile.

load lib/common
load lib/booted

# state_of LINK: as NetworkManager has it
state_of() {
	booted nmcli -t -f DEVICE,STATE device | sed -n "s/^$1://p"
}

is_in_state() {
	[[ $(state_of "$1") == "$2"* ]]
}

# udevd gets to hear of all devices of the machine: here it has rules for links only. Its /dev is not
# the machine's.
udev_prepare() {
	local rules=/usr/lib/udev/rules.d
	booted mkdir /run/udev-rules
	booted sh -c "cp $rules/*80-net-setup-link.rules $rules/85-nm-unmanaged.rules $rules/85-nsctl.rules \
		$rules/99-systemd.rules /run/udev-rules"
	booted mount --bind /run/udev-rules $rules
	booted mount -o remount,rw /sys
	booted_unmask systemd-udevd.service systemd-udevd-control.socket systemd-udevd-kernel.socket
}

prepare_file() {
	boot_file /usr/sbin/NetworkManager /usr/bin/dbus-daemon /usr/lib/systemd/systemd-udevd
	[[ ! -e /run/world/boot-reason ]] || return 0
	booted mkdir -p /etc/NetworkManager /var/lib/NetworkManager
	booted sh -c "printf '%s\n' '[main]' plugins=keyfile no-auto-default=* '[keyfile]' \
		unmanaged-devices=interface-name:eth0 >/etc/NetworkManager/NetworkManager.conf"
	udev_prepare
	booted_unmask dbus.service dbus.socket
}

prepare() {
	boot_test
	undo "booted systemctl stop NetworkManager dbus dbus.socket systemd-udevd systemd-udevd-{control,kernel}.socket"
	booted systemctl start systemd-udevd dbus NetworkManager
}

@test "NetworkManager leaves nsctl's links alone, also when it starts anew" {
	booted nsctl up vpn
	wait_until is_in_state nsctl0 unmanaged
	wait_until is_in_state ns-vpn unmanaged
	passes vpn
	booted systemctl restart NetworkManager
	wait_until is_in_state nsctl0 unmanaged
	booted_no_drift vpn
	passes vpn
	# udevd has not made it another one, so that it can be deleted
	booted nsctl down vpn
	run ! ip link show nsctl0
}

@test "the control: without the rule of udev NetworkManager takes the bridge for its own" {
	booted mv /run/udev-rules/85-nsctl.rules /run/
	undo "booted mv /run/85-nsctl.rules /run/udev-rules/"
	booted udevadm control --reload
	booted nsctl up vpn
	wait_until is_in_state nsctl0 connected
	booted nsctl down vpn
}

@test "a resolv.conf that NetworkManager writes stays outside" {
	ip link add eth7 type veth peer name eth8
	undo "ip link delete eth7"
	ip link set eth8 up
	booted sh -c 'rm /etc/resolv.conf && echo "nameserver 192.168.1.1" >/etc/resolv.conf'
	booted nsctl up vpn
	booted nsctl exec vpn -- cat /etc/resolv.conf >/run/world/inside
	wait_until is_in_state eth7 disconnected
	booted nmcli connection add type ethernet con-name seven ifname eth7 ip4 10.99.0.2/24 \
		ipv4.dns 10.99.0.53 ipv4.dns-search seven.example
	undo "booted nmcli connection delete seven"
	booted nmcli connection up seven
	booted grep -q 10.99.0.53 /etc/resolv.conf
	booted nsctl exec vpn -- cat /etc/resolv.conf | cmp - /run/world/inside
	booted nmcli connection modify seven ipv4.dns 10.99.0.54
	booted nmcli connection up seven
	booted grep -q 10.99.0.54 /etc/resolv.conf
	booted nsctl exec vpn -- cat /etc/resolv.conf | cmp - /run/world/inside
	wait_until booted_no_drift vpn
	booted nmcli connection down seven
	booted nsctl down vpn
}
