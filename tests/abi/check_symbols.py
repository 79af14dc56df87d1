#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What libmlcm.so shows to the world, against what was agreed.

check_symbols.py LIBRARY STATIC_LIBRARY SOURCE_DIR [--update]

  exported   the dynamic symbols are exactly tests/abi/symbols.txt, and exactly the functions marked MLCM_API in the headers
  needed     it loads the five libraries and libc, nothing else
  state      it has no thread-local storage, and no writable globals but those listed here with their reasons

--update rewrites symbols.txt from the library (a removed symbol is an ABI break: raise the soname).
"""
import pathlib
import re
import subprocess
import sys

NEEDED = re.compile(r"(libcurl|libcjson|libyaml-0|libsqlite3|libcrypto|libc|libm|libpthread)\.so\.\d+")

# Writable objects of the static library that are allowed, each with its reason.
WRITABLE = {
    "curl_once": "libcurl must be initialised once in a process",
    "curl_ready": "what that initialisation answered",
}


def run(*command):
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def exported(library):
    lines = run("nm", "-D", "--defined-only", library).splitlines()
    return sorted({line.split()[-1].split("@")[0] for line in lines} - {"MLCM_0"})


def declared(headers):
    names = set()
    for header in headers.glob("*.h"):
        for match in re.finditer(r"^MLCM_API\b[^;{]*?\b(mlcm_\w+)\s*\(", header.read_text(), re.M):
            names.add(match.group(1))
    return sorted(names)


def differences(title, have, want, more, less):
    extra, missing = sorted(set(have) - set(want)), sorted(set(want) - set(have))
    for name in extra:
        print(f"{title}: {name} {more}")
    for name in missing:
        print(f"{title}: {name} {less}")
    return len(extra) + len(missing)


def wrong_libraries(library):
    names = re.findall(r"\(NEEDED\).*\[(.*?)\]", run("readelf", "-dW", library))
    wrong = [n for n in names if not NEEDED.fullmatch(n)]
    for name in wrong:
        print(f"needed: the library loads {name}")
    return len(wrong)


def state(library, static_library):
    wrong = 0
    if re.search(r"^\s+TLS\s", run("readelf", "-lW", library), re.M):
        print("state: the library has thread-local storage")
        wrong += 1
    for line in run("objdump", "-t", static_library).splitlines():
        match = re.match(r"[0-9a-f]+ .{7} (\.t?data|\.t?bss)(\.(?!rel\.ro)\S+)?\s+([0-9a-f]+)\s+(?:\.hidden )?(\S+)$", line)
        if not match or int(match.group(3), 16) == 0:
            continue
        name = match.group(4).split(".")[0]
        if name not in WRITABLE:
            print(f"state: writable global {match.group(4)} in {match.group(1)}")
            wrong += 1
    return wrong


def main():
    library, static_library, root = sys.argv[1], sys.argv[2], pathlib.Path(sys.argv[3])
    listed = root / "tests/abi/symbols.txt"
    symbols = exported(library)
    if "--update" in sys.argv[4:]:
        listed.write_text("\n".join(symbols) + "\n")
        print(f"{listed}: {len(symbols)} symbols")
        return 0
    strangers = [name for name in symbols if not re.fullmatch(r"mlcm_[a-z0-9][a-z0-9_]*", name)]
    for name in strangers:
        print(f"exported: {name} is not an mlcm_ name")
    wrong = len(strangers)
    wrong += differences("exported", symbols, listed.read_text().split(), "is not in tests/abi/symbols.txt", "is gone")
    wrong += differences("exported", symbols, declared(root / "include/mlcm"), "is in no header", "is declared and not there")
    wrong += wrong_libraries(library) + state(library, static_library)
    print(f"{len(symbols)} symbols, {wrong} complaints")
    return wrong != 0


sys.exit(main())
