/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_json.c - any bytes into the JSON reader. What it accepts must survive being printed and read again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const mlcm__json_limits limits = {.max_bytes = 1 << 20, .max_depth = 64};
  mlcm_context *ctx = NULL;
  cJSON *tree = NULL, *again = NULL;
  mlcm_error err;
  if (mlcm_context_new(NULL, &ctx, &err)) abort();
  if (mlcm__json_parse(ctx, "input", (const char *)data, size, limits, &tree, &err) == MLCM_OK) {
    char *text = cJSON_PrintUnformatted(tree);
    if (!text || mlcm__json_parse(ctx, "printed", text, strlen(text), limits, &again, &err) != MLCM_OK) abort();
    cJSON_Delete(again);
    cJSON_free(text);
  } else if (err.message[0] == 0 || err.code == MLCM_OK) {
    abort();
  }
  cJSON_Delete(tree);
  mlcm_context_free(ctx);
  return 0;
}
