/* SPDX-License-Identifier: Apache-2.0
 *
 * small_disk.h - a file system of a few megabytes that really fills up: a tmpfs in a mount namespace of the test's own.
 *
 *   const char *why = small_disk_allowed();    // once, before threads and children; NULL: it may be used from now on
 *   char *dir = small_disk_mount(8 << 20);
 *   small_disk_unmount(dir);                   // frees dir
 */
#ifndef MLCM_TESTS_FAULT_SMALL_DISK_H
#define MLCM_TESTS_FAULT_SMALL_DISK_H

#include <stdint.h>

/* Enters a mount namespace: as root directly, else through a user namespace. Otherwise the system's reason why not. */
const char *small_disk_allowed(void);

/* These fail the running test when the system says no. */
char *small_disk_mount(int64_t size_bytes);
void small_disk_unmount(char *dir);
int64_t small_disk_free_bytes(const char *dir);

#endif
