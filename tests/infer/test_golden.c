/* SPDX-License-Identifier: Apache-2.0
 *
 * test_golden.c - models of scikit-learn, XGBoost and LightGBM against what onnxruntime answered (make_golden.py), one after the
 * other in one process, so that leaks and overruns show under sanitizers.
 */
#include "infer/cases.h"
#include "support/suite.h"

typedef struct totals {
  int passed;
} totals;

static void visit(const char *path, const char *name, void *user) {
  totals *t = user;
  char why[512];
  int end = case_run(path, (case_tolerance){1e-5, 1e-6}, why);
  ck_assert_msg(end == CASE_PASS, "%s: %s", name, why);
  t->passed++;
}

START_TEST(exported_models_answer_as_onnxruntime_does) {
  totals t = {0};
  int n = case_each(MLCM_SOURCE_DIR "/tests/infer/golden", visit, &t);
  ck_assert_int_ge(n, 100);
  ck_assert_int_eq(t.passed, n);
}
END_TEST

int main(void) {
  const TTest *tests[] = {exported_models_answer_as_onnxruntime_does};
  return TEST_RUN("infer_golden", tests);
}
