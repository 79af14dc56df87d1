/* SPDX-License-Identifier: Apache-2.0
 *
 * fsck_report.c - findings gathered, counted, merged, and given out.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "registry/fsck.h"

enum { JSON_MAX = 1 << 30, KEY_MAX = 65536 };

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
  report->refusal = "";
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

static bool keep(mlcm__arena *arena, const char **text) {
  const char *given = *text ? *text : "";
  *text = mlcm__arena_strndup(arena, given, strlen(given));
  return *text != NULL;
}

static mlcm_status add(mlcm_fsck_report *report, const mlcm__fsck_item *item, mlcm_error *err) {
  mlcm__fsck_item copy = *item;
  mlcm_status st = mlcm__reserve(report->ctx, &report->items, &report->cap, report->n + 1, sizeof *report->items, err);
  if (st) return st;
  bool kept = keep(&report->arena, &copy.shown.object) && keep(&report->arena, &copy.shown.problem) &&
              keep(&report->arena, &copy.shown.expected) && keep(&report->arena, &copy.shown.found) &&
              keep(&report->arena, &copy.shown.restore);
  if (kept && copy.text) kept = (copy.text = mlcm__arena_strndup(&report->arena, copy.text, copy.text_len)) != NULL;
  if (!kept) return mlcm__fail_memory(err, copy.text_len);
  report->items[report->n++] = copy;
  return MLCM_OK;
}

mlcm_status mlcm__fsck_tell(mlcm__fsck *f, const mlcm__fsck_item *item, mlcm_error *err) {
  mlcm__fsck_item told = *item;
  told.shown.is_damage = told.shown.kind != MLCM_DAMAGE_LEFTOVER;
  told.shown.can_repair = told.fix != MLCM__FIX_NONE;
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
    return mlcm__fsck_say(f, kind, object, "only a backup has it: mlcm backup restore", err, "cannot be checked to its end: %s",
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

/* What makes a finding the same in two looks, as one text. */
static mlcm_status key_of(mlcm__buffer *key, const mlcm_finding *shown, mlcm_error *err) {
  mlcm__buffer_clear(key);
  mlcm__buffer_format(key, "%d %s\n%s", (int)shown->kind, shown->object, shown->problem);
  return mlcm__buffer_check(key, "a finding", err);
}

static mlcm_status list_keys(const mlcm_fsck_report *report, mlcm__buffer *key, mlcm__map *keys, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < report->n; i++) {
    st = key_of(key, &report->items[i].shown, err);
    if (!st) st = mlcm__map_set(keys, key->data, key->len, key, err);
  }
  return st;
}

static mlcm_status add_repaired(mlcm_fsck_report *after, const mlcm__fsck_item *was, mlcm_error *err) {
  mlcm__fsck_item item = *was;
  item.shown.repaired = 1;
  item.fix = MLCM__FIX_NONE;
  item.text = NULL;
  return add(after, &item, err);
}

mlcm_status mlcm__fsck_merge(mlcm_fsck_report *after, const mlcm_fsck_report *before, mlcm_error *err) {
  mlcm__map *keys = NULL;
  mlcm__buffer key;
  mlcm__buffer_init(&key, after->ctx, KEY_MAX);
  mlcm_status st = mlcm__map_new(after->ctx, &keys, err);
  if (!st) st = list_keys(after, &key, keys, err);
  for (size_t i = 0; !st && i < before->n; i++) {
    st = key_of(&key, &before->items[i].shown, err);
    if (!st && !mlcm__map_get(keys, key.data, key.len)) st = add_repaired(after, &before->items[i], err);
  }
  mlcm__buffer_reset(&key);
  mlcm__map_free(keys);
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
  mlcm__json_string(j, "restore", shown->restore[0] ? shown->restore : NULL);
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
