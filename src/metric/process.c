/* SPDX-License-Identifier: Apache-2.0
 *
 * process.c - identity of a process out of /proc. Its files have no size, so they are read to their end into a small buffer.
 */
#include "metric/process.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { PROC_TEXT = 1024 };

/* Reads up to PROC_TEXT - 1 bytes of a file of the kernel. 0 or a negative errno. */
static int read_proc(mlcm_context *ctx, const char *path, char out[PROC_TEXT]) {
  const mlcm_io *io = &ctx->io;
  const int fd = io->open(io->user, path, O_RDONLY | O_CLOEXEC, 0);
  if (fd < 0) return fd;
  size_t len = 0;
  int64_t n;
  do {
    n = io->read(io->user, fd, out + len, PROC_TEXT - 1 - len);
    if (n > 0) len += (size_t)n;
  } while (n == -EINTR || (n > 0 && len < PROC_TEXT - 1));
  io->close(io->user, fd);
  if (n < 0) return (int)n;
  out[len] = 0;
  return 0;
}

static mlcm_status read_boot_id(mlcm_context *ctx, char out[MLCM__BOOT_ID_CHARS + 1], mlcm_error *err) {
  static const char path[] = "/proc/sys/kernel/random/boot_id";
  char text[PROC_TEXT];
  const int bad = read_proc(ctx, path, text);
  if (bad) return mlcm__fail_errno(err, bad, "%s: cannot read this boot's id", path);
  char id[MLCM__BOOT_ID_CHARS + 1];
  size_t n = 0;
  for (const char *c = text; *c && n < MLCM__BOOT_ID_CHARS; c++) {
    if ((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'f')) id[n++] = *c;
  }
  if (n != MLCM__BOOT_ID_CHARS) return mlcm__fail(err, MLCM_IO, "%s: found %zu hexadecimal digits, expected 32", path, n);
  id[n] = 0;
  memcpy(out, id, sizeof id);
  return MLCM_OK;
}

bool mlcm__process_parse_stat(const char *text, uint64_t *out_start_ticks, char *out_state) {
  const char *after_name = strrchr(text, ')'); /* the name may hold brackets and blanks, what follows cannot */
  char state;
  uint64_t start;
  if (!after_name) return false;
  if (sscanf(after_name, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %" SCNu64, &state,
             &start) != 2) {
    return false;
  }
  *out_start_ticks = start;
  *out_state = state;
  return true;
}

/* Start time of a pid. 0 or a negative errno. */
static int read_start(mlcm_context *ctx, int64_t pid, uint64_t *out_start_ticks, char *out_state) {
  char path[48];
  char text[PROC_TEXT];
  snprintf(path, sizeof path, "/proc/%" PRId64 "/stat", pid);
  const int bad = read_proc(ctx, path, text);
  if (bad) return bad;
  return mlcm__process_parse_stat(text, out_start_ticks, out_state) ? 0 : -EPROTO;
}

mlcm_status mlcm__process_self(mlcm_context *ctx, mlcm__process *out, mlcm_error *err) {
  mlcm__process self = {.pid = getpid()};
  char state;
  mlcm_status st = read_boot_id(ctx, self.boot_id, err);
  if (st) return st;
  const int bad = read_start(ctx, self.pid, &self.start_ticks, &state);
  if (bad) return mlcm__fail_errno(err, bad, "/proc/%" PRId64 "/stat: cannot read when this process started", self.pid);
  *out = self;
  return MLCM_OK;
}

/* A start that cannot be read: the process is gone only when the kernel says so, and not because of a descriptor that could not
 * be opened or a /proc that hides the processes of other users (hidepid). */
static bool is_gone(int bad, int64_t pid) {
  if (pid < 1 || pid > INT32_MAX) return true; /* out of a file's name: no process has such a number */
  /* rarely: a process that ends between two looks, or one that /proc hides */
  return (bad == -ENOENT || bad == -ESRCH) && kill((pid_t)pid, 0) != 0 && errno == ESRCH;
}

bool mlcm__process_alive(mlcm_context *ctx, const mlcm__process *process) {
  char boot_id[MLCM__BOOT_ID_CHARS + 1];
  uint64_t start;
  char state;
  if (read_boot_id(ctx, boot_id, NULL)) return true;
  if (strcmp(boot_id, process->boot_id) != 0) return false;
  const int bad = read_start(ctx, process->pid, &start, &state);
  if (bad) return !is_gone(bad, process->pid);
  return start == process->start_ticks && state != 'Z' && state != 'X'; /* rarely: 'X' is seen by nobody for long */
}
