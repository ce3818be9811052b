#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What may only be done to a machine that is nobody else's: a CPU goes and comes back."""

import sys
from pathlib import Path

sys.dont_write_bytecode = True
from harness import check, note, placed, run_placed  # noqa: E402
from watch import Watch  # noqa: E402

PEAKS = {"package": 250, "core": 190, "dram": 100}  # twice what the fake draws at most
SWITCH = Path("/sys/devices/system/cpu/cpu1/online")


class Books:
    """An agent at a meter whose truth is known, as far as the meter has got."""

    def __init__(self, place, *options):
        self.fake = place.fake("--static")  # it reckons with all CPUs
        self.before = self.fake.halt()
        self.agent = place.agent(self.fake, *options)
        self.fake.go_on()
        self.watch = Watch(self.agent, PEAKS)

    def hold(self):
        after = self.fake.halt()
        self.agent.settle()
        self.watch.poll()
        used = {zone: after[zone] - self.before[zone] for zone in after}
        check(self.agent.measured() == used, f"used: {used}, measured: {self.agent.measured()}")
        check(self.agent.stop()[0] == 0, self.agent.output)


def online():
    return Path("/sys/devices/system/cpu/online").read_text(encoding="ascii").strip()


def cpu_goes_and_comes_back(place, activity):
    books = Books(place, "--activity", activity)
    cgroup = place.cgroup("load")
    loads = [place.work("spin", cgroups=[cgroup]) for _ in range(2)]
    books.watch.during(2)
    for state, cpus in (("0", "0"), ("1", "0-1")):
        SWITCH.write_text(state, encoding="ascii")
        check(online() == cpus, f"online: {online()}, not {cpus}")
        loads.append(place.work("spin", cgroups=[cgroup]))
        books.watch.during(2)
        seen = {task["pid"] for task in books.agent.tasks() if not task["ended"]}
        wanted = {load.pid for load in loads}
        check(wanted <= seen, f"with CPUs {cpus} it does not see {wanted - seen}")
    for load in loads:
        place.end(load)
    books.agent.settle()
    booked_s, accounted_s = books.agent.cgroups()[1][cgroup.path]["cpu_seconds"], cgroup.usage_s()
    note(f"{activity}: {booked_s:.3f} s booked, {accounted_s:.3f} s accounted")
    check(0.97 <= booked_s / accounted_s <= 1.03, f"{booked_s} s booked of {accounted_s} s")
    books.hold()


@placed
def a_cpu_that_goes_and_comes_back_loses_nothing_by_bpf(place):
    cpu_goes_and_comes_back(place, "bpf")


@placed
def a_cpu_that_goes_and_comes_back_loses_nothing_by_proc(place):
    cpu_goes_and_comes_back(place, "proc")


run_placed()
