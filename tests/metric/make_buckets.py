#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Computes the bucket boundaries of src/metric/histogram.c a second way and writes tests/metric/buckets.h.

Everything here is exact: an integer number of nanoseconds n lies above 2^(k/32) seconds if and only if
n^32 > 2^k * (10^9)^32, which Python's integers decide without rounding. Run `make_buckets.py --check` to compare the
committed header with a fresh one.
"""
import sys
from decimal import Decimal, getcontext
from pathlib import Path

getcontext().prec = 80
HEADER = Path(__file__).with_name("buckets.h")
FIRST, LAST = -640, 320  # the ends of the 960 buckets are 2^(k/32) s for k = -640 .. 320


def above(n, k):
    """Whether n nanoseconds are more than 2^(k/32) seconds."""
    left, right = n**32, (10**9) ** 32
    return left << -k > right if k < 0 else left > right << k


def last_at_or_below(k):
    """The largest whole number of nanoseconds that is not above 2^(k/32) seconds."""
    n = int(Decimal(2) ** (Decimal(k) / 32) * 10**9)
    while above(n, k):
        n -= 1
    while not above(n + 1, k):
        n += 1
    return n


def text():
    lines = [
        "/* SPDX-License-Identifier: Apache-2.0",
        " *",
        " * buckets.h - written by make_buckets.py, which computes it with exact integers; do not edit.",
        " */",
        "#ifndef MLCM_TESTS_BUCKETS_H",
        "#define MLCM_TESTS_BUCKETS_H",
        "",
        "#include <stdint.h>",
        "",
        "/* [k + 640]: 2^(k/32) s rounded to the nearest double, and the longest whole number of nanoseconds not above it. */",
        "static const struct {",
        "  double upper;",
        "  int64_t last_ns;",
        f"}} exact_bucket_end[{LAST - FIRST + 1}] = {{",
    ]
    for k in range(FIRST, LAST + 1):
        upper = float(Decimal(2) ** (Decimal(k) / 32))
        lines.append(f"    {{{upper.hex()}, INT64_C({last_at_or_below(k)})}},")
    lines += ["};", "", "#endif", ""]
    return "\n".join(lines)


def main():
    fresh = text()
    if "--check" in sys.argv[1:]:
        if HEADER.read_text() != fresh:
            sys.exit(f"{HEADER.name} is not what make_buckets.py writes")
        return
    HEADER.write_text(fresh)


if __name__ == "__main__":
    main()
