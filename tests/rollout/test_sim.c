/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sim.c - whole rollouts under chance: two controllers that take turns, crash and come back, traffic that comes and goes, people
 * who command and move aliases, clocks that jump, a store that breaks. Seeded: a failure names its seed and happens again.
 *
 * What must hold at the end of each life:
 *   - a promotion or advance that nobody asked for stands on checks proven in that very step, on data of the candidate;
 *   - a bad candidate is never promoted and a good one never failed by itself;
 *   - every decision was handed out at most once, by one controller, and all are recorded in one row without gaps;
 *   - all traffic ends on the alias's target, which is stable, the promoted candidate, or what a person chose;
 *   - replay makes every decision again, byte for byte.
 */
#include "rollout/fixture.h"

#include "base/json.h"
#include "rollout/handle.h"
#include "support/soak.h"

enum { LIVES = 20, EVENTS = 150, MAX_DECISIONS = 64 };

typedef struct sim {
  rolling r;
  uint64_t state;
  unsigned seed;
  mlcm_rollout *holder[2];
  bool is_bad, is_quiet, is_broken, was_forced;
  int handed_out[MAX_DECISIONS];
} sim;

/* SplitMix64. */
static uint64_t draw(sim *s) {
  uint64_t z = (s->state += 0x9E3779B97F4A7C15u);
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
  return z ^ (z >> 31);
}

static int below(sim *s, int n) { return (int)(draw(s) % (uint64_t)n); }

static int binomial(sim *s, int n, int per_mille) {
  int k = 0;
  for (int i = 0; i < n; i++) k += below(s, 1000) < per_mille;
  return k;
}

static void traffic(sim *s) {
  int n = 20 + below(s, 80);
  if (s->is_quiet) return;
  serve(&s->r, &s->r.s, n, binomial(s, n, s->is_bad ? 60 : 10), n, binomial(s, n, 10));
}

static void tick_one(sim *s, int i) {
  mlcm_decision *decision = NULL;
  mlcm_error err = {0};
  mlcm_status st = mlcm_rollout_tick(s->holder[i], NULL, &decision, &err);
  bool fine = st == MLCM_OK || st == MLCM_STALE || st == MLCM_INVALID_STATE || (s->is_broken && st == MLCM_CONFLICT);
  ck_assert_msg(fine, "seed %u: %s: %s", s->seed, mlcm_status_name(st), err.message);
  if (!decision) return;
  int64_t seq = mlcm_decision_seq(decision);
  ck_assert_int_lt(seq, MAX_DECISIONS);
  ck_assert_msg(s->handed_out[seq]++ == 0, "seed %u: decision %lld was handed out twice", s->seed, (long long)seq);
  mlcm_decision_free(decision);
}

static void reopen(sim *s, int i, bool crash) {
  if (crash) s->holder[i]->lease.epoch = 0; /* so that close gives nothing back and writes nothing */
  mlcm_rollout_close(s->holder[i]);
  CHECK_OK(mlcm_rollout_open_by_id(s->r.f.reg, 1, &s->holder[i], err));
}

static void command(sim *s) {
  mlcm_rollout *outside = NULL;
  mlcm_attribution by = {"eve", "chance"};
  static const mlcm_command commands[] = {MLCM_COMMAND_PAUSE, MLCM_COMMAND_RESUME, MLCM_COMMAND_RESUME, MLCM_COMMAND_ABORT,
                                          MLCM_COMMAND_PROMOTE};
  CHECK_OK(mlcm_rollout_open_by_id(s->r.f.reg, 1, &outside, err));
  mlcm_error err = {0};
  mlcm_status st = mlcm_rollout_command(outside, commands[below(s, below(s, 6) ? 3 : 5)], &by, &err);
  ck_assert_msg(!st || st == MLCM_INVALID_STATE || (s->is_broken && st == MLCM_CONFLICT), "seed %u: %s", s->seed, err.message);
  mlcm_rollout_close(outside);
}

static void break_or_mend(sim *s) {
  mlcm__db_conn *conn = NULL;
  const char *sql = s->is_broken ? "DROP TRIGGER broken"
                                 : "CREATE TRIGGER broken BEFORE INSERT ON decision BEGIN SELECT RAISE(ABORT, 'broken'); END";
  CHECK_OK(mlcm__db_write_begin(s->r.f.reg->db, -1, &conn, err));
  CHECK_OK(mlcm__db_exec(conn, sql, err));
  CHECK_OK(mlcm__db_commit(conn, err));
  s->is_broken = !s->is_broken;
}

static void force_move(sim *s) {
  CHECK_OK(mlcm_alias_set(s->r.f.reg, "m", "champion", 3, MLCM_ALIAS_ANY, MLCM_ALIAS_FORCE, NULL, err));
  s->was_forced = true;
}

static void second(sim *s) {
  int first = below(s, 2);
  traffic(s);
  test_clock_advance(&s->r.f.clock, SECOND);
  tick_one(s, first);
  if (below(s, 3) == 0) tick_one(s, 1 - first);
}

/* A second in which both tick, so that whoever holds the lease does. */
static void second_of_both(sim *s) {
  traffic(s);
  test_clock_advance(&s->r.f.clock, SECOND);
  tick_one(s, 0);
  tick_one(s, 1);
}

static void event(sim *s) {
  int dice = below(s, 100);
  if (dice < 80)
    second(s);
  else if (dice < 85)
    reopen(s, below(s, 2), true);
  else if (dice < 88)
    reopen(s, below(s, 2), false);
  else if (dice < 91)
    test_clock_advance(&s->r.f.clock, (int64_t)below(s, 60) * SECOND);
  else if (dice < 93)
    test_clock_set_wall(&s->r.f.clock, TEST_EPOCH_NS + ((int64_t)below(s, 1000) - 500) * 3600 * SECOND);
  else if (dice < 95)
    s->is_quiet = !s->is_quiet;
  else if (dice < 97)
    command(s);
  else if (dice < 99)
    break_or_mend(s);
  else if (below(s, 3) == 0)
    force_move(s);
}

/* ---- what must hold ------------------------------------------------------------------------------------------------- */

static void check_record(sim *s, const mlcm_decision *d) {
  cJSON *root = cJSON_Parse(mlcm_decision_json(d));
  const cJSON *check = cJSON_GetArrayItem(cJSON_GetObjectItem(root, "checks"), 0);
  double n = cJSON_GetNumberValue(cJSON_GetObjectItem(cJSON_GetObjectItem(check, "step"), "candidate_n"));
  bool raises = mlcm_decision_action(d) == MLCM_ACTION_ADVANCE || mlcm_decision_action(d) == MLCM_ACTION_PROMOTE;
  bool by_itself = mlcm_decision_actor(d)[0] == '\0';
  if (raises && by_itself) {
    ck_assert_msg(mlcm_decision_verdict(d) == MLCM_PASS, "seed %u: raised without proof", s->seed);
    ck_assert_msg(strcmp(cJSON_GetStringValue(cJSON_GetObjectItem(check, "verdict")), "pass") == 0, "seed %u: not proven",
                  s->seed);
    ck_assert_msg(n > 0, "seed %u: no data", s->seed);
    ck_assert_msg(!s->is_bad || mlcm_decision_action(d) != MLCM_ACTION_PROMOTE, "seed %u: a bad candidate was promoted", s->seed);
  }
  ck_assert_msg(mlcm_decision_verdict(d) != MLCM_FAIL || s->is_bad, "seed %u: a good candidate was failed", s->seed);
  cJSON_Delete(root);
}

static void check_life(sim *s) {
  mlcm_rollout *rollout = NULL;
  mlcm_decision *decision = NULL;
  int64_t seq = 1;
  mlcm_action last = 0;
  CHECK_OK(mlcm_rollout_open_by_id(s->r.f.reg, 1, &rollout, err));
  for (; mlcm_decision_get(rollout, seq, &decision, NULL) == MLCM_OK; seq++) {
    ck_assert_int_eq(mlcm_decision_seq(decision), seq);
    check_record(s, decision);
    last = mlcm_decision_action(decision);
    mlcm_decision_free(decision);
  }
  ck_assert(!mlcm_rollout_is_active(rollout));
  mlcm_rollout_close(rollout);
  check_replay(&s->r, 1, seq - 1);
  mlcm__routing routing = routing_of(&s->r);
  int64_t target = alias_of(&s->r.f, "m", "champion");
  ck_assert_msg(routing.stable == target && routing.candidate == 0, "seed %u: /%lld serves, the alias names /%lld", s->seed,
                (long long)routing.stable, (long long)target);
  ck_assert(target == 1 || (target == 2 && last == MLCM_ACTION_PROMOTE) || (target == 3 && s->was_forced));
}

static void live(unsigned seed) {
  sim s;
  memset(&s, 0, sizeof(s));
  s.seed = seed;
  s.state = seed * 7919u;
  s.is_bad = below(&s, 2);
  rolling_set_up(&s.r);
  rolling_start(&s.r, quick_plan);
  for (int i = 0; i < 2; i++) CHECK_OK(mlcm_rollout_open_by_id(s.r.f.reg, 1, &s.holder[i], err));
  for (int i = 0; i < EVENTS && mlcm_rollout_is_active(s.holder[0]); i++) event(&s);
  if (s.is_broken) break_or_mend(&s);
  for (int i = 0; i < 3; i++) second_of_both(&s); /* what was pending is taken now */
  mlcm_attribution by = {"end", NULL};
  mlcm_rollout *outside = NULL;
  CHECK_OK(mlcm_rollout_open_by_id(s.r.f.reg, 1, &outside, err));
  mlcm_error why;
  mlcm_status st = mlcm_rollout_is_active(outside) ? mlcm_rollout_command(outside, MLCM_COMMAND_ABORT, &by, &why) : MLCM_OK;
  ck_assert(st == MLCM_OK || st == MLCM_INVALID_STATE);
  mlcm_rollout_close(outside);
  test_clock_advance(&s.r.f.clock, MLCM__LEASE_NS);
  for (int i = 0; i < 6; i++) second_of_both(&s);
  check_life(&s);
  for (int i = 0; i < 2; i++) mlcm_rollout_close(s.holder[i]);
  rolling_tear_down(&s.r);
}

START_TEST(every_life_keeps_the_promises) {
  const unsigned first = test_seed(1);
  unsigned n = 0;
  for (; n < LIVES * (unsigned)test_scale() && test_time_left(); n++) live(first + n);
  printf("{\"what\":\"simulation seeds\",\"n\":%u,\"violations\":0}\n", n);
}
END_TEST

int main(void) {
  const TTest *tests[] = {every_life_keeps_the_promises};
  return TEST_RUN("rollout_sim", tests);
}
