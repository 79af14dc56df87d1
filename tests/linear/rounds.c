/* SPDX-License-Identifier: Apache-2.0
 *
 * rounds.c - see rounds.h. A round begins and ends with nobody at work, so that each is a history of its own that begins in
 * the state in which the one before ended. The last to call in it is the parent, which looks at every version: what was
 * acknowledged must be there.
 */
#include "rounds.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "linear/check.h"
#include "linear/content.h"
#include "support/temp_dir.h"

enum { LOG_CAP = 20000, LOOKED_AT = 400, PAUSE_NS = 20 * 1000 * 1000 };

/* ---- open and close ---- */

static mlcm_registry *open_registry(const char *dir, uint32_t flags) {
  mlcm_context *ctx = NULL;
  mlcm_registry *reg = NULL;
  mlcm_error err = {0};
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  options.flags = flags;
  options.actor = "ana";
  mlcm_status st = mlcm_context_new(NULL, &ctx, &err);
  if (!st) st = mlcm_registry_open(ctx, dir, &options, &reg, &err);
  mlcm_context_free(ctx);
  ck_assert_msg(st == MLCM_OK, "%s", err.message);
  return reg;
}

void lin_run_open(lin_run *run, unsigned seed) {
  *run = (lin_run){.seed = seed};
  run->work.dir = test_temp_dir();
  run->work.reg_dir = test_path(run->work.dir, "reg");
  ck_assert_msg(lin_log_open(&run->work.log, LIN_PROCESSES, LOG_CAP), "no memory for the log");
  for (int32_t process = 0; process < LIN_PROCESSES; process++) {
    char name[32];
    (void)snprintf(name, sizeof name, "from-%d", process);
    char *folder = test_path(run->work.dir, name);
    ck_assert_int_eq(mkdir(folder, 0700), 0);
    free(folder);
  }
  mlcm_registry_close(open_registry(run->work.reg_dir, MLCM_OPEN_CREATE));
  for (int32_t i = 0; i < LIN_MODELS; i++) lin_model_init(&run->models[i]);
}

void lin_run_close(lin_run *run) {
  for (int32_t i = 0; i < LIN_MODELS; i++) {
    lin_model_reset(&run->models[i]);
    free(run->feeds[i].changes);
    free(run->feeds[i].seqs);
  }
  free(run->hashes);
  lin_log_close(&run->work.log);
  free(run->work.reg_dir);
  test_temp_dir_remove(run->work.dir);
}

/* ---- the processes ---- */

static pid_t spawn(lin_run *run, int32_t process) {
  uint64_t seed = (uint64_t)rand_r(&run->seed) << 32 ^ (uint64_t)rand_r(&run->seed);
  fflush(NULL);
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  if (pid == 0) lin_work_on(&run->work, process, seed);
  return pid;
}

static void end(lin_run *run, pid_t pid) {
  int status = 0;
  kill(pid, SIGKILL);
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert_msg(WIFSIGNALED(status) || WEXITSTATUS(status) == 0, "a process ended by itself with %d", status);
  run->n_killed += WIFSIGNALED(status);
}

static int64_t calls_of(const lin_run *run, int32_t n_processes) {
  int64_t n = 0;
  for (int32_t process = 0; process < n_processes; process++) n += lin_log_n(&run->work.log, process);
  return n;
}

static bool is_any_full(const lin_run *run) {
  for (int32_t process = 0; process < LIN_PARENT; process++)
    if (lin_log_is_full(&run->work.log, process)) return true;
  return false;
}

static void let_them_work(lin_run *run, int64_t n_writers_calls) {
  pid_t pids[LIN_PARENT];
  for (int32_t i = 0; i < LIN_PARENT; i++) pids[i] = spawn(run, i);
  while (calls_of(run, LIN_WRITERS) < n_writers_calls && !is_any_full(run)) {
    struct timespec pause = {0, rand_r(&run->seed) % PAUSE_NS};
    nanosleep(&pause, NULL);
    int32_t victim = rand_r(&run->seed) % LIN_PARENT;
    end(run, pids[victim]);
    pids[victim] = spawn(run, victim);
  }
  for (int32_t i = 0; i < LIN_PARENT; i++) end(run, pids[i]);
}

/* ---- what the registry says afterwards ---- */

static const struct {
  const char *kind;
  lin_change_kind change;
} kinds[] = {{"version.registered", LIN_REGISTERED}, {"version.deleted", LIN_DELETED}, {"version.restored", LIN_RESTORED},
             {"version.tag_set", LIN_TAGGED},        {"alias.set", LIN_MOVED},         {"alias.deleted", LIN_REMOVED},
             {"model.deleted", LIN_MODEL_DELETED},   {"model.restored", LIN_MODEL_RESTORED}};

static void *grow(void *items, size_t cap, size_t size) {
  void *more = realloc(items, cap * size);
  ck_assert_ptr_nonnull(more);
  return more;
}

/* What a change says beside its object: in its detail, a JSON object in canonical form. */
static int32_t value_of(lin_change_kind kind, const mlcm_change *c) {
  char digest[65] = "";
  const char *at = strstr(c->detail, kind == LIN_REGISTERED ? "sha256:" : "\"value\":\"");
  switch (kind) {
  case LIN_REGISTERED:
    if (at) (void)snprintf(digest, sizeof digest, "%s", at + strlen("sha256:"));
    return lin_content_of(digest);
  case LIN_TAGGED: return at ? atoi(at + strlen("\"value\":\"")) : -1;
  default: return strstr(c->detail, "\"cause\":\"undo\"") != NULL;
  }
}

static void keep_change(lin_run *run, const mlcm_change *c) {
  if (run->n_hashes == run->cap_hashes) {
    run->cap_hashes = run->cap_hashes ? 2 * run->cap_hashes : 1024;
    run->hashes = grow(run->hashes, run->cap_hashes, sizeof *run->hashes);
  }
  run->hashes[run->n_hashes++] = lin_hash_change(c);
  ck_assert_msg(c->seq == (int64_t)run->n_hashes, "change %zu of the feed has number %lld", run->n_hashes, (long long)c->seq);
  for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
    if (strcmp(c->kind, kinds[i].kind) != 0) continue;
    lin_feed *feed = &run->feeds[atoi(c->model + 1)];
    if (feed->n == feed->cap) {
      feed->cap = feed->cap ? 2 * feed->cap : 1024;
      feed->changes = grow(feed->changes, feed->cap, sizeof *feed->changes);
      feed->seqs = grow(feed->seqs, feed->cap, sizeof *feed->seqs);
    }
    feed->seqs[feed->n] = c->seq;
    feed->changes[feed->n++] = (lin_change){.kind = kinds[i].change,
                                            .alias = c->alias[0] ? c->alias[0] - 'a' : -1,
                                            .version = c->version,
                                            .value = value_of(kinds[i].change, c)};
  }
}

static void read_feed(lin_run *run, mlcm_registry *reg) {
  for (size_t n = 1; n > 0;) {
    mlcm_feed *feed = NULL;
    mlcm_error err = {0};
    mlcm_status st = mlcm_changes(reg, (int64_t)run->n_hashes, 10000, &feed, &err);
    ck_assert_msg(st == MLCM_OK, "%s", err.message);
    n = mlcm_feed_n(feed);
    for (size_t i = 0; i < n; i++) {
      mlcm_change change = mlcm_feed_at(feed, i);
      keep_change(run, &change);
    }
    mlcm_feed_free(feed);
  }
}

/* The newest versions of each model with their bytes, aliases and the head, as calls of the parent. */
static void look_at_all(lin_run *run, mlcm_registry *reg) {
  lin_caller caller = {.work = &run->work, .reg = reg, .process = LIN_PARENT};
  lin_ask(&caller, (lin_op){.kind = LIN_HEAD, .alias = -1});
  for (int32_t model = 0; model < LIN_MODELS; model++) {
    int64_t first = (int64_t)run->models[model].n_versions - LOOKED_AT;
    lin_ask(&caller, (lin_op){.kind = LIN_LIST, .model = model, .alias = -1});
    for (int32_t alias = 0; alias < LIN_ALIASES; alias++)
      lin_ask(&caller, (lin_op){.kind = LIN_RESOLVE, .model = model, .alias = alias});
    for (int64_t version = first > 0 ? first : 1;; version++) {
      lin_op *op = lin_ask(&caller, (lin_op){.kind = LIN_GET, .model = model, .alias = -1, .version = version});
      if (op->status != MLCM_OK || lin_log_is_full(&run->work.log, LIN_PARENT)) break;
    }
  }
}

/* ---- one history a model ---- */

typedef struct part {
  const lin_op **ops; /* [n] */
  lin_op *heads;      /* [n_heads] readings of the head, translated for this model */
  size_t n, n_heads;
} part;

/* Changes of a model up to number `seq` of the registry's feed. */
static int64_t changes_until(const lin_feed *feed, int64_t seq) {
  size_t low = 0, high = feed->n;
  while (low < high) {
    size_t middle = (low + high) / 2;
    if (feed->seqs[middle] > seq) high = middle;
    else low = middle + 1;
  }
  return (int64_t)low;
}

static void take_op(const lin_run *run, int32_t model, const lin_op *op, part *p) {
  if (op->kind == LIN_GC || (!lin_is_change(op->kind) && op->progress != LIN_ANSWERED)) return;
  if (op->kind != LIN_HEAD) {
    if (op->model == model) p->ops[p->n++] = op;
    return;
  }
  lin_op *head = &p->heads[p->n_heads++];
  *head = *op;
  head->model = model;
  head->seen = changes_until(&run->feeds[model], op->seen);
  p->ops[p->n++] = head;
}

static void take_part(const lin_run *run, int32_t model, part *p) {
  size_t most = (size_t)calls_of(run, LIN_PROCESSES);
  *p = (part){.ops = grow(NULL, most + 1, sizeof *p->ops), .heads = grow(NULL, most + 1, sizeof *p->heads)};
  for (int32_t process = 0; process < LIN_PROCESSES; process++) {
    const lin_op *ops = run->work.log.ops + (size_t)process * LOG_CAP;
    for (int64_t i = 0; i < lin_log_n(&run->work.log, process); i++) take_op(run, model, &ops[i], p);
  }
}

static void check_model(lin_run *run, int32_t model, FILE *out) {
  part p;
  take_part(run, model, &p);
  run->models[model].feed = run->feeds[model].changes;
  run->models[model].n_feed = run->feeds[model].n;
  if (lin_check(&run->models[model], p.ops, p.n, out) != LIN_EXPLAINED) run->n_unexplained++;
  free(p.ops);
  free(p.heads);
}

/* A reader saw the lines of the feed that are there now. */
static void check_feed_reading(lin_run *run, const lin_op *op, FILE *out) {
  uint64_t hash = LIN_HASH_NONE;
  if (op->kind != LIN_HEAD || op->progress != LIN_ANSWERED || op->version == 0) return;
  bool same = op->seen <= (int64_t)run->n_hashes && op->seen >= op->version;
  for (int64_t seq = op->version + 1; same && seq <= op->seen; seq++) hash = lin_hash_mix(hash, run->hashes[seq - 1]);
  if (same && hash == (uint64_t)op->expect) return;
  run->n_unexplained++;
  fprintf(out, "process %d read changes %lld to %lld of the feed other than they are\n", op->process, (long long)op->version + 1,
          (long long)op->seen);
}

static void count(lin_run *run, FILE *out) {
  for (int32_t process = 0; process < LIN_PROCESSES; process++) {
    const lin_op *ops = run->work.log.ops + (size_t)process * LOG_CAP;
    for (int64_t i = 0; i < lin_log_n(&run->work.log, process); i++) {
      run->n_ops++;
      run->n_open += ops[i].progress == LIN_CALLED;
      run->n_changes += lin_is_change(ops[i].kind);
      check_feed_reading(run, &ops[i], out);
    }
  }
}

void lin_run_round(lin_run *run, int64_t n_calls, FILE *out) {
  lin_log_reset(&run->work.log);
  let_them_work(run, n_calls);
  mlcm_registry *reg = open_registry(run->work.reg_dir, 0);
  look_at_all(run, reg);
  read_feed(run, reg);
  mlcm_registry_close(reg);
  for (int32_t model = 0; model < LIN_MODELS; model++) check_model(run, model, out);
  count(run, out);
}
