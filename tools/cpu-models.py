#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The models of CPU families that ship with the program (docs/estimate.md).

    tools/cpu-models.py make DATA DIR    write DIR/FAMILY.json for each, figures on stderr
    tools/cpu-models.py check DATA DIR   whether that is what stands in DIR
    tools/cpu-models.py c FILE…          what the estimate needs of them as C initialisers, for the build

DATA has the published figures they are made from: SPECpower_ssj2008 results (wall power of whole
servers at eleven load levels), cloud coefficients where there are no such results, and recordings of
machines that have RAPL, which turn wall power into package power.
"""
import csv
import datetime
import json
import math
import pathlib
import re
import statistics
import sys
from collections import defaultdict

LEVELS = range(11)  # load 0, 10 … 100 %
DATE = "2026-11-21"  # of the latest change of the data or the method: the same data make the same files

# A family is what CPUID tells apart by family, model and stepping, so parts for one socket with the
# client's core and uncore (E3, E-2000, Core) are families of their own: their servers are small boxes,
# and nothing about them is like a server with two large parts.
CLIENT = re.compile(r"\bE3-|\bE-2\d|\bCore\b")
FAMILIES = {
    # architecture in the results: (family, family of the client's parts)
    "core": ("core", "core"), "nehalem": ("nehalem", "nehalem"),
    "sandybridge": ("sandybridge", "sandybridge-client"), "ivybridge": ("ivybridge", "ivybridge-client"),
    "haswell": ("haswell", "haswell-client"), "broadwell": ("broadwell", "haswell-client"),
    "skylake": ("skylake", "skylake-client"), "cascadelake": ("cascadelake", "skylake-client"),
    "kabylabe": ("skylake-client", "skylake-client"), "coffeelake": ("skylake-client", "skylake-client"),
    "opteron": ("opteron", "opteron"), "epyc-gen1": ("zen1", "zen1"),
}

TITLES = {
    "core": "Intel Core 2 and its Xeons", "nehalem": "Intel Nehalem and Westmere",
    "sandybridge": "Intel Sandy Bridge servers (Xeon E5)",
    "sandybridge-client": "Intel Sandy Bridge clients (Core, Xeon E3)",
    "ivybridge": "Intel Ivy Bridge servers (Xeon E5 v2)",
    "ivybridge-client": "Intel Ivy Bridge clients (Core, Xeon E3 v2)",
    "haswell": "Intel Haswell servers (Xeon E5 v3)",
    "haswell-client": "Intel Haswell and Broadwell clients (Core, Xeon E3 v3)",
    "broadwell": "Intel Broadwell servers (Xeon E5 v4)",
    "skylake": "Intel Skylake servers (Xeon Scalable, 1st generation)",
    "skylake-client": "Intel Skylake to Coffee Lake clients (Core, Xeon E3 v5, E-2100)",
    "cascadelake": "Intel Cascade Lake servers (Xeon Scalable, 2nd generation)",
    "icelake": "Intel Ice Lake servers (Xeon Scalable, 3rd generation)",
    "sapphirerapids": "Intel Sapphire Rapids servers (Xeon Scalable, 4th generation)",
    "emeraldrapids": "Intel Emerald Rapids servers (Xeon Scalable, 5th generation)",
    "graniterapids": "Intel Granite Rapids servers (Xeon 6)",
    "opteron": "AMD Opteron", "zen1": "AMD EPYC, 1st generation", "zen2": "AMD EPYC, 2nd generation",
    "zen3": "AMD EPYC, 3rd generation", "zen4": "AMD EPYC, 4th generation",
    "zen-desktop": "AMD Ryzen and Threadripper",
    "intel-other": "any other Intel CPU", "amd-other": "any other AMD CPU", "other": "any other CPU",
}

# Cloud coefficients (W per vCPU) for what has no results. Left out, because they cannot be right or
# were not measured: EPYC 5th Gen (9 W per vCPU would be 2,300 W per socket); Graviton (its figures
# are those of EPYC 2nd Gen).
CLOUD = {
    "Ice Lake": ("icelake", "skylake"), "Sapphire Rapids": ("sapphirerapids", "skylake"),
    "Emerald Rapids": ("emeraldrapids", "skylake"), "Granite Rapids": ("graniterapids", "skylake"),
    "EPYC 2nd Gen": ("zen2", "zen1"), "EPYC 3rd Gen": ("zen3", "zen1"),
    "EPYC 4th Gen": ("zen4", "zen1"),
}

AMD = {"opteron", "zen1", "zen2", "zen3", "zen4", "zen-desktop", "amd-other"}

# What an unknown CPU is taken for: only what is still in service.
MODERN = {"haswell", "haswell-client", "broadwell", "skylake", "skylake-client", "cascadelake", "icelake",
          "sapphirerapids", "emeraldrapids", "graniterapids", "zen1", "zen2", "zen3", "zen4"}


def vendor_of(name):
    return "amd" if name in AMD else "intel" if name != "other" else ""


def geometric_mean(values):
    return math.exp(statistics.mean(math.log(v) for v in values))


def one_sigma(errors):
    """The error that 68 % of the cases stay below: one standard deviation, were they normal, and
    not moved by the few servers of 2016 that were full of disks."""
    errors = sorted(errors)
    return errors[min(len(errors) - 1, math.ceil(0.6827 * len(errors)) - 1)]


def percentile(values, p):
    values = sorted(values)
    return values[round(p / 100 * (len(values) - 1))]


# ---- servers ----

def model_name(cpu):
    """The CPU's name without what some add to it: "Intel Xeon E5-2699 v4 2.20 GHz" is the same part."""
    cpu = re.sub(r"\(.*?\)|\[.*?\]|\bCPU\b|@|Dell SKU|[\d.]+ ?GHz|,", " ", cpu)
    return " ".join(cpu.split()).lower()


def read_servers(shared):
    servers = []
    for row in csv.DictReader(open(shared / "specpower/curves.csv")):
        if row["architecture"] not in FAMILIES:
            continue
        threads, chips = float(row["threads"]), float(row["chips"])
        tdp = float(row["tdp_w_per_chip"]) * chips if row["tdp_w_per_chip"] else None
        servers.append({
            "cpu": model_name(row["cpu"]), "chips": chips, "memory": row["memory_gb"], "tdp": tdp,
            "family": FAMILIES[row["architecture"]][bool(CLIENT.search(row["cpu"]))],
            "watts": [float(row[f"w_at_{10 * level}"]) for level in LEVELS],
            "threads": threads, "smt": threads / float(row["cores"]),
        })
    return servers


def rising(watts):
    """Load never saves power: medians of few servers may say so by chance."""
    return [max(watts[:level + 1]) for level in LEVELS]


def fit(servers, size="threads"):
    """The median of each level's watts per thread: no server that was full of disks moves it."""
    return rising([statistics.median(s["watts"][level] / s[size] for s in servers) for level in LEVELS])


def error(estimate, truth):
    return statistics.mean(abs(e - t) / t for e, t in zip(estimate, truth))


def by_family(servers):
    groups = defaultdict(list)
    for server in servers:
        groups[server["family"]].append(server)
    return groups


# What is left out of the fit besides the server itself. Results name no maker of the server; those of
# the same CPUs, as many, and as much memory may be of the same machine, measured again.
LEFT_OUT = {
    "server": lambda a, b: a is b,
    "like": lambda a, b: (a["cpu"], a["chips"], a["memory"]) == (b["cpu"], b["chips"], b["memory"]),
    "cpu": lambda a, b: a["cpu"] == b["cpu"],
}


def leave_out(servers, predict, left_out="like"):
    """Error for each server, predicted from the others of its family; None: there are no others."""
    errors = []
    for server in servers:
        others = [s for s in servers if not LEFT_OUT[left_out](s, server)]
        estimate = predict(others, server) if others else None
        errors.append(error(estimate, server["watts"]) if estimate else None)
    return [e for e in errors if e is not None]


def predict_by_threads(others, server):
    return [server["threads"] * watts for watts in fit(others)]


def predict_straight(others, server):
    idle, *_, top = fit(others)
    return [server["threads"] * (idle + (top - idle) * level / 10) for level in LEVELS]


def predict_by_tdp(others, server):
    others = [s for s in others if s["tdp"]]
    if not others or not server["tdp"]:
        return None
    return [server["tdp"] * watts for watts in fit(others, "tdp")]


METHODS = [(predict_by_threads, "like"), (predict_by_threads, "server"), (predict_by_threads, "cpu"),
           (predict_straight, "like"), (predict_by_tdp, "like")]


# ---- machines with RAPL: from wall to package ----

def machine(name, row, threads, idle_w, max_w):
    return {"name": name, "row": row, "threads": threads, "idle": idle_w, "max": max_w}


def read_machines(shared):
    machines = []

    path = shared / "kepler-nx12/preprocess_abs_default_rapl_Basic.csv"
    package = [float(r["package_power"]) for r in csv.DictReader(open(path))]
    machines.append(machine("2 × E5-2667 v3", "haswell", 32, percentile(package, 2),
                            percentile(package, 98)))

    package = [float(r["host_rapl_pkg_W"]) for path in sorted((shared / "kepler-vm").glob("*.csv"))
               for r in csv.DictReader(open(path)) if r["host_rapl_pkg_W"]]
    machines.append(machine("E-2278G", "skylake-client", 16, percentile(package, 2),
                            percentile(package, 98)))

    # The first point of a sweep is an artefact of its counter: the second, at 12 %, stands for it.
    sweeps = shared / "cpu-coefficients/load-sweeps"
    rows = list(csv.DictReader(open(sweeps / "E3-1240-all_cores.csv")))
    machines.append(machine("E3-1240 v2", "ivybridge-client", 8, float(rows[1]["rapl_power"]),
                            float(rows[-1]["rapl_power"])))

    # Hyper-threading is off: 40 cores are worth 80 threads.
    seconds = defaultdict(float)
    for r in csv.DictReader(open(shared / "ccgrid23/rapl-and-wattmeter-run1/perf_perf.csv")):
        if "pkg" in r["event"]:
            second = datetime.datetime.fromisoformat(r["timestamp"][:19])
            seconds[second] += float(r["value_joules"])
    package = list(seconds.values())
    # It was never idle while it was recorded.
    machines.append(machine("2 × E5-2698 v4", "broadwell", 80, None, percentile(package, 98)))
    return machines


def factors(machines, fitted):
    """What RAPL reads of a package, over what the models say of the wall: idle, dynamic."""
    idle = geometric_mean(m["idle"] / (fitted[m["row"]][0] * m["threads"])
                          for m in machines if m["idle"])
    spans = []
    for m in machines:
        wall_idle, *_, wall_max = fitted[m["row"]]
        low = m["idle"] or idle * wall_idle * m["threads"]
        spans.append((m["max"] - low) / ((wall_max - wall_idle) * m["threads"]))
    return idle, geometric_mean(spans)


def calibration_error(machines, fitted, report):
    """Each machine by the others' factors: the mean deviation at idle, half way and maximum, over
    the mean of the three (an error of energy: a small idle is not weighed like a large maximum)."""
    errors = []
    for m in machines:
        idle, dynamic = factors([other for other in machines if other is not m], fitted)
        low = idle * fitted[m["row"]][0] * m["threads"]
        top = low + dynamic * (fitted[m["row"]][10] - fitted[m["row"]][0]) * m["threads"]
        truth, estimate = [m["max"]], [top]
        if m["idle"]:
            truth += [m["idle"], (m["idle"] + m["max"]) / 2]
            estimate += [low, (low + top) / 2]
        errors.append(sum(abs(e - t) for e, t in zip(estimate, truth)) / sum(truth))
        known = f"{m['idle']:.0f} W" if m["idle"] else "not seen"
        report(f"  {m['name']:16} idle {known}, estimated {low:.0f} W; max {m['max']:.0f} W, "
               f"estimated {top:.0f} W; error {100 * errors[-1]:.0f} %")
    return math.sqrt(statistics.mean(e * e for e in errors))


def read_desktop(shared):
    """Ryzen and Threadripper: no server's figures fit them. One sweep, of RAPL itself; idle by the
    line through its second and fourth points, as the first is an artefact."""
    path = shared / "cpu-coefficients/load-sweeps/AMD_Threadripper-all_cores.csv"
    points = [(float(r["cpu_load"]) / 100, float(r["rapl_power"]))
              for r in csv.DictReader(open(path))][1:]
    (x0, y0), (x1, y1) = points[0], points[2]
    idle = y0 - x0 * (y1 - y0) / (x1 - x0)
    points = [(0.0, idle)] + points
    watts = []
    for level in LEVELS:
        x = level / 10
        i = max(i for i, p in enumerate(points) if p[0] <= x)
        if i + 1 == len(points):
            power = points[i][1]
        else:
            (x0, y0), (x1, y1) = points[i], points[i + 1]
            power = y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        watts.append(power / 32)
    # Hot processors clock down: power may fall while load rises; our curves do not.
    return rising(watts)


# ---- the models ----

def report_methods(groups, report):
    for method, left_out in METHODS:
        errors = [e for name, group in groups.items() if name in MODERN
                  for e in leave_out(group, method, left_out)]
        report(f"{method.__name__}, {left_out} left out: {len(errors)} servers since 2013: mean "
               f"{100 * statistics.mean(errors):.1f} %, median {100 * statistics.median(errors):.1f} %, "
               f"68 % below {100 * one_sigma(errors):.1f} %")


def add_clouds(shared, fitted, smt):
    """Watts per vCPU, between them the shape of a family that was measured."""
    clouds = defaultdict(list)
    for path in sorted((shared / "cpu-coefficients").glob("ccf-coefficients-*.csv")):
        for r in csv.DictReader(open(path)):
            if r["Architecture"] in CLOUD:
                clouds[r["Architecture"]].append((float(r["Min Watts"]), float(r["Max Watts"])))
    for name, pairs in clouds.items():
        row, like = CLOUD[name]
        idle, top = (statistics.mean(pair[end] for pair in pairs) for end in (0, 1))
        low, *_, high = fitted[like]
        fitted[row] = [idle + (top - idle) * (watts - low) / (high - low) for watts in fitted[like]]
        smt[row] = 2


def pool(fitted, names):
    return rising([statistics.median(fitted[name][level] for name in sorted(names)) for level in LEVELS])


def families(shared, report):
    """Rows: name, watts of a package per thread, threads per core, error bar, how it was made, and the
    errors of servers that were left out."""
    groups = by_family(read_servers(shared))
    fitted = {name: fit(group) for name, group in groups.items()}
    smt = {name: round(statistics.median(s["smt"] for s in group)) for name, group in groups.items()}
    report_methods(groups, report)
    add_clouds(shared, fitted, smt)
    own = {name: leave_out(group, predict_by_threads, "server") for name, group in groups.items()
           if len(group) >= 3}

    # A family that is not there, and one with too few servers to tell: predicted from all the others.
    strange = [error([s["threads"] * watts for watts in pool(fitted, MODERN - {name})], s["watts"])
               for name, group in groups.items() if name in MODERN for s in group]
    report(f"unknown family: 68 % of servers below {100 * one_sigma(strange):.1f} %")

    machines = read_machines(shared)
    idle_factor, dynamic_factor = factors(machines, fitted)
    report(f"package over wall: idle × {idle_factor:.2f}, dynamic × {dynamic_factor:.2f}, by "
           f"{len(machines)} machines with RAPL; each by the others' factors:")
    calibration = calibration_error(machines, fitted, report)
    report(f"  root mean square {100 * calibration:.0f} %")

    def package(watts):
        return [idle_factor * watts[0] + dynamic_factor * (w - watts[0]) for w in watts]

    def row(name, watts, threads, how, spread=1):
        errors = own.get(name, strange)
        bar = 100 * math.sqrt((spread * one_sigma(errors)) ** 2 + calibration ** 2)
        return {"name": name, "watts": watts, "smt": threads, "bar": bar, "how": how, "errors": errors,
                "own": name in own}

    rows = [row(name, package(watts), smt[name], len(groups.get(name, []))) for name, watts in fitted.items()]
    rows.append(row("zen-desktop", read_desktop(shared), 2, "sweep"))
    for vendor in "intel", "amd":
        names = {n for n in MODERN if vendor_of(n) == vendor}
        rows.append(row(f"{vendor}-other", package(pool(fitted, names)), 2, "pool"))
    rows.append(row("other", package(pool(fitted, MODERN)), 1, "pool", spread=2))
    rows[-1]["bar"] = max(one["bar"] for one in rows)  # of what is not known at all, nothing is known better
    return rows


RESULTS = "published SPECpower_ssj2008 results of servers (wall power)"
TO_PACKAGE = "; to package power by machines whose RAPL was recorded"
MADE = {
    "pool": ("medians of the families since 2013, watts per hardware thread" + TO_PACKAGE,
             RESULTS + "; Cloud Carbon Footprint's coefficients", "figures; Apache-2.0"),
    "sweep": ("one load sweep with RAPL, per hardware thread", "codecarbon's load sweep of a Threadripper", "MIT"),
    0: ("watts per vCPU idle and busy, between them the shape of an older family" + TO_PACKAGE,
        "Cloud Carbon Footprint's coefficients", "Apache-2.0"),
}
VENDOR_IDS = {"intel": "GenuineIntel", "amd": "AuthenticAMD", "": None}


def model_of(row):
    how, vendor = row["how"], VENDOR_IDS[vendor_of(row["name"])]
    method, source, licence = MADE.get(how) or (
        f"medians of {how} server{'s' * (how != 1)}, watts per hardware thread" + TO_PACKAGE, RESULTS, "figures")
    errors = row["errors"]
    return {
        "schema": 1, "kind": "curve", "name": row["name"], "summary": TITLES[row["name"]], "zone": "package",
        "per": "thread",
        "points": [[level / 10, round(watts, 4)] for level, watts in zip(LEVELS, row["watts"])],
        "features": [{"name": "utilisation", "unit": "1", "minimum": 0, "maximum": 1}],
        "cpu": {**({"vendor": vendor} if vendor else {}), "architecture": row["name"],
                "threads_per_core": row["smt"]},
        "provenance": {"program": "joulekeeper tools/cpu-models.py", "method": method, "source": source,
                       "licence": licence, "date": DATE},
        "error": {"mape_percent": round(100 * statistics.mean(errors), 1),
                  "uncertainty_percent": round(row["bar"]), "n": len(errors),
                  "method": "wall power, leave one server out" if row["own"] else
                  "wall power, leave one family out, all servers since 2013"},
    }


# ---- files ----

def number(value):
    return f"{value:.6g}"


def text_of(model):
    """As joulekeeper writes it."""
    def members(object_, indent):
        return ",".join(f"\n{' ' * indent}{json.dumps(key)}: "
                        f"{number(value) if isinstance(value, (int, float)) else json.dumps(value)}"
                        for key, value in object_.items())
    parts = []
    for key, value in model.items():
        if key == "points":
            text = "[" + ",".join(f"\n    [{number(load)}, {number(watts)}]" for load, watts in value) + "\n  ]"
        elif key == "features":
            text = "[" + ",".join("\n    {" + members(one, 6) + "\n    }" for one in value) + "\n  ]"
        elif isinstance(value, dict):
            text = "{" + members(value, 4) + "\n  }"
        else:
            text = number(value) if isinstance(value, int) else json.dumps(value)
        parts.append(f"\n  {json.dumps(key)}: {text}")
    return "{" + ",".join(parts) + "\n}\n"


def made(data, report):
    return {f"{row['name']}.json": text_of(model_of(row)) for row in families(data, report)}


def make(data, folder):
    for name, text in made(data, lambda line: print(line, file=sys.stderr)).items():
        (folder / name).write_text(text, encoding="utf-8")


def check(data, folder):
    wanted = made(data, lambda line: None)
    found = {path.name: path.read_text(encoding="utf-8") for path in folder.glob("*.json")}
    different = [name for name in sorted(wanted.keys() | found.keys()) if wanted.get(name) != found.get(name)]
    if different:
        sys.exit(f"not what the data make: {', '.join(different)}")


def to_c(paths):
    print("/* Made of data/models by tools/cpu-models.py: do not edit. */")
    for path in paths:
        model = json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
        watts = ", ".join(number(watts) for _, watts in model["points"])
        print(f'{{ "{model["name"]}", {model["cpu"]["threads_per_core"]}, '
              f'{model["error"]["uncertainty_percent"]}, {{ {watts} }} }},')


def main():
    how, *rest = sys.argv[1:] or [""]
    if how == "c" and rest:
        to_c(rest)
    elif how in ("make", "check") and len(rest) == 2:
        {"make": make, "check": check}[how](*map(pathlib.Path, rest))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main()
