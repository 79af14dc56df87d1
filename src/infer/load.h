/* SPDX-License-Identifier: Apache-2.0
 *
 * load.h - from bytes to prepared kernels.
 */
#ifndef MLCM_INFER_LOAD_H
#define MLCM_INFER_LOAD_H

#include "infer/session.h"

/* Fills graph, kernels and prepared. On failure mlcm_session_close frees what was reached. */
mlcm_status mlcm__session_load(mlcm_session *session, const mlcm__files *files, mlcm_error *err);

#endif
