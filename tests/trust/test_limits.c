/* SPDX-License-Identifier: Apache-2.0
 *
 * test_limits.c - how long an entry of the audit log may be, written and read. docs/limits.md has it.
 */
#include "trust/fixture.h"

#include "support/status.h"
#include "support/suite.h"

/* An entry whose object has a name of this length, in a transaction of its own. */
static mlcm_status append_named(fixture *f, size_t name_bytes, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm__audit_head head;
  mlcm__audit_event event = event_of(1);
  char *name = malloc(name_bytes + 1);
  memset(name, 'a', name_bytes);
  name[name_bytes] = '\0';
  event.object_name = name;
  mlcm_status st = mlcm__db_write_begin(f->db, -1, &conn, err);
  if (!st) st = mlcm__audit_append(conn, &event, &head, err);
  if (!st) st = mlcm__db_commit(conn, err);
  else mlcm__db_rollback(conn);
  free(name);
  return st;
}

START_TEST(an_entry_has_a_length) {
  fixture f;
  log_open(&f);
  CHECK_OK(append_named(&f, 1, err));
  const size_t longest = MLCM__AUDIT_ENTRY_MAX - (size_t)fixture_number(f.db, "SELECT length(entry) - 1 FROM audit_entry");
  CHECK_OK(append_named(&f, longest, err));
  ck_assert_int_eq(fixture_number(f.db, "SELECT max(length(entry)) FROM audit_entry"), MLCM__AUDIT_ENTRY_MAX);
  CHECK_FAILS(MLCM_LIMIT, "audit entry is larger than the limit of 65535 bytes", append_named(&f, longest + 1, err));
  ck_assert_int_eq(verify(&f, NULL, NULL), MLCM_OK);
  tamper(&f, "UPDATE audit_entry SET entry = zeroblob(65536) WHERE seq = 2");
  ck_assert_int_eq(verify(&f, NULL, NULL), MLCM_CORRUPT);
  fixture_close(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {an_entry_has_a_length};
  return TEST_RUN("trust_limits", tests);
}
