/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_manifest.c - any bytes as the manifest of a version, under their true digest: what is accepted must be written and read again
 * as the same; under another digest nothing is.
 */
#include <stdlib.h>
#include <string.h>

#include "registry/manifest.h"

/* What the manifest says, written: the second writing must equal the first. */
static char *write(mlcm__manifest *manifest, size_t *len, char sha256[MLCM__SHA256_HEX + 1]) {
  char *text = NULL;
  for (size_t i = 0; i < manifest->n; i++)
    if (mlcm__manifest_find(manifest, manifest->files[i].path) != &manifest->files[i]) abort();
  if (mlcm__manifest_write(manifest, &text, len, sha256, NULL)) abort();
  return text;
}

static void check_accepted(mlcm__manifest *manifest) {
  char sha256[MLCM__SHA256_HEX + 1], sha256_again[MLCM__SHA256_HEX + 1];
  mlcm__manifest again;
  size_t len = 0, len_again = 0;
  char *text = write(manifest, &len, sha256);
  if (mlcm__manifest_parse(manifest->ctx, "m/1", text, len, sha256, &again, NULL) || again.n != manifest->n) abort();
  char *text_again = write(&again, &len_again, sha256_again);
  if (len != len_again || memcmp(text, text_again, len) != 0 || strcmp(sha256, sha256_again) != 0) abort();
  mlcm__free(manifest->ctx, text);
  mlcm__free(manifest->ctx, text_again);
  mlcm__manifest_reset(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlcm_context *ctx = NULL;
  mlcm__manifest manifest;
  mlcm_error err = {0};
  uint8_t digest[MLCM__SHA256_BYTES];
  char sha256[MLCM__SHA256_HEX + 1];
  const char *text = (const char *)data;
  if (mlcm_context_new(NULL, &ctx, NULL) || mlcm__sha256_of(data, size, digest, NULL)) abort();
  mlcm__hex(digest, sizeof digest, sha256);
  mlcm_status st = mlcm__manifest_parse(ctx, "m/1", text, size, sha256, &manifest, &err);
  if (st == MLCM_OK) check_accepted(&manifest);
  else if ((st != MLCM_CORRUPT && st != MLCM_UNSUPPORTED) || !err.message[0]) abort();
  mlcm__manifest_reset(&manifest);
  sha256[0] = sha256[0] == 'f' ? '0' : 'f';
  if (mlcm__manifest_parse(ctx, "m/1", text, size, sha256, &manifest, &err) != MLCM_CORRUPT) abort();
  mlcm__manifest_reset(&manifest);
  mlcm_context_free(ctx);
  return 0;
}
