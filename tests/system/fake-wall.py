#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A plug for tests: prints the wall power of the machine that fake-powercap.py makes, late.

    wall W = factor x inside W + base W

where inside is the power of its packages and drams, from the ledger of the truth in DIR. It is the
mean of the last second, told --lag seconds after the fact, a line each second. --timestamps puts the
time before it that the value is of.
"""

import argparse
import collections
import sys
import time


def inside_uj(directory):
    with open(f"{directory}/ledger", encoding="ascii") as file:
        rows = (line.split() for line in file)
        return sum(int(uj) for name, uj in rows if not name.startswith("core"))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("dir", metavar="DIR")
    parser.add_argument("--lag", type=float, default=3)
    parser.add_argument("--factor", type=float, default=1.2)
    parser.add_argument("--base", type=float, default=20)
    parser.add_argument("--every", type=float, default=1)
    parser.add_argument("--timestamps", action="store_true")
    options = parser.parse_args()

    told = collections.deque()
    then, before = time.monotonic(), inside_uj(options.dir)
    due = then + options.every
    while True:
        time.sleep(max(0, due - time.monotonic()))
        due += options.every
        now, after = time.monotonic(), inside_uj(options.dir)
        power = options.factor * (after - before) / 1e6 / (now - then) + options.base
        told.append((now + options.lag, time.time(), power))
        then, before = now, after
        while told and told[0][0] <= now + 0.001:
            _, realtime, power = told.popleft()
            stamp = f"{realtime:.3f} " if options.timestamps else ""
            print(f"{stamp}{power:.2f}", flush=True)


try:
    main()
except (BrokenPipeError, KeyboardInterrupt):
    sys.exit(0)
