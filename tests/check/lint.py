# SPDX-License-Identifier: Apache-2.0
"""What the compiler does not see. The style and the findings are those of the tools in Debian 12;
other versions format differently and find other things, so there these cases are skipped."""

import json
import os
import re
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from check import process
from check.builds import SOURCE
from check.report import FAILED, PASSED, SKIPPED, Case

CLANG_TOOLS = "14."
CPPCHECK = "2.10"
LIMIT_S = 900
JOBS = os.cpu_count() or 1

CPPCHECK_OPTIONS = [
    "--enable=warning,performance,portability",
    "--inline-suppr",
    "--suppress=missingInclude",
    "--suppress=missingIncludeSystem",
    "--suppress=unmatchedSuppression",
    "--suppress=internalAstError",  # it stumbles over ({ }), as in jk_steal()
    "--error-exitcode=1",
    "--quiet",
]


def tracked(*patterns):
    """Files under version control, or in a tarball without it, all that match."""
    try:
        names = subprocess.run(
            ["git", "-c", f"safe.directory={SOURCE}", "ls-files", "-z", "--", *patterns],
            cwd=SOURCE, capture_output=True, check=True).stdout.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = [str(path.relative_to(SOURCE)) for pattern in patterns
                 for path in SOURCE.rglob(pattern) if not path.relative_to(SOURCE).parts[0].startswith("build")]
    return [name for name in names if name and (SOURCE / name).exists()]


def _version(tool):
    if not shutil.which(tool):
        return None
    _, output = process.run([tool, "--version"], 30)
    found = re.search(r"\d+\.\d+[.\d]*", output)
    return found.group() if found else None


def _with_version(case_name, tool, wanted, check):
    """Run a check if the tool is of the version that it was written for."""
    version = _version(tool)
    if version is None:
        return [Case(case_name, SKIPPED, f"{tool} is not installed")]
    if not version.startswith(wanted):
        return [Case(case_name, SKIPPED, f"{tool} {version} is here; {wanted} is the reference")]
    return check()


def _one(name, command):
    status, output = process.run(command, LIMIT_S, cwd=SOURCE)
    return Case(name, PASSED if status == 0 else FAILED, "" if status == 0 else output)


def formatting():
    command = ["clang-format", "--dry-run", "--Werror", *tracked("*.c", "*.h")]
    return _with_version("clang-format", "clang-format", CLANG_TOOLS,
                         lambda: [_one("clang-format", command)])


def tidy(directory):
    """clang-tidy of every C file in the build's compilation database: a case per file."""
    database = json.loads((directory / "compile_commands.json").read_text(encoding="utf-8"))
    files = sorted({os.path.realpath(os.path.join(entry["directory"], entry["file"]))
                    for entry in database})
    names = [os.path.relpath(file, SOURCE) for file in files if file.endswith(".c")]

    def check():
        with ThreadPoolExecutor(JOBS) as pool:
            return list(pool.map(lambda name: _one(
                f"clang-tidy {name}",
                ["clang-tidy", "--quiet", "--warnings-as-errors=*", "-p", directory, name]), names))

    return _with_version("clang-tidy", "clang-tidy", CLANG_TOOLS, check)


def cppcheck():
    sources = [name for name in tracked("src/*.c", "tests/*.c") if not name.endswith(".bpf.c")]
    command = ["cppcheck", "-j", JOBS, *CPPCHECK_OPTIONS, "--std=c11", "-I", "src", "-I", ".",
               "-D_GNU_SOURCE", "-DLIBBPF_OPTS(type,name,...)=struct type name = { __VA_ARGS__ }",
               '-DJK_VERSION="0"', *sources]
    return _with_version("cppcheck", "cppcheck", CPPCHECK, lambda: [_one("cppcheck", command)])


def scripts():
    """Shell scripts by shellcheck, Python by its compiler: a case each."""
    shell = [name for name in tracked("*") if _is_shell_script(SOURCE / name)]
    python = tracked("*.py")
    cases = [_one("python syntax", ["python3", "-c",
                                    "import ast, sys\nfor name in sys.argv[1:]: ast.parse(open(name).read(), name)",
                                    *python])]
    if shutil.which("shellcheck") and shell:
        return cases + [_one("shellcheck", ["shellcheck", *shell])]
    return cases + [Case("shellcheck", SKIPPED, "shellcheck is not installed")]


def _is_shell_script(path: Path):
    with open(path, "rb") as file:
        first = file.readline(64)
    return re.match(rb"#! ?/(usr/)?bin/(env )?(ba|da)?sh\b", first) is not None
