/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_yaml.c - any bytes into the YAML reader; every scalar of what it accepts goes through the typed readers.
 */
#include <stdlib.h>
#include <string.h>

#include "base/yaml.h"

static size_t read_scalar(const mlcm__yaml *doc, const mlcm__node *node) {
  double number = 0;
  int64_t whole = 0;
  bool flag = false;
  const char *text = NULL;
  mlcm_error err;
  if (strlen(node->text) != node->len || node->line < 1 || node->column < 1) abort();
  size_t accepted = 0;
  accepted += !mlcm__yaml_f64(doc, node, "x", &number, &err);
  accepted += !mlcm__yaml_i64(doc, node, "x", &whole, &err);
  accepted += !mlcm__yaml_bool(doc, node, "x", &flag, &err);
  accepted += !mlcm__yaml_text(doc, node, "x", &text, &err);
  accepted += !mlcm__yaml_duration(doc, node, "x", &whole, &err);
  accepted += !mlcm__yaml_share(doc, node, "x", &number, &err);
  accepted += !mlcm__yaml_times(doc, node, "x", &number, &err);
  return accepted;
}

/* Depth is bounded by the reader (32). */
static void walk(const mlcm__yaml *doc, const mlcm__node *node) {
  if (node->kind == MLCM__YAML_SCALAR) {
    read_scalar(doc, node);
    return;
  }
  const size_t n = node->kind == MLCM__YAML_MAP ? 2 * node->n : node->n;
  for (size_t i = 0; i < n; i++) walk(doc, node->items[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlcm_context *ctx = NULL;
  mlcm__yaml *doc = NULL;
  mlcm_error err;
  if (mlcm_context_new(NULL, &ctx, &err)) abort();
  if (mlcm__yaml_parse(ctx, "input", (const char *)data, size, &doc, &err) == MLCM_OK) {
    walk(doc, mlcm__yaml_root(doc));
  } else if (err.message[0] == 0 || err.code == MLCM_OK) {
    abort();
  }
  mlcm__yaml_free(doc);
  mlcm_context_free(ctx);
  return 0;
}
