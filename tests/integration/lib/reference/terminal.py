# SPDX-License-Identifier: GPL-2.0-or-later
"""A terminal with a real shell of an ordinary user on it, driven as by a person.

Everything waits for an event, with a limit: for text on the terminal, for a process to be in a
state, for processes to be gone. Nothing sleeps for a guessed time.
"""
import fcntl
import os
import pwd
import re
import select
import signal
import struct
import termios
import time

PROMPT = "@@ "
LIMIT = float(os.environ.get("REFERENCE_LIMIT", "40"))  # seconds for an event to come: most take milliseconds
HOME = "/run/world/alice"
MARK = "REFERENCE_CASE"  # in the environment of every process of a case


class Late(Exception):
    """An event did not come."""


def until(condition, what, limit=LIMIT):
    """Waits until condition() is true, and returns its value."""
    end = time.monotonic() + limit
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise Late(f"{what}: not within {limit:g} s")
        time.sleep(0.005)


def state_of(pid):
    """R, S, T and so on; "" when the process is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rsplit(b")", 1)[1].split()[0].decode()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def is_in_foreground(pid):
    """Its group is that of its terminal (proc(5): pgrp and tpgid)."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rsplit(b")", 1)[1].split()
    except (FileNotFoundError, ProcessLookupError):
        return False
    return fields[2] == fields[5]


def is_raw(pid):
    """So is the terminal on its standard input."""
    try:
        terminal = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NOCTTY | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return not termios.tcgetattr(terminal)[3] & termios.ICANON
    except termios.error:
        return False
    finally:
        os.close(terminal)


def is_gone(pid):
    return state_of(pid) in ("", "Z")


def processes_of(mark):
    """Those that have this mark in their environment: pid -> the words of the command."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            with open(f"/proc/{entry}/environ", "rb") as file:
                if f"{MARK}={mark}".encode() not in file.read().split(b"\0"):
                    continue
            with open(f"/proc/{entry}/cmdline", "rb") as file:
                words = file.read().decode(errors="replace").split("\0")[:-1]
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if not is_gone(entry):
            found[int(entry)] = words
    return found


def modes_of(fd):
    """The terminal's modes, as a value that can be compared and read."""
    iflag, oflag, cflag, lflag, ispeed, ospeed, cc = termios.tcgetattr(fd)
    return {"iflag": f"{iflag:o}", "oflag": f"{oflag:o}", "cflag": f"{cflag:o}",
            "lflag": f"{lflag:o}", "speed": f"{ispeed} {ospeed}",
            "cc": [c if isinstance(c, int) else c.hex() for c in cc]}


def plain(text):
    """Without what differs from run to run."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|\x1b[=>()][0B]?", "", text)
    return re.sub(r"\[(\d+)\]([+-]?) +\d{2,}", r"[\1]\2 PID", text)


class Terminal:
    """The user's terminal; `argv` runs on it as the session's leader."""

    def __init__(self, argv, environment, user="alice", rows=40, columns=240):
        entry = pwd.getpwnam(user)
        self.master, slave = os.openpty()
        os.fchown(slave, entry.pw_uid, -1)
        os.fchmod(slave, 0o620)
        self.resize(rows, columns)
        self.name = os.ttyname(slave)
        self.buffer = ""
        self.transcript = ""
        self.pid = os.fork()
        if self.pid == 0:
            try:
                self.become(slave, entry)
                os.execvpe(argv[0], argv, environment)
            finally:
                os._exit(127)
        os.close(slave)
        os.set_blocking(self.master, False)

    @staticmethod
    def become(slave, entry):
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
        for fd in range(3):
            os.dup2(slave, fd)
        os.closerange(3, 65536)
        for number in range(1, signal.NSIG):
            if number not in (signal.SIGKILL, signal.SIGSTOP, 32, 33):
                signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.initgroups(entry.pw_name, entry.pw_gid)
        os.setresgid(*[entry.pw_gid] * 3)
        os.setresuid(*[entry.pw_uid] * 3)
        os.chdir(HOME)

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def modes(self):
        return modes_of(self.master)

    def is_cooked(self):
        return bool(termios.tcgetattr(self.master)[3] & termios.ICANON)

    def send(self, text):
        data = text if isinstance(text, bytes) else text.encode()
        end = time.monotonic() + LIMIT
        while data:
            self.read(0)
            try:
                data = data[os.write(self.master, data):]
            except BlockingIOError:
                select.select([self.master], [self.master], [], 0.05)
            if time.monotonic() > end:
                raise Late("the terminal takes no more input")

    def read(self, timeout):
        """Takes what is there; False at the end of the terminal."""
        ready, _, _ = select.select([self.master], [], [], timeout)
        if not ready:
            return True
        try:
            data = os.read(self.master, 65536)
        except BlockingIOError:
            return True
        except OSError:  # EIO: nobody has it open any more
            data = b""
        self.buffer += data.decode(errors="replace")
        return bool(data)

    def expect(self, pattern, limit=LIMIT):
        """Waits for a pattern; returns what came before it and the match."""
        pattern = re.compile(pattern, re.S)
        end = time.monotonic() + limit
        alive = True
        while True:
            match = pattern.search(self.buffer)
            if match:
                before, self.buffer = self.buffer[:match.start()], self.buffer[match.end():]
                self.transcript += before + match.group()
                return before, match
            if not alive or time.monotonic() > end:
                raise Late(f"waited for {pattern.pattern!r}, saw {self.buffer[-600:]!r}"
                           + ("" if alive else ", and the end of the terminal"))
            alive = self.read(min(0.2, max(0, end - time.monotonic())))

    def ends(self, limit=LIMIT):
        """Waits for the session's leader to end; its wait status."""
        def reaped():
            self.read(0)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            return (status,) if pid else None
        (status,) = until(reaped, "the end of the shell", limit)
        self.pid = None
        return status

    def close(self):
        """The terminal's window is closed."""
        if self.master is not None:
            os.close(self.master)
            self.master = None

    def reap(self):
        self.close()
        if self.pid:
            try:
                self.ends_without_terminal()
            except Late:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            self.pid = None

    def ends_without_terminal(self):
        until(lambda: os.waitpid(self.pid, os.WNOHANG)[0], "the end of the shell")
