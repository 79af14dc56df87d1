#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what it needs, builds and runs the tests.
#   ./test.sh            everything: gcc and clang, release, ASan+UBSan, TSan
#   ./test.sh --quick    one build, all its tests: what to run before a commit
#   ./test.sh --soak [SECONDS]   crashes, faults, kills, simulations and fuzzing for so long (an hour), and their table
#   ./test.sh --coverage which lines and branches the tests take, against the committed floor (tests/coverage.txt)
set -euo pipefail
cd "$(dirname "$0")"

mode=full
case ${1:-} in
  "") ;;
  --quick) mode=quick ;;
  --coverage) mode=coverage ;;
  --soak) mode=soak; soak_seconds=${2:-3600}
          [[ $soak_seconds =~ ^[1-9][0-9]*$ ]] || { echo "--soak wants seconds, not '$soak_seconds'" >&2; exit 2; } ;;
  *) sed -n '3,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
esac

started=$SECONDS
note() { printf '\n== %s (%d s)\n' "$*" "$((SECONDS - started))"; }

note "set-up"
scripts/setup.sh test
venv=$PWD/build/venv
if ! cmp -s tests/requirements.txt "$venv/installed.txt"; then
  rm -rf "$venv"
  mkdir -p build
  python3 -m venv "$venv"
  "$venv/bin/pip" install -q --disable-pip-version-check -r tests/requirements.txt
  cp tests/requirements.txt "$venv/installed.txt"
fi

jobs=$(nproc)
# check PRESET BUILD_FOLDER CTEST_ARGS... -- CMAKE_ARGS...: configures, builds and tests one variant.
check() {
  local preset=$1 dir=build/$2; shift 2
  local ctest_args=()
  while [[ $# -gt 0 && $1 != -- ]]; do ctest_args+=("$1"); shift; done
  shift || true
  note "$preset in $dir"
  cmake --preset "$preset" -B "$dir" -DMLCM_WERROR=ON -DMLCM_VENV_PYTHON="$venv/bin/python" "$@" >"$dir.log" 2>&1 || { cat "$dir.log"; return 1; }
  cmake --build "$dir" -j "$jobs" >"$dir.log" 2>&1 || { tail -n 60 "$dir.log" | cut -c1-400; return 1; }
  ctest --preset "$preset" --test-dir "$dir" -j "$jobs" "${ctest_args[@]}"
}

# build_only PRESET BUILD_FOLDER TARGETS...: configures one variant and builds some of it.
build_only() {
  local preset=$1 dir=build/$2; shift 2
  note "$preset in $dir"
  cmake --preset "$preset" -B "$dir" -DMLCM_BENCH=OFF >"$dir.log" 2>&1 || { cat "$dir.log"; return 1; }
  cmake --build "$dir" -j "$jobs" --target "$@" >"$dir.log" 2>&1 || { tail -n 60 "$dir.log" | cut -c1-400; return 1; }
}

if [[ $mode == soak ]]; then
  build_only release soak soak_programs
  build_only fuzz fuzz fuzzers
  note "soak for $soak_seconds s"
  exec python3 tests/fault/soak.py build/soak build/fuzz "$soak_seconds"
fi

if [[ $mode == coverage ]]; then
  note "coverage in build/coverage"
  cmake --preset coverage -DMLCM_VENV_PYTHON="$venv/bin/python" >build/coverage.log 2>&1 || { cat build/coverage.log; exit 1; }
  cmake --build build/coverage -j "$jobs" >build/coverage.log 2>&1 || { tail -n 60 build/coverage.log | cut -c1-400; exit 1; }
  exec cmake --build build/coverage --target coverage
fi

if [[ $mode == full ]]; then
  # In memory, where there is enough: fault loops sync thousands of times. --quick runs on the real disk.
  if [[ $(df --output=avail -k /dev/shm 2>/dev/null | tail -n 1) -gt 2000000 ]]; then
    scratch=$(mktemp -d /dev/shm/mlcm-test-XXXXXX)
    chmod 755 "$scratch" # some tests become another user
    trap 'rm -rf "$scratch"' EXIT
    export TMPDIR=$scratch
  fi
  # Sanitized builds leave out what starts servers or measures: the release build runs that.
  check asan asan -LE 'slow|server|build' -- -DMLCM_BENCH=OFF
  check tsan tsan -L threads -- -DMLCM_BENCH=OFF
  check dev clang -LE 'slow|server|build' -- -DCMAKE_C_COMPILER=clang -DCMAKE_CXX_COMPILER=clang++ -DMLCM_BENCH=OFF
fi
check release release
