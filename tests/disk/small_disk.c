/* SPDX-License-Identifier: Apache-2.0
 *
 * small_disk.c - see small_disk.h. The namespace ends with the process, and the mount with it.
 */
#include "small_disk.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "support/temp_dir.h"

static bool write_text(const char *path, const char *text) {
  int fd = open(path, O_WRONLY | O_CLOEXEC);
  if (fd < 0) return false;
  bool done = write(fd, text, strlen(text)) == (ssize_t)strlen(text);
  close(fd);
  return done;
}

/* Makes the caller root of a user namespace in which nobody else is. */
static bool become_root_of_own(void) {
  char map[64];
  uid_t uid = geteuid();
  gid_t gid = getegid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) return false;
  (void)snprintf(map, sizeof map, "0 %u 1", (unsigned)uid);
  if (!write_text("/proc/self/setgroups", "deny") || !write_text("/proc/self/uid_map", map)) return false;
  (void)snprintf(map, sizeof map, "0 %u 1", (unsigned)gid);
  return write_text("/proc/self/gid_map", map);
}

const char *small_disk_allowed(void) {
  bool inside = (geteuid() == 0 && unshare(CLONE_NEWNS) == 0) || become_root_of_own();
  if (inside && mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0) return NULL;
  return strerror(errno);
}

char *small_disk_mount(int64_t size_bytes) {
  char options[64];
  char *dir = test_temp_dir();
  (void)snprintf(options, sizeof options, "size=%lld,nr_inodes=4096", (long long)size_bytes);
  ck_assert_msg(mount("small", dir, "tmpfs", 0, options) == 0, "tmpfs on %s: %s", dir, strerror(errno));
  return dir;
}

void small_disk_unmount(char *dir) {
  ck_assert_int_eq(umount2(dir, MNT_DETACH), 0);
  test_temp_dir_remove(dir);
}

int64_t small_disk_free_bytes(const char *dir) {
  struct statvfs now;
  ck_assert_int_eq(statvfs(dir, &now), 0);
  return (int64_t)now.f_bavail * (int64_t)now.f_frsize;
}
