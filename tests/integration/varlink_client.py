#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""A Varlink client in another language: what any program may do with nsctld's socket.

varlink_client.py [--socket PATH] [--more] [METHOD [PARAMETERS-AS-JSON]]

Without a METHOD it goes through what such a program does: asks who is there and what the interface
looks like, brings the profile "vpn" up and down again and looks at its state in between. With one it
prints each reply's parameters as one line of JSON. An error reply goes to stderr as
"NAME PARAMETERS" and the exit status is 1; 2 is a wrong command line, 3 a broken wire.
Imported, it gives Connection and VarlinkError. The standard library is all it needs.
"""
import argparse
import array
import json
import socket
import sys

DEFAULT_SOCKET = "/run/nsctl/nsctl.sock"
INTERFACE = "org.nsctl.Manager"


class VarlinkError(Exception):
    """An error reply: its full name and its parameters."""

    def __init__(self, name, parameters):
        super().__init__(f"{name} {json.dumps(parameters, sort_keys=True)}")
        self.name = name
        self.parameters = parameters


class Connection:
    """One connection: calls one after the other, descriptors in both directions."""

    def __init__(self, path=DEFAULT_SOCKET):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.buffer = b""
        self.fds = []

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, message, fds=()):
        data = json.dumps(message).encode() + b"\0"
        control = []
        if fds:
            control = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))]
        try:
            sent = self.socket.sendmsg([data], control)
            if sent < len(data):
                self.socket.sendall(data[sent:])
        except (BrokenPipeError, ConnectionResetError):
            pass  # it refused before it read: the reason is there to be received

    def receive(self):
        """The next whole message; EOFError when there is none any more."""
        while b"\0" not in self.buffer:
            data, control, _, _ = self.socket.recvmsg(65536, socket.CMSG_SPACE(8 * 4))
            for level, kind, content in control:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    fds = array.array("i")
                    fds.frombytes(content[: len(content) - len(content) % fds.itemsize])
                    self.fds.extend(fds)
            if not data:
                raise EOFError("nsctld has closed the connection")
            self.buffer += data
        frame, self.buffer = self.buffer.split(b"\0", 1)
        return json.loads(frame)

    def replies(self, method, parameters=None, fds=(), **flags):
        """Yields the parameters of every reply to one call."""
        if "." not in method:
            method = f"{INTERFACE}.{method}"
        self.send({"method": method, "parameters": parameters or {}, **flags}, fds)
        while True:
            reply = self.receive()
            if reply.get("error"):
                raise VarlinkError(reply["error"], reply.get("parameters", {}))
            yield reply.get("parameters", {})
            if not reply.get("continues"):
                return

    def call(self, method, parameters=None, fds=(), **flags):
        """The parameters of the only reply."""
        (reply,) = self.replies(method, parameters, fds, **flags)
        return reply


def expect(condition, what, seen):
    if not condition:
        raise ValueError(f"expected {what}, got {json.dumps(seen)}")


def state(connection, profile):
    reply = connection.call("Status", {"profiles": [profile]})
    expect(len(reply["profiles"]) == 1, "one profile", reply)
    expect(reply["profiles"][0]["name"] == profile, profile, reply)
    return reply["profiles"][0]["state"]


def change(connection, method, profile):
    """Up or Down with `more`: the outcome, which must be a change that went well."""
    outcomes = []
    for reply in connection.replies(method, {"profiles": [profile]}, more=True):
        outcomes += reply["outcomes"]
    expect(len(outcomes) == 1 and outcomes[0]["profile"] == profile, "one outcome", outcomes)
    expect(not outcomes[0].get("error"), "no error", outcomes)
    expect(outcomes[0]["changed"] is True, "a change", outcomes)


def go_through(connection, profile):
    info = connection.call("org.varlink.service.GetInfo")
    expect(info["product"] == "nsctld", "nsctld", info)
    for interface in info["interfaces"]:
        reply = connection.call("org.varlink.service.GetInterfaceDescription",
                                {"interface": interface})
        expect(f"\ninterface {interface}\n" in reply["description"], interface, reply)
    expect(INTERFACE in info["interfaces"], INTERFACE, info)
    try:
        connection.call("org.varlink.service.GetInterfaceDescription", {"interface": "org.none"})
        expect(False, "an error", None)
    except VarlinkError as error:
        expect(error.name == "org.varlink.service.InterfaceNotFound", "InterfaceNotFound",
               error.name)
    expect(state(connection, profile) == "down", "down", state(connection, profile))
    change(connection, "Up", profile)
    expect(state(connection, profile) == "up", "up", state(connection, profile))
    change(connection, "Down", profile)
    expect(state(connection, profile) == "down", "down", state(connection, profile))


def main():
    parser = argparse.ArgumentParser(description="Calls a Varlink method of nsctld.")
    parser.add_argument("--socket", default=DEFAULT_SOCKET)
    parser.add_argument("--more", action="store_true", help="ask for a reply as each is there")
    parser.add_argument("method", nargs="?", help="NAME of org.nsctl.Manager, or a full name")
    parser.add_argument("parameters", nargs="?", default="{}", type=json.loads)
    arguments = parser.parse_args()
    flags = {"more": True} if arguments.more else {}
    try:
        with Connection(arguments.socket) as connection:
            if not arguments.method:
                go_through(connection, "vpn")
                return 0
            for reply in connection.replies(arguments.method, arguments.parameters, **flags):
                print(json.dumps(reply, sort_keys=True), flush=True)
    except VarlinkError as error:
        print(error, file=sys.stderr)
        return 1
    except (OSError, EOFError, ValueError) as error:
        print(f"varlink_client: {error}", file=sys.stderr)
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
