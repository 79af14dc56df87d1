/* SPDX-License-Identifier: Apache-2.0
 *
 * test_damage.c - what is read back is not trusted: lines of evidence, totals and records with a part missing, of another type or
 * out of range are MLCM_CORRUPT, whether anybody wants to know why or not; and the small print of numbers and words.
 */
#include "rollout/fixture.h"

#include <cjson/cJSON.h>

#include "rollout/evidence.h"
#include "rollout/handle.h"
#include "rollout/lease.h"
#include "rollout/live.h"
#include "rollout/words.h"

/* A valid text with one change: the value at a path of keys and indices ("checks.0.fail") is replaced, or dropped (NULL). */
typedef struct change {
  const char *path;
  const char *value;
} change;

static cJSON *child_of(cJSON *at, const char *key) {
  return cJSON_IsArray(at) ? cJSON_GetArrayItem(at, atoi(key)) : cJSON_GetObjectItemCaseSensitive(at, key);
}

static void apply(cJSON *root, const change *c) {
  char path[128], *save = NULL;
  cJSON *parent = NULL, *at = root;
  const char *key = "";
  snprintf(path, sizeof(path), "%s", c->path);
  for (char *part = strtok_r(path, ".", &save); part; part = strtok_r(NULL, ".", &save)) {
    parent = at;
    key = part;
    at = child_of(at, part);
    ck_assert_msg(at != NULL, "%s", c->path);
  }
  cJSON *value = c->value ? cJSON_Parse(c->value) : NULL;
  if (cJSON_IsArray(parent) && value)
    cJSON_ReplaceItemInArray(parent, atoi(key), value);
  else if (value)
    cJSON_ReplaceItemInObjectCaseSensitive(parent, key, value);
  else
    cJSON_DeleteItemFromObjectCaseSensitive(parent, key);
}

static char *changed(const char *text, const change *c) {
  cJSON *root = cJSON_Parse(text);
  ck_assert_ptr_nonnull(root);
  apply(root, c);
  char *out = cJSON_PrintUnformatted(root);
  cJSON_Delete(root);
  return out;
}

/* ---- evidence ------------------------------------------------------------------------------------------------------- */

static const char good_line[] =
    "{\"checks\":[{\"check\":0,\"fail\":[[5,1,5,1]],\"pass\":[[5,1,5,1]]},"
    "{\"check\":1,\"measured\":{\"at_ns\":\"1\",\"detail\":\"\","
    "\"http_status\":200,\"kind\":1,\"took_ns\":\"1\",\"value\":\"0x1p+0\"}}],\"command\":{\"actor\":\"eve\",\"kind\":1,"
    "\"reason\":\"lunch\"},\"mono_ns\":\"1\",\"traffic\":[[1,1,1,1,5,1,5,1]],\"wall_ns\":\"1\"}";

static const char long_text[] =
    "\"0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890"
    "0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890\"";

static const change bad_lines[] = {
    {"checks", NULL},
    {"checks", "7"},
    {"checks.0.check", NULL},
    {"checks.0.check", "-1"},
    {"checks.0.check", "100"},
    {"checks.0.fail", "7"},
    {"checks.0.pass", NULL},
    {"checks.0.pass", "[]"},
    {"checks.0.fail.0", "7"},
    {"checks.0.fail.0", "[5,1,5]"},
    {"checks.0.fail.0", "[5,1,5,1,1]"},
    {"checks.0.fail.0", "[1,5,5,1]"},
    {"checks.0.fail.0", "[5,1,1,5]"},
    {"checks.0.fail.0.0", "\"5\""},
    {"checks.0.fail.0.1", "-1"},
    {"checks.0.fail.0.0", "1e18"},
    {"checks.0.fail.0.0", "5.5"},
    {"checks.1.measured.at_ns", NULL},
    {"checks.1.measured.detail", NULL},
    {"checks.1.measured.detail", long_text},
    {"checks.1.measured.http_status", NULL},
    {"checks.1.measured.http_status", "-1"},
    {"checks.1.measured.http_status", "1000"},
    {"checks.1.measured.kind", NULL},
    {"checks.1.measured.kind", "0"},
    {"checks.1.measured.kind", "9"},
    {"checks.1.measured.took_ns", NULL},
    {"checks.1.measured.value", NULL},
    {"command.actor", NULL},
    {"command.kind", NULL},
    {"command.kind", "0"},
    {"command.kind", "7"},
    {"command.reason", NULL},
    {"mono_ns", NULL},
    {"wall_ns", NULL},
    {"traffic", NULL},
    {"traffic", "7"},
    {"traffic.0", "7"},
    {"traffic.0", "[1,1,1,1,5,1,5]"},
    {"traffic.0", "[1,1,1,1,1,5,5,1]"},
    {"traffic.0", "[1,1,1,1,5,1,1,5]"},
};

static mlcm_status read_line(mlcm_context *ctx, const char *text, mlcm_error *err) {
  mlcm__evidence_line line = {0};
  mlcm__counted counted = {0};
  mlcm_status st = mlcm__evidence_read(ctx, text, strlen(text), &line, &counted, err);
  mlcm__evidence_line_reset(ctx, &line);
  mlcm__counted_reset(ctx, &counted);
  return st;
}

static void check_damaged(const char *good, const change *changes, size_t n) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_error err = {0};
  ck_assert_msg(read_line(ctx, good, &err) == MLCM_OK, "%s", err.message);
  for (size_t i = 0; i < n; i++) {
    char *text = changed(good, &changes[i]);
    ck_assert_msg(read_line(ctx, text, &err) == MLCM_CORRUPT && err.code == MLCM_CORRUPT, "%s = %s: %s", changes[i].path,
                  changes[i].value ? changes[i].value : "nothing", err.message);
    ck_assert_int_eq(read_line(ctx, text, NULL), MLCM_CORRUPT);
    cJSON_free(text);
  }
  mlcm_context_free(ctx);
}

START_TEST(a_line_with_a_part_missing_or_wrong_is_corrupt) {
  check_damaged(good_line, bad_lines, sizeof(bad_lines) / sizeof(*bad_lines));
}
END_TEST

/* `text` n times over between brackets. */
static char *many(const char *text, size_t n) {
  char *out = malloc(n * (strlen(text) + 1) + 2), *end = out;
  *end++ = '[';
  for (size_t i = 0; i < n; i++) end += sprintf(end, "%s%s", i ? "," : "", text);
  strcpy(end, "]");
  return out;
}

START_TEST(a_line_with_more_than_the_limits_is_corrupt) {
  static const struct {
    const char *path, *each;
    size_t n;
  } limits[] = {{"checks", "{\"check\":0,\"fail\":[],\"pass\":[]}", 101},
                {"checks.0.fail", "[1,1,1,1]", 1001},
                {"traffic", "[1,1,1,1,1,1,1,1]", 1001}};
  for (size_t i = 0; i < 3; i++) {
    char *value = many(limits[i].each, limits[i].n);
    const change c = {limits[i].path, value};
    check_damaged(good_line, &c, 1);
    free(value);
  }
}
END_TEST

/* A chunk more, as somebody writes it who can write the registry and make digests. */
static void append_chunk(rolling *r, const char *lines) {
  mlcm__db_conn *conn = NULL;
  mlcm__rollout_head head;
  CHECK_OK(mlcm__db_write_begin(r->f.reg->db, -1, &conn, err));
  CHECK_OK(mlcm__rollout_read(conn, 1, &head, err));
  CHECK_OK(mlcm__evidence_chain(head.chain, lines, strlen(lines), err));
  CHECK_OK(mlcm__evidence_append(conn, 1, head.lease_epoch, lines, strlen(lines), 1, head.chain, 0, err));
  CHECK_OK(mlcm__db_commit(conn, err));
}

#define LINE(check, bad) \
  "{\"checks\":[{\"check\":" check ",\"fail\":[[500," bad ",500,1]],\"pass\":[[500," bad ",500,1]]}],"          \
  "\"mono_ns\":\"1\",\"traffic\":[],\"wall_ns\":\"1\"}"

START_TEST(evidence_that_the_machine_refuses_is_corrupt_and_does_not_replay) {
  static const char *const forged[] = {LINE("7", "1"), LINE("0", "400") "\n" LINE("0", "1") "\n"};
  for (size_t i = 0; i < 2; i++) {
    rolling r;
    mlcm_rollout_state *state = NULL;
    mlcm_replay_report report;
    rolling_set_up(&r);
    rolling_start(&r, quick_plan);
    append_chunk(&r, forged[i]);
    CHECK_FAILS(MLCM_CORRUPT, "evidence of rollout 1", mlcm_rollout_state_get(r.rollout, &state, err));
    ck_assert_int_eq(mlcm_rollout_state_get(r.rollout, &state, NULL), MLCM_CORRUPT);
    CHECK_OK(mlcm_rollout_replay(r.f.reg, 1, &report, err));
    ck_assert_int_eq(report.first_different_seq, 2);
    rolling_tear_down(&r);
  }
}
END_TEST

/* ---- totals --------------------------------------------------------------------------------------------------------- */

#define SUM "{\"completed\":3,\"errors\":1,\"latency\":[[-1,1],[5,1],[960,1]],\"outcomes\":[[\"wrong\",2,1]],\"routed\":3}"
static const char good_totals[] =
    "{\"cells\":[{\"epoch\":\"1\",\"scopes\":[" SUM "," SUM "],\"version\":\"1\"}]}";

static const change bad_totals[] = {
    {"cells", "7"},
    {"cells.0.epoch", NULL},
    {"cells.0.epoch", "\"-1\""},
    {"cells.0.version", NULL},
    {"cells.0.scopes", "7"},
    {"cells.0.scopes", "[]"},
    {"cells.0.scopes.0.completed", NULL},
    {"cells.0.scopes.0.completed", "-1"},
    {"cells.0.scopes.0.completed", "1e17"},
    {"cells.0.scopes.0.completed", "1.5"},
    {"cells.0.scopes.0.errors", NULL},
    {"cells.0.scopes.0.routed", "\"3\""},
    {"cells.0.scopes.0.latency", "7"},
    {"cells.0.scopes.0.latency.0", "7"},
    {"cells.0.scopes.0.latency.0", "[]"},
    {"cells.0.scopes.0.latency.0", "[\"1\",1]"},
    {"cells.0.scopes.0.latency.0", "[1]"},
    {"cells.0.scopes.0.latency.0", "[1,-1]"},
    {"cells.0.scopes.0.latency.0", "[-2,1]"},
    {"cells.0.scopes.0.latency.0", "[961,1]"},
    {"cells.0.scopes.0.outcomes", "7"},
    {"cells.0.scopes.0.outcomes.0", "7"},
    {"cells.0.scopes.0.outcomes.0", "[]"},
    {"cells.0.scopes.0.outcomes.0", "[7,2,1]"},
    {"cells.0.scopes.0.outcomes.0", "[\"wrong\"]"},
    {"cells.0.scopes.0.outcomes.0", "[\"wrong\",-2,1]"},
    {"cells.0.scopes.0.outcomes.0", "[\"wrong\",2]"},
};

START_TEST(totals_with_a_part_missing_or_wrong_are_corrupt) {
  check_damaged(good_totals, bad_totals, sizeof(bad_totals) / sizeof(*bad_totals));
}
END_TEST

START_TEST(more_cells_than_an_endpoint_has_are_corrupt) {
  char *value = many("{}", MLCM__SNAPSHOT_CELLS + 1);
  check_damaged(good_totals, &(change){"cells", value}, 1);
  free(value);
}
END_TEST

START_TEST(more_kinds_of_outcome_than_the_limit_are_named) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm_error err = {0};
  char outcomes[2048], *end = outcomes;
  end += sprintf(end, "[");
  for (int i = 0; i <= MLCM__SNAPSHOT_OUTCOMES; i++) end += sprintf(end, "%s[\"o%d\",1,0]", i ? "," : "", i);
  strcpy(end, "]");
  char *text = changed(good_totals, &(change){"cells.0.scopes.0.outcomes", outcomes});
  ck_assert_int_eq(read_line(ctx, text, &err), MLCM_LIMIT);
  ck_assert_ptr_nonnull(strstr(err.message, "more than 32 kinds"));
  cJSON_free(text);
  const char *long_name = "[[\"an-outcome-whose-name-is-longer-than-forty-seven-bytes\",1,0]]";
  text = changed(good_totals, &(change){"cells.0.scopes.0.outcomes", long_name});
  ck_assert_int_eq(read_line(ctx, text, &err), MLCM_LIMIT);
  cJSON_free(text);
  mlcm_context_free(ctx);
}
END_TEST

static mlcm_status read_again(mlcm_context *ctx, void *user, mlcm_error *err) { return read_line(ctx, user, err); }

START_TEST(a_lack_of_memory_while_reading_leaves_nothing_behind) {
  ck_assert_uint_ge(test_fault_memory(read_again, NULL, (void *)(uintptr_t)good_line), 5);
  ck_assert_uint_ge(test_fault_memory(read_again, NULL, (void *)(uintptr_t)good_totals), 1);
}
END_TEST

START_TEST(totals_that_fall_in_any_count_have_run_backwards) {
  static mlcm__counted_cell before, after; /* large */
  for (int s = 0; s < MLCM__COUNTED_SCOPES; s++) {
    mlcm__meter_sum *sum = &before.scope[s];
    sum->routed = sum->completed = sum->errors = 2;
    sum->latency.bucket[7] = sum->latency.underflow = sum->latency.overflow = 2;
    sum->outcome[1].n = sum->outcome[1].bad = 2;
  }
  after = before;
  ck_assert(mlcm__counted_grew(&after, &before) && mlcm__counted_grew(&after, NULL));
  mlcm__meter_sum *sum = &after.scope[1];
  uint64_t *const falling[] = {&sum->routed,          &sum->completed,         &sum->errors,          &sum->latency.bucket[7],
                               &sum->latency.underflow, &sum->latency.overflow, &sum->outcome[1].n,    &sum->outcome[1].bad};
  for (size_t i = 0; i < sizeof(falling) / sizeof(*falling); i++) {
    (*falling[i])--;
    ck_assert_msg(!mlcm__counted_grew(&after, &before), "count %zu", i);
    (*falling[i])++;
  }
}
END_TEST

/* ---- records -------------------------------------------------------------------------------------------------------- */

static const change bad_records[] = {
    {"action", NULL},         {"action", "\"jump\""}, {"status", NULL},    {"status", "\"lost\""}, {"verdict", NULL},
    {"verdict", "\"maybe\""}, {"actor", NULL},        {"reason", NULL},    {"rollout", NULL},      {"seq", NULL},
    {"at_ns", NULL},          {"stable", NULL},       {"candidate", NULL}, {"to", NULL},           {"to.step", NULL},
    {"to.weight_ppm", NULL},
};

static char *first_record(rolling *r) {
  mlcm_decision *d = NULL;
  CHECK_OK(mlcm_decision_get(r->rollout, 1, &d, err));
  char *text = strdup(mlcm_decision_json(d));
  mlcm_decision_free(d);
  return text;
}

START_TEST(a_record_with_a_part_missing_or_wrong_is_corrupt) {
  rolling r;
  mlcm_decision *d = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  char *good = first_record(&r);
  for (size_t i = 0; i < sizeof(bad_records) / sizeof(*bad_records); i++) {
    char *text = changed(good, &bad_records[i]);
    mlcm_error err = {0};
    ck_assert_int_eq(mlcm__decision_of(r.f.ctx, text, &d, &err), MLCM_CORRUPT);
    ck_assert_msg(err.code == MLCM_CORRUPT, "%s", bad_records[i].path);
    ck_assert_int_eq(mlcm__decision_of(r.f.ctx, text, &d, NULL), MLCM_CORRUPT);
    ck_assert_ptr_null(d);
    cJSON_free(text);
  }
  free(good);
  rolling_tear_down(&r);
}
END_TEST

/* Each with what the explanation of the record without it does not say. */
static const struct {
  change c;
  const char *gone;
} silent[] = {{{"checks", NULL}, "errors: "},
              {{"checks.0.verdict", "7"}, "pass  errors"},
              {{"checks.0.total.candidate_n", NULL}, "whole rollout"},
              {{"checks.0.total.candidate_bad", NULL}, "whole rollout"},
              {{"checks.0.total.stable_n", NULL}, "whole rollout"},
              {{"checks.0.total.stable_bad", NULL}, "whole rollout"},
              {{"checks.0.log_e_fail", NULL}, "fail evidence"},
              {{"checks.0.log_threshold_pass", NULL}, "pass evidence"}};

static char *explained(rolling *r, const char *json) {
  mlcm_decision *d = NULL;
  char *text = NULL;
  CHECK_OK(mlcm__decision_of(r->f.ctx, json, &d, err));
  CHECK_OK(mlcm_decision_explain(r->f.ctx, d, &text, err));
  mlcm_decision_free(d);
  return text;
}

START_TEST(an_explanation_leaves_out_what_the_record_does_not_say) {
  rolling r;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  char *good = first_record(&r);
  for (size_t i = 0; i < sizeof(silent) / sizeof(*silent); i++) {
    char *json = changed(good, &silent[i].c), *text = explained(&r, json);
    ck_assert_msg(!strstr(text, silent[i].gone), "without %s: %s", silent[i].c.path, text);
    mlcm_free(r.f.ctx, text);
    cJSON_free(json);
  }
  char *json = changed(good, &(change){"checks.0.verdict", "\"fail\""}), *text = explained(&r, json);
  ck_assert_ptr_nonnull(strstr(text, "FAIL  errors"));
  mlcm_free(r.f.ctx, text);
  cJSON_free(json);
  free(good);
  rolling_tear_down(&r);
}
END_TEST

/* ---- holders -------------------------------------------------------------------------------------------------------- */

static bool is_free(mlcm_context *ctx, const char *holder) {
  mlcm__rollout_head head = {.lease_expires_ns = 10};
  snprintf(head.holder, sizeof(head.holder), "%s", holder);
  return mlcm__lease_is_free(ctx, &head, 9);
}

START_TEST(a_holder_who_cannot_be_known_dead_keeps_the_lease_for_its_time) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__lease lease;
  mlcm__process self;
  unsigned long long ns = 0;
  char name[128], who[64];
  CHECK_OK(mlcm__lease_init(ctx, SECOND, &lease, err));
  CHECK_OK(mlcm__process_self(ctx, &self, err));
  ck_assert_int_eq(sscanf(lease.holder, "%*[0-9a-f]:%llu", &ns), 1);
  ck_assert(!is_free(ctx, lease.holder)); /* alive */
  ck_assert(!is_free(ctx, "somebody"));
  ck_assert(is_free(ctx, "00000000000000000000000000000000:1:1:1:aa")); /* another boot */
  snprintf(name, sizeof(name), "%s:0:1:1:aa", self.boot_id);
  ck_assert(!is_free(ctx, name)); /* its namespace is not known */
  snprintf(name, sizeof(name), "%s:%llu:1:1:aa", self.boot_id, ns + 1);
  ck_assert(!is_free(ctx, name)); /* another namespace: its pid says nothing here */
  snprintf(name, sizeof(name), "%s:%llu:%lld:%llu:aa", self.boot_id, ns, (long long)self.pid, (unsigned long long)self.start_ticks + 1);
  ck_assert(is_free(ctx, name)); /* its pid is another process's now */
  mlcm__lease_describe("somebody", who);
  ck_assert_str_eq(who, "");
  mlcm__lease_describe("", who);
  ck_assert_str_eq(who, "");
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(a_holder_of_another_kind_is_named_unknown) {
  rolling r;
  mlcm_decision *d = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm_rollout *other = open_again(&r);
  snprintf(other->lease.holder, sizeof(other->lease.holder), "somebody");
  ck_assert_int_eq(tick_action(&r, other), 0);
  CHECK_FAILS(MLCM_STALE, "another process (unknown)", mlcm_rollout_tick(r.rollout, NULL, &d, err));
  mlcm_rollout_close(other);
  rolling_tear_down(&r);
}
END_TEST

/* ---- words ---------------------------------------------------------------------------------------------------------- */

START_TEST(a_text_is_cut_between_characters) {
  static const struct {
    const char *text;
    size_t size;
    const char *cut;
  } cases[] = {{"abc", 8, "abc"},          {"abcdef", 4, "abc"},     {"ab\xC3\xA9z", 4, "ab"},
               {"ab\xC3\xA9z", 5, "ab\xC3\xA9"},  {"a\xE2\x82\xACz", 4, "a"},     {"a\xE2\x82\xACz", 3, "a"},
               {"a\xF0\x9F\x98\x80z", 5, "a"},    {"\xF0\x9F\x98\x80z", 4, ""},
               {"\x80\x80\x80\x80\x80", 5, "\x80\x80\x80\x80"}, {"\x80\x80", 2, "\x80"}, {"ab", 1, ""},
               {"\x80\x80\x80\x80\x80\x80", 6, "\x80\x80\x80\x80\x80"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    char out[16];
    mlcm__words_cut(cases[i].text, out, cases[i].size);
    ck_assert_msg(strcmp(out, cases[i].cut) == 0, "case %zu: %s", i, out);
  }
}
END_TEST

START_TEST(weights_are_written_as_people_write_them) {
  static const struct {
    int64_t ppm;
    const char *text;
  } cases[] = {{0, "0 %"}, {50000, "5 %"}, {1000000, "100 %"}, {125000, "12.5 %"}, {1, "0.0001 %"}, {15100, "1.51 %"}};
  for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
    char out[32];
    mlcm__words_weight(cases[i].ppm, out);
    ck_assert_str_eq(out, cases[i].text);
  }
}
END_TEST

START_TEST(names_of_what_does_not_exist_are_unknown) {
  static const int32_t strange[] = {-1, 0, 99};
  for (size_t i = 0; i < 3; i++) {
    ck_assert_str_eq(mlcm_action_name(strange[i]), "unknown");
    ck_assert_str_eq(mlcm_rollout_status_name(strange[i]), "unknown");
  }
  ck_assert_str_eq(mlcm_action_name(MLCM_ACTION_ROLL_BACK), "roll back");
  ck_assert_str_eq(mlcm_rollout_status_name(MLCM_ROLLOUT_ROLLED_BACK), "rolled back");
}
END_TEST

/* ---- arguments ------------------------------------------------------------------------------------------------------ */

START_TEST(null_arguments_are_refused) {
  rolling r;
  mlcm_rollout *h = NULL;
  mlcm_rollout_state *state = NULL;
  mlcm_decision *d = NULL;
  mlcm_replay_report report;
  int64_t ids[2];
  size_t n = 0;
  char *text = NULL;
  rolling_set_up(&r);
  rolling_start(&r, quick_plan);
  mlcm_registry *reg = r.f.reg;
  const mlcm_str plan = mlcm_str_of(quick_plan);
#define REFUSED(call) CHECK_FAILS(MLCM_INVALID_ARGUMENT, "NULL", call)
  REFUSED(mlcm_rollout_start(NULL, "p", plan, NULL, &h, err));
  REFUSED(mlcm_rollout_start(reg, NULL, plan, NULL, &h, err));
  REFUSED(mlcm_rollout_start(reg, "p", (mlcm_str){NULL, 0}, NULL, &h, err));
  REFUSED(mlcm_rollout_start(reg, "p", plan, NULL, NULL, err));
  REFUSED(mlcm_rollout_open(NULL, "m", &h, err));
  REFUSED(mlcm_rollout_open(reg, NULL, &h, err));
  REFUSED(mlcm_rollout_open(reg, "m", NULL, err));
  REFUSED(mlcm_rollout_open_by_id(NULL, 1, &h, err));
  REFUSED(mlcm_rollout_open_by_id(reg, 1, NULL, err));
  REFUSED(mlcm_rollout_list(NULL, NULL, 0, ids, 2, &n, err));
  REFUSED(mlcm_rollout_list(reg, NULL, 0, NULL, 2, &n, err));
  REFUSED(mlcm_rollout_list(reg, NULL, 0, ids, 2, NULL, err));
  REFUSED(mlcm_rollout_tick(NULL, NULL, &d, err));
  REFUSED(mlcm_rollout_tick(r.rollout, NULL, NULL, err));
  REFUSED(mlcm_rollout_command(NULL, MLCM_COMMAND_PAUSE, NULL, err));
  REFUSED(mlcm_rollout_undo(NULL, "m", 0, NULL, NULL, err));
  REFUSED(mlcm_rollout_undo(reg, NULL, 0, NULL, NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "flags", mlcm_rollout_undo(reg, "m", 8, NULL, NULL, err));
  REFUSED(mlcm_rollout_state_get(NULL, &state, err));
  REFUSED(mlcm_rollout_state_get(r.rollout, NULL, err));
  REFUSED(mlcm_decision_get(NULL, 1, &d, err));
  REFUSED(mlcm_decision_get(r.rollout, 1, NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "negative", mlcm_decision_get(r.rollout, -1, &d, err));
  REFUSED(mlcm_rollout_replay(NULL, 1, &report, err));
  REFUSED(mlcm_rollout_replay(reg, 1, NULL, err));
  CHECK_OK(mlcm_rollout_state_get(r.rollout, &state, err));
  REFUSED(mlcm_rollout_state_to_json(NULL, &text, err));
  REFUSED(mlcm_rollout_state_to_json(state, NULL, err));
  const mlcm_decision *last = mlcm_rollout_state_decision(state);
  REFUSED(mlcm_decision_explain(NULL, last, &text, err));
  REFUSED(mlcm_decision_explain(r.f.ctx, NULL, &text, err));
  REFUSED(mlcm_decision_explain(r.f.ctx, last, NULL, err));
  ck_assert_ptr_null(mlcm_rollout_state_check(state, -1));
  ck_assert_ptr_null(mlcm_rollout_state_check(state, 1));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "no command", mlcm_rollout_command(r.rollout, 0, NULL, err));
  ck_assert_int_eq(mlcm_rollout_undo(NULL, NULL, 0, NULL, NULL, NULL), MLCM_INVALID_ARGUMENT); /* nor is an error struct needed */
  ck_assert_int_eq(mlcm_rollout_undo(reg, "nobody", 0, NULL, NULL, NULL), MLCM_NOT_FOUND);
  mlcm_rollout_state_free(state);
  mlcm_rollout_state_free(NULL);
  mlcm_decision_free(NULL);
  rolling_tear_down(&r);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_line_with_a_part_missing_or_wrong_is_corrupt,
                          a_line_with_more_than_the_limits_is_corrupt,
                          evidence_that_the_machine_refuses_is_corrupt_and_does_not_replay,
                          totals_with_a_part_missing_or_wrong_are_corrupt,
                          more_cells_than_an_endpoint_has_are_corrupt,
                          more_kinds_of_outcome_than_the_limit_are_named,
                          a_lack_of_memory_while_reading_leaves_nothing_behind,
                          totals_that_fall_in_any_count_have_run_backwards,
                          a_record_with_a_part_missing_or_wrong_is_corrupt,
                          an_explanation_leaves_out_what_the_record_does_not_say,
                          a_holder_who_cannot_be_known_dead_keeps_the_lease_for_its_time,
                          a_holder_of_another_kind_is_named_unknown,
                          a_text_is_cut_between_characters,
                          weights_are_written_as_people_write_them,
                          names_of_what_does_not_exist_are_unknown,
                          null_arguments_are_refused};
  return TEST_RUN("rollout_damage", tests);
}
