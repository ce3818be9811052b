#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the program costs on this machine: `make bench`.

Crowds of idle processes beside a fork storm; the tick by phases against reading /proc for the same
in the same run; the agent's memory and its /metrics. Prints a table with the bars that have to be
met, and writes bench-results/bench.json. A bar that is not met is said, and fails nothing: figures
depend on the machine.
"""

import argparse
import contextlib
import json
import os
import platform
import resource
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]
RESULTS = SOURCE / "bench-results/bench.json"
TARGETS = [f"tests/bench/bench-{name}" for name in ("crowd", "model", "storm", "tick")]

CROWDS = [100, 2000, 10000]
STORM_RATE = 1000
MIDDLE = 2000  # the crowd at which memory, scrapes and BPF programs are measured
AGENT_WARM_UP_S = 12
SCRAPES = 50

# (what, crowd, figure, at most (or at least), unit)
BARS = [
    ("tick, mean", 2000, "tick_ms", "<=", 2.0, "ms CPU"),
    ("tick, mean", 10000, "tick_ms", "<=", 10.0, "ms CPU"),
    ("less than /proc", 2000, "ratio", ">=", 20.0, "times"),
    ("less than /proc", 10000, "ratio", ">=", 20.0, "times"),
    ("resident", 2000, "resident_mb", "<=", 12.0, "MB"),
    ("scrape, median", 2000, "scrape_ms", "<=", 5.0, "ms"),
    ("adaptive, added", 2000, "adaptive_added_ms", "<=", 0.3, "ms CPU"),
    ("allocations a tick", 100, "allocations_per_tick", "<=", 0.0, ""),
    ("allocations a tick", 2000, "allocations_per_tick", "<=", 0.0, ""),
    ("allocations a tick", 10000, "allocations_per_tick", "<=", 0.0, ""),
]


def say(text):
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def helper(command):
    """A helper that says "ready", runs until its stdin ends, and may print a last line: its words,
    in the list that this yields."""
    last_words = []
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.PIPE,
                          stdout=subprocess.PIPE, text=True) as process:
        try:
            if process.stdout.readline().strip() != "ready":
                raise RuntimeError(f"{command[0]} did not start")
            yield last_words
        finally:
            process.stdin.close()
            last_words += process.stdout.read().split()
            process.wait()


@contextlib.contextmanager
def scene(build, crowd):
    """A crowd and a storm; the storm's true rate is known afterwards."""
    measured = {}
    with helper([build / "tests/bench/bench-crowd", crowd]):
        with helper([build / "tests/bench/bench-storm", STORM_RATE]) as storm:
            yield measured
        forks, seconds = storm
        measured["forks_per_s"] = round(float(forks) / float(seconds), 1)


def tick(build, options, *extra):
    command = [build / "tests/bench/bench-tick", options.ticks, options.interval_ms,
               options.activity, *extra]
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, check=True,
                          stdin=subprocess.DEVNULL)
    return json.loads(done.stdout)


def measure_ticks(build, crowd, options):
    with scene(build, crowd) as measured:
        result = tick(build, options)
    result["forks_per_s"] = measured["forks_per_s"]
    result["allocations_per_tick"] = result["allocations"] / result["ticks"]
    result["ratio"] = round(result["proc_ms"]["mean"] / result["tick_ms"]["mean"], 1)
    return result


def measure_bpf(build, options):
    with scene(build, MIDDLE):
        return tick(build, options, "bpf-stats")["bpf"]


def measure_models(build):
    """CPU milliseconds per tick of each model, and what the learning one adds to the other."""
    done = subprocess.run([build / "tests/bench/bench-model"], stdout=subprocess.PIPE, check=True,
                          stdin=subprocess.DEVNULL)
    models = json.loads(done.stdout)
    added = models["adaptive"]["mean_ms"] - models["share"]["mean_ms"]
    return {"models": models, "adaptive_added_ms": round(added, 4)}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.contextmanager
def agent(build, options):
    """The agent as people run it, listing every process: (its process, its URL)."""
    port = free_port()
    command = [build / "joulekeeper", "run", f"--listen=127.0.0.1:{port}", "--metrics-processes=-1",
               f"--activity={options.activity}"]
    with subprocess.Popen([str(word) for word in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
        try:
            wait_until_ready(process, f"http://127.0.0.1:{port}")
            yield process, f"http://127.0.0.1:{port}"
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def wait_until_ready(process, url):
    for _ in range(100):
        if process.poll() is not None:
            raise RuntimeError(f"the agent ended: {process.stderr.read().decode(errors='replace')}")
        with contextlib.suppress(urllib.error.URLError, OSError):
            urllib.request.urlopen(url + "/readyz", timeout=1).close()
            return
        time.sleep(0.1)
    raise RuntimeError("the agent did not become ready in 10 s")


def scrape(url):
    """Milliseconds from the connection to the last byte, and the bytes of the body."""
    started = time.perf_counter()
    with urllib.request.urlopen(url + "/metrics", timeout=10) as response:
        size = len(response.read())
    return (time.perf_counter() - started) * 1e3, size


def status_kb(pid, field):
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1])
    raise RuntimeError(f"/proc/{pid}/status has no {field}")


def cpu_seconds(pid):
    fields = Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure_agent(build, options):
    with scene(build, MIDDLE), agent(build, options) as (process, url):
        time.sleep(AGENT_WARM_UP_S)
        before, started = cpu_seconds(process.pid), time.monotonic()
        time.sleep(AGENT_WARM_UP_S)
        cpu_ms_per_s = (cpu_seconds(process.pid) - before) / (time.monotonic() - started) * 1e3
        before_scrapes_kb = status_kb(process.pid, "VmRSS")
        scrapes = [scrape(url) for _ in range(SCRAPES)]
        time.sleep(1)  # the last reply is freed after its reader has gone
        return {
            "resident_mb": round(status_kb(process.pid, "VmRSS") / 1024, 2),
            "resident_before_scrapes_mb": round(before_scrapes_kb / 1024, 2),
            "resident_anonymous_mb": round(status_kb(process.pid, "RssAnon") / 1024, 2),
            "cpu_ms_per_s": round(cpu_ms_per_s, 2),
            "scrape_ms": round(statistics.median(ms for ms, _ in scrapes), 2),
            "scrape_max_ms": round(max(ms for ms, _ in scrapes), 2),
            "scrape_bytes": scrapes[-1][1],
        }


def machine():
    model = next((line.partition(":")[2].strip() for line in open("/proc/cpuinfo", encoding="utf-8")
                  if line.startswith("model name")), platform.machine())
    return {"cpus": os.cpu_count(), "cpu": model, "kernel": platform.release()}


def figure(result, crowd, name):
    found = result["crowds"].get(str(crowd), {}).get(name)
    for part in ("agent", "model"):
        if found is None:
            found = result[part].get(name)
    return found["mean"] if isinstance(found, dict) else found


def judge(result):
    """The bars with what was measured: a row each, met or not; not measured is not met."""
    rows = []
    for what, crowd, name, relation, bar, unit in BARS:
        value = figure(result, crowd, name)
        met = value is not None and (value <= bar if relation == "<=" else value >= bar)
        rows.append({"what": what, "crowd": crowd, "value": value, "relation": relation,
                     "bar": bar, "unit": unit, "met": met})
    return rows


def print_ticks(result):
    print("\nCPU milliseconds per tick, mean (95th percentile), beside a fork storm")
    print(f"{'idle tasks':>10} {'tick':>16} {'collect':>9} {'attribute':>9} {'publish':>9}"
          f" {'/proc':>9} {'ratio':>7} {'alloc':>6} {'forks/s':>8}  activity")
    for crowd, row in result["crowds"].items():
        ms = {name: row[f"{name}_ms"]["mean"]
              for name in ("tick", "collect", "attribute", "publish", "proc")}
        tick_text = f"{ms['tick']:.3f} ({row['tick_ms']['p95']:.3f})"
        print(f"{crowd:>10} {tick_text:>16} {ms['collect']:>9.3f} {ms['attribute']:>9.3f}"
              f" {ms['publish']:>9.3f} {ms['proc']:>9.2f} {row['ratio']:>6.1f}x"
              f" {row['allocations_per_tick']:>6g} {row['forks_per_s']:>8g}  {row['activity']}")


def print_agent(result):
    row = result["agent"]
    if not row:
        return
    print(f"\nThe agent at {MIDDLE} idle tasks, all of them listed")
    print(f"  resident {row['resident_mb']} MB ({row['resident_anonymous_mb']} MB its own;"
          f" {row['resident_before_scrapes_mb']} MB before the first scrape)")
    print(f"  CPU {row['cpu_ms_per_s']} ms per second")
    print(f"  scrape {row['scrape_ms']} ms (at most {row['scrape_max_ms']} ms),"
          f" {row['scrape_bytes']} bytes")


def print_bpf(result):
    if not result["bpf"]:
        return
    print("\nBPF programs, by the kernel's run-time statistics")
    for program in result["bpf"]:
        print(f"  {program['name']:<16} {program['ns_per_run']:>8.0f} ns per event,"
              f" {program['runs']} events")


def print_models(result):
    print("\nModels, CPU milliseconds per tick: 2,000 active tasks, 4 zones, 3 counters")
    for name, row in result["model"]["models"].items():
        print(f"  {name:<16} {row['mean_ms']:>8.3f} mean {row['p99_ms']:>8.3f} 99th percentile"
              f" {row['max_ms']:>8.3f} at most, {row['allocations']} allocations")


def print_bars(rows):
    print("\nBars")
    for row in rows:
        value = "not measured" if row["value"] is None else f"{row['value']:.3g}"
        print(f"  {row['what']:<20} at {row['crowd']:>5}: {value:>12} {row['relation']}"
              f" {row['bar']:g} {row['unit']:<7} {'met' if row['met'] else 'NOT met'}")


def measure(build, options):
    result = {"machine": machine(), "storm_rate": STORM_RATE, "interval_ms": options.interval_ms,
              "crowds": {}, "bpf": [], "agent": {}, "model": {}}
    for crowd in options.crowds:
        say(f"bench: {options.ticks} ticks beside {crowd} idle tasks and a fork storm")
        result["crowds"][str(crowd)] = measure_ticks(build, crowd, options)
    if any(row["activity"] == "bpf" for row in result["crowds"].values()):
        say("bench: the BPF programs")
        result["bpf"] = measure_bpf(build, options)
    say("bench: the models")
    result["model"] = measure_models(build)
    say("bench: the agent")
    try:
        result["agent"] = measure_agent(build, options)
    except (RuntimeError, OSError) as error:
        say(f"bench: the agent could not be measured: {error}")
    result["bars"] = judge(result)
    return result


def arguments():
    parser = argparse.ArgumentParser(description="Measure speed.")
    parser.add_argument("--build", default="build", metavar="DIR")
    parser.add_argument("--ticks", type=int, default=20)
    parser.add_argument("--interval-ms", type=int, default=1000)
    parser.add_argument("--activity", default="auto", choices=["auto", "bpf", "proc"])
    parser.add_argument("--crowds", type=lambda text: [int(n) for n in text.split(",")],
                        default=CROWDS, metavar="N,N")
    return parser.parse_args()


def compile_targets(build):
    owner = SOURCE / "tools/as-owner.sh"
    if not (build / "build.ninja").exists():
        subprocess.run([owner, "meson", "setup", build, SOURCE], check=True, stdout=sys.stderr)
    subprocess.run([owner, "ninja", "-C", build, "joulekeeper", *TARGETS], check=True,
                   stdout=sys.stderr)


def main():
    options = arguments()
    build = Path(options.build).resolve()
    compile_targets(build)
    # A crowd of 10,000 needs as many processes as the limit allows.
    hard = resource.getrlimit(resource.RLIMIT_NPROC)[1]
    resource.setrlimit(resource.RLIMIT_NPROC, (hard, hard))
    result = measure(build, options)
    print_ticks(result)
    print_bpf(result)
    print_agent(result)
    print_models(result)
    print_bars(result["bars"])
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(result, indent=2) + "\n", encoding="ascii")
    if os.geteuid() == 0:
        owner = SOURCE.stat()
        for path in (RESULTS.parent, RESULTS):
            os.chown(path, owner.st_uid, owner.st_gid)
    print(f"\nwritten to {RESULTS.relative_to(SOURCE)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
