#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What a sensor of PowerAPI sends over TCP, recorded while it is sent."""

import json
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

sys.dont_write_bytecode = True
from support import BINARY, case, run, run_cases, scratch_directory, wait_until  # noqa: E402

SECONDS = 40
CPUS = ("0", "1", "2", "3")


def documents(seconds=SECONDS, since_start=False, sensor="s"):
    """Reports of one socket and up to three targets, one of which comes late and goes early."""
    chance = random.Random(1)
    for second in range(1, seconds + 1):
        times = {"time_enabled": 10**9 * (second if since_start else 1)}
        times["time_running"] = times["time_enabled"]
        for target in ("/a", "/b.slice/c") + (("/late",) if 10 < second < 30 else ()):
            yield report(sensor, second, target, core={"0": {cpu: {
                "CPU_CLK_UNHALTED:THREAD_P": chance.randrange(10**9), "UOPS": chance.randrange(10**6), **times}
                for cpu in CPUS}})
        yield report(sensor, second, "all",
                     rapl={"0": {"0": {"RAPL_ENERGY_PKG": chance.randrange(2**38), **times}}},
                     msr={"0": {cpu: {"APERF": 2300 + second, "MPERF": 2000, "TSC": 2 * 10**9, **times}
                                for cpu in CPUS}})


def report(sensor, second, target, **groups):
    return {"timestamp": 10**6 + 1000 * second, "sensor": sensor, "target": target, "groups": groups}


def lines(**how):
    return "".join(json.dumps(document) + "\n" for document in documents(**how)).encode()


class Import:
    """joulekeeper import --listen, in a with statement."""

    def __init__(self, output):
        self.output = output

    def __enter__(self):
        self.process = subprocess.Popen([BINARY, "import", "-f", "hwpc", "--listen", "127.0.0.1:0", "-o", self.output],
                                        stderr=subprocess.PIPE, text=True)
        self.port = int(self.process.stderr.readline().rpartition("port ")[2])
        self.errors = []
        self.reader = threading.Thread(target=self.errors.extend, args=(self.process.stderr,), daemon=True)
        self.reader.start()
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()

    def send(self, *pieces):
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as sensor:
            for piece in pieces:
                sensor.sendall(piece)

    def stop(self, by=signal.SIGTERM):
        """Its exit status and what it said."""
        self.process.send_signal(by)
        status = self.process.wait(20)
        self.reader.join(20)
        return status, "".join(self.errors)

    def grows_to(self, ticks):
        wait_until(lambda: recorded(self.output, partly=True) >= ticks, f"{ticks} ticks")


def recorded(path, partly=False):
    """How many reports of RAPL are in a recording."""
    answer = run("replay", "--output", "hwpc", path)
    assert partly or answer.returncode == 0, answer
    return answer.stdout.count("RAPL_ENERGY_PKG")


def books(path):
    answer = run("replay", "--output", "csv", path)
    assert answer.returncode == 0, answer
    return answer.stdout


def imported(folder, text):
    """The recording that the same documents become as a file."""
    path = Path(folder, "imported.jkr")
    path.unlink(missing_ok=True)
    assert run("import", "-f", "hwpc", "-o", path, "-", input=text.decode()).returncode == 0
    return path


@case
def what_is_sent_becomes_the_recording_that_a_file_would():
    for since_start in (False, True):
        with scratch_directory() as folder, Import(Path(folder, "live.jkr")) as live:
            text = lines(since_start=since_start)
            live.send(*(text[i:i + 997] for i in range(0, len(text), 997)))
            live.grows_to(SECONDS - 5)
            status, errors = live.stop(signal.SIGINT if since_start else signal.SIGTERM)
            assert status == 0 and "41 ticks of 3 tasks and 1 zones" in errors, (status, errors)
            assert recorded(live.output) == SECONDS
            assert books(live.output) == books(imported(folder, text))


@case
def a_sensor_that_comes_back_goes_on_with_the_same_recording():
    with scratch_directory() as folder, Import(Path(folder, "live.jkr")) as live:
        text = lines().splitlines(keepends=True)
        live.send(*text[:50])
        live.grows_to(5)
        live.send(*text[50:90], text[90][:20])  # cut within a document, which it sends again
        live.send(*text[90:])
        live.grows_to(SECONDS - 5)
        status, errors = live.stop()
        assert status == 0 and "the connection ended within it" in errors, (status, errors)
        assert books(live.output) == books(imported(folder, b"".join(text)))


@case
def what_cannot_be_is_left_out_and_said():
    with scratch_directory() as folder, Import(Path(folder, "live.jkr")) as live:
        text = lines()
        live.send(b"rubbish\n", b"{}\n", b"\xff\xfe\n")
        live.send(text)
        live.grows_to(SECONDS - 5)
        live.send(*(json.dumps(document).encode() + b"\n" for document in documents(seconds=3)))
        live.send(*(json.dumps(document).encode() + b"\n" for document in documents(sensor="another")))
        wait_until(lambda: len(live.errors) >= 3, "complaints")
        status, errors = live.stop()
        assert status == 0 and "document 1" in errors and " were left out in all" in errors, (status, errors)
        assert len(errors.splitlines()) < 8, errors
        assert books(live.output) == books(imported(folder, text))


@case
def one_wrong_clock_does_not_stop_the_others():
    with scratch_directory() as folder, Import(Path(folder, "live.jkr")) as live:
        ahead = report("s", 10**8, "/a", core={"0": {"0": {"UOPS": 1, "time_enabled": 1, "time_running": 1}}})
        live.send(json.dumps(ahead).encode() + b"\n", lines())
        live.grows_to(SECONDS - 6)
        assert live.stop()[0] == 0
        assert recorded(live.output) == SECONDS


def far_ahead(seconds):
    """Reports of as many times, from a day ahead on."""
    start = int(time.time() + 86400) * 1000
    for second in range(seconds):
        document = report("s", 0, "/a", core={"0": {"0": {"UOPS": 1, "time_enabled": 1, "time_running": 1}}})
        yield json.dumps({**document, "timestamp": start + 1000 * second}).encode() + b"\n"


@case
def nobody_moves_the_recording_into_the_future():
    with scratch_directory() as folder, Import(Path(folder, "live.jkr")) as live:
        text = lines()
        live.send(*far_ahead(50))
        wait_until(lambda: live.errors, "a complaint")
        live.send(text)
        live.grows_to(SECONDS - 5)
        status, errors = live.stop()
        assert status == 0 and "127.0.0.1 port" in errors and "s ahead of this machine's clock" in errors, errors
        assert "50 were left out in all" in errors, errors
        assert books(live.output) == books(imported(folder, text))


@case
def what_was_recorded_before_it_was_killed_is_there():
    with scratch_directory() as folder, Import(Path(folder, "live.jkr")) as live:
        live.send(lines())
        live.grows_to(SECONDS - 5)
        live.stop(signal.SIGKILL)
        assert SECONDS - 5 <= recorded(live.output) <= SECONDS


@case
def nothing_is_left_where_nothing_came():
    with scratch_directory() as folder, Import(Path(folder, "live.jkr")) as live:
        live.send(b"rubbish\n")
        wait_until(lambda: live.errors, "a complaint")
        status, errors = live.stop()
        assert status == 1 and "no sensor sent a report" in errors, (status, errors)
        assert not os.path.exists(live.output)


@case
def a_disk_that_is_full_ends_it():
    with Import("/dev/full") as live:
        try:
            live.send(lines(seconds=2000))
        except OSError:
            pass  # it ended meanwhile
        status = live.process.wait(20)
        live.reader.join(20)
        assert status == 1 and "No space left" in "".join(live.errors), (status, live.errors)


@case
def wrong_use_is_refused():
    with scratch_directory() as folder:
        out = Path(folder, "x.jkr")
        for arguments, complaint in ((("-f", "csv", "-m", "odroid-xu3"), "nothing sends the format csv"),
                                     (("-f", "hwpc", "file"), "reads no files"),
                                     (("-f", "hwpc", "-j", "1s"), "--join is for files")):
            answer = run("import", "-o", out, "--listen", "127.0.0.1:0", *arguments)
            assert answer.returncode == 2 and complaint in answer.stderr, answer
        for address in ("somewhere", "9080", "127.0.0.1:0x1"):
            answer = run("import", "-f", "hwpc", "-o", out, "--listen", address)
            assert answer.returncode == 1 and address in answer.stderr, answer
        out.write_text("mine", encoding="utf-8")
        answer = run("import", "-f", "hwpc", "-o", out, "--listen", "127.0.0.1:0")
        assert answer.returncode == 1 and "x.jkr" in answer.stderr and out.read_text(encoding="utf-8") == "mine", answer


run_cases()
