/* SPDX-License-Identifier: Apache-2.0
 *
 * one.h - models of one node written as a line of text, for tables of what is refused.
 *
 *   "Gather axis=1 | f32[2,3] i64:0,9"                     operator, attributes | inputs
 *   "ml.Scaler scale=1.,2. | f32[2,3]"                     ai.onnx.ml
 *   "Slice@9 starts=0 ends=1 | f32[4]"                     of opset 9; two outputs with "TopK*2"
 *
 * Attributes: name=1 (int), =1.5 (float), ='text', and lists: =1,2 or =1, (ints), =1.,2. (floats), ='a','b' (strings),
 * =f32:1,2 (a tensor). Inputs: TYPE[DIMS] holds zeros and ones in turn, TYPE:1,2 a list, TYPE=5 a scalar, - none; a '!' before an
 * input makes it a constant of the model, a '?' an input that declares no type. Texts are not quoted in inputs.
 */
#ifndef MLCM_TESTS_INFER_ONE_H
#define MLCM_TESTS_INFER_ONE_H

#include <stdbool.h>

#include <mlcm/backend.h>

#include "infer/build.h"

enum { ONE_INPUTS = 10 };

typedef struct one {
  pbw model;
  mlcm_input inputs[ONE_INPUTS];
  void *data[ONE_INPUTS];
  size_t n_inputs;
  size_t n_outputs;
} one;

/* Fails the test when the line has no sense. */
void one_make(one *o, const char *line);
void one_free(one *o);

/* A tensor as inputs are written; free(t.data). */
mlcm_tensor one_tensor(const char *text);

/* Opens and runs: the first status that is not OK. `max_tensor_bytes` and `max_session_bytes` 0: as usual. */
mlcm_status one_try(mlcm_context *ctx, const char *line, uint64_t max_tensor_bytes, uint64_t max_session_bytes, bool *opened,
                    mlcm_error *err);

#endif
