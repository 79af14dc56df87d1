/* SPDX-License-Identifier: Apache-2.0
 *
 * test_limits_stored.c - evidence, totals, records and live evidence have lengths: the largest is read back, one more is an error
 * with the number and the limit in it; and nothing is written that could not be read again. docs/limits.md lists them.
 */
#include "rollout/fixture.h"

#include "gate/policy.h"
#include "rollout/evidence.h"
#include "rollout/handle.h"
#include "rollout/live.h"
#include "rollout/record.h"

enum { LINE_MAX_BYTES = 4 << 20, MAX_STRATA = 1000, RECORD_MAX = 1 << 20, LIVE_MAX = 64 << 20 };
static const uint64_t most = UINT64_C(1) << 53; /* that a total may count */

/* `text` and white space up to this length. */
static char *padded(const char *text, size_t len) {
  char *out = malloc(len + 1);
  memset(out, ' ', len);
  memcpy(out, text, strlen(text));
  out[len] = '\0';
  return out;
}

/* ---- Lines of evidence ---------------------------------------------------------------------------------------------- */

static mlcm_status read_line(const char *text, size_t len, mlcm_error *err) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__evidence_line line = {0};
  mlcm_status st = mlcm__evidence_read(ctx, text, len, &line, NULL, err);
  mlcm__evidence_line_reset(ctx, &line);
  mlcm_context_free(ctx);
  return st;
}

START_TEST(a_line_of_evidence_has_a_length) {
  static const char shortest[] = "{\"checks\":[],\"mono_ns\":\"1\",\"traffic\":[],\"wall_ns\":\"1\"}";
  char *line = padded(shortest, LINE_MAX_BYTES + 1);
  CHECK_OK(read_line(line, LINE_MAX_BYTES, err));
  CHECK_FAILS(MLCM_CORRUPT, "evidence has 4194305 bytes, more than the limit of 4194304",
              read_line(line, LINE_MAX_BYTES + 1, err));
  free(line);
}
END_TEST

/* A tick of `checks` checks that each saw `strata` routing epochs, as long as numbers get. */
static mlcm_status write_tick(mlcm__buffer *out, size_t checks, int32_t strata, size_t traffic, mlcm_error *err) {
  const mlcm_counts counts = {INT64_C(1) << 50, 1, INT64_C(1) << 50, 1};
  mlcm_counts *each = malloc((MAX_STRATA + 1) * sizeof *each);
  mlcm_observation *seen = calloc(checks, sizeof *seen);
  mlcm_traffic *routed = calloc(traffic + 1, sizeof *routed);
  for (int32_t i = 0; i <= MAX_STRATA; i++) each[i] = counts;
  for (size_t i = 0; i < checks; i++)
    seen[i] = (mlcm_observation){.check = (int32_t)i, .n_strata = strata, .fail = each, .pass = each};
  const mlcm__tick tick = {
      .wall_ns = 1, .mono_ns = 1, .observations = seen, .n_observations = checks, .traffic = routed, .n_traffic = traffic};
  mlcm_status st = mlcm__evidence_write(out, &tick, err);
  free(each);
  free(seen);
  free(routed);
  return st;
}

START_TEST(parts_of_a_line_have_a_number) {
  static const struct {
    size_t checks;
    int32_t strata;
    size_t traffic;
    const char *words; /* NULL: is read */
  } cases[] = {{MLCM__POLICY_MAX_CHECKS, 1, 1, NULL},
               {MLCM__POLICY_MAX_CHECKS + 1, 1, 1, "'checks' has 101 items, more than the limit of 100"},
               {1, MAX_STRATA, 1, NULL},
               {1, MAX_STRATA + 1, 1, "'fail' has 1001 items, more than the limit of 1000"},
               {1, 1, MAX_STRATA, NULL},
               {1, 1, MAX_STRATA + 1, "'traffic' has 1001 items, more than the limit of 1000"}};
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    mlcm__buffer line;
    mlcm__buffer_init(&line, ctx, SIZE_MAX);
    CHECK_OK(write_tick(&line, cases[i].checks, cases[i].strata, cases[i].traffic, err));
    if (cases[i].words) CHECK_FAILS(MLCM_CORRUPT, cases[i].words, read_line(line.data, line.len - 1, err));
    else CHECK_OK(read_line(line.data, line.len - 1, err));
    mlcm__buffer_reset(&line);
  }
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_line_that_could_not_be_read_is_not_written) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__buffer chunk;
  mlcm__buffer_init(&chunk, ctx, SIZE_MAX);
  CHECK_OK(write_tick(&chunk, 1, 1, 1, err));
  const size_t before = chunk.len;
  CHECK_FAILS(MLCM_LIMIT, "more than the limit of 4194304", write_tick(&chunk, MLCM__POLICY_MAX_CHECKS, MAX_STRATA, 1, err));
  ck_assert_uint_eq(chunk.len, before);
  ck_assert_uint_eq(strlen(chunk.data), before);
  mlcm__buffer_reset(&chunk);
  mlcm_context_free(ctx);
}
END_TEST

/* A plan whose hundred checks compare. */
static char *hundred_checks(void) {
  static char plan[8192];
  size_t len = (size_t)snprintf(plan, sizeof plan, "%s", quick_plan);
  len -= strlen("]\n");
  for (int i = 1; i < MLCM__POLICY_MAX_CHECKS; i++)
    len += (size_t)snprintf(plan + len, sizeof plan - len, ", {name: o%d, compare: outcome.o%d, tolerate: 2x}", i, i);
  (void)snprintf(plan + len, sizeof plan - len, "]\n");
  return plan;
}

/* A check's epoch takes its place in a line of evidence: many checks have fewer of them. */
START_TEST(checks_and_their_epochs_fit_a_line) {
  rolling r;
  mlcm_decision *d = NULL;
  rolling_set_up(&r);
  rolling_start(&r, hundred_checks());
  const int64_t first = routing_of(&r).epoch;
  for (int i = 0; i < 250; i++) complete(&r.s, 1, first + i, 1, 0);
  CHECK_OK(mlcm_rollout_tick(r.rollout, NULL, &d, err));
  complete(&r.s, 1, first + 250, 1, 0);
  test_clock_advance(&r.f.clock, SECOND);
  CHECK_FAILS(MLCM_LIMIT, "more than 250 routing epochs of one rollout with 100 comparing checks",
              mlcm_rollout_tick(r.rollout, NULL, &d, err));
  rolling_tear_down(&r);
}
END_TEST

/* ---- Totals --------------------------------------------------------------------------------------------------------- */

/* Cells of n epochs. `full`: every bucket and every outcome, whose names take the longest escapes, has counted all it can. */
static mlcm__counted totals_of(mlcm_context *ctx, size_t n, bool full) {
  mlcm__counted c = {.n = n, .cap = n, .cells = mlcm__alloc_zero(ctx, n, sizeof(mlcm__counted_cell))};
  c.n_outcomes = full ? MLCM__SNAPSHOT_OUTCOMES : 0;
  for (size_t o = 0; o < c.n_outcomes; o++) {
    memset(c.outcomes[o], 1, sizeof c.outcomes[o] - 1);
    c.outcomes[o][0] = (char)('A' + o);
  }
  for (size_t i = 0; i < n; i++) {
    c.cells[i].version = INT64_MAX;
    c.cells[i].epoch = i + 1;
    c.cells[i].is_new = true;
    for (int s = 0; full && s < MLCM__COUNTED_SCOPES; s++) {
      mlcm__meter_sum *sum = &c.cells[i].scope[s];
      sum->routed = sum->completed = sum->errors = sum->latency.underflow = sum->latency.overflow = most;
      for (int b = 0; b < MLCM__HISTOGRAM_BUCKETS; b++) sum->latency.bucket[b] = most;
      for (size_t o = 0; o < c.n_outcomes; o++) sum->outcome[o].n = sum->outcome[o].bad = most;
    }
  }
  return c;
}

/* Reads all lines of totals, none longer than a line may be. Answers how many there are. */
static int read_totals(mlcm_context *ctx, const mlcm__buffer *text, mlcm__counted *out) {
  mlcm__evidence_line line = {0};
  int n = 0;
  for (const char *at = text->data, *end = text->data + text->len; at < end; n++) {
    const size_t len = strcspn(at, "\n");
    ck_assert_uint_le(len, LINE_MAX_BYTES);
    CHECK_OK(mlcm__evidence_read(ctx, at, len, &line, out, err));
    at += len + 1;
  }
  mlcm__evidence_line_reset(ctx, &line);
  return n;
}

START_TEST(totals_of_any_size_are_read_back) {
  enum { CELLS = 3 * MLCM__COUNTED_LINE_CELLS + 1 };
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__counted before = totals_of(ctx, CELLS, true), after = {0};
  mlcm__buffer text;
  mlcm__buffer_init(&text, ctx, SIZE_MAX);
  CHECK_OK(mlcm__evidence_write_counted(&text, &before, err));
  ck_assert_int_eq(read_totals(ctx, &text, &after), 4);
  ck_assert_uint_eq(after.n, CELLS);
  for (size_t i = 0; i < CELLS; i++) {
    ck_assert_uint_eq(after.cells[i].epoch, i + 1);
    ck_assert(mlcm__counted_grew(&after.cells[i], &before.cells[i]) && mlcm__counted_grew(&before.cells[i], &after.cells[i]));
  }
  mlcm__buffer_clear(&text);
  CHECK_OK(mlcm__evidence_write_counted(&text, &before, err)); /* none is new any more */
  ck_assert_str_eq(text.data, "{\"cells\":[]}\n");
  mlcm__buffer_reset(&text);
  mlcm__counted_reset(ctx, &before);
  mlcm__counted_reset(ctx, &after);
  mlcm_context_free(ctx);
}
END_TEST

/* However many lines they come in. */
START_TEST(totals_have_as_many_cells_as_an_endpoint) {
#define NOTHING "{\"completed\":0,\"errors\":0,\"latency\":[],\"outcomes\":[],\"routed\":0}"
  static const char one_more[] = "{\"cells\":[{\"epoch\":\"0\",\"scopes\":[" NOTHING "," NOTHING "],\"version\":\"1\"}]}";
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__counted before = totals_of(ctx, MLCM__SNAPSHOT_CELLS, false), after = {0};
  mlcm__evidence_line line = {0};
  mlcm__buffer text;
  mlcm__buffer_init(&text, ctx, SIZE_MAX);
  CHECK_OK(mlcm__evidence_write_counted(&text, &before, err));
  (void)read_totals(ctx, &text, &after);
  ck_assert_uint_eq(after.n, MLCM__SNAPSHOT_CELLS);
  CHECK_FAILS(MLCM_CORRUPT, "more than the 8192 cells that an endpoint has",
              mlcm__evidence_read(ctx, one_more, strlen(one_more), &line, &after, err));
  mlcm__evidence_line_reset(ctx, &line);
  mlcm__buffer_reset(&text);
  mlcm__counted_reset(ctx, &before);
  mlcm__counted_reset(ctx, &after);
  mlcm_context_free(ctx);
}
END_TEST

/* ---- Records -------------------------------------------------------------------------------------------------------- */

static mlcm_status read_record(mlcm_context *ctx, const char *text, size_t len, mlcm_error *err) {
  mlcm_decision *d = NULL;
  char *record = padded(text, len);
  mlcm_status st = mlcm__decision_of(ctx, record, &d, err);
  free(record);
  mlcm_decision_free(d);
  return st;
}

START_TEST(a_record_of_a_decision_has_a_length) {
  rolling r;
  mlcm_decision *d = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  CHECK_OK(mlcm_decision_get(r.rollout, 1, &d, err));
  CHECK_OK(read_record(r.f.ctx, mlcm_decision_json(d), RECORD_MAX, err));
  CHECK_FAILS(MLCM_CORRUPT, "decision record has 1048577 bytes, more than the limit of 1048576",
              read_record(r.f.ctx, mlcm_decision_json(d), RECORD_MAX + 1, err));
  mlcm_decision_free(d);
  rolling_tear_down(&r);
}
END_TEST

/* ---- Live evidence -------------------------------------------------------------------------------------------------- */

START_TEST(live_evidence_has_a_length) {
  rolling r;
  mlcm__buffer lines;
  const mlcm__rollout_head head = {.id = 7, .active = true, .lease_epoch = 3, .n_chunks = 5, .holder = "h"};
  rolling_set_up(&r);
  char *path = test_path(r.f.reg->run_dir, "rollout-7.live");
  mlcm__buffer_init(&lines, r.f.ctx, SIZE_MAX);
  test_write_file(path, "3 5\nline\n", strlen("3 5\nline\n"));
  ck_assert_int_eq(truncate(path, LIVE_MAX), 0); /* holes: they are no lines */
  CHECK_OK(mlcm__live_read(r.f.reg, &head, &lines, err));
  ck_assert_str_eq(lines.data, "line\n");
  ck_assert_int_eq(truncate(path, LIVE_MAX + 1), 0);
  CHECK_FAILS(MLCM_LIMIT, "rollout-7.live' has 67108865 bytes, more than the limit of 67108864",
              mlcm__live_read(r.f.reg, &head, &lines, err));
  mlcm__buffer_reset(&lines);
  free(path);
  rolling_tear_down(&r);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_line_of_evidence_has_a_length,
                          parts_of_a_line_have_a_number,
                          a_line_that_could_not_be_read_is_not_written,
                          checks_and_their_epochs_fit_a_line,
                          totals_of_any_size_are_read_back,
                          totals_have_as_many_cells_as_an_endpoint,
                          a_record_of_a_decision_has_a_length,
                          live_evidence_has_a_length};
  return TEST_RUN("rollout_limits_stored", tests);
}
