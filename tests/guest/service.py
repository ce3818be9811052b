# SPDX-License-Identifier: Apache-2.0
"""joulekeeper.service as it was installed, and what systemd and the program itself say of it."""

import contextlib
import os
import subprocess
from pathlib import Path

import agent
from support import wait_until

UNIT_FILE = Path("/usr/local/lib/systemd/system/joulekeeper.service")
UNIT = UNIT_FILE.name
CONFIG = Path("/usr/local/etc/joulekeeper/joulekeeper.yaml")


def systemctl(*arguments):
    done = subprocess.run(["systemctl", *arguments], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, f"systemctl {' '.join(arguments)}: {done.stderr}"
    return done.stdout


def journal(lines, unit=UNIT):
    return subprocess.run(["journalctl", "-o", "cat", "-n", str(lines), "-u", unit],
                          capture_output=True, text=True, check=True).stdout


def write_unit(name, text):
    """One that systemd has not seen yet, so that it need not be told to look again."""
    Path("/run/systemd/system", name).write_text(text, encoding="utf-8")


class Service(agent.Agent):
    """Started and ready in a with statement, stopped at its end. With settings, it is a unit of
    another name: ours, and these lines of [Service]."""

    def __init__(self, *settings, name=UNIT):
        self.port = 9782  # its configuration's
        self.unit = name
        if settings:
            write_unit(name, "\n".join([UNIT_FILE.read_text(encoding="utf-8"), "[Service]",
                                        *settings]))

    def __enter__(self):
        try:
            systemctl("start", self.unit)
            return self.ready()
        except AssertionError:
            self._tell()
            raise

    def __exit__(self, *error):
        if error[0]:
            self._tell()
        subprocess.run(["systemctl", "stop", self.unit], check=False)

    def _tell(self):
        print("".join(f"# {line}\n" for line in self.journal().splitlines()), flush=True)

    def journal(self):
        return journal(40, self.unit)

    def shows(self, name):
        """One of the properties that systemd keeps of it."""
        return systemctl("show", "--value", "-p", name, self.unit).strip()

    def is_ready(self):
        with contextlib.suppress(OSError):
            return self.fetch("/readyz")[0] == 200
        return False

    def ready(self):
        wait_until(self.is_ready, "the service to be ready", 60)
        return self

    @property
    def pid(self):
        return int(self.shows("MainPID"))

    def proc_status(self):
        """Name -> value, of its /proc/PID/status."""
        lines = Path(f"/proc/{self.pid}/status").read_text(encoding="ascii").splitlines()
        return dict(line.split(":\t", 1) for line in lines)

    def send(self, number):
        os.kill(self.pid, number)

    def comes_again(self, pid):
        """Wait until it runs anew, as another process than that."""
        wait_until(lambda: self.pid not in (0, pid), "systemd to start it again", 60)
        self.ready()
