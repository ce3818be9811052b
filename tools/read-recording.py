#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Print a recording as JSON lines, one per message: zstd -dc FILE | tools/read-recording.py

Written by docs/recording.md alone, as an example for those who read recordings with programs of
their own; joulekeeper itself does not use it."""

import json
import struct
import sys
import zlib

HEADER, ZONE, USER, CGROUP, TICK, EVENT = range(1, 7)
KINDS = {HEADER: "header", ZONE: "zone", USER: "user", CGROUP: "cgroup", TICK: "tick", EVENT: "event"}
SEEN, ENDED, IDENTITY = 1, 2, 64
TASK_COLUMNS = ("cpu_ns", "cycles", "instructions", "llc_misses", "read_bytes", "write_bytes",
                "minor_faults", "major_faults")
CPU_COLUMNS = ("busy_ns", "idle_ns", "irq_ns", "softirq_ns", "steal_ns")
CPU_STATES = {2: "frequency_khz", 4: "temperature_mc", 8: "voltage_uv"}


class Body:
    """The numbers of a message, in order."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def number(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self):
        value = self.number()
        return value >> 1 ^ -(value & 1)

    def double(self):
        self.at += 8
        value, = struct.unpack("<d", self.data[self.at - 8:self.at])
        return None if value != value else value

    def string(self):
        length = self.number()
        self.at += length
        return self.data[self.at - length:self.at].decode(errors="backslashreplace")


class Reader:
    """Remembers what later messages refer to."""

    def __init__(self):
        self.forget()

    def forget(self):
        self.slots, self.cpu_states, self.events = {}, [], []
        self.sequence = self.monotonic = self.realtime = self.boottime = self.lost = 0

    def read(self, kind, data):
        if kind == HEADER:
            self.forget()
            return json.loads(data)
        return {ZONE: self.zone, USER: self.user, CGROUP: self.cgroup, TICK: self.tick,
                EVENT: self.event}[kind](Body(data))

    def zone(self, body):
        zone = {"index": body.number(), "name": body.string(), "source": body.string(),
                "path": body.string(), "kind": body.string(), "provenance": body.string(),
                "parent": body.signed(), "package": body.signed(), "die": body.signed(),
                "range_uj": body.number(), "filtered": bool(body.number())}
        for name in ("uncertainty_pct", "idle_w", "limit_w", "max_w"):
            zone[name] = body.double()
        return zone

    def user(self, body):
        return {"uid": body.number(), "name": body.string()}

    def cgroup(self, body):
        return {"id": body.number(), "path": body.string()}

    def event(self, body):
        event = {"index": body.number(), "name": body.string(), "package": body.signed()}
        self.events = [*self.events[:event["index"]], event] if event["index"] else [event]
        return event

    def tick(self, body):
        tick = self.instant(body)
        tick["readings"] = self.readings(body, tick["elapsed_ns"])
        tick["cgroups"] = [{"id": body.number(), "vanished": bool(body.number()), "path": body.string()}
                           for _ in range(body.number())]
        tick["epc"] = [{"cgroup": body.number(), "bytes": body.number()} for _ in range(body.number())]
        tick["cpus"] = self.cpus(body)
        tick["tasks"] = self.tasks(body)
        assert body.at == len(body.data), "the message goes on"
        return tick

    def instant(self, body):
        self.sequence += body.signed()
        passed = body.signed()
        self.monotonic += passed
        self.realtime += passed + body.signed()
        self.boottime += passed + body.signed()
        tick = {"sequence": self.sequence, "monotonic_ns": self.monotonic,
                "realtime_ns": self.realtime, "boottime_ns": self.boottime,
                "elapsed_ns": passed + body.signed(), "suspended_ns": body.signed(),
                "flags": body.number(), "task_fields": body.number()}
        self.lost += body.signed()
        tick["lost_events"] = self.lost
        return tick

    def readings(self, body, elapsed):
        readings = []
        for _ in range(body.number()):
            reading = {"flags": body.number()}
            if reading["flags"] & SEEN:
                reading["energy_uj"] = body.signed()
                reading["elapsed_ns"] = elapsed + body.signed()
            readings.append(reading)
        return readings

    def cpus(self, body):
        cpus, seen = [], []
        for place in range(body.number()):
            cpus.append({"cpu": place + body.signed()})
            seen.append(body.number())
            cpus[place]["online"] = bool(seen[place] & 1)
        for column in CPU_COLUMNS:
            for cpu in cpus:
                cpu[column] = body.number()
        del self.cpu_states[len(cpus):]
        self.cpu_states += [dict.fromkeys(CPU_STATES, 0) for _ in cpus[len(self.cpu_states):]]
        for bit, state in CPU_STATES.items():
            for place, cpu in enumerate(cpus):
                if seen[place] & bit:
                    self.cpu_states[place][bit] += body.signed()
                    cpu[state] = self.cpu_states[place][bit]
        return cpus

    def tasks(self, body):
        listed, slot = [], -1
        counted = self.events[:body.number()]
        for _ in range(body.number()):
            slot += 1 + body.signed()
            listed.append(slot)
        tasks = [self.identity(body, slot) for slot in listed]
        mask = body.number()
        for bit, column in enumerate(TASK_COLUMNS):
            for task in tasks:
                task[column] = body.number() if mask >> bit & 1 else 0
        self.counts(body, counted, tasks)
        shift = body.number()
        for task in tasks:
            task["resident_bytes"] = ((task["resident_bytes"] >> shift) + body.signed()) << shift
        for slot, task in zip(listed, tasks):
            task["threads"] = self.slots[slot]["threads"] = self.slots[slot]["threads"] + body.signed()
            self.slots[slot]["resident_bytes"] = task["resident_bytes"]
        for slot, task in zip(listed, tasks):
            if task["flags"] & ENDED:
                self.slots.pop(slot, None)
        return tasks

    def counts(self, body, counted, tasks):
        mask = body.number() if counted else 0
        for task in tasks:
            task["events"] = {}
        for bit, event in enumerate(counted):
            name = event["name"] + (f"@{event['package']}" if event["package"] >= 0 else "")
            for task in tasks:
                task["events"][name] = body.number() if mask >> bit & 1 else 0

    def identity(self, body, slot):
        flags = body.number()
        if flags & IDENTITY:
            task = {"pid": body.signed(), "ppid": body.signed(), "start_ns": body.number(),
                    "cgroup": body.number(), "uid": body.number(), "comm": body.string()}
            before = self.slots.get(slot, {})
            same = all(before.get(key) == task[key] for key in ("pid", "start_ns"))
            for state in ("resident_bytes", "threads"):
                task[state] = before[state] if same else 0
            self.slots[slot] = task
        return {**self.slots[slot], "flags": flags & ~IDENTITY}


def messages(stream):
    """Kind and body of each; a message that is cut off at the end is left out."""
    while True:
        kind = stream.read(1)
        length = shift = 0
        while kind and (byte := stream.read(1)):
            length |= (byte[0] & 0x7F) << shift
            shift += 7
            if byte[0] < 0x80:
                break
        body, crc = stream.read(length), stream.read(4)
        if not kind or len(crc) < 4:
            return
        if zlib.crc32(kind + body) != int.from_bytes(crc, "little"):
            sys.exit("read-recording: a message's checksum is wrong")
        yield kind[0], body


def main():
    reader = Reader()
    for kind, body in messages(sys.stdin.buffer):
        if kind in KINDS:
            print(json.dumps({KINDS[kind]: reader.read(kind, body)}))


if __name__ == "__main__":
    main()
