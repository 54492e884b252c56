# SPDX-License-Identifier: GPL-2.0-or-later
"""nsctld's memory runs out, once at each place that asks for some (memory.c)."""
import mmap
import os
import re
import struct

from fault_host import Daemon
from fault_look import run
from fault_scenarios import Point


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
        return {"LD_PRELOAD": cls.library, "NSCTL_ALLOCATIONS": cls.path}

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

    def points(self):
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


class Preloaded(Daemon):
    """A nsctld whose memory can be taken away."""

    def spawn(self, wrapper=()):
        ours = dict(os.environ)
        os.environ.update(Memory.environment())
        try:
            super().spawn(wrapper)
        finally:
            os.environ.clear()
            os.environ.update(ours)


class WithoutMemory:
    """What makes a scenario one of memory; to be put before it in a class's bases."""
    where = staticmethod(str)

    def attempt(self, point=None):
        memory = Memory(point)
        try:
            if self.in_daemon:
                memory.attach(self.world.daemon.pid)
            result = self.act(memory.wrapper())
        except BaseException:
            memory.finish()
            raise
        finally:
            self.where = memory.where
        if not self.up_before or self.takes_down:
            self.world.is_up = False
        return memory, result

    def points(self):
        self.prepare()
        memory, _ = self.attempt()
        self.world.quiet()
        memory.finish()
        if hasattr(self, "after_counting"):
            self.after_counting()
        return memory.points()


def without_memory(scenario):
    """That scenario, with memory that runs out instead of calls that fail."""
    return type(scenario.__name__, (WithoutMemory, scenario), {})
