/* SPDX-License-Identifier: Apache-2.0
 *
 * crash_replay.c - the power goes at every moment of everything that changes a registry.
 *
 * A scenario is run once while crash_log.h notes what it does to its folder, the library's files and SQLite's alike. Then for each
 * prefix of that log and each way to lose what was not synced (crash_disk.h) the folder is laid out as the disk would have it, opened and
 * looked at (crash_check.h). A step that was acknowledged is there. One that was not is there whole or not at all: the database is in
 * the state before it or after it, or for a step of several transactions in one that a plain kill can show as well.
 *
 * Run bare it takes a sample; with --full, or MLCM_CRASH_FULL=SEEDS, every prefix, with so many seeds for what chance decides. The folder
 * of a violation is kept where MLCM_CRASH_KEEP names one.
 */
#include "rollout/fixture.h"

#include <sys/stat.h>

#include <mlcm/trust.h>

#include "base/fs.h"
#include "crash_check.h"
#include "crash_disk.h"
#include "crash_log.h"
#include "sqlite_shim.h"
#include "store/db_sqlite.h"
#include "support/soak.h"

enum { MAX_STEPS = 12, MAX_STATES = 64, SAMPLE_POINTS = 14, MAX_SEEN = 1 << 18, SHOWN = 10, SMALL_LOG_PAGES = 12, OLDER_SCHEMA = 5 };

typedef struct scene {
  rolling r; /* r.f.dir is the recorded folder; r.f.reg_dir in it */
  char *outside; /* files to register, not recorded */
  char *later;   /* one of them, for afterwards */
  crash_log log;
  mlcm_io io;
} scene;

/* `states`: how many states of the database a kill may show from before the step to after it; 2 is one transaction. */
typedef struct step {
  const char *name;
  void (*run)(scene *s);
  int states;
} step;

typedef struct scenario {
  const char *name;
  void (*prepare)(scene *s); /* NULL: nothing, not even a registry */
  step steps[MAX_STEPS];
  bool opens_anew; /* the step is the opening: whoever opens next finishes it */
  bool is_deaf;    /* no sync is taken note of: violations must be found */
} scenario;

/* What is known of the run when it is over. */
typedef struct history {
  int n_steps;
  size_t begin, end; /* effects */
  uint64_t after[MAX_STEPS + 1];
  int64_t audit[MAX_STEPS + 1];
  uint64_t between[MAX_STEPS + 1][MAX_STATES]; /* seen after a kill while step i ran */
  int n_between[MAX_STEPS + 1];
  long n_expected; /* violations of a deaf scenario */
} history;

static struct {
  int seeds; /* 0: a sample */
  int plays, n_tests;
  time_t began;
  long enumerated, states, violations;
} run;

/* Each scenario may use its share of the time that is left when MLCM_TEST_UNTIL says when to end. */
static bool has_time(const scenario *what) {
  const time_t until = (time_t)test_variable("MLCM_TEST_UNTIL", 0);
  return !until || what->is_deaf || time(NULL) < run.began + (until - run.began) * run.plays / run.n_tests;
}

/* ---- what scenarios are made of ---- */

static void put_version(scene *s, const char *model, const char *bytes, const mlcm_register_options *options) {
  char *path = test_path(s->outside, "model.bin");
  test_write_file(path, bytes, strlen(bytes));
  CHECK_OK(mlcm_register(s->r.f.reg, model, path, options, NULL, NULL, err));
  free(path);
}

/* Checkpoints are frequent, so that the database file is written again and again as well as its log. */
static void make_registry(scene *s) {
  s->r.f.reg = open_registry(s->r.f.ctx, s->r.f.reg_dir, MLCM_OPEN_CREATE);
  s->r.f.reg->db->checkpoint_at = SMALL_LOG_PAGES;
}

/* As an earlier library might have left it: the first tables only. */
static void make_older_database(scene *s) {
  char *path = test_path(s->r.f.reg_dir, "registry.db"), *lock = test_path(s->r.f.reg_dir, "registry.lock");
  const mlcm__db_options options = {.create = true,
                                    .application_id = MLCM__REGISTRY_APPLICATION_ID,
                                    .migrations = mlcm__registry_migrations,
                                    .n_migrations = OLDER_SCHEMA,
                                    .lock_path = lock};
  mlcm__db *db = NULL;
  CHECK_OK(mlcm__make_dirs(s->r.f.ctx, s->r.f.reg_dir, 0755, err));
  CHECK_OK(mlcm__db_open(s->r.f.ctx, path, &options, &db, err));
  mlcm__db_close(db);
  free(path);
  free(lock);
}

static void make_versions(scene *s) {
  make_registry(s);
  put_version(s, "m", "first", NULL);
  put_version(s, "m", "second", NULL);
  put_version(s, "m", "third", NULL);
  move_alias(&s->r.f, "m", "champion", 1);
}

static void register_with_all(scene *s) {
  const char *const aliases[] = {"champion", "challenger"};
  const mlcm_tag tags[] = {{"team", "vision"}};
  mlcm_register_options o = MLCM_REGISTER_OPTIONS_INIT;
  o.aliases = aliases;
  o.n_aliases = 2;
  o.tags = tags;
  o.n_tags = 1;
  o.parent = "m@champion";
  put_version(s, "m", "a new model, and why not longer than a sector: ......................................................", &o);
}

static void register_same(scene *s) { put_version(s, "m", "first", NULL); }

static void register_folder(scene *s) {
  static const char *const names[] = {"weights.bin", "labels.txt", "empty"};
  char *folder = test_path(s->outside, "folder");
  char *big = calloc(1, 3000);
  ck_assert(big && mkdir(folder, 0755) == 0);
  memset(big, 'w', 2999);
  for (int i = 0; i < 3; i++) {
    char *path = test_path(folder, names[i]);
    test_write_file(path, big, i == 0 ? 2999 : i == 1 ? 7 : 0);
    free(path);
  }
  CHECK_OK(mlcm_register(s->r.f.reg, "folder", folder, NULL, NULL, NULL, err));
  free(big);
  free(folder);
}

static void alias_to_two(scene *s) { move_alias(&s->r.f, "m", "champion", 2); }
static void alias_to_three(scene *s) { move_alias(&s->r.f, "m", "champion", 3); }
static void alias_undo(scene *s) { CHECK_OK(mlcm_alias_undo(s->r.f.reg, "m", "champion", MLCM_ALIAS_ANY, 0, NULL, NULL, err)); }
static void alias_delete(scene *s) { CHECK_OK(mlcm_alias_delete(s->r.f.reg, "m", "champion", MLCM_ALIAS_ANY, 0, NULL, err)); }

static void delete_version(scene *s) { CHECK_OK(mlcm_version_delete(s->r.f.reg, "m", 2, 0, NULL, err)); }
static void restore_version(scene *s) { CHECK_OK(mlcm_version_restore(s->r.f.reg, "m", 2, NULL, err)); }
static void delete_model(scene *s) { CHECK_OK(mlcm_model_delete(s->r.f.reg, "m", MLCM_FORCE, NULL, err)); }
static void restore_model(scene *s) { CHECK_OK(mlcm_model_restore(s->r.f.reg, "m", NULL, err)); }

/* Objects of registrations that never came to an end, and a clock far ahead of the file system's. */
static void make_garbage(scene *s) {
  uint8_t sha256[32];
  make_versions(s);
  for (int i = 0; i < 3; i++) {
    char bytes[32];
    const int len = snprintf(bytes, sizeof bytes, "garbage %d", i);
    CHECK_OK(mlcm__blob_put(s->r.f.reg->blobs, bytes, (size_t)len, sha256, err));
  }
  test_clock_set_wall(&s->r.f.clock, INT64_C(9000000000) * TEST_SECOND_NS);
}

static void collect(scene *s) {
  mlcm_gc_options o = MLCM_GC_OPTIONS_INIT;
  o.grace_ns = 1;
  test_clock_advance(&s->r.f.clock, TEST_SECOND_NS);
  CHECK_OK(mlcm_gc(s->r.f.reg, &o, NULL, NULL, err));
}

static void register_what_is_in_the_trash(scene *s) { put_version(s, "m", "garbage 1", NULL); }

static void start_rollout(scene *s) { rolling_start(&s->r, quick_plan); }

static void good_tick(scene *s) {
  serve(&s->r, &s->r.s, GOOD_N, 4, GOOD_N, 4);
  mlcm_decision_free(tick(&s->r, s->r.rollout));
}

static void bad_tick(scene *s) {
  serve(&s->r, &s->r.s, 500, 200, 500, 5);
  mlcm_decision *decision = tick(&s->r, s->r.rollout);
  ck_assert(decision && mlcm_decision_action(decision) == MLCM_ACTION_ROLL_BACK);
  mlcm_decision_free(decision);
}

static void run_to_promotion(scene *s) {
  mlcm_action action = 0;
  for (int i = 0; i < 8 && action != MLCM_ACTION_PROMOTE; i++) action = run_good(&s->r, s->r.rollout, 20);
  ck_assert_int_eq(action, MLCM_ACTION_PROMOTE);
}

static void undo_rollout(scene *s) { CHECK_OK(mlcm_rollout_undo(s->r.f.reg, "m", 0, NULL, NULL, err)); }

static void back_up(scene *s) {
  char *to = test_path(s->r.f.dir, "backup");
  CHECK_OK(mlcm_backup(s->r.f.reg, to, NULL, NULL, NULL, err));
  free(to);
}

static void restore_backup(scene *s) {
  char *from = test_path(s->r.f.dir, "backup"), *to = test_path(s->r.f.dir, "restored");
  CHECK_OK(mlcm_restore(s->r.f.ctx, from, to, NULL, NULL, NULL, err));
  free(from);
  free(to);
}

/* ---- recording ---- */

static void db_path(const char *dir, char out[600]) { (void)snprintf(out, 600, "%s/reg/registry.db", dir); }

static void remember(scene *s, history *h, int step_number) {
  char path[600];
  mlcm_audit_head head = {0};
  db_path(s->r.f.dir, path);
  h->after[step_number] = crash_db_state(path);
  if (s->r.f.reg) CHECK_OK(mlcm_audit_head_get(s->r.f.reg, &head, err));
  h->audit[step_number] = head.size;
}

static void record(const scenario *what, scene *s, history *h) {
  memset(s, 0, sizeof *s);
  memset(h, 0, sizeof *h);
  s->outside = test_temp_dir();
  s->later = test_path(s->outside, "later.bin");
  test_write_file(s->later, "later", 5);
  s->r.f.dir = test_temp_dir();
  s->r.f.reg_dir = test_path(s->r.f.dir, "reg");
  test_clock_init(&s->r.f.clock, TEST_EPOCH_NS);
  const mlcm_clock clock = test_clock_table(&s->r.f.clock);
  crash_log_begin(&s->log, s->r.f.dir);
  s->io = crash_log_io(&s->log);
  s->r.f.ctx = test_context(NULL, &s->io, &clock);
  crash_log_watch_sqlite(&s->log);
  s->log.is_deaf = what->is_deaf;
  if (what->prepare) what->prepare(s);
  h->begin = s->log.n;
  remember(s, h, 0);
  for (int i = 0; i < MAX_STEPS && what->steps[i].run; i++) {
    what->steps[i].run(s);
    h->n_steps = i + 1;
    crash_log_ack(&s->log, i + 1);
    remember(s, h, i + 1);
  }
  h->end = s->log.n;
}

static void put_away(scene *s) {
  mlcm_rollout_close(s->r.rollout);
  mlcm__meter_close(s->r.s.meter);
  mlcm_registry_close(s->r.f.reg);
  mlcm_context_free(s->r.f.ctx);
  crash_log_free(&s->log);
  free(s->later);
  test_temp_dir_remove(s->outside);
  free(s->r.f.reg_dir);
  test_temp_dir_remove(s->r.f.dir);
}

/* ---- replaying ---- */

typedef struct replay {
  const scenario *what;
  scene *s;
  history *h;
  mlcm_context *ctx;
  uint64_t *seen; /* states already looked at, with what was asked of them */
  size_t n_seen;
} replay;

static bool is_new(replay *p, uint64_t state, int acked) {
  const uint64_t key = (state ^ (uint64_t)acked) * 0x9E3779B97F4A7C15u | 1;
  size_t at = (size_t)(key >> 32) % MAX_SEEN;
  for (; p->seen[at]; at = (at + 1) % MAX_SEEN)
    if (p->seen[at] == key) return false;
  ck_assert_uint_lt(p->n_seen++, MAX_SEEN / 2);
  p->seen[at] = key;
  return true;
}

static int acked_at(const replay *p, size_t n) {
  int acked = 0;
  for (size_t i = 0; i < n; i++)
    if (p->s->log.effects[i].kind == EFFECT_ACK) acked = p->s->log.effects[i].id;
  return acked;
}

static bool is_between(const history *h, int step_number, uint64_t state) {
  for (int i = 0; i < h->n_between[step_number]; i++)
    if (h->between[step_number][i] == state) return true;
  return false;
}

/* Is this what may be left when steps up to `acked` are done and the next has begun? A kill shows which states a step passes through. */
static bool is_allowed(replay *p, int acked, crash_mode mode, uint64_t state, char *why) {
  history *h = p->h;
  const int next = acked < h->n_steps ? acked + 1 : acked;
  const int states = p->what->steps[next - 1].states;
  if (state == h->after[acked] || state == h->after[next]) return true;
  if (is_between(h, next, state)) return true;
  if (next > acked && mode == CRASH_KEPT && h->n_between[next] + 2 < states) {
    h->between[next][h->n_between[next]++] = state;
    return true;
  }
  (void)snprintf(why, CRASH_WHY, "the database is neither as before the step nor as after it (%d states between them seen)",
                 h->n_between[next]);
  return false;
}

static bool check_copies(const replay *p, const char *dir, int acked, char *why) {
  static const struct {
    void (*made_by)(scene *s);
    const char *name;
  } copies[] = {{back_up, "backup"}, {restore_backup, "restored"}};
  for (int i = 0; i < p->h->n_steps; i++) {
    for (size_t k = 0; k < 2; k++) {
      if (p->what->steps[i].run != copies[k].made_by) continue;
      char *copy = test_path(dir, copies[k].name);
      bool sound = test_exists(copy) ? crash_check_copy(p->ctx, copy, why) : acked < i + 1;
      if (!sound && !test_exists(copy)) (void)snprintf(why, CRASH_WHY, "'%s' is gone", copies[k].name);
      free(copy);
      if (!sound) return false;
    }
  }
  return true;
}

/* Whoever does not make registries finds a whole one or none, before anybody finishes the work. */
static bool is_whole_or_none(const replay *p, const char *dir, char *why) {
  mlcm_error err = {0};
  mlcm_registry *reg = NULL;
  const mlcm_status st = mlcm_registry_open(p->ctx, dir, NULL, &reg, &err);
  mlcm_registry_close(reg);
  if (st == MLCM_OK || (st == MLCM_NOT_FOUND && strstr(err.message, "there is no registry"))) return true;
  (void)snprintf(why, CRASH_WHY, "opening without making: %s: %s", mlcm_status_name(st), err.message);
  return false;
}

static bool look_at(replay *p, const char *dir, int acked, crash_mode mode, char *why) {
  const bool is_first = p->what->opens_anew;
  uint64_t state = 0;
  char *reg = test_path(dir, "reg"), *db = test_path(reg, "registry.db");
  const uint64_t found = is_first ? crash_db_state(db) : 0;
  bool sound = (!is_first || p->what->prepare || is_whole_or_none(p, reg, why)) &&
               crash_check_registry(p->ctx, reg, is_first ? MLCM_OPEN_CREATE : 0, p->h->audit[acked], p->s->later, &state, why);
  if (sound && is_first && acked == 0) {
    const bool is_old = !p->what->prepare || found == p->h->after[0];
    sound = state == p->h->after[1] && (is_old || found == state);
    if (!sound) (void)snprintf(why, CRASH_WHY, "the database was neither as before nor as after, or opening it did not finish the work");
  } else if (sound) {
    sound = is_allowed(p, acked, mode, state, why);
  }
  free(db);
  free(reg);
  return sound && check_copies(p, dir, acked, why);
}

static void tell(const replay *p, size_t n, int acked, crash_mode mode, uint64_t seed, const char *why) {
  const effect *last = n ? &p->s->log.effects[n - 1] : NULL;
  static const char *const kinds[] = {"enter", "leave", "move", "write", "truncate", "sync", "ack"};
  if (p->what->is_deaf) p->h->n_expected++;
  if (p->what->is_deaf || ++run.violations > SHOWN) return;
  printf("VIOLATION %s, in '%s', after effect %zu of %zu (%s %s, object %d), unsynced effects %s, seed %llu: %s\n", p->what->name,
         acked < p->h->n_steps ? p->what->steps[acked].name : "the end", n, p->h->end, last ? kinds[last->kind] : "nothing",
         last && last->name ? last->name : "", last ? last->id : -1, crash_mode_name(mode), (unsigned long long)seed, why);
}

static void crash(replay *p, size_t n, crash_mode mode, uint64_t seed, size_t *pending) {
  char why[CRASH_WHY] = "";
  const int acked = acked_at(p, n);
  crash_disk *disk = crash_disk_after(&p->s->log, n, mode, seed, pending);
  run.enumerated++;
  if (is_new(p, crash_disk_hash(disk), acked)) {
    char *dir = test_temp_dir();
    crash_disk_lay_out(disk, dir);
    run.states++;
    const bool sound = look_at(p, dir, acked, mode, why);
    if (!sound) tell(p, n, acked, mode, seed, why);
    if (sound || !getenv("MLCM_CRASH_KEEP")) test_temp_dir_remove(dir);
    else printf("kept in %s\n", dir);
  }
  crash_disk_free(disk);
}

/* Plain kills first: they show the states between that the other ways are measured against. */
static void crash_everywhere(replay *p) {
  const size_t length = p->h->end - p->h->begin;
  const size_t stride = run.seeds || length < SAMPLE_POINTS ? 1 : length / SAMPLE_POINTS;
  bool has_between = false;
  size_t pending = 0;
  for (int i = 0; i < p->h->n_steps; i++) has_between |= p->what->steps[i].states > 2;
  for (size_t n = p->h->begin; n <= p->h->end && has_time(p->what); n += has_between ? 1 : stride) crash(p, n, CRASH_KEPT, 0, &pending);
  const uint64_t seeds = run.seeds ? (uint64_t)run.seeds : 1;
  for (size_t n = p->h->begin; n <= p->h->end && has_time(p->what); n += stride) {
    for (crash_mode mode = CRASH_LOST; mode < CRASH_MODES; mode++) {
      const uint64_t tries = mode >= CRASH_TORN ? seeds : 1;
      for (uint64_t seed = 1; seed <= tries; seed++) {
        crash(p, n, mode, (test_seed(0) + seed) * 1000003 + n, &pending);
        if (!pending) break;
      }
      if (!pending) break;
    }
  }
}

static void play(const scenario *what) {
  scene s;
  history h;
  replay p = {.what = what, .s = &s, .h = &h};
  const long before = run.violations, states = run.states;
  run.plays++;
  record(what, &s, &h);
  sqlite_shim_set(NULL);
  const mlcm_clock clock = test_clock_table(&s.r.f.clock);
  p.ctx = test_context(NULL, NULL, &clock);
  p.seen = calloc(MAX_SEEN, sizeof *p.seen);
  ck_assert_ptr_nonnull(p.seen);
  crash_everywhere(&p);
  printf("%-8s %5zu effects in %d steps, %6ld states, %ld violations%s\n", what->name, h.end - h.begin, h.n_steps, run.states - states,
         run.violations - before + h.n_expected, what->is_deaf ? ", as there must be without syncs" : "");
  fflush(stdout);
  free(p.seen);
  mlcm_context_free(p.ctx);
  put_away(&s);
  ck_assert_int_eq(run.violations - before, 0);
  ck_assert((h.n_expected > 0) == what->is_deaf);
}

/* ---- the scenarios ---- */

START_TEST(first_creation) { play(&(scenario){"create", NULL, {{"make the registry", make_registry, 2}}, .opens_anew = true}); }
END_TEST

START_TEST(migrating) {
  play(&(scenario){"migrate", make_older_database, {{"open", make_registry, 2}}, .opens_anew = true});
}
END_TEST

START_TEST(registering) {
  play(&(scenario){"register",
                   make_versions,
                   {{"register with aliases, tags and parent", register_with_all, 2},
                    {"register bytes that are there", register_same, 2},
                    {"register a folder", register_folder, 2}}});
}
END_TEST

START_TEST(moving_an_alias) {
  play(&(scenario){"alias",
                   make_versions,
                   {{"move", alias_to_two, 2},
                    {"move again", alias_to_three, 2},
                    {"undo", alias_undo, 2},
                    {"delete", alias_delete, 2}}});
}
END_TEST

START_TEST(deleting_and_restoring) {
  play(&(scenario){"delete",
                   make_versions,
                   {{"delete a version", delete_version, 2},
                    {"restore it", restore_version, 2},
                    {"delete the model", delete_model, 2},
                    {"restore it", restore_model, 2}}});
}
END_TEST

START_TEST(collecting_garbage) {
  play(&(scenario){"gc",
                   make_garbage,
                   {{"to the trash", collect, 4},
                    {"register what is in the trash", register_what_is_in_the_trash, 2},
                    {"out of the trash", collect, 4},
                    {"nothing left", collect, 4}}});
}
END_TEST

START_TEST(rolling_back) {
  play(&(scenario){"rollback",
                   make_versions,
                   {{"start", start_rollout, 4}, {"a good tick", good_tick, 6}, {"a bad tick", bad_tick, 8}}});
}
END_TEST

START_TEST(promoting) {
  play(&(scenario){"promote",
                   make_versions,
                   {{"start", start_rollout, 4}, {"ticks until the promotion", run_to_promotion, MAX_STATES}, {"undo", undo_rollout, 4}}});
}
END_TEST

START_TEST(copying) {
  play(&(scenario){"backup", make_versions, {{"back up", back_up, 2}, {"restore", restore_backup, 2}}});
}
END_TEST

/* The test of the test: a library that never syncs is found out. */
START_TEST(without_syncs) {
  const long states = run.states, enumerated = run.enumerated;
  play(&(scenario){"deaf", make_versions, {{"move", alias_to_two, 2}, {"register", register_with_all, 2}}, .is_deaf = true});
  run.states = states;
  run.enumerated = enumerated;
}
END_TEST

int main(int argc, char **argv) {
  const char *full = getenv("MLCM_CRASH_FULL");
  const TTest *tests[] = {first_creation, migrating, registering, moving_an_alias, deleting_and_restoring,
                          collecting_garbage, rolling_back, promoting, copying, without_syncs};
  if (full) run.seeds = atoi(full);
  if (argc > 1 && strcmp(argv[1], "--full") == 0) run.seeds = argc > 2 ? atoi(argv[2]) : 4;
  if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0 && setenv("TMPDIR", "/dev/shm", 1) != 0) return 2;
  run.began = time(NULL);
  run.n_tests = (int)(sizeof tests / sizeof tests[0]);
  const int rc = TEST_RUN("fault_crash_replay", tests);
  printf("{\"what\":\"crash states\",\"n\":%ld,\"enumerated\":%ld,\"violations\":%ld}\n", run.states, run.enumerated, run.violations);
  return rc;
}
