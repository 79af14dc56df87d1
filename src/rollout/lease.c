/* SPDX-License-Identifier: Apache-2.0
 *
 * lease.c - names of holders, and when a lease may be taken over. "BOOT:PIDNS:PID:START:RANDOM" in hex and decimal.
 */
#include "rollout/lease.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "metric/process.h"

/* A holder's name taken apart. */
typedef struct parts {
  mlcm__process process;
  unsigned long long ns;
} parts;

/* The inode of this process's pid namespace, 0 when it cannot be known (then nobody is taken for dead before his time is over). */
static unsigned long long pid_namespace(void) {
  char link[64];
  unsigned long long ns = 0;
  ssize_t n = readlink("/proc/self/ns/pid", link, sizeof(link) - 1);
  if (n <= 0) return 0; /* never: where tests run /proc is there */
  link[n] = '\0';
  return sscanf(link, "pid:[%llu]", &ns) == 1 ? ns : 0; /* never: Linux writes it so */
}

mlcm_status mlcm__lease_init(mlcm_context *ctx, int64_t tick_ns, mlcm__lease *out, mlcm_error *err) {
  mlcm__process self;
  uint8_t random[8];
  char hex[2 * sizeof(random) + 1];
  mlcm_status st = mlcm__process_self(ctx, &self, err);
  if (!st) st = mlcm__random_bytes(ctx, random, sizeof(random), err);
  if (st) return st;
  mlcm__hex(random, sizeof(random), hex);
  memset(out, 0, sizeof(*out));
  snprintf(out->holder, sizeof(out->holder), "%s:%llu:%" PRId64 ":%" PRIu64 ":%s", self.boot_id, pid_namespace(), self.pid,
           self.start_ticks, hex);
  out->length_ns = 3 * tick_ns > MLCM__LEASE_NS ? 3 * tick_ns : MLCM__LEASE_NS;
  return MLCM_OK;
}

static bool take_apart(const char *holder, parts *out) {
  memset(out, 0, sizeof(*out));
  return sscanf(holder, "%32[0-9a-f]:%llu:%" SCNd64 ":%" SCNu64 ":", out->process.boot_id, &out->ns, &out->process.pid,
                &out->process.start_ticks) == 4;
}

bool mlcm__lease_is_free(mlcm_context *ctx, const mlcm__rollout_head *head, int64_t mono_ns) {
  parts holder;
  mlcm__process self;
  if (!head->holder[0] || mono_ns >= head->lease_expires_ns) return true;
  if (!take_apart(head->holder, &holder)) return false;
  if (mlcm__process_self(ctx, &self, NULL)) return false;
  if (strcmp(self.boot_id, holder.process.boot_id) != 0) return true;
  return holder.ns != 0 && holder.ns == pid_namespace() && !mlcm__process_alive(ctx, &holder.process);
}

void mlcm__lease_describe(const char *holder, char out[64]) {
  parts p;
  out[0] = '\0';
  if (holder[0] && take_apart(holder, &p)) snprintf(out, 64, "pid %" PRId64, p.process.pid);
}
