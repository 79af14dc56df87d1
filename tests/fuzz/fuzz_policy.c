/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_policy.c - any bytes as a policy; what is accepted must have a digest, make a gate, be linted and take evidence.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <mlcm/gate.h>

static void use(mlcm_context *ctx, const mlcm_policy *policy) {
  mlcm_gate *gate = NULL;
  char *json = NULL;
  char *text = NULL;
  mlcm_error err;
  if (strlen(mlcm_policy_digest(policy)) != 64 || mlcm_policy_n_checks(policy) == 0) abort();
  if (mlcm_policy_lint(ctx, policy, NULL, NULL, &text, &err)) abort();
  if (mlcm_gate_new(policy, &gate, &err)) abort();
  for (size_t i = 0; i < mlcm_policy_n_checks(policy); i++) {
    mlcm_counts counts = {100, 7, 300, 11};
    mlcm_measurement value = {.kind = MLCM_MEASURED_VALUE, .value = 1};
    bool compares = mlcm_policy_check(policy, i)->kind == MLCM_CHECK_COMPARE;
    mlcm_observation seen = {
        .check = (int32_t)i, .n_strata = compares, .fail = &counts, .pass = &counts, .measurement = compares ? NULL : &value};
    if (mlcm_gate_observe(gate, 1, &seen, 1, &err)) abort();
  }
  if (mlcm_gate_to_json(gate, &json, &err)) abort();
  mlcm_free(ctx, json);
  mlcm_free(ctx, text);
  mlcm_gate_free(gate);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlcm_context *ctx = NULL;
  mlcm_policy *policy = NULL;
  mlcm_error err;
  if (mlcm_context_new(NULL, &ctx, &err)) abort();
  if (mlcm_policy_parse(ctx, "input", (mlcm_str){(const char *)data, size}, &policy, &err) == MLCM_OK)
    use(ctx, policy);
  else if (err.message[0] == 0)
    abort();
  mlcm_policy_free(policy);
  mlcm_context_free(ctx);
  return 0;
}
