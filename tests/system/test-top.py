#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""top in a real terminal: what each key does, sizes, kinds of terminals, the agent that goes."""

import os
import re
import signal
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from burner import Burner  # noqa: E402
from support import BINARY, Agent, case, free_port, has_ended, run, run_cases, wait_until  # noqa: E402
from terminal import Terminal  # noqa: E402

PREFIXES = {"µ": 1e-6, "u": 1e-6, "m": 1e-3, "": 1, "k": 1e3}
WATTS = r"(-?[0-9.]+) ([µumk]?)W"


def watts(number, prefix):
    return float(number) * PREFIXES[prefix]


def start_top(terminal, *arguments):
    """Start it, by itself unless an agent is named, and wait for the first measurement."""
    if not any("--agent" in argument for argument in arguments):
        arguments = ("--agent=off", *arguments)
    terminal.run(BINARY, "top", "--interval=500ms", *arguments)
    terminal.until(lambda lines: re.search(rf"machine +{WATTS}", "\n".join(lines)) and
                   re.search("= machine [1-9]", "\n".join(lines)), "the first measurement")


def titles(lines):
    """The titles of the table."""
    for line in lines:
        if "NAME" in line and "W" in line:
            return line
    return ""


def sum_line(lines):
    for line in lines:
        if " = machine " in line:
            return line
    return ""


@case
def what_it_shows_adds_up_to_the_machine():
    with Burner() as burner, Terminal() as terminal:
        start_top(terminal)
        terminal.shows("jk-burner")
        assert any(f" {burner.pid} " in line and "jk-burner" in line for line in terminal.lines)
        for _ in range(4):
            line = terminal.until(sum_line, "the line of the sum")
            values = [watts(*found) for found in re.findall(WATTS, line)]
            assert len(values) == 5, line
            # each is rounded to three digits
            assert abs(sum(values[:-1]) - values[-1]) <= 0.006 * values[-1] + 0.002, line
            time.sleep(0.6)


@case
def keys_choose_views():
    with Burner(), Terminal() as terminal:
        start_top(terminal)
        terminal.shows("jk-burner")
        assert "PID" in titles(terminal.lines), terminal.screen
        for key, unit in (("2", "cgroups"), ("3", "users"), ("1", "tasks"), ("4", "tasks")):
            terminal.type(key)
            terminal.until(lambda lines, u=unit: sum_line(lines).startswith(u), f"sum of {unit}")
        terminal.hides("jk-burner")  # the machine's own accounts alone
        terminal.shows("[idle]")
        terminal.key("Tab")
        terminal.shows("jk-burner")
        terminal.key("Tab")
        terminal.until(lambda lines: sum_line(lines).startswith("cgroups"), "cgroups by Tab")
        assert "PID" not in titles(terminal.lines), terminal.screen
        terminal.key("BTab")
        terminal.shows("jk-burner")


@case
def keys_sort():
    with Burner(), Terminal() as terminal:
        start_top(terminal)
        for key, title in (("e", "J▼"), ("c", "CPU%▼"), ("n", "NAME▲"), ("p", "PID▲"),
                           ("w", "W▼")):
            terminal.type(key)
            terminal.until(lambda lines, t=title: t in titles(lines), f"sorted: {title}")
        terminal.type(">")
        terminal.until(lambda lines: "J▼" in titles(lines), "the next order")
        terminal.type("<")
        terminal.until(lambda lines: "W▼" in titles(lines), "the previous order")
        terminal.type("r")
        terminal.until(lambda lines: "W▲" in titles(lines), "reversed")
        terminal.type("n")
        terminal.until(lambda lines: "NAME▼" in titles(lines), "names reversed")


def rows(lines):
    """The rows of the table, between its titles and the sum."""
    found = []
    inside = False
    for line in lines:
        if " = machine " in line:
            break
        if inside and line.strip():
            found.append(line)
        inside = inside or "NAME" in line
    return found


@case
def rows_stand_in_order():
    with Burner(), Terminal() as terminal:
        start_top(terminal)
        terminal.shows("jk-burner")

        def ordered(lines):
            values = [watts(*re.search(WATTS, row).groups()) for row in rows(lines)]
            return len(values) > 3 and values == sorted(values, reverse=True)
        terminal.until(ordered, "rows by watts")
        terminal.type("r")
        terminal.until(lambda lines: (not ordered(lines)), "another order")


@case
def filter_works_while_typed():
    with Burner(), Terminal() as terminal:
        start_top(terminal)
        terminal.shows("jk-burner")
        terminal.type("/jk-b")
        terminal.until(lambda lines: rows(lines) and all("jk-b" in row for row in rows(lines)),
                       "only the burner")
        terminal.shows("shown ")
        terminal.type("xyz")
        terminal.shows("nothing matches")
        terminal.key("BSpace", "BSpace", "BSpace", "Enter")
        terminal.until(lambda lines: rows(lines) and all("jk-b" in row for row in rows(lines)),
                       "the burner again")
        terminal.type("q2")  # typed into no filter: quits
        terminal.shows("prompt>")


@case
def escape_clears_the_filter():
    with Burner(), Terminal() as terminal:
        start_top(terminal, "--filter=jk-burner")
        terminal.until(lambda lines: rows(lines) and all("jk-b" in row for row in rows(lines)),
                       "only the burner")
        terminal.key("Escape")
        terminal.shows("[idle]")


@case
def tree_of_cgroups_opens_and_closes():
    with Burner(), Terminal() as terminal:
        start_top(terminal)
        terminal.type("tan")  # by name, the root comes first
        terminal.until(lambda lines: rows(lines) and "▾ /" in rows(lines)[0], "an open root")
        everything = len(rows(terminal.lines))
        terminal.key("Home", "Enter")
        terminal.shows("▸ /")
        assert len(rows(terminal.lines)) < everything, terminal.screen
        terminal.key("Right")
        terminal.shows("▾ /")
        terminal.key("Left")
        terminal.shows("▸ /")
        terminal.type("t")
        terminal.hides("▸ /")


@case
def pause_holds_the_screen():
    with Burner(), Terminal() as terminal:
        start_top(terminal)
        assert not terminal.still(1.5), "nothing moves though it is not paused"
        terminal.type(" ")
        terminal.shows(" paused ")
        assert terminal.still(1.5), "it moved while paused"
        terminal.type("2")  # but keys go on
        terminal.until(lambda lines: sum_line(lines).startswith("cgroups"), "cgroups")
        terminal.type(" ")
        terminal.hides(" paused ")
        terminal.until(lambda lines: not terminal.still(1), "moving again")


@case
def plus_and_minus_change_the_interval():
    with Terminal() as terminal:
        start_top(terminal)
        for key, shown in (("+", "every 1 s"), ("+", "every 2 s"), ("-", "every 1 s"),
                           ("-", "every 500 ms")):
            terminal.type(key)
            terminal.shows(shown)
        for _ in range(5):
            terminal.type("-")
        terminal.shows("every 100 ms")


@case
def zones_and_quiet_accounts_can_be_hidden():
    with Terminal(width=120, height=50) as terminal:
        start_top(terminal)
        zone = re.compile(r"^  \S+ +" + WATTS)
        terminal.until(lambda lines: [line for line in lines if zone.match(line)], "a zone")
        terminal.type("z")
        terminal.until(lambda lines: not [line for line in lines if zone.match(line) and
                                          line not in rows(lines)], "no zone")
        terminal.type("p")
        few = len(rows(terminal.lines))
        terminal.type("a")
        terminal.until(lambda lines: len(rows(lines)) > few or len(rows(lines)) > 40, "more rows")


@case
def help_tells_every_key():
    with Terminal() as terminal:
        start_top(terminal)
        for key in ("h", "?"):
            terminal.type(key)
            terminal.shows("cgroups as a tree")
            terminal.shows("sort by energy")
            terminal.type("x")
            terminal.shows(" = machine ")


@case
def any_size_will_do():
    with Burner(), Terminal() as terminal:
        start_top(terminal)
        for width, height in ((200, 60), (80, 24), (40, 10), (20, 5), (10, 2), (3, 1), (80, 24)):
            terminal.resize(width, height)
            time.sleep(0.7)
            if height >= 5:
                terminal.shows("joulekeeper")
                terminal.until(lambda lines: re.search(WATTS, "\n".join(lines)), "watts")
            for line in terminal.lines:
                assert len(line) <= width, (width, line)
        terminal.shows(" = machine ")
        terminal.type("q")
        terminal.shows("prompt>")


@case
def quitting_gives_the_terminal_back():
    with Terminal() as terminal:
        terminal.run("echo", "before-it")
        terminal.run("stty", "-g")
        settings = terminal.until(
            lambda lines: re.findall(r"^[0-9a-f:]{40,}$", "\n".join(lines), re.M), "settings")[0]
        for end in (lambda: terminal.type("q"), lambda: terminal.key("C-c")):
            start_top(terminal)
            terminal.hides("before-it")
            end()
            terminal.shows("before-it")  # the screen from before is back
            terminal.type("clear; echo status=$? settings=$(stty -g); echo before-it")
            terminal.key("Enter")
            terminal.shows(settings)


@case
def a_signal_gives_the_terminal_back_too():
    with Terminal() as terminal:
        terminal.run("stty", "-g")
        settings = terminal.until(
            lambda lines: re.findall(r"^[0-9a-f:]{40,}$", "\n".join(lines), re.M), "settings")[0]
        start_top(terminal)
        os.kill(terminal.foreground(), signal.SIGTERM)
        terminal.type("echo status=$?; clear; stty -g")
        terminal.shows("prompt>")
        terminal.key("Enter")
        terminal.shows(settings)


@case
def it_ends_with_its_terminal():
    with Terminal() as terminal:
        terminal.run("export", "ASAN_OPTIONS=detect_leaks=0")  # see Terminal.__exit__
        start_top(terminal)
        top = terminal.foreground()
        terminal.close()
        wait_until(lambda: has_ended(top), "top ends")


@case
def control_z_stops_it_and_fg_goes_on():
    with Terminal() as terminal:
        start_top(terminal)
        terminal.key("C-z")
        terminal.shows("Stopped")
        terminal.type("fg")
        terminal.key("Enter")
        terminal.shows(" = machine ")
        terminal.until(lambda lines: not terminal.still(1), "moving again")
        terminal.type("q")
        terminal.shows("prompt>")


@case
def stopped_from_outside_it_takes_the_terminal_back():
    with Terminal() as terminal:
        start_top(terminal)
        os.kill(terminal.foreground(), signal.SIGSTOP)
        terminal.shows("Stopped")
        terminal.run("fg")
        terminal.shows("q quit")
        # The shell's modes, in which keys are echoed and wait for Enter, are gone.
        terminal.key("2")
        terminal.until(lambda lines: any("CPU%" in line and "PID" not in line for line in lines),
                       "the view of cgroups")


@case
def names_cannot_break_the_screen():
    evil = b"\x1b[2J\x1b[31mE\nV\xff"
    with Burner(evil), Terminal() as terminal:
        start_top(terminal)
        terminal.shows("[31mE")
        time.sleep(1)
        shown = terminal.lines
        assert shown[0].startswith("joulekeeper"), terminal.screen
        assert any("�[2J�[31mE�V" in line for line in shown), terminal.screen
        assert sum_line(shown), terminal.screen


@case
def other_terminals_and_locales():
    with Burner(b"gr\xc3\xbcn-\xe6\x97\xa5"):
        for term, locale in (("vt100", "C"), ("xterm-256color", "C.UTF-8"), ("vt100", "C.UTF-8"),
                             ("linux", "C")):
            with Terminal(80, 24, term, locale) as terminal:
                start_top(terminal)
                terminal.shows("gr?n-?" if locale == "C" else "grün-日")
                if locale == "C":
                    assert terminal.screen.isascii(), terminal.screen
                terminal.type("q")
                terminal.shows("prompt>")


@case
def where_it_cannot_draw_it_says_so():
    reply = run("top", stdin=subprocess.DEVNULL)
    assert reply.returncode == 1 and "joulekeeper ps" in reply.stderr, reply
    for term in ("dumb", "no-such-terminal"):
        with Terminal(term=term) as terminal:
            terminal.run(BINARY, "top", "--agent=off")
            terminal.shows("joulekeeper ps")
            terminal.type("echo status=$?")
            terminal.key("Enter")
            terminal.shows("status=1")


@case
def the_agent_may_go_and_come_back():
    port = free_port()
    with Burner(), Terminal() as terminal:
        with Agent("--interval=500ms", port=port) as agent:
            agent.ready()
            wait_until(lambda: agent.get("/readyz")[0] == 200, "ready")
            start_top(terminal, f"--agent=127.0.0.1:{port}")
            terminal.shows(f"agent 127.0.0.1:{port}")
            terminal.shows("jk-burner")
            agent.send(signal.SIGKILL)
            terminal.shows("disconnected")
            terminal.shows("jk-burner")  # the last screen stays
        with Agent("--interval=500ms", port=port) as agent:
            agent.ready()
            terminal.hides("disconnected")
            terminal.shows("jk-burner")
            terminal.until(lambda lines: not terminal.still(1.2), "moving again")
            terminal.type("q")
            terminal.shows("prompt>")


@case
def agent_and_itself_show_the_same():
    with Burner() as burner, Agent("--interval=500ms") as agent:
        agent.ready()
        shares = []
        for address in (f"127.0.0.1:{agent.port}", "off"):
            with Terminal() as terminal:
                start_top(terminal, f"--agent={address}", "--filter=jk-burner")
                line = terminal.until(
                    lambda lines: [row for row in rows(lines) if "jk-burner" in row and
                                   re.search(r" +[1-9][0-9]\.[0-9] +", row)], "its CPU percent")[0]
                assert str(burner.pid) in line, line
                shares.append(line)
        assert len(shares) == 2


run_cases()
