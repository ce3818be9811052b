#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Who is booked how much: held against the CPU time that the kernel accounts to each cgroup."""

import os
import statistics
import sys

sys.dont_write_bytecode = True
from harness import check, check_median, note, placed, run_placed  # noqa: E402
from shares import ZONES, Shares  # noqa: E402
from watch import Watch  # noqa: E402

LAST_CPU = max(os.sched_getaffinity(0))
ACTIVITIES = ("bpf", "proc")


def burn_in_cgroup(place, activity, start, seconds):
    """Let a load burn in a cgroup of its own: CPU time booked, CPU time accounted by the kernel, and
    the energy booked for each that was deserved."""
    fake = place.fake()
    agent = place.agent(fake, "--activity", activity, interval="500ms")
    check(agent.status()["activity"]["source"] == activity, f"activity: {agent.status()['activity']}")
    cgroup = place.cgroup("load")
    shares, watch = Shares(agent, cgroup.path), Watch(agent)
    poll = watch.poll
    watch.poll = lambda: (shares.poll(), poll())

    load = start(cgroup)
    watch.during(seconds, every_s=0.2)
    place.end(load)
    goal = agent.sequence() + 3
    watch.until(lambda: agent.sequence() >= goal)

    booked_s = agent.cgroups()[1][cgroup.path]["cpu_seconds"]
    accounted_s = cgroup.usage_s()
    lost = agent.status()["ticks"]["lost_events"]
    ratios = {zone: shares.booked[zone] / shares.deserved[zone] for zone in ZONES}
    note(f"{activity}: {booked_s:.3f} s booked, {accounted_s:.3f} s accounted; energy booked for "
         f"deserved: {', '.join(f'{zone} {ratio:.4f}' for zone, ratio in ratios.items())}; "
         f"{lost} events lost")
    check(agent.stop()[0] == 0, f"it did not end well: {agent.output}")
    cgroup.remove()
    return [booked_s / accounted_s, min(ratios.values()), max(ratios.values()), lost]


def hold_load_to_its_share(place, activity, start, seconds):
    """Once; where that fails, the median of three counts: others may have forked a storm, too."""
    runs = []

    def holds():
        cpu, least, most, lost = (statistics.median(column) for column in zip(*runs))
        return 0.98 <= cpu <= 1.02 and 0.98 <= least and most <= 1.02 and lost == 0

    while len(runs) in (0, 2) or len(runs) == 1 and not holds():
        runs.append(burn_in_cgroup(place, activity, start, seconds))
    check(holds(), f"[CPU time booked for accounted, energy booked for deserved: least, most, "
                   f"events lost] of each run: {runs}")


def burner(place):
    return lambda cgroup: place.work("burner", 5, 150, cgroups=[cgroup], cpu=LAST_CPU)


def storm(place):
    return lambda cgroup: place.tool("system-storm", 1000, cgroups=[cgroup])


@placed
def processes_of_5_to_150_ms_lose_nothing_by_bpf(place):
    hold_load_to_its_share(place, "bpf", burner(place), 10)


@placed
def processes_of_5_to_150_ms_lose_nothing_by_proc(place):
    hold_load_to_its_share(place, "proc", burner(place), 10)


@placed
def a_thousand_forks_a_second_lose_nothing_by_bpf(place):
    hold_load_to_its_share(place, "bpf", storm(place), 10)


@placed
def a_thousand_forks_a_second_lose_nothing_by_proc(place):
    hold_load_to_its_share(place, "proc", storm(place), 10)


# ---- one to three ----


class Pair:
    """Two busy loops, each in a cgroup of its own."""

    def __init__(self, place, start):
        self.agent = place.agent(place.fake(), interval="500ms")
        self.cgroups = [place.cgroup(name) for name in ("one", "three")]
        self.place, self.loads = place, start(self.cgroups)

    def run(self, seconds):
        Watch(self.agent).during(seconds)
        for load in self.loads:
            self.place.end(load)
        self.agent.settle()
        accounts = self.agent.cgroups()[1]
        one, three = (accounts[cgroup.path] for cgroup in self.cgroups)
        cpu = [cgroup.usage_s() for cgroup in self.cgroups]
        energy = {zone: three["zones"][zone]["dynamic_uj"] / one["zones"][zone]["dynamic_uj"]
                  for zone in ZONES}
        note(f"CPU time {cpu[0]:.3f} s and {cpu[1]:.3f} s, 1 : {cpu[1] / cpu[0]:.4f}; "
             f"energy 1 : {min(energy.values()):.4f} to {max(energy.values()):.4f}")
        self.agent.stop()
        for cgroup in self.cgroups:
            cgroup.remove()
        return energy["package-0"], cpu[1] / cpu[0]


def start_turns(place, cgroups, slices_ms):
    """They pass a token round, so that their CPU times are as the slices, however busy others are."""
    pipes = [os.pipe(), os.pipe()]
    loads = [place.work("turns", slices_ms[i], pipes[i][0], pipes[1 - i][1], cgroups=[cgroups[i]],
                        pass_fds=(pipes[i][0], pipes[1 - i][1]))
             for i in range(2)]
    os.write(pipes[0][1], b"x")
    for end in (*pipes[0], *pipes[1]):
        os.close(end)
    return loads


def start_nice(place, cgroups):
    """They compete for one CPU; weights of the scheduler: 335 and 1024."""
    return [place.work("spin", cgroups=[cgroup], cpu=LAST_CPU, nice=nice)
            for cgroup, nice in zip(cgroups, (5, 0))]


@placed
def loops_that_take_turns_of_1_to_3_get_energy_of_1_to_3(place):
    def ratio():
        return Pair(place, lambda cgroups: start_turns(place, cgroups, (2, 6))).run(8)[0]

    check_median("energy of the one with 3 for the one with 1", ratio, 3 * 0.98, 3 * 1.02)


@placed
def loops_that_compete_get_energy_as_they_got_cpu_time(place):
    def ratio():
        energy, cpu = Pair(place, lambda cgroups: start_nice(place, cgroups)).run(8)
        return energy / cpu

    check_median("ratio of energies for ratio of CPU times", ratio, 0.98, 1.02)


# ---- two packages ----


@placed
def nobody_pays_for_a_package_where_he_did_not_run(place):
    """Two loops, each on a CPU of another package; the machine's other tasks get the rest."""
    agent = place.agent(place.fake("--topology"), interval="500ms")
    cpus = (min(os.sched_getaffinity(0)), LAST_CPU)
    cgroups = [place.cgroup(name) for name in ("first", "second")]
    loads = [place.work("spin", cgroups=[cgroup], cpu=cpu) for cgroup, cpu in zip(cgroups, cpus)]
    Watch(agent).during(6)
    for load in loads:
        place.end(load)
    agent.settle()
    accounts = agent.cgroups()[1]
    for package in (0, 1):
        here, there = (accounts[cgroups[which].path]["zones"][f"package-{package}"]["dynamic_uj"]
                       for which in (package, 1 - package))
        note(f"package {package}: {here / 1e6:.1f} J to the loop that ran there, {there / 1e6:.3f} J "
             "to the other")
        check(here > 0 and there < 0.02 * here, f"package {package}: {here} and {there} uJ")
    check(agent.stop()[0] == 0, agent.output)


run_placed()
