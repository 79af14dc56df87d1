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

static uint64_t rotate(uint64_t x, int bits) { return x << bits | x >> (64 - bits); }

static uint64_t load_le64(const uint8_t *bytes, size_t n) {
  uint64_t x = 0;
  for (size_t i = 0; i < n; i++) x |= (uint64_t)bytes[i] << (8 * i);
  return x;
}

static void sip_rounds(uint64_t v[4], int n) {
  for (int i = 0; i < n; i++) {
    v[0] += v[1];
    v[1] = rotate(v[1], 13) ^ v[0];
    v[0] = rotate(v[0], 32);
    v[2] += v[3];
    v[3] = rotate(v[3], 16) ^ v[2];
    v[0] += v[3];
    v[3] = rotate(v[3], 21) ^ v[0];
    v[2] += v[1];
    v[1] = rotate(v[1], 17) ^ v[2];
    v[2] = rotate(v[2], 32);
  }
}

static void sip_word(uint64_t v[4], uint64_t word) {
  v[3] ^= word;
  sip_rounds(v, 2);
  v[0] ^= word;
}

uint64_t mlcm__siphash(const uint8_t key[16], const void *data, size_t len) {
  const uint64_t k0 = load_le64(key, 8), k1 = load_le64(key + 8, 8);
  uint64_t v[4] = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u, k1 ^ 0x7465646279746573u};
  const uint8_t *bytes = data;
  const size_t whole = len / 8 * 8;
  for (size_t i = 0; i < whole; i += 8) sip_word(v, load_le64(bytes + i, 8));
  const uint64_t tail = whole < len ? load_le64(bytes + whole, len - whole) : 0;
  sip_word(v, (uint64_t)len << 56 | tail);
  v[2] ^= 0xff;
  sip_rounds(v, 4);
  return v[0] ^ v[1] ^ v[2] ^ v[3];
}
