/* SPDX-License-Identifier: Apache-2.0
 *
 * test_gc.c - garbage collection: what it keeps, what it sweeps when, and that being cut off anywhere loses nothing.
 *
 * The clock is the test's, the times of files are the system's: the clock is set to now and moved from there.
 */
#include "fixture.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "store/blob.h"

#define HOUR_NS (INT64_C(3600) * TEST_SECOND_NS)

static void set_up_now(fixture *f) {
  set_up(f);
  test_clock_set_wall(&f->clock, (int64_t)time(NULL) * TEST_SECOND_NS);
}

static mlcm_gc_result collect(const fixture *f, int32_t dry_run) {
  mlcm_gc_options options = MLCM_GC_OPTIONS_INIT;
  mlcm_gc_result result = {0};
  options.dry_run = dry_run;
  options.grace_ns = HOUR_NS;
  CHECK_OK(mlcm_gc(f->reg, &options, NULL, &result, err));
  return result;
}

static void later(fixture *f) {
  test_clock_advance(&f->clock, 2 * HOUR_NS);
}

/* An object that nothing names, as a registration leaves it that died before its commit. */
static void orphan(const fixture *f, const char *bytes, uint8_t sha256[32]) {
  CHECK_OK(mlcm__blob_put(f->reg->blobs, bytes, strlen(bytes), sha256, err));
}

static bool is_there(const fixture *f, const uint8_t sha256[32]) {
  return mlcm__blob_exists(f->reg->blobs, sha256, -1, NULL) == MLCM_OK;
}

static int64_t audit_size(const fixture *f) {
  int64_t seq = 0;
  CHECK_OK(mlcm_changes_head(f->reg, &seq, err));
  return seq;
}

START_TEST(named_objects_stay_for_ever) {
  fixture f;
  set_up_now(&f);
  add_versions(&f, "digits", 3);
  for (int i = 0; i < 3; i++) {
    later(&f);
    mlcm_gc_result result = collect(&f, 0);
    ck_assert_int_eq(result.kept, 3);
    ck_assert_int_eq(result.trashed + result.unlinked, 0);
  }
  mlcm_version *version = get_version(&f, "digits/2");
  CHECK_OK(mlcm_version_verify(f.reg, version, NULL, err));
  mlcm_version_free(version);
  tear_down(&f);
}
END_TEST

START_TEST(a_deleted_version_keeps_its_bytes) {
  fixture f;
  set_up_now(&f);
  add_versions(&f, "digits", 1);
  CHECK_OK(mlcm_version_delete(f.reg, "digits", 1, 0, NULL, err));
  later(&f);
  ck_assert_int_eq(collect(&f, 0).kept, 1);
  CHECK_OK(mlcm_version_restore(f.reg, "digits", 1, NULL, err));
  tear_down(&f);
}
END_TEST

START_TEST(a_young_object_is_spared) {
  fixture f;
  uint8_t sha256[32];
  set_up_now(&f);
  orphan(&f, "x", sha256);
  mlcm_gc_result result = collect(&f, 0);
  ck_assert_int_eq(result.kept, 1);
  ck_assert(is_there(&f, sha256));
  tear_down(&f);
}
END_TEST

START_TEST(an_unnamed_object_goes_in_two_steps) {
  fixture f;
  uint8_t sha256[32];
  set_up_now(&f);
  orphan(&f, "four", sha256);
  later(&f);
  mlcm_gc_result first = collect(&f, 0);
  ck_assert_int_eq(first.trashed, 1);
  ck_assert_int_eq(first.trashed_bytes, 4);
  ck_assert_int_eq(first.unlinked, 0);
  ck_assert(!is_there(&f, sha256));
  mlcm_gc_result second = collect(&f, 0); /* at once: the second grace time is not over */
  ck_assert_int_eq(second.trashed + second.unlinked, 0);
  later(&f);
  mlcm_gc_result third = collect(&f, 0);
  ck_assert_int_eq(third.unlinked, 1);
  ck_assert_int_eq(third.unlinked_bytes, 4);
  char *trash = test_path(f.reg_dir, "trash");
  ck_assert_uint_eq(test_count_entries(trash), 0);
  free(trash);
  tear_down(&f);
}
END_TEST

START_TEST(a_dry_run_counts_and_changes_nothing) {
  fixture f;
  uint8_t sha256[32];
  set_up_now(&f);
  orphan(&f, "x", sha256);
  later(&f);
  int64_t before = audit_size(&f);
  ck_assert_int_eq(collect(&f, 1).trashed, 1);
  ck_assert(is_there(&f, sha256));
  ck_assert_int_eq(audit_size(&f), before);
  tear_down(&f);
}
END_TEST

START_TEST(a_read_only_registry_allows_a_dry_run_only) {
  fixture f;
  mlcm_gc_options options = MLCM_GC_OPTIONS_INIT;
  mlcm_gc_result result;
  set_up_now(&f);
  mlcm_registry *reader = open_registry(f.ctx, f.reg_dir, MLCM_OPEN_READ_ONLY);
  CHECK_FAILS(MLCM_REFUSED, "dry run", mlcm_gc(reader, &options, NULL, &result, err));
  options.dry_run = 1;
  CHECK_OK(mlcm_gc(reader, &options, NULL, &result, err));
  mlcm_registry_close(reader);
  tear_down(&f);
}
END_TEST

START_TEST(a_living_lease_holds_off_the_sweep_of_what_came_after_it) {
  fixture f;
  uint8_t sha256[32];
  mlcm__blob_lease *lease = NULL;
  set_up_now(&f);
  CHECK_OK(mlcm__blob_lease_open(f.reg->blobs, &lease, err));
  orphan(&f, "uploading for hours", sha256);
  later(&f);
  later(&f);
  ck_assert_int_eq(collect(&f, 0).kept, 1);
  ck_assert(is_there(&f, sha256));
  mlcm__blob_lease_close(lease);
  ck_assert_int_eq(collect(&f, 0).trashed, 1);
  tear_down(&f);
}
END_TEST

START_TEST(a_named_object_comes_back_from_the_trash) {
  fixture f;
  mlcm_version *version = NULL;
  uint8_t sha256[32];
  set_up_now(&f);
  add_versions(&f, "digits", 1);
  version = get_version(&f, "digits/1");
  ck_assert(mlcm__unhex(mlcm_version_file(version, 0).sha256, 64, sha256));
  CHECK_OK(mlcm__blob_trash(f.reg->blobs, sha256, 1, err)); /* as a run that was cut off could never do, a damaged one might */
  CHECK_FAILS(MLCM_NOT_FOUND, "", mlcm_version_verify(f.reg, version, NULL, err));
  ck_assert_int_eq(collect(&f, 0).restored, 1);
  CHECK_OK(mlcm_version_verify(f.reg, version, NULL, err));
  mlcm_version_free(version);
  tear_down(&f);
}
END_TEST

START_TEST(a_registration_of_trashed_bytes_writes_them_again) {
  fixture f;
  uint8_t sha256[32];
  set_up_now(&f);
  orphan(&f, "again", sha256);
  later(&f);
  ck_assert_int_eq(collect(&f, 0).trashed, 1);
  ck_assert_int_eq(add_version(&f, "digits", "again", NULL), 1);
  ck_assert(is_there(&f, sha256));
  later(&f);
  mlcm_gc_result result = collect(&f, 0); /* the copy in the trash goes, the object stays */
  ck_assert_int_eq(result.unlinked, 1);
  ck_assert_int_eq(result.restored, 0);
  ck_assert(is_there(&f, sha256));
  tear_down(&f);
}
END_TEST

START_TEST(left_overs_of_dead_writers_are_removed) {
  fixture f;
  set_up_now(&f);
  char *left = test_path(f.reg_dir, "tmp/up-0011");
  test_write_file(left, "12345", 5);
  ck_assert_int_eq(collect(&f, 0).tmp_files, 0);
  later(&f);
  mlcm_gc_result result = collect(&f, 0);
  ck_assert_int_eq(result.tmp_files, 1);
  ck_assert_int_eq(result.tmp_bytes, 5);
  ck_assert(!test_exists(left));
  free(left);
  tear_down(&f);
}
END_TEST

START_TEST(a_sweep_is_in_the_feed_with_actor_and_reason) {
  fixture f;
  uint8_t sha256[32];
  mlcm_feed *feed = NULL;
  mlcm_gc_options options = MLCM_GC_OPTIONS_INIT;
  mlcm_attribution by = {"bob", "disk is full"};
  set_up_now(&f);
  orphan(&f, "x", sha256);
  later(&f);
  options.grace_ns = HOUR_NS;
  CHECK_OK(mlcm_gc(f.reg, &options, &by, NULL, err));
  CHECK_OK(mlcm_changes(f.reg, 0, 10, &feed, err));
  ck_assert_uint_eq(mlcm_feed_n(feed), 1);
  mlcm_change change = mlcm_feed_at(feed, 0);
  ck_assert_str_eq(change.kind, "gc.swept");
  ck_assert_str_eq(change.actor, "bob");
  ck_assert_str_eq(change.reason, "disk is full");
  ck_assert_ptr_nonnull(strstr(change.detail, "\"trashed\":1"));
  mlcm_feed_free(feed);
  tear_down(&f);
}
END_TEST

static int stop_at_once(void *user, int64_t done, int64_t total) {
  (void)user;
  (void)done;
  (void)total;
  return 1;
}

START_TEST(bad_options_and_a_stop_are_errors) {
  fixture f;
  mlcm_gc_options options = MLCM_GC_OPTIONS_INIT;
  set_up_now(&f);
  options.grace_ns = -1;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "grace_ns", mlcm_gc(f.reg, &options, NULL, NULL, err));
  options.grace_ns = 0;
  options.dry_run = 2;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "dry_run", mlcm_gc(f.reg, &options, NULL, NULL, err));
  options.dry_run = 0;
  options.progress.report = stop_at_once;
  CHECK_FAILS(MLCM_CANCELLED, "", mlcm_gc(f.reg, &options, NULL, NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "NULL", mlcm_gc(NULL, NULL, NULL, NULL, err));
  options.struct_size = 1;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "mlcm_gc_options: struct_size is 1", mlcm_gc(f.reg, &options, NULL, NULL, err));
  tear_down(&f);
}
END_TEST

/* ---- what happens meanwhile ---- */

/* A collection that reports every object it looks at: a second passes at each glance at the clock. Object "x" is to be swept, "y"
 * lies in the trash, which is looked at last. */
typedef struct watched {
  fixture f;
  uint8_t x[32];
  int64_t act_at; /* at this object ... */
  void (*act)(struct watched *w); /* NULL: stop */
} watched;

static int64_t ticking_mono(void *user) {
  test_clock *clock = user;
  return atomic_fetch_add(&clock->mono_ns, TEST_SECOND_NS);
}

static int act_in_time(void *user, int64_t done, int64_t total) {
  watched *w = user;
  ck_assert_int_eq(total, -1);
  if (done != w->act_at) return 0;
  if (!w->act) return 1;
  w->act_at = 0;
  w->act(w);
  return 0;
}

static mlcm_status collect_watched(watched *w, mlcm_gc_result *out, mlcm_error *err) {
  mlcm_gc_options options = MLCM_GC_OPTIONS_INIT;
  mlcm_clock clock = test_clock_table(&w->f.clock);
  uint8_t y[32];
  set_up_now(&w->f);
  orphan(&w->f, "y", y);
  later(&w->f);
  ck_assert_int_eq(collect(&w->f, 0).trashed, 1);
  orphan(&w->f, "x", w->x);
  clock.mono_ns = ticking_mono;
  options.grace_ns = HOUR_NS;
  options.progress = (mlcm_progress){act_in_time, w};
  mlcm_context *ctx = test_context(NULL, NULL, &clock);
  mlcm_registry *reg = open_registry(ctx, w->f.reg_dir, 0);
  mlcm_status st = mlcm_gc(reg, &options, NULL, out, err);
  mlcm_registry_close(reg);
  mlcm_context_free(ctx);
  return st;
}

static void name_it(watched *w) { ck_assert_int_eq(add_version(&w->f, "digits", "x", NULL), 1); }

/* As a registration does that finds the object there. */
static void write_it_anew(watched *w) {
  char hex[65], name[128];
  const struct timespec now = {.tv_sec = mlcm_context_now(w->f.ctx).wall_ns / TEST_SECOND_NS};
  const struct timespec times[2] = {now, now};
  mlcm__hex(w->x, sizeof w->x, hex);
  (void)snprintf(name, sizeof name, "objects/%.2s/%s", hex, hex + 2);
  char *path = test_path(w->f.reg_dir, name);
  ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
  free(path);
}

START_TEST(what_is_named_or_written_anew_meanwhile_stays) {
  void (*const acts[])(watched *) = {name_it, write_it_anew};
  for (size_t i = 0; i < 2; i++) {
    watched w = {.act_at = 2, .act = acts[i]};
    mlcm_gc_result result = {0};
    CHECK_OK(collect_watched(&w, &result, err));
    ck_assert_int_eq(result.kept, 1);
    ck_assert_int_eq(result.trashed, 0);
    ck_assert(is_there(&w.f, w.x));
    tear_down(&w.f);
  }
}
END_TEST

START_TEST(a_stop_says_how_many_objects_were_looked_at) {
  for (int64_t n = 1; n <= 2; n++) {
    watched w = {.act_at = n};
    char part[64];
    (void)snprintf(part, sizeof part, "stopped by the caller, objects looked at: %lld", (long long)n);
    CHECK_FAILS(MLCM_CANCELLED, part, collect_watched(&w, NULL, err));
    ck_assert(is_there(&w.f, w.x));
    tear_down(&w.f);
  }
}
END_TEST

/* ---- cut off anywhere ---- */

typedef struct cut {
  fixture f;
  int64_t now;
} cut;

static mlcm_status collect_with_faults(mlcm_context *ctx, void *user, mlcm_error *err) {
  cut *c = user;
  mlcm_registry *reg = NULL;
  mlcm_gc_options options = MLCM_GC_OPTIONS_INIT;
  options.grace_ns = 1;
  mlcm_status st = mlcm_registry_open(ctx, c->f.reg_dir, NULL, &reg, err);
  if (!st) st = mlcm_gc(reg, &options, NULL, NULL, err);
  mlcm_registry_close(reg);
  return st;
}

static void named_is_whole(void *user) {
  cut *c = user;
  mlcm_version *version = get_version(&c->f, "digits/1");
  uint8_t sha256[32];
  char bytes[32];
  CHECK_OK(mlcm_version_verify(c->f.reg, version, NULL, err));
  mlcm_version_free(version);
  (void)snprintf(bytes, sizeof bytes, "orphan %lld", (long long)c->now++ % 5);
  orphan(&c->f, bytes, sha256);
}

START_TEST(a_collection_that_fails_anywhere_loses_nothing) {
  cut c = {0};
  set_up_now(&c.f);
  add_versions(&c.f, "digits", 1);
  named_is_whole(&c);
  ck_assert_uint_gt(test_fault_memory(collect_with_faults, named_is_whole, &c), 20);
  tear_down(&c.f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {
      named_objects_stay_for_ever,
      a_deleted_version_keeps_its_bytes,
      a_young_object_is_spared,
      an_unnamed_object_goes_in_two_steps,
      a_dry_run_counts_and_changes_nothing,
      a_read_only_registry_allows_a_dry_run_only,
      a_living_lease_holds_off_the_sweep_of_what_came_after_it,
      a_named_object_comes_back_from_the_trash,
      a_registration_of_trashed_bytes_writes_them_again,
      left_overs_of_dead_writers_are_removed,
      a_sweep_is_in_the_feed_with_actor_and_reason,
      bad_options_and_a_stop_are_errors,
      what_is_named_or_written_anew_meanwhile_stays,
      a_stop_says_how_many_objects_were_looked_at,
      a_collection_that_fails_anywhere_loses_nothing,
  };
  return TEST_RUN("registry_gc", tests);
}
