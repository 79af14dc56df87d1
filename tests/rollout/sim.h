/* SPDX-License-Identifier: Apache-2.0
 *
 * sim.h - whole rollouts under chance, by seed: processes that compete for one rollout's lease, and what must hold after each
 * step.
 *
 * A process here is a context of its own (clock, memory, files), a registry handle and a rollout handle, on one directory. All
 * run on one thread, in an order that the seed draws, so that a seed is a history and happens again. Nothing is mocked below
 * them: the store is SQLite with its files' calls in the test's hands.
 *
 *   sim_world.c   processes, clocks, traffic, faults; the prepared registry that every life starts from
 *   sim_proof.c   what recorded evidence proves, computed again without a line of the library's
 *   sim_check.c   the invariants, on what the database says
 *   test_sim.c    what happens (events), the lives, and rules broken on purpose that must be found
 */
#ifndef MLCM_TESTS_ROLLOUT_SIM_H
#define MLCM_TESTS_ROLLOUT_SIM_H

#include <sqlite3.h>
#include <stdio.h>

#include <mlcm/trust.h>

#include "rollout/fixture.h"
#include "rollout/handle.h"

enum {
  SIM_DECIDERS = 3, /* processes 0 .. 2 tick, in most lives only the first two */
  SIM_PERSON = 3,   /* gives commands, and decides for a moment where nobody does */
  SIM_PROCESSES = 4,
  SIM_SERVING = 2,     /* processes that serve and count */
  SIM_CHECKS = 3,      /* most checks of a plan */
  SIM_GRID = 24,       /* alternatives of the sequential test */
  SIM_DECISIONS = 256, /* most decisions of a life */
  SIM_EPOCHS = 512,    /* most routing epochs of a life */
  SIM_VERSIONS = 3
};

/* ---- plans, as the simulation knows them by itself ---- */

typedef struct sim_check {
  const char *name;
  bool compares;       /* else a limit: good values are at least (sign 1) or at most (sign -1) `limit` */
  double margin;       /* compare: fail_above and pass_below */
  bool by_request;     /* compare: every request counts, not each key once */
  bool is_outcome;     /* compare: counts outcome "wrong", not errors */
  double limit;        /* threshold */
  int sign;            /* threshold */
  int failures;        /* threshold: bad values in a row that fail it */
  bool rolls_back;     /* else it holds */
  unsigned needed_in;  /* bit i: step i waits for it */
} sim_check;

typedef struct sim_plan {
  const char *text;
  int n_steps, n_checks;
  int64_t warm_up; /* candidate requests that are left out */
  double alpha, pass_alpha;
  bool then_pause;
  sim_check checks[SIM_CHECKS];
} sim_plan;

/* ---- what evidence proves ---- */

typedef struct sim_counts {
  int64_t cn, cb, sn, sb;
} sim_counts;

/* One e-process, by the definition. */
typedef struct sim_e {
  double odds[1 + SIM_GRID];
  double log_l[SIM_GRID];
  double log_e, highest; /* of this step (pass), of the rollout (fail) */
} sim_e;

typedef struct sim_proof {
  const sim_plan *plan;
  int step;
  int64_t requests; /* of the candidate, in earlier ticks */
  struct {
    sim_e fail, pass;
    int64_t step_n;        /* candidate trials in this step */
    int bad_in_a_row;      /* threshold */
    bool failed_ever;      /* threshold */
    bool is_good;          /* threshold: the newest measurement of this step is a good value */
    sim_counts total;      /* compare: all counts so far */
  } check[SIM_CHECKS];
  sim_counts traffic; /* every request so far */
} sim_proof;

void sim_proof_begin(sim_proof *p, const sim_plan *plan);
void sim_proof_begin_step(sim_proof *p, int step);
/* Takes in one recorded tick; false: it cannot be read. *out_mono_ns is its monotonic time. */
bool sim_proof_take(sim_proof *p, const char *line, size_t len, int64_t *out_mono_ns);
/* NULL: the checks that the present step waits for are proven on data of the candidate; else what is not. */
const char *sim_proof_missing(const sim_proof *p);
bool sim_proof_failed(const sim_proof *p);

/* ---- the world ---- */

struct sim;

typedef struct sim_process {
  struct sim *world;
  int index;
  test_memory memory;
  test_io io;
  test_random random;
  mlcm_context *ctx;
  mlcm_registry *reg;
  mlcm_rollout *rollout;
  int64_t wall_skew_ns, mono_skew_ns;
  int64_t asleep_until_ns; /* of the world's clock */
  bool is_blind;           /* cannot read the meters */
  int64_t stop_at_call;    /* the call of the monotonic clock at which the process stops for a while; 0: none */
  int64_t n_mono_calls;
  bool was_holder; /* after its last tick */
} sim_process;

/* What a count is of. */
enum { SIM_REQUEST, SIM_KEY, SIM_WRONG_REQUEST, SIM_WRONG_KEY, SIM_KINDS };

/* What was served when a process ticked. */
typedef struct sim_moment {
  int process;
  int64_t mono_ns;
  bool is_clean; /* nothing failed: the tick has seen all of it */
  sim_counts served[SIM_KINDS];
} sim_moment;

/* What the database says between two steps. */
typedef struct sim_seen {
  int64_t n_chunks, n_decisions, lease_epoch, lease_expires_ns, status, active; /* of the rollout */
  int64_t epoch, stable, candidate, rollout;                                    /* of the newest routing */
  int64_t alias;
  char holder[MLCM__HOLDER_MAX];
} sim_seen;

/* A rule that is broken on purpose; sim_check must find it. */
typedef enum sim_mutation {
  SIM_HONEST,
  SIM_DOUBLED_SOURCE,   /* a holder forgets which counts it has handed on */
  SIM_IGNORED_EPOCH,    /* a stale holder takes itself for the holder */
  SIM_NO_PROOF_NEEDED,  /* steps wait for no check */
  SIM_HASTY_GATE,       /* failure stands on too little evidence */
  SIM_NO_DATA_NEEDED,   /* the same, and the candidate gets no traffic */
  SIM_BAD_AFTER_ROLLBACK, /* a rollback leaves the traffic on the candidate */
  SIM_ALIAS_LEFT_BEHIND,  /* a promotion moves the traffic and not the alias */
  SIM_LOST_COMMIT,        /* a decision that was acknowledged is gone */
  SIM_HANDED_OUT_TWICE,   /* a decision is handed out again */
  SIM_CHANGED_RECORD,     /* a record is not what replay makes */
  SIM_LEASE_FOR_EVER,     /* a dead holder's lease does not run out */
  SIM_MUTATIONS
} sim_mutation;

typedef struct sim {
  unsigned seed;
  uint64_t state;
  char *dir, *reg_dir;
  const sim_plan *plan;
  sim_mutation mutation;
  int n_deciders;
  sim_process process[SIM_PROCESSES];
  int64_t now_ns; /* since the beginning */
  mlcm__meter *meter[SIM_SERVING];
  uint32_t wrong[SIM_SERVING];
  bool is_bad, is_quiet, is_tampered;
  int64_t endpoint;

  char name[SIM_PROCESSES][MLCM__HOLDER_MAX]; /* of each process as a holder */
  int depth;        /* a step inside another process's */
  bool is_faulty;   /* faults are armed in this step */
  long sql_fail_in; /* SQLite's file call that fails; 0: none */
  bool sql_ever_after, sync_only;

  int64_t served[SIM_KINDS][SIM_VERSIONS + 1][2]; /* n, bad */
  int64_t route[SIM_EPOCHS][2];                           /* stable and candidate of each routing epoch that was seen */
  sim_moment *moments;
  size_t n_moments, moments_cap;

  sqlite3 *db; /* the observer */
  sqlite3_stmt *look, *routes, *chunks, *decisions;
  sim_seen seen;
  uint8_t chain[MLCM__SHA256_BYTES];
  sim_proof proof;
  int64_t last_chunk_epoch;
  int handed_out[SIM_DECISIONS];
  char last_action[16];
  int64_t n_ticks_recorded;
  int64_t good; /* where the alias must stand: where a person put it, or a promotion */

  FILE *trace;
  char *trace_text;
  size_t trace_len;
  int n_events, n_crashes, n_attended, n_stops, n_overtaken, n_unknown;
  int64_t n_decided;
  char violation[512];
} sim;

/* sim_world.c */
uint64_t sim_draw(sim *s);
int sim_below(sim *s, int n);
void sim_forget(void); /* the prepared registry */
void sim_open(sim *s, unsigned seed, const sim_plan *plan, sim_mutation mutation);
void sim_close(sim *s);
void sim_process_open(sim *s, int i);
void sim_process_close(sim *s, int i);
void sim_process_die(sim *s, int i);     /* as a dead process leaves things: nothing more reaches the disk */
/* What was served when process i ticks, now or, after it was stopped inside, at a time before (mono_ns; 0: now). */
void sim_moment_note(sim *s, int i, int64_t mono_ns);
void sim_serve(sim *s, bool is_late);    /* a second's requests, under the routing in force or an earlier one */
void sim_say(sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Call `n` of a kind (0: memory, 1: files, 2: SQLite's files, 3: SQLite's syncs) of process i fails, and all later ones when
 * asked. */
void sim_arm(sim *s, int i, int kind, int n, bool ever_after);
void sim_disarm(sim *s, int i);

/* sim_check.c */
void sim_observe_begin(sim *s);
void sim_observe_end(sim *s);
/* After each step: all that is new in the database, written by process `by` (-1: by one that is dead). */
void sim_look(sim *s, int by);
void sim_handed_out(sim *s, int by, const mlcm_decision *decision);
void sim_check_life(sim *s); /* at its end */
bool sim_violated(const sim *s);
void sim_blame(sim *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* test_sim.c: called inside a tick at which the process stops for a while. */
void sim_meanwhile(sim *s, int stopped);

#endif
