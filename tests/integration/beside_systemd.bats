#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Under a real systemd (lib/boot): the units do what they say, in any order, and what runs in a profile
# does not end with nsctld. The nsctld of these tests is the unit's.

load lib/common
load lib/booted

main_pid() {
	booted systemctl show -P MainPID "$1"
}

# unit NAME: makes a unit out of stdin, until the test is over.
unit() {
	cat >"/run/world/$1"
	booted cp "/run/world/$1" /run/systemd/system/
	booted systemctl daemon-reload
	undo "booted systemctl stop $1; booted rm /run/systemd/system/$1; booted systemctl daemon-reload"
}

prepare_file() {
	boot_file
}

prepare() {
	boot_test
}

@test "systemd finds nothing wrong with the units" {
	run -0 booted systemd-analyze verify --man=no /etc/systemd/system/nsctld.socket \
		/etc/systemd/system/nsctld.service /etc/systemd/system/nsctl@.service
	equal "$output" ""
}

@test "the first call starts nsctld, which then tells that it is ready" {
	is_inactive nsctld.service
	booted nsctl list
	is_active nsctld.service
	equal "$(booted systemctl show -P Type nsctld)" notify
	# systemd's socket, not one of nsctld's own
	equal "$(booted readlink "/proc/$(main_pid nsctld)/fd/3" | cut -d: -f1)" socket
	is_active nsctld.socket
}

@test "nsctl@vpn: start is up, stop is down, and both are done when they return" {
	booted systemctl start nsctl@vpn
	equal "$(booted_state vpn)" up
	passes vpn
	booted systemctl restart nsctl@vpn
	passes vpn
	booted systemctl stop nsctl@vpn
	equal "$(booted_state vpn)" down
	run ! booted systemctl start nsctl@nothing
	run -0 booted systemctl is-failed nsctl@nothing
	booted systemctl reset-failed nsctl@nothing
}

@test "stop, kill and restart of nsctld leave profiles and commands running" {
	booted systemctl start nsctl@vpn
	unit inside.service <<-END
		[Service]
		Type=exec
		ExecStart=/usr/bin/nsctl exec vpn -- sleep infinity
	END
	booted systemctl start inside
	local pid
	pid=$(main_pid inside)
	has_become_sleep() {
		equal "$(booted readlink "/proc/$pid/exe")" "$(readlink -f "$(command -v sleep)")"
	}
	wait_until has_become_sleep
	booted systemctl restart nsctld
	passes vpn
	booted systemctl restart nsctld.socket
	passes vpn
	booted systemctl kill -s KILL nsctld
	wait_until is_active nsctld # Restart=on-failure, or the next call
	passes vpn
	booted systemctl stop nsctld
	is_active nsctl@vpn
	equal "$(main_pid inside)" "$pid"
	is_active inside
	passes vpn # which starts it again
	is_active nsctld
	equal "$(booted_state vpn)" up
	run -0 booted nsctl ps vpn
	says "sleep infinity"
}

@test "a user's command outlives nsctld too, in the user's control group" {
	booted sh -c 'printf "[access]\nusers = alice\n" >/etc/nsctl/profiles/hers.ini'
	undo "booted rm /etc/nsctl/profiles/hers.ini"
	booted nsctl up hers
	undo "booted nsctl down hers"
	unit hers.service <<-END
		[Service]
		User=alice
		ExecStart=/usr/bin/nsctl exec hers -- sleep infinity
	END
	booted systemctl start hers
	sleep_runs() {
		booted nsctl ps hers | grep -q "alice .*sleep infinity"
	}
	wait_until sleep_runs
	local pid
	pid=$(booted pgrep -x sleep -u alice)
	equal "$(booted sed -n 's/^0:://p' "/proc/$pid/cgroup")" /system.slice/hers.service
	booted systemctl restart nsctld
	sleep_runs
	is_active hers
	# The end of the unit is the end of its command, inside.
	booted systemctl stop hers
	run ! sleep_runs
}

@test "Type=notify: what nsctl exec becomes is the unit's main process" {
	booted systemctl start nsctl@vpn
	cat >/run/world/says-where <<-'END'
		#!/usr/bin/python3
		import os, signal, socket
		s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		s.connect(os.environ["NOTIFY_SOCKET"])
		s.send(b"READY=1\nSTATUS=" + os.readlink("/proc/self/ns/net").encode())
		signal.pause()
	END
	chmod 755 /run/world/says-where
	unit ready.service <<-'END'
		[Unit]
		BindsTo=nsctl@vpn.service
		After=nsctl@vpn.service
		[Service]
		Type=notify
		ExecStart=/usr/bin/nsctl exec vpn -- /run/world/says-where
	END
	booted systemctl start ready
	is_active ready
	local pid
	pid=$(main_pid ready)
	equal "$(booted systemctl show -P StatusText ready)" "$(booted readlink "/proc/$pid/ns/net")"
	equal "$(booted systemctl show -P StatusText ready)" \
		"$(booted nsctl exec vpn -- readlink /proc/self/ns/net)"
	equal "$(booted sed -n 's/^0:://p' "/proc/$pid/cgroup")" /system.slice/ready.service
	# The unit ends before its network does.
	booted systemctl stop nsctl@vpn
	is_inactive ready
	equal "$(booted systemctl show -P Result ready)" success
	equal "$(booted_state vpn)" down
}

# managed LINK: what systemd-networkd does about it
managed() {
	booted sed -n 's/^ADMIN_STATE=//p' "/run/systemd/netif/links/$(</sys/class/net/"$1"/ifindex)"
}

is_managed() {
	equal "$(managed "$1")" "$2"
}

@test "systemd-networkd leaves nsctl's links alone, also with a file for all links" {
	booted test -x /usr/lib/systemd/systemd-networkd || skip "systemd-networkd is not installed"
	booted mkdir -p /etc/systemd/network
	booted sh -c 'printf "[Match]\nName=!eth0 lo\n[Network]\nDHCP=yes\n" >/etc/systemd/network/80-all.network'
	undo "booted rm -r /etc/systemd/network"
	undo "booted systemctl stop systemd-networkd.socket systemd-networkd"
	booted systemctl start systemd-networkd
	booted nsctl up vpn
	wait_until is_managed nsctl0 unmanaged
	wait_until is_managed ns-vpn unmanaged
	passes vpn
	equal "$(booted_state vpn)" up
	booted nsctl down vpn
	# The control: without our file it would take them.
	booted ln -s /dev/null /etc/systemd/network/10-nsctl.network
	booted systemctl restart systemd-networkd
	booted nsctl up vpn
	wait_until is_managed nsctl0 configuring
	booted nsctl down vpn
}

@test "systemd-resolved answers the host, and nobody inside" {
	booted test -x /usr/lib/systemd/systemd-resolved || skip "systemd-resolved is not installed"
	booted sh -c 'echo "systemd-resolve:x:990:990::/:/usr/sbin/nologin" >>/etc/passwd
		echo "systemd-resolve:x:990:" >>/etc/group
		mkdir -p /etc/systemd && printf "[Resolve]\nDNS=192.168.1.1\n" >/etc/systemd/resolved.conf
		cp /etc/resolv.conf /run/resolv.conf.before
		ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf'
	undo "booted sh -c 'rm /etc/resolv.conf; mv /run/resolv.conf.before /etc/resolv.conf'"
	undo "booted systemctl stop systemd-resolved"
	booted systemctl start systemd-resolved
	booted grep -q 127.0.0.53 /etc/resolv.conf
	equal "$(booted getent ahostsv4 nas.home.example | head -n 1 | cut -d' ' -f1)" 192.168.1.10
	booted nsctl up vpn
	inside_asks_internet() {
		equal "$(booted nsctl exec vpn -- getent ahostsv4 only.internet.example | head -n 1 | cut -d' ' -f1)" \
			198.51.100.80
		run ! booted nsctl exec vpn -- getent ahostsv4 nas.home.example
		run ! booted nsctl exec vpn -- test -e /run/systemd/resolve/io.systemd.Resolve
	}
	inside_asks_internet
	run ! grep -q only.internet.example /run/world/log/dns-home
	# which writes its files anew
	booted systemctl restart systemd-resolved
	inside_asks_internet
	wait_until booted_no_drift vpn
	run ! grep -q only.internet.example /run/world/log/dns-home
	booted nsctl down vpn
	equal "$(booted getent ahostsv4 nas.home.example | head -n 1 | cut -d' ' -f1)" 192.168.1.10
}

@test "all stopped at once, as when the machine goes down: profiles are taken down in order" {
	booted systemctl start nsctl@vpn
	booted systemctl stop nsctl@vpn nsctld.socket nsctld.service
	is_inactive nsctld.service
	equal "$(booted ip netns list)" ""
	run ! ip link show nsctl0
	equal "$(sysctl -n net.ipv4.ip_forward)" 0
}
