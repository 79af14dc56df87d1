/* SPDX-License-Identifier: Apache-2.0
 *
 * test_sim.c - whole rollouts under chance: processes that compete for the lease, crash at any call inside a tick, are stopped
 * between deciding and writing and come back, and lose the answers of commits; traffic that stops, comes late and comes twice;
 * clocks that jump, each process's by itself; people who command, move aliases and undo; meters and a store that fail. Seeded:
 * sim.h.
 *
 *   MLCM_SIM_SEED=17 rollout_test_sim     that life again, with all that happened in it
 */
#include "rollout/sim.h"

#include <stdlib.h>
#include <string.h>

#include "gate/state.h"
#include "support/soak.h"

enum { LIVES = 150, EVENTS = 120, SECONDS_TO_END = 900 };

#define SKEW_MAX_S 40

/* ---- plans ---------------------------------------------------------------------------------------------------------- */

static const sim_plan plans[] = {
    {.text = "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsample_ratio_alpha: 0\n"
             "steps: [{weight: 5%, for: 5s}, {weight: 50%, for: 5s}]\n"
             "expire: {after: 3m, action: rollback}\n"
             "checks: [{name: errors, compare: error, tolerate: 2x}]\n",
     .n_steps = 2,
     .n_checks = 1,
     .alpha = 0.05,
     .pass_alpha = 0.05,
     .checks = {{.name = "errors", .compares = true, .margin = 2, .rolls_back = true, .needed_in = 3}}},
    {.text = "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsample_ratio_alpha: 0\nthen: pause\n"
             "steps: [{weight: 10%, for: 3s}, {weight: 40%, for: 3s, checks: [errors]}]\n"
             "expire: {after: 3m, action: rollback}\n"
             "checks: [{name: errors, compare: error, tolerate: 2x},"
             " {name: wrong, compare: outcome.wrong, tolerate: 1.8x, unit: request}]\n",
     .n_steps = 2,
     .n_checks = 2,
     .alpha = 0.05,
     .pass_alpha = 0.05,
     .checks = {{.name = "errors", .compares = true, .margin = 2, .rolls_back = true, .needed_in = 3},
                {.name = "wrong", .compares = true, .margin = 1.8, .by_request = true, .is_outcome = true, .rolls_back = true,
                 .needed_in = 1}}},
    {.text = "mlcm: rollout/v1\nendpoint: m\ncandidate: m/2\nsample_ratio_alpha: 0\nwarm_up: {requests: 200}\nalpha: 0.01\n"
             "steps: [{weight: 1%, for: 2s}, {weight: 20%, for: 4s}, {weight: 50%, for: 4s}]\n"
             "expire: {after: 4m, action: rollback}\n"
             "checks: [{name: errors, compare: error, tolerate: 2.5x},"
             " {name: failing, meter: error_ratio, at_most: 15%, failures: 2},"
             " {name: accuracy, evaluation: accuracy, at_least: 0.9}]\n",
     .n_steps = 3,
     .n_checks = 3,
     .warm_up = 200,
     .alpha = 0.01,
     .pass_alpha = 0.05,
     .checks = {{.name = "errors", .compares = true, .margin = 2.5, .rolls_back = true, .needed_in = 7},
                {.name = "failing", .limit = 0.15, .sign = -1, .failures = 2, .needed_in = 7},
                {.name = "accuracy", .limit = 0.9, .sign = 1, .failures = 1, .rolls_back = true, .needed_in = 7}}},
};

enum { PLANS = sizeof(plans) / sizeof(*plans) };

/* ---- rules broken on purpose ---------------------------------------------------------------------------------------- */

static void tamper(sim *s, const char *sql) {
  char *why = NULL;
  ck_assert_msg(sqlite3_exec(s->db, sql, NULL, NULL, &why) == SQLITE_OK, "%s", why);
  s->is_tampered = true;
}

/* Plans are read-only to all but this. */
static void require_nothing(mlcm_rollout *h) {
  for (int32_t i = 0; i < h->plan->n_steps; i++)
    for (size_t k = 0; k < mlcm_policy_n_checks(h->plan->policy); k++) h->plan->steps[i].required[k] = false;
}

static void break_before(sim *s, int i) {
  mlcm_rollout *h = s->process[i].rollout;
  const bool is_stale = h->lease.epoch && h->lease.epoch != s->seen.lease_epoch;
  switch (s->mutation) {
  case SIM_DOUBLED_SOURCE:
    if (h->is_synced && sim_below(s, 10) == 0) mlcm__counted_reset(h->ctx, mlcm__gather_counted(h->gather));
    break;
  case SIM_IGNORED_EPOCH:
    if (is_stale) h->lease.epoch = s->seen.lease_epoch;
    break;
  case SIM_NO_PROOF_NEEDED:
  case SIM_NO_DATA_NEEDED: require_nothing(h); break;
  case SIM_HASTY_GATE:
    if (h->machine) h->machine->gate->log_threshold_fail = 0.5;
    break;
  default: break;
  }
}

static void break_after(sim *s, const mlcm_decision *decision) {
  const mlcm_action action = decision ? mlcm_decision_action(decision) : 0;
  const bool ends_badly = action == MLCM_ACTION_ROLL_BACK || action == MLCM_ACTION_ABORT;
  if (s->mutation == SIM_BAD_AFTER_ROLLBACK && ends_badly)
    tamper(s, "INSERT INTO routing (endpoint_id, epoch, stable, salt, created_ns)"
              " SELECT endpoint_id, epoch + 1, 2, salt, created_ns FROM routing ORDER BY epoch DESC LIMIT 1");
  if (s->mutation == SIM_ALIAS_LEFT_BEHIND && action == MLCM_ACTION_PROMOTE) tamper(s, "UPDATE alias SET version = 1");
  if (s->mutation == SIM_CHANGED_RECORD && action)
    tamper(s, "DROP TRIGGER IF EXISTS decision_is_immutable;"
              "UPDATE decision SET record = replace(record, '\"requests\"', '\"Requests\"')");
}

static void break_after_look(sim *s, int i, const mlcm_decision *decision) {
  if (s->mutation == SIM_LOST_COMMIT && decision)
    tamper(s, "DELETE FROM decision WHERE seq = (SELECT max(seq) FROM decision);"
              "UPDATE rollout SET n_decisions = n_decisions - 1");
  if (s->mutation == SIM_HANDED_OUT_TWICE && decision) sim_handed_out(s, i, decision);
}

/* ---- steps ---------------------------------------------------------------------------------------------------------- */

static bool is_expected(const sim *s, const sim_process *p, mlcm_status st) {
  if (st == MLCM_OK || st == MLCM_STALE || st == MLCM_INVALID_STATE) return true;
  if (s->is_faulty) return st != MLCM_CORRUPT && st != MLCM_INTERNAL && st != MLCM_INVALID_ARGUMENT;
  return p->is_blind && st == MLCM_IO;
}

static bool is_up(const sim *s, int i) { return s->process[i].reg && s->process[i].asleep_until_ns <= s->now_ns; }

/* One tick of process i, which the caller has perhaps armed with faults or with a stop. */
static mlcm_status step(sim *s, int i) {
  sim_process *p = &s->process[i];
  mlcm_decision *decision = NULL;
  mlcm_error err = {0};
  if (!s->is_tampered) break_before(s, i);
  sim_moment_note(s, i, 0);
  p->n_mono_calls = 0;
  mlcm_status st = mlcm_rollout_tick(p->rollout, NULL, &decision, &err);
  s->n_unknown += st == MLCM_OUTCOME_UNKNOWN;
  s->n_overtaken += st == MLCM_STALE && p->was_holder;
  p->was_holder = p->rollout->lease.epoch > 0;
  p->stop_at_call = 0;
  if (st != MLCM_STALE) sim_say(s, "%d ticks: %s", i, mlcm_status_name(st));
  if (!is_expected(s, p, st)) sim_blame(s, "status: %s: %s", mlcm_status_name(st), err.message);
  sim_disarm(s, i);
  if (!s->is_tampered) break_after(s, decision);
  sim_look(s, i);
  if (decision) sim_handed_out(s, i, decision);
  if (!s->is_tampered) break_after_look(s, i, decision);
  mlcm_decision_free(decision);
  return st;
}

static void pass(sim *s, int64_t ns) { s->now_ns += ns; }

static void revive(sim *s, int i) {
  sim_process_open(s, i);
  sim_say(s, "%d opens", i);
  sim_look(s, -1); /* what a dead one had written may come to light */
}

static void second(sim *s) {
  const int first = sim_below(s, s->n_deciders);
  sim_serve(s, sim_below(s, 10) == 0);
  pass(s, SECOND + sim_below(s, 1000000));
  for (int k = 0; k < s->n_deciders && !sim_violated(s); k++) {
    const int i = (first + k) % s->n_deciders;
    if (!s->process[i].reg && sim_below(s, 3) == 0) revive(s, i);
    if (is_up(s, i) && (k == 0 || sim_below(s, 3) == 0)) step(s, i);
  }
}

/* While `stopped` does nothing, between two of its looks at the clock: time goes by, and others go on. */
void sim_meanwhile(sim *s, int stopped) {
  const int seconds = 1 + sim_below(s, 40);
  sim_say(s, "%d is stopped inside its tick", stopped);
  sim_look(s, stopped); /* what it wrote before */
  s->n_stops++;
  s->depth++;
  for (int n = 0; n < seconds; n++) {
    sim_serve(s, false);
    pass(s, SECOND);
    for (int i = 0; i < s->n_deciders; i++)
      if (i != stopped && is_up(s, i) && !sim_violated(s)) step(s, i);
  }
  s->depth--;
  sim_say(s, "%d goes on", stopped);
}

/* ---- what happens --------------------------------------------------------------------------------------------------- */

static int pick_up(sim *s) {
  const int i = sim_below(s, s->n_deciders);
  return is_up(s, i) ? i : -1;
}

static void fail_in_tick(sim *s) {
  const int i = pick_up(s), kind = sim_below(s, 4), n = 1 + sim_below(s, sim_below(s, 3) ? 30 : 300);
  if (i < 0) return;
  pass(s, SECOND);
  sim_say(s, "%d meets a fault: kind %d, call %d", i, kind, n);
  sim_arm(s, i, kind, n, false);
  step(s, i);
}

static void crash(sim *s, int i) {
  const bool held = strcmp(s->seen.holder, s->process[i].rollout->lease.holder) == 0;
  sim_process_die(s, i);
  sim_look(s, i);
  if (s->mutation == SIM_LEASE_FOR_EVER && held && !s->is_tampered)
    tamper(s, "UPDATE rollout SET lease_expires_ns = 4000000000000000000");
}

static void crash_in_tick(sim *s) {
  const int i = pick_up(s), kind = sim_below(s, 3), n = 1 + sim_below(s, sim_below(s, 3) ? 30 : 300);
  if (i < 0) return;
  pass(s, SECOND);
  sim_serve(s, false);
  sim_say(s, "%d dies: kind %d, call %d", i, kind, n);
  sim_arm(s, i, kind, n, true);
  step(s, i);
  crash(s, i);
}

static void crash_between(sim *s) {
  const int i = pick_up(s);
  if (i < 0) return;
  sim_say(s, "%d dies between ticks", i);
  crash(s, i);
}

/* The commit's sync fails: its outcome is unknown. Half of the time it had happened, as on a store at the other end of a line. */
static void lose_an_answer(sim *s) {
  const int i = pick_up(s);
  mlcm__db_conn *conn = NULL;
  if (i < 0) return;
  sim_say(s, "%d loses the answer of its next commit", i);
  mlcm_status st = MLCM_OK;
  for (int n = 0; !st && n < 12 && s->seen.active && !sim_violated(s); n++) {
    sim_serve(s, false);
    pass(s, SECOND);
    sim_arm(s, i, 3, 1, false);
    st = step(s, i);
  }
  mlcm_rollout *h = s->process[i].rollout;
  if (st != MLCM_OUTCOME_UNKNOWN || !h->pending.is_open || h->lease.epoch != s->seen.lease_epoch || sim_below(s, 2)) return;
  sim_say(s, "  which had happened");
  CHECK_OK(mlcm__db_write_begin(h->reg->db, -1, &conn, err));
  const mlcm_status written = mlcm__pending_write(h, conn, h->lease.epoch, NULL);
  if (written)
    mlcm__db_rollback(conn);
  else
    CHECK_OK(mlcm__db_commit(conn, err));
  sim_look(s, i);
}

static void close_and_open(sim *s) {
  const int i = pick_up(s);
  if (i < 0) return;
  sim_say(s, "%d closes", i);
  sim_process_close(s, i);
  sim_look(s, i);
  if (!sim_violated(s)) revive(s, i);
}

static void all_die(sim *s) {
  sim_say(s, "everybody dies");
  for (int i = 0; i < s->n_deciders && !sim_violated(s); i++)
    if (s->process[i].reg) crash(s, i);
}

static void sleep_one(sim *s) {
  const int i = pick_up(s), seconds = 1 + sim_below(s, 60);
  if (i < 0) return;
  sim_say(s, "%d sleeps for %d s", i, seconds);
  s->process[i].asleep_until_ns = s->now_ns + seconds * SECOND;
}

static void stop_in_tick(sim *s) {
  const int i = pick_up(s);
  if (i < 0) return;
  pass(s, SECOND);
  sim_serve(s, false);
  s->process[i].stop_at_call = 1 + sim_below(s, 6);
  step(s, i);
}

static void jump_clock(sim *s) {
  sim_process *p = &s->process[sim_below(s, s->n_deciders)];
  if (sim_below(s, 2)) {
    p->wall_skew_ns = ((int64_t)sim_below(s, 1000) - 500) * 3600 * SECOND;
    sim_say(s, "%d's wall clock jumps", p->index);
  } else {
    p->mono_skew_ns = ((int64_t)sim_below(s, 2 * SKEW_MAX_S) - SKEW_MAX_S) * SECOND + sim_below(s, 1000000);
    sim_say(s, "%d's other clock jumps to %+lld ns", p->index, (long long)p->mono_skew_ns);
  }
}

static void blind_one(sim *s) {
  sim_process *p = &s->process[sim_below(s, s->n_deciders)];
  p->is_blind = !p->is_blind;
  sim_disarm(s, p->index);
  sim_say(s, "%d %s", p->index, p->is_blind ? "cannot read the meters" : "sees again");
}

static void evaluate(sim *s) {
  const mlcm_score score = {.metric = "accuracy", .value = s->is_bad && sim_below(s, 2) ? 0.7 : 0.95};
  mlcm_evaluation evaluation = {.name = "holdout", .n_scores = 1, .scores = &score};
  mlcm_error err = {0};
  mlcm_status st = mlcm_evaluate(s->process[SIM_PERSON].reg, "m", 2, &evaluation, NULL, &err);
  sim_say(s, "an evaluation of the candidate: %g (%s)", score.value, mlcm_status_name(st));
  if (st && st != MLCM_NOT_FOUND) sim_blame(s, "status: %s", err.message); /* not found: it was deleted */
}

/* ---- people --------------------------------------------------------------------------------------------------------- */

static void command(sim *s, mlcm_command what) {
  mlcm_rollout *h = NULL;
  mlcm_attribution by = {"eve", "chance"};
  mlcm_error why = {0};
  CHECK_OK(mlcm_rollout_open_by_id(s->process[SIM_PERSON].reg, 1, &h, err));
  snprintf(s->name[SIM_PERSON], sizeof(s->name[SIM_PERSON]), "%s", h->lease.holder);
  sim_moment_note(s, SIM_PERSON, 0);
  mlcm_status st = mlcm_rollout_command(h, what, &by, &why);
  sim_say(s, "a person commands %d: %s %s", (int)what, mlcm_status_name(st), st ? why.message : "");
  if (st && st != MLCM_INVALID_STATE) sim_blame(s, "status: %s: %s", mlcm_status_name(st), why.message);
  sim_look(s, SIM_PERSON);
  mlcm_rollout_close(h);
  sim_look(s, SIM_PERSON);
}

static void command_something(sim *s) {
  static const mlcm_command commands[] = {MLCM_COMMAND_PAUSE, MLCM_COMMAND_RESUME, MLCM_COMMAND_RESUME, MLCM_COMMAND_PAUSE,
                                          MLCM_COMMAND_RESUME, MLCM_COMMAND_ABORT, MLCM_COMMAND_PROMOTE};
  command(s, commands[sim_below(s, 7)]);
}

static void undo(sim *s) {
  int64_t version = 0;
  mlcm_error err = {0};
  snprintf(s->name[SIM_PERSON], sizeof(s->name[SIM_PERSON]), "-");
  sim_moment_note(s, SIM_PERSON, 0);
  mlcm_status st = mlcm_rollout_undo(s->process[SIM_PERSON].reg, "m", MLCM_UNDO_ABORT, NULL, &version, &err);
  sim_say(s, "a person undoes: %s, /%lld", mlcm_status_name(st), (long long)version);
  if (!st) s->good = version;
  if (st && st != MLCM_NOT_FOUND && st != MLCM_CONFLICT) sim_blame(s, "status: %s: %s", mlcm_status_name(st), err.message);
  sim_look(s, SIM_PERSON);
}

static void force_move(sim *s) {
  CHECK_OK(mlcm_alias_set(s->process[SIM_PERSON].reg, "m", "champion", 3, MLCM_ALIAS_ANY, MLCM_ALIAS_FORCE, NULL, err));
  s->good = 3;
  sim_say(s, "a person moves the alias to /3");
  sim_look(s, SIM_PERSON);
}

static void report_broken(sim *s) {
  CHECK_OK(mlcm__rollout_report_broken(s->process[SIM_PERSON].reg, 1, "it crashes", err));
  sim_say(s, "the candidate is reported broken");
}

static void event(sim *s) {
  static const struct {
    int per_mille;
    void (*happens)(sim *s);
  } table[] = {{40, crash_in_tick}, {20, crash_between}, {40, fail_in_tick}, {30, lose_an_answer}, {15, close_and_open},
               {4, all_die},        {20, sleep_one},     {30, stop_in_tick}, {25, jump_clock},     {15, blind_one},
               {15, evaluate},      {12, command_something}, {3, undo},      {3, force_move},      {2, report_broken}};
  int dice = sim_below(s, 1000);
  s->n_events++;
  for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
    if (dice < table[i].per_mille) {
      table[i].happens(s);
      return;
    }
    dice -= table[i].per_mille;
  }
  if (dice < 15) {
    s->is_quiet = !s->is_quiet;
    sim_say(s, "traffic %s", s->is_quiet ? "stops" : "comes again");
  } else if (dice < 25) {
    pass(s, sim_below(s, 60) * SECOND);
  } else {
    second(s);
  }
}

/* ---- lives ---------------------------------------------------------------------------------------------------------- */

/* A person ends what waits for one. */
static void attend(sim *s) {
  static const mlcm_command commands[] = {MLCM_COMMAND_RESUME, MLCM_COMMAND_PROMOTE, MLCM_COMMAND_ABORT};
  if (s->seen.status != MLCM_ROLLOUT_PAUSED || s->n_events % 4) return;
  command(s, commands[s->n_attended++ % 3]);
}

/* From here on nothing fails any more. */
static void calm_down(sim *s) {
  sim_say(s, "calm from here on");
  s->is_quiet = false;
  for (int i = 0; i < s->n_deciders && !sim_violated(s); i++) {
    s->process[i].asleep_until_ns = 0;
    s->process[i].is_blind = false;
    sim_disarm(s, i);
    if (!s->process[i].reg) revive(s, i);
  }
  for (int n = 0; n < SECONDS_TO_END && s->seen.active && !sim_violated(s); n++) {
    s->n_events++;
    second(s);
    attend(s);
  }
}

/* What all lives of a program went through, so that nobody has to believe that they went through anything. */
static struct {
  long decisions, crashes, stops, overtaken, unknown, promoted, sent_back;
} tally;

static void count_life(const sim *s) {
  tally.decisions += (long)s->n_decided;
  tally.crashes += s->n_crashes;
  tally.stops += s->n_stops;
  tally.overtaken += s->n_overtaken;
  tally.unknown += s->n_unknown;
  tally.promoted += strcmp(s->last_action, "promote") == 0;
  tally.sent_back += strcmp(s->last_action, "roll_back") == 0;
}

/* The trace is freed by the caller. */
static bool live(unsigned seed, sim_mutation mutation, char violation[512], char **out_trace) {
  static sim s; /* large */
  sim_open(&s, seed, &plans[seed % PLANS], mutation);
  for (int i = 0; i < EVENTS && s.seen.active && !sim_violated(&s); i++) event(&s);
  if (s.seen.active && !sim_violated(&s)) calm_down(&s);
  if (!sim_violated(&s)) sim_look(&s, -1);
  sim_check_life(&s);
  sim_say(&s, "the end: %s, %lld decisions, %d crashes", s.last_action, (long long)s.n_decided, s.n_crashes);
  count_life(&s);
  fflush(s.trace);
  memcpy(violation, s.violation, sizeof(s.violation));
  if (out_trace) *out_trace = strdup(s.trace_text);
  sim_close(&s);
  return violation[0] == '\0';
}

static void explain(unsigned seed, const char *violation, const char *trace) {
  fprintf(stderr, "%s\nseed %u: %s\nagain: MLCM_SIM_SEED=%u rollout_test_sim\n", trace, seed,
          violation[0] ? violation : "no violation", seed);
}

START_TEST(every_life_keeps_the_promises) {
  const unsigned only = (unsigned)test_variable("MLCM_SIM_SEED", 0);
  const unsigned first = only ? only : test_seed(1);
  const unsigned most = only ? 1 : LIVES * (unsigned)test_scale();
  char violation[512];
  unsigned n = 0;
  for (; n < most && test_time_left(); n++) {
    char *trace = NULL;
    const bool is_good = live(first + n, SIM_HONEST, violation, &trace);
    if (!is_good || only) explain(first + n, violation, trace);
    free(trace);
    ck_assert_msg(is_good, "seed %u: %s", first + n, violation);
  }
  printf("%ld decisions, %ld crashes, %ld stops inside a tick, %ld times overtaken, %ld commits without an answer, "
         "%ld promoted, %ld rolled back\n",
         tally.decisions, tally.crashes, tally.stops, tally.overtaken, tally.unknown, tally.promoted, tally.sent_back);
  printf("{\"what\":\"simulation seeds\",\"n\":%u,\"violations\":0}\n", n);
}
END_TEST

START_TEST(a_seed_is_one_history) {
  char violation[512], *one = NULL, *two = NULL;
  live(5, SIM_HONEST, violation, &one);
  live(5, SIM_HONEST, violation, &two);
  ck_assert_str_eq(one, two);
  free(one);
  free(two);
}
END_TEST

/* Which invariant must find which broken rule. */
static const struct {
  sim_mutation mutation;
  const char *found_by;
} mutations[] = {
    {SIM_DOUBLED_SOURCE, "once: "},      {SIM_IGNORED_EPOCH, "writer: "},    {SIM_NO_PROOF_NEEDED, "proof: "},
    {SIM_NO_DATA_NEEDED, "data: "},      {SIM_HASTY_GATE, "harm: "},         {SIM_BAD_AFTER_ROLLBACK, "good: "},
    {SIM_ALIAS_LEFT_BEHIND, "good: "},   {SIM_LOST_COMMIT, "store: "},       {SIM_HANDED_OUT_TWICE, "hand out: "},
    {SIM_CHANGED_RECORD, "replay: "},    {SIM_LEASE_FOR_EVER, "ends: "},
};

/* Others may find it too: in each life the first to speak is kept. */
START_TEST(a_broken_rule_is_found) {
  enum { ENOUGH = 100 };
  char violation[512];
  for (size_t i = 0; i < sizeof(mutations) / sizeof(*mutations); i++) {
    const char *by = mutations[i].found_by;
    unsigned seed = 1;
    while (seed <= ENOUGH &&
           (live(seed, mutations[i].mutation, violation, NULL) || strncmp(violation, by, strlen(by)) != 0))
      seed++;
    ck_assert_msg(seed <= ENOUGH, "mutation %d was not found by '%s'", (int)mutations[i].mutation, by);
  }
}
END_TEST

int main(void) {
  const TTest *all[] = {every_life_keeps_the_promises, a_seed_is_one_history, a_broken_rule_is_found};
  const bool only = test_variable("MLCM_SIM_SEED", 0) > 0;
  const int failed = test_run("rollout_sim", all, only ? 1 : sizeof(all) / sizeof(*all));
  sim_forget();
  return failed;
}
