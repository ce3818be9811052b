#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `make accuracy` compares the models with: fits, and parts of recordings."""

import importlib.util
import math
import os
import random
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from support import BINARY, case, run_cases, scratch_directory  # noqa: E402

SCRIPT = Path(__file__).resolve().parents[2] / "tools/accuracy.py"


def load():
    spec = importlib.util.spec_from_file_location("accuracy", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


accuracy = load()


@case
def without_data_it_says_so_and_writes_nothing():
    with scratch_directory() as folder:
        output = Path(folder, "accuracy.md")
        done = subprocess.run([sys.executable, SCRIPT, "--build", Path(BINARY).parent, "--output", output],
                              env={**os.environ, "JK_SHARED": folder}, capture_output=True, text=True, check=False)
        assert done.returncode == 77, done
        assert "skipped" in done.stderr and "JK_SHARED" in done.stderr, done.stderr
        assert not output.exists()


@case
def a_fit_finds_the_weights_that_there_are():
    chance = random.Random(1)
    inputs = [[1.0, 1e9 * chance.random(), 1e-3 * chance.random()] for _ in range(200)]
    weights = [20, 3e-8, 7e3]
    found = accuracy.fit(inputs, [sum(a * b for a, b in zip(weights, row)) for row in inputs])
    assert all(math.isclose(a, b, rel_tol=1e-6) for a, b in zip(found, weights)), found


@case
def a_column_without_signal_gets_nothing():
    found = accuracy.fit([[1.0, 0.0, float(n)] for n in range(10)], [5.0 + 2 * n for n in range(10)])
    assert all(math.isclose(a, b, abs_tol=1e-9) for a, b in zip(found, (5, 0, 2))), found


@case
def every_tick_is_asked_about_once_and_never_learned_from_then():
    ticks = [{"file": n // 30, "program": f"p{n // 7 % 12}"} for n in range(103)]
    for parts in (accuracy.Parts(block=10), accuracy.Parts(by="file", folds=2), accuracy.Parts(by="program", folds=10)):
        asked = []
        for learn, ask in parts.divide(ticks):
            assert learn and len(learn) + len(ask) == len(ticks)
            assert not {id(tick) for tick in learn} & {id(tick) for tick in ask}
            asked += [id(tick) for tick in ask]
        assert sorted(asked) == sorted(map(id, ticks)), parts.by


@case
def the_ends_do_not_touch():
    (learn, ask), = accuracy.Parts(ends=3).divide(list(range(100)))
    assert learn == list(range(33)) and ask == list(range(67, 100))


@case
def figures_are_those_of_model_evaluate():
    found = accuracy.figures([(-1, 10), (3, 20), (0, 0), (2, 40)])
    assert found["mae_watts"] == 1.5 and found["bias_watts"] == 1.0 and found["p95_watts"] == 3
    assert math.isclose(found["mape_percent"], 10)


run_cases()
