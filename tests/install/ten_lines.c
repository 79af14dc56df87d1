/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <mlcm/mlcm.h>

int main(int argc, char **argv) {
  mlcm_error err;
  mlcm_context *ctx = NULL;
  mlcm_registry *reg = NULL;
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  options.flags = MLCM_OPEN_CREATE;
  mlcm_status st = mlcm_context_new(NULL, &ctx, &err);
  if (!st) st = mlcm_registry_open(ctx, argc > 1 ? argv[1] : "models", &options, &reg, &err);
  printf("libmlcm %s: %s\n", mlcm_library_version(), st ? err.message : "a registry is there");
  mlcm_registry_close(reg);
  mlcm_context_free(ctx);
  return st != MLCM_OK;
}
