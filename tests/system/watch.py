# SPDX-License-Identifier: Apache-2.0
"""What holds at every moment of an agent's life, whatever happens around it: the books balance to
the microjoule, counters only rise, and no power is shown that the hardware cannot draw."""

import math
import time

from agent import energy_uj
from exposition import Page
from harness import check

DIMENSIONS = ("task", "cgroup", "user")


class Watch:
    """most_w: zone kind -> the most that a zone of that kind draws, peaks of reading included."""

    def __init__(self, agent, most_w=None):
        self.agent = agent
        self.most_w = most_w or {}
        self.measured = {}
        self.accounts = {}
        self.counters = {}
        self.polls = self.whole_polls = 0
        self.highest_w = 0.0

    def poll(self):
        self.polls += 1
        self._zones()
        self._books()
        self._metrics()

    def during(self, seconds, every_s=0.25):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            began = time.monotonic()
            self.poll()
            time.sleep(max(0.0, every_s - (time.monotonic() - began)))

    def until(self, condition, limit_s=60, every_s=0.1):
        end = time.monotonic() + limit_s
        while not condition():
            check(time.monotonic() < end, f"waited {limit_s} s in vain")
            self.poll()
            time.sleep(every_s)

    # ---- zones ----

    def _zones(self):
        for name, zone in self.agent.zones().items():
            check(zone["measured_uj"] >= self.measured.get(name, 0),
                  f"{name} fell from {self.measured.get(name)} to {zone['measured_uj']} uJ")
            self.measured[name] = zone["measured_uj"]
            self._power(name, zone["watts"], self.most_w.get(zone["kind"], math.inf))

    def _power(self, what, watts, most_w):
        if watts is None:
            return
        self.highest_w = max(self.highest_w, watts)
        check(0 <= watts <= most_w, f"{what} shows {watts} W; it cannot draw more than {most_w}")

    # ---- books ----

    def _books(self):
        """Balance by the agent's own count, and by ours over all accounts that it lists."""
        replies = {dimension: self.agent.api(f"accounts?dimension={dimension}")
                   for dimension in (*DIMENSIONS, "machine")}
        balance = self.agent.api("balance")
        check(balance["balanced"] is True, f"the agent says that its books do not balance: {balance}")
        for zone in balance["zones"]:
            for dimension in DIMENSIONS:
                check(zone["booked_uj"][dimension] == zone["measured_uj"], f"no balance: {zone}")
        for reply in replies.values():
            self._rise(reply["accounts"])
        if len({reply["sequence"] for reply in (*replies.values(), balance)}) == 1:
            self.whole_polls += 1
            self._add_up(replies, balance)

    @staticmethod
    def _add_up(replies, balance):
        for zone in balance["zones"]:
            for dimension in DIMENSIONS:
                booked_uj = sum(energy_uj(account, zone["zone"])
                                for account in (*replies[dimension]["accounts"],
                                                *replies["machine"]["accounts"]))
                check(booked_uj == zone["measured_uj"],
                      f"{zone['zone']} along {dimension}: the accounts have {booked_uj} uJ, "
                      f"measured were {zone['measured_uj']}")

    def _rise(self, accounts):
        """Whoever is listed twice in a row has not less than before."""
        if not accounts:
            return
        dimension, now = accounts[0]["dimension"], {}
        before = self.accounts.get(dimension, {})
        for account in accounts:
            key = account["id"], account.get("cgroup_id")
            check(key not in now, f"listed twice: {key}")
            now[key] = account["zones"]
            for zone, pair in before.get(key, {}).items():
                for part, old_uj in pair.items():
                    check(account["zones"][zone][part] >= old_uj,
                          f"{key} fell in {zone}, {part}: {old_uj} to {account['zones'][zone][part]}")
        self.accounts[dimension] = now

    # ---- metrics ----

    def _metrics(self):
        page = Page(self.agent.body("/metrics"))
        counters = page.counters()
        check(counters, "no counters in /metrics")
        for key, value in counters.items():
            check(value >= self.counters.get(key, 0),
                  f"{key} fell from {self.counters.get(key)} to {value}")
        for labels, value in page.labelled("joulekeeper_zone_imbalance_joules"):
            check(value == 0, f"imbalance of {value} J: {labels}")
        # A cgroup that went, was folded into its parent and came again begins anew.
        self.counters = {key: value for key, value in self.counters.items()
                         if key in counters or not key[0].startswith("joulekeeper_cgroup_")}
        self.counters.update(counters)
