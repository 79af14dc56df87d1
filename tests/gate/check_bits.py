#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the gate's arithmetic in several ways and compares what bits.c prints, byte for byte, with data/evalue_bits.txt.

    check_bits.py SOURCE_DIR WORK_DIR            # exit 0: all equal, 77: equal, but a compiler is not installed, 1: different
    check_bits.py SOURCE_DIR WORK_DIR --write    # writes the golden file (after a change of the method's name)
"""
import shutil
import subprocess
import sys
from pathlib import Path

WAYS = [
    ("gcc", ["-O0"]),
    ("gcc", ["-O2"]),
    ("gcc", ["-O3", "-march=native"]),
    ("clang", ["-O0"]),
    ("clang", ["-O3", "-march=native"]),
]
FILES = ["tests/gate/bits.c", "src/gate/math.c", "src/gate/hypergeometric.c", "src/gate/evalue.c", "src/gate/latency.c"]


def output_of(source, work, compiler, flags):
    program = work / ("bits-" + compiler + "".join(flags).replace("=", "-"))
    command = [compiler, "-std=c11", "-ffp-contract=off", *flags, f"-I{source}/include", f"-I{source}/src"]
    subprocess.run(command + [str(source / f) for f in FILES] + ["-o", str(program)], check=True)
    return subprocess.run([str(program)], check=True, capture_output=True).stdout


def main():
    source, work = Path(sys.argv[1]), Path(sys.argv[2])
    golden = source / "tests/gate/data/evalue_bits.txt"
    work.mkdir(parents=True, exist_ok=True)
    if "--write" in sys.argv:
        golden.write_bytes(output_of(source, work, *WAYS[1]))
    want = golden.read_bytes()
    different, missing = [], set()
    for compiler, flags in WAYS:
        if not shutil.which(compiler):
            missing.add(compiler)
            continue
        got = output_of(source, work, compiler, flags)
        n = sum(a != b for a, b in zip(got.splitlines(), want.splitlines()))
        print(f"{compiler:6} {' '.join(flags):18} {len(got.splitlines())} numbers, {n} different")
        if got != want:
            different.append(compiler)
    for compiler in sorted(missing):
        print(f"{compiler} is not installed: not compared")
    return 1 if different else 77 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
