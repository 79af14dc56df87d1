/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck_report.c - findings gathered, counted, merged, and given out.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "registry/fsck.h"

enum { JSON_MAX = 1 << 30 };

const char *mlcm_damage_name(mlcm_damage kind) {
  static const char *const names[] = {"unknown",  "database", "index", "row",    "counter",
                                      "manifest", "blob",     "audit", "backup", "leftover"};
  return kind > 0 && (size_t)kind < sizeof names / sizeof names[0] ? names[kind] : names[0];
}

mlcm_status mlcm__fsck_report_new(mlcm_context *ctx, const char *dir, mlcm_fsck_report **out, mlcm_error *err) {
  mlcm_fsck_report *report = mlcm__alloc_zero(ctx, 1, sizeof *report);
  if (!report) return mlcm__fail_memory(err, sizeof *report);
  report->ctx = mlcm__context_retain(ctx);
  mlcm__arena_init(&report->arena, ctx);
  report->dir = mlcm__arena_strndup(&report->arena, dir, strlen(dir));
  if (!report->dir) {
    mlcm_fsck_report_free(report);
    return mlcm__fail_memory(err, strlen(dir) + 1);
  }
  *out = report;
  return MLCM_OK;
}

void mlcm_fsck_report_free(mlcm_fsck_report *report) {
  if (!report) return;
  mlcm_context *ctx = report->ctx;
  mlcm__free(ctx, report->items);
  mlcm__arena_reset(&report->arena);
  mlcm__free(ctx, report);
  mlcm__context_release(ctx);
}

/* ---- telling ---- */

static mlcm_status keep(mlcm__arena *arena, const char *text, size_t len, const char **out, mlcm_error *err) {
  *out = mlcm__arena_strndup(arena, text, len);
  return *out ? MLCM_OK : mlcm__fail_memory(err, len + 1);
}

static mlcm_status keep_texts(mlcm__arena *arena, mlcm_finding *shown, mlcm_error *err) {
  const char **const texts[] = {&shown->object, &shown->problem, &shown->expected, &shown->found, &shown->restore};
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < sizeof texts / sizeof texts[0]; i++) {
    const char *given = *texts[i] ? *texts[i] : "";
    st = keep(arena, given, strlen(given), texts[i], err);
  }
  return st;
}

static mlcm_status add(mlcm_fsck_report *report, const mlcm__fsck_item *item, mlcm_error *err) {
  mlcm__fsck_item copy = *item;
  mlcm_status st = mlcm__reserve(report->ctx, &report->items, &report->cap, report->n + 1, sizeof *report->items, err);
  if (!st) st = keep_texts(&report->arena, &copy.shown, err);
  if (!st && copy.text) st = keep(&report->arena, copy.text, copy.text_len, &copy.text, err);
  if (!st) report->items[report->n++] = copy;
  return st;
}

mlcm_status mlcm__fsck_tell(mlcm__fsck *f, const mlcm__fsck_item *item, mlcm_error *err) {
  mlcm__fsck_item told = *item;
  told.shown.is_damage = told.shown.kind != MLCM_DAMAGE_LEFTOVER;
  told.shown.can_repair = told.fix != MLCM__FIX_NONE;
  if (!told.shown.object || !told.shown.object[0]) told.shown.object = "a row whose name is lost";
  return add(f->report, &told, err);
}

mlcm_status mlcm__fsck_say(mlcm__fsck *f, mlcm_damage kind, const char *object, const char *restore, mlcm_error *err,
                           const char *problem, ...) {
  char text[1024];
  va_list list;
  va_start(list, problem);
  (void)vsnprintf(text, sizeof text, problem, list);
  va_end(list);
  return mlcm__fsck_tell(f, &(mlcm__fsck_item){.shown = {.kind = kind, .object = object, .problem = text, .restore = restore}},
                         err);
}

/* What a failure means when the thing that was looked at may be damaged. A table that is gone is SQLite's "error", which is our
 * "internal"; a sector that cannot be read is an I/O error; what is longer than anything that is ever written, a limit. */
static bool is_damage(mlcm_status st) {
  return st == MLCM_CORRUPT || st == MLCM_IO || st == MLCM_INTERNAL || st == MLCM_PARSE || st == MLCM_LIMIT;
}

mlcm_status mlcm__fsck_unless_damage(mlcm__fsck *f, mlcm_status st, const mlcm_error *why, mlcm_damage kind, const char *object,
                                     mlcm_error *err) {
  if (st == MLCM_OK) return MLCM_OK;
  if (is_damage(st)) {
    return mlcm__fsck_say(f, kind, object, MLCM__FSCK_BACKUP, err, "cannot be checked to its end: %s",
                          why->message);
  }
  return mlcm__fail_as(err, why);
}

mlcm_status mlcm__fsck_try(mlcm__fsck *f, mlcm__fsck_check *check, const char *object, mlcm_error *err) {
  mlcm_error why = {0};
  mlcm_status st = check(f, &why);
  return mlcm__fsck_unless_damage(f, st, &why, MLCM_DAMAGE_DATABASE, object, err);
}

/* ---- two reports ---- */

/* By what makes a finding the same in two looks. */
static int by_thing(const void *a, const void *b) {
  const mlcm_finding *x = a, *y = b;
  int order = (x->kind > y->kind) - (x->kind < y->kind);
  if (order == 0) order = strcmp(x->object, y->object);
  return order ? order : strcmp(x->problem, y->problem);
}

/* Its findings in order of thing; freed with mlcm__free. */
static mlcm_status sort_findings(const mlcm_fsck_report *report, mlcm_finding **out, mlcm_error *err) {
  mlcm_finding *sorted = mlcm__alloc_zero(report->ctx, report->n + 1, sizeof *sorted); /* one more: none is fine */
  if (!sorted) return mlcm__fail_memory(err, (report->n + 1) * sizeof *sorted);
  for (size_t i = 0; i < report->n; i++) sorted[i] = report->items[i].shown;
  qsort(sorted, report->n, sizeof *sorted, by_thing);
  *out = sorted;
  return MLCM_OK;
}

static mlcm_status add_repaired(mlcm_fsck_report *after, const mlcm__fsck_item *was, mlcm_error *err) {
  mlcm__fsck_item item = *was;
  item.shown.repaired = 1;
  item.fix = MLCM__FIX_NONE;
  item.text = NULL;
  return add(after, &item, err);
}

mlcm_status mlcm__fsck_merge(mlcm_fsck_report *after, const mlcm_fsck_report *before, mlcm_error *err) {
  mlcm_finding *left = NULL;
  const size_t n_left = after->n;
  mlcm_status st = sort_findings(after, &left, err);
  for (size_t i = 0; !st && i < before->n; i++) {
    const mlcm__fsck_item *was = &before->items[i];
    if (!bsearch(&was->shown, left, n_left, sizeof *left, by_thing)) st = add_repaired(after, was, err);
  }
  mlcm__free(after->ctx, left);
  return st;
}

void mlcm__fsck_count(mlcm_fsck_report *report) {
  mlcm_fsck_summary *s = &report->summary;
  s->damaged = s->repaired = s->left = 0;
  for (size_t i = 0; i < report->n; i++) {
    const mlcm_finding *shown = &report->items[i].shown;
    s->damaged += shown->is_damage;
    s->repaired += shown->repaired;
    s->left += shown->is_damage && !shown->repaired;
  }
}

/* ---- the public side ---- */

mlcm_fsck_summary mlcm_fsck_report_summary(const mlcm_fsck_report *report) {
  return report->summary;
}

size_t mlcm_fsck_report_n(const mlcm_fsck_report *report) {
  return report->n;
}

mlcm_finding mlcm_fsck_report_at(const mlcm_fsck_report *report, size_t i) {
  static const mlcm_finding none = {0, 0, 0, 0, "", "", "", "", ""};
  return i < report->n ? report->items[i].shown : none;
}

const char *mlcm_fsck_report_refusal(const mlcm_fsck_report *report) {
  return report->refusal;
}

static void write_finding(mlcm__json *j, const mlcm_finding *shown) {
  mlcm__json_object(j, NULL);
  mlcm__json_bool(j, "can_repair", shown->can_repair);
  mlcm__json_string(j, "expected", shown->expected[0] ? shown->expected : NULL);
  mlcm__json_string(j, "found", shown->found[0] ? shown->found : NULL);
  mlcm__json_bool(j, "is_damage", shown->is_damage);
  mlcm__json_string(j, "kind", mlcm_damage_name(shown->kind));
  mlcm__json_string(j, "object", shown->object);
  mlcm__json_string(j, "problem", shown->problem);
  mlcm__json_bool(j, "repaired", shown->repaired);
  mlcm__json_string(j, "restore", shown->restore);
  mlcm__json_end(j);
}

static void write_summary(mlcm__json *j, const mlcm_fsck_summary *s) {
  mlcm__json_object(j, "examined");
  mlcm__json_i64(j, "audit_entries", s->audit_entries);
  mlcm__json_i64(j, "bytes", s->bytes);
  mlcm__json_i64(j, "manifests", s->manifests);
  mlcm__json_i64(j, "objects", s->objects);
  mlcm__json_i64(j, "unreferenced", s->unreferenced);
  mlcm__json_i64(j, "versions", s->versions);
  mlcm__json_end(j);
}

mlcm_status mlcm_fsck_report_to_json(const mlcm_fsck_report *report, char **out, mlcm_error *err) {
  mlcm__buffer text;
  mlcm__json j;
  if (!report || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "%s is NULL", report ? "out" : "report");
  mlcm__buffer_init(&text, report->ctx, JSON_MAX);
  mlcm__json_init(&j, &text, false);
  mlcm__json_object(&j, NULL);
  mlcm__json_bool(&j, "clean", report->summary.left == 0);
  mlcm__json_i64(&j, "damaged", report->summary.damaged);
  mlcm__json_string(&j, "dir", report->dir);
  write_summary(&j, &report->summary);
  mlcm__json_array(&j, "findings");
  for (size_t i = 0; i < report->n; i++) write_finding(&j, &report->items[i].shown);
  mlcm__json_end(&j);
  mlcm__json_i64(&j, "left", report->summary.left);
  mlcm__json_string(&j, "refusal", report->refusal[0] ? report->refusal : NULL);
  mlcm__json_i64(&j, "repaired", report->summary.repaired);
  mlcm__json_end(&j);
  mlcm_status st = mlcm__buffer_take(&text, "the report", out, err);
  mlcm__buffer_reset(&text);
  return st;
}
