/* SPDX-License-Identifier: Apache-2.0
 *
 * json.c - builds JSON. cJSON refuses only for want of memory: a missing member would be a lie, so that ends the program.
 */
#include "json.h"

#include <stdio.h>
#include <stdlib.h>

#include "memory.h"
#include "text.h"

cJSON *json_object(void) { return cli_must(cJSON_CreateObject()); }

cJSON *json_list(void) { return cli_must(cJSON_CreateArray()); }

cJSON *json_raw(const char *json) { return cli_must(cJSON_CreateRaw(json)); }

cJSON *json_string(const char *text) {
  char *valid = cli_valid_text(text);
  cJSON *string = cli_must(cJSON_CreateString(valid));
  free(valid);
  return string;
}

void json_add(cJSON *list, cJSON *item) { (void)cJSON_AddItemToArray(list, item); } /* it allocates nothing */

void json_put(cJSON *object, const char *name, cJSON *item) {
  if (!cJSON_AddItemToObject(object, name, item)) cli_no_memory();
}

void json_text(cJSON *object, const char *name, const char *text) {
  if (text)
    json_put(object, name, json_string(text));
  else
    json_null(object, name);
}

void json_number(cJSON *object, const char *name, double value) { json_put(object, name, cJSON_CreateNumber(value)); }

void json_whole(cJSON *object, const char *name, int64_t value) {
  char digits[24];
  snprintf(digits, sizeof digits, "%lld", (long long)value);
  json_put(object, name, json_raw(digits));
}

void json_truth(cJSON *object, const char *name, bool value) { json_put(object, name, cJSON_CreateBool(value)); }

void json_null(cJSON *object, const char *name) { json_put(object, name, cJSON_CreateNull()); }

cJSON *json_put_list(cJSON *object, const char *name) {
  cJSON *list = json_list();
  json_put(object, name, list);
  return list;
}
