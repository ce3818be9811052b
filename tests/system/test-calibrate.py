#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""joulekeeper model calibrate, on the fake meter, whose truth is known."""

import json
import os
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from harness import check, note, placed, run_placed  # noqa: E402
from support import BINARY, Skip, wait_until  # noqa: E402

IDLE_W, MAX_W = 40, 125
PATIENCE_S = 20


def calibrate(place, root, output, *options, **how):
    return place.start([BINARY, "model", "calibrate", "--root", root, "-o", output,
                        "--seconds", "1", *options],
                       stdout=subprocess.PIPE, **how)


def outcome(process):
    """(status, output, complaints)"""
    output, complaints = process.communicate(timeout=120)
    return process.returncode, output.decode(), complaints.decode() if complaints else ""


def refused(arguments, says):
    done = subprocess.run([BINARY, "model", "calibrate", *arguments], capture_output=True,
                          check=False, text=True, timeout=60)
    check(done.returncode == 1, f"{arguments}: {done.returncode}, {done.stderr}")
    check(says in done.stderr, f"'{says}' is not in: {done.stderr}")


def when_quiet(place, root, output):
    """Calibrate as soon as others leave the machine alone; they may well be other tests."""
    deadline = time.monotonic() + PATIENCE_S
    while True:
        done = subprocess.run([BINARY, "model", "calibrate", "--root", root, "-o", output,
                               "--seconds", "1", "--other-load", "20"],
                              capture_output=True, check=False, text=True, timeout=120)
        if done.returncode == 0:
            return done.stdout
        check("busy" in done.stderr or "idle power was" in done.stderr, done.stderr)
        if time.monotonic() > deadline:
            raise Skip(f"others use this machine: {done.stderr.splitlines()[-1]}")
        time.sleep(1)


@placed
def it_finds_what_the_fake_draws(place):
    fake = place.fake("--sockets", "1", "--updates", "100", "--idle-watts", str(IDLE_W),
                      "--max-watts", str(MAX_W))
    output = place.directory() + "/weights.json"
    note(when_quiet(place, fake.root, output))

    with open(output, encoding="utf-8") as file:
        model = json.load(file)
    check(model["kind"] == "events" and model["zone"] == "package", model)
    check(abs(model["idle_watts"] / IDLE_W - 1) < 0.1, model)
    # On a machine without counters there is only CPU time, and then it has to be exact.
    if [feature["name"] for feature in model["features"]] == ["cpu"]:
        per_cpu_w = (MAX_W - IDLE_W) / os.cpu_count()
        check(abs(model["features"][0]["weight"] / per_cpu_w - 1) < 0.1, model)
    check(model["error"]["mape_percent"] < 10, model)

    recording = place.directory() + "/r.jkr"
    subprocess.run([BINARY, "record", "--root", fake.root, "-o", recording, "-i", "200ms", "-d",
                    "2s"], check=True, capture_output=True, timeout=60)
    done = subprocess.run([BINARY, "replay", "--model", f"package=events:{output}", recording],
                          check=True, capture_output=True, text=True, timeout=60)
    check("package=events" in done.stdout, done.stdout)


@placed
def without_a_measured_zone_there_is_nothing_to_calibrate_by(place):
    output = place.directory() + "/weights.json"
    refused(["--root", place.directory(), "-o", output], "no zone of this machine is measured")
    check(not os.path.exists(output), "a file was written")


@placed
def who_uses_the_machine_is_told(place):
    fake = place.fake("--sockets", "1")
    output = place.directory() + "/weights.json"
    for cpu in os.sched_getaffinity(0):
        place.start([sys.executable, "-c", "while True: pass"], cpu=cpu)
    refused(["--root", fake.root, "-o", output, "--seconds", "0.5"], "the machine is busy")
    refused(["--root", fake.root, "-o", output, "--seconds", "0.5", "--other-load", "100"],
            "too busy")
    check(not os.path.exists(output), "a file was written")


def children_of(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(child) for child in file.read().split()]


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="ascii", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


@placed
def no_load_outlives_it(place):
    fake = place.fake("--sockets", "1")
    output = place.directory() + "/weights.json"
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
        process = calibrate(place, fake.root, output, "--other-load", "100")
        wait_until(lambda: children_of(process.pid), "the first load", 60)
        loads = children_of(process.pid)
        check(all(map(is_alive, loads)), "they ended by themselves")
        process.send_signal(number)
        status, _, _ = outcome(process)
        check(status == (-number if number == signal.SIGKILL else 1), f"{number}: {status}")
        if number != signal.SIGKILL:
            check(not any(map(is_alive, loads)), f"{loads} outlive signal {number}")
        wait_until(lambda: not any(map(is_alive, loads)), f"the loads to end by {number}", 10)
    check(not os.path.exists(output), "a file was written")


run_placed()
