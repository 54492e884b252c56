#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-or-later
#
# The wire, by a client in another language, and by callers who do not keep to it.

load lib/common

# raw: sends the bytes that are on stdin (python's escapes), prints what comes back, NULs as newlines.
raw() {
	python3 -c '
import socket, sys
client = socket.socket(socket.AF_UNIX)
client.settimeout(60)
client.connect("/run/nsctl/nsctl.sock")
try:
    client.sendall(eval("b\"\"\"" + sys.argv[1] + "\"\"\""))
    client.shutdown(socket.SHUT_WR)
    data = b""
    while chunk := client.recv(65536):
        data += chunk
except (BrokenPipeError, ConnectionResetError):
    pass
print(data.replace(b"\0", b"\n").decode())' "$1"
}

still_serves() {
	run -0 nsctl list
	kill -0 "$(nsctld_pid)"
}

@test "a Python client calls GetInfo, GetInterfaceDescription, Status, Up and Down" {
	python3 "$integration/varlink_client.py"
	equal "$(state vpn)" down
}

@test "several calls in one packet are answered in order" {
	run -0 raw '{\"method\":\"org.varlink.service.GetInfo\"}\0{\"method\":\"org.nsctl.Manager.Nothing\"}\0{\"method\":\"org.nsctl.Manager.List\"}\0'
	equal "$(jq -c 'if .error then .error else (.parameters | keys[0]) end' <<<"$output" | xargs)" \
		"interfaces org.varlink.service.MethodNotFound profiles"
}

@test "what is no method, no interface, no parameter gets the standard error" {
	error_of() { jq -r .error <<<"$(raw "$1")"; }
	equal "$(error_of '{\"method\":\"org.nsctl.Manager.Nothing\"}\0')" org.varlink.service.MethodNotFound
	equal "$(error_of '{\"method\":\"org.nothing.X\"}\0')" org.varlink.service.InterfaceNotFound
	equal "$(error_of '{\"method\":\"org.nsctl.Manager.Up\",\"parameters\":{\"profiles\":7}}\0')" \
		org.varlink.service.InvalidParameter
	equal "$(error_of '{\"method\":\"org.nsctl.Manager.Up\",\"parameters\":{}}\0')" \
		org.varlink.service.InvalidParameter
	equal "$(error_of '{\"method\":\"org.nsctl.Manager.Join\",\"parameters\":{\"profile\":[]}}\0')" \
		org.varlink.service.InvalidParameter
}

@test "a one-way call gets no reply, and is done" {
	run -0 raw '{\"method\":\"org.nsctl.Manager.Up\",\"oneway\":true,\"parameters\":{\"profiles\":[\"vpn\"]}}\0'
	equal "$output" ""
	wait_until sh -c "[ \$(nsctl status --json vpn | jq -r '.profiles[0].state') = up ]"
}

@test "malformed frames end the connection, not the daemon" {
	local frame
	for frame in 'hello\0' '\0' '\0\0\0' '[]\0' '7\0' '\"x\"\0' 'null\0' '{\0' '{}\0' '{\"method\":7}\0' \
		'{\"method\":\"\"}\0' '{\"method\":\"x\"}\0' '{\"method\":\"org.nsctl.Manager.List\"}' \
		'\xff\xfe\0' '{\"method\":\"org.nsctl.Manager.Up\",\"parameters\":[]}\0' \
		'{\"method\":\"org.nsctl.Manager.Up\",\"parameters\":{\"profiles\":[\"\\\\u0000\"]}}\0' \
		'{\"method\":\"org.nsctl.Manager.Exec\",\"upgrade\":true,\"parameters\":{}}\0' \
		'{\"method\":\"org.nsctl.Manager.Exec\",\"parameters\":{\"profile\":\"vpn\",\"command\":[],\"environment\":[],\"directory\":\"/\",\"umask\":18}}\0'; do
		run raw "$frame"
		[[ $output != *'"profiles"'* ]] || { echo "answered: $frame: $output" && return 1; }
		still_serves
	done
}

@test "a frame without end is cut off at the limit" {
	run python3 - <<-'END'
		import socket
		client = socket.socket(socket.AF_UNIX)
		client.settimeout(60)
		client.connect("/run/nsctl/nsctl.sock")
		sent = 0
		try:
		    while sent < 64 << 20:
		        sent += client.send(b"x" * 65536)
		except (BrokenPipeError, ConnectionResetError):
		    print("cut off")
	END
	equal "$output" "cut off"
	still_serves
	[[ $(awk '/^VmRSS/ { print $2 }' "/proc/$(nsctld_pid)/status") -lt 500000 ]]
}

@test "a caller that is slow does not delay another" {
	python3 - 3>&- <<-'END' &
		import signal, socket
		clients = []
		for _ in range(20):
		    client = socket.socket(socket.AF_UNIX)
		    client.connect("/run/nsctl/nsctl.sock")
		    client.send(b'{"method":"org.nsctl')
		    clients.append(client)
		open("/run/world/slow", "w").close()
		signal.pause()
	END
	local slow=$!
	wait_until test -e /run/world/slow
	rm /run/world/slow
	# before nsctld gives these up by itself, ten seconds after they came
	timeout 8 nsctl up vpn
	timeout 8 nsctl down vpn
	kill $slow
	wait $slow || true
}

@test "descriptors that nobody asked for are closed" {
	local before
	before=$(settled_descriptors)
	python3 - <<-'END'
		import array, os, socket
		for count in (1, 3, 8, 9, 100, 253):
		    client = socket.socket(socket.AF_UNIX)
		    client.settimeout(60)
		    client.connect("/run/nsctl/nsctl.sock")
		    null = os.open("/dev/null", os.O_RDONLY)
		    fds = array.array("i", [null] * count)
		    try:
		        client.sendmsg([b'{"method":"org.nsctl.Manager.List"}\0'],
		                       [(socket.SOL_SOCKET, socket.SCM_RIGHTS, fds)])
		        client.recv(65536)
		    except (BrokenPipeError, ConnectionResetError):
		        pass
	END
	still_serves
	wait_until has_descriptors "$before"
}

@test "a user has a limited number of connections, and root still gets through" {
	as alice python3 - 3>&- 4>&- <<-'END' &
		import signal, socket
		clients = []
		for _ in range(500):
		    client = socket.socket(socket.AF_UNIX)
		    client.connect("/run/nsctl/nsctl.sock")
		    clients.append(client)
		open("/run/world/alice/many", "w").close()
		signal.pause()
	END
	local many=$!
	undo "pkill -u alice python3 || true; wait_until is_gone $many"
	wait_until test -e /run/world/alice/many
	# 64 of the 500 are taken (nsctl.profile(5), nsctld.ini), a few descriptors each.
	[[ $(ls "/proc/$(nsctld_pid)/fd" | wc -l) -lt 300 ]]
	timeout 60 nsctl up vpn
	pkill -u alice python3
	wait $many || true
	rm /run/world/alice/many
}
