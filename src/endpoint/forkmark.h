/* SPDX-License-Identifier: Apache-2.0
 *
 * forkmark.h - tells a forked child from the process that opened a handle, at the price of one load.
 *
 * The mark is a page that the kernel hands to a child as zeros (MADV_WIPEONFORK). Where the kernel cannot do that, process ids
 * are compared, which costs a system call.
 */
#ifndef MLCM_ENDPOINT_FORKMARK_H
#define MLCM_ENDPOINT_FORKMARK_H

#include "base/context.h"

typedef struct mlcm__forkmark {
  _Atomic uint32_t *page; /* 1 in the process that made it, 0 in its children; NULL: compare pid */
  void *memory;           /* of the page */
  int64_t pid;
} mlcm__forkmark;

void mlcm__forkmark_init(mlcm__forkmark *mark);
void mlcm__forkmark_reset(mlcm__forkmark *mark);
bool mlcm__forkmark_pid_differs(const mlcm__forkmark *mark);

/* True in a child of the process that made the mark. */
static inline bool mlcm__forkmark_is_child(const mlcm__forkmark *mark) {
  /* rarely: a kernel before 4.14 */
  if (mark->page != NULL) return atomic_load_explicit(mark->page, memory_order_relaxed) == 0;
  return mlcm__forkmark_pid_differs(mark);
}

#endif
