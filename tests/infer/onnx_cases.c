/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_cases.c - runs the cases of a folder in one process, for test_live.py.
 *
 *   onnx_cases FOLDER RELATIVE ABSOLUTE
 *
 * Prints a line a case and "N passed, N failed, N skipped"; any that is not passed makes the exit status 1.
 */
#include <stdio.h>
#include <stdlib.h>

#include "infer/cases.h"

typedef struct totals {
  case_tolerance tolerance;
  int n[3];
} totals;

static void visit(const char *path, const char *name, void *user) {
  static const char *const words[] = {"pass", "FAIL", "skip"};
  totals *t = user;
  char why[512];
  int end = case_run(path, t->tolerance, why);
  t->n[end]++;
  printf("%s %s%s%s\n", words[end], name, why[0] != '\0' ? ": " : "", why);
}

int main(int argc, char **argv) {
  totals t = {0};
  if (argc != 4) {
    fprintf(stderr, "usage: onnx_cases FOLDER RELATIVE ABSOLUTE\n");
    return 2;
  }
  t.tolerance = (case_tolerance){atof(argv[2]), atof(argv[3])};
  int n = case_each(argv[1], visit, &t);
  printf("%d passed, %d failed, %d skipped\n", t.n[CASE_PASS], t.n[CASE_FAIL], t.n[CASE_SKIP]);
  return n == 0 || t.n[CASE_PASS] != n;
}
