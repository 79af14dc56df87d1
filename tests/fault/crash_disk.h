/* SPDX-License-Identifier: Apache-2.0
 *
 * crash_disk.h - what a disk may hold after the power went in the middle of a log, laid out as a real folder.
 *
 * What was synced is kept: a file's bytes up to its last sync, a folder's entries up to its last sync. Of the rest, by `crash_mode`:
 */
#ifndef MLCM_TESTS_FAULT_CRASH_DISK_H
#define MLCM_TESTS_FAULT_CRASH_DISK_H

#include "crash_log.h"

typedef enum crash_mode {
  CRASH_KEPT,      /* everything is there: the process was killed, the machine went on */
  CRASH_LOST,      /* nothing is there */
  CRASH_NAMES,     /* names are there, bytes are not: the empty file after a rename */
  CRASH_BYTES,     /* bytes are there, names are not */
  CRASH_TORN,      /* up to a random moment for each file and folder; the last write only in some of its 512-byte sectors */
  CRASH_REORDERED, /* each name and each sector by itself, at random */
  CRASH_MODES
} crash_mode;

const char *crash_mode_name(crash_mode mode);

/* A state of the disk. A rename is one change even between folders, and durable once the folder it leads to is synced: so do all file
 * systems with a journal. A file's sync does not make its name durable. */
typedef struct crash_disk crash_disk;

/* After the first n effects of the log. *out_pending: how many effects were not yet safe; with none all modes are the same. */
crash_disk *crash_disk_after(const crash_log *log, size_t n, crash_mode mode, uint64_t seed, size_t *out_pending);
uint64_t crash_disk_hash(const crash_disk *disk); /* equal states, equal hashes */
void crash_disk_lay_out(const crash_disk *disk, const char *folder); /* an existing empty folder */
void crash_disk_free(crash_disk *disk);

#endif
