/* SPDX-License-Identifier: Apache-2.0
 *
 * test_manifest.c - manifests written and read again, damaged ones, and the largest.
 */
#include "registry/digest.h"
#include "registry/fixture.h"
#include "registry/manifest.h"

static const uint8_t some_digest[32] = {0xab, 0xcd};

typedef struct written {
  mlcm_context *ctx;
  char *text;
  size_t len;
  char sha256[65];
} written;

static written write_two(void) {
  written w = {.ctx = test_context(NULL, NULL, NULL)};
  mlcm__manifest m;
  mlcm__manifest_init(&m, w.ctx);
  CHECK_OK(mlcm__manifest_add(&m, "b/c.bin", INT64_MAX - 7, some_digest, err));
  CHECK_OK(mlcm__manifest_add(&m, "a \"quoted\".onnx", 7, some_digest, err));
  CHECK_OK(mlcm__manifest_write(&m, &w.text, &w.len, w.sha256, err));
  mlcm__manifest_reset(&m);
  return w;
}

static void clear(written *w) {
  mlcm_free(w->ctx, w->text);
  mlcm_context_free(w->ctx);
}

START_TEST(a_manifest_reads_back) {
  written w = write_two();
  mlcm__manifest m;
  ck_assert_str_eq(w.text,
                   "{\"files\":[{\"path\":\"a \\\"quoted\\\".onnx\",\"sha256\":"
                   "\"abcd000000000000000000000000000000000000000000000000000000000000\",\"size\":\"7\"},{\"path\":\"b/c.bin\","
                   "\"sha256\":\"abcd000000000000000000000000000000000000000000000000000000000000\","
                   "\"size\":\"9223372036854775800\"}],\"mlcm\":\"manifest/v1\"}");
  CHECK_OK(mlcm__manifest_parse(w.ctx, "m/1", w.text, w.len, w.sha256, &m, err));
  ck_assert_uint_eq(m.n, 2);
  ck_assert_int_eq(m.size_bytes, INT64_MAX);
  ck_assert_ptr_eq(mlcm__manifest_find(&m, "b/c.bin"), &m.files[1]);
  ck_assert_ptr_null(mlcm__manifest_find(&m, "b"));
  mlcm__manifest_reset(&m);
  clear(&w);
}
END_TEST

START_TEST(nothing_is_found_in_a_manifest_of_no_files) {
  written w = {.ctx = test_context(NULL, NULL, NULL)};
  mlcm__manifest m;
  mlcm__manifest_init(&m, w.ctx);
  ck_assert_ptr_null(mlcm__manifest_find(&m, "a"));
  CHECK_OK(mlcm__manifest_write(&m, &w.text, &w.len, w.sha256, err));
  ck_assert_str_eq(w.text, "{\"files\":[],\"mlcm\":\"manifest/v1\"}");
  clear(&w);
}
END_TEST

START_TEST(sizes_that_overflow_are_refused) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__manifest m;
  mlcm__manifest_init(&m, ctx);
  CHECK_OK(mlcm__manifest_add(&m, "a", INT64_MAX, some_digest, err));
  CHECK_FAILS(MLCM_LIMIT, "2^63", mlcm__manifest_add(&m, "b", 1, some_digest, err));
  CHECK_FAILS(MLCM_LIMIT, "2^63", mlcm__manifest_add(&m, "b", -1, some_digest, err));
  ck_assert_uint_eq(m.n, 1);
  mlcm__manifest_reset(&m);
  mlcm_context_free(ctx);
}
END_TEST

#define DIGEST "\"sha256\":\"abcd000000000000000000000000000000000000000000000000000000000000\""

/* Right digest, wrong text: what a writer of another kind could have left. */
#define NO_HEX "zzcd000000000000000000000000000000000000000000000000000000000000"

START_TEST(texts_that_are_no_manifest) {
  static const char *const texts[][2] = {
      {"", "manifest"},
      {"[]", "'mlcm'"},
      {"{\"files\":[],\"mlcm\":7}", "mlcm"},
      {"{\"mlcm\":\"manifest/v1\"}", "no array 'files'"},
      {"{\"files\":{},\"mlcm\":\"manifest/v1\"}", "no array 'files'"},
      {"{\"files\":[7],\"mlcm\":\"manifest/v1\"}", "path"},
      {"{\"files\":[{\"path\":\"a\",\"size\":\"1\"}],\"mlcm\":\"manifest/v1\"}", "sha256"},
      {"{\"files\":[{\"path\":\"a\",\"sha256\":\"ab\",\"size\":\"1\"}],\"mlcm\":\"manifest/v1\"}", "has no SHA-256"},
      {"{\"files\":[{\"path\":\"a\",\"sha256\":\"" NO_HEX "\",\"size\":\"1\"}],\"mlcm\":\"manifest/v1\"}", "has no SHA-256"},
      {"{\"files\":[{\"path\":\"../a\"," DIGEST ",\"size\":\"1\"}],\"mlcm\":\"manifest/v1\"}", "'..' part"},
      {"{\"files\":[{\"path\":\"a\"," DIGEST ",\"size\":\"-1\"}],\"mlcm\":\"manifest/v1\"}", "2^63"},
      {"{\"files\":[{\"path\":\"b\"," DIGEST ",\"size\":\"1\"},{\"path\":\"a\"," DIGEST
       ",\"size\":\"1\"}],\"mlcm\":\"manifest/v1\"}",
       "'a' is out of order"},
      {"{\"files\":[{\"path\":\"a\"," DIGEST ",\"size\":\"1\"},{\"path\":\"a\"," DIGEST
       ",\"size\":\"1\"}],\"mlcm\":\"manifest/v1\"}",
       "'a' is out of order"},
  };
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
    uint8_t digest[32];
    char hex[65];
    mlcm__manifest m;
    CHECK_OK(mlcm__sha256_of(texts[i][0], strlen(texts[i][0]), digest, err));
    mlcm__hex(digest, sizeof digest, hex);
    CHECK_FAILS(MLCM_CORRUPT, texts[i][1], mlcm__manifest_parse(ctx, "m/1", texts[i][0], strlen(texts[i][0]), hex, &m, err));
    mlcm__manifest_reset(&m);
    ck_assert_int_eq(mlcm__manifest_parse(ctx, "m/1", texts[i][0], strlen(texts[i][0]), hex, &m, NULL), MLCM_CORRUPT);
    mlcm__manifest_reset(&m);
  }
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_manifest_of_another_form_is_not_called_damaged) {
  static const char text[] = "{\"files\":[],\"mlcm\":\"manifest/v9\"}";
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__manifest m;
  char hex[MLCM__SHA256_HEX + 1];
  CHECK_OK(mlcm__hex_of(text, strlen(text), hex, err));
  CHECK_FAILS(MLCM_UNSUPPORTED, "it has the form 'manifest/v9'",
              mlcm__manifest_parse(ctx, "m/1", text, strlen(text), hex, &m, err));
  mlcm__manifest_reset(&m);
  mlcm_context_free(ctx);
}
END_TEST

/* Nothing of it is read: there is nothing behind the first byte. */
START_TEST(a_text_longer_than_any_manifest_is_damaged) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__manifest m;
  CHECK_FAILS(MLCM_CORRUPT, "more than the limit of 268435456",
              mlcm__manifest_parse(ctx, "m/1", "{", ((size_t)256 << 20) + 1, "", &m, err));
  mlcm__manifest_reset(&m);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(every_changed_byte_is_found) {
  written w = write_two();
  for (size_t i = 0; i < w.len; i++) {
    mlcm__manifest m;
    w.text[i] ^= 1;
    CHECK_FAILS(MLCM_CORRUPT, "m/1: the manifest is damaged: sha256 is",
                mlcm__manifest_parse(w.ctx, "m/1", w.text, w.len, w.sha256, &m, err));
    mlcm__manifest_reset(&m);
    w.text[i] ^= 1;
  }
  clear(&w);
}
END_TEST

START_TEST(the_largest_manifest) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__manifest m;
  mlcm__manifest again;
  char *text = NULL;
  size_t len = 0;
  char sha256[65];
  char path[32];
  mlcm__manifest_init(&m, ctx);
  for (int i = MLCM_FILES_MAX; i > 0; i--) {
    (void)snprintf(path, sizeof path, "folder/%d", i);
    CHECK_OK(mlcm__manifest_add(&m, path, i, some_digest, err));
  }
  CHECK_FAILS(MLCM_LIMIT, "more than 100000 files", mlcm__manifest_add(&m, "one more", 1, some_digest, err));
  CHECK_OK(mlcm__manifest_write(&m, &text, &len, sha256, err));
  CHECK_OK(mlcm__manifest_parse(ctx, "m/1", text, len, sha256, &again, err));
  ck_assert_uint_eq(again.n, MLCM_FILES_MAX);
  ck_assert_int_eq(mlcm__manifest_find(&again, "folder/77777")->size_bytes, 77777);
  mlcm__manifest_reset(&m);
  mlcm__manifest_reset(&again);
  mlcm_free(ctx, text);
  mlcm_context_free(ctx);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_manifest_reads_back,
                          nothing_is_found_in_a_manifest_of_no_files,
                          sizes_that_overflow_are_refused,
                          texts_that_are_no_manifest,
                          a_manifest_of_another_form_is_not_called_damaged,
                          a_text_longer_than_any_manifest_is_damaged,
                          every_changed_byte_is_found,
                          the_largest_manifest};
  return TEST_RUN("registry_manifest", tests);
}
