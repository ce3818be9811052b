#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wall power from outside: what a program and a web server tell becomes the zone wall, how late they
are is found, and what is left over is the zone other. The truth is the fake meter's; a source that
hangs, dies or prints rubbish costs its own zone."""

import http.server
import json
import os
import sys
import threading
import time

sys.dont_write_bytecode = True
from harness import HERE, check, note, placed, run_placed  # noqa: E402
from support import run, wait_until  # noqa: E402

FACTOR, BASE_W, LAG_S = 1.2, 60, 3


def configured(place, fake, name, wall, interval="500ms"):
    """An agent with that section wall."""
    path = f"{place.directory()}/{name}.yaml"
    lines = "".join(f"  {key}: {json.dumps(value)}\n" for key, value in wall.items())
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"activity: proc\nwall:\n{lines}")
    return path, place.agent(fake, f"--config={path}", interval=interval)


def plug(fake, *options):
    return (f"exec {sys.executable} {HERE}/fake-wall.py {fake.root} --factor {FACTOR} "
            f"--base {BASE_W} --lag {LAG_S} --every 0.5 {' '.join(options)}")


def offset(agent):
    return next(m["offset_seconds"] for m in agent.status()["meters"] if m["name"] == "wall")


def wall_meter(agent):
    return next(meter for meter in agent.status()["meters"] if meter["name"] == "wall")


class Plug(http.server.BaseHTTPRequestHandler):
    """Answers with what the server object holds; None: not at all."""

    def do_GET(self):
        self.server.asked.append((self.path, self.headers.get("Authorization", "")))
        status, body = self.server.answer
        if body is None:
            time.sleep(30)
            return
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_message(self, *_):
        pass


def serve(answer):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Plug)
    server.daemon_threads = True
    server.answer, server.asked = answer, []
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


@placed
def a_late_plug_is_found_out_and_the_rest_is_what_it_is(place):
    fake = place.fake("--waves", "1.5")
    _, agent = configured(place, fake, "late", {"source": "program", "command": plug(fake),
                                                "interval": "500ms"},
                          interval="200ms")  # a search is spread over 13 ticks
    wait_until(lambda: agent.zones()["wall"]["seen"], "wall is seen", 20)
    wait_until(lambda: offset(agent) is not None, "the offset is found", 60)
    note(f"offset: {offset(agent)} s")
    check(abs(offset(agent) - LAG_S) < 1, f"it is {LAG_S} s late, and found: {offset(agent)}")
    check(b'joulekeeper_meter_offset_seconds{meter="wall"}' in agent.body("/metrics"),
          "metrics do not tell the offset")

    before, then, began = fake.ledger(), agent.measured(), time.monotonic()
    time.sleep(6)
    after, now, took_s = fake.ledger(), agent.measured(), time.monotonic() - began
    inside_j = sum(after[z] - before[z] for z in after if not z.startswith("core")) / 1e6
    other_j = (now["other"] - then["other"]) / 1e6
    truth_j = (FACTOR - 1) * inside_j + BASE_W * took_s
    note(f"other: {other_j:.1f} J, truth {truth_j:.1f} J")
    check(abs(other_j / truth_j - 1) < 0.12, f"other is {other_j} J, not {truth_j} J")
    zones = agent.zones()
    check(zones["other"]["parent"] == "wall" and zones["package-0"]["parent"] == "wall",
          f"not in wall: {zones}")
    check(zones["other"]["provenance"] == "modelled" and zones["wall"]["provenance"] == "measured",
          f"provenance: {zones}")
    check(zones["wall"]["counted"] and not zones["other"]["counted"], f"added twice: {zones}")
    check(agent.stop()[0] == 0, agent.output)


@placed
def a_plug_that_answers_by_http_hangs_and_comes_back(place):
    fake = place.fake("--static")
    server = serve((200, '{"meters": [{"power": 300.5}]}'))
    with open(f"{place.directory()}/token", "w", encoding="ascii") as file:
        file.write("me:secret\n")
    _, open_agent = configured(place, fake, "open", {
        "source": "http", "url": f"http://127.0.0.1:{server.server_address[1]}/status?key=hush",
        "path": "meters[0].power", "interval": "250ms", "credentials": file.name})
    wait_until(lambda: "chmod 600" in wall_meter(open_agent)["message"], "it is refused", 20)
    check(not server.asked, "it was asked with credentials that all can read")
    check(open_agent.stop()[0] == 0, open_agent.output)

    os.chmod(file.name, 0o600)
    _, agent = configured(place, fake, "http", {
        "source": "http", "url": f"http://127.0.0.1:{server.server_address[1]}/status?key=hush",
        "path": "meters[0].power", "interval": "250ms", "credentials": file.name})
    wait_until(lambda: agent.zones()["wall"]["seen"], "wall is seen", 20)
    check(abs(agent.zones()["wall"]["watts"] - 300.5) < 0.01, f"{agent.zones()['wall']}")
    check("hush" not in agent.zones()["wall"]["path"], "the address's query is told to everybody")
    check("secret" not in json.dumps(agent.status()), "the password is told")

    server.answer = (200, None)  # it hangs
    wait_until(lambda: not agent.zones()["wall"]["seen"], "it is not seen", 30)
    check(agent.zones()["wall"]["watts"] is None, f"power: {agent.zones()['wall']}")
    check(agent.zones()["package-0"]["seen"], "the others stopped, too")
    check(agent.status()["ticks"]["missed"] == 0, f"ticks were missed: {agent.status()['ticks']}")
    counted_uj = agent.measured()["wall"]
    server.answer = (200, '{"meters": [{"power": 0}]}')
    wait_until(lambda: "wall.unit" in wall_meter(agent)["message"], "0 W is refused", 40)
    check(not agent.zones()["wall"]["seen"], "0 W is taken")
    check(agent.measured()["wall"] == counted_uj, "energy was counted that nobody told")
    server.answer = (200, '{"meters": [{"power": 200}]}')
    wait_until(lambda: agent.zones()["wall"]["seen"], "it comes back", 40)
    check(wall_meter(agent)["message"] == "", f"it says still: {wall_meter(agent)}")
    check(agent.stop()[0] == 0, agent.output)
    server.shutdown()


@placed
def programs_that_die_and_talk_rubbish_are_told_and_the_rest_is_read(place):
    fake = place.fake("--static")
    _, dying = configured(place, fake, "dying", {"source": "program", "command": "exit 3"})
    _, rubbish = configured(place, fake, "rubbish", {
        "source": "program", "command": "while :; do echo watts: 250; sleep 0.05; done"})
    wait_until(lambda: "exit status 3" in wall_meter(dying)["message"], "it is told", 30)
    wait_until(lambda: "watts: 250" in wall_meter(rubbish)["message"], "it is told", 30)
    for agent in (dying, rubbish):
        check(agent.zones()["package-0"]["seen"], "the others stopped, too")
    check(rubbish.zones()["wall"]["measured_uj"] == 0, "rubbish was counted")
    for agent in (dying, rubbish):
        check(agent.stop()[0] == 0, agent.output)


@placed
def what_is_missing_in_the_configuration_is_said(place):
    for text, message in (
            ("source: http", "wall.url"),
            ("source: program", "wall.command"),
            ("{source: prometheus, url: 'http://x'}", "wall.query"),
            ("{source: http, url: 'ftp://x'}", ":1: wall.url"),
            ("{source: http, url: 'http://me:secret@x'}", ":1: wall.url"),
            ("{source: http, url: 'http://x', path: 'a..b'}", "wall.path"),
            ("{source: redfish, url: 'http://x', unit: kW}", "wall.unit"),
            ("{source: plug}", ":1: wall.source"),
            ("{source: program, command: x, offset: 2h}", ":1: wall.offset"),
            ("{source: program, command: x, interval: 1h}", ":1: wall.interval"),
            ("{source: program, command: x, credentials: relative}", ":1: wall.credentials")):
        path = f"{place.directory()}/wrong.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write("wall: " + (text if text[0] == "{" else f"{{{text}}}") + "\n")
        for command in (("config", "--check", path), ("run", "--config", path)):
            done = run(*command)
            check(done.returncode == 1 and message in done.stderr and path in done.stderr,
                  f"{command} {text}: {done.returncode} {done.stderr}")


if __name__ == "__main__":
    run_placed()
