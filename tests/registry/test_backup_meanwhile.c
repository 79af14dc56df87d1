/* SPDX-License-Identifier: Apache-2.0
 *
 * test_backup_meanwhile.c - what happens to a backup, its registry or the disk while it is made or restored, two faults at once
 * among it.
 */
#include <errno.h>

#include "registry/damage.h"
#include "support/statement_fault.h"

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

static void make_backup(const scene *s) {
  CHECK_OK(mlcm_backup(s->f.reg, s->backup, NULL, NULL, NULL, err));
}

/* ---- a clock that goes on by itself, so that progress is told at every step ---- */

static int64_t read_wall(void *user) { return ((test_clock *)user)->wall_ns; }

static int64_t read_mono(void *user) {
  test_clock_advance(user, TEST_SECOND_NS);
  return ((test_clock *)user)->mono_ns;
}

static mlcm_context *ticking_context(scene *s) {
  const mlcm_clock clock = {read_wall, read_mono, &s->f.clock};
  return test_context(NULL, NULL, &clock);
}

/* ---- a backup that changes while it is restored ---- */

typedef struct event {
  const scene *s;
  void (*happen)(const scene *s); /* once, at the first bytes that are copied; NULL: nothing */
  int64_t stop_after;             /* bytes; 0: never */
} event;

/* The check before counts objects only: its total is smaller than that of the copy. */
static int on_progress(void *user, int64_t done, int64_t total) {
  event *e = user;
  enum { OBJECT_BYTES = 3 };
  if (total <= OBJECT_BYTES) return 0;
  if (e->happen) e->happen(e->s);
  e->happen = NULL;
  return e->stop_after && done > e->stop_after;
}

static mlcm_status restore_during(scene *s, event e, mlcm_error *err) {
  mlcm_backup_options options = MLCM_BACKUP_OPTIONS_INIT;
  mlcm_context *ctx = ticking_context(s);
  e.s = s;
  options.progress.report = on_progress;
  options.progress.user = &e;
  mlcm_status st = mlcm_restore(ctx, s->backup, s->restored, &options, NULL, NULL, err);
  mlcm_context_free(ctx);
  ck_assert(!test_exists(s->restored));
  return st;
}

static void change_objects(const scene *s) {
  static const char *const refs[] = {"digits/2", "digits/3"}; /* one of them is copied second at the earliest */
  for (size_t i = 0; i < 2; i++) {
    char *object = object_of(&s->f, refs[i]);
    char *copy = test_path(s->backup, strstr(object, "objects/"));
    flip(copy, 0);
    free(copy);
    free(object);
  }
}

START_TEST(objects_that_change_after_the_check_are_not_restored) {
  scene s;
  set_scene(&s);
  make_backup(&s);
  CHECK_FAILS(MLCM_CORRUPT, "was changed while the backup was restored; nothing was restored",
              restore_during(&s, (event){.happen = change_objects}, err));
  clear_scene(&s);
}
END_TEST

static void change_database(const scene *s) {
  char *path = test_path(s->backup, "registry.db");
  flip(path, 40);
  free(path);
}

START_TEST(a_database_that_changes_after_the_check_is_not_restored) {
  scene s;
  set_scene(&s);
  make_backup(&s);
  CHECK_FAILS(MLCM_CORRUPT, "registry.db has sha256", restore_during(&s, (event){.happen = change_database}, err));
  clear_scene(&s);
}
END_TEST

START_TEST(a_restore_stopped_within_the_database_leaves_nothing) {
  scene s;
  set_scene(&s);
  make_backup(&s);
  CHECK_FAILS(MLCM_CANCELLED, "stopped by the caller after", restore_during(&s, (event){.stop_after = 3}, err));
  clear_scene(&s);
}
END_TEST

/* A note comes before the damage in the report, and is not what the error speaks of. */
START_TEST(what_is_no_damage_is_not_the_reason_of_a_refusal) {
  scene s;
  set_scene(&s);
  make_backup(&s);
  char *left = test_path(s.backup, "tmp/up-0123456789abcdef01234567");
  test_write_file(left, "half", 4);
  struct timespec old[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
  ck_assert_int_eq(utimensat(AT_FDCWD, left, old, 0), 0);
  fixture in_backup = s.f;
  in_backup.reg_dir = s.backup;
  tamper(&in_backup, "UPDATE version SET actor = 'eve' WHERE number = 2");
  CHECK_FAILS(MLCM_CORRUPT, "is damaged: digits/2: its row does not say who registered it",
              mlcm_restore(s.f.ctx, s.backup, s.restored, NULL, NULL, NULL, err));
  free(left);
  clear_scene(&s);
}
END_TEST

/* ---- what a backup copies ---- */

START_TEST(an_object_that_two_manifests_list_is_copied_once) {
  scene s;
  mlcm_backup_result made;
  mlcm_version *version = NULL;
  set_scene(&s);
  char *path = make_file(&s.f, "renamed.bin", "2");
  CHECK_OK(mlcm_register(s.f.reg, "other", path, NULL, NULL, &version, err));
  CHECK_OK(mlcm_backup(s.f.reg, s.backup, NULL, NULL, &made, err));
  ck_assert_int_eq(made.versions, 4);
  ck_assert_int_eq(made.objects, 3);
  expect_clean(&s.f, s.backup);
  mlcm_version_free(version);
  free(path);
  clear_scene(&s);
}
END_TEST

START_TEST(an_object_of_another_length_fails_the_backup) {
  scene s;
  set_scene(&s);
  char *object = object_of(&s.f, "digits/2");
  ck_assert_int_eq(chmod(object, 0644), 0);
  test_write_file(object, "22", 2);
  CHECK_FAILS(MLCM_CORRUPT, "digits/2 model.bin: its stored bytes were changed",
              mlcm_backup(s.f.reg, s.backup, NULL, NULL, NULL, err));
  free(object);
  clear_scene(&s);
}
END_TEST

START_TEST(a_lost_object_of_a_manifest_that_no_version_has_is_an_error_all_the_same) {
  scene s;
  set_scene(&s);
  char *object = object_of(&s.f, "digits/3");
  ck_assert_int_eq(unlink(object), 0);
  tamper(&s.f, "DELETE FROM version WHERE number = 3");
  CHECK_FAILS(MLCM_NOT_FOUND, strstr(object, "objects/") + strlen("objects/ab/"),
              mlcm_backup(s.f.reg, s.backup, NULL, NULL, NULL, err));
  free(object);
  clear_scene(&s);
}
END_TEST

/* ---- two faults at once ---- */

/* A disk that does not take a finished directory back, and may not sync once it is in its place. */
typedef struct bad_disk {
  mlcm_io real;
  const char *dest;
  bool sync_fails;
  bool is_there;
} bad_disk;

static int bad_rename(void *user, const char *from, const char *to) {
  bad_disk *d = user;
  if (strcmp(from, d->dest) == 0) return -EIO;
  d->is_there = d->is_there || strcmp(to, d->dest) == 0;
  return d->real.rename(d->real.user, from, to);
}

static int bad_sync(void *user, int fd) {
  bad_disk *d = user;
  return d->is_there && d->sync_fails ? -EIO : d->real.sync(d->real.user, fd);
}

static mlcm_context *on_bad_disk(bad_disk *d) {
  mlcm_io_default(&d->real);
  mlcm_io table = d->real;
  table.user = d;
  table.rename = bad_rename;
  table.sync = bad_sync;
  return test_context(NULL, &table, NULL);
}

START_TEST(a_restore_that_cannot_be_made_sure_nor_taken_back_is_unknown) {
  scene s;
  set_scene(&s);
  make_backup(&s);
  bad_disk disk = {.dest = s.restored, .sync_fails = true};
  mlcm_context *ctx = on_bad_disk(&disk);
  CHECK_FAILS(MLCM_OUTCOME_UNKNOWN, "is complete, but may be gone after a crash",
              mlcm_restore(ctx, s.backup, s.restored, NULL, NULL, NULL, err));
  mlcm_context_free(ctx);
  expect_clean(&s.f, s.restored);
  clear_scene(&s);
}
END_TEST

static int64_t newest_change(const fixture *f) {
  int64_t seq = 0;
  CHECK_OK(mlcm_changes_head(f->reg, &seq, err));
  return seq;
}

/* The record's commit fails for want of space. Which of the commits it is, counting shows: the others end readings. */
static mlcm_status backup_without_record(scene *s, mlcm_error *error) {
  mlcm_status st = MLCM_OK;
  bool fired = true;
  for (size_t n = 1; fired && st != MLCM_OUTCOME_UNKNOWN; n++) {
    bad_disk disk = {.dest = s->backup};
    mlcm_context *ctx = on_bad_disk(&disk);
    mlcm_registry *reg = open_registry(ctx, s->f.reg_dir, 0);
    const int64_t before = newest_change(&s->f);
    if (test_exists(s->backup)) test_temp_dir_remove(test_path(s->f.dir, "backup"));
    test_statement_arm(SQLITE_FULL, true, n, false);
    test_statement_only("COMMIT");
    st = mlcm_backup(reg, s->backup, NULL, NULL, NULL, error);
    fired = test_statement_disarm();
    ck_assert_int_eq(newest_change(&s->f) - before, st == MLCM_OK);
    mlcm_registry_close(reg);
    mlcm_context_free(ctx);
  }
  return st;
}

START_TEST(a_backup_that_cannot_be_recorded_nor_taken_back_is_unknown) {
  scene s;
  set_scene(&s);
  CHECK_FAILS(MLCM_OUTCOME_UNKNOWN, "is complete, but its record could not be written", backup_without_record(&s, err));
  expect_clean(&s.f, s.backup);
  ck_assert_int_eq(backup_without_record(&s, NULL), MLCM_OUTCOME_UNKNOWN); /* told without an error's words too */
  clear_scene(&s);
}
END_TEST

int main(void) {
  in_memory();
  const TTest *tests[] = {objects_that_change_after_the_check_are_not_restored,
                          a_database_that_changes_after_the_check_is_not_restored,
                          a_restore_stopped_within_the_database_leaves_nothing,
                          what_is_no_damage_is_not_the_reason_of_a_refusal,
                          an_object_that_two_manifests_list_is_copied_once,
                          an_object_of_another_length_fails_the_backup,
                          a_lost_object_of_a_manifest_that_no_version_has_is_an_error_all_the_same,
                          a_restore_that_cannot_be_made_sure_nor_taken_back_is_unknown,
                          a_backup_that_cannot_be_recorded_nor_taken_back_is_unknown};
  return TEST_RUN("registry_backup_meanwhile", tests);
}
