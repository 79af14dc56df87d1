/* SPDX-License-Identifier: Apache-2.0
 *
 * test_db_memory.c - reading without memory for SQLite: a text is whole, or its step says what was lacking.
 */
#include "db_fixture.h"
#include "support/malloc_fault.h"
#include "support/suite.h"

/* Longer than a page: SQLite puts it together from several, in memory that has room for one byte more, a multiple of eight. When
 * it is asked for as text, three are put behind it. */
enum { LENGTH = 20007 };

static mlcm_status read_long_text(mlcm__db *db, size_t fail_at, bool *fired, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  ck_assert_int_eq(mlcm__db_read_begin(db, &conn, err), MLCM_OK);
  ck_assert_int_eq(mlcm__db_prepare(conn, "SELECT name FROM item WHERE id = 1", &stmt, err), MLCM_OK);
  test_malloc_arm(fail_at, false);
  mlcm_status status = mlcm__db_step(stmt, &row, err);
  *fired = test_malloc_disarm();
  if (status == MLCM_OK) {
    ck_assert(row);
    ck_assert_uint_eq(strlen(mlcm__db_text(stmt, 0)), LENGTH);
  }
  mlcm__db_reset(stmt);
  mlcm__db_read_end(conn);
  return status;
}

START_TEST(a_text_without_memory_for_its_end_is_no_text) {
  db_fixture f;
  bool fired = true;
  if (!test_malloc_can_fail()) return;
  fixture_open(&f);
  ck_assert_int_eq(fixture_exec(f.db, "INSERT INTO item VALUES (1, printf('%.*c', 20007, 'x'), 1)", &f.err), MLCM_OK);
  size_t n_failed = 0;
  for (size_t n = 1; fired; n++) {
    mlcm_status status = read_long_text(f.db, n, &fired, &f.err);
    ck_assert_msg(status == MLCM_OK || status == MLCM_NO_MEMORY, "%s: %s", mlcm_status_name(status), f.err.message);
    n_failed += status == MLCM_NO_MEMORY;
  }
  ck_assert_uint_gt(n_failed, 1);
  fixture_close(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_text_without_memory_for_its_end_is_no_text};
  return TEST_RUN("store_db_memory", tests);
}
