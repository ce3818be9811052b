#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An agent that serves model files, and machines that fetch the one that fits them."""

import hashlib
import http.server
import json
import signal
import subprocess
import sys
import threading
from pathlib import Path

sys.dont_write_bytecode = True
from harness import check, placed, run_placed  # noqa: E402
from support import BINARY, SOURCE, free_port, wait_until  # noqa: E402


def fetch(place_from, output, status=0):
    done = subprocess.run([BINARY, "model", "fetch", "--from", str(place_from), "-o", str(output)],
                          capture_output=True, text=True, check=False, timeout=60)
    check(done.returncode == status, f"{done.returncode}, not {status}: {done.stderr}")
    return done


class Forger(http.server.BaseHTTPRequestHandler):
    """A server of one model, whose file is not what its list says."""

    def do_GET(self):
        body = (SOURCE / "data/models/other.json").read_bytes()
        if self.path == "/api/v1/models":
            entry = json.loads(body)
            entry["sha256"] = "0" * 64
            body = json.dumps({"models": [entry]}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@placed
def each_model_is_served_as_its_file(place):
    agent = place.agent(place.fake())
    listed = agent.api("models")["models"]
    files = {path.stem: path.read_bytes() for path in (SOURCE / "data/models").glob("*.json")}
    check({model["name"] for model in listed} == set(files), f"{listed}")
    for model in listed:
        body = agent.body(f"/api/v1/models/{model['name']}")
        check(hashlib.sha256(body).hexdigest() == model["sha256"], f"{model}")
        check(body == files[model["name"]], f"{model['name']} is not as in data/models")
    for wrong in ("none", "", "skylake/skylake", "..%2Fskylake", "x" * 200):
        status = agent.fetch(f"/api/v1/models/{wrong}")[0]
        check(status == 404, f"{wrong}: {status}")
    check(agent.fetch("/api/v1/models?x=1")[0] == 400, "an unknown parameter is taken")


@placed
def a_directory_is_offered_too(place):
    directory = Path(place.directory())
    model = json.loads((SOURCE / "data/models/other.json").read_text())
    (directory / "mine.json").write_text(json.dumps(model | {"name": "mine"}))
    (directory / "broken.json").write_text("{")
    agent = place.agent(place.fake(), "--models-directory", directory)
    names = {model["name"] for model in agent.api("models")["models"]}
    check("mine" in names and "skylake" in names, f"{names}")
    check("broken.json" in agent.output and "it is not offered" in agent.output, agent.output)


@placed
def a_directory_is_read_again_on_sighup(place):
    directory = Path(place.directory())
    agent = place.agent(place.fake(), "--models-directory", directory)
    model = json.loads((SOURCE / "data/models/other.json").read_text())
    (directory / "late.json").write_text(json.dumps(model | {"name": "late"}))
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: agent.fetch("/api/v1/models/late")[0] == 200, "the new model")
    (directory / "late.json").unlink()
    agent.process.send_signal(signal.SIGHUP)
    wait_until(lambda: agent.fetch("/api/v1/models/late")[0] == 404, "its end")


@placed
def the_best_is_fetched_from_an_agent_and_from_a_directory(place):
    agent = place.agent(place.fake())
    folder = Path(place.directory())
    fetch(f"http://127.0.0.1:{agent.port}", folder / "a.json")
    fetch(SOURCE / "data/models", folder / "b.json")
    check(json.loads((folder / "a.json").read_text()) ==
          json.loads((folder / "b.json").read_text()), "they are not the same")


@placed
def match_ranks_what_a_server_offers_as_what_is_shipped(place):
    agent = place.agent(place.fake())

    def ranked(*arguments):
        done = subprocess.run([BINARY, "model", "match", "-o", "json", *arguments],
                              capture_output=True, text=True, check=True, timeout=60)
        return [{key: value for key, value in row.items() if key != "file"}
                for row in json.loads(done.stdout)]

    check(ranked("--server", f"http://127.0.0.1:{agent.port}") == ranked(), "not the same ranking")


@placed
def without_a_server_the_old_one_stays(place):
    file = Path(place.directory(), "model.json")
    nobody = f"http://127.0.0.1:{free_port()}"
    fetch(nobody, file, status=1)
    check(not file.exists(), "there is a file")
    fetch(SOURCE / "data/models", file)
    before = file.read_bytes()
    done = fetch(nobody, file)
    check("stays as it was" in done.stderr, done.stderr)
    check(file.read_bytes() == before, "it was changed")


@placed
def an_agent_fetches_what_fits_and_works_without_its_server(place):
    cache = Path(place.directory(), "model.json")
    server = place.agent(place.fake())
    for place_from, told in ((f"http://127.0.0.1:{server.port}", str(cache)),
                             (f"http://127.0.0.1:{free_port()}", "stays as it was")):
        agent = place.agent(place.fake(), "--meter", "estimate", "--models-from", place_from,
                            "--models-cache", cache)
        name = json.loads(cache.read_text())["name"]
        path = agent.api("zones")["zones"][0]["path"]
        check(name in path, f"it goes by {path}, and not by {name}")
        check(agent.stop()[0] == 0 and told in agent.output, agent.output)
    cache.write_text("{")
    agent = place.agent(place.fake(), "--meter", "estimate", "--models-from", place_from,
                        "--models-cache", cache)
    check("estimates go by the table" in agent.output, agent.output)


@placed
def what_is_not_what_was_offered_is_refused(place):
    file = Path(place.directory(), "model.json")
    server = http.server.HTTPServer(("127.0.0.1", 0), Forger)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    done = fetch(f"http://127.0.0.1:{server.server_port}", file, status=1)
    server.shutdown()
    check("SHA-256" in done.stderr, done.stderr)
    check(not file.exists(), "there is a file")


run_placed()
