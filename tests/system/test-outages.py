#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Meters that fail under a running agent: what they count is booked, or it is said that it is not;
nothing falls, nothing jumps, and the other zones do not notice."""

import sys
import time

sys.dont_write_bytecode = True
from harness import check, note, placed, run_placed  # noqa: E402
from watch import Watch  # noqa: E402

PEAKS = {"package": 250, "core": 190, "dram": 100}  # twice what the fake draws at most
SETTLE_S = 1.5


def begin(place):
    """A fake, an agent whose baselines are known, and what the ledger said then."""
    fake = place.fake("--sockets", "2")
    before = fake.halt()
    agent = place.agent(fake, interval="250ms")
    watch = Watch(agent, PEAKS)
    fake.go_on()
    watch.during(SETTLE_S)
    return fake, before, agent, watch


def finish(fake, before, agent, watch):
    """What each zone used since the beginning, and what of it was measured."""
    after = fake.halt()
    goal = agent.sequence() + 3
    watch.until(lambda: agent.sequence() >= goal)
    measured = agent.measured()
    used = {zone: after[zone] - before[zone] for zone in before}
    for zone, measured_uj in measured.items():
        check(measured_uj <= used[zone], f"{zone}: {measured_uj} uJ measured, {used[zone]} used")
    return used, measured


def powercap(agent):
    return next(meter for meter in agent.status()["meters"] if meter["name"] == "powercap")


def lost(used, measured):
    return {zone: used[zone] - measured[zone] for zone in used}


@placed
def a_zone_that_cannot_be_read_for_a_while_costs_nobody_anything(place):
    fake, before, agent, watch = begin(place)
    fake.command("break core-1")
    watch.until(lambda: not agent.zones()["core-1"]["seen"])
    meter = powercap(agent)
    check(meter["state"] == "working", f"five zones can be read: {meter}")
    check(meter["failures"] > 0 and "intel-rapl:1:0" in meter["message"], f"it is not said: {meter}")
    watch.during(2)
    zones = agent.zones()
    check(zones["core-1"]["watts"] is None, f"power of what cannot be seen: {zones['core-1']}")
    check(all(zone["seen"] for name, zone in zones.items() if name != "core-1"), f"unseen: {zones}")

    fake.command("mend core-1")
    watch.until(lambda: agent.zones()["core-1"]["seen"])
    watch.during(SETTLE_S)
    used, measured = finish(fake, before, agent, watch)
    check(measured == used, f"lost, in uJ: {lost(used, measured)}")
    check(agent.zones()["core-1"]["gaps"] >= 1, f"no gap is told: {agent.zones()['core-1']}")
    check(powercap(agent)["message"] == "", f"it works again, but says: {powercap(agent)}")
    check(agent.stop()[0] == 0, agent.output)


@placed
def a_driver_that_goes_and_comes_back_at_0_is_found_again(place):
    fake, before, agent, watch = begin(place)
    gone = fake.ledger()
    fake.command("unload")
    watch.until(lambda: powercap(agent)["state"] != "working")
    meter = powercap(agent)
    check(meter["state"] in ("failed", "absent") and meter["message"], f"it is not said: {meter}")
    watch.during(3)
    stalled = agent.measured()
    check(not any(zone["seen"] for name, zone in agent.zones().items() if zone["source"] == "powercap"),
          "zones of a driver that is gone are seen")

    fake.command("load")
    watch.until(lambda: powercap(agent)["state"] == "working", limit_s=90)
    back = fake.ledger()
    watch.during(SETTLE_S)
    used, measured = finish(fake, before, agent, watch)
    note(f"lost, in uJ: {lost(used, measured)}")
    for zone, lost_uj in lost(used, measured).items():
        check(lost_uj <= back[zone] - gone[zone] + 1.0 * 125e6,
              f"{zone}: more was lost ({lost_uj} uJ) than was used while it was away")
        check(measured[zone] > stalled[zone], f"{zone} does not count on")
    check(agent.stop()[0] == 0, agent.output)


@placed
def a_counter_that_begins_anew_at_0_is_no_wrap(place):
    fake, before, agent, watch = begin(place)
    refused = {name: zone["refused"] for name, zone in agent.zones().items()}
    began = fake.ledger()
    fake.command("restart")
    watch.until(lambda: all(zone["refused"] > refused[name] for name, zone in agent.zones().items()))
    told = fake.ledger()
    watch.during(SETTLE_S)
    used, measured = finish(fake, before, agent, watch)
    note(f"lost, in uJ: {lost(used, measured)}")
    for zone, lost_uj in lost(used, measured).items():
        check(lost_uj <= told[zone] - began[zone] + 1.0 * 125e6,
              f"{zone}: {lost_uj} uJ lost: more than one reading's")
    check(agent.stop()[0] == 0, agent.output)


@placed
def it_stays_so_however_often_that_happens(place):
    fake, before, agent, watch = begin(place)
    for turn in range(6):
        fake.command(("restart", "break package-0", "mend package-0", "restart", "unload", "load")[turn])
        watch.during(1)
    watch.until(lambda: powercap(agent)["state"] == "working", limit_s=90)
    time.sleep(SETTLE_S)
    finish(fake, before, agent, watch)
    check(agent.stop()[0] == 0, agent.output)


run_placed()
