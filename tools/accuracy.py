#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How near the models come to what was measured, and to what others reach: `make accuracy`.

    tools/accuracy.py [--build DIR] [--live FILE] [--output FILE]

Imports the recordings of real machines in JK_SHARED/data (default: ../shared/data, seen from the
project), evaluates the models on them and baselines on the same parts, plays machines whose truth is
known, and writes docs/accuracy.md. The same data and the same program give the same file, but for
the live load that tests/accuracy/live.py has measured into FILE; without one, what the document says
of that is kept. Exit status 77, and nothing is written, where the data are not there.
"""

import argparse
import csv
import gzip
import importlib.util
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
from datetime import datetime
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1]
SKIPPED = 77
SEEN, TASKS = 1, 2  # flags of readings and of ticks (docs/recording.md)
COUNTS = {"cpu": "cpu_ns", "cycles": "cycles", "instructions": "instructions", "misses": "llc_misses"}
THREE = ("cycles", "instructions", "misses")
SMARTWATTS = "smartwatts"


# ---- running the program ----

def say(text):
    print(text, file=sys.stderr, flush=True)


def output_of(*command, **options):
    return subprocess.run([str(word) for word in command], check=True, stdout=subprocess.PIPE,
                          **options).stdout


class Place:
    """Where the program, the data and the temporary recordings are."""

    def __init__(self, build, data, scratch):
        self.program, self.truth = build / "joulekeeper", build / "tests/accuracy/accuracy-truth"
        self.data, self.scratch = data, scratch

    def files(self, pattern):
        """Those files, what is compressed unpacked into the temporary folder."""
        found = sorted(self.data.glob(pattern))
        if not found:
            raise FileNotFoundError(f"{self.data / pattern} is not there")
        return [self.unpacked(path) if path.suffix == ".gz" else path for path in found]

    def unpacked(self, path):
        target = self.scratch / path.stem
        with gzip.open(path) as packed, open(target, "wb") as plain:
            shutil.copyfileobj(packed, plain)
        return target

    def record(self, name, mapping, files):
        path = self.scratch / f"{name}.jkr"
        output_of(self.program, "import", "--mapping", mapping, "-o", path, *files,
                  stderr=subprocess.DEVNULL)
        return path

    def evaluate(self, recordings, parts, model="auto"):
        """Zone -> the figures of the default model, or of that one."""
        answer = output_of(self.program, "model", "evaluate", "--model", model, "-o", "json", *parts.options(),
                           *recordings)
        return {errors["zone"]: errors for errors in json.loads(answer)}


class Parts:
    """What is learned from and what is asked about, as `model evaluate` divides."""

    def __init__(self, by="block", folds=5, block=0, ends=None):
        self.by, self.folds, self.block, self.ends = by, folds, block, ends

    def options(self):
        if self.ends:
            return ["--ends", f"1/{self.ends}"]
        return ["--by", self.by, "--folds", self.folds] + (["--block", self.block] if self.block else [])

    def divide(self, ticks):
        """The ticks learned from and those asked about, once per fold."""
        if self.ends:
            part = len(ticks) // self.ends
            yield ticks[:part], ticks[len(ticks) - part:]
            return
        of = self.folds_of(ticks)
        for fold in range(self.folds):
            yield ([tick for tick, where in zip(ticks, of) if where != fold],
                   [tick for tick, where in zip(ticks, of) if where == fold])

    def folds_of(self, ticks):
        if self.by == "file":
            return [tick["file"] % self.folds for tick in ticks]
        if self.by == "program":
            order = list(dict.fromkeys(tick["program"] for tick in ticks if tick["program"]))
            return [order.index(tick["program"]) % self.folds if tick["program"] else 0 for tick in ticks]
        return [number // self.block % self.folds for number in range(len(ticks))]


# ---- baselines ----

def load_reader():
    """The example of docs/recording.md, which shares no code with the program."""
    spec = importlib.util.spec_from_file_location("read_recording", SOURCE / "tools/read-recording.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def read_ticks(recordings):
    """Per tick: file, busiest program, watts per zone that was read, activity per second or None."""
    ticks = []
    for number, path in enumerate(recordings):
        ticks += read_recording(path, number)
    return ticks


def read_recording(path, number):
    module = load_reader()
    reader, zones, ticks = module.Reader(), [], []
    with subprocess.Popen(["zstd", "-dc", path], stdout=subprocess.PIPE) as unpack:
        for kind, body in module.messages(unpack.stdout):
            if module.KINDS.get(kind) == "zone":
                zones.append(reader.read(kind, body)["name"])
            elif module.KINDS.get(kind) == "tick":
                ticks.append(simplify(reader.read(kind, body), zones, number))
            elif kind in module.KINDS:
                reader.read(kind, body)
    if unpack.returncode:
        raise RuntimeError(f"zstd could not unpack {path}")
    return ticks


def simplify(tick, zones, number):
    watts = {zone: reading["energy_uj"] * 1e3 / reading["elapsed_ns"]
             for zone, reading in zip(zones, tick["readings"])
             if reading["flags"] & SEEN and reading["elapsed_ns"] > 0}
    seconds = tick["elapsed_ns"] / 1e9
    seen = tick["flags"] & TASKS and seconds > 0
    busiest = max(tick["tasks"], key=lambda task: task["cpu_ns"], default=None)
    return {"file": number, "program": busiest and busiest["comm"], "watts": watts,
            "activity": {name: sum(task[column] for task in tick["tasks"]) / seconds
                         for name, column in COUNTS.items()} if seen else None}


def watts_of(tick, zone):
    """Of a zone, or of all of a kind together: None where one was not read."""
    if zone in tick["watts"]:
        return tick["watts"][zone]
    of_kind = [watts for name, watts in tick["watts"].items() if name.split("-")[0] == zone]
    return sum(of_kind) if of_kind else None


def linear(*names):
    return lambda activity: [1.0] + [activity[name] for name in names]


def cubic(name):
    return lambda activity: [activity[name] ** power for power in range(4)]


def solve(matrix, right):
    """Gauss, with the largest pivot; what is singular gets 0."""
    rows = [list(row) + [value] for row, value in zip(matrix, right)]
    size = len(rows)
    for column in range(size):
        pivot = max(range(column, size), key=lambda row: abs(rows[row][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        if abs(rows[column][column]) < 1e-12:
            rows[column][column] = float("inf")
        for row in range(column + 1, size):
            factor = rows[row][column] / rows[column][column]
            rows[row] = [a - factor * b for a, b in zip(rows[row], rows[column])]
    found = [0.0] * size
    for row in reversed(range(size)):
        known = sum(rows[row][column] * found[column] for column in range(row + 1, size))
        found[row] = (rows[row][size] - known) / rows[row][row]
    return found


def fit(inputs, outputs):
    """Least squares by normal equations; each input divided by its largest, for the arithmetic."""
    scales = [max(abs(value) for value in column) or 1.0 for column in zip(*inputs)]
    scaled = [[value / scale for value, scale in zip(row, scales)] for row in inputs]
    columns = list(zip(*scaled))
    matrix = [[sum(a * b for a, b in zip(one, other)) for other in columns] for one in columns]
    weights = solve(matrix, [sum(a * b for a, b in zip(column, outputs)) for column in columns])
    return [weight / scale for weight, scale in zip(weights, scales)]


def baseline(ticks, parts, zone, inputs_of):
    """The figures of a fit, as `model evaluate` makes them: over all that was asked about."""
    errors = []
    for learn, ask in parts.divide(ticks):
        learn, ask = ([(inputs_of(tick["activity"]), watts_of(tick, zone)) for tick in part
                       if tick["activity"] and watts_of(tick, zone) is not None] for part in (learn, ask))
        weights = fit(*zip(*learn))
        errors += [(sum(a * b for a, b in zip(weights, inputs)) - watts, watts) for inputs, watts in ask]
    return figures(errors)


def figures(errors):
    distances = sorted(abs(error) for error, _ in errors)
    return {"ticks": len(errors), "mae_watts": statistics.fmean(distances),
            "mape_percent": 100 * statistics.fmean(abs(error) / watts for error, watts in errors if watts > 0),
            "bias_watts": statistics.fmean(error for error, _ in errors),
            "p95_watts": distances[-(-len(distances) * 95 // 100) - 1]}


# ---- tables ----

def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows]) + "\n"


UNITS = {"W": "mae_watts", "%": "mape_percent"}
METHODS = ("method", "ticks", "mean error, W", "mean error, %", "bias, W", "95 % below, W")


def measured_row(name, errors):
    return [name, str(errors["ticks"]), f"{errors['mae_watts']:.2f}", f"{errors['mape_percent']:.2f}",
            f"{errors['bias_watts']:+.2f}", f"{errors['p95_watts']:.2f}"]


def published_row(name, figure, unit):
    return [f"*{name}*", "", f"*{figure}*" if unit == "W" else "", f"*{figure}*" if unit == "%" else "", "", ""]


def lines(ticks, parts, zone, **inputs_of):
    """The figures of a straight line (or what inputs_of gives) on each."""
    return {f"line on {name.replace('_', ' ')}": baseline(ticks, parts, zone, inputs)
            for name, inputs in inputs_of.items()}


class Bars:
    """What is to be reached, and whether it is."""

    def __init__(self):
        self.rows, self.standing = [], []
        self.neighbours_w = None  # nx12's error where the ticks beside are known

    def compare(self, what, unit, ours, others):
        """Table of our figures and others' (name -> measured figures, or one published number in
        that unit); the best of each kind is kept beside ours. Ours are listed best first."""
        rows = [measured_row(name, errors) for name, errors in ours.items()]
        best = {}
        for name, errors in others.items():
            published = not isinstance(errors, dict)
            rows.append(published_row(name, errors, unit) if published else measured_row(name, errors))
            figure = errors if published else errors[UNITS[unit]]
            best[published] = min(best.get(published, (figure, name)), (figure, name))
        self.stand(what, unit, next(iter(ours.values()))[UNITS[unit]], best)
        return table(METHODS, rows)

    def stand(self, what, unit, figure, best):
        """best: whether published -> (figure, name)"""
        others = [f"{best[kind][0]:.2f} ({best[kind][1]})" if kind in best else "" for kind in (False, True)]
        nearest = min(best.values())[0]
        verdict = f"ahead by {nearest - figure:.2f}" if figure < nearest else f"**behind by {figure - nearest:.2f}**"
        self.standing.append([what, unit, f"{figure:.2f}", *others, verdict])

    def add(self, what, found, bar, unit):
        """found ≤ bar?"""
        verdict = "met" if found <= bar else f"**missed by {found - bar:.2f} {unit}**"
        self.rows.append([what, f"≤ {bar:g} {unit}", f"{found:.2f} {unit}", verdict])


# ---- the sets ----

def nx12(place, bars):
    files, parts = place.files("kepler-nx12/*.csv"), Parts(block=10)
    whole = place.record("nx12", "kepler-nx12", files)
    poor = place.record("nx12-poor", poorer_mapping(place), files)
    counters, frequency = place.evaluate([whole], parts), place.evaluate([poor], parts)
    smartwatts, ticks = place.evaluate([whole], parts, "smartwatts"), read_ticks([whole])
    text = ""
    given = {"package-0": {"gradient boosting": 5.1, "three counters": 10.3, "cycles": 11.6, "CPU time": 23.4}}
    for zone, title in (("package-0", "package"), ("dram-0", "DRAM"), ("wall", "wall")):
        text += f"\nOf {title}:\n\n" + bars.compare(
            f"kepler-nx12, {title}", "W",
            {"adaptive, with counters": counters[zone], "adaptive, CPU time and frequency alone": frequency[zone]},
            {SMARTWATTS: smartwatts[zone],
             **lines(ticks, parts, zone, CPU_time=linear("cpu"), cycles=linear("cycles"),
                     three_counters=linear(*THREE), CPU_time_and_three_counters=linear("cpu", *THREE)),
             **given.get(zone, {})})
    bars.neighbours_w = place.evaluate([whole], Parts(block=1))["package-0"]["mae_watts"]
    bars.add("nx12, package, with counters", counters["package-0"]["mae_watts"], 5.1, "W")
    bars.add("nx12, package, with counters (to be tried for)", counters["package-0"]["mae_watts"], 4.0, "W")
    bars.add("nx12, package, CPU time and frequency", frequency["package-0"]["mae_watts"], 11, "W")
    return text


def poorer_mapping(place):
    """The shipped mapping with CPU time and cycles alone (frequency is cycles by CPU time)."""
    path = place.scratch / "nx12-cpu-and-cycles.yaml"
    lines = (SOURCE / "data/mappings/kepler-nx12.yaml").read_text(encoding="utf-8").splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "feature: instructions" not in line
                            and "feature: llc_misses" not in line), encoding="utf-8")
    return path


def coremark(place, bars):
    pods, parts = place.files("kepler-coremark/pod_energy_stat.csv.gz"), Parts(ends=3)
    sockets = place.record("coremark", "kepler-coremark", place.files("kepler-coremark/node_package*.csv") + pods)
    node = place.record("coremark-node", "kepler-coremark-node",
                        place.files("kepler-coremark/node_energy_stat.csv") + pods)
    by_socket, together = place.evaluate([sockets], parts), place.evaluate([node], parts)
    smartwatts, ticks, text = place.evaluate([sockets], parts, "smartwatts"), read_ticks([sockets]), ""
    given = {"package": {"three counters": 3.4, "cycles": 5.2, "CPU time": 16.3}}
    for zone, title in (("package", "packages"), ("dram", "DRAM")):
        text += f"\nOf {title}, both sockets:\n\n" + bars.compare(
            f"kepler-coremark, {title}", "%",
            {"adaptive, each socket by itself, added up": by_socket[zone],
             "adaptive, both sockets as one zone": together[f"{zone}-0"]},
            {SMARTWATTS: smartwatts[zone],
             **lines(ticks, parts, zone, CPU_time=linear("cpu"), cycles=linear("cycles"),
                     three_counters=linear(*THREE)), **given.get(zone, {})})
    bars.add("coremark, packages, last third", by_socket["package"]["mape_percent"], 3.0, "%")
    return text


def kepler_vm(place, bars):
    parts, text = Parts(by="file", folds=2), ""
    for mapping, column, title in (
            ("kepler-vm-guest", "guest_proc_cpu_ms_per_s", "What the guest sees of itself"),
            ("kepler-vm", "host_vm_cpu_ms_per_s", "What the host sees of the guest")):
        files = [path for path in place.files("kepler-vm/*.csv") if column in header_of(path)]
        recordings = [place.record(f"{mapping}-{path.stem}", mapping, [path]) for path in files]
        found, ticks = place.evaluate(recordings, parts)["package-0"], read_ticks(recordings)
        others = {**lines(ticks, parts, "package-0", CPU_time=linear("cpu")),
                  "cubic on CPU time": baseline(ticks, parts, "package-0", cubic("cpu"))}
        if mapping == "kepler-vm-guest":
            bars.add("kepler-vm, package, by the guest", found["mape_percent"], 10, "%")
            others |= {"Kepler's estimate in these files, against the host's package": keplers_estimate(files),
                       "cubic on guest CPU time": 12.9, "Kepler's own estimate": 852}
        text += f"\n{title} ({len(files)} runs):\n\n" + bars.compare(
            f"{mapping}, package", "%", {"adaptive, CPU time": found}, others)
    return text


def header_of(path):
    with open(path, encoding="utf-8") as file:
        return file.readline()


def keplers_estimate(files):
    errors = []
    for path in files:
        with open(path, encoding="utf-8") as file:
            for row in csv.DictReader(file):
                if row["guest_model_pkg_W"] and row["host_rapl_pkg_W"]:
                    watts = float(row["host_rapl_pkg_W"])
                    errors.append((float(row["guest_model_pkg_W"]) - watts, watts))
    return figures(errors)


def odroid(place, bars):
    parts = Parts(by="program", folds=10)
    recording = place.record("odroid", "odroid-xu3", place.files("odroid-xu3/*.gz"))
    found, ticks = place.evaluate([recording], parts)["package-0"], read_ticks([recording])
    bars.add("odroid-xu3, by program", found["mape_percent"], 4.0, "%")
    return bars.compare("odroid-xu3", "%", {"adaptive": found}, {
        SMARTWATTS: place.evaluate([recording], parts, "smartwatts")["package-0"],
        **lines(ticks, parts, "package-0", cycles=linear("cycles"),
                cycles_and_instructions=linear("cycles", "instructions")),
        "V²f": 10.7, "V² · (cycles, instructions) + temperature": 4.4})


def hwpc(place, bars):
    rows = []
    for name in ("real40", "synth200"):
        folder = place.data / "hwpc-golden" / name
        wanted = powers((folder / "expected_power.csv").read_text(encoding="utf-8"))
        answer = output_of(place.program, "smartwatts", *smartwatts_options(folder),
                           *(folder / f"{group}.csv" for group in ("core", "msr", "rapl")), text=True)
        found = powers(answer)
        farthest = max(abs(found[key] - wanted[key]) for key in wanted.keys() & found.keys())
        other = len(wanted.keys() ^ found.keys())
        rows.append([name, str(len(wanted)), str(other), f"{farthest:.1e}"])
        met = other == 0 and farthest <= 1e-9
        bars.rows.append([f"hwpc-golden, {name}: the same estimates", "≤ 1e-09 W, same set", f"{farthest:.1e} W",
                          "met" if met else "**missed**"])
    return table(("reports", "estimates of power", "missing or too many", "largest difference, W"), rows)


def smartwatts_options(folder):
    given = json.loads((folder / "parameters.json").read_text(encoding="utf-8"))
    names = {"cpu_base_freq_mhz": "cpu-base-freq", "cpu_tdp_w": "cpu-tdp", "period_ms": "sensor-reports-frequency",
             "cpu_error_threshold_w": "cpu-error-threshold", "dram_error_threshold_w": "dram-error-threshold",
             "min_samples": "learn-min-samples-required", "history_window": "learn-history-window-size",
             "error_window": "learn-error-window-size"}
    options = [f"--{option}={given[name]}" for name, option in names.items() if name in given]
    return options + ([] if given["dram"] else ["--disable-dram-formula"])


def powers(text):
    return {(int(row["timestamp"]), row["target"], row["socket"], row["scope"]): float(row["power"])
            for row in csv.DictReader(text.splitlines())}


# ---- servers without a meter ----

ESTIMATES = {
    ("predict_by_threads", "like"): "by threads (what the program does)",
    ("predict_by_threads", "server"): "the same, only the server itself left out",
    ("predict_by_threads", "cpu"): "the same, all servers with this CPU left out",
    ("predict_straight", "like"): "by threads, straight line from idle to maximum",
    ("predict_by_tdp", "like"): "by TDP",
}


def servers(place, bars):
    """The errors that tools/cpu-models.py tells of the models that the program has."""
    folder = place.scratch / "models"
    folder.mkdir()
    told = subprocess.run([sys.executable, "-B", SOURCE / "tools/cpu-models.py", "make", place.data, folder],
                          check=True, stderr=subprocess.PIPE, text=True).stderr
    found = {(name, left_out): (servers, mean, median) for name, left_out, servers, mean, median in re.findall(
        r"^(\w+), (\w+) left out: (\d+) servers .*mean ([\d.]+) %, median ([\d.]+) %", told, re.MULTILINE)}
    bars.add("servers without a meter, family known", float(found["predict_by_threads", "like"][1]), 12, "%")
    (ours, _), *others = ((float(found[key][1]), title) for key, title in ESTIMATES.items() if key[1] == "like")
    bars.stand("servers without a meter", "%", ours, {False: min(others)})
    return table(("method", "servers", "mean error, %", "median, %"),
                 [[title, *found[key]] for key, title in ESTIMATES.items()])


# ---- two identical programs, as others divide them ----

def identical(place):
    rows = []
    for run in (1, 2, 3):
        folder = place.data / f"ccgrid23/two-identical-programs-run{run}"
        for name, series in (("SmartWatts", powerapi_series(folder)), ("Scaphandre", scaphandre_series(folder))):
            one, other = (statistics.fmean(values) for values in overlap(series))
            apart_pct = 100 * (max(one, other) / min(one, other) - 1)
            rows.append([str(run), name, f"{one:.1f}", f"{other:.1f}", f"{apart_pct:.1f}"])
    return table(("run", "tool", "one program, W", "the other, W", "apart, %"), rows)


def running(folder, tool):
    """When both programs ran."""
    told = json.loads((folder / "experiments.json").read_text(encoding="utf-8"))
    experiment, = (one for one in told["experiments"] if one["name"] == tool)
    return tuple(datetime.fromisoformat(experiment["benchmarks"][0][end]) for end in ("start_time", "end_time"))


def series_of(rows, times, key, value):
    """Program -> time -> watts, while both ran."""
    series = {}
    for row in rows:
        at = datetime.fromisoformat(row["timestamp"][:26].ljust(26, "0") if "." in row["timestamp"]
                                    else row["timestamp"])
        if times[0] <= at <= times[1]:
            of = series.setdefault(row[key], {})
            of[at] = of.get(at, 0) + float(row[value])
    return series


def powerapi_series(folder):
    with gzip.open(folder / "powerapi_powerapi.csv.gz", "rt", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file)
                if row["scope"] == "cpu" and row["target"].startswith("/benchmark")]
    return series_of(rows, running(folder, "PowerAPI"), "target", "power")


def scaphandre_series(folder):
    with open(folder / "scaphandre-process_scaphandre.csv", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["exe"] == "ep.D.x"]
    return series_of(rows, running(folder, "Scaphandre"), "pid", "value")


def overlap(series):
    """The watts of the two, at the times at which both have more than half of their median: one of
    them ends first."""
    one, other = (series[name] for name in sorted(series))
    half = [statistics.median(watts.values()) / 2 for watts in (one, other)]
    both = [time for time in sorted(one.keys() & other.keys()) if one[time] > half[0] and other[time] > half[1]]
    return [one[time] for time in both], [other[time] for time in both]


# ---- a truth that is known ----

SCENES = {"varied": "after ten minutes of varied load", "garbage": "the same, with three events that mean nothing",
          "no-counters": "the same, CPU time alone is seen", "idle": "after an idle minute alone"}
DIVIDED = (("compute", "package"), ("memory", "package"), ("memory", "dram"))


def errors_of(books, **wanted):
    return [100 * (book["booked_j"] / book["true_j"] - 1) for book in books
            if all(book[key] == value for key, value in wanted.items())]


def typical(errors):
    return f"{statistics.median(abs(error) for error in errors):.1f} ({max(abs(error) for error in errors):.1f})"


def truth(books, bars):
    rows = []
    for scene, title in SCENES.items():
        for model in ("adaptive", "share"):
            rows.append([title, model, *(typical(errors_of(books, scene=scene, model=model, program=program, zone=zone))
                                         for program, zone in DIVIDED)])
    for program, zone in DIVIDED:
        errors = [abs(error) for error in errors_of(books, scene="varied", model="adaptive", program=program, zone=zone)]
        limit = 10 if zone == "dram" else 5
        what = f"known truth, {'DRAM' if zone == 'dram' else zone} of the {program}-bound program"
        bars.add(f"{what}, median", statistics.median(errors), limit, "%")
        bars.add(f"{what}, worst of {len(errors)}", max(errors), limit, "%")
    return table(("before", "model", "compute-bound, package", "memory-bound, package", "memory-bound, DRAM"), rows)


def twins(books, bars):
    rows = []
    for model in ("adaptive", "share"):
        apart = {zone: [100 * abs(one["booked_j"] / other["booked_j"] - 1)
                        for one, other in zip(*(pick(books, model, program, zone) for program in ("other", "twin")))]
                 for zone in ("package", "dram")}
        rows.append([model, *(typical(apart[zone]) for zone in ("package", "dram"))])
        if model == "adaptive":
            bars.add("identical programs, apart, worst", max(apart["package"] + apart["dram"]), 2, "%")
    return table(("model", "package, apart", "DRAM, apart"), rows)


def pick(books, model, program, zone):
    return [book for book in books if book["scene"] == "twins" and book["model"] == model
            and book["program"] == program and book["zone"] == zone]


# ---- live load, on the fake meter ----

LOADS = {"one": "a loop, then in turns with the next", "three": "a loop that takes turns of 1 : 3, then beside the next",
         "burner": "processes of 5 to 150 ms, one after the other", "idle": "the idle machine"}


def live(path):
    books = json.loads(path.read_text(encoding="utf-8"))
    models = list(dict.fromkeys(book["model"] for book in books))
    rows = []
    for load, title in LOADS.items():
        of = {book["model"]: book for book in books if book["load"] == load}
        rows.append([title, f"{of[models[0]]['true_j']:.1f}",
                     *(f"{100 * (of[model]['booked_j'] / of[model]['true_j'] - 1):+.1f}" for model in models)])
    return table(("load", "deserved, J", *models), rows)


def live_as_before(document):
    """What stands between the sentence that ends with a colon and the next heading."""
    return re.search(r"^## Live load.*?:\n\n(.*?)\n\n", document.read_text(encoding="utf-8"),
                     re.MULTILINE | re.DOTALL)[1]


# ---- the document ----

def document(place, live_table):
    bars, template = Bars(), (SOURCE / "tools/accuracy.md.in").read_text(encoding="utf-8")
    version = output_of(place.program, "version", text=True).splitlines()[0]
    parts = {"VERSION": version, "LIVE": live_table.strip()}
    for name, measure in (("NX12", nx12), ("COREMARK", coremark), ("VM", kepler_vm), ("ODROID", odroid), ("HWPC", hwpc),
                          ("SERVERS", servers)):
        say(f"{name.lower()} …")
        parts[name] = measure(place, bars).strip()
    say("known truth …")
    books = json.loads(output_of(place.truth))
    parts["TRUTH"], parts["TWINS"] = truth(books, bars).strip(), twins(books, bars).strip()
    parts["SEEDS"] = str(len({book["seed"] for book in books}))
    parts["IDENTICAL"] = identical(place).strip()
    parts["BARS"] = table(("what", "to be reached", "measured", ""), bars.rows).strip()
    parts["NEIGHBOURS"] = f"{bars.neighbours_w:.2f}"
    parts["STANDING"] = table(("set", "unit", "ours", "best baseline", "best published", ""), bars.standing).strip()
    for name, text in parts.items():
        template = template.replace(f"@{name}@", text)
    return template


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n", maxsplit=1)[0])
    parser.add_argument("--build", type=Path, default=SOURCE / "build", help="build folder (default: build)")
    parser.add_argument("--live", type=Path, metavar="FILE", help="what tests/accuracy/live.py has written")
    parser.add_argument("--output", type=Path, default=SOURCE / "docs/accuracy.md", help="the file to write")
    return parser.parse_args()


def main():
    options = arguments()
    data = Path(os.environ.get("JK_SHARED") or SOURCE.parent / "shared").resolve() / "data"
    if not data.is_dir():
        say(f"accuracy: skipped: there is no {data}; name the folder that has `data` in JK_SHARED")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="joulekeeper-accuracy.") as scratch:
        text = document(Place(options.build.resolve(), data, Path(scratch)),
                        live(options.live) if options.live else live_as_before(options.output))
    options.output.write_text(text, encoding="utf-8")
    say(f"written to {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
