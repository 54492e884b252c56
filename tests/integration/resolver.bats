#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# Names inside are asked where the profile says, whatever the host does with its own files.

load lib/common

prepare() {
	profile named <<-END
		[dns]
		nameserver = 9.9.9.9
		search = internet.example
		options = timeout:2
		host = 10.1.2.3 buildhost buildhost.example
	END
	: >/run/world/visitors
	chmod 666 /run/world/visitors
}

# only_from_the_profile: the profile's server is asked, and the host's is not.
only_from_the_profile() {
	local name=probe-$RANDOM$RANDOM.example
	inside named getent ahostsv4 $name || true
	grep -q "query\[A\] $name" /run/world/log/dns-internet
	run ! grep -q "$name" /run/world/log/dns-home
	run -0 inside named getent ahostsv4 only.internet.example
	says 198.51.100.80
}

# resolv_conf_on_host TEXT: as DHCP clients do, a new file renamed over the old.
rename_over() {
	echo "$2" >"$1.new"
	mv "$1.new" "$1"
}

restore_resolv_conf() {
	cp -a /etc/resolv.conf /run/world/resolv.conf
	undo "rm -f /etc/resolv.conf; cp -a /run/world/resolv.conf /etc/resolv.conf"
}

@test "resolv.conf inside is the profile's, outside the host's" {
	nsctl up named
	run -0 inside named cat /etc/resolv.conf
	says "nameserver 9.9.9.9" "search internet.example" "options timeout:2"
	[[ $output != *192.168.1.1* ]]
	equal "$(cat /etc/resolv.conf)" "nameserver 192.168.1.1"
	only_from_the_profile
}

@test "search and host entries work inside only" {
	nsctl up named
	run -0 inside named getent ahostsv4 only
	says 198.51.100.80
	run -0 inside named getent hosts buildhost
	says 10.1.2.3
	run -0 inside named getent hosts localhost
	run -2 getent hosts buildhost
}

@test "a new resolv.conf renamed over the host's changes nothing inside" {
	restore_resolv_conf
	nsctl up named
	rename_over /etc/resolv.conf "nameserver 192.168.1.1 # renamed"
	run -0 inside named cat /etc/resolv.conf
	says "nameserver 9.9.9.9"
	only_from_the_profile
}

@test "a program that runs already keeps its resolv.conf when the host's is renamed over" {
	restore_resolv_conf
	nsctl up named
	mkfifo /run/world/go
	undo "rm -f /run/world/go"
	nsctl exec named -- sh -c 'read -r _ </run/world/go; cat /etc/resolv.conf' \
		>/run/world/late 2>&1 3>&- &
	local program=$!
	rename_over /etc/resolv.conf "nameserver 192.168.1.1 # renamed"
	# The kernel has taken the mount away, and nsctld has been told of it; at once, but not before.
	wait_until nsenter --mount=/run/nsctl/ns/named/mnt grep 9.9.9.9 /etc/resolv.conf
	echo go >/run/world/go
	wait $program
	grep -q "nameserver 9.9.9.9" /run/world/late
}

@test "a resolv.conf that is a link: the target renamed over, and the link set elsewhere" {
	restore_resolv_conf
	mkdir /run/resolvconf
	undo "rm -rf /run/resolvconf"
	echo "nameserver 192.168.1.1" >/run/resolvconf/resolv.conf
	echo "nameserver 192.168.1.1 # another" >/run/resolvconf/another
	ln -sf /run/resolvconf/resolv.conf /etc/resolv.conf
	nsctl up named
	only_from_the_profile
	rename_over /run/resolvconf/resolv.conf "nameserver 192.168.1.1 # renamed"
	only_from_the_profile
	ln -sfn /run/resolvconf/another /etc/resolv.conf.new
	mv -T /etc/resolv.conf.new /etc/resolv.conf
	only_from_the_profile
	# As long as it is not there at all, nobody is asked.
	rm /etc/resolv.conf
	run -2 inside named getent ahostsv4 meanwhile.example
	run ! grep meanwhile.example /run/world/log/dns-home
	echo "nameserver 192.168.1.1" >/etc/resolv.conf
	only_from_the_profile
	no_drift named
}

@test "a resolv.conf that links to nothing is served; without one up says what to do" {
	restore_resolv_conf
	ln -sf /run/nowhere/resolv.conf /etc/resolv.conf
	nsctl up named
	only_from_the_profile
	nsctl down named
	rm /etc/resolv.conf
	refused "no /etc/resolv.conf" "make an empty one" -- nsctl up named
	equal "$(state named)" down
}

@test "a mount over the host's resolv.conf changes nothing inside" {
	nsctl up named
	echo "nameserver 192.168.1.1" >/run/world/mounted
	mount --bind /run/world/mounted /etc/resolv.conf
	undo "umount /etc/resolv.conf"
	only_from_the_profile
}

@test "what the host writes elsewhere in /etc is seen inside" {
	nsctl up named
	echo new >/etc/written-later
	undo "rm -f /etc/written-later"
	equal "$(inside named cat /etc/written-later)" new
}

@test "nsswitch.conf inside asks files and dns only; the rest of it stays" {
	cp -a /etc/nsswitch.conf /run/world/nsswitch.conf
	undo "cp -a /run/world/nsswitch.conf /etc/nsswitch.conf"
	cat >/etc/nsswitch.conf <<-END
		passwd:  files systemd
		hosts:   mymachines resolve [!UNAVAIL=return] files mdns4_minimal [NOTFOUND=return] dns myhostname
		netgroup: nis
	END
	nsctl up named
	run -0 inside named cat /etc/nsswitch.conf
	[[ $output =~ passwd:\ +files\ systemd ]]
	[[ $output =~ netgroup:\ +nis ]]
	run -0 inside named grep ^hosts: /etc/nsswitch.conf
	says files dns
	[[ $output != *resolve* && $output != *mdns* && $output != *mymachines* ]]
	only_from_the_profile
	grep -q mdns4_minimal /etc/nsswitch.conf
}

@test "nscd, resolved and avahi of the host get no question from inside" {
	local service
	mkdir -p /run/systemd
	undo "rmdir /run/systemd"
	for service in /run/nscd/socket /run/systemd/resolve/io.systemd.Resolve \
		/run/avahi-daemon/socket; do
		read -r _ < <(exec "$integration/lib/tattle" $service /run/world/visitors 3>&-)
		undo "pkill -f 'tattle $service'; wait_until eval '! pgrep -f \"tattle $service\"'"
		undo "rm -rf $(dirname $service)"
	done
	nsctl up named

	# The host's own look-up does come to nscd, or this would prove nothing.
	getent hosts only.internet.example || true
	grep -q /run/nscd/socket /run/world/visitors
	: >/run/world/visitors
	inside named getent ahostsv4 only.internet.example
	for service in /run/nscd/socket /run/systemd/resolve/io.systemd.Resolve \
		/run/avahi-daemon/socket /var/run/nscd/socket; do
		run ! inside named curl -sS -m 5 --unix-socket $service http://localhost/
	done
	equal "$(cat /run/world/visitors)" ""
	run curl -sS -m 5 --unix-socket /run/avahi-daemon/socket http://localhost/
	grep -q avahi /run/world/visitors
}

@test "a name service of the host that starts later is masked as well" {
	nsctl up named
	mkdir -p /run/nscd
	undo "rm -rf /run/nscd"
	read -r _ < <(exec "$integration/lib/tattle" /run/nscd/socket /run/world/visitors 3>&-)
	undo "pkill -f 'tattle /run/nscd'; wait_until eval '! pgrep -f \"tattle /run/nscd\"'"
	inside named getent ahostsv4 only.internet.example
	equal "$(cat /run/world/visitors)" ""
}

@test "while the resolver can't be put back whole nobody is let in; when it can be, it is" {
	restore_resolv_conf
	nsctl up named
	ln -s /run/world /run/nscd # what is to be masked: systemd makes such links (DynamicUser=)
	undo "rm -f /run/nscd"
	rename_over /etc/resolv.conf "nameserver 192.168.1.1 # renamed"
	wait_until grep -q "can't mask /run/nscd" /run/world/log/nsctld
	run -125 inside named true
	says "the DNS of profile named is not in place" "nsctl up named"
	# what could be done was
	run -0 nsenter --mount=/run/nsctl/ns/named/mnt cat /etc/resolv.conf
	says "nameserver 9.9.9.9"
	rm /run/nscd
	wait_until inside named true
	only_from_the_profile
}

@test "a new nsctld puts back what was replaced meanwhile before anybody is let in, even with repair = no" {
	restore_resolv_conf
	profile unrepaired <<-END
		[profile]
		repair = no
		[dns]
		nameserver = 9.9.9.9
	END
	nsctl up unrepaired
	nsctld_stop KILL
	rename_over /etc/resolv.conf "nameserver 192.168.1.1 # renamed"
	nsctld_start
	run -0 nsctl exec unrepaired -- cat /etc/resolv.conf
	says "nameserver 9.9.9.9"
	nsctld_stop KILL
	ln -s /run/world /run/nscd
	undo "rm -f /run/nscd"
	nsctld_start
	run -125 nsctl exec unrepaired -- true # what the last one knew, this one knows
	says "the DNS of profile unrepaired is not in place"
}

@test "with mask-host-resolvers = no the host's name services are reached" {
	profile open <<-END
		[dns]
		nameserver = 9.9.9.9
		mask-host-resolvers = no
	END
	read -r _ < <(exec "$integration/lib/tattle" /run/nscd/socket /run/world/visitors 3>&-)
	undo "pkill -f 'tattle /run/nscd'; wait_until eval '! pgrep -f \"tattle /run/nscd\"'"
	undo "rm -rf /run/nscd"
	nsctl up open
	run inside open getent ahostsv4 only.internet.example
	grep -q /run/nscd/socket /run/world/visitors
}

@test "a profile without [dns] leaves the resolver files alone" {
	profile plain </dev/null
	nsctl up plain
	equal "$(inside plain cat /etc/resolv.conf)" "nameserver 192.168.1.1"
	equal "$(inside plain sh -c 'sha256sum </etc/nsswitch.conf')" "$(sha256sum </etc/nsswitch.conf)"
}

@test "/etc/netns/NAME is honoured, as by ip netns exec" {
	profile plain </dev/null
	mkdir -p /etc/netns/plain
	undo "rm -rf /etc/netns"
	echo "nameserver 9.9.9.9" >/etc/netns/plain/resolv.conf
	echo "10.4.5.6 from-etc-netns" >/etc/netns/plain/hosts
	nsctl up plain
	equal "$(inside plain cat /etc/resolv.conf)" "nameserver 9.9.9.9"
	run -0 inside plain getent hosts from-etc-netns
	says 10.4.5.6
	run -0 inside plain getent ahostsv4 only.internet.example
	run -2 getent hosts from-etc-netns
}

@test "a mount that the host makes later appears inside, and one made inside stays there" {
	nsctl up named
	mkdir -p /run/world/later /run/world/within
	mount -t tmpfs tmpfs /run/world/later
	undo "umount /run/world/later"
	echo disk >/run/world/later/file
	equal "$(inside named cat /run/world/later/file)" disk
	inside named sh -c 'mount -t tmpfs tmpfs /run/world/within && echo secret >/run/world/within/file'
	equal "$(inside named cat /run/world/within/file)" secret
	[[ ! -e /run/world/within/file ]]
	inside named umount /run/world/within
	umount /run/world/later
	run ! inside named test -e /run/world/later/file
	mount -t tmpfs tmpfs /run/world/later
}

@test "/sys inside shows the profile's interfaces" {
	nsctl up named
	equal "$(inside named ls /sys/class/net | xargs)" "eth0 lo"
	equal "$(ls -d /sys/class/net/eth0)" /sys/class/net/eth0
	[[ -d /sys/class/net/ns-named ]]
}

@test "bind and tmpfs of [mount]" {
	mkdir -p /run/world/m/{from,to,readonly,scratch}
	echo payload >/run/world/m/from/file
	echo outside >/run/world/m/scratch/file
	profile mounted <<-END
		[mount]
		bind = /run/world/m/from:/run/world/m/to, /run/world/m/from:/run/world/m/readonly:ro
		tmpfs = /run/world/m/scratch
	END
	nsctl up mounted
	equal "$(inside mounted cat /run/world/m/to/file /run/world/m/readonly/file | xargs)" \
		"payload payload"
	run ! inside mounted touch /run/world/m/readonly/new
	says Read-only
	inside mounted touch /run/world/m/to/new
	[[ -e /run/world/m/from/new ]]
	equal "$(inside mounted ls /run/world/m/scratch)" ""
	equal "$(cat /run/world/m/scratch/file)" outside
	equal "$(ls /run/world/m/to)" ""
}
