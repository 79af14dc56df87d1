/* SPDX-License-Identifier: Apache-2.0
 *
 * calls_world.h - the small registry that fuzz_calls attacks: made once in a scratch folder, put back from memory before each input,
 * opened through two handles with contexts of their own, with the clock in the target's hands.
 *
 * In it: model "a" with versions 1 and 2 (of contents 0 and 1), "champion" on 1; nothing else. Contents 2 and 3 wait to be registered.
 */
#ifndef MLCM_TESTS_FUZZ_CALLS_WORLD_H
#define MLCM_TESTS_FUZZ_CALLS_WORLD_H

#include <mlcm/mlcm.h>

#include "support/fake_clock.h"

enum { CALLS_HANDLES = 2, CALLS_CONTENTS = 4, CALLS_PATH = 256 };

typedef struct calls_world {
  char reg_dir[CALLS_PATH];
  char backup_dir[CALLS_PATH];
  char content[CALLS_CONTENTS][CALLS_PATH]; /* files to register */
  test_clock clock;
  mlcm_context *ctx[CALLS_HANDLES];
  mlcm_registry *reg[CALLS_HANDLES];
  mlcm_rollout *rollout[CALLS_HANDLES]; /* NULL: none open */
  int read_only[CALLS_HANDLES];
} calls_world;

/* The world as it was made. Aborts when the disk does not play. */
calls_world *calls_world_begin(void);
void calls_world_end(calls_world *w);
/* Closes the handle (its rollout too) and opens it anew. */
void calls_world_reopen(calls_world *w, int handle, int read_only);

/* Ends the process with a line that says what promise was broken. */
_Noreturn void calls_violation(const char *format, ...) MLCM_PRINTF(1, 2);

#endif
