/* SPDX-License-Identifier: Apache-2.0
 *
 * half.h - numbers of 16 bits: IEEE half precision (f16) and the upper half of a float (bf16). Needs nothing but the C library,
 * so that the program can be built with a copy of its own.
 */
#ifndef MLCM_BASE_HALF_H
#define MLCM_BASE_HALF_H

#include <stdint.h>

/* Exact. Every NaN becomes the same one. */
double mlcm__f16_to_f64(uint16_t bits);
double mlcm__bf16_to_f64(uint16_t bits);
/* To the nearest, ties to even; what is too large becomes infinite. bf16 rounds by way of a float. */
uint16_t mlcm__f64_to_f16(double value);
uint16_t mlcm__f64_to_bf16(double value);

#endif
