#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What a command in a profile finds around itself is what it would find outside: whose it is, what
# it may use, its environment, the desktop. Where it can, a test compares with the same command
# run plainly.

load lib/common

prepare() {
	up_hers
}

# her COMMAND…: alice's command inside
her() {
	as alice nsctl exec hers -- "$@" </dev/null 3>&-
}

# alike [PREFIX…] -- COMMAND…: as alice, under PREFIX, inside and outside say the same.
alike() {
	local -a prefix=()
	while [[ $1 != -- ]]; do
		prefix+=("$1")
		shift
	done
	shift
	local outside inside
	outside=$(cd /run/world/alice && "${prefix[@]}" setpriv --reuid=alice --regid=alice --init-groups -- \
		"$@" </dev/null 3>&-)
	inside=$(cd /run/world/alice && "${prefix[@]}" setpriv --reuid=alice --regid=alice --init-groups -- \
		nsctl exec hers -- "$@" </dev/null 3>&-)
	equal "$inside" "$outside"
	[[ -n $outside ]]
}

@test "groups are those of the process now, not those of the group file" {
	local gid groups
	for groups in 2001 2001,2003 2003,7,4294967294 5,6; do
		for gid in 2001 2003 4294967294; do
			local -a who=(setpriv --reuid=alice --regid="$gid" --groups="$groups" --)
			equal "$("${who[@]}" nsctl exec hers -- id -G </dev/null)" "$("${who[@]}" id -G)"
		done
	done
	equal "$(setpriv --reuid=alice --regid=2001 --clear-groups -- nsctl exec hers -- id -G </dev/null)" 2001
	# newgrp: the group is another one from then on
	equal "$(as alice sh -c 'newgrp vpnusers <<-END
		nsctl exec hers -- id -gn </dev/null
	END')" vpnusers
	# as many as there can be
	python3 - <<-'END'
		import os, subprocess
		os.chdir("/")
		groups = list(range(10000, 10000 + 65536))
		def run(*command):
		    return subprocess.run(command, user=2001, group=2001, extra_groups=groups, stdin=subprocess.DEVNULL,
		                          stdout=subprocess.PIPE, check=True).stdout
		look = ("grep", "^Groups:", "/proc/self/status")
		assert run("nsctl", "exec", "hers", "--", *look) == run(*look)
	END
}

@test "every resource limit is the caller's, soft and hard" {
	# Each another number, and none above what there is here already.
	cat >/run/world/limits <<-'END'
		import os, resource, sys
		sanitized = b"libasan" in open("/usr/bin/nsctl", "rb").read()
		for number in range(16):
		    if number in (resource.RLIMIT_AS, resource.RLIMIT_DATA) and sanitized:
		        continue  # AddressSanitizer needs terabytes of it
		    hard = resource.getrlimit(number)[1]
		    room = [10**9, 10**12, 10**12, 5 * 10**6, 77, 10**12, 3000, 500, 10**6, 10**12, 50, 900, 10**5,
		            9, 8, 10**7][number] + number
		    room = room if hard == resource.RLIM_INFINITY else min(hard, room)
		    resource.setrlimit(number, (room // 2, room))
		os.execvp(sys.argv[1], sys.argv[1:])
	END
	undo "rm /run/world/limits"
	run -0 alike python3 /run/world/limits -- cat /proc/self/limits
	equal "$(prlimit --noheadings | wc -l)" 16
	# What fails for want of room outside does so inside.
	alike prlimit --fsize=0:0 -- sh -c 'trap "" XFSZ; echo x >/run/world/alice/too-large || echo no'
	rm -f /run/world/alice/too-large
}

@test "umask, nice, I/O class and CPU scheduling, CPUs, timer slack are the caller's" {
	local mask
	for mask in 000 027 077 777; do
		alike sh -c "umask $mask; exec \"\$@\"" - -- sh -c umask
	done
	alike nice -n 7 -- nice
	alike nice -n 19 -- nice
	alike nice -n -5 -- nice
	local -a classes=("-c 3" "-c 2 -n 0" "-c 2 -n 7" "-c 1 -n 3")
	local class
	for class in "${classes[@]}"; do
		# shellcheck disable=SC2086
		alike ionice $class -- ionice
	done
	alike -- ionice
	# shellcheck disable=SC2016
	local policies='chrt -p $$ | sed s/.*policy/policy/'
	alike -- sh -c 'chrt -p $$ | sed "s/^.*current//"'
	local policy
	for policy in --batch --idle; do
		alike chrt $policy 0 -- sh -c 'chrt -p $$ | sed "s/^.*current//"'
	done
	for policy in --fifo --rr; do
		chrt $policy 3 true 2>/dev/null || continue
		alike chrt $policy 3 -- sh -c 'chrt -p $$ | sed "s/^.*current//"'
		# What is for the process alone its children don't get, and so no command of its either.
		alike chrt --reset-on-fork $policy 3 -- sh -c 'sh -c "chrt -p \$\$; nice; :" | sed "s/^.*current//"'
	done
	local cpu
	for cpu in $(seq 0 $(($(nproc) - 1))); do
		alike taskset -c "$cpu" -- grep ^Cpus_allowed_list /proc/self/status
	done
}

@test "a priority that is the caller's alone does not become the command's" {
	chrt --fifo 3 true 2>/dev/null || skip "no real-time scheduling here"
	# nsctl itself is the child of chrt's process, so that the flag is set on nsctl by itself
	equal "$(cd / && python3 -c '
import os
os.sched_setscheduler(0, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, os.sched_param(3))
os.setgroups([2001]); os.setresgid(2001, 2001, 2001); os.setresuid(2001, 2001, 2001)
os.execvp("nsctl", ["nsctl", "exec", "hers", "--", "python3", "-c",
                    "import os; print(os.sched_getscheduler(0) == os.SCHED_OTHER)"])' </dev/null)" True
	equal "$(cd / && nice -n -40 python3 -c '
import os
os.sched_setscheduler(0, os.SCHED_OTHER | os.SCHED_RESET_ON_FORK, os.sched_param(0))
os.setgroups([2001]); os.setresgid(2001, 2001, 2001); os.setresuid(2001, 2001, 2001)
os.execvp("nsctl", ["nsctl", "exec", "hers", "--", "nice"])' </dev/null)" 0
}

@test "the login uid of the audit log is the caller's" {
	[[ -e /proc/self/loginuid ]] || skip "a kernel without audit"
	sh -c 'echo 2001 >/proc/self/loginuid' 2>/dev/null || skip "it can't be set here"
	alike sh -c 'echo 2001 >/proc/self/loginuid && exec "$@"' - -- cat /proc/self/loginuid
	alike -- cat /proc/self/loginuid
}

@test "the environment is the caller's, with what is odd in it, and says where it is" {
	local -a odd=(A= B='two
lines' C='ü €' D="$(printf 'x%.0s' {1..100000})" E='$(id)' LD_PRELOAD= IFS=x 'WITH SPACE=y')
	as alice env -i PATH="$PATH" "${odd[@]}" env -0 | tr '\0' '|' >/run/world/outside
	as alice env -i PATH="$PATH" "${odd[@]}" nsctl exec hers -- env -0 </dev/null |
		sed -z '/^NSCTL_PROFILE=/d' | tr '\0' '|' >/run/world/inside
	run -0 cmp /run/world/outside /run/world/inside
	rm /run/world/outside /run/world/inside
	equal "$(her printenv NSCTL_PROFILE)" hers
	equal "$(NSCTL_PROFILE=other her sh -c 'env | grep ^NSCTL_PROFILE')" NSCTL_PROFILE=hers
}

@test "the working directory is the one of that name, also with an odd one" {
	local directory
	for directory in plain 'with space' 'ü' 'a"b' '$x' $'two\nlines'; do
		as alice mkdir -p "/run/world/alice/dirs/$directory"
		equal "$(cd "/run/world/alice/dirs/$directory" && setpriv --reuid=alice --regid=alice --init-groups -- \
			nsctl exec hers -- pwd </dev/null)" "/run/world/alice/dirs/$directory"
		equal "$(her sh -c 'cd "$0" && pwd' "/run/world/alice/dirs/$directory")" \
			"/run/world/alice/dirs/$directory"
		equal "$(as alice nsctl exec hers --chdir "/run/world/alice/dirs/$directory" -- pwd </dev/null)" \
			"/run/world/alice/dirs/$directory"
	done
	equal "$(as alice sh -c 'cd dirs && nsctl exec hers --chdir plain -- pwd </dev/null')" \
		/run/world/alice/dirs/plain
	run -125 as alice nsctl exec hers --chdir nowhere -- pwd
	says nowhere
	rm -r /run/world/alice/dirs
}

@test "without a command it is the caller's shell, and a user without one gets sh" {
	equal "$(echo 'echo $0 $NSCTL_PROFILE' | as alice env SHELL=/bin/bash nsctl exec hers)" "/bin/bash hers"
	equal "$(echo 'echo $0' | as alice env -u SHELL nsctl exec hers)" "/bin/sh"
	profile theirs <<-END
		[access]
		groups = vpnusers
	END
	nsctl up theirs
	equal "$(cd / && echo 'echo $0 $(id -u)' | env -u SHELL setpriv --reuid=4294967294 --regid=4294967294 \
		--groups=2003 -- nsctl exec theirs)" "/bin/sh 4294967294"
}

@test "uid 4294967294, which is nobody's, runs commands like any other" {
	profile theirs <<-END
		[access]
		groups = vpnusers
	END
	nsctl up theirs
	local -a who=(setpriv --reuid=4294967294 --regid=4294967294 "--groups=2003,4294967294" --)
	equal "$(cd / && "${who[@]}" nsctl exec theirs -- sh -c 'id -u; id -g; id -G' </dev/null | xargs)" \
		"4294967294 4294967294 4294967294 2003"
	run -42 "${who[@]}" nsctl exec theirs -- sh -c 'exit 42'
	equal "$(cd / && "${who[@]}" nsctl ps theirs)" "no processes"
}

@test "root runs as another user with -u: ids, groups, home; by number too; nobody else may" {
	equal "$(nsctl exec hers -u alice -- id)" "$(as alice id)"
	equal "$(nsctl exec hers -u 2001 -- id)" "$(as alice id)"
	equal "$(nsctl exec hers --user=mallory -- sh -c 'echo $HOME $USER $LOGNAME $SHELL')" \
		"/run/world/mallory mallory mallory /bin/sh"
	equal "$(cd /tmp && nsctl exec hers -u alice --chdir /run/world/alice -- pwd)" /run/world/alice
	run -125 as alice nsctl exec hers -u mallory -- true
	says "only root"
	run -125 nsctl exec hers -u nosuchuser -- true
	run ! nsctl exec hers -u alice -- setpriv --reuid=0 true
}

# is_shown DISPLAY WINDOW
is_shown() {
	DISPLAY=$1 xwininfo -name "$2" 2>/dev/null | grep -q "Map State: IsViewable"
}

@test "an X client inside draws on the server outside, by the socket's path" {
	local display window
	mkdir -p /tmp/.X11-unix
	chmod 1777 /tmp/.X11-unix
	# by chance: servers of other worlds may be in /tmp, whose processes can't be seen from here
	display=:$((100 + RANDOM))
	Xvfb $display -screen 0 640x480x24 -nolisten tcp -ac -noreset >/run/world/log/xvfb 2>&1 3>&- 4>&- &
	local server=$!
	undo "kill $server; wait_until is_gone $server"
	wait_until env DISPLAY="$display" xdpyinfo
	equal "$(as alice env DISPLAY="$display" nsctl exec hers -- xdpyinfo </dev/null | grep dimensions)" \
		"$(DISPLAY=$display xdpyinfo | grep dimensions)"
	as alice env DISPLAY="$display" nsctl exec hers -- xev -name inside </dev/null >/run/world/xev 2>&1 3>&- 4>&- &
	local client=$!
	wait_until is_shown "$display" inside
	pkill -u alice -x xev
	wait $client || true
	rm /run/world/xev
	# It is not the abstract socket of the same name, which the profile's network does not have.
	equal "$(her awk '$8 ~ /^@/' /proc/net/unix)" ""
}

@test "dbus-send inside reaches the session bus outside" {
	local address pid
	as alice dbus-daemon --session --fork --address=unix:path=/run/world/alice/bus \
		--print-pid=5 5>/run/world/bus.pid 3>&- 4>&-
	pid=$(xargs </run/world/bus.pid)
	undo "kill $pid; wait_until is_gone $pid; rm -f /run/world/bus.pid /run/world/alice/bus"
	address=unix:path=/run/world/alice/bus
	run -0 as alice env DBUS_SESSION_BUS_ADDRESS=$address nsctl exec hers -- dbus-send --session --print-reply \
		--dest=org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus.GetConnectionUnixUser \
		string:org.freedesktop.DBus </dev/null
	says "uint32 2001"
	run -0 as alice env DBUS_SESSION_BUS_ADDRESS=$address nsctl exec hers -- dbus-send --session --print-reply \
		--dest=org.freedesktop.DBus /org/freedesktop/DBus org.freedesktop.DBus.GetConnectionUnixProcessID \
		string:org.freedesktop.DBus </dev/null
	says "uint32 $pid"
}

@test "a compositor's socket in XDG_RUNTIME_DIR is reached by its path" {
	python3 -c '
import os, socket
server = socket.socket(socket.AF_UNIX)
server.bind("/run/world/alice/wayland-0")
os.chmod("/run/world/alice/wayland-0", 0o777)
server.listen()
open("/run/world/ready", "w").close()
server.accept()[0].sendall(b"from outside")' 3>&- 4>&- &
	local server=$!
	wait_until test -e /run/world/ready
	equal "$(XDG_RUNTIME_DIR=/run/world/alice her python3 -c '
import os, socket
client = socket.socket(socket.AF_UNIX)
client.connect(os.environ["XDG_RUNTIME_DIR"] + "/wayland-0")
print(client.recv(100).decode())')" "from outside"
	wait $server
	rm /run/world/ready /run/world/alice/wayland-0
}

@test "a service of root's: the same pid, and its READY=1 reaches the manager's socket" {
	python3 - 3>&- 4>&- <<-'END'
		import os, socket, subprocess
		manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
		manager.bind("/run/world/notify")
		manager.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
		manager.settimeout(60)
		service = subprocess.Popen(
		    ["nsctl", "exec", "hers", "--", "python3", "-c",
		     "import os, socket\n"
		     "s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)\n"
		     "s.connect(os.environ['NOTIFY_SOCKET'])\n"
		     "s.send(b'READY=1')\n"],
		    env={**os.environ, "NOTIFY_SOCKET": "/run/world/notify"})
		data, control, _, _ = manager.recvmsg(100, socket.CMSG_SPACE(12))
		assert data == b"READY=1", data
		pid = int.from_bytes(control[0][2][:4], "little")
		assert pid == service.pid, (pid, service.pid)
		assert service.wait(60) == 0
		os.unlink("/run/world/notify")
	END
	equal "$(sh -c 'echo $$; exec nsctl exec hers -- sh -c "echo \$\$"' | uniq | wc -l)" 1
}

@test "sudo nsctl exec, and sudo inside" {
	command -v sudo >/dev/null || skip "no sudo here"
	printf 'alice ALL=(ALL) NOPASSWD:SETENV: ALL\n' >/etc/sudoers.d/surroundings
	chmod 440 /etc/sudoers.d/surroundings
	echo 'alice:*:20000:0:99999:7:::' >>/etc/shadow
	undo "rm /etc/sudoers.d/surroundings; sed -i /^alice:/d /etc/shadow"
	local inside
	inside=$(nsctl exec hers -- readlink /proc/self/ns/net)
	equal "$(as alice sudo -n nsctl exec hers -- sh -c 'id -u; readlink /proc/self/ns/net' | xargs)" "0 $inside"
	equal "$(as alice sudo -n nsctl exec hers -u alice -- id -u)" 2001
	equal "$(her sudo -n sh -c 'id -u; readlink /proc/self/ns/net; echo $SUDO_USER' | xargs)" "0 $inside alice"
	equal "$(her sudo -n -u mallory id -un)" mallory
	run -5 her sudo -n sh -c 'exit 5'
}
