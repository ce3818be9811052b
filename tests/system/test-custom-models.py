#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Models of one's own, as in examples/: compiled as users do, in a replay and in a running agent."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
from agent import energy_uj  # noqa: E402
from harness import check, has_sanitizer, placed, run_placed  # noqa: E402
from support import BINARY, SOURCE, Skip, has_ended, wait_until  # noqa: E402

PROGRAM = f"program:{sys.executable} {SOURCE}/examples/model-program/instructions.py"
MAPPING = """
cpus: 2
interval: 1s
tables:
  - name: all
    time: {column: t, unit: s}
    zones:
      - {name: package-0, column: W, unit: W, where: {who: busy}}
    tasks: {name: "{who}", cgroup: "/{who}"}
    features:
      - {feature: cpu, column: cpu, unit: ms}
      - {feature: instructions, column: instructions, unit: 1}
"""


def run(*arguments, status=0):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, check=False,
                          text=True, timeout=120)
    check(done.returncode == status, f"{arguments}: {done.returncode}, not {status}: {done.stderr}")
    return done


def record(place):
    """A minute of two programs that are alike but for their instructions: 3 to 1."""
    folder = Path(place.directory())
    mapping, table, out = folder / "m.yaml", folder / "t.csv", folder / "r.jkr"
    mapping.write_text(MAPPING)
    table.write_text("t,W,who,cpu,instructions\n" + "".join(
        f"{1000 + i},{10 if i < 20 else 30},{who},500,{n}\n"
        for i in range(60) for who, n in (("busy", 3000000), ("calm", 1000000))))
    run("import", "--mapping", mapping, "-o", out, table)
    return out


def energy(recording, model):
    """Name -> joules, of two tasks; and of the machine's own accounts."""
    accounts = {}
    for by in ("task", "machine"):
        done = run("replay", "--model", model, "--by", by, "--all", "--output", "json", recording)
        accounts |= {account["name"]: energy_uj(account, "package-0") / 1e6
                     for account in json.loads(done.stdout)["accounts"]}
    return accounts


def check_by_instructions(accounts):
    check(abs(accounts["busy"] / accounts["calm"] - 3) < 0.001, f"not 3 to 1: {accounts}")
    check(abs(sum(accounts.values()) - (20 * 10 + 40 * 30)) < 31,
          f"not what was measured: {accounts}")


def install_headers(place):
    """What `meson install` lays down for plug-ins, and nothing else: the flags to compile with."""
    folder = place.directory()
    done = subprocess.run(["meson", "install", "-C", Path(BINARY).resolve().parent, "--no-rebuild",
                           "--destdir", folder, "--tags", "devel"],
                          capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Skip(f"meson cannot install: {done.stderr or done.stdout}")
    config = next(Path(folder).rglob("joulekeeper-model.pc"))
    flags = subprocess.run(["pkg-config", "--cflags", config], capture_output=True, text=True,
                           check=True,
                           env=os.environ | {"PKG_CONFIG_SYSROOT_DIR": folder}).stdout
    return flags.strip()


def make_plugin(place):
    folder = Path(place.directory())
    subprocess.run(["make", "-f", SOURCE / "examples/model-plugin/Makefile", "-C", folder,
                    f"VPATH={SOURCE}/examples/model-plugin", "CFLAGS=-O2 -Wall -Wextra -Werror",
                    f"JOULEKEEPER={install_headers(place)}"], check=True, capture_output=True)
    return folder / "instructions.so"


def children(pid):
    """Processes that it has started, and that have not been reaped."""
    return [int(path.parent.name) for path in Path("/proc").glob("[0-9]*/stat")
            if _parent(path) == pid]


def _parent(path):
    try:
        return int(path.read_text(errors="replace").rpartition(")")[2].split()[1])
    except (OSError, IndexError):
        return None


@placed
def the_plugin_divides_a_replay_by_instructions(place):
    plugin = make_plugin(place)
    recording = record(place)
    accounts = energy(recording, f"plugin:{plugin}:10")
    check_by_instructions(accounts)
    check(abs(accounts["idle"] - 10 * 60) < 11, f"idle is not what was told: {accounts}")
    done = run("replay", "--model", f"plugin:{plugin}:warm", recording, status=1)
    check("'warm' is no power" in done.stderr, done.stderr)


@placed
def the_program_divides_a_replay_by_instructions(place):
    accounts = energy(record(place), PROGRAM)
    check_by_instructions(accounts)
    check(abs(accounts["idle"] - 10 * 60) < 11, f"idle is not the lowest: {accounts}")


@placed
def a_plugin_that_others_can_change_is_refused(place):
    plugin = make_plugin(place)
    plugin.chmod(0o666)
    done = run("replay", "--model", f"plugin:{plugin}:10", record(place), status=1)
    check("may write to it (mode 0666)" in done.stderr, done.stderr)


@placed
def a_recording_starts_no_program_by_itself(place):
    directory = place.directory()
    seen = Path(directory, "it-ran")
    script = Path(place.directory(), "model.sh")
    script.write_text(f"touch {seen}; exec {PROGRAM.partition(':')[2]}\n")
    agent = place.agent(place.fake(), "--record", directory, "--model", f"program:sh {script}")
    agent.settle(5)
    check(agent.stop()[0] == 0, agent.output)
    check(seen.exists(), "the agent did not run it")
    seen.unlink()
    recording, = Path(directory).glob("*.jkr*")
    done = run("replay", recording, status=1)
    check("give it with --model" in done.stderr, done.stderr)
    check(not seen.exists(), "it was run")
    run("replay", "--model", f"program:sh {script}", recording)
    check(seen.exists(), "it was not run though it was asked for")


@placed
def the_agent_runs_the_program_and_ends_it(place):
    agent = place.agent(place.fake(), "--model", PROGRAM)
    place.work("spin")
    agent.settle(10)
    program, = children(agent.process.pid)
    check(agent.api("status")["model"].startswith("program:"), agent.api("status"))
    check("divided by CPU time" not in agent.output or has_sanitizer(), agent.output)
    check(agent.stop()[0] == 0, agent.output)
    wait_until(lambda: has_ended(program), "the end of the program")


def books(agent):
    """Dimension -> id -> zones, all of one tick; and which."""
    while True:
        replies = {by: agent.api(f"accounts?dimension={by}") for by in ("task", "cgroup", "machine")}
        sequences = {reply["sequence"] for reply in replies.values()}
        if len(sequences) == 1:
            return sequences.pop(), {
                by: {account["id"]: account["zones"] for account in reply["accounts"]}
                for by, reply in replies.items()}


def recorded_run(place):
    """A recording by an agent whose program answered each tick in time, and the agent's books; or
    None: this machine was too busy for that."""
    directory = place.directory()
    agent = place.agent(place.fake(), "--record", directory, "--model", PROGRAM)
    place.work("spin")
    agent.settle(10)
    sequence, run_ = books(agent)
    check(agent.stop()[0] == 0, agent.output)
    recording, = Path(directory).iterdir()
    return None if "divided by CPU time instead" in agent.output else (recording, sequence, run_)


@placed
def a_replay_by_the_program_has_the_accounts_of_the_run(place):
    runs = (recorded_run(place) for _ in range(6))
    recording, sequence, run_ = next(filter(None, runs), (None, None, None))
    check(recording, "the program was late in each of six runs")
    for by, wanted in run_.items():
        done = run("replay", "--model", PROGRAM, "--by", by, "--all", "--output", "json", "--ticks",
                   sequence + 1, recording)
        replayed = {account["id"]: account["zones"] for account in json.loads(done.stdout)["accounts"]
                    if account["dimension"] == by}
        check(replayed == wanted, f"{by}\nrun: {wanted}\nreplay: {replayed}")


@placed
def a_program_that_is_killed_is_started_again(place):
    agent = place.agent(place.fake(), "--model", PROGRAM)
    agent.settle(5)
    program, = children(agent.process.pid)
    os.kill(program, signal.SIGKILL)
    agent.says("it was ended by signal 9")
    wait_until(lambda: [child for child in children(agent.process.pid) if child != program],
               "another program")
    check(program not in children(agent.process.pid), "the first is a zombie")
    before = agent.sequence()
    agent.settle(5)
    check(agent.sequence() > before, "no ticks")


@placed
def an_agent_that_is_killed_takes_its_program_along(place):
    agent = place.agent(place.fake(), "--model", PROGRAM)
    program, = children(agent.process.pid)
    agent.process.kill()
    wait_until(lambda: has_ended(program), "the end of the program")


@placed
def ticks_go_on_beside_a_program_that_is_stopped(place):
    agent = place.agent(place.fake(), "--model", PROGRAM, interval="100ms")
    agent.settle(5)
    program, = children(agent.process.pid)
    os.kill(program, signal.SIGSTOP)
    before, start = agent.sequence(), time.monotonic()
    agent.says("divided by CPU time instead")
    agent.settle(20)
    ticks, seconds = agent.sequence() - before, time.monotonic() - start
    check(ticks >= 5 * seconds, f"{ticks} ticks in {seconds:.1f} s")


run_placed()
