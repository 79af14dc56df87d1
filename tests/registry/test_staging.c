/* SPDX-License-Identifier: Apache-2.0
 *
 * test_staging.c - a directory that is built beside its place: what is left of one that is given up, and what is said then.
 */
#include "registry/fixture.h"

#include <errno.h>
#include <sys/stat.h>

#include "registry/staging.h"

/* A folder to stage in, and a context whose seams are the test's. */
typedef struct scene {
  char *dir, *dest;
  test_io io;
  test_log log;
  mlcm_context *ctx;
} scene;

static int no_random(void *user, void *out, size_t size_bytes) {
  (void)user, (void)out, (void)size_bytes;
  return -EAGAIN;
}

static void set_scene(scene *s, bool has_random) {
  *s = (scene){.dir = test_temp_dir()};
  s->dest = test_path(s->dir, "new");
  test_io_init(&s->io);
  s->io.fail_errno = EIO;
  const mlcm_io io = test_io_table(&s->io);
  mlcm_context_options options = MLCM_CONTEXT_OPTIONS_INIT;
  options.io = &io;
  options.log = test_log_table(&s->log);
  if (!has_random) options.random.fill = no_random;
  CHECK_OK(mlcm_context_new(&options, &s->ctx, err));
}

static void clear_scene(scene *s) {
  mlcm_context_free(s->ctx);
  free(s->dest);
  test_temp_dir_remove(s->dir);
}

/* A file, and so many folders in one another. */
static void fill(const mlcm__staging *staging, int depth) {
  char path[512];
  (void)snprintf(path, sizeof path, "%s/file", staging->path);
  test_write_file(path, "x", 1);
  (void)snprintf(path, sizeof path, "%s", staging->path);
  for (int i = 0; i < depth; i++) {
    strcat(path, "/d");
    ck_assert_int_eq(mkdir(path, 0777), 0);
  }
}

START_TEST(what_is_given_up_is_removed) {
  scene s;
  mlcm__staging staging;
  set_scene(&s, true);
  CHECK_OK(mlcm__staging_open(&staging, s.ctx, s.dest, err));
  fill(&staging, 4);
  mlcm__staging_close(&staging, false);
  ck_assert_uint_eq(test_count_entries(s.dir), 0);
  ck_assert_int_eq(s.log.n_lines, 0);
  clear_scene(&s);
}
END_TEST

START_TEST(what_lies_deeper_than_anything_staged_is_left_and_told) {
  scene s;
  mlcm__staging staging;
  set_scene(&s, true);
  CHECK_OK(mlcm__staging_open(&staging, s.ctx, s.dest, err));
  fill(&staging, 5);
  mlcm__staging_close(&staging, false);
  ck_assert_uint_eq(test_count_entries(s.dir), 1);
  ck_assert_int_eq(s.log.n_lines, 1);
  ck_assert_ptr_nonnull(strstr(s.log.line, "is left over and may be removed"));
  clear_scene(&s);
}
END_TEST

/* Whichever call fails: the rest is removed, and what stays is told. */
START_TEST(a_disk_that_fails_while_all_is_removed_leaves_what_is_told) {
  for (size_t n = 1;; n++) {
    scene s;
    mlcm__staging staging;
    set_scene(&s, true);
    CHECK_OK(mlcm__staging_open(&staging, s.ctx, s.dest, err));
    fill(&staging, 2);
    s.io.fail_at = atomic_load(&s.io.n_calls) + n;
    mlcm__staging_close(&staging, false);
    const bool fired = atomic_load(&s.io.fired);
    ck_assert_uint_eq((size_t)s.log.n_lines, test_count_entries(s.dir));
    clear_scene(&s);
    if (!fired) return;
  }
}
END_TEST

START_TEST(no_name_without_chance) {
  scene s;
  mlcm__staging staging;
  set_scene(&s, false);
  CHECK_FAILS(MLCM_IO, "random", mlcm__staging_open(&staging, s.ctx, s.dest, err));
  mlcm__staging_close(&staging, false);
  ck_assert_uint_eq(test_count_entries(s.dir), 0);
  clear_scene(&s);
}
END_TEST

static mlcm_status stage(mlcm_context *ctx, void *user, mlcm_error *err) {
  mlcm__staging staging;
  mlcm_status st = mlcm__staging_open(&staging, ctx, user, err);
  if (!st) fill(&staging, 2);
  mlcm__staging_close(&staging, false);
  return st;
}

START_TEST(no_memory_to_stage_or_to_remove) {
  scene s;
  set_scene(&s, true);
  ck_assert_uint_gt(test_fault_memory(stage, NULL, s.dest), 5);
  clear_scene(&s);
}
END_TEST

int main(void) {
  const TTest *tests[] = {what_is_given_up_is_removed, what_lies_deeper_than_anything_staged_is_left_and_told,
                          a_disk_that_fails_while_all_is_removed_leaves_what_is_told, no_name_without_chance,
                          no_memory_to_stage_or_to_remove};
  return TEST_RUN("registry_staging", tests);
}
