#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The unit under a real systemd: it starts, sandboxed and without root, does its work there, and is
reloaded, restarted and stopped as an operator would."""

import signal
import subprocess
import sys
import time
from pathlib import Path

sys.dont_write_bytecode = True
from harness import Fake, Place, check  # noqa: E402
from service import CONFIG, UNIT, Service, journal, systemctl, write_unit  # noqa: E402
from support import BINARY, case, run_cases, wait_until  # noqa: E402
from watch import Watch  # noqa: E402

CAPABILITIES = (39, 38, 2, 19)  # BPF, PERFMON, DAC_READ_SEARCH, SYS_PTRACE
EXPOSURE = 25  # tenths; systemd's own words for up to 5.0 are "OK"


@case
def systemd_finds_no_fault_with_the_unit():
    for command in (["verify", "--man=no"],
                    ["security", f"--threshold={EXPOSURE}", "--no-pager"]):
        done = subprocess.run(["systemd-analyze", *command, UNIT], capture_output=True, text=True)
        check(done.returncode == 0, f"{command}: {done.stdout[-300:]}{done.stderr}")
        check(UNIT not in done.stderr, done.stderr)


@case
def it_starts_and_tells_systemd_so():
    with Service() as service:  # Type=notify: systemctl has waited for its word
        check(service.shows("ActiveState") == "active", service.shows("ActiveState"))
        check(service.shows("StatusText") != "", "it does not tell systemd how it is")


@case
def it_is_not_root_and_has_only_the_rights_that_it_needs():
    with Service() as service:
        status = service.proc_status()
        check("0" not in status["Uid"].split(), f"it is root: {status['Uid']}")
        wanted = sum(1 << number for number in CAPABILITIES)
        for kind in ("CapEff", "CapBnd"):
            check(int(status[kind], 16) == wanted, f"{kind} {status[kind]}, not {wanted:x}")
        check(status["NoNewPrivs"] == "1" and status["Seccomp"] == "2", f"{status}")
        root = next(line for line in Path(f"/proc/{service.pid}/mounts").read_text().splitlines()
                    if line.split()[1] == "/")
        check("ro" in root.split()[3].split(","), f"it may write: {root}")


@case
def sandboxed_it_collects_by_bpf_and_its_books_balance():
    with Service() as service:
        activity = service.status()["activity"]
        check(activity["source"] == "bpf", f"activity: {activity}")
        watch = Watch(service)
        watch.during(4, every_s=0.5)
        check(min(watch.measured.values()) > 0, f"nothing was measured: {watch.measured}")


@case
def sandboxed_it_reads_a_meter_that_only_root_may_read():
    with Place() as place:
        fake = Fake(place, "/srv/fake")
        counter = Path("/srv/fake/sys/class/powercap/intel-rapl:0/energy_uj")
        check(counter.stat().st_mode & 0o077 == 0, "anybody may read the fake's counter")
        before = fake.halt()
        command = f"{BINARY} run --root /srv/fake --config {CONFIG}"
        with Service("ExecStart=", f"ExecStart={command}", name="metered.service") as service:
            fake.go_on()
            time.sleep(3)
            after = fake.halt()
            service.settle()
            used = {zone: after[zone] - before[zone] for zone in before}
            check(service.measured() == used, f"used: {used}, measured: {service.measured()}")


@case
def what_a_service_used_is_booked_to_its_cgroup():
    with Service() as service:
        spin = "import time\\nwhile time.process_time() < 2: pass"
        write_unit("burn.service", f"[Service]\nType=oneshot\nExecStart=python3 -c '{spin}'\n")
        systemctl("start", "burn.service")
        service.settle()
        account = service.cgroups()[1]["/system.slice/burn.service"]
        check(1.9 <= account["cpu_seconds"] <= 4, f"of at least 2 s: {account}")
        check(account["zones"]["package-0"]["dynamic_uj"] > 0, f"no energy: {account}")


@case
def reload_takes_over_the_configuration_and_refuses_a_bad_one():
    before = CONFIG.read_text(encoding="utf-8")
    try:
        with Service() as service:
            pid = service.pid
            check(service.status()["interval_ns"] == 1e9, f"{service.status()}")
            CONFIG.write_text("interval: 500ms\n", encoding="utf-8")
            systemctl("reload", UNIT)
            wait_until(lambda: service.status()["interval_ns"] == 5e8, "the new interval")
            check("500 ms" in service.shows("StatusText"), service.shows("StatusText"))

            CONFIG.write_text("interval: 500 parsecs\n", encoding="utf-8")
            systemctl("reload", UNIT)
            wait_until(lambda: "parsecs" in service.journal(), "the refusal in the journal")
            check(service.status()["interval_ns"] == 5e8, f"{service.status()}")
            check(service.pid == pid, "it was started anew")
    finally:
        CONFIG.write_text(before, encoding="utf-8")


@case
def a_bad_configuration_is_told_at_the_start():
    before = CONFIG.read_text(encoding="utf-8")
    try:
        CONFIG.write_text("interval: 500 parsecs\n", encoding="utf-8")
        done = subprocess.run(["systemctl", "start", UNIT], capture_output=True, text=True)
        check(done.returncode != 0, "it started")
        check("parsecs" in journal(20), journal(20))
    finally:
        CONFIG.write_text(before, encoding="utf-8")
        systemctl("stop", UNIT)


@case
def killed_it_is_started_again():
    with Service("RestartSec=100ms", name="killed.service") as service:
        pid = service.pid
        service.send(signal.SIGKILL)
        service.comes_again(pid)


@case
def hung_it_is_started_again_by_the_watchdog():
    with Service("RestartSec=100ms", "WatchdogSec=4s", "TimeoutAbortSec=1s",
                 name="hung.service") as service:
        pid = service.pid
        time.sleep(6)
        check(service.pid == pid, "it feeds the watchdog too slowly")
        service.send(signal.SIGSTOP)
        service.comes_again(pid)
        check("watchdog" in service.journal().lower(), "the watchdog was not the reason")


@case
def stopped_it_ends_well():
    with Service() as service:
        began = time.monotonic()
        systemctl("stop", UNIT)
        check(time.monotonic() - began < 10, "it took too long")
        check(service.shows("Result") == "success", service.shows("Result"))
        check(service.shows("ExecMainStatus") == "0", service.shows("ExecMainStatus"))


run_cases()
