/* SPDX-License-Identifier: Apache-2.0
 *
 * math.h - exp and log made of + - * / and integer shifts only, so that every machine and compiler gives the same bits.
 *
 * libm differs between machines (FMA variants, vendor versions); evidence and routing must not. With IEEE 754 doubles and
 * -ffp-contract=off each function here is a fixed sequence of correctly rounded operations. Error: below 1 ulp for exp and log,
 * below 2 ulp for log1p (tests/gate/test_math.c compares with long double).
 */
#ifndef MLCM_GATE_MATH_H
#define MLCM_GATE_MATH_H

#include <stddef.h>

/* e^x; 0 below about -745.13, infinity above about 709.78; NaN for NaN. */
double mlcm__math_exp(double x);

/* Natural logarithm; -infinity at 0, NaN below 0 and for NaN, infinity at infinity. */
double mlcm__math_log(double x);

/* log(1 + x), accurate near 0; -infinity at -1, NaN below. */
double mlcm__math_log1p(double x);

/* log of the sum of e^x[i], i = 0 .. n-1, added in that order; -infinity for n = 0. */
double mlcm__math_logsumexp(const double *x, size_t n);

#endif
