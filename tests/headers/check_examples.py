#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles the example at the top of each public header and the C blocks of the README.

check_examples.py COMPILER SOURCE_DIR

An example that is not a function of its own is put into one, whose parameters are the names that the words around it explain.
"""
import pathlib
import re
import subprocess
import sys

# What an example that is only statements may count on.
GIVEN = {
    "gate.h": "mlcm_context *ctx, int64_t now_ns, mlcm_error *err",
    "infer.h": "mlcm_context *ctx, const void *bytes, size_t n_bytes, const float *pixels, mlcm_error err",
    "metric.h": "mlcm_context *ctx, mlcm_error err",
    "registry.h": "mlcm_context *ctx, mlcm_error err",
    "trust.h": "mlcm_registry *reg, mlcm_error err",
}
NO_EXAMPLE = {"mlcm.h"}  # the umbrella
FLAGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-Wno-unused", "-Wno-unused-parameter", "-Wno-missing-field-initializers", "-fsyntax-only", "-x", "c", "-"]
PREAMBLE = "#include <inttypes.h>\n#include <stdio.h>\n#include <string.h>\n#include <mlcm/mlcm.h>\n"


def header_example(text):
    """The first block of the opening comment that is indented by three blanks."""
    comment = text[: text.index("*/")]
    lines, started = [], False
    for line in comment.splitlines():
        indented = re.match(r" \*   (.*)", line)
        if indented:
            lines.append(indented.group(1))
            started = True
        elif started and line.strip() == "*":
            break
    return "\n".join(lines)


def as_program(name, code):
    is_function = re.match(r"(static |int |#include|mlcm_status \w+\()[^=;]*[({<]", code)
    if is_function:
        return PREAMBLE + code + "\n"
    if name not in GIVEN:
        sys.exit(f"{name}: the example is only statements; say in GIVEN what they may count on")
    return f"{PREAMBLE}static int example({GIVEN[name]}) {{\n{code}\nreturn 0;\n}}\n"


def main():
    compiler, root = sys.argv[1], pathlib.Path(sys.argv[2])
    examples = []
    for header in sorted((root / "include/mlcm").glob("*.h")):
        if header.name in NO_EXAMPLE:
            continue
        code = header_example(header.read_text())
        if not code:
            sys.exit(f"{header}: no example at the top")
        examples.append((header.name, code))
    for n, block in enumerate(re.findall(r"```c\n(.*?)```", (root / "README.md").read_text(), re.S), 1):
        examples.append((f"README.md, block {n}", block))
    failed = 0
    for name, code in examples:
        program = as_program(name, code)
        done = subprocess.run([compiler, f"-I{root / 'include'}", *FLAGS], input=program, text=True, capture_output=True)
        if done.returncode:
            failed += 1
            print(f"{name}: the example does not compile\n{done.stderr}")
    print(f"{len(examples)} examples, {failed} do not compile")
    return failed != 0


sys.exit(main())
