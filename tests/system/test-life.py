#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What may happen to the agent itself: it is killed, stopped for a while, told to hurry or to take
its time."""

import shutil
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from harness import check, note, placed, run_placed  # noqa: E402
from support import free_port, run, wait_until  # noqa: E402
from watch import Watch  # noqa: E402

PEAKS = {"package": 250, "core": 190, "dram": 100}  # twice what the fake draws at most


def programs_that_live(ids):
    listed = subprocess.run(["bpftool", "prog", "list"], capture_output=True, text=True, check=True)
    alive = {int(line.split(":")[0]) for line in listed.stdout.splitlines() if line[:1].isdigit()}
    return ids & alive


@placed
def killed_it_leaves_nothing_and_starts_again_at_once(place):
    fake = place.fake()
    first = place.agent(fake, port=free_port())
    Watch(first).during(1)
    programs = first.programs()
    check(first.status()["activity"]["source"] != "bpf" or programs, "no BPF programs are held")
    check(not shutil.which("bpftool") or programs_that_live(programs) == programs,
          "bpftool does not list them")

    first.send(signal.SIGKILL)
    first.process.wait()
    second = place.agent(fake, port=first.port)  # connections to the first still linger
    watch = Watch(second, PEAKS)
    watch.during(2)
    check(not programs & second.programs(), "the second holds programs of the first")
    if shutil.which("bpftool"):
        wait_until(lambda: not programs_that_live(programs), "the first's BPF programs to go", 30)
    check(second.status()["ticks"]["total"] > 3, "it does not tick")
    check(second.stop()[0] == 0, second.output)


@placed
def stopped_for_three_seconds_it_books_them_as_what_they_were(place):
    fake = place.fake()
    before = fake.halt()
    agent = place.agent(fake, interval="200ms")
    fake.go_on()
    watch = Watch(agent, PEAKS)
    watch.during(1)
    ticks = agent.status()["ticks"]

    agent.send(signal.SIGSTOP)
    time.sleep(3)
    agent.send(signal.SIGCONT)
    watch.during(2, every_s=0.02)

    after = fake.halt()
    goal = agent.sequence() + 3
    watch.until(lambda: agent.sequence() >= goal)
    missed = agent.status()["ticks"]["missed"] - ticks["missed"]
    note(f"{missed} ticks missed; highest: {watch.highest_w:.0f} W")
    check(missed >= 13, f"3 s of 200 ms were missed, and {missed} ticks are counted")
    used = {zone: after[zone] - before[zone] for zone in before}
    check(agent.measured() == used, f"used: {used}, measured: {agent.measured()}")
    check(agent.stop()[0] == 0, agent.output)


@placed
def the_tick_after_a_stop_says_how_long_it_was(place):
    agent = place.agent(place.fake(), interval="200ms")
    agent.settle()
    agent.send(signal.SIGSTOP)
    time.sleep(2)
    agent.send(signal.SIGCONT)
    longest, end = 0, time.monotonic() + 3
    while time.monotonic() < end:
        longest = max(longest, agent.api("balance")["elapsed_ns"])
    check(longest >= 1.5e9, f"the longest tick that was seen had {longest} ns")


@placed
def the_first_tick_is_a_whole_one(place):
    for interval, least_s in (("1s", 0.9), ("500ms", 0.4), ("60s", 0.9)):
        agent = place.agent(place.fake(), interval=interval)
        first = agent.api("balance")
        check(first["sequence"] > 1 or first["elapsed_ns"] >= least_s * 1e9,
              f"of {interval} the first had {first['elapsed_ns']} ns")


@placed
def ticks_of_10_ms_work_and_balance(place):
    fake = place.fake("--updates", "100")
    before = fake.halt()
    agent = place.agent(fake, interval="10ms")
    fake.go_on()
    watch = Watch(agent)
    began = agent.status()
    watch.during(5)
    ended = agent.status()
    after = fake.halt()
    agent.settle(10)
    watch.poll()
    ticks = ended["ticks"]["total"] - began["ticks"]["total"]
    missed = ended["ticks"]["missed"] - began["ticks"]["missed"]
    grid = (ended["monotonic_ns"] - began["monotonic_ns"]) / 10e6
    note(f"{ticks} ticks, {missed} missed, of {grid:.0f} on the grid")
    check(ticks >= 50, f"{ticks} ticks in {grid / 100:.1f} s")
    check(abs(ticks + missed - grid) <= 3 + grid / 20, f"{ticks} ticks and {missed} missed of {grid}")
    used = {zone: after[zone] - before[zone] for zone in before}
    check(agent.measured() == used, f"used: {used}, measured: {agent.measured()}")
    check(agent.stop()[0] == 0, agent.output)


@placed
def ticks_of_60_s_are_accepted(place):
    agent = place.agent(place.fake(), interval="60s")
    check(agent.status()["interval_ns"] == 60e9, "another interval")
    Watch(agent).poll()
    check(agent.stop()[0] == 0, agent.output)


@placed
def shorter_and_longer_ones_are_refused(place):
    for interval in ("9ms", "61s", "0s", "2m"):
        ended = run("run", f"--root={place.directory()}", "--listen=off", f"--interval={interval}")
        check(ended.returncode != 0, f"{interval} was accepted")
        check("10ms" in ended.stderr and ("1m" in ended.stderr or "60s" in ended.stderr),
              f"{interval}: the range is not told: {ended.stderr}")


run_placed()
