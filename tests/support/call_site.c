/* SPDX-License-Identifier: Apache-2.0
 *
 * call_site.c - see call_site.h. Addresses are those of one process: what is kept is of no use in another.
 */
#include "call_site.h"

#include <check.h>
#include <execinfo.h>
#include <string.h>

enum { DEPTH = 40 };

static uint64_t mix(uint64_t hash, const void *data, size_t len) {
  const unsigned char *bytes = data;
  for (size_t i = 0; i < len; i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3); /* FNV-1a */
  return hash;
}

bool test_site_is_new(test_sites *sites, const char *what) {
  void *frames[DEPTH];
  const int n = backtrace(frames, DEPTH);
  uint64_t hash = mix(UINT64_C(0xcbf29ce484222325), frames, (size_t)n * sizeof frames[0]);
  hash = mix(hash, what, strlen(what));
  hash += hash == 0;
  size_t at = hash % TEST_SITES_MAX;
  while (sites->seen[at] && sites->seen[at] != hash) at = (at + 1) % TEST_SITES_MAX;
  if (sites->seen[at]) return false;
  ck_assert_msg(sites->n < TEST_SITES_MAX / 2, "more than %d ways to one call: the script is too large", TEST_SITES_MAX / 2);
  sites->seen[at] = hash;
  sites->n++;
  return true;
}
