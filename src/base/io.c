/* SPDX-License-Identifier: Apache-2.0
 *
 * io.c - the default I/O table: the system's calls, each answering >= 0 or a negative errno. Nothing is retried here; callers
 * such as mlcm__write_all own the loops, so that a test's table sees every single call.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "context.h"

static int answer(int result) { return result < 0 ? -errno : result; }

static int io_open(void *user, const char *path, int flags, uint32_t mode) {
  (void)user;
  return answer(open(path, flags, (mode_t)mode));
}

static int io_close(void *user, int fd) {
  (void)user;
  /* never: local file systems do not interrupt a close */
  if (close(fd) == 0 || errno == EINTR) return 0; /* Linux frees the descriptor even when interrupted: never close twice */
  return -errno;
}

static int64_t io_read(void *user, int fd, void *out, size_t size_bytes) {
  (void)user;
  const ssize_t n = read(fd, out, size_bytes);
  return n < 0 ? -errno : n;
}

static int64_t io_write(void *user, int fd, const void *data, size_t size_bytes) {
  (void)user;
  const ssize_t n = write(fd, data, size_bytes);
  return n < 0 ? -errno : n;
}

static int io_sync(void *user, int fd) {
  (void)user;
  return answer(fsync(fd));
}

static void describe(const struct stat *st, mlcm_file_info *out) {
  out->size_bytes = st->st_size;
  out->mtime_ns = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
  out->inode = st->st_ino;
  out->mode = st->st_mode;
  out->nlinks = (uint32_t)st->st_nlink;
}

static int io_stat(void *user, const char *path, mlcm_file_info *out) {
  (void)user;
  struct stat st;
  if (lstat(path, &st) < 0) return -errno;
  describe(&st, out);
  return 0;
}

static int io_fstat(void *user, int fd, mlcm_file_info *out) {
  (void)user;
  struct stat st;
  if (fstat(fd, &st) < 0) return -errno;
  describe(&st, out);
  return 0;
}

static int io_link(void *user, const char *from, const char *to) {
  (void)user;
  return answer(link(from, to));
}

static int io_rename(void *user, const char *from, const char *to) {
  (void)user;
  return answer(rename(from, to));
}

static int io_unlink(void *user, const char *path) {
  (void)user;
  return answer(unlink(path));
}

static int io_mkdir(void *user, const char *path, uint32_t mode) {
  (void)user;
  return answer(mkdir(path, (mode_t)mode));
}

static int io_rmdir(void *user, const char *path) {
  (void)user;
  return answer(rmdir(path));
}

static int io_list(void *user, const char *path, int (*visit)(void *visit_user, const char *name), void *visit_user) {
  (void)user;
  DIR *dir = opendir(path);
  if (!dir) return -errno;
  int result = 0;
  while (result == 0) {
    errno = 0;
    const struct dirent *entry = readdir(dir);
    if (!entry) {
      result = -errno;
      break;
    }
    if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) result = visit(visit_user, entry->d_name);
  }
  closedir(dir);
  return result;
}

void mlcm_io_default(mlcm_io *out) {
  *out = (mlcm_io){
      .struct_size = sizeof *out,
      .open = io_open,
      .close = io_close,
      .read = io_read,
      .write = io_write,
      .sync = io_sync,
      .stat = io_stat,
      .fstat = io_fstat,
      .link = io_link,
      .rename = io_rename,
      .unlink = io_unlink,
      .mkdir = io_mkdir,
      .rmdir = io_rmdir,
      .list = io_list,
  };
}
