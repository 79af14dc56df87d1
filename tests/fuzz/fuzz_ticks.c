/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_ticks.c - any bytes as recorded counts; what is accepted must give JSON that reads back.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>

#include <mlcm/gate.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlcm_context *ctx = NULL;
  mlcm_policy *policy = NULL;
  char *json = NULL;
  char *text = NULL;
  mlcm_error err;
  if (mlcm_context_new(NULL, &ctx, &err)) abort();
  if (mlcm_policy_parse(ctx, "p", mlcm_str_of("mlcm: gate/v1\nchecks: [{name: e, compare: error, tolerate: 1.25x}]"), &policy,
                        &err))
    abort();
  if (mlcm_gate_replay(ctx, policy, "input", (mlcm_str){(const char *)data, size}, &json, &text, &err) == MLCM_OK) {
    cJSON *root = cJSON_Parse(json);
    if (!root || !cJSON_IsArray(cJSON_GetObjectItem(root, "ticks"))) abort();
    cJSON_Delete(root);
  } else if (err.message[0] == 0 || json || text) {
    abort();
  }
  mlcm_free(ctx, json);
  mlcm_free(ctx, text);
  mlcm_policy_free(policy);
  mlcm_context_free(ctx);
  return 0;
}
