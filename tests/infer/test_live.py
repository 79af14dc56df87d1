#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Trains and exports the whole zoo anew with other random data and compares with onnxruntime, live.

  test_live.py PATH_OF_onnx_cases [SEED ...]
"""
import subprocess
import sys
import tempfile

import zoo


def main():
    program, seeds = sys.argv[1], [int(s) for s in sys.argv[2:]] or [1, 2]
    failed = 0
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            for name, model, inputs in zoo.cases(seed):
                zoo.write(f"{folder}/{name}", model, inputs)
            done = subprocess.run([program, folder, "2e-5", "2e-6"], capture_output=True, text=True)
            lines = done.stdout.splitlines()
            print(f"seed {seed}: {lines[-1]}")
            for line in lines[:-1]:
                if not line.startswith("pass"):
                    print(line)
            failed += done.returncode != 0
    return failed != 0


sys.exit(main())
