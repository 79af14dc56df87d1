/* SPDX-License-Identifier: Apache-2.0
 *
 * db_error.c - SQLite's result codes in the library's words.
 */
#include <errno.h>
#include <string.h>

#include "db_sqlite.h"

static mlcm_status status_of_io(int extended_rc, int sys_errno) {
  if (sys_errno == ENOSPC || sys_errno == EDQUOT) return MLCM_DISK_FULL;
  switch (extended_rc) {
    case SQLITE_IOERR_NOMEM: return MLCM_NO_MEMORY;
    case SQLITE_IOERR_CORRUPTFS:
    case SQLITE_IOERR_DATA: return MLCM_CORRUPT;
    default: return MLCM_IO;
  }
}

mlcm_status mlcm__db_status_of(int extended_rc, int sys_errno) {
  switch (extended_rc & 0xff) {
    case SQLITE_OK:
    case SQLITE_ROW:
    case SQLITE_DONE: return MLCM_OK;
    case SQLITE_FULL: return MLCM_DISK_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL: return MLCM_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return MLCM_CORRUPT;
    case SQLITE_CONSTRAINT: return MLCM_CONFLICT;
    case SQLITE_READONLY:
    case SQLITE_PERM: return MLCM_REFUSED;
    case SQLITE_NOMEM: return MLCM_NO_MEMORY;
    case SQLITE_TOOBIG: return MLCM_LIMIT;
    case SQLITE_CANTOPEN: return sys_errno == ENOSPC ? MLCM_DISK_FULL : MLCM_IO;
    case SQLITE_IOERR: return status_of_io(extended_rc, sys_errno);
    default: return MLCM_INTERNAL;
  }
}

mlcm_status mlcm__db_fail(const mlcm__db *db, sqlite3 *raw, int rc, const char *what, mlcm_error *err) {
  int extended = raw ? sqlite3_extended_errcode(raw) : rc;
  if ((extended & 0xff) != (rc & 0xff)) extended = rc; /* another call on the connection came in between */
  int sys_errno = raw ? sqlite3_system_errno(raw) : 0;
  const char *text = raw && sqlite3_errcode(raw) == (rc & 0xff) ? sqlite3_errmsg(raw) : sqlite3_errstr(extended);
  mlcm_status status = mlcm__db_status_of(extended, sys_errno);
  switch (status) {
    case MLCM_DISK_FULL:
      mlcm__fail(err, status, "database '%s': %s: no space left on its disk; free some and try again, reading goes on", db->path,
                 what);
      break;
    case MLCM_CORRUPT:
      mlcm__fail(err, status, "database '%s': %s: %s; restore it from a backup", db->path, what, text);
      break;
    default: {
      const char *cause = status == MLCM_IO ? strerrordesc_np(sys_errno) : NULL; /* SQLite's own text leaves it out */
      bool is_known = cause && sys_errno != 0;
      mlcm__fail(err, status, "database '%s': %s: %s%s%s (SQLite %d)", db->path, what, text, is_known ? ": " : "",
                 is_known ? cause : "", extended);
    }
  }
  if (err && (status == MLCM_IO || status == MLCM_DISK_FULL)) err->sys_code = sys_errno;
  return status;
}
