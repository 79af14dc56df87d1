#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every exported function that can fail is attacked with faults, or functions.txt says why not.

functions.txt has one line a function: its name, then the test programs that attack it (paths below tests/), or '-' and a reason.
Fails when a function of the headers has no line, a line has no function, a named test does not call the function, or that test
injects no faults.

coverage.py [SOURCE_DIR]
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
INJECTS = re.compile(r"test_fault_(memory|io|malloc)\(|attack_function\(|crash_disk_after\(|fail_at\b")


def exported():
    """Functions of the public headers that return a status."""
    names = set()
    for header in sorted((ROOT / "include/mlcm").glob("*.h")):
        names |= set(re.findall(r"MLCM_API\s+MLCM_MUST_USE\s+mlcm_status\s+(mlcm_\w+)\s*\(", header.read_text()))
    return names


def listed():
    """{function: (tests, reason)}"""
    lines = {}
    for number, line in enumerate((ROOT / "tests/fault/functions.txt").read_text().splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        name, _, rest = line.partition(" ")
        if name in lines:
            print(f"functions.txt:{number}: {name} stands there twice")
            sys.exit(1)
        rest = rest.strip()
        lines[name] = ([], rest[1:].strip()) if rest.startswith("-") else (rest.split(), "")
    return lines


def complaints(functions, lines):
    for name in sorted(functions - set(lines)):
        yield f"{name} can fail, but functions.txt does not say which test attacks it"
    for name in sorted(set(lines) - functions):
        yield f"{name} stands in functions.txt, but no header exports it as a function that can fail"
    for name, (tests, reason) in sorted(lines.items()):
        if not tests and not reason:
            yield f"{name}: neither a test nor a reason"
        for test in tests:
            path = ROOT / "tests" / test
            text = path.read_text() if path.is_file() else ""
            if not re.search(rf"\b{name}\s*\(", text):
                yield f"{name}: tests/{test} does not call it"
            elif not INJECTS.search(text):
                yield f"{name}: tests/{test} injects no faults"


def main():
    functions, lines = exported(), listed()
    wrong = list(complaints(functions, lines))
    for line in wrong:
        print(line)
    left_out = sum(not tests for tests, _ in lines.values())
    print(f"{len(functions)} functions can fail: {len(lines) - left_out} attacked, {left_out} left out with a reason, {len(wrong)} complaints")
    return bool(wrong)


sys.exit(main())
