/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck.c - the whole check: look; if asked, put right what is safe; look again, so that what is called repaired was seen to be
 * sound.
 */
#include <string.h>

#include "registry/fsck.h"

enum { FIRST_OPTIONS_BYTES = 72 };
_Static_assert(sizeof(mlcm_fsck_options) == FIRST_OPTIONS_BYTES, "mlcm_fsck_options changed: keep the first size here");

void mlcm_fsck_options_init(mlcm_fsck_options *options, size_t size_bytes) {
  memset(options, 0, size_bytes);
  options->struct_size = size_bytes;
}

static mlcm_status check_all(mlcm__fsck *f, const mlcm__fsck_anchor *anchor, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  if (f->conn) {
    st = mlcm__fsck_database(f, err);
    if (!st) st = mlcm__fsck_try(f, mlcm__fsck_manifests, "table manifest", err);
  }
  if (!st && f->blobs) st = mlcm__fsck_objects(f, err);
  if (!st && f->conn) st = mlcm__fsck_history(f, err); /* before rows: says which evaluations can be trusted */
  if (!st && f->conn) st = mlcm__fsck_rows(f, err);
  if (!st && f->conn) st = mlcm__fsck_rollouts(f, err);
  if (!st && f->conn) st = mlcm__fsck_audit(f, anchor, err);
  return st ? st : mlcm__fsck_backup_file(f, err);
}

/* One look at everything, into a report of its own. */
static mlcm_status look(mlcm__fsck *f, mlcm_fsck_report **out, mlcm_error *err) {
  mlcm__fsck_anchor anchor = {0};
  mlcm_status st = mlcm__fsck_report_new(f->ctx, f->dir, &f->report, err);
  if (!st) st = mlcm__map_new(f->ctx, &f->known, err);
  if (!st) st = mlcm__map_new(f->ctx, &f->told, err);
  if (!st) st = mlcm__map_new(f->ctx, &f->confused, err);
  if (!st) st = mlcm__fsck_anchor_read(f, &anchor, err);
  if (!st) st = mlcm__fsck_open(f, err);
  if (!st) st = check_all(f, &anchor, err);
  mlcm__fsck_close(f);
  mlcm__map_free(f->known);
  mlcm__map_free(f->told);
  mlcm__map_free(f->confused);
  mlcm__free(f->ctx, f->objects);
  f->known = f->told = f->confused = NULL;
  f->objects = NULL;
  f->n_objects = f->cap_objects = 0;
  if (st) {
    mlcm_fsck_report_free(f->report);
  } else {
    mlcm__fsck_count(f->report);
    *out = f->report;
  }
  f->report = NULL;
  return st;
}

static bool can_repair_any(const mlcm_fsck_report *report) {
  for (size_t i = 0; i < report->n; i++)
    if (report->items[i].fix != MLCM__FIX_NONE) return true;
  return false;
}

static mlcm_status repair_and_look(mlcm__fsck *f, mlcm_fsck_report **report, const mlcm_attribution *by, mlcm_error *err) {
  mlcm_fsck_report *again = NULL;
  mlcm_status st = mlcm__fsck_repair(f, *report, by, err);
  if (!st && (*report)->refusal[0]) return MLCM_OK;
  if (!st) st = look(f, &again, err);
  if (!st) st = mlcm__fsck_merge(again, *report, err);
  if (st) {
    mlcm_fsck_report_free(again);
    return st;
  }
  mlcm__fsck_count(again);
  mlcm_fsck_report_free(*report);
  *report = again;
  return MLCM_OK;
}

mlcm_status mlcm_fsck(mlcm_context *ctx, const char *dir, const mlcm_fsck_options *options, const mlcm_attribution *by,
                      mlcm_fsck_report **out, mlcm_error *err) {
  mlcm__fsck f = {.ctx = ctx, .dir = dir};
  mlcm_fsck_report *report = NULL;
  if (!ctx || !dir || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", !ctx ? "ctx" : !dir ? "dir" : "out");
  if (!dir[0]) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "the registry's directory is empty text");
  mlcm_status st = mlcm__options_read(options, FIRST_OPTIONS_BYTES, &f.options, sizeof f.options, "mlcm_fsck_options", err);
  if (!st) st = mlcm__check_attribution(by, err);
  if (!st && f.options.repair != 0 && f.options.repair != 1)
    st = mlcm__fail(err, MLCM_INVALID_ARGUMENT, "repair is neither 0 nor 1");
  if (!st) st = look(&f, &report, err);
  if (!st && f.options.repair && can_repair_any(report)) st = repair_and_look(&f, &report, by, err);
  if (st) mlcm_fsck_report_free(report);
  else *out = report;
  return st;
}
