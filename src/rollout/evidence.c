/* SPDX-License-Identifier: Apache-2.0
 *
 * evidence.c - ticks as lines of canonical JSON. docs/formats-rollout.md has every member.
 *
 * {"checks":[{"check":0,"fail":[[cn,cb,sn,sb],...],"pass":[...]},{"check":2,"measured":{...}}],"command":{...},"mono_ns":"...",
 *  "traffic":[[routed_c,routed_s,reported_c,reported_s,cn,cb,sn,sb],...],"wall_ns":"..."}
 */
#include "rollout/evidence.h"

#include <stdio.h>
#include <string.h>

#include "base/json.h"

enum {
  LINE_MAX_BYTES = 4 << 20,
  MAX_STRATA = 1000, /* of one check in one tick, as the gate takes them */
  MAX_CHECKS = 100
};

static const char what[] = "a line of evidence";

/* ---- writing -------------------------------------------------------------------------------------------------------- */

static void write_i64(mlcm__json *j, const char *key, int64_t value) {
  char text[24];
  snprintf(text, sizeof(text), "%lld", (long long)value);
  mlcm__json_string(j, key, text);
}

static void write_counts(mlcm__json *j, const mlcm_counts *counts) {
  mlcm__json_i64(j, NULL, counts->candidate_n);
  mlcm__json_i64(j, NULL, counts->candidate_bad);
  mlcm__json_i64(j, NULL, counts->stable_n);
  mlcm__json_i64(j, NULL, counts->stable_bad);
}

static void write_strata(mlcm__json *j, const char *key, const mlcm_counts *strata, int32_t n) {
  mlcm__json_array(j, key);
  for (int32_t i = 0; i < n; i++) {
    mlcm__json_array(j, NULL);
    write_counts(j, &strata[i]);
    mlcm__json_end(j);
  }
  mlcm__json_end(j);
}

static void write_measured(mlcm__json *j, const mlcm_measurement *m) {
  mlcm__json_object(j, "measured");
  write_i64(j, "at_ns", m->at_ns);
  mlcm__json_string(j, "detail", m->detail);
  mlcm__json_i64(j, "http_status", m->http_status);
  mlcm__json_i64(j, "kind", m->kind);
  write_i64(j, "took_ns", m->took_ns);
  mlcm__json_hexf64(j, "value", m->value);
  mlcm__json_end(j);
}

static void write_observation(mlcm__json *j, const mlcm_observation *o) {
  mlcm__json_object(j, NULL);
  mlcm__json_i64(j, "check", o->check);
  if (o->measurement) {
    write_measured(j, o->measurement);
  } else {
    write_strata(j, "fail", o->fail, o->n_strata);
    write_strata(j, "pass", o->pass, o->n_strata);
  }
  mlcm__json_end(j);
}

static void write_command(mlcm__json *j, const mlcm__tick_command *command) {
  mlcm__json_object(j, "command");
  mlcm__json_string(j, "actor", command->actor);
  mlcm__json_i64(j, "kind", command->kind);
  mlcm__json_string(j, "reason", command->reason);
  mlcm__json_end(j);
}

static void write_traffic(mlcm__json *j, const mlcm_traffic *t) {
  mlcm__json_array(j, NULL);
  mlcm__json_i64(j, NULL, t->candidate_routed);
  mlcm__json_i64(j, NULL, t->stable_routed);
  mlcm__json_i64(j, NULL, t->candidate_reported);
  mlcm__json_i64(j, NULL, t->stable_reported);
  write_counts(j, &t->requests);
  mlcm__json_end(j);
}

/* Ends the line that began at `first`. What could not be read again would break the chain for ever, so it is not written. */
static mlcm_status end_line(mlcm__buffer *out, size_t first, mlcm_error *err) {
  mlcm__buffer_char(out, '\n');
  const mlcm_status st = mlcm__buffer_check(out, "the evidence of a rollout", err);
  if (st) return st;
  const size_t len = out->len - first - 1;
  if (len <= LINE_MAX_BYTES) return MLCM_OK;
  out->len = first;
  out->data[first] = '\0';
  return mlcm__fail(err, MLCM_LIMIT, "%s has %zu bytes, more than the limit of %d: checks see too many routing epochs at once",
                    what, len, LINE_MAX_BYTES);
}

mlcm_status mlcm__evidence_write(mlcm__buffer *out, const mlcm__tick *tick, mlcm_error *err) {
  const size_t first = out->len;
  mlcm__json j;
  mlcm__json_init(&j, out, true);
  mlcm__json_object(&j, NULL);
  mlcm__json_array(&j, "checks");
  for (size_t i = 0; i < tick->n_observations; i++) write_observation(&j, &tick->observations[i]);
  mlcm__json_end(&j);
  if (tick->command.kind) write_command(&j, &tick->command);
  write_i64(&j, "mono_ns", tick->mono_ns);
  mlcm__json_array(&j, "traffic");
  for (size_t i = 0; i < tick->n_traffic; i++) write_traffic(&j, &tick->traffic[i]);
  mlcm__json_end(&j);
  write_i64(&j, "wall_ns", tick->wall_ns);
  mlcm__json_end(&j);
  return end_line(out, first, err);
}

mlcm_status mlcm__evidence_write_counted(mlcm__buffer *out, mlcm__counted *counted, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  for (bool is_more = true; !st && is_more;) {
    const size_t first = out->len;
    mlcm__json j;
    mlcm__json_init(&j, out, true);
    mlcm__json_object(&j, NULL);
    is_more = mlcm__counted_write(&j, counted);
    mlcm__json_end(&j);
    st = end_line(out, first, err);
  }
  return st;
}

/* ---- reading -------------------------------------------------------------------------------------------------------- */

/* Counts are handed out by index while the array may still move; addresses are set once all parts of the line are read. */
typedef struct line_reader {
  mlcm_context *ctx;
  mlcm__evidence_line *line;
  size_t n_counts;
  size_t n_measurements;
  mlcm_error *err;
} line_reader;

static mlcm_status corrupt(line_reader *r, const char *why) {
  return mlcm__fail(r->err, MLCM_CORRUPT, "%s is damaged: %s", what, why);
}

/* How many items a member has that must be a list, with a limit. */
static mlcm_status count_items(line_reader *r, const cJSON *list, const char *key, int most, int *out) {
  const int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : -1;
  if (n > most)
    return mlcm__fail(r->err, MLCM_CORRUPT, "%s is damaged: '%s' has %d items, more than the limit of %d", what, key, n, most);
  if (n < 0) return mlcm__fail(r->err, MLCM_CORRUPT, "%s is damaged: '%s' is not a list", what, key);
  *out = n;
  return MLCM_OK;
}

/* A whole number in 0 .. 2^50. */
static bool whole(const cJSON *item, int64_t *out) {
  if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || !(item->valuedouble <= 1125899906842624.0)) return false;
  *out = (int64_t)item->valuedouble;
  return (double)*out == item->valuedouble;
}

static bool read_row(const cJSON *array, int64_t *out, size_t n) {
  const cJSON *item = cJSON_IsArray(array) ? array->child : NULL;
  for (size_t i = 0; i < n; i++, item = item->next)
    if (!item || !whole(item, &out[i])) return false;
  return item == NULL;
}

static mlcm_status read_strata(line_reader *r, const cJSON *object, const char *key, int32_t *out_n) {
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, key);
  mlcm__evidence_line *line = r->line;
  int n = 0;
  mlcm_status st = count_items(r, list, key, MAX_STRATA, &n);
  if (!st) st = mlcm__reserve(r->ctx, &line->counts, &line->counts_cap, r->n_counts + (size_t)n, sizeof(mlcm_counts), r->err);
  if (st) return st;
  for (const cJSON *row = list->child; row; row = row->next) {
    int64_t v[4];
    if (!read_row(row, v, 4) || v[1] > v[0] || v[3] > v[2]) return corrupt(r, "a stratum is not four counts");
    line->counts[r->n_counts++] = (mlcm_counts){v[0], v[1], v[2], v[3]};
  }
  *out_n = n;
  return MLCM_OK;
}

static mlcm_status read_measured(line_reader *r, const cJSON *object) {
  mlcm__evidence_line *line = r->line;
  mlcm_measurement m = {0};
  int64_t kind = 0, http = 0;
  const char *detail = "";
  mlcm_status st = mlcm__reserve(r->ctx, &line->measurements, &line->measurements_cap, r->n_measurements + 1, sizeof(m), r->err);
  if (!st) st = mlcm__json_get_i64(object, "at_ns", what, &m.at_ns, r->err);
  if (!st) st = mlcm__json_get_string(object, "detail", what, &detail, r->err);
  if (!st) st = mlcm__json_get_i64(object, "http_status", what, &http, r->err);
  if (!st) st = mlcm__json_get_i64(object, "kind", what, &kind, r->err);
  if (!st) st = mlcm__json_get_i64(object, "took_ns", what, &m.took_ns, r->err);
  if (!st) st = mlcm__json_get_hexf64(object, "value", what, &m.value, r->err);
  if (st) return st;
  if (kind < MLCM_MEASURED_VALUE || kind > MLCM_MEASURED_ERROR || http < 0 || http > 999 || strlen(detail) >= sizeof(m.detail))
    return corrupt(r, "a measurement is out of range");
  m.kind = (mlcm_measurement_kind)kind;
  m.http_status = (int32_t)http;
  memcpy(m.detail, detail, strlen(detail) + 1);
  line->measurements[r->n_measurements++] = m;
  return MLCM_OK;
}

/* `fail`, `pass` and `measurement` are set to markers here and to addresses by point_at. */
static mlcm_status read_observation(line_reader *r, const cJSON *object) {
  mlcm__evidence_line *line = r->line;
  const cJSON *measured = cJSON_GetObjectItemCaseSensitive(object, "measured");
  size_t n = line->tick.n_observations;
  mlcm_observation *o = &line->observations[n];
  int64_t check = -1;
  int32_t n_fail = 0, n_pass = 0;
  memset(o, 0, sizeof(*o));
  mlcm_status st = mlcm__json_get_i64(object, "check", what, &check, r->err);
  if (st) return st;
  if (check < 0 || check >= MAX_CHECKS) return corrupt(r, "the number of a check is out of range");
  if (measured)
    st = read_measured(r, measured);
  else
    st = read_strata(r, object, "fail", &n_fail);
  if (!st && !measured) st = read_strata(r, object, "pass", &n_pass);
  if (st) return st;
  if (n_fail != n_pass) return corrupt(r, "fail and pass have different numbers of strata");
  o->check = (int32_t)check;
  o->n_strata = measured ? -1 : n_fail;
  line->tick.n_observations++;
  return MLCM_OK;
}

static void point_at(mlcm__evidence_line *line) {
  size_t count = 0, measurement = 0;
  for (size_t i = 0; i < line->tick.n_observations; i++) {
    mlcm_observation *o = &line->observations[i];
    if (o->n_strata < 0) {
      o->n_strata = 0;
      o->measurement = &line->measurements[measurement++];
      continue;
    }
    if (o->n_strata == 0) continue;
    o->fail = line->counts + count;
    o->pass = line->counts + count + o->n_strata;
    count += 2 * (size_t)o->n_strata;
  }
  line->tick.observations = line->observations;
  line->tick.traffic = line->traffic;
}

static mlcm_status read_observations(line_reader *r, const cJSON *root) {
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "checks");
  mlcm__evidence_line *line = r->line;
  int n = 0;
  mlcm_status st = count_items(r, list, "checks", MAX_CHECKS, &n);
  if (!st)
    st = mlcm__reserve(r->ctx, &line->observations, &line->observations_cap, (size_t)n, sizeof(*line->observations), r->err);
  if (st) return st;
  for (const cJSON *item = list->child; !st && item; item = item->next) st = read_observation(r, item);
  return st;
}

static mlcm_status read_traffic(line_reader *r, const cJSON *root) {
  const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "traffic");
  mlcm__evidence_line *line = r->line;
  int n = 0;
  mlcm_status st = count_items(r, list, "traffic", MAX_STRATA, &n);
  if (!st) st = mlcm__reserve(r->ctx, &line->traffic, &line->traffic_cap, (size_t)n, sizeof(*line->traffic), r->err);
  if (st) return st;
  for (const cJSON *row = list->child; row; row = row->next) {
    int64_t v[8];
    if (!read_row(row, v, 8) || v[5] > v[4] || v[7] > v[6]) return corrupt(r, "traffic is not eight counts");
    line->traffic[line->tick.n_traffic++] = (mlcm_traffic){v[0], v[1], v[2], v[3], {v[4], v[5], v[6], v[7]}};
  }
  return MLCM_OK;
}

static mlcm_status read_command(line_reader *r, const cJSON *root) {
  const cJSON *object = cJSON_GetObjectItemCaseSensitive(root, "command");
  mlcm__evidence_line *line = r->line;
  const char *actor = NULL, *reason = NULL;
  int64_t kind = 0;
  if (!object) return MLCM_OK;
  mlcm_status st = mlcm__json_get_i64(object, "kind", what, &kind, r->err);
  if (!st) st = mlcm__json_get_string(object, "actor", what, &actor, r->err);
  if (!st) st = mlcm__json_get_string(object, "reason", what, &reason, r->err);
  if (st) return st;
  if (kind < MLCM__INTENT_PAUSE || kind > MLCM__INTENT_BROKEN) return corrupt(r, "a command is not known");
  line->actor = mlcm__strdup(r->ctx, actor);
  line->reason = mlcm__strdup(r->ctx, reason);
  if (!line->actor || !line->reason) return mlcm__fail_memory(r->err, strlen(actor) + strlen(reason));
  line->tick.command = (mlcm__tick_command){(int32_t)kind, line->actor, line->reason};
  return MLCM_OK;
}

static mlcm_status read_tick(line_reader *r, const cJSON *root) {
  mlcm_status st = mlcm__json_get_i64(root, "wall_ns", what, &r->line->tick.wall_ns, r->err);
  if (!st) st = mlcm__json_get_i64(root, "mono_ns", what, &r->line->tick.mono_ns, r->err);
  if (!st) st = read_observations(r, root);
  if (!st) st = read_traffic(r, root);
  if (!st) st = read_command(r, root);
  if (!st) point_at(r->line);
  return st;
}

static void clear(mlcm_context *ctx, mlcm__evidence_line *line) {
  mlcm__free(ctx, line->actor);
  mlcm__free(ctx, line->reason);
  line->actor = line->reason = NULL;
  line->is_counted = false;
  memset(&line->tick, 0, sizeof(line->tick));
}

mlcm_status mlcm__evidence_read(mlcm_context *ctx, const char *line, size_t len, mlcm__evidence_line *out, mlcm__counted *counted,
                                mlcm_error *err) {
  cJSON *root = NULL;
  line_reader r = {.ctx = ctx, .line = out, .err = err};
  clear(ctx, out);
  const mlcm__json_limits limits = {.max_bytes = LINE_MAX_BYTES, .max_depth = 12};
  mlcm_status st = mlcm__json_parse(ctx, "evidence", line, len, limits, &root, err);
  if (st == MLCM_LIMIT) st = MLCM_PARSE; /* longer or deeper than any line that is written */
  if (!st) {
    out->is_counted = cJSON_GetObjectItemCaseSensitive(root, "cells") != NULL;
    if (!out->is_counted)
      st = read_tick(&r, root);
    else if (counted)
      st = mlcm__counted_read(ctx, root, counted, err);
  }
  cJSON_Delete(root);
  if (st != MLCM_PARSE) return st;
  if (err) err->code = MLCM_CORRUPT;
  return MLCM_CORRUPT;
}

void mlcm__evidence_line_reset(mlcm_context *ctx, mlcm__evidence_line *line) {
  clear(ctx, line);
  mlcm__free(ctx, line->traffic);
  mlcm__free(ctx, line->observations);
  mlcm__free(ctx, line->measurements);
  mlcm__free(ctx, line->counts);
  memset(line, 0, sizeof(*line));
}

mlcm_status mlcm__evidence_chain(uint8_t chain[MLCM__SHA256_BYTES], const char *bytes, size_t len, mlcm_error *err) {
  mlcm__sha256 h = {0};
  uint8_t digest[MLCM__SHA256_BYTES];
  mlcm_status st = mlcm__sha256_init(&h, err);
  if (!st) st = mlcm__sha256_update(&h, chain, MLCM__SHA256_BYTES, err);
  if (!st) st = mlcm__sha256_update(&h, bytes, len, err);
  if (!st) st = mlcm__sha256_final(&h, digest, err);
  if (!st) memcpy(chain, digest, sizeof(digest));
  mlcm__sha256_reset(&h);
  return st;
}
