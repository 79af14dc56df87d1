/* SPDX-License-Identifier: Apache-2.0
 *
 * content.c - see content.h.
 */
#include "content.h"

#include <openssl/sha.h>
#include <stdio.h>
#include <string.h>

enum { HEX = 2 * SHA256_DIGEST_LENGTH };

size_t lin_content(int32_t which, char out[LIN_CONTENT_BYTES + 1]) {
  size_t len = which % 4 == 3 ? LIN_CONTENT_BYTES : 100;
  memset(out, 'a' + which % 26, len);
  int n = snprintf(out, len, "content %d", which);
  out[n] = ' ';
  out[len] = '\0';
  return len;
}

static void digest(const char *bytes, size_t len, char out[HEX + 1]) {
  unsigned char sha256[SHA256_DIGEST_LENGTH];
  SHA256((const unsigned char *)bytes, len, sha256);
  for (size_t i = 0; i < sizeof sha256; i++) (void)snprintf(out + 2 * i, 3, "%02x", sha256[i]);
}

static void manifest_digest(int32_t which, char out[HEX + 1]) {
  static char bytes[LIN_CONTENT_BYTES + 1];
  char sha256[HEX + 1], manifest[256];
  size_t len = lin_content(which, bytes);
  digest(bytes, len, sha256);
  int n = snprintf(manifest, sizeof manifest,
                   "{\"files\":[{\"path\":\"" LIN_FILE "\",\"sha256\":\"%s\",\"size\":\"%zu\"}],\"mlcm\":\"manifest/v1\"}",
                   sha256, len);
  digest(manifest, (size_t)n, out);
}

int32_t lin_content_of(const char *wanted) {
  static char digests[LIN_CONTENTS][HEX + 1]; /* computed once a process */
  if (!digests[0][0])
    for (int32_t i = 0; i < LIN_CONTENTS; i++) manifest_digest(i, digests[i]);
  for (int32_t i = 0; i < LIN_CONTENTS; i++)
    if (strcmp(digests[i], wanted) == 0) return i;
  return -1;
}
