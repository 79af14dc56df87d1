/* SPDX-License-Identifier: Apache-2.0
 *
 * thread.c - the background thread: a round, a wait, until close.
 */
#include "endpoint/endpoint.h"

#include <signal.h>
#include <stdio.h>
#include <time.h>

/* Waits for poll_ns of real time, whatever the context's clock. False when it is time to end. */
static bool wait_for_next_round(mlcm_endpoint *ep) {
  struct timespec until;
  clock_gettime(CLOCK_MONOTONIC, &until);
  int64_t ns = until.tv_nsec + ep->poll_ns;
  until.tv_sec += (time_t)(ns / 1000000000);
  until.tv_nsec = (long)(ns % 1000000000);
  pthread_mutex_lock(&ep->lock);
  int waited = 0;
  while (!ep->stop && waited == 0) waited = pthread_cond_timedwait(&ep->wake, &ep->lock, &until);
  bool go_on = !ep->stop;
  pthread_mutex_unlock(&ep->lock);
  return go_on;
}

static void *run(void *user) {
  mlcm_endpoint *ep = user;
  do {
    mlcm_time now = mlcm_context_now(ep->ctx);
    if (!mlcm__endpoint_begin_ticking(ep)) continue; /* never: beside a background thread nobody may tick */
    mlcm_error err;
    if (mlcm__endpoint_round(ep, &now, true, NULL, &err)) {
      /* Remembered for state.c and logged by the round; the next one tries again. */
    }
    mlcm__endpoint_end_ticking(ep);
  } while (wait_for_next_round(ep));
  return NULL;
}

mlcm_status mlcm__endpoint_start(mlcm_endpoint *ep, mlcm_error *err) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before); /* the thread inherits the mask: signals stay the host's business */
  int errnum = pthread_create(&ep->thread, NULL, run, ep);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  /* rarely: the system has no thread left */
  if (errnum) return mlcm__fail_errno(err, errnum, "endpoint '%s': cannot start the background thread", ep->row.name);
  ep->has_thread = true;
  char name[16]; /* as much as the kernel keeps */
  snprintf(name, sizeof name, "mlcm:%.10s", ep->row.name);
  pthread_setname_np(ep->thread, name);
  return MLCM_OK;
}

void mlcm__endpoint_stop(mlcm_endpoint *ep) {
  if (!ep->has_thread) return;
  pthread_mutex_lock(&ep->lock);
  ep->stop = true;
  pthread_cond_signal(&ep->wake);
  pthread_mutex_unlock(&ep->lock);
  pthread_join(ep->thread, NULL);
  ep->has_thread = false;
}
