#!/usr/bin/python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""What happens while a terminal takes nothing: nsctl has output for it that it can't get rid of.

    slow_terminal.py CASE PROFILE

    end    The command has ended. A new size, and SIGCONT, do not make nsctl forget the rest.
    fg     The command was stopped, for it reads its terminal in the background. Before nsctl has
           stopped as well, the shell brings it to the foreground: then it does not stop.

Runs nsctl as alice. Exits with a message if that is not so.
"""
import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time

CASE, PROFILE = sys.argv[1:]
LIMIT = 100
# 76 KB: more than a terminal takes, which has room for 64 at most and for 15 at least; the rest has
# room in nsctl, so that the command can go on.
LINES = 12500
POLL = (7, 73, 168)  # poll(2) or ppoll(2): x86_64, asm-generic/unistd.h, i386


def comes(condition, limit):
    end = time.monotonic() + limit
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.001)
    return True


def wait_until(what, condition):
    if not comes(condition, LIMIT):
        sys.exit(f"waited in vain: {what}")


def say(text):
    os.write(2, text.encode() + b"\n")  # at once: who reads takes it for a line


def polls(pid):
    """It waits for the terminal, not for whatever comes next."""
    try:
        with open(f"/proc/{pid}/syscall", encoding="ascii") as file:
            return file.read().split()[0] in map(str, POLL)
    except (FileNotFoundError, ProcessLookupError):
        return False


def waits_for(pid, *numbers):
    """Has it not taken one of these signals yet?"""
    try:
        with open(f"/proc/{pid}/status", encoding="utf-8", errors="replace") as file:
            pending = int(file.read().split("ShdPnd:")[1].split()[0], 16)
    except (FileNotFoundError, ProcessLookupError, IndexError):
        return False
    return any(pending & 1 << number - 1 for number in numbers)


def nsctl(script):
    return subprocess.Popen(
        ["setpriv", "--reuid=alice", "--regid=alice", "--init-groups", "nsctl", "exec", PROFILE, "--",
         "sh", "-c", script], process_group=0)


def shell_of_end(slave):
    """Has nsctl in the foreground; another size, when nothing but its output is left."""
    job = nsctl(f"seq {LINES}")
    os.tcsetpgrp(slave, job.pid)
    wait_until("the command's end", lambda: polls(job.pid))
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 10, 20, 0, 0))
    os.kill(job.pid, signal.SIGCONT)
    wait_until("nsctl takes both", lambda: not waits_for(job.pid, signal.SIGWINCH, signal.SIGCONT))
    say("slow")
    return job.wait()


def stop_in_poll(job):
    """Holds it while it tries to get rid of its output; False when it was faster."""
    wait_until("the command's stop", lambda: polls(job.pid))
    os.kill(job.pid, signal.SIGSTOP)
    how = os.waitid(os.P_PID, job.pid, os.WSTOPPED)
    return how.si_status == signal.SIGSTOP and polls(job.pid)


def shell_of_fg(slave):
    """Has it in the background, and says nothing to it but that it has the terminal now."""
    while True:
        job = nsctl(f"seq {LINES}; read line; echo got $line")
        if stop_in_poll(job):
            break
        os.killpg(job.pid, signal.SIGKILL)
        job.wait()
    os.tcsetpgrp(slave, job.pid)
    os.kill(job.pid, signal.SIGCONT)
    say("slow")
    how = os.waitid(os.P_PID, job.pid, os.WSTOPPED | os.WEXITED)
    if how.si_code == os.CLD_STOPPED:
        say(f"stopped by {how.si_status}")
        os.killpg(job.pid, signal.SIGKILL)
    return how.si_status


def shell(slave, said):
    os.setsid()
    fcntl.ioctl(slave, termios.TIOCSCTTY, 0)
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    for fd in (0, 1):
        os.dup2(slave, fd)
    os.dup2(said, 2)
    os._exit({"end": shell_of_end, "fg": shell_of_fg}[CASE](slave))


def read_all(master, shell_pid):
    """What the terminal was told, and how the shell's job ended."""
    text, typed, status = b"", CASE != "fg", None
    end = time.monotonic() + LIMIT
    while time.monotonic() < end:
        if select.select([master], [], [], 0 if status is not None else 0.05)[0]:
            text += os.read(master, 65536)
        elif status is not None:
            return text, status
        if not typed and str(LINES).encode() in text:
            typed = os.write(master, b"hello\n") > 0
        if status is None:
            pid, value = os.waitpid(shell_pid, os.WNOHANG)
            status = os.waitstatus_to_exitcode(value) if pid else None
    sys.exit(f"it does not end; read {len(text)} bytes, {text[-200:]!r}")


def main():
    master, slave = pty.openpty()
    listening, said = os.pipe()
    os.fchown(slave, 2001, -1)
    pid = os.fork()
    if pid == 0:
        shell(slave, said)
    os.close(said)
    words = b""
    while not words.endswith(b"\n") and (more := os.read(listening, 1000)):
        words += more
    if words != b"slow\n":
        sys.exit(words.decode())
    text, status = read_all(master, pid)
    os.close(slave)
    os.set_blocking(listening, False)
    words = os.read(listening, 1000).decode()
    lines = text.decode().split()
    if status or words:
        sys.exit(f"status {status} {words}")
    if lines[:LINES] != [str(n) for n in range(1, LINES + 1)] or \
            CASE == "fg" and lines[-2:] != ["got", "hello"]:
        sys.exit(f"{len(lines)} lines; the last ones are {lines[-3:]}")


main()
