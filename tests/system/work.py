#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Loads for the system tests: work.py KIND ARGUMENTS. Says "ready", works until its stdin ends."""

import ctypes
import os
import random
import select
import signal
import sys
import time

PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15
libc = ctypes.CDLL(None)


def ended():
    return bool(select.select([0], [], [], 0)[0]) and not os.read(0, 64)


def burn(seconds):
    """CPU time, not time."""
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def spin():
    "a busy loop"
    while not ended():
        burn(0.02)


def burner(least_ms, most_ms):
    "processes of least_ms to most_ms, one after the other"
    chance = random.Random(1)
    while not ended():
        length_ms = chance.uniform(float(least_ms), float(most_ms))
        pid = os.fork()
        if pid == 0:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            burn(length_ms / 1000)
            os._exit(0)
        os.waitpid(pid, 0)


def turns(slice_ms, read_fd, write_fd):
    """a busy loop that alternates with another one: each takes its slice of CPU time when it gets
    the token; what it took too much, starting included, it takes less in its next turns"""
    due = 0.0
    while os.read(int(read_fd), 1) and not ended():
        due += float(slice_ms) / 1000
        while time.process_time() < due:
            pass
        os.write(int(write_fd), b"x")
    os._exit(0)


def named(*names):
    "for each name, of any bytes in hexadecimal, a busy process under it; prints their pids"
    pids = []
    for name in names:
        pid = os.fork()
        if pid == 0:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
            libc.prctl(PR_SET_NAME, bytes.fromhex(name) + b"\0")
            while True:
                burn(0.003)
                time.sleep(0.05)
        pids.append(pid)
    print(*pids, flush=True)
    while not ended():
        time.sleep(0.1)


if __name__ == "__main__":
    print("ready", flush=True)
    globals()[sys.argv[1]](*sys.argv[2:])
