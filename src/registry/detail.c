/* SPDX-License-Identifier: Apache-2.0
 *
 * detail.c - see detail.h.
 */
#include "registry/detail.h"

#include <string.h>

#include "registry/digest.h"

enum { DETAIL_MAX = 1024 * 1024, DETAIL_DEPTH = 8 };

void mlcm__detail_open(mlcm__detail *detail, mlcm_context *ctx) {
  mlcm__buffer_init(&detail->text, ctx, DETAIL_MAX);
  mlcm__json_init(&detail->json, &detail->text, true);
  mlcm__json_object(&detail->json, NULL);
}

void mlcm__detail_digest(mlcm__detail *detail, const char *key, const char *text) {
  char digest[MLCM__DIGEST_TEXT + 1];
  mlcm_status st = text ? mlcm__digest_of(text, strlen(text), digest, NULL) : MLCM_OK;
  if (st) detail->text.bad = st;
  mlcm__json_string(&detail->json, key, text && !st ? digest : NULL);
}

mlcm_status mlcm__detail_record(mlcm__detail *detail, mlcm__db_conn *conn, mlcm_registry *reg, mlcm__record record,
                                const mlcm_attribution *by, int64_t *out_seq, mlcm_error *err) {
  mlcm__json_end(&detail->json);
  mlcm_status st = mlcm__buffer_check(&detail->text, "the event's detail", err);
  record.detail = detail->text.data;
  if (!st) st = mlcm__registry_record(conn, reg, &record, by, out_seq, err);
  mlcm__buffer_reset(&detail->text);
  return st;
}

mlcm_status mlcm__detail_parse(mlcm_context *ctx, const char *text, cJSON **out, mlcm_error *err) {
  const mlcm__json_limits limits = {.max_bytes = DETAIL_MAX, .max_depth = DETAIL_DEPTH};
  return mlcm__json_parse(ctx, "detail", text, strlen(text), limits, out, err);
}
