#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Clients of all kinds: what they send cannot harm the agent, what they ask changes no number."""

import concurrent.futures
import contextlib
import gzip
import random
import socket
import sys
import time

sys.dont_write_bytecode = True
from exposition import Page  # noqa: E402
from harness import check, note, placed, run_placed  # noqa: E402
from support import wait_until  # noqa: E402
from watch import Watch  # noqa: E402

FUZZ_REQUESTS = 600
SLOW_CLIENTS = 60  # fewer than one address may have at once, or the others would not get in
AT_ONCE = 100
PATHS = ["/", "/metrics", "/healthz", "/readyz", "/api/v1/status", "/api/v1/zones",
         "/api/v1/accounts", "/api/v1/balance"]


# ---- nonsense ----


def nonsense(chance):
    """A request that is wrong in one of many ways, or not even a request."""
    path = chance.choice(PATHS)
    noise = bytes(chance.randrange(256) for _ in range(chance.randrange(1, 400)))
    text = noise.replace(b"\r", b"").replace(b"\n", b"")
    return chance.choice([
        noise,
        b"GET " + text + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET %s?%s HTTP/1.1\r\nHost: x\r\n\r\n" % (path.encode(), text.replace(b" ", b"")),
        text.replace(b" ", b"")[:20] + b" %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode(),
        b"GET %s HTTP/%s\r\n\r\n" % (path.encode(), text[:8]),
        b"GET %s HTTP/1.1\r\n%s\r\n\r\n" % (path.encode(), text),
        b"GET %s HTTP/1.1\r\nHost: x\r\nAccept: %s\r\nAccept-Encoding: %s\r\n\r\n"
        % (path.encode(), text, text),
        b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s"
        % (path.encode(), chance.choice([0, 5, 10**9, 10**19]), noise),
        b"GET %s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s"
        % (path.encode(), chance.choice([0, 5, 2**63, 2**64]), noise),
        b"GET %s HTTP/1.1\r\n%s" % (path.encode(), b"X: y\r\n" * chance.randrange(5000)),
        b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * chance.choice([2040, 2048, 20000])),
        b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % path.encode() * 20,
        b"GET /api/v1/accounts?dimension=%s&sort=%s&top=%s HTTP/1.1\r\nHost: x\r\n\r\n" % (
            chance.choice([b"task", b"%00", b"cgroup%"]), chance.choice([b"watts", b"%ff", b""]),
            chance.choice([b"-1", b"99999999999999999999", b"all", b"1e3", b"%31"])),
    ])


def send_and_forget(port, request, chance):
    """As rude clients do: some wait for an answer, some close at once, some with a reset."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        with contextlib.suppress(OSError):
            client.sendall(request)
            if chance.random() < 0.6:
                client.settimeout(0.05)
                while client.recv(65536):
                    pass
        if chance.random() < 0.3:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def replies_of_class(agent, digit):
    replies = Page(agent.body("/metrics")).labelled("joulekeeper_http_replies_total")
    return {labels["path"]: value for labels, value in replies if labels["code"].startswith(digit)}


@placed
def nonsense_does_no_harm(place):
    agent = place.agent(place.fake())
    watch, chance = Watch(agent), random.Random(20)
    failed = replies_of_class(agent, "5")  # /readyz, until it was
    for _ in range(5):
        for _ in range(FUZZ_REQUESTS // 5):
            send_and_forget(agent.port, nonsense(chance), chance)
        watch.poll()
    check(agent.fetch("/healthz")[0] == 200, "it is not well")
    refused = sum(replies_of_class(agent, "4").values())
    note(f"{refused:.0f} requests were refused by name")
    check(refused > 0, "nothing was refused")
    check(replies_of_class(agent, "5") == failed, f"something failed: {replies_of_class(agent, '5')}")
    check(agent.stop()[0] == 0, agent.output)


@placed
def only_what_is_there_is_answered(place):
    agent = place.agent(place.fake())
    for path, method, wanted in (
            ("/nothing", "GET", 404), ("/metrics/", "GET", 404), ("/api/v1", "GET", 404),
            ("/../etc/passwd", "GET", 404), ("/%2e%2e/etc/passwd", "GET", 404),
            ("/metrics", "POST", 405), ("/metrics", "DELETE", 405), ("/metrics", "BREW", 405),
            ("/api/v1/accounts?dimension=x", "GET", 400), ("/api/v1/accounts?tpo=1", "GET", 400),
            ("/api/v1/accounts?top=-1", "GET", 400), ("/api/v1/status?x=1", "GET", 400),
            ("/metrics", "HEAD", 200), ("/" + "a" * 3000, "GET", 414)):
        status, _, body = agent.fetch(path, method=method)
        check(status == wanted, f"{method} {path}: {status}, not {wanted}: {body[:100]}")
        check(bool(body) == (method != "HEAD"), f"{method} {path}: body: {body[:100]}")


# ---- slow ----


@placed
def slow_clients_keep_nobody_waiting(place):
    agent = place.agent(place.fake())
    with contextlib.ExitStack() as stack:
        slow = [stack.enter_context(socket.create_connection(("127.0.0.1", agent.port), timeout=5))
                for _ in range(SLOW_CLIENTS)]
        request = b"GET /metrics HTTP/1.1\r\nHost: somewhere\r\nX-Slow: " + b"y" * 1000
        worst_s, cut, began, at = 0.0, 0, time.monotonic(), 0
        while cut < SLOW_CLIENTS:
            check(time.monotonic() - began < 90, f"after 90 s {SLOW_CLIENTS - cut} are still served")
            cut += drip(slow, request[at:at + 1])
            at += 1
            asked = time.monotonic()
            check(agent.fetch("/healthz")[0] == 200, "it is not well")
            worst_s = max(worst_s, time.monotonic() - asked)
            time.sleep(0.3)
        note(f"the last slow client was cut after {time.monotonic() - began:.1f} s; /healthz took "
             f"{worst_s * 1000:.0f} ms at worst")
        check(worst_s < 5, f"/healthz took {worst_s:.1f} s")
    Watch(agent).poll()
    metrics = Page(agent.body("/metrics"))
    check(metrics.labelled("joulekeeper_http_cut_connections_total")[0][1] >= SLOW_CLIENTS,
          "the cut is not counted")


def drip(slow, byte):
    """One more byte from each; how many found that they were cut off."""
    cut = 0
    for client in list(slow):
        try:
            client.sendall(byte)
            client.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                if client.recv(100) == b"":
                    raise ConnectionResetError
            client.setblocking(True)
        except OSError:
            slow.remove(client)
            cut += 1
    return cut


@placed
def clients_that_do_not_read_keep_nobody_waiting(place):
    agent = place.agent(place.fake())
    with contextlib.ExitStack() as stack:
        for _ in range(SLOW_CLIENTS // 2):
            client = stack.enter_context(socket.socket())
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
            client.connect(("127.0.0.1", agent.port))
            client.sendall(b"GET /api/v1/accounts HTTP/1.1\r\nHost: x\r\n\r\n" * 10)
        for _ in range(20):
            check(agent.fetch("/healthz")[0] == 200, "it is not well")
            status = agent.fetch("/metrics")[0]  # on a machine of many tasks what waits is too much
            check(status in (200, 503), f"/metrics: {status}")
            time.sleep(0.1)
    wait_until(lambda: agent.fetch("/metrics")[0] == 200, "what waited to be gone")
    Watch(agent).poll()
    check(agent.stop()[0] == 0, agent.output)


# ---- many ----


def counters(body):
    """All but what counts the requests themselves."""
    return {key: value for key, value in Page(body).counters().items()
            if not key[0].startswith("joulekeeper_http_")}


@placed
def a_hundred_scrapes_at_once_see_the_same(place):
    agent = place.agent(place.fake(), interval="5s")

    def at_once():
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(lambda _: patient(agent), range(AT_ONCE)))

    agent.settle(1)
    for _ in range(5):
        sequence = agent.sequence()
        bodies = at_once()
        if agent.sequence() == sequence:
            break
    else:
        check(False, "100 scrapes took longer than a tick of 5 s, five times")
    first = counters(bodies[0])
    for body in bodies[1:]:
        check(counters(body) == first, "two scrapes of one tick differ")


def patient(agent):
    """A scrape by one of many of the same address: those beyond its bound are turned away."""
    def scrape():
        with contextlib.suppress(OSError):
            return agent.body("/metrics")
        return None
    return wait_until(scrape, "a scrape", 30)


@placed
def asking_changes_nothing(place):
    """Two agents that see the same: one is asked all the time, the other at the end only."""
    fake = place.fake()
    before = fake.halt()
    asked, left_alone = place.agent(fake), place.agent(fake)
    fake.go_on()
    watch = Watch(asked)
    watch.during(8, every_s=0)
    after = fake.halt()
    asked.settle()
    used = {zone: after[zone] - before[zone] for zone in before}
    check(asked.measured() == used, f"the one that was asked: {asked.measured()}, used: {used}")
    check(left_alone.measured() == used, f"the other: {left_alone.measured()}, used: {used}")
    note(f"{watch.polls} polls; {asked.status()['ticks']}")
    for agent in (asked, left_alone):
        Watch(agent).poll()
        check(agent.stop()[0] == 0, agent.output)


@placed
def compressed_is_the_same(place):
    agent = place.agent(place.fake(), interval="10s")
    for path in ("/metrics", "/api/v1/accounts?dimension=task"):
        for _ in range(10):
            sequence = agent.sequence()
            plain = agent.body(path)
            _, headers, packed = agent.fetch(path, {"Accept-Encoding": "gzip"})
            if agent.sequence() == sequence:
                break
        check(headers["Content-Encoding"] == "gzip", f"{path}: {headers}")
        check(len(packed) < len(plain) / 2, f"{path}: {len(plain)} bytes, packed {len(packed)}")
        unpacked = gzip.decompress(packed)
        check(counters(unpacked) == counters(plain) if path == "/metrics" else unpacked == plain,
              f"{path} differs when packed")


run_placed()
