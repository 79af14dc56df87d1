/* SPDX-License-Identifier: Apache-2.0
 *
 * digest.h - SHA-256 as text: bare hex, as columns hold it, or with "sha256:" before it, as details and audit entries do.
 */
#ifndef MLCM_REGISTRY_DIGEST_H
#define MLCM_REGISTRY_DIGEST_H

#include "base/hash.h"

enum { MLCM__DIGEST_PREFIX = 7, MLCM__DIGEST_TEXT = MLCM__DIGEST_PREFIX + MLCM__SHA256_HEX };

/* 64 hex digits of these bytes. */
mlcm_status mlcm__hex_of(const void *data, size_t len, char out[MLCM__SHA256_HEX + 1], mlcm_error *err);
/* "sha256:" and 64 hex digits of these bytes. */
mlcm_status mlcm__digest_of(const void *data, size_t len, char out[MLCM__DIGEST_TEXT + 1], mlcm_error *err);
/* The same of a digest that is known. */
void mlcm__digest_from_hex(const char *hex, char out[MLCM__DIGEST_TEXT + 1]);

#endif
