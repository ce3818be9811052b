#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What every command has in common: help, complaints, JSON; and that the man page knows them all."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

sys.dont_write_bytecode = True
from support import BINARY, SOURCE, Skip, case, run, run_cases, scratch_directory  # noqa: E402

WIDTH = 79
UNIT_CAPABILITIES = "+bpf,+perfmon,+dac_read_search,+sys_ptrace"


def commands():
    found = re.findall(r"^  ([a-z]+)  ", run("--help").stdout, re.MULTILINE)
    assert {"run", "stat", "doctor", "config", "version"} <= set(found), found
    return found


def subcommands(command):
    """Those of a command that has any, as words of a command line: ["model", "list"]."""
    _, _, listed = run(command, "--help").stdout.partition("\nsubcommands:\n")
    return [[command, name] for name in re.findall(r"^  ([a-z]+)  ", listed, re.MULTILINE)]


def every_command():
    """Commands and subcommands, each as words of a command line."""
    return [words for command in commands() for words in [[command], *subcommands(command)]]


def options_of(words):
    """(letter or "", long name) of each option in its help."""
    return re.findall(r"^  (?:-([a-zA-Z]), |    )--([a-z-]+)", run(*words, "--help").stdout, re.MULTILINE)


@case
def help_is_there_and_fits_the_terminal():
    for arguments in [["--help"], ["help"], ["-h"], *([*words, "--help"] for words in every_command())]:
        answer = run(*arguments)
        assert answer.returncode == 0 and not answer.stderr, (arguments, answer)
        assert answer.stdout.startswith("usage: joulekeeper"), answer.stdout
        for line in answer.stdout.splitlines():
            assert len(line) <= WIDTH or line.startswith("usage:"), (arguments, line)


@case
def no_command_prints_the_help_and_fails():
    answer = run()
    assert answer.returncode == 2 and not answer.stdout and "usage:" in answer.stderr, answer


@case
def output_that_cannot_be_written_is_said():
    for arguments in (["--help"], ["version"], ["version", "--json"], ["meters", "-i", "10ms"],
                      ["meters", "-j", "-i", "10ms"], ["config", "--print-defaults"],
                      ["ps", "--agent", "off", "-i", "10ms"]):
        with open("/dev/full", "wb") as full:
            answer = subprocess.run([BINARY, *arguments], stdout=full, stderr=subprocess.PIPE,
                                    text=True, timeout=60, check=False)
        assert answer.returncode == 1, (arguments, answer)
        assert "No space left" in answer.stderr, (arguments, answer)


@case
def a_mistyped_command_or_option_is_answered_with_the_right_one():
    for arguments, complaint in ((["verison"], "did you mean 'version'?"),
                                 (["docter"], "did you mean 'doctor'?"),
                                 (["zzzz"], "there is no command 'zzzz'"),
                                 (["model", "lits"], "did you mean 'list'?"),
                                 (["version", "--jsno"], "did you mean '--json'?"),
                                 (["config", "--chekc", "x"], "did you mean '--check'?")):
        answer = run(*arguments)
        assert answer.returncode == 2 and complaint in answer.stderr, (arguments, answer)
        assert not answer.stdout, answer.stdout


@case
def every_command_refuses_an_option_it_does_not_have():
    assert ["model", "evaluate"] in every_command()
    for words in every_command():
        answer = run(*words, "--no-such-thing")
        assert answer.returncode == 2, (words, answer)
        assert "'--no-such-thing'" in answer.stderr, (words, answer.stderr)
        assert f"joulekeeper {' '.join(words)} --help" in answer.stderr, (words, answer.stderr)


@case
def the_man_page_has_every_command_and_option():
    page = (SOURCE / "docs/man/joulekeeper.8").read_text(encoding="utf-8")
    for command in commands():
        assert re.search(rf"^\.Ss .*\b{command}\b", page, re.MULTILINE), command
        section = re.search(rf"^\.Ss [^\n]*\b{command}\b.*?(?=^\.S[sh] )", page, re.MULTILINE | re.DOTALL)[0]
        for words in [[command], *subcommands(command)]:
            assert all(f"Cm {word}" in section for word in words[1:]), words
            for letter, name in options_of(words):
                wanted = f"Fl -{name}" if not letter else f"Fl {letter} , Fl -{name}"
                assert name == "help" or wanted in section, (words, wanted)


@case
def the_man_page_is_well_formed():
    if not shutil.which("groff"):
        raise Skip("groff is not installed")
    answer = subprocess.run(
        ["groff", "-mdoc", "-Tutf8", "-ww", "-z", SOURCE / "docs/man/joulekeeper.8"],
        capture_output=True, text=True, check=False)
    assert answer.returncode == 0 and not answer.stderr, answer.stderr


@case
def printed_defaults_pass_the_check():
    with scratch_directory() as folder:
        file = Path(folder, "jk.yaml")
        file.write_text(run("config", "--print-defaults").stdout)
        answer = run("config", "--check", file)
        assert answer.returncode == 0 and answer.stdout == f"{file}: ok\n", answer


@case
def a_bad_file_is_refused_with_its_line():
    with scratch_directory() as folder:
        good, bad = Path(folder, "good.yaml"), Path(folder, "bad.yaml")
        good.write_text("interval: 2s\n")
        bad.write_text("# a\n\nmetrics:\n  proceses: 3\n")
        answer = run("config", "--check", bad, "--check", good)
        assert answer.returncode == 1, answer
        assert answer.stderr == (f"{bad}:4: metrics.proceses: there is no such key; "
                                 "did you mean 'processes'?\n"), answer.stderr
        assert answer.stdout == f"{good}: ok\n", answer.stdout
        if os.geteuid() == 0:
            return
        bad.chmod(0)
        assert "Permission denied" in run("config", "--check", bad).stderr


@case
def doctor_says_the_same_in_both_forms():
    plain, answer = run("doctor"), run("doctor", "--json")
    diagnosis = json.loads(answer.stdout)
    assert plain.returncode == answer.returncode, (plain, answer)
    assert diagnosis["verdict"] == ("ok", "limited", "missing")[answer.returncode], diagnosis
    states = {check["state"] for check in diagnosis["checks"]}
    assert states <= {"ok", "none", "limited", "missing"}, states
    for check in diagnosis["checks"]:
        assert check["why"], check
        assert re.search(rf"^  {check['state']} +{check['check']}\b", plain.stdout, re.MULTILINE), check
    assert "\033" not in plain.stdout
    names = [check["check"] for check in diagnosis["checks"]]
    assert {"power", "powercap", "bpf", "cgroups", "BTF", "capabilities", "kind", "HTTP"} <= set(names), names


@case
def doctor_sees_a_machine_without_anything():
    with scratch_directory() as folder:
        answer = run("doctor", "--json", "--root", folder)
        diagnosis = json.loads(answer.stdout)
        assert answer.returncode == 2 and diagnosis["verdict"] == "missing", diagnosis
        assert next(c for c in diagnosis["checks"] if c["check"] == "power")["state"] == "missing"


@case
def doctor_sees_that_rapl_is_filtered():
    with scratch_directory() as folder:
        zone = Path(folder, "sys/class/powercap/intel-rapl:0")
        zone.mkdir(parents=True)
        (zone.parent / "intel-rapl").mkdir()
        for name, text in {"name": "package-0", "energy_uj": "1000", "max_energy_range_uj": "262143328850"}.items():
            (zone / name).write_text(text)
        cpuinfo = Path(folder, "proc/cpuinfo")
        cpuinfo.parent.mkdir()
        for flag, state in {"sgx_lc": "none", "sgx": "limited"}.items():
            cpuinfo.write_text(f"vendor_id\t: GenuineIntel\nflags\t\t: fpu {flag}\n")
            checks = json.loads(run("doctor", "--json", "--root", folder).stdout)["checks"]
            filtering = next(check for check in checks if check["check"] == "filtering")
            assert filtering["state"] == state and bool(filtering["remedy"]) == (state == "limited"), filtering
        assert "enclaves" not in [check["check"] for check in checks]

        Path(folder, "dev").mkdir()
        Path(folder, "dev/sgx_enclave").touch()
        checks = json.loads(run("doctor", "--json", "--root", folder).stdout)["checks"]
        assert "enclaves" in [check["check"] for check in checks], checks


@case
def doctor_sees_that_the_port_is_taken():
    from support import Agent
    with Agent() as agent:
        agent.ready()
        diagnosis = json.loads(run("doctor", "--json", f"--listen=127.0.0.1:{agent.port}").stdout)
        port = next(c for c in diagnosis["checks"] if c["check"] == "HTTP")
        assert "in use" in port["why"] and port["state"] == "limited", port


@case
def nobody_is_told_what_root_would_add():
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        raise Skip("needs root and setpriv")
    with scratch_directory() as folder:
        program = Path(folder, "joulekeeper")
        shutil.copy(BINARY, program)
        os.chmod(folder, 0o755)
        drop = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        answer = subprocess.run([*drop, "--inh-caps=-all", "--bounding-set=-all", program, "doctor", "--json"],
                                capture_output=True, text=True, check=False)
        checks = {check["check"]: check for check in json.loads(answer.stdout)["checks"]}
        assert checks["capabilities"]["state"] == "limited", checks["capabilities"]
        assert "CAP_PERFMON" in checks["capabilities"]["why"] and checks["capabilities"]["remedy"]

        capabilities = f"-all,{UNIT_CAPABILITIES}"
        as_unit = [*drop, f"--inh-caps={capabilities}", f"--ambient-caps={capabilities}",
                   f"--bounding-set={capabilities}", "--no-new-privs"]
        answer = subprocess.run([*as_unit, program, "doctor", "--json"], capture_output=True, text=True,
                                check=False)
        checks = {check["check"]: check for check in json.loads(answer.stdout)["checks"]}
        assert checks["capabilities"]["state"] == "ok", checks["capabilities"]
        root = {check["check"]: check for check in json.loads(run("doctor", "--json").stdout)["checks"]}
        assert checks["bpf"]["state"] == root["bpf"]["state"], (checks["bpf"], root["bpf"])


@case
def the_unit_names_those_capabilities():
    unit = (SOURCE / "packaging/joulekeeper.service").read_text(encoding="utf-8")
    names = " ".join(f"CAP_{name.lstrip('+').upper()}" for name in UNIT_CAPABILITIES.split(","))
    assert f"AmbientCapabilities={names}\n" in unit and f"CapabilityBoundingSet={names}\n" in unit


@case
def version_says_what_is_built_in():
    version = json.loads(run("version", "--json").stdout)
    assert isinstance(version["bpf"], bool) and "powercap" in version["meters"], version
    assert version["version"] in run("--version").stdout
    for library in ("libmicrohttpd", "jansson", "libyaml", "zlib"):
        assert re.match(r"\d", version["libraries"][library]), version
    assert re.match(r"2\.\d+\.\d+$", version["libraries"].get("libmosquitto", "2.0.0")), version
    assert isinstance(version["curl"], bool), version
    asks = version["curl"] and "libcurl" in version["libraries"]
    assert re.search(r"^  asks agents +" + ("yes$" if asks else "no: "), run("version").stdout, re.M)


@case
def the_shell_completes_from_the_help():
    if not shutil.which("bash"):
        raise Skip("bash is not installed")

    def complete(*words):
        script = f"""source {SOURCE}/packaging/joulekeeper.bash-completion
            COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
            _joulekeeper "$1" "${{@: -1}}" "${{@: -2:1}}"; printf '%s\\n' "${{COMPREPLY[@]}}" """
        return subprocess.run(["bash", "-c", script, "bash", BINARY, *words], capture_output=True,
                              text=True, check=True).stdout.split()
    assert complete("do") == ["doctor"]
    assert complete("model", "eval") == ["evaluate"]
    assert complete("model", "evaluate", "--fol") == ["--folds"]
    assert complete("run", "--inter") == ["--interval"]
    assert complete("run", "--log-level", "d") == ["debug"]
    assert set(complete("")) >= set(commands())


run_cases()
