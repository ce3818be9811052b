#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An agent that trains models by recordings that other machines send."""

import hashlib
import json
import random
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from pathlib import Path

sys.dont_write_bytecode = True
from harness import check, note, placed, run_placed  # noqa: E402
from support import BINARY, Skip, wait_until  # noqa: E402

TOKEN = "a token that only this test knows"
WATTS = ("--sockets", "1", "--idle-watts", "40", "--max-watts", "125")
MAPPING = """
cpus: 4
cpu: A made-up CPU
interval: 1s
tables:
  - name: all
    time: {column: t, unit: s}
    zones:
      - {name: package-0, column: W, unit: W}
    tasks: {name: secret-program, cgroup: /secret-tenant}
    features:
      - {feature: cpu, column: cpu, unit: ms}
"""


def run(*arguments, status=0):
    done = subprocess.run([BINARY, *map(str, arguments)], capture_output=True, check=False,
                          text=True, timeout=120)
    check(done.returncode == status, f"{arguments}: {done.returncode} {done.stdout} {done.stderr}")
    return done


class Server:
    """An agent that takes recordings, and what it has of them."""

    def __init__(self, place, *options):
        self.folder = Path(place.directory())
        self.models, self.kept = self.folder / "models", self.folder / "recordings"
        self.token_file = self.folder / "token"
        self.token_file.write_text(TOKEN + "\n")
        self.token_file.chmod(0o600)
        self.agent = place.agent(place.fake(), "--models-directory", self.models,
                                 "--models-accept", self.kept, "--models-token", self.token_file,
                                 *options)
        self.url = f"http://127.0.0.1:{self.agent.port}"

    def send(self, *recordings, status=0):
        return run("model", "send", "--server", self.url, "--token-file", self.token_file,
                   *recordings, status=status)

    def post(self, body):
        """The state of what was sent as it is, once it is known."""
        request = urllib.request.Request(f"{self.url}/api/v1/recordings", body,
                                         {"Authorization": f"Bearer {TOKEN}",
                                          "Content-Type": "application/zstd"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            identity = json.load(reply)["id"]
        wait_until(lambda: self.state(identity)["state"] != "waiting", "it to be checked", 60)
        return self.state(identity)

    def state(self, identity):
        return self.agent.api(f"recordings/{identity}")

    def trained(self):
        return [model for model in self.agent.api("models")["models"]
                if model["name"].startswith("trained-")]

    def recordings(self):
        return sorted(self.kept.glob("*.jkr"))


def imported(folder, name, watts=lambda load: 10 + 100 * load, n=200):
    (folder / "map.yaml").write_text(MAPPING)
    rows = "".join(f"{1000 + i},{watts(load):.6f},{4000 * load:.3f}\n"
                   for i in range(n) for load in [(i * 37 % 100) / 100])
    (folder / "table.csv").write_text("t,W,cpu\n" + rows)
    run("import", "--mapping", folder / "map.yaml", "-o", folder / name, folder / "table.csv")
    return folder / name


def anonymised(recording):
    out = recording.with_suffix(".anonymous.jkr")
    run("record", "--anonymise", "--from", recording, "-o", out)
    return out


def varied_load(place, seconds):
    chance, end = random.Random(1), time.monotonic() + seconds
    while time.monotonic() < end:
        loads = [place.work("spin") for _ in range(chance.choice((0, 1, 2)))]
        time.sleep(chance.uniform(0.2, 0.5))
        for load in loads:
            place.end(load)


def package_j(agent, fake):
    sequence = agent.sequence()
    wait_until(lambda: agent.sequence() != sequence, "the next tick")
    true = fake.ledger()["package-0"] / 1e6
    return agent.measured()["package-0"] / 1e6, true


@placed
def what_a_machine_with_a_meter_sends_serves_one_without(place):
    server, directory, fake = Server(place), place.directory(), place.fake(*WATTS)
    teacher = place.agent(fake, "--record", directory, interval="100ms")
    varied_load(place, 8)
    check(teacher.stop()[0] == 0, teacher.output)
    recording, = Path(directory).glob("*.jkr")
    note(server.send(recording).stdout)
    wait_until(lambda: [model for model in server.trained() if model["zone"] == "package"],
               "a model of the package", 60)
    model, = [model for model in server.trained() if model["zone"] == "package"]
    file = json.loads(server.agent.body(f"/api/v1/models/{model['name']}"))
    check(file["error"]["mape_percent"] >= 0, file["error"])
    watts = [watts for _, watts in file["points"]]
    if watts[-1] - watts[0] < 20 and not any("weight" in feature for feature in file["features"]):
        raise Skip("this machine was as busy all the time: there was nothing to learn")

    learner = place.agent(fake, "--meter", "estimate", "--models-from", server.url,
                          "--models-cache", Path(directory, "model.json"))
    zone, = [zone for zone in learner.api("zones")["zones"] if zone["zone"] == "package-0"]
    check(model["name"] in zone["path"], f"it goes by {zone['path']}")
    booked, true = package_j(learner, fake)
    varied_load(place, 3)
    now_booked, now_true = package_j(learner, fake)
    error = (now_booked - booked) / (now_true - true) - 1
    note(f"true {now_true - true:.1f} J, estimated {100 * error:+.1f} %")
    check(abs(error) < 0.1, f"estimated {100 * error:+.1f} % of {now_true - true:.1f} J")


@placed
def no_name_leaves_the_machine_and_machines_are_told_apart(place):
    server, folder = Server(place), Path(place.directory())
    a = imported(folder, "a.jkr")
    b = imported(folder, "b.jkr", watts=lambda load: 14 + 100 * load)
    server.send("--machine", "node-one", a)
    server.send("--machine", "node-two", b)
    server.send("--machine", "node-two", b)  # once more: it is the same
    check(len(server.recordings()) == 2, f"{server.recordings()}")
    wait_until(lambda: server.trained() and server.trained()[0]["error"]["n"] == 400,
               "a model of both", 60)
    model, = server.trained()
    check("each of 2 machines" in model["error"]["method"], model)
    check(3.5 < model["error"]["mae_watts"] < 4.5, model)  # each is 4 W beside the other

    listed = json.loads((server.models / f"{model['name']}.recordings").read_text())
    check(listed["sha256"] == model["sha256"], "the list is of another file")
    machines = {entry["machine"] for entry in listed["recordings"]}
    check(len(machines) == 2 and all(name.startswith("machine-") for name in machines), machines)
    for recording, entry in zip(server.recordings(), listed["recordings"]):
        check(hashlib.sha256(recording.read_bytes()).hexdigest() == entry["sha256"], f"{entry}")
        said = run("replay", recording, "--output", "json").stdout
        check("secret" not in said and "node-" not in said, said)


@placed
def what_somebody_changed_is_not_overwritten(place):
    server, folder = Server(place), Path(place.directory())
    server.send("--machine", "one", imported(folder, "a.jkr"))
    wait_until(server.trained, "a model", 60)
    name = server.trained()[0]["name"]
    file = server.models / f"{name}.json"
    mine = json.dumps(json.loads(file.read_text()) | {"summary": "mine"})
    file.write_text(mine)
    server.send("--machine", "two", imported(folder, "b.jkr", n=150))
    wait_until(lambda: f"not trained: {name}: there is a file of that name" in server.agent.output,
               "it to be said", 60)
    check(file.read_text() == mine, "it was overwritten")


@placed
def what_cannot_be_learned_from_is_refused_with_its_reason(place):
    server, folder = Server(place), Path(place.directory())
    good = anonymised(imported(folder, "good.jkr")).read_bytes()
    absurd = anonymised(imported(folder, "absurd.jkr", watts=lambda load: 2e6)).read_bytes()
    broken = bytearray(good)
    broken[len(good) // 2] ^= 0x5a
    before = server.agent.sequence()
    for body, reason in ((b"nonsense", "no recording of joulekeeper"),
                         (bytes(broken), "at byte "),
                         (good[:20], ""),
                         (b"\x28\xb5\x2f\xfd" + bytes(1000), ""),
                         (absurd, "which cannot be"),
                         ((folder / "good.jkr").read_bytes(), "holds names")):
        state = server.post(body)
        check(state["state"] == "refused" and reason in state["reason"], f"{reason}: {state}")
        check(str(folder) not in state["reason"] and "incoming" not in state["reason"], state)
    state = server.post(good[:-40])
    check(state["state"] == "taken" and state["cut"] and 0 < state["ticks"] < 201, state)
    check(len(server.recordings()) == 1 and not list((server.kept / "incoming").iterdir()),
          "something stays of what was refused")
    wait_until(lambda: server.agent.sequence() > before + 3, "ticks to go on")


def end_checking(server, body, *signals):
    """Send it, and send the process that checks it these, one each time that it has it open."""
    identity = []

    def post():
        request = urllib.request.Request(f"{server.url}/api/v1/recordings", body,
                                         {"Authorization": f"Bearer {TOKEN}",
                                          "Content-Type": "application/zstd"})
        with urllib.request.urlopen(request, timeout=60) as reply:
            identity.append(json.load(reply)["id"])

    sender, ended = threading.Thread(target=post), set()
    sender.start()
    for number in signals:
        deadline = time.monotonic() + 30
        while (process := reader_of_incoming(server, ended)) is None:
            check(time.monotonic() < deadline, f"it was not checked: {server.agent.output}")
        os.kill(process, number)
        ended.add(process)
    sender.join()
    return identity[0]


def reader_of_incoming(server, but):
    pid = server.agent.process.pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            try:
                if child not in but and any("/incoming/" in os.readlink(fd)
                                            for fd in Path(f"/proc/{child}/fd").iterdir()):
                    return child
            except OSError:
                pass
    return None


@placed
def what_was_being_checked_goes_only_if_it_fails_twice_by_itself(place):
    server, folder = Server(place), Path(place.directory())
    body = anonymised(imported(folder, "long.jkr", n=20000)).read_bytes()
    wait_until(lambda: reader_of_incoming(server, ()) is None, "the first look", 10)
    identity = end_checking(server, body, signal.SIGKILL)
    wait_until(lambda: "failed, and is tried again" in server.agent.output, "it to be said", 10)
    check(list((server.kept / "incoming").glob("*.jkr")), "it is gone")
    check(server.state(identity)["state"] == "waiting", server.state(identity))
    once = end_checking(server, body, signal.SIGABRT)
    for taken in (identity, once):
        wait_until(lambda: server.state(taken)["state"] == "taken", "it to be taken", 30)
    twice = end_checking(server, body, signal.SIGABRT, signal.SIGABRT)
    wait_until(lambda: server.state(twice)["state"] == "refused", "it to be refused", 30)
    check("twice" in server.state(twice)["reason"], server.state(twice))
    check(not list((server.kept / "incoming").glob("*.jkr")), "it stays")


@placed
def only_what_a_recording_holds_is_held_against_it(place):
    folder = Path(place.directory())
    incoming = folder / "kept" / "incoming"
    incoming.mkdir(parents=True)
    good = anonymised(imported(folder, "good.jkr")).read_bytes()
    in_the_way = incoming.parent / f"{hashlib.sha256(good).hexdigest()[:32]}.jkr"
    in_the_way.mkdir()
    (incoming / f"{'a' * 32}.jkr").write_bytes(good)
    os.mkfifo(incoming / f"{'b' * 32}.jkr")
    (incoming / f"{'c' * 32}.jkr").symlink_to(folder / "good.anonymous.jkr")
    said = run("model", "learn", "--background", "--check", "--recordings", incoming.parent).stdout
    check(f"later {'a' * 32} it cannot be kept" in said, said)
    check(said.count("it is no regular file") == 2, said)
    check([left.name[0] for left in incoming.iterdir()] == ["a"], f"{list(incoming.iterdir())}")
    in_the_way.rmdir()
    said = run("model", "learn", "--check", "--recordings", incoming.parent).stdout
    check(f"taken {'a' * 32}" in said and in_the_way.read_bytes() == good, said)


@placed
def a_place_for_recordings_that_others_can_change_is_refused(place):
    folder = Path(place.directory())
    token, kept = folder / "token", folder / "kept"
    token.write_text(TOKEN)
    token.chmod(0o600)
    kept.mkdir()
    (kept / "incoming").symlink_to(folder)
    arguments = ("run", "--listen", "127.0.0.1:0", "--models-directory", folder / "models",
                 "--models-accept", kept, "--models-token", token, "--root", place.fake().root)
    check("no link" in run(*arguments, status=1).stderr, "a link is followed")
    (kept / "incoming").unlink()
    kept.chmod(0o777)
    check("chmod go-w" in run(*arguments, status=1).stderr, "others can write")


@placed
def training_that_is_ended_is_tried_again(place):
    server, folder = Server(place), Path(place.directory())
    for attempt in range(10):  # it may be over before it is seen
        recording = imported(folder, f"long-{attempt}.jkr", n=20000 + attempt)
        if end_training(server, recording):
            break
    else:
        check(False, f"it was never seen to train: {server.agent.output}")
    wait_until(lambda: "failed, and is tried again: " in server.agent.output,
               "it to be said", 10)
    wait_until(server.trained, "a model", 60)


def end_training(server, recording):
    """Send it, and kill the process that trains by it, if it is seen in time."""
    sender = threading.Thread(target=server.send, args=("--machine", "one", recording))
    sender.start()
    sent_s = None
    while sent_s is None or time.monotonic() < sent_s + 3:
        process = trainer_of(server)
        if process:
            os.kill(process, signal.SIGKILL)
            break
        if sent_s is None and not sender.is_alive():
            sent_s = time.monotonic()
    sender.join()
    return process


def trainer_of(server):
    """The process that trains, once it has a recording open."""
    pid = server.agent.process.pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in map(int, (task / "children").read_text().split()):
            try:
                command = Path(f"/proc/{child}/cmdline").read_bytes()
                held = [os.readlink(fd) for fd in Path(f"/proc/{child}/fd").iterdir()]
            except OSError:
                continue
            if b"--output" in command and any(name.endswith(".jkr") for name in held):
                return child
    return None


@placed
def who_has_another_token_is_told_so(place):
    server, folder = Server(place), Path(place.directory())
    recording = imported(folder, "a.jkr")
    server.token_file.write_text("another token of some length\n")
    check("401" in server.send(recording, status=1).stderr, "it is not told")
    server.token_file.chmod(0o644)
    check("chmod 600" in server.send(recording, status=1).stderr, "anybody may read the token")
    nobody = urllib.request.Request(f"{server.url}/api/v1/recordings", b"x")
    try:
        urllib.request.urlopen(nobody, timeout=60)
        check(False, "a form was taken")
    except urllib.error.HTTPError as error:
        check(error.code == 401, f"{error.code}")
    check(not server.recordings(), "there is a recording")


run_placed()
