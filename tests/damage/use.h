/* SPDX-License-Identifier: Apache-2.0
 *
 * use.h - everything that is read from, and a little of what is done with, a registry that may be damaged.
 */
#ifndef MLCM_TESTS_DAMAGE_USE_H
#define MLCM_TESTS_DAMAGE_USE_H

#include <stdbool.h>
#include <stddef.h>

#include <mlcm/mlcm.h>

/* Each call must answer MLCM_OK or an error with a message, and bytes handed out must have the digest that is said of them.
 * `false`: one did not, `why` says which. */
bool use_registry(mlcm_context *ctx, const char *dir, char *why, size_t why_bytes);

#endif
