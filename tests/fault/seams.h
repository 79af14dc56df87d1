/* SPDX-License-Identifier: Apache-2.0
 *
 * seams.h - the places where faults come in, and the kinds of fault there are.
 *
 *   seams_init(&s, &clock);                    // a context whose memory and files are in the test's hands, and SQLite's files
 * too
 *   seams_arm(&s, FAULT_EIO, 3, false);        // from here on the third file call fails
 *   st = ...;
 *   fired = seams_disarm(&s, FAULT_EIO);
 *   if (!fault_may_give(FAULT_EIO, st)) ...
 *   seams_reset(&s);
 */
#ifndef MLCM_TESTS_FAULT_SEAMS_H
#define MLCM_TESTS_FAULT_SEAMS_H

#include <mlcm/base.h>

#include "sqlite_shim.h"
#include "support/fake_clock.h"
#include "support/fault.h"

typedef enum fault_kind {
  FAULT_MEMORY,         /* an allocation of the context's */
  FAULT_EIO,            /* a call of the I/O table */
  FAULT_ENOSPC,
  FAULT_SYNC,           /* fsync of a file or folder */
  FAULT_SHORT,          /* reads and writes move so many bytes at a time */
  FAULT_SQL_FILE,       /* a file call of SQLite's */
  FAULT_SQL_FILE_FULL,  /* a write of SQLite's */
  FAULT_SQL_FILE_SYNC,  /* a sync of SQLite's */
  FAULT_SQL_IOERR,      /* an SQL statement: prepared, stepped, or run as a script */
  FAULT_SQL_FULL,
  FAULT_SQL_NOMEM,
  FAULT_SQL_BUSY,
  FAULT_SQL_CORRUPT,
  FAULT_MALLOC,         /* malloc below SQLite, OpenSSL, cJSON, libyaml, curl, the C library */
  FAULT_KINDS
} fault_kind;

const char *fault_kind_name(fault_kind kind);
bool fault_kind_is_rare(fault_kind kind); /* a function makes few such calls */
bool fault_kind_is_possible(fault_kind kind); /* in this build */
/* Whether a call that met such a fault may answer this. */
bool fault_may_give(fault_kind kind, mlcm_status st);

typedef struct seams {
  mlcm_context *ctx;
  test_memory memory;
  test_io io;
  mlcm_io table;
  size_t file_calls, file_fail_at; /* SQLite's file calls, counted while armed */
  bool file_armed, file_ever, file_fired;
  fault_kind file_kind;
  shim_call file_failed; /* the first that failed */
} seams;

void seams_init(seams *s, test_clock *clock);
void seams_arm(seams *s, fault_kind kind, size_t n, bool ever_after);
bool seams_disarm(seams *s, fault_kind kind); /* answers whether the fault came */
const char *seams_failed(const seams *s, fault_kind kind); /* what the first failing call was to do */
void seams_reset(seams *s); /* frees the context; memory and io still say what is left */

#endif
