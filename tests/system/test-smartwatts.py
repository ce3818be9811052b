#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HWPC reports to estimates of power: the same from every kind of input, and from live sensors."""

import csv
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

sys.dont_write_bytecode = True
from support import BINARY, Skip, case, run, run_cases, scratch_directory, wait_until  # noqa: E402

SECONDS = 40
GROUPS = ("core", "msr", "rapl")
TIMES = {"time_enabled": 10**9, "time_running": 10**9}
OPTIONS = ("--cpu-base-freq", "2000", "--disable-dram-formula")
GOLDEN = Path(os.environ.get("JK_SHARED", "/nowhere"), "data/hwpc-golden")


def documents(sensor="s"):
    """Reports of two sockets and two targets, as the sensor sends them."""
    chance = random.Random(sensor)
    for second in range(1, SECONDS + 1):
        cycles = {(target, package): chance.randrange(10**8, 10**9) for target in ("/a", "/b,c") for package in "01"}
        for target in ("/a", "/b,c"):
            yield report(sensor, second, target, core={package: {cpu: {
                "CYCLES": cycles[target, package] // 2, "MISSES": chance.randrange(10**6),
                **TIMES} for cpu in "01"} for package in "01"})
        power_w = {package: 20 + sum(n for (_, where), n in cycles.items() if where == package) / 10**8
                   for package in "01"}
        yield report(sensor, second, "all",
                     rapl={package: {"0": {"RAPL_ENERGY_PKG": int(power_w[package] * 2**32), **TIMES}}
                           for package in "01"},
                     msr={package: {cpu: {"APERF": 2300, "MPERF": 2000, "TSC": 2 * 10**9, **TIMES} for cpu in "01"}
                          for package in "01"})


def report(sensor, second, target, **groups):
    return {"timestamp": 1000 * second, "sensor": sensor, "target": target, "groups": groups}


def lines(sensor="s"):
    return "".join(json.dumps(document) + "\n" for document in documents(sensor))


def write_csv(folder, sensor="s"):
    """The same as a set of CSV files: their paths."""
    rows = {group: [] for group in GROUPS}
    for document in documents(sensor):
        for group, packages in document["groups"].items():
            for package, cpus in packages.items():
                for cpu, events in cpus.items():
                    rows[group].append({**{key: document[key] for key in ("timestamp", "sensor", "target")},
                                        "socket": package, "cpu": cpu, **events})
    for group in GROUPS:
        with open(Path(folder, f"{group}.csv"), "w", encoding="utf-8") as file:
            file.write(",".join(rows[group][0]) + "\n")
            file.writelines(",".join(str(value).replace("/b,c", "/b-c") for value in row.values()) + "\n"
                            for row in rows[group])
    return [str(Path(folder, f"{group}.csv")) for group in GROUPS]


def powers(text):
    """What was printed as CSV: (time, sensor, target, socket, scope) -> watts."""
    found = {}
    for row in csv.DictReader(io.StringIO(text)):
        key = (int(row["timestamp"]), row["sensor"], row["target"], row["socket"], row["scope"])
        assert key not in found, key
        found[key] = float(row["power"])
    return found


def estimate(*arguments, status=0, **how):
    answer = run("smartwatts", *OPTIONS, *arguments, **how)
    assert answer.returncode == status, answer
    return answer


@case
def every_kind_of_input_gives_the_same():
    with scratch_directory() as folder:
        file = Path(folder, "reports.json")
        file.write_text(lines(), encoding="utf-8")
        from_file = estimate(file)
        assert not from_file.stderr, from_file.stderr
        found = powers(from_file.stdout)
        times = SECONDS - 5
        assert len(found) == 2 * times + 2 * 3 * (times - 10), len(found)
        assert estimate("-", input=lines()).stdout == from_file.stdout
        from_csv = powers(estimate(*write_csv(folder)).stdout)
        assert from_csv == {tuple("/b-c" if part == "/b,c" else part for part in key): power
                            for key, power in found.items()}

        in_json = [json.loads(line) for line in estimate("--output", "json", file).stdout.splitlines()]
        assert found == {(p["timestamp"], p["sensor"], p["target"], str(p["metadata"]["socket"]),
                          p["metadata"]["scope"]): p["power"] for p in in_json}


@case
def flush_makes_the_last_five_times_too():
    found = powers(estimate("--flush", "-", input=lines()).stdout)
    assert len(found) == 2 * SECONDS + 2 * 3 * (SECONDS - 10), len(found)


@case
def it_is_what_the_published_program_prints():
    if not GOLDEN.is_dir():
        raise Skip(f"there is no {GOLDEN}")
    wanted = powers((GOLDEN / "synth200/expected_power.csv").read_text(encoding="utf-8"))
    answer = run("smartwatts", "--cpu-tdp", "125", *(GOLDEN / f"synth200/{group}.csv" for group in GROUPS))
    found = powers(answer.stdout)
    assert found.keys() == wanted.keys()
    assert max(abs(found[key] - wanted[key]) for key in wanted) < 1e-9


def exported(folder, *files):
    """The reports that a recording of these is made into."""
    recording = Path(folder, f"{len(list(Path(folder).glob('*.jkr')))}.jkr")
    assert run("import", "-f", "hwpc", "-o", recording, *files).returncode == 0
    answer = run("replay", "--output", "hwpc", recording)
    assert answer.returncode == 0 and not answer.stderr, answer
    return answer.stdout


def without_sensor(found):
    return {key[:1] + key[2:]: power for key, power in found.items()}


@case
def what_is_exported_gives_what_the_original_gave():
    with scratch_directory() as folder:
        original, copy = Path(folder, "original.json"), Path(folder, "copy.json")
        original.write_text(lines(), encoding="utf-8")
        copy.write_text(exported(folder, original), encoding="utf-8")
        wanted, found = (without_sensor(powers(run("smartwatts", "--cpu-base-freq", mhz, "--disable-dram-formula",
                                                   file).stdout)) for mhz, file in (("2000", original), ("2100", copy)))
        assert len(wanted) > 100 and found.keys() == wanted.keys()
        assert all(abs(found[key] - wanted[key]) < 1e-5 * (1 + wanted[key]) for key in wanted)
        assert run("replay", "--output", "hwpc", "--model", "share", Path(folder, "0.jkr")).returncode == 2
        assert exported(folder, copy) == copy.read_text(encoding="utf-8"), "it is not the same the second time"

        if GOLDEN.is_dir():
            wanted = powers((GOLDEN / "synth200/expected_power.csv").read_text(encoding="utf-8"))
            copy.write_text(exported(folder, *(GOLDEN / f"synth200/{group}.csv" for group in GROUPS)))
            found = without_sensor(powers(run("smartwatts", "--cpu-tdp", "125", copy).stdout))
            wanted = without_sensor(wanted)
            assert found.keys() == wanted.keys()
            assert max(abs(found[key] - wanted[key]) for key in wanted) < 1e-5


@case
def a_recording_is_exported_while_it_is_made():
    record = subprocess.Popen([BINARY, "record", "-o", "-", "-i", "100ms"], stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL)
    export = subprocess.Popen([BINARY, "replay", "--output", "hwpc", "-"], stdin=record.stdout,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    record.stdout.close()
    try:
        seen = [json.loads(export.stdout.readline()) for _ in range(30)]
        assert record.poll() is None
        record.send_signal(signal.SIGTERM)
        seen += map(json.loads, export.stdout)
        assert record.wait(20) == 0 and export.wait(20) in (0, 1), export.stderr.read()
    finally:
        record.kill()
        export.kill()
        record.wait()
        export.communicate()
    assert {"all"} < {report["target"] for report in seen}, seen[:3]
    assert all(report["sensor"] == socket.gethostname() for report in seen)


@case
def what_is_refused_is_said_and_is_no_success():
    wrong = lines().splitlines(keepends=True)
    wrong[7] = "{\n"
    answer = estimate("-", input="".join(wrong), status=1)
    assert "standard input:8: " in answer.stderr, answer.stderr
    odd = '{"timestamp": 1, "sensor": "s", "target": "all", "groups": {"\\u001b[31m": 1}}\n'
    said = estimate("-", status=1, input=odd).stderr
    assert "[31m" in said and "\x1b" not in said, said
    assert len(powers(answer.stdout)) > 100

    with scratch_directory() as folder:
        paths = write_csv(folder)
        rows = Path(paths[1]).read_text(encoding="utf-8").splitlines(keepends=True)
        rows[60] = rows[60].replace("2300", "-2300")
        Path(paths[1]).write_text("".join(rows), encoding="utf-8")
        answer = estimate(*paths, status=1)
        assert "msr.csv:61: APERF: " in answer.stderr, answer.stderr
        assert max(key[0] for key in powers(answer.stdout)) == 9000  # of 14 whole ones
        assert "core.csv" in estimate(Path(folder, "nothing/core.csv"), status=1).stderr
        assert "base frequency" in estimate("--cpu-base-freq", "50", "-", status=1, input="").stderr


@case
def wrong_use_is_refused():
    for arguments in ([], ["a.json", "b.json"], ["a.csv", "b.json"], ["--listen", "127.0.0.1:0", "-"],
                      ["--cpu-tdp", "x", "-"], ["--cpu-tdp", "-1", "-"], ["--cpu-tdp", "nan", "-"],
                      ["--learn-error-window-method", "mode", "-"], ["--output", "xml", "-"]):
        answer = run("smartwatts", *arguments, stdin=subprocess.DEVNULL)
        assert answer.returncode == 2 and not answer.stdout, (arguments, answer)


@case
def output_goes_to_a_file_that_is_new_and_is_whole():
    with scratch_directory() as folder:
        file = Path(folder, "power.csv")
        answer = estimate("-o", file, "-", input=lines())
        assert not answer.stdout and powers(file.read_text(encoding="utf-8")), answer
        assert "File exists" in estimate("-o", file, "-", input=lines(), status=1).stderr
        full = estimate("-o", "/dev/full", "-", input=lines(), status=1).stderr
        assert "/dev/full: cannot be written: No space left" in full, full


# ---- live ----

class Server:
    """joulekeeper smartwatts --listen, in a with statement."""

    def __enter__(self):
        self.process = subprocess.Popen([BINARY, "smartwatts", *OPTIONS, "--listen", "127.0.0.1:0"],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        first = self.process.stderr.readline()
        self.port = int(first.rpartition("port ")[2])
        self.output, self.errors = [], []
        self.readers = [threading.Thread(target=kept.extend, args=(stream,), daemon=True) for kept, stream in
                        ((self.output, self.process.stdout), (self.errors, self.process.stderr))]
        for reader in self.readers:
            reader.start()
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=20)

    def stop(self):
        """What it printed, and its exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(20)
        for reader in self.readers:
            reader.join(20)
        return "".join(self.output), "".join(self.errors), status

    def knows(self, count):
        wait_until(lambda: len(self.output) >= count, f"{count} lines")


@case
def sensors_send_live():
    wanted = {name: powers(estimate("-", input=lines(name)).stdout) for name in ("one", "two")}
    count = 1 + sum(map(len, wanted.values()))
    with Server() as server, server.connect() as idle, server.connect() as one, server.connect() as two:
        idle.sendall(b'{"timestamp":')  # and never goes on
        streams = {one: lines("one").encode(), two: lines("two").encode()}
        while any(streams.values()):
            for sensor in streams:
                sensor.sendall(streams[sensor][:997])
                streams[sensor] = streams[sensor][997:]
        server.knows(count)
        output, errors, status = server.stop()
    assert status == 0 and not errors, (status, errors)
    assert powers(output) == {**wanted["one"], **wanted["two"]}


@case
def a_sensor_that_sends_rubbish_harms_only_itself():
    wanted = powers(estimate("-", input=lines()).stdout)
    with Server() as server, server.connect() as good:
        for rubbish in (b"\xff\xfe\n", b"{}\n", b"[" * 3000000 + b"\n{}\n", b"x" * 5000000, b"\0\n", b"{"):
            with server.connect() as bad:
                bad.sendall(rubbish)
        good.sendall(lines().encode())
        server.knows(1 + len(wanted))
        wait_until(lambda: server.errors, "a complaint")
        output, errors, status = server.stop()
    assert status == 1 and powers(output) == wanted, (status, errors)
    assert "127.0.0.1 port " in errors and "document 1: " in errors, errors
    assert len(errors.splitlines()) < 8, errors


@case
def more_sensors_than_places_wait_for_one():
    wanted = powers(estimate("-", input=lines()).stdout)
    with Server() as server:
        crowd = [server.connect() for _ in range(64)]
        with server.connect() as late:
            late.sendall(lines().encode())
            for sensor in crowd:
                sensor.close()
            server.knows(1 + len(wanted))
        output, _, status = server.stop()
    assert status == 0 and powers(output) == wanted, status


run_cases()
