#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The table of CPU architectures behind the estimate (docs/estimate.md).

    tools/cpu-table.py make JK_SHARED       data/cpu-table.csv on stdout, figures on stderr
    tools/cpu-table.py c data/cpu-table.csv the same rows as C initialisers, for the build

`make` fits the rows from published SPECpower_ssj2008 results (wall power of whole servers at
eleven load levels), cloud coefficients where there are no such results, and recordings of machines that have RAPL, which turn wall power into package power.
"""
import csv
import datetime
import math
import pathlib
import statistics
import sys
from collections import defaultdict

LEVELS = range(11)  # load 0, 10 … 100 %

# Architecture of the results -> our row. `core` and `opteron` span generations, which shows in
# their error bars.
SPECPOWER = {
    "core": "core", "nehalem": "nehalem", "sandybridge": "sandybridge", "ivybridge": "ivybridge",
    "haswell": "haswell", "broadwell": "broadwell", "skylake": "skylake",
    "cascadelake": "cascadelake", "kabylabe": "coffeelake", "coffeelake": "coffeelake",
    "opteron": "opteron", "epyc-gen1": "zen1",
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

VENDOR = {name: "intel" for name in SPECPOWER.values()}
VENDOR.update({name: "intel" for name, _ in CLOUD.values()})
VENDOR.update({"opteron": "amd", "zen1": "amd", "zen2": "amd", "zen3": "amd", "zen4": "amd"})

# What an unknown CPU is taken for: only what is still in service.
MODERN = {"haswell", "broadwell", "skylake", "cascadelake", "coffeelake", "icelake",
          "sapphirerapids", "emeraldrapids", "graniterapids", "zen1", "zen2", "zen3", "zen4"}


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

def read_servers(shared):
    servers = []
    for row in csv.DictReader(open(shared / "specpower/curves.csv")):
        if row["architecture"] not in SPECPOWER:
            continue
        watts = [float(row[f"w_at_{10 * level}"]) for level in LEVELS]
        tdp = float(row["tdp_w_per_chip"]) * float(row["chips"]) if row["tdp_w_per_chip"] else None
        servers.append({
            "cpu": row["cpu"], "row": SPECPOWER[row["architecture"]], "watts": watts, "tdp": tdp,
            "threads": float(row["threads"]), "smt": float(row["threads"]) / float(row["cores"]),
        })
    return servers


def fit(servers):
    """Median idle and maximum per thread, mean shape between them."""
    idle = statistics.median(s["watts"][0] / s["threads"] for s in servers)
    top = statistics.median(s["watts"][10] / s["threads"] for s in servers)
    shape = [statistics.mean((s["watts"][level] - s["watts"][0]) /
                             (s["watts"][10] - s["watts"][0]) for s in servers)
             for level in LEVELS]
    return idle, top, shape


def curve(fitted, scale):
    idle, top, shape = fitted
    return [scale * (idle + (top - idle) * part) for part in shape]


def error(estimate, truth):
    return statistics.mean(abs(e - t) / t for e, t in zip(estimate, truth))


def by_row(servers):
    groups = defaultdict(list)
    for server in servers:
        groups[server["row"]].append(server)
    return groups


def leave_one_out(servers, predict):
    """Error for each server, predicted from the others of its architecture."""
    errors = []
    for server in servers:
        others = [s for s in servers if s is not server]
        estimate = predict(others, server) if others else None
        if estimate:
            errors.append(error(estimate, server["watts"]))
    return errors


def predict_by_threads(others, server):
    return curve(fit(others), server["threads"])


def predict_straight(others, server):
    idle, top, _ = fit(others)
    return curve((idle, top, [level / 10 for level in LEVELS]), server["threads"])


def predict_by_tdp(others, server):
    others = [s for s in others if s["tdp"]]
    if not others or not server["tdp"]:
        return None
    idle, _, shape = fit(others)
    idle *= server["threads"]
    top = server["tdp"] * statistics.median(s["watts"][10] / s["tdp"] for s in others)
    return [idle + (top - idle) * part for part in shape]


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
    machines.append(machine("E-2278G", "coffeelake", 16, percentile(package, 2),
                            percentile(package, 98)))

    # The first point of a sweep is an artefact of its counter: the second, at 12 %, stands for it.
    sweeps = shared / "cpu-coefficients/load-sweeps"
    rows = list(csv.DictReader(open(sweeps / "E3-1240-all_cores.csv")))
    machines.append(machine("E3-1240 v2", "ivybridge", 8, float(rows[1]["rapl_power"]),
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
    """What RAPL reads of a package, over what the table says of the wall: idle, dynamic."""
    idle = geometric_mean(m["idle"] / (fitted[m["row"]][0] * m["threads"])
                          for m in machines if m["idle"])
    spans = []
    for m in machines:
        wall_idle, wall_max, _ = fitted[m["row"]]
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
        top = low + dynamic * (fitted[m["row"]][1] - fitted[m["row"]][0]) * m["threads"]
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
    top = max(power for _, power in points)
    shape = []
    for level in LEVELS:
        x = level / 10
        i = max(i for i, p in enumerate(points) if p[0] <= x)
        if i + 1 == len(points):
            power = points[i][1]
        else:
            (x0, y0), (x1, y1) = points[i], points[i + 1]
            power = y0 + (y1 - y0) * (x - x0) / (x1 - x0)
        shape.append((power - idle) / (top - idle))
    # Hot processors clock down: power may fall while load rises; our curves do not.
    for level in LEVELS[1:]:
        shape[level] = max(shape[level], shape[level - 1])
    shape = [part / shape[10] for part in shape]
    return idle / 32, top / 32, shape


# ---- the table ----

HEADER = (["architecture", "vendor", "idle_w_per_thread", "max_w_per_thread", "threads_per_core",
           "servers", "uncertainty_pct"] + [f"shape_{10 * level}" for level in LEVELS])


def table(shared, report):
    servers = read_servers(shared)
    groups = by_row(servers)
    fitted = {name: fit(group) for name, group in groups.items()}
    source = {name: len(group) for name, group in groups.items()}
    smt = {name: round(statistics.median(s["smt"] for s in group))
           for name, group in groups.items()}

    for method in predict_by_threads, predict_straight, predict_by_tdp:
        errors = [e for name, group in groups.items() if name in MODERN
                  for e in leave_one_out(group, method)]
        report(f"{method.__name__}: {len(errors)} servers since 2013, leave one out: mean "
               f"{100 * statistics.mean(errors):.1f} %, median "
               f"{100 * statistics.median(errors):.1f} %, 68 % below "
               f"{100 * one_sigma(errors):.1f} %")

    own = {name: one_sigma(leave_one_out(group, predict_by_threads))
           for name, group in groups.items() if len(group) >= 3}

    clouds = defaultdict(list)
    for path in sorted((shared / "cpu-coefficients").glob("ccf-coefficients-*.csv")):
        for r in csv.DictReader(open(path)):
            if r["Architecture"] in CLOUD:
                clouds[r["Architecture"]].append((float(r["Min Watts"]), float(r["Max Watts"])))
    for name, pairs in clouds.items():
        row, like = CLOUD[name]
        fitted[row] = (statistics.mean(p[0] for p in pairs), statistics.mean(p[1] for p in pairs),
                       fitted[like][2])
        source[row], smt[row] = 0, 2

    def pool(names):
        rows = [fitted[name] for name in sorted(names)]
        return (statistics.median(r[0] for r in rows), statistics.median(r[1] for r in rows),
                [statistics.mean(r[2][level] for r in rows) for level in LEVELS])

    # An architecture that is not in the table, and one with too few servers to tell: predicted from
    # all the others.
    strange = one_sigma([error(curve(pool(MODERN - {name}), s["threads"]), s["watts"])
                         for name, group in groups.items() if name in MODERN for s in group])
    report(f"unknown architecture: 68 % of servers below {100 * strange:.1f} %")

    machines = read_machines(shared)
    idle_factor, dynamic_factor = factors(machines, fitted)
    report(f"package over wall: idle × {idle_factor:.2f}, dynamic × {dynamic_factor:.2f}, by "
           f"{len(machines)} machines with RAPL; each by the others' factors:")
    calibration = calibration_error(machines, fitted, report)
    report(f"  root mean square {100 * calibration:.0f} %")

    def package(row):
        idle, top, shape = row
        return idle * idle_factor, idle * idle_factor + (top - idle) * dynamic_factor, shape

    def bar(spread):
        return 100 * math.sqrt(spread ** 2 + calibration ** 2)

    rows = [(name, VENDOR[name], package(fitted[name]), smt[name], source[name],
             bar(own.get(name, strange))) for name in fitted]
    rows.append(("zen-desktop", "amd", read_desktop(shared), 2, 1, bar(strange)))
    rows.sort(key=lambda r: (r[1], r[0]))
    for vendor in "intel", "amd":
        names = {n for n in MODERN if VENDOR[n] == vendor}
        rows.append((f"{vendor}-other", vendor, package(pool(names)), 2, 0, bar(strange)))
    rows.append(("other", "", package(pool(MODERN)), 1, 0, bar(2 * strange)))
    return rows


def make(shared):
    report = lambda text: print(text, file=sys.stderr)
    out = csv.writer(sys.stdout, lineterminator="\n")
    out.writerow(HEADER)
    for name, vendor, (idle, top, shape), threads, servers, uncertainty in table(shared, report):
        out.writerow([name, vendor, f"{idle:.4f}", f"{top:.4f}", threads, servers,
                      f"{uncertainty:.0f}"] + [f"{part:.4f}" for part in shape])


def to_c(path):
    print("/* Made of data/cpu-table.csv by tools/cpu-table.py: do not edit. */")
    for r in csv.DictReader(open(path)):
        shape = ", ".join(r[f"shape_{10 * level}"] for level in LEVELS)
        print(f'{{ "{r["architecture"]}", {r["idle_w_per_thread"]}, {r["max_w_per_thread"]}, '
              f'{r["threads_per_core"]}, {r["servers"]}, {r["uncertainty_pct"]}, {{ {shape} }} }},')


def main():
    if len(sys.argv) != 3 or sys.argv[1] not in ("make", "c"):
        sys.exit(__doc__)
    if sys.argv[1] == "make":
        make(pathlib.Path(sys.argv[2]))
    else:
        to_c(sys.argv[2])


if __name__ == "__main__":
    main()
