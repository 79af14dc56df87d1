/* SPDX-License-Identifier: Apache-2.0
 *
 * history.c - the shared log of calls, and calls as text.
 */
#include "history.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>

int64_t lin_now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* ---- the log ---- */

static size_t log_bytes(const lin_log *log) { return (size_t)log->n_processes * (size_t)log->cap * sizeof(lin_op); }

bool lin_log_open(lin_log *log, int32_t n_processes, int32_t cap) {
  *log = (lin_log){.n_processes = n_processes, .cap = cap};
  void *ops = mmap(NULL, log_bytes(log), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (ops == MAP_FAILED) return false;
  log->ops = ops;
  return true;
}

void lin_log_close(lin_log *log) { munmap(log->ops, log_bytes(log)); }

void lin_log_reset(lin_log *log) { memset((void *)log->ops, 0, log_bytes(log)); }

int64_t lin_log_n(const lin_log *log, int32_t process) {
  const lin_op *ops = log->ops + (size_t)process * (size_t)log->cap;
  int64_t low = 0, high = log->cap; /* used ones come first */
  while (low < high) {
    int64_t middle = (low + high) / 2;
    if (ops[middle].progress == LIN_UNUSED) high = middle;
    else low = middle + 1;
  }
  return low;
}

bool lin_log_is_full(const lin_log *log, int32_t process) { return lin_log_n(log, process) == log->cap; }

lin_op *lin_call(lin_log *log, const lin_op *question) {
  lin_op *op = log->ops + (size_t)question->process * (size_t)log->cap + lin_log_n(log, question->process);
  *op = *question;
  op->called_ns = lin_now_ns();
  atomic_store(&op->progress, LIN_CALLED);
  return op;
}

void lin_answer(lin_op *op, mlcm_status status) {
  op->status = status;
  op->answered_ns = lin_now_ns();
  atomic_store(&op->progress, LIN_ANSWERED);
}

/* ---- as text ---- */

bool lin_is_change(lin_kind kind) { return kind >= LIN_REGISTER && kind <= LIN_MODEL_RESTORE; }

static const char *name_of(int32_t alias) { return alias < 0 ? "-" : alias == 0 ? "a" : "b"; }

void lin_print_row(FILE *out, const lin_row *row) {
  fprintf(out, "%lld (content %d%s", (long long)row->number, row->content, row->deleted ? ", deleted" : "");
  if (row->tag) fprintf(out, ", tag %d", row->tag);
  for (int32_t a = 0; a < LIN_ALIASES; a++)
    if (row->aliases >> a & 1) fprintf(out, ", @%s", name_of(a));
  fputc(')', out);
}

static void print_question(FILE *out, const lin_op *op) {
  long long version = op->version, expect = op->expect;
  switch (op->kind) {
  case LIN_REGISTER: fprintf(out, "register content %d, alias %s", op->content, name_of(op->alias)); break;
  case LIN_ALIAS_SET: fprintf(out, "set %s to %lld expecting %lld", name_of(op->alias), version, expect); break;
  case LIN_ALIAS_DELETE: fprintf(out, "remove %s expecting %lld", name_of(op->alias), expect); break;
  case LIN_UNDO: fprintf(out, "undo %s", name_of(op->alias)); break;
  case LIN_DELETE: fprintf(out, "delete %lld%s", version, op->force ? " by force" : ""); break;
  case LIN_RESTORE: fprintf(out, "restore %lld", version); break;
  case LIN_TAG: fprintf(out, "tag %lld with %d", version, op->tag); break;
  case LIN_MODEL_DELETE: fprintf(out, "delete the model%s", op->force ? " by force" : ""); break;
  case LIN_MODEL_RESTORE: fprintf(out, "restore the model"); break;
  case LIN_RESOLVE: fprintf(out, "resolve %s", name_of(op->alias)); break;
  case LIN_GET: op->alias < 0 ? fprintf(out, "get %lld", version) : fprintf(out, "get @%s", name_of(op->alias)); break;
  case LIN_LIST: fprintf(out, "list the newest"); break;
  case LIN_HEAD: fprintf(out, "count changes"); break;
  default: fprintf(out, "collect garbage"); break;
  }
}

static void print_answer(FILE *out, const lin_op *op) {
  if (op->progress != LIN_ANSWERED) {
    fprintf(out, " -> killed before the answer");
    return;
  }
  fprintf(out, " -> %s", mlcm_status_name(op->status));
  if (op->status != MLCM_OK) return;
  bool has_number = op->kind == LIN_REGISTER || op->kind == LIN_UNDO || op->kind == LIN_RESOLVE || op->kind == LIN_HEAD;
  if (has_number) fprintf(out, " %lld", (long long)op->seen);
  for (int32_t i = 0; i < op->n_rows; i++) {
    fputc(' ', out);
    lin_print_row(out, &op->rows[i]);
  }
}

void lin_print(FILE *out, const lin_op *op, int64_t origin_ns) {
  fprintf(out, "process %d from %.3f ms", op->process, (double)(op->called_ns - origin_ns) / 1e6);
  if (op->progress == LIN_ANSWERED) fprintf(out, " to %.3f ms", (double)(op->answered_ns - origin_ns) / 1e6);
  fprintf(out, ": ");
  print_question(out, op);
  print_answer(out, op);
  fputc('\n', out);
}
