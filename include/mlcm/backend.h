/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/backend.h - what a backend (CPU reference, CUDA, ...) implements: one append-only table of functions.
 */
#ifndef MLCM_BACKEND_H
#define MLCM_BACKEND_H

#include <mlcm/base.h>
#include <mlcm/infer.h>

#endif
