#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Cgroups that come and go: what they used stays in the books, with their parent at last."""

import sys
import time

sys.dont_write_bytecode = True
from harness import check, note, placed, run_placed  # noqa: E402
from support import Skip, wait_until  # noqa: E402
from watch import Watch  # noqa: E402

N = 100
SECONDS = 10
RETENTION_S = 4
ZONES = ("package-0", "dram-1")


def own(account):
    """Zone -> what its own tasks used."""
    inherited = account.get("inherited", {})
    return {zone: account["zones"][zone]["dynamic_uj"] - inherited.get(zone, {"uj": 0})["uj"]
            for zone in ZONES}


class Children:
    """Every child of a cgroup that was ever listed, as it was listed last."""

    def __init__(self, agent, parent):
        self.agent, self.parent, self.last, self.accounts = agent, parent, {}, {}
        self.looked_ns, self.longest_gap_s = None, 0.0

    def look(self):
        reply = self.agent.api("accounts?dimension=cgroup")
        self.accounts = {account["name"]: account for account in reply["accounts"]}
        now_ns = reply["monotonic_ns"]
        self.longest_gap_s = max(self.longest_gap_s, (now_ns - (self.looked_ns or now_ns)) / 1e9)
        self.looked_ns = now_ns
        for path, account in self.accounts.items():
            if path.startswith(self.parent.path + "/"):
                self.last[path] = account

    def listed(self):
        return [path for path in self.accounts if path.startswith(self.parent.path + "/")]

    def total(self):
        return {zone: sum(own(account)[zone] for account in self.last.values()) for zone in ZONES}


def come_and_go(place, watch):
    """N cgroups in SECONDS, each with a process that burns until then."""
    began, usage_s = time.monotonic(), 0.0
    for i in range(N):
        cgroup = place.cgroup(f"child-{i}")
        process = place.start(["/bin/sh", "-c", "while :; do :; done"], cgroups=[cgroup])
        due = began + (i + 1) * SECONDS / N
        if i % 5 == 0:
            watch.poll()
        time.sleep(max(0.02, due - time.monotonic()))
        process.kill()
        process.wait()
        usage_s += cgroup.usage_s()
        cgroup.remove()
    return usage_s


def churn(place, activity):
    agent = place.agent(place.fake(), "--activity", activity, "--ended-retention", f"{RETENTION_S}s",
                        interval="250ms")
    parent = place.cgroup()
    agent.settle()
    children, watch = Children(agent, parent), Watch(agent)
    poll = watch.poll
    watch.poll = lambda: (children.look(), poll())

    usage_s = come_and_go(place, watch)
    watch.until(lambda: not children.listed(), limit_s=60 + RETENTION_S)

    booked_s = sum(account["cpu_seconds"] for account in children.last.values())
    heir = children.accounts[parent.path]
    inherited = {zone: pair["uj"] for zone, pair in heir.get("inherited", {}).items()}
    note(f"{activity}: {len(children.last)} of {N} were listed; {booked_s:.3f} s booked, {usage_s:.3f} s "
         f"accounted; their energy: {children.total()}, inherited: {inherited}; longest gap between looks: "
         f"{children.longest_gap_s:.1f} s")
    if children.longest_gap_s > RETENTION_S / 2:
        raise Skip("this machine is too busy to look at each while it is listed")
    check(all(account["ended"] for account in children.last.values() if any(own(account).values())),
          "some that used energy were never said to be gone")
    for zone, energy_uj in children.total().items():
        check(energy_uj > 0, f"they used nothing of {zone}")
        check(inherited[zone] == energy_uj,
              f"{zone}: they left {energy_uj} uJ, and the parent inherited {inherited[zone]}")
    check(agent.stop()[0] == 0, agent.output)
    return len(children.last) / N, booked_s / usage_s


@placed
def a_hundred_cgroups_in_ten_seconds_are_all_seen_by_bpf(place):
    seen, booked = churn(place, "bpf")
    check(seen == 1, f"only {seen:.0%} of them were ever listed")
    check(booked >= 0.98, f"{booked:.4f} of their CPU time was booked to them")


@placed
def a_hundred_cgroups_in_ten_seconds_leave_what_they_used_by_proc(place):
    churn(place, "proc")


@placed
def a_cgroup_that_comes_again_goes_on_with_its_account(place):
    agent = place.agent(place.fake())
    totals = []
    for _ in range(3):
        cgroup = place.cgroup("again")
        process = place.work("spin", cgroups=[cgroup])
        time.sleep(1)
        place.end(process)
        agent.settle()
        totals.append(own(agent.cgroups()[1][cgroup.path])["package-0"])
        cgroup.remove()
        wait_until(lambda: agent.cgroups()[1][cgroup.path]["ended"], "it to be gone")
    check(0 < totals[0] < totals[1] < totals[2], f"its totals: {totals}")


@placed
def a_task_that_moves_is_booked_where_it_is(place):
    agent = place.agent(place.fake())
    one, other = place.cgroup("one"), place.cgroup("other")
    process = place.work("spin", cgroups=[one])
    agent.settle(5)
    other.add(process.pid)
    agent.settle()
    before = own(agent.cgroups()[1][one.path]), own(agent.cgroups()[1][other.path])
    agent.settle(5)
    after = own(agent.cgroups()[1][one.path]), own(agent.cgroups()[1][other.path])
    check(before[0]["package-0"] > 0, "it used nothing where it began")
    check(before[0] == after[0], f"it is booked where it was: {before[0]}, {after[0]}")
    check(after[1]["package-0"] > before[1]["package-0"], "it is not booked where it is")


run_placed()
