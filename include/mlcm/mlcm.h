/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/mlcm.h - the whole public API of libmlcm. Each header can also be included alone.
 */
#ifndef MLCM_MLCM_H
#define MLCM_MLCM_H

#include <mlcm/base.h>

#include <mlcm/backend.h>
#include <mlcm/endpoint.h>
#include <mlcm/gate.h>
#include <mlcm/infer.h>
#include <mlcm/metric.h>
#include <mlcm/registry.h>
#include <mlcm/rollout.h>
#include <mlcm/trust.h>

#endif
