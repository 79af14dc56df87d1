/* SPDX-License-Identifier: Apache-2.0
 *
 * forkmark.c - the page that a fork wipes.
 */
#include "endpoint/forkmark.h"

#include <sys/mman.h>
#include <unistd.h>

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

static size_t page_size(void) { return (size_t)sysconf(_SC_PAGESIZE); }

void mlcm__forkmark_init(mlcm__forkmark *mark) {
  mark->page = NULL;
  mark->memory = NULL;
  mark->pid = getpid();
  void *page = mmap(NULL, page_size(), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return;                         /* rarely: no memory for a page */
  if (madvise(page, page_size(), MADV_WIPEONFORK) != 0) { /* rarely: a kernel before 4.14 */
    munmap(page, page_size());
    return;
  }
  mark->memory = page;
  mark->page = page;
  atomic_init(mark->page, 1);
}

void mlcm__forkmark_reset(mlcm__forkmark *mark) {
  /* rarely: a kernel before 4.14 */
  if (mark->page != NULL) munmap(mark->memory, page_size());
  mark->page = NULL;
  mark->memory = NULL;
}

bool mlcm__forkmark_pid_differs(const mlcm__forkmark *mark) { return getpid() != mark->pid; }
