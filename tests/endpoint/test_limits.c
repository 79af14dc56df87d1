/* SPDX-License-Identifier: Apache-2.0
 *
 * test_limits.c - how much an endpoint reads of its routing row. docs/limits.md lists the limits.
 */
#include "fixture.h"

#include "endpoint/table.h"

enum { MAX_RULES_BYTES = 1 << 20 };

/* Two rules, and white space up to this length. */
static mlcm_status read_rules(size_t len, size_t *out_n, mlcm_error *err) {
  static const char rules[] = "[{\"attribute\":\"a\",\"to\":\"stable\"},{\"attribute\":\"b\",\"to\":\"candidate\"}]";
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  mlcm__table *table = NULL;
  char *json = malloc(len + 1);
  memset(json, ' ', len);
  memcpy(json, rules, sizeof rules - 1);
  json[len] = '\0';
  const mlcm__routing routing = {.epoch = 1, .override_json = json};
  mlcm_status st = mlcm__table_new(ctx, &routing, &table, err);
  if (!st) *out_n = table->n_rules;
  if (!st) mlcm__table_free(table);
  free(json);
  mlcm_context_free(ctx);
  return st;
}

START_TEST(override_rules_of_a_row_have_a_length) {
  size_t n = 0;
  CHECK_OK(read_rules(MAX_RULES_BYTES, &n, err));
  ck_assert_uint_eq(n, 2);
  CHECK_FAILS(MLCM_LIMIT, "override rules has 1048577 bytes, more than the limit of 1048576",
              read_rules(MAX_RULES_BYTES + 1, &n, err));
}
END_TEST

int main(void) {
  const TTest *tests[] = {override_rules_of_a_row_have_a_length};
  return TEST_RUN("endpoint_limits", tests);
}
