/* SPDX-License-Identifier: Apache-2.0
 *
 * json_text.h - 64-bit integers in hashed JSON are strings, so that no reader squeezes them through a double.
 */
#ifndef MLCM_GATE_JSON_TEXT_H
#define MLCM_GATE_JSON_TEXT_H

#include <inttypes.h>
#include <stdio.h>

#include "base/json.h"

static inline void mlcm__json_i64_text(mlcm__json *j, const char *key, int64_t value) {
  char text[24];
  snprintf(text, sizeof(text), "%" PRId64, value);
  mlcm__json_string(j, key, text);
}

#endif
