#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Recordings of the whole program: what they are replayed to, and what they survive."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
from agent import parse_json  # noqa: E402
from harness import check, note, placed, run_placed  # noqa: E402
from support import BINARY, Skip, wait_until  # noqa: E402

READER = Path(os.environ["JK_SOURCE_ROOT"], "tools/read-recording.py")


def only_file(directory):
    files = list(Path(directory).iterdir())
    check(len(files) == 1, f"{files}")
    return files[0]


def run(*arguments, status=0, **how):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, timeout=120, **how)
    check(done.returncode == status, f"{arguments}: {done.returncode}, not {status}: {done.stderr}")
    return done


def replay(file, *options, **how):
    return run("replay", file, *options, **how)


def accounts(file, dimension, *options):
    """Id -> account, at the end of a recording."""
    done = replay(file, "--output", "json", "--all", "--by", dimension, *options)
    return {account["id"]: account for account in parse_json(done.stdout)["accounts"]
            if account["dimension"] == dimension}


def ticks(file):
    """How many the table says there are."""
    line = replay(file, "--top", "1").stdout.decode().splitlines()[0]
    return int(line.partition(" ticks")[0].rpartition(" ")[2])


def books(agent):
    """Dimension -> accounts, all of one tick; and which."""
    while True:
        replies = {dimension: agent.api(f"accounts?dimension={dimension}")
                   for dimension in ("task", "cgroup", "user", "machine")}
        sequences = {reply["sequence"] for reply in replies.values()}
        if len(sequences) == 1:
            return sequences.pop(), {dimension: reply["accounts"]
                                     for dimension, reply in replies.items()}


@placed
def a_replay_has_the_accounts_of_the_run(place):
    directory = place.directory()
    agent = place.agent(place.fake(), "--record", directory, "--model", "adaptive,dram=share")
    busy, brief = place.cgroup("busy"), place.cgroup("brief")
    place.work("spin", cgroups=[busy])
    for _ in range(20):
        place.end(place.start(["true"], cgroups=[brief], stdin=subprocess.PIPE))
        time.sleep(0.1)
    sequence, run_ = books(agent)
    check(agent.stop()[0] == 0, agent.output)
    for dimension, listed in run_.items():
        replayed = accounts(only_file(directory), dimension, "--ticks", sequence + 1)
        differing = {account["id"] for account in listed} ^ set(replayed)
        check(not differing, f"only in the run, or in the replay: {differing}")
        for account in listed:
            for key in ("name", "zones", "cpu_seconds", "minor_faults", "read_bytes", "ended"):
                check(account.get(key) == replayed[account["id"]].get(key),
                      f"{key}\nrun: {account}\nreplay: {replayed[account['id']]}")
        note(f"{dimension}: {len(listed)} accounts are the same at tick {sequence}")
    check(any(busy.path == account["name"] for account in run_["cgroup"]), "the load is not there")


@placed
def what_a_killed_agent_recorded_is_read(place):
    directory = place.directory()
    agent = place.agent(place.fake(), "--record", directory, interval="50ms")
    agent.settle(60)
    seen = agent.sequence()
    agent.process.kill()
    agent.process.wait()
    recorded = ticks(only_file(directory))
    note(f"{recorded} ticks are whole, the agent had shown {seen + 1}")
    check(recorded >= seen, f"{recorded} of {seen} ticks are whole")


@placed
def a_damaged_recording_is_shown_as_far_as_it_goes(place):
    file = Path(place.directory(), "damaged.jkr")
    run("record", "-o", file, "-i", "10ms", "-d", "2s")
    bytes_ = bytearray(file.read_bytes())
    bytes_[len(bytes_) * 19 // 20] ^= 0xFF
    file.write_bytes(bytes_)
    done = replay(file, "--top", "1", status=1)
    check(b"byte " in done.stderr and str(file).encode() in done.stderr, done.stderr)
    check(b" ticks; " in done.stdout, done.stdout)


@placed
def record_runs_a_command(place):
    file = Path(place.directory(), "command.jkr")
    spin = "import time\nwhile time.process_time() < 1: pass\nprint('done')\nraise SystemExit(7)"
    done = run("record", "-o", file, "-i", "100ms", "--", sys.executable, "-c", spin, status=7)
    check(done.stdout == b"done\n", done.stdout)
    of_it = [account for account in accounts(file, "cgroup").values()
             if "joulekeeper-stat-" in account["name"] and account["cpu_seconds"] > 0]
    check(len(of_it) == 1, f"its cgroup: {of_it}")
    check(1 <= of_it[0]["cpu_seconds"] < 3, f"{of_it[0]['cpu_seconds']} s of 1 s and a start")
    run("record", "-o", file, status=1)  # a file that is there stays
    other = file.with_suffix(".none")
    run("record", "-o", other, "--", "/no/such/command", status=1)
    check(not other.exists(), "a recording of nothing is left")
    ignored = run("record", "-o", other, "--", "grep", "SigIgn", "/proc/self/status").stdout
    check(int(ignored.split()[1], 16) & 1 << signal.SIGPIPE - 1 == 0, f"SIGPIPE: {ignored}")


@placed
def record_ends_by_a_signal(place):
    file = Path(place.directory(), "signal.jkr")
    process = place.start([BINARY, "record", "-o", file, "-i", "50ms"])
    wait_until(lambda: file.exists() and file.stat().st_size > 2000, "a recording")
    process.send_signal(signal.SIGINT)
    check(process.wait(30) == 0, f"it ended with {process.returncode}")
    done = replay(file)
    check(b"ends within" not in done.stderr, done.stderr)


@placed
def an_agent_s_files_follow_one_another(place):
    directory = place.directory()
    agent = place.agent(place.fake(), "--record", directory, "--record-file-age", "1s",
                        interval="100ms")
    wait_until(lambda: len(list(Path(directory).iterdir())) >= 3, "three files", 60)
    check(agent.stop()[0] == 0, agent.output)
    for name in Path(directory).iterdir():
        check(ticks(name) > 0, f"{name}: {ticks(name)} ticks")
        check(parse_json(replay(name, "-o", "json", "--by", "cgroup").stdout)["accounts"],
              f"{name} knows no cgroups")


@placed
def the_books_options_may_change_while_it_records(place):
    directory, config = place.directory(), Path(place.directory(), "config.yaml")
    config.write_text("ledger: {ended-tasks: 500}\n", encoding="utf-8")
    agent = place.agent(place.fake(), "--record", directory, "--config", config)
    for number in range(30):
        place.end(place.start(["true"], stdin=subprocess.PIPE))
        if number == 15:
            config.write_text("ledger: {ended-tasks: 3}\n", encoding="utf-8")
            agent.process.send_signal(signal.SIGHUP)
    agent.settle(5)
    sequence, run_ = books(agent)
    check(agent.stop()[0] == 0, agent.output)
    listed = {account["id"] for account in run_["task"] if account["ended"]}
    replayed = accounts(only_file(directory), "task", "--ticks", sequence + 1)
    check(listed == {id_ for id_, account in replayed.items() if account["ended"]},
          f"run: {listed}, replay: {replayed}")


@placed
def a_full_disk_costs_the_recording_and_no_tick(place):
    disk = place.directory()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16k", "none", disk],
                          capture_output=True)
    if done.returncode != 0:
        raise Skip(f"cannot mount a small disk: {done.stderr}")
    try:
        agent = place.agent(place.fake(), "--record", disk, interval="10ms")
        wait_until(lambda: "No space left" in agent.output, "the agent to say so", 60)
        before = agent.sequence()
        agent.settle(10)
        check(agent.sequence() > before, "it does not tick any more")
        agent.stop()
        check(ticks(only_file(disk)) > 10, "what had been written is lost")
        done = run("record", "-o", Path(disk, "other.jkr"), "-i", "10ms", "-d", "3s", status=1)
        check(b"not recorded" in done.stderr and b"No space left" in done.stderr, done.stderr)
    finally:
        subprocess.run(["umount", "-l", disk], check=False)


@placed
def anonymised_it_tells_no_name(place):
    names = [b"joulekeeper-", b"secret-program", b"nobody", os.uname().nodename.encode()]
    program = Path(place.directory(), "secret-program")
    program.symlink_to("/bin/sleep")
    cgroup = place.cgroup("secret-group")
    place.start([program, "60"], cgroups=[cgroup])
    place.start(["setpriv", "--reuid", "nobody", "sleep", "60"])
    open_, closed = (Path(place.directory(), name) for name in ("open.jkr", "closed.jkr"))
    run("record", "-o", open_, "-i", "50ms", "-d", "300ms")
    run("record", "--from", open_, "--anonymise", "-o", closed)
    told, kept = (subprocess.run(["zstd", "-dc", file], capture_output=True, check=True).stdout
                  for file in (open_, closed))
    for name in names:
        check(name in told, f"{name} is not in the recording")
        check(name.replace(b"-", b"") not in kept.replace(b"joulekeeper 0", b"").replace(b"-", b""),
              f"{name} was kept")
    one, other = (replay(file, "-o", "csv").stdout.decode().splitlines() for file in (open_, closed))
    check(len(one) == len(other), "they have not the same accounts")
    copied = Path(place.directory(), "copied.jkr")
    run("record", "--from", open_, "-o", copied)
    check(replay(copied, "-o", "csv").stdout == replay(open_, "-o", "csv").stdout, "a copy differs")


@placed
def it_goes_through_pipes(place):
    done = run("record", "-o", "-", "-i", "50ms", "-d", "300ms")
    file = Path(place.directory(), "piped.jkr")
    file.write_bytes(done.stdout)
    slowly = subprocess.run(f"(head -c 1 {file}; sleep 0.3; tail -c +2 {file}) | {BINARY} replay - -o csv",
                            shell=True, capture_output=True, check=True)
    check(slowly.stdout == replay(file, "-o", "csv").stdout, slowly.stdout)
    began = time.monotonic()
    subprocess.run(f"{BINARY} record -o - -i 10ms -d 1h | head -c 100", shell=True,
                   capture_output=True, check=True, timeout=60)
    note(f"it noticed in {time.monotonic() - began:.1f} s that nobody reads")


@placed
def another_program_reads_it_by_the_documentation(place):
    file = Path(place.directory(), "others.jkr")
    run("record", "-o", file, "-i", "50ms", "--", "sh", "-c", "for i in 1 2 3 4 5; do true | cat; done")
    read = subprocess.run(f"zstd -dc {file} | {sys.executable} {READER}", shell=True,
                          capture_output=True, check=True, text=True)
    messages = [json.loads(line) for line in read.stdout.splitlines()]
    check(messages[0]["header"]["format"] == 1, f"{messages[0]}")
    read_ticks = [message["tick"] for message in messages if "tick" in message]
    check(len(read_ticks) == ticks(file), f"{len(read_ticks)} ticks, not {ticks(file)}")
    cpu_ns = {}
    for tick in read_ticks:
        for task in tick["tasks"]:
            key = f"task:{task['pid']}:{task['start_ns']}"
            cpu_ns[key] = cpu_ns.get(key, 0) + task["cpu_ns"]
    for id_, account in accounts(file, "task").items():
        if id_ in cpu_ns:
            check(abs(account["cpu_seconds"] - cpu_ns[id_] / 1e9) < 1e-9, f"{account}: {cpu_ns[id_]}")
    check(len(cpu_ns) > 5, f"{cpu_ns}")


run_placed()
