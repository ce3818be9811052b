#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Model files from recordings: joulekeeper model train, and what is done with them."""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True
from support import BINARY, case, run_cases  # noqa: E402

MAPPING = """
cpus: 4
cpu: A made-up CPU
interval: 1s
tables:
  - name: all
    time: {column: t, unit: s}
    zones:
      - {name: package-0, column: W, unit: W}
      - {name: dram-0, column: D, unit: W}
    tasks: {name: work, cgroup: /work}
    features:
      - {feature: cpu, column: cpu, unit: ms}
"""


def run(*arguments, status=0):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, check=False,
                          text=True, timeout=120)
    assert done.returncode == status, (arguments, done.returncode, done.stdout, done.stderr)
    return done


def truth(load):
    """Watts at a load of 0 to 1: half of all that is dynamic below a fifth of it."""
    return 10 + (100 * load if load < 0.2 else 20 + 25 * (load - 0.2))


def record(folder, name, n=300, first=0, cpu="A made-up CPU"):
    mapping, table, out = folder / "m.yaml", folder / "t.csv", folder / name
    mapping.write_text(MAPPING.replace("A made-up CPU", cpu))
    rows = "".join(f"{1000 + i},{truth(load):.6f},{2 + load:.6f},{4000 * load:.3f}\n"
                   for i in range(n) for load in [((i + first) * 37 % 100) / 100])
    table.write_text("t,W,D,cpu\n" + rows)
    run("import", "--mapping", mapping, "-o", out, table)
    return out


def in_a_folder(function):
    def with_folder():
        with tempfile.TemporaryDirectory(prefix="joulekeeper-test-") as folder:
            function(Path(folder))
    with_folder.__name__ = function.__name__
    return case(with_folder)


@in_a_folder
def what_was_learned_predicts_what_was_not_seen(folder):
    seen, unseen = record(folder, "seen.jkr"), record(folder, "unseen.jkr", first=50)
    model = folder / "made-up.json"
    text = run("model", "train", "--recordings", seen, "--zone", "package", "-o", model).stdout
    assert "written to" in text, text

    file = json.loads(model.read_text())
    assert file["name"] == "made-up", file
    assert file["kind"] == "curve" and file["zone"] == "package", file
    assert file["cpu"] == {"name": "A made-up CPU", "threads": 4}, file
    assert "seen.jkr" in file["provenance"]["source"], file
    assert file["provenance"]["program"].startswith("joulekeeper "), file
    assert 290 <= file["error"]["n"] <= 300, file
    assert file["error"]["mape_percent"] < 1, file
    assert "contiguous blocks" in file["error"]["method"], file
    for load, watts in file["points"]:
        assert abs(watts - truth(load)) < 1 or any(f.get("weight") for f in file["features"]), file

    row, = json.loads(run("model", "evaluate", "--model", f"curve:{model}", "--zone", "package-0",
                          "--output", "json", unseen).stdout)
    assert row["zone"] == "package-0" and row["mape_percent"] < 1, row
    assert run("replay", "--model", f"curve:{model}", unseen).stdout


@in_a_folder
def options_and_recordings_come_in_any_order(folder):
    a, b = record(folder, "a.jkr"), record(folder, "b.jkr", first=7)
    model = folder / "m.json"
    for order in (["--recordings", a, b, "--zone", "dram-0", "-o", model],
                  [a, "-z", "dram", b, "-o", model],
                  ["-z", "dram", "-o", model, "--", a, b]):
        run("model", "train", *order)
        file = json.loads(model.read_text())
        assert file["provenance"]["source"] == "a.jkr, b.jkr", (order, file)
        assert file["zone"] == "dram", file


@in_a_folder
def what_cannot_be_learned_from_is_refused(folder):
    whole, short, out = record(folder, "w.jkr"), record(folder, "s.jkr", n=30), folder / "x.json"
    other = record(folder, "other.jkr", cpu="Another")

    def refusal(*arguments):
        return run("model", "train", "-o", out, *arguments, status=1).stderr

    assert "ticks" in refusal("-z", "package", short)
    message = refusal("-z", "psys", whole)
    assert "psys" in message and "package-0, dram-0" in message, message
    message = refusal("-z", "package", whole, other)
    assert str(other) in message and "Another" in message, message
    message = refusal("-z", "package", "--features", "cycles", whole)
    assert "'cycles'" in message and "utilisation, cpu" in message, message
    assert str(folder / "none.jkr") in refusal("-z", "package", folder / "none.jkr")
    assert not out.exists()

    for arguments in (["-z", "package", whole], ["-o", out, whole], ["-o", out, "-z", "package"],
                      ["-o", out, "-z", "package", "--folds", "1", whole]):
        run("model", "train", *arguments, status=2)


@in_a_folder
def a_recording_that_is_cut_is_told(folder):
    recording = record(folder, "r.jkr")
    recording.write_bytes(recording.read_bytes()[:-40])
    message = run("model", "train", "-z", "package", "-o", folder / "x.json", recording).stderr
    assert str(recording) in message and "ends within a tick" in message, message


run_cases()
