#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which branches of src/ no test has taken, read from gcov, against the committed floor.

A branch that cannot or need not be taken says so in the code, on its line or alone on the line above:
    if (n > limit) return no_memory(err); /* never: the reader has refused more than 2^20 */
    /* rarely: only when another process wins the race */
    if (exists) goto again;
`never` is checked: once all of a line's branches are taken, its mark is stale and this fails. `rarely` is for chance: timing, the machine.
The branch that an assert() takes when it fails counts as marked.

coverage.py BUILD_DIR SOURCE_DIR            the table, what is left in each room, and whether the floor holds
coverage.py BUILD_DIR SOURCE_DIR PREFIX     the lines left below PREFIX, e.g. src/gate or src/base/json.c
coverage.py BUILD_DIR SOURCE_DIR --update   write the floor as measured, with room for the branches that a race decides: it may only rise
"""
import collections
import json
import os
import pathlib
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

MARK = re.compile(r"/\* (never|rarely): \S")
ALONE = re.compile(r"^\s*/\* (never|rarely): \S.*\*/\s*$")
FLOOR = "tests/coverage.txt"
CHANCE = 0.002  # of a room's branches: taken in one run and not in the next
HEAD = """# SPDX-License-Identifier: Apache-2.0
# The floor of tests/coverage.py: for each room the share of lines and of branches that tests take (marked branches apart), and how many
# unmarked branches may be left. Written by `cmake --build build/coverage --target coverage_update`.
# room      lines %  branches %  left
"""


def read_object(data, build):
    """Lines of one object: (path, line number) -> (times run, [times taken of each branch])."""
    done = subprocess.run(["gcov", "--branch-probabilities", "--stdout", "--json-format", data], cwd=build, capture_output=True, check=True)
    found = {}
    for document in filter(None, done.stdout.splitlines()):
        for file in json.loads(document)["files"]:
            for line in file["lines"]:
                found[file["file"], line["line_number"]] = (line["count"], [branch["count"] for branch in line["branches"]])
    return found


def read_all(build, source):
    """All objects that were run, summed: path relative to the source -> line number -> [times run, [times taken]]."""
    data = [path for path in build.rglob("*.gcda") if re.search(r"/mlcm_\w+\.dir/", str(path)) and "/tests/" not in str(path)]
    if not data:
        sys.exit(f"{build} holds no counts (*.gcda): configure with -DMLCM_COVERAGE=ON and run the tests first")
    files = collections.defaultdict(dict)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for found in pool.map(lambda path: read_object(path, build), data):
            for (path, number), (count, branches) in found.items():
                path = os.path.relpath(os.path.join(build, path), source)
                if not path.startswith("src/"):
                    continue
                seen = files[path].setdefault(number, [0, [0] * len(branches)])
                seen[0] += count
                seen[1] = [a + b for a, b in zip(seen[1], branches)] if len(seen[1]) == len(branches) else max(seen[1], branches, key=len)
    return files


class Room:
    def __init__(self):
        self.lines = self.lines_run = self.branches = self.taken = self.marked = 0

    @property
    def left(self):
        return self.branches - self.taken

    def shares(self):
        return 100 * self.lines_run / max(1, self.lines), 100 * self.taken / max(1, self.branches)


def judge(files, source):
    """Rooms, the lines with branches left, and the marks that are stale."""
    rooms, left, stale = collections.defaultdict(Room), [], []
    for path in sorted(files):
        room = rooms[path.split("/")[1]]
        text = [""] + (source / path).read_text().splitlines()
        for number, (count, branches) in sorted(files[path].items()):
            missed = branches.count(0)
            mark = MARK.search(text[number]) or ALONE.match(text[number - 1])
            excused = missed if mark or "assert(" in text[number] else 0
            if mark and mark.group(1) == "never" and branches and not missed:
                stale.append(f"{path}:{number}: all branches are taken, so the mark 'never' is stale")
            if not (mark and not count):
                room.lines += 1
                room.lines_run += count > 0
            room.branches += len(branches) - excused
            room.taken += len(branches) - missed
            room.marked += excused
            if missed > excused:
                left.append((path, number, missed, text[number].strip()))
    return rooms, left, stale


def read_floor(path):
    rows = [line.split() for line in path.read_text().splitlines() if line and not line.startswith("#")]
    return {room: (float(lines), float(branches), int(left)) for room, lines, branches, left in rows}


def main():
    build, source = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    asked = sys.argv[3] if len(sys.argv) > 3 else ""
    rooms, left, stale = judge(read_all(build, source), source)
    if asked and asked != "--update":
        for path, number, missed, text in left:
            if path.startswith(asked):
                print(f"{path}:{number}: {missed} left: {text}")
        return 0

    print(f"{'room':10} {'lines':>14} {'':>7} {'branches':>14} {'':>7} {'left':>6} {'marked':>7}")
    for name, room in sorted(rooms.items()):
        lines, branches = room.shares()
        print(f"{name:10} {room.lines_run:>6} / {room.lines:>5} {lines:>6.1f}% {room.taken:>6} / {room.branches:>5} {branches:>6.1f}% "
              f"{room.left:>6} {room.marked:>7}")
    print("\n".join(stale))
    if asked:
        rows = [f"{name:10} {room.shares()[0]:8.1f} {room.shares()[1]:11.1f} {room.left + round(CHANCE * room.branches):5}" for name, room in sorted(rooms.items())]
        (source / FLOOR).write_text(HEAD + "\n".join(rows) + "\n")
        return bool(stale)
    failed = bool(stale)
    floor = read_floor(source / FLOOR)
    for name, room in sorted(rooms.items()):
        lines, branches, may_be_left = floor.get(name, (100.0, 100.0, 0))
        if room.shares()[0] < lines - 0.1 or room.left > may_be_left:
            failed = True
            print(f"{name}: below the floor of {lines} % lines and {may_be_left} branches left. What is left: "
                  f"tests/coverage.py {sys.argv[1]} {sys.argv[2]} src/{name}")
    return failed


if __name__ == "__main__":
    sys.exit(main())
