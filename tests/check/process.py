# SPDX-License-Identifier: Apache-2.0
"""Running commands so that nothing they start outlives them.

Each command is a session of its own, killed as a whole at its time limit. Whatever escapes that (a
daemon, an orphan) becomes our child, because we are a subreaper, and is killed at the end.
"""

import ctypes
import os
import signal
import subprocess
import time
from pathlib import Path

PR_SET_CHILD_SUBREAPER = 36
ADDR_NO_RANDOMIZE = 0x0040000
TIMED_OUT = 124

_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper():
    _libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def fix_address_space():
    """Sanitizers of LLVM 14 and GCC 12 fail at random under the 32 bits of randomisation that
    recent kernels use (vm.mmap_rnd_bits). Where personality(2) is refused, they get a chance."""
    _libc.personality(ADDR_NO_RANDOMIZE)


def _kill_session(leader):
    for process in descendants():
        try:
            if os.getsid(process) == leader:
                os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass


def run(command, timeout_s, *, cwd=None, env=None, log=None, fixed_addresses=False):
    """Run a command without stdin: (exit status, its output). With a log, the output is added to
    that file as well, while it comes."""
    with subprocess.Popen(
        [str(word) for word in command],
        cwd=cwd,
        env={**os.environ, **(env or {})},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
        preexec_fn=fix_address_space if fixed_addresses else None,
    ) as process:
        try:
            output, _ = process.communicate(timeout=timeout_s)
            status = process.returncode
        except subprocess.TimeoutExpired:
            _kill_session(process.pid)
            output, _ = process.communicate()
            output += f"\nkilled: it ran for more than {timeout_s} s\n".encode()
            status = TIMED_OUT
        finally:
            _kill_session(process.pid)
    text = output.decode(errors="replace")
    if log:
        with open(log, "a", encoding="utf-8") as file:
            file.write(f"$ {' '.join(map(str, command))}\n{text}\n")
    return status, text


def _parents():
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_comm = stat.read_bytes().rpartition(b")")[2].split()
        except OSError:
            continue
        if after_comm[0] == b"Z":
            continue
        parents[int(stat.parent.name)] = int(after_comm[1])
    return parents


def descendants():
    """Every process that has this one as an ancestor."""
    parents = _parents()
    found = set()
    for process in parents:
        line = []
        ancestor = process
        while ancestor in parents and ancestor not in found and ancestor != os.getpid():
            line.append(ancestor)
            ancestor = parents[ancestor]
        if ancestor == os.getpid() or ancestor in found:
            found.update(line)
    return found


def _wait_for_descendants(seconds):
    """Those that still run after a while: what is about to end may do so by itself."""
    deadline = time.monotonic() + seconds
    while True:
        _reap()
        left = descendants()
        if not left or time.monotonic() > deadline:
            return left
        time.sleep(0.05)


def _command_line(process):
    """What it was started as, or its name in brackets, as ps(1) has it."""
    arguments = Path(f"/proc/{process}/cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    if arguments != [b""]:
        return b" ".join(arguments).decode(errors="replace")
    return f"[{Path(f'/proc/{process}/comm').read_text(errors='replace').strip()}]"


def kill_what_is_left(patience_s=2):
    """Kill every descendant: the command lines of those that had to be."""
    commands = set()
    for _ in range(20):
        left = _wait_for_descendants(patience_s)
        if not left:
            break
        patience_s = 0.1
        for process in left:
            try:
                commands.add(_command_line(process))
                os.kill(process, signal.SIGKILL)
            except (OSError, ValueError):
                pass
    return sorted(commands)


def _reap():
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
