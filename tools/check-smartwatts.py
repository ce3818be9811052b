#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compare joulekeeper smartwatts with docs/smartwatts.md, written anew on scikit-learn 1.2.1.

    pip install scikit-learn==1.2.1 'numpy<1.25' 'scipy<1.11'
    tools/check-smartwatts.py build/joulekeeper [ROUNDS]

Each round makes up reports of one or two sockets, several frequencies, loads that change, and
machines, targets and MPERF that are missing or late; and options. It fails if a report of power is
missing, too many, or more than 1e-9 of its power off (of 1 W, if it is less)."""

import csv
import io
import json
import math
import random
import statistics
import subprocess
import sys
import warnings
from collections import defaultdict, deque

import numpy
from sklearn.linear_model import ElasticNet

WAITING = 5
CLOCK_MHZ = 100
BASE_MHZ = 2150
METERS = {"cpu": "RAPL_ENERGY_PKG", "dram": "RAPL_ENERGY_DRAM"}
EVENTS = {"CYCLES": 1e9, "INSTRUCTIONS": 2e9, "MISSES": 1e6, "A_CLOCK:REF": 8e8}
TOLERANCE = 1e-9


class Layer:
    """The samples and the model of one frequency."""

    def __init__(self, options, threshold_w):
        self.options, self.threshold_w, self.model = options, threshold_w, None
        self.features, self.powers = (deque(maxlen=options["history-window-size"]) for _ in range(2))
        self.errors = deque(maxlen=options["error-window-size"])

    def learn(self):
        if len(self.powers) >= self.options["min-samples-required"]:
            model = ElasticNet(positive=True, fit_intercept=len(self.powers) == self.powers.maxlen)
            model.fit(numpy.array(self.features, dtype=float), numpy.array(self.powers))
            if 0 <= model.intercept_ < self.options["cpu-tdp"]:
                self.model = model
        self.errors.clear()

    def observe(self, features, power_w):
        error_w = abs(power_w - self.predict(features)) if self.model else None
        self.features.append(features)
        self.powers.append(power_w)
        if error_w is not None:
            self.errors.append(error_w)
            method = statistics.median if self.options["method"] == "median" else statistics.fmean
            if method(self.errors) <= self.threshold_w:
                return
        self.learn()

    def predict(self, features):
        return self.model.predict([features])[0]


class Socket:
    """One socket: the times that wait, and the layers per scope."""

    def __init__(self, number, options):
        self.number, self.options, self.times = number, options, {}
        self.layers = {scope: {} for scope in METERS}

    def take(self, report, powers):
        self.times.setdefault(report["timestamp"], {})[report["target"]] = report["groups"]
        if len(self.times) > WAITING:
            timestamp = next(iter(self.times))
            self.process(timestamp, self.times.pop(timestamp), powers)

    def process(self, timestamp, targets, powers):
        machine = targets.pop("all", None)
        if not machine or not targets:
            return
        counts = {target: self.counts(groups) for target, groups in targets.items()}
        total = defaultdict(int)
        for target in counts.values():
            for event, count in target.items():
                total[event] += count
        for scope in METERS:
            found = self.estimate(scope, machine, counts, total)
            powers.update({(timestamp, target, self.number, scope): power for target, power in found.items()})

    def counts(self, groups):
        sums = defaultdict(int)
        for cpu in groups["core"][self.number].values():
            for event, count in cpu.items():
                if event not in ("time_enabled", "time_running"):
                    sums[event] += count
        return sums

    def estimate(self, scope, machine, counts, total):
        """Target -> (watts, ratio)."""
        energy = next(iter(machine["rapl"][self.number].values()))[METERS[scope]]
        power_w = math.ldexp(energy, -32) / (self.options["period"] / 1000)
        found = {"rapl": (power_w, 1)}
        cpus = machine["msr"][self.number].values()
        aperf, mperf = (sum(cpu[event] for cpu in cpus) / len(cpus) for event in ("APERF", "MPERF"))
        frequency = int(CLOCK_MHZ * (BASE_MHZ // CLOCK_MHZ) * aperf / mperf) if mperf else 0
        if frequency < CLOCK_MHZ:
            return found
        layer = self.layers[scope].setdefault(min(100, frequency // CLOCK_MHZ),
                                              Layer(self.options, self.options[f"{scope}-error-threshold"]))
        if layer.model:
            found.update(self.split(layer, counts, total))
        layer.observe(vector(total), power_w)
        return found

    @staticmethod
    def split(layer, counts, total):
        intercept_w, global_w = layer.model.intercept_, layer.predict(vector(total))
        yield "global", (global_w, 1)
        for target, events in counts.items():
            dynamic_w = layer.predict(vector(events)) - intercept_w
            if dynamic_w <= 0 or global_w <= intercept_w:
                yield target, (0, 0)
                continue
            ratio = dynamic_w / (global_w - intercept_w)
            yield target, (dynamic_w + ratio * intercept_w, ratio)


def vector(events):
    return [events[event] for event in sorted(events)]


def reference(reports, options):
    sockets, powers = {}, {}
    for report in reports:
        for number in {number for group in report["groups"].values() for number in group}:
            sockets.setdefault(number, Socket(number, options)).take(report, powers)
    return powers


# ---- reports made up ----

def make_target(chance, sockets, events, load):
    return {"core": {number: {str(cpu): {
        **{event: int(EVENTS[event] * load * chance.uniform(0.8, 1.2)) for event in events},
        "time_enabled": 10**9, "time_running": 10**9} for cpu in range(2)} for number in sockets}}


def make_machine(chance, sockets, dynamic_w, frequency):
    groups = {"rapl": {}, "msr": {}}
    without_mperf = chance.random() < 0.02
    for number in sockets:
        power_w = (15 + dynamic_w[number]) * chance.gauss(1, 0.01)
        energies = {"RAPL_ENERGY_PKG": power_w, "RAPL_ENERGY_DRAM": 3 + power_w / 20}
        groups["rapl"][number] = {"1": {event: int(watts * 2**32) for event, watts in energies.items()},
                                  "0": {event: 1 for event in energies}}  # the first one listed counts
        groups["msr"][number] = {str(cpu): {
            "APERF": 0 if without_mperf else int(frequency * chance.uniform(1, 1.02) * 1e5),
            "MPERF": 0 if without_mperf else int(2100e5)} for cpu in range(2)}
    return groups


def make_reports(chance):
    sockets = chance.choice((["0"], ["0", "1"]))
    events = list(EVENTS)[:chance.randint(1, len(EVENTS))]
    watts = {event: 10**chance.uniform(-10, -8.5) for event in events}
    frequencies = chance.choice(([2100], [1200, 2100, 3000], range(1200, 3300, 100)))
    targets = [f"/target-{i}" for i in range(chance.choice((2, 3, 6)))]
    frequency, busy, late = 2100, 1, defaultdict(list)
    for second in range(1, chance.choice((60, 200, 400))):
        frequency = chance.choice(frequencies) if chance.random() < 0.15 else frequency
        busy = chance.choice((0.01, 0.3, 1, 2)) if chance.random() < 0.05 else busy
        groups = {target: make_target(chance, sockets, events, chance.uniform(0.2, 2) * busy)
                  for target in targets if chance.random() > 0.05}
        dynamic_w = {number: sum(watts[event] * cpu[event] for target in groups.values()
                                 for cpu in target["core"][number].values() for event in events)
                     for number in sockets}
        if chance.random() > 0.03:
            groups["all"] = make_machine(chance, sockets, dynamic_w, frequency)
        reports = [{"timestamp": 1000 * second, "sensor": "s", "target": target, "groups": group}
                   for target, group in groups.items()]
        chance.shuffle(reports)
        if reports and chance.random() < 0.05:
            late[second + chance.choice((2, 4, 8))].append(reports.pop())
        yield from reports + late[second]


def make_options(chance):
    return {"period": chance.choice((500, 1000)), "history-window-size": chance.choice((12, 20, 60)),
            "error-window-size": chance.choice((5, 60)), "min-samples-required": chance.choice((3, 10)),
            "cpu-tdp": chance.choice((20, 400)), "method": chance.choice(("median", "mean")),
            "cpu-error-threshold": chance.choice((0.2, 2)), "dram-error-threshold": chance.choice((0.1, 2))}


# ---- comparing ----

def run(program, reports, options):
    learn = ("history-window-size", "error-window-size", "min-samples-required")
    answer = subprocess.run(
        [program, "smartwatts", f"--cpu-base-freq={BASE_MHZ}", f"--sensor-reports-frequency={options['period']}",
         f"--learn-error-window-method={options['method']}",
         *(f"--learn-{name}={options[name]}" for name in learn),
         *(f"--{name}={options[name]}" for name in ("cpu-tdp", "cpu-error-threshold", "dram-error-threshold")), "-"],
        input="".join(json.dumps(report) + "\n" for report in reports), capture_output=True, text=True, check=True)
    return {(int(row["timestamp"]), row["target"], row["socket"], row["scope"]):
            (float(row["power"]), float(row["ratio"])) for row in csv.DictReader(io.StringIO(answer.stdout))}


def largest_difference(found, wanted):
    """Of power and ratio, relative to what is wanted where that is above 1."""
    if found.keys() != wanted.keys():
        sys.exit(f"not the same reports: {sorted(found.keys() ^ wanted.keys())[:5]} …")
    return max((abs(a - b) / max(1, abs(b)) for key in wanted for a, b in zip(found[key], wanted[key])), default=0)


def main():
    warnings.simplefilter("ignore")  # of fits that did not converge: they have to be the same, too
    program, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 20
    worst = compared = 0
    for seed in range(rounds):
        chance = random.Random(seed)
        reports, options = list(make_reports(chance)), make_options(chance)
        wanted = reference(reports, options)
        difference = largest_difference(run(program, reports, options), wanted)
        if difference > TOLERANCE:
            sys.exit(f"round {seed}: {difference:g} off")
        worst, compared = max(worst, difference), compared + len(wanted)
    print(f"{compared} reports of power in {rounds} rounds, largest relative difference {worst:.2g}")


main()
