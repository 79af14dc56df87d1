/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/trust.h - the audit log: an RFC 6962 Merkle tree over every change.
 */
#ifndef MLCM_TRUST_H
#define MLCM_TRUST_H

#include <mlcm/base.h>
#include <mlcm/registry.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlcm_audit_head {
  int64_t size;     /* leaves */
  uint8_t root[32]; /* RFC 6962 root; SHA-256("") when size is 0 */
} mlcm_audit_head;

MLCM_API MLCM_MUST_USE mlcm_status mlcm_audit_head_get(mlcm_registry *reg, mlcm_audit_head *out, mlcm_error *err);
/* Recomputes every leaf and the root, and checks each entry against the row it speaks of. MLCM_CORRUPT names the first bad seq. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_audit_verify(mlcm_registry *reg, const mlcm_progress *progress, mlcm_audit_head *out,
                                                     mlcm_error *err);

#ifdef __cplusplus
}
#endif
#endif
