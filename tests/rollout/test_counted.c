/* SPDX-License-Identifier: Apache-2.0
 *
 * test_counted.c - evidence from meters: totals and their text, lines and their text, files that vanish, counts that overtake.
 */
#include "rollout/fixture.h"

#include <dirent.h>

#include "rollout/evidence.h"
#include "rollout/handle.h"

static mlcm__counted take(const rolling *r, const mlcm__counted *now) {
  mlcm__meter_snapshot *snapshot = NULL;
  mlcm__counted next = {0};
  mlcm__counted_wanted wanted = {1, 2, 1, true};
  CHECK_OK(mlcm__meter_read(r->f.ctx, r->f.reg->run_dir, (uint64_t)r->endpoint, &snapshot, err));
  CHECK_OK(mlcm__counted_take(r->f.ctx, now, snapshot, &wanted, &next, err));
  mlcm__meter_snapshot_free(snapshot);
  return next;
}

static void report(serving *s, int64_t version, int64_t epoch, const char *name, int n, int n_bad) {
  uint32_t cell = 0, outcome = 0;
  CHECK_OK(mlcm__meter_cell(s->meter, version, (uint64_t)epoch, &cell, err));
  CHECK_OK(mlcm__meter_outcome_index(s->meter, name, &outcome, err));
  for (int i = 0; i < n; i++) mlcm__meter_outcome(s->meter, cell, MLCM__SCOPE_KEY, outcome, i < n_bad);
}

START_TEST(totals_survive_their_text) {
  rolling r;
  mlcm__buffer text, again;
  mlcm__counted none = {0}, read = {0};
  mlcm__evidence_line line = {0};
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  serve(&r, &r.s, 30, 2, 70, 3);
  report(&r.s, 2, routing_of(&r).epoch, "wrong", 5, 2);
  mlcm__counted now = take(&r, &none);
  ck_assert_uint_eq(now.n, 2);
  mlcm__buffer_init(&text, r.f.ctx, 1 << 20);
  mlcm__buffer_init(&again, r.f.ctx, 1 << 20);
  CHECK_OK(mlcm__evidence_write_counted(&text, &now, err));
  CHECK_OK(mlcm__evidence_read(r.f.ctx, text.data, text.len - 1, &line, &read, err));
  ck_assert(line.is_counted);
  for (size_t i = 0; i < read.n; i++) read.cells[i].is_new = true;
  CHECK_OK(mlcm__evidence_write_counted(&again, &read, err));
  ck_assert_str_eq(text.data, again.data);
  mlcm__evidence_line_reset(r.f.ctx, &line);
  mlcm__buffer_reset(&text);
  mlcm__buffer_reset(&again);
  mlcm__counted_reset(r.f.ctx, &now);
  mlcm__counted_reset(r.f.ctx, &read);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(only_cells_that_changed_are_written) {
  rolling r;
  mlcm__buffer text;
  mlcm__counted none = {0};
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  serve(&r, &r.s, 30, 2, 70, 3);
  mlcm__counted now = take(&r, &none);
  mlcm__buffer_init(&text, r.f.ctx, 1 << 20);
  CHECK_OK(mlcm__evidence_write_counted(&text, &now, err));
  mlcm__buffer_clear(&text);
  complete(&r.s, 2, routing_of(&r).epoch, 1, 0);
  mlcm__counted next = take(&r, &now);
  CHECK_OK(mlcm__evidence_write_counted(&text, &next, err));
  ck_assert_ptr_nonnull(strstr(text.data, "\"version\":\"2\""));
  ck_assert_ptr_null(strstr(text.data, "\"version\":\"1\""));
  mlcm__buffer_clear(&text);
  CHECK_OK(mlcm__evidence_write_counted(&text, &next, err));
  ck_assert_str_eq(text.data, "{\"cells\":[]}\n");
  mlcm__buffer_reset(&text);
  mlcm__counted_reset(r.f.ctx, &now);
  mlcm__counted_reset(r.f.ctx, &next);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(a_tick_survives_its_text) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_counts fail[2] = {{10, 1, 20, 2}, {3, 0, 4, 4}}, pass[2] = {{10, 0, 20, 1}, {3, 3, 4, 0}};
  mlcm_measurement measured = {.kind = MLCM_MEASURED_PARTIAL,
                               .http_status = 200,
                               .value = 0.1,
                               .at_ns = INT64_MAX,
                               .took_ns = 7,
                               .detail = "w\xC3\xA4rning \"x\""};
  mlcm_observation seen[3] = {
      {.check = 0, .n_strata = 2, .fail = fail, .pass = pass}, {.check = 4, .measurement = &measured}, {.check = 5}};
  mlcm_traffic traffic = {50000, 950000, 3, 4, {5, 1, 6, 2}};
  mlcm__tick tick = {.wall_ns = -1,
                     .mono_ns = INT64_MIN,
                     .traffic = &traffic,
                     .n_traffic = 1,
                     .observations = seen,
                     .n_observations = 3,
                     .command = {MLCM__INTENT_ABORT, "ana", "line\nbreak"}};
  mlcm__evidence_line line = {0};
  mlcm__buffer a, b;
  mlcm__buffer_init(&a, ctx, 1 << 20);
  mlcm__buffer_init(&b, ctx, 1 << 20);
  CHECK_OK(mlcm__evidence_write(&a, &tick, err));
  ck_assert_ptr_eq(strchr(a.data, '\n'), a.data + a.len - 1); /* one line, whatever people write */
  CHECK_OK(mlcm__evidence_read(ctx, a.data, a.len - 1, &line, NULL, err));
  ck_assert_int_eq(line.tick.wall_ns, -1);
  ck_assert_int_eq(line.tick.mono_ns, INT64_MIN);
  ck_assert_int_eq(line.tick.observations[0].fail[1].stable_bad, 4);
  ck_assert_int_eq(line.tick.observations[0].pass[1].candidate_bad, 3);
  ck_assert(line.tick.observations[1].measurement->value == 0.1);
  ck_assert_str_eq(line.tick.observations[1].measurement->detail, measured.detail);
  ck_assert_str_eq(line.tick.command.reason, "line\nbreak");
  CHECK_OK(mlcm__evidence_write(&b, &line.tick, err));
  ck_assert_str_eq(a.data, b.data);
  mlcm__evidence_line_reset(ctx, &line);
  mlcm__buffer_reset(&a);
  mlcm__buffer_reset(&b);
  mlcm_context_free(ctx);
}
END_TEST

static const char *const damaged[] = {
    "",
    "{}",
    "[]",
    "null",
    "{\"checks\":[],\"mono_ns\":\"1\",\"traffic\":[]}",
    "{\"checks\":[{\"check\":-1,\"fail\":[],\"pass\":[]}],\"mono_ns\":\"1\",\"traffic\":[],\"wall_ns\":\"1\"}",
    "{\"checks\":[{\"check\":0,\"fail\":[[1,2,1,1]],\"pass\":[[1,1,1,1]]}],\"mono_ns\":\"1\",\"traffic\":[],\"wall_ns\":\"1\"}",
    "{\"checks\":[{\"check\":0,\"fail\":[[1,1,1,1]],\"pass\":[]}],\"mono_ns\":\"1\",\"traffic\":[],\"wall_ns\":\"1\"}",
    "{\"checks\":[{\"check\":0,\"fail\":[[1.5,1,1,1]],\"pass\":[[1,1,1,1]]}],\"mono_ns\":\"1\",\"traffic\":[],\"wall_ns\":\"1\"}",
    "{\"checks\":[],\"mono_ns\":\"x\",\"traffic\":[],\"wall_ns\":\"1\"}",
    "{\"checks\":[],\"mono_ns\":\"1\",\"traffic\":[[1,2,3]],\"wall_ns\":\"1\"}",
    "{\"checks\":[],\"command\":{\"actor\":\"a\",\"kind\":99,\"reason\":\"\"},\"mono_ns\":\"1\",\"traffic\":[],\"wall_ns\":"
    "\"1\"}",
    "{\"cells\":7}",
    "{\"cells\":[{\"epoch\":\"1\",\"scopes\":[],\"version\":\"1\"}]}",
    "{\"cells\":[{\"epoch\":\"1\",\"scopes\":[{\"completed\":1,\"errors\":0,\"latency\":[[961,1]],\"outcomes\":[],\"routed\":1},{"
    "}],\"version\":\"1\"}]}",
};

START_TEST(damaged_evidence_is_corrupt) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__evidence_line line = {0};
  mlcm__counted counted = {0};
  for (size_t i = 0; i < sizeof(damaged) / sizeof(*damaged); i++) {
    mlcm_error err = {0};
    mlcm_status st = mlcm__evidence_read(ctx, damaged[i], strlen(damaged[i]), &line, &counted, &err);
    ck_assert_msg(st == MLCM_CORRUPT && err.code == MLCM_CORRUPT && err.message[0], "case %zu: %s", i, mlcm_status_name(st));
  }
  mlcm__evidence_line_reset(ctx, &line);
  mlcm__counted_reset(ctx, &counted);
  mlcm_context_free(ctx);
}
END_TEST

static void remove_meter_files(rolling *r) {
  mlcm__meter_close(r->s.meter);
  r->s.meter = NULL;
  DIR *dir = opendir(r->f.reg->run_dir);
  for (struct dirent *e; (e = readdir(dir));) {
    char *path = test_path(r->f.reg->run_dir, e->d_name);
    if (e->d_name[0] != '.' && !strstr(e->d_name, ".live")) ck_assert_int_eq(unlink(path), 0);
    free(path);
  }
  closedir(dir);
}

/* The next process counts from 0, for which the tick that sees less than before says nothing. */
START_TEST(a_meter_file_that_vanishes_costs_its_news_and_nothing_counts_twice) {
  for (int restarts = 0; restarts < 2; restarts++) {
    rolling r;
    rolling_set_up(&r);
    rolling_start(&r, quick_plan);
    serve(&r, &r.s, 50, 0, 50, 0);
    ck_assert_int_eq(tick_action(&r, r.rollout), 0);
    remove_meter_files(&r);
    if (!restarts) ck_assert_int_eq(tick_action(&r, r.rollout), 0);
    serve_begin(&r, &r.s);
    if (restarts) serve(&r, &r.s, 3, 0, 3, 0);
    ck_assert_int_eq(tick_action(&r, r.rollout), 0);
    serve(&r, &r.s, 20, 0, 20, 0);
    ck_assert_int_eq(tick_action(&r, r.rollout), 0);
    check_totals(totals(r.rollout), 70, 0, 70, 0);
    rolling_tear_down(&r);
  }
}
END_TEST

START_TEST(late_outcomes_of_a_new_name_do_not_shift_the_others) {
  rolling r;
  mlcm__counted none = {0};
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  report(&r.s, 2, 2, "wrong", 5, 2);
  mlcm__counted now = take(&r, &none);
  report(&r.s, 2, 2, "angry", 3, 1);
  mlcm__counted next = take(&r, &now);
  ck_assert_int_eq(mlcm__counted_outcome(&now, "wrong"), mlcm__counted_outcome(&next, "wrong"));
  ck_assert_int_ge(mlcm__counted_outcome(&next, "angry"), 0);
  ck_assert_int_eq(mlcm__counted_outcome(&now, "angry"), -1);
  mlcm__counted_reset(r.f.ctx, &now);
  mlcm__counted_reset(r.f.ctx, &next);
  rolling_tear_down(&r);
}
END_TEST

/* Ticks a plan of one check and answers the last line of its evidence. */
static char *line_of(rolling *r) {
  ck_assert_int_eq(tick_action(r, r->rollout), 0);
  const char *text = r->rollout->chunk.data;
  size_t len = r->rollout->chunk.len - 1; /* of a whole line */
  const char *before = memrchr(text, '\n', len);
  return strndup(before ? before + 1 : text, len);
}

START_TEST(news_of_several_epochs_stand_in_their_order) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  int64_t first = routing_of(&r).epoch;
  complete(&r.s, 1, first + 1, 9, 0);
  complete(&r.s, 2, first, 7, 0);
  char *line = line_of(&r);
  ck_assert_msg(strstr(line, "\"fail\":[[7,0,0,0],[0,0,9,0]]"), "%s", line);
  free(line);
  rolling_tear_down(&r);
}
END_TEST

/* Who fails must be slower than all that a meter tells apart, who passes need not. */
START_TEST(latencies_at_the_upper_end_can_pass_and_cannot_fail) {
  rolling r;
  uint32_t cells[2];
  mlcm_rollout_state *state = NULL;
  rolling_set_up(&r);
  rolling_start(&r, "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsteps: [{weight: 50%, for: 5s}]\nsample_ratio_alpha: 0\n"
                    "checks: [{name: slow, compare: latency.p90, fail_above: 4x, pass_below: 1.1x}]\n");
  for (int v = 0; v < 2; v++) CHECK_OK(mlcm__meter_cell(r.s.meter, v + 1, (uint64_t)routing_of(&r).epoch, &cells[v], err));
  for (int t = 0; t < 2; t++) {
    for (int v = 0; v < 2; v++) mlcm__meter_complete(r.s.meter, cells[v], MLCM__SCOPE_KEY, 800 * SECOND, true);
    ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  }
  summary_of(r.rollout, &state);
  mlcm_check_state seen = mlcm_rollout_state_check(state, 0)->state;
  ck_assert_int_eq(seen.total.candidate_n, 0); /* of the failing side */
  ck_assert_int_eq(seen.step.candidate_n, 1);  /* of the passing side: the first tick only made the threshold */
  mlcm_rollout_state_free(state);
  rolling_tear_down(&r);
}
END_TEST

START_TEST(counts_for_more_epochs_than_a_check_takes_are_refused) {
  rolling r;
  mlcm_action action = 0;
  mlcm_error why = {0};
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  ck_assert_int_eq(tick_action(&r, r.rollout), 0);
  int64_t first = routing_of(&r).epoch;
  for (int i = 0; i <= 1000; i++) complete(&r.s, 1, first + i, 1, 0);
  ck_assert_int_eq(tick_status(&r, &action, &why), MLCM_LIMIT);
  ck_assert_msg(strstr(why.message, "more than 1000 routing epochs"), "%s", why.message);
  CHECK_OK(mlcm_rollout_command(r.rollout, MLCM_COMMAND_ABORT, NULL, err));
  ck_assert_int_eq(tick_action(&r, r.rollout), MLCM_ACTION_ABORT); /* people are obeyed all the same */
  rolling_tear_down(&r);
}
END_TEST

int main(void) {
  const TTest *tests[] = {totals_survive_their_text,
                          only_cells_that_changed_are_written,
                          a_tick_survives_its_text,
                          damaged_evidence_is_corrupt,
                          a_meter_file_that_vanishes_costs_its_news_and_nothing_counts_twice,
                          late_outcomes_of_a_new_name_do_not_shift_the_others,
                          news_of_several_epochs_stand_in_their_order,
                          latencies_at_the_upper_end_can_pass_and_cannot_fail,
                          counts_for_more_epochs_than_a_check_takes_are_refused};
  return TEST_RUN("rollout_counted", tests);
}
