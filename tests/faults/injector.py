# SPDX-License-Identifier: GPL-2.0-or-later
"""The two ways to let something go wrong: calls and messages (inject.c), and memory (memory.c)."""
import collections
import mmap
import os
import re
import signal
import struct
import subprocess

from look import PATIENCE, Wrong, run

INJECT = os.environ.get("NSCTL_INJECT", "inject")
COUNT_MAX = 1000

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

    def where(self):
        return ""

    def counts(self):
        return {(actor, call): int(n) for actor, call, n in
                re.findall(r"^count (\S+) (\S+) (\d+)$", self.text, re.MULTILINE)}

    def points(self, actors):
        """All that can be tried after a run that only counted, in a fixed order."""
        errors = dict(line.partition(" ")[::2] for line in
                      run([INJECT, "--list"])[1].splitlines())
        found = []
        for (actor, call), count in sorted(self.counts().items()):
            if actor not in actors:
                continue
            whats = errors[call].split()
            if call != "netlink":
                whats.append("KILL")
                if actor in ("nsctld/child",):
                    whats.append("KILL-SELF")
            found += [Point(actor, call, number, what) for what in whats
                      for number in range(1, min(count, COUNT_MAX) + 1)]
        return found


class Memory:
    """Takes the memory away from nsctld, at one of the places where it asks for some."""
    path = "/run/world/allocations"
    library = os.environ.get("NSCTL_MEMORY", "memory.so")
    places_max, where_max = 16000, 8
    first_place = 4 * (4 + 2 * where_max)
    size = first_place + 4 * places_max

    def __init__(self, point=None):
        with open(self.path, "r+b") as file:
            self.shared = mmap.mmap(file.fileno(), self.size)
        self.shared[:self.first_place] = struct.pack(
            "4I", 0, point.number if point else 0, 0, 0).ljust(self.first_place, b"\0")

    @classmethod
    def environment(cls):
        """Of a nsctld whose memory is to be taken away."""
        with open(cls.path, "ab") as file:
            file.truncate(cls.size)
        return {**os.environ, "LD_PRELOAD": cls.library, "NSCTL_ALLOCATIONS": cls.path}

    def arm(self, value):
        self.shared[:4] = struct.pack("I", value)

    def wrapper(self):
        self.arm(1)
        return []

    def attach(self, _pid):
        self.arm(1)

    def finish(self):
        self.arm(0)
        _, _, fired, self.count = struct.unpack_from("4I", self.shared)
        return fired == 1

    def points(self, _actors):
        count = min(self.count, self.places_max)
        places = struct.unpack_from(f"{count}I", self.shared, self.first_place)
        return [Point("nsctld", "allocation", place, "ENOMEM") for place in places]

    def where(self):
        """Who asked in vain, and where it crashed, innermost first."""
        text = ""
        for name, first in (("no memory for", 4), ("crashed in", 4 + self.where_max)):
            offsets = [hex(offset - 1) for offset in
                       struct.unpack_from(f"{self.where_max}I", self.shared, 4 * first) if offset]
            if offsets:
                lines = run(["addr2line", "-s", "-f", "-e", "/usr/sbin/nsctld", *offsets])[1]
                lines = re.sub(r" \(.*\)", "", lines).split()
                text += f"\n  {name} " + " < ".join(
                    f"{function} {line}" for function, line in zip(lines[::2], lines[1::2]))
        return text
