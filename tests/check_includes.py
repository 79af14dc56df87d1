#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Rooms include downwards only: base -> {store, format, gate, metric} -> trust -> registry -> rollout -> endpoint -> cli, and infer above
format, beside registry. Prints FILE:LINE for each #include that goes elsewhere. Also: who may do I/O or read a clock.

check_includes.py [SOURCE_DIR]
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()

# What each room may see of the others, besides itself and the public headers.
BELOW = {
    "base": set(),
    "store": {"base"},
    "format": {"base"},
    "gate": {"base"},
    "metric": {"base"},
    "trust": {"base", "store", "format", "gate", "metric"},
    "registry": {"base", "store", "format", "gate", "metric", "trust"},
    "infer": {"base", "format"},
    "rollout": {"base", "store", "format", "gate", "metric", "trust", "registry"},
    "endpoint": {"base", "store", "format", "gate", "metric", "trust", "registry", "infer", "rollout"},
    "cli": set(),  # a client of the public headers, like any other program
}

# What needs nothing but the C library, so that the program is built with a copy of its own.
COPIED = {"base/half.h": {"cli"}, "base/nearest.h": {"cli"}, "base/utf8.h": {"cli"}}

# Third-party headers and the only rooms that may include them.
FOREIGN = {
    "curl/": {"base"},
    "yaml.h": {"base"},
    "openssl/": {"base", "store", "trust"},
    "cjson/": {"base", "cli"},
    "sqlite3.h": {"store"},
}

# Pure rooms: evidence and time come in as arguments.
IMPURE = {"time.h", "sys/time.h", "unistd.h", "fcntl.h", "pthread.h", "sys/stat.h", "sys/socket.h"}
PURE = {"gate"}

INCLUDE = re.compile(r'\s*#\s*include\s+(["<])([^">]+)[">]')


def complaints(path):
    room = path.relative_to(ROOT / "src").parts[0]
    for number, line in enumerate(path.read_text().splitlines(), 1):
        found = INCLUDE.match(line)
        if not found:
            continue
        quote, target = found.groups()
        other = target.split("/")[0] if "/" in target else None
        if quote == '"' and other in BELOW and other != room and other not in BELOW[room] and room not in COPIED.get(target, ()):
            yield number, f"room '{room}' must not see room '{other}' ({target})"
        if quote == '"' and target.startswith("../"):
            yield number, f"include by the room's name, not by '..' ({target})"
        for foreign, rooms in FOREIGN.items():
            if quote == "<" and target.startswith(foreign) and room not in rooms:
                yield number, f"only {' and '.join(sorted(rooms))} may include <{target}>"
        if quote == "<" and room in PURE and target in IMPURE:
            yield number, f"room '{room}' is pure: no <{target}>"


def main():
    files = sorted(p for p in (ROOT / "src").rglob("*.[ch]"))
    wrong = 0
    for path in files:
        room = path.relative_to(ROOT / "src").parts[0]
        if room not in BELOW:
            print(f"{path}:1: room '{room}' is not in the list of rooms")
            wrong += 1
            continue
        for number, what in complaints(path):
            print(f"{path.relative_to(ROOT)}:{number}: {what}")
            wrong += 1
    print(f"{len(files)} files, {wrong} wrong includes")
    return wrong != 0


sys.exit(main())
