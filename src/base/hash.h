/* SPDX-License-Identifier: Apache-2.0
 *
 * hash.h - SHA-256 (OpenSSL) and the fixed 64-bit hash used for keys.
 */
#ifndef MLCM_BASE_HASH_H
#define MLCM_BASE_HASH_H

#include "context.h"

enum { MLCM__SHA256_BYTES = 32, MLCM__SHA256_HEX = 64 };

typedef struct mlcm__sha256 {
  void *md; /* EVP_MD_CTX */
} mlcm__sha256;

mlcm_status mlcm__sha256_init(mlcm__sha256 *h, mlcm_error *err);
mlcm_status mlcm__sha256_update(mlcm__sha256 *h, const void *data, size_t len, mlcm_error *err);
mlcm_status mlcm__sha256_final(mlcm__sha256 *h, uint8_t out[MLCM__SHA256_BYTES], mlcm_error *err); /* also resets */
void mlcm__sha256_reset(mlcm__sha256 *h);                                                          /* NULL-safe free */
mlcm_status mlcm__sha256_of(const void *data, size_t len, uint8_t out[MLCM__SHA256_BYTES], mlcm_error *err);

void mlcm__hex(const uint8_t *data, size_t len, char *out /* 2*len+1 */);
bool mlcm__unhex(const char *hex, size_t hex_len, uint8_t *out /* hex_len/2 */); /* lower case only */

/* SipHash-2-4 with a 128-bit key: fixed by definition, the same on every machine. Keys of requests are hashed with it. */
uint64_t mlcm__siphash(const uint8_t key[16], const void *data, size_t len);

#endif
