/* SPDX-License-Identifier: Apache-2.0
 *
 * test_full.c - a disk that fills up for real, under several processes that register and move aliases beside a rollout.
 *
 * Unlike the loops of tests/fault, in which one call after the other answers ENOSPC, here it is the kernel that has no room:
 * for the log and the shared index of SQLite, for mapped files, in the middle of a write, in all processes at once. Needs a
 * mount of its own; where the system forbids that, the test says why and is skipped. (A limit by RLIMIT_FSIZE is no
 * replacement: it bounds one file and answers EFBIG.)
 */
#include <fcntl.h>
#include <limits.h>
#include <sys/mman.h>
#include <sys/wait.h>

#include <mlcm/trust.h>

#include "disk/small_disk.h"
#include "rollout/fixture.h"
#include "store/blob.h"

enum {
  SKIPPED = 77,
  DISK_BYTES = 12 << 20,
  FILLERS = 4,
  ACKNOWLEDGED_MAX = 1000,
  REFUSALS = 8, /* in a row, then the disk counts as full for what was tried */
  LITTER_BYTES = 600000,
  BALLAST_BYTES = 2 << 20
};

/* What the children report, in memory that all share. */
typedef struct report {
  int64_t acknowledged[FILLERS][ACKNOWLEDGED_MAX]; /* [n] sizes of versions 1, 2 ... of the child's own model */
  int64_t n[FILLERS];
  int64_t alias[FILLERS];    /* where the alias stood after its last acknowledged move */
  int64_t refusals[FILLERS]; /* calls answered with MLCM_DISK_FULL */
} report;

typedef struct full {
  char *disk, *source; /* the small disk; a folder elsewhere for files to register */
  char *was_tmpdir;
  rolling r;
  report *report;
} full;

/* ---- children ---- */

/* Bytes that no other version has; the size tells them apart again. */
static void fill_bytes(char *bytes, int64_t size, int child, int64_t version) {
  memset(bytes, 'a' + child, (size_t)size);
  int n = snprintf(bytes, (size_t)size, "%d %lld ", child, (long long)version);
  bytes[n] = ' ';
}

static _Noreturn void die(const char *what, mlcm_status st, const mlcm_error *err) {
  fprintf(stderr, "%s: %s: %s\n", what, mlcm_status_name(st), err->message);
  _exit(1);
}

/* True: done. False: the disk is full, and the error says so. */
static bool done_or_full(report *to, int child, const char *what, mlcm_status st, const mlcm_error *err) {
  if (st == MLCM_OK) return true;
  if (st != MLCM_DISK_FULL || err->code != MLCM_DISK_FULL || strlen(err->message) < 10) die(what, st, err);
  to->refusals[child]++;
  return false;
}

static mlcm_status register_one(mlcm_registry *reg, const char *path, int child, int64_t size, int64_t version, mlcm_error *err) {
  char model[8];
  char *bytes = malloc((size_t)size);
  (void)snprintf(model, sizeof model, "f%d", child);
  if (!bytes) return MLCM_NO_MEMORY;
  fill_bytes(bytes, size, child, version);
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  bool written = fd >= 0 && write(fd, bytes, (size_t)size) == size;
  close(fd);
  free(bytes);
  return written ? mlcm_register(reg, model, path, NULL, NULL, NULL, err) : MLCM_IO;
}

/* Registers versions of one size until there is no room for any. */
static void fill_with(mlcm_registry *reg, report *to, const char *path, int child, int64_t size) {
  for (int refused = 0; refused < REFUSALS && to->n[child] < ACKNOWLEDGED_MAX;) {
    mlcm_error err = {0};
    mlcm_status st = register_one(reg, path, child, size, to->n[child] + 1, &err);
    bool done = done_or_full(to, child, "register", st, &err);
    if (done) to->acknowledged[child][to->n[child]++] = size;
    refused = done ? 0 : refused + 1;
  }
}

static void move_until_full(mlcm_registry *reg, report *to, int child) {
  char model[8];
  (void)snprintf(model, sizeof model, "f%d", child);
  for (int refused = 0; refused < REFUSALS;) {
    mlcm_error err = {0};
    int64_t version = to->alias[child] % 2 + 1;
    mlcm_status st = mlcm_alias_set(reg, model, "a", version, MLCM_ALIAS_ANY, 0, NULL, &err);
    bool done = done_or_full(to, child, "alias move", st, &err);
    if (done) to->alias[child] = version;
    refused = done ? 0 : refused + 1;
  }
}

static _Noreturn void fill_disk(const full *f, int child) {
  static const int64_t sizes[] = {150000, 20000, 100};
  char path[PATH_MAX];
  mlcm_context *ctx = NULL;
  mlcm_registry *reg = NULL;
  mlcm_error err = {0};
  (void)snprintf(path, sizeof path, "%s/file-%d", f->source, child);
  mlcm_status st = mlcm_context_new(NULL, &ctx, &err);
  if (!st) st = mlcm_registry_open(ctx, f->r.f.reg_dir, NULL, &reg, &err);
  if (st) die("open", st, &err);
  for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) fill_with(reg, f->report, path, child, sizes[i]);
  move_until_full(reg, f->report, child);
  _exit(0); /* no close: a checkpoint would make room */
}

static void fill_by_processes(const full *f) {
  pid_t children[FILLERS];
  fflush(NULL);
  for (int i = 0; i < FILLERS; i++) {
    children[i] = fork();
    ck_assert_int_ge(children[i], 0);
    if (children[i] == 0) fill_disk(f, i);
  }
  for (int i = 0; i < FILLERS; i++) {
    int status = 0;
    ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "process %d ended with %x", i, (unsigned)status);
    ck_assert_int_ge(f->report->refusals[i], REFUSALS);
  }
}

/* ---- the fixture ---- */

/* Somebody else's file on the same disk: what it gives back later is room for everybody. */
static void write_ballast(const full *f, int64_t size_bytes) {
  static const char zeros[4096];
  char *path = test_path(f->disk, "ballast");
  int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  ck_assert_int_ge(fd, 0);
  for (int64_t n = 0; n < size_bytes && write(fd, zeros, sizeof zeros) > 0; n += (int64_t)sizeof zeros) {
  }
  close(fd);
  free(path);
}

/* Two versions of each child's model: whoever comes last may find no room for any. */
static void register_first(full *f) {
  char *path = test_path(f->source, "first");
  for (int child = 0; child < FILLERS; child++)
    for (int64_t version = 1; version <= 2; version++) {
      CHECK_OK(register_one(f->r.f.reg, path, child, 100, version, err));
      f->report->acknowledged[child][f->report->n[child]++] = 100;
    }
  free(path);
}

/* A registry with a rollout under way, and garbage in it. */
static void full_set_up(full *f) {
  static char litter[LITTER_BYTES];
  uint8_t sha256[32];
  const char *tmpdir = getenv("TMPDIR");
  memset(f, 0, sizeof *f);
  f->was_tmpdir = tmpdir ? strdup(tmpdir) : NULL;
  f->source = test_temp_dir();
  f->disk = small_disk_mount(DISK_BYTES);
  ck_assert_int_eq(setenv("TMPDIR", f->disk, 1), 0);
  f->report = mmap(NULL, sizeof *f->report, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ck_assert_ptr_ne(f->report, MAP_FAILED);
  write_ballast(f, BALLAST_BYTES);
  rolling_set_up(&f->r);
  register_first(f);
  rolling_start(&f->r, quick_plan);
  serve(&f->r, &f->r.s, GOOD_N, 4, GOOD_N, 4);
  mlcm_decision_free(tick(&f->r, f->r.rollout));
  CHECK_OK(mlcm__blob_put(f->r.f.reg->blobs, litter, sizeof litter, sha256, err));
}

static void full_tear_down(full *f) {
  rolling_tear_down(&f->r);
  munmap(f->report, sizeof *f->report);
  if (f->was_tmpdir) ck_assert_int_eq(setenv("TMPDIR", f->was_tmpdir, 1), 0);
  else ck_assert_int_eq(unsetenv("TMPDIR"), 0);
  free(f->was_tmpdir);
  small_disk_unmount(f->disk);
  test_temp_dir_remove(f->source);
}

/* ---- what must hold ---- */

static void check_child_versions(const full *f, mlcm_registry *reg, int child) {
  for (int64_t i = 0; i < f->report->n[child]; i++) {
    char ref[32], *bytes = NULL, *expected = malloc((size_t)f->report->acknowledged[child][i]);
    size_t len = 0;
    mlcm_version *v = NULL;
    ck_assert_ptr_nonnull(expected);
    fill_bytes(expected, f->report->acknowledged[child][i], child, i + 1);
    (void)snprintf(ref, sizeof ref, "f%d/%lld", child, (long long)i + 1);
    CHECK_OK(mlcm_version_get(reg, ref, &v, err));
    CHECK_OK(mlcm_version_read(reg, v, mlcm_version_file(v, 0).path, &bytes, &len, err));
    bool same = (int64_t)len == f->report->acknowledged[child][i] && memcmp(bytes, expected, len) == 0;
    ck_assert_msg(same, "%s has other bytes than were registered", ref);
    mlcm_free(f->r.f.ctx, bytes);
    mlcm_version_free(v);
    free(expected);
  }
}

static void check_acknowledged(const full *f, mlcm_registry *reg) {
  for (int child = 0; child < FILLERS; child++) {
    char model[8];
    int64_t version = 0;
    mlcm_page *page = NULL;
    (void)snprintf(model, sizeof model, "f%d", child);
    check_child_versions(f, reg, child);
    mlcm_status st = mlcm_alias_get(reg, model, "a", &version, NULL);
    ck_assert(st == MLCM_OK || st == MLCM_NOT_FOUND);
    ck_assert_int_eq(version, f->report->alias[child]);
    CHECK_OK(mlcm_search_versions(reg, NULL, &page, err));
    mlcm_page_free(page);
  }
  CHECK_OK(mlcm_audit_verify(reg, NULL, NULL, NULL, err));
}

static void check_sound(const full *f) {
  mlcm_fsck_report *found = NULL;
  CHECK_OK(mlcm_fsck(f->r.f.ctx, f->r.f.reg_dir, NULL, NULL, &found, err));
  ck_assert_int_eq(mlcm_fsck_report_summary(found).damaged, 0);
  mlcm_fsck_report_free(found);
}

/* The last bytes as well, so that not even a page of the log can be written. */
static void take_the_rest(const full *f) {
  write_ballast(f, DISK_BYTES);
  ck_assert_int_lt(small_disk_free_bytes(f->disk), 4096);
}

static int n_filled; /* disks so far, for the table of soak.py */

static void fill(full *f) {
  fill_by_processes(f);
  take_the_rest(f);
  n_filled++;
}

static mlcm_registry *open_anew(const full *f, uint32_t flags, mlcm_status *out) {
  mlcm_error err = {0};
  mlcm_registry *reg = NULL;
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  options.flags = flags;
  *out = mlcm_registry_open(f->r.f.ctx, f->r.f.reg_dir, &options, &reg, &err);
  ck_assert_msg(*out == MLCM_OK || *out == MLCM_DISK_FULL, "%s: %s", mlcm_status_name(*out), err.message);
  return reg;
}

START_TEST(nothing_acknowledged_is_lost_and_reading_goes_on) {
  full f;
  mlcm_status st = MLCM_OK;
  full_set_up(&f);
  fill(&f);
  check_acknowledged(&f, f.r.f.reg);
  check_sound(&f);
  mlcm_registry *reader = open_anew(&f, MLCM_OPEN_READ_ONLY, &st);
  ck_assert_int_eq(st, MLCM_OK);
  check_acknowledged(&f, reader);
  mlcm_registry_close(reader);
  mlcm_registry *writer = open_anew(&f, 0, &st);
  if (writer) check_acknowledged(&f, writer);
  mlcm_registry_close(writer);
  full_tear_down(&f);
}
END_TEST

/* Everybody was gone when the disk was full: SQLite's log and index are not there and cannot be made. */
START_TEST(a_reader_that_comes_to_a_full_disk_alone_can_read) {
  full f;
  mlcm_status st = MLCM_OK;
  full_set_up(&f);
  fill_by_processes(&f);
  mlcm_rollout_close(f.r.rollout);
  mlcm_registry_close(f.r.f.reg);
  take_the_rest(&f);
  mlcm_registry *reader = open_anew(&f, MLCM_OPEN_READ_ONLY, &st);
  ck_assert_int_eq(st, MLCM_OK);
  check_acknowledged(&f, reader);
  f.r.f.reg = reader;
  f.r.rollout = NULL;
  full_tear_down(&f);
}
END_TEST

static void give_the_rest_back(const full *f) {
  char *path = test_path(f->disk, "ballast");
  ck_assert_int_eq(unlink(path), 0);
  free(path);
}

/* ---- every kind of change ---- */

static mlcm_status call_register(full *f, mlcm_error *err) {
  char *path = test_path(f->source, "file-0");
  mlcm_status st = register_one(f->r.f.reg, path, 0, 100, ++f->report->n[0], err);
  if (st) f->report->n[0]--;
  else f->report->acknowledged[0][f->report->n[0] - 1] = 100;
  free(path);
  return st;
}

static mlcm_status call_create(full *f, mlcm_error *err) { return mlcm_model_create(f->r.f.reg, "new", "text", NULL, err); }

static mlcm_status call_describe(full *f, mlcm_error *err) {
  return mlcm_version_describe(f->r.f.reg, "f0", 1, "text", NULL, err);
}

static mlcm_status call_tag(full *f, mlcm_error *err) { return mlcm_version_tag_set(f->r.f.reg, "f0", 1, "k", "v", NULL, err); }

static mlcm_status call_model_tag(full *f, mlcm_error *err) { return mlcm_model_tag_set(f->r.f.reg, "f0", "k", "v", NULL, err); }

static mlcm_status call_set(full *f, mlcm_error *err) {
  int64_t version = f->report->alias[1] % 2 + 1;
  mlcm_status st = mlcm_alias_set(f->r.f.reg, "f1", "a", version, MLCM_ALIAS_ANY, 0, NULL, err);
  if (!st) f->report->alias[1] = version;
  return st;
}

static mlcm_status call_delete(full *f, mlcm_error *err) { return mlcm_version_delete(f->r.f.reg, "m", 3, 0, NULL, err); }

static mlcm_status call_evaluate(full *f, mlcm_error *err) {
  const mlcm_score score = {"accuracy", 0.5};
  const mlcm_evaluation evaluation = {.name = "holdout", .scores = &score, .n_scores = 1};
  return mlcm_evaluate(f->r.f.reg, "f0", 1, &evaluation, NULL, err);
}

static mlcm_status call_policy(full *f, mlcm_error *err) {
  char sha256[65];
  return mlcm_policy_put(f->r.f.reg, MLCM_STR("checks: []"), NULL, sha256, err);
}

static mlcm_status call_pause(full *f, mlcm_error *err) {
  return mlcm_rollout_command(f->r.rollout, MLCM_COMMAND_PAUSE, NULL, err);
}

static mlcm_status call_backup(full *f, mlcm_error *err) {
  char *dest = test_path(f->source, "backup");
  mlcm_status st = mlcm_backup(f->r.f.reg, dest, NULL, NULL, NULL, err);
  free(dest);
  return st;
}

static const struct {
  const char *name;
  mlcm_status (*call)(full *f, mlcm_error *err);
} changes[] = {{"register", call_register}, {"create", call_create},     {"describe", call_describe}, {"tag", call_tag},
               {"model tag", call_model_tag},   {"alias", call_set},         {"delete", call_delete},     {"evaluate", call_evaluate},
               {"policy", call_policy},     {"pause", call_pause},       {"backup", call_backup}};

enum { CHANGES = sizeof changes / sizeof changes[0] };

START_TEST(every_change_says_that_the_disk_is_full_and_works_when_there_is_room) {
  full f;
  bool done[CHANGES] = {0};
  int refused = 0;
  full_set_up(&f);
  fill(&f);
  for (size_t i = 0; i < CHANGES; i++) {
    mlcm_error err = {0};
    done[i] = done_or_full(f.report, 0, changes[i].name, changes[i].call(&f, &err), &err);
    refused += !done[i];
  }
  ck_assert_int_gt(refused, CHANGES / 2);
  check_acknowledged(&f, f.r.f.reg);
  check_sound(&f);
  give_the_rest_back(&f);
  for (size_t i = 0; i < CHANGES; i++)
    if (!done[i]) CHECK_OK(changes[i].call(&f, err));
  check_acknowledged(&f, f.r.f.reg);
  check_sound(&f);
  full_tear_down(&f);
}
END_TEST

/* ---- a rollout ---- */

/* Ticks with good traffic in the cells that are there, which need no room. */
static void tick_on_full_disk(full *f, int n) {
  for (int i = 0; i < n; i++) {
    mlcm_error err = {0};
    mlcm_decision *decision = NULL;
    serve(&f->r, &f->r.s, GOOD_N, 4, GOOD_N, 4);
    test_clock_advance(&f->r.f.clock, SECOND);
    (void)done_or_full(f->report, 0, "tick", mlcm_rollout_tick(f->r.rollout, NULL, &decision, &err), &err);
    mlcm_decision_free(decision);
  }
}

START_TEST(a_rollout_waits_for_room_and_goes_on) {
  full f;
  mlcm_rollout_state *state = NULL;
  int decisions = 0;
  full_set_up(&f);
  fill(&f);
  tick_on_full_disk(&f, 20);
  ck_assert_int_gt(f.report->refusals[0], 0);
  ck_assert_int_eq(alias_of(&f.r.f, "m", "champion"), 1);
  give_the_rest_back(&f);
  for (int i = 0; i < 40 && mlcm_rollout_is_active(f.r.rollout); i++) {
    serve(&f.r, &f.r.s, GOOD_N, 4, GOOD_N, 4);
    decisions += tick_action(&f.r, f.r.rollout) != 0;
  }
  ck_assert_int_eq(alias_of(&f.r.f, "m", "champion"), 2);
  check_replay(&f.r, mlcm_rollout_id(f.r.rollout), decisions + 1);
  (void)summary_of(f.r.rollout, &state);
  mlcm_rollout_state_free(state);
  check_sound(&f);
  full_tear_down(&f);
}
END_TEST

/* ---- garbage ---- */

/* What the collection needs it makes for itself: what was in the trash goes before the first line is written. Two runs,
 * because what has * just come into the trash stays for a grace time. */
START_TEST(a_collection_makes_room_on_a_full_disk) {
  full f;
  mlcm_gc_result result = {0};
  full_set_up(&f);
  fill(&f);
  for (int i = 1; i <= 2; i++) {
    mlcm_error err = {0};
    test_clock_set_wall(&f.r.f.clock, INT64_C(4500000000) * i * TEST_SECOND_NS); /* all graces are over, and over again */
    mlcm_status st = mlcm_gc(f.r.f.reg, NULL, NULL, &result, &err);
    ck_assert_msg(st == MLCM_OK || (i == 1 && st == MLCM_DISK_FULL), "run %d: %s: %s", i, mlcm_status_name(st), err.message);
  }
  ck_assert_int_ge(result.unlinked_bytes, LITTER_BYTES);
  ck_assert_int_ge(small_disk_free_bytes(f.disk), LITTER_BYTES / 2);
  CHECK_OK(call_register(&f, err));
  CHECK_OK(call_set(&f, err));
  check_acknowledged(&f, f.r.f.reg);
  check_sound(&f);
  full_tear_down(&f);
}
END_TEST

int main(void) {
  const char *why = small_disk_allowed();
  if (why) {
    printf("skipped: a small disk cannot be mounted here: %s. What each single call does on a full disk, fault_api shows\n", why);
    return SKIPPED;
  }
  const TTest *tests[] = {nothing_acknowledged_is_lost_and_reading_goes_on, a_reader_that_comes_to_a_full_disk_alone_can_read,
                          every_change_says_that_the_disk_is_full_and_works_when_there_is_room,
                          a_rollout_waits_for_room_and_goes_on, a_collection_makes_room_on_a_full_disk};
  const int rc = TEST_RUN("disk_full", tests);
  printf("{\"what\":\"disks filled up\",\"n\":%d,\"violations\":0}\n", n_filled);
  return rc;
}
