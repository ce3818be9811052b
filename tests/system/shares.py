# SPDX-License-Identifier: Apache-2.0
"""The energy that a cgroup should be booked, from the CPU time of all of them."""

ZONES = ("package-0", "core-0", "dram-0", "package-1", "core-1", "dram-1")


class Shares:
    """What a cgroup deserves: of each tick's dynamic energy of all cgroups the part that it has of
    their CPU time in that tick."""

    def __init__(self, agent, path):
        self.agent, self.path = agent, path
        self.sequence, self.before = agent.cgroups()
        self.deserved = dict.fromkeys(ZONES, 0.0)
        self.booked = dict.fromkeys(ZONES, 0)

    @staticmethod
    def _of(account, zone):
        """Its own, without what vanished cgroups left to it; 0 for one that was not there."""
        if not account:
            return 0
        inherited = account.get("inherited", {}).get(zone, {"uj": 0})["uj"]
        return account["zones"][zone]["dynamic_uj"] - inherited

    def poll(self):
        sequence, now = self.agent.cgroups()
        if sequence == self.sequence:
            return
        cpu_s = {path: account["cpu_seconds"] - self.before.get(path, {"cpu_seconds": 0})["cpu_seconds"]
                 for path, account in now.items()}
        total_s = sum(cpu_s.values())
        for zone in ZONES:
            used = {path: self._of(account, zone) - self._of(self.before.get(path), zone)
                    for path, account in now.items()}
            self.booked[zone] += used.get(self.path, 0)
            if total_s > 0:
                self.deserved[zone] += sum(used.values()) * cpu_s.get(self.path, 0) / total_s
        self.sequence, self.before = sequence, now
