/* SPDX-License-Identifier: Apache-2.0
 *
 * faults.h - one call of the registry under every fault that can reach it: each allocation, each SQL statement, each allocation
 * of OpenSSL's and, where asked, each file call fails in turn.
 *
 * The world is a registry that is put back before each run. A run must answer what it answers without a fault, or what such a
 * fault gives; after a failure no event was recorded, nothing stays allocated and no descriptor open.
 */
#ifndef MLCM_TESTS_REGISTRY_FAULTS_H
#define MLCM_TESTS_REGISTRY_FAULTS_H

#include <errno.h>
#include <openssl/crypto.h>

#include "registry/damage.h"
#include "support/statement_fault.h"

typedef enum fault_kind {
  FAULT_ALLOCATION, /* of the context's allocator */
  FAULT_CRYPTO,     /* of OpenSSL's */
  FAULT_STATEMENT,  /* an SQL statement is not run */
  FAULT_UNDONE,     /* and its transaction is rolled back, as SQLite does by itself at times */
  FAULT_SYNC,       /* a commit cannot be synced: its outcome is unknown */
  FAULT_FILE,       /* a call of the I/O table; only with WORLD_FILES */
  FAULT_INTERRUPT,  /* a read is cut short by a signal, which nobody may notice; only with WORLD_FILES */
  FAULT_KINDS
} fault_kind;

enum {
  WORLD_FILES = 1,   /* file calls fail too */
  WORLD_SEVERAL = 2, /* several transactions, or what cannot be read is judged: only statuses and leaks are checked */
  WORLD_SITES = 4,   /* a long call: not each fault, but one for each different way to it (call_site.h) */
  WORLD_CLOSED = 8,  /* the call opens the registry itself, or cannot */
  WORLD_ONLY_FILES = 16
};

typedef struct world {
  fixture f;   /* f.ctx and f.reg are those of the run */
  char *path;  /* a file to register */
  char *spare; /* a backup of the registry; NULL: none was made */
  char *db, *head;
  size_t db_len, head_len;
  void (*prepare)(struct world *w); /* before each run, the registry being closed; NULL: nothing */
} world;

typedef mlcm_status world_call(world *w, mlcm_error *err);

/* ---- OpenSSL's memory ---- */

static struct {
  size_t n_calls, fail_at; /* fail_at 0: none */
  test_sites *sites;       /* instead of a number; NULL: none */
  bool fired;
} crypto;

static bool crypto_is_due(void) {
  const bool by_number = crypto.fail_at && ++crypto.n_calls == crypto.fail_at;
  const bool is_due = by_number || (crypto.sites && !crypto.fired && test_site_is_new(crypto.sites, "crypto"));
  crypto.fired = crypto.fired || is_due;
  return is_due;
}

static void *crypto_malloc(size_t size, const char *file, int line) {
  (void)file, (void)line;
  return crypto_is_due() ? NULL : malloc(size);
}

static void *crypto_realloc(void *at, size_t size, const char *file, int line) {
  (void)file, (void)line;
  return crypto_is_due() ? NULL : realloc(at, size);
}

static void crypto_free(void *at, const char *file, int line) {
  (void)file, (void)line;
  free(at);
}

/* To be called first of all in main: OpenSSL takes an allocator only before it has allocated. */
static void take_over_crypto_memory(void) {
  if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1) abort();
}

/* ---- the world ---- */

static void keep_base(world *w) {
  char *db = test_path(w->f.reg_dir, "registry.db"), *head = test_path(w->f.reg_dir, "audit.head");
  close_and_checkpoint(&w->f);
  w->db = test_read_file(db, &w->db_len);
  w->head = test_read_file(head, &w->head_len);
  mlcm_context_free(w->f.ctx);
  w->f.ctx = NULL;
  free(db);
  free(head);
}

static void put_back(const world *w) {
  static const char *const logs[] = {"registry.db-wal", "registry.db-shm"};
  char *db = test_path(w->f.reg_dir, "registry.db"), *head = test_path(w->f.reg_dir, "audit.head");
  for (size_t i = 0; i < 2; i++) {
    char *path = test_path(w->f.reg_dir, logs[i]);
    unlink(path);
    free(path);
  }
  test_write_file(db, w->db, w->db_len);
  test_write_file(head, w->head, w->head_len);
  free(db);
  free(head);
}

static void world_end(world *w) {
  free(w->db);
  free(w->head);
  free(w->path);
  free(w->spare);
  free(w->f.reg_dir);
  test_temp_dir_remove(w->f.dir);
}

/* ---- one run ---- */

typedef struct fault_run {
  const char *name;
  fault_kind kind;
  size_t n;          /* 0: nothing fails */
  test_sites *sites; /* NULL: the n-th fault; else the first by a new way */
  unsigned flags;
  mlcm_status plain; /* what it answers without a fault */
  test_memory memory;
  test_io io;
} fault_run;

static bool is_of_statements(fault_kind kind) {
  return kind == FAULT_STATEMENT || kind == FAULT_UNDONE || kind == FAULT_SYNC;
}

static void arm(fault_run *r) {
  const bool by_number = r->n && !r->sites;
  if (r->kind == FAULT_ALLOCATION) {
    r->memory.sites = r->sites;
    r->memory.fail_at = by_number ? r->memory.n_calls + r->n : 0;
  }
  if (r->kind == FAULT_INTERRUPT) r->io.counted = TEST_IO_READ;
  if (r->kind == FAULT_FILE || r->kind == FAULT_INTERRUPT) {
    r->io.sites = r->sites;
    r->io.fail_at = by_number ? atomic_load(&r->io.n_calls) + r->n : 0;
  }
  crypto.n_calls = 0;
  crypto.fail_at = r->kind == FAULT_CRYPTO && by_number ? r->n : 0;
  crypto.sites = r->kind == FAULT_CRYPTO ? r->sites : NULL;
  crypto.fired = false;
  if (is_of_statements(r->kind)) {
    const int rc = r->kind == FAULT_STATEMENT ? SQLITE_IOERR : r->kind == FAULT_UNDONE ? SQLITE_FULL : SQLITE_IOERR_FSYNC;
    test_statement_arm(rc, r->kind == FAULT_UNDONE, by_number ? r->n : 0, false);
    test_statement_sites(r->sites);
    test_statement_only(r->kind == FAULT_SYNC ? "COMMIT" : NULL);
  }
}

/* Answers whether the fault came. */
static bool disarm(fault_run *r) {
  bool fired = test_statement_disarm() && r->kind != FAULT_CRYPTO;
  r->memory.fail_at = r->io.fail_at = crypto.fail_at = 0;
  r->memory.sites = r->io.sites = crypto.sites = NULL;
  return fired || r->memory.fired || atomic_load(&r->io.fired) || crypto.fired;
}

static bool may_answer(const fault_run *r, mlcm_status st) {
  if (st == r->plain || st == MLCM_OK) return true;
  if (r->kind == FAULT_INTERRUPT) return false;
  if ((r->flags & WORLD_SEVERAL) && r->kind != FAULT_ALLOCATION && st == MLCM_CORRUPT) return true;
  switch (r->kind) {
    case FAULT_ALLOCATION: return st == MLCM_NO_MEMORY;
    case FAULT_CRYPTO: return st == MLCM_NO_MEMORY || st == MLCM_INTERNAL;
    case FAULT_FILE: return st == MLCM_IO || st == MLCM_OUTCOME_UNKNOWN;
    default: return st == MLCM_IO || st == MLCM_DISK_FULL || st == MLCM_OUTCOME_UNKNOWN || st == MLCM_INVALID_STATE;
  }
}

static int64_t seq_of(world *w) {
  int64_t seq = 0;
  CHECK_OK(mlcm_changes_head(w->f.reg, &seq, err));
  return seq;
}

/* Answers whether the fault came. */
static bool run_once(world *w, world_call *call, fault_run *r) {
  mlcm_error err = {0};
  put_back(w);
  if (w->prepare) w->prepare(w);
  test_memory_init(&r->memory);
  test_io_init(&r->io);
  r->io.fail_errno = r->kind == FAULT_INTERRUPT ? EINTR : EIO;
  mlcm_allocator allocator = test_memory_table(&r->memory);
  mlcm_io io = test_io_table(&r->io);
  mlcm_clock clock = test_clock_table(&w->f.clock);
  w->f.ctx = test_context(&allocator, &io, &clock);
  w->f.reg = r->flags & WORLD_CLOSED ? NULL : open_registry(w->f.ctx, w->f.reg_dir, 0);
  const int64_t before = w->f.reg ? seq_of(w) : 0;
  arm(r);
  const mlcm_status st = call(w, &err);
  const bool fired = disarm(r);
  if (!r->n) r->plain = st;
  ck_assert_msg(may_answer(r, st), "%s, fault %zu of kind %d: %s: %s", r->name, r->n, (int)r->kind, mlcm_status_name(st),
                err.message);
  ck_assert_msg(fired || st == r->plain, "%s without a fault: %s", r->name, err.message);
  if (st && st != MLCM_OUTCOME_UNKNOWN && !(r->flags & (WORLD_SEVERAL | WORLD_CLOSED)))
    ck_assert_msg(seq_of(w) == before, "%s failed, but changed something", r->name);
  mlcm_registry_close(w->f.reg);
  mlcm_context_free(w->f.ctx);
  test_memory_check_empty(&r->memory, r->name);
  ck_assert_int_eq(atomic_load(&r->io.n_open), 0);
  pthread_mutex_destroy(&r->memory.lock);
  return fired;
}

static bool may_come(fault_kind kind, unsigned flags) {
  return kind >= FAULT_FILE ? (flags & (WORLD_FILES | WORLD_ONLY_FILES)) != 0 : !(flags & WORLD_ONLY_FILES);
}

/* The call without a fault, then with each in turn. */
static void world_attack(world *w, const char *name, world_call *call, unsigned flags) {
  enum { TOO_MANY = 20000 };
  fault_run r = {.name = name, .flags = flags};
  (void)run_once(w, call, &r);
  for (r.kind = FAULT_ALLOCATION; r.kind < FAULT_KINDS; r.kind++) {
    if (!may_come(r.kind, flags)) continue;
    test_sites sites = {0};
    r.sites = flags & WORLD_SITES ? &sites : NULL;
    for (r.n = 1; run_once(w, call, &r); r.n++) ck_assert_uint_lt(r.n, TOO_MANY);
  }
}

#endif
