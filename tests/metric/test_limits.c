/* SPDX-License-Identifier: Apache-2.0
 *
 * test_limits.c - how much of a meter file, of all of them together and of an answer is taken: the largest passes, one more is an
 * error with the number and the limit in it. docs/limits.md lists them.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/hash.h"
#include "metric/meter_fixture.h"
#include "metric/source.h"
#include "support/httpd.h"
#include "support/status.h"
#include "support/suite.h"

enum { ENDPOINT = 7, ANSWER_DEPTH = 16 };

/* ---- Shards of a file ---------------------------------------------------------------------------------------------- */

static mlcm_status map_file(const room *r, const char *name, mlcm_error *err) {
  mlcm__meter_file file;
  mlcm_status st = mlcm__meter_file_map(r->ctx, r->dir, name, &file, err);
  if (!st) mlcm__mapped_close(r->ctx, &file.map);
  return st;
}

/* The header of a file says so many shards, rightly signed, and the file has the size for them: holes, which take no space. */
static void claim_shards(const char *path, uint32_t shards) {
  const uint8_t no_key[16] = {0};
  mlcm__meter_header header;
  char *bytes = test_read_file(path, NULL);
  memcpy(&header, bytes, sizeof header);
  header.shards = shards;
  header.checksum = mlcm__siphash(no_key, &header, sizeof header - sizeof header.checksum);
  FILE *f = fopen(path, "r+");
  ck_assert_uint_eq(fwrite(&header, sizeof header, 1, f), 1);
  ck_assert_int_eq(fclose(f), 0);
  ck_assert_int_eq(truncate(path, MLCM__METER_FIRST_CELL + (off_t)MLCM__METER_CELLS * shards * MLCM__METER_SHARD_BYTES), 0);
  free(bytes);
}

START_TEST(a_meter_file_has_sixteen_shards_at_most) {
  room r = open_room();
  const mlcm__meter_file_id id = {.endpoint_id = ENDPOINT, .process = r.self};
  mlcm__meter_file file;
  char name[MLCM__METER_FILE_NAME];
  mlcm__meter_file_name(&id, name);
  char *path = test_path(r.dir, name);
  CHECK_OK(mlcm__meter_file_take(r.ctx, r.dir, &id, 1, &file, err));
  mlcm__mapped_close(r.ctx, &file.map);
  claim_shards(path, MLCM__METER_MAX_SHARDS);
  CHECK_OK(map_file(&r, name, err));
  claim_shards(path, MLCM__METER_MAX_SHARDS * 2);
  CHECK_FAILS(MLCM_CORRUPT, "its header says 32 shards, not 1, 2, 4, 8 or 16", map_file(&r, name, err));
  claim_shards(path, 0);
  CHECK_FAILS(MLCM_CORRUPT, "its header says 0 shards", map_file(&r, name, err));
  free(path);
  close_room(&r);
}
END_TEST

/* The next number is taken when a handle of this process has the file open. */
START_TEST(a_process_has_a_hundred_thousand_files_open_at_most) {
  room r = open_room();
  const mlcm__meter_file_id id = {.endpoint_id = ENDPOINT, .process = r.self, .number = 99999};
  mlcm__meter_file last, more;
  CHECK_OK(mlcm__meter_file_take(r.ctx, r.dir, &id, 1, &last, err));
  ck_assert_uint_eq(last.number, 99999);
  CHECK_FAILS(MLCM_LIMIT, "this process has 100000 meter files of one endpoint open",
              mlcm__meter_file_take(r.ctx, r.dir, &id, 1, &more, err));
  mlcm__mapped_close(r.ctx, &last.map);
  close_room(&r);
}
END_TEST

/* ---- Cells of all files together ----------------------------------------------------------------------------------- */

/* A file of another process, with `n` epochs that end at `last`, the latest first; its counters are holes. */
static void make_file(const room *r, uint32_t number, uint64_t last, uint32_t n) {
  mlcm__meter_file_id id = {.endpoint_id = ENDPOINT, .process = r->self, .number = number};
  mlcm__meter_file file;
  CHECK_OK(mlcm__meter_file_take(r->ctx, r->dir, &id, 1, &file, err));
  mlcm__meter_slot *slots = mlcm__meter_slots(&file);
  for (uint32_t i = 0; i < n; i++) {
    const uint64_t epoch = last - i;
    slots[i].version = 1;
    slots[i].epoch = epoch;
    slots[i].checksum = mlcm__meter_slot_checksum(1, epoch);
    slots[i].ready = 1;
  }
  mlcm__mapped_close(r->ctx, &file.map);
}

/* Every cell comes before all that were read before it: the order that costs most. */
START_TEST(an_endpoint_has_8192_cells_at_most) {
  enum { FILES = MLCM__SNAPSHOT_CELLS / MLCM__METER_CELLS };
  room r = open_room();
  mlcm__meter_snapshot *s = NULL;
  for (uint32_t i = 0; i < FILES; i++)
    make_file(&r, i, MLCM__SNAPSHOT_CELLS - (uint64_t)i * MLCM__METER_CELLS, MLCM__METER_CELLS);
  CHECK_OK(mlcm__meter_read(r.ctx, r.dir, ENDPOINT, &s, err));
  ck_assert_uint_eq(s->n_cells, MLCM__SNAPSHOT_CELLS);
  for (size_t i = 0; i < s->n_cells; i++) ck_assert_uint_eq(s->cells[i]->epoch, i + 1);
  mlcm__meter_snapshot_free(s);
  make_file(&r, FILES, MLCM__SNAPSHOT_CELLS + 1, 1);
  CHECK_FAILS(MLCM_LIMIT, "one endpoint have more than 8192 versions and epochs",
              mlcm__meter_read(r.ctx, r.dir, ENDPOINT, &s, err));
  close_room(&r);
}
END_TEST

/* ---- Answers ------------------------------------------------------------------------------------------------------- */

static mlcm_measurement judge(const char *body, size_t len) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_measurement m;
  CHECK_OK(mlcm__prometheus_read(ctx, 200, "application/json", body, len, 0, INT64_MAX, &m, err));
  mlcm_context_free(ctx);
  return m;
}

/* Nesting stands where nobody looks at it. */
static mlcm_measurement judge_depth(int depth) {
  char body[512];
  int n = snprintf(body, sizeof body, "{\"status\":\"success\",\"infos\":");
  for (int i = 1; i < depth; i++) n += snprintf(body + n, sizeof body - (size_t)n, "[");
  for (int i = 1; i < depth; i++) n += snprintf(body + n, sizeof body - (size_t)n, "]");
  n += snprintf(body + n, sizeof body - (size_t)n, ",\"data\":{\"resultType\":\"scalar\",\"result\":[1,\"42\"]}}");
  return judge(body, (size_t)n);
}

START_TEST(an_answer_has_a_depth) {
  const mlcm_measurement deepest = judge_depth(ANSWER_DEPTH), deeper = judge_depth(ANSWER_DEPTH + 1);
  ck_assert_msg(deepest.kind == MLCM_MEASURED_VALUE && deepest.value == 42, "%s", deepest.detail);
  ck_assert_int_eq(deeper.kind, MLCM_MEASURED_ERROR);
  ck_assert_msg(strstr(deeper.detail, "nested deeper than the limit of 16") != NULL, "%s", deeper.detail);
}
END_TEST

/* What a source of this kind measures of an answer that is as long. */
static mlcm_measurement measure(const mlcm_source *kind, const char *answer, size_t len) {
  test_httpd *server = test_httpd_start();
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_source source = *kind;
  mlcm_measurement m;
  char url[128], *body = malloc(len);
  memset(body, ' ', len);
  memcpy(body, answer, strlen(answer));
  const test_reply reply = {.content_type = "application/json", .body = body, .body_len = len};
  test_httpd_on(server, "/", &reply);
  test_httpd_on(server, "/api/v1/query", &reply);
  test_httpd_url(server, kind->query ? "" : "/", url);
  source.url = url;
  source.max_age_ns = INT64_MAX;
  CHECK_OK(mlcm_measure(ctx, &source, 1, &m, err));
  free(body);
  mlcm_context_free(ctx);
  test_httpd_stop(server);
  return m;
}

START_TEST(an_answer_has_a_length) {
  enum { QUERY_BYTES = 1 << 20, PROBE_BYTES = 16 << 20 };
  static const char value[] = "{\"status\":\"success\",\"data\":{\"resultType\":\"scalar\",\"result\":[1772366399,\"42\"]}}";
  const mlcm_source query = {.query = "up"}, probe = {0};
  mlcm_measurement m = measure(&query, value, QUERY_BYTES);
  ck_assert_msg(m.kind == MLCM_MEASURED_VALUE && m.value == 42, "%s", m.detail);
  m = measure(&query, value, QUERY_BYTES + 1);
  ck_assert_int_eq(m.kind, MLCM_MEASURED_ERROR);
  ck_assert_msg(strstr(m.detail, "1048576") != NULL, "%s", m.detail);
  m = measure(&probe, "", PROBE_BYTES);
  ck_assert_msg(m.kind == MLCM_MEASURED_VALUE && m.value == 1, "%s", m.detail);
  m = measure(&probe, "", PROBE_BYTES + 1);
  ck_assert_msg(strstr(m.detail, "16777216") != NULL, "%d %s", (int)m.kind, m.detail);
}
END_TEST

/* The address as it is asked; a query of letters stands in it as it is. */
static mlcm_status make_address(size_t query_bytes, size_t *out_len, mlcm_error *err) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  char *query = malloc(query_bytes + 1), *address = NULL;
  memset(query, 'a', query_bytes);
  query[query_bytes] = '\0';
  const mlcm_source source = {.url = "http://a", .query = query};
  mlcm_status st = mlcm__source_url(ctx, &source, &address, err);
  if (!st) *out_len = strlen(address);
  mlcm__free(ctx, address);
  free(query);
  mlcm_context_free(ctx);
  return st;
}

START_TEST(the_address_of_a_source_has_a_length) {
  enum { ADDRESS_MAX = 1 << 20 };
  size_t around = 0, len = 0;
  CHECK_OK(make_address(0, &around, err));
  CHECK_OK(make_address(ADDRESS_MAX - around, &len, err));
  ck_assert_uint_eq(len, ADDRESS_MAX);
  CHECK_FAILS(MLCM_LIMIT, "address of a source is larger than the limit of 1048576 bytes",
              make_address(ADDRESS_MAX - around + 1, &len, err));
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_meter_file_has_sixteen_shards_at_most,
                          a_process_has_a_hundred_thousand_files_open_at_most,
                          an_endpoint_has_8192_cells_at_most,
                          an_answer_has_a_depth,
                          an_answer_has_a_length,
                          the_address_of_a_source_has_a_length};
  return TEST_RUN("metric_limits", tests);
}
