#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Wall power from an MQTT broker, the real mosquitto on loopback: live messages become the zone wall;
what the broker kept, what is no number and what the password does not open does not; a broker that
goes and comes back is found again; TLS is verified."""

import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time

sys.dont_write_bytecode = True
from harness import check, placed, run_placed  # noqa: E402
from support import SOURCE, Skip, free_port, run, wait_until  # noqa: E402

TOPIC = "tele/plug/SENSOR"
FETCHED = SOURCE / "build-tools/mosquitto/usr"
PATH = f"{os.environ['PATH']}:/usr/sbin:{FETCHED}/sbin:{FETCHED}/bin"
LIBRARIES = ":".join(str(path) for path in FETCHED.glob("lib/*-linux-gnu"))


def tool(name):
    """The path of a program of mosquitto's, which is installed or was fetched for the tests."""
    path = shutil.which(name, path=PATH)
    if not path:
        raise Skip(f"{name} is not installed")
    return ["env", f"LD_LIBRARY_PATH={LIBRARIES}", path] if path.startswith(str(FETCHED)) else [path]


def message(watts):
    """As Tasmota sends it."""
    return json.dumps({"Time": "2026-01-11T21:57:38", "ENERGY": {"Total": 3.705, "Power": watts}})


class Broker:
    """mosquitto with these lines of configuration; again() ends it and starts it anew."""

    def __init__(self, place, *lines):
        self.program = tool("mosquitto")
        self.place, self.port, self.directory = place, free_port(), place.directory()
        with open(f"{self.directory}/conf", "w", encoding="ascii") as file:
            file.write("\n".join(["user root", "log_dest none", f"listener {self.port} 127.0.0.1",
                                  *(lines or ["allow_anonymous true"]), ""]))
        self.start()

    def start(self):
        self.process = self.place.start([*self.program, "-c", f"{self.directory}/conf"],
                                        stderr=subprocess.DEVNULL)
        wait_until(self._answers, "the broker to listen")

    def _answers(self):
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self):
        self.process.terminate()
        self.process.wait()


def string(text):
    return struct.pack(">H", len(text)) + text.encode()


def packet(kind, body):
    length, size = b"", len(body)
    while True:
        size, digit = divmod(size, 128)
        length += bytes([digit | (0x80 if size else 0)])
        if not size:
            return bytes([kind]) + length + body


def publish(broker, payload, retain=False, user=None, password=""):
    """One message, by MQTT 3.1.1 from its specification."""
    with socket.create_connection(("127.0.0.1", broker.port), timeout=10) as server:
        login = string(user) + string(password) if user else b""
        server.sendall(packet(0x10, string("MQTT") + bytes([4, 0xC2 if user else 0x02, 0, 60])
                              + string("") + login))
        check(server.recv(4) == b"\x20\x02\x00\x00", "the test may not publish")
        server.sendall(packet(0x30 | retain, string(TOPIC) + payload.encode()))
        server.sendall(packet(0xE0, b""))
        server.recv(1)  # the broker closes: it has it


class Plug:
    """Publishes what it holds five times a second, in a with statement."""

    def __init__(self, broker, payload, **login):
        self.broker, self.payload, self.login = broker, payload, login
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _run(self):
        while not self.stopped.wait(0.2):
            try:
                publish(self.broker, self.payload, **self.login)
            except (OSError, AssertionError):
                pass  # the broker is away

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *error):
        self.stopped.set()
        self.thread.join()


def configuration(place, broker, **more):
    """Its file; skips where this program takes nothing from brokers."""
    path = f"{place.directory()}/mqtt.yaml"
    wall = {"source": "mqtt", "url": f"mqtt://127.0.0.1:{broker.port}", "topic": TOPIC,
            "path": "ENERGY.Power", **more}
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"meter: auto\nactivity: proc\nwall: {json.dumps(wall)}\n")
    if "built without" in run("config", "--check", path).stderr:
        raise Skip("it was built without libmosquitto's header")
    return path


def wall_meter(agent):
    return next(meter for meter in agent.status()["meters"] if meter["name"] == "wall")


def sees(agent, watts, seconds=20):
    wait_until(lambda: agent.zones()["wall"]["seen"], "wall is seen", seconds)
    wait_until(lambda: abs((agent.zones()["wall"]["watts"] or 0) - watts) < 0.01, f"{watts} W")


@placed
def what_is_published_is_wall_and_a_broker_that_went_is_found_again(place):
    fake, broker = place.fake("--static"), Broker(place)
    publish(broker, message(999), retain=True)  # of nobody knows when
    agent = place.agent(fake, f"--config={configuration(place, broker)}", interval="250ms")
    time.sleep(1.5)
    check(agent.zones()["wall"]["measured_uj"] == 0, "what the broker kept was counted")

    with Plug(broker, message(314.5)) as plug:
        sees(agent, 314.5)
        check(agent.zones()["wall"]["path"] == f"mqtt: mqtt://127.0.0.1:{broker.port} {TOPIC}",
              f"{agent.zones()['wall']}")
        for payload, says in (("nan", "no JSON"), ("nan", "no JSON"),
                              ('{"ENERGY": {}}', "no 'ENERGY.Power'"),
                              (message("12 W"), "no number"), (message(-5), "it says -5"),
                              (message(1e6), "it says 1e+06")):
            refused = wall_meter(agent)["failures"]
            plug.payload = payload
            wait_until(lambda says=says: says in wall_meter(agent)["message"], f"'{says}' is told")
            check(wall_meter(agent)["failures"] > refused, f"not counted: {wall_meter(agent)}")
            plug.payload = message(200)
            wait_until(lambda: wall_meter(agent)["message"] == "", "all is well again")
        sees(agent, 200)
        warnings = [line for line in agent.lines if "'nan'" in line]
        check(len(warnings) == 1, f"not said once: {agent.output}")

        broker.stop()
        wait_until(lambda: not agent.zones()["wall"]["seen"], "it is not seen", 30)
        check("refused" in wall_meter(agent)["message"], f"{wall_meter(agent)}")
        counted_uj = agent.measured()["wall"]
        broker.start()
        plug.payload = message(210)
        sees(agent, 210, 60)
        check(agent.zones()["package-0"]["seen"], "the others stopped, too")
        check(agent.measured()["wall"] - counted_uj < 210e6 * 4, "what nobody told was counted")
    check(agent.stop()[0] == 0, agent.output)


def doctor(config):
    return " ".join(run("doctor", "--config", config).stdout.split())


@placed
def a_password_is_needed_and_never_told(place):
    passwords = f"{place.directory()}/passwords"
    with open(passwords, "w", encoding="ascii"):
        pass
    subprocess.run([*tool("mosquitto_passwd"), "-b", passwords, "meter", "hush:secret"], check=True)
    broker = Broker(place, "allow_anonymous false", f"password_file {passwords}")
    login = f"{place.directory()}/login"

    def said_with(line, mode=0o600):
        with open(login, "w", encoding="ascii") as file:
            file.write(line + "\n")
        os.chmod(login, mode)
        return doctor(configuration(place, broker, credentials=login))

    with Plug(broker, message(55), user="meter", password="hush:secret"):
        said = doctor(configuration(place, broker))
        check("name a file with USER:PASSWORD" in said, said)
        said = said_with("meter:wrong")
        check("is what the file named by wall.credentials holds right?" in said, said)
        check("has to hold USER:PASSWORD" in said_with("token"), said_with("token"))
        check("chmod 600" in said_with("meter:hush:secret", 0o644), "others can read it")
        said = said_with("meter:hush:secret")
        check("mqtt answers: 55.0 W" in said and "secret" not in said, said)


def certificate(directory, name, host):
    """NAME.crt, which signed itself, for that host."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2",
                    "-subj", f"/CN={host}", "-addext", f"subjectAltName=DNS:{host}",
                    "-keyout", f"{directory}/{name}.key", "-out", f"{directory}/{name}.crt"],
                   check=True, stderr=subprocess.DEVNULL)
    return f"{directory}/{name}.crt"


@placed
def tls_is_verified(place):
    if not shutil.which("openssl"):
        raise Skip("openssl is not installed")
    directory = place.directory()
    mine, foreign = (certificate(directory, name, host)
                     for name, host in (("mine", "localhost"), ("foreign", "localhost")))
    broker = Broker(place, "allow_anonymous true", f"certfile {mine}",
                    f"keyfile {directory}/mine.key")
    plain = free_port()
    with open(f"{broker.directory}/conf", "a", encoding="ascii") as file:
        file.write(f"listener {plain} 127.0.0.1\n")
    broker.stop()
    broker.start()

    class Plain:
        port = plain

    def said(host, trusted):
        return doctor(configuration(place, broker, url=f"mqtts://{host}:{broker.port}",
                                    **({"certificate": trusted} if trusted else {})))

    with Plug(Plain, message(66)):
        answer = said("localhost", mine)
        check("mqtt answers: 66.0 W" in answer, answer)
        for host, trusted in (("localhost", foreign), ("localhost", None), ("127.0.0.1", mine)):
            answer = said(host, trusted)
            check("TLS failed" in answer and "answers" not in answer, f"{host} {trusted}: {answer}")


@placed
def what_is_wrong_in_the_configuration_is_said(place):
    for text, text_said in (
            ("{source: mqtt, url: 'mqtt://x'}", "wall.topic"),
            ("{source: mqtt, topic: x}", "wall.url"),
            ("{source: mqtt, url: 'mqtt://x:0', topic: x}", "wall.url"),
            ("{source: mqtt, url: 'http://x', topic: x}", "wall.url"),
            ("{source: http, url: 'mqtt://x'}", "wall.url"),
            ("{source: mqtt, url: 'mqtt://me:secret@x', topic: x}", ":1: wall.url"),
            ("{source: mqtt, url: 'mqtt://x', topic: 'tele/+/SENSOR'}", "wall.topic"),
            ("{source: ipmi, device: ipmi0}", ":1: wall.device"),
            ("{source: ipmi, unit: kW}", "wall.unit")):
        path = f"{place.directory()}/wrong.yaml"
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"wall: {text}\n")
        done = run("config", "--check", path)
        if "built without" in done.stderr:
            continue
        check(done.returncode == 1 and text_said in done.stderr and path in done.stderr,
              f"{text}: {done.returncode} {done.stderr}")


if __name__ == "__main__":
    run_placed()
