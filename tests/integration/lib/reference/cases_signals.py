# SPDX-License-Identifier: GPL-2.0-or-later
"""Signals that are sent to nsctl arrive at the command, each once."""
import os
import signal

from session import case
from terminal import state_of, until

SIGNALS = ("INT", "TERM", "HUP", "QUIT", "USR1", "USR2", "WINCH", "CONT", "TSTP")


def counted(s, line, send, awaited):
    """Runs the counter, sends, and notes what it counted until it is told to end."""
    s.run(f"rm -f $D/count; {line}", note=False)
    job = s.number("echo $!")
    s.file_says("count", "ready")
    for name in SIGNALS:
        send(job, getattr(signal, f"SIG{name}"))
        s.file_says("count", f"{name}\n")
    # the signal that is sent last comes last, so that one too many of the others would be there
    send(job, signal.SIGTERM)
    until(lambda: s.file("count").count("TERM\n") == 2, "the last signal")
    s.note(awaited, s.file("count").split()[1:])
    for pid in s.processes("count-signals"):
        os.kill(pid, signal.SIGKILL)
    s.run("wait", note=False)


@case("signals")
def each_once_without_a_terminal(s):
    counted(s, "inside ~/ways/count-signals $D/count </dev/null >/dev/null 2>&1 &", os.kill, "to the process")


@case("signals")
def each_once_on_a_terminal(s):
    counted(s, "inside ~/ways/count-signals $D/count &", os.kill, "to the process")


@case("signals")
def each_once_to_the_group(s):
    counted(s, "inside ~/ways/count-signals $D/count </dev/null >/dev/null 2>&1 &", os.killpg, "to the group")
    counted(s, "inside ~/ways/count-signals $D/count &", os.killpg, "to the group, on a terminal")


@case("signals")
def each_once_with_a_pipe(s):
    s.run("mkfifo $D/fifo; exec 7<>$D/fifo", note=False)
    counted(s, "inside ~/ways/count-signals $D/count <$D/fifo &", os.kill, "input from a pipe")
    counted(s, "inside ~/ways/count-signals $D/count >$D/fifo &", os.kill, "output to a pipe")


@case("signals")
def keys_are_one_signal_each(s):
    s.start("inside ~/ways/count-signals $D/count --ready")
    for n, key in enumerate(("\x03", "\x1c", "\x1a", "\x03", None)):
        if key:
            s.type(key)
        else:
            s.shell.resize(25, 333)
        until(lambda: len(s.file("count").split()) > n + 1, f"signal {n}")
    s.note("received", s.file("count").split()[1:])
    for pid in s.processes("count-signals"):
        os.kill(pid, signal.SIGKILL)
    s.prompt("killed")
    s.modes("after")


@case("signals")
def ignored_signals_stay_ignored(s):
    s.run("(trap '' INT HUP USR1 TSTP; inside grep ^SigIgn /proc/self/status)")
    s.run("nohup inside grep ^SigIgn /proc/self/status | cat", label="nohup")
    s.run("inside grep -E '^Sig(Blk|Ign|Cgt)' /proc/self/status", label="none")
    s.run("(trap '' PIPE; inside grep ^SigIgn /proc/self/status)", label="pipe")


@case("signals")
def an_ignored_hang_up_reaches_nobody(s):
    s.run("(trap '' HUP; exec inside sleep 1000) </dev/null >/dev/null 2>&1 &", note=False)
    job = s.number("echo $!")
    command = s.wait_for("sleep", "1000")
    os.kill(job, signal.SIGHUP)
    os.kill(job, signal.SIGCONT)
    until(lambda: (state_of(command), state_of(job)) == ("S", "S"), "that both sleep, alive")
    s.run("kill %1; wait", note=False)
