#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Measures ours against the other side of each bar in one run, prints one table and writes build/bench.json.
#   ./bench.sh [NAME...]   only the programs tests/bench/bench_NAME.c
set -euo pipefail
cd "$(dirname "$0")"

scripts/setup.sh test
build=build/bench
mkdir -p "$build"
if ! { cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMLCM_TESTS=OFF -DMLCM_BENCH=ON &&
       cmake --build "$build"; } >"$build/build.log" 2>&1; then
  tail -n 40 "$build/build.log" | cut -c1-400 >&2
  exit 1
fi

programs=()
if (($#)); then for name in "$@"; do programs+=("$build/bin/bench_$name"); done
else programs=("$build"/bin/bench_*); fi
lines=$build/lines.json
: >"$lines"
for program in "${programs[@]}"; do
  [[ -t 2 ]] && printf '\r\033[K%s ...' "$(basename "$program")" >&2
  "$program" >>"$lines"
done
[[ -t 2 ]] && printf '\r\033[K' >&2

python3 - "$lines" build/bench.json <<'PY'
import json, sys

bars = [json.loads(line) for line in open(sys.argv[1]) if line.startswith("{")]
json.dump(bars, open(sys.argv[2], "w"), indent=1)


def text(value):
    return "-" if value is None else f"{value:,.4g}" if abs(value) < 1e6 else f"{value:,.0f}"


rows = [("what", "unit", "ours", "theirs", "ratio", "goal", "")]
rows += [(b["name"], b["unit"], text(b["ours"]), text(b["theirs"]), text(b["ratio"]), str(b["goal"]), "ok" if b["ok"] else "MISSED")
         for b in bars]
widths = [max(len(r[i]) for r in rows) for i in range(len(rows[0]))]
for r in rows:
    print("  ".join(c.ljust(w) if i in (0, 1, 5, 6) else c.rjust(w) for i, (c, w) in enumerate(zip(r, widths))).rstrip())
print(f"\n{sum(b['ok'] for b in bars)} of {len(bars)} bars met; figures are of this run and machine, in build/bench.json")
PY
