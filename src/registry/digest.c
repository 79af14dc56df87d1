/* SPDX-License-Identifier: Apache-2.0
 *
 * digest.c - see digest.h.
 */
#include "registry/digest.h"

#include <string.h>

mlcm_status mlcm__hex_of(const void *data, size_t len, char out[MLCM__SHA256_HEX + 1], mlcm_error *err) {
  uint8_t digest[MLCM__SHA256_BYTES];
  mlcm_status st = mlcm__sha256_of(data, len, digest, err);
  if (!st) mlcm__hex(digest, sizeof digest, out);
  return st;
}

void mlcm__digest_from_hex(const char *hex, char out[MLCM__DIGEST_TEXT + 1]) {
  memcpy(out, "sha256:", MLCM__DIGEST_PREFIX);
  memcpy(out + MLCM__DIGEST_PREFIX, hex, MLCM__SHA256_HEX + 1);
}

mlcm_status mlcm__digest_of(const void *data, size_t len, char out[MLCM__DIGEST_TEXT + 1], mlcm_error *err) {
  char hex[MLCM__SHA256_HEX + 1];
  mlcm_status st = mlcm__hex_of(data, len, hex, err);
  if (!st) mlcm__digest_from_hex(hex, out);
  return st;
}
