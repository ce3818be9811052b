#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The meters against a live powercap tree: what is booked is what was counted, to the microjoule,
through wraps and through a driver that goes and comes."""

import json
import shutil
import sys
import time

sys.dont_write_bytecode = True
from support import (  # noqa: E402
    Agent, FakePowercap, case, run, run_cases, scratch_directory, wait_until)


def measured(agent):
    return {zone["zone"]: zone["measured_uj"] for zone in agent.api("balance")["zones"]}


def ticks(agent, n):
    start = agent.api("status")["sequence"]
    wait_until(lambda: agent.api("status")["sequence"] >= start + n, f"{n} ticks")


@case
def every_microjoule_is_measured_through_wraps():
    with scratch_directory() as folder, FakePowercap(folder, "--wrap-every", "2") as fake, \
            Agent("--root", folder, "--interval", "100ms") as agent:
        agent.ready()
        ticks(agent, 2)
        before, booked_before = fake.truth(), measured(agent)
        fake.go_on()
        time.sleep(10)
        fake.halt()
        ticks(agent, 3)
        after, booked_after = fake.truth(), measured(agent)

        assert len(after) == 6
        for zone, energy_uj in after.items():
            counted = energy_uj - before[zone]
            booked = booked_after[zone] - booked_before[zone]
            assert counted > 0
            assert booked == counted, (zone, booked, counted)
        assert after["package-0"] > 2 * 250_000_000 * 0.5, "it did not wrap"


@case
def a_driver_that_goes_costs_its_own_time_only():
    with scratch_directory() as folder, FakePowercap(folder, "--static") as fake, \
            Agent("--root", folder, "--interval", "50ms", "--meter", "powercap") as agent:
        agent.ready()
        fake.go_on()
        wait_until(lambda: measured(agent).get("package-0", 0) > 0, "energy")
        zones = fake.root / "sys/class/powercap"
        fake.halt()
        for energy in zones.glob("*/energy_uj"):
            energy.write_text("")  # as a descriptor of a driver that has gone: not a number
        shutil.move(zones, fake.root / "gone")
        agent.says("it will be tried again")
        held = measured(agent)["package-0"]
        shutil.move(fake.root / "gone", zones)
        fake.go_on()
        wait_until(lambda: measured(agent)["package-0"] > held, "energy again")
        assert measured(agent)["package-0"] - held < 40e6 * 10, "a spike"


@case
def the_command_shows_zones_and_meters():
    with scratch_directory() as folder, FakePowercap(folder, "--static", "--sockets", "1") as fake:
        fake.go_on()
        found = json.loads(run("meters", "--root", folder, "--interval", "1s", "--json").stdout)
        zones = {zone["zone"]: zone for zone in found["zones"]}
        assert set(zones) == {"package-0", "core-0", "dram-0"}, zones
        assert zones["core-0"]["parent"] == "package-0"
        assert abs(zones["package-0"]["watts"] - 40) < 6, zones["package-0"]
        assert zones["package-0"]["limit_w"] == 125
        assert {zone for zone in zones if zones[zone]["counts"]} == {"package-0", "dram-0"}
        states = {meter["meter"]: meter["state"] for meter in found["meters"]}
        assert states["powercap"] == "working" and states["perf"] == "absent", states

        text = run("meters", "--root", folder, "--interval", "100ms").stdout
        assert "package-0" in text and " W " in text and "powercap" in text, text


@case
def wrong_use_is_explained():
    wrong = run("meters", "--meter", "poweracp")
    assert wrong.returncode == 2 and "powercap" in wrong.stderr, wrong.stderr
    wrong = run("meters", "--interval", "5ms")
    assert wrong.returncode == 2 and "10ms to 60s" in wrong.stderr, wrong.stderr
    wrong = run("meters", "--root", "/nonexistent")
    assert wrong.returncode == 1 and "/nonexistent" in wrong.stderr, wrong.stderr


run_cases()
