/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_rules.c - any text as the override rules of a routing row; what is accepted must route a request's attributes.
 */
#include <stdlib.h>
#include <string.h>

#include "endpoint/table.h"

static void route(const mlcm__table *table) {
  for (size_t i = 0; i < table->n_rules; i++) {
    const mlcm__override_rule *rule = &table->rules[i];
    const mlcm_attribute asked = {.key = rule->key, .value = rule->value.ptr ? rule->value : mlcm_str_of("any")};
    const mlcm__override_rule *met = mlcm__route_override(table->rules, table->n_rules, &asked, 1);
    if (!met || met > rule) abort(); /* the first that fits: this one at the latest */
  }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlcm_context *ctx = NULL;
  mlcm__table *table = NULL;
  mlcm_error err = {0};
  if (mlcm_context_new(NULL, &ctx, NULL)) abort();
  mlcm__routing routing = {.epoch = 1, .override_json = mlcm__strndup(ctx, (const char *)data, size)};
  if (!routing.override_json) abort();
  if (mlcm__table_new(ctx, &routing, &table, &err) == MLCM_OK) {
    route(table);
    mlcm__table_free(table);
  } else if (!err.message[0] || table) {
    abort();
  }
  mlcm__routing_reset(ctx, &routing);
  mlcm_context_free(ctx);
  return 0;
}
