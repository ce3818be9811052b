#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Other programs' measurements, imported and replayed by the whole program."""

import csv
import gzip
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
from support import BINARY, Skip, case, run_cases  # noqa: E402

SHARED = Path(os.environ.get("JK_SHARED") or "/nonexistent", "data")

MAPPING = """
cpus: 2
interval: 2s
tables:
  - name: node
    time: {column: t, unit: s}
    zones:
      - {name: package-0, column: W, unit: W}
  - name: pods
    time: {column: at, unit: ms, offset: 250ms}
    tasks: {name: "{pod}", cgroup: "/pods/{pod}"}
    features:
      - {feature: cpu, column: cpu, unit: ms}
"""
NODE = "t,W\n1000,10\n1002,20\n1004,30\n"
PODS = "at,pod,cpu\n" + "".join(f"{at}750,{pod},{cpu}\n" for at in (999, 1001, 1003)
                                for pod, cpu in (("web", 300), ("db", 100)))


def run(*arguments, status=0, given=None):
    done = subprocess.run([BINARY, *map(str, arguments)], input=given, capture_output=True,
                          check=False, timeout=120)
    assert done.returncode == status, (arguments, done.returncode, done.stderr)
    return done


def write(folder, **files):
    paths = []
    for name, text in files.items():
        paths.append(Path(folder, name))
        paths[-1].write_text(text)
    return paths


def books(recording, *options):
    """The end of a replay: zone -> µJ measured, account id -> account."""
    reply = json.loads(run("replay", recording, "--output", "json", "--all", *options).stdout)
    return ({zone["zone"]: zone["measured_uj"] for zone in reply["zones"]},
            {account["id"]: account for account in reply["accounts"]})


def in_a_folder(function):
    def with_folder():
        with tempfile.TemporaryDirectory(prefix="joulekeeper-test-") as folder:
            function(Path(folder))
    with_folder.__name__ = function.__name__
    return case(with_folder)


@in_a_folder
def tables_become_books(folder):
    mapping, node, pods = write(folder, **{"m.yaml": MAPPING, "node": NODE, "pods": PODS})
    out = folder / "out.jkr"
    run("import", "--mapping", mapping, "-o", out, pods, node)
    zones, accounts = books(out)
    assert zones == {"package-0": 120_000_000}, zones
    named = {account["name"]: account for account in accounts.values()
             if account["dimension"] == "task"}
    assert {"web", "db"} <= set(named), named
    assert abs(named["web"]["cpu_seconds"] - 0.9) < 1e-9, named["web"]
    assert abs(named["db"]["cpu_seconds"] - 0.3) < 1e-9, named["db"]
    _, accounts = books(out, "--by", "cgroup")
    assert abs(accounts["cgroup:/pods/web"]["cpu_seconds"] - 0.9) < 1e-9, accounts


@in_a_folder
def standard_input_and_output_serve_as_well(folder):
    mapping, node, pods = write(folder, **{"m.yaml": MAPPING, "node": NODE, "pods": PODS})
    piped = run("import", "-m", mapping, "-o", "-", node, "-", given=PODS.encode()).stdout
    run("import", "-m", mapping, "-o", folder / "out.jkr", node, pods)
    direct = run("replay", folder / "out.jkr", "--output", "csv").stdout
    assert run("replay", "-", "--output", "csv", given=piped).stdout == direct


@in_a_folder
def what_perf_counted_becomes_books(folder):
    lines = "".join(f"  {second}.0,{watts},Joules,power/energy-pkg/,1,100.00,,\n"
                    f"  {second}.0,1000,,cycles,1,100.00,,\n"
                    for second, watts in ((1, 10.25), (2, 20.5), (3, 30.75)))
    perf, = write(folder, perf="# started on Sat Nov 21 18:49:30 2026\n\n" + lines)
    run("import", "--format", "perf-stat", "-o", folder / "out.jkr", perf)
    zones, accounts = books(folder / "out.jkr")
    assert zones == {"package-0": 61_500_000}, zones
    assert any(account["name"] == "all" for account in accounts.values()), accounts


@in_a_folder
def this_machines_perf_is_understood(folder):
    if not shutil.which("perf"):
        raise Skip("perf is not installed")
    for options in ([], ["-A"], ["--per-socket"], ["--per-core"], ["--per-node"]):
        perf, out = folder / "perf", folder / "out.jkr"
        done = subprocess.run(["perf", "stat", "-a", *options, "-I", "100", "-x,", "-o", perf, "-e",
                               "cycles,instructions,cache-misses,minor-faults,major-faults",
                               "sleep", "0.35"], capture_output=True, check=False)
        if done.returncode != 0:
            raise Skip(f"perf stat does not work here: {done.stderr.decode()[:100]}")
        run("import", "--format", "perf-stat", "-o", out, perf)
        _, accounts = books(out)
        machine = [account for account in accounts.values() if account["name"] == "all"]
        lines = [line.split(",") for line in perf.read_text().splitlines()]
        counted = sum(int(line[line.index("minor-faults") - 2])
                      for line in lines if "minor-faults" in line)
        assert len(machine) == 1 and machine[0]["minor_faults"] == counted, (options, machine, counted)
        out.unlink()


@in_a_folder
def bad_input_is_refused_with_file_and_line_and_leaves_nothing(folder):
    mapping, pods, bad, doubled, comma, cut = write(folder, **{
        "m.yaml": MAPPING, "pods": PODS, "bad": "t,W\n1000,10\n1002,-20\n",
        "doubled": "t,W\n1000,10\n1000,20\n", "comma": "t,W\n1000,\"1,5\"\n",
        "cut": "t,W\n1000,\"10\n"})
    out = folder / "out.jkr"
    for file, complaint in ((bad, "3: W: '-20' is negative"),
                            (doubled, "3: package-0 has a second value at this time"),
                            (comma, "2: W: '1,5' has a comma in the number"),
                            (cut, "2: a quote is opened and never closed")):
        done = run("import", "-m", mapping, "-o", out, pods, file, status=1)
        assert f"{file}:{complaint}".encode() in done.stderr, done.stderr
        assert not out.exists(), file
    done = run("import", "-m", mapping, "-o", out, "--skip-bad", bad)
    assert b"1 left out; the first: " in done.stderr and b"-20" in done.stderr, done.stderr
    assert books(out)[0] == {"package-0": 20_000_000}


@in_a_folder
def what_is_missing_is_named(folder):
    mapping, node, wrong, empty = write(folder, **{
        "m.yaml": MAPPING, "node": NODE, "w.yaml": "tables:\n  - zoned: []\n", "empty": ""})
    out = folder / "out.jkr"
    for arguments, complaint in (
            (("-m", "kepler-nx13", node), "did you mean 'kepler-nx12'"),
            (("-m", wrong, node), f"{wrong}:2: a table has no key 'zoned'; did you mean 'zones'?"),
            (("-m", mapping, folder / "none"), "none: cannot be read: No such file or directory"),
            (("-m", mapping, folder), "cannot be read: Is a directory"),
            (("-m", mapping, empty), "empty: is empty"),
            (("-m", "kepler-nx12", node), "node:1: has no column 'timestamp'"),
            (("-f", "perf-stat", node), "node:1: does not begin with a time"),
            (("-f", "perf-stat", empty), "there is nothing to import in")):
        done = run("import", "-o", out, *arguments, status=1)
        assert complaint.encode() in done.stderr, done.stderr
        assert not out.exists(), arguments


@in_a_folder
def nothing_is_overwritten(folder):
    mapping, node, there = write(folder, **{"m.yaml": MAPPING, "node": NODE, "there": "mine"})
    run("import", "-m", mapping, "-o", there, node, status=1)
    assert there.read_text() == "mine"


@case
def a_wrong_call_is_told_what_is_missing():
    for arguments, complaint in ((("-m", "x", "f"), "--output FILE"),
                                 (("-o", "x", "f"), "--mapping NAME"),
                                 (("-o", "x", "-m", "x"), "name the files"),
                                 (("-o", "x", "-f", "json", "f"), "there are csv, perf-stat and hwpc"),
                                 (("-o", "x", "-f", "perf-stat", "-m", "x", "f"), "needs none"),
                                 (("-o", "x", "-s", "ab", "f"), "one character")):
        done = run("import", *arguments, status=2)
        assert complaint.encode() in done.stderr, done.stderr


def rows(path):
    opened = gzip.open(path, "rt") if path.suffix == ".gz" else open(path, encoding="utf-8")
    with opened as file:
        return list(csv.DictReader(file))


def near(zones, zone, joules_, within=2e-6):
    assert abs(zones[zone] / 1e6 - joules_) <= within, (zone, zones[zone], joules_)


def documents(groups):
    """The reports of a set of CSV files, as the sensor sends them: a document a line."""
    reports = {}
    for group, table in groups.items():
        for row in table:
            key = int(row.pop("timestamp")), row.pop("sensor"), row.pop("target")
            counts = reports.setdefault(key, {}).setdefault(group, {})
            counts = counts.setdefault(row.pop("socket"), {})
            counts[row.pop("cpu")] = {event: int(count) for event, count in row.items()}
    return "".join(json.dumps({"timestamp": when, "sensor": sensor, "target": target,
                               "groups": found}) + "\n"
                   for (when, sensor, target), found in sorted(reports.items()))


@in_a_folder
def reports_of_powerapis_sensor_become_books(folder):
    rapl = "timestamp,sensor,target,socket,cpu,RAPL_ENERGY_PKG,time_enabled,time_running\n"
    core = "timestamp,sensor,target,socket,cpu,LLC_MISSES,time_enabled,time_running\n"
    for second in range(10):
        enabled = 10**9 * (second + 1)
        rapl += f"{1000000 + 1000 * second},s,all,0,0,{10 * 2**32},{enabled},{enabled}\n"
        core += "".join(f"{1000000 + 1000 * second},s,/x/{target},0,0,{count},9,9\n"
                        for target, count in (("web", 300), ("db", 100)))
    files = write(folder, **{"rapl.csv": rapl, "core.csv": core})
    run("import", "-f", "hwpc", "-o", folder / "csv.jkr", *files)
    zones, accounts = books(folder / "csv.jkr", "--by", "cgroup")
    near(zones, "package-0", 100)
    named = {account["name"]: (account.get("llc_misses"), account["zones"])
             for account in accounts.values()}
    assert named["/x/web"][0] == 3000 and named["/x/db"][0] == 1000, named

    text = documents({file.stem: rows(file) for file in files})
    run("import", "-f", "hwpc", "-o", folder / "json.jkr", "-", given=text.encode())
    zones, accounts = books(folder / "json.jkr", "--by", "cgroup")
    near(zones, "package-0", 100)
    assert named == {account["name"]: (account.get("llc_misses"), account["zones"])
                     for account in accounts.values()}

    half = write(folder, **{"half.json": text[:len(text) // 2]})[0]
    failed = run("import", "-f", "hwpc", "-o", folder / "half.jkr", half, status=1)
    assert b"half.json" in failed.stderr and not (folder / "half.jkr").exists(), failed.stderr
    run("import", "-f", "hwpc", "--skip-bad", "-o", folder / "half.jkr", half)
    run("import", "-f", "hwpc", "-o", folder / "x.jkr", files[0], half, status=1)


@in_a_folder
def known_reports_have_their_energy(folder):
    if not SHARED.is_dir():
        raise Skip("JK_SHARED has no data")
    for name in ("real40", "synth200"):
        files = [SHARED / "hwpc-golden" / name / f"{group}.csv" for group in ("rapl", "core", "msr")]
        table = rows(files[0])
        run("import", "-f", "hwpc", "-o", folder / f"{name}.jkr", *files)
        zones, _ = books(folder / f"{name}.jkr")
        near(zones, "package-0", sum(int(row["RAPL_ENERGY_PKG"]) for row in table) / 2**32)
        if name == "synth200":
            near(zones, "dram-0", sum(int(row["RAPL_ENERGY_DRAM"]) for row in table) / 2**32)


@in_a_folder
def programs_of_a_known_board_have_their_energy(folder):
    if not SHARED.is_dir():
        raise Skip("JK_SHARED has no data")
    data = gzip.decompress((SHARED / "odroid-xu3/cbench_big.data.gz").read_bytes())
    run("import", "-m", "odroid-xu3", "-o", folder / "xu3.jkr", "-", given=data)
    zones, _ = books(folder / "xu3.jkr")
    table = [line.split("\t") for line in data.decode().splitlines()[1:]]
    energy, before = 0.0, None
    for row in table:
        at = int(row[0])
        span = at - before if before is not None else None
        energy += float(row[7]) * (span / 1e9 if span and span <= 1.5 * 0.508e9 else 0.508)
        before = at
    near(zones, "package-0", energy, within=1e-3)


@in_a_folder
def known_data_sets_have_their_energy(folder):
    if not SHARED.is_dir():
        raise Skip("JK_SHARED has no data")
    rapl, acpi = (SHARED / f"kepler-nx12/preprocess_abs_default_{kind}_Basic.csv"
                  for kind in ("rapl", "acpi"))
    run("import", "-m", "kepler-nx12", "-o", folder / "nx12.jkr", rapl, acpi)
    zones, _ = books(folder / "nx12.jkr")
    near(zones, "package-0", sum(3 * float(row["package_power"]) for row in rows(rapl)))
    near(zones, "dram-0", sum(3 * float(row["dram_power"]) for row in rows(rapl)))
    near(zones, "wall", sum(3 * float(row["platform_power"]) for row in rows(acpi)))

    for file in sorted((SHARED / "kepler-vm").glob("*.csv")):
        if "guest_proc_cpu_ms_per_s" not in rows(file)[0]:
            continue
        watts = [float(row["host_rapl_pkg_W"]) for row in rows(file)]
        for mapping in ("kepler-vm", "kepler-vm-guest"):
            out = folder / f"{mapping}-{file.stem}.jkr"
            run("import", "-m", mapping, "-o", out, file)
            near(books(out)[0], "package-0", 3 * sum(watts))


@in_a_folder
def a_counter_that_wraps_in_a_known_data_set_is_followed(folder):
    if not SHARED.is_dir():
        raise Skip("JK_SHARED has no data")
    node = SHARED / "kepler-coremark/node_package_energy_millijoule.csv"
    pods = SHARED / "kepler-coremark/pod_energy_stat.csv.gz"
    run("import", "-m", "kepler-coremark", "-o", folder / "out.jkr", node, "-",
        given=gzip.decompress(pods.read_bytes()))
    zones, _ = books(folder / "out.jkr")
    for package in "01":
        counted = sorted((int(row["timestamp"]), int(row["node_package_energy_millijoule"]),
                          int(row["dram"])) for row in rows(node) if row["pkg_id"] == package)
        near(zones, f"package-{package}", (counted[-1][1] - counted[0][1]) / 1e3)
        wraps = sum(after[2] < before[2] for before, after in zip(counted, counted[1:]))
        near(zones, f"dram-{package}", (counted[-1][2] - counted[0][2]) / 1e3 + wraps * 65712.9996)
        assert wraps == (package == "0"), wraps
    _, accounts = books(folder / "out.jkr", "--by", "cgroup")
    names = [account["name"] for account in accounts.values() if account["name"].count("/") == 2]
    assert len(names) == 69, names

    whole = SHARED / "kepler-coremark/node_energy_stat.csv"
    run("import", "-m", "kepler-coremark-node", "-o", folder / "whole.jkr", whole, "-",
        given=gzip.decompress(pods.read_bytes()))
    zones, _ = books(folder / "whole.jkr")
    near(zones, "package-0", sum(float(row["energy_in_pkg_joule"]) for row in rows(whole)))
    near(zones, "dram-0", sum(float(row["energy_in_dram_joule"]) for row in rows(whole)))


run_cases()
