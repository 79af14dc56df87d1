/* SPDX-License-Identifier: Apache-2.0
 *
 * json.h - builds JSON for --json. Nothing here fails: see memory.h.
 */
#ifndef MLCM_CLI_JSON_H
#define MLCM_CLI_JSON_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

cJSON *json_object(void);
cJSON *json_list(void);
cJSON *json_raw(const char *json);           /* kept as written: 64-bit integers do not pass through a double */
cJSON *json_string(const char *text);        /* bytes that are no UTF-8 become U+FFFD */
void json_add(cJSON *list, cJSON *item);     /* the list takes it over */

/* Members of an object. A NULL text is null. */
void json_put(cJSON *object, const char *name, cJSON *item);
void json_text(cJSON *object, const char *name, const char *text);
void json_number(cJSON *object, const char *name, double value);
void json_whole(cJSON *object, const char *name, int64_t value);
void json_truth(cJSON *object, const char *name, bool value);
void json_null(cJSON *object, const char *name);
cJSON *json_put_list(cJSON *object, const char *name); /* a new list, which the object keeps */

#endif
