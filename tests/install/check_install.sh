#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Installs the build into a folder of its own and builds small programs against that: by pkg-config and by find_package, in C and
# C++, shared and static. Then moves the folder and does it again: an installed tree can be moved.
#   check_install.sh BUILD_DIR SOURCE_DIR WORK_DIR CC CXX
set -euo pipefail
build=$1 source=$2 work=$3 cc=$4 cxx=$5

rm -rf "$work"
mkdir -p "$work"
cd "$work"
cmake --install "$build" --prefix "$work/first" >install.log
fail() { echo "check_install: $*" >&2; exit 1; }

# Only what the list says goes into whose environment: -I, -L and -l.
flags() { PKG_CONFIG_LIBDIR=$(dirname "$1") pkg-config "${@:2}" mlcm; }

check() {
  local prefix=$1 pc
  pc=$(find "$prefix" -name mlcm.pc)
  [[ -n $pc ]] || fail "no mlcm.pc in $prefix"
  local libdir=${pc%/pkgconfig/mlcm.pc}
  for flag in $(flags "$pc" --static --cflags --libs); do
    [[ $flag == -[ILl]* || $flag == -pthread ]] || fail "mlcm.pc gives '$flag'; only -I, -L and -l are for a user's command line"
  done
  local strict=(-Wall -Wextra -pedantic -Werror)
  # shellcheck disable=SC2046 # the flags are words
  {
    "$cc" -std=c11 "${strict[@]}" "$source/tests/install/ten_lines.c" $(flags "$pc" --cflags --libs) -o c_shared
    "$cxx" -std=c++17 "${strict[@]}" "$source/tests/install/ten_lines.cpp" $(flags "$pc" --cflags --libs) -o cpp_shared
    "$cc" -std=c11 "${strict[@]}" "$source/tests/install/ten_lines.c" $(flags "$pc" --cflags) "$libdir/libmlcm.a" \
      $(flags "$pc" --static --libs | sed 's/-lmlcm //') -o c_static
  }
  readelf -d c_static | grep -q 'NEEDED.*libmlcm' && fail "the static program loads libmlcm.so"
  for program in c_shared cpp_shared; do LD_LIBRARY_PATH=$libdir "./$program" registry; done
  ./c_static registry

  rm -rf user
  cmake -S "$source/tests/install/find_package" -B user -DCMAKE_PREFIX_PATH="$prefix" -DCMAKE_C_COMPILER="$cc" -DCMAKE_CXX_COMPILER="$cxx" >user.log
  cmake --build user >>user.log
  for program in c_mlcm cpp_mlcm c_mlcm_static cpp_mlcm_static; do "./user/$program" registry; done

  "$prefix/bin/mlcm" --version # finds its library beside itself
}

check "$work/first"
mv first second
check "$work/second"
echo "check_install: ok"
