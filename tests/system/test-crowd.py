#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ten thousand processes: listed, bounded in what they cost, and gone when they are gone."""

import sys

sys.dont_write_bytecode = True
from exposition import Page  # noqa: E402
from harness import check, has_sanitizer, note, placed, run_placed  # noqa: E402
from support import Skip  # noqa: E402
from watch import Watch  # noqa: E402

CROWD = 10_000
MOST_BYTES_EACH = 2560  # of resident memory: a bound; how little it is, the bench tells
MOST_LOST = CROWD  # of the 40,000 events of two crowds' ends: how many, the scheduler decides
LIST_BYTES = 16 << 20  # the crowd in JSON, which is asked for after the first peak
SHOWN_BY_DEFAULT = 20


def gather(place, **how):
    try:
        return place.tool("system-crowd", CROWD, **how)
    except AssertionError as error:
        raise Skip(f"this machine does not let {CROWD} processes be: {error}") from error


def living(agent, cgroup):
    return [task for task in agent.tasks() if task["cgroup"] == cgroup.path and not task["ended"]
            and not task["unseen"]]


def page_size(agent):
    page = Page(agent.body("/metrics"))
    processes = page.labelled("joulekeeper_process_cpu_seconds_total")
    left_out = {labels["dimension"]: value
                for labels, value in page.labelled("joulekeeper_accounts_left_out")}
    return len(processes), left_out["task"]


def resident(agent):
    return agent.status()["self"]["resident_bytes"]


def come_and_go(place, agent, cgroup, watch):
    """A crowd gathers, is looked at and goes: the memory while it was there, before it was listed."""
    crowd = gather(place, cgroups=[cgroup])
    agent.settle(4, limit_s=120)
    peak = resident(agent)
    watch.during(2, every_s=1)

    listed = living(agent, cgroup)
    shown, left_out = page_size(agent)
    note(f"{len(listed)} listed, {shown} shown in /metrics; resident {peak} bytes; "
         f"tick: {agent.status()['ticks']}")
    check(len(listed) == CROWD + 1, f"{len(listed)} of {CROWD} and their parent are listed")
    check(len({task["pid"] for task in listed}) == len(listed), "pids are listed twice")
    check(shown <= 2 * SHOWN_BY_DEFAULT, f"{shown} processes in /metrics")
    check(left_out >= CROWD - shown, f"{left_out} are said to be left out of /metrics")

    place.end(crowd)
    watch.until(lambda: not living(agent, cgroup), limit_s=60, every_s=0.5)  # the kernel frees them later
    return peak


def hold(place, activity):
    agent = place.agent(place.fake(), "--activity", activity, interval="500ms")
    cgroup, watch = place.cgroup("crowd"), Watch(agent)
    before = resident(agent)
    peaks = [come_and_go(place, agent, cgroup, watch) for _ in range(2)]
    note(f"{activity}: resident {before} bytes before, {peaks} with a crowd")
    if not has_sanitizer():
        check(peaks[0] - before <= CROWD * MOST_BYTES_EACH,
              f"it grew by {(peaks[0] - before) / CROWD:.0f} bytes for each process")
        check(peaks[1] - peaks[0] <= LIST_BYTES, f"it grows with each crowd: {peaks}")
    lost = agent.status()["ticks"]["lost_events"]
    note(f"{lost} events were lost as {CROWD} ended at once, twice")
    if not has_sanitizer():
        check(lost <= MOST_LOST, f"{lost} events were lost as {CROWD} ended at once, twice")
    check(agent.stop()[0] == 0, agent.output)


@placed
def ten_thousand_processes_by_bpf(place):
    hold(place, "bpf")


@placed
def ten_thousand_processes_by_proc(place):
    hold(place, "proc")


run_placed()
