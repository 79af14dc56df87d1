/* SPDX-License-Identifier: Apache-2.0
 *
 * test_faults_fsck.c - checking, repairing, backing up and restoring under every fault (faults.h): of a sound registry, and of
 * one in which everything that can be damaged is.
 */
#include "registry/faults.h"

#include "registry/rollouts.h"
#include "support/statement_fault.h" /* here too: it tells CMake to put it in front of SQLite */

/* Rows, texts, triggers and leaves: some can be put right, some only a backup has. */
static const char *const damages[] = {
    "UPDATE model SET n_versions = 7",
    "DELETE FROM metric",
    "UPDATE alias SET move_seq = 1",
    "INSERT INTO alias (model_id, name, version, move_seq) SELECT model_id, 'made', 2, move_seq FROM alias",
    "INSERT INTO alias (model_id, name, version, move_seq) SELECT model_id, 'lost', 9, move_seq FROM alias LIMIT 1",
    "UPDATE version SET size_bytes = 99 WHERE number = 2",
    "UPDATE version SET actor = 'eve', parent = '' WHERE number = 3",
    "UPDATE version SET description = 'forged' WHERE number = 2",
    ("INSERT INTO version (model_id, number, created_ns, updated_ns, actor, manifest_id, n_files, size_bytes)"
     " SELECT model_id, 8, 1, 1, 'eve', manifest_id, n_files, size_bytes FROM version WHERE number = 2"),
    "UPDATE version SET state = 2 WHERE number = 3",
    "UPDATE version_tag SET value = 'forged'",
    "INSERT INTO version_tag SELECT id, 'forged', 'x' FROM version",
    "UPDATE manifest SET text = CAST(replace(CAST(text AS TEXT), '\"size\":\"1\"', '\"size\":\"7\"') AS BLOB) WHERE id = 1",
    "UPDATE manifest SET sha256 = replace(sha256, substr(sha256, 1, 8), '00000000') WHERE id = 2",
    "UPDATE manifest SET text = CAST('{}' AS BLOB) WHERE id = 3",
    "UPDATE evaluation SET n_samples = 6000 WHERE id = 1",
    "UPDATE policy SET text = CAST('forged' AS BLOB)",
    "UPDATE evidence SET lines = 'forged' WHERE chunk = 2; DELETE FROM evidence WHERE chunk = 3",
    "UPDATE decision SET record = 'forged'",
    "UPDATE event SET actor = 'eve' WHERE kind = 'model.tag_set'",
    "INSERT INTO event (time_ns, kind, actor, audit_seq) VALUES (1, 'gc.swept', 'eve', 99)",
    "UPDATE audit_entry SET leaf = zeroblob(32) WHERE seq IN (4, 6)",
    "UPDATE manifest SET text = CAST(replace(CAST(text AS TEXT), '\"size\":\"10\"', '\"size\":\"7\"') AS BLOB) WHERE id = 5",
};

/* With these down the rows they guard are repaired all the same, and they are put up again. */
static const char guards[] = "DROP TRIGGER version_is_immutable; DROP TRIGGER manifest_is_immutable";

static void add_rollout(fixture *f) {
  static const uint8_t salt[MLCM__ROUTING_SALT_BYTES] = {7};
  mlcm__db_conn *conn = NULL;
  mlcm__endpoint_row endpoint;
  mlcm__rollout_head seen;
  mlcm__rollout_new row = {
      .stable = 2, .candidate = 3, .plan_name = "plan.yaml", .plan = "x", .policy_digest = "d", .salt = salt, .actor = "ana"};
  int64_t id = 0, epoch = 0;
  CHECK_OK(mlcm__registry_write_begin(f->reg, &conn, err));
  CHECK_OK(mlcm__endpoint_ensure(conn, f->reg, "e", "digits", NULL, &endpoint, err));
  row.endpoint_id = endpoint.id;
  CHECK_OK(mlcm__rollout_insert(conn, &row, &id, err));
  CHECK_OK(mlcm__rollout_read(conn, id, &seen, err));
  CHECK_OK(mlcm__lease_take(conn, &seen, "me", 1000, &epoch, err));
  for (int i = 0; i < 4; i++) {
    uint8_t digest[MLCM__SHA256_BYTES] = {0};
    uint8_t both[MLCM__SHA256_BYTES + 3];
    CHECK_OK(mlcm__rollout_read(conn, id, &seen, err));
    memcpy(both, seen.chain, sizeof seen.chain);
    memcpy(both + sizeof seen.chain, "{}\n", 3);
    CHECK_OK(mlcm__sha256_of(both, sizeof both, digest, err));
    CHECK_OK(mlcm__evidence_append(conn, id, epoch, "{}\n", 3, 1, digest, 1, err));
  }
  CHECK_OK(mlcm__registry_commit(f->reg, &conn, err));
}

/* digits/5: few files with long paths, so that what a report keeps does not fit its first block of memory. */
static void add_long_paths(const fixture *f) {
  enum { FILES = 6, FOLDERS = 4, NAME_BYTES = 240 };
  char name[NAME_BYTES + 1] = "";
  char *folder = test_path(f->dir, "long"), *inner = strdup(folder);
  mlcm_version *version = NULL;
  memset(name, 'x', NAME_BYTES);
  ck_assert_int_eq(mkdir(folder, 0755), 0);
  for (int i = 0; i < FOLDERS; i++) {
    char *deeper = test_path(inner, name);
    ck_assert_int_eq(mkdir(deeper, 0755), 0);
    free(inner);
    inner = deeper;
  }
  for (int i = 0; i < FILES; i++) {
    char bytes[16];
    (void)snprintf(bytes, sizeof bytes, "bytes of %d", i);
    char *path = test_path(inner, bytes);
    test_write_file(path, bytes, strlen(bytes));
    free(path);
  }
  CHECK_OK(mlcm_register(f->reg, "digits", folder, NULL, NULL, &version, err));
  mlcm_version_free(version);
  free(inner);
  free(folder);
}

static void build(world *w) {
  const mlcm_tag tags[] = {{"origin", "lab"}};
  mlcm_register_options options = MLCM_REGISTER_OPTIONS_INIT;
  mlcm_score score = {"accuracy", 0.9};
  mlcm_evaluation evaluation = {.name = "holdout", .scores = &score, .n_scores = 1, .n_samples = 600};
  options.tags = tags;
  options.n_tags = 1;
  options.description = "words";
  *w = (world){0};
  live(&w->f);
  ck_assert_int_eq(add_version(&w->f, "digits", "4", &options), 4);
  CHECK_OK(mlcm_evaluate(w->f.reg, "digits", 4, &evaluation, NULL, err));
  add_long_paths(&w->f);
  add_rollout(&w->f);
  w->spare = test_path(w->f.dir, "spare");
  CHECK_OK(mlcm_backup(w->f.reg, w->spare, NULL, NULL, NULL, err));
}

/* The object of digits/2 is changed and whole in the trash, that of digits/3 is gone. */
static char *changed, *lost, *trashed;

static void damage_objects(world *w) {
  (void)w;
  unlink(changed);
  unlink(lost);
  test_write_file(changed, "x", 1);
  test_write_file(trashed, "2", 1);
}

static void build_damaged(world *w) {
  build(w);
  changed = object_of(&w->f, "digits/2");
  lost = object_of(&w->f, "digits/3");
  const char *hex = strrchr(changed, '/') - 2; /* "ab/cdef..." */
  char name[128];
  (void)snprintf(name, sizeof name, "trash/%.2s%s-1", hex, hex + 3);
  trashed = test_path(w->f.reg_dir, name);
  for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) tamper(&w->f, damages[i]);
  sqlite3 *raw = open_raw(&w->f);
  ck_assert_int_eq(sqlite3_exec(raw, guards, NULL, NULL, NULL), SQLITE_OK);
  sqlite3_close(raw);
  w->prepare = damage_objects;
}

#define CALL world *w, mlcm_error *err

static mlcm_status look(world *w, int repair, const char *backup, mlcm_error *err) {
  mlcm_fsck_report *report = NULL;
  mlcm_fsck_options options = MLCM_FSCK_OPTIONS_INIT;
  char *json = NULL;
  options.repair = repair;
  options.backup = backup;
  mlcm_status st = mlcm_fsck(w->f.ctx, w->f.reg_dir, &options, NULL, &report, err);
  if (!st) st = mlcm_fsck_report_to_json(report, &json, err);
  mlcm_free(w->f.ctx, json);
  mlcm_fsck_report_free(report);
  return st;
}

static mlcm_status checking(CALL) { return look(w, 0, w->spare, err); }
static mlcm_status checking_alone(CALL) { return look(w, 0, NULL, err); }
static mlcm_status repairing(CALL) { return look(w, 1, w->spare, err); }

/* A copy in the scratch folder, which is removed again. */
static char *fresh(const world *w) { return test_path(w->f.dir, "fresh"); }

static mlcm_status backing_up(CALL) {
  mlcm_backup_result result;
  char *dest = fresh(w);
  mlcm_status st = mlcm_backup(w->f.reg, dest, NULL, NULL, &result, err);
  test_temp_dir_remove(dest);
  return st;
}

static mlcm_status restoring(CALL) {
  mlcm_backup_result result;
  char *dest = fresh(w);
  mlcm_status st = mlcm_restore(w->f.ctx, w->spare, dest, NULL, NULL, &result, err);
  test_temp_dir_remove(dest);
  return st;
}

enum { FLAGS = WORLD_SEVERAL | WORLD_FILES | WORLD_SITES };

START_TEST(a_sound_registry_under_every_fault) {
  world w;
  build(&w);
  keep_base(&w);
  world_attack(&w, "checking", checking, FLAGS);
  world_attack(&w, "backing up", backing_up, FLAGS);
  world_attack(&w, "restoring", restoring, FLAGS);
  world_end(&w);
}
END_TEST

START_TEST(a_damaged_registry_under_every_fault) {
  world w;
  build_damaged(&w);
  keep_base(&w);
  world_attack(&w, "checking", checking, FLAGS);
  world_attack(&w, "checking alone", checking_alone, FLAGS);
  world_attack(&w, "repairing", repairing, FLAGS);
  free(changed);
  free(lost);
  free(trashed);
  world_end(&w);
}
END_TEST

/* ---- one thing is wrong ---- */

START_TEST(a_backup_of_a_changed_object_under_every_fault) {
  world w;
  build(&w);
  changed = object_of(&w.f, "digits/2");
  keep_base(&w);
  flip(changed, 0);
  world_attack(&w, "backing up", backing_up, FLAGS);
  free(changed);
  world_end(&w);
}
END_TEST

static char *tmp;

static void lose_tmp(world *w) {
  (void)w;
  test_temp_dir_remove(strdup(tmp));
}

START_TEST(a_repair_of_a_lost_folder_on_a_failing_disk) {
  world w;
  build(&w);
  tmp = test_path(w.f.reg_dir, "tmp");
  keep_base(&w);
  w.prepare = lose_tmp;
  world_attack(&w, "making a folder", repairing, FLAGS | WORLD_CLOSED | WORLD_ONLY_FILES);
  free(tmp);
  world_end(&w);
}
END_TEST

START_TEST(a_repair_of_the_head_file_on_a_failing_disk) {
  world w;
  build(&w);
  keep_base(&w);
  memset(w.head, 'x', w.head_len);
  world_attack(&w, "writing the head", repairing, FLAGS | WORLD_ONLY_FILES);
  world_end(&w);
}
END_TEST

/* Without a database the objects are held against their names. */
START_TEST(objects_alone_under_every_fault) {
  world w;
  build(&w);
  changed = object_of(&w.f, "digits/2");
  keep_base(&w);
  memset(w.db, 'x', w.db_len);
  flip(changed, 0);
  world_attack(&w, "checking objects", checking_alone, FLAGS | WORLD_CLOSED);
  free(changed);
  world_end(&w);
}
END_TEST

int main(void) {
  take_over_crypto_memory();
  in_memory();
  const TTest *tests[] = {a_sound_registry_under_every_fault,
                          a_damaged_registry_under_every_fault,
                          a_backup_of_a_changed_object_under_every_fault,
                          a_repair_of_a_lost_folder_on_a_failing_disk,
                          a_repair_of_the_head_file_on_a_failing_disk,
                          objects_alone_under_every_fault};
  return TEST_RUN("registry_faults_fsck", tests);
}
