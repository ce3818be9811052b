# SPDX-License-Identifier: Apache-2.0
"""Cases from what a test program printed (TAP), and from its exit status.

Meson's own count is per program, and takes cmocka's "not ok 1 # SKIP name" for a failure.
"""

import re

from check.report import FAILED, PASSED, SKIPPED, Case

LINE = re.compile(r"(?P<bad>not )?ok\b(?: (?P<number>\d+))?(?: -)?(?P<name>[^#]*)(?:# *(?P<directive>.*))?$")
PLAN = re.compile(r"1\.\.(?P<count>\d+)(?:\s*#\s*skip\S*\s*(?P<reason>.*))?$", re.IGNORECASE)

SKIP_NOTE = "# skip: "  # what JK_SKIP() of tests/unit/test.h prints


def is_tap(output):
    return any(PLAN.match(line) for line in output.splitlines())


def cases(program, output, status):
    """The cases of one program. The comments before a line are its own (cmocka's print_message);
    those after a failed line tell why it failed, and so may what comes last: its stderr, which has
    what cmocka's fail_msg said."""
    found, comments, planned = [], [], None
    for line in output.splitlines():
        plan, result = PLAN.match(line), LINE.match(line)
        if plan:
            planned = int(plan["count"])
            if planned == 0:
                found.append(Case(program, SKIPPED, plan["reason"] or ""))
        elif result:
            found.append(_case(program, result, comments))
            comments = []
        elif line.startswith("#") and not line.startswith(SKIP_NOTE) and _failed_last(found):
            found[-1].detail += line + "\n"
        elif line.strip():
            comments.append(line)
    failed = [case for case in found if case.result == FAILED]
    if failed and comments:
        failed[-1].detail += "\n".join(comments) + "\n"
    return found + _of_the_whole(program, output, status, found, planned)


def _failed_last(found):
    return bool(found) and found[-1].result == FAILED


def _case(program, line, comments):
    name, _, reason = (line["directive"] or "").strip().partition(" ")
    full_name = f"{program}: {line['name'].strip() or reason}"
    notes = "\n".join(comments)
    if name.upper().startswith("SKIP"):
        told = notes.removeprefix(SKIP_NOTE).removeprefix("# ").strip()
        return Case(full_name, SKIPPED, told or (reason if line["name"].strip() else ""))
    return Case(full_name, FAILED if line["bad"] else PASSED, notes + "\n" if line["bad"] else "")


def _of_the_whole(program, output, status, found, planned):
    """A crash, a leak found at the exit, a plan that was not kept: failures of no single case."""
    if planned and len(found) != planned:
        return [Case(program, FAILED,
                     f"{len(found)} of {planned} cases ran, exit status {status}\n{output}")]
    if status != 0 and not any(case.result == FAILED for case in found):
        return [Case(program, FAILED, f"every case passed, but it exited with {status}\n{output}")]
    return []
