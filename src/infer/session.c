/* SPDX-License-Identifier: Apache-2.0
 *
 * session.c - open (read, resolve, prepare), run, close.
 */
#include "infer/session.h"

#include <assert.h>
#include <string.h>

#include "infer/load.h"

enum { FIRST_OPTIONS_BYTES = sizeof(mlcm_session_options) };
static const uint64_t DEFAULT_MAX_TENSOR_BYTES = (uint64_t)4 << 30, DEFAULT_MAX_SESSION_BYTES = (uint64_t)16 << 30;

void mlcm_session_options_init(mlcm_session_options *options, size_t size_bytes) {
  if (options == NULL || size_bytes < sizeof options->struct_size) return;
  memset(options, 0, size_bytes);
  options->struct_size = size_bytes;
}

/* ---- Open ---- */

static mlcm_status choose_backend(const mlcm_session_options *options, const mlcm_backend **out, mlcm_error *err) {
  const mlcm_backend *b = options->table != NULL ? options->table : mlcm__reference_backend();
  if (options->table == NULL && options->backend != NULL && strcmp(options->backend, b->name) != 0)
    return mlcm__fail(err, MLCM_NOT_FOUND, "there is no backend '%.60s'; this build has '%s'", options->backend, b->name);
  if (b->abi_version >> 16 != MLCM_BACKEND_ABI_VERSION >> 16 || b->struct_size < sizeof *b)
    return mlcm__fail(err, MLCM_UNSUPPORTED,
                      "backend '%.60s' was made for version %u of the backend interface, this library has %u",
                      b->name != NULL ? b->name : "?", b->abi_version >> 16, MLCM_BACKEND_ABI_VERSION >> 16);
  if (b->name == NULL || b->supports == NULL || b->prepare == NULL || b->run == NULL || b->release == NULL)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the backend's table has empty entries");
  *out = b;
  return MLCM_OK;
}

static bool ends_in_onnx(const char *path) {
  size_t len = strlen(path);
  return len >= 5 && strcmp(path + len - 5, ".onnx") == 0;
}

static mlcm_status find_model(const mlcm_model_file *files, size_t n_files, size_t *out, mlcm_error *err) {
  if (files == NULL || n_files == 0) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "a model needs at least one file");
  for (size_t i = 0; i < n_files; i++)
    if (files[i].path == NULL || (files[i].data == NULL && files[i].size_bytes > 0))
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "file %zu of the model has no path or no data", i);
  for (size_t i = 0; i < n_files; i++) {
    if (!ends_in_onnx(files[i].path)) continue;
    *out = i;
    return MLCM_OK;
  }
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "none of the model's %zu files ends in .onnx (the first is '%.200s')", n_files,
                    files[0].path);
}

static uint64_t or_default(uint64_t given, uint64_t fallback) { return given > 0 ? given : fallback; }

static mlcm_status session_new(mlcm_context *ctx, const mlcm_session_options *options, mlcm_session **out, mlcm_error *err) {
  const mlcm_backend *backend = NULL;
  mlcm__budget *budget = NULL;
  mlcm_status st = choose_backend(options, &backend, err);
  if (!st) st = mlcm__budget_open(ctx, or_default(options->max_session_bytes, DEFAULT_MAX_SESSION_BYTES), &budget, err);
  if (st) return st;
  mlcm_session *s = mlcm__alloc_zero(mlcm__budget_context(budget), 1, sizeof *s);
  if (s == NULL) {
    st = mlcm__budget_explain(budget, mlcm__fail_memory(err, sizeof *s), err);
    mlcm__budget_close(budget);
    return st;
  }
  s->ctx = mlcm__budget_context(budget);
  s->budget = budget;
  s->backend = backend;
  s->max_tensor_bytes = or_default(options->max_tensor_bytes, DEFAULT_MAX_TENSOR_BYTES);
  mlcm__arena_init(&s->graph.arena, s->ctx);
  for (size_t i = 0; i < MLCM__IDLE_STATES; i++) atomic_init(&s->idle[i], NULL);
  *out = s;
  return MLCM_OK;
}

mlcm_status mlcm_session_open(mlcm_context *ctx, const mlcm_model_file *files, size_t n_files,
                              const mlcm_session_options *options, mlcm_session **out, mlcm_error *err) {
  mlcm_session_options known = {0};
  mlcm__files all = {.files = files, .n_files = n_files};
  mlcm_session *s = NULL;
  if (ctx == NULL || out == NULL)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_session_open needs a context and a place for the session");
  mlcm_status st = mlcm__options_read(options, FIRST_OPTIONS_BYTES, &known, sizeof known, "mlcm_session_options", err);
  if (!st) st = find_model(files, n_files, &all.model, err);
  if (!st) st = session_new(ctx, &known, &s, err);
  if (!st) st = mlcm__budget_explain(s->budget, mlcm__session_load(s, &all, err), err);
  if (st)
    mlcm_session_close(s);
  else
    *out = s;
  return st;
}

void mlcm_session_close(mlcm_session *s) {
  if (s == NULL) return;
  mlcm__budget *budget = s->budget;
  mlcm__states_drop(s);
  for (size_t n = 0; s->prepared != NULL && n < s->graph.n_nodes; n++)
    if (s->prepared[n]) s->backend->release(s->backend, s->kernels[n]);
  mlcm__graph_free(&s->graph);
  if (s->free_owned != NULL) s->free_owned(s->owned);
  mlcm__free(s->ctx, s);
  mlcm__budget_close(budget);
}

void mlcm__session_own(mlcm_session *session, void (*free_fn)(void *owned), void *owned) {
  assert(session->free_owned == NULL);
  session->free_owned = free_fn;
  session->owned = owned;
}

/* ---- Signature ---- */

size_t mlcm_session_n_inputs(const mlcm_session *session) { return session == NULL ? 0 : session->graph.n_inputs; }

size_t mlcm_session_n_outputs(const mlcm_session *session) { return session == NULL ? 0 : session->graph.n_outputs; }

mlcm_port mlcm_session_input(const mlcm_session *session, size_t i) {
  return i < mlcm_session_n_inputs(session) ? session->graph.inputs[i].port : (mlcm_port){.name = ""};
}

mlcm_port mlcm_session_output(const mlcm_session *session, size_t i) {
  return i < mlcm_session_n_outputs(session) ? session->graph.outputs[i].port : (mlcm_port){.name = ""};
}

/* ---- Run ---- */

static mlcm_status run_nodes(mlcm__state *state, mlcm_error *err) {
  const mlcm_session *s = state->session;
  mlcm_error why; /* cleared as far as mlcm__node_failure reads it: kernels take less time than 512 bytes do */
  for (size_t n = 0; n < s->graph.n_nodes; n++) {
    if (!s->prepared[n]) continue;
    assert(s->graph.nodes[n].is_live && state->calls[n].node == n);
    why.sys_code = 0;
    why.message[0] = '\0';
    mlcm_status st = s->backend->run(s->backend, s->kernels[n], &state->calls[n], &why);
    if (st) return mlcm__node_failure(&s->graph.nodes[n], st, &why, err);
  }
  return MLCM_OK;
}

static mlcm_status run_once(mlcm_session *session, const mlcm_input *inputs, size_t n_inputs, mlcm_output *outputs,
                            size_t n_outputs, mlcm_error *err) {
  mlcm__state *state = NULL;
  mlcm_status st = mlcm__state_take(session, &state, err);
  if (st) return st;
  st = mlcm__bind_inputs(state, inputs, n_inputs, err);
  if (!st) st = run_nodes(state, err);
  if (!st) st = mlcm__check_outputs(state, outputs, n_outputs, err);
  if (!st) mlcm__copy_outputs(state, outputs, n_outputs);
  mlcm__state_give_back(state);
  return st;
}

mlcm_status mlcm_session_run(mlcm_session *session, const mlcm_input *inputs, size_t n_inputs, mlcm_output *outputs,
                             size_t n_outputs, mlcm_error *err) {
  if (session == NULL || (inputs == NULL && n_inputs > 0) || (outputs == NULL && n_outputs > 0))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_session_run needs a session, inputs and outputs");
  mlcm_status st = run_once(session, inputs, n_inputs, outputs, n_outputs, err);
  if (st != MLCM_NO_MEMORY) return st;
  st = mlcm__budget_explain(session->budget, st, err);
  if (st != MLCM_LIMIT) return st;
  mlcm__states_drop(session); /* what earlier runs left behind must not be what this one lacks */
  return mlcm__budget_explain(session->budget, run_once(session, inputs, n_inputs, outputs, n_outputs, err), err);
}
