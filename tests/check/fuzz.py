# SPDX-License-Identifier: Apache-2.0
"""Running the fuzzers, each for a time, from its seeds in tests/fuzz/corpus/NAME."""

import os
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from check import process
from check.builds import SANITIZER_OPTIONS, SOURCE
from check.report import FAILED, PASSED, Case

MEMORY_LIMIT_MB = 2048
INPUT_LIMIT_S = 10  # one input may not take longer


def fuzzers(directory):
    return sorted(path for path in (directory / "tests/fuzz").glob("fuzz-*")
                  if path.is_file() and os.access(path, os.X_OK))


def run(directory, seconds):
    """A case per fuzzer; as many at a time as there are CPUs."""
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        return list(pool.map(lambda program: _run_one(program, seconds), fuzzers(directory)))


def _run_one(program: Path, seconds):
    name = program.name
    seeds = SOURCE / "tests/fuzz/corpus" / name.removeprefix("fuzz-")
    with tempfile.TemporaryDirectory(prefix="joulekeeper-fuzz-") as scratch:
        found = Path(scratch) / "corpus"
        found.mkdir()
        command = [program, f"-max_total_time={seconds}", f"-timeout={INPUT_LIMIT_S}",
                   f"-rss_limit_mb={MEMORY_LIMIT_MB}", "-print_final_stats=1",
                   f"-artifact_prefix={scratch}/", found]
        status, output = process.run(command + ([seeds] if seeds.is_dir() else []), seconds + 120,
                                     cwd=scratch, env=SANITIZER_OPTIONS, fixed_addresses=True)
        if status == 0:
            return Case(name, PASSED)
        return Case(name, FAILED, output + _artifacts(Path(scratch)))


def _artifacts(scratch):
    """The input that broke it, as text, since the folder goes."""
    return "".join(f"\ninput that broke it ({path.name}): {path.read_bytes()!r}\n"
                   for path in scratch.iterdir() if path.is_file())
