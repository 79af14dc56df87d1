/* SPDX-License-Identifier: Apache-2.0
 *
 * counted.h - what of the meters is in the evidence already: totals by routing epoch and version.
 *
 * Meters only grow; a tick's evidence is what they show now less what was counted. The totals are recorded with every chunk of
 * evidence, so that a new lease holder goes on exactly where the last recorded tick ended: nothing is lost, nothing counts twice.
 */
#ifndef MLCM_ROLLOUT_COUNTED_H
#define MLCM_ROLLOUT_COUNTED_H

#include "base/buffer.h"
#include "base/json.h"
#include "metric/meter.h"

enum { MLCM__COUNTED_KEY = 0, MLCM__COUNTED_REQUEST = 1, MLCM__COUNTED_SCOPES = 2 };
enum { MLCM__COUNTED_LINE_CELLS = 32 }; /* of one line of totals: below 2.5 MB, whatever they have counted */

typedef struct mlcm__counted_cell {
  int64_t version;
  uint64_t epoch;
  bool is_new;                                 /* changed since it was written last */
  mlcm__meter_sum scope[MLCM__COUNTED_SCOPES]; /* outcomes by index in the counted's own table of names */
} mlcm__counted_cell;

typedef struct mlcm__counted {
  size_t n, cap;
  mlcm__counted_cell *cells;
  size_t n_outcomes;
  char outcomes[MLCM__SNAPSHOT_OUTCOMES][MLCM__METER_OUTCOME_NAME];
} mlcm__counted;

void mlcm__counted_reset(mlcm_context *ctx, mlcm__counted *counted);

/* What to take of a snapshot. */
typedef struct mlcm__counted_wanted {
  int64_t stable;
  int64_t candidate;
  uint64_t first_epoch; /* and all later ones */
  bool with_latency;    /* else the histograms stay empty */
} mlcm__counted_wanted;

/* Makes *next what the snapshot shows. Names have the same index as in `now`; cells that differ from it are new. */
mlcm_status mlcm__counted_take(mlcm_context *ctx, const mlcm__counted *now, const mlcm__meter_snapshot *snapshot,
                               const mlcm__counted_wanted *wanted, mlcm__counted *next, mlcm_error *err);

/* The cell of (version, epoch), or NULL. */
const mlcm__counted_cell *mlcm__counted_find(const mlcm__counted *counted, int64_t version, uint64_t epoch);
int32_t mlcm__counted_outcome(const mlcm__counted *counted, const char *name); /* -1: never reported */

/* True when no counter of `later` is below its counterpart in `earlier` (NULL: all zero): false means that a meter file is gone. */
bool mlcm__counted_grew(const mlcm__counted_cell *later, const mlcm__counted_cell *earlier);

/* Writes cells that are new, as many as a line may have, as members of the object that is open in `j`; they are new no more. True
 * when others are left. */
bool mlcm__counted_write(mlcm__json *j, mlcm__counted *counted);
/* Takes the cells of such an object over those of the same epoch and version. MLCM_CORRUPT: also more than an endpoint has. */
mlcm_status mlcm__counted_read(mlcm_context *ctx, const cJSON *object, mlcm__counted *out, mlcm_error *err);

#endif
