/* SPDX-License-Identifier: Apache-2.0
 *
 * check.h - is there an order of these calls, each at some moment between its question and its answer, in which a registry
 * that does one call after the other gives all these answers? (Linearisability, Herlihy and Wing.)
 */
#ifndef MLCM_TESTS_LINEAR_CHECK_H
#define MLCM_TESTS_LINEAR_CHECK_H

#include "linear/model.h"

enum { LIN_EXPLAINED = 1, LIN_UNEXPLAINED = 2, LIN_UNDECIDED = 3 /* the search grew beyond its limit */ };

/* Calls of one model in any order, those of killed processes without an answer among them. `m` is the state before;
 * LIN_EXPLAINED leaves * the state after in it. Otherwise `m` is as before and the shortest piece that has no explanation is
 * printed to `out`. */
int32_t lin_check(lin_model *m, const lin_op *const *ops, size_t n, FILE *out);

#endif
