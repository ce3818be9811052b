#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The books against the truth: a live fake meter counts what it hands out without wrapping."""

import sys
import time

sys.dont_write_bytecode = True
from harness import check, note, placed, run_placed  # noqa: E402
from watch import Watch  # noqa: E402

MOST_W = {"package": 125, "core": 95, "dram": 50}  # of the fake: its options' defaults
PEAK = 2  # readings and the fake's steps are not in step


def peaks():
    return {kind: PEAK * watts for kind, watts in MOST_W.items()}


def seconds_of_load(place, watch, seconds):
    """Now one CPU, now two, now none."""
    for n in (1, 2, 0, 2):
        loads = [place.work("spin") for _ in range(n)]
        watch.during(seconds / 4)
        for load in loads:
            place.end(load)


def wraps(fake, zones, watch, during):
    """Zone -> how often its raw counter fell while during() ran."""
    last, falls = {}, {zone: 0 for zone in zones}
    poll = watch.poll

    def look_too():
        for zone, path in zones.items():
            value = fake.counter(path)
            falls[zone] += value < last.get(zone, 0)
            last[zone] = value
        poll()

    watch.poll = look_too
    during()
    return falls


@placed
def every_microjoule_of_two_sockets_is_booked_through_wraps(place):
    fake = place.fake("--sockets", "2", "--wrap-every", "4")
    before = fake.halt()  # so that the agent's baselines are known to the microjoule
    agent = place.agent(fake, interval="250ms")
    fake.go_on()

    watch = Watch(agent, peaks())
    falls = wraps(fake, {"package-0": "intel-rapl:0", "package-1": "intel-rapl:1",
                         "dram-0": "intel-rapl:0:1"},
                  watch, lambda: seconds_of_load(place, watch, 28))

    after = fake.halt()
    agent.settle()
    watch.poll()
    measured = agent.measured()
    note(f"{watch.polls} polls, {watch.whole_polls} of one tick; wraps: {falls}; "
         f"highest: {watch.highest_w:.0f} W; measured: {measured}")

    check(sorted(measured) == sorted(before), f"zones: {sorted(measured)}")
    for zone, measured_uj in measured.items():
        check(measured_uj == after[zone] - before[zone],
              f"{zone}: {after[zone] - before[zone]} uJ were used, {measured_uj} were measured")
    check(min(falls.values()) >= 2, f"counters did not wrap: {falls}")
    check(watch.whole_polls >= watch.polls / 10, "hardly any poll saw one tick only")
    check(agent.status()["ticks"]["lost_events"] == 0, "events were lost")
    check(agent.stop()[0] == 0, f"it did not end well: {agent.output}")


@placed
def only_disjoint_zones_make_the_machine(place):
    fake = place.fake()
    agent = place.agent(fake)
    Watch(agent).during(2)
    zones = agent.zones()
    counted = {name for name, zone in zones.items() if zone["counted"]}
    check(counted == {"package-0", "package-1", "dram-0", "dram-1"}, f"counted: {counted}")
    for _ in range(50):  # until both replies are of one tick
        status, balance = agent.api("status"), agent.api("balance")
        if status["sequence"] == balance["sequence"]:
            break
    total = sum(zone["measured_uj"] for zone in balance["zones"] if zone["zone"] in counted)
    check(status["machine"]["measured_uj"] == total, f"{status['machine']} but {total} uJ")


@placed
def the_agent_books_its_own_cost(place):
    agent = place.agent(place.fake(), interval="100ms")
    time.sleep(5)
    agent.settle()
    tasks, status = agent.tasks(), agent.status()
    mine = [task for task in tasks if task["self"]]
    check(len(mine) == 1 and mine[0]["pid"] == agent.process.pid, f"self: {mine}")
    cpu_s, whole_s = mine[0]["cpu_seconds"], status["self"]["cpu_seconds"]
    energy = {zone: pair["dynamic_uj"] for zone, pair in mine[0]["zones"].items()}
    total = agent.measured()
    note(f"self: {cpu_s} s booked of {whole_s} s since start, {energy}")
    check(min(energy.values()) > 0, f"its energy is 0: {energy}")
    check(0 < cpu_s <= whole_s + 0.05, f"{cpu_s} s booked, {whole_s} s used since start")
    for zone, energy_uj in energy.items():
        check(energy_uj < total[zone] / 10, f"it took {energy_uj} of {total[zone]} uJ of {zone}")


run_placed()
