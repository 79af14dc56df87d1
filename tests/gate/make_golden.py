#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Writes data/evalue_golden.csv: log E of the gate's sequential test, computed independently of the C code.

Nothing is shared with src/gate: the definition (Fisher's noncentral hypergeometric law on each tick's 2x2 table, 24 log-spaced
alternatives, equal weights) is evaluated in 60-digit decimal arithmetic. Supports up to 2 million points are summed in full; for
larger ones the window of +-16 standard deviations around each mode is, and the observed point is reached through log gamma.

    ./make_golden.py            # about two minutes; the output is committed, so nobody needs to run it
"""
import csv
import random
from decimal import Decimal as D, getcontext
from pathlib import Path

getcontext().prec = 60
getcontext().Emax = 10**17
getcontext().Emin = -(10**17)
GRID = 24


def alternatives(side):
    first, last = (D("1.05"), D(20)) if side == "fail" else (D("0.95"), D("0.2"))
    step = (last.ln() - first.ln()) / (GRID - 1)
    return [(first.ln() + step * j).exp() for j in range(GRID)]


def support(n_c, n_s, m):
    return max(0, m - n_s), min(m, n_c)


def full_log_pmf(n_c, n_s, m, k, odds):
    low, high = support(n_c, n_s, m)
    coefficient = D(1)
    power = [D(1)] * len(odds)
    total = [D(0)] * len(odds)
    observed = None
    for i in range(low, high + 1):
        for j, rho in enumerate(odds):
            total[j] += coefficient * power[j]
            power[j] *= rho
        if i == k:
            observed = [coefficient * p / rho for p, rho in zip(power, odds)]
        if i < high:
            coefficient = coefficient * ((n_c - i) * (m - i)) / ((i + 1) * (n_s - m + i + 1))
    return [(o / t).ln() for o, t in zip(observed, total)]


def bernoulli(n):
    from fractions import Fraction
    b = [Fraction(0)] * (n + 1)
    a = [Fraction(0)] * (n + 1)
    for i in range(n + 1):
        a[i] = Fraction(1, i + 1)
        for j in range(i, 0, -1):
            a[j - 1] = j * (a[j - 1] - a[j])
        b[i] = a[0]
    return b


BERNOULLI = bernoulli(40)


def log_factorial(n):
    """By Stirling's series after shifting the argument above 200; good to about 55 digits."""
    x = n + 1
    shift = D(0)
    while x < 200:
        shift += D(x).ln()
        x += 1
    x = D(x)
    two_pi = 2 * D("3.14159265358979323846264338327950288419716939937510582097494459230781640628620899863")
    value = (x - D("0.5")) * x.ln() - x + two_pi.ln() / 2
    power = x
    for i in range(1, 20):
        b = BERNOULLI[2 * i]
        value += D(b.numerator) / D(b.denominator) / (2 * i * (2 * i - 1)) / power
        power *= x * x
    return value - shift


def log_term(n_c, n_s, m, i, rho):
    return -(log_factorial(i) + log_factorial(n_c - i) + log_factorial(m - i) + log_factorial(n_s - m + i)) + i * rho.ln()


def window_log_pmf(n_c, n_s, m, k, odds):
    low, high = support(n_c, n_s, m)
    out = []
    for rho in odds:
        a, b = low, high
        while a < b:
            mid = (a + b) // 2
            if D((n_c - mid) * (m - mid)) * rho >= (mid + 1) * (n_s - m + mid + 1):
                a = mid + 1
            else:
                b = mid
        mode = a
        cells = [max(1, c) for c in (mode, n_c - mode, m - mode, n_s - m + mode)]
        reach = int(16 * (1 / sum(1 / c for c in cells)) ** 0.5) + 200
        total = t = D(1)
        for i in range(mode, min(high, mode + reach)):
            t = t * ((n_c - i) * (m - i)) / ((i + 1) * (n_s - m + i + 1)) * rho
            total += t
        t = D(1)
        for i in range(mode, max(low, mode - reach), -1):
            t = t * (i * (n_s - m + i)) / ((n_c - i + 1) * (m - i + 1)) / rho
            total += t
        out.append(log_term(n_c, n_s, m, k, rho) - log_term(n_c, n_s, m, mode, rho) - total.ln())
    return out


class Evidence:
    def __init__(self, side, margin):
        margin = D(repr(margin))
        self.odds = [margin] + [margin * g for g in alternatives(side)]
        self.log_l = [D(0)] * GRID

    def add(self, n_c, e_c, n_s, e_s):
        m = e_c + e_s
        if n_c == 0 or n_s == 0 or m == 0:
            return
        low, high = support(n_c, n_s, m)
        pmf = full_log_pmf if high - low <= 2_000_000 else window_log_pmf
        p = pmf(n_c, n_s, m, e_c, self.odds)
        for j in range(GRID):
            self.log_l[j] += p[1 + j] - p[0]

    def log_e(self):
        top = max(self.log_l)
        return top + sum((x - top).exp() for x in self.log_l).ln() - D(GRID).ln()


def poisson(rng, mean):
    from math import exp, sqrt
    if mean > 50:
        return max(0, round(rng.gauss(mean, sqrt(mean))))
    limit, k, p = exp(-mean), 0, rng.random()
    while p > limit:
        p *= rng.random()
        k += 1
    return k


def sequences():
    rng = random.Random(3)
    for name, n, weight, base, ratio, ticks in [
        ("steady", 2000, 0.05, 0.01, 1.0, 40), ("tenfold", 2000, 0.05, 0.01, 10.0, 8), ("half", 2000, 0.5, 0.01, 1.5, 40),
        ("sparse", 200, 0.1, 0.001, 3.0, 60), ("errors", 300, 0.25, 0.9, 1.05, 20), ("busy", 200000, 0.05, 0.02, 1.1, 6),
    ]:
        rows = []
        for _ in range(ticks):
            n_c = min(n, poisson(rng, n * weight))
            n_s = n - n_c
            e_c = min(n_c, poisson(rng, n_c * min(1, base * ratio)))
            e_s = min(n_s, poisson(rng, n_s * base))
            rows.append((n_c, e_c, n_s, e_s))
        yield name, rows
    yield "ones", [(1, 0, 1, 1), (1, 1, 1, 0), (1, 1, 1, 1), (1, 0, 1, 0), (0, 0, 5, 2), (5, 2, 0, 0), (2, 1, 1, 1)]


SINGLES = [
    (100, 5, 1900, 20), (100, 100, 1900, 1900), (100, 0, 1900, 0), (100, 100, 1900, 0), (100, 0, 1900, 1900), (1900, 100, 100, 5),
    (1900, 0, 100, 100), (1, 1, 1_000_000, 0), (1, 0, 1_000_000, 10), (1_000_000, 10, 1, 0), (1_000_000, 10, 1, 1),
    (600, 300, 600, 250), (600, 0, 600, 600), (600, 600, 600, 0), (2000, 1000, 2000, 1000), (2000, 30, 198000, 2100),
    (5000, 4990, 5000, 4000), (100000, 1000, 100000, 1000), (100000, 2500, 100000, 1000), (100000, 0, 100000, 5000),
    (100000, 99999, 100000, 99000), (50, 3, 1_000_000, 40_000), (1_000_000, 40_000, 50, 3), (1_000_000, 500_000, 1_000_000, 499_000),
    (1_000_000, 10_000, 19_000_000, 190_000), (1_000_000, 0, 1_000_000, 1_000_000), (700, 700, 1_000_000_000, 10),
    (10_000, 0, 10_000_000_000, 10_000),
]
HUGE = [
    (10**9, 10**7, 19 * 10**9, 19 * 10**7 + 5000), (10**9, 5 * 10**8, 10**9, 5 * 10**8 + 10**5), (3 * 10**9, 10**6, 10**9, 10**7),
    (10**12, 10**7 + 12345, 10**12, 10**7),
]


def main():
    path = Path(__file__).resolve().parent / "data" / "evalue_golden.csv"
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as f:
        out = csv.writer(f, lineterminator="\n")
        out.writerow("case side margin candidate_n candidate_bad stable_n stable_bad log_e".split())
        cases = list(sequences()) + [(f"one-{i}", [row]) for i, row in enumerate(SINGLES)]
        cases += [(f"huge-{i}", [row]) for i, row in enumerate(HUGE)]
        for name, rows in cases:
            for side, margins in (("fail", (1.0, 1.25, 2.0)), ("pass", (1.25, 1.5))):
                if rows[0][0] * 2 > 10**6 or len(rows) > 5:
                    margins = margins[-1:] if name.startswith("one") else margins[:1] if name.startswith("huge") else margins
                for margin in margins:
                    evidence = Evidence(side, margin)
                    for row in rows:
                        evidence.add(*row)
                        value = evidence.log_e()
                        out.writerow([name, side, repr(margin), *row, f"{value:.25e}"])
            print(name, flush=True)


if __name__ == "__main__":
    main()
