#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every test, in one go: `make check`.

A step builds, or tests, or checks one thing; steps run one after the other, each with all CPUs, so
that tests that measure time have the machine to themselves. Failures are printed whole; the last
line is "N passed, N failed", with ", N skipped" after it where something was.
"""

import argparse
import os
import shutil
import signal
import sys
import tempfile
from pathlib import Path

sys.dont_write_bytecode = True  # root would leave root's files in the tree
from check import arm64, builds, fuzz, guest, lint, process  # noqa: E402
from check.builds import SOURCE  # noqa: E402
from check.report import FAILED, SKIPPED, Case, Report  # noqa: E402

CLANG = {"CC": "clang"}
DEBUG = ["-Dtests=enabled", "-Dbuildtype=debugoptimized"]
ASAN = [*DEBUG, "-Db_sanitize=address,undefined", "-Db_lundef=false", "-Dfuzz=true"]
ARM = ["-Dtests=enabled", "-Doptimization=2", "-Ddebug=false", *arm64.CROSS]
TSAN = [*DEBUG, "-Db_sanitize=thread", "-Db_lundef=false"]

UNIT = ["unit", "property"]
SYSTEM = ["system"]
LIVE = ["live"]  # figures that sanitizers would spoil


class Steps:
    """The steps, in their order: each a method that returns cases. A build that fails fails its
    own case, and what needs it is not run."""

    def __init__(self, main_build, fuzz_seconds):
        self.main = main_build
        self.asan, self.tsan, self.clang, self.no_bpf, self.arm = (
            SOURCE / f"build-{name}" for name in ("asan", "tsan", "clang", "no-bpf", "arm64"))
        self.fuzz_seconds = fuzz_seconds
        self._built = {}

    def folders(self):
        return [self.main, self.asan, self.tsan, self.clang, self.no_bpf, self.arm]

    def _build(self, directory, options, environment=None):
        """The case of the build if it is new, and whether it worked."""
        if directory in self._built:
            return [], self._built[directory]
        case = builds.build(directory, options, environment)
        self._built[directory] = case.result != FAILED
        return [case], self._built[directory]

    def _build_and(self, directory, options, then, environment=None):
        cases, works = self._build(directory, options, environment)
        return cases + (then() if works else [])

    def unit(self):
        "unit and property tests"
        return self._build_and(self.main, DEBUG, lambda: builds.test(self.main, UNIT))

    def system(self):
        "live and system tests: this machine, and the whole program, for real"
        return self._build_and(self.main, DEBUG, lambda: builds.test(self.main, LIVE + SYSTEM))

    def guest(self):
        "the installed program in a virtual machine: another kernel, cgroup v2, systemd"
        return self._build_and(self.main, DEBUG, lambda: guest.run(self.main))

    def arm64(self):
        "a build for arm64, and its unit and live tests in an emulated machine that counts"
        cannot = arm64.missing()
        return [cannot] if cannot else self._build_and(
            self.arm, ARM, lambda: arm64.run(self.arm))

    def sanitizers(self):
        "all of them under AddressSanitizer and UndefinedBehaviorSanitizer"
        return self._with_asan(lambda: builds.test(
            self.asan, UNIT + SYSTEM, prefix="asan: ", multiplier=4, fixed_addresses=True))

    def threads(self):
        "unit tests under ThreadSanitizer"
        return self._build_and(self.tsan, TSAN, lambda: builds.test(
            self.tsan, UNIT, prefix="tsan: ", multiplier=8, fixed_addresses=True))

    def nobpf(self):
        "a build without eBPF, and its unit tests"
        return self._build_and(self.no_bpf, [*DEBUG, "-Dbpf=disabled"], lambda: builds.test(
            self.no_bpf, UNIT + LIVE, prefix="no bpf: "))

    def fuzz(self):
        "the fuzzers, each for a time (FUZZ_SECONDS, 30)"
        return self._with_asan(lambda: fuzz.run(self.asan, self.fuzz_seconds))

    def lint(self):
        "clang with -Werror, clang-format, clang-tidy, cppcheck, shellcheck"
        return (self._build_and(self.clang, DEBUG, lambda: lint.tidy(self.clang), CLANG)
                + lint.formatting() + lint.cppcheck() + lint.scripts())

    def _with_asan(self, then):
        if not shutil.which("clang"):
            return [Case("build-asan", SKIPPED, "clang is not installed")]
        return self._build_and(self.asan, ASAN, then, CLANG)


STEPS = ["unit", "system", "guest", "arm64", "sanitizers", "threads", "nobpf", "fuzz", "lint"]


def arguments():
    parser = argparse.ArgumentParser(description="Build and run every test.")
    parser.add_argument("steps", nargs="*", metavar="STEP", help="only these; --list names them")
    parser.add_argument("--list", action="store_true", help="list the steps")
    parser.add_argument("--build", default="build", metavar="DIR", help="the build folder (build)")
    parser.add_argument("--summary", metavar="FILE", help="write the last line there, too")
    options = parser.parse_args()
    for step in options.steps:
        if step not in STEPS:
            parser.error(f"there is no step '{step}'; there are: {', '.join(STEPS)}")
    return options


def run_step(step, steps):
    try:
        cases = getattr(steps, step)()
    except Exception as error:  # a fault of the runner is a failed case, not the end of the run
        cases = [Case(step, FAILED, f"the runner failed: {error!r}")]
    left = process.kill_what_is_left()
    if left:
        cases.append(Case(f"{step}: nothing left running", FAILED,
                          "still ran at the end:\n" + "\n".join(left)))
    return cases


def run_steps(names, steps, report):
    with tempfile.TemporaryDirectory(prefix="joulekeeper-check-") as scratch:
        os.chmod(scratch, 0o755)  # tests that give up root still have to get at their files
        if os.geteuid() == 0:  # who compiles is the tree's owner, see tools/as-owner.sh
            os.chown(scratch, SOURCE.stat().st_uid, SOURCE.stat().st_gid)
        os.environ["TMPDIR"] = tempfile.tempdir = scratch
        try:
            for name in names:
                report.begin(name, getattr(Steps, name).__doc__)
                report.end(run_step(name, steps))
        finally:
            process.kill_what_is_left()
            builds.give_back(folder for folder in steps.folders() if folder.exists())
            tempfile.tempdir = None


def main():
    options = arguments()
    if options.list:
        for name in STEPS:
            print(f"{name:<10} {getattr(Steps, name).__doc__}")
        return 0
    os.chdir(SOURCE)
    os.environ["PATH"] += f":{SOURCE / 'build-tools'}"
    os.environ["LC_ALL"] = "C.UTF-8"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    process.become_subreaper()
    steps = Steps(Path(options.build).resolve(), int(os.environ.get("FUZZ_SECONDS", "30")))
    report = Report()
    run_steps(options.steps or STEPS, steps, report)
    return report.finish(options.summary)


if __name__ == "__main__":
    sys.exit(main())
