#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Names that anyone on the machine may choose: what they hold cannot break what the agent says."""

import os
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
from exposition import Page  # noqa: E402
from harness import check, note, placed, run_placed  # noqa: E402
from support import Skip  # noqa: E402
from watch import Watch  # noqa: E402

OPENMETRICS = {"Accept": "application/openmetrics-text; version=1.0.0"}

COMMS = [
    b"new\nline",
    b'quo"te\'s',
    b"(par) R 1 (2",
    b"back\\slash\\n",
    b"\xff\xfe no \x80utf8",
    b"cut \xe2\x82",  # the beginning of a character
    b"\x01\x1b[31m\x7f",
    b'} 1\n# EOF\n{x="',
    b"\xed\xa0\x80 surrogate",
    b"\xe2\x82\xac\xc2\xa0fine",
    b"fifteen bytes!!",
    b" ",
    b"<b>&amp;</b>",
]

CGROUPS = [
    b'quo"te',
    b"back\\slash\\",
    b"\\x2d\\n",
    b"\xff\xfe\x80",
    b"\xff\xfe\x81",  # looks the same as the one before once it is made UTF-8
    b"tab\tand \x1b[31m",
    b"(x) {y} # EOF",
    b"n" * 255,
    b'"\\\xf0\xf1' * 63 + b"end",  # 255 bytes
    b"-leading ..",
    "\u20ac\u00a0\u202e".encode(),
]


def bear_names(place):
    """A process of each name, busy; a cgroup of each name, with such a process in it."""
    cgroups = [place.cgroup(name) for name in CGROUPS]
    load = place.work("named", *(comm.hex() for comm in COMMS))
    for i, pid in enumerate(load.stdout.readline().split()):
        cgroups[i % len(cgroups)].add(int(pid))
    return cgroups


def start(place, activity="bpf", interval="200ms"):
    place.cgroup()
    agent = place.agent(place.fake(), "--metrics-processes", "-1", "--metrics-cgroups", "-1",
                        "--activity", activity, interval=interval)
    cgroups = bear_names(place)
    agent.settle(4)
    return agent, cgroups


def as_text(name):
    """What a name must look like: a heart of it that needs no escape, or nothing."""
    return "".join(c for c in name.decode("utf-8", "replace") if c.isascii() and c.isalnum())


def squeeze(text):
    return "".join(c for c in text if c.isascii() and c.isalnum())


def hold_json(agent, cgroups):
    """Each is listed, once; that it parses, and strictly, Agent.api() sees to."""
    comms = [squeeze(task["comm"]) for task in agent.tasks() if task["pid"] and not task["ended"]]
    for comm in COMMS:
        check(as_text(comm[:15]) in comms, f"{comm} is not listed: {comms}")
    names = {account["cgroup_id"]: account["name"]
             for account in agent.api("accounts?dimension=cgroup")["accounts"]}
    for cgroup in cgroups:
        name = names.get(os.stat(cgroup.directory).st_ino)
        check(name is not None, f"{cgroup.path} is not listed")
        check(as_text(os.fsencode(cgroup.path)) == squeeze(name), f"{cgroup.path} is shown as {name}")


def hold_page(agent, cgroups, openmetrics):
    status, headers, body = agent.fetch("/metrics", OPENMETRICS if openmetrics else {})
    check(status == 200, f"{status}: {body[:200]}")
    check(("openmetrics" in headers["Content-Type"]) == openmetrics, headers["Content-Type"])
    page = Page(body, openmetrics)
    comms = {squeeze(labels["comm"])
             for labels, _ in page.labelled("joulekeeper_process_cpu_seconds_total")}
    for comm in COMMS:
        check(as_text(comm[:15]) in comms, f"{comm} is not in the page")
    names = [labels["cgroup"] for labels, _ in page.labelled("joulekeeper_cgroup_watts")
             if "joulekeeper-system-" in labels["cgroup"]]
    check(len(names) >= len(cgroups), f"{len(cgroups)} cgroups, shown: {names}")
    for cgroup in cgroups:
        check(as_text(os.fsencode(cgroup.path)) in map(squeeze, names), f"{cgroup.path} is not there")


@placed
def json_stays_json_by_bpf(place):
    agent, cgroups = start(place)
    hold_json(agent, cgroups)
    Watch(agent).poll()
    check(agent.stop()[0] == 0, agent.output)


@placed
def json_stays_json_by_proc(place):
    agent, cgroups = start(place, "proc")
    hold_json(agent, cgroups)
    Watch(agent).poll()
    check(agent.stop()[0] == 0, agent.output)


@placed
def metrics_stay_metrics_in_both_formats(place):
    agent, cgroups = start(place)
    for openmetrics in (False, True):
        hold_page(agent, cgroups, openmetrics)


@placed
def both_formats_say_the_same(place):
    agent, _ = start(place, interval="1s")
    while True:  # until both are of one tick
        sequence = agent.sequence()
        bodies = agent.body("/metrics"), agent.body("/metrics", OPENMETRICS)
        if agent.sequence() == sequence:
            break
    text, other = Page(bodies[0]), Page(bodies[1], openmetrics=True)
    about_http = "joulekeeper_http_"  # counts these very requests
    both = [{key: value for key, value in page.samples.items() if not key[0].startswith(about_http)}
            for page in (text, other)]
    check(both[0] == both[1], f"they differ: {set(both[0].items()) ^ set(both[1].items())}")


@placed
def promtool_finds_nothing_to_complain_of(place):
    if not shutil.which("promtool"):
        raise Skip("promtool is not there (package prometheus)")
    agent, _ = start(place)
    for headers in ({}, OPENMETRICS):
        body = agent.body("/metrics", headers)
        result = subprocess.run(["promtool", "check", "metrics"], input=body, capture_output=True,
                                check=False)
        said = (result.stdout + result.stderr).decode(errors="replace").strip()
        if headers and "unknown" in said and "type" in said:
            note(f"promtool does not read OpenMetrics: {said.splitlines()[0]}")
            continue
        check(result.returncode == 0 and not said, f"promtool: {said}")


@placed
def names_of_255_bytes_may_lie_in_each_other(place):
    agent = place.agent(place.fake(), "--metrics-cgroups", "-1")
    path, deepest = b"", None
    for _ in range(12):  # 12 x 256 bytes of path, near what a path may have
        path += (b"/" if path else b"") + b'"\\\xff' * 85
        deepest = place.cgroup(path)
    place.work("spin", cgroups=[deepest])
    agent.settle(5)
    inode = os.stat(deepest.directory).st_ino
    accounts = agent.api("accounts?dimension=cgroup")["accounts"]
    found = [account for account in accounts if account["cgroup_id"] == inode]
    check(len(found) == 1 and found[0]["cpu_seconds"] > 0, f"the deepest: {found}")
    Page(agent.body("/metrics"))
    Watch(agent).poll()


run_placed()
