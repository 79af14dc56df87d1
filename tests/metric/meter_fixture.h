/* SPDX-License-Identifier: Apache-2.0
 *
 * meter_fixture.h - a context, an empty run folder and this process, for the tests of meters.
 */
#ifndef MLCM_TESTS_METRIC_METER_FIXTURE_H
#define MLCM_TESTS_METRIC_METER_FIXTURE_H

#include <check.h>

#include "metric/meter_file.h"
#include "support/fault.h"
#include "support/temp_dir.h"

typedef struct room {
  mlcm_context *ctx;
  char *dir;
  mlcm__process self;
} room;

static inline room open_room(void) {
  room r = {.ctx = test_context(NULL, NULL, NULL), .dir = test_temp_dir()};
  ck_assert_int_eq(mlcm__process_self(r.ctx, &r.self, NULL), MLCM_OK);
  return r;
}

static inline void close_room(room *r) {
  test_temp_dir_remove(r->dir);
  mlcm_context_free(r->ctx);
}

static inline mlcm__meter *open_meter_of(const room *r, uint64_t endpoint_id) {
  mlcm__meter *meter = NULL;
  mlcm_error err;
  const mlcm_status st = mlcm__meter_open(r->ctx, r->dir, endpoint_id, &r->self, &meter, &err);
  ck_assert_msg(st == MLCM_OK, "%s", st ? err.message : "");
  return meter;
}

#endif
