/* SPDX-License-Identifier: Apache-2.0
 *
 * memory_file.h - one file of given bytes in place of the disk, for targets of readers that open their file themselves.
 */
#ifndef MLCM_TESTS_FUZZ_MEMORY_FILE_H
#define MLCM_TESTS_FUZZ_MEMORY_FILE_H

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <mlcm/base.h>

typedef struct memory_file {
  const uint8_t *data;
  size_t size, at;
} memory_file;

/* Whatever path is opened, it is this file. */
static int memory_open(void *user, const char *path, int flags, uint32_t mode) {
  (void)path, (void)flags, (void)mode;
  ((memory_file *)user)->at = 0;
  return 1000; /* no descriptor of the system */
}

static int memory_close(void *user, int fd) {
  (void)user, (void)fd;
  return 0;
}

static int memory_fstat(void *user, int fd, mlcm_file_info *out) {
  (void)fd;
  *out = (mlcm_file_info){.size_bytes = (int64_t)((memory_file *)user)->size, .mode = S_IFREG | 0644, .inode = 1, .nlinks = 1};
  return 0;
}

static int64_t memory_read(void *user, int fd, void *out, size_t size_bytes) {
  memory_file *file = user;
  (void)fd;
  const size_t n = size_bytes < file->size - file->at ? size_bytes : file->size - file->at;
  if (n) memcpy(out, file->data + file->at, n);
  file->at += n;
  return (int64_t)n;
}

/* A context whose every file is `file`. */
static mlcm_context *memory_context(memory_file *file) {
  mlcm_context_options options = MLCM_CONTEXT_OPTIONS_INIT;
  mlcm_context *ctx = NULL;
  mlcm_io io;
  mlcm_io_default(&io);
  io.user = file;
  io.open = memory_open;
  io.close = memory_close;
  io.fstat = memory_fstat;
  io.read = memory_read;
  options.io = &io;
  if (mlcm_context_new(&options, &ctx, NULL)) abort();
  return ctx;
}

#endif
