/* SPDX-License-Identifier: Apache-2.0
 *
 * content.h - the few contents that processes register, and their digests as the formats' pages say, not as the library does.
 */
#ifndef MLCM_TESTS_LINEAR_CONTENT_H
#define MLCM_TESTS_LINEAR_CONTENT_H

#include <stddef.h>
#include <stdint.h>

enum { LIN_CONTENTS = 24, LIN_CONTENT_BYTES = 40000 };
#define LIN_FILE "weights"

/* Content `which`, with a NUL behind it. Few are large enough to be killed in the middle of. */
size_t lin_content(int32_t which, char out[LIN_CONTENT_BYTES + 1]);
/* Which content a manifest digest of 64 hex digits belongs to, -1: none. */
int32_t lin_content_of(const char *manifest_digest);

#endif
