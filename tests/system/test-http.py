#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HTTP of the whole agent under live load: counters rise, scrapers see the same, the books balance."""

import http.client
import json
import re
import shutil
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from support import Agent, Skip, case, run_cases, wait_until  # noqa: E402

SAMPLE = re.compile(r'^([a-z_]+(?:\{(?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+\})?) (\S+)$')
LAST_TICK = "joulekeeper_last_tick_timestamp_seconds"
RISING = ("_total", "_count", "_sum")


class Load:
    """A busy loop, and processes that come and go."""

    def __enter__(self):
        self.processes = [
            subprocess.Popen(["sh", "-c", "while :; do :; done"]),
            subprocess.Popen(["sh", "-c", "while :; do sh -c 'i=0; while [ $i -lt 2000 ]; "
                                          "do i=$((i+1)); done'; done"]),
        ]
        return self

    def __exit__(self, *error):
        for process in self.processes:
            process.kill()
            process.wait()


def parse(page):
    """Samples by series; a series that is there twice is an error."""
    samples = {}
    for line in page.splitlines():
        if line.startswith("#"):
            continue
        found = SAMPLE.match(line)
        assert found, line
        assert found[1] not in samples, f"twice: {line}"
        samples[found[1]] = found[2]
    return samples


def scrape_for(agent, seconds, pause, pages):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        status, page = agent.get("/metrics")
        assert status == 200, status
        pages.append(parse(page))
        time.sleep(pause)


def scrape_by_two(agent, seconds):
    """The pages that two scrapers got, each in its order."""
    both = ([], [])
    threads = [threading.Thread(target=scrape_for, args=(agent, seconds, pause, pages))
               for pause, pages in zip((0.05, 0.13), both)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(len(pages) > 10 for pages in both), [len(pages) for pages in both]
    return both


def until_booked(agent):
    agent.ready()
    wait_until(lambda: agent.get("/readyz")[0] == 200, "a booked tick")


@case
def counters_rise_and_two_scrapers_see_the_same():
    with Load(), Agent("--interval=100ms") as agent:
        until_booked(agent)
        both = scrape_by_two(agent, 5)

    rose = set()
    for pages in both:
        for before, after in zip(pages, pages[1:]):
            for series, value in after.items():
                if not series.split("{")[0].endswith(RISING) or series not in before:
                    continue
                assert float(value) >= float(before[series]), (series, before[series], value)
                if float(value) > float(before[series]):
                    rose.add(series.split("{")[0])
    assert {"joulekeeper_machine_joules_total", "joulekeeper_zone_joules_total",
            "joulekeeper_cgroup_joules_total", "joulekeeper_process_joules_total",
            "joulekeeper_user_joules_total", "joulekeeper_ticks_total"} <= rose, rose

    first = {page[LAST_TICK]: page for page in both[0]}
    shared = [(first[page[LAST_TICK]], page) for page in both[1] if page[LAST_TICK] in first]
    assert shared, "the scrapers never met a tick together"
    for one, other in shared:
        for series, value in one.items():
            if not series.startswith("joulekeeper_http_"):
                assert other.get(series) == value, (series, value, other.get(series))


def same_tick(agent, *paths):
    """Replies that show the same tick."""
    def replies():
        found = [agent.api(path) for path in paths]
        return found if len({reply["sequence"] for reply in found}) == 1 else None
    return wait_until(replies, "replies of one tick")


def booked(reply, zone):
    """All energy of a list of accounts, what was left out included."""
    return sum(pair["idle_uj"] + pair["dynamic_uj"]
               for owner in reply["accounts"] + [reply["left_out"]]
               for name, pair in owner["zones"].items() if name == zone)


@case
def every_list_of_accounts_adds_up_to_the_meter():
    with Load(), Agent("--interval=200ms") as agent:
        until_booked(agent)
        if not agent.api("zones")["zones"]:
            raise Skip("no meter here")
        time.sleep(2)
        for dimension in ("task", "cgroup", "user"):
            for query in ("", "&top=3", "&top=0&sort=name"):
                balance, machine, accounts = same_tick(
                    agent, "balance", "accounts?dimension=machine",
                    f"accounts?dimension={dimension}{query}")
                assert balance["balanced"], balance
                for zone in balance["zones"]:
                    assert zone["measured_uj"] > 0, zone
                    total = booked(machine, zone["zone"]) + booked(accounts, zone["zone"])
                    assert total == zone["measured_uj"], (dimension, query, total, zone)


@case
def scraping_or_not_changes_no_number():
    """An agent that is scraped all the time books and ticks as one that never was."""
    with Agent("--interval=100ms") as agent:
        until_booked(agent)
        start = agent.api("status")
        time.sleep(1)
        quiet = agent.api("status")
        scrape_for(agent, 1, 0, [])
        scraped = agent.api("status")

    def ticks(reply):
        return reply["ticks"]["total"] + reply["ticks"]["missed"]  # a busy machine misses some

    def ticks_per_second(before, after):
        return (ticks(after) - ticks(before)) * 1e9 / (after["monotonic_ns"] - before["monotonic_ns"])
    assert 8 < ticks_per_second(start, quiet) < 12, (start, quiet)
    assert 8 < ticks_per_second(quiet, scraped) < 12, (quiet, scraped)


@case
def promtool_is_content():
    if not shutil.which("promtool"):
        raise Skip("promtool is not installed")
    with Load(), Agent("--interval=100ms") as agent:
        until_booked(agent)
        page = agent.get("/metrics")[1]
    done = subprocess.run(["promtool", "check", "metrics"], input=page, capture_output=True,
                          text=True, timeout=20, check=False)
    assert done.returncode == 0 and not done.stderr, done


@case
def openmetrics_is_whole():
    with Agent("--interval=100ms") as agent:
        until_booked(agent)
        connection = http.client.HTTPConnection("127.0.0.1", agent.port, timeout=5)
        connection.request("GET", "/metrics", headers={
            "Accept": "application/openmetrics-text;version=1.0.0,text/plain;q=0.5"})
        reply = connection.getresponse()
        page = reply.read().decode()
        connection.close()
    assert reply.headers["Content-Type"].startswith("application/openmetrics-text"), reply.headers
    assert page.endswith("\n# EOF\n"), page[-100:]
    assert "# UNIT joulekeeper_zone_joules joules\n" in page
    parse(page)


@case
def every_reply_is_json_or_says_what_it_is():
    with Agent("--interval=100ms") as agent:
        until_booked(agent)
        for path in ("status", "zones", "balance", "accounts", "accounts?dimension=user"):
            agent.api(path)
        status, body = agent.get("/api/v1/accounts?dimension=pod")
        assert status == 400 and json.loads(body)["parameter"] == "dimension", body
        status, body = agent.get("/nowhere")
        assert status == 404 and "/metrics" in json.loads(body)["detail"], body
        assert "<!doctype html>" in agent.get("/")[1]


run_cases()
