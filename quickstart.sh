#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what it needs, builds, and takes three versions of a digit classifier through their lives: one serves, a better one is
# promoted by a canary, a silently worse one is rolled back by itself. On a terminal you see it move.
set -euo pipefail
cd "$(dirname "$0")"

[[ -n ${LC_ALL:-}${LC_CTYPE:-}${LANG:-} ]] || export LC_ALL=C.UTF-8 # a bare machine: its terminal can draw a tree all the same

bold='' plain=''
[[ ! -t 1 || -n ${NO_COLOR:-} ]] || bold=$'\033[1m' plain=$'\033[0m'
say() { printf '\n%s%s%s\n' "$bold" "$*" "$plain"; }
fail() { echo "quickstart: failed: $*" >&2; exit 1; }
# run ARGUMENTS...: shows the command as one would type it, and runs it.
run() {
  printf '$ mlcm'
  local word
  for word; do [[ $word == *[[:space:]]* ]] && printf " '%s'" "$word" || printf ' %s' "$word"; done
  echo
  mlcm "$@" --quiet
}
# number KEY JSON: the value of a whole number in a line of JSON.
number() { sed -n "s/.*\"$1\":\([0-9][0-9]*\).*/\1/p" <<<"$2"; }
# On a terminal the build's last line, in place; elsewhere nothing.
build_progress() {
  local line
  while IFS= read -r line; do
    [[ ! -t 1 || $line != \[* ]] || printf '\r\033[K%s' "${line:0:70}"
  done
  [[ ! -t 1 ]] || printf '\r\033[K'
}

build=$PWD/build/quickstart
data=examples/digits
say "Building (a minute or two; the rest takes half a minute)"
scripts/setup.sh build
mkdir -p "$build"
if ! { cmake -S . -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=RelWithDebInfo -DMLCM_TESTS=OFF -DMLCM_BENCH=OFF -DMLCM_EXAMPLES=ON &&
       cmake --build "$build"; } 2>&1 | tee "$build/build.log" | build_progress; then
  tail -n 40 "$build/build.log" | cut -c1-400 >&2
  fail "the build, see $build/build.log"
fi
echo "built $build/bin/mlcm"
export PATH=$build/bin:$PATH
export MLCM_REGISTRY=$build/registry
rm -rf "$MLCM_REGISTRY"

service=
cleanup() { [[ -z $service ]] || kill "$service" 2>/dev/null || true; }
trap cleanup EXIT

say "1. Version 1 serves, in a process of its own, under the alias champion"
run init
run register digits $data/digits-1.onnx --alias champion --tag team=vision --reason 'first try'
run run digits@champion --input $data/traffic.csv --without digit --limit 3 --output label
rm -f "$build/stop" && mkfifo "$build/stop"
digits-service "$MLCM_REGISTRY" $data/traffic.csv 10000 <"$build/stop" >"$build/service.json" 2>"$build/service.log" &
service=$!
exec 3>"$build/stop" # closing it ends the service
echo "digits-service answers from 4 threads now; what was right it learns later"

# rollout VERSION: starts it from the plan and watches until it has ended; the exit status says how.
rollout() {
  sed "s/@VERSION@/$1/" $data/plan.yaml >"$build/plan-$1.yaml"
  run rollout start "$build/plan-$1.yaml"
  kill -0 "$service" 2>/dev/null || { cat "$build/service.log" >&2; fail "the service ended"; }
  run rollout watch digits --timeout 400
}

say "2. Version 2 is better: a canary, step by step, to promotion"
run register digits $data/digits-2.onnx --parent digits/1 --reason 'a small neural network'
status=0
rollout 2 || status=$?
[[ $status == 0 ]] || fail "version 2 was not promoted (exit status $status)"

say "3. Version 3 answers fast, raises no error and is worse: rolled back by itself"
run register digits $data/digits-3.onnx --parent digits/2 --reason 'new export pipeline'
status=0
rollout 3 || status=$?
[[ $status == 5 ]] || fail "version 3 was not rolled back (exit status $status)"
run rollout explain digits

exec 3>&- # the service ends and says what it did
wait "$service" || { cat "$build/service.log" >&2; fail "the service"; }
service=
summary=$(<"$build/service.json")
requests=$(number requests "$summary") dropped=$(number dropped "$summary")

say "4. Every decision again from its evidence; the audit log"
replayed=0 identical=0
for id in 1 2; do
  run rollout replay digits --rollout $id
  report=$(mlcm rollout replay digits --rollout $id --json)
  replayed=$((replayed + $(number decisions "$report"))) identical=$((identical + $(number identical "$report")))
done
run audit verify
run alias history digits champion
statuses=$(mlcm rollout list digits | cut -f5)
promoted=$(grep -cx promoted <<<"$statuses" || true)
rolled_back=$(grep -cx 'rolled back' <<<"$statuses" || true)
versions=$(mlcm list digits | wc -l)

[[ $versions == 3 && $promoted == 1 && $rolled_back == 1 ]] || fail "versions=$versions promoted=$promoted rolled_back=$rolled_back"
((requests >= 10000)) || fail "only $requests requests"
[[ $dropped == 0 ]] || { cat "$build/service.log" >&2; fail "$dropped requests got no good answer"; }
((replayed > 0 && replayed == identical)) || fail "$identical of $replayed decisions were the same on replay"

say "What to type next"
cat <<NEXT
  export MLCM_REGISTRY=$MLCM_REGISTRY
  export PATH=$build/bin:\$PATH
  mlcm help                            all commands
  mlcm show digits@champion            what serves, and all that is known of it
  mlcm rollout explain digits          why version 3 was rolled back
  mlcm log                             everything that happened
  less $PWD/examples/digits/service.c
  less $PWD/README.md
NEXT
echo
echo "quickstart: ok versions=$versions promoted=$promoted rolled_back=$rolled_back requests=$requests dropped=$dropped replayed=$replayed identical=$identical"
