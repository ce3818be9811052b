#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A machine without a meter goes by what one with a meter taught: against the live fake, whose truth
is known. Its books are whole, and a replay has them too."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
from harness import check, note, placed, run_placed  # noqa: E402
from support import BINARY, Skip, wait_until  # noqa: E402

WATTS = ("--sockets", "1", "--idle-watts", "40", "--max-watts", "125")


def run(*arguments, status=0):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, check=False,
                          text=True, timeout=120)
    check(done.returncode == status, f"{arguments}: {done.returncode} {done.stderr}")
    return done.stdout


def varied_load(place, seconds):
    chance, end = random.Random(1), time.monotonic() + seconds
    while time.monotonic() < end:
        loads = [place.work("spin") for _ in range(chance.choice((0, 1, 2)))]
        time.sleep(chance.uniform(0.2, 0.6))
        for load in loads:
            place.end(load)


def train(place, fake, seconds=14):
    """A model file of the package, learned from the fake."""
    directory = place.directory()
    agent = place.agent(fake, "--record", directory)
    varied_load(place, seconds)
    check(agent.stop()[0] == 0, agent.output)
    recording, = Path(directory).glob("*.jkr")
    model = Path(directory, "package.json")
    note(run("model", "train", "--recordings", recording, "--zone", "package", "-o", model))
    return model


def package_j(agent, fake):
    """(booked, true) in joules, since both began; as of the end of a tick. An estimate goes on while
    the fake is halted, so it runs."""
    sequence = agent.sequence()
    wait_until(lambda: agent.sequence() != sequence, "the next tick")
    true = fake.ledger()["package-0"] / 1e6
    return agent.measured()["package-0"] / 1e6, true


@placed
def what_one_machine_taught_another_books(place):
    fake, directory = place.fake(*WATTS), place.directory()
    model = train(place, fake)
    file = json.loads(model.read_text())
    watts = [watts for _, watts in file["points"]]
    check(file["cpu"]["threads"] >= 1 and "family" in file["cpu"], f"the CPU is not told: {file['cpu']}")

    if watts[-1] - watts[0] < 20 and not any("weight" in feature for feature in file["features"]):
        raise Skip("this machine was as busy all the time: there was nothing to learn")

    agent = place.agent(fake, "--meter", "estimate", "--estimate-model", model, "--record", directory)
    zone = agent.zones()["package-0"]
    check(zone["provenance"] == "modelled", zone)
    booked, true = package_j(agent, fake)
    varied_load(place, 5)
    now_booked, now_true = package_j(agent, fake)
    error = (now_booked - booked) / (now_true - true) - 1
    note(f"true {now_true - true:.1f} J, estimated {100 * error:+.1f} %")
    check(abs(error) < 0.05, f"estimated {100 * error:+.1f} % of {now_true - true:.1f} J")

    sequence, balance = agent.sequence(), agent.balance()
    while agent.sequence() != sequence:
        sequence, balance = agent.sequence(), agent.balance()
    check(agent.stop()[0] == 0, agent.output)
    recording, = Path(directory).glob("*.jkr")
    replayed = json.loads(run("replay", recording, "--ticks", sequence + 1, "--output", "json",
                              "--by", "machine"))
    zones = {zone["zone"]: zone for zone in replayed["zones"]}
    check(zones["package-0"]["measured_uj"] == balance["package-0"]["measured_uj"],
          f"replayed {zones['package-0']}, run {balance['package-0']}")


@placed
def files_that_cannot_be_are_refused(place):
    fake, bad = place.fake(*WATTS), Path(place.directory(), "bad.json")
    bad.write_text('{"schema": 1,\n')
    for value in (bad, "/nonexistent.json"):
        done = subprocess.run([BINARY, "run", "--root", fake.root, "--listen", "off",
                               "--estimate-model", value], capture_output=True, check=False,
                              text=True, timeout=60)
        check(done.returncode == 1 and str(value) in done.stderr, done)


run_placed()
