/* SPDX-License-Identifier: Apache-2.0
 *
 * netfs.c - a write-ahead log needs memory shared between its users, so a database on a network file system is refused.
 */
#include <errno.h>
#include <sys/vfs.h>

#include "db_sqlite.h"

/* Numbers of statfs(2); a file system that is not in the list is taken for a local one. */
bool mlcm__is_network_fs(uint64_t statfs_type) {
  static const uint32_t remote[] = {
      0x00006969, /* NFS */
      0x0000517B, /* SMB */
      0xFE534D42, /* SMB2 */
      0xFF534D42, /* CIFS */
      0x5346414F, /* AFS */
      0x73757245, /* CODA */
      0x00C36400, /* CEPH */
      0x0BD00BD0, /* Lustre */
      0x47504653, /* GPFS */
      0x19830326, /* BeeGFS */
  };
  for (size_t i = 0; i < sizeof remote / sizeof remote[0]; i++)
    if ((uint32_t)statfs_type == remote[i]) return true;
  return false;
}

mlcm_status mlcm__refuse_network_fs(const char *path, mlcm_error *err) {
  struct statfs fs;
  int rc;
  do rc = statfs(path, &fs);
  while (rc != 0 && errno == EINTR);
  if (rc != 0) return mlcm__fail_errno(err, errno, "the file system of '%s' cannot be looked at", path);
  if (!mlcm__is_network_fs((uint64_t)fs.f_type)) return MLCM_OK;
  return mlcm__fail(err, MLCM_UNSUPPORTED,
                    "'%s' is on a network file system (type 0x%llx): its locks and shared memory do not hold between machines; "
                    "put the registry on a local disk",
                    path, (unsigned long long)fs.f_type);
}
