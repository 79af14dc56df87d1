/* SPDX-License-Identifier: Apache-2.0
 *
 * model.h - what one model of a registry is, in memory and one call after the other: the meaning that every history must have.
 *
 * lin_model_apply says whether a call could have been answered as it was in the present state, and makes its changes if so.
 * Each change is journalled: lin_model_back returns to any earlier state, and the hash of the state follows at no cost.
 *
 * With a feed given, the registry's own change feed is the order of changes: each call must make exactly the next changes of
 * it.
 */
#ifndef MLCM_TESTS_LINEAR_MODEL_H
#define MLCM_TESTS_LINEAR_MODEL_H

#include <stddef.h>

#include "linear/history.h"

typedef int32_t lin_change_kind;
enum {
  LIN_REGISTERED = 1,
  LIN_DELETED,
  LIN_RESTORED,
  LIN_TAGGED,
  LIN_MOVED,  /* alias to a version */
  LIN_REMOVED, /* alias from a version */
  LIN_MODEL_DELETED,
  LIN_MODEL_RESTORED
};

/* One change, as the feed shows it: all that the state after it depends on. */
typedef struct lin_change {
  lin_change_kind kind;
  int32_t alias; /* -1: none */
  int64_t version; /* 0: of the model */
  int32_t value;   /* the content registered, the tag, 1 for a move by an undo; else 0 */
} lin_change;

typedef struct lin_version {
  int32_t content;
  int32_t tag;
  int32_t deleted;
} lin_version;

/* A move of an alias; those with `undo` say that `from` was bad. */
typedef struct lin_move {
  int32_t alias;
  int32_t undo;
  int64_t from, to;
} lin_move;

/* What an edit was and what stood there before. */
typedef struct lin_edit {
  int32_t what;
  int32_t old;
  int64_t at; /* version or alias */
  int64_t old_target;
} lin_edit;

typedef struct lin_model {
  lin_version *versions; /* [n_versions], number 1 first */
  lin_move *moves;       /* [n_moves], oldest first */
  lin_edit *journal;
  size_t n_versions, cap_versions;
  size_t n_moves, cap_moves;
  size_t n_edits, cap_edits;
  int64_t targets[LIN_ALIASES]; /* 0: the alias does not exist */
  int32_t deleted;              /* the whole model; its versions keep their own state */
  uint64_t hash;
  size_t n_changes;
  const lin_change *feed; /* [n_feed] of this model since the beginning; NULL: not known */
  size_t n_feed;
} lin_model;

void lin_model_init(lin_model *m);
void lin_model_reset(lin_model *m); /* frees what it holds */

/* False, and nothing changed: the call cannot come now with this answer. A call without answer can when it would succeed. */
bool lin_model_apply(lin_model *m, const lin_op *op);
/* Takes back all edits after the first `n_edits`. */
void lin_model_back(lin_model *m, size_t n_edits);
void lin_model_forget(lin_model *m); /* the present state becomes the first one */

lin_row lin_model_row(const lin_model *m, int64_t number);
void lin_model_print(FILE *out, const lin_model *m);

#endif
