/* SPDX-License-Identifier: Apache-2.0
 *
 * temp_dir.c - scratch folders of tests, through the C library directly: what is tested must not test itself.
 */
#include "temp_dir.h"

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

char *test_path(const char *dir, const char *name) {
  const size_t size = strlen(dir) + strlen(name) + 2;
  char *path = malloc(size);
  ck_assert_ptr_nonnull(path);
  snprintf(path, size, "%s/%s", dir, name);
  return path;
}

char *test_temp_dir(void) {
  const char *base = getenv("TMPDIR");
  char *dir = test_path(base && *base ? base : "/tmp", "mlcm-test-XXXXXX");
  ck_assert_msg(mkdtemp(dir) != NULL, "cannot make %s: %s", dir, strerror(errno));
  return dir;
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where) {
  (void)st;
  (void)where;
  if (type == FTW_DNR) chmod(path, 0700);
  return remove(path);
}

/* A test may have taken a folder's permissions away. */
static int make_writable(const char *path, const struct stat *st, int type, struct FTW *where) {
  (void)st;
  (void)where;
  return type == FTW_D || type == FTW_DNR ? chmod(path, 0700) : 0;
}

void test_temp_dir_remove(char *dir) {
  nftw(dir, make_writable, 16, FTW_PHYS);
  nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
  free(dir);
}

void test_write_file(const char *path, const void *data, size_t len) {
  FILE *file = fopen(path, "wb");
  ck_assert_msg(file != NULL, "cannot create %s: %s", path, strerror(errno));
  if (len) ck_assert_uint_eq(fwrite(data, 1, len, file), len); /* nothing may be NULL */
  ck_assert_int_eq(fclose(file), 0);
}

char *test_read_file(const char *path, size_t *len) {
  FILE *file = fopen(path, "rb");
  ck_assert_msg(file != NULL, "cannot open %s: %s", path, strerror(errno));
  ck_assert_int_eq(fseek(file, 0, SEEK_END), 0);
  const long size = ftell(file);
  ck_assert_int_ge(size, 0);
  rewind(file);
  char *data = malloc((size_t)size + 1);
  ck_assert_ptr_nonnull(data);
  ck_assert_uint_eq(fread(data, 1, (size_t)size, file), (size_t)size);
  data[size] = 0;
  fclose(file);
  if (len) *len = (size_t)size;
  return data;
}

bool test_exists(const char *path) {
  struct stat st;
  return path && lstat(path, &st) == 0;
}

size_t test_count_entries(const char *dir) {
  DIR *open_dir = opendir(dir);
  ck_assert_msg(open_dir != NULL, "cannot list %s: %s", dir, strerror(errno));
  size_t n = 0;
  while (readdir(open_dir)) n++;
  closedir(open_dir);
  return n - 2;
}
