# SPDX-License-Identifier: Apache-2.0
"""The program built for arm64 by a cross compiler, and its tests in a virtual machine of that kind:
QEMU boots this release's kernel and a root file system in memory, where tests/arm64/init runs the
test programs, and what they print comes back on the second serial line.

The guest's clock counts its instructions (-icount), so its CPU has a PMU that counts cycles and
instructions truly, and no test there depends on how busy this machine is.

The libraries and the kernel are those that tools/fetch-arm64.sh has put into build-tools/arm64.
"""

import dataclasses
import json
import os
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from check import process, tap
from check.builds import SOURCE
from check.initramfs import Tree
from check.report import FAILED, SKIPPED, Case


@dataclasses.dataclass
class Guest:
    name: str
    suites: tuple
    cpus: int


PACKAGES = SOURCE / "build-tools/arm64"
SYSROOT = PACKAGES / "sysroot"
LIBRARIES = "usr/lib/aarch64-linux-gnu"
LOCALE = "usr/lib/locale/C.utf8"
LOADER = "usr/lib/ld-linux-aarch64.so.1"
COMPILER, READELF = "aarch64-linux-gnu-gcc", "aarch64-linux-gnu-readelf"
QEMU = "qemu-system-aarch64"
CROSS = ["--cross-file", PACKAGES / "sysroot.ini", "--cross-file", SOURCE / "tools/cross-arm64.ini"]
MEMORY_MB = 1024
LIMIT_S = 900  # many times what it takes where two CPUs are idle

KERNEL_OPTIONS = "console=ttyAMA0 loglevel=5 panic=-1 hung_task_panic=1"
RESULT = re.compile(r"^=== (?P<name>\S+) exit (?P<status>\d+)$")

# A guest each. One thread emulates all CPUs of a guest, and one clock counts for all of them: with one
# CPU it counts what that CPU did, as a PMU does.
GUESTS = (Guest("unit", ("unit", "property"), 2), Guest("live", ("live",), 2),
          Guest("counters", ("counters",), 1))
LEFT_OUT = ("agent-memory",)  # the guest's files are memory, so it can give back none of theirs
# What the guest has not (recordings of other machines, promtool) or has otherwise: this machine tries
# it, so that a case which is skipped for it is none.
TRIED_HERE = ("JK_SHARED", "promtool", "cgroup v2")
LOADED = ("libcurl.so.4", "libgcc_s.so.1")  # when they are needed, so no program names them
TOOLS = ("busybox", "cat", "sh", "sleep")  # busybox' own cat blocks who reads from its pipe
TREES = ("data", "docs", "tests/fixtures")  # what tests read of the source


def missing():
    """The case that says why nothing can be tried here, or None."""
    if (PACKAGES / "unavailable").exists():
        return Case("arm64", SKIPPED, (PACKAGES / "unavailable").read_text(encoding="utf-8").strip())
    for tool in (COMPILER, QEMU):
        if not shutil.which(tool):
            return _cannot(f"{tool} is not installed; run as root: tools/install-dependencies.sh check")
    if not (PACKAGES / "complete").exists():
        return _cannot(f"arm64's libraries are not here; run: tools/fetch-arm64.sh {PACKAGES}")
    return None


def _cannot(reason):
    return Case("arm64", FAILED if os.environ.get("CI") else SKIPPED, reason)


def run(build):
    """Boot them, as many at a time as there are CPUs: the cases of each test program."""
    with (tempfile.TemporaryDirectory(prefix="joulekeeper-arm64-") as scratch,
          ThreadPoolExecutor(os.cpu_count() or 1) as pool):
        told = list(pool.map(lambda guest: _boot(guest, build, Path(scratch) / guest.name), GUESTS))
    return [case for cases in told for case in cases]


def _boot(guest, build, place):
    place.mkdir()
    with open(place / "initrd", "wb") as file:
        _tree(guest, build).write(file)
    status, console = process.run(_command(guest, place), LIMIT_S)
    results = place / "results"
    return _cases(guest, status, console,
                  results.read_text(errors="replace") if results.exists() else "")


# ---- what it boots ----


def _tests(guest, build):
    """Those of its suites that are programs, as meson lists them."""
    listed = json.loads(subprocess.run(["meson", "introspect", "--tests", build],
                                       capture_output=True, check=True).stdout)
    return [test for test in listed if test["suite"][0].rpartition(":")[2] in guest.suites
            and test["name"] not in LEFT_OUT and build in Path(test["cmd"][0]).parents]


def _tree(guest, build):
    tree, programs = Tree(), {}
    programs["usr/bin/joulekeeper"] = build / "joulekeeper"
    programs |= {f"usr/bin/{name}": SYSROOT / "usr/bin" / name for name in TOOLS}
    programs |= {f"tests/test-{test['name']}": Path(test["cmd"][0]) for test in _tests(guest, build)}
    programs |= {f"tests/plugins/{path.name}": path for path in build.glob("tests/unit/model/*.so")}
    programs |= {f"{LIBRARIES}/{name}": SYSROOT / LIBRARIES / name
                 for name in _libraries(programs.values())}
    programs[LOADER] = SYSROOT / LOADER
    for path, source in programs.items():
        tree.file(path, source)

    tree.file("init", SOURCE / "tests/arm64/init")
    if "counters" in guest.suites:
        tree.file("tests/test-program", SOURCE / "tests/arm64/test-program")
    tree.text("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    tree.text("etc/group", "root:x:0:\n")
    for path in ("dev", "proc", "sys", "tmp", "root"):
        tree.directory(path)
    for folder in TREES:
        _add_folder(tree, SOURCE / folder, f"source/{folder}")
    _add_folder(tree, SYSROOT / LOCALE, LOCALE)
    return tree


def _add_folder(tree, folder, there):
    for path in folder.rglob("*"):
        place = f"{there}/{path.relative_to(folder)}"
        if path.is_symlink():
            tree.link(place, os.readlink(path))
        elif path.is_file():
            tree.file(place, path)
        else:
            tree.directory(place)


def _libraries(programs):
    """Names of all that they are linked with, and what that is linked with."""
    found, look_at = set(LOADED), [*programs, *(SYSROOT / LIBRARIES / name for name in LOADED)]
    while look_at:
        listed = subprocess.run([READELF, "-d", *look_at], capture_output=True, check=True, text=True)
        needed = set(re.findall(r"\(NEEDED\).*\[(.+)\]", listed.stdout)) - found - {Path(LOADER).name}
        found |= needed
        look_at = [SYSROOT / LIBRARIES / name for name in needed]
    return sorted(found)


def _command(guest, place):
    # Pointers are signed by the simplest of the ways that CPUs have: the others take as long as all
    # the rest. Time passes at once where all CPUs idle.
    return [QEMU, "-machine", "virt", "-cpu", "max,pauth-impdef=on", "-accel", "tcg,thread=single",
            "-icount", "shift=1,sleep=off",
            "-m", MEMORY_MB, "-smp", guest.cpus, "-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio",
            "-chardev", f"file,id=results,path={place / 'results'}",
            "-device", "pci-serial,chardev=results",
            "-kernel", PACKAGES / "vmlinuz", "-initrd", place / "initrd",
            "-append", KERNEL_OPTIONS]


# ---- what came back ----


def _is_tried_here(case):
    return case.result == SKIPPED and any(word in case.name + case.detail for word in TRIED_HERE)


def _cases(guest, status, console, results):
    found, lines, programs = [], [], 0
    for line in results.replace("\r", "").splitlines():
        ended = RESULT.match(line)
        if not ended:
            lines.append(line)
            continue
        programs += 1
        found += [case for case in tap.cases(f"arm64: {ended['name']}", "\n".join(lines),
                                             int(ended["status"])) if not _is_tried_here(case)]
        lines = []
    if status != 0 or lines != ["=== done"] or not programs:
        found.append(Case(f"arm64: guest {guest.name}", FAILED, "\n".join(
            [f"it did not get to its end; {QEMU} exited with {status}. Its console:", console,
             "What it said last:", *lines])))
    return found
