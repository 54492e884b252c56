#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# nsctld comes, goes, crashes and comes again, and disturbs nobody.

load lib/common

works() {
	equal "$(inside "$1" curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
}

prepare_file() {
	$oracle record /run/world/before-nsctld
}

@test "nsctld, after its last profile, leaves nothing when it ends" {
	nsctl up vpn wine offline
	nsctl down --all
	nsctld_stop
	same_as_before nsctld
	nsctld_start
}

@test "killed while a profile is up: a new one knows it, up converges, down leaves nothing" {
	nsctl up vpn
	local address
	address=$(address_of vpn)
	nsctld_stop KILL
	# The profile goes on without it.
	equal "$(ip netns exec vpn curl -sS -m 40 http://198.51.100.80/)" "internet 203.0.113.2"
	nsctld_start
	no_drift vpn
	equal "$(address_of vpn)" "$address"
	run -0 nsctl up vpn
	works vpn
	nsctld_stop KILL
	ip link del ns-vpn
	nsctld_start
	nsctl up vpn
	no_drift vpn
	works vpn
	nsctl down vpn
	# Where nothing is put back by itself, what is missing is told.
	profile calm <<-END
		[profile]
		repair = no
	END
	nsctl up calm
	nsctld_stop KILL
	ip link del ns-calm
	nsctld_start
	equal "$(state calm)" partial
	nsctl up calm
	no_drift calm
	nsctl down calm
	rm /etc/nsctl/profiles/calm.ini
	same_as_before
}

@test "killed in the middle of up: the next up finishes it, or down removes it" {
	local delay
	for delay in 0.001 0.003 0.006 0.010 0.015 0.020 0.030; do
		nsctl up vpn wine --daemon /nonexistent >/dev/null 2>&1 3>&- & # it must not start one
		local caller=$!
		sleep $delay # not to wait for something: to hit it at different points
		nsctld_stop KILL
		wait $caller || true
		nsctld_start
		nsctl up vpn wine
		no_drift vpn
		no_drift wine
		nsctl down vpn wine
		same_as_before
	done
}

@test "killed in the middle of down: the next down removes the rest" {
	local delay
	for delay in 0.001 0.003 0.006 0.010 0.015 0.020 0.030; do
		nsctl up vpn wine
		nsctl down vpn wine --daemon /nonexistent >/dev/null 2>&1 3>&- & # as above
		local caller=$!
		sleep $delay # as above
		nsctld_stop KILL
		wait $caller || true
		nsctld_start
		nsctl down --all
		same_as_before
	done
}

@test "stopped with SIGTERM: profiles and commands inside go on, their nsctl too" {
	nsctl up vpn
	nsctl exec vpn -- sleep 1000 3>&- &
	local sleeper=$!
	wait_until sh -c "ip netns pids vpn | grep -qx $sleeper"
	nsctld_stop TERM
	kill -0 $sleeper
	nsctld_start
	equal "$(nsctl status --json vpn | jq '.profiles[0].processes')" 1
	works vpn
	nsctl down vpn
	wait_until is_gone $sleeper
}

@test "nsctld in a mount namespace of its own, as in a container: its pins hold on any CPU" {
	local made all i
	# New kernels number mount namespaces for each CPU apart, and pin only the younger in the older.
	all=$(taskset -pc $$ | sed 's/.*: //')
	nsctld_stop
	for made in $(python3 -c 'import os; print(*os.sched_getaffinity(0))'); do
		taskset -c "$made" unshare --mount --propagation private \
			taskset -c "$all" nsctld >>/run/world/log/nsctld 2>&1 3>&- 4>&- &
		echo $! >/run/world/nsctld.pid
		wait_until nsctld_answers
		for i in {1..4}; do
			nsctl up vpn wine
			no_drift vpn
			no_drift wine
			equal "$(inside vpn cat /etc/resolv.conf | grep -v '^#')" "nameserver 9.9.9.9"
			nsctl down vpn wine
		done
		nsctld_stop
	done
	nsctld_start
}

@test "a second nsctld does not take the place of the first" {
	run timeout 60 nsctld
	[[ $status -ne 0 && $status -ne 124 ]]
	says "nsctld: "
	kill -0 "$(nsctld_pid)"
	run -0 nsctl list
}

@test "in the background its log says when, and does not fill the memory that it lies in" {
	nsctld_stop
	undo "rm -f /run/nsctl/nsctld.log"
	mkdir /run/nsctl
	seq -f "an old line %g" 100000 >/run/nsctl/nsctld.log
	nsctld --background
	pgrep -o -x nsctld >/run/world/nsctld.pid
	nsctl up vpn
	((500000 < $(stat -c %s /run/nsctl/nsctld.log) && $(stat -c %s /run/nsctl/nsctld.log) < 1000000))
	equal "$(grep -ac "an old line 1$" /run/nsctl/nsctld.log)" 0
	grep -qx "an old line 100000" /run/nsctl/nsctld.log
	run -0 tail -n 1 /run/nsctl/nsctld.log
	[[ $output =~ ^20[0-9-]{8}T[0-9:]{8}[+-][0-9]{4}\ nsctld:\ .*Up\ vpn:\ done$ ]]
	head -n 1 /run/nsctl/nsctld.log | grep -qx "an old line [0-9]*"
	nsctl down vpn
	nsctld_stop
	nsctld_start
}

@test "without a descriptor left nsctld waits for one, and who is in the queue is served then" {
	local pid limit highest said=/run/world/log/nsctld before
	pid=$(nsctld_pid)
	limit=$(prlimit --pid "$pid" --nofile --output SOFT --noheadings | xargs)
	highest=$(find "/proc/$pid/fd" -mindepth 1 -printf '%f\n' | sort -n | tail -n 1)
	before=$(grep -c "can't accept a connection" $said) || true
	undo "prlimit --pid $pid --nofile=$limit:"
	prlimit --pid "$pid" --nofile=$((highest + 1)):
	# what is free below the highest is taken by those who wait
	python3 - $((highest + 8)) /run/world/waiting 3>&- <<-'END' &
		import socket, sys
		clients = [socket.socket(socket.AF_UNIX) for _ in range(int(sys.argv[1]))]
		for client in clients:
		    client.connect("/run/nsctl/nsctl.sock")
		open(sys.argv[2], "w").close()
		clients[-1].sendall(b'{"method":"org.varlink.service.GetInfo"}\0')
		print("answered" if clients[-1].recv(1) == b"{" else "not answered", file=open(sys.argv[2], "w"))
	END
	undo "wait $!; rm /run/world/waiting"
	paused() { (($(grep -c "can't accept a connection, pausing: Too many open files" $said) > before)); }
	wait_until paused
	wait_until test -e /run/world/waiting
	[[ ! -s /run/world/waiting ]]
	prlimit --pid "$pid" --nofile="$limit":
	wait_until grep -qx answered /run/world/waiting
	nsctl up vpn
	works vpn
}

@test "a dead socket that a killed nsctld left is no obstacle" {
	nsctld_stop KILL
	[[ -S $socket ]]
	nsctld_start
}

@test "a profile whose file is gone can still be seen and taken down" {
	profile short-lived </dev/null
	nsctl up short-lived
	rm /etc/nsctl/profiles/short-lived.ini
	run -0 drift short-lived
	says "profile: " short-lived
	nsctld_stop KILL
	nsctld_start
	run -0 drift short-lived
	equal "$output" "profile: no profile \"short-lived\""
	equal "$(inside short-lived ls /sys/class/net | xargs)" "eth0 lo"
	nsctl down short-lived
	run ! nsctl status short-lived
}

@test "a profile that was changed on disk: up makes it so" {
	profile changing <<-END
		[link]
		address = 10.77.0.2/24
	END
	nsctl up changing
	printf '%s\n' '[link]' 'address = 10.77.0.3/24' '[dns]' 'nameserver = 9.9.9.9' \
		>/etc/nsctl/profiles/changing.ini
	[[ $(drift changing) != "" ]]
	nsctl up changing
	no_drift changing
	equal "$(address_of changing)" 10.77.0.3
	equal "$(inside changing ip -o -4 address show dev eth0 | wc -l)" 1
	run -0 inside changing cat /etc/resolv.conf
	says "nameserver 9.9.9.9"
}

resident() {
	awk '/^VmRSS/ { print $2 }' "/proc/$(nsctld_pid)/status"
}

@test "memory and descriptors do not grow with use" {
	local descriptors memory i
	for i in {1..10}; do nsctl up vpn && inside vpn true && nsctl down vpn; done
	descriptors=$(settled_descriptors) memory=$(resident)
	for i in {1..30}; do nsctl up vpn && inside vpn true && nsctl down vpn; done
	# What a down leaves to a thread (the bridge) is over a moment later.
	equal "$(settled_descriptors)" "$descriptors"
	# AddressSanitizer keeps what was freed
	grep -q libasan "/proc/$(nsctld_pid)/maps" || (($(resident) <= memory + 256)) # kB
}

# Before it is another program, what nsctld forks has its name.
no_other_nsctld() {
	[[ $(pgrep -x nsctld) == "$(nsctld_pid)" ]]
}

@test "the socket activation of systemd: nsctld takes the socket that it is given" {
	nsctld_stop
	rm -f $socket
	python3 - 3>&- <<-'END' >>/run/world/log/nsctld 2>&1 &
		import os, socket
		os.makedirs("/run/nsctl", exist_ok=True)
		server = socket.socket(socket.AF_UNIX)
		server.bind("/run/nsctl/nsctl.sock")
		os.chmod("/run/nsctl/nsctl.sock", 0o666)
		server.listen()
		os.dup2(server.fileno(), 3)
		os.set_inheritable(3, True)
		os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
		os.execvp("nsctld", ["nsctld"])
	END
	echo $! >/run/world/nsctld.pid
	wait_until nsctld_answers
	wait_until no_other_nsctld
	nsctl up vpn
	works vpn
	nsctl down vpn
	nsctld_stop
	rm -f $socket
	nsctld_start
}

@test "readiness is told to who asked for it (sd_notify)" {
	nsctld_stop
	python3 - <<-'END'
		import os, socket, subprocess
		path = "/run/world/notify"
		server = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		server.bind(path)
		server.settimeout(60)
		log = open("/run/world/log/nsctld", "a")
		daemon = subprocess.Popen(["nsctld"], env=dict(os.environ, NOTIFY_SOCKET=path),
		                          stdout=log, stderr=log)
		while b"READY=1" not in server.recv(4096).split(b"\n"):
		    pass
		client = socket.socket(socket.AF_UNIX)
		client.connect("/run/nsctl/nsctl.sock")
		daemon.terminate()
		assert daemon.wait(60) == 0
		os.unlink(path)
	END
	nsctld_start
}
