#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tests/infer/golden: small models with what onnxruntime answers, for test_golden.c.

  pip install -r tests/requirements.txt xgboost lightgbm onnxmltools
  python3 tests/infer/make_golden.py [FOLDER]

Run it again only to add models: the files are committed, so that the C test needs no Python.
"""
import pathlib
import shutil
import sys

import zoo

SEED = 20260301


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "golden")
    shutil.rmtree(folder, ignore_errors=True)
    n = size = 0
    for name, model, inputs in zoo.cases(SEED):
        zoo.write(folder / name, model, inputs)
        n += 1
    size = sum(p.stat().st_size for p in folder.rglob("*") if p.is_file())
    print(f"{n} models, {size} bytes in {folder}")


main()
