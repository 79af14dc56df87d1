/* SPDX-License-Identifier: Apache-2.0
 *
 * test_hash.c - SHA-256 against the vectors of FIPS 180-4, SipHash-2-4 against those of its authors.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "support/malloc_fault.h"
#include "support/suite.h"

START_TEST(sha256_matches_published_vectors) {
  static const struct {
    const char *text, *hex;
  } rows[] = {
      {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
      {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
      {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
       "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
    uint8_t digest[MLCM__SHA256_BYTES];
    char hex[MLCM__SHA256_HEX + 1];
    ck_assert_int_eq(mlcm__sha256_of(rows[i].text, strlen(rows[i].text), digest, NULL), MLCM_OK);
    mlcm__hex(digest, sizeof digest, hex);
    ck_assert_str_eq(hex, rows[i].hex);
  }
}
END_TEST

START_TEST(sha256_of_a_million_letters_in_odd_pieces) {
  char piece[997];
  memset(piece, 'a', sizeof piece);
  mlcm__sha256 h = {NULL};
  uint8_t digest[MLCM__SHA256_BYTES];
  char hex[MLCM__SHA256_HEX + 1];
  ck_assert_int_eq(mlcm__sha256_init(&h, NULL), MLCM_OK);
  for (size_t left = 1000000; left > 0;) {
    const size_t n = left < sizeof piece ? left : sizeof piece;
    ck_assert_int_eq(mlcm__sha256_update(&h, piece, n, NULL), MLCM_OK);
    left -= n;
  }
  ck_assert_int_eq(mlcm__sha256_update(&h, NULL, 0, NULL), MLCM_OK);
  ck_assert_int_eq(mlcm__sha256_final(&h, digest, NULL), MLCM_OK);
  ck_assert_ptr_null(h.md);
  mlcm__hex(digest, sizeof digest, hex);
  ck_assert_str_eq(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}
END_TEST

START_TEST(reset_may_come_at_any_time) {
  mlcm__sha256 h = {NULL};
  mlcm__sha256_reset(NULL);
  mlcm__sha256_reset(&h);
  ck_assert_int_eq(mlcm__sha256_init(&h, NULL), MLCM_OK);
  mlcm__sha256_reset(&h);
  mlcm__sha256_reset(&h);
}
END_TEST

static mlcm_status hash_abc(mlcm_context *ctx, void *user, mlcm_error *err) {
  (void)ctx;
  return mlcm__sha256_of("abc", 3, user, err);
}

START_TEST(lack_of_openssls_memory_is_an_error) {
  uint8_t digest[MLCM__SHA256_BYTES];
  if (test_malloc_can_fail()) ck_assert_uint_gt(test_fault_malloc(hash_abc, NULL, digest, 1), 1);
}
END_TEST

START_TEST(hex_goes_both_ways) {
  uint8_t bytes[256], back[256];
  char hex[513];
  for (int i = 0; i < 256; i++) bytes[i] = (uint8_t)i;
  mlcm__hex(bytes, sizeof bytes, hex);
  ck_assert_uint_eq(strlen(hex), 512);
  ck_assert(mlcm__unhex(hex, 512, back));
  ck_assert_mem_eq(bytes, back, sizeof bytes);
}
END_TEST

START_TEST(unhex_refuses_what_is_not_lower_case_hex) {
  static const char *const bad[] = {"a", "0g", "AB", "0x", " 1", "1\n", "\xC3\xA9"};
  uint8_t out[4] = {7, 7, 7, 7};
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
    ck_assert(!mlcm__unhex(bad[i], strlen(bad[i]), out));
    ck_assert_int_eq(out[0], 7);
  }
}
END_TEST

/* Key 00..0f, message 00..(n-1): the first entries of vectors_sip64 in the authors' reference code, and the paper's example (15).
 */
START_TEST(siphash_matches_the_authors_vectors) {
  static const struct {
    size_t len;
    uint64_t hash;
  } rows[] = {
      {0, 0x726fdb47dd0e0e31u}, {1, 0x74f839c593dc67fdu},  {2, 0x0d6c8009d9a94f5au}, {3, 0x85676696d7fb7e2du},
      {4, 0xcf2794e0277187b7u}, {5, 0x18765564cd99a68du},  {6, 0xcbc9466e58fee3ceu}, {7, 0xab0200f58b01d137u},
      {8, 0x93f5f5799a932462u}, {15, 0xa129ca6149be45e5u},
  };
  uint8_t key[16], message[64];
  for (size_t i = 0; i < sizeof key; i++) key[i] = (uint8_t)i;
  for (size_t i = 0; i < sizeof message; i++) message[i] = (uint8_t)i;
  for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
    ck_assert_uint_eq(mlcm__siphash(key, message, rows[i].len), rows[i].hash);
}
END_TEST

START_TEST(siphash_does_not_care_about_alignment) {
  const uint8_t key[16] = {1, 2, 3};
  char text[64] = "";
  for (size_t shift = 0; shift < 8; shift++) {
    memcpy(text + shift, "user-42/and some more", 21);
    ck_assert_uint_eq(mlcm__siphash(key, text + shift, 21), mlcm__siphash(key, "user-42/and some more", 21));
  }
}
END_TEST

int main(void) {
  const TTest *tests[] = {sha256_matches_published_vectors,
                          sha256_of_a_million_letters_in_odd_pieces,
                          reset_may_come_at_any_time,
                          lack_of_openssls_memory_is_an_error,
                          hex_goes_both_ways,
                          unhex_refuses_what_is_not_lower_case_hex,
                          siphash_matches_the_authors_vectors,
                          siphash_does_not_care_about_alignment};
  return TEST_RUN("base_hash", tests);
}
