/* SPDX-License-Identifier: Apache-2.0
 *
 * fault.h - failing memory and failing I/O for everybody's fault loops.
 *
 * The loops run a script again and again in a fresh context, with call 1, 2, 3 ... failing (once, then once more with all later
 * calls failing too), until a run ends before the failure was due. The script does its work, undoes what it opened, and
 * returns the status it got:
 *
 *   static mlcm_status script(mlcm_context *ctx, void *user, mlcm_error *err) {
 *     mlcm__map *map = NULL;
 *     mlcm_status st = mlcm__map_new(ctx, &map, err);
 *     if (!st) st = mlcm__map_set(map, "k", 1, user, err);
 *     mlcm__map_free(map);
 *     return st;
 *   }
 *   test_fault_memory(script, NULL, &user);   // each run: OK or NO_MEMORY, nothing left allocated
 *   test_fault_io(script, check, &user);      // each run: then check(user) looks at what is on disk, without faults
 */
#ifndef MLCM_TESTS_SUPPORT_FAULT_H
#define MLCM_TESTS_SUPPORT_FAULT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include <mlcm/base.h>

#include "support/call_site.h"

/* ---- Memory -------------------------------------------------------------------------------------------------------- */

struct test_block;

/* An allocator on top of malloc that counts, fails when told, and knows what is still allocated. From any thread. */
typedef struct test_memory {
  pthread_mutex_t lock; /* guards all below */
  size_t n_calls;       /* alloc and realloc so far */
  size_t fail_at;       /* this call fails (1-based); 0: none */
  bool fail_ever_after; /* ... and all later ones */
  test_sites *sites;    /* instead of a number: the first call by a way not among these fails; NULL: not so */
  bool fired;           /* a call has failed */
  size_t n_live, live_bytes;
  size_t peak_bytes;
  struct test_block *blocks; /* what is allocated, newest first */
} test_memory;

void test_memory_init(test_memory *memory);
mlcm_allocator test_memory_table(test_memory *memory);
/* Fails the test when anything is still allocated, naming the call that made it. */
void test_memory_check_empty(test_memory *memory, const char *when);

typedef mlcm_status (*test_script)(mlcm_context *ctx, void *user, mlcm_error *err);

/* Returns how many allocations the script makes. check may be NULL; it is called after each failed run. */
size_t test_fault_memory(test_script script, void (*check)(void *user), void *user);
/* For long scripts: allocation 1, 1 + stride, 1 + 2 * stride ... fails. */
size_t test_fault_memory_sampled(test_script script, void (*check)(void *user), void *user, size_t stride);

/* ---- I/O ----------------------------------------------------------------------------------------------------------- */

enum {
  TEST_IO_OPEN = 1 << 0,
  TEST_IO_CLOSE = 1 << 1,
  TEST_IO_READ = 1 << 2,
  TEST_IO_WRITE = 1 << 3,
  TEST_IO_SYNC = 1 << 4,
  TEST_IO_STAT = 1 << 5,
  TEST_IO_FSTAT = 1 << 6,
  TEST_IO_LINK = 1 << 7,
  TEST_IO_RENAME = 1 << 8,
  TEST_IO_UNLINK = 1 << 9,
  TEST_IO_MKDIR = 1 << 10,
  TEST_IO_RMDIR = 1 << 11,
  TEST_IO_LIST = 1 << 12,
  TEST_IO_ALL = (1 << 13) - 1
};

/* The system's I/O table, with one call failing. A failing close closes all the same. From any thread. */
typedef struct test_io {
  mlcm_io real;
  unsigned counted;      /* TEST_IO_ bits of the calls that are counted and may fail */
  atomic_size_t n_calls; /* counted calls so far */
  size_t fail_at;        /* this counted call fails (1-based); 0: none */
  bool fail_ever_after;
  test_sites *sites;   /* as in test_memory */
  int fail_errno;      /* e.g. EIO, ENOSPC */
  size_t max_transfer; /* a read or write moves at most so many bytes; 0: as many as asked */
  atomic_bool fired;
  atomic_uint fired_op; /* TEST_IO_ bit of the first call that failed */
  atomic_int n_open;    /* descriptors open now */
} test_io;

void test_io_init(test_io *io); /* counts all calls, fails none */
mlcm_io test_io_table(test_io *io);
const char *test_io_name(unsigned op);

/* Runs the script with call n failing with EIO and with ENOSPC. Every run must answer OK or one of the codes that a failing disk
 * may have (IO, DISK_FULL, NOT_FOUND, NO_MEMORY, OUTCOME_UNKNOWN, CORRUPT) and leave no descriptor open. Returns the number of
 * calls. */
size_t test_fault_io(test_script script, void (*check)(void *user), void *user);

/* ---- A context ----------------------------------------------------------------------------------------------------- */

/* A context with some seams replaced (each may be NULL: the default). Fails the test when it cannot be made. */
mlcm_context *test_context(const mlcm_allocator *allocator, const mlcm_io *io, const mlcm_clock *clock);

#endif
