/* SPDX-License-Identifier: Apache-2.0
 *
 * test_processes.c - many processes on one database and object store, some of them killed at any moment.
 *
 * MLCM_TEST_SCALE multiplies the work (default 1). Waits are printed, not asserted.
 */
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "db_fixture.h"
#include "store/blob.h"
#include "support/suite.h"

enum { PROCESSES = 8, CHANGES = 25, KILLS = 60, SURVIVORS = 2 };

static int scale(void) {
  const char *text = getenv("MLCM_TEST_SCALE");
  int n = text ? atoi(text) : 1;
  return n > 0 ? n : 1;
}

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* What a child does instead of asserting. */
static void must(mlcm_status status, const mlcm_error *err) {
  if (status == MLCM_OK) return;
  fprintf(stderr, "process %d: %s: %s\n", (int)getpid(), mlcm_status_name(status), err->message);
  _exit(1);
}

static pid_t spawn(void) {
  fflush(NULL);
  pid_t pid = fork();
  ck_assert_int_ge(pid, 0);
  return pid;
}

static void expect_exit(pid_t pid) {
  int status = 0;
  ck_assert_int_eq(waitpid(pid, &status, 0), pid);
  ck_assert_int_eq(status, 0);
}

static void open_files(db_fixture *f) {
  fixture_open(f);
  ck_assert_int_eq(fixture_exec(f->db, "INSERT INTO item VALUES (1, 'a', 0); INSERT INTO item VALUES (2, 'b', 0)", &f->err),
                   MLCM_OK);
}

/* ---- waiting in turn ---- */

static void hammer(db_fixture *f, int out) {
  mlcm__db *db = NULL;
  int64_t longest = 0;
  must(mlcm__db_open(f->ctx, f->path, &f->options, &db, &f->err), &f->err);
  for (int i = 0; i < CHANGES * scale(); i++) {
    mlcm__db_conn *conn = NULL;
    int64_t begun = now_ns();
    must(mlcm__db_write_begin(db, -1, &conn, &f->err), &f->err);
    int64_t waited = now_ns() - begun;
    if (waited > longest) longest = waited;
    must(mlcm__db_exec(conn, "UPDATE item SET value = value + 1", &f->err), &f->err);
    must(mlcm__db_commit(conn, &f->err), &f->err);
  }
  mlcm__db_close(db);
  _exit(write(out, &longest, sizeof longest) == sizeof longest ? 0 : 1);
}

START_TEST(eight_processes_write_in_turn_without_an_error) {
  db_fixture f;
  int ends[2];
  pid_t pids[PROCESSES];
  int64_t longest = 0, begun = now_ns();
  open_files(&f);
  ck_assert_int_eq(pipe(ends), 0);
  for (int i = 0; i < PROCESSES; i++)
    if ((pids[i] = spawn()) == 0) hammer(&f, ends[1]);
  for (int i = 0; i < PROCESSES; i++) {
    int64_t waited = 0;
    expect_exit(pids[i]);
    ck_assert_int_eq(read(ends[0], &waited, sizeof waited), sizeof waited);
    if (waited > longest) longest = waited;
  }
  int n = PROCESSES * CHANGES * scale();
  printf("%d processes: %d commits, %.0f a second, longest wait for the lock %.1f ms\n", PROCESSES, n,
         n / ((double)(now_ns() - begun) / 1e9), (double)longest / 1e6);
  ck_assert_int_eq(fixture_number(f.db, "SELECT value FROM item WHERE id = 1"), n);
  close(ends[0]);
  close(ends[1]);
  fixture_close(&f);
}
END_TEST

/* ---- kill -9 ---- */

/* One object and one transaction that names it, counts in two rows and is whole or not at all; a byte for each commit. */
static void change_once(db_fixture *f, mlcm__db *db, mlcm__blobs *blobs, int i, int out) {
  char name[64], hex[65], sql[256];
  uint8_t sha256[32];
  mlcm__db_conn *conn = NULL;
  mlcm__blob_lease *lease = NULL;
  snprintf(name, sizeof name, "%d of process %d", i, (int)getpid());
  must(mlcm__blob_lease_open(blobs, &lease, &f->err), &f->err);
  must(mlcm__blob_put(blobs, name, strlen(name), sha256, &f->err), &f->err);
  mlcm__hex(sha256, 32, hex);
  must(mlcm__db_write_begin(db, -1, &conn, &f->err), &f->err);
  must(mlcm__blob_exists(blobs, sha256, (int64_t)strlen(name), &f->err), &f->err);
  snprintf(sql, sizeof sql, "INSERT INTO item (name, value) VALUES ('%s', %zu); UPDATE item SET value = value + 1 WHERE id = 1;"
           "UPDATE item SET value = value + 1 WHERE id = 2", hex, strlen(name));
  must(mlcm__db_exec(conn, sql, &f->err), &f->err);
  must(mlcm__db_commit(conn, &f->err), &f->err);
  if (write(out, "c", 1) != 1) _exit(0);
  mlcm__blob_lease_close(lease);
}

/* n < 0: until it is killed. */
static void change(db_fixture *f, int n, int out) {
  mlcm__db *db = NULL;
  mlcm__blobs *blobs = NULL;
  must(mlcm__db_open(f->ctx, f->path, &f->options, &db, &f->err), &f->err);
  must(mlcm__blobs_open(f->ctx, f->dir, false, true, &blobs, &f->err), &f->err);
  for (int i = 0; n < 0 || i < n; i++) change_once(f, db, blobs, i, out);
  mlcm__blobs_close(blobs);
  mlcm__db_close(db);
  _exit(0);
}

static int64_t drain(int fd) {
  char bytes[4096];
  int64_t total = 0;
  for (ssize_t n; (n = read(fd, bytes, sizeof bytes)) > 0; total += n) {
  }
  return total;
}

/* Every object that a committed row names is there and whole. */
static void check_objects(db_fixture *f, mlcm__blobs *blobs) {
  mlcm__db_conn *conn = NULL;
  mlcm__db_stmt *stmt = NULL;
  bool row = false;
  uint8_t sha256[32];
  ck_assert_int_eq(mlcm__db_read_begin(f->db, &conn, &f->err), MLCM_OK);
  ck_assert_msg(mlcm__db_check(conn, &f->err) == MLCM_OK, "%s", f->err.message);
  ck_assert_int_eq(mlcm__db_prepare(conn, "SELECT name, value FROM item WHERE id > 2", &stmt, &f->err), MLCM_OK);
  while (mlcm__db_step(stmt, &row, &f->err) == MLCM_OK && row) {
    ck_assert(mlcm__unhex(mlcm__db_text(stmt, 0), 64, sha256));
    ck_assert_msg(mlcm__blob_verify(blobs, sha256, mlcm__db_i64(stmt, 1), NULL, NULL, &f->err) == MLCM_OK, "%s", f->err.message);
  }
  mlcm__db_reset(stmt);
  mlcm__db_read_end(conn);
}

/* Two processes work on while others beside them are killed again and again, in the queue, in the lock, in a write. */
START_TEST(killed_processes_harm_neither_the_files_nor_the_others) {
  db_fixture f;
  int ends[2];
  pid_t survivors[SURVIVORS];
  unsigned seed = 20260301;
  mlcm__blobs *blobs = NULL;
  int64_t oldest = 0, files = 0, bytes = 0;
  open_files(&f);
  ck_assert_int_eq(pipe(ends), 0);
  for (int i = 0; i < SURVIVORS; i++)
    if ((survivors[i] = spawn()) == 0) change(&f, KILLS * scale(), ends[1]);
  for (int i = 0; i < KILLS * scale(); i++) {
    pid_t victim = spawn();
    if (victim == 0) change(&f, -1, ends[1]);
    int64_t until = now_ns() + rand_r(&seed) % 25000000;
    while (now_ns() < until) {
    }
    kill(victim, SIGKILL);
    ck_assert_int_eq(waitpid(victim, NULL, 0), victim);
  }
  for (int i = 0; i < SURVIVORS; i++) expect_exit(survivors[i]);
  close(ends[1]);
  int64_t acknowledged = drain(ends[0]), committed = fixture_number(f.db, "SELECT value FROM item WHERE id = 1");
  close(ends[0]);
  ck_assert_int_ge(acknowledged, KILLS * scale() * SURVIVORS);
  ck_assert_int_le(acknowledged, committed);
  ck_assert_int_le(committed, acknowledged + KILLS * scale()); /* one may have been between commit and report at each kill */
  ck_assert_int_eq(committed, fixture_number(f.db, "SELECT value FROM item WHERE id = 2"));
  ck_assert_int_eq(committed, fixture_number(f.db, "SELECT count(*) - 2 FROM item"));
  ck_assert_int_eq(mlcm__blobs_open(f.ctx, f.dir, false, false, &blobs, &f.err), MLCM_OK);
  check_objects(&f, blobs);
  ck_assert_int_eq(mlcm__blob_sweep_tmp(blobs, INT64_MAX, false, &oldest, &files, &bytes, &f.err), MLCM_OK);
  ck_assert_int_eq(oldest, INT64_MAX); /* no lock outlived its process */
  printf("%d kills: %lld commits reported, %lld there, %lld left-over files swept\n", KILLS * scale(), (long long)acknowledged,
         (long long)committed, (long long)files);
  printf("{\"what\":\"processes killed\",\"n\":%d,\"violations\":0}\n", KILLS * scale());
  mlcm__blobs_close(blobs);
  fixture_close(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {
      eight_processes_write_in_turn_without_an_error,
      killed_processes_harm_neither_the_files_nor_the_others,
  };
  return TEST_RUN("store_processes", tests);
}
