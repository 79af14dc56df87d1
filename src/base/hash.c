/* SPDX-License-Identifier: Apache-2.0
 *
 * hash.c - SHA-256 through OpenSSL's EVP (it picks the CPU's SHA instructions) and our own SipHash-2-4, whose output is part of
 * the routing's definition and so must not depend on anybody's library.
 */
#include "hash.h"

#include <openssl/evp.h>
#include <string.h>

static mlcm_status crypto_failed(mlcm_error *err, const char *step) {
  return mlcm__fail(err, MLCM_INTERNAL, "SHA-256: OpenSSL failed to %s the digest: is its default provider installed?", step);
}

mlcm_status mlcm__sha256_init(mlcm__sha256 *h, mlcm_error *err) {
  EVP_MD_CTX *md = EVP_MD_CTX_new();
  if (!md) return mlcm__fail_memory(err, sizeof(void *));
  if (EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1) {
    EVP_MD_CTX_free(md);
    return crypto_failed(err, "start");
  }
  h->md = md;
  return MLCM_OK;
}

mlcm_status mlcm__sha256_update(mlcm__sha256 *h, const void *data, size_t len, mlcm_error *err) {
  if (len == 0) return MLCM_OK;
  return EVP_DigestUpdate(h->md, data, len) == 1 ? MLCM_OK : crypto_failed(err, "feed");
}

mlcm_status mlcm__sha256_final(mlcm__sha256 *h, uint8_t out[MLCM__SHA256_BYTES], mlcm_error *err) {
  uint8_t digest[MLCM__SHA256_BYTES];
  const int ok = EVP_DigestFinal_ex(h->md, digest, NULL);
  mlcm__sha256_reset(h);
  if (ok != 1) return crypto_failed(err, "finish");
  memcpy(out, digest, sizeof digest);
  return MLCM_OK;
}

void mlcm__sha256_reset(mlcm__sha256 *h) {
  if (!h) return;
  EVP_MD_CTX_free(h->md);
  h->md = NULL;
}

mlcm_status mlcm__sha256_of(const void *data, size_t len, uint8_t out[MLCM__SHA256_BYTES], mlcm_error *err) {
  mlcm__sha256 h = {NULL};
  mlcm_status st = mlcm__sha256_init(&h, err);
  if (!st) st = mlcm__sha256_update(&h, data, len, err);
  if (!st) st = mlcm__sha256_final(&h, out, err);
  mlcm__sha256_reset(&h);
  return st;
}

void mlcm__hex(const uint8_t *data, size_t len, char *out) {
  static const char digits[] = "0123456789abcdef";
  for (size_t i = 0; i < len; i++) {
    out[2 * i] = digits[data[i] >> 4];
    out[2 * i + 1] = digits[data[i] & 15];
  }
  out[2 * len] = 0;
}

static int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return -1;
}

bool mlcm__unhex(const char *hex, size_t hex_len, uint8_t *out) {
  if (hex_len % 2) return false;
  for (size_t i = 0; i < hex_len; i++) {
    if (hex_digit(hex[i]) < 0) return false;
  }
  for (size_t i = 0; i < hex_len / 2; i++) out[i] = (uint8_t)(hex_digit(hex[2 * i]) << 4 | hex_digit(hex[2 * i + 1]));
  return true;
}

/* ---- SipHash-2-4 (Aumasson and Bernstein, 2012) -------------------------------------------------------------------- */

static inline uint64_t rotate(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

/* Written out, so that compilers see one load where the machine is little-endian. */
static inline uint64_t load_le64(const uint8_t *b) {
  return (uint64_t)b[0] | (uint64_t)b[1] << 8 | (uint64_t)b[2] << 16 | (uint64_t)b[3] << 24 | (uint64_t)b[4] << 32 |
         (uint64_t)b[5] << 40 | (uint64_t)b[6] << 48 | (uint64_t)b[7] << 56;
}

/* The last len % 8 bytes. */
static inline uint64_t load_tail(const uint8_t *bytes, size_t len) {
  size_t n = len % 8;
  uint64_t x = 0;
  if (n == 0) return 0;
  if (len > 8) return load_le64(bytes + len - 8) >> (8 * (8 - n)); /* the bytes before it fall out */
  for (size_t i = 0; i < n; i++) x |= (uint64_t)bytes[i] << (8 * i);
  return x;
}

/* Scalars, not an array: they stay in registers, which makes it three times as fast. */
typedef struct sip {
  uint64_t v0, v1, v2, v3;
} sip;

static inline void sip_round(sip *s) {
  s->v0 += s->v1;
  s->v1 = rotate(s->v1, 13) ^ s->v0;
  s->v0 = rotate(s->v0, 32);
  s->v2 += s->v3;
  s->v3 = rotate(s->v3, 16) ^ s->v2;
  s->v0 += s->v3;
  s->v3 = rotate(s->v3, 21) ^ s->v0;
  s->v2 += s->v1;
  s->v1 = rotate(s->v1, 17) ^ s->v2;
  s->v2 = rotate(s->v2, 32);
}

static inline void sip_word(sip *s, uint64_t word) {
  s->v3 ^= word;
  sip_round(s);
  sip_round(s);
  s->v0 ^= word;
}

uint64_t mlcm__siphash(const uint8_t key[16], const void *data, size_t len) {
  const uint64_t k0 = load_le64(key), k1 = load_le64(key + 8);
  sip s = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
  const uint8_t *bytes = data;
  for (size_t i = 0; i + 8 <= len; i += 8) sip_word(&s, load_le64(bytes + i));
  sip_word(&s, (uint64_t)len << 56 | load_tail(bytes, len));
  s.v2 ^= 0xff;
  sip_round(&s);
  sip_round(&s);
  sip_round(&s);
  sip_round(&s);
  return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}
