# SPDX-License-Identifier: Apache-2.0
"""Building with meson in several ways, and running the tests of a build."""

import functools
import json
import os
import re
from pathlib import Path

from check import process, tap
from check.report import FAILED, PASSED, SKIPPED, Case

SOURCE = Path(__file__).resolve().parents[2]
AS_OWNER = SOURCE / "tools/as-owner.sh"
BUILD_LIMIT_S = 1200
TEST_LIMIT_S = 1800
LIVE_SUITES = ("live", "system")  # what they see depends on what else the machine does
FOUND = re.compile(r"Sanitizer|runtime error:")
SECOND_CHANCES = 4  # programs; where more fail, it is not the machine

PROGRESS = re.compile(r"^\[\d+/\d+\] (Compiling|Linking|Generating) .*\n", re.MULTILINE)

SANITIZER_OPTIONS = {
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


def build(directory, options, environment=None):
    """Configure (anew, so that what was installed since is found) and compile: one case."""
    name = f"build {directory.name}"
    configured = (directory / "meson-private/coredata.dat").exists()
    setup = ["meson", "setup", directory, SOURCE, *options] + (["--reconfigure"] if configured else [])
    for command in (setup, ["ninja", "-C", directory]):
        status, output = process.run([AS_OWNER, *command], BUILD_LIMIT_S, env=environment)
        if status != 0:
            return Case(name, FAILED, f"$ {' '.join(map(str, command))}\n{PROGRESS.sub('', output)}")
    return Case(name, PASSED)


def test(directory, suites, *, prefix="", multiplier=1, fixed_addresses=False):
    """Run the tests of some suites: a case per case of each program. Programs that look at the
    machine while others use it, and fail, are given another chance alone, as what they see may be
    the others' doing; the report tells of it."""
    run = functools.partial(_run, directory, multiplier=multiplier, fixed_addresses=fixed_addresses)
    options = [word for suite in suites for word in ("--suite", suite)]
    if "system" in suites:
        options += ["--num-processes", (os.cpu_count() or 1) + 1]  # they wait more than they work
    status, output, entries = run(options)
    if entries is None:
        if "No suitable tests" in output or "No tests" in output:
            return []
        return [Case(f"{prefix}meson test", FAILED, output)]

    told = [(entry, _cases_of(entry, prefix)) for entry in entries]
    cases = [case for _, found in told for case in found]
    if status != 0 and not any(case.result == FAILED for case in cases):
        cases += _unless_only_skips(prefix, output, cases)
    failed = [entry["name"].rpartition(" / ")[2] for entry, found in told
              if _deserves_another(entry, found)]
    if 0 < len(failed) <= SECOND_CHANCES:
        _, _, entries = run([*failed, "--num-processes", 1])
        again = [case for entry in entries or [] for case in _cases_of(entry, prefix)]
        cases = [_second(case, again) for case in cases]
    return cases


def _run(directory, options, *, multiplier, fixed_addresses):
    """Exit status and output of meson, and what it logged of each program, or None."""
    log = directory / "meson-logs/testlog.json"
    log.unlink(missing_ok=True)
    status, output = process.run(
        ["meson", "test", "-C", directory, "--no-rebuild", "-t", multiplier, *options],
        TEST_LIMIT_S, env=SANITIZER_OPTIONS, fixed_addresses=fixed_addresses)
    if not log.exists():
        return status, output, None
    lines = log.read_text(encoding="utf-8").splitlines()
    return status, output, [json.loads(line) for line in lines]


def _deserves_another(entry, cases):
    """It failed, and that may be the machine's doing: what a sanitizer found never is."""
    suite = entry["name"].partition(" / ")[0].rpartition(":")[2]
    output = entry.get("stdout", "") + entry.get("stderr", "")
    return (suite in LIVE_SUITES and not FOUND.search(output)
            and any(case.result == FAILED for case in cases))


def _second(case, again):
    """The case itself, or the one that passed in its place the second time."""
    if case.result != FAILED:
        return case
    passed = any(other.name == case.name and other.result == PASSED for other in again)
    return Case(case.name, PASSED, case.detail, True) if passed else case


def _unless_only_skips(prefix, output, cases):
    """Meson takes cmocka's way of saying that a case is skipped for a failure; nothing else may
    fail there without failing here."""
    if any(case.result == SKIPPED for case in cases):
        return []
    return [Case(f"{prefix}meson test", FAILED, output)]


SKIPPED_STATUS = 77  # of a program that says by it that it is skipped


def _cases_of(entry, prefix):
    program = prefix + entry["name"].rpartition(" / ")[2]  # "project:suite / name"
    output = entry.get("stdout", "") + entry.get("stderr", "")
    if entry["result"] == "TIMEOUT":
        return [Case(program, FAILED, f"it ran into its time limit\n{output}")]
    if tap.is_tap(entry.get("stdout", "")):
        return tap.cases(program, output, entry["returncode"])
    if entry["result"] in ("OK", "EXPECTEDFAIL"):
        return [Case(program, PASSED)]
    if entry["result"] == "SKIP" and entry["returncode"] != SKIPPED_STATUS:
        return [Case(program, FAILED, f"it told of no case: is what it prints TAP?\n{output}")]
    if entry["result"] == "SKIP":
        return [Case(program, SKIPPED, output.strip().rpartition("\n")[2])]
    return [Case(program, FAILED, f"{entry['result']}, exit status {entry['returncode']}\n{output}")]


def give_back(directories):
    """Tests run as root leave root's files in the build folders of someone else."""
    owner = SOURCE.stat()
    if os.geteuid() != 0 or owner.st_uid == 0:
        return
    for directory in directories:
        for path in [directory, *directory.rglob("*")]:
            os.lchown(path, owner.st_uid, owner.st_gid)
