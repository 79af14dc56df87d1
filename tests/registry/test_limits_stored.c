/* SPDX-License-Identifier: Apache-2.0
 *
 * test_limits_stored.c - what is read back has a length too, in case somebody else wrote it: the largest passes, one byte more is
 * an error with the size and the limit in it. docs/limits.md lists them; what callers hand in is in test_limits.c.
 */
#include "registry/damage.h"

#include <sys/mman.h>

#include <mlcm/trust.h>

#include "registry/backup_file.h"
#include "registry/digest.h"
#include "registry/manifest.h"
#include "registry/page_token.h"
#include "registry/search_parse.h"

enum { TOKEN_MAX = 32 << 20, BACKUP_FILE_MAX = 65536, DETAIL_MAX = 1 << 20, MANY_MAX = 1000000 };
enum { MANIFEST_MAX = 256 << 20, MANIFEST_VALUES = 800008 };

/* ---- page tokens ---- */

static mlcm_status read_token(const char *token, mlcm_error *err) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__arena arena;
  mlcm__bind values[2];
  size_t n = 0;
  mlcm__arena_init(&arena, ctx);
  mlcm_status st = mlcm__page_token_read(&arena, "q", token, values, 2, &n, err);
  mlcm__arena_reset(&arena);
  mlcm_context_free(ctx);
  return st;
}

/* The token of one text of this length. */
static mlcm_status write_token(size_t len, char **out, mlcm_error *err) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *text = malloc(len + 1);
  memset(text, 'a', len);
  text[len] = '\0';
  const mlcm__bind value = {.kind = MLCM__BIND_TEXT, .data = text, .len = len};
  mlcm_status st = mlcm__page_token_write(ctx, "q", &value, 1, out, err);
  free(text);
  mlcm_context_free(ctx);
  return st;
}

START_TEST(a_page_token_has_a_length) {
  const size_t longest = (TOKEN_MAX - 16) / 2 - strlen("[\"t:\"]");
  char *token = NULL, *longer = malloc(TOKEN_MAX + 2);
  CHECK_OK(write_token(longest, &token, err));
  ck_assert_uint_eq(strlen(token), TOKEN_MAX);
  CHECK_OK(read_token(token, err));
  CHECK_FAILS(MLCM_LIMIT, "the page token is larger than the limit of 16777208 bytes", write_token(longest + 1, &token, err));
  memset(longer, '0', TOKEN_MAX + 1);
  longer[TOKEN_MAX + 1] = '\0';
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "page token: it has 33554433 bytes, the longest has 33554432", read_token(longer, err));
  free(longer);
  free(token);
}
END_TEST

/* Sixteen of the longest tags, of characters that take the longest escapes. */
START_TEST(the_longest_order_has_its_pages) {
  static char value[MLCM_TAG_VALUE_MAX + 1];
  char keys[MLCM__ORDERS_MAX][8], order[MLCM__ORDERS_MAX * 16] = "";
  mlcm_query query = MLCM_QUERY_INIT;
  mlcm_page *page = NULL, *second = NULL;
  fixture f;
  set_up(&f);
  memset(value, 1, sizeof value - 1);
  add_versions(&f, "m", 2);
  for (int i = 0; i < MLCM__ORDERS_MAX; i++) {
    (void)snprintf(keys[i], sizeof keys[i], "k%d", i);
    (void)snprintf(order + strlen(order), sizeof order - strlen(order), "%stags.%s", i ? ", " : "", keys[i]);
    CHECK_OK(mlcm_version_tag_set(f.reg, "m", 1, keys[i], value, NULL, err));
    CHECK_OK(mlcm_version_tag_set(f.reg, "m", 2, keys[i], value, NULL, err));
  }
  query.order_by = order;
  query.limit = 1;
  CHECK_OK(mlcm_search_versions(f.reg, &query, &page, err));
  query.page_token = mlcm_page_next(page);
  ck_assert_uint_gt(strlen(query.page_token), 2 * 6 * MLCM__ORDERS_MAX * MLCM_TAG_VALUE_MAX);
  CHECK_OK(mlcm_search_versions(f.reg, &query, &second, err));
  ck_assert_uint_eq(mlcm_page_n(second), 1);
  mlcm_page_free(page);
  mlcm_page_free(second);
  tear_down(&f);
}
END_TEST

/* ---- backup.json ---- */

START_TEST(the_file_of_a_backup_has_a_length) {
  fixture f;
  mlcm__backup_file file = {.created_ns = TEST_EPOCH_NS, .database_bytes = 1, .audit = {.size = 1}}, again;
  static char text[BACKUP_FILE_MAX + 1];
  set_up(&f);
  memset(file.database_sha256, 'a', 64);
  CHECK_OK(mlcm__backup_file_write(f.ctx, f.dir, &file, err));
  char *path = test_path(f.dir, "backup.json");
  FILE *in = fopen(path, "r");
  const size_t len = fread(text, 1, sizeof text, in);
  (void)fclose(in);
  memset(text + len, '\n', sizeof text - len);
  test_write_file(path, text, BACKUP_FILE_MAX);
  CHECK_OK(mlcm__backup_file_read(f.ctx, f.dir, &again, err));
  test_write_file(path, text, BACKUP_FILE_MAX + 1);
  CHECK_FAILS(MLCM_CORRUPT, "backup.json' has 65537 bytes, more than the limit of 65536",
              mlcm__backup_file_read(f.ctx, f.dir, &again, err));
  free(path);
  tear_down(&f);
}
END_TEST

/* ---- manifests ---- */

START_TEST(a_manifest_has_a_length) {
  const size_t size = MANIFEST_MAX + 1;
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__manifest m;
  char *huge = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0); /* never looked at */
  ck_assert_ptr_ne(huge, MAP_FAILED);
  CHECK_FAILS(MLCM_CORRUPT, "m/1: the manifest is damaged: it has 268435457 bytes, more than the limit of 268435456",
              mlcm__manifest_parse(ctx, "m/1", huge, size, "", &m, err));
  mlcm__manifest_reset(&m);
  munmap(huge, size);
  mlcm_context_free(ctx);
}
END_TEST

/* {"files":[],"mlcm":"manifest/v1","more":[0,0,0...]}: `n` values in all. */
static mlcm_status read_values(size_t n, mlcm_error *err) {
  static const char head[] = "{\"files\":[],\"mlcm\":\"manifest/v1\",\"more\":[0";
  const size_t more = n - 5; /* the object, both lists, the text and the first 0 are there */
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *text = malloc(sizeof head + 2 * more + 2), *at = text + sizeof head - 1, hex[MLCM__SHA256_HEX + 1];
  mlcm__manifest m;
  memcpy(text, head, sizeof head);
  for (size_t i = 0; i < more; i++, at += 2) memcpy(at, ",0", 2);
  memcpy(at, "]}", 2);
  const size_t len = (size_t)(at + 2 - text);
  ck_assert_int_eq(mlcm__hex_of(text, len, hex, NULL), MLCM_OK);
  mlcm_status st = mlcm__manifest_parse(ctx, "m/1", text, len, hex, &m, err);
  mlcm__manifest_reset(&m);
  free(text);
  mlcm_context_free(ctx);
  return st;
}

/* A value may be two bytes of text and is a hundred in memory: 256 MiB of them would be 12 GiB. */
START_TEST(a_manifest_has_a_number_of_values) {
  CHECK_OK(read_values(MANIFEST_VALUES, err));
  CHECK_FAILS(MLCM_CORRUPT, "more values than the limit of 800008", read_values(MANIFEST_VALUES + 1, err));
}
END_TEST

/* ---- details of changes ---- */

/* Pads the detail of a registration with white space to this length. */
static void pad_detail(const fixture *f, int len) {
  char sql[256];
  (void)snprintf(sql, sizeof sql,
                 "UPDATE event SET detail = rtrim(detail) || printf('%%*s', %d - length(rtrim(detail)), '')"
                 " WHERE kind = 'version.registered'",
                 len);
  tamper(f, sql);
}

/* Whether a check finds fault with a length. */
static bool finds_a_limit(const fixture *f, const char *words) {
  mlcm_fsck_report *report = check(f);
  bool told = false;
  for (size_t i = 0; i < mlcm_fsck_report_n(report); i++) {
    const mlcm_finding found = mlcm_fsck_report_at(report, i);
    told = told || strstr(found.problem, words) || strstr(found.found, words);
  }
  mlcm_fsck_report_free(report);
  return told;
}

/* Its digest is another in both cases, which is all that verifying says. */
START_TEST(a_changes_detail_has_a_length) {
  fixture f;
  set_up(&f);
  (void)add_version(&f, "m", "x", NULL);
  pad_detail(&f, DETAIL_MAX);
  ck_assert(!finds_a_limit(&f, "limit"));
  CHECK_FAILS(MLCM_CORRUPT, "the event's detail is", mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
  pad_detail(&f, DETAIL_MAX + 1);
  ck_assert(finds_a_limit(&f, "detail has 1048577 bytes, more than the limit of 1048576"));
  CHECK_FAILS(MLCM_CORRUPT, "the event's detail is", mlcm_audit_verify(f.reg, NULL, NULL, NULL, err));
  tear_down(&f);
}
END_TEST

/* ---- proofs ---- */

START_TEST(a_proof_has_64_hashes_at_most) {
  static const struct {
    int64_t n;
    const char *words;
  } cases[] = {{MLCM_AUDIT_PROOF_MAX, "does not show"}, /* read to its end, and wrong */
               {MLCM_AUDIT_PROOF_MAX + 1, "says that it has 65 hashes, a proof has 0 to 64"},
               {INT64_MAX, "says that it has 9223372036854775807 hashes"},
               {-1, "says that it has -1 hashes"}};
  const mlcm_audit_head old = {.size = 5}, head = {.size = INT64_MAX};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const mlcm_audit_proof proof = {.n = cases[i].n};
    CHECK_FAILS(MLCM_CORRUPT, cases[i].words, mlcm_audit_check_inclusion(&proof, 3, "x", 1, &head, err));
    CHECK_FAILS(MLCM_CORRUPT, cases[i].words, mlcm_audit_check_consistency(&proof, &old, &head, err));
  }
}
END_TEST

/* ---- many versions ---- */

START_TEST(a_million_versions_come_at_once_at_most) {
  fixture f;
  set_up(&f);
  mlcm_register_item *items = calloc(MANY_MAX + 1, sizeof *items); /* without a path: the first one ends it */
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "path of item 0", mlcm_register_many(f.reg, "m", items, MANY_MAX, NULL, NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "1000001 versions at once, not 1 to 1000000",
              mlcm_register_many(f.reg, "m", items, MANY_MAX + 1, NULL, NULL, err));
  free(items);
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_page_token_has_a_length,
                          the_longest_order_has_its_pages,
                          the_file_of_a_backup_has_a_length,
                          a_manifest_has_a_length,
                          a_manifest_has_a_number_of_values,
                          a_changes_detail_has_a_length,
                          a_proof_has_64_hashes_at_most,
                          a_million_versions_come_at_once_at_most};
  in_memory();
  return TEST_RUN("registry_limits_stored", tests);
}
