#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Freezes the layout of every public struct: tests/abi/test_layout.c asserts sizes and offsets, and calls each _init function.

make_layout.py COMPILER SOURCE_DIR            fails when test_layout.c is not what the headers give: a member moved, came or went
make_layout.py COMPILER SOURCE_DIR --update   writes it (appending at the tail of a struct with struct_size is no break; all else is)
"""
import pathlib
import re
import subprocess
import sys
import tempfile

HEAD = """/* SPDX-License-Identifier: Apache-2.0
 *
 * test_layout.c - the frozen layout of every public struct, and what each _init function sets. Made by make_layout.py from the
 * headers; do not edit. A program compiled against an older header must find everything where it was.
 */
#include <string.h>

#include <mlcm/mlcm.h>

#include "support/suite.h"

#if UINTPTR_MAX == UINT64_MAX
#define SIZE(type, bytes) _Static_assert(sizeof(type) == (bytes), #type " changed its size")
#define AT(type, member, bytes) _Static_assert(offsetof(type, member) == (bytes), #type "." #member " moved")
"""

INIT = """
/* Fills with rubbish, sets up, and expects struct_size and zeros in all that the caller knows, and nothing beyond. */
#define INIT_TEST(type, init)                                                                                                      \\
  START_TEST(init##_sets_the_size_and_zeros) {                                                                                     \\
    struct {                                                                                                                       \\
      type options;                                                                                                                \\
      unsigned char beyond[16];                                                                                                    \\
    } have, want;                                                                                                                  \\
    memset(&have, 0xA5, sizeof have);                                                                                              \\
    memset(&want, 0xA5, sizeof want);                                                                                              \\
    memset(&want.options, 0, sizeof want.options);                                                                                 \\
    want.options.struct_size = sizeof want.options;                                                                                \\
    init(&have.options, sizeof have.options);                                                                                      \\
    ck_assert_mem_eq(&have, &want, sizeof have.options);                                                                           \\
    ck_assert_mem_eq(have.beyond, want.beyond, sizeof have.beyond);                                                                \\
  }                                                                                                                                \\
  END_TEST

/* The initialiser in capitals gives the same. */
#define MACRO_TEST(type, macro, init)                                                                                              \\
  START_TEST(macro##_is_##init) {                                                                                                  \\
    static const type have = macro;                                                                                                \\
    type want;                                                                                                                     \\
    init(&want, sizeof want);                                                                                                      \\
    ck_assert_mem_eq(&have, &want, sizeof have);                                                                                   \\
  }                                                                                                                                \\
  END_TEST
"""


def without_comments(text):
    return re.sub(r"/\*.*?\*/|//[^\n]*", " ", text, flags=re.S)


def members(body):
    """Names in order. A member is what a ';' ends: 'int64_t a, b[4]' or a pointer to a function."""
    names = []
    for part in body.split(";"):
        part = part.strip()
        pointer = re.match(r"[\w\s*]+\(\s*\*\s*(?:const\s+)?(\w+)\s*\)\s*\(", part)
        if pointer:
            names.append(pointer.group(1))
        elif part:
            names += [re.search(r"(\w+)\s*(?:\[[^\]]*\]\s*)*$", piece).group(1) for piece in part.split(",")]
    return names


def structs(headers):
    found = []
    for header in headers:
        for match in re.finditer(r"\bstruct\s+(mlcm_\w+)\s*\{([^{}]*)\}", without_comments(header.read_text())):
            found.append((header.name, match.group(1), members(match.group(2))))
    return found


def inits(headers):
    found = []
    for header in headers:
        found += re.findall(r"\bvoid\s+(mlcm_\w+_init)\s*\(\s*(mlcm_\w+)\s*\*\s*\w+\s*,\s*size_t\b", without_comments(header.read_text()))
    return found


def macros(headers):
    found = []
    for header in headers:
        text = re.sub(r"\\\n", " ", without_comments(header.read_text()))
        found += re.findall(r"#define\s+(MLCM_\w+_INIT)\s*\{\s*sizeof\s*\((mlcm_\w+)\)", text)
    return found


def measure(compiler, root, found):
    """Asks the compiler for all numbers at once."""
    lines = ["#include <stdio.h>", "#include <mlcm/mlcm.h>", "int main(void) {"]
    for _, name, names in found:
        lines.append(f'  printf("%zu\\n", sizeof({name}));')
        lines += [f'  printf("%zu\\n", offsetof({name}, {m}));' for m in names]
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder, "p.c"), pathlib.Path(folder, "p")
        source.write_text("\n".join([*lines, "  return 0;", "}"]))
        subprocess.run([compiler, "-std=c11", f"-I{root / 'include'}", source, "-o", program], check=True)
        return iter(subprocess.run([program], check=True, capture_output=True, text=True).stdout.split())


def generate(compiler, root):
    headers = sorted((root / "include/mlcm").glob("*.h"))
    found, functions = structs(headers), inits(headers)
    numbers = measure(compiler, root, found)
    out, last = [HEAD], None
    for header, name, names in found:
        out.append(f"\n/* ---- mlcm/{header} */\n" if header != last else "")
        last = header
        out.append(f"SIZE({name}, {next(numbers)});")
        out += [f"AT({name}, {m}, {next(numbers)});" for m in names]
    out.append("#endif")
    out.append(INIT)
    out += [f"INIT_TEST({kind}, {function})" for function, kind in functions]
    tests = [f"{function}_sets_the_size_and_zeros" for function, _ in functions]
    init_of = {kind: function for function, kind in functions}
    for macro, kind in macros(headers):
        out.append(f"MACRO_TEST({kind}, {macro}, {init_of[kind]})")
        tests.append(f"{macro}_is_{init_of[kind]}")
    table = ",\n                          ".join(tests)
    out.append(f'\nint main(void) {{\n  const TTest *tests[] = {{{table}}};\n  return TEST_RUN("abi_layout", tests);\n}}\n')
    return "\n".join(out), len(found), len(functions)


def main():
    compiler, root = sys.argv[1], pathlib.Path(sys.argv[2])
    text, n_structs, n_inits = generate(compiler, root)
    committed = root / "tests/abi/test_layout.c"
    print(f"{n_structs} structs, {n_inits} _init functions")
    if "--update" in sys.argv[3:]:
        committed.write_text(text)
        return 0
    have = committed.read_text() if committed.exists() else ""
    for line in sorted(set(have.splitlines()) - set(text.splitlines())):
        print(f"frozen, but not so any more: {line}")
    for line in sorted(set(text.splitlines()) - set(have.splitlines())):
        print(f"new, not yet frozen: {line}")
    return have != text


sys.exit(main())
