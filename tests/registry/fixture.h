/* SPDX-License-Identifier: Apache-2.0
 *
 * fixture.h - a registry in a scratch folder with a clock in the test's hands, and shorthands for what most tests do first.
 */
#ifndef MLCM_TESTS_REGISTRY_FIXTURE_H
#define MLCM_TESTS_REGISTRY_FIXTURE_H

#include "support/status.h"
#include "support/suite.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mlcm/registry.h>

#include "registry/registry.h"
#include "support/fake_clock.h"
#include "support/fault.h"
#include "support/temp_dir.h"

#define UNUSED __attribute__((unused))

typedef struct fixture {
  char *dir; /* scratch: holds the registry in dir/reg and the files to register */
  char *reg_dir;
  test_clock clock;
  mlcm_context *ctx;
  mlcm_registry *reg;
} fixture;

static UNUSED mlcm_registry *open_registry(mlcm_context *ctx, const char *dir, uint32_t flags) {
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  mlcm_registry *reg = NULL;
  options.flags = flags;
  options.actor = "ana";
  CHECK_OK(mlcm_registry_open(ctx, dir, &options, &reg, err));
  return reg;
}

static UNUSED void set_up(fixture *f) {
  f->dir = test_temp_dir();
  f->reg_dir = test_path(f->dir, "reg");
  test_clock_init(&f->clock, TEST_EPOCH_NS);
  mlcm_clock clock = test_clock_table(&f->clock);
  f->ctx = test_context(NULL, NULL, &clock);
  f->reg = open_registry(f->ctx, f->reg_dir, MLCM_OPEN_CREATE);
}

static UNUSED void tear_down(fixture *f) {
  mlcm_registry_close(f->reg);
  mlcm_context_free(f->ctx);
  free(f->reg_dir);
  test_temp_dir_remove(f->dir);
}

/* dir/name with these bytes; freed by the caller. */
static UNUSED char *make_file(const fixture *f, const char *name, const char *bytes) {
  char *path = test_path(f->dir, name);
  test_write_file(path, bytes, strlen(bytes));
  return path;
}

/* Registers a file of these bytes under `name` as the next version and answers its number. */
static UNUSED int64_t add_version(const fixture *f, const char *model, const char *bytes, const mlcm_register_options *options) {
  mlcm_version *version = NULL;
  char *path = make_file(f, "model.bin", bytes);
  CHECK_OK(mlcm_register(f->reg, model, path, options, NULL, &version, err));
  int64_t number = mlcm_version_number(version);
  mlcm_version_free(version);
  free(path);
  return number;
}

/* n versions with bytes "1", "2", ... */
static UNUSED void add_versions(const fixture *f, const char *model, int n) {
  char bytes[16];
  for (int i = 1; i <= n; i++) {
    (void)snprintf(bytes, sizeof bytes, "%d", i);
    ck_assert_int_eq(add_version(f, model, bytes, NULL), i);
  }
}

static UNUSED mlcm_version *get_version(const fixture *f, const char *ref) {
  mlcm_version *version = NULL;
  CHECK_OK(mlcm_version_get(f->reg, ref, &version, err));
  return version;
}

/* Where an alias stands, 0 for nowhere. */
static UNUSED int64_t alias_of(const fixture *f, const char *model, const char *alias) {
  int64_t version = 0;
  mlcm_status st = mlcm_alias_get(f->reg, model, alias, &version, NULL);
  ck_assert(st == MLCM_OK || st == MLCM_NOT_FOUND);
  return version;
}

static UNUSED void move_alias(const fixture *f, const char *model, const char *alias, int64_t to) {
  CHECK_OK(mlcm_alias_set(f->reg, model, alias, to, MLCM_ALIAS_ANY, 0, NULL, err));
}

#endif
