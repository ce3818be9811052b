# SPDX-License-Identifier: Apache-2.0
"""A running agent, as its clients see it. Replies are held to strict JSON in UTF-8 on the way."""

import contextlib
import glob
import http.client
import json
import support

TIMEOUT_S = 30


def _no_twice(pairs):
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f"a key stands twice: {keys}")
    return dict(pairs)


def _no_constant(name):
    raise ValueError(f"{name} is no JSON")


def parse_json(body):
    return json.loads(body.decode("utf-8"), object_pairs_hook=_no_twice,
                      parse_constant=_no_constant)


class Agent(support.Agent):
    """One that a Place has started."""

    def __exit__(self, *error):
        super().__exit__(*error)
        if error[0]:
            for line in self.lines[-40:]:
                print(f"# agent {self.process.pid}: {line}", flush=True)

    def is_ready(self):
        assert self.process.poll() is None, \
            f"the agent ended with {self.process.returncode}:\n{self.output}"
        with contextlib.suppress(OSError):
            return self.fetch("/readyz")[0] == 200
        return False

    def programs(self):
        """Ids of the BPF programs that it holds."""
        ids = set()
        for path in glob.glob(f"/proc/{self.process.pid}/fdinfo/*"):
            with contextlib.suppress(OSError):
                with open(path, encoding="ascii") as file:
                    ids.update(int(line.split()[1]) for line in file if line.startswith("prog_id:"))
        return ids

    # ---- what it says ----

    def fetch(self, path, headers=None, method="GET"):
        """(status, headers, body)"""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, headers=headers or {})
            reply = connection.getresponse()
            return reply.status, reply.headers, reply.read()
        finally:
            connection.close()

    def body(self, path, headers=None):
        status, _, body = self.fetch(path, headers)
        assert status == 200, (path, status, body)
        return body

    def api(self, path):
        return parse_json(self.body(f"/api/v1/{path}"))

    def status(self):
        return self.api("status")

    def zones(self):
        """Name -> zone."""
        return {zone["zone"]: zone for zone in self.api("zones")["zones"]}

    def balance(self):
        """Zone -> measured and booked."""
        return {zone["zone"]: zone for zone in self.api("balance")["zones"]}

    def measured(self):
        """Zone -> microjoules."""
        return {name: zone["measured_uj"] for name, zone in self.balance().items()}

    def cgroups(self):
        """(sequence, path -> account)."""
        reply = self.api("accounts?dimension=cgroup")
        return reply["sequence"], {account["name"]: account for account in reply["accounts"]}

    def tasks(self):
        return self.api("accounts?dimension=task")["accounts"]

    def sequence(self):
        return self.api("balance")["sequence"]

    def settle(self, ticks=3, limit_s=60):
        """Wait until all that has happened so far is in the books: a tick that is under way may be
        past it, and what a task uses while it ends comes with the tick after."""
        wanted = self.sequence() + ticks
        support.wait_until(lambda: self.sequence() >= wanted, f"{ticks} more ticks", limit_s)


def energy_uj(account, zone):
    """All that an account was booked of a zone."""
    pair = account["zones"].get(zone, {"idle_uj": 0, "dynamic_uj": 0})
    return pair["idle_uj"] + pair["dynamic_uj"]
