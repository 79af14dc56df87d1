/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_rows.c - any bytes as the input of `mlcm run`, CSV or JSON, for a model with one input and for one with three. What is read must
 * hold rows that the session takes, or names what is wrong with them. The program's own output is replaced by a note.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/memory.h"
#include "cli/rows.h"
#include "infer/build.h"

static char told[512];

int cli_error(cli *c, mlcm_status status, const char *format, ...) {
  va_list args;
  va_start(args, format);
  (void)c, (void)vsnprintf(told, sizeof told, format, args);
  va_end(args);
  return status;
}

void cli_no_memory(void) { abort(); }

void *cli_must(void *ptr) {
  if (!ptr) cli_no_memory();
  return ptr;
}

void *cli_alloc(size_t count, size_t size) { return cli_must(calloc(count ? count : 1, size)); }

const char *cli_each(const cli_args *args, const char *option, size_t *cursor) {
  (void)args;
  return strcmp(option, "without") == 0 && (*cursor)++ == 0 ? "label" : NULL;
}

/* ---- two models, made here: "x" f32 [n, 2]; and "a" i64 [n], "b" string [n], "c" f64 [n, 2, 2] ---- */

enum { ONNX_F32 = 1, ONNX_I64 = 7, ONNX_STRING = 8, ONNX_F64 = 11 };

static void add_pair(pbw *graph, const char *in, const char *out, int type, size_t rank) {
  static const int64_t dims[] = {-1, 2, 2};
  add(graph, 1, make_node("Identity", "", in, out));
  add(graph, 11, make_value(in, type, dims, rank));
  add(graph, 12, make_value(out, type, dims, rank));
}

static mlcm_session *open_model(mlcm_context *ctx, bool several) {
  mlcm_session *session = NULL;
  mlcm_error err;
  pbw graph = {0};
  pbw_text(&graph, 2, "g");
  if (several) {
    add_pair(&graph, "a", "ya", ONNX_I64, 1);
    add_pair(&graph, "b", "yb", ONNX_STRING, 1);
    add_pair(&graph, "c", "yc", ONNX_F64, 3);
  } else {
    add_pair(&graph, "x", "y", ONNX_F32, 2);
  }
  pbw model = make_model(graph, 18);
  const mlcm_model_file file = {"m.onnx", model.data, model.len};
  if (mlcm_session_open(ctx, &file, 1, NULL, &session, &err)) abort();
  pbw_free(&model);
  return session;
}

/* ---- */

static void run(mlcm_session *session, const cli_inputs *in) {
  mlcm_input inputs[3];
  mlcm_output outputs[3] = {0};
  mlcm_error err = {0};
  if (in->n_rows < 1) abort();
  for (size_t i = 0; i < in->n; i++) inputs[i] = in->tensors[i].input;
  mlcm_status st = mlcm_session_run(session, inputs, in->n, outputs, in->n, &err);
  if (st && st != MLCM_MISMATCH && st != MLCM_LIMIT && st != MLCM_INVALID_ARGUMENT) abort();
}

static void try_rows(mlcm_session *session, const uint8_t *data, size_t size, int64_t limit) {
  static cli c;
  cli_inputs in = {0};
  char *text = malloc(size + 1);
  if (!text) abort();
  memcpy(text, data, size);
  text[size] = '\0';
  told[0] = '\0';
  const int code = cli_inputs_read(&c, session, "rows", text, size, limit, &in);
  if (code == 0) run(session, &in);
  else if (!told[0]) abort();
  cli_inputs_reset(&in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static mlcm_context *ctx;
  static mlcm_session *sessions[2];
  if (!ctx) {
    if (mlcm_context_new(NULL, &ctx, NULL)) abort();
    for (int i = 0; i < 2; i++) sessions[i] = open_model(ctx, i);
  }
  for (int i = 0; i < 2; i++) try_rows(sessions[i], data, size, (int64_t)(size % 3));
  return 0;
}
