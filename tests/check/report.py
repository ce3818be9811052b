# SPDX-License-Identifier: Apache-2.0
"""What a test case came to, and how it is told."""

import dataclasses
import sys
import time

PASSED, FAILED, SKIPPED = "passed", "FAILED", "skipped"


@dataclasses.dataclass
class Case:
    name: str
    result: str
    detail: str = ""  # a failure's output, a skip's reason
    second: bool = False  # it failed beside others, and passed alone


class Report:
    """Collects cases; prints a line per step as it ends, failures whole, and the last line."""

    def __init__(self):
        self.cases = []
        self._step_started = 0.0

    def begin(self, step, about):
        self._step_started = time.monotonic()
        print(f"{step:<10} {about}", flush=True)

    def end(self, cases):
        self.cases += cases
        seconds = time.monotonic() - self._step_started
        print(f"{'':<10} {_counts(cases)} in {seconds:.0f} s", flush=True)
        for case in cases:
            if case.result == FAILED or case.second:
                self._print_failure(case)

    @staticmethod
    def _print_failure(case):
        how = "failed, and passed when run again alone" if case.second else FAILED
        print(f"\n--- {how}: {case.name}")
        print(case.detail.rstrip() or "(no output)")
        print("---\n", flush=True)

    def finish(self, summary_path):
        """Print reasons of skips, names of failures and the last line: the exit status."""
        for case in self.cases:
            if case.second:
                print(f"failed, and passed when run again alone: {case.name}")
        for case in self.cases:
            if case.result == SKIPPED:
                print(f"skipped: {case.name}: {case.detail or 'no reason given'}")
        for case in self.cases:
            if case.result == FAILED:
                print(f"FAILED: {case.name}")
        summary = _counts(self.cases)
        if summary_path:
            with open(summary_path, "w", encoding="ascii") as file:
                file.write(summary + "\n")
        sys.stderr.flush()
        print(summary, flush=True)
        return 1 if self._of(FAILED) or not self._of(PASSED) else 0

    def _of(self, result):
        return [case for case in self.cases if case.result == result]


def _counts(cases):
    n = {result: sum(case.result == result for case in cases) for result in (PASSED, FAILED, SKIPPED)}
    line = f"{n[PASSED]} passed, {n[FAILED]} failed"
    return line + (f", {n[SKIPPED]} skipped" if n[SKIPPED] else "")
