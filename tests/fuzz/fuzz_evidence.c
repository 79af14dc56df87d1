/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_evidence.c - any bytes as a line of evidence; what is read must be written again as the same tick.
 */
#include <stdlib.h>
#include <string.h>

#include "rollout/evidence.h"

static void again(mlcm_context *ctx, const mlcm__evidence_line *line) {
  mlcm__buffer a, b;
  mlcm__evidence_line read = {0};
  mlcm_error err;
  mlcm__buffer_init(&a, ctx, 16 << 20);
  mlcm__buffer_init(&b, ctx, 16 << 20);
  if (mlcm__evidence_write(&a, &line->tick, &err)) abort();
  if (mlcm__evidence_read(ctx, a.data, a.len - 1, &read, NULL, &err)) abort();
  if (mlcm__evidence_write(&b, &read.tick, &err)) abort();
  if (a.len != b.len || memcmp(a.data, b.data, a.len) != 0) abort();
  mlcm__evidence_line_reset(ctx, &read);
  mlcm__buffer_reset(&a);
  mlcm__buffer_reset(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlcm_context *ctx = NULL;
  mlcm__evidence_line line = {0};
  mlcm__counted counted = {0};
  mlcm_error err;
  if (mlcm_context_new(NULL, &ctx, &err)) abort();
  mlcm_status st = mlcm__evidence_read(ctx, (const char *)data, size, &line, &counted, &err);
  if (st && st != MLCM_CORRUPT && st != MLCM_LIMIT) abort();
  if (!st && !line.is_counted) again(ctx, &line);
  mlcm__evidence_line_reset(ctx, &line);
  mlcm__counted_reset(ctx, &counted);
  mlcm_context_free(ctx);
  return 0;
}
