/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/endpoint.h - the live handle: route, run, meter, swap.
 */
#ifndef MLCM_ENDPOINT_H
#define MLCM_ENDPOINT_H

#include <mlcm/base.h>
#include <mlcm/infer.h>
#include <mlcm/registry.h>
#include <mlcm/rollout.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlcm_endpoint mlcm_endpoint;

/* Which version answers a request, as a plain value: frozen at 64 bytes. */
typedef struct mlcm_ticket {
  uint64_t endpoint_id;
  int64_t version;
  uint64_t epoch;    /* routing epoch */
  uint64_t key_hash;
  int64_t routed_ns; /* wall time */
  uint32_t flags;    /* MLCM_TICKET_* */
  uint32_t slot;     /* hint: meter cell in this process */
  uint64_t reserved[2];
} mlcm_ticket;

enum { MLCM_TICKET_KEYED = 1, MLCM_TICKET_OVERRIDE = 2, MLCM_TICKET_CANDIDATE = 4 };

MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_open(mlcm_registry *reg, const char *name, const void *options,
                                                      mlcm_endpoint **out, mlcm_error *err);
MLCM_API void mlcm_endpoint_close(mlcm_endpoint *ep);
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_infer(mlcm_endpoint *ep, mlcm_str key, const mlcm_input *inputs, size_t n_inputs,
                                                       mlcm_output *outputs, size_t n_outputs, mlcm_ticket *out_ticket,
                                                       mlcm_error *err);
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_route(mlcm_endpoint *ep, mlcm_str key, mlcm_ticket *out, mlcm_error *err);
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_complete(mlcm_endpoint *ep, const mlcm_ticket *ticket, int64_t latency_ns,
                                                          int32_t ok, mlcm_error *err);
#define MLCM_OUTCOME_WRONG "wrong"
MLCM_API MLCM_MUST_USE mlcm_status mlcm_endpoint_report(mlcm_endpoint *ep, const mlcm_ticket *ticket, const char *outcome,
                                                        double value, mlcm_error *err);

#ifdef __cplusplus
}
#endif
#endif
