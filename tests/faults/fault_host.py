# SPDX-License-Identifier: GPL-2.0-or-later
"""nsctld, and the host: what it looked like with the profile down and up, and whether it does again."""
import collections
import ctypes
import fcntl
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import time

from fault_look import (PATIENCE, PROFILE, Wrong, difference, glance, inside, read, run,
                        pass_fds, strangers, wait_until)

FILE = pathlib.Path(f"/etc/nsctl/profiles/{PROFILE}.ini")
LOG = open("/run/world/log/nsctld", "ab")
NO_DAEMON = ("--daemon", "/nonexistent")
SYS_PIDFD_GETFD = 438
NS_GET_NSTYPE = 0xb703 # linux/nsfs.h
PLAIN = """
[access]
users = alice
[link]
interface = inside0
address = 10.77.0.2/24
[dns]
nameserver = 9.9.9.9
host = 10.1.1.1 one
[mount]
tmpfs = /srv
bind = /usr/share:/mnt:ro
"""
# Comes over /etc/issue.
NETNS_FILE = pathlib.Path(f"/etc/netns/{PROFILE}/issue")
WITH_RESPONDER = PLAIN + """
[aaaa]
run = inside
"""


class Daemon:
    """The nsctld of this world, started anew whenever it is gone."""

    def __init__(self):
        self.process = None
        pid = read("/run/world/nsctld.pid").strip()
        if pid and os.path.exists(f"/proc/{pid}"):
            os.kill(int(pid), signal.SIGTERM)
            wait_until(lambda: not self.is_there(int(pid)))

    @staticmethod
    def is_there(pid):
        state = re.search(r"^State:\s+(\S)", read(f"/proc/{pid}/status"), re.MULTILINE)
        return state and state.group(1) != "Z"

    @property
    def pid(self):
        return self.process.pid

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def answers(self):
        return not self.runs() or run(["nsctl", "list", *NO_DAEMON])[0] == 0

    def spawn(self, wrapper=()):
        self.process = subprocess.Popen([*wrapper, "nsctld"], stdin=subprocess.DEVNULL, stdout=LOG,
                                        stderr=LOG, pass_fds=pass_fds(wrapper))
        pathlib.Path("/run/world/nsctld.pid").write_text(f"{self.pid}\n", encoding="ascii")

    def start(self):
        if self.runs():
            return
        self.spawn()
        if not wait_until(self.answers) or not self.runs():
            raise Wrong("nsctld does not start")

    def stop(self, number=signal.SIGTERM):
        if self.runs():
            self.process.send_signal(number)
            try:
                self.process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Wrong("nsctld does not end") from None

    def has_threads(self):
        return len(os.listdir(f"/proc/{self.pid}/task")) > 1

    def settle(self):
        """Until its threads have done what they were to do in the background."""
        wait_until(lambda: not self.has_threads())

    def kind_of_socket(self, number):
        """What it is for, from a copy of it."""
        libc = ctypes.CDLL(None, use_errno=True)
        copy = -1
        pidfd = os.pidfd_open(self.pid)
        try:
            copy = libc.syscall(SYS_PIDFD_GETFD, pidfd, number, 0)
            with socket.socket(fileno=copy) as its:
                return f"socket {its.family} {its.proto}"
        except (OSError, ValueError): # it is gone already
            return "socket"
        finally:
            os.close(pidfd)

    def kind_of_namespace(self, name):
        """By whatever name it was opened: that of its pin, which may be gone, or the kernel's."""
        path = f"/proc/{self.pid}/fd/{name}"
        try:
            if os.stat(path).st_dev != os.stat("/proc/self/ns/net").st_dev:
                return None
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        except OSError:
            return None
        try:
            return f"namespace {fcntl.ioctl(descriptor, NS_GET_NSTYPE):x}"
        finally:
            os.close(descriptor)

    def whose_descriptors(self):
        """What its threads wait for in the kernel, and its netlink sockets: the port tells who opened
        one, and one that is not listed is in another network."""
        lines = [f"thread {thread}: {read(f'/proc/{self.pid}/task/{thread}/comm').strip()} "
                 f"{read(f'/proc/{self.pid}/task/{thread}/stack').split()[1:2]}"
                 for thread in os.listdir(f"/proc/{self.pid}/task")]
        netlink = {line.split()[9]: line for line in read("/proc/net/netlink").splitlines()[1:]}
        for name in sorted(os.listdir(f"/proc/{self.pid}/fd"), key=int):
            try:
                target = os.readlink(f"/proc/{self.pid}/fd/{name}")
            except OSError:
                continue
            number = target.partition("[")[2].rstrip("]")
            lines.append(f"{name}: {target} {netlink.get(number, '')}")
        return "\n".join(lines)

    def descriptors(self):
        found = []
        for name in os.listdir(f"/proc/{self.pid}/fd"):
            try:
                target = os.readlink(f"/proc/{self.pid}/fd/{name}")
            except OSError:
                continue
            found.append(self.kind_of_socket(int(name)) if target.startswith("socket:") else
                         self.kind_of_namespace(name) or
                         re.sub(r"\d+", "", target))
        return sorted(found)


class World:
    """The host: what it looked like when the profile was down and up, and whether it does again."""

    def __init__(self, daemon, profile):
        self.daemon, self.profile = daemon, profile
        self.daemon.start()
        self.nsctl("down", "--all")
        FILE.write_text(profile, encoding="ascii")
        NETNS_FILE.parent.mkdir(parents=True, exist_ok=True)
        NETNS_FILE.write_text("", encoding="ascii")
        self.machines = set(strangers())
        self.nsctl("up", PROFILE) # the first one may leave what is kept: threads, caches
        self.nsctl("down", PROFILE)
        self.quiet()
        self.down_glance, self.down_descriptors = glance(), self.descriptors()
        self.nsctl("up", PROFILE)
        self.quiet()
        self.up_glance, self.up_descriptors = glance(), self.descriptors()
        self.up_inside = inside()
        self.is_up = True

    def quiet(self):
        if self.daemon.runs():
            self.daemon.settle()

    def descriptors(self):
        """Of a nsctld that has made ready what it makes ready, which it begins before it takes the next
        call, and that has closed what that call needed."""
        self.daemon.answers()
        self.quiet()
        last, now = None, self.daemon.descriptors()
        while now != last:
            time.sleep(0.1)
            last, now = now, self.daemon.descriptors()
        return now

    def nsctl(self, *arguments):
        status, _, errors = run(["nsctl", *arguments, *NO_DAEMON])
        if status != 0:
            raise Wrong(f"nsctl {' '.join(arguments)}: status {status}: {errors.strip()}")

    def equal(self, look, before, what):
        after = look()
        if after != before and not wait_until(lambda: look() == before):
            raise Wrong(f"{what}:\n" + "\n".join(difference(before, look())))

    def no_more_descriptors(self, allowed, what):
        """Fewer is no leak: what is made ahead may not have been made."""
        def surplus():
            return list((collections.Counter(self.daemon.descriptors()) -
                         collections.Counter(allowed)).elements())
        # A thread that deletes a link has a socket as long as somebody still holds that link.
        if not wait_until(lambda: not surplus()) and not (
                self.daemon.has_threads() and wait_until(lambda: not surplus(), PATIENCE)):
            raise Wrong(f"descriptors {what}: {surplus()}\n{self.daemon.whose_descriptors()}")

    def check_gone(self, what="after down"):
        self.equal(glance, self.down_glance, "left behind " + what)
        self.no_more_descriptors(self.down_descriptors, what)
        self.is_up = False

    def status(self):
        status, text, errors = run(["nsctl", "status", PROFILE, "--json", *NO_DAEMON])
        if status != 0:
            raise Wrong(f"nsctl status: {errors}")
        return json.loads(text)["profiles"][0]

    def check_whole(self, descriptors=True):
        profile = self.status()
        # One that was killed is missing for a moment.
        if profile["drift"] and self.profile == WITH_RESPONDER:
            wait_until(lambda: not self.status()["drift"])
            profile = self.status()
        if profile["state"] != "up" or profile["drift"]:
            raise Wrong(f"said to be up, but {profile['state']} {profile['drift']}")
        self.equal(glance, self.up_glance, "the host, with the profile up")
        self.equal(inside, self.up_inside, "inside")
        if descriptors:
            self.no_more_descriptors(self.up_descriptors, "while up")
        self.is_up = True

    def nobody_inside(self):
        if not wait_until(lambda: not strangers(self.machines), PATIENCE):
            names = [read(f"/proc/{pid}/comm").strip() for pid in strangers(self.machines)]
            raise Wrong(f"still inside: {names}")

    def be_up(self):
        self.daemon.start()
        if not self.is_up:
            self.nsctl("up", PROFILE)
            self.check_whole()
        self.quiet()

    def be_down(self):
        self.daemon.start()
        if run(["nsctl", "down", PROFILE, *NO_DAEMON])[0] != 0:
            self.nsctl("down", "--all")
        self.is_up = False
        self.quiet()
        self.check_gone()

    @staticmethod
    def remove_files():
        FILE.unlink()
        NETNS_FILE.unlink()
        NETNS_FILE.parent.rmdir()
        NETNS_FILE.parent.parent.rmdir()

    def recover(self):
        """After something went wrong: as if nothing had ever been."""
        self.is_up = False
        self.daemon.stop(signal.SIGKILL)
        self.daemon.start()
        run(["nsctl", "down", "--all", *NO_DAEMON])
        for command in ("ip link del nsctl0", "ip link del ns-" + PROFILE,
                        "nft delete table inet nsctl", "ip netns del " + PROFILE,
                        f"umount -l /run/nsctl/ns/{PROFILE}/mnt", "umount -l /run/nsctl/ns",
                        "umount -l /run/netns", "rmdir /run/netns", "rm -rf /run/nsctl/ns",
                        "rm -rf /run/nsctl/state /run/nsctl/host.json", "pkill -KILL nsctl-aaaa",
                        "rm -rf /run/nsctl/aaaa"):
            run(command.split())
        self.daemon.stop(signal.SIGKILL)
        self.daemon.start()
