/* SPDX-License-Identifier: Apache-2.0
 *
 * test_faults_rows.c - what a single statement answers, rows held against a log that lost its entries, and an alias that is
 * served, under every fault (faults.h). A reader of the same registry is held all the time: each call needs a connection of its
 * own.
 */
#include "registry/faults.h"

#include "registry/audit_rows.h"
#include "registry/rows.h"
#include "support/statement_fault.h" /* here too: it tells CMake to put it in front of SQLite */

/* And an endpoint "o" that serves m@other, where no rollout is. */
static void build(world *w) {
  mlcm__db_conn *conn = NULL;
  mlcm__endpoint_row endpoint;
  *w = (world){0};
  set_rows(&w->f);
  CHECK_OK(mlcm__registry_write_begin(w->f.reg, &conn, err));
  CHECK_OK(mlcm__endpoint_ensure(conn, w->f.reg, "o", "m", "other", &endpoint, err));
  CHECK_OK(mlcm__registry_commit(w->f.reg, &conn, err));
  keep_base(w);
}

#define CALL world *w, mlcm_error *err

static mlcm_status reading_the_head(CALL) {
  mlcm_audit_head head;
  return mlcm_audit_head_get(w->f.reg, &head, err);
}

static mlcm_status reading_an_entry(CALL) {
  char *entry = NULL;
  size_t len = 0;
  mlcm_status st = mlcm_audit_entry(w->f.reg, 3, &entry, &len, err);
  mlcm_free(w->f.ctx, entry);
  return st;
}

static mlcm_status proving_that_an_entry_is_there(CALL) {
  mlcm_audit_proof proof;
  return mlcm_audit_prove_inclusion(w->f.reg, 3, LAST_ENTRY, &proof, err);
}

static mlcm_status proving_that_nothing_was_changed(CALL) {
  mlcm_audit_proof proof;
  return mlcm_audit_prove_consistency(w->f.reg, 5, LAST_ENTRY, &proof, err);
}

static mlcm_status checking_a_proof(CALL) {
  const mlcm_audit_proof proof = {0};
  const mlcm_audit_head head = {.size = 1};
  (void)w;
  return mlcm_audit_check_inclusion(&proof, 1, "entry", 5, &head, err);
}

static mlcm_status reading_the_feed(CALL) {
  mlcm_feed *feed = NULL;
  mlcm_status st = mlcm_changes(w->f.reg, 0, 3, &feed, err);
  mlcm_feed_free(feed);
  return st;
}

static mlcm_status asking_for_the_newest_change(CALL) {
  int64_t seq = 0;
  return mlcm_changes_head(w->f.reg, &seq, err);
}

static mlcm_status reading_where_requests_go(CALL) {
  mlcm__routing routing = {0};
  mlcm_status st = mlcm__routing_current(w->f.reg, 1, &routing, err);
  mlcm__routing_reset(w->f.ctx, &routing);
  return st;
}

static mlcm_status moving_an_alias_that_is_served(CALL) {
  return mlcm_alias_set(w->f.reg, "m", "other", 2, MLCM_ALIAS_ANY, 0, NULL, err);
}

static mlcm_status verifying(CALL) { return mlcm_audit_verify(w->f.reg, NULL, NULL, NULL, err); }

static mlcm_status hear(void *user, const mlcm__row_fault *fault, mlcm_error *err) {
  (void)user, (void)fault, (void)err;
  return MLCM_OK;
}

/* The log has lost all but its length. */
static mlcm_status believing_events(CALL) {
  mlcm__db_conn *conn = NULL;
  mlcm__audit_rows *rows = NULL;
  mlcm_status st = mlcm__db_read_begin(w->f.reg->db, &conn, err);
  if (!st) st = mlcm__audit_rows_open(w->f.ctx, conn, &rows, err);
  if (!st) mlcm__audit_rows_tell_to(rows, hear, NULL);
  for (int64_t seq = 1; !st && seq <= LAST_ENTRY; seq++) st = mlcm__audit_rows_visit(rows, seq, NULL, err);
  if (!st) st = mlcm__audit_rows_end(rows, err);
  mlcm__audit_rows_close(rows);
  mlcm__db_read_end(conn);
  return st;
}

static const struct {
  const char *name;
  world_call *call;
} calls[] = {
    {"reading the head", reading_the_head},
    {"reading an entry", reading_an_entry},
    {"proving that an entry is there", proving_that_an_entry_is_there},
    {"proving that nothing was changed", proving_that_nothing_was_changed},
    {"checking a proof", checking_a_proof},
    {"reading the feed", reading_the_feed},
    {"asking for the newest change", asking_for_the_newest_change},
    {"reading where requests go", reading_where_requests_go},
    {"moving an alias that is served", moving_an_alias_that_is_served},
    {"verifying", verifying},
    {"believing events", believing_events},
};

static world_call *at_hand; /* one of them */

static mlcm_status beside_another_reader(CALL) {
  mlcm__db_conn *other = NULL;
  mlcm_status st = mlcm__db_read_begin(w->f.reg->db, &other, err);
  if (!st) st = at_hand(w, err);
  mlcm__db_read_end(other);
  return st;
}

START_TEST(each_call_beside_a_reader_fails_whole_or_succeeds_under_every_fault) {
  world w;
  build(&w);
  for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
    at_hand = calls[i].call;
    world_attack(&w, calls[i].name, beside_another_reader, 0);
  }
  world_end(&w);
}
END_TEST

int main(void) {
  take_over_crypto_memory();
  in_memory();
  const TTest *tests[] = {each_call_beside_a_reader_fails_whole_or_succeeds_under_every_fault};
  return TEST_RUN("registry_faults_rows", tests);
}
