/* SPDX-License-Identifier: Apache-2.0
 *
 * notify.c - tells the host of decisions, its own process's and others', in order and each once: by callback, and through a queue
 * with a descriptor to wait on.
 */
#include "endpoint/endpoint.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Makes the descriptor readable. Full means it is readable already. The caller holds `lock`. */
static void raise_event(const mlcm_endpoint *ep) {
  uint64_t one = 1;
  ssize_t n = write(ep->event_fd, &one, sizeof one);
  (void)n;
}

static void clear_event(const mlcm_endpoint *ep) {
  uint64_t count = 0;
  ssize_t n = read(ep->event_fd, &count, sizeof count);
  (void)n;
}

/* Takes the decision over. */
static void enqueue(mlcm_endpoint *ep, mlcm_decision *decision) {
  mlcm_decision *dropped = decision;
  pthread_mutex_lock(&ep->lock);
  if (ep->event_fd >= 0) {
    dropped = NULL;
    if (ep->n_waiting == MLCM__WAITING_DECISIONS) {
      dropped = ep->waiting[ep->waiting_first];
      ep->waiting_first = (ep->waiting_first + 1) % MLCM__WAITING_DECISIONS;
      ep->n_waiting--;
    }
    ep->waiting[(ep->waiting_first + ep->n_waiting) % MLCM__WAITING_DECISIONS] = decision;
    ep->n_waiting++;
    raise_event(ep);
  }
  pthread_mutex_unlock(&ep->lock);
  mlcm_decision_free(dropped);
}

mlcm_status mlcm__endpoint_notify(mlcm_endpoint *ep, mlcm_error *err) {
  if (ep->rollout == NULL) return MLCM_OK;
  for (;;) {
    mlcm_decision *decision = NULL;
    mlcm_status st = mlcm_decision_get(ep->rollout, ep->seen_decision + 1, &decision, err);
    if (st) return st == MLCM_NOT_FOUND ? MLCM_OK : st;
    ep->seen_decision++;
    if (ep->host.on_decision != NULL) ep->host.on_decision(ep->host.user, decision);
    enqueue(ep, decision);
  }
}

void mlcm__endpoint_drop_waiting(mlcm_endpoint *ep) {
  for (; ep->n_waiting > 0; ep->n_waiting--) {
    mlcm_decision_free(ep->waiting[ep->waiting_first]);
    ep->waiting_first = (ep->waiting_first + 1) % MLCM__WAITING_DECISIONS;
  }
  if (ep->event_fd >= 0) close(ep->event_fd);
  ep->event_fd = -1;
}

mlcm_status mlcm_endpoint_event_fd(mlcm_endpoint *ep, int32_t *out, mlcm_error *err) {
  mlcm_status st = mlcm__endpoint_check(ep, "mlcm_endpoint_event_fd", err);
  if (st) return st;
  if (out == NULL) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_endpoint_event_fd: out is NULL");
  pthread_mutex_lock(&ep->lock);
  if (ep->event_fd < 0) ep->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  int fd = ep->event_fd;
  int errnum = errno;
  pthread_mutex_unlock(&ep->lock);
  if (fd < 0)
    return mlcm__fail_errno(err, errnum, "mlcm_endpoint_event_fd: cannot make a descriptor for endpoint '%s'", ep->row.name);
  *out = fd;
  return MLCM_OK;
}

mlcm_status mlcm_endpoint_next_decision(mlcm_endpoint *ep, mlcm_decision **out, mlcm_error *err) {
  mlcm_status st = mlcm__endpoint_check(ep, "mlcm_endpoint_next_decision", err);
  if (st) return st;
  if (out == NULL) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_endpoint_next_decision: out is NULL");
  mlcm_decision *decision = NULL;
  pthread_mutex_lock(&ep->lock);
  if (ep->n_waiting > 0) {
    decision = ep->waiting[ep->waiting_first];
    ep->waiting_first = (ep->waiting_first + 1) % MLCM__WAITING_DECISIONS;
    ep->n_waiting--;
  }
  if (ep->event_fd >= 0 && ep->n_waiting == 0) clear_event(ep);
  pthread_mutex_unlock(&ep->lock);
  *out = decision;
  return MLCM_OK;
}
