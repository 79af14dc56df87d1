/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_ref.c - any text as a reference and as a manifest's path. What is accepted must print to a text that means the same.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "registry/names.h"

static void print(const mlcm_ref *ref, char *out, size_t size) {
  if (ref->kind == MLCM_REF_NUMBER) (void)snprintf(out, size, "models:/%s/%lld", ref->model, (long long)ref->version);
  else if (ref->kind == MLCM_REF_ALIAS) (void)snprintf(out, size, "%s@%s", ref->model, ref->alias);
  else (void)snprintf(out, size, "%s", ref->model);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlcm_ref ref = {0};
  mlcm_ref again = {0};
  mlcm_error err = {0};
  char printed[sizeof ref + 16];
  char *text = malloc(size + 1);
  if (!text) abort();
  if (size) memcpy(text, data, size);
  text[size] = '\0';
  if (mlcm_ref_parse(text, &ref, &err) == MLCM_OK) {
    print(&ref, printed, sizeof printed);
    if (mlcm_ref_parse(printed, &again, &err) != MLCM_OK || memcmp(&ref, &again, sizeof ref) != 0) abort();
  } else if (!err.message[0] || ref.model[0]) {
    abort();
  }
  if (mlcm__check_file_path(text, &err) == MLCM_OK && (text[0] == '/' || strcmp(text, "..") == 0 || strstr(text, "../") == text)) abort();
  free(text);
  return 0;
}
