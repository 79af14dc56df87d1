/* SPDX-License-Identifier: Apache-2.0
 *
 * cases.h - conformance cases in ONNX's own form: a folder with model.onnx and test_data_set_0/input_K.pb, output_K.pb, each one
 * serialized TensorProto.
 */
#ifndef MLCM_TESTS_INFER_CASES_H
#define MLCM_TESTS_INFER_CASES_H

#include <mlcm/infer.h>

enum { CASE_PASS = 0, CASE_FAIL = 1, CASE_SKIP = 2 };

/* Numbers are equal when |a - b| <= absolute + relative * |b|, or both NaN, or the same infinity. */
typedef struct case_tolerance {
  double relative, absolute;
} case_tolerance;

/* Runs the case of a folder. `why` says what went wrong or what is missing: a case is skipped when the model needs an operator
 * or a type that the backend has not, or when a file holds no tensor (sequences, optionals). */
int case_run(const char *folder, case_tolerance tolerance, char why[512]);

/* Calls visit with each sub-folder, in order of names; answers how many. */
int case_each(const char *folder, void (*visit)(const char *path, const char *name, void *user), void *user);

#endif
