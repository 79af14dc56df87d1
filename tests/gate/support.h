/* SPDX-License-Identifier: Apache-2.0
 *
 * support.h - what the gate's tests share: a context, policies from text, one line to run a case.
 */
#ifndef MLCM_TESTS_GATE_SUPPORT_H
#define MLCM_TESTS_GATE_SUPPORT_H

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <mlcm/gate.h>

static inline mlcm_context *new_context(void) {
  mlcm_context *ctx = NULL;
  ck_assert_int_eq(mlcm_context_new(NULL, &ctx, NULL), MLCM_OK);
  return ctx;
}

static inline mlcm_policy *parse(mlcm_context *ctx, const char *yaml) {
  mlcm_policy *policy = NULL;
  mlcm_error err;
  mlcm_status st = mlcm_policy_parse(ctx, "gate.yaml", mlcm_str_of(yaml), &policy, &err);
  ck_assert_msg(st == MLCM_OK, "%s", st ? err.message : "");
  return policy;
}

/* Runs one case as a suite of its name; the program's exit status. */
static inline int run_case(const char *name, TCase *c) {
  tcase_set_timeout(c, 240);
  Suite *s = suite_create(name);
  suite_add_tcase(s, c);
  SRunner *r = srunner_create(s);
  srunner_run_all(r, CK_NORMAL);
  int failed = srunner_ntests_failed(r);
  srunner_free(r);
  return failed ? 1 : 0;
}

#endif
