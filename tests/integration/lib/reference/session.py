# SPDX-License-Identifier: GPL-2.0-or-later
"""One case of the suite: an interactive shell, what was done in it, and what was noted of it."""
import json
import os
import re
import shutil
import signal
import sys

from terminal import (HOME, LIMIT, MARK, PROMPT, Late, Terminal, is_gone, is_in_foreground, is_raw,
                      plain, processes_of, state_of, until)

CASES = {}  # name -> Case


class Wrong(Exception):
    """What was seen is not what has to be."""


def in_any_order(text):
    """The same for the same lines, whichever came first."""
    return "".join(sorted(text.splitlines(True)))


def group_of(pid):
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return 0


class Case:
    def __init__(self, function, group, options):
        self.function, self.group = function, group
        self.name = function.__name__
        self.shell = options.pop("shell", "bash")
        self.only = options.pop("only", None)  # ways; else all of them
        self.alone = options.pop("alone", False)  # nothing else may run meanwhile
        # way -> {label: why it must differ there}; a label may end in *
        self.differs = options.pop("differs", {})
        assert not options, options

    def reason(self, way, label):
        for pattern, why in self.differs.get(way, {}).items():
            if pattern == label or (pattern.endswith("*") and label.startswith(pattern[:-1])):
                return why
        return None


def case(group, **options):
    def add(function):
        CASES[function.__name__] = Case(function, group, dict(options))
        return function
    return add


# As alice, to herself; the environment that a case needs is given in the command.
SSH = (f"ssh -tt -p 2222 -i {HOME}/ways/key -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null "
       "-o LogLevel=ERROR alice@127.0.0.1")
BASH = f"bash --noprofile --rcfile {HOME}/ways/bashrc -i"
SHELLS = {
    "bash": BASH.split(),
    "dash": ["dash", "-i"],
}


class Session:
    """`way` is how "inside COMMAND" runs its command: plain, nsctl or sudo."""

    def __init__(self, case, way, directory):
        self.case, self.way = case, way
        self.plain = way in ("plain", "again")
        self.mark = f"{way}-{case.name}"
        self.directory = directory  # files of this case alone
        self.notes = []
        self.terminals = []
        self.shell = None
        self.expected = set()  # pids that may be left at the end

    # ---- beginning and end -------------------------------------------------------------------

    def environment(self):
        return {"PATH": f"{HOME}/ways/{self.way}:{HOME}/ways:/run/world/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "HOME": HOME, "USER": "alice", "LOGNAME": "alice", "SHELL": "/bin/bash",
                "TERM": "xterm", "LC_ALL": "C.UTF-8", "PS1": PROMPT, "PS2": "> ",
                "INPUTRC": f"{HOME}/ways/inputrc", "HISTFILE": "", "LESS": "", "D": self.directory,
                "LESSHISTFILE": "-", "ZSH_PROMPT": "zz> ", "ENV": "", MARK: self.mark}

    def open(self, argv=None, **size):
        """A new terminal with the shell of the case, which has shown its prompt."""
        terminal = Terminal(argv or SHELLS[self.case.shell], self.environment(), **size)
        self.terminals.append(terminal)
        self.shell = terminal
        return terminal

    def ready(self):
        self.shell.expect(re.escape(PROMPT))

    def end(self):
        for terminal in self.terminals:
            terminal.reap()
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
        until(lambda: not self.processes(), "the end of what was killed")

    def processes(self, *words):
        """What the case has started and still runs; with words: whose command line has them all."""
        return {pid: argv for pid, argv in processes_of(self.mark).items()
                if all(any(word in arg for arg in argv) for word in words)}

    def by_ssh(self, command):
        """A line that runs a command at the end of an SSH connection, in the same environment."""
        keep = ("PATH", "INPUTRC", "D", "TERM", "LC_ALL", MARK)
        pairs = " ".join(f"{name}={self.environment()[name]}" for name in keep)
        return f"{SSH} '{pairs} {command}'"

    # ---- doing -------------------------------------------------------------------------------

    def run(self, line, note=True, label=None, limit=LIMIT, ordered=True):
        """Types a line, and returns what the shell and the command said until the next prompt."""
        self.shell.send(line + "\r")
        before, _ = self.shell.expect(re.escape(PROMPT), limit)
        text = plain(before)
        text = text.split("\n", 1)[1] if "\n" in text else ""  # without the echo of the line
        if note:
            self.note(label or line, text if ordered else in_any_order(text))
        return text

    def start(self, line, awaited=r"\nready\r\n"):
        """Types a line whose command stays in the foreground, and waits until it says so."""
        self.shell.send(line + "\r")
        self.shell.expect(awaited)

    def prompt(self, label, limit=LIMIT, ordered=True):
        """What is on the terminal until the prompt that is to come. Lines have no order between them
        where some pass a terminal in between and others do not: any of those may be later."""
        before, _ = self.shell.expect(re.escape(PROMPT), limit)
        text = plain(before)
        return self.note(label, text if ordered else in_any_order(text))

    def type(self, text):
        """Keys. A line that is typed ends in \\n: a \\r that comes too early, while the shell still
        edits its own line, would stay one."""
        self.shell.send(text)

    def background(self, line, running=True):
        """Starts a job in the background; its pid."""
        self.run(line, note=False)
        return self.number("echo $!")

    def number(self, line):
        """The number that a line prints, whatever comes between."""
        self.shell.send(f"echo number=$({line})\r")
        _, match = self.shell.expect(r"\nnumber=(\d+)\r\n")
        self.shell.expect(re.escape(PROMPT))
        return int(match.group(1))

    def relays_are_ready(self):
        """Each relay in the foreground of its terminal, one at least, has made it raw, and sleeps:
        it has taken what was typed before."""
        def relays(what):
            return [pid for pid, argv in self.processes().items()
                    if os.path.basename(argv[0]) == what and is_in_foreground(pid)]
        if self.way == "sudo":
            return not self.shell.is_cooked()
        found = relays("nsctl")
        # one in a pipeline takes it that all use: it is raw for all
        return found and all(is_raw(pid) for pid in found if self.has_terminal(pid)) and \
            not self.shell.is_cooked() and all(state_of(pid) == "S" for pid in found)

    @staticmethod
    def has_terminal(pid):
        try:
            return os.readlink(f"/proc/{pid}/fd/0").startswith("/dev/pts/")
        except OSError:
            return False

    def before_typing(self):
        """What is typed in the moment in which a relay takes the terminal is echoed by it, by the
        inner one, by both or by none. A person does not type just then; nor does this."""
        if not self.plain:
            until(self.relays_are_ready, "that the relay has the terminal")

    def fg(self, line="fg", taken=True):
        """Continues a job, and waits until it has the terminal and runs. `taken`: its relay takes
        the terminal; it need not, for a job that ran already and reads nothing."""
        own = os.getpgid(self.shell.pid)
        self.shell.send(line + "\r")

        def has_it():
            group = os.tcgetpgrp(self.shell.master)
            return group not in (own, 0) and not any(
                state_of(pid) == "T" for pid in self.processes() if group_of(pid) == group)
        until(has_it, "that the job has the terminal")
        if taken:
            self.before_typing()
        self.shell.expect(re.escape(line) + r"\r\n[^\n]*\r\n")

    def stopped(self, pid):
        until(lambda: state_of(pid) == "T", f"that {pid} is stopped")

    def gone(self, pid, limit=LIMIT):
        until(lambda: is_gone(pid), f"that {pid} ends", limit)

    def file(self, name):
        with open(f"{self.directory}/{name}", encoding="utf-8", errors="replace") as file:
            return file.read()

    def file_says(self, name, text, limit=LIMIT):
        def there():
            try:
                return text in self.file(name)
            except FileNotFoundError:
                return False
        until(there, f"{text!r} in {name}", limit)

    def wait_for(self, *argv, limit=LIMIT):
        """The process with exactly this command line; its pid."""
        return until(lambda: next((pid for pid, words in self.processes().items()
                                   if words == list(argv)), None), f"a process {argv}", limit)

    # ---- noting ------------------------------------------------------------------------------

    def note(self, label, value):
        n = sum(1 for other, _ in self.notes if other.split("#")[0] == label)
        self.notes.append((f"{label}#{n + 1}" if n else label, value))
        return value

    def modes(self, label):
        """The terminal's modes: as the shell has them for its own line, and as it found them."""
        self.note(f"{label}: modes", self.shell.modes())
        self.run("stty -g", label=f"{label}: stty")

    def same(self, label, value, expected):
        """What has to be so, plainly or not: there is nothing to compare it with."""
        if value != expected:
            raise Wrong(f"{label}: expected {expected!r}, but it was {value!r}")

    def picture(self):
        """For whoever has to find out why a case was broken off."""
        return "\n".join(f"{pid} {state_of(pid)} group {group_of(pid)}: {' '.join(argv)}"
                         for pid, argv in sorted(self.processes().items()))

    def outcome(self):
        try:
            self.open()
            self.ready()
            self.case.function(self)
        except (Late, Wrong) as error:
            self.note("broken off", f"{type(error).__name__}: {error}")
            self.note("then there were", self.picture())
        finally:
            try:
                self.end()
            except Late as error:
                self.note("the end", str(error))
        return self.notes


def main_of_case(name, way, directory):
    """Runs in a process of its own, and prints the notes as JSON."""
    shutil.rmtree(directory, ignore_errors=True)
    os.makedirs(directory)
    os.chmod(directory, 0o777)
    json.dump(Session(CASES[name], way, directory).outcome(), sys.stdout)
