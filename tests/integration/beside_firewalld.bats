#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Beside a real firewalld on a bus of its own. Its table is its own (it makes it anew at each reload),
# so its zones have to let the profiles through: `up` tells how, once it has to be told, and what it
# tells is true.

load lib/common

passes() {
	equal "$(inside "$1" curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

is_rejected() {
	run ! inside "$1" curl -sS -m 1 http://198.51.100.80/
	# at once: not for want of a way
	says "Couldn't connect"
}

# told PROFILE: the command that up tells, or nothing.
told() {
	nsctl up "$1" 2>&1 | sed -n 's/.*let it pass: \(firewall-cmd [^,]*\),.*/\1/p'
}

firewalld_start() {
	firewalld --nofork --nopid >>/run/world/log/firewalld 2>&1 3>&- 4>&- &
	echo $! >/run/world/firewalld.pid
	disown
	wait_until firewall-cmd --state
}

firewalld_stop() {
	local pid
	pid=$(</run/world/firewalld.pid)
	kill "$pid"
	wait_until is_gone "$pid"
}

# As Debian has it.
firewalld_reset() {
	rm -r /etc/firewalld
	cp -a /run/world/firewalld /etc/
	is_gone "$(</run/world/firewalld.pid)" || firewalld_stop
	firewalld_start
}

prepare_file() {
	command -v firewalld >/dev/null || return 0
	mount -t tmpfs tmpfs /var/log
	mkdir -p /run/dbus
	dbus-daemon --system --fork --nopidfile 3>&- 4>&-
	cp -a /etc/firewalld /run/world/
	firewalld_start
}

prepare() {
	command -v firewalld >/dev/null || skip "firewalld is not installed"
}

@test "firewalld rejects what is forwarded, up tells it, and what it tells to do helps" {
	undo firewalld_reset
	run -0 nsctl up vpn
	says "firewalld rejects packets of this profile" nsctl0
	is_rejected vpn
	local command
	command=$(told vpn)
	equal "$command" "firewall-cmd --zone=trusted --add-interface=nsctl0"
	$command
	passes vpn
	run -0 nsctl up vpn
	equal "$output" "vpn: already up" # there is nothing left to tell
}

@test "a reload forgets what was not permanent: the log tells it, and --permanent helps" {
	undo firewalld_reset
	nsctl up vpn
	firewall-cmd --zone=trusted --add-interface=nsctl0
	passes vpn
	: >/run/world/log/nsctld
	firewall-cmd --reload
	is_rejected vpn
	wait_until grep -q "firewalld rejects packets of this profile" /run/world/log/nsctld
	firewall-cmd --zone=trusted --add-interface=nsctl0
	firewall-cmd --permanent --zone=trusted --add-interface=nsctl0
	firewall-cmd --reload
	passes vpn
	firewall-cmd --complete-reload
	passes vpn
	equal "$(told vpn)" ""
	no_drift vpn
	nsctl down vpn
	nsctl up vpn
	passes vpn
}

@test "where the zones let it through anyway, up tells nothing" {
	undo firewalld_reset
	firewall-cmd --set-default-zone=trusted
	run -0 nsctl up vpn
	equal "$output" "vpn: up"
	passes vpn
	firewall-cmd --zone=drop --change-interface=nsctl0
	run ! inside vpn curl -sS -m 1 http://198.51.100.80/
	equal "$(told vpn)" "firewall-cmd --zone=trusted --add-interface=nsctl0"
}

@test "a zone for the interfaces of all ptp profiles" {
	undo firewalld_reset
	profile direct <<-END
		[link]
		type = ptp
	END
	firewall-cmd --zone=trusted --add-interface=ns-+
	run -0 nsctl up direct
	equal "$output" "direct: up"
	passes direct
	run -0 nsctl up vpn # not one of them
	says "firewalld rejects packets of this profile"
}

@test "firewalld that ends and starts again leaves the profiles what they are" {
	undo firewalld_reset
	firewall-cmd --permanent --zone=trusted --add-interface=nsctl0
	nsctl up vpn
	firewalld_stop
	passes vpn
	no_drift vpn
	firewalld_start
	passes vpn
	wait_until no_drift vpn
}
