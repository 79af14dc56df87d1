#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What the style guide leaves to a machine: a licence line in every source, no function above 100 lines, no file above 900, no line above
180 columns in C, no banned function. Prints FILE:LINE for each.

check_style.py [SOURCE_DIR]
"""
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
MAX_FUNCTION, MAX_FILE, MAX_COLUMNS = 100, 900, 180
SOURCES = {".c", ".h", ".py", ".sh", ".cmake", ".cpp", ".map", ".supp"}
BANNED = re.compile(r"(?<![\w.>])(strcat|strcpy|sprintf|vsprintf|gets|alloca|strtok|system|localtime|gmtime|asctime|rand)\s*\(")
GENERATED = {"tests/abi/test_layout.c", "tests/metric/buckets.h"}


def tracked():
    """Files under version control, or all when this is not a checkout."""
    listed = subprocess.run(["git", "-C", ROOT, "ls-files", "-z"], capture_output=True, text=True)
    if listed.returncode == 0 and listed.stdout:
        names = [n for n in listed.stdout.split("\0") if n]
    else:
        names = [str(p.relative_to(ROOT)) for p in ROOT.rglob("*") if p.is_file() and "build" not in p.relative_to(ROOT).parts]
    return [ROOT / n for n in sorted(names) if (ROOT / n).is_file()]


def functions(lines):
    """(first line, length) of each function: a body opens with a line that ends in '{' and began in column 0, and closes with '}' there."""
    start = None
    for number, line in enumerate(lines, 1):
        if start is None and line.rstrip().endswith("{") and not line.startswith((" ", "#", "typedef", "struct", "union", "enum", "}", "extern")) and "=" not in line:
            start = number
        elif start is not None and line.startswith("}"):
            yield start, number - start + 1
            start = None


def without_comments_and_strings(text):
    """The same text with those blanked, so that lines keep their numbers."""
    pattern = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
    return pattern.sub(lambda m: re.sub(r"[^\n]", " ", m.group(0)), text)


def complaints(path):
    name = str(path.relative_to(ROOT))
    text = path.read_text(errors="replace")
    lines = text.splitlines()
    if "SPDX-License-Identifier: Apache-2.0" not in "\n".join(lines[:3]):
        yield 1, "no SPDX licence line at the top"
    if path.suffix not in {".c", ".h"} or name in GENERATED:
        return
    if len(lines) > MAX_FILE:
        yield len(lines), f"the file has {len(lines)} lines, more than {MAX_FILE}: split it"
    for start, length in functions(lines):
        if length > MAX_FUNCTION:
            yield start, f"the function has {length} lines, more than {MAX_FUNCTION}: split it"
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_COLUMNS:
            yield number, f"the line has {len(line)} columns, more than {MAX_COLUMNS}"
        if "\t" in line:
            yield number, "a tab"
    for number, line in enumerate(without_comments_and_strings(text).splitlines(), 1):
        found = BANNED.search(line)
        if found and name.startswith(("src/", "include/")):
            yield number, f"{found.group(1)} is banned"


def main():
    wrong = n_files = 0
    for path in tracked():
        if path.suffix not in SOURCES and path.name != "CMakeLists.txt":
            continue
        n_files += 1
        for number, what in complaints(path):
            print(f"{path.relative_to(ROOT)}:{number}: {what}")
            wrong += 1
    print(f"{n_files} files, {wrong} complaints")
    return wrong != 0


sys.exit(main())
