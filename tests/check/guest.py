# SPDX-License-Identifier: Apache-2.0
"""What the installed program does on a machine of its own: QEMU, without hardware virtualisation,
boots this release's kernel for virtual machines and systemd from memory. There, tests/guest/run
runs the cases; what it prints comes back on the second serial line.

The guest's packages are those that tools/fetch-guest.sh has put into build-tools/guest.
"""

import os
import platform
import re
import shutil
import tempfile
from pathlib import Path

from check import process, tap
from check.builds import SOURCE
from check.initramfs import Tree
from check.report import FAILED, SKIPPED, Case

PACKAGES = SOURCE / "build-tools/guest"
QEMU = "qemu-system-x86_64"
MEMORY_MB, CPUS = 1024, 2
LIMIT_S = 900  # many times what it takes where two CPUs are idle

# A kernel that is stuck for two minutes says where, and ends.
KERNEL_OPTIONS = ("console=ttyS0 loglevel=5 panic=-1 softlockup_panic=1 watchdog_thresh=60 "
                  "systemd.show_status=no systemd.getty_auto=no")
HUNG = "Kernel panic - not syncing: softlockup"
RESULT = re.compile(r"^=== (?P<name>\S+) exit (?P<status>\d+)$")


def run(build):
    """Boot it: the cases of each of its test programs."""
    missing = _missing()
    if missing:
        return [Case("guest", FAILED if os.environ.get("CI") else SKIPPED, missing)]
    with tempfile.TemporaryDirectory(prefix="joulekeeper-guest-") as scratch:
        scratch = Path(scratch)
        fault = _make(build, scratch)
        if fault:
            return [Case("guest", FAILED, fault)]
        booted = _boot(scratch)
        if HUNG in booted[1]:  # seen once in a hundred guests; a fault of ours would come again
            print(f"{'':<10} the guest's kernel hung, and is booted once more:\n{booted[1]}")
            booted = _boot(scratch)
        return _cases(*booted)


def _boot(scratch):
    """Exit status of the emulator, the console, and what the test programs said."""
    status, console = process.run(_command(scratch), LIMIT_S)
    return status, console, (scratch / "results").read_text(errors="replace")


def _missing():
    """Why there can be no guest, and what to do about it; "" where there can."""
    if platform.machine() != "x86_64":
        return "the guest is an x86 machine, and so must be the one that builds the program"
    if not shutil.which(QEMU):
        return f"{QEMU} is not installed; run as root: tools/install-dependencies.sh check"
    if not (PACKAGES / "complete").exists():
        return "the guest's kernel and systemd are not here; run: tools/fetch-guest.sh build-tools/guest"
    return ""


# ---- what it boots ----


def _make(build, scratch):
    """The kernel and the initramfs, in the scratch folder: "", or what went wrong."""
    status, output = process.run(
        ["meson", "install", "-C", build, "--no-rebuild", "--destdir", scratch / "installed"], 120)
    if status != 0:
        return output
    kernel = next(PACKAGES.glob("linux-image-*.deb"))
    status, output = process.run(["dpkg-deb", "-x", kernel, scratch / "kernel"], 120)
    if status != 0:
        return output
    next((scratch / "kernel/boot").glob("vmlinuz-*")).rename(scratch / "vmlinuz")
    shutil.rmtree(scratch / "kernel")
    with open(scratch / "initrd", "wb") as file:
        _tree(build, scratch / "installed").write(file)
    return ""


def _tree(build, installed):
    tree = Tree()
    for package in sorted(PACKAGES.glob("*.deb")):
        if not package.name.startswith("linux-image-"):
            tree.package(package)
    _add_program(tree, build, installed)
    _add_tests(tree, build)
    for path in ("dev", "proc", "sys", "run", "tmp", "root"):
        tree.directory(path)
    tree.link("init", "usr/lib/systemd/systemd")
    tree.text("etc/hostname", "guest\n")
    tree.text("etc/machine-id", f"{1:032x}\n")
    for name in ("passwd", "group"):  # as base-passwd would make them
        tree.text(f"etc/{name}", tree.read_text(f"usr/share/base-passwd/{name}.master"))
    return tree


def _add_program(tree, build, installed):
    """As it was installed, with the libraries that it was linked with."""
    for path in installed.rglob("*"):
        if path.is_file():
            tree.file(str(path.relative_to(installed)), path)
    _, listed = process.run(["ldd", build / "joulekeeper"], 30)
    for path in re.findall(r"=> (/\S+)", listed):
        if path.lstrip("/") not in tree:
            tree.file(path.lstrip("/"), path)


def _add_tests(tree, build):
    for folder in ("guest", "system"):
        for path in (SOURCE / "tests" / folder).iterdir():
            if path.is_file():
                tree.file(f"tests/{folder}/{path.name}", path)
    for path in (build / "tests/system").glob("system-*"):
        if path.is_file():
            tree.file(f"tests/tools/{path.name}", path)
    unit = "usr/lib/systemd/system/guest-tests.service"
    tree.file(unit, SOURCE / "tests/guest/guest-tests.service")
    tree.link("etc/systemd/system/default.target", "/usr/lib/systemd/system/multi-user.target")
    tree.link("etc/systemd/system/multi-user.target.wants/guest-tests.service", f"/{unit}")


def _command(scratch):
    # One thread for both CPUs takes as long as two do. With two, a CPU was once seen to spin in the
    # kernel for good while the other had its code patched (programs come and go with the agent).
    return [QEMU, "-machine", "pc", "-accel", "tcg,thread=single", "-cpu", "max,vendor=GenuineIntel",
            "-m", MEMORY_MB, "-smp", CPUS,
            "-nodefaults", "-nographic", "-no-reboot", "-serial", "stdio",
            "-serial", f"file:{scratch / 'results'}", "-kernel", scratch / "vmlinuz",
            "-initrd", scratch / "initrd", "-append", KERNEL_OPTIONS]


# ---- what came back ----


def _cases(status, console, results):
    found, lines, programs = [], [], 0
    for line in results.replace("\r", "").splitlines():
        ended = RESULT.match(line)
        if not ended:
            lines.append(line)
            continue
        programs += 1
        found += tap.cases(f"guest {ended['name']}", "\n".join(lines), int(ended["status"]))
        lines = []
    if status != 0 or lines != ["=== done"] or not programs:
        found.append(Case("guest", FAILED, "\n".join(
            [f"it did not get to its end; {QEMU} exited with {status}. Its console:", console,
             "What it said last:", *lines])))
    return found
