#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The agent's life: start, report, read the configuration again, stop, be killed, start again."""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import termios
import time
from pathlib import Path

sys.dont_write_bytecode = True
from support import (  # noqa: E402
    BINARY, Agent, case, free_port, run, run_cases, scratch_directory, wait_until)


def interval_of(agent):
    return agent.api("status")["interval_ns"]


@case
def it_says_what_it_does_and_where_to_look():
    with Agent() as agent:
        agent.ready()
        for label in ("meters", "activity", "cgroups", "model"):
            assert any(line.startswith(f"  {label}") for line in agent.lines), agent.output
        assert f"http://127.0.0.1:{agent.port}/" in agent.output, agent.output
        assert f"{BINARY} top --agent 127.0.0.1:{agent.port}\n" in agent.output + "\n", agent.output
        assert agent.get("/healthz")[0] == 200
        wait_until(lambda: agent.get("/readyz")[0] == 200, "ready")
        assert "joulekeeper_zone_joules_total" in agent.get("/metrics")[1]


@case
def without_http_it_measures_all_the_same():
    with Agent("--listen=off", "--interval=50ms") as agent:
        agent.ready()
        assert "http://" not in agent.output, agent.output
        time.sleep(0.3)
        assert agent.stop()[0] == 0


@case
def both_signals_stop_it_at_once():
    for number in (signal.SIGTERM, signal.SIGINT):
        with Agent("--interval=60s") as agent:
            agent.ready()
            status, seconds = agent.stop(number)
            assert status == 0, (status, agent.output)
            assert seconds < 1, seconds


def agent_on_terminal(terminal, hangup=signal.SIG_DFL):
    def take_terminal():
        fcntl.ioctl(terminal, termios.TIOCSCTTY, 0)
        signal.signal(signal.SIGHUP, hangup)
    return Agent(stdin=terminal, start_new_session=True, preexec_fn=take_terminal)


@case
def it_stops_when_its_terminal_is_closed():
    keyboard, terminal = os.openpty()
    with agent_on_terminal(terminal) as agent:
        os.close(terminal)
        agent.ready()
        agent.send(signal.SIGHUP)  # the terminal is there: nothing but "read again"
        agent.says("there is no configuration file to read again")
        os.close(keyboard)
        assert agent.process.wait(5) == 0, agent.output
        agent.says("the terminal was closed: stopping")


@case
def under_nohup_it_outlives_its_terminal():
    keyboard, terminal = os.openpty()
    with agent_on_terminal(terminal, signal.SIG_IGN) as agent:
        os.close(terminal)
        agent.ready()
        os.close(keyboard)
        agent.says("there is no configuration file to read again")
        assert agent.get("/healthz")[0] == 200 and agent.stop()[0] == 0, agent.output


@case
def a_client_that_dawdles_does_not_keep_it_from_stopping():
    with Agent() as agent:
        agent.ready()
        with socket.create_connection(("127.0.0.1", agent.port)) as slow:
            slow.sendall(b"GET /metrics HTTP/1.1\r\nHost:")
            time.sleep(0.1)
            status, seconds = agent.stop()
        assert status == 0 and seconds < 2, (status, seconds)


@case
def a_good_file_is_taken_over_on_sighup():
    with scratch_directory() as folder:
        file = Path(folder, "jk.yaml")
        file.write_text("interval: 1s\n")
        with Agent("--config", file) as agent:
            agent.ready()
            assert interval_of(agent) == 1_000_000_000
            file.write_text("interval: 50ms\nroot: /tmp\n")
            agent.send(signal.SIGHUP)
            agent.says("read again")
            wait_until(lambda: interval_of(agent) == 50_000_000, "the new interval")
            assert "root changed, but stays as it is until the agent is restarted" in agent.output
            ticks = agent.api("status")["sequence"]
            wait_until(lambda: agent.api("status")["sequence"] > ticks + 20, "ticks come faster", 5)


@case
def all_that_may_change_while_running_does():
    with scratch_directory() as folder:
        file = Path(folder, "jk.yaml")
        file.write_text("interval: 100ms\n")
        with Agent("--config", file) as agent:
            agent.ready()

            def ended():
                accounts = agent.api("accounts?dimension=task")["accounts"]
                return [a for a in accounts if a.get("ended") and a["name"] != "ended"]

            def some_end():
                subprocess.run(["sh", "-c", "for i in 1 2 3; do sh -c :; done"], check=True)
                return len(ended()) > 3
            wait_until(some_end, "ended tasks")
            assert "joulekeeper_process_joules_total{" in agent.get("/metrics")[1]
            file.write_text("metrics: {processes: 0}\nledger: {ended-tasks: 0}\ninterval: 100ms\n")
            agent.send(signal.SIGHUP)
            wait_until(lambda: not ended(), "no ended tasks any more")
            assert "joulekeeper_process_joules_total{" not in agent.get("/metrics")[1]


@case
def a_bad_file_changes_nothing_and_is_named_with_its_line():
    with scratch_directory() as folder:
        file = Path(folder, "jk.yaml")
        file.write_text("interval: 200ms\n")
        with Agent("--config", file) as agent:
            agent.ready()
            for text, complaint in (
                    ("# x\nintervall: 1s\n", "2: intervall: there is no such key; did you mean 'interval'?"),
                    ("interval: 1s\nmeter: powrcap\n", "2: meter: 'powrcap': there is no such meter"),
                    ("interval: 1s\n\tx\n", "not valid YAML")):
                file.write_text(text)
                agent.send(signal.SIGHUP)
                agent.says(complaint if complaint.startswith("not") else f"{file}:{complaint}")
            file.unlink()
            agent.send(signal.SIGHUP)
            agent.says(f"{file}: cannot be read")
            wait_until(lambda: agent.output.count("stays as it was") == 4, "four refusals")
            assert interval_of(agent) == 200_000_000
            assert agent.stop()[0] == 0


@case
def the_command_line_wins_over_the_file():
    with scratch_directory() as folder:
        file = Path(folder, "jk.yaml")
        file.write_text("interval: 5s\n")
        with Agent("--interval=100ms", "--config", file) as agent:
            agent.ready()
            assert interval_of(agent) == 100_000_000
            file.write_text("interval: 7s\n")
            agent.send(signal.SIGHUP)
            agent.says("read again")
            time.sleep(0.3)
            assert interval_of(agent) == 100_000_000


@case
def sighup_without_a_file_is_harmless():
    with Agent() as agent:
        agent.ready()
        agent.send(signal.SIGHUP)
        agent.says("there is no configuration file to read again")
        assert agent.get("/healthz")[0] == 200


@case
def a_storm_of_sighups_is_survived():
    with scratch_directory() as folder:
        file = Path(folder, "jk.yaml")
        file.write_text("interval: 20ms\n")
        with Agent("--config", file) as agent:
            agent.ready()
            for i in range(200):
                file.write_text(f"interval: {20 + i % 7}ms\nledger: {{ended-tasks: {i}}}\n")
                agent.send(signal.SIGHUP)
                time.sleep(0.002)
            agent.says("read again")
            assert agent.stop()[0] == 0, agent.output


@case
def a_second_agent_on_the_port_is_told_so():
    with Agent() as agent:
        agent.ready()
        second = run("run", f"--listen=127.0.0.1:{agent.port}")
        assert second.returncode == 1, second
        assert f"127.0.0.1:{agent.port}" in second.stderr, second.stderr
        assert "in use" in second.stderr and "--listen" in second.stderr, second.stderr
        assert agent.get("/healthz")[0] == 200


@case
def killed_it_starts_again_on_the_same_port():
    with Agent() as agent:
        agent.ready()
        with socket.create_connection(("127.0.0.1", agent.port)):
            agent.send(signal.SIGKILL)
            agent.process.wait()
    for _ in range(3):
        with Agent(port=agent.port) as again:
            again.ready()
            wait_until(lambda: again.get("/readyz")[0] == 200, "ready again")
            again.send(signal.SIGKILL)
            again.process.wait()


@case
def a_bad_start_says_why():
    with scratch_directory() as folder:
        file = Path(folder, "jk.yaml")
        file.write_text("interval: 1ms\n")
        for arguments, status, complaint in (
                (["--config", file], 1, f"{file}:1: interval: 1ms is out of range; give 10ms to 1m"),
                (["--config", folder], 1, "is a directory"),
                (["--config", f"{folder}/none"], 1, "No such file"),
                (["--interval", "1"], 2, "--interval: '1' is no duration"),
                (["--meter", "powrcap"], 2, "did you mean powercap?"),
                (["--intervall", "1s"], 2, "did you mean '--interval'?"),
                (["--listen", "nowhere"], 2, "'nowhere' is no address and port"),
                (["--root", f"{folder}/none"], 1, "No such file"),
                (["now"], 2, "what is 'now'?")):
            ended = run("run", "--listen=127.0.0.1:0", *map(str, arguments))
            assert ended.returncode == status, (arguments, ended)
            assert complaint in ended.stderr, (arguments, ended.stderr)


@case
def the_service_manager_is_told():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager, scratch_directory() as folder:
        name = f"joulekeeper-test-{os.getpid()}"
        manager.bind(f"\0{name}")
        manager.settimeout(10)
        file = Path(folder, "jk.yaml")
        file.write_text("")
        with Agent("--config", file, environment={
                "NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": "400000"}) as agent:
            assert manager.recv(1000).startswith(b"READY=1\n")
            for _ in range(3):
                assert manager.recv(1000) == b"WATCHDOG=1"
            agent.send(signal.SIGHUP)
            heard = [manager.recv(1000) for _ in range(3)]
            assert any(text.startswith(b"RELOADING=1\nMONOTONIC_USEC=") for text in heard), heard
            agent.stop()
            heard = b""
            while heard != b"STOPPING=1":
                heard = manager.recv(1000)


@case
def the_watchdog_is_fed_between_ticks_that_are_far_apart():
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        name = f"joulekeeper-test-{os.getpid()}-watchdog"
        manager.bind(f"\0{name}")
        manager.settimeout(0.2)
        with Agent("--interval=2s", environment={
                "NOTIFY_SOCKET": f"@{name}", "WATCHDOG_USEC": "200000"}) as agent:
            agent.ready()
            wait_until(lambda: manager.recv(1000).startswith(b"READY=1"), "READY=1")
            end = time.monotonic() + 3
            while time.monotonic() < end:
                assert manager.recv(1000) == b"WATCHDOG=1"  # or the time is up, and this raises


@case
def a_reader_of_its_output_that_goes_away_does_not_end_it():
    port = free_port()
    with scratch_directory() as folder:
        file = Path(folder, "jk.yaml")
        file.write_text("interval: 1s\n")
        with subprocess.Popen([BINARY, "run", f"--listen=127.0.0.1:{port}", "--config", file],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as agent:
            try:
                assert agent.stdout.readline().startswith(b"joulekeeper")
                agent.stdout.close()
                for _ in range(3):
                    time.sleep(0.2)
                    agent.send_signal(signal.SIGHUP)  # makes it write
                assert agent.poll() is None
                agent.send_signal(signal.SIGTERM)
                assert agent.wait(10) == 0
            finally:
                agent.kill()


run_cases()
