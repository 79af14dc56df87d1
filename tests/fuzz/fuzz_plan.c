/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_plan.c - any bytes as a plan; what is accepted must have a digest and steps that rise, and drive the machine.
 */
#include <stdlib.h>
#include <string.h>

#include "rollout/machine.h"

static void drive(mlcm_context *ctx, const mlcm_plan *plan) {
  mlcm__machine *machine = NULL;
  mlcm__outcome outcome;
  mlcm_error err;
  if (mlcm__machine_new(ctx, plan, 1, 2, &machine, &err)) abort();
  for (int i = 0; i < 8 && (i == 0 || mlcm__machine_active(machine)); i++) {
    mlcm__tick tick = {.wall_ns = i, .mono_ns = (int64_t)i << 40, .command = {i > 5 ? i - 5 : 0, "fuzz", "because"}};
    if (mlcm__machine_tick(machine, &tick, &outcome, &err)) abort();
    if (i == 0 && outcome.action != MLCM_ACTION_START) abort();
    if (outcome.action == MLCM_ACTION_ADVANCE) abort(); /* without data */
  }
  mlcm__machine_free(machine);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlcm_context *ctx = NULL;
  mlcm_plan *plan = NULL;
  mlcm_error err;
  if (mlcm_context_new(NULL, &ctx, &err)) abort();
  if (mlcm_plan_parse(ctx, "input", (mlcm_str){(const char *)data, size}, &plan, &err) == MLCM_OK) {
    if (strlen(mlcm_plan_digest(plan)) != 64 || mlcm_plan_n_steps(plan) < 1) abort();
    for (int32_t i = 1; i < mlcm_plan_n_steps(plan); i++)
      if (mlcm_plan_step_weight_ppm(plan, i) <= mlcm_plan_step_weight_ppm(plan, i - 1)) abort();
    drive(ctx, plan);
  } else if (err.message[0] == 0) {
    abort();
  }
  mlcm_plan_free(plan);
  mlcm_context_free(ctx);
  return 0;
}
