#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""joulekeeper model select, counting here: on a meter whose energy is made of page faults."""

import json
import os
import signal
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from harness import check, note, placed, run_placed  # noqa: E402
from support import BINARY, Agent  # noqa: E402

IDLE_W, FAULT_J = 20.0, 2e-4
ZONE = "sys/class/powercap/intel-rapl:0"

# Phases of its own length each, so that no two events go together: faults, spinning, switches.
LOAD = """
import mmap, os, random, time
random.seed(5)
read, write = os.pipe()
while True:
    what, until = random.choice('fsw-'), time.monotonic() + random.uniform(0.1, 0.4)
    pause = random.uniform(0, 0.003)
    while time.monotonic() < until:
        if what == 'f':
            pages = mmap.mmap(-1, 1 << 20)
            for at in range(0, 1 << 20, 4096):
                pages[at] = 1
            pages.close()
            time.sleep(pause)
        elif what == 'w':
            time.sleep(0.0005)
        elif what == '-':
            time.sleep(0.02)
"""


class Meter(threading.Thread):
    """A package that draws so much idle, and so much for each page fault of the machine."""

    def __init__(self, root):
        super().__init__(daemon=True)
        self.path = f"{root}/{ZONE}"
        os.makedirs(self.path)
        for name, value in (("name", "package-0"), ("max_energy_range_uj", 1 << 60)):
            self.write(name, value)
        self.faults, self.since = self.read_faults(), time.monotonic()
        self.energy_uj, self.running = 1e6, True
        self.write("energy_uj", int(self.energy_uj))

    def write(self, name, value):
        # In place and whole, as the program may read it at any time.
        descriptor = os.open(f"{self.path}/{name}", os.O_WRONLY | os.O_CREAT, 0o644)
        os.pwrite(descriptor, f"{value}\n".encode(), 0)
        os.close(descriptor)

    @staticmethod
    def read_faults():
        with open("/proc/vmstat", encoding="ascii") as file:
            return int(next(line for line in file if line.startswith("pgfault ")).split()[1])

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *error):
        self.running = False
        self.join()

    def run(self):
        while self.running:
            time.sleep(0.01)
            faults, now = self.read_faults(), time.monotonic()
            self.energy_uj += 1e6 * (IDLE_W * (now - self.since) +
                                     FAULT_J * (faults - self.faults))
            self.faults, self.since = faults, now
            self.write("energy_uj", int(self.energy_uj))


def select(root, *options):
    return subprocess.run([BINARY, "model", "select", "--root", root, *options],
                          capture_output=True, check=False, text=True, timeout=120)


def find_page_faults(place, root, output):
    place.start([sys.executable, "-c", LOAD])
    done = select(root, "--for", "4s", "--interval", "100ms", "--gain", "20", "-o", output,
                  "--events", "context-switches,page-faults,alignment-faults,cpu-clock")
    note(done.stdout.replace("\n", "\n# "))
    check(done.returncode == 0, done.stderr)
    check("events: page-faults\n" in done.stdout, done.stdout)

    with open(output, encoding="utf-8") as file:
        model = json.load(file)
    weights = {feature["name"]: feature["weight"] for feature in model["features"]}
    check(abs(weights["page-faults"] / FAULT_J - 1) < 0.3, weights)
    check(model["kind"] == "events" and model["zone"] == "package", model)

    # What was written says to the agent what to count, and to its model what that costs.
    recording = f"{root}/r.jkr"
    subprocess.run([BINARY, "record", "--root", root, "-o", recording, "-i", "100ms", "-d", "1s",
                    "--events", output], check=True, capture_output=True, timeout=60)
    done = subprocess.run([BINARY, "replay", "--model", f"package=events:{output}", recording],
                          check=True, capture_output=True, text=True, timeout=60)
    check("package=events" in done.stdout, done.stdout)
    check("not counted" not in done.stderr, done.stderr)
    with Agent("--root", root, "--events", output, "--interval", "100ms") as agent:
        agent.ready()
        check("is not counted" not in agent.output, agent.output)


@placed
def what_energy_is_made_of_is_found_by_counting(place):
    root = place.directory()
    output = f"{root}/choice.json"
    with Meter(root):
        find_page_faults(place, root, output)


@placed
def what_cannot_be_done_is_refused_with_the_reason(place):
    root = place.directory()
    done = select(root, "--events", "page-faults", "--for", "1s")
    check(done.returncode == 1 and ("zone package is not measured here" in done.stderr or
                                    "is not measured here but estimated" in done.stderr),
          done.stderr)
    done = select(root, "--events", "page-fualts")
    check(done.returncode == 1 and "did you mean 'page-faults'?" in done.stderr, done.stderr)
    if not os.path.exists("/sys/bus/event_source/devices/cpu"):
        done = select("/", "--events", "cycles,instructions")
        check(done.returncode == 1 and "nothing can be counted here (cycles, instructions)" in
              done.stderr, done.stderr)
    done = select(root, "--events", "page-faults", "no.jkr")
    check(done.returncode == 2 and "leave out" in done.stderr, done.stderr)


def stop_by_a_signal(root, output):
    process = subprocess.Popen([BINARY, "model", "select", "--root", root, "-o", output, "--events",
                                "page-faults,context-switches"], stderr=subprocess.PIPE, text=True)
    loads = []
    while not loads:
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            loads = [int(child) for child in file.read().split()]
        check(process.poll() is None, "it ended by itself")
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, complaints = process.communicate(timeout=20)
    check(process.returncode == 1 and "stopped by a signal" in complaints, complaints)
    check(not any(os.path.exists(f"/proc/{load}") for load in loads), f"{loads} outlive it")


@placed
def a_signal_ends_it_and_its_loads(place):
    root = place.directory()
    output = f"{root}/choice.json"
    with Meter(root):
        stop_by_a_signal(root, output)
    check(not os.path.exists(output), "a file was written")


run_placed()
