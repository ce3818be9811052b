#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""ps: the table and the JSON, by itself and from an agent; what it prints balances."""

import http.server
import json
import re
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from burner import Burner  # noqa: E402
from support import BINARY, Agent, case, free_port, run, run_cases, wait_until  # noqa: E402

DIMENSIONS = ("task", "cgroup", "user")


def ps(*arguments):
    reply = run("ps", "--interval=400ms", *arguments)
    assert reply.returncode == 0, reply
    return reply.stdout


def ps_json(*arguments):
    return json.loads(ps("--json", *arguments))


def energy(accounts, zone):
    return sum(account["zones"][zone]["idle_uj"] + account["zones"][zone]["dynamic_uj"]
               for account in accounts)


def assert_balanced(document):
    assert document["zones"], document
    for zone in document["zones"]:
        booked = energy(document["accounts"], zone["zone"])
        assert booked == zone["measured_uj"], (zone["zone"], booked, zone["measured_uj"])
    assert document["machine"]["measured_uj"] > 0, document["machine"]
    total = sum(account["watts"] for account in document["accounts"])
    assert abs(total - document["machine"]["watts"]) < 0.001 * total + 0.001, \
        (total, document["machine"])


@case
def json_balances_to_the_microjoule():
    with Burner():
        for dimension in DIMENSIONS:
            assert_balanced(ps_json("--agent=off", f"--by={dimension}", "--all"))


@case
def json_from_an_agent_balances_too():
    with Burner() as burner, Agent("--interval=300ms") as agent:
        agent.ready()
        wait_until(lambda: agent.get("/readyz")[0] == 200, "ready")
        for dimension in DIMENSIONS:
            document = ps_json(f"--agent=127.0.0.1:{agent.port}", f"--by={dimension}", "--all")
            assert_balanced(document)
        names = {account["name"] for account in ps_json(f"--agent=127.0.0.1:{agent.port}")
                 ["accounts"]}
        assert "jk-burner" in names, names
        # the same shape as the agent's own
        theirs = agent.api("accounts?dimension=task")["accounts"]
        theirs = next(account for account in theirs if account["pid"] == burner.pid)
        ours = ps_json(f"--agent=127.0.0.1:{agent.port}", "--filter=jk-burner")["accounts"]
        ours = next(account for account in ours if account["pid"] == burner.pid)
        assert set(ours) == set(theirs), set(ours) ^ set(theirs)
        for key in ("id", "comm", "uid", "start_ns", "cgroup", "provenance"):
            assert ours[key] == theirs[key], key


@case
def the_table_tells_who_and_how_much():
    with Burner() as burner:
        output = ps("--agent=off", "--sort=cpu", "--filter=jk-burner")
        assert re.search(rf"W .* {burner.pid} .*jk-burner", output), output
        assert "[idle]" not in output, output
        output = ps("--agent=off", "--sort=cpu", "--top=3")
        table = output.split("\n\n")[1].split("\n")
        assert len(table) == 4, output  # titles and three
        used = [float(found) for found in re.findall(r"J +([0-9.]+)", "\n".join(table[1:]))]
        assert used == sorted(used, reverse=True), output
        assert "more not shown" in output, output
        assert " = machine " in output, output
        assert "by itself" in output.split("\n")[0], output
        assert re.search(r"^machine +[0-9.]+ ", output, re.M), output
        assert re.search("measured|modelled", output), output


@case
def order_and_filter():
    def names(*arguments):
        """Those in ASCII: what others are called stands in JSON as U+FFFD."""
        accounts = ps_json("--agent=off", "--all", "--sort=name", *arguments)["accounts"]
        return [account["name"].lower() for account in accounts if account["name"].isascii()]
    forth, back = names(), names("--reverse")
    assert forth == sorted(forth), forth
    assert back == sorted(back, reverse=True), back
    watts = [account["watts"] for account in ps_json("--agent=off")["accounts"]]
    assert watts == sorted(watts, reverse=True), watts
    with Burner():
        for account in ps_json("--agent=off", "--filter=JK-BURN")["accounts"]:
            assert account["comm"] == "jk-burner", account


@case
def machine_accounts_alone():
    names = {account["name"] for account in ps_json("--agent=off", "--by=machine", "--all")
             ["accounts"]}
    assert names == {"idle", "kernel-irq", "kernel-softirq", "kernel-threads", "unattributed"}, names


@case
def hostile_names_are_printed_as_text():
    with Burner(b"\x1b[2J\"\n\\\xff"):
        for account in ps_json("--agent=off")["accounts"]:
            assert "\x1b" not in account["name"], account
        output = ps("--agent=off")
        assert "\x1b" not in output, output
        assert "�[2J\"" in output, output
        plain = run("ps", "--interval=300ms", "--agent=off", environment={"LC_ALL": "C"})
        assert plain.stdout.isascii() and "?[2J\"" in plain.stdout, plain


@case
def wrong_usage_and_no_agent():
    for arguments, status, text in (
            (["--agent=127.0.0.1:1"], 1, "127.0.0.1:1"),
            (["--agent=nonsense"], 1, "ADDR:PORT"),
            (["--agent=127.0.0.1:1/x"], 1, "ADDR:PORT"),
            (["--interval=1ms"], 2, "10ms"),
            (["--by=pod"], 2, "cgroup"),
            (["--sort=size"], 2, "energy"),
            (["--top=many"], 2, "whole number"),
            (["extra"], 2, "no arguments")):
        reply = run("ps", *arguments)
        assert reply.returncode == status and text in reply.stderr, reply
        assert reply.stdout == "", reply


@case
def a_full_disk_is_told():
    with open("/dev/full", "w", encoding="ascii") as full:
        reply = subprocess.run([BINARY, "ps", "--agent=off", "--interval=100ms"], stdout=full,
                               stderr=subprocess.PIPE, text=True, timeout=60, check=False)
    assert reply.returncode == 1 and "cannot write" in reply.stderr, reply


class Impostor(http.server.BaseHTTPRequestHandler):
    """Something else that listens there."""

    replies = {}

    def do_GET(self):
        body = self.replies.get(self.path.split("?")[0], b"")
        self.send_response(200 if body else 404)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


def ask_impostor(replies):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", free_port()), Impostor)
    Impostor.replies = replies
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        return run("ps", f"--agent=127.0.0.1:{server.server_port}", "--interval=50ms")
    finally:
        server.shutdown()
        server.server_close()


@case
def an_impostor_is_refused():
    good = {"/api/v1/status": b'{"sequence":1,"machine":{"watts":1}}',
            "/api/v1/zones": b'{"sequence":1,"zones":[]}',
            "/api/v1/accounts": b'{"sequence":1,"accounts":[]}'}
    for path, body in (("/api/v1/status", b""), ("/api/v1/status", b"<html>"),
                       ("/api/v1/status", b"[]"), ("/api/v1/status", b"{}"),
                       ("/api/v1/zones", b'{"zones":7}'), ("/api/v1/zones", b'{"zones":[' + b"{}," * 300 + b"{}]}"),
                       ("/api/v1/accounts", b'{"accounts":{}}'),
                       ("/api/v1/accounts", b'{"accounts":[')):
        reply = ask_impostor({**good, path: body})
        assert reply.returncode == 1 and "127.0.0.1" in reply.stderr, (path, body[:40], reply)


@case
def an_agent_that_has_stopped_ticking_is_told():
    start = time.monotonic()
    reply = ask_impostor({"/api/v1/status": b'{"sequence":1,"interval_ns":50000000,'
                                            b'"machine":{"watts":1}}',
                          "/api/v1/zones": b'{"sequence":1,"zones":[]}',
                          "/api/v1/accounts": b'{"sequence":1,"accounts":[]}'})
    assert reply.returncode == 1 and "stopped ticking" in reply.stderr, reply
    assert time.monotonic() - start < 10


run_cases()
