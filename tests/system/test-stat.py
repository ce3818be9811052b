#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""stat: what a command cost, however it is built, ends, or is interrupted."""

import contextlib
import json
import os
import pwd
import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
from support import (BINARY, Skip, case, has_ended, run_cases, scratch_directory,  # noqa: E402
                     wait_until)

BURN = "import time\nend = time.process_time() + {0}\nwhile time.process_time() < end: pass\n"


def stat(*arguments, timeout=60, **options):
    return subprocess.run([BINARY, "stat", *arguments], capture_output=True, text=True,
                          timeout=timeout, **options)


def stat_json(*arguments, **options):
    """The report, and the process it came from."""
    with scratch_directory() as folder:
        file = Path(folder, "report.json")
        done = stat("--json", "-o", str(file), *arguments, **options)
        return json.loads(file.read_text()), done


def left_over_cgroups():
    """Of commands that have ended: other runs of stat on this machine are no fault of ours."""
    return [path for path in Path("/sys/fs/cgroup").rglob("joulekeeper-stat-*")
            if not Path("/proc", path.name.rpartition("-")[2]).exists()]


def stat_cgroup_directory():
    """Where stat makes cgroups: told by a command in one."""
    done = stat("--", "cat", "/proc/self/cgroup")
    for line in done.stdout.splitlines():
        _, controllers, path = line.split(":", 2)
        if "joulekeeper-stat-" in path:
            name = controllers.removeprefix("name=") or "unified"
            for mount in (Path("/sys/fs/cgroup", name), Path("/sys/fs/cgroup")):
                if Path(mount, "cgroup.procs").exists():
                    return mount / Path(path).parent.relative_to("/")
    raise Skip("stat cannot make a cgroup here")


@case
def the_exit_status_is_the_commands():
    assert stat("--", "sh", "-c", "exit 3").returncode == 3
    assert stat("--", "true").returncode == 0
    assert stat("--", "sh", "-c", "kill -SEGV $$").returncode == 128 + signal.SIGSEGV


@case
def a_command_that_is_not_there_is_told_as_a_shell_does():
    done = stat("--", "/nonexistent/program")
    assert done.returncode == 127, done
    assert "/nonexistent/program: No such file or directory" in done.stderr, done.stderr
    done = stat("--", "/etc/passwd")
    assert done.returncode == 126, done
    assert left_over_cgroups() == []


@case
def the_commands_output_is_left_alone():
    done = stat("--", "sh", "-c", "echo out; echo err >&2; cat", input="in\n")
    assert done.stdout == "out\nin\n", done.stdout
    assert "err\n" in done.stderr and "CPU time" in done.stderr, done.stderr


@case
def wrong_usage_says_what_is_wrong():
    for arguments, word in ((["-r", "0", "--", "true"], "--repeat"),
                            (["--interval", "1x", "--", "true"], "--interval"),
                            (["--interval", "0ms", "--", "true"], "10ms to 60s"),
                            ([], "command"), (["--nosuch", "--", "true"], "nosuch")):
        done = stat(*arguments)
        assert done.returncode == 2 and word in done.stderr, done


@case
def cpu_time_and_energy_are_the_commands():
    report, done = stat_json("--", sys.executable, "-c", BURN.format(1.0))
    assert done.returncode == 0, done
    assert 0.95 < report["cpu_seconds"] < 1.35, report
    assert report["joules"] > 0, report
    assert abs(report["joules_per_cpu_second"] * report["cpu_seconds"] - report["joules"]) < 1e-6
    assert report["machine_joules"] >= report["joules"] + report["machine_idle_joules"] - 1e-6
    assert report["uncertainty_pct"] > 0


@case
def children_that_live_for_milliseconds_are_in_it():
    script = "i=0; while [ $i -lt 400 ]; do /bin/true; i=$((i+1)); done"
    before = os.times()
    subprocess.run(["sh", "-c", script], check=True)  # what it takes by itself
    after = os.times()
    alone = after.children_user + after.children_system - before.children_user - \
        before.children_system
    report, _ = stat_json("--", "sh", "-c", script)
    assert report["cpu_seconds"] > 0.6 * alone, (report["cpu_seconds"], alone)
    assert report["joules"] > 0, report


@case
def orphans_are_in_it():
    if os.geteuid() != 0:
        raise Skip("needs root, to make a cgroup")
    with scratch_directory() as folder:
        done = Path(folder, "done")
        # Nobody waits for the burner: its parent has ended, and it has a session of its own.
        burner = BURN.format(0.8) + f"open('{done}', 'w')\n"
        script = f"""(setsid {sys.executable} -c "{burner}" &)
                     while [ ! -e {done} ]; do sleep 0.05; done"""
        report, _ = stat_json("--", "sh", "-c", script)
        assert report["cpu_seconds"] > 0.75, report


def zombies_of(parent):
    """How many of its children have ended and were not waited for."""
    count = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, ppid = path.read_bytes().rsplit(b")", 1)[1].split()[:2]
        except OSError:
            continue  # it ended meanwhile
        count += state == b"Z" and int(ppid) == parent
    return count


@case
def orphans_do_not_pile_up_as_zombies():
    script = "for i in 1 2 3 4 5 6 7 8 9 10; do (sleep 0.05 &); done; sleep 1; echo ready; sleep 9"
    process = subprocess.Popen([BINARY, "stat", "--", "sh", "-c", script],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    assert process.stdout.readline() == "ready\n"
    count = zombies_of(process.pid)
    process.terminate()
    process.wait()
    assert count == 0, count


@case
def what_still_runs_is_told_and_goes_on_elsewhere():
    with scratch_directory() as folder:
        file = Path(folder, "pid")
        done = stat("--", "sh", "-c", f"sleep 60 >/dev/null 2>&1 & echo $! > {file}; sleep 0.2")
        pid = int(file.read_text())
        try:
            assert "1 of its processes still run" in done.stderr, done.stderr
            assert "joulekeeper-stat" not in Path(f"/proc/{pid}/cgroup").read_text()
            assert left_over_cgroups() == []
        finally:
            os.kill(pid, signal.SIGKILL)


@case
def repetitions_give_mean_and_standard_error():
    report, _ = stat_json("-r", "3", "--", sys.executable, "-c", BURN.format(0.2))
    assert report["runs"] == 3, report
    assert 0.15 < report["cpu_seconds"] < 0.4, report
    assert report["cpu_seconds_standard_error"] >= 0 and report["joules_standard_error"] >= 0
    assert "mean of 2 runs" in stat("-r", "2", "--", "true").stderr


def signalled(script, number):
    """stat with a command, sent a signal; its exit status."""
    # A shell cannot trap what it was started to ignore, as jobs in the background are.
    process = subprocess.Popen([BINARY, "stat", "--", "sh", "-c", script],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                               preexec_fn=lambda: signal.signal(number, signal.SIG_DFL))
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    output, errors = process.communicate(timeout=20)
    return process.returncode, output, errors


@case
def signals_pass_through():
    trap = 'trap "echo caught; exit 7" {0}; echo ready; while :; do sleep 0.05; done'
    for name in ("TERM", "INT", "HUP", "USR1"):
        status, output, errors = signalled(trap.format(name), getattr(signal, "SIG" + name))
        assert status == 7 and "caught" in output, (name, status, output, errors)
        assert "CPU time" in errors, errors
    status, _, errors = signalled("echo ready; exec sleep 30", signal.SIGTERM)
    assert status == 128 + signal.SIGTERM and "CPU time" in errors, (status, errors)
    assert left_over_cgroups() == []


@case
def an_interrupted_command_is_not_repeated():
    script = 'trap "exit 0" TERM; echo ready; while :; do sleep 0.05; done'
    process = subprocess.Popen([BINARY, "stat", "-r", "9", "--", "sh", "-c", script],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                               start_new_session=True)
    assert process.stdout.readline() == "ready\n"
    process.terminate()
    try:
        output, _ = process.communicate(timeout=10)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0 and output == "", (process.returncode, output)


@case
def an_interrupted_run_is_not_in_the_mean():
    with scratch_directory() as folder:
        runs, file = Path(folder, "runs"), Path(folder, "report.json")
        script = f"echo x >> {runs}; [ $(wc -l < {runs}) = 3 ] && echo ready && exec sleep 30; true"
        process = subprocess.Popen([BINARY, "stat", "-r", "9", "--json", "-o", file, "--",
                                    "sh", "-c", script], stdout=subprocess.PIPE, text=True)
        assert process.stdout.readline() == "ready\n"
        time.sleep(1)
        process.terminate()
        assert process.wait(20) == 128 + signal.SIGTERM
        report = json.loads(file.read_text())
    assert report["runs"] == 2 and report["elapsed_seconds"] < 0.5, report
    assert any("interrupted" in note for note in report["notes"]), report["notes"]


@case
def who_starts_it_may_ignore_the_end_of_children():
    done = stat("--", "sh", "-c", "exit 5",
                preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN))
    assert done.returncode == 5, done


@case
def an_output_that_cannot_be_written_is_told():
    done = stat("-o", "/nonexistent/report", "--", "echo", "ran")
    assert done.returncode == 1 and "/nonexistent/report" in done.stderr, done
    assert done.stdout == "", "found out only after the command had run"
    for arguments in ([], ["--json"]):
        done = stat("-o", "/dev/full", *arguments, "--", "true")
        assert done.returncode == 1 and "No space left" in done.stderr, done


@case
def killed_it_leaves_the_command_to_itself():
    process = subprocess.Popen([BINARY, "stat", "--", "sh", "-c", "echo $$; sleep 1; echo done"],
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    command = int(process.stdout.readline())
    process.kill()
    assert process.stdout.read() == "done\n"
    process.wait()
    wait_until(lambda: has_ended(command), "the command ends")
    # Nobody was left to remove its cgroup, and the kernel lets go of it only after a while.
    wait_until(lambda: stat("--", "true").returncode == 0 and left_over_cgroups() == [],
               "a later stat removes the cgroup")


def stat_in_a_namespace(file):
    """The number that its command has there, which is the same each time, and the command's cgroups."""
    done = subprocess.run(
        ["unshare", "--pid", "--fork", "--mount-proc", BINARY, "stat", "--activity=proc",
         "--json", "-o", file, "--", "sh", "-c", "echo $$; cat /proc/self/cgroup"],
        capture_output=True, text=True, timeout=60, check=True)
    number, _, cgroups = done.stdout.partition("\n")
    return number, cgroups


@case
def a_process_number_that_came_again_is_no_obstacle():
    if os.geteuid() != 0:
        raise Skip("needs root, to make a cgroup")
    with scratch_directory() as folder:
        file = Path(folder, "report.json")
        name = f"joulekeeper-stat-{stat_in_a_namespace(file)[0]}"
        stale = stat_cgroup_directory() / name
        with contextlib.suppress(FileExistsError):
            stale.mkdir()
        number, cgroups = stat_in_a_namespace(file)
        report = json.loads(file.read_text())
    assert name.endswith(f"-{number}") and f"/{name}\n" in cgroups, (name, number, cgroups)
    assert not any("cgroup" in note for note in report["notes"]), report["notes"]
    assert not stale.exists()


@case
def without_root_it_works_and_says_what_root_would_add():
    if os.geteuid() != 0:
        raise Skip("needs root, to drop it")
    nobody = pwd.getpwnam("nobody")
    with scratch_directory() as folder:
        binary = Path(folder, "joulekeeper")
        binary.write_bytes(Path(BINARY).read_bytes())
        binary.chmod(0o755)
        os.chmod(folder, 0o755)
        # the system's python: the one that runs this may lie where only root may look
        script = "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done"
        done = subprocess.run([binary, "stat", "-o", "-", "--json", "--", "sh", "-c", script],
                              user=nobody.pw_uid, group=nobody.pw_gid, extra_groups=[],
                              capture_output=True, text=True, timeout=60, cwd="/")
        assert done.returncode == 0, done
        report = json.loads(done.stdout)
        assert report["cpu_seconds"] > 0.02, report
        assert report["joules"] > 0, report
        assert any("root" in note for note in report["notes"]), report["notes"]


run_cases()
