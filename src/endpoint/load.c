/* SPDX-License-Identifier: Apache-2.0
 *
 * load.c - from a version number to something that answers: entitled, verified, opened, warmed up. Nothing here touches what
 * serves; a failure is remembered with the time of the next attempt.
 */
#include "endpoint/endpoint.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "infer/session.h"

#define FIRST_RETRY_NS INT64_C(200000000)
#define LAST_RETRY_NS INT64_C(60000000000)

/* ---- A verified session --------------------------------------------------------------------------------------------- */

static void free_files(void *user) {
  mlcm__version_files *files = user;
  mlcm_context *ctx = files->ctx;
  mlcm__version_files_free(files);
  mlcm__free(ctx, files);
}

static mlcm_status open_session(mlcm_context *ctx, const mlcm__version_files *files, const mlcm_session_options *options,
                                mlcm_session **out, mlcm_error *err) {
  assert(files->n > 0); /* nothing without a file was ever registered */
  mlcm_model_file *list = mlcm__alloc_zero(ctx, files->n, sizeof *list);
  if (list == NULL) return mlcm__fail_memory(err, files->n * sizeof *list);
  for (size_t i = 0; i < files->n; ++i) {
    list[i] = (mlcm_model_file){files->items[i].path, files->items[i].bytes.data, files->items[i].bytes.size};
  }
  mlcm_status st = mlcm_session_open(ctx, list, files->n, options, out, err);
  mlcm__free(ctx, list);
  return st;
}

mlcm_status mlcm_version_load(mlcm_registry *reg, const mlcm_version *version, const mlcm_session_options *options,
                              mlcm_session **out, mlcm_error *err) {
  if (reg == NULL || version == NULL || out == NULL) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_version_load: registry, version and out must not be NULL");
  }
  mlcm_session *session = NULL;
  mlcm__version_files *files = mlcm__alloc_zero(reg->ctx, 1, sizeof *files);
  if (files == NULL) return mlcm__fail_memory(err, sizeof *files);
  files->ctx = reg->ctx;
  mlcm_status st = mlcm__version_read_files(reg, version, files, err);
  if (st) goto done;
  st = open_session(reg->ctx, files, options, &session, err);
  if (st) {
    mlcm__error_prefix(err, "%s/%lld: ", mlcm_version_model(version), (long long)mlcm_version_number(version));
    goto done;
  }
  mlcm__session_own(session, free_files, files);
  files = NULL;
  *out = session;
done:
  if (files != NULL) free_files(files);
  return st;
}

/* ---- Warm-up -------------------------------------------------------------------------------------------------------- */

enum { WARM_UP_PORTS = 64, WARM_UP_BYTES = 1 << 24 };

/* An input of one row without its data; *max_bytes grows to its size. False when its shape cannot be guessed or is large. */
static bool guess_input(const mlcm_port *port, mlcm_input *out, size_t *max_bytes) {
  size_t bytes = mlcm_dtype_size(port->dtype);
  if (port->rank < 0 || bytes == 0) return false;
  *out = (mlcm_input){.name = port->name, .dtype = port->dtype, .rank = port->rank};
  for (int i = 0; i < port->rank; ++i) {
    out->shape[i] = port->shape[i] < 0 ? 1 : port->shape[i];
    if (__builtin_mul_overflow(bytes, (size_t)out->shape[i], &bytes)) return false;
  }
  if (bytes > *max_bytes) *max_bytes = bytes;
  return bytes <= WARM_UP_BYTES;
}

/* Runs once on zeros, so that memory is touched and backends have chosen their code before the first request. Zeros may be no
 * valid input (an unknown category, say), so what the run answers says nothing about the version. */
static void warm_up(mlcm_context *ctx, mlcm_session *session) {
  mlcm_input inputs[WARM_UP_PORTS];
  mlcm_output outputs[WARM_UP_PORTS];
  mlcm_error err;
  size_t max_bytes = 1;
  size_t n_inputs = mlcm_session_n_inputs(session);
  size_t n_outputs = mlcm_session_n_outputs(session);
  if (n_inputs > WARM_UP_PORTS || n_outputs > WARM_UP_PORTS) return;
  for (size_t i = 0; i < n_inputs; ++i) {
    mlcm_port port = mlcm_session_input(session, i);
    if (!guess_input(&port, &inputs[i], &max_bytes)) return;
  }
  void *zeros = mlcm__alloc_zero(ctx, 1, max_bytes);
  if (zeros == NULL) return;
  for (size_t i = 0; i < n_inputs; ++i) inputs[i].data = zeros;
  for (size_t i = 0; i < n_outputs; ++i) outputs[i] = (mlcm_output){.name = mlcm_session_output(session, i).name};
  if (mlcm_session_run(session, inputs, n_inputs, outputs, n_outputs, &err)) {
    mlcm__log(ctx, MLCM_LOG_DEBUG, "warm-up on zeros ended with: %s", err.message);
  }
  mlcm__free(ctx, zeros);
}

/* ---- Ready to serve ------------------------------------------------------------------------------------------------- */

static mlcm_status check_entitled(mlcm_endpoint *ep, int64_t version, mlcm_error *err) {
  bool entitled = false;
  mlcm_status st = mlcm__endpoint_is_entitled(ep->reg, &ep->row, version, &entitled, err);
  if (st) return st;
  if (entitled) return MLCM_OK;
  return mlcm__fail(
      err, MLCM_REFUSED,
      "%s/%lld may not serve on endpoint '%s': neither alias '%s' nor an active rollout names it; promote it or start a rollout",
      ep->row.model, (long long)version, ep->row.name, ep->row.alias);
}

static mlcm_status load_session(mlcm_endpoint *ep, int64_t number, mlcm_session **out, mlcm_error *err) {
  char ref[MLCM_MODEL_NAME_MAX + 32];
  mlcm_version *version = NULL;
  snprintf(ref, sizeof ref, "%s/%lld", ep->row.model, (long long)number);
  mlcm_status st = mlcm_version_get(ep->reg, ref, &version, err);
  if (!st) st = mlcm_version_load(ep->reg, version, &ep->session_options, out, err);
  if (!st) warm_up(ep->ctx, *out);
  mlcm_version_free(version);
  return st;
}

static mlcm_status ask_host(mlcm_endpoint *ep, int64_t version, mlcm_error *err) {
  if (ep->host.prepare == NULL) return MLCM_OK;
  mlcm_error said = {0};
  mlcm_status st = ep->host.prepare(ep->host.user, version, &said);
  if (!st) return MLCM_OK;
  said.message[sizeof said.message - 1] = '\0';
  return mlcm__fail(err, st, "%s/%lld: the host could not prepare it: %s", ep->row.model, (long long)version,
                    said.code == st && said.message[0] ? said.message : mlcm_status_name(st));
}

static mlcm_status make_ready(mlcm_endpoint *ep, int64_t version, mlcm__served **out, mlcm_error *err) {
  mlcm__served *served = mlcm__alloc_zero(ep->ctx, 1, sizeof *served);
  if (served == NULL) return mlcm__fail_memory(err, sizeof *served);
  served->ctx = ep->ctx;
  served->version = version;
  mlcm_status st = check_entitled(ep, version, err);
  if (!st)
    st = ep->flags & MLCM_ENDPOINT_NO_ENGINE ? ask_host(ep, version, err) : load_session(ep, version, &served->session, err);
  if (st) {
    mlcm__served_free(served);
    return st;
  }
  *out = served;
  return MLCM_OK;
}

void mlcm__served_free(mlcm__served *served) {
  mlcm_session_close(served->session);
  mlcm__free(served->ctx, served);
}

void mlcm__served_free_retired(mlcm__retired *self) { mlcm__served_free((mlcm__served *)self); }

/* ---- Failures ------------------------------------------------------------------------------------------------------- */

mlcm__failed *mlcm__endpoint_failed(mlcm_endpoint *ep, int64_t version) {
  for (size_t i = 0; i < MLCM__FAILED_VERSIONS; ++i) {
    if (ep->failed[i].version == version) return &ep->failed[i];
  }
  return NULL;
}

void mlcm__endpoint_forget_failed(mlcm_endpoint *ep, int64_t stable, int64_t candidate) {
  pthread_mutex_lock(&ep->lock);
  for (size_t i = 0; i < MLCM__FAILED_VERSIONS; ++i) {
    mlcm__failed *failed = &ep->failed[i];
    if (failed->version != stable && failed->version != candidate) memset(failed, 0, sizeof *failed);
  }
  pthread_mutex_unlock(&ep->lock);
}

static int64_t retry_after(int32_t attempts) {
  int64_t wait = FIRST_RETRY_NS;
  for (int32_t i = 1; i < attempts && wait < LAST_RETRY_NS; ++i) wait *= 2;
  return wait < LAST_RETRY_NS ? wait : LAST_RETRY_NS;
}

static void remember_failure(mlcm_endpoint *ep, int64_t version, int64_t now_mono_ns, const mlcm_error *why) {
  pthread_mutex_lock(&ep->lock);
  mlcm__failed *failed = mlcm__endpoint_failed(ep, version);
  if (failed == NULL) failed = mlcm__endpoint_failed(ep, 0);
  if (failed == NULL) failed = &ep->failed[0]; /* never: follow.c forgets all but the two versions in question before */
  failed->version = version;
  failed->attempts++;
  failed->retry_ns = now_mono_ns + retry_after(failed->attempts);
  failed->err = *why;
  pthread_mutex_unlock(&ep->lock);
  atomic_fetch_add(&ep->n_load_failures, 1);
  mlcm__log(ep->ctx, MLCM_LOG_ERROR, "endpoint '%s': %s. Not loaded; what served goes on serving", ep->row.name, why->message);
}

static void forget_failure(mlcm_endpoint *ep, int64_t version) {
  pthread_mutex_lock(&ep->lock);
  mlcm__failed *failed = mlcm__endpoint_failed(ep, version);
  if (failed != NULL) memset(failed, 0, sizeof *failed);
  pthread_mutex_unlock(&ep->lock);
}

static mlcm_status same_failure(const mlcm__failed *failed, mlcm_error *err) {
  *err = failed->err;
  return failed->err.code;
}

mlcm_status mlcm__endpoint_need(mlcm_endpoint *ep, int64_t version, int64_t now_mono_ns, mlcm__served **out, mlcm_error *err) {
  for (mlcm__served *s = ep->served; s != NULL; s = s->next) {
    if (s->version == version) {
      *out = s;
      return MLCM_OK;
    }
  }
  const mlcm__failed *before = mlcm__endpoint_failed(ep, version);
  if (before != NULL && now_mono_ns < before->retry_ns) return same_failure(before, err);
  mlcm__served *served = NULL;
  mlcm_status st = make_ready(ep, version, &served, err);
  if (st) {
    remember_failure(ep, version, now_mono_ns, err);
    return st;
  }
  forget_failure(ep, version);
  pthread_mutex_lock(&ep->lock);
  served->next = ep->served;
  ep->served = served;
  pthread_mutex_unlock(&ep->lock);
  *out = served;
  return MLCM_OK;
}
