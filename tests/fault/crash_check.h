/* SPDX-License-Identifier: Apache-2.0
 *
 * crash_check.h - is this registry sound, and in which state is it? Asked of one that lived through a crash, so that nothing is taken
 * for granted: each check answers with words instead of failing the test.
 */
#ifndef MLCM_TESTS_FAULT_CRASH_CHECK_H
#define MLCM_TESTS_FAULT_CRASH_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include <mlcm/registry.h>

/* A number for everything that the tables of a database say, schema included; 0 when there is no database. */
uint64_t crash_db_state(const char *path);

enum { CRASH_WHY = 1024 };

/* Opens the registry in `dir` for writing as it is and looks at everything in it: fsck finds no damage, the audit log verifies and has at
 * least `min_audit` entries, each version's bytes verify, each alias stands on such a version, each decision replays; then `*state` is
 * taken, and a further registration of `file` succeeds. False with the reason in `why`. */
bool crash_check_registry(mlcm_context *ctx, const char *dir, uint32_t open_flags, int64_t min_audit, const char *file, uint64_t *state,
                          char why[CRASH_WHY]);

/* The same for a copy that nobody opens for writing: fsck only. */
bool crash_check_copy(mlcm_context *ctx, const char *dir, char why[CRASH_WHY]);

#endif
