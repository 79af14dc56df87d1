#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The large versions of the fault tests within a time budget, and one table at the end: what was injected, replayed, killed, simulated
and fuzzed, and how many violations were found (0 is the only good number).

Programs say what they did in lines of JSON: {"what": "crash states", "n": 123, "violations": 0}. Each part is repeated with other seeds
until its share of the time is used; one round of each is made whatever the budget.

soak.py BUILD_DIR FUZZ_BUILD_DIR SECONDS [SOURCE_DIR]
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

BUILD, FUZZ, SECONDS = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve(), int(sys.argv[3])
SOURCE = pathlib.Path(sys.argv[4] if len(sys.argv) > 4 else ".").resolve()
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fuzz"))
import campaign  # noqa: E402: beside us, whatever the working directory

ROWS = ["faults", "crash states", "processes killed", "history events", "disks filled up", "simulation seeds", "fuzz executions"]
# (program below BUILD/tests, its arguments, share of the time, seeds a round uses)
PARTS = [
    ("fault/fault_api", ["--full"], 0.18, 1),
    ("fault/fault_crash_replay", ["--full", "2"], 0.23, 2),
    ("linear/linear_run", [], 0.10, 1),
    ("registry_test_processes", [], 0.05, 1),
    ("registry_test_gc_processes", [], 0.05, 1),
    ("store_test_processes", [], 0.04, 1),
    ("disk/disk_full", [], 0.02, 1),
    ("rollout_test_sim", [], 0.13, 200),
]
FUZZ_SHARE = 0.20
SKIPPED = 77  # what a program answers that this system does not let run
BAR = 30
SCALE = {"rollout_test_sim": 10, "linear/linear_run": 50}  # rounds in one run of the program; 1 for the others


class Table:
    def __init__(self):
        self.n = dict.fromkeys(ROWS, 0)
        self.violations = dict.fromkeys(ROWS, 0)
        self.failed = []

    def add(self, what, n, violations):
        self.n[what] = self.n.get(what, 0) + n
        self.violations[what] = self.violations.get(what, 0) + violations

    def read(self, program, code, output):
        found = [json.loads(line) for line in output.splitlines() if line.startswith('{"what"')]
        for line in found:
            self.add(line["what"], line["n"], line["violations"])
        if code != 0 or not found:
            self.failed.append(program)
            print(f"--- {program} ended with {code}\n{output[-4000:]}", flush=True)

    def show(self, seconds):
        print(f"\n| what | how many | violations |\n|---|---:|---:|")
        for what in self.n:
            print(f"| {what} | {self.n[what]:,} | {self.violations[what]} |")
        print(f"\n{seconds:.0f} s; failed: {', '.join(self.failed) or 'nothing'}")


class Progress:
    """One line on a terminal, nothing elsewhere: how much of the budget is used, and by what."""

    def __init__(self):
        self.began = time.time()
        self.shown = sys.stderr.isatty()

    def tell(self, what):
        if self.shown:
            used = min(1, (time.time() - self.began) / SECONDS)
            left = max(0, SECONDS - int(time.time() - self.began))
            bar = "#" * int(used * BAR)
            print(f"\r\033[K[{bar:<{BAR}}] {100 * used:3.0f} %  {left // 60}:{left % 60:02} left  {what}", end="", file=sys.stderr, flush=True)

    def clear(self):
        if self.shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)


def run(command, env, progress, what):
    """Status and output of a program; the line about it stays fresh meanwhile."""
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        process = subprocess.Popen(command, env=env, stdout=output, stderr=subprocess.STDOUT)
        try:
            while process.poll() is None:
                progress.tell(what)
                time.sleep(0.5)
        finally:
            process.kill()
            process.wait()
            progress.clear()
        output.seek(0)
        return process.returncode, output.read()


def repeat(table, progress, program, arguments, share, seeds):
    """One program, again and again with other seeds."""
    began = time.time()
    until = began + SECONDS * share
    rounds = 0
    while rounds == 0 or time.time() < until - 1:
        env = dict(os.environ, CK_FORK="no", MLCM_TEST_SEED=str(rounds * seeds), MLCM_TEST_UNTIL=str(int(until) + 1),
                   MLCM_TEST_SCALE=str(SCALE.get(program, 1)))
        code, output = run([BUILD / "tests" / program, *arguments], env, progress, f"{program}, round {rounds + 1}")
        if code == SKIPPED:
            print(f"{program}: {output.strip()}", flush=True)
            return
        table.read(program, code, output)
        rounds += 1
        if program in table.failed:
            break
    print(f"{program}: {rounds} rounds, {time.time() - began:.0f} s", flush=True)


def fuzz(table, seconds):
    """All libFuzzer targets for that long together, by tests/fuzz/campaign.py. Findings stay in BUILD_DIR/findings."""
    findings = BUILD / "findings"
    findings.mkdir(exist_ok=True)
    targets = campaign.targets_in(FUZZ, SOURCE, findings)
    jobs = max(1, os.cpu_count() or 1)
    each = max(1, int(seconds * jobs / max(1, len(targets))))
    campaign.run(targets, lambda target: f"-max_total_time={each}", jobs)
    for target in targets:
        table.add("fuzz executions", target.executed(), target.failed())
        if target.failed():
            table.failed.append(f"fuzz {target.name}")


def main():
    table, progress = Table(), Progress()
    try:
        for part in PARTS:
            repeat(table, progress, *part)
        fuzz(table, SECONDS * FUZZ_SHARE)
    except KeyboardInterrupt:
        table.failed.append("stopped before its end")
    table.show(time.time() - progress.began)
    return bool(table.failed or any(table.violations.values()))


sys.exit(main())
