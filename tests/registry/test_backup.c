/* SPDX-License-Identifier: Apache-2.0
 *
 * test_backup.c - backups of a registry in use, and what comes back from them.
 */
#include <mlcm/trust.h>
#include <errno.h>
#include <pthread.h>

#include "registry/damage.h"

typedef struct scene {
  fixture f;
  char *backup, *restored;
} scene;

static void set_scene(scene *s) {
  live(&s->f);
  s->backup = test_path(s->f.dir, "backup");
  s->restored = test_path(s->f.dir, "restored");
}

static void clear_scene(scene *s) {
  free(s->restored);
  free(s->backup);
  tear_down(&s->f);
}

static void make_backup(scene *s, mlcm_backup_result *out) {
  CHECK_OK(mlcm_backup(s->f.reg, s->backup, NULL, NULL, out, err));
}

/* ---- what a backup is ---- */

START_TEST(a_backup_is_sound_and_says_what_it_holds) {
  scene s;
  mlcm_backup_result made;
  mlcm_audit_head head;
  set_scene(&s);
  CHECK_OK(mlcm_audit_head_get(s.f.reg, &head, err));
  make_backup(&s, &made);
  ck_assert_int_eq(made.versions, 3);
  ck_assert_int_eq(made.objects, 3);
  ck_assert_int_eq(made.object_bytes, 3);
  ck_assert_int_eq(made.audit_entries, head.size);
  ck_assert_uint_eq(strlen(made.audit_root), 64);
  expect_clean(&s.f, s.backup);
  char *wal = test_path(s.backup, "registry.db-wal");
  ck_assert(!test_exists(wal));
  free(wal);
  clear_scene(&s);
}
END_TEST

START_TEST(a_backup_can_be_read_in_place) {
  scene s;
  int64_t at = 0;
  set_scene(&s);
  make_backup(&s, NULL);
  mlcm_registry *reader = open_registry(s.f.ctx, s.backup, MLCM_OPEN_READ_ONLY);
  CHECK_OK(mlcm_alias_get(reader, "digits", "champion", &at, err));
  ck_assert_int_eq(at, 2);
  mlcm_registry_close(reader);
  expect_clean(&s.f, s.backup);
  clear_scene(&s);
}
END_TEST

START_TEST(a_backup_is_recorded_with_who_and_where) {
  scene s;
  mlcm_feed *feed = NULL;
  int64_t head = 0;
  mlcm_attribution by = {"cron", "nightly"};
  set_scene(&s);
  CHECK_OK(mlcm_backup(s.f.reg, s.backup, NULL, &by, NULL, err));
  CHECK_OK(mlcm_changes_head(s.f.reg, &head, err));
  CHECK_OK(mlcm_changes(s.f.reg, head - 1, 1, &feed, err));
  mlcm_change change = mlcm_feed_at(feed, 0);
  ck_assert_str_eq(change.kind, "registry.backed_up");
  ck_assert_str_eq(change.actor, "cron");
  ck_assert_str_eq(change.reason, "nightly");
  CHECK_PART(change.detail, "\"audit_root\":\"");
  mlcm_feed_free(feed);
  CHECK_OK(mlcm_audit_verify(s.f.reg, NULL, NULL, NULL, err));
  clear_scene(&s);
}
END_TEST

START_TEST(an_existing_destination_is_not_touched) {
  scene s;
  set_scene(&s);
  test_write_file(s.backup, "mine", 4);
  CHECK_FAILS(MLCM_ALREADY_EXISTS, "exists already", mlcm_backup(s.f.reg, s.backup, NULL, NULL, NULL, err));
  char *text = test_read_file(s.backup, NULL);
  ck_assert_str_eq(text, "mine");
  free(text);
  clear_scene(&s);
}
END_TEST

START_TEST(a_destination_in_no_folder_is_not_found) {
  scene s;
  set_scene(&s);
  char *deep = test_path(s.backup, "deeper");
  CHECK_FAILS(MLCM_NOT_FOUND, "", mlcm_backup(s.f.reg, deep, NULL, NULL, NULL, err));
  free(deep);
  clear_scene(&s);
}
END_TEST

START_TEST(a_destination_may_be_relative_and_end_in_slashes) {
  scene s;
  set_scene(&s);
  ck_assert_int_eq(chdir(s.f.dir), 0);
  CHECK_OK(mlcm_backup(s.f.reg, "backup//", NULL, NULL, NULL, err));
  expect_clean(&s.f, s.backup);
  CHECK_FAILS(MLCM_ALREADY_EXISTS, "'/' exists already", mlcm_backup(s.f.reg, "/", NULL, NULL, NULL, err));
  ck_assert_int_eq(chdir("/"), 0);
  clear_scene(&s);
}
END_TEST

/* Call n of a kind fails with this; answers what a restore to `dest` answers, and whether the call came. */
static mlcm_status restore_failing(const scene *s, const char *dest, unsigned op, size_t n, int code, bool *out_fired) {
  test_io io;
  test_io_init(&io);
  io.counted = op;
  io.fail_at = n;
  io.fail_errno = code;
  mlcm_io table = test_io_table(&io);
  mlcm_context *ctx = test_context(NULL, &table, NULL);
  mlcm_status st = mlcm_restore(ctx, s->backup, dest, NULL, NULL, NULL, NULL);
  mlcm_context_free(ctx);
  *out_fired = atomic_load(&io.fired);
  return st;
}

START_TEST(what_somebody_else_put_at_the_destination_meanwhile_stays) {
  static const int codes[] = {EEXIST, ENOTEMPTY, ENOTDIR};
  scene s;
  bool fired = true;
  set_scene(&s);
  make_backup(&s, NULL);
  for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
    mlcm_status last = MLCM_OK, st = MLCM_OK;
    for (size_t n = 1; (st = restore_failing(&s, s.restored, TEST_IO_RENAME, n, codes[i], &fired)), fired; n++) {
      last = st;
      test_temp_dir_remove(test_path(s.f.dir, "restored"));
    }
    ck_assert_int_eq(last, MLCM_ALREADY_EXISTS); /* the last rename of all puts the copy in its place */
    ck_assert_int_eq(st, MLCM_OK);
    test_temp_dir_remove(test_path(s.f.dir, "restored"));
  }
  clear_scene(&s);
}
END_TEST

START_TEST(a_destination_at_the_root_needs_leave_to_make_it) {
  scene s;
  bool fired = false;
  set_scene(&s);
  make_backup(&s, NULL);
  ck_assert_int_eq(restore_failing(&s, "/mlcm-restored", TEST_IO_MKDIR, 1, EACCES, &fired), MLCM_IO);
  ck_assert(fired);
  clear_scene(&s);
}
END_TEST

START_TEST(a_read_only_registry_is_refused) {
  scene s;
  set_scene(&s);
  mlcm_registry *reader = open_registry(s.f.ctx, s.f.reg_dir, MLCM_OPEN_READ_ONLY);
  CHECK_FAILS(MLCM_REFUSED, "read-only", mlcm_backup(reader, s.backup, NULL, NULL, NULL, err));
  mlcm_registry_close(reader);
  clear_scene(&s);
}
END_TEST

START_TEST(a_damaged_object_fails_the_backup_naming_it_and_leaves_nothing) {
  scene s;
  set_scene(&s);
  char *object = object_of(&s.f, "digits/2");
  size_t before = test_count_entries(s.f.dir);
  flip(object, 0);
  CHECK_FAILS(MLCM_CORRUPT, "digits/2 model.bin: its stored bytes were changed",
              mlcm_backup(s.f.reg, s.backup, NULL, NULL, NULL, err));
  ck_assert_int_eq(unlink(object), 0);
  CHECK_FAILS(MLCM_NOT_FOUND, "digits/2 model.bin", mlcm_backup(s.f.reg, s.backup, NULL, NULL, NULL, err));
  ck_assert(!test_exists(s.backup));
  ck_assert_uint_eq(test_count_entries(s.f.dir), before);
  free(object);
  clear_scene(&s);
}
END_TEST

static int stop(void *user, int64_t done, int64_t total) {
  (void)user;
  (void)done;
  (void)total;
  return 1;
}

START_TEST(a_backup_that_is_stopped_leaves_nothing) {
  scene s;
  int64_t before = 0, after = 0;
  mlcm_backup_options options = MLCM_BACKUP_OPTIONS_INIT;
  set_scene(&s);
  options.progress.report = stop;
  size_t entries = test_count_entries(s.f.dir);
  CHECK_OK(mlcm_changes_head(s.f.reg, &before, err));
  CHECK_FAILS(MLCM_CANCELLED, "", mlcm_backup(s.f.reg, s.backup, &options, NULL, NULL, err));
  CHECK_OK(mlcm_changes_head(s.f.reg, &after, err));
  ck_assert_int_eq(before, after);
  ck_assert_uint_eq(test_count_entries(s.f.dir), entries);
  clear_scene(&s);
}
END_TEST

/* ---- restore ---- */

START_TEST(what_is_restored_is_what_was_backed_up_and_its_log_goes_on) {
  scene s;
  mlcm_audit_head before, after;
  mlcm_backup_result made, back;
  int64_t at = 0, head = 0;
  mlcm_feed *feed = NULL;
  mlcm_attribution by = {"root", "new disk"};
  set_scene(&s);
  CHECK_OK(mlcm_audit_head_get(s.f.reg, &before, err));
  make_backup(&s, &made);
  move_alias(&s.f, "digits", "champion", 3); /* after the moment of the backup */
  CHECK_OK(mlcm_restore(s.f.ctx, s.backup, s.restored, NULL, &by, &back, err));
  ck_assert_mem_eq(made.audit_root, back.audit_root, 65);
  expect_clean(&s.f, s.restored);
  mlcm_registry *reg = open_registry(s.f.ctx, s.restored, 0);
  CHECK_OK(mlcm_alias_get(reg, "digits", "champion", &at, err));
  ck_assert_int_eq(at, 2);
  CHECK_OK(mlcm_audit_verify(reg, &before, NULL, &after, err)); /* a continuation of the head before */
  ck_assert_int_eq(after.size, before.size + 1);
  CHECK_OK(mlcm_changes_head(reg, &head, err));
  CHECK_OK(mlcm_changes(reg, head - 1, 1, &feed, err));
  ck_assert_str_eq(mlcm_feed_at(feed, 0).kind, "registry.restored");
  ck_assert_str_eq(mlcm_feed_at(feed, 0).actor, "root");
  mlcm_feed_free(feed);
  CHECK_OK(mlcm_alias_set(reg, "digits", "champion", 3, 2, 0, NULL, err));
  mlcm_registry_close(reg);
  expect_clean(&s.f, s.backup); /* untouched */
  clear_scene(&s);
}
END_TEST

START_TEST(an_existing_registry_is_never_overwritten) {
  scene s;
  set_scene(&s);
  make_backup(&s, NULL);
  CHECK_FAILS(MLCM_ALREADY_EXISTS, "not touched", mlcm_restore(s.f.ctx, s.backup, s.f.reg_dir, NULL, NULL, NULL, err));
  expect_clean(&s.f, s.f.reg_dir);
  clear_scene(&s);
}
END_TEST

START_TEST(a_registry_that_is_no_backup_is_not_found) {
  scene s;
  set_scene(&s);
  CHECK_FAILS(MLCM_NOT_FOUND, "backup.json", mlcm_restore(s.f.ctx, s.f.reg_dir, s.restored, NULL, NULL, NULL, err));
  CHECK_FAILS(MLCM_NOT_FOUND, "backup.json", mlcm_restore(s.f.ctx, s.backup, s.restored, NULL, NULL, NULL, err));
  ck_assert(!test_exists(s.restored));
  clear_scene(&s);
}
END_TEST

/* ---- a damaged backup ---- */

static void damage_object(scene *s) {
  char *path = object_of(&s->f, "digits/2");
  char *in_backup = test_path(s->backup, strstr(path, "objects/"));
  flip(in_backup, 0);
  free(in_backup);
  free(path);
}

static void lose_object(scene *s) {
  char *path = object_of(&s->f, "digits/2");
  char *in_backup = test_path(s->backup, strstr(path, "objects/"));
  ck_assert_int_eq(unlink(in_backup), 0);
  free(in_backup);
  free(path);
}

static void damage_database(scene *s) {
  char *path = test_path(s->backup, "registry.db");
  flip(path, 40); /* the schema cookie: still a database, not the one that was made */
  free(path);
}

static void cut_database(scene *s) {
  char *path = test_path(s->backup, "registry.db");
  ck_assert_int_eq(truncate(path, 8192), 0);
  free(path);
}

static void damage_manifest(scene *s) {
  char *path = test_path(s->backup, "backup.json");
  test_write_file(path, "{\"form\":\"mlcm-backup/v1\"}", 25);
  free(path);
}

static void newer_manifest(scene *s) {
  char *path = test_path(s->backup, "backup.json");
  test_write_file(path, "{\"form\":\"mlcm-backup/v9\"}", 25);
  free(path);
}

static void change_database(scene *s) {
  mlcm_registry *reg = open_registry(s->f.ctx, s->backup, 0);
  CHECK_OK(mlcm_model_describe(reg, "digits", "changed in the backup", NULL, err));
  mlcm_registry_close(reg);
}

static const struct {
  void (*damage)(scene *s);
  mlcm_status status;
  const char *says;
} refusals[] = {
    {damage_object, MLCM_CORRUPT, "digits/2 model.bin: its stored bytes were changed; nothing was restored"},
    {lose_object, MLCM_CORRUPT, "digits/2 model.bin: its bytes are gone"},
    {damage_database, MLCM_CORRUPT, "registry.db"},
    {cut_database, MLCM_CORRUPT, "registry.db"},
    {damage_manifest, MLCM_CORRUPT, "backup.json"},
    {newer_manifest, MLCM_NEWER_FORMAT, "mlcm-backup/v9"},
    {change_database, MLCM_CORRUPT, "is damaged"},
};

START_TEST(a_damaged_backup_is_refused_naming_the_damage) {
  scene s;
  set_scene(&s);
  make_backup(&s, NULL);
  refusals[_i].damage(&s);
  CHECK_FAILS(refusals[_i].status, refusals[_i].says, mlcm_restore(s.f.ctx, s.backup, s.restored, NULL, NULL, NULL, err));
  ck_assert(!test_exists(s.restored));
  clear_scene(&s);
}
END_TEST

/* ---- an older backup, a newer one ---- */

/* Schema version 7 had no rollouts: version 8 adds their tables and nothing else. */
static const char to_version_7[] =
    "DROP TABLE intent; DROP TABLE evidence; DROP TABLE decision; DROP TABLE routing; DROP TABLE rollout;"
    "DROP TABLE endpoint; PRAGMA user_version = 7";

static int64_t schema_version(const char *dir) {
  sqlite3 *raw = NULL;
  sqlite3_stmt *stmt = NULL;
  char *path = test_path(dir, "registry.db");
  ck_assert_int_eq(sqlite3_open_v2(path, &raw, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
  ck_assert_int_eq(sqlite3_prepare_v2(raw, "SELECT user_version FROM pragma_user_version", -1, &stmt, NULL), SQLITE_OK);
  ck_assert_int_eq(sqlite3_step(stmt), SQLITE_ROW);
  int64_t version = sqlite3_column_int64(stmt, 0);
  sqlite3_finalize(stmt);
  sqlite3_close(raw);
  free(path);
  return version;
}

static void make_older(scene *s) {
  sqlite3 *raw = open_raw(&s->f);
  ck_assert_int_eq(sqlite3_exec(raw, to_version_7, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(raw);
}

START_TEST(an_older_registry_is_migrated_when_it_is_opened_for_writing) {
  scene s;
  mlcm_registry *reg = NULL;
  mlcm_fsck_report *report = NULL;
  mlcm_registry_options read_only = MLCM_REGISTRY_OPTIONS_INIT;
  set_scene(&s);
  mlcm_registry_close(s.f.reg);
  make_older(&s);
  read_only.flags = MLCM_OPEN_READ_ONLY;
  CHECK_FAILS(MLCM_REFUSED, "schema version 7", mlcm_registry_open(s.f.ctx, s.f.reg_dir, &read_only, &reg, err));
  CHECK_FAILS(MLCM_REFUSED, "open it once for writing", mlcm_fsck(s.f.ctx, s.f.reg_dir, NULL, NULL, &report, err));
  ck_assert_int_eq(schema_version(s.f.reg_dir), 7);
  s.f.reg = open_registry(s.f.ctx, s.f.reg_dir, 0);
  ck_assert_int_eq(schema_version(s.f.reg_dir), 8);
  expect_clean(&s.f, s.f.reg_dir);
  clear_scene(&s);
}
END_TEST

START_TEST(a_migration_that_fails_leaves_the_older_registry) {
  scene s;
  mlcm_registry *reg = NULL;
  set_scene(&s);
  mlcm_registry_close(s.f.reg);
  make_older(&s);
  sqlite3 *raw = open_raw(&s.f); /* the last table that the migration makes is there already */
  ck_assert_int_eq(sqlite3_exec(raw, "CREATE TABLE intent (x)", NULL, NULL, NULL), SQLITE_OK);
  CHECK_FAILS(MLCM_INTERNAL, "migration 7 to 8", mlcm_registry_open(s.f.ctx, s.f.reg_dir, NULL, &reg, err));
  ck_assert_int_eq(schema_version(s.f.reg_dir), 7);
  ck_assert_int_ne(sqlite3_exec(raw, "SELECT * FROM endpoint", NULL, NULL, NULL), SQLITE_OK); /* nor the first of them */
  ck_assert_int_eq(sqlite3_exec(raw, "DROP TABLE intent", NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(raw);
  s.f.reg = open_registry(s.f.ctx, s.f.reg_dir, 0);
  ck_assert_int_eq(schema_version(s.f.reg_dir), 8);
  clear_scene(&s);
}
END_TEST

START_TEST(an_older_backup_is_brought_to_the_format_of_today) {
  scene s;
  set_scene(&s);
  make_older(&s); /* under an open handle, which does not look again */
  make_backup(&s, NULL);
  ck_assert_int_eq(schema_version(s.backup), 7);
  CHECK_OK(mlcm_restore(s.f.ctx, s.backup, s.restored, NULL, NULL, NULL, err));
  ck_assert_int_eq(schema_version(s.backup), 7);
  ck_assert_int_eq(schema_version(s.restored), 8);
  expect_clean(&s.f, s.restored);
  clear_scene(&s);
}
END_TEST

START_TEST(an_older_backup_that_is_damaged_is_refused_too) {
  scene s;
  set_scene(&s);
  make_older(&s);
  tamper(&s.f, "UPDATE version SET actor = 'eve' WHERE number = 2");
  make_backup(&s, NULL);
  CHECK_FAILS(MLCM_CORRUPT, "digits/2", mlcm_restore(s.f.ctx, s.backup, s.restored, NULL, NULL, NULL, err));
  ck_assert(!test_exists(s.restored));
  clear_scene(&s);
}
END_TEST

START_TEST(a_newer_backup_is_refused) {
  scene s;
  set_scene(&s);
  tamper(&s.f, "PRAGMA user_version = 99"); /* under an open handle */
  make_backup(&s, NULL);
  CHECK_FAILS(MLCM_NEWER_FORMAT, "use a newer library", mlcm_restore(s.f.ctx, s.backup, s.restored, NULL, NULL, NULL, err));
  ck_assert(!test_exists(s.restored));
  clear_scene(&s);
}
END_TEST

/* ---- in use ---- */

typedef struct worker {
  const scene *s;
  int number;
  atomic_bool *stop;
  int64_t done;
} worker;

/* Registers, moves the alias, deletes and restores, and collects garbage, on a handle of its own. */
static void *work(void *user) {
  worker *w = user;
  mlcm_error e;
  mlcm_registry *reg = NULL;
  mlcm_gc_options gc = MLCM_GC_OPTIONS_INIT;
  char name[32], bytes[64];
  gc.grace_ns = 1;
  if (mlcm_registry_open(w->s->f.ctx, w->s->f.reg_dir, NULL, &reg, &e) != MLCM_OK) return NULL;
  (void)snprintf(name, sizeof name, "busy-%d.bin", w->number);
  char *path = test_path(w->s->f.dir, name);
  for (int i = 0; !atomic_load(w->stop) || i < 3; i++) {
    mlcm_version *v = NULL;
    (void)snprintf(bytes, sizeof bytes, "worker %d round %d", w->number, i);
    test_write_file(path, bytes, strlen(bytes));
    mlcm_status st = mlcm_register(reg, "busy", path, NULL, NULL, &v, &e);
    if (!st) st = mlcm_alias_set(reg, "busy", "now", mlcm_version_number(v), MLCM_ALIAS_ANY, 0, NULL, &e);
    mlcm_version_free(v);
    if (!st && w->number == 0) st = mlcm_gc(reg, &gc, NULL, NULL, &e);
    if (st) {
      fprintf(stderr, "worker %d: %s\n", w->number, e.message);
      break;
    }
    w->done++;
  }
  free(path);
  mlcm_registry_close(reg);
  return NULL;
}

START_TEST(backups_under_writers_and_gc_are_each_one_moment_of_the_history) {
  enum { WORKERS = 3, BACKUPS = 4 };
  scene s;
  pthread_t threads[WORKERS];
  worker workers[WORKERS];
  atomic_bool stop_now = false;
  mlcm_backup_result made[BACKUPS];
  set_scene(&s);
  for (int i = 0; i < WORKERS; i++) {
    workers[i] = (worker){.s = &s, .number = i, .stop = &stop_now};
    ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
  }
  for (int i = 0; i < BACKUPS; i++) {
    char name[32];
    (void)snprintf(name, sizeof name, "backup-%d", i);
    char *dest = test_path(s.f.dir, name);
    CHECK_OK(mlcm_backup(s.f.reg, dest, NULL, NULL, &made[i], err));
    free(dest);
  }
  atomic_store(&stop_now, true);
  for (int i = 0; i < WORKERS; i++) {
    pthread_join(threads[i], NULL);
    ck_assert_int_ge(workers[i].done, 3);
  }
  for (int i = 0; i < BACKUPS; i++) {
    char name[32], restored[32];
    mlcm_audit_head head = {.size = made[i].audit_entries};
    (void)snprintf(name, sizeof name, "backup-%d", i);
    (void)snprintf(restored, sizeof restored, "restored-%d", i);
    char *from = test_path(s.f.dir, name), *to = test_path(s.f.dir, restored);
    CHECK_OK(mlcm_restore(s.f.ctx, from, to, NULL, NULL, NULL, err));
    expect_clean(&s.f, to);
    for (size_t k = 0; k < 32; k++) {
      unsigned byte = 0;
      ck_assert_int_eq(sscanf(made[i].audit_root + 2 * k, "%2x", &byte), 1);
      head.root[k] = (uint8_t)byte;
    }
    CHECK_OK(mlcm_audit_verify(s.f.reg, &head, NULL, NULL, err)); /* the living registry went on from that very moment */
    mlcm_registry *reg = open_registry(s.f.ctx, to, 0);
    CHECK_OK(mlcm_audit_verify(reg, &head, NULL, NULL, err)); /* and so did the restored one */
    mlcm_registry_close(reg);
    free(to);
    free(from);
  }
  expect_clean(&s.f, s.f.reg_dir);
  clear_scene(&s);
}
END_TEST

/* ---- faults ---- */

typedef struct attempt {
  scene s;
  int n; /* a destination of its own for each run */
  char *dest;
  mlcm_status answer;
} attempt;

static mlcm_status backup_script(mlcm_context *ctx, void *user, mlcm_error *err) {
  attempt *a = user;
  char name[32];
  mlcm_registry *reg = NULL;
  free(a->dest);
  (void)snprintf(name, sizeof name, "try-%d", a->n++);
  a->dest = test_path(a->s.f.dir, name);
  mlcm_status st = mlcm_registry_open(ctx, a->s.f.reg_dir, NULL, &reg, err);
  if (!st) st = mlcm_backup(reg, a->dest, NULL, NULL, NULL, err);
  a->answer = st;
  mlcm_registry_close(reg);
  return st;
}

/* Nothing is there, unless the call said so; then all is. */
static void check_attempt(void *user) {
  attempt *a = user;
  if (!a->dest) return; /* not even a context was to be had */
  bool expected = a->answer == MLCM_OK || a->answer == MLCM_OUTCOME_UNKNOWN;
  ck_assert_msg(test_exists(a->dest) == expected, "%s, but it is %sthere", mlcm_status_name(a->answer), expected ? "not " : "");
  if (expected) expect_clean(&a->s.f, a->dest);
}

/* test_fault_io would run for many minutes: most of the calls make the 256 folders of objects/. Each of the first and last 15
 * calls fails in turn, and every 53rd in between; once, and with all later ones. Answers the number of calls. */
static size_t fail_sampled(test_script script, attempt *a) {
  enum { ENDS = 15, STRIDE = 53 };
  size_t n_calls = 0;
  for (int ever_after = 0; ever_after <= 1; ever_after++) {
    for (size_t n = 0; n == 0 || n <= n_calls; n += n < ENDS || n + ENDS > n_calls ? 1 : STRIDE) {
      test_io io;
      mlcm_error error;
      test_io_init(&io);
      io.fail_at = n; /* 0: counts only */
      io.fail_ever_after = ever_after != 0;
      io.fail_errno = n % 2 ? EIO : ENOSPC;
      mlcm_io table = test_io_table(&io);
      mlcm_context *ctx = test_context(NULL, &table, NULL);
      (void)script(ctx, a, &error);
      mlcm_context_free(ctx);
      ck_assert_int_eq(atomic_load(&io.n_open), 0);
      if (n == 0) n_calls = atomic_load(&io.n_calls);
      check_attempt(a);
    }
  }
  return n_calls;
}

START_TEST(a_backup_on_a_failing_disk_is_there_or_not) {
  attempt a = {.answer = MLCM_IO}; /* until it has run */
  set_scene(&a.s);
  ck_assert_uint_gt(fail_sampled(backup_script, &a), 300);
  check_attempt(&a);
  CHECK_OK(mlcm_audit_verify(a.s.f.reg, NULL, NULL, NULL, err));
  free(a.dest);
  clear_scene(&a.s);
}
END_TEST

START_TEST(a_backup_without_memory_is_there_or_not) {
  attempt a = {.answer = MLCM_IO}; /* until it has run */
  set_scene(&a.s);
  ck_assert_uint_gt(test_fault_memory_sampled(backup_script, check_attempt, &a, 23), 100);
  check_attempt(&a);
  free(a.dest);
  clear_scene(&a.s);
}
END_TEST

static mlcm_status restore_script(mlcm_context *ctx, void *user, mlcm_error *err) {
  attempt *a = user;
  char name[32];
  free(a->dest);
  (void)snprintf(name, sizeof name, "try-%d", a->n++);
  a->dest = test_path(a->s.f.dir, name);
  mlcm_status st = mlcm_restore(ctx, a->s.backup, a->dest, NULL, NULL, NULL, err);
  a->answer = st;
  return st;
}

START_TEST(a_restore_on_a_failing_disk_is_there_or_not) {
  attempt a = {.answer = MLCM_IO}; /* until it has run */
  set_scene(&a.s);
  make_backup(&a.s, NULL);
  ck_assert_uint_gt(fail_sampled(restore_script, &a), 300);
  check_attempt(&a);
  free(a.dest);
  clear_scene(&a.s);
}
END_TEST

START_TEST(a_restore_without_memory_is_there_or_not) {
  attempt a = {.answer = MLCM_IO}; /* until it has run */
  set_scene(&a.s);
  make_backup(&a.s, NULL);
  ck_assert_uint_gt(test_fault_memory_sampled(restore_script, check_attempt, &a, 23), 100);
  check_attempt(&a);
  free(a.dest);
  clear_scene(&a.s);
}
END_TEST

int main(void) {
  in_memory();
  Suite *s = suite_create("registry_backup");
  TCase *one = tcase_create("one"), *table = tcase_create("table");
  const TTest *tests[] = {a_backup_is_sound_and_says_what_it_holds,
                          a_backup_can_be_read_in_place,
                          a_backup_is_recorded_with_who_and_where,
                          an_existing_destination_is_not_touched,
                          a_destination_in_no_folder_is_not_found,
                          a_destination_may_be_relative_and_end_in_slashes,
                          what_somebody_else_put_at_the_destination_meanwhile_stays,
                          a_destination_at_the_root_needs_leave_to_make_it,
                          a_read_only_registry_is_refused,
                          a_damaged_object_fails_the_backup_naming_it_and_leaves_nothing,
                          a_backup_that_is_stopped_leaves_nothing,
                          what_is_restored_is_what_was_backed_up_and_its_log_goes_on,
                          an_existing_registry_is_never_overwritten,
                          a_registry_that_is_no_backup_is_not_found,
                          an_older_registry_is_migrated_when_it_is_opened_for_writing,
                          a_migration_that_fails_leaves_the_older_registry,
                          an_older_backup_is_brought_to_the_format_of_today,
                          an_older_backup_that_is_damaged_is_refused_too,
                          a_newer_backup_is_refused,
                          backups_under_writers_and_gc_are_each_one_moment_of_the_history,
                          a_backup_on_a_failing_disk_is_there_or_not,
                          a_backup_without_memory_is_there_or_not,
                          a_restore_on_a_failing_disk_is_there_or_not,
                          a_restore_without_memory_is_there_or_not};
  tcase_set_timeout(one, 250);
  tcase_set_timeout(table, 250);
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; i++) tcase_add_test(one, tests[i]);
  tcase_add_loop_test(table, a_damaged_backup_is_refused_naming_the_damage, 0, (int)(sizeof refusals / sizeof refusals[0]));
  suite_add_tcase(s, one);
  suite_add_tcase(s, table);
  SRunner *runner = srunner_create(s);
  srunner_run_all(runner, CK_ENV);
  int failed = srunner_ntests_failed(runner);
  srunner_free(runner);
  return failed != 0;
}
