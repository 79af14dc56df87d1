/* SPDX-License-Identifier: Apache-2.0
 *
 * sim_world.c - processes, clocks, traffic and faults of a simulated rollout.
 */
#include <errno.h>
#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fault/sqlite_shim.h"
#include "rollout/sim.h"
#include "store/db_sqlite.h"

/* ---- chance --------------------------------------------------------------------------------------------------------- */

/* SplitMix64. */
uint64_t sim_draw(sim *s) {
  uint64_t z = (s->state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

int sim_below(sim *s, int n) { return (int)(sim_draw(s) % (uint64_t)n); }

static int binomial(sim *s, int n, int per_mille) {
  int k = 0;
  for (int i = 0; i < n; i++) k += sim_below(s, 1000) < per_mille;
  return k;
}

void sim_say(sim *s, const char *format, ...) {
  va_list args;
  va_start(args, format);
  fprintf(s->trace, "%*s%4d  %6.1f s  ", 2 * s->depth, "", s->n_events, (double)s->now_ns / 1e9);
  vfprintf(s->trace, format, args);
  fputc('\n', s->trace);
  va_end(args);
}

/* ---- the prepared registry ------------------------------------------------------------------------------------------ */

/* Model m with versions 1 to 3, the champion once on 3 and now on 1, as files in memory. */
typedef struct prepared_file {
  char *name; /* relative */
  char *bytes;
  size_t len;
  bool is_dir;
} prepared_file;

static struct {
  char *root;
  prepared_file files[64];
  size_t n;
} prepared;

static int keep_entry(const char *path, const struct stat *st, int type, struct FTW *where) {
  const char *name = path + strlen(prepared.root);
  (void)st;
  if (where->level != 1) return 0; /* rollouts look at no artifact */
  ck_assert_uint_lt(prepared.n, sizeof(prepared.files) / sizeof(*prepared.files));
  prepared_file *file = &prepared.files[prepared.n++];
  file->name = strdup(name);
  file->is_dir = type == FTW_D;
  if (!file->is_dir) file->bytes = test_read_file(path, &file->len);
  return 0;
}

static void prepare(void) {
  fixture f;
  sqlite3 *raw = NULL;
  if (!getenv("TMPDIR") && access("/dev/shm", W_OK) == 0) ck_assert_int_eq(setenv("TMPDIR", "/dev/shm", 1), 0);
  set_up(&f);
  add_versions(&f, "m", SIM_VERSIONS);
  move_alias(&f, "m", "champion", 3);
  move_alias(&f, "m", "champion", 1);
  char *db = test_path(f.reg_dir, "registry.db");
  mlcm_registry_close(f.reg);
  ck_assert_int_eq(sqlite3_open(db, &raw), SQLITE_OK);
  ck_assert_int_eq(sqlite3_exec(raw, "PRAGMA wal_checkpoint(TRUNCATE)", NULL, NULL, NULL), SQLITE_OK);
  ck_assert_int_eq(sqlite3_close(raw), SQLITE_OK);
  free(db);
  prepared.root = f.reg_dir;
  ck_assert_int_eq(nftw(f.reg_dir, keep_entry, 16, FTW_PHYS), 0);
  f.reg = open_registry(f.ctx, f.reg_dir, 0);
  tear_down(&f);
}

void sim_forget(void) {
  for (size_t i = 0; i < prepared.n; i++) {
    free(prepared.files[i].name);
    free(prepared.files[i].bytes);
  }
  prepared.n = 0;
}

static void lay_out(const char *dir) {
  ck_assert_int_eq(mkdir(dir, 0750), 0);
  for (size_t i = 0; i < prepared.n; i++) {
    const prepared_file *file = &prepared.files[i];
    char *path = test_path(dir, file->name + 1);
    if (file->is_dir)
      ck_assert_int_eq(mkdir(path, 0750), 0);
    else
      test_write_file(path, file->bytes, file->len);
    free(path);
  }
}

/* ---- clocks --------------------------------------------------------------------------------------------------------- */

static int64_t wall_of(void *user) {
  const sim_process *p = user;
  return TEST_EPOCH_NS + p->world->now_ns + p->wall_skew_ns;
}

static int64_t mono_now(const sim_process *p) { return 1000 * SECOND + p->world->now_ns + p->mono_skew_ns; }

/* Looking at the clock is where a process may be stopped: the scheduler does not ask. Not inside a write transaction: the others
 * would wait for the lock in real time. */
static int64_t mono_of(void *user) {
  sim_process *p = user;
  const bool writes = p->reg && p->reg->db->writer && p->reg->db->writer->in_tx;
  if (p->stop_at_call && !writes && ++p->n_mono_calls == p->stop_at_call) {
    const int64_t before = mono_now(p);
    p->stop_at_call = 0;
    sim_meanwhile(p->world, p->index);
    sim_moment_note(p->world, p->index, before); /* the tick may have looked at the clock before and looks at the meters now */
    sim_moment_note(p->world, p->index, 0);
  }
  return mono_now(p);
}

/* ---- faults --------------------------------------------------------------------------------------------------------- */

static int before_sqlite(void *user, shim_call call) {
  static const int codes[SHIM_CALLS] = {SQLITE_CANTOPEN,    SQLITE_IOERR_READ,   SQLITE_FULL,         SQLITE_IOERR_TRUNCATE,
                                        SQLITE_IOERR_FSYNC, SQLITE_IOERR_FSTAT,  SQLITE_IOERR_DELETE, SQLITE_IOERR_ACCESS,
                                        SQLITE_IOERR_LOCK,  SQLITE_IOERR_SHMLOCK};
  sim *s = user;
  if (!s->sql_fail_in || (s->sync_only && call != SHIM_SYNC)) return SQLITE_OK;
  if (s->sql_fail_in > 1) {
    s->sql_fail_in--;
    return SQLITE_OK;
  }
  if (!s->sql_ever_after) s->sql_fail_in = 0;
  return codes[call];
}

void sim_arm(sim *s, int i, int kind, int n, bool ever_after) {
  sim_process *p = &s->process[i];
  s->is_faulty = true;
  if (kind == 0) {
    p->memory.fail_at = p->memory.n_calls + (size_t)n;
    p->memory.fail_ever_after = ever_after;
  } else if (kind == 1) {
    p->io.counted = TEST_IO_ALL;
    p->io.fail_at = p->io.n_calls + (size_t)n;
    p->io.fail_ever_after = ever_after;
  } else {
    s->sql_fail_in = n;
    s->sql_ever_after = ever_after;
    s->sync_only = kind == 3;
  }
}

/* A blind process cannot list the folder of the meters. */
void sim_disarm(sim *s, int i) {
  sim_process *p = &s->process[i];
  p->memory.fail_at = 0;
  p->io.counted = p->is_blind ? TEST_IO_LIST : 0;
  p->io.fail_at = p->is_blind ? 1 : 0;
  p->io.fail_ever_after = p->is_blind;
  s->sql_fail_in = 0;
  s->sync_only = false;
  s->is_faulty = false;
}

/* ---- processes ------------------------------------------------------------------------------------------------------ */

static void context_open(sim *s, int i) {
  sim_process *p = &s->process[i];
  mlcm_context_options options = MLCM_CONTEXT_OPTIONS_INIT;
  p->world = s;
  p->index = i;
  test_memory_init(&p->memory);
  test_io_init(&p->io);
  p->io.fail_errno = EIO;
  mlcm_io io = test_io_table(&p->io);
  options.allocator = test_memory_table(&p->memory);
  options.clock = (mlcm_clock){wall_of, mono_of, p};
  options.random = test_random_table(&p->random, s->seed * UINT64_C(31) + (uint64_t)i);
  options.io = &io;
  CHECK_OK(mlcm_context_new(&options, &p->ctx, err));
  sim_disarm(s, i);
}

void sim_process_open(sim *s, int i) {
  sim_process *p = &s->process[i];
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  options.actor = "ana";
  CHECK_OK(mlcm_registry_open(p->ctx, s->reg_dir, &options, &p->reg, err));
  if (i == SIM_PERSON) return;
  CHECK_OK(mlcm_rollout_open_by_id(p->reg, 1, &p->rollout, err));
  snprintf(s->name[i], sizeof(s->name[i]), "%s", p->rollout->lease.holder);
}

void sim_process_close(sim *s, int i) {
  sim_process *p = &s->process[i];
  mlcm_rollout_close(p->rollout);
  mlcm_registry_close(p->reg);
  p->rollout = NULL;
  p->reg = NULL;
}

void sim_process_die(sim *s, int i) {
  for (int kind = 0; kind < 3; kind++) sim_arm(s, i, kind, 1, true);
  sim_process_close(s, i);
  sim_disarm(s, i);
  s->n_crashes++;
}

/* ---- a life --------------------------------------------------------------------------------------------------------- */

static void meters_open(sim *s) {
  sim_process *person = &s->process[SIM_PERSON];
  mlcm__process self;
  CHECK_OK(mlcm__process_self(person->ctx, &self, err));
  for (int i = 0; i < SIM_SERVING; i++, self.pid++) { /* the second one is of a process that is gone: its counts stay */
    CHECK_OK(mlcm__meter_open(person->ctx, person->reg->run_dir, (uint64_t)s->endpoint, &self, &s->meter[i], err));
    CHECK_OK(mlcm__meter_outcome_index(s->meter[i], "wrong", &s->wrong[i], err));
  }
}

static void start_rollout(sim *s) {
  sim_process *first = &s->process[0];
  mlcm_rollout *rollout = NULL;
  mlcm__endpoint_row row;
  mlcm__db_conn *conn = NULL;
  sim_process_open(s, SIM_PERSON);
  CHECK_OK(mlcm_rollout_start(s->process[SIM_PERSON].reg, "plan.yaml", mlcm_str_of(s->plan->text), NULL, &rollout, err));
  mlcm_rollout_close(rollout);
  for (int i = 0; i < s->n_deciders; i++) sim_process_open(s, i);
  CHECK_OK(mlcm__db_read_begin(first->reg->db, &conn, err));
  CHECK_OK(mlcm__endpoint_find(conn, "m", &row, err));
  mlcm__db_read_end(conn);
  s->endpoint = row.id;
}

void sim_open(sim *s, unsigned seed, const sim_plan *plan, sim_mutation mutation) {
  if (!prepared.n) prepare();
  memset(s, 0, sizeof(*s));
  s->seed = seed;
  s->state = seed * UINT64_C(7919);
  s->plan = plan;
  s->mutation = mutation;
  s->good = 1;
  s->is_bad = sim_below(s, 2);
  s->n_deciders = sim_below(s, 4) ? 2 : SIM_DECIDERS;
  s->trace = open_memstream(&s->trace_text, &s->trace_len);
  s->dir = test_temp_dir();
  s->reg_dir = test_path(s->dir, "reg");
  lay_out(s->reg_dir);
  sqlite_shim_set(&(sqlite_shim){.user = s, .before = before_sqlite});
  for (int i = 0; i < SIM_PROCESSES; i++) context_open(s, i);
  start_rollout(s);
  meters_open(s);
  sim_observe_begin(s);
}

void sim_close(sim *s) {
  sim_observe_end(s);
  for (int i = 0; i < SIM_SERVING; i++) mlcm__meter_close(s->meter[i]);
  for (int i = 0; i < SIM_PROCESSES; i++) sim_process_close(s, i);
  for (int i = 0; i < SIM_PROCESSES; i++) {
    mlcm_context_free(s->process[i].ctx);
    test_memory_check_empty(&s->process[i].memory, "after a life");
    ck_assert_int_eq(atomic_load(&s->process[i].io.n_open), 0);
  }
  sqlite_shim_set(NULL);
  fclose(s->trace);
  free(s->trace_text);
  free(s->moments);
  free(s->reg_dir);
  test_temp_dir_remove(s->dir);
}

/* ---- traffic -------------------------------------------------------------------------------------------------------- */

/* n requests that each count as a unit and `repeats` of keys that were counted before. */
typedef struct wave {
  int64_t version, epoch;
  int n, n_bad, repeats, repeats_bad, wrong;
} wave;

static void count(sim *s, int kind, int64_t version, bool is_bad) {
  s->served[kind][version][0]++;
  s->served[kind][version][1] += is_bad;
}

static void answer(sim *s, int who, uint32_t cell, mlcm__scope scope, int64_t version, bool is_bad, bool is_wrong) {
  mlcm__meter_route(s->meter[who], cell, scope);
  mlcm__meter_complete(s->meter[who], cell, scope, 1000000, !is_bad);
  mlcm__meter_outcome(s->meter[who], cell, scope, s->wrong[who], is_wrong);
  count(s, SIM_REQUEST, version, is_bad);
  count(s, SIM_WRONG_REQUEST, version, is_wrong);
  if (scope != MLCM__SCOPE_KEY) return;
  count(s, SIM_KEY, version, is_bad);
  count(s, SIM_WRONG_KEY, version, is_wrong);
}

static void roll(sim *s, const wave *w) {
  const int who = sim_below(s, SIM_SERVING);
  uint32_t cell = 0;
  CHECK_OK(mlcm__meter_cell(s->meter[who], w->version, (uint64_t)w->epoch, &cell, err));
  for (int i = 0; i < w->n; i++) answer(s, who, cell, MLCM__SCOPE_KEY, w->version, i < w->n_bad, i < w->wrong);
  for (int i = 0; i < w->repeats; i++)
    answer(s, who, cell, MLCM__SCOPE_REQUEST, w->version, i < w->repeats_bad, i < w->repeats_bad);
}

static wave draw_wave(sim *s, int64_t version, int64_t epoch) {
  const bool is_bad = s->is_bad && version == 2;
  wave w = {.version = version, .epoch = epoch, .n = 30 + sim_below(s, 100), .repeats = sim_below(s, 20)};
  w.n_bad = binomial(s, w.n, is_bad ? 200 : 50);
  w.wrong = binomial(s, w.n, is_bad ? 300 : 100);
  w.repeats_bad = binomial(s, w.repeats, is_bad ? 200 : 50);
  return w;
}

void sim_serve(sim *s, bool is_late) {
  int64_t epoch = s->seen.epoch;
  if (is_late && epoch > 1) epoch = 1 + sim_below(s, (int)epoch);
  const int64_t stable = s->route[epoch][0], candidate = s->route[epoch][1];
  if (s->is_quiet || !stable) return;
  wave w = draw_wave(s, stable, epoch);
  roll(s, &w);
  if (!candidate || s->mutation == SIM_NO_DATA_NEEDED) return;
  w = draw_wave(s, candidate, epoch);
  roll(s, &w);
}

void sim_moment_note(sim *s, int i, int64_t mono_ns) {
  sim_process *p = &s->process[i];
  if (s->n_moments == s->moments_cap) {
    s->moments_cap = s->moments_cap ? 2 * s->moments_cap : 256;
    s->moments = realloc(s->moments, s->moments_cap * sizeof(*s->moments));
    ck_assert_ptr_nonnull(s->moments);
  }
  sim_moment *m = &s->moments[s->n_moments++];
  m->process = i;
  m->mono_ns = mono_ns ? mono_ns : mono_now(p);
  m->is_clean = !p->is_blind && !s->is_faulty && !mono_ns;
  for (int k = 0; k < SIM_KINDS; k++)
    m->served[k] = (sim_counts){s->served[k][2][0], s->served[k][2][1], s->served[k][1][0], s->served[k][1][1]};
}
