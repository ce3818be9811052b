#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How well models predict recordings: joulekeeper model."""

import json
import random
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
from support import BINARY, case, run_cases  # noqa: E402

MAPPING = """
cpus: 2
interval: 1s
tables:
  - name: all
    time: {{column: t, unit: s}}
    zones:
      - {{name: {zone}, column: W, unit: W}}
    tasks: {{name: work, cgroup: /work}}
    features:
      - {{feature: cpu, column: cpu, unit: ms}}
"""


def run(*arguments, status=0):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, check=False,
                          text=True, timeout=120)
    assert done.returncode == status, (arguments, done.returncode, done.stderr)
    return done


def record(folder, zone):
    """10 minutes in which 10 W of idle power and 5 W per busy CPU are drawn."""
    mapping, table, out = folder / "m.yaml", folder / "t.csv", folder / f"{zone}.jkr"
    mapping.write_text(MAPPING.format(zone=zone))
    table.write_text("t,W,cpu\n" + "".join(
        f"{1000 + i},{10 + 5 * cpu / 1000},{cpu}\n"
        for i in range(600) for cpu in [100 * (i * 7 % 20)]))
    run("import", "--mapping", mapping, "-o", out, table)
    return out


def in_a_folder(function):
    def with_folder():
        with tempfile.TemporaryDirectory(prefix="joulekeeper-test-") as folder:
            function(Path(folder))
    with_folder.__name__ = function.__name__
    return case(with_folder)


@in_a_folder
def what_is_linear_is_predicted(folder):
    recording = record(folder, "package-0")
    for how in ([], ["--block", 10], ["--ends", "1/3"], ["--by", "file"]):
        row, = json.loads(run("model", "evaluate", "--output", "json", *how, recording,
                              recording).stdout)
        assert row["zone"] == "package-0", row
        assert row["ticks"] > 300, row
        assert row["mape_percent"] < 3, row


@in_a_folder
def machines_are_not_mixed(folder):
    recordings = [record(folder, zone) for zone in ("package-0", "core-0")]
    message = run("model", "evaluate", *recordings, status=1).stderr
    assert str(recordings[1]) in message and "core-0" in message, message


@in_a_folder
def a_recording_that_is_cut_is_told(folder):
    recording = record(folder, "package-0")
    assert not run("model", "evaluate", recording).stderr
    recording.write_bytes(recording.read_bytes()[:-40])
    message = run("model", "evaluate", recording).stderr
    assert str(recording) in message and "ends within a tick" in message, message


@in_a_folder
def who_does_not_predict_says_so(folder):
    message = run("model", "evaluate", "--model", "share", record(folder, "package-0"),
                  status=1).stderr
    assert "share" in message, message


EVENTS = 6


def record_events(folder):
    """10 minutes of 6 events, of which b costs 30 nJ and e 8 nJ, with 12 W of idle power."""
    mapping, table, out = folder / "m.yaml", folder / "t.csv", folder / "events.jkr"
    features = "".join(f"      - {{event: {name}, column: {name}}}\n" for name in "abcdef")
    mapping.write_text("cpus: 2\ninterval: 1s\ntables:\n  - name: all\n"
                       "    time: {column: t, unit: s}\n"
                       "    zones:\n      - {name: package-0, column: W, unit: W}\n"
                       "    tasks: {name: work, cgroup: /work}\n    features:\n" + features)
    chance = random.Random(1)
    rows = ["t,W," + ",".join("abcdef")]
    for i in range(600):
        counts = [chance.randrange(10 ** 9) for _ in range(EVENTS)]
        power_w = 12 + 30e-9 * counts[1] + 8e-9 * counts[4] + chance.gauss(0, 0.2)
        rows.append(f"{1000 + i},{power_w:.6f}," + ",".join(map(str, counts)))
    table.write_text("\n".join(rows) + "\n")
    run("import", "--mapping", mapping, "-o", out, table)
    return out


@in_a_folder
def the_events_that_matter_are_chosen_and_predict(folder):
    recording, out = record_events(folder), folder / "choice.json"
    table = run("model", "select", "-o", out, "--recordings", recording).stdout
    assert "6 counts to choose from" in table, table
    model = json.loads(out.read_text())
    weights = {feature["name"]: feature["weight"] for feature in model["features"]}
    assert weights.keys() == {"b", "e"}, model
    assert abs(weights["b"] / 30e-9 - 1) < 0.02 and abs(weights["e"] / 8e-9 - 1) < 0.02, model
    assert abs(model["idle_watts"] / 12 - 1) < 0.02, model

    row, = json.loads(run("model", "evaluate", "--output", "json", "--model", f"events:{out}",
                          recording).stdout)
    assert row["ticks"] > 500 and row["mape_percent"] < 2, row
    run("replay", "--model", f"events:{out}", recording)

    # Where these events are not counted the model says so, and divides all the same.
    other = record(folder, "package-0")
    said = run("replay", "--model", f"events:{out}", other).stderr
    assert "is not counted here" in said, said


@in_a_folder
def a_choice_that_cannot_be_made_is_refused(folder):
    recording, out = record_events(folder), folder / "choice.json"
    message = run("model", "select", "-o", out, "--zone", "dram", recording, status=1).stderr
    assert "dram" in message and str(recording) in message, message
    message = run("model", "select", "-o", out, "--folds", 1000, recording, status=1).stderr
    assert "too few ticks" in message, message
    message = run("model", "select", "--for", "1s", recording, status=2).stderr
    assert "leave out the options of counting here" in message, message
    assert not out.exists()


run_cases()
