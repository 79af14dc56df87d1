#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the libFuzzer programs for a number of executions each, as many programs at a time as there are processors, and prints what
each did, a line of JSON ({"what": "fuzz executions", ...}) and a table. The exit status is 1 when anything was found; what was found
lies in FUZZ_BUILD_DIR/findings. Inputs that reach new code are kept there too, so that the next run begins with them.

campaign.py FUZZ_BUILD_DIR [SOURCE_DIR] [--runs N] [--scale X] [--only NAME,NAME] [--jobs N]
"""
import argparse
import json
import os
import pathlib
import re
import subprocess
import sys
import time

RUNS = 10_000_000
# What is no parser of untrusted bytes, or takes milliseconds: executions in place of RUNS.
FEWER = {"calls": 100_000, "args": 1_000_000, "meter": 1_000_000}
# Longer inputs than 1 KiB only where the format needs them.
LENGTHS = {"onnx": 4096, "meter": 8704, "proof": 2304, "calls": 48}
# A hostile input may not take more than this of memory in one piece, in all, nor of time.
BOUNDS = ["-malloc_limit_mb=512", "-rss_limit_mb=2048", "-timeout=60"]
SANITIZER = {"ASAN_OPTIONS": "quarantine_size_mb=8:malloc_context_size=8:max_malloc_fill_size=0"}
REPORT_EVERY_S = 30


class Target:
    """One program, its corpus and, once it runs, its process."""

    def __init__(self, program, source, findings):
        self.name = program.name.removeprefix("libfuzzer_")
        self.program = program
        self.seeds = source / "tests/fuzz/corpus" / self.name
        self.dictionary = source / "tests/fuzz" / f"{self.name}.dict"
        self.corpus = findings / f"corpus-{self.name}"
        self.findings = findings
        self.log = findings / f"{self.name}.log"
        self.process = None

    def runs(self, runs, scale):
        return int(min(runs, FEWER.get(self.name, runs)) * scale)

    def start(self, limit):
        """`limit`: -runs=N or -max_total_time=SECONDS."""
        self.corpus.mkdir(parents=True, exist_ok=True)
        command = [self.program, limit, f"-max_len={LENGTHS.get(self.name, 1024)}", *BOUNDS, "-print_final_stats=1", "-entropic=0",
                   f"-artifact_prefix={self.findings}/{self.name}-"]
        if self.dictionary.exists():
            command.append(f"-dict={self.dictionary}")
        if self.name == "calls":
            command.append("-detect_leaks=0")  # the replay of the corpus looks for them
        self.began = time.time()
        self.process = subprocess.Popen([*command, self.corpus, self.seeds], stdout=self.log.open("wb"), stderr=subprocess.STDOUT,
                                        env={**os.environ, **SANITIZER})

    def output(self):
        return self.log.read_text(errors="replace")

    def executed(self):
        """As far as the program has said."""
        text = self.output()
        final = re.search(r"stat::number_of_executed_units:\s+(\d+)", text)
        seen = re.findall(r"^#(\d+)", text, re.M)
        return int(final.group(1)) if final else int(seen[-1]) if seen else 0

    def failed(self):
        return self.process.returncode != 0


def targets_in(fuzz_build, source, findings, only=()):
    found = [Target(p, source, findings) for p in sorted((fuzz_build / "tests/fuzz").glob("libfuzzer_*"))]
    return [t for t in found if not only or t.name in only]


def tell(target):
    state = "running" if target.process.poll() is None else "FOUND SOMETHING" if target.failed() else "done"
    print(f"fuzz {target.name}: {target.executed():,} executions in {time.time() - target.began:.0f} s, {state}", flush=True)


def run(targets, limit_of, jobs):
    """Runs all, `jobs` at a time, telling now and then how far they are."""
    waiting, running = list(targets), []
    told = time.time()
    while waiting or running:
        while waiting and len(running) < jobs:
            running.append(waiting.pop(0))
            running[-1].start(limit_of(running[-1]))
        time.sleep(0.5)
        for target in [t for t in running if t.process.poll() is not None]:
            running.remove(target)
            tell(target)
            if target.failed():
                print(target.output()[-4000:], flush=True)
        if time.time() - told > REPORT_EVERY_S:
            told = time.time()
            for target in running:
                tell(target)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fuzz_build", type=pathlib.Path)
    parser.add_argument("source", type=pathlib.Path, nargs="?", default=pathlib.Path("."))
    parser.add_argument("--runs", type=int, default=RUNS, help="executions of each parser")
    parser.add_argument("--scale", type=float, default=1, help="that share of all executions")
    parser.add_argument("--only", default="", help="these targets, with commas between")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    args = parser.parse_args()
    findings = args.fuzz_build.resolve() / "findings"
    findings.mkdir(exist_ok=True)
    targets = targets_in(args.fuzz_build.resolve(), args.source.resolve(), findings, args.only.split(",") if args.only else ())
    # the slow one first, so that it does not run alone at the end
    targets.sort(key=lambda t: t.name != "calls")
    run(targets, lambda t: f"-runs={t.runs(args.runs, args.scale)}", args.jobs)
    n, bad = sum(t.executed() for t in targets), sum(t.failed() for t in targets)
    print(json.dumps({"what": "fuzz executions", "n": n, "violations": bad}))
    print("\n| target | executions | findings |\n|---|---:|---:|")
    for t in sorted(targets, key=lambda t: t.name):
        print(f"| {t.name} | {t.executed():,} | {int(t.failed())} |")
    return bool(bad or not targets)


if __name__ == "__main__":
    sys.exit(main())
