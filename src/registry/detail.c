/* SPDX-License-Identifier: Apache-2.0
 *
 * detail.c - see detail.h.
 */
#include "registry/detail.h"

enum { DETAIL_MAX = 1024 * 1024 };

void mlcm__detail_open(mlcm__detail *detail, mlcm_context *ctx) {
  mlcm__buffer_init(&detail->text, ctx, DETAIL_MAX);
  mlcm__json_init(&detail->json, &detail->text, true);
  mlcm__json_object(&detail->json, NULL);
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
