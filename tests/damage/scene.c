/* SPDX-License-Identifier: Apache-2.0
 *
 * scene.c - see scene.h.
 */
#include "damage/scene.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

#include "rollout/fixture.h"
#include "store/blob.h"

enum { LOG_ENTRIES = 270, NAME_BYTES = 64 }; /* more than one tile of the audit log */
#define HOUR_NS (INT64_C(3600) * TEST_SECOND_NS)

/* ---- trees of files ---- */

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where) {
  (void)st;
  (void)type;
  (void)where;
  return remove(path);
}

void scene_remove(const char *path) {
  if (test_exists(path)) ck_assert_msg(nftw(path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0, "%s cannot be removed", path);
}

static void copy_link(const char *from, const char *to) {
  char target[4096] = "";
  ck_assert_int_ge(readlink(from, target, sizeof target - 1), 0);
  ck_assert_int_eq(symlink(target, to), 0);
}

static void copy_file(const char *from, const char *to, const struct stat *st) {
  size_t len = 0;
  char *bytes = test_read_file(from, &len);
  const struct timespec times[2] = {st->st_atim, st->st_mtim};
  test_write_file(to, bytes, len);
  free(bytes);
  ck_assert_int_eq(chmod(to, st->st_mode & 07777), 0);
  ck_assert_int_eq(utimensat(AT_FDCWD, to, times, 0), 0);
}

static void copy_tree(const char *from, const char *to, int depth);

static void copy_entries(const char *from, const char *to, int depth) {
  DIR *dir = opendir(from);
  ck_assert_msg(dir && depth < 16, "%s", from);
  for (struct dirent *entry; (entry = readdir(dir)) != NULL;) {
    if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) continue;
    char *source = test_path(from, entry->d_name), *target = test_path(to, entry->d_name);
    copy_tree(source, target, depth + 1);
    free(target);
    free(source);
  }
  closedir(dir);
}

static void copy_tree(const char *from, const char *to, int depth) {
  struct stat st;
  ck_assert_int_eq(lstat(from, &st), 0);
  if (S_ISLNK(st.st_mode)) {
    copy_link(from, to);
  } else if (S_ISFIFO(st.st_mode)) {
    ck_assert_int_eq(mkfifo(to, 0644), 0);
  } else if (S_ISDIR(st.st_mode)) {
    ck_assert_int_eq(mkdir(to, 0755), 0);
    copy_entries(from, to, depth);
    ck_assert_int_eq(chmod(to, st.st_mode & 07777), 0);
  } else {
    copy_file(from, to, &st);
  }
}

void scene_copy(const char *from, const char *to) {
  scene_remove(to);
  copy_tree(from, to, 0);
}

/* ---- what has happened ---- */

static const mlcm_attribution bob = {"bob", "better on the holdout set"};

/* No two changes at one time. */
static mlcm_registry *later(fixture *f) {
  test_clock_advance(&f->clock, SECOND + 1234567);
  return f->reg;
}

static void evaluate(fixture *f, int64_t version, const char *name, double accuracy, const char *dataset) {
  const mlcm_score scores[] = {{"accuracy", accuracy}, {"loss", 1 - accuracy}};
  const mlcm_evaluation evaluation = {
      .name = name, .dataset_digest = dataset, .scores = scores, .n_scores = 2, .n_samples = 600 + version};
  CHECK_OK(mlcm_evaluate(later(f), "digits", version, &evaluation, &bob, err));
}

static void register_folder(fixture *f) {
  static const char digest[] = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
  static const char *const aliases[] = {"canary"};
  static const mlcm_tag tags[] = {{"owner", "vision"}, {"stage", "beta"}};
  mlcm_register_options options = MLCM_REGISTER_OPTIONS_INIT;
  options.description = "two files and all that can be said of them";
  options.aliases = aliases;
  options.n_aliases = 1;
  options.tags = tags;
  options.n_tags = 2;
  options.parent = "digits/2";
  options.dataset_digest = digest;
  options.source_revision = "4f1c2d3";
  options.run_link = "https://runs.example/17";
  char *folder = test_path(f->dir, "folder");
  ck_assert_int_eq(mkdir(folder, 0755), 0);
  free(make_file(f, "folder/weights.bin", "weights of the third"));
  free(make_file(f, "folder/labels.txt", "zero\none\ntwo\n"));
  CHECK_OK(mlcm_register(later(f), "digits", folder, &options, &bob, NULL, err));
  free(folder);
}

/* An object that nothing names, so old that it goes into the trash. */
static void fill_trash(fixture *f) {
  uint8_t sha256[32];
  char hex[65], name[NAME_BYTES * 2];
  mlcm_gc_options options = MLCM_GC_OPTIONS_INIT;
  const struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
  CHECK_OK(mlcm__blob_put(f->reg->blobs, "nobody's", 8, sha256, err));
  mlcm__hex(sha256, sizeof sha256, hex);
  (void)snprintf(name, sizeof name, "objects/%.2s/%s", hex, hex + 2);
  char *path = test_path(f->reg_dir, name);
  ck_assert_int_eq(utimensat(AT_FDCWD, path, old, 0), 0);
  free(path);
  options.grace_ns = HOUR_NS;
  CHECK_OK(mlcm_gc(f->reg, &options, NULL, NULL, err));
}

static void keep_house(fixture *f) {
  char sha256[65];
  add_versions(f, "digits", 2);
  register_folder(f);
  add_versions(f, "other", 2);
  CHECK_OK(mlcm_model_describe(later(f), "digits", "reads digits", &bob, err));
  CHECK_OK(mlcm_model_create(later(f), "empty", "of nothing yet", NULL, err));
  (void)later(f);
  move_alias(f, "digits", "champion", 1);
  (void)later(f);
  move_alias(f, "digits", "champion", 3);
  CHECK_OK(mlcm_alias_set(later(f), "digits", "champion", 2, 3, 0, &bob, err));
  (void)later(f);
  move_alias(f, "digits", "shadow", 1);
  CHECK_OK(mlcm_alias_undo(later(f), "digits", "champion", MLCM_ALIAS_ANY, 0, NULL, NULL, err));
  CHECK_OK(mlcm_alias_delete(later(f), "digits", "shadow", MLCM_ALIAS_ANY, 0, NULL, err));
  evaluate(f, 2, "holdout", 0.9, NULL);
  evaluate(f, 2, "holdout", 0.95, "sha256:ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff");
  evaluate(f, 3, "nightly", 0.7, NULL);
  CHECK_OK(mlcm_version_tag_set(later(f), "digits", 2, "team", "vision", NULL, err));
  CHECK_OK(mlcm_version_tag_set(later(f), "digits", 3, "stage", "gold", &bob, err));
  CHECK_OK(mlcm_version_tag_set(later(f), "digits", 2, "gone", "soon", NULL, err));
  CHECK_OK(mlcm_version_tag_delete(later(f), "digits", 2, "gone", NULL, err));
  CHECK_OK(mlcm_model_tag_set(later(f), "digits", "kind", "cnn", NULL, err));
  CHECK_OK(mlcm_model_tag_set(later(f), "digits", "use", "demo", NULL, err));
  CHECK_OK(mlcm_version_describe(later(f), "digits", 1, "the first", NULL, err));
  CHECK_OK(mlcm_policy_put(later(f), mlcm_str_of("checks: []\n"), &bob, sha256, err));
  CHECK_OK(mlcm_policy_put(later(f), mlcm_str_of("checks: [] # again\n"), NULL, sha256, err));
  CHECK_OK(mlcm_version_delete(later(f), "other", 1, 0, &bob, err));
  CHECK_OK(mlcm_version_restore(later(f), "other", 1, NULL, err));
  CHECK_OK(mlcm_version_delete(later(f), "other", 1, 0, NULL, err));
  add_versions(f, "old", 1);
  CHECK_OK(mlcm_model_delete(later(f), "old", 0, &bob, err));
  fill_trash(f);
}

/* ---- rollouts ---- */

#define PLAN_OF_3                                                                                                             \
  "mlcm: rollout/v1\nendpoint: m\ncandidate: m/3\nsteps: [{weight: 5%, for: 5s}]\nsample_ratio_alpha: 0\n"                    \
  "override: [{attribute: x-canary, value: always, to: candidate}]\n"                                                        \
  "checks: [{name: errors, compare: error, tolerate: 2x}]\n"

/* One that is promoted, one that is rolled back, one that is paused and was asked to go on. */
static void roll_out(rolling *r) {
  mlcm_action action = 0;
  rolling_start(r, quick_plan);
  for (int i = 0; i < 8 && action != MLCM_ACTION_PROMOTE; i++) action = run_good(r, r->rollout, 40);
  ck_assert_int_eq(action, MLCM_ACTION_PROMOTE);
  mlcm_rollout_close(r->rollout);
  rolling_start(r, PLAN_OF_3);
  serve(r, &r->s, 500, 100, 500, 5);
  ck_assert_int_eq(tick_action(r, r->rollout), MLCM_ACTION_ROLL_BACK);
  mlcm_rollout_close(r->rollout);
  rolling_start(r, PLAN_OF_3);
  serve(r, &r->s, 100, 1, 500, 5);
  ck_assert_int_eq(tick_action(r, r->rollout), 0);
  CHECK_OK(mlcm_rollout_command(r->rollout, MLCM_COMMAND_PAUSE, &(mlcm_attribution){"bob", "lunch"}, err));
  ck_assert_int_eq(tick_action(r, r->rollout), MLCM_ACTION_PAUSE);
  CHECK_OK(mlcm_rollout_command(r->rollout, MLCM_COMMAND_RESUME, &(mlcm_attribution){"bob", "fed"}, err));
}

/* An endpoint that only follows its alias. */
static void make_endpoint(fixture *f) {
  mlcm__db_conn *conn = NULL;
  mlcm__endpoint_row row;
  CHECK_OK(mlcm__registry_write_begin(f->reg, &conn, err));
  CHECK_OK(mlcm__endpoint_ensure(conn, f->reg, "reader", "digits", "champion", &row, err));
  CHECK_OK(mlcm__registry_commit(f->reg, &conn, err));
  (void)later(f);
  move_alias(f, "digits", "champion", 1);
}

static void lengthen_log(fixture *f) {
  int64_t head = 0;
  char value[NAME_BYTES];
  while (head < LOG_ENTRIES) {
    (void)snprintf(value, sizeof value, "%lld", (long long)head);
    CHECK_OK(mlcm_version_tag_set(later(f), "digits", 2, "seen", value, NULL, err));
    CHECK_OK(mlcm_changes_head(f->reg, &head, err));
  }
}

static void checkpoint(const char *dir) {
  sqlite3 *raw = NULL;
  char *path = test_path(dir, "registry.db");
  ck_assert_int_eq(sqlite3_open_v2(path, &raw, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
  ck_assert_int_eq(sqlite3_exec(raw, "SELECT count(*) FROM model; PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
  ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
  free(path);
}

/* ---- the scene ---- */

void scene_open(scene *s) {
  rolling r;
  rolling_set_up(&r);
  keep_house(&r.f);
  make_endpoint(&r.f);
  roll_out(&r);
  lengthen_log(&r.f);
  s->dir = test_temp_dir();
  s->good = test_path(s->dir, "good");
  s->work = test_path(s->dir, "work");
  s->used = test_path(s->dir, "used");
  s->backup = test_path(s->dir, "backup");
  CHECK_OK(mlcm_backup(r.f.reg, s->backup, NULL, NULL, NULL, err));
  mlcm_rollout_close(r.rollout);
  r.rollout = NULL;
  mlcm_registry_close(r.f.reg);
  r.f.reg = NULL;
  checkpoint(r.f.reg_dir);
  scene_copy(r.f.reg_dir, s->good);
  test_clock_init(&s->clock, r.f.clock.wall_ns + SECOND);
  const mlcm_clock clock = test_clock_table(&s->clock);
  s->ctx = test_context(NULL, NULL, &clock);
  rolling_tear_down(&r);
}

void scene_renew(scene *s) { scene_copy(s->good, s->work); }

void scene_close(scene *s) {
  mlcm_context_free(s->ctx);
  free(s->backup);
  free(s->used);
  free(s->work);
  free(s->good);
  test_temp_dir_remove(s->dir);
}
