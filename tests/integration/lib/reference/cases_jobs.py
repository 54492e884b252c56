# SPDX-License-Identifier: GPL-2.0-or-later
"""Job control: what keys and the shell's commands do to jobs, and what the shell says of them."""
import os
import signal

from session import case
from terminal import state_of, until

SLEEP = "inside sh -c 'echo ready; exec sleep 1000'"


@case("jobs")
def interrupt(s):
    s.start(SLEEP)
    s.type("\x03")
    s.prompt("interrupted")
    s.run("echo $?")
    s.modes("after")
    s.start("inside bash -c 'trap \"echo caught; exit 3\" INT; echo ready; sleep 1000 & wait'")
    s.type("\x03")
    s.prompt("caught")
    s.run("echo $?")
    s.start("inside bash -c 'trap \"\" INT; echo ready; read -r x; echo went on'")
    s.type("\x03\n")
    s.prompt("ignored")
    s.start("for i in 1 2 3; do inside bash -c 'echo ready; exec sleep 1000'; done; echo after")
    s.type("\x03")
    s.prompt("a loop ends with it")
    s.run("echo $?")
    s.start("inside bash -c 'echo ready; sleep 1000 | cat; echo after'")
    s.type("\x03")
    s.prompt("the whole group")
    s.run("echo $?")


@case("jobs")
def quit(s):
    s.run("ulimit -c 0", note=False)
    s.start(SLEEP)
    s.type("\x1c")
    s.prompt("quit")
    s.run("echo $?")
    s.modes("after")


@case("jobs")
def stop_and_continue_in_the_foreground(s):
    s.start("inside bash -c 'echo ready; read -r x; echo \"<$x>\"; exit 9'")
    s.type("\x1a")
    s.prompt("stopped")
    s.run("echo $?")
    s.run("jobs")
    s.modes("while stopped")
    s.fg()
    s.type("more\n")
    s.prompt("continued")
    s.run("echo $?")
    s.run("jobs")
    s.modes("after")


@case("jobs")
def stop_many_times(s):
    s.start(SLEEP)
    for _ in range(10):
        s.type("\x1a")
        s.prompt("stopped")
        s.fg()
        job = s.wait_for("sleep", "1000")
        until(lambda: state_of(job) == "S", "that it runs")
    s.type("\x03")
    s.prompt("interrupted")
    s.run("echo $?; jobs")
    s.modes("after")


@case("jobs")
def continue_in_the_background(s):
    s.start(SLEEP)
    s.type("\x1a")
    s.prompt("stopped")
    s.run("bg")
    s.run("jobs")
    s.fg(taken=False)
    s.type("\x03")
    s.prompt("back, and interrupted")
    s.run("jobs")
    s.modes("after")


@case("jobs")
def a_background_job_reads(s):
    job = s.background("inside bash -c 'read -r x; echo \"<$x>\"' &")
    s.stopped(job)
    s.run("", note=False)
    s.run("jobs")
    s.fg()
    s.type("now\n")
    s.prompt("it gets its line")
    s.run("jobs")
    s.modes("after")


@case("jobs")
def a_background_job_writes(s):
    job = s.background("inside bash -c 'echo from behind' &")
    s.run("wait; echo $?", note=False)
    s.gone(job)
    s.run("jobs")
    s.run("stty tostop", note=False)
    job = s.background("inside bash -c 'echo from behind' &")
    s.stopped(job)
    s.run("", note=False)
    s.run("jobs")
    s.type("fg\r")
    s.prompt("in the foreground it writes")
    s.run("jobs; stty -tostop")
    s.modes("after")


@case("jobs")
def a_background_job_that_reads_nothing_runs_on(s):
    job = s.background("inside bash -c 'while [ ! -e $D/go ]; do sleep 0.05; done; exit 6' &")
    s.run("jobs")
    s.run("touch $D/go", note=False)
    s.gone(job)
    s.run("", note=False)
    s.note("status", s.run(f"wait {job}; echo $?", note=False).split("\n")[-2])
    s.run("jobs")
    s.modes("after")


@case("jobs")
def kill_jobs(s):
    job = s.background("inside sleep 1000 &")
    s.wait_for("sleep", "1000")
    s.run("kill %1; wait %1; echo $?", note=False)
    s.gone(job)
    s.run("jobs")
    for name in ("TERM", "KILL", "HUP"):
        # a shell each: bash sometimes keeps a job in its list that was killed while it was stopped
        s.open()
        s.ready()
        s.start(SLEEP)
        s.type("\x1a")
        s.prompt(f"stopped {name}")
        job = s.number("jobs -p")
        s.run(f"kill -{name} %1", note=False)
        s.gone(job)
        until(lambda: not s.processes("sleep", "1000"), f"the end of the command after {name}")
    s.modes("after")


@case("jobs")
def stop_and_continue_by_kill(s):
    job = s.background("inside sleep 1000 &")
    command = s.wait_for("sleep", "1000")
    s.run("kill -TSTP %1", note=False)
    s.stopped(job)
    s.stopped(command)
    s.run("", note=False)
    s.run("jobs")
    s.run("kill -CONT %1", note=False)
    until(lambda: state_of(command) == "S", "that the command runs")
    s.run("jobs")
    s.run("kill -TERM %1; wait %1; echo $?", note=False)
    s.gone(command)


@case("jobs")
def stop_from_inside(s):
    for name in ("STOP", "TSTP", "TTIN", "TTOU"):
        s.run(f"inside bash -c 'kill -{name} $$; echo resumed; exit 4'", label=name)
        s.run("echo $?")
        s.run("jobs")
        s.modes(f"{name} while stopped")
        s.run("fg", label=f"{name} fg")
        s.run("echo $?")
    s.run("inside bash -c 'kill -STOP $$; exit 5' </dev/null >/dev/null 2>&1", label="no terminal")
    s.run("fg; echo $?", label="no terminal, fg")
    s.modes("after")


@case("jobs")
def a_part_of_the_group_stops(s):
    s.start("inside sh -c 'sleep 1000 & kill -STOP $!; echo ready; wait; echo over'")
    s.type("\x03")
    s.prompt("interrupted")
    s.run("jobs")


@case("jobs")
def several_jobs_at_once(s):
    for i in (1, 2, 3):
        s.start(f"inside bash -c 'echo ready; read -r x; echo {i} \"<$x>\"'")
        s.type("\x1a")
        s.prompt(f"stopped {i}")
    s.run("jobs")
    for i in (2, 1, 3):
        s.fg(f"fg %{i}")
        s.type(f"line {i}\n")
        s.prompt(f"continued {i}")
    s.run("jobs")
    s.modes("after")


@case("jobs")
def a_pipeline_is_one_job(s):
    s.start("inside bash -c 'echo ready >&2; read -r x; echo \"<$x>\"' | inside cat | cat")
    s.type("\x1a")
    s.prompt("stopped")
    s.run("jobs")
    s.fg()
    s.type("through\n")
    s.prompt("continued", ordered=False)  # the echo, and what comes through the pipe
    s.run("echo ${PIPESTATUS[@]}; jobs")
    s.start("seq 5 | inside bash -c 'cat; echo ready; exec sleep 1000' | cat")
    s.type("\x03")
    s.prompt("interrupted")
    s.run("echo ${PIPESTATUS[@]}; jobs")
    s.modes("after")


@case("jobs")
def the_shell_ends_with_stopped_jobs(s):
    s.start(SLEEP)
    s.type("\x1a")
    s.prompt("stopped")
    s.run("exit")
    s.type("exit\r")
    s.note("status", s.shell.ends())
    until(lambda: not s.processes("sleep", "1000"), "the end of the stopped job")


@case("jobs")
def no_job_control_in_a_script(s):
    s.run("printf '%s\\n' 'inside bash -c \"echo ready; read -r x; echo \\$x\"' 'echo $?' "
          "'inside bash -c \"exit 3\" & wait $!; echo $?' 'inside cat & wait $!; echo $?' >$D/script",
          note=False)
    s.start("bash $D/script")
    s.type("line\n")
    s.prompt("a script")
    s.start("bash -c 'inside bash -c \"echo ready; exec sleep 1000\"; echo after $?'")
    s.type("\x1a")
    s.prompt("the script stops with its command")
    s.fg()
    s.type("\x03")
    s.prompt("interrupted")
    s.run("echo $?; jobs")
    s.modes("after")


@case("jobs", shell="dash")
def a_shell_that_puts_no_modes_right(s):
    # dash leaves the terminal as it finds it: what nsctl does not restore stays broken
    s.modes("before")
    s.start(SLEEP)
    s.type("\x1a")
    s.prompt("stopped")
    s.modes("stopped")
    s.fg()
    s.type("\x03")
    s.prompt("interrupted")
    s.modes("interrupted")
    s.run("inside true")
    s.modes("normal end")
    s.run("ulimit -c 0; inside sh -c 'kill -SEGV $$'")
    s.modes("crash")
    s.run("inside sh -c 'kill -KILL $$'")
    s.modes("kill")
    s.run("inside sh -c 'kill -STOP $$'", note=False)
    s.modes("stopped from inside")
    s.run("fg", note=False)
    s.modes("continued, and ended")
    s.run("inside no-such-command 2>/dev/null; inside cat </dev/null; inside echo | cat", note=False)
    s.modes("others")


@case("jobs", shell="dash",
      differs={way: {"raw *": "what the command does to its terminal stays in that terminal: "
                     "the user's own is left usable"} for way in ("nsctl", "sudo")})
def a_command_that_leaves_its_terminal_raw(s):
    s.modes("before")
    s.run("inside stty -echo -icanon; stty -a | grep -o -e '-*echo '; stty sane", label="raw end")
    s.modes("after")


@case("jobs")
def typing_while_it_is_stopped_is_the_shells(s):
    s.start("inside bash -c 'echo ready; read -r x; echo \"<$x>\"'")
    s.type("\x1a")
    s.prompt("stopped")
    s.run("echo for the shell")
    s.fg()
    s.type("for the command\n")
    s.prompt("continued")


@case("jobs", only=("nsctl", "sudo"))
def the_relay_is_killed(s):
    s.start(SLEEP)
    relay = next(pid for pid, argv in s.processes("sleep 1000").items() if s.way in argv[0])
    command = s.wait_for("sleep", "1000")
    os.kill(relay, signal.SIGKILL)
    s.prompt("killed")
    s.run("echo $?", note=False)
    s.gone(command)


@case("jobs", only=("nsctl",))
def the_leader_is_killed(s):
    s.modes("before")
    s.start(SLEEP)
    command = s.wait_for("sleep", "1000")
    with open(f"/proc/{command}/status", encoding="utf-8") as file:
        leader = int(file.read().split("PPid:")[1].split()[0])
    with open(f"/proc/{leader}/comm", encoding="utf-8") as file:
        s.same("its parent", file.read().strip(), "nsctl-session")
    os.kill(leader, signal.SIGKILL)
    s.prompt("killed")
    s.same("status", s.run("echo $?", note=False), "125\n")
    s.gone(command)
    s.modes("after")
    modes = dict(s.notes)
    s.same("modes", modes["after: stty"], modes["before: stty"])
    s.same("it can be typed", s.run("echo typed", note=False), "typed\n")


@case("jobs", only=("nsctl",), alone=True)
def nsctld_is_killed(s):
    with open("/run/world/nsctld.pid", encoding="utf-8") as file:
        daemon = int(file.read())
    s.start("inside bash -c 'echo ready; read -r x; echo \"<$x>\"; exit 8'")
    os.kill(daemon, signal.SIGKILL)
    s.gone(daemon)
    s.type("\x1a")
    s.prompt("stopped")
    s.fg()
    s.type("still here\n")
    s.same("continued", s.prompt("continued").split("\n")[-2], "<still here>")
    s.same("status", s.run("echo $?", note=False), "8\n")
    s.modes("after")
