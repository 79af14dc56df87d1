/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture.h - a registry in a scratch folder with a clock in the test's hands, a model with a few versions, and shorthands.
 */
#ifndef MLCM_TESTS_ENDPOINT_FIXTURE_H
#define MLCM_TESTS_ENDPOINT_FIXTURE_H

#include "support/status.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <mlcm/mlcm.h>

#include "endpoint/endpoint.h"
#include "support/fake_clock.h"
#include "support/fault.h"
#include "support/temp_dir.h"

#define UNUSED __attribute__((unused))

enum { HOST_RUNS = MLCM_ENDPOINT_MANUAL | MLCM_ENDPOINT_NO_ENGINE };

typedef struct fixture {
  char *dir;
  test_clock clock;
  mlcm_context *ctx;
  mlcm_registry *reg;
  mlcm_endpoint *ep; /* closed by tear_down; NULL: none, or one that the test closes */
} fixture;

static UNUSED mlcm_registry *open_registry(mlcm_context *ctx, const char *dir) {
  mlcm_registry_options options;
  mlcm_registry *reg = NULL;
  mlcm_registry_options_init(&options, sizeof options);
  options.flags = MLCM_OPEN_CREATE;
  options.actor = "test";
  CHECK_OK(mlcm_registry_open(ctx, dir, &options, &reg, err));
  return reg;
}

/* allocator NULL: the default */
static UNUSED void set_up_on(fixture *f, const mlcm_allocator *allocator) {
  memset(f, 0, sizeof *f);
  f->dir = test_temp_dir();
  test_clock_init(&f->clock, TEST_EPOCH_NS);
  mlcm_clock clock = test_clock_table(&f->clock);
  f->ctx = test_context(allocator, NULL, &clock);
  f->reg = open_registry(f->ctx, f->dir);
}

static UNUSED void set_up(fixture *f) { set_up_on(f, NULL); }

static UNUSED void tear_down(fixture *f) {
  mlcm_endpoint_close(f->ep);
  mlcm_registry_close(f->reg);
  mlcm_context_free(f->ctx);
  test_temp_dir_remove(f->dir);
}

/* Registers answers_K.onnx as the model's next version and returns its number. */
static UNUSED int64_t add_version(fixture *f, const char *model, int k) {
  char path[512];
  mlcm_version *version = NULL;
  snprintf(path, sizeof path, "%s/tests/endpoint/models/answers_%d.onnx", MLCM_SOURCE_DIR, k);
  CHECK_OK(mlcm_register(f->reg, model, path, NULL, NULL, &version, err));
  int64_t number = mlcm_version_number(version);
  mlcm_version_free(version);
  return number;
}

static UNUSED void set_champion(fixture *f, const char *model, int64_t version) {
  CHECK_OK(mlcm_alias_set(f->reg, model, "champion", version, MLCM_ALIAS_ANY, 0, NULL, err));
}

/* Versions 1 to n of "digits", the first being the champion. */
static UNUSED void add_digits(fixture *f, int n) {
  for (int k = 1; k <= n; ++k) ck_assert_int_eq(add_version(f, "digits", k), k);
  set_champion(f, "digits", 1);
}

static UNUSED mlcm_endpoint *open_hosted(fixture *f, const char *name, uint32_t flags, mlcm_endpoint_host host) {
  mlcm_endpoint_options options;
  mlcm_endpoint *ep = NULL;
  mlcm_endpoint_options_init(&options, sizeof options);
  options.flags = flags;
  options.host = host;
  CHECK_OK(mlcm_endpoint_open(f->reg, name, &options, &ep, err));
  return ep;
}

static UNUSED mlcm_endpoint *open_endpoint(fixture *f, const char *name, uint32_t flags) {
  return open_hosted(f, name, flags, (mlcm_endpoint_host){0});
}

/* A registry with versions 1 to n of "digits", and an endpoint that serves the first. */
static UNUSED mlcm_endpoint *set_up_serving(fixture *f, int n, uint32_t flags) {
  set_up(f);
  add_digits(f, n);
  f->ep = open_endpoint(f, "digits", flags);
  return f->ep;
}

static UNUSED void tick(mlcm_endpoint *ep) { CHECK_OK(mlcm_endpoint_tick(ep, NULL, NULL, err)); }

static UNUSED mlcm_endpoint_info info_of(mlcm_endpoint *ep) {
  mlcm_endpoint_info info;
  CHECK_OK(mlcm_endpoint_get_info(ep, &info, err));
  return info;
}

static UNUSED mlcm_ticket route(mlcm_endpoint *ep, const char *key) {
  mlcm_ticket ticket;
  CHECK_OK(mlcm_endpoint_route(ep, mlcm_str_of(key), &ticket, err));
  return ticket;
}

static UNUSED mlcm_ticket route_i(mlcm_endpoint *ep, int i) {
  char key[32];
  snprintf(key, sizeof key, "user-%d", i);
  return route(ep, key);
}

static UNUSED void complete(mlcm_endpoint *ep, const mlcm_ticket *ticket, bool ok) {
  CHECK_OK(mlcm_endpoint_complete(ep, ticket, 1000000, ok, err));
}

static UNUSED void report(mlcm_endpoint *ep, const mlcm_ticket *ticket, double value) {
  CHECK_OK(mlcm_endpoint_report(ep, ticket, MLCM_OUTCOME_WRONG, value, err));
}

static UNUSED mlcm_rollout *start_rollout(fixture *f, const char *plan) {
  mlcm_rollout *rollout = NULL;
  CHECK_OK(mlcm_rollout_start(f->reg, "plan.yaml", mlcm_str_of(plan), NULL, &rollout, err));
  return rollout;
}

/* Half of the traffic for an hour to one more version of "digits"; attributes override. */
static UNUSED mlcm_rollout *start_half(fixture *f, int candidate) {
  char plan[512];
  snprintf(plan, sizeof plan,
           "mlcm: rollout/v1\nendpoint: digits\ncandidate: digits/%d\nsteps:\n  - {weight: 50%%, for: 1h}\n"
           "override:\n  - {attribute: x-canary, value: always, to: candidate}\n  - {attribute: x-old, to: stable}\n"
           "checks:\n  - {name: wrong answers, compare: outcome.wrong, tolerate: 1.25x}\n",
           candidate);
  return start_rollout(f, plan);
}

/* What a person asks of the newest rollout of "digits". */
static UNUSED void command(fixture *f, mlcm_command command) {
  mlcm_rollout *rollout = NULL;
  CHECK_OK(mlcm_rollout_open(f->reg, "digits", &rollout, err));
  CHECK_OK(mlcm_rollout_command(rollout, command, NULL, err));
  mlcm_rollout_close(rollout);
}

/* A registry with two versions of "digits", the second being rolled out, and an endpoint that serves both. */
static UNUSED mlcm_endpoint *set_up_rolling(fixture *f, uint32_t flags) {
  set_up(f);
  add_digits(f, 2);
  mlcm_rollout_close(start_half(f, 2));
  f->ep = open_endpoint(f, "digits", flags);
  return f->ep;
}

/* SQL, behind everybody's back. */
static UNUSED void change_store(fixture *f, const char *sql) {
  mlcm__db_conn *conn = NULL;
  CHECK_OK(mlcm__db_write_begin(f->reg->db, -1, &conn, err));
  CHECK_OK(mlcm__db_exec(conn, sql, err));
  CHECK_OK(mlcm__db_commit(conn, err));
}

/* Puts a file where the folder of meters and key sets was. */
static UNUSED void hide_run_dir(const fixture *f) {
  char *away = test_path(f->dir, "run.away");
  ck_assert_int_eq(rename(f->reg->run_dir, away), 0);
  test_write_file(f->reg->run_dir, "", 0);
  free(away);
}

static UNUSED void show_run_dir(const fixture *f) {
  char *away = test_path(f->dir, "run.away");
  ck_assert_int_eq(remove(f->reg->run_dir), 0);
  ck_assert_int_eq(rename(away, f->reg->run_dir), 0);
  free(away);
}

/* What all processes counted for a version and epoch (0: all epochs), in one scope. */
typedef struct counted {
  uint64_t routed, completed, errors, outcomes, wrong;
} counted;

static UNUSED counted count(mlcm_endpoint *ep, int64_t version, uint64_t epoch, mlcm__scope scope) {
  mlcm__meter_snapshot *snapshot = NULL;
  counted c = {0};
  CHECK_OK(mlcm__meter_read(ep->ctx, ep->reg->run_dir, (uint64_t)ep->row.id, &snapshot, err));
  int32_t wrong = mlcm__meter_find_outcome(snapshot, "wrong");
  for (size_t i = 0; i < snapshot->n_cells; ++i) {
    const mlcm__meter_cell_sum *cell = snapshot->cells[i];
    if (cell->version != version || (epoch != 0 && cell->epoch != epoch)) continue;
    const mlcm__meter_sum *sum = &cell->scope[scope];
    c.routed += sum->routed;
    c.completed += sum->completed;
    c.errors += sum->errors;
    if (wrong < 0) continue;
    c.outcomes += sum->outcome[wrong].n;
    c.wrong += sum->outcome[wrong].bad;
  }
  mlcm__meter_snapshot_free(snapshot);
  return c;
}

/* ---- Running the models --------------------------------------------------------------------------------------------- */

/* Version k answers k + a + b. */
static UNUSED mlcm_status ask(mlcm_endpoint *ep, const char *key, float a, float b, float *answer, mlcm_ticket *ticket,
                              mlcm_error *err) {
  float row[2] = {a, b};
  mlcm_input in = mlcm_input_f32(row, 1, 2);
  mlcm_output out = mlcm_output_f32(answer, 1);
  return mlcm_endpoint_infer(ep, mlcm_str_of(key), &in, 1, &out, 1, ticket, err);
}

/* Which version answers, by the answer itself. */
static UNUSED int64_t answering(mlcm_endpoint *ep, const char *key) {
  float answer = 0;
  mlcm_ticket ticket;
  CHECK_OK(ask(ep, key, 10, 20, &answer, &ticket, err));
  ck_assert_int_eq((int64_t)answer - 30, ticket.version);
  return ticket.version;
}

/* Path of the object that holds the version's first file; freed with free(). */
static UNUSED char *object_path(fixture *f, const char *ref, char out_sha256[65]) {
  mlcm_version *version = NULL;
  CHECK_OK(mlcm_version_get(f->reg, ref, &version, err));
  strcpy(out_sha256, mlcm_version_file(version, 0).sha256);
  char name[96];
  snprintf(name, sizeof name, "objects/%.2s/%s", out_sha256, out_sha256 + 2);
  mlcm_version_free(version);
  return test_path(f->dir, name);
}

/* Changes one byte of the version's file behind the registry's back. */
static UNUSED void damage(fixture *f, const char *ref, char out_sha256[65]) {
  size_t len = 0;
  char *path = object_path(f, ref, out_sha256);
  char *bytes = test_read_file(path, &len);
  bytes[len / 2] = (char)(bytes[len / 2] ^ 1);
  ck_assert_int_eq(chmod(path, 0644), 0);
  test_write_file(path, bytes, len);
  free(bytes);
  free(path);
}

#endif
