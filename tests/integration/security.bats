#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What must hold against the callers of nsctld. Each test stands for a hole that a comparable program
# had; alice is admitted, mallory is not.

load lib/common

prepare_file() {
	cp "$integration/varlink_client.py" /run/world/varlink_client.py
}

prepare() {
	profile hers <<-END
		[access]
		groups = vpnusers
	END
}

# python_as USER: runs the program on stdin, which finds Connection and VarlinkError.
python_as() {
	as "$1" env PYTHONPATH=/run/world PYTHONDONTWRITEBYTECODE=1 python3 -c \
		"import array, json, os, signal, socket, struct, sys, time
from varlink_client import Connection, VarlinkError
SOCKET = '/run/nsctl/nsctl.sock'
def exec_call(command, **more):
    return {'profile': 'hers', 'command': command, 'environment': ['PATH=/usr/bin:/bin'],
            'directory': '/', 'umask': 18, **more}
def name_of_error(call, *arguments, **flags):
    try:
        return call(*arguments, **flags)
    except VarlinkError as error:
        return error.name.rsplit('.', 1)[1]
$(cat)"
}

# run_as_alice PREFIX…: "PREFIX… setpriv (to alice) nsctl exec hers -- true", with nsctl's words.
run_as_alice() {
	run "$@" setpriv --reuid=alice --regid=alice --init-groups -- nsctl exec hers -- echo in
}

log_of_nsctld() {
	tail -c "+$((log_start + 1))" /run/world/log/nsctld
}

@test "R1 a namespace that is not the one of the record is not entered" {
	nsctl up hers
	nsctld_stop KILL
	umount /run/netns/hers
	unshare --net mount --bind /proc/self/ns/net /run/netns/hers
	nsctld_start
	local other
	other=$(nsenter --net=/run/netns/hers readlink /proc/self/ns/net)
	run nsctl exec hers -- readlink /proc/self/ns/net
	[[ $output != *"$other"* ]]
	run as alice nsctl exec hers -- readlink /proc/self/ns/net
	[[ $output != *"$other"* ]]
	wait_until ip netns del hers # (a repair may put the pin back in between)
	nsctl down hers
}

@test "R2 without access nothing tells a profile that is up, down, wrong or not there from another" {
	profile wrong <<-END
		[link]
		type = nonsense
	END
	nsctl up vpn hers
	python_as mallory <<-'END'
		def raw(method, parameters, **flags):
		    with Connection() as connection:
		        connection.send({'method': 'org.nsctl.Manager.' + method,
		                         'parameters': parameters, **flags})
		        data = b''
		        while not data.endswith(b'\0'):
		            chunk = connection.socket.recv(65536)
		            if not chunk:
		                return data + b' closed'
		            data += chunk
		        return data

		names = ('vpn', 'hers', 'lan', 'wrong', 'nosuch', '../vpn', '', 'x' * 100, 'v\n')
		calls = (
		    ('Up', lambda n: {'profiles': [n]}, {}),
		    ('Up', lambda n: {'profiles': [n], 'dry_run': True}, {'more': True}),
		    ('Up', lambda n: {'profiles': [n], 'dry_run': 7}, {}),
		    ('Down', lambda n: {'profiles': [n]}, {}),
		    ('Status', lambda n: {'profiles': [n]}, {}),
		    ('Join', lambda n: {'profile': n}, {}),
		    ('Exec', lambda n: exec_call(['true'], profile=n), {'upgrade': True}),
		    ('Exec', lambda n: exec_call([], profile=n), {'upgrade': True}),
		    ('Exec', lambda n: exec_call(['true'], profile=n, umask=-1), {'upgrade': True}),
		)
		for method, parameters, flags in calls:
		    answers = {raw(method, parameters(name), **flags) for name in names}
		    assert len(answers) == 1, method
		    assert b'Denied' in answers.pop(), method
		with Connection() as connection:
		    assert connection.call('Status') == {'profiles': []}
		    assert connection.call('List') == {'profiles': []}
		    assert connection.call('Down', {'profiles': [], 'all': True}) == {'outcomes': []}
	END
	equal "$(state vpn) $(state hers)" "up up"
}

@test "R3 the working directory is a name, looked up inside" {
	mkdir -p /run/world/place
	echo outside >/run/world/place/file
	undo "rm -r /run/world/place"
	profile covered <<-END
		[access]
		users = alice
		[mount]
		tmpfs = /run/world/place
	END
	nsctl up covered
	run -0 as alice sh -c 'cd /run/world/place && exec nsctl exec covered -- sh -c "pwd; ls"'
	equal "$output" /run/world/place
	run sh -c 'cd /run/world/place && exec nsctl exec covered -- sh -c "pwd; ls"'
	equal "$output" /run/world/place
}

@test "R4 the command starts with exactly 0, 1 and 2, whatever its caller has open" {
	nsctl up hers
	equal "$(as alice bash -c 'exec 5</etc/passwd 9>/dev/null 200</; exec nsctl exec hers -- sh -c "ls /proc/\$\$/fd"' \
		3>&- | xargs)" "0 1 2"
}

@test "R5 users and groups are those of the host, not those of a file inside" {
	sed 's/^alice:x:2001:2001:/alice:x:0:0:/' /etc/passwd >/run/world/passwd
	undo "rm /run/world/passwd"
	profile liar <<-END
		[mount]
		bind = /run/world/passwd:/etc/passwd:ro
	END
	nsctl up liar
	equal "$(nsctl exec liar -- sed -n 's/^alice:x:\([0-9]*\):.*/\1/p' /etc/passwd)" 0
	equal "$(nsctl exec liar -u alice -- id -u)" 2001
}

@test "R6 the command is in a session of its own, without its caller's terminal" {
	nsctl up hers
	# session and terminal of a process: fields 6 and 7 of stat, and whether /dev/tty can be opened
	cat >/run/world/alice/look <<-'END'
		cut -d" " -f 6,7 /proc/$$/stat
		(exec 9</dev/tty) 2>/dev/null && echo "opened $(ps -o tty= -p $$)" || echo none
	END
	undo "rm /run/world/alice/look"
	as alice script -qec "sh /run/world/alice/look >/run/world/alice/outside;
		nsctl exec hers -- sh /run/world/alice/look </dev/null >/run/world/alice/inside 2>/run/world/alice/errors" /dev/null
	undo "rm /run/world/alice/outside /run/world/alice/inside /run/world/alice/errors"
	local session terminal session_inside terminal_inside
	read -r session terminal </run/world/alice/outside
	read -r session_inside terminal_inside </run/world/alice/inside
	grep -q opened /run/world/alice/outside
	[[ $terminal -ne 0 && $session_inside -ne 0 ]]
	[[ $session_inside -ne $session && $terminal_inside -ne $terminal ]]
	equal "$(cat /run/world/alice/errors)" ""
	if [[ $terminal_inside -eq 0 ]]; then
		grep -q none /run/world/alice/inside
	fi
}

no_shell_of_alice() {
	! pgrep -u alice -x sh
}

@test "R7 a session sends signals to its command only, and only such as there are" {
	nsctl up hers
	setpriv --reuid=alice --regid=alice --init-groups -- sleep 1000 3>&- 4>&- &
	local bystander=$!
	undo "kill $bystander; wait_until is_gone $bystander"
	run -0 python_as alice <<-'END'
		def signals(*numbers):
		    connection = Connection()
		    connection.call('Exec', exec_call(['sh', '-c', 'trap "echo usr1; exit 7" USR1; echo ready; '
		                                       'while :; do sleep 0.02; done']), upgrade=True)
		    reader, writer = os.pipe()
		    null = os.open('/dev/null', os.O_RDWR)
		    connection.socket.sendmsg([struct.pack('=HHi', 2, 0, 0)],
		        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [null, writer, writer]))])
		    os.close(writer)
		    assert os.read(reader, 100) == b'ready\n'
		    for number in numbers:
		        connection.socket.sendall(struct.pack('=HHi', 1, 0, number))
		    said = b''
		    while chunk := os.read(reader, 100):
		        said += chunk
		    records = b''
		    try:
		        while chunk := connection.socket.recv(100):
		            records += chunk
		    except ConnectionResetError:
		        pass
		    kinds = [struct.unpack_from('=HHi', records, at)[::2] for at in range(0, len(records), 8)]
		    print(int(numbers[0]), 'usr1' if b'usr1' in said else 'nothing', [kind for kind in kinds if kind[0] > 64])

		signals(signal.SIGUSR1)
		# What is no signal ends the conversation, and with it the command: nobody else gets one.
		for number in (0, -1, 65, 2**31 - 1, -2**31):
		    signals(number)
	END
	equal "${lines[0]}" "10 usr1 [(67, 7)]"
	equal "${#lines[@]}" 6
	run ! grep usr1 <<<"${lines[*]:1}"
	run ! is_gone "$bystander"
	wait_until no_shell_of_alice
}

@test "R8 a number that was given to another process meanwhile lends nothing to the caller" {
	nsctl up hers
	[[ -w /proc/sys/kernel/ns_last_pid ]] || skip "pids can't be chosen here"
	# The caller gained nothing outside (no_new_privs). It connects, hands the socket on and dies; then
	# its number is that of a process that is free.
	run -0 env PYTHONPATH=/run/world PYTHONDONTWRITEBYTECODE=1 python3 - 3>&- 4>&- <<-'END'
		import ctypes, os, socket, sys, time
		from varlink_client import Connection, VarlinkError

		def become_alice():
		    os.setgroups([2003]); os.setresgid(2001, 2001, 2001); os.setresuid(2001, 2001, 2001)

		def call(connection):
		    try:
		        connection.call('Exec', {'profile': 'hers', 'command': ['true'], 'environment': [],
		                                 'directory': '/', 'umask': 18}, upgrade=True)
		        return 'started'
		    except VarlinkError as error:
		        return error.name.rsplit('.', 1)[1]

		def connect():
		    """A connection that a confined child has made; the child has ended."""
		    connection = Connection.__new__(Connection)
		    connection.buffer, connection.fds = b'', []
		    connection.socket = socket.socket(socket.AF_UNIX)
		    child = os.fork()
		    if child == 0:
		        become_alice()
		        assert ctypes.CDLL(None).prctl(38, 1, 0, 0, 0) == 0
		        connection.socket.connect('/run/nsctl/nsctl.sock')
		        os._exit(0)
		    os.waitpid(child, 0)
		    return connection, child

		for attempt in range(50):
		    connection, gone = connect()
		    with open('/proc/sys/kernel/ns_last_pid', 'w') as file:
		        file.write(str(gone - 1))
		    child = os.fork()
		    if child == 0:
		        become_alice()
		        time.sleep(1000)
		        os._exit(0)
		    if child == gone:
		        print(call(connection))
		    os.kill(child, 9)
		    os.waitpid(child, 0)
		    if child == gone:
		        break
		else:
		    print('the number did not come again')
	END
	equal "$output" Denied
}

@test "R8 who connected is who calls, and nobody speaks for one that has gone" {
	nsctl up hers
	# The socket of a process that has ended, in the hands of one that is admitted.
	run -0 python_as alice <<-'END'
		connection = Connection.__new__(Connection)
		connection.buffer, connection.fds = b'', []
		connection.socket = socket.socket(socket.AF_UNIX)
		if os.fork() == 0:
		    connection.socket.connect(SOCKET)
		    os._exit(0)
		os.wait()
		print(name_of_error(connection.call, 'Up', {'profiles': ['hers']}))
		print(name_of_error(connection.call, 'Exec', exec_call(['true']), upgrade=True))
	END
	equal "$(xargs <<<"$output")" "Denied Denied"
	# A connection that mallory made is mallory's, whoever uses it.
	run -0 env PYTHONPATH=/run/world PYTHONDONTWRITEBYTECODE=1 python3 - <<-'END'
		import os
		from varlink_client import Connection, VarlinkError
		os.setresuid(2002, 2002, 0)
		connection = Connection()
		os.setresuid(0, 0, 0)
		try:
		    print(connection.call("Up", {"profiles": ["hers"]}))
		except VarlinkError as error:
		    print(error.name)
	END
	equal "$output" org.nsctl.Manager.Denied
}

@test "R9 a doubt denies: names that nobody has admit nobody" {
	profile doubtful <<-END
		[access]
		users = nosuchuser, 4294967294
		groups = nosuchgroup, 4294967294
	END
	nsctl up doubtful
	run -125 as alice nsctl exec doubtful -- true
	run -125 setpriv --reuid=4294967293 --regid=4294967293 --clear-groups -- \
		nsctl exec doubtful -- true
	profile wrong <<-END
		[access]
		users = alice
		[link]
		type = nonsense
	END
	run as alice nsctl up wrong
	[[ $status -ne 0 ]]
	says "may not use this profile"
}

@test "R10 root can't be got back inside, by no call" {
	nsctl up hers
	run -0 as alice nsctl exec hers -- python3 -c '
import os
for call in (lambda: os.setuid(0), lambda: os.seteuid(0), lambda: os.setresuid(0, 0, 0),
             lambda: os.setgid(0), lambda: os.setgroups([]), lambda: os.setresgid(0, 0, 0),
             lambda: os.chroot("/")):
    try:
        call()
        print("it worked")
    except PermissionError:
        pass
print(os.getresuid(), os.getresgid(), sorted(os.getgroups()))'
	equal "$output" "(2001, 2001, 2001) (2001, 2001, 2001) [2001, 2003]"
}

@test "R11 a command without a word, and one that is no list, are refused" {
	nsctl up hers
	run -0 python_as alice <<-'END'
		for command in ([], None, 'true', [7], [None], {}, [['true']]):
		    with Connection() as connection:
		        print(name_of_error(connection.call, 'Exec', exec_call(command), upgrade=True))
	END
	equal "$(sort -u <<<"$output")" InvalidParameter
}

@test "R11 nothing of a caller's is given to a shell" {
	nsctl up hers
	equal "$(as alice nsctl exec hers -- echo '$(id)' '; id' '`id`' '|id')" '$(id) ; id `id` |id'
	run -127 as alice nsctl exec hers -- 'echo hello'
	run -125 as alice nsctl exec hers --chdir '/;id' -- true
}

@test "R12 the state is root's alone to write, and a link is not followed for a mount" {
	nsctl up hers
	equal "$(find /run/nsctl -xdev \( ! -user root -o -perm /022 \) ! -type s ! -type l)" ""
	as alice mkdir /run/world/alice/dir
	as alice ln -s / /run/world/alice/dir/link
	undo "rm -r /run/world/alice/dir"
	profile linked <<-END
		[mount]
		bind = /run/world/alice/dir/link:/mnt
	END
	run nsctl up linked
	[[ $status -ne 0 ]]
	says /run/world/alice/dir/link
}

@test "R13 many at once stack no mounts and lose no lock" {
	nsctl up vpn
	local before
	# what is mounted on /run/netns and in it, and how often
	pins() { awk '$5 ~ "^/run/netns" { print $5 }' /proc/self/mountinfo | sort | uniq -c; }
	before=$(pins)
	local -a others=()
	local i
	for i in 1 2 3 4; do
		(for _ in 1 2 3 4 5; do as alice nsctl up hers; as alice nsctl down hers; done) &>/dev/null 3>&- 4>&- &
		others+=($!)
		(for _ in 1 2 3 4 5; do ip netns add "by-hand-$i"; ip netns del "by-hand-$i"; done) &>/dev/null 3>&- 4>&- &
		others+=($!)
	done
	wait "${others[@]}"
	nsctl down hers
	equal "$(pins)" "$before"
	run ! grep -v ' 1 ' <<<"$(pins | sed 's/^ *\([0-9]*\) .*/ \1 /')"
	# and the lock is free
	flock --nonblock /run/netns true
	no_drift vpn
}

@test "R14 no abstract socket, outside or inside" {
	abstract() { awk '$8 ~ /^@/ { print $8 }' /proc/net/unix | sort; }
	local before
	before=$(abstract)
	nsctl up hers
	as alice nsctl exec hers -- true
	equal "$(abstract)" "$before"
	equal "$(nsctl exec hers -- awk '$8 ~ /^@/' /proc/net/unix)" ""
}

@test "R15 nsctld takes no descriptor; a session takes three and no other number" {
	nsctl up hers
	local before
	before=$(settled_descriptors)
	run -0 python_as alice <<-'END'
		def stdio(n, kind=2):
		    connection = Connection()
		    connection.call('Exec', exec_call(['echo', 'in']), upgrade=True)
		    reader, writer = os.pipe()
		    control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [writer] * n))]
		    connection.socket.sendmsg([struct.pack('=HHi', kind, 0, 0)], control if n else [])
		    os.close(writer)
		    print(n, kind, os.read(reader, 100).decode().strip() or 'nothing')

		for n in (0, 1, 2, 4, 253):
		    stdio(n)
		stdio(3, 1)
		stdio(3)
		null = os.open('/dev/null', os.O_RDONLY)
		for n in (1, 3, 253):
		    connection = Connection()
		    connection.send({'method': 'org.nsctl.Manager.List'}, [null] * n)
		    try:
		        print(connection.receive())
		    except (EOFError, ConnectionResetError):
		        pass
	END
	equal "$(xargs <<<"$output")" \
		"0 2 nothing 1 2 nothing 2 2 nothing 4 2 nothing 253 2 nothing 3 1 nothing 3 2 in"
	wait_until has_descriptors "$before"
}

@test "R15 a socket that lingers, sent by anybody, holds nobody up" {
	ip link show lo | grep -q ,UP
	undo "pkill -u mallory python3 || true"
	local how
	for how in whole partial unread; do
		python_as mallory 3>&- 4>&- <<-END &
			listener = socket.create_server(('127.0.0.1', 0))
			lingering = socket.create_connection(listener.getsockname())
			peer, _ = listener.accept()
			lingering.setblocking(False)
			try:
			    while True:
			        lingering.send(b'x' * 65536)
			except BlockingIOError:
			    pass
			lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 200))
			control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [lingering.fileno()]))]
			data = {'whole': b'{"method":"org.nsctl.Manager.List"}\0', 'partial': b'{"met',
			        'unread': b'{"method":"org.nsctl.Manager.List"}\0' * 50}['$how']
			connection = Connection()
			if '$how' == 'unread':
			    connection.socket.send(data)
			# Stopped, nsctld gets the last reference for sure.
			open('/run/world/mallory/now', 'w').close()
			while os.path.exists('/run/world/mallory/now'):
			    time.sleep(0.01)
			connection.socket.sendmsg([data], control)
			lingering.close()
			connection.close()
			open('/run/world/mallory/now', 'w').close()
			signal.pause()
		END
		local mallory=$!
		wait_until test -e /run/world/mallory/now
		kill -STOP "$(nsctld_pid)"
		rm /run/world/mallory/now
		wait_until test -e /run/world/mallory/now
		kill -CONT "$(nsctld_pid)"
		timeout 60 nsctl list
		rm /run/world/mallory/now
		pkill -u mallory python3
		wait $mallory || true
	done
}

@test "R15 a socket that lingers, sent for a process that could not be made, holds nobody up" {
	ip link show lo | grep -q ,UP
	nsctl up hers
	as alice nsctl exec hers -- true
	local starter
	starter=$(pgrep -x nsctl-starter)
	strace -qq -o /dev/null -e trace=clone3 \
		-e inject=clone3:error=EAGAIN:delay_exit=2500000:when=1 -p "$starter" 3>&- 4>&- &
	undo "kill $! 2>/dev/null || true"
	wait_until grep -q '^TracerPid:\s*[1-9]' "/proc/$starter/status"
	undo "pkill -u alice python3 || true"
	python_as alice >/run/world/said 3>&- 4>&- <<-'END' &
		listener = socket.create_server(('127.0.0.1', 0))
		lingering = socket.create_connection(listener.getsockname())
		peer, _ = listener.accept()
		lingering.setblocking(False)
		try:
		    while True:
		        lingering.send(b'x' * 65536)
		except BlockingIOError:
		    pass
		lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 20))
		control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [lingering.fileno()] * 3))]
		connection = Connection()
		connection.call('Exec', exec_call(['true']), upgrade=True)
		connection.socket.sendmsg([struct.pack('=HHi', 2, 0, 0)], control)
		lingering.close()
		connection.close()
		print('sent', flush=True)
		signal.pause()
	END
	local caller=$!
	undo "rm -f /run/world/said"
	wait_until grep -q sent /run/world/said
	as alice timeout 20 nsctl exec hers -- true
	equal "$(pgrep -x nsctl-starter)" "$starter"
	pkill -u alice python3
	wait $caller || true
}

@test "R16 no way out of a sandbox: no_new_privs, seccomp, bounding set, chroot, namespaces" {
	nsctl up hers
	run_as_alice env
	equal "$status $output" "0 in"
	run_as_alice setpriv --no-new-privs
	equal "$status" 125
	says "no_new_privs"
	run_as_alice setpriv --bounding-set=-sys_ptrace
	equal "$status" 125
	says "bounding set"
	# An empty filter lets everything pass; that there is one is what counts.
	run_as_alice python3 -c '
import ctypes, os, struct, sys
code = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0, 0x7fff0000))
class Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]
assert ctypes.CDLL(None).prctl(22, 2, ctypes.byref(Program(1, ctypes.addressof(code))), 0, 0) == 0
os.execvp(sys.argv[1], sys.argv[1:])'
	equal "$status" 125
	says "seccomp"
	run_as_alice unshare --mount
	equal "$status" 125
	says "mount namespace"
	run_as_alice unshare --pid --fork
	equal "$status" 125
	says "PID namespace"
	run -125 as alice unshare --user nsctl exec hers -- true
	says "user namespace"
	run_as_alice unshare --net
	equal "$status" 125
	says "network namespace"
	run_as_alice nsenter --mount=/run/nsctl/ns/hers/mnt unshare --net
	equal "$status" 125
	says "network namespace"
	run_as_alice nsenter --net=/run/netns/hers
	equal "$status $output" "0 in"
	equal "$(unshare --net nsctl exec hers -- echo in)" in
	mkdir /run/world/jail
	undo "rmdir /run/world/jail"
	mount -t tmpfs tmpfs /run/world/jail
	undo "umount -R -l /run/world/jail"
	mount --make-private /run/world/jail
	local directory
	for directory in usr run proc etc dev; do
		mkdir /run/world/jail/$directory
		mount --bind /$directory /run/world/jail/$directory
	done
	for directory in bin lib lib64 sbin; do
		ln -s usr/$directory /run/world/jail/$directory
	done
	run chroot --userspec=alice:alice --groups=vpnusers /run/world/jail nsctl exec hers -- true
	equal "$status" 125
	says "root directory"
}

@test "R17 nsctld leaves no core file" {
	mkdir /run/world/core
	undo "rm -r /run/world/core"
	# dumps PROGRAM…: does it, ended by SIGQUIT? nsctld is ready when its socket is there.
	dumps() {
		python3 -c '
import os, resource, signal, subprocess, sys, time
os.chdir("/run/world/core")
resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
process = subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL)
if "nsctld" in sys.argv[1]:
    while not os.path.exists("/run/world/core/run/nsctl.sock"):
        assert process.poll() is None
        time.sleep(0.01)
process.send_signal(signal.SIGQUIT)
print(os.WCOREDUMP(os.waitpid(process.pid, 0)[1]))' "$@" 3>&- 4>&-
	}
	[[ $(dumps sleep 1000) == True ]] || skip "no program dumps core here"
	equal "$(dumps nsctld --runtime-directory /run/world/core/run)" False
}

@test "R17 what callers send is escaped in the log and on the terminal" {
	local log_start
	# The log has a limit, which tests before this one may have reached.
	nsctld_stop
	nsctld_start
	log_start=$(stat -c %s /run/world/log/nsctld)
	python_as mallory <<-'END'
		evil = '\nnsctld: FORGED\x1b[2J\u009b31m\r'
		for method, parameters in (('Up', {'profiles': [evil]}), ('Join', {'profile': evil}),
		                           ('Down', {'profiles': [{evil: evil}]}), ('Up', {evil: 1}),
		                           (evil, {}), ('a.b' + evil, {}), ('Exec', {'profile': evil})):
		    with Connection() as connection:
		        name_of_error(connection.call, method, parameters)
	END
	log_of_nsctld | grep -q 'uid 2002'
	run ! grep -E '^nsctld: FORGED' <<<"$(log_of_nsctld)"
	run ! env LC_ALL=C grep -aP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' <<<"$(log_of_nsctld)"
	local evil=$'a\e[2Jb\rc\u009bd'
	run nsctl up "$evil"
	[[ $status -ne 0 ]]
	says '\x1b[2J'
	run ! env LC_ALL=C grep -aP '[\x0d\x1b]|\xc2[\x80-\x9f]' <<<"$output"
	run as alice nsctl exec hers -- "$evil"
	run ! env LC_ALL=C grep -aP '[\x0d\x1b]|\xc2[\x80-\x9f]' <<<"$output"
}

@test "R18 while a profile is up, the host's mounts are those of before and nsctl's own" {
	mounts() { awk '$5 !~ "^/run/(netns|nsctl)(/|$)" { $1 = ""; print }' /proc/self/mountinfo; }
	local before
	before=$(mounts)
	nsctl up hers vpn
	as alice nsctl exec hers -- true
	equal "$(mounts)" "$before"
}

@test "nobody's control group is left through nsctld" {
	local group
	group=$(findmnt -nro TARGET -t cgroup2 | tail -n 1)/world-$$
	mkdir "$group" 2>/dev/null || skip "no control group can be made here"
	undo "wait_until rmdir $group"
	nsctl up hers
	# Nothing can be started there any more, as in a group that has reached its limits.
	run sh -c "echo 0 >$group/cgroup.procs && mount -t tmpfs tmpfs $group && exec setpriv --reuid=alice \
		--regid=alice --init-groups -- nsctl exec hers -- cat /proc/self/cgroup"
	wait_until umount "$group" # a process that could not be started may be in it for a moment
	equal "$status" 125
	says "control group"
	[[ $output != *0::* ]]
}

@test "the command's OOM score is its caller's" {
	nsctl up hers
	equal "$(sh -c 'echo 321 >/proc/self/oom_score_adj && exec setpriv --reuid=alice --regid=alice \
		--init-groups -- nsctl exec hers -- cat /proc/self/oom_score_adj')" 321
}

@test "thousands of uids of one user's namespace share the limits of one" {
	python3 - 3>&- 4>&- <<-'END' &
		import ctypes, os, signal, socket
		ready, done = os.pipe(), os.pipe()
		child = os.fork()
		if child == 0:
		    assert ctypes.CDLL(None).unshare(0x10000000) == 0
		    os.write(ready[1], b"x")
		    os.read(done[0], 1)
		    kept = []
		    for uid in range(1, 11):
		        os.setresuid(uid, uid, 0)
		        for _ in range(60):
		            kept.append(socket.socket(socket.AF_UNIX))
		            kept[-1].connect("/run/nsctl/nsctl.sock")
		        os.setresuid(0, 0, 0)
		    open("/run/world/many", "w").close()
		    signal.pause()
		os.read(ready[0], 1)
		for name in ("uid_map", "gid_map"):
		    with open(f"/proc/{child}/{name}", "w") as file:
		        file.write("0 100000 65536\n")
		os.write(done[1], b"x")
		with open("/run/world/many.pid", "w") as file:
		    file.write(str(child))
		os.wait()
	END
	local many=$!
	chmod 777 /run/world
	undo "chmod 755 /run/world"
	wait_until test -e /run/world/many
	nsctl list
	local descriptors
	descriptors=$(descriptors_of_nsctld)
	kill "$(cat /run/world/many.pid)"
	wait $many || true
	rm -f /run/world/many /run/world/many.pid
	# 600 connections, of which 64 are taken, with two descriptors each.
	[[ $descriptors -lt 200 ]]
}

@test "calls whose callers have gone still count until they are done" {
	nsctl up hers
	local stubborn attempt
	# The first of them, a `down`, waits for two seconds. On a machine where all takes longer it is tried
	# again.
	for attempt in 1 2 3 4 5; do
		nsctl exec hers -- sh -c 'trap "" TERM; echo >/run/world/ready; while :; do sleep 0.05; done' \
			3>&- 4>&- &
		stubborn=$!
		wait_until test -s /run/world/ready
		rm /run/world/ready
		run -0 python_as alice <<-'END'
			import fcntl, termios
			kept = []
			def begin(method):
			    """A one-way call, which nsctld has read. There is no answer, but for a refusal."""
			    kept.append(Connection())
			    kept[-1].send({'method': 'org.nsctl.Manager.' + method,
			                   'parameters': {'profiles': ['hers']}, 'oneway': True})
			    while struct.unpack('i', fcntl.ioctl(kept[-1].socket, termios.TIOCOUTQ, b'    '))[0] > 0:
			        time.sleep(0.0005)

			def refused(connection):
			    try:
			        return connection.receive()['error'].rsplit('.', 1)[1]
			    except (BlockingIOError, TimeoutError, EOFError, ConnectionResetError):
			        return 'taken'

			start = time.monotonic()
			answers = []
			for i in range(64):
			    begin('Up' if i % 2 else 'Down')
			    kept[-1].socket.setblocking(False)
			    if i % 16 == 15:  # a caller may have 64 connections too
			        while kept:
			            with kept.pop() as connection:
			                answers.append(refused(connection))
			for i in range(36):
			    begin('Up')
			    kept[-1].socket.settimeout(60)
			    with kept.pop() as connection:
			        answers.append(refused(connection))
			print(answers[:64].count('taken'), *sorted(set(answers[64:])))
			print('late' if time.monotonic() - start > 1.8 else 'in time')
		END
		wait $stubborn || true
		# And when they are done, they count no more.
		wait_until as alice nsctl up hers
		[[ $output == *late ]] || break
	done
	equal "$(xargs <<<"$output")" "64 LimitExceeded in time"
}

@test "a list of profiles has an end" {
	run -0 python_as alice <<-'END'
		with Connection() as connection:
		    print(name_of_error(connection.call, 'Up', {'profiles': ['hers'] * 4097}))
	END
	equal "$output" InvalidParameter
}

@test "what changes nothing does not fill the log" {
	nsctld_stop
	nsctld_start
	nsctl up hers
	local log_start
	log_start=$(stat -c %s /run/world/log/nsctld)
	as alice nsctl up hers
	as alice nsctl down vpn || true
	equal "$(log_of_nsctld | grep -c 'nothing to do')" 0
	log_of_nsctld | grep -q 'uid 2001.*Denied'
}

@test "nsctl starts no nsctld inside another network than the machine's" {
	nsctld_stop
	run unshare --net nsctl list
	[[ $status -ne 0 ]]
	says "nsctl: " "another network"
	run ! pgrep -x nsctld
	nsctld_start
}

@test "a caller that does not read, or never finishes what it begins, delays no one" {
	nsctl up hers
	local log_start
	python_as mallory 3>&- 4>&- <<-'END' &
		kept = []
		def connect():
		    kept.append(Connection())
		    return kept[-1]
		for _ in range(10):
		    connect()  # says nothing
		    connect().socket.sendall(b'{"method":"org.nsctl.Man')  # never finishes
		    flood = connect()  # asks and asks, and reads nothing
		    flood.socket.setblocking(False)
		    try:
		        while True:
		            flood.socket.send(b'{"method":"org.varlink.service.GetInterfaceDescription",'
		                              b'"parameters":{"interface":"org.nsctl.Manager"}}\0' * 100)
		    except (BlockingIOError, BrokenPipeError, ConnectionResetError):
		        pass
		open('/run/world/mallory/now', 'w').close()
		signal.pause()
	END
	local first=$!
	undo "pkill -u mallory python3 || true; rm -f /run/world/mallory/now"
	# She is admitted, and lets her commands wait: for their descriptors, or for a reader of news.
	python_as alice 3>&- 4>&- <<-'END' &
		kept = []
		def begin(stdio):
		    connection = Connection()
		    connection.call('Exec', exec_call(['sh', '-c', 'kill -STOP $$; sleep 1000']), upgrade=True)
		    kept.append(connection)
		    if stdio:
		        null = os.open('/dev/null', os.O_RDWR)
		        connection.socket.sendmsg([struct.pack('=HHi', 2, 0, 0)],
		            [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [null] * 3))])
		for _ in range(10):
		    begin(False)
		    begin(True)
		open('/run/world/alice/now', 'w').close()
		signal.pause()
	END
	local second=$!
	undo "pkill -u alice python3 || true; rm -f /run/world/alice/now; wait_until no_sessions"
	wait_until test -e /run/world/mallory/now
	wait_until test -e /run/world/alice/now
	local i
	# nsctld gives up by itself, after ten seconds, who never says what it wants
	for i in 1 2 3; do
		equal "$(timeout 8 setpriv --reuid=3000000001 --regid=2001 --groups=2003 -- nsctl exec hers -- echo in </dev/null)" in
		timeout 8 nsctl list >/dev/null
	done
	pkill -u mallory python3
	pkill -u alice python3
	wait $first $second || true
}

no_sessions() {
	! pgrep -x nsctl-session
}

@test "a caller whose limits let nothing start gets an end, not a wait" {
	nsctl up hers
	run -0 python_as alice <<-'END'
		import resource
		connection = Connection()
		null = os.open('/dev/null', os.O_RDWR)
		# less than a session has open when it starts
		resource.setrlimit(resource.RLIMIT_NOFILE, (5, 5))
		connection.call('Exec', exec_call(['echo', 'in']), upgrade=True)
		connection.socket.settimeout(60)
		data = b''
		try:
		    connection.socket.sendmsg([struct.pack('=HHi', 2, 0, 0)],
		        [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [null] * 3))])
		    while chunk := connection.socket.recv(1000):
		        data += chunk
		except (BrokenPipeError, ConnectionResetError):
		    pass
		started = [kind for kind in data[::8] if kind == 64]
		print('ended', started)
	END
	equal "$output" "ended []"
	wait_until no_sessions
}

@test "a fork bomb inside, bounded by its caller's limit, is ended by down" {
	nsctl up hers
	# It multiplies, ignores what it can, and leaves its session.
	prlimit --nproc=150:150 setpriv --reuid=alice --regid=alice --init-groups -- nsctl exec hers -- python3 -c '
import os, signal, time
for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
    signal.signal(number, signal.SIG_IGN)
while True:
    try:
        if os.fork() == 0:
            os.setsid()
    except OSError:
        time.sleep(0.01)' </dev/null >/dev/null 2>&1 3>&- 4>&- &
	local bomb=$!
	many() { [[ $(pgrep -u alice -c python3) -gt 100 ]]; }
	wait_until many
	[[ $(nsctl ps --json hers | jq '.processes | length') -gt 100 ]]
	timeout 150 nsctl down hers
	none_of_alice() { ! pgrep -u alice -r D,R,S,T; }
	wait_until none_of_alice || { ps -u alice -o pid,ppid,stat,args; return 1; }
	wait $bomb || true
}

@test "what forks twice and leaves its session is found by ps, and ended by down" {
	nsctl up hers
	as alice nsctl exec hers -- python3 -c '
import os, signal, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
if os.fork():
    os._exit(0)
os.setsid()
if os.fork():
    os._exit(0)
os.chdir("/")
for fd in range(3):
    os.close(fd)
open("/run/world/alice/pid", "w").write(str(os.getpid()))
time.sleep(1000)' </dev/null 3>&- 4>&-
	undo "rm -f /run/world/alice/pid"
	wait_until test -s /run/world/alice/pid
	local pid
	pid=$(cat /run/world/alice/pid)
	run -0 nsctl ps hers
	says "$pid" python3
	nsctl down hers
	is_gone "$pid"
}
