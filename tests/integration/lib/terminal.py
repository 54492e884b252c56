#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Runs a command as alice, or as root, on a terminal of its own, and types what a script says.

    terminal.py [--root] COMMAND… <SCRIPT

A line of the script is one step; each waits for what it needs and nothing is waited for by time:
    type TEXT      types it (with the escapes of Python)
    see REGEX      waits until it was written, and goes on behind it
    size R C       gives the terminal another size
    modes NAME     remembers the terminal's modes; the second time they have to be the same
    raw            waits until the terminal is so, not for the line editor of a shell that is COMMAND, and
                   until who made it so has taken what was typed before
    cooked         waits until the terminal is so
    reads REGEX    waits until the only process of alice's with this command line has its terminal, be it
                   another one, and sleeps: a line that is typed comes to it
    kill SIG REGEX sends a signal to the only process of alice's with this command line
    touch PATH     makes a file: whoever writes the script through a pipe knows how far it is
    close          closes the terminal; then nothing is read any more
    wait           waits until the command has ended, and prints "status N" or "signal N"
"""
import errno
import hashlib
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time
import fcntl

ALICE = 2001
LIMIT = 60  # seconds: only what never comes takes so long


class Terminal:
    def __init__(self, command, user):
        self.text, self.digest, self.count = b"", hashlib.sha256(), 0
        self.named = {}
        self.is_shell = command[0] == "bash"
        self.pid, self.master = pty.fork()
        if self.pid == 0:
            os.execvp("setpriv", ["setpriv", f"--reuid={user}", f"--regid={user}", "--init-groups", "--"] + command)

    def read(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            return None
        if not select.select([self.master], [], [], min(left, 0.05))[0]:
            return b""
        try:
            data = os.read(self.master, 65536)
        except OSError as e:
            if e.errno != errno.EIO:
                raise
            time.sleep(0.01)
            return b""
        self.text = (self.text + data)[-100000:]
        self.digest.update(data)
        self.count += len(data)
        return data

    def until(self, what, condition):
        deadline = time.monotonic() + LIMIT
        while not condition():
            if self.master < 0:
                time.sleep(0.01)
                if time.monotonic() > deadline:
                    sys.exit(f"waited in vain: {what}")
            elif self.read(deadline) is None:
                os.system("ps -u alice -o pid,ppid,pgid,sid,tpgid,stat,user,args >&2")
                sys.exit(f"waited in vain: {what}; saw {self.text[-2000:]!r}")

    def see(self, regex):
        match = None

        def seen():
            nonlocal match
            match = re.search(regex.encode(), self.text)
            return match
        self.until(f"see {regex}", seen)
        self.text = self.text[match.end():]

    def is_cooked(self):
        return bool(termios.tcgetattr(self.master)[3] & termios.ICANON)

    def is_raw(self):
        group = os.tcgetpgrp(self.master)
        if self.is_cooked() or (self.is_shell and group == self.pid):
            return False
        # A relay that has just made it so takes for typed before what comes until it looks.
        return stat_of(group)[0] == "S"

    @staticmethod
    def is_reading(regex):
        """In the foreground of its terminal, which is for lines, and asleep."""
        found = processes_like(regex, (ALICE,))
        if len(found) != 1:
            return False
        state, _, group, _, _, foreground = stat_of(found[0])[:6]
        try:
            terminal = os.open(f"/proc/{found[0]}/fd/0", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
        except OSError:
            return False
        try:
            lines = termios.tcgetattr(terminal)[3] & termios.ICANON
        finally:
            os.close(terminal)
        return bool(lines) and state == "S" and group == foreground

    def type(self, text):
        data = text.encode().decode("unicode_escape").encode("latin-1")
        while data:
            data = data[os.write(self.master, data):]

    def size(self, text):
        rows, columns = map(int, text.split())
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def modes(self, name):
        now = termios.tcgetattr(self.master)
        if self.named.setdefault(name, now) != now:
            sys.exit(f"the modes differ: {self.named[name]} {now}")

    def kill(self, text):
        number, regex = text.split(" ", 1)
        # what ran before may be about to end, and what is meant about to begin
        self.until(f"one process like {regex}", lambda: len(processes_like(regex)) == 1)
        os.kill(processes_like(regex)[0], getattr(signal, f"SIG{number}"))

    def wait(self, _):
        status = None

        def ended():
            nonlocal status
            pid, value = os.waitpid(self.pid, os.WNOHANG)
            status = value if pid else None
            return pid
        self.until("end", ended)
        while self.master >= 0 and select.select([self.master], [], [], 0)[0]:
            before = self.count
            self.read(time.monotonic() + 1)
            if self.count == before:
                break
        if os.WIFSIGNALED(status):
            print("signal", os.WTERMSIG(status))
        else:
            print("status", os.WEXITSTATUS(status))

    def step(self, word, rest):
        if word == "raw":
            self.until("raw", self.is_raw)
        elif word == "reads":
            self.until(f"{rest} reads", lambda: self.is_reading(rest))
        elif word == "cooked":
            self.until("cooked", self.is_cooked)
        elif word == "close":
            os.close(self.master)
            self.master = -1
        elif word == "count":
            print(self.count, self.digest.hexdigest())
        elif word == "touch":
            open(rest, "wb").close()
        elif word in ("type", "see", "size", "modes", "kill", "wait"):
            getattr(self, word)(rest)
        else:
            sys.exit(f"no such step: {word}")


def is_it(pid, regex, users):
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:
            line = file.read().replace(b"\0", b" ").decode(errors="replace")
        return os.stat(f"/proc/{pid}").st_uid in users and re.search(f"^{regex}", line)
    except OSError:
        return False


def processes_like(regex, users=(ALICE, 0)):
    return [pid for pid in map(int, filter(str.isdigit, os.listdir("/proc"))) if is_it(pid, regex, users)]


def stat_of(pid):
    """State, parent, group, session, terminal, the terminal's foreground group, … (proc(5))."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].decode().split()
    except (FileNotFoundError, ProcessLookupError):
        return [""] * 6


def main():
    os.chdir("/run/world/alice")
    os.environ.update(HOME="/run/world/alice", PS1="@@ ", TERM="dumb", INPUTRC="/dev/null")
    root = sys.argv[1] == "--root"
    terminal = Terminal(sys.argv[1 + root:], "root" if root else "alice")
    for line in sys.stdin:
        word, _, rest = line.strip().partition(" ")
        if word and not word.startswith("#"):
            terminal.step(word, rest)


main()
