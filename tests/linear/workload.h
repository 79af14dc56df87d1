/* SPDX-License-Identifier: Apache-2.0
 *
 * workload.h - what the processes do: writers, readers and a collector on one registry, each with a clock of its own that
 * jumps.
 */
#ifndef MLCM_TESTS_LINEAR_WORKLOAD_H
#define MLCM_TESTS_LINEAR_WORKLOAD_H

#include <mlcm/registry.h>

#include "linear/history.h"

enum {
  LIN_MODELS = 4,
  LIN_WRITERS = 5,
  LIN_READERS = 3,
  LIN_COLLECTOR = LIN_WRITERS + LIN_READERS, /* the process that collects garbage */
  LIN_PARENT,                                /* looks when all others are gone */
  LIN_PROCESSES
};

typedef struct lin_work {
  lin_log log;
  char *dir; /* scratch: the registry in dir/reg */
  char *reg_dir;
  bool one_lies; /* a reader that answers from memory, for the test of the test */
} lin_work;

/* A process as the registry knows it. Each call notes question and answer. */
typedef struct lin_caller {
  lin_work *work;
  mlcm_registry *reg;
  int32_t process;
} lin_caller;

void lin_model_name(int32_t model, char out[8]);

/* Asks the registry and notes it. An answer that no history may have ends the process with 1. */
lin_op *lin_ask(const lin_caller *caller, lin_op question);

/* Works until its log is full or it is killed; never comes back. */
_Noreturn void lin_work_on(lin_work *work, int32_t process, uint64_t seed);

/* FNV-1a of what the feed says of a change, and of several such: what one reader saw must be what all others see. */
#define LIN_HASH_NONE UINT64_C(0xcbf29ce484222325)
uint64_t lin_hash_change(const mlcm_change *change);
uint64_t lin_hash_mix(uint64_t hash, uint64_t of_next_change);

#endif
