/* SPDX-License-Identifier: Apache-2.0
 *
 * seams.c - see seams.h.
 */
#include "seams.h"

#include <check.h>
#include <errno.h>
#include <sqlite3.h>
#include <string.h>

#include "support/malloc_fault.h"
#include "support/statement_fault.h"

/* ---- the kinds ---- */

/* What SQLite answers for a statement, and whether it gives the transaction up by itself then. */
static const struct {
  int rc;
  bool rolls_back;
  mlcm_status status;
} statements[FAULT_KINDS] = {
    [FAULT_SQL_IOERR] = {SQLITE_IOERR, true, MLCM_IO},
    [FAULT_SQL_FULL] = {SQLITE_FULL, true, MLCM_DISK_FULL},
    [FAULT_SQL_NOMEM] = {SQLITE_NOMEM, false, MLCM_NO_MEMORY},
    [FAULT_SQL_BUSY] = {SQLITE_BUSY, false, MLCM_BUSY},
    [FAULT_SQL_CORRUPT] = {SQLITE_CORRUPT, false, MLCM_CORRUPT},
};

static bool is_statement(fault_kind kind) { return statements[kind].rc != SQLITE_OK; }

const char *fault_kind_name(fault_kind kind) {
  static const char *const names[] = {"allocation",
                                      "file call (EIO)",
                                      "file call (ENOSPC)",
                                      "sync (EIO)",
                                      "transfer cut short",
                                      "SQLite file call",
                                      "SQLite write (full)",
                                      "SQLite sync",
                                      "SQL statement (IOERR)",
                                      "SQL statement (FULL)",
                                      "SQL statement (NOMEM)",
                                      "SQL statement (BUSY)",
                                      "SQL statement (CORRUPT)",
                                      "malloc"};
  return names[kind];
}

bool fault_kind_is_rare(fault_kind kind) { return kind == FAULT_SYNC || kind == FAULT_SQL_FILE_SYNC; }

bool fault_kind_is_possible(fault_kind kind) { return kind != FAULT_MALLOC || test_malloc_can_fail(); }

bool fault_may_give(fault_kind kind, mlcm_status st) {
  if (st == MLCM_OK) return true;
  if (kind == FAULT_MEMORY) return st == MLCM_NO_MEMORY;
  if (is_statement(kind)) return st == statements[kind].status;
  if (kind == FAULT_MALLOC) return st == MLCM_NO_MEMORY || st == MLCM_IO || st == MLCM_OUTCOME_UNKNOWN || st == MLCM_INTERNAL;
  return st == MLCM_IO || st == MLCM_DISK_FULL || st == MLCM_OUTCOME_UNKNOWN;
}

/* ---- SQLite's files ---- */

static bool is_hit(fault_kind kind, shim_call call) {
  if (kind == FAULT_SQL_FILE_FULL) return call == SHIM_WRITE;
  return kind != FAULT_SQL_FILE_SYNC || call == SHIM_SYNC;
}

static int before_file_call(void *user, shim_call call) {
  static const int codes[SHIM_CALLS] = {SQLITE_CANTOPEN,    SQLITE_IOERR_READ,   SQLITE_IOERR_WRITE,  SQLITE_IOERR_TRUNCATE,
                                        SQLITE_IOERR_FSYNC, SQLITE_IOERR_FSTAT,  SQLITE_IOERR_DELETE, SQLITE_IOERR_ACCESS,
                                        SQLITE_IOERR_LOCK,  SQLITE_IOERR_SHMLOCK};
  seams *s = user;
  if (!s->file_armed || !is_hit(s->file_kind, call)) return SQLITE_OK;
  const size_t n = ++s->file_calls;
  if (n != s->file_fail_at && !(s->file_ever && n > s->file_fail_at)) return SQLITE_OK;
  if (!s->file_fired) s->file_failed = call;
  s->file_fired = true;
  return s->file_kind == FAULT_SQL_FILE_FULL ? SQLITE_FULL : codes[call];
}

static void arm_sqlite_files(seams *s, fault_kind kind, size_t n, bool ever_after) {
  s->file_kind = kind;
  s->file_fail_at = n;
  s->file_ever = ever_after;
  s->file_armed = true;
}

/* ---- the I/O table ---- */

static void arm_io(test_io *io, fault_kind kind, size_t n, bool ever_after) {
  io->counted = kind == FAULT_SYNC ? TEST_IO_SYNC : TEST_IO_ALL;
  io->fail_errno = kind == FAULT_ENOSPC ? ENOSPC : EIO;
  io->fail_at = io->n_calls + n;
  io->fail_ever_after = ever_after;
}

/* ---- all of them ---- */

void seams_init(seams *s, test_clock *clock) {
  mlcm_context_options options = MLCM_CONTEXT_OPTIONS_INIT;
  memset(s, 0, sizeof *s);
  test_clock_init(clock, TEST_EPOCH_NS + 3600 * TEST_SECOND_NS);
  test_memory_init(&s->memory);
  test_io_init(&s->io);
  s->table = test_io_table(&s->io);
  options.allocator = test_memory_table(&s->memory);
  options.io = &s->table;
  options.clock = test_clock_table(clock);
  sqlite_shim_set(&(sqlite_shim){.user = s, .before = before_file_call});
  ck_assert_int_eq(mlcm_context_new(&options, &s->ctx, NULL), MLCM_OK);
}

void seams_arm(seams *s, fault_kind kind, size_t n, bool ever_after) {
  if (is_statement(kind)) {
    test_statement_arm(statements[kind].rc, statements[kind].rolls_back, n, ever_after);
    return;
  }
  switch (kind) {
    case FAULT_MEMORY: s->memory.fail_at = s->memory.n_calls + n, s->memory.fail_ever_after = ever_after; break;
    case FAULT_EIO:
    case FAULT_ENOSPC:
    case FAULT_SYNC: arm_io(&s->io, kind, n, ever_after); break;
    case FAULT_SHORT: s->io.max_transfer = n; break;
    case FAULT_MALLOC: test_malloc_arm(n, ever_after); break;
    default: arm_sqlite_files(s, kind, n, ever_after); break;
  }
}

bool seams_disarm(seams *s, fault_kind kind) {
  const bool malloc_fired = kind == FAULT_MALLOC && test_malloc_disarm();
  const bool statement_fired = is_statement(kind) && test_statement_disarm();
  s->memory.fail_at = 0;
  s->io.fail_at = 0;
  s->io.max_transfer = 0;
  s->file_armed = false;
  return malloc_fired || statement_fired || s->memory.fired || s->io.fired || s->file_fired;
}

const char *seams_failed(const seams *s, fault_kind kind) {
  if (is_statement(kind)) return test_statement_failed();
  if (s->file_fired) return shim_call_name(s->file_failed);
  return s->io.fired ? test_io_name(s->io.fired_op) : "";
}

void seams_reset(seams *s) {
  mlcm_context_free(s->ctx);
  s->ctx = NULL;
  sqlite_shim_set(NULL);
  pthread_mutex_destroy(&s->memory.lock);
}
