#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A live powercap tree for tests, on machines without a meter.

Makes DIR/sys/class/powercap with the RAPL zones of a server (per socket a package, its core and its
dram) and advances the counters a few dozen times a second with the CPU time that the real machine
spends, as /proc/stat counts it: each socket has an equal part of the CPUs, and draws

    idle W + (max W - idle W) x utilisation of its CPUs

Counters wrap at their range. What they would have counted without wrapping stands in DIR/ledger, a
line "ZONE MICROJOULES" for each zone, so that a test can compare what was booked with the truth.
SIGUSR1 halts the counters (the ledger then is final and exact), SIGUSR2 lets them go on. With
--commands, lines on stdin do that and break the meter as drivers do; each is answered by "done", and
the end of stdin ends the fake:

    halt, go on        as the signals
    break ZONE         reading its counter fails
    mend ZONE          it can be read again; it has counted on
    unload             the driver goes, and with it the whole tree
    load               it comes back and its counters begin anew at 0
    restart            the counters begin anew at 0, without a moment's absence

DIR/proc and the parts of DIR/sys that a program needs besides are links to the real ones, so DIR
serves as --root. Each file is written by one pwrite of fixed width: a reader never sees half a value.
"""

import argparse
import os
import random
import select
import signal
import sys
import time

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
BUSY_COLUMNS = (1, 2, 3, 6, 7)  # user, nice, system, irq, softirq of a cpu line in /proc/stat
TOPOLOGY = "sys/devices/system"  # and more, which nobody misses
LINKS = ("proc", "sys/fs/cgroup", TOPOLOGY, "sys/kernel")
WIDTH = 20  # digits of 2^64


class Zone:
    """A counter: powercap's view of it, and the truth."""

    def __init__(self, directory, zone, name, range_uj, start_uj):
        self.name, self.range_uj, self.start_uj = name, range_uj, start_uj
        self.energy_uj = 0.0  # since the start; exact to far below a microjoule
        os.makedirs(directory)
        self._write(directory, "name", zone)
        self._write(directory, "max_energy_range_uj", str(range_uj))
        self.fd = os.open(f"{directory}/energy_uj", os.O_WRONLY | os.O_CREAT, 0o400)
        self.directory = directory
        self.broken = False
        self.publish()

    @staticmethod
    def _write(directory, name, text):
        with open(f"{directory}/{name}", "w", encoding="ascii") as file:
            file.write(text + "\n")

    def limit(self, power_w):
        """State a power limit in force, as a package does."""
        self._write(self.directory, "enabled", "1")
        self._write(self.directory, "constraint_0_name", "long_term")
        self._write(self.directory, "constraint_0_power_limit_uw", str(int(power_w * 1e6)))
        self._write(self.directory, "constraint_0_max_power_uw", str(int(power_w * 1e6)))

    def restart(self):
        """Count from 0 again; the truth goes on."""
        self.start_uj = -int(self.energy_uj)

    def publish(self):
        if self.broken:
            os.ftruncate(self.fd, 0)
            return
        value = (self.start_uj + int(self.energy_uj)) % (self.range_uj + 1)
        os.pwrite(self.fd, f"{value:0{WIDTH}d}\n".encode(), 0)

    def ledger_line(self):
        return f"{self.name:<12} {int(self.energy_uj):0{WIDTH}d}\n"


class Socket:
    def __init__(self, options, base, number, cpus):
        package_range, dram_range = ranges(options)
        top = f"{base}/intel-rapl:{number}"
        start = lambda range_uj: int(range_uj * options.start)

        self.cpus = cpus
        self.package = Zone(top, f"package-{number}", f"package-{number}", package_range,
                            start(package_range))
        self.core = Zone(f"{top}:0", "core", f"core-{number}", package_range, start(package_range))
        self.dram = Zone(f"{top}:1", "dram", f"dram-{number}", dram_range, start(dram_range))
        self.package.limit(options.max_watts)
        self.dram.limit(options.dram_max_watts)

    def zones(self):
        return (self.package, self.core, self.dram)

    def advance(self, options, elapsed_s, busy_s):
        """busy_s: CPU seconds of each of the socket's CPUs, added up."""
        load_s = 0 if options.static else busy_s / len(self.cpus) if self.cpus else 0
        if options.waves:
            load_s = elapsed_s * wave(time.monotonic(), options.waves)
        dynamic = (options.max_watts - options.idle_watts) * load_s * 1e6
        memory = (options.dram_max_watts - options.dram_idle_watts) * load_s * 1e6

        self.package.energy_uj += options.idle_watts * elapsed_s * 1e6 + dynamic
        self.core.energy_uj += options.idle_watts / 4 * elapsed_s * 1e6 + dynamic * 3 / 4
        self.dram.energy_uj += options.dram_idle_watts * elapsed_s * 1e6 + memory
        for zone in self.zones():
            zone.publish()


def ranges(options):
    """(package and core, dram) in microjoules."""
    if options.wrap_every:
        return (int(options.wrap_every * options.max_watts * 1e6),
                int(options.wrap_every * options.dram_max_watts * 1e6))
    return options.range_uj, options.dram_range_uj


def busy_seconds():
    """CPU number -> seconds it was busy since boot."""
    busy = {}
    with open("/proc/stat", encoding="ascii") as file:
        for line in file:
            fields = line.split()
            if not fields[0].startswith("cpu"):
                break
            if fields[0] != "cpu":
                busy[int(fields[0][3:])] = sum(int(fields[c]) for c in BUSY_COLUMNS) / TICKS_PER_S
    return busy


def wave(now, step_s):
    """A load that goes up and down without a pattern, in steps, whatever the machine does."""
    return random.Random(int(now / step_s)).random()


def make_tree(options):
    base = f"{options.dir}/sys/class/powercap"
    cpus, n = sorted(busy_seconds()), options.sockets

    os.makedirs(f"{base}/intel-rapl")
    with open(f"{base}/intel-rapl/enabled", "w", encoding="ascii") as file:
        file.write("1\n")
    for link in LINKS:
        if options.topology and link == TOPOLOGY:
            continue
        path = f"{options.dir}/{link}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.symlink(f"/{link}", path)

    sockets = [Socket(options, base, s, cpus[s * len(cpus) // n:(s + 1) * len(cpus) // n])
               for s in range(n)]
    if options.topology:
        for number, socket in enumerate(sockets):
            for cpu in socket.cpus:
                write_topology(options, cpu, number)
    return sockets


def write_topology(options, cpu, package):
    path = f"{options.dir}/{TOPOLOGY}/cpu/cpu{cpu}/topology"
    os.makedirs(path)
    with open(f"{path}/physical_package_id", "w", encoding="ascii") as file:
        file.write(f"{package}\n")


class Fake:
    def __init__(self, options):
        self.options = options
        self.sockets = make_tree(options)
        self.ledger = os.open(f"{options.dir}/ledger", os.O_WRONLY | os.O_CREAT, 0o644)
        self.halted = options.halted
        self.stopped = False
        self.then, self.busy = time.monotonic(), busy_seconds()
        self.write_ledger()

    def write_ledger(self):
        lines = "".join(zone.ledger_line() for s in self.sockets for zone in s.zones())
        os.pwrite(self.ledger, lines.encode(), 0)

    def step(self):
        now, busy = time.monotonic(), busy_seconds()
        if not self.halted:
            for socket in self.sockets:
                socket.advance(self.options, now - self.then,
                               sum(busy.get(c, 0) - self.busy.get(c, 0) for c in socket.cpus))
            self.write_ledger()
        self.then, self.busy = now, busy

    def halt(self, *_):
        self.halted = True

    def go_on(self, *_):
        self.halted = False

    def stop(self, *_):
        self.stopped = True

    def zones(self):
        return [zone for socket in self.sockets for zone in socket.zones()]

    def set_broken(self, name, broken):
        """The zone of that name, or all ("")."""
        for zone in self.zones():
            if name in ("", zone.name):
                zone.broken = broken
                zone.publish()

    def restart(self):
        for zone in self.zones():
            zone.restart()
            zone.publish()

    def unload(self):
        os.rename(f"{self.options.dir}/sys/class/powercap", f"{self.options.dir}/unloaded")
        self.set_broken("", True)

    def load(self):
        self.set_broken("", False)
        self.restart()
        os.rename(f"{self.options.dir}/unloaded", f"{self.options.dir}/sys/class/powercap")

    def obey(self, line):
        """All energy until now is counted first."""
        verb, _, name = line.partition(" ")
        self.step()
        if verb in ("break", "mend"):
            self.set_broken(name, verb == "break")
        else:
            {"halt": self.halt, "go on": self.go_on, "unload": self.unload, "load": self.load,
             "restart": self.restart}[line]()
        print("done", flush=True)

    def wait(self):
        """Until the next update is due; obeys what comes meanwhile."""
        due = time.monotonic() + 1 / self.options.updates
        if not self.options.commands:
            time.sleep(1 / self.options.updates)
            return
        while select.select([sys.stdin], [], [], max(0, due - time.monotonic()))[0]:
            line = sys.stdin.readline()
            if not line:
                self.stop()
                return
            self.obey(line.strip())

    def run(self):
        signal.signal(signal.SIGUSR1, self.halt)
        signal.signal(signal.SIGUSR2, self.go_on)
        signal.signal(signal.SIGTERM, self.stop)
        signal.signal(signal.SIGINT, self.stop)
        print("ready", flush=True)
        while not self.stopped:
            self.wait()
            self.step()


def parse():
    parser = argparse.ArgumentParser(
        description="Make a live powercap tree in DIR; prints 'ready' when it stands.")
    add = parser.add_argument
    add("dir", metavar="DIR", help="an empty directory, or one to be made")
    add("--sockets", type=int, default=2, metavar="N")
    add("--topology", action="store_true", help="say in sysfs which CPU is in which socket")
    add("--updates", type=float, default=25, metavar="HZ", help="updates per second")
    add("--idle-watts", type=float, default=40, metavar="W", help="of each package")
    add("--max-watts", type=float, default=125, metavar="W", help="of each package, and its limit")
    add("--dram-idle-watts", type=float, default=10, metavar="W")
    add("--dram-max-watts", type=float, default=50, metavar="W")
    add("--static", action="store_true", help="idle power at any load, for exact tests")
    add("--waves", type=float, default=0, metavar="S",
        help="load at random in steps of S seconds, whatever the machine does")
    add("--halted", action="store_true", help="start halted, until SIGUSR2")
    add("--range-uj", type=int, default=262143328850, metavar="UJ", help="of packages and cores")
    add("--dram-range-uj", type=int, default=65712999613, metavar="UJ")
    add("--wrap-every", type=float, metavar="S",
        help="ranges such that counters wrap this often at full power; the agent's interval must "
             "stay below two fifths of it, as it allows for twice the limit")
    add("--commands", action="store_true", help="obey lines on stdin")
    add("--start", type=float, default=0.5, metavar="PART",
        help="where counters start, as a part of their range")
    return parser.parse_args()


if __name__ == "__main__":
    try:
        Fake(parse()).run()
    except OSError as error:
        sys.exit(f"fake-powercap: {error}")
