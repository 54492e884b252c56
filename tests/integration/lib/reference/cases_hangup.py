# SPDX-License-Identifier: GPL-2.0-or-later
"""The terminal goes away, or whoever stands between it and the command."""
import os
import signal
import subprocess

from session import BASH, case
from terminal import PROMPT, until

GRACE = 60  # seconds: hang-up, SIGTERM and SIGKILL come two seconds after each other, and then some

# Plainly, what ignores its hang-up lives on for ever, on a dead terminal. Here it is ended after a
# grace period: that is what the grace period is for.
ENDED = {"nsctl": {"stubborn *": "who ignores the hang-up of its terminal is ended after a while"},
         "sudo": {"stubborn *": "the same"}}


def left(s, *words):
    return sorted(" ".join(argv) for argv in s.processes(*words).values())


def no_more(s, *words, limit=GRACE):
    until(lambda: not s.processes(*words), f"the end of {words}", limit)


@case("hangup")
def the_terminal_closes(s):
    s.start("inside bash -c 'echo ready; exec sleep 1000'")
    s.shell.close()
    no_more(s)
    s.note("left", left(s))


@case("hangup")
def the_terminal_closes_on_a_group(s):
    s.start("inside sh -c '~/ways/until-hup $D/got; :'")
    s.shell.close()
    no_more(s)
    s.note("got", s.file("got"))


@case("hangup")
def the_terminal_closes_on_stopped_jobs(s):
    s.start("inside ~/ways/until-hup $D/got")
    s.type("\x1a")
    s.prompt("stopped")
    s.shell.close()
    s.file_says("got", "hup")
    no_more(s)
    s.note("got", s.file("got"))


@case("hangup")
def the_terminal_closes_on_a_background_job(s):
    s.background("inside sleep 1000 &")
    s.wait_for("sleep", "1000")
    s.shell.close()
    no_more(s)
    s.note("left", left(s))


@case("hangup", differs=ENDED)
def who_ignores_it_is_ended(s):
    s.start("inside bash -c 'trap \"\" HUP TERM; echo ready; while :; do sleep 1 || :; done'")
    s.shell.close()
    # the plain one is looked at when its shell has gone, by which it is hung up on
    s.shell.ends_without_terminal()
    s.shell.pid = None
    if not s.plain:
        no_more(s)
    s.note("stubborn ones", len(left(s, "trap")) > 0)


@case("hangup")
def what_was_to_live_on_does(s):
    s.start("inside bash -c 'nohup sleep 1001 >/dev/null 2>&1 & setsid sleep 1002 >/dev/null 2>&1 </dev/null & "
            "sleep 1004 & echo ready; exec sleep 1003'")
    for seconds in ("1001", "1002", "1003", "1004"):
        s.wait_for("sleep", seconds)
    s.shell.close()
    no_more(s, "sleep", "1003")
    no_more(s, "sleep", "1004")
    no_more(s, "bash")
    s.note("left", left(s, "sleep", "100"))
    if s.way == "nsctl":
        listed = subprocess.run(["nsctl", "ps", "hers"], capture_output=True, text=True, check=True).stdout
        s.same("listed", ["sleep 1001" in listed, "sleep 1002" in listed], [True, True])


@case("hangup")
def disowned_by_a_shell_inside(s):
    s.type(f"inside {BASH}\r")
    s.ready()
    s.run("sleep 1001 </dev/null >/dev/null 2>&1 & disown -h %1", note=False)
    s.run("sleep 1002 </dev/null >/dev/null 2>&1 &", note=False)
    s.wait_for("sleep", "1001")
    s.start("bash -c 'echo ready; exec sleep 1004'")
    s.shell.close()
    no_more(s, "sleep", "1004")
    no_more(s, "bash")
    no_more(s, "sleep", "1002")
    s.note("left", left(s, "sleep", "100"))


@case("hangup")
def a_shell_inside_with_stopped_jobs(s):
    s.type(f"inside {BASH}\r")
    s.ready()
    s.start("~/ways/until-hup $D/got")
    s.type("\x1a")
    s.ready()
    s.shell.close()
    s.file_says("got", "hup")
    no_more(s)
    s.note("left", left(s))


@case("hangup")
def nsctl_is_told_to_end(s):
    for name in ("TERM", "HUP", "INT"):
        s.run("inside sleep 1000 </dev/null &", note=False)
        job = s.number("echo $!")
        command = s.wait_for("sleep", "1000")
        os.kill(job, getattr(signal, f"SIG{name}") if name != "INT" else signal.SIGTERM)
        s.gone(command)
        s.run("wait %1; echo $?", note=False)
        s.gone(job)
    s.note("left", left(s, "sleep"))


@case("hangup", only=("nsctl",))
def nsctl_is_killed_while_stopped(s):
    s.start("inside ~/ways/until-hup $D/got")
    s.type("\x1a")
    s.prompt("stopped")
    relay = s.number("jobs -p")
    os.kill(relay, signal.SIGKILL)
    s.file_says("got", "hup")
    no_more(s, "until-hup")
    s.same("got", s.file("got"), "hup\n")


@case("hangup", only=("nsctl",))
def nsctl_is_killed_without_a_terminal(s):
    s.run("inside bash -c 'trap \"\" HUP TERM; sleep 1000; :' </dev/null >/dev/null 2>&1 &", note=False)
    relay = s.number("echo $!")
    s.wait_for("sleep", "1000")
    os.kill(relay, signal.SIGKILL)
    no_more(s, "trap")
    no_more(s, "sleep", "1000")


@case("hangup", only=("nsctl",))
def a_stopped_command_is_killed(s):
    # plainly the shell would see its job end
    s.start("inside sh -c 'echo ready; exec sleep 1000'")
    command = s.wait_for("sleep", "1000")
    s.type("\x1a")
    s.prompt("stopped")
    relay = s.number("jobs -p")
    os.kill(command, signal.SIGKILL)
    s.gone(relay)
    s.same("status", s.run("wait %1; echo $?", note=False).split("\n")[-2], "137")


EXPECT = """
set timeout 60
spawn inside bash -c {%s}
expect ready
exit 0
"""


@case("hangup", differs=ENDED)
def expect_and_a_program_that_ignores_its_dead_terminal(s):
    # expect closes its terminal when it exits: everything below has to end, and to be waited for
    # by nobody
    with open(f"{s.directory}/script", "w", encoding="utf-8") as file:
        file.write(EXPECT % "trap {} HUP TERM; sleep 2000 & echo ready; "
                            "while :; do read -r x; sleep 0.2; done")
    s.run("expect $D/script >/dev/null </dev/null; echo $?")
    if not s.plain:
        no_more(s, "trap")
        until(lambda: not [pid for pid, argv in s.processes().items() if "nsctl" in argv[0]],
              "the end of every nsctl", GRACE)
    s.note("stubborn ones", len(left(s, "trap")) > 0)


@case("hangup")
def expect_talks_to_a_shell_inside(s):
    with open(f"{s.directory}/script", "w", encoding="utf-8") as file:
        file.write("set timeout 60\nlog_user 0\n"
                   f"spawn inside {BASH}\n"
                   f"expect -ex {{{PROMPT}}}\nsend \"echo to-expect-$((6*7))\\r\"\n"
                   "expect {to-expect-42} { puts found } timeout { puts late }\n"
                   f"expect -ex {{{PROMPT}}}\nsend \"exit 5\\r\"\nexpect eof\n"
                   "puts [lindex [wait] 3]\n")
    s.run("expect $D/script")
    s.note("left", left(s, "expect"))


@case("hangup")
def a_dropped_ssh_connection(s):
    s.type(s.by_ssh('inside sh -c "echo ready; exec sleep 1000"') + "\r")
    s.shell.expect(r"\nready\r\n")
    s.wait_for("sleep", "1000")
    for pid, argv in s.processes("ssh").items():
        if argv[0] == "ssh":
            os.kill(pid, signal.SIGKILL)
    no_more(s, "sleep", "1000")
    s.note("left", left(s, "sleep"))


@case("hangup")
def daemons_of_a_command_live_on(s):
    s.run("inside bash -c 'setsid sleep 1001 </dev/null >/dev/null 2>&1 & ~/ways/until-runs $! sleep 1001'", note=False)
    s.run("inside bash -c 'nohup sleep 1002 </dev/null >/dev/null 2>&1 & ~/ways/until-runs $! sleep 1002'",
          note=False)
    s.note("left", left(s, "sleep", "100"))
    s.shell.close()
    s.shell.ends_without_terminal()
    s.shell.pid = None
    s.note("left", left(s, "sleep", "100"))


@case("hangup")
def what_the_command_left_in_the_background_does_not_hold_the_prompt(s):
    s.run("inside bash -c 'sleep 1001 & echo over'", label="over")
    s.wait_for("sleep", "1001")
    s.note("left", left(s, "sleep", "1001"))
    s.modes("after")
