/* SPDX-License-Identifier: Apache-2.0
 *
 * budget.h - the memory of one session, counted and bounded: whatever a hostile model makes the library do, it takes no more.
 *
 * Everything of a session (graph, kernels, run states) is allocated through the budget's context, which passes on to the caller's
 * allocator and refuses what would go over the limit. Any thread.
 */
#ifndef MLCM_INFER_BUDGET_H
#define MLCM_INFER_BUDGET_H

#include "base/context.h"

typedef struct mlcm__budget mlcm__budget;

mlcm_status mlcm__budget_open(mlcm_context *ctx, uint64_t limit_bytes, mlcm__budget **out, mlcm_error *err);
/* Last of all: nothing that was allocated through its context may be left. */
void mlcm__budget_close(mlcm__budget *budget);

mlcm_context *mlcm__budget_context(mlcm__budget *budget);

/* Turns MLCM_NO_MEMORY into MLCM_LIMIT with the limit's name once the budget has refused anybody, unless the caller's own allocator
 * failed since the last question; any other status stays. Of two threads that are refused together both are told so. */
mlcm_status mlcm__budget_explain(mlcm__budget *budget, mlcm_status st, mlcm_error *err);

#endif
