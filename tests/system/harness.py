# SPDX-License-Identifier: Apache-2.0
"""A place for the cases that need more than an agent: the fake meter, cgroups and loads in it, and
nothing of it left afterwards.

    @placed
    def books_balance(place): ...

    run_placed()

Whatever a case starts ends with it, also when the test is killed: processes ask the kernel to die
with their parent, and cgroups that a killed test left are removed by the next one.

The machine may be slow and busy with other things. So the cases compare ratios and sums, wait for
events and not for times, and hold nothing that only an idle machine could keep.
"""

import contextlib
import ctypes
import functools
import glob
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

from agent import Agent
from support import BINARY, Skip, case, run_cases, wait_until

HERE = os.path.dirname(os.path.abspath(__file__))
TOOLS = os.environ.get("JK_SYSTEM_TOOLS", f"{HERE}/../../build/tests/system")
PREFIX = "joulekeeper-system-"

PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None, use_errno=True)


def check(holds, message):
    """An assertion that does not go with python -O, and says what is wrong and not how."""
    if not holds:
        raise AssertionError(message)


def check_median(what, measure, low, high, repeats=3):
    """Measure once; where that lies outside, often enough for a median to decide."""
    values = [measure()]
    while len(values) == 1 and not low <= values[0] <= high or 1 < len(values) < repeats:
        values.append(measure())
    middle = statistics.median(values)
    note(f"{what}: {', '.join(f'{value:.4f}' for value in values)} (wanted: {low} to {high})")
    check(low <= middle <= high, f"{what} is {middle:.4f}, not within {low} and {high}: {values}")


def note(text):
    print(f"# {text}", flush=True)


def has_sanitizer():
    with open(BINARY, "rb") as file:
        return b"__asan_init" in file.read()


# ---- cgroups ----


def _hierarchy():
    """(mount point, usage file) of the hierarchy that the books are kept in: cpuacct, or the
    unified one where there is no other or where pid 1 is not in its root."""
    unified = accounting = None
    with open("/proc/self/mountinfo", encoding="utf-8") as file:
        for line in file:
            fields, _, rest = line.partition(" - ")
            point, kind = fields.split()[4], rest.split()[0]
            if kind == "cgroup2":
                unified = unified or point
            elif kind == "cgroup" and "cpuacct" in rest.split()[2].split(","):
                accounting = accounting or point
    with open("/proc/1/cgroup", encoding="utf-8") as file:
        kept = any(line.startswith("0::/") and line.strip() != "0::/" for line in file)
    if unified and (not accounting or kept):
        return unified, "cpu.stat"
    if accounting:
        return accounting, "cpuacct.usage"
    raise Skip("there is no cgroup hierarchy with CPU accounting")


class Cgroup:
    """A cgroup of the hierarchy that the books are kept in."""

    def __init__(self, name):
        self.mount, self.usage_file = _hierarchy()
        self.path = "/" + os.fsdecode(name)  # as the agent names it
        self.directory = self.mount + self.path
        try:
            os.mkdir(self.directory)
        except OSError as error:
            raise Skip(f"cannot make a cgroup: {error}") from error

    def usage_s(self):
        """CPU time of it and of those below, as the kernel accounts it."""
        with open(f"{self.directory}/{self.usage_file}", encoding="ascii") as file:
            text = file.read()
        if self.usage_file == "cpu.stat":
            return int(text.split()[1]) / 1e6
        return int(text) / 1e9

    def add(self, pid):
        with open(f"{self.directory}/cgroup.procs", "w", encoding="ascii") as file:
            file.write(f"{pid}\n")

    def remove(self):
        remove_cgroup(self.directory)


def remove_cgroup(directory):
    """Kill what is in it and remove it, with all below."""
    deadline = time.monotonic() + 10
    while os.path.isdir(directory):
        for below, _, _ in os.walk(directory, topdown=False):
            with contextlib.suppress(OSError):
                with open(f"{below}/cgroup.procs", encoding="ascii") as file:
                    for pid in file:
                        os.kill(int(pid), signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.rmdir(below)
        if time.monotonic() > deadline:
            note(f"cannot remove {directory}")
            return
        time.sleep(0.02)


def _remove_leftovers():
    """Of tests that were killed: the number after the prefix is theirs."""
    with contextlib.suppress(Skip):
        for path in _abandoned(_hierarchy()[0]):
            remove_cgroup(path)
    for path in _abandoned(tempfile.gettempdir()):
        shutil.rmtree(path, ignore_errors=True)


def _abandoned(directory):
    for path in glob.glob(f"{directory}/{PREFIX}*"):
        pid = re.match(r"\d+", os.path.basename(path).removeprefix(PREFIX))
        if pid and not os.path.exists(f"/proc/{pid[0]}"):
            yield path


# ---- the fake meter ----


class Fake:
    """fake-powercap.py, whose time has precedence over what it measures."""

    def __init__(self, place, directory, *options):
        self.root = directory
        self.process = place.start(
            [sys.executable, f"{HERE}/fake-powercap.py", "--commands", directory, *options],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, realtime=True)
        check(self.process.stdout.readline() == b"ready\n", "the fake meter did not start")

    def command(self, line):
        """Have it done: see --commands of the fake."""
        self.process.stdin.write(line.encode() + b"\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        check(answer == b"done\n", f"the fake meter said {answer} to '{line}'")

    def halt(self):
        """Stop the counters: the ledger is final until they go on."""
        self.command("halt")
        return self.ledger()

    def go_on(self):
        self.command("go on")

    def ledger(self):
        """Zone -> microjoules that its counter would show if it had begun at 0 and never wrapped."""
        with open(f"{self.root}/ledger", encoding="ascii") as file:
            return {zone: int(energy_uj) for zone, energy_uj in map(str.split, file)}

    def counter(self, path):
        with open(f"{self.root}/sys/class/powercap/{path}/energy_uj", encoding="ascii") as file:
            return int(file.read())


# ---- the place ----


class Place:
    """Where a case works: everything in it is gone after close()."""

    def __init__(self):
        self._directory = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")
        self._closing = contextlib.ExitStack()
        self._closing.callback(shutil.rmtree, self._directory, ignore_errors=True)
        self._cgroups = None
        self._n = 0

    def __enter__(self):
        return self

    def __exit__(self, *error):
        return self._closing.__exit__(*error)

    def directory(self):
        self._n += 1
        path = f"{self._directory}/{self._n}"
        os.mkdir(path)
        return path

    @staticmethod
    def _prepare(*, cgroups=(), realtime=False, nice=0, cpu=None):
        """What a child does between fork and exec: it dies with the test, and is in its cgroups
        (anything with add()) from its first instruction on."""
        parent = os.getpid()

        def prepare():
            _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            if os.getppid() != parent:
                os._exit(1)
            for cgroup in cgroups:
                cgroup.add(os.getpid())
            if cpu is not None:
                os.sched_setaffinity(0, [cpu])
            with contextlib.suppress(OSError):
                os.nice(nice)
            if realtime:
                _take_precedence()

        return prepare

    def start(self, command, *, stdin=None, stdout=None, stderr=None, pass_fds=(), **how):
        process = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr,
                                   pass_fds=pass_fds, preexec_fn=self._prepare(**how))
        self._closing.callback(_end_process, process)
        return process

    def work(self, *arguments, **options):
        """A load of work.py; it has begun when this returns, and ends with end()."""
        process = self.start([sys.executable, "-ISE", f"{HERE}/work.py", *map(str, arguments)],
                             stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)
        check(process.stdout.readline() == b"ready\n", f"work {arguments} did not start")
        return process

    def tool(self, name, *arguments, **options):
        """A helper in C, which says that it is ready, and ends with its stdin."""
        process = self.start([f"{TOOLS}/{name}", *map(str, arguments)], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, **options)
        check(process.stdout.readline() == b"ready\n", f"{name} did not start")
        return process

    @staticmethod
    def end(process):
        """Close its stdin, wait for it: the rest of its output."""
        output, _ = process.communicate(timeout=60)
        check(process.returncode == 0, f"{process.args} ended with {process.returncode}")
        return output

    def fake(self, *options):
        return Fake(self, self.directory() + "/root", *options)

    def agent(self, fake, *options, interval="200ms", port=None):
        """An agent that has its baselines and answers. Its time has precedence, too: a tick that
        comes late because the machine is busy is no fault of the books."""
        agent = Agent("--root", fake.root, "--interval", interval, *options, port=port,
                      preexec_fn=self._prepare(nice=-10), stdin=subprocess.DEVNULL)
        self._closing.enter_context(agent)
        wait_until(agent.is_ready, "the agent to be ready", 60)
        return agent

    def cgroup(self, name=None):
        """A cgroup of this test: the one around all others, or one in it."""
        top = f"{PREFIX}{os.getpid()}"
        if not self._cgroups:
            self._cgroups = Cgroup(top)
            self._closing.callback(self._cgroups.remove)
        return Cgroup(os.fsencode(top) + b"/" + os.fsencode(name)) if name else self._cgroups


def _end_process(process):
    process.kill()
    process.wait()
    for pipe in (process.stdin, process.stdout):
        with contextlib.suppress(OSError):
            if pipe:
                pipe.close()


def _take_precedence():
    """Real-time priority where that is allowed, else as much as is."""
    try:
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))
    except OSError:
        with contextlib.suppress(OSError):
            os.nice(-20)


# ---- running ----


def placed(function):
    """Make a case of a function that wants a place."""

    @functools.wraps(function)
    def run():
        began = time.monotonic()
        with Place() as place:
            function(place)
        note(f"{function.__name__} took {time.monotonic() - began:.1f} s")

    return case(run)


def _stop(*_):
    sys.exit(1)  # by way of every finally


def run_placed():
    if os.geteuid() != 0:
        print("1..0 # SKIP needs root: cgroups, eBPF, priorities")
        return
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _stop)
    _remove_leftovers()
    run_cases()
