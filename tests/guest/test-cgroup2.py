#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine with cgroup v2 alone, and the kernel of the release: who is booked how much. Emulation is
slow and uneven, so the bounds are wider than those of tests/system."""

import os
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from harness import check, note, placed, run_placed  # noqa: E402
from shares import Shares  # noqa: E402
from support import run, wait_until  # noqa: E402
from watch import Watch  # noqa: E402

CPU_LEAST, CPU_MOST = 0.95, 1.05
ENERGY_LEAST, ENERGY_MOST = 0.7, 1.4
SPIN = "import time\nwhile time.process_time() < 1: pass"


def book_load_to_its_cgroup(place, activity, work, *arguments):
    """CPU time against the kernel's own accounting; energy, over all zones, against CPU time."""
    agent = place.agent(place.fake(), "--activity", activity, interval="500ms")
    cgroup = place.cgroup("load")
    shares, watch = Shares(agent, cgroup.path), Watch(agent)
    poll = watch.poll
    watch.poll = lambda: (shares.poll(), poll())

    load = place.work(work, *arguments, cgroups=[cgroup])
    watch.during(6)
    place.end(load)
    goal = agent.sequence() + 3
    watch.until(lambda: agent.sequence() >= goal)

    cpu = agent.cgroups()[1][cgroup.path]["cpu_seconds"] / cgroup.usage_s()
    energy = sum(shares.booked.values()) / sum(shares.deserved.values())
    note(f"{activity}, {work}: CPU time booked for accounted {cpu:.4f}, energy for deserved {energy:.4f}")
    check(CPU_LEAST <= cpu <= CPU_MOST, f"{cpu:.4f} of its CPU time was booked")
    check(ENERGY_LEAST <= energy <= ENERGY_MOST, f"{energy:.4f} of the energy it deserves was booked")
    check(agent.status()["ticks"]["lost_events"] == 0, "events were lost")

    cgroup.remove()
    wait_until(lambda: agent.cgroups()[1][cgroup.path]["ended"], "the cgroup to be gone", 60)
    watch.poll()
    check(agent.stop()[0] == 0, agent.output)


@placed
def this_is_cgroup_v2_alone_and_bpf_works_by_itself(place):
    kinds = [line.split()[2] for line in Path("/proc/mounts").read_text().splitlines()]
    check("cgroup2" in kinds and "cgroup" not in kinds, f"mounted: {kinds}")
    agent = place.agent(place.fake())
    activity = agent.status()["activity"]
    note(f"Linux {os.uname().release}: {activity}")
    check(activity["source"] == "bpf", f"{activity}")
    check(agent.programs(), "no BPF programs are held")
    check("cgroups   v2" in agent.output, agent.output)
    check(agent.stop()[0] == 0, agent.output)


@placed
def a_busy_loop_is_booked_to_its_cgroup_by_bpf(place):
    book_load_to_its_cgroup(place, "bpf", "spin")


@placed
def a_busy_loop_is_booked_to_its_cgroup_by_proc(place):
    book_load_to_its_cgroup(place, "proc", "spin")


@placed
def short_processes_are_booked_to_their_cgroup_by_bpf(place):
    book_load_to_its_cgroup(place, "bpf", "burner", 5, 50)


@placed
def short_processes_are_booked_to_their_cgroup_by_proc(place):
    book_load_to_its_cgroup(place, "proc", "burner", 5, 50)


@placed
def stat_measures_a_command_in_a_cgroup_that_it_removes(place):
    show = "print(open('/proc/self/cgroup').read())"
    for activity in ("bpf", "proc"):
        done = run("stat", "--activity", activity, "--", "python3", "-c", f"{show}\n{SPIN}")
        check(done.returncode == 0 and "CPU time" in done.stderr, done.stderr)
        path = done.stdout.strip().removeprefix("0::")
        check("joulekeeper-stat-" in path, f"it ran in {path}")
        check(not Path(f"/sys/fs/cgroup{path}").exists(), f"{path} is left")


run_placed()
