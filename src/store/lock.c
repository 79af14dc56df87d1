/* SPDX-License-Identifier: Apache-2.0
 *
 * lock.c - a fair lock between processes that survives the death of any of them.
 *
 * Exclusion and fairness are two things here. Exclusion is an open-file-description lock on byte MAIN of the lock file: the
 * kernel drops it when its process dies. Fairness is a queue: whoever comes draws a ticket t from a counter in the mapped file
 * and locks byte TICKETS + t; its turn has come when no byte of a smaller ticket is locked any more. A dead waiter's byte is
 * unlocked by the kernel, so the queue needs no repair, and a damaged counter can cost fairness only, never exclusion.
 *
 * Waiters sleep on a futex word in the mapped file that each release increments; a holder that dies without release is noticed at
 * the next poll. Within a process, threads queue in the struct first, so that one of them at a time stands in the queue outside.
 *
 * `mutex` guards held, first and last. Open-file-description locks, unlike those of fcntl(F_SETLK), stay when another handle on
 * the same file is closed and hold between two handles of one process. A child made by fork shares the description: should the
 * parent be killed while it holds the lock, the lock lives until the child closes its copy or ends.
 */
#include "lock.h"

#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { MAIN = 0, TICKETS = 1024, FILE_BYTES = 4096, POLL_NS = 10 * 1000 * 1000 };
#define TICKET_MASK ((UINT64_C(1) << 60) - 1)

/* What the mapped file holds. All zero in a new one; nothing here is trusted for exclusion. */
typedef struct queue_page {
  _Atomic uint64_t next_ticket;
  _Atomic uint32_t releases;
  _Atomic int32_t holder_pid; /* for messages only */
} queue_page;

typedef struct local_waiter {
  struct local_waiter *next;
  bool granted;
} local_waiter;

struct mlcm__lock {
  mlcm_context *ctx;
  pid_t pid; /* that opened it */
  char *path;
  int fd;
  queue_page *page;
  pthread_mutex_t mutex;
  pthread_cond_t turn;
  bool held;
  local_waiter *first;
  local_waiter *last;
};

static int64_t now_ns(void) {
  struct timespec ts;
  clock_gettime(CLOCK_MONOTONIC, &ts);
  return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static int64_t deadline_of(int64_t timeout_ns) {
  int64_t now = now_ns();
  return timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
}

/* ---- within the process ---- */

static void unlink_waiter(mlcm__lock *lock, local_waiter *waiter) {
  local_waiter **at = &lock->first;
  local_waiter *before = NULL;
  while (*at != waiter) {
    before = *at;
    at = &before->next;
  }
  *at = waiter->next;
  if (lock->last == waiter) lock->last = before;
}

/* True when the caller is the one thread of this handle that may go on. */
static bool take_local(mlcm__lock *lock, int64_t deadline) {
  local_waiter self = {0};
  struct timespec until = {.tv_sec = (time_t)(deadline / 1000000000), .tv_nsec = (long)(deadline % 1000000000)};
  pthread_mutex_lock(&lock->mutex);
  if (!lock->held) {
    lock->held = self.granted = true;
  } else {
    if (lock->last) lock->last->next = &self;
    else lock->first = &self;
    lock->last = &self;
    int rc = 0;
    while (!self.granted && rc == 0) rc = pthread_cond_timedwait(&lock->turn, &lock->mutex, &until);
    if (!self.granted) unlink_waiter(lock, &self);
  }
  pthread_mutex_unlock(&lock->mutex);
  return self.granted;
}

static void release_local(mlcm__lock *lock) {
  pthread_mutex_lock(&lock->mutex);
  local_waiter *next = lock->first;
  if (next) {
    unlink_waiter(lock, next);
    next->granted = true;
    pthread_cond_broadcast(&lock->turn);
  } else {
    lock->held = false;
  }
  pthread_mutex_unlock(&lock->mutex);
}

/* ---- between processes ---- */

static int range(int fd, int command, short type, uint64_t start, uint64_t len, struct flock *out) {
  *out = (struct flock){.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)start, .l_len = (off_t)len};
  int rc;
  do rc = fcntl(fd, command, out);
  while (rc != 0 && errno == EINTR);
  return rc == 0 ? 0 : -errno;
}

static bool is_taken(int rc) {
  return rc == -EAGAIN || rc == -EACCES;
}

/* Draws the next ticket and locks its byte. A byte that is locked already shows a damaged counter: the next one is drawn. */
static int draw_ticket(mlcm__lock *lock, uint64_t *out) {
  struct flock f;
  int rc;
  uint64_t ticket;
  do {
    ticket = atomic_fetch_add(&lock->page->next_ticket, 1) & TICKET_MASK;
    rc = range(lock->fd, F_OFD_SETLK, F_WRLCK, TICKETS + ticket, 1, &f);
  } while (is_taken(rc));
  if (rc == 0) *out = ticket;
  return rc;
}

/* 1: the lock is ours; 0: not yet; negative errno: it never will be. */
static int try_take(mlcm__lock *lock, uint64_t ticket) {
  struct flock f = {0};
  if (ticket > 0) {
    int rc = range(lock->fd, F_OFD_GETLK, F_WRLCK, TICKETS, ticket, &f);
    if (rc != 0) return rc;
    if (f.l_type != F_UNLCK) return 0;
  }
  int rc = range(lock->fd, F_OFD_SETLK, F_WRLCK, MAIN, 1, &f);
  if (is_taken(rc)) return 0;
  return rc == 0 ? 1 : rc;
}

static void wait_for_release(mlcm__lock *lock, uint32_t seen, int64_t wait_ns) {
  struct timespec ts = {.tv_sec = 0, .tv_nsec = (long)(wait_ns < POLL_NS ? wait_ns : POLL_NS)};
  syscall(SYS_futex, (uintptr_t)&lock->page->releases, FUTEX_WAIT, seen, &ts, NULL, 0);
}

/* Unlocks every byte this handle holds and wakes the queue. */
static void leave(mlcm__lock *lock) {
  struct flock f;
  (void)range(lock->fd, F_OFD_SETLK, F_UNLCK, 0, 0, &f); /* cannot fail on an open descriptor */
  atomic_fetch_add(&lock->page->releases, 1);
  syscall(SYS_futex, (uintptr_t)&lock->page->releases, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static int take_shared(mlcm__lock *lock, int64_t deadline) {
  uint64_t ticket = 0;
  int rc = draw_ticket(lock, &ticket);
  if (rc != 0) return rc;
  for (;;) {
    uint32_t seen = atomic_load(&lock->page->releases);
    rc = try_take(lock, ticket);
    if (rc != 0) break;
    int64_t left = deadline - now_ns();
    if (left <= 0) {
      rc = -ETIMEDOUT;
      break;
    }
    wait_for_release(lock, seen, left);
  }
  if (rc == 1) {
    atomic_store(&lock->page->holder_pid, (int32_t)getpid());
    return 0;
  }
  leave(lock);
  return rc;
}

static mlcm_status fail_busy(const mlcm__lock *lock, int64_t timeout_ns, mlcm_error *err) {
  return mlcm__fail(
      err, MLCM_BUSY,
      "the writer lock '%s' was not had within %lld ms: process %d holds it; try again, or allow a longer lock timeout",
      lock->path, (long long)(timeout_ns / 1000000), (int)atomic_load(&lock->page->holder_pid));
}

mlcm_status mlcm__lock_take(mlcm__lock *lock, int64_t timeout_ns, mlcm_error *err) {
  int64_t deadline = deadline_of(timeout_ns);
  if (!take_local(lock, deadline)) return fail_busy(lock, timeout_ns, err);
  int rc = take_shared(lock, deadline);
  if (rc == 0) return MLCM_OK;
  release_local(lock);
  if (rc == -ETIMEDOUT) return fail_busy(lock, timeout_ns, err);
  return mlcm__fail_errno(err, rc, "the writer lock '%s' cannot be taken", lock->path);
}

void mlcm__lock_release(mlcm__lock *lock) {
  leave(lock);
  release_local(lock);
}

/* ---- open and close ---- */

/* The page is written, not left a hole, so that a full disk is an error here and not a SIGBUS later. Should two processes do so
 * at once, the counter starts over: that costs a place in the queue, no more. */
static int map_page(mlcm_context *ctx, int fd, queue_page **out) {
  static const char zeros[FILE_BYTES];
  off_t size = lseek(fd, 0, SEEK_END);
  if (size >= 0 && size < FILE_BYTES) {
    size = lseek(fd, 0, SEEK_SET);
    int rc = size < 0 ? -errno : mlcm__write_all(ctx, fd, zeros, sizeof zeros);
    if (rc < 0) return rc;
  }
  if (size < 0) return -errno;
  void *page = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (page == MAP_FAILED) return -errno;
  *out = (queue_page *)page;
  return 0;
}

/* None of these can fail on Linux. */
static void init_local(mlcm__lock *lock) {
  pthread_condattr_t attr;
  pthread_condattr_init(&attr);
  pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
  pthread_cond_init(&lock->turn, &attr);
  pthread_condattr_destroy(&attr);
  pthread_mutex_init(&lock->mutex, NULL);
}

mlcm_status mlcm__lock_open(mlcm_context *ctx, const char *path, mlcm__lock **out, mlcm_error *err) {
  mlcm__lock *lock = (mlcm__lock *)mlcm__alloc_zero(ctx, 1, sizeof *lock);
  if (!lock) return mlcm__fail_memory(err, sizeof *lock);
  lock->ctx = ctx;
  lock->pid = getpid();
  lock->path = mlcm__strdup(ctx, path);
  lock->fd = -1;
  mlcm_status status = MLCM_OK;
  int rc = 0;
  if (!lock->path) {
    status = mlcm__fail_memory(err, strlen(path) + 1);
    goto done;
  }
  rc = lock->fd = ctx->io.open(ctx->io.user, path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
  if (rc >= 0) rc = map_page(ctx, lock->fd, &lock->page);
  if (rc < 0) {
    status = mlcm__fail_errno(err, rc, "the writer lock '%s' cannot be opened", path);
    goto done;
  }
  init_local(lock);
  *out = lock;
  lock = NULL;
done:
  if (lock) {
    if (lock->fd >= 0) ctx->io.close(ctx->io.user, lock->fd);
    mlcm__free(ctx, lock->path);
    mlcm__free(ctx, lock);
  }
  return status;
}

void mlcm__lock_close(mlcm__lock *lock) {
  if (!lock) return;
  mlcm_context *ctx = lock->ctx;
  if (lock->pid == getpid()) { /* in a forked child threads that are not there may wait in them, and this for those */
    pthread_mutex_destroy(&lock->mutex);
    pthread_cond_destroy(&lock->turn);
  }
  munmap(lock->page, FILE_BYTES);
  ctx->io.close(ctx->io.user, lock->fd);
  mlcm__free(ctx, lock->path);
  mlcm__free(ctx, lock);
}
