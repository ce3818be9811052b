#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wall power from the machine's own BMC: what it says becomes the zone wall; one that hangs, refuses or
talks rubbish costs its own zone and no tick. The kernel's driver is fake-ipmi.c, and the BMC is here:
it answers as the DCMI specification says."""

import json
import os
import socket
import struct
import sys
import threading

sys.dont_write_bytecode = True
from agent import Agent  # noqa: E402
from harness import TOOLS, check, placed, run_placed  # noqa: E402
from support import run, wait_until  # noqa: E402

PRELOAD = {"LD_PRELOAD": f"{TOOLS}/libfake-ipmi.so", "ASAN_OPTIONS": "verify_asan_link_order=0"}
NETFN, CAPABILITIES, POWER, GROUP = 0x2C, 0x01, 0x02, 0xDC


class Bmc:
    """Listens at path. power(n): the bytes of the nth answer, None for no answer."""

    def __init__(self, path, power):
        self.path, self.power, self.asked, self.strange = path, power, 0, []
        self.capabilities = bytes([0, GROUP, 1, 5, 2, 0, 1, 7])
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(path)
        self.listener.listen()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            user, _ = self.listener.accept()
            threading.Thread(target=self._serve, args=(user,), daemon=True).start()

    def _serve(self, user):
        while packet := user.recv(512):
            number, netfn, command = struct.unpack("<qBB", packet[:10])
            answer = self._answer(netfn, command, packet[10:])
            if answer is not None:
                late = struct.pack("<qBB", number - 1, netfn | 1, command) + b"\xc3"
                user.send(late)  # an answer to a question that nobody waits for any more
                user.send(struct.pack("<qBB", number, netfn | 1, command) + answer)

    def _answer(self, netfn, command, data):
        if (netfn, command, data) == (NETFN, POWER, bytes([GROUP, 1, 0, 0])):
            self.asked += 1
            return self.power(self.asked)
        if (netfn, command, data) == (NETFN, CAPABILITIES, bytes([GROUP, 1])):
            return self.capabilities
        self.strange.append((netfn, command, data))
        return b"\xc1"


def reading(watts, stamp=1, active=True):
    return struct.pack("<BBHHHHIIB", 0, GROUP, watts, 10, 1000, watts, stamp, 1000, 0x40 * active)


def configuration(place, bmc, name="ipmi", **more):
    path = f"{place.directory()}/{name}.yaml"
    wall = {"source": "ipmi", "device": bmc.path, "interval": "250ms", **more}
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"meter: auto\nactivity: proc\nwall: {json.dumps(wall)}\n")
    return path


def agent_of(place, fake, bmc):
    agent = Agent("--root", fake.root, "--interval", "500ms", "--config", configuration(place, bmc),
                  environment=PRELOAD)
    place._closing.enter_context(agent)
    wait_until(agent.is_ready, "the agent to be ready", 60)
    return agent


def wall_meter(agent):
    return next(meter for meter in agent.status()["meters"] if meter["name"] == "wall")


def says(agent, text, seconds=30):
    wait_until(lambda: text in wall_meter(agent)["message"], f"'{text}' is told", seconds)


@placed
def what_the_bmc_says_is_wall_while_it_says_anything_new(place):
    fake = place.fake("--static")
    bmc = Bmc(place.directory() + "/ipmi", lambda n: reading(431, stamp=n))
    stuck = Bmc(place.directory() + "/ipmi", lambda n: reading(300, stamp=min(n, 8)))
    agent, other = agent_of(place, fake, bmc), agent_of(place, fake, stuck)
    for one in (agent, other):
        wait_until(lambda one=one: one.zones()["wall"]["seen"], "wall is seen", 20)
    zone = agent.zones()["wall"]
    check(abs(zone["watts"] - 431) < 0.01, f"it says 431 W, not {zone['watts']} W")
    check(zone["provenance"] == "measured" and zone["path"] == f"ipmi: {bmc.path}", f"{zone}")
    check(not bmc.strange, f"it was asked what no specification knows: {bmc.strange}")

    answer, bmc.power = bmc.power, lambda n: None  # it hangs
    for one in (agent, other):
        wait_until(lambda one=one: not one.zones()["wall"]["seen"], "wall is not seen", 30)
    counted_uj = agent.measured()["wall"]
    stuck.power = lambda n: reading(301, stamp=8)
    wait_until(lambda: other.zones()["wall"]["seen"], "another value is new", 20)
    says(agent, "has not answered for 10 s")
    check(agent.measured()["wall"] == counted_uj, "energy was counted that nobody told")
    check(agent.zones()["package-0"]["seen"], "the others stopped, too")
    ticks = agent.status()["ticks"]
    check(ticks["missed"] < 10, f"they waited for it, which took 20 ticks: {ticks}")
    bmc.power = answer
    wait_until(lambda: agent.zones()["wall"]["seen"], "it comes back", 30)
    for one in (agent, other):
        check(one.stop()[0] == 0, one.output)


@placed
def a_bmc_that_gives_no_power_says_why(place):
    path = place.directory() + "/ipmi"
    bmc = Bmc(path, lambda n: b"\xc1")
    config = configuration(place, bmc)

    def doctor(environment=None):
        done = run("doctor", "--config", config, environment=environment or PRELOAD)
        return " ".join(done.stdout.split())

    bmc.capabilities = b"\xc1"
    said = doctor()
    check("does not speak DCMI" in said and "0xc1, invalid command" in said, said)
    bmc.capabilities = bytes([0, GROUP, 1, 5, 2, 0, 0, 7])
    said = doctor()
    check("speaks DCMI 1.5, but measures no power" in said, said)
    for answer, message in ((reading(99, active=False), "not active"),
                            (bytes(200), "longer than 64 bytes")):
        bmc.power = lambda n, answer=answer: answer
        said = doctor()
        check(message in said, f"{answer}: {said}")
    bmc.power = lambda n: reading(77)
    said = doctor()
    check("ipmi answers: 77.0 W" in said, said)
    bmc.listener.close()
    os.unlink(path)
    said = doctor()
    check("ipmi_devintf" in said, said)
    with open(path, "w", encoding="ascii"):
        pass
    said = doctor({"LD_PRELOAD": ""})  # the kernel answers
    check("no device of a BMC" in said, said)


if __name__ == "__main__":
    run_placed()
