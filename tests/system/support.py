# SPDX-License-Identifier: Apache-2.0
"""What the system tests share: cases printed as TAP, and an agent started for real.

    @case
    def counters_rise(): ...

    run_cases()
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import traceback
from pathlib import Path

BINARY = os.environ.get("JK_BINARY", "build/joulekeeper")
SOURCE = Path(os.environ.get("JK_SOURCE_ROOT", Path(__file__).resolve().parents[2]))

_cases = []


class Skip(Exception):
    """This case cannot be tried here, and why."""


def case(function):
    _cases.append(function)
    return function


def run_cases():
    """Run every case, or those with the first argument in their name; exit status 1 if one failed."""
    failed = 0
    chosen = [function for function in _cases if "".join(sys.argv[1:2]) in function.__name__]
    print(f"1..{len(chosen)}", flush=True)
    for number, function in enumerate(chosen, 1):
        try:
            function()
            line = f"ok {number} - {function.__name__}"
        except Skip as reason:
            line = f"ok {number} - {function.__name__} # SKIP {reason}"
        except Exception:  # whatever it was, the next case is tried
            failed += 1
            line = f"not ok {number} - {function.__name__}"
            line += "".join(f"\n# {text}" for text in traceback.format_exc().splitlines())
        print(line, flush=True)
    sys.exit(1 if failed else 0)


def wait_until(condition, what, seconds=20):
    """The first true value of the condition."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError(f"{what}: not within {seconds} s")


def has_ended(number):
    """Also if it is a zombie, as whoever takes in orphans may leave it for long."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def run(*arguments, environment=None, **options):
    """A command of the program to its end: its status, stdout and stderr as text."""
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=60,
                          env={**os.environ, **(environment or {})}, check=False, **options)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Agent:
    """joulekeeper run, in a with statement: killed at its end if it still runs."""

    def __init__(self, *arguments, port=None, environment=None, **options):
        self.port = port or free_port()
        self.lines = []
        self.process = subprocess.Popen(
            [BINARY, "run", f"--listen=127.0.0.1:{self.port}", *arguments],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
            env={**os.environ, **(environment or {})}, **options)
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))

    def __enter__(self):
        return self

    def __exit__(self, *error):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.reader.join(5)

    @property
    def output(self):
        return "\n".join(self.lines)

    def says(self, text, seconds=20):
        """Wait until it has printed the text."""
        def found():
            assert self.process.poll() is None or text in self.output, \
                f"it ended with {self.process.returncode}:\n{self.output}"
            return text in self.output
        try:
            wait_until(found, f"'{text}' on its output", seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}; it said:\n{self.output}") from None

    def ready(self):
        self.says("joulekeeper top")
        return self

    def get(self, path, timeout=5):
        """Status and body of a request."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout)
        try:
            connection.request("GET", path)
            reply = connection.getresponse()
            return reply.status, reply.read().decode()
        finally:
            connection.close()

    def api(self, path):
        status, body = self.get(f"/api/v1/{path}")
        assert status == 200, (path, status, body)
        return json.loads(body)

    def send(self, number):
        self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM, seconds=10):
        """Send the signal: the exit status, and the seconds it took."""
        start = time.monotonic()
        self.send(number)
        status = self.process.wait(seconds)
        self.reader.join(5)
        return status, time.monotonic() - start


class FakePowercap:
    """fake-powercap.py in a with statement, with options as it takes them. It starts halted."""

    def __init__(self, directory, *options):
        self.root = Path(directory)
        self.process = subprocess.Popen(
            [SOURCE / "tests/system/fake-powercap.py", directory, "--halted", *options],
            stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "ready\n"

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.process.kill()
        self.process.wait()

    def halt(self):
        self.process.send_signal(signal.SIGUSR1)
        time.sleep(0.2)  # several updates: the last one is in the ledger now

    def go_on(self):
        self.process.send_signal(signal.SIGUSR2)

    def truth(self):
        """What each zone has counted since the start, in microjoules."""
        lines = (self.root / "ledger").read_text(encoding="ascii").splitlines()
        return {zone: int(energy_uj) for zone, energy_uj in (line.split() for line in lines)}


def scratch_directory():
    """A context manager: a folder that is gone afterwards."""
    return tempfile.TemporaryDirectory(prefix="joulekeeper-test-")
