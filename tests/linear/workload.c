/* SPDX-License-Identifier: Apache-2.0
 *
 * workload.c - see workload.h. What a process chooses depends on what it saw, so that its calls often meet those of others:
 * the newest versions, an alias where it stood a moment ago.
 */
#include "workload.h"

#include <inttypes.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "linear/content.h"
#include "registry/registry.h"
#include "store/blob.h"

#define MINUTE_NS (INT64_C(60) * 1000000000)
#define DAY_NS (INT64_C(1440) * MINUTE_NS)

/* ---- one call ---- */

void lin_model_name(int32_t model, char out[8]) { (void)snprintf(out, 8, "m%d", model); }

static const char *alias_name(int32_t alias) { return alias == 0 ? "a" : "b"; }

static _Noreturn void die(int32_t process, mlcm_status st, const char *message) {
  fprintf(stderr, "process %d: %s: %s\n", process, mlcm_status_name(st), message);
  _exit(1);
}

static lin_row row_of(const mlcm_version *v) {
  const char *tag = mlcm_version_tag_value(v, "k");
  lin_row row = {.number = mlcm_version_number(v),
                 .content = lin_content_of(mlcm_version_manifest_digest(v)),
                 .tag = tag ? atoi(tag) : 0,
                 .deleted = mlcm_version_state(v) == MLCM_STATE_DELETED};
  for (size_t i = 0; i < mlcm_version_n_aliases(v); i++)
    for (int a = 0; a < LIN_ALIASES; a++)
      if (strcmp(mlcm_version_alias(v, i), alias_name(a)) == 0) row.aliases = (int16_t)(row.aliases | 1 << a);
  return row;
}

/* Not through tests/support: what that asserts, Check would note in a file that all processes share. */
static void write_content(const lin_caller *c, int32_t content, char folder[PATH_MAX]) {
  static char bytes[LIN_CONTENT_BYTES + 1];
  char path[PATH_MAX + sizeof LIN_FILE];
  size_t len = lin_content(content, bytes);
  (void)snprintf(folder, PATH_MAX, "%s/from-%d", c->work->dir, c->process);
  (void)snprintf(path, sizeof path, "%s/" LIN_FILE, folder);
  FILE *file = fopen(path, "wb");
  bool written = file && fwrite(bytes, 1, len, file) == len;
  if ((file && fclose(file) != 0) || !written) die(c->process, MLCM_IO, "a file cannot be written");
}

static mlcm_status do_register(const lin_caller *c, const char *model, lin_op *op, mlcm_error *err) {
  char folder[PATH_MAX];
  const char *alias = op->alias < 0 ? NULL : alias_name(op->alias);
  mlcm_register_options options = MLCM_REGISTER_OPTIONS_INIT;
  mlcm_version *v = NULL;
  options.aliases = &alias;
  options.n_aliases = alias ? 1 : 0;
  write_content(c, op->content, folder);
  op->called_ns = lin_now_ns(); /* the file is the caller's business */
  mlcm_status st = mlcm_register(c->reg, model, folder, &options, NULL, &v, err);
  if (!st) op->seen = mlcm_version_number(v);
  mlcm_version_free(v);
  return st;
}

/* The row, and the bytes behind it. */
static mlcm_status do_get(const lin_caller *c, const char *model, lin_op *op, mlcm_error *err) {
  static char bytes[LIN_CONTENT_BYTES + 1];
  char ref[64];
  mlcm_version *v = NULL;
  char *read = NULL;
  size_t len = 0;
  if (op->alias < 0) (void)snprintf(ref, sizeof ref, "%s/%lld", model, (long long)op->version);
  else (void)snprintf(ref, sizeof ref, "%s@%s", model, alias_name(op->alias));
  mlcm_status st = mlcm_version_get(c->reg, ref, &v, err);
  if (st) return st;
  op->n_rows = 1;
  op->rows[0] = row_of(v);
  st = mlcm_version_read(c->reg, v, LIN_FILE, &read, &len, err);
  if (st) die(c->process, st, err->message); /* a version whose bytes are not there */
  int32_t content = op->rows[0].content;
  if (content < 0 || lin_content(content, bytes) != len || memcmp(bytes, read, len) != 0) op->rows[0].content = -1;
  mlcm_free(c->reg->ctx, read);
  mlcm_version_free(v);
  return st;
}

static mlcm_status do_list(const lin_caller *c, const char *model, lin_op *op, mlcm_error *err) {
  char filter[64];
  mlcm_page *page = NULL;
  mlcm_query query = MLCM_QUERY_INIT;
  (void)snprintf(filter, sizeof filter, "name = '%s'", model);
  query.filter = filter;
  query.order_by = "version DESC";
  query.limit = LIN_LISTED;
  mlcm_status st = mlcm_search_versions(c->reg, &query, &page, err);
  if (st) return st;
  op->n_rows = (int32_t)mlcm_page_n(page);
  for (int32_t i = 0; i < op->n_rows; i++) op->rows[i] = row_of(mlcm_page_version(page, (size_t)i));
  mlcm_page_free(page);
  return MLCM_OK;
}

uint64_t lin_hash_mix(uint64_t hash, uint64_t of_next_change) {
  return (hash ^ of_next_change) * UINT64_C(0x100000001b3) + (hash >> 32);
}

uint64_t lin_hash_change(const mlcm_change *change) {
  char line[512];
  uint64_t hash = LIN_HASH_NONE;
  int n = snprintf(line, sizeof line, "%" PRId64 " %" PRId64 " %" PRId64 " %" PRId64 " %s %s %s %s", change->seq, change->time_ns,
                   change->version, change->audit_seq, change->kind, change->model, change->alias, change->detail);
  for (int i = 0; i < n && i < (int)sizeof line; i++) hash = (hash ^ (unsigned char)line[i]) * UINT64_C(0x100000001b3);
  return hash;
}

/* The newest change's number, from the feed behind `version`, of which a hash is kept in `expect`; version 0: from the head. */
static mlcm_status do_head(const lin_caller *c, lin_op *op, mlcm_error *err) {
  mlcm_feed *feed = NULL;
  if (op->version == 0) return mlcm_changes_head(c->reg, &op->seen, err);
  mlcm_status st = mlcm_changes(c->reg, op->version, 10000, &feed, err);
  if (st) return st;
  uint64_t hash = LIN_HASH_NONE;
  op->seen = op->version + (int64_t)mlcm_feed_n(feed);
  for (size_t i = 0; i < mlcm_feed_n(feed); i++) {
    mlcm_change change = mlcm_feed_at(feed, i);
    hash = lin_hash_mix(hash, lin_hash_change(&change));
  }
  op->expect = (int64_t)hash;
  mlcm_feed_free(feed);
  return MLCM_OK;
}

/* Bytes that nothing names, of contents that others are about to register, then a collection with hardly any grace. */
static mlcm_status do_gc(const lin_caller *c, lin_op *op, mlcm_error *err) {
  static char bytes[LIN_CONTENT_BYTES + 1];
  uint8_t sha256[32];
  mlcm_gc_options options = MLCM_GC_OPTIONS_INIT;
  options.grace_ns = op->expect;
  mlcm_status st = mlcm__blob_put(c->reg->blobs, bytes, lin_content(op->content, bytes), sha256, err);
  return st ? st : mlcm_gc(c->reg, &options, NULL, NULL, err);
}

static mlcm_status call(const lin_caller *c, lin_op *op, mlcm_error *err) {
  char model[8], tag[16];
  mlcm_registry *reg = c->reg;
  const char *alias = op->alias < 0 ? NULL : alias_name(op->alias);
  lin_model_name(op->model, model);
  (void)snprintf(tag, sizeof tag, "%d", op->tag);
  switch (op->kind) {
  case LIN_REGISTER: return do_register(c, model, op, err);
  case LIN_ALIAS_SET: return mlcm_alias_set(reg, model, alias, op->version, op->expect, 0, NULL, err);
  case LIN_ALIAS_DELETE: return mlcm_alias_delete(reg, model, alias, op->expect, 0, NULL, err);
  case LIN_UNDO: return mlcm_alias_undo(reg, model, alias, MLCM_ALIAS_ANY, 0, NULL, &op->seen, err);
  case LIN_DELETE: return mlcm_version_delete(reg, model, op->version, op->force ? MLCM_FORCE : 0, NULL, err);
  case LIN_RESTORE: return mlcm_version_restore(reg, model, op->version, NULL, err);
  case LIN_TAG: return mlcm_version_tag_set(reg, model, op->version, "k", tag, NULL, err);
  case LIN_MODEL_DELETE: return mlcm_model_delete(reg, model, op->force ? MLCM_FORCE : 0, NULL, err);
  case LIN_MODEL_RESTORE: return mlcm_model_restore(reg, model, NULL, err);
  case LIN_RESOLVE: return mlcm_alias_get(reg, model, alias, &op->seen, err);
  case LIN_GET: return do_get(c, model, op, err);
  case LIN_LIST: return do_list(c, model, op, err);
  case LIN_HEAD: return do_head(c, op, err);
  default: return do_gc(c, op, err);
  }
}

lin_op *lin_ask(const lin_caller *caller, lin_op question) {
  mlcm_error err = {0};
  question.process = caller->process;
  lin_op *op = lin_call(&caller->work->log, &question);
  mlcm_status st = call(caller, op, &err);
  if (st != MLCM_OK && st != MLCM_NOT_FOUND && st != MLCM_CONFLICT && st != MLCM_INVALID_STATE) die(caller->process, st, err.message);
  lin_answer(op, st);
  return op;
}

/* ---- a process ---- */

typedef struct process {
  lin_caller caller;
  uint64_t chance;
  int64_t clock_ahead_ns;                        /* of the true time; negative: behind */
  int64_t newest[LIN_MODELS];                    /* highest number seen */
  int64_t targets[LIN_MODELS][LIN_ALIASES];      /* where aliases stood when last seen */
  int64_t remembered[LIN_MODELS][LIN_ALIASES];   /* a liar's first answers */
  int64_t head;                                  /* of the feed when last seen */
} process;

static uint64_t draw(process *p, uint64_t n) {
  uint64_t z = p->chance += 0x9e3779b97f4a7c15u;
  z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
  z = (z ^ z >> 27) * 0x94d049bb133111ebu;
  return (z ^ z >> 31) % n;
}

static int64_t system_ns(clockid_t clock) {
  struct timespec t;
  clock_gettime(clock, &t);
  return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

static int64_t read_wall(void *user) { return system_ns(CLOCK_REALTIME) + ((const process *)user)->clock_ahead_ns; }

static int64_t read_mono(void *user) {
  (void)user;
  return system_ns(CLOCK_MONOTONIC);
}

/* Minutes to days, ahead and back, at any time. */
static void let_clock_jump(process *p) {
  int64_t most_ns = draw(p, 2) ? 10 * DAY_NS : 10 * MINUTE_NS;
  p->clock_ahead_ns = (int64_t)draw(p, (uint64_t)(2 * most_ns)) - most_ns;
}

static void open_registry_of(process *p) {
  mlcm_context *ctx = NULL;
  mlcm_error err = {0};
  mlcm_context_options seams = MLCM_CONTEXT_OPTIONS_INIT;
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  seams.clock = (mlcm_clock){read_wall, read_mono, p};
  options.actor = "ana";
  if (p->caller.process == LIN_COLLECTOR - 1) options.flags = MLCM_OPEN_READ_ONLY;
  mlcm_status st = mlcm_context_new(&seams, &ctx, &err);
  if (!st) st = mlcm_registry_open(ctx, p->caller.work->reg_dir, &options, &p->caller.reg, &err);
  if (st) die(p->caller.process, st, err.message);
}

/* A version around the newest one seen; now and then one that does not exist yet. */
static int64_t some_version(process *p, int32_t model) {
  int64_t version = p->newest[model] + 1 - (int64_t)draw(p, 6);
  return version < 1 ? 1 : version;
}

static lin_op choose_change(process *p) {
  static const lin_kind kinds[] = {LIN_REGISTER,  LIN_REGISTER, LIN_REGISTER, LIN_ALIAS_SET, LIN_ALIAS_SET, LIN_ALIAS_SET,
                                   LIN_ALIAS_SET, LIN_UNDO,     LIN_DELETE,   LIN_RESTORE,   LIN_TAG,       LIN_ALIAS_DELETE};
  lin_op op = {.kind = kinds[draw(p, sizeof kinds / sizeof kinds[0])], .model = (int32_t)draw(p, LIN_MODELS)};
  if (draw(p, 8) == 0) op.kind = draw(p, 5) ? LIN_MODEL_RESTORE : LIN_MODEL_DELETE; /* deleted for a few calls only */
  op.alias = (int32_t)draw(p, LIN_ALIASES);
  op.content = (int32_t)draw(p, LIN_CONTENTS);
  op.tag = 1 + (int32_t)draw(p, 1000);
  op.force = (int32_t)draw(p, 2);
  op.version = some_version(p, op.model);
  op.expect = draw(p, 3) == 0 ? MLCM_ALIAS_ANY : p->targets[op.model][op.alias];
  if (op.kind == LIN_REGISTER && draw(p, 2)) op.alias = -1;
  if (op.kind == LIN_ALIAS_DELETE && op.expect == MLCM_ALIAS_UNSET) op.expect = MLCM_ALIAS_ANY;
  return op;
}

static lin_op choose_reading(process *p) {
  static const lin_kind kinds[] = {LIN_RESOLVE, LIN_RESOLVE, LIN_GET, LIN_GET, LIN_LIST, LIN_HEAD};
  lin_op op = {.kind = kinds[draw(p, sizeof kinds / sizeof kinds[0])], .model = (int32_t)draw(p, LIN_MODELS)};
  op.alias = (int32_t)draw(p, LIN_ALIASES);
  if (op.kind == LIN_GET && draw(p, 2)) {
    op.alias = -1;
    op.version = some_version(p, op.model);
  }
  if (op.kind == LIN_HEAD && draw(p, 2)) op.version = p->head;
  return op;
}

static lin_op choose_collection(process *p) {
  static const int64_t graces_ns[] = {1, 1000000, 20000000};
  return (lin_op){.kind = LIN_GC, .alias = -1, .content = (int32_t)draw(p, LIN_CONTENTS), .expect = graces_ns[draw(p, 3)]};
}

/* What the answer says of the state, for the next choice. */
static void learn(process *p, const lin_op *op) {
  int64_t *newest = &p->newest[op->model];
  if (op->status != MLCM_OK) return;
  for (int32_t i = 0; i < op->n_rows; i++)
    if (op->rows[i].number > *newest) *newest = op->rows[i].number;
  if (op->kind == LIN_REGISTER && op->seen > *newest) *newest = op->seen;
  if (op->kind == LIN_RESOLVE || op->kind == LIN_UNDO) p->targets[op->model][op->alias] = op->seen;
  if (op->kind == LIN_ALIAS_SET) p->targets[op->model][op->alias] = op->version;
  if (op->kind == LIN_HEAD) p->head = op->seen;
}

/* Answers for ever what it was told first. */
static void lie(process *p, lin_op *op) {
  int64_t *first = &p->remembered[op->model][op->alias < 0 ? 0 : op->alias];
  if (op->kind != LIN_RESOLVE || op->status != MLCM_OK) return;
  if (*first == 0) *first = op->seen;
  op->seen = *first;
}

/* A reading takes a hundredth of a change: without a pause the log would hold little else. */
static void pause_of_reader(process *p) {
  struct timespec t = {0, (long)draw(p, 1000000)};
  nanosleep(&t, NULL);
}

_Noreturn void lin_work_on(lin_work *work, int32_t number, uint64_t seed) {
  process p = {.caller = {.work = work, .process = number}, .chance = seed};
  let_clock_jump(&p);
  open_registry_of(&p);
  while (!lin_log_is_full(&work->log, number)) {
    bool changes = number < LIN_WRITERS && draw(&p, 3) != 0;
    lin_op question = number == LIN_COLLECTOR ? choose_collection(&p) : changes ? choose_change(&p) : choose_reading(&p);
    if (draw(&p, 10) == 0) let_clock_jump(&p);
    lin_op *op = lin_ask(&p.caller, question);
    if (work->one_lies && number == LIN_WRITERS) lie(&p, op);
    learn(&p, op);
    if (number >= LIN_WRITERS && number < LIN_COLLECTOR) pause_of_reader(&p);
  }
  _exit(0);
}
