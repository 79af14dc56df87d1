#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs what building (and with "test" also testing) libmlcm needs from the distribution. Does nothing when all is there.
#   scripts/setup.sh build|test
set -euo pipefail

build=(gcc libc6-dev make cmake ninja-build pkg-config
       libcurl4-openssl-dev libcjson-dev libyaml-dev libsqlite3-dev libssl-dev)
test=(g++ clang check python3 python3-venv git prometheus libonnx-testdata binutils procps)

case ${1:-} in
  build) packages=("${build[@]}") ;;
  test) packages=("${build[@]}" "${test[@]}") ;;
  *) echo "usage: scripts/setup.sh build|test" >&2; exit 2 ;;
esac

missing=()
for package in "${packages[@]}"; do
  [[ $(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null) == installed ]] || missing+=("$package")
done
if [[ $1 == test ]] && command -v clang >/dev/null; then
  # The sanitizer and fuzzer run-time of clang is a package of its own, named after clang's version.
  major=$(clang -dumpversion | cut -d. -f1)
  [[ $(dpkg-query -W -f='${db:Status-Status}' "libclang-rt-$major-dev" 2>/dev/null) == installed ]] || missing+=("libclang-rt-$major-dev")
fi
((${#missing[@]})) || exit 0

as_root=()
if ((EUID != 0)); then
  command -v sudo >/dev/null || { echo "setup: run this as root, or install: ${missing[*]}" >&2; exit 1; }
  as_root=(sudo)
fi
command -v apt-get >/dev/null || { echo "setup: this is not Debian or Ubuntu; please install: ${missing[*]}" >&2; exit 1; }
echo "setup: installing ${missing[*]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
if ! { "${as_root[@]}" apt-get update -qq &&
       "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } >"$log" 2>&1 </dev/null; then
  tail -n 20 "$log" >&2
  echo "setup: apt-get failed, see above" >&2
  exit 1
fi
# clang itself may just have come: its run-time is asked for by version.
if [[ $1 == test ]]; then exec "$0" test; fi
