#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds docs/limits.md against the code: each constant it names exists where it says and has that value, each test it names exists, and
every constant of the sources whose name speaks of a limit is in it or is listed below with the reason why not.

check_limits.py [SOURCE_DIR]
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
ROW = re.compile(r"^\| (.*?) \| ([\d,]+(?: [KMG]iB)?) \| `(\w+)` in `([\w/.]+)` \| (.*?) \|$", re.M)
NAME = re.compile(r"\b((?:[A-Z0-9]+_)*(?:MAX|LIMIT|LONGEST|LARGEST|DEEPEST)(?:_[A-Z0-9]+)*)\s*=[^=]|#define ([A-Z0-9_]*MAX[A-Z0-9_]*)\s")
# Constants that bound nothing that comes from outside, or are sums of others.
OTHERS = {
    # texts the library writes from what was checked already
    "MAX_JSON_BYTES", "MAX_OUTPUT_BYTES", "PLAN_JSON_MAX", "STATE_MAX", "EXPLAIN_MAX", "JSON_MAX", "KEY_MAX", "SQL_BYTES_MAX",
    "MLCM__SNAPSHOT_JSON_MAX", "MLCM__REASON_MAX", "MLCM__HOLDER_MAX", "MLCM__TERMS_MAX", "MLCM__AUDIT_PROOF_MAX", "HOST_MAX",
    "NAMED_MAX", "ROWS_MAX", "DEPTH_MAX", "LIVE_MAX_BYTES",
    # numbers of a calculation or a pace, or how much is shown
    "MAX_COUNT", "MLCM_GATE_MAX_COUNT", "MAX_FAILURES", "MAX_EPOCHS", "MAX_RATIO_BUCKETS", "MLCM__LATENCY_MAX_SHIFT", "MAX_STEP_NS",
    "MAX_TICK_NS", "MAX_DEADLINE_NS", "MAX_POLL_NS", "MLCM__SOURCE_MAX_AGE_NS", "LONGEST_WINDOW_TICKS", "LIMIT_DEFAULT", "MAX_PACKED",
    "LARGEST_BLOCK", "MAX_SLOTS", "MAX_SHOWN", "LIST_MAX", "MAX_WORDS", "CLI_MAX_OPTIONS", "LONGEST_WORD", "MAX_NODES", "MAX_KEYS",
    "NAME_MAX_BYTES", "MLCM__INTENT_REASON_MAX", "MLCM_LIMIT", "MLCM_AUDIT_PROOF_MAX", "POLICY_MAX_BYTES", "TICKS_MAX_BYTES", "PLAN_MAX_BYTES",
}


def number(text):
    digits, _, unit = text.partition(" ")
    return int(digits.replace(",", "")) * UNITS.get(unit, 1)


def value_of(name, source):
    """The constant's value, or None when it is not defined there by digits and operators."""
    found = re.search(rf"(?:\b{name}\s*=|#define {name}\s)\s*([^,;}}\n]*?)\s*(?:/\*|,|;|}}|\n)", source)
    if not found:
        return None
    text = re.sub(r"\((?:u?int\d+_t|size_t)\)", "", found.group(1))
    text = re.sub(r"U?INT64_C\((\w+)\)", r"\1", text)
    return eval(text, {"__builtins__": {}}) if re.fullmatch(r"[\d\s()*+<-]+", text) else None


def test_is_there(cell):
    """`room/test_x.c`: `name`, `room/test_x.c`, or `fuzz_x`."""
    words = re.findall(r"`([\w/.]+)`", cell)
    if words and words[0].startswith("fuzz_"):
        return (ROOT / "tests/fuzz" / f"{words[0]}.c").exists()
    file = ROOT / "tests" / words[0] if words else None
    return bool(file and file.exists() and all(re.search(rf"\b{w}\b", file.read_text()) for w in words[1:]))


def main():
    document = (ROOT / "docs/limits.md").read_text()
    rows, wrong = ROW.findall(document), []
    table_lines = [line for line in document.splitlines() if line.startswith("| ") and not line.startswith("| what")]
    if len(table_lines) != len(rows):
        wrong += [f"not a row that can be checked: {line}" for line in table_lines if not ROW.match(line)]
    for what, limit, name, file, shown in rows:
        path = ROOT / file
        value = value_of(name, path.read_text()) if path.exists() else None
        if value != number(limit):
            wrong.append(f"{what}: {name} in {file} is {value}, the document says {limit}")
        if not test_is_there(shown):
            wrong.append(f"{what}: there is no test {shown}")
    named = {name for _, _, name, _, _ in rows}
    for path in sorted([*(ROOT / "src").rglob("*.[ch]"), *(ROOT / "include").rglob("*.h")]):
        for found in NAME.finditer(path.read_text()):
            name = found.group(1) or found.group(2)
            if name not in named | OTHERS:
                wrong.append(f"{path.relative_to(ROOT)}: {name} is not in docs/limits.md")
    for line in wrong:
        print(line)
    print(f"{len(rows)} limits, {len(wrong)} complaints")
    return bool(wrong) or not rows


sys.exit(main())
