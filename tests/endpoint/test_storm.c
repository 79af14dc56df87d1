/* SPDX-License-Identifier: Apache-2.0
 *
 * test_storm.c - a request in flight is answered by one version, whatever happens around it. Many threads ask through two handles
 * while, in an order drawn from a seed, versions swap, fail to load, are rolled out, promoted, aborted and taken back, candidates
 * turn out broken, and one of the handles is closed and opened again. Every request is counted: by its thread, by the handle and in
 * the meters, and all must agree.
 */
#include "fixture.h"

#include <pthread.h>
#include <sched.h>

#ifdef MLCM_SANITIZED
enum { ASKERS = 8, EVENTS = 60 };
#else
enum { ASKERS = 16, EVENTS = 80 };
#endif
enum { GOOD = 3, BROKEN = 4, HANDLES = 2 };

/* One handle and the askers' right to use it: close wants nobody inside, as its header says, and that is the host's business. */
typedef struct door {
  pthread_rwlock_t lock;
  mlcm_endpoint *ep;
  _Atomic long n_asked; /* through the present handle */
} door;

static door doors[HANDLES];
static atomic_bool stop;
static _Atomic long n_asked, n_dropped, n_mixed;

/* ---- Load ----------------------------------------------------------------------------------------------------------- */

static void ask_once(door *d, const char *key, float i) {
  float answer = 0;
  mlcm_ticket ticket;
  pthread_rwlock_rdlock(&d->lock);
  if (ask(d->ep, key, i, 1, &answer, &ticket, NULL))
    atomic_fetch_add(&n_dropped, 1);
  else if (answer != i + 1 + (float)ticket.version || ticket.version == BROKEN)
    atomic_fetch_add(&n_mixed, 1);
  atomic_fetch_add(&d->n_asked, 1);
  atomic_fetch_add(&n_asked, 1);
  pthread_rwlock_unlock(&d->lock);
}

static void *ask_on_and_on(void *user) {
  int thread = (int)(intptr_t)user;
  char key[32];
  for (int i = 0; !atomic_load(&stop); i = (i + 1) % 1000) { /* stays exact in a float */
    snprintf(key, sizeof key, "%d-%d", thread, i);
    ask_once(&doors[i % HANDLES], i % 4 ? key : "", (float)i);
  }
  return NULL;
}

/* Every asker has had its turn since. */
static void let_them_ask(void) {
  for (long seen = atomic_load(&n_asked); atomic_load(&n_asked) < seen + 2L * ASKERS;) sched_yield();
}

/* ---- Events --------------------------------------------------------------------------------------------------------- */

typedef struct storm {
  fixture f;
  uint64_t random;
  mlcm_rollout *rollout; /* the latest; may have ended */
  int n_promoted, n_aborted, n_broken, n_closed, n_unloadable;
} storm;

static int draw(storm *s, int n) {
  s->random += UINT64_C(0x9e3779b97f4a7c15);
  return (int)(mlcm__mix64(s->random) % (uint64_t)n);
}

static void tick_all(storm *s) {
  test_clock_advance(&s->f.clock, TEST_SECOND_NS / 4);
  for (int i = 0; i < HANDLES; ++i) {
    mlcm_decision *decision = NULL;
    mlcm_status st = mlcm_endpoint_tick(doors[i].ep, NULL, &decision, NULL);
    ck_assert_msg(st == MLCM_OK || st == MLCM_CORRUPT, "%s", mlcm_status_name(st)); /* the broken version, and nothing else */
    mlcm_decision_free(decision);
  }
}

static bool is_running(const storm *s) {
  mlcm_endpoint_info info = info_of(doors[0].ep);
  return s->rollout != NULL && info.candidate != 0;
}

static void end_rollout(storm *s, mlcm_command command) {
  if (!is_running(s)) return;
  CHECK_OK(mlcm_rollout_command(s->rollout, command, NULL, err));
  tick_all(s);
}

static void begin_rollout(storm *s, int64_t candidate) {
  char plan[256];
  snprintf(plan, sizeof plan,
           "mlcm: rollout/v1\nendpoint: digits\ncandidate: digits/%lld\nsteps:\n  - {weight: 40%%, for: 1h}\nchecks:\n"
           "  - {name: errors, compare: error, tolerate: 1.25x}\n",
           (long long)candidate);
  mlcm_rollout_close(s->rollout);
  s->rollout = start_rollout(&s->f, plan);
  tick_all(s);
}

static int64_t another_version(storm *s) {
  int64_t stable = info_of(doors[0].ep).stable;
  return 1 + (stable + draw(s, GOOD - 1)) % GOOD;
}

static void close_and_open_again(storm *s) {
  door *d = &doors[1];
  pthread_rwlock_wrlock(&d->lock);
  ck_assert_uint_eq(info_of(d->ep).requests, (uint64_t)d->n_asked);
  mlcm_endpoint_close(d->ep);
  d->ep = open_endpoint(&s->f, "digits", MLCM_ENDPOINT_MANUAL | MLCM_ENDPOINT_FOLLOW);
  d->n_asked = 0;
  pthread_rwlock_unlock(&d->lock);
  s->n_closed++;
}

/* A broken champion does not load, so what served goes on; then the alias goes back. */
static void champion_that_does_not_load(storm *s) {
  int64_t stable = info_of(doors[0].ep).stable;
  set_champion(&s->f, "digits", BROKEN);
  tick_all(s);
  ck_assert_int_eq(info_of(doors[0].ep).stable, stable);
  let_them_ask();
  set_champion(&s->f, "digits", stable);
  tick_all(s);
  s->n_unloadable++;
}

/* A candidate that does not load is reported to its rollout, which rolls back by itself. */
static void candidate_that_does_not_load(storm *s) {
  begin_rollout(s, BROKEN);
  for (int i = 0; i < 8; ++i) tick_all(s);
  ck_assert_int_eq(info_of(doors[0].ep).candidate, 0);
  s->n_broken++;
}

static void next_event(storm *s) {
  switch (draw(s, 7)) {
  case 0:
    end_rollout(s, MLCM_COMMAND_ABORT);
    set_champion(&s->f, "digits", another_version(s));
    break;
  case 1:
    if (!is_running(s)) begin_rollout(s, another_version(s));
    break;
  case 2:
    s->n_promoted += is_running(s);
    end_rollout(s, MLCM_COMMAND_PROMOTE);
    break;
  case 3:
    s->n_aborted += is_running(s);
    end_rollout(s, MLCM_COMMAND_ABORT);
    break;
  case 4: close_and_open_again(s); break;
  default:
    end_rollout(s, MLCM_COMMAND_ABORT);
    if (draw(s, 2))
      champion_that_does_not_load(s);
    else
      candidate_that_does_not_load(s);
  }
  tick_all(s);
  let_them_ask();
}

/* ---- The whole ------------------------------------------------------------------------------------------------------ */

static void open_doors(storm *s) {
  const uint32_t flags[HANDLES] = {MLCM_ENDPOINT_MANUAL, MLCM_ENDPOINT_MANUAL | MLCM_ENDPOINT_FOLLOW};
  for (int i = 0; i < HANDLES; ++i) {
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
    pthread_rwlock_init(&doors[i].lock, &attr);
    pthread_rwlockattr_destroy(&attr);
    doors[i].ep = open_endpoint(&s->f, "digits", flags[i]);
  }
}

static void check_counts(void) {
  counted all = {0};
  for (int64_t version = 1; version <= GOOD; ++version) {
    counted c = count(doors[0].ep, version, 0, MLCM__SCOPE_REQUEST); /* of every handle, closed ones too */
    all.routed += c.routed;
    all.completed += c.completed;
    all.errors += c.errors;
  }
  ck_assert_int_eq(n_dropped, 0);
  ck_assert_int_eq(n_mixed, 0);
  ck_assert_uint_eq(all.routed, (uint64_t)n_asked);
  ck_assert_uint_eq(all.completed, (uint64_t)n_asked);
  ck_assert_uint_eq(all.errors, 0);
  for (int i = 0; i < HANDLES; ++i) ck_assert_uint_eq(info_of(doors[i].ep).requests, (uint64_t)doors[i].n_asked);
}

START_TEST(every_request_gets_one_good_answer_of_the_version_on_its_ticket_and_is_counted_once) {
  storm s = {.random = 20261124};
  pthread_t threads[ASKERS];
  char sha256[65];
  set_up(&s.f);
  add_digits(&s.f, BROKEN);
  damage(&s.f, "digits/4", sha256);
  open_doors(&s);
  for (int i = 0; i < ASKERS; ++i) ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_on_and_on, (void *)(intptr_t)i), 0);
  for (int i = 0; i < EVENTS; ++i) next_event(&s);
  atomic_store(&stop, true);
  for (int i = 0; i < ASKERS; ++i) pthread_join(threads[i], NULL);
  printf("%d threads, %ld requests, 0 dropped; %d promoted, %d aborted, %d broken candidates, %d broken champions, %d closed\n",
         ASKERS, (long)n_asked, s.n_promoted, s.n_aborted, s.n_broken, s.n_unloadable, s.n_closed);
  ck_assert(s.n_promoted > 0 && s.n_aborted > 0 && s.n_broken > 0 && s.n_unloadable > 0 && s.n_closed > 0);
  check_counts();
  mlcm_rollout_close(s.rollout);
  for (int i = 0; i < HANDLES; ++i) mlcm_endpoint_close(doors[i].ep);
  for (int i = 0; i < HANDLES; ++i) pthread_rwlock_destroy(&doors[i].lock);
  tear_down(&s.f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {every_request_gets_one_good_answer_of_the_version_on_its_ticket_and_is_counted_once};
  return TEST_RUN("endpoint_storm", tests);
}
