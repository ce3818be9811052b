#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How the models divide live load on the fake meter, whose truth is known: part of `make accuracy`.

    tests/accuracy/live.py [--build DIR] [--output FILE]

Records a minute and a half of real processes that come and go, each load in a cgroup of its own,
beside tests/system/fake-powercap.py, and books that recording by each model. What a load should be
booked is its CPU time, as the kernel accounts it to the cgroup, by what the fake draws for a second
of it. Writes JSON: a list of {model, load, true_j, booked_j}, the load "idle" among them. Needs root
and a machine that is left alone meanwhile; exit status 1 with the reason otherwise.
"""

import argparse
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
SOURCE = Path(__file__).resolve().parents[2]
IDLE_W, MAX_W = 40, 120
INTERVAL = "500ms"
ZONE = "package-0"
MODELS = {"adaptive": "adaptive", "share": "share", "smartwatts": "smartwatts",
          "events": "events:{weights}"}


class Scene:
    """Loads in their cgroups, and when they run."""

    def __init__(self, place):
        self.place = place
        self.cgroups = {name: place.cgroup(name) for name in ("one", "three", "burner")}

    def run(self):
        time.sleep(15)
        self._during(15, self._start("one", "spin"))
        self._during(20, *self._turns())
        self._during(20, self._start("burner", "burner", 5, 150), self._start("three", "spin"))
        time.sleep(15)

    def _start(self, name, *load):
        return self.place.work(*load, cgroups=[self.cgroups[name]])

    def _turns(self):
        """One does 2 ms of work whenever the other has done 6."""
        pipes = [os.pipe(), os.pipe()]
        loads = [self.place.work("turns", slice_ms, pipes[i][0], pipes[1 - i][1],
                                 cgroups=[self.cgroups[name]],
                                 pass_fds=(pipes[i][0], pipes[1 - i][1]))
                 for i, (name, slice_ms) in enumerate((("one", 2), ("three", 6)))]
        os.write(pipes[0][1], b"x")
        for end in (*pipes[0], *pipes[1]):
            os.close(end)
        return loads

    def _during(self, seconds, *loads):
        time.sleep(seconds)
        for load in loads:
            self.place.end(load)


def called(*command):
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"accuracy: {' '.join(map(str, command))}: {done.stderr.strip()}")
    return done.stdout


def record(program, place, root, recording):
    """The seconds that it lasted, and the CPU time of each cgroup."""
    scene = Scene(place)
    recorder = place.start([program, "record", "--root", root, "-i", INTERVAL, "-o", recording],
                           stdout=subprocess.DEVNULL, nice=-10)
    scene.run()
    recorder.send_signal(signal.SIGINT)
    if recorder.wait() not in (0, 128 + signal.SIGINT):
        sys.exit(f"accuracy: joulekeeper record ended with {recorder.returncode}")
    return {name: (cgroup.path, cgroup.usage_s()) for name, cgroup in scene.cgroups.items()}


def seconds_of(recording):
    """How long its ticks lasted, by the example of docs/recording.md."""
    spec = importlib.util.spec_from_file_location("read_recording", SOURCE / "tools/read-recording.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    reader, elapsed_ns = module.Reader(), 0
    with subprocess.Popen(["zstd", "-dc", recording], stdout=subprocess.PIPE) as unpack:
        for kind, body in module.messages(unpack.stdout):
            if kind not in module.KINDS:
                continue
            message = reader.read(kind, body)
            if module.KINDS[kind] == "tick":
                elapsed_ns += message["readings"][0].get("elapsed_ns", 0)
    return elapsed_ns / 1e9


def booked(program, recording, model):
    """Account -> joules, idle and dynamic."""
    reply = json.loads(called(program, "replay", "--model", model, "--by", "cgroup", "--all",
                              "-o", "json", recording))
    return {account["name"]: {part: uj / 1e6 for part, uj in account["zones"].get(ZONE, {}).items()
                              if part in ("idle_uj", "dynamic_uj")}
            for account in reply["accounts"]}


def books_of(program, recording, model, spec, loads):
    """What each load and the idle machine should have been booked, and was."""
    accounts = booked(program, recording, spec)
    per_cpu_second_j = (MAX_W - IDLE_W) / os.cpu_count()
    books = [{"model": model, "load": name, "true_j": used_s * per_cpu_second_j,
              "booked_j": accounts[path]["dynamic_uj"]} for name, (path, used_s) in loads.items()]
    return books + [{"model": model, "load": "idle", "true_j": IDLE_W * seconds_of(recording),
                     "booked_j": accounts["idle"]["idle_uj"]}]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--build", type=Path, default=SOURCE / "build")
    parser.add_argument("--output", type=argparse.FileType("w"), default=sys.stdout)
    options = parser.parse_args()

    sys.path.insert(0, str(SOURCE / "tests/system"))
    os.environ["JK_BINARY"] = str(options.build / "joulekeeper")
    import harness  # needs the above

    program = options.build.resolve() / "joulekeeper"
    with harness.Place() as place:
        fake = place.fake("--sockets", "1", "--updates", "50", "--idle-watts", str(IDLE_W),
                          "--max-watts", str(MAX_W))
        folder = Path(place.directory())
        called(program, "model", "calibrate", "--root", fake.root, "-o", folder / "weights.json",
               "--seconds", "3", "--other-load", "10")
        loads = record(program, place, fake.root, folder / "live.jkr")
        books = [book for model, spec in MODELS.items()
                 for book in books_of(program, folder / "live.jkr", model,
                                      spec.format(weights=folder / "weights.json"), loads)]
        json.dump(books, options.output, indent=1)


if __name__ == "__main__":
    main()
