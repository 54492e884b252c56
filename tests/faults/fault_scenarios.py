# SPDX-License-Identifier: GPL-2.0-or-later
"""What is done while something goes wrong, and what has to hold afterwards."""
import collections
import os
import re
import signal
import subprocess

from fault_host import NO_DAEMON, PLAIN, WITH_RESPONDER
from fault_look import (PATIENCE, PROFILE, SETTLE, USER, Wrong, difference, read, run,
                        run_on_terminal, wait_until)

COUNT_MAX = 1000
INJECT = os.environ.get("NSCTL_INJECT", "inject")
LOST = "nsctld has closed the connection"
# What a command says about itself.
PROBE = r"""readlink /proc/self/ns/net /proc/self/ns/mnt
grep -E '^(Uid|Gid|Groups|Cap|NoNewPrivs|Seccomp:|SigIgn|SigBlk|SigCgt)' /proc/self/status
ls /proc/self/ns | xargs -I @ readlink /proc/self/ns/@
ls -1 /proc/$$/fd; pwd; umask; cat /proc/self/limits /proc/self/oom_score_adj /proc/self/cgroup
cat /proc/self/loginuid /proc/self/timerslack_ns; chrt -p 0 | sed 's/pid [0-9]*//'; ionice
sed -E 's/^([^ ]+ ){3}//; s/ [a-z_]+:[0-9]+//g' /proc/self/mountinfo | sort; cat /etc/resolv.conf /etc/hosts
ls -1 /sys/class/net; env; echo end"""
# All that it says otherwise than the same command outside, and what that one says instead.
ONLY_INSIDE = (r"net:\[PROFILE\]", r"mnt:\[PROFILE\]", r"/ /srv rw,nosuid,nodev,relatime - tmpfs .*",
               r"\S*/faulty/etc/resolv.conf /etc/resolv.conf rw,.*", "# made by nsctl .*",
               r"\S*/faulty/etc/hosts /etc/hosts rw,.*", "nameserver 9.9.9.9", "# profile faulty",
               "10.1.1.1 one", r"\S*/faulty/issue /etc/issue .*", r"/share /mnt ro,.*", "inside0",
               "NSCTL_PROFILE=faulty")
ONLY_OUTSIDE = (r"(net|mnt):\[\d+\]", "nameserver .*", "nsctl0", "ns-faulty", "eth0",
                r"\S* /run/(netns|nsctl/ns)\S* .*")

Point = collections.namedtuple("Point", "actor call number what")


class Injector:
    """The injector, attached to nsctld or around a command, while one point is tried."""

    def __init__(self, point=None):
        self.reading, self.writing = os.pipe()
        self.command = [INJECT, "--report", str(self.writing)]
        if point:
            self.command += ["--actor", point.actor, "--call", point.call, "--number",
                             str(point.number), "--do", point.what]
        self.attached = None
        self.text = ""

    def wrapper(self):
        """To be put before a command; the injector is then a process of its own."""
        return [*self.command, "--"]

    def read_on(self):
        chunk = os.read(self.reading, 65536).decode()
        self.text += chunk
        return chunk

    def attach(self, pid):
        self.attached = subprocess.Popen([*self.command, "--pid", str(pid)],
                                         pass_fds=[self.writing])
        os.close(self.writing)
        self.writing = None
        while "ready" not in self.text:
            if not self.read_on():
                raise Wrong("the injector ended")

    def finish(self):
        """Stops it; returns whether the fault happened."""
        if self.writing is not None:
            os.close(self.writing)
        while "ready" not in self.text and self.read_on():
            pass
        tracer = re.search(r"^ready (\d+)$", self.text, re.MULTILINE)
        if tracer:
            try:
                os.kill(int(tracer.group(1)), signal.SIGTERM)
            except ProcessLookupError:
                pass
        while self.read_on():
            pass
        os.close(self.reading)
        if self.attached:
            self.attached.wait(PATIENCE)
        return "fired" in self.text

    def counts(self):
        return {(actor, call): int(n) for actor, call, n in
                re.findall(r"^count (\S+) (\S+) (\d+)$", self.text, re.MULTILINE)}


class Scenario:
    """What is done while something goes wrong, and what has to hold afterwards."""
    name = ""
    actors = ()             # whose calls
    always = ()             # (call, error) that every sample has: once it was one too many
    profile = PLAIN
    in_daemon = True        # the injector is attached to nsctld
    up_before = takes_down = False

    def __init__(self, world):
        self.world = world

    def act(self, wrapper=()):
        raise NotImplementedError

    def judge(self, point, result):
        raise NotImplementedError

    def prepare(self):
        if self.up_before:
            self.world.be_up()
        else:
            self.world.be_down()

    def attempt(self, point=None):
        """One run; returns the injector and what `act` returned."""
        injector = Injector(point)
        try:
            if self.in_daemon:
                injector.attach(self.world.daemon.pid)
                result = self.act()
            else:
                result = self.act(injector.wrapper())
        except BaseException:
            injector.finish()
            raise
        if not self.up_before or self.takes_down:
            self.world.is_up = False
        return injector, result

    def points(self):
        """All of them: the calls of one good run, in a fixed order."""
        self.prepare()
        injector, _ = self.attempt()
        self.world.quiet()
        injector.finish()
        errors = dict(line.partition(" ")[::2] for line in
                      run([INJECT, "--list"])[1].splitlines())
        found = []
        for (actor, call), count in sorted(injector.counts().items()):
            if actor not in self.actors:
                continue
            whats = errors[call].split()
            if call != "netlink":
                whats.append("KILL")
                if actor in ("nsctld/child",):
                    whats.append("KILL-SELF")
            found += [Point(actor, call, number, what) for what in whats
                      for number in range(1, min(count, COUNT_MAX) + 1)]
        return found

    def try_point(self, point):
        """False: the program did not come to that call this time."""
        self.prepare()
        injector, result = self.attempt(point)
        self.world.quiet()
        fired = injector.finish()
        if fired:
            if point.what == "KILL" and point.actor.startswith("nsctld"):
                self.world.daemon.process.wait(PATIENCE)
            if point.what == "KILL-SELF":
                # It shares its descriptors with nsctld, and leaves them there.
                self.world.daemon.stop()
            self.judge(point, result)
        return fired


def told(point, result):
    """A command that failed says why (unless it is the dynamic loader that crashes)."""
    status, _, errors = result[:3]
    if status == -signal.SIGSEGV and point.call == "mmap" and point.number <= 2:
        return
    if status != 0 and not errors.strip():
        raise Wrong(f"status {status} without a word")


class Up(Scenario):
    """What was not finished, the next up finishes."""
    name = "up"
    actors = ("nsctld", "nsctld/child", "nsctld/thread")
    finishes = True

    def act(self, wrapper=()):
        return run(["nsctl", "up", PROFILE, *NO_DAEMON], wrapper=wrapper)

    def judge(self, point, result):
        world = self.world
        if not point.what.startswith("KILL"):
            told(point, result)
        if world.daemon.runs() and self.in_daemon:
            if result[0] == 0:
                world.check_whole()
            elif LOST not in result[2]: # else it may have gone well, and only the answer is missing
                world.check_gone("after it failed: " + result[2].strip())
        world.daemon.start()
        if self.finishes:
            world.nsctl("up", PROFILE)
            world.check_whole()
        world.be_down()


class UpDown(Up):
    """What was not finished, the next down takes away."""
    name = "up-down"
    finishes = False

    def points(self):
        return [point for point in super().points() if point.what == "KILL"]


class Down(Scenario):
    """With somebody inside, whom it has to end."""
    name = "down"
    actors = ("nsctld", "nsctld/child", "nsctld/thread")
    up_before = takes_down = True
    always = (("rmdir", "EPERM"),)
    somebody = None

    def prepare(self):
        super().prepare()
        self.somebody = subprocess.Popen(
            ["nsctl", "exec", PROFILE, *NO_DAEMON, "--", "sleep", "1000"], cwd="/")
        if not wait_until(lambda: read(f"/proc/{self.somebody.pid}/comm") == "sleep\n"):
            raise Wrong("nobody is inside")

    def attempt(self, point=None):
        try:
            return super().attempt(point)
        finally:
            if point is None:
                self.somebody.wait(PATIENCE)

    def is_ended(self):
        try:
            self.somebody.wait(SETTLE)
        except subprocess.TimeoutExpired:
            self.somebody.kill()
            self.somebody.wait()
            raise Wrong("who was inside lives on") from None

    def act(self, wrapper=()):
        return run(["nsctl", "down", PROFILE, *NO_DAEMON], wrapper=wrapper)

    def judge(self, point, result):
        world = self.world
        if not point.what.startswith("KILL"):
            told(point, result)
        if world.daemon.runs() and self.in_daemon and result[0] == 0:
            self.is_ended()
            world.check_gone()
        world.daemon.start()
        world.be_down()
        self.is_ended()


class Exec(Scenario):
    name = "exec"
    actors = ("nsctld", "nsctld/child", "nsctl-starter", "nsctl-session", "nsctl-session/child")
    up_before = True
    user = USER

    def act(self, wrapper=()):
        return run(["nsctl", "exec", PROFILE, *NO_DAEMON, "--", "sh", "-c", PROBE], user=self.user,
                   wrapper=wrapper)

    def outside(self):
        return run(["sh", "-c", PROBE], user=self.user)

    def points(self):
        self.prepare()
        self.good = self.named(self.act()[1])
        self.compare_with_outside()
        return super().points()

    def compare_with_outside(self):
        """Whoever runs a command must find what is right, not only always the same."""
        outside = self.outside()[1].splitlines()
        inside_only, outside_only = (
            {line for line in has if line not in others} for has, others in
            ((self.good.splitlines(), outside), (outside, self.good.splitlines())))
        for lines, patterns in (inside_only, ONLY_INSIDE), (outside_only, ONLY_OUTSIDE):
            for line in lines:
                if not any(re.fullmatch(pattern, line) for pattern in patterns):
                    raise Wrong(f"a good run is not as it should be: {line}")
        for pattern in ONLY_INSIDE:
            if not any(re.fullmatch(pattern, line) for line in inside_only):
                raise Wrong(f"a good run has not: {pattern}")

    def judge(self, point, result):
        status, output, errors = result[:3]
        output = self.named(output)
        if status == 0 and output != self.good:
            raise Wrong("the command ran differently:\n" + "\n".join(
                difference(self.good.splitlines(), output.splitlines())))
        if not self.good.startswith(output):
            raise Wrong("the command ran differently, and failed: " + errors + output)
        if not point.what.startswith("KILL"):
            told(point, result)
        self.world.nobody_inside()
        self.world.daemon.start()
        self.world.check_whole()

    @staticmethod
    def named(text):
        """With a name instead of the number for each namespace that is the profile's."""
        for kind, pin in ("net", f"/run/netns/{PROFILE}"), ("mnt", f"/run/nsctl/ns/{PROFILE}/mnt"):
            text = text.replace(f"{kind}:[{os.stat(pin).st_ino}]", f"{kind}:[PROFILE]")
        return text


class ExecTerminal(Exec):
    """The same on a terminal, which is afterwards as it was."""
    name = "exec-terminal"
    always = (("wait4", "KILL"),)   # what the command wrote is still to be shown
    probe = PROBE + """
tty | sed 's/[0-9]*$//'; stty -a
set -- $(cat /proc/$$/stat); echo foreground $(($5 == $8))"""

    def act(self, wrapper=()):
        return run_on_terminal(["nsctl", "exec", PROFILE, *NO_DAEMON, "--", "sh", "-c", self.probe],
                               self.user, wrapper)

    def outside(self):
        return run_on_terminal(["sh", "-c", self.probe], self.user)

    def judge(self, point, result):
        # Who is killed, or not let, can't put them right.
        hindered = point.actor == "nsctl" and (point.what == "KILL" or point.call == "ioctl")
        if not result[3] and not hindered:
            raise Wrong("the terminal's modes were left wrong")
        if result[0] != 0 and not result[1].startswith("net:["): # of the dynamic loader's
            result = result[0], "", result[1] + result[2]
        good = self.good
        if point.call == "ioctl": # how the terminal is could not be found out, or not be set
            result = result[0], result[1].replace("\r", "").partition("\nend\n")[0], result[2]
            self.good = good.partition("\nend\n")[0]
        try:
            super().judge(point, result)
        finally:
            self.good = good


class Start(Scenario):
    name = "start"
    actors = ("nsctld", "nsctld/child", "nsctld/thread")
    always = (("openat", "KILL-SELF"),)
    in_daemon = False
    up_before = True

    def act(self, wrapper=()):
        daemon = self.world.daemon
        daemon.stop()
        daemon.spawn(wrapper)
        if not wait_until(daemon.answers, PATIENCE):
            raise Wrong("nsctld neither answers nor ends")
        return (None if daemon.runs() else daemon.process.returncode), "", ""

    def judge(self, point, result):
        world = self.world
        if result[0] == 0 and not point.what.startswith("KILL"):
            raise Wrong("nsctld ended as if nothing had been wrong")
        if world.daemon.runs():
            world.check_whole(descriptors=False)
        world.daemon.stop()
        world.daemon.start()
        world.check_whole()


class CallerUp(Up):
    name = "nsctl-up"
    actors = ("nsctl",)
    in_daemon = False


class CallerDown(Down):
    name = "nsctl-down"
    actors = ("nsctl",)
    in_daemon = False


class CallerExec(Exec):
    name = "nsctl-exec"
    actors = ("nsctl", "nsctl/child")
    in_daemon = False


class CallerExecTerminal(ExecTerminal):
    name = "nsctl-exec-terminal"
    always = (("ioctl", "EPERM"),)
    actors = ("nsctl", "nsctl/child")
    in_daemon = False

    def points(self):
        # A terminal is never full.
        return [point for point in super().points() if (point.call, point.what) != ("write", "ENOSPC")]


class CallerExecRoot(CallerExec):
    name = "nsctl-exec-root"
    user = None


class CallerExecAs(CallerExecRoot):
    """Root, with -u."""
    name = "nsctl-exec-as"
    always = (("openat", "EMFILE"),)

    def act(self, wrapper=()):
        return run(["nsctl", "exec", PROFILE, "-u", USER.pw_name, *NO_DAEMON, "--", "sh", "-c", PROBE],
                   wrapper=wrapper)

    def outside(self):
        return run(["setpriv", f"--reuid={USER.pw_uid}", f"--regid={USER.pw_gid}", "--init-groups",
                    "env", f"HOME={USER.pw_dir}", f"USER={USER.pw_name}", f"LOGNAME={USER.pw_name}",
                    f"SHELL={USER.pw_shell}", "sh", "-c", PROBE])


class UpResponder(Up):
    """With a responder, which is a program of its own: nsctld starts it anew when it ends."""
    name = "up-responder"
    actors = Up.actors + ("nsctl-aaaa", "nsctl-aaaa/child")
    profile = WITH_RESPONDER


class DownResponder(Down):
    name = "down-responder"
    always = (("pidfd_open", "EMFILE"),)    # who can't find the responder must not say that none runs
    actors = Down.actors + ("nsctl-aaaa",)
    profile = WITH_RESPONDER


class StartResponder(Start):
    name = "start-responder"
    profile = WITH_RESPONDER


SCENARIOS = {scenario.name: scenario for scenario in (
    Up, UpDown, Down, Exec, ExecTerminal, Start, CallerUp, CallerDown, CallerExec, CallerExecTerminal,
    CallerExecRoot, CallerExecAs, UpResponder, DownResponder, StartResponder)}
