/* SPDX-License-Identifier: Apache-2.0
 *
 * history.h - what processes asked of a registry and what they were answered, and when.
 *
 * Each process appends to a log of its own in memory that all share, so that it survives the process: the question with its
 * time before the call, the answer with its time after it. CLOCK_MONOTONIC is one clock for all processes of a machine. A
 * process that is killed leaves at most one call without an answer, which may have happened or not.
 */
#ifndef MLCM_TESTS_LINEAR_HISTORY_H
#define MLCM_TESTS_LINEAR_HISTORY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include <mlcm/base.h>

enum { LIN_ALIASES = 2, LIN_LISTED = 6 }; /* aliases "a" and "b" of each model; versions of one page */

typedef int32_t lin_kind;
enum {
  LIN_REGISTER = 1, /* content, with an alias or without -> number */
  LIN_ALIAS_SET,    /* alias, version, expect */
  LIN_ALIAS_DELETE, /* alias, expect */
  LIN_UNDO,         /* alias -> version */
  LIN_DELETE,       /* version, force */
  LIN_RESTORE,      /* version */
  LIN_TAG,          /* version, tag */
  LIN_MODEL_DELETE, /* force */
  LIN_MODEL_RESTORE,
  LIN_RESOLVE,      /* alias -> version */
  LIN_GET,          /* alias or version -> one row, its bytes read */
  LIN_LIST,         /* -> the newest rows that are not deleted */
  LIN_HEAD,         /* -> changes so far: of the registry in the log, of one model in its part */
  LIN_GC            /* in the log only: it must change nothing that anybody sees */
};

/* A version as somebody saw it. */
typedef struct lin_row {
  int64_t number;
  int32_t content; /* which of the bytes that processes register */
  int32_t tag;     /* value of its one tag, 0: none */
  int16_t deleted;
  int16_t aliases; /* bit per alias that stands on it */
} lin_row;

enum { LIN_UNUSED = 0, LIN_CALLED = 1, LIN_ANSWERED = 2 };

typedef struct lin_op {
  _Atomic int32_t progress; /* LIN_UNUSED, LIN_CALLED, LIN_ANSWERED */
  lin_kind kind;
  int64_t called_ns, answered_ns;
  int32_t process;
  int32_t model;
  int32_t alias; /* -1: none */
  int32_t content, tag, force;
  int64_t version, expect;
  mlcm_status status;
  int32_t n_rows;
  int64_t seen; /* a version's number, or how many changes */
  lin_row rows[LIN_LISTED];
} lin_op;

/* The log of several processes: `cap` calls each. */
typedef struct lin_log {
  int32_t n_processes;
  int32_t cap;
  lin_op *ops; /* [n_processes][cap], shared with all children */
} lin_log;

bool lin_log_open(lin_log *log, int32_t n_processes, int32_t cap); /* before the processes are forked */
void lin_log_close(lin_log *log);
void lin_log_reset(lin_log *log); /* forgets all; nobody may be writing */
int64_t lin_log_n(const lin_log *log, int32_t process);
bool lin_log_is_full(const lin_log *log, int32_t process);

/* Notes the question in the log of its process; answer() notes the answer written into the result since. */
lin_op *lin_call(lin_log *log, const lin_op *question);
void lin_answer(lin_op *op, mlcm_status status);

int64_t lin_now_ns(void);

/* One line: process, times since `origin_ns`, question and answer. */
void lin_print(FILE *out, const lin_op *op, int64_t origin_ns);
void lin_print_row(FILE *out, const lin_row *row);
bool lin_is_change(lin_kind kind);

#endif
