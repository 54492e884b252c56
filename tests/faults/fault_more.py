# SPDX-License-Identifier: GPL-2.0-or-later
"""What else is done while something goes wrong: putting back, changing, looking."""
import json

from fault_host import FILE, NO_DAEMON
from fault_look import PROFILE, USER, Wrong, difference, glance, run, wait_until
from fault_scenarios import Down, Scenario, Start, Up, UpDown, told


def told_the_same(point, good, result, essence):
    """Without memory, who looks is told what is so, or that it can't be told."""
    if point.call == "allocation" and result[0] == 0 and essence(result[1]) != good:
        raise Wrong("told otherwise:\n" + "\n".join(
            difference(good.splitlines(), essence(result[1]).splitlines())))


class Again(Up):
    """What somebody took away, `up` puts back, or takes back what it did of that."""
    name = "again"
    up_before = True
    damage = "gone"
    repair = "no"

    def prepare(self):
        super().prepare()
        self.world.variant.do_damage(self.damage)
        self.world.is_up = False

    def judge(self, point, result):
        if not point.what.startswith("KILL"):
            told(point, result)
        self.world.daemon.start()
        self.world.nsctl("up", PROFILE)
        self.world.check_whole()


class AgainInPart(Again):
    name = "again-in-part"
    damage = "wrong"


class Change(Again):
    """The file says something else now, and then what it said before."""
    name = "change"

    def prepare(self):
        self.world.write_profile(repair="no")
        Scenario.prepare(self)
        self.world.write_profile(repair="no", other=True)
        self.world.is_up = False

    def judge(self, point, result):
        self.world.write_profile(repair="no")
        super().judge(point, result)


class Repair(Again):
    """nsctld puts it back by itself, now or a little later, or says that it has given up."""
    name = "repair"
    repair = "yes"

    def prepare(self):
        Scenario.prepare(self)

    def act(self, wrapper=()):
        self.world.variant.do_damage(self.damage)
        wait_until(lambda: glance() == self.world.up_glance, 2)
        return 0, "", ""


class RepairInPart(Repair):
    name = "repair-in-part"
    damage = "wrong"


class Look(Scenario):
    """Who only looks changes nothing."""
    actors = ("nsctld", "nsctld/child", "nsctld/thread")
    up_before = True
    command = ()

    def act(self, wrapper=()):
        return run(["nsctl", *self.command, PROFILE, *NO_DAEMON])

    def judge(self, point, result):
        if not point.what.startswith("KILL"):
            told(point, result)
        self.world.daemon.start()
        if self.up_before:
            self.world.check_whole()
        else:
            self.world.check_gone()


class Status(Look):
    name = "status"
    command = ("status", "--json")

    def after_counting(self):
        self.good = self.essence(self.act()[1])

    def judge(self, point, result):
        told_the_same(point, self.good, result, self.essence)
        super().judge(point, result)

    @staticmethod
    def essence(text):
        """Without what counts on."""
        profile = json.loads(text)["profiles"][0]
        for interface in profile["interfaces"]:
            del interface["rx_bytes"], interface["tx_bytes"]
        profile["repair"], profile["since"] = profile["repair"]["enabled"], ""
        profile["aaaa"] = profile["aaaa"] is not None
        # to say that one could not look is true as well
        if profile["drift"]:
            profile["drift"] = [item for item in profile["drift"] if item["what"] != "can't be checked"]
            profile["state"] = profile["state"] if profile["drift"] else "up"
        return json.dumps(profile, indent=1)


class StatusOfDamaged(Again):
    name = "status-of-damaged"
    damage = "wrong"

    def after_counting(self):
        self.prepare()
        self.good = Status.essence(self.act()[1])

    def act(self, wrapper=()):
        return run(["nsctl", "status", "--json", PROFILE, *NO_DAEMON])

    def judge(self, point, result):
        told_the_same(point, self.good, result, Status.essence)
        super().judge(point, result)


class Explain(Look):
    name = "explain"
    command = ("up", "--dry-run")
    up_before = False

    def after_counting(self):
        self.good = self.act()[1]

    def judge(self, point, result):
        told_the_same(point, self.good, result, str)
        super().judge(point, result)


class ExplainUp(Explain):
    name = "explain-up"
    up_before = True


class Others(Look):
    """The other questions that it answers."""
    name = "others"

    def act(self, wrapper=()):
        results = [run(["nsctl", *words, *NO_DAEMON]) for words in
                   (("ps", PROFILE), ("list", "--json"), ("aaaa", PROFILE, "--json"))]
        results.insert(0, run(["nsctl", "exec", PROFILE, *NO_DAEMON, "--", "true"], user=USER))
        return max(results[:3], key=lambda result: result[0])


class Forgotten(Look):
    """What is up, but has no file any more: who may use it is known from its record."""
    name = "forgotten"

    def act(self, wrapper=()):
        FILE.unlink()
        try:
            results = [run(["nsctl", *words, *NO_DAEMON], user=USER) for words in
                       (("list", "--json"), ("ps", PROFILE))]
        finally:
            self.world.write_profile()
        return max(results, key=lambda result: result[0])


MORE = {scenario.name: scenario for scenario in (
    Up, UpDown, Down, Start, Again, AgainInPart, Change, Repair, RepairInPart, Status, StatusOfDamaged,
    Explain, ExplainUp, Others, Forgotten)}
