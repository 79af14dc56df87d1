#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Holds docs/limits.md against the code: each constant it names exists where it says and has that value, each row names a test that
exists, and every constant of the sources whose name speaks of a limit is in it or is listed below with the reason why not. A buffer or
a reader whose limit is a bare number has no name to be listed under, and is refused.

check_limits.py [SOURCE_DIR]
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ".").resolve()
UNITS = {"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30}
ROW = re.compile(r"^\| (.*?) \| ([\d,]+(?: [KMG]iB)?) \| `(\w+)` in `([\w/.]+)` \| (.*?) \|$", re.M)
TEST = re.compile(r"`([\w/]+\.(?:c|py))`: `(\w+)`")
CONSTANT = re.compile(r"\b([A-Z][A-Z0-9_]*)\s*=[^=]|#define ([A-Z][A-Z0-9_]*)\s")
SPEAKS_OF_LIMITS = re.compile(r"(?:^|_)(?:MAX|LIMIT|LONGEST|LARGEST|DEEPEST|MOST)(?:_|$)")
BARE = re.compile(r"(?:mlcm__buffer_init\([^;]*,|\.max_(?:bytes|depth|values) =)\s*\d{3,}|mlcm__buffer_init\([^;]*<<[^;]*\)")

# Constants that bound nothing that comes from outside, or follow from what is in the page. By reason, then by file.
OTHERS = {
    "a text that the library writes from what was checked already; it always fits": {
        "src/endpoint/state.c": "STATE_MAX",
        "src/gate/gate_json.c": "MAX_JSON_BYTES",
        "src/gate/lint.c": "MAX_OUTPUT_BYTES",
        "src/gate/policy_json.c": "MAX_JSON_BYTES",
        "src/gate/replay_csv.c": "MAX_OUTPUT_BYTES",
        "src/registry/page_token.c": "JSON_MAX LONGEST_ESCAPE",
        "src/registry/search_sql.c": "SQL_BYTES_MAX",
        "src/registry/search_sql.h": "MLCM__TERMS_MAX",
        "src/rollout/commit.c": "EVENT_JSON_MAX",
        "src/rollout/machine.h": "MLCM__REASON_MAX",
        "src/rollout/plan_json.c": "PLAN_JSON_MAX",
        "src/rollout/state_json.c": "STATE_MAX EXPLAIN_MAX",
    },
    "1 GiB of JSON, in the page in words: no test has so much": {
        "src/registry/fsck_report.c": "JSON_MAX",
        "src/registry/snapshot.h": "MLCM__SNAPSHOT_JSON_MAX",
    },
    "gigabytes of an ONNX file, in the page in words": {
        "src/infer/reference/lookup.c": "MAX_KEYS",
        "src/infer/reference/tree.c": "MAX_NODES",
    },
    "a name that the library or the system makes, cut to fit": {
        "src/base/error.c": "LONGEST_PATH",
        "src/metric/keyset.c": "NAME_MAX_BYTES",
        "src/registry/rollouts.h": "MLCM__HOLDER_MAX",
        "src/trust/audit.c": "HOST_MAX",
    },
    "the same as one that is in the page": {
        "src/cli/cmd_gate.c": "POLICY_MAX_BYTES TICKS_MAX_BYTES",
        "src/cli/cmd_list.c": "LIST_MAX",
        "src/cli/cmd_watch.c": "LIST_MAX",
        "src/cli/rollout.h": "PLAN_MAX_BYTES",
        "src/registry/rollouts.h": "MLCM__INTENT_REASON_MAX",
        "src/trust/audit.h": "MLCM__AUDIT_PROOF_MAX",
    },
    "how much is shown or looked at, not how much is taken": {
        "src/base/nearest.c": "LONGEST_WORD",
        "src/cli/cmd_run.c": "MAX_SHOWN",
        "src/registry/fsck_db.c": "ROWS_MAX",
        "src/registry/fsck_repair.c": "NAMED_MAX",
        "src/registry/search.c": "LIMIT_DEFAULT",
        "src/registry/staging.c": "DEPTH_MAX",
    },
    "the range of a number: one outside it is refused like any wrong value": {
        "include/mlcm/gate.h": "MLCM_GATE_MAX_COUNT",
        "src/base/number.c": "LONGEST_NUMBER",
        "src/endpoint/endpoint.c": "MAX_DEADLINE_NS MAX_POLL_NS",
        "src/gate/policy.c": "MAX_COUNT",
        "src/gate/policy_checks.c": "MAX_FAILURES",
        "src/metric/source.h": "MLCM__SOURCE_MAX_AGE_NS",
        "src/rollout/plan.c": "MAX_STEP_NS MAX_TICK_NS",
    },
    "a calculation, a pace, a choice between two ways, or a number of the library's own things": {
        "include/mlcm/base.h": "MLCM_LIMIT",
        "src/base/arena.c": "LARGEST_BLOCK",
        "src/cli/args.c": "MAX_WORDS",
        "src/cli/args.h": "CLI_MAX_OPTIONS",
        "src/endpoint/guard.c": "MAX_SLOTS",
        "src/gate/latency.h": "MLCM__LATENCY_MAX_SHIFT",
        "src/infer/reference/matmul.c": "MAX_PACKED",
        "src/metric/histogram.c": "MAX_RATIO_BUCKETS",
        "src/rollout/sources.c": "LONGEST_WINDOW_TICKS",
    },
}


def number(text):
    digits, _, unit = text.partition(" ")
    return int(digits.replace(",", "")) * UNITS.get(unit, 1)


def definition(name, source):
    found = re.search(rf"(?:\b{name}\s*=|#define {name}\s)\s*([^,;}}\n]*?)\s*(?:/\*|,|;|}}|\n)", source)
    return found.group(1) if found else None


def value_of(name, source, public):
    """The constant's value, or None when it is not defined there by digits, operators and constants of that file or of a public header."""
    text = definition(name, source)
    if text is None:
        return None
    text = re.sub(r"\((?:u?int\d+_t|size_t)\)", "", text)
    text = re.sub(r"U?INT64_C\((\w+)\)", r"\1", text)
    text = re.sub(r"\b[A-Z][A-Z0-9_]+\b", lambda m: definition(m.group(), source) or definition(m.group(), public) or m.group(), text)
    return eval(text, {"__builtins__": {}}) if re.fullmatch(r"[\d\s()*+<-]+", text) else None


def wrong_with_test(cell):
    """What is wrong with "`room/test_x.c`: `name`" ("" for nothing). A fuzz target is no proof: it does not reach the limits."""
    named = TEST.fullmatch(cell.strip())
    if not named:
        return f"names no test by file and name: {cell}"
    file, test = ROOT / "tests" / named.group(1), named.group(2)
    begin = rf"START_TEST\({test}\)" if file.suffix == ".c" else rf"def {test}\("
    return "" if file.exists() and re.search(begin, file.read_text()) else f"there is no test {cell}"


def check_rows(document):
    rows, wrong = ROW.findall(document), []
    wrong += [f"not a row that can be checked: {line}" for line in document.splitlines()
              if line.startswith("| ") and not line.startswith("| what") and not ROW.match(line)]
    public = "".join(path.read_text() for path in sorted((ROOT / "include").rglob("*.h")))
    for what, limit, name, file, shown in rows:
        path = ROOT / file
        value = value_of(name, path.read_text(), public) if path.exists() else None
        if value != number(limit):
            wrong.append(f"{what}: {name} in {file} is {value}, the document says {limit}")
        if why := wrong_with_test(shown):
            wrong.append(f"{what}: {why}")
    return rows, wrong


def check_sources(rows):
    known = {(file, name) for _, _, name, file, _ in rows}
    others = {(file, name) for files in OTHERS.values() for file, names in files.items() for name in names.split()}
    seen, wrong = set(), []
    for path in sorted([*(ROOT / "src").rglob("*.[ch]"), *(ROOT / "include").rglob("*.h")]):
        file, text = str(path.relative_to(ROOT)), path.read_text()
        names = {a or b for a, b in CONSTANT.findall(text)}
        here = {(file, name) for name in names if SPEAKS_OF_LIMITS.search(name)}
        wrong += [f"{file}: {name} is not in docs/limits.md, and not in check_limits.py with a reason" for _, name in sorted(here - known - others)]
        wrong += [f"{file}: a limit without a name: {found.group().strip()}" for found in BARE.finditer(text)]
        seen |= here
    wrong += [f"check_limits.py: {name} is in docs/limits.md and need not be listed" for _, name in sorted(others & known)]
    wrong += [f"check_limits.py: there is no {name} in {file}" for file, name in sorted(others - seen)]
    return wrong


def main():
    rows, wrong = check_rows((ROOT / "docs/limits.md").read_text())
    wrong += check_sources(rows)
    for line in wrong:
        print(line)
    print(f"{len(rows)} limits, {len(wrong)} complaints")
    return bool(wrong) or not rows


sys.exit(main())
