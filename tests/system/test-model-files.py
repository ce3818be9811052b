#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Model files: joulekeeper model list, show, match and import."""

import json
import re
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from support import case, run, run_cases, scratch_directory  # noqa: E402

CPUINFO = """processor\t: 0
vendor_id\t: {vendor}
cpu family\t: {family}
model\t\t: {model}
model name\t: {name}
stepping\t: 1
siblings\t: 2
cpu cores\t: 1
flags\t\t: fpu

processor\t: 1
vendor_id\t: {vendor}

"""
WEIGHTS = {"package": {"All_Weights": {"Bias_Weight": 143.8, "Categorical_Variables": {}, "Numerical_Variables": {
    "bpf_cpu_time_ms": {"scale": 96000, "weight": 300}, "bpf_page_cache_hit": {"scale": 1, "weight": 0}}}},
    "machine_spec": {"vendor": "intel", "processor": "a Xeon", "cores": 96, "chips": 2}}


def cpuinfo(folder, **identity):
    path = Path(folder, "cpuinfo")
    path.write_text(CPUINFO.format(**identity))
    return path


def matches(*arguments):
    answer = run("model", "match", "--output", "json", *arguments)
    assert answer.returncode == 0, answer
    return json.loads(answer.stdout)


def write_model(folder, name, **change):
    """A model that was learned on an EPYC of the 2nd generation with 4 threads."""
    model = {"schema": 1, "kind": "curve", "name": name, "zone": "package", "per": "machine",
             "points": [[0, 10], [1, 60]], "features": [],
             "cpu": {"vendor": "AuthenticAMD", "architecture": "zen2", "name": "AMD EPYC 7402", "family": 23,
                     "model": 49, "stepping": 1, "threads": 4},
             "provenance": {"program": "a test", "method": "by hand", "source": "none"},
             "error": {"uncertainty_percent": 6}}
    path = Path(folder, f"{name}.json")
    path.write_text(json.dumps({**model, **change}))
    return path


@case
def what_is_listed_can_be_shown():
    listed = run("model", "list").stdout.partition("MODEL FILE")[2]
    names = re.findall(r"^([a-z0-9-]+) +(?:curve|events|linear) ", listed, re.MULTILINE)
    assert len(names) >= 20 and "skylake" in names, names
    for name in names:
        shown = run("model", "show", name)
        assert shown.returncode == 0 and re.search(rf"^name +{name}$", shown.stdout, re.MULTILINE), shown
        assert json.loads(run("model", "show", "-o", "json", name).stdout)["name"] == name


@case
def the_familys_own_model_is_first():
    with scratch_directory() as folder:
        for identity, wanted in (({"vendor": "GenuineIntel", "family": 6, "model": 106}, "icelake"),
                                 ({"vendor": "GenuineIntel", "family": 6, "model": 94}, "skylake-client"),
                                 ({"vendor": "GenuineIntel", "family": 6, "model": 4000}, "intel-other"),
                                 ({"vendor": "AuthenticAMD", "family": 25, "model": 1}, "zen3"),
                                 ({"vendor": "CentaurHauls", "family": 7, "model": 1}, "other")):
            first, *others = matches("--cpuinfo", cpuinfo(folder, name="X", **identity))
            assert first["model"] == wanted, (identity, first)
            assert first["uncertainty_percent"] == first["own_uncertainty_percent"], first
            same = [other for other in others if other["near"] == "the same vendor"]
            assert all(one["uncertainty_percent"] > one["own_uncertainty_percent"] for one in same), same


@case
def a_model_of_this_very_cpu_goes_before_the_familys():
    with scratch_directory() as folder:
        file = cpuinfo(folder, vendor="AuthenticAMD", family=23, model=49, name="AMD EPYC 7402")
        path = write_model(folder, "mine")
        first, second, *_ = matches("--cpuinfo", file, folder)
        assert (first["model"], first["file"], first["near"]) == ("mine", str(path), "the same CPU"), first
        assert first["scale"] == 0.5 and first["uncertainty_percent"] > 6, first
        assert second["model"] == "zen2", second

        answer = run("model", "match", "--zone", "dram", "--cpuinfo", file, folder)
        assert answer.returncode == 1 and "dram" in answer.stderr, answer


@case
def what_is_no_model_is_said_and_passed_over():
    with scratch_directory() as folder:
        write_model(folder, "good")
        bad = write_model(folder, "bad", points=[[0, 10], [1, -60]])
        Path(folder, "directory.json").mkdir()
        answer = run("model", "match", "--all", folder)
        assert answer.returncode == 0 and " good" not in answer.stderr, answer
        assert f"{bad}: points[1]: " in answer.stderr and "good.json" in answer.stdout, answer
        answer = run("model", "show", bad)
        assert answer.returncode == 1 and f"{bad}: points[1]: " in answer.stderr and not answer.stdout, answer
        answer = run("model", "match", Path(folder, "nowhere"))
        assert answer.returncode == 1 and "nowhere: No such file" in answer.stderr, answer
        answer = run("model", "match", "--cpuinfo", bad)
        assert answer.returncode == 1 and "lists no processor" in answer.stderr, answer


@case
def keplers_weights_become_a_model_file():
    with scratch_directory() as folder:
        weights, model = Path(folder, "SGD_0.json"), Path(folder, "model.json")
        weights.write_text(json.dumps(WEIGHTS))
        answer = run("model", "import", "--name", "m5", "--output", model, weights)
        assert answer.returncode == 0 and not answer.stdout, answer
        made = json.loads(model.read_text())
        assert made["name"] == "m5" and made["kind"] == "linear" and made["idle_watts"] == 143.8, made
        feature, = made["features"]
        assert feature["name"] == "cpu" and abs(feature["weight"] - 3.125) < 1e-9, feature
        assert run("model", "show", "-o", "json", model).stdout == model.read_text()
        assert run("model", "import", "--name", "m5", weights).stdout == model.read_text()

        answer = run("model", "import", "--component", "dram", "-o", model, weights)
        assert answer.returncode == 1 and f"{weights}: it has no component 'dram'" in answer.stderr, answer
        assert json.loads(model.read_text()) == made
        answer = run("model", "import", model)
        assert answer.returncode == 1 and "these are no weights" in answer.stderr, answer


run_cases()
