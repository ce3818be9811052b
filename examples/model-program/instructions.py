#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An example of a model as a program: dynamic energy is divided by instructions, or by CPU time where
they are not counted; idle power is the lowest that was seen.

    joulekeeper replay --model program:./instructions.py recording.jkr

A line comes in for each tick, and a line goes out; what they may hold is in docs/custom-models.md.
"""

import json
import sys

lowest_w = {}


def answer_for(zone):
    """What is left out (here the uncertainty, for one) is as the model `share` has it."""
    if "energy_uj" not in zone:  # it was not read in this tick
        return {"zone": zone["zone"]}
    power_w = zone["energy_uj"] * 1e3 / zone["elapsed_ns"]
    lowest_w[zone["zone"]] = min(power_w, lowest_w.get(zone["zone"], power_w))
    return {"zone": zone["zone"], "idle_w": lowest_w[zone["zone"]]}


def answer(tick):
    tasks = tick.get("tasks")
    if tasks is None:  # nobody was seen: there is nothing to say
        return {"tick": tick["tick"], "zones": []}
    counted = "instructions" if "instructions" in tasks["columns"] else "cpu_ns"
    column = tasks["columns"].index(counted)
    return {"tick": tick["tick"], "weights": [row[column] for row in tasks["rows"]],
            "zones": [answer_for(zone) for zone in tick["zones"]]}


json.loads(sys.stdin.readline())  # which version of joulekeeper this is
print(json.dumps({"version": 1}), flush=True)
for line in sys.stdin:
    print(json.dumps(answer(json.loads(line))), flush=True)
