/* SPDX-License-Identifier: Apache-2.0
 *
 * test_faults.c - the audit log with memory, malloc and statements failing: each run answers what such a fault may give, and the
 * log still verifies.
 */
#include "fixture.h"
#include "support/malloc_fault.h"
#include "support/statement_fault.h"
#include "support/suite.h"
#include "trust/audit_tree.h"

/* ---- scripts ---- */

/* Everything that writes, in a transaction that is rolled back: the log is the same before and after each run. */
static mlcm_status change(mlcm__db *db, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__audit_head head;
  const mlcm__audit_event with_reason = event_of(3);
  mlcm_status status = mlcm__db_write_begin(db, -1, &conn, err);
  if (status == MLCM_OK) status = mlcm__audit_append(conn, &with_reason, &head, err);
  if (status == MLCM_OK) status = mlcm__audit_erase_text(conn, 3, err);
  if (status == MLCM_OK) status = mlcm__audit_rebuild(conn, err);
  mlcm__db_rollback(conn);
  return status;
}

/* Everything that reads; proofs are checked as somebody without the log does it. */
static mlcm_status look(mlcm__db *db, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__audit_head head, old = {.size = 3};
  mlcm__audit_proof inclusion, consistency;
  hash leaf[1];
  mlcm__audit_head none = {0};
  mlcm_status status = mlcm__db_read_begin(db, &conn, err);
  if (status == MLCM_OK) status = mlcm__audit_root_at(conn, old.size, old.root, err);
  if (status == MLCM_OK) status = mlcm__audit_verify(conn, &old, 1, NULL, NULL, NULL, &head, err);
  if (status == MLCM_OK) status = mlcm__audit_prove_inclusion(conn, 3, head.size, &inclusion, err);
  if (status == MLCM_OK) status = mlcm__audit_prove_consistency(conn, old.size, head.size, &consistency, err);
  if (status == MLCM_OK) status = mlcm__audit_leaves(conn, 2, 1, leaf, err);
  mlcm__db_read_end(conn);
  if (status == MLCM_OK) status = mlcm__audit_check_inclusion(&inclusion, 3, leaf[0], &head, err);
  if (status == MLCM_OK) status = mlcm__audit_check_consistency(&consistency, &old, &head, err);
  if (status == MLCM_OK) status = mlcm__sha256_of("", 0, none.root, err);
  return status == MLCM_OK ? mlcm__audit_check_consistency(&(mlcm__audit_proof){0}, &none, &head, err) : status;
}

static mlcm_status script(mlcm_context *ctx, void *user, mlcm_error *err) {
  fixture *f = user;
  mlcm__db *db = NULL;
  mlcm_status status = mlcm__db_open(ctx, f->path, &f->options, &db, err);
  if (status == MLCM_OK) status = change(db, err);
  if (status == MLCM_OK) status = look(db, err);
  mlcm__db_close(db);
  return status;
}

static void still_verifies(void *user) {
  fixture *f = user;
  ck_assert_msg(verify(f, NULL, NULL) == MLCM_OK, "%s", f->err.message);
}

/* ---- the faults ---- */

START_TEST(every_allocation_may_fail) {
  fixture f;
  log_open(&f);
  append(&f, 1, 6);
  ck_assert_uint_gt(test_fault_memory(script, still_verifies, &f), 20);
  fixture_close(&f);
}
END_TEST

START_TEST(every_malloc_may_fail) {
  fixture f;
  if (!test_malloc_can_fail()) return;
  log_open(&f);
  append(&f, 1, 6);
  ck_assert_uint_gt(test_fault_malloc(script, still_verifies, &f, 1), 500);
  fixture_close(&f);
}
END_TEST

/* The 512th entry fills a tile and makes the level above grow. */
START_TEST(malloc_may_fail_while_tiles_grow) {
  fixture f;
  if (!test_malloc_can_fail()) return;
  log_open(&f);
  append(&f, 1, 511);
  ck_assert_uint_gt(test_fault_malloc(script, NULL, &f, 199), 10000);
  still_verifies(&f);
  fixture_close(&f);
}
END_TEST

static const struct {
  int rc;
  bool rolls_back;
  mlcm_status status;
} failures[] = {
    {SQLITE_IOERR, true, MLCM_IO},
    {SQLITE_NOMEM, false, MLCM_NO_MEMORY},
    {SQLITE_CORRUPT, false, MLCM_CORRUPT},
};

/* Statement n fails, and every later one too when asked. Answers whether it came to that. `err` may be NULL as everywhere. */
static bool fail_statement(fixture *f, size_t kind, size_t n, bool ever_after, const char *only, mlcm_error *err) {
  test_statement_arm(failures[kind].rc, failures[kind].rolls_back, n, ever_after);
  test_statement_only(only);
  const mlcm_status status = script(f->ctx, f, err);
  const bool fired = test_statement_disarm();
  const bool fits = status == MLCM_OK || (fired && status == failures[kind].status); /* a rollback that fails is no failure */
  ck_assert_msg(fits, "statement %zu (%s): %s", n, test_statement_failed(), mlcm_status_name(status));
  return fired;
}

#ifdef MLCM_SANITIZED
enum { STRIDE = 7 }; /* each run takes ten times as long */
#else
enum { STRIDE = 1 };
#endif

/* `only`: those with this text in them; NULL: all. */
static void fail_statements(fixture *f, const char *only) {
  for (size_t kind = 0; kind < sizeof failures / sizeof failures[0]; kind++) {
    for (int ever_after = 0; ever_after <= 1; ever_after++) {
      size_t n = 1;
      while (fail_statement(f, kind, n, ever_after, only, ever_after ? &f->err : NULL)) n += STRIDE;
      ck_assert_uint_gt(n, only ? 5 : 50);
      still_verifies(f);
    }
  }
}

START_TEST(every_statement_may_fail) {
  fixture f;
  log_open(&f);
  append(&f, 1, 6);
  fail_statements(&f, NULL);
  fixture_close(&f);
}
END_TEST

START_TEST(every_statement_on_tiles_may_fail) {
  fixture f;
  log_open(&f);
  append(&f, 1, 511);
  fail_statements(&f, "audit_tile");
  fail_statements(&f, "SELECT leaf");
  fixture_close(&f);
}
END_TEST

START_TEST(a_head_file_that_cannot_be_written_is_not_an_error) {
  static const unsigned calls[] = {TEST_IO_OPEN, TEST_IO_WRITE};
  fixture f;
  log_open(&f);
  char *file = test_path(f.dir, "audit.head");
  for (size_t i = 0; i < 2; i++) {
    test_io io;
    test_io_init(&io);
    io.counted = calls[i];
    io.fail_at = 1;
    mlcm_io table = test_io_table(&io);
    mlcm_context *ctx = test_context(NULL, &table, NULL);
    mlcm__audit_head head = {.size = 1}, again;
    mlcm__audit_anchor_write(ctx, file, &head);
    ck_assert(io.fired);
    ck_assert_int_eq(mlcm__audit_anchor_read(f.ctx, file, &again, &f.err), MLCM_NOT_FOUND);
    mlcm_context_free(ctx);
  }
  free(file);
  fixture_close(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {
      every_allocation_may_fail,
      every_malloc_may_fail,
      malloc_may_fail_while_tiles_grow,
      every_statement_may_fail,
      every_statement_on_tiles_may_fail,
      a_head_file_that_cannot_be_written_is_not_an_error,
  };
  return TEST_RUN("trust_faults", tests);
}
