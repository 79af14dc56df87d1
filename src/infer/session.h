/* SPDX-License-Identifier: Apache-2.0
 *
 * session.h - the inside of a session, shared by the files that open it, bind to it and run it.
 *
 * A session is immutable but for `idle`, a set of run states that any thread takes from and gives back to with single atomic
 * exchanges: no lock, and no allocation once there are as many states as runs at a time.
 */
#ifndef MLCM_INFER_SESSION_H
#define MLCM_INFER_SESSION_H

#include <stdatomic.h>

#include "infer/budget.h"
#include "infer/graph.h"

enum { MLCM__IDLE_STATES = 64 };

typedef struct mlcm__state mlcm__state;

struct mlcm_session {
  mlcm_context *ctx; /* the budget's */
  mlcm__budget *budget;
  const mlcm_backend *backend;
  uint64_t max_tensor_bytes;
  mlcm__graph graph;
  void **kernels; /* [graph.n_nodes]; NULL where the node is not live */
  bool *prepared; /* [graph.n_nodes] */
  _Atomic(mlcm__state *) idle[MLCM__IDLE_STATES];
  void (*free_owned)(void *owned); /* see mlcm__session_own */
  void *owned;
};

/* Makes the session the owner of what its bytes live in: close calls free_fn(owned) as its last step. At most once a session,
 * before another thread sees it. */
void mlcm__session_own(mlcm_session *session, void (*free_fn)(void *owned), void *owned);

typedef struct mlcm__slot {
  void *memory; /* as allocated */
  void *data;   /* aligned */
  size_t cap;
} mlcm__slot;

typedef struct mlcm__text_block mlcm__text_block;

/* What one run at a time needs: the tensors' descriptions, their buffers, the kernels' argument lists. */
struct mlcm__state {
  mlcm_session *session;
  mlcm_tensor *tensors; /* [graph.n_values] */
  mlcm__slot *slots;    /* [graph.n_slots] */
  mlcm__slot scratch;
  mlcm_call *calls;           /* [graph.n_nodes] */
  const mlcm_tensor **inputs; /* the calls' lists, one after the other */
  mlcm_tensor **outputs;
  mlcm__text_block *text; /* newest first */
  size_t home;            /* index in `idle` it was taken from or made for */
};

/* The built-in backend (reference/reference.c). */
const mlcm_backend *mlcm__reference_backend(void);

/* state.c */
mlcm_status mlcm__state_take(mlcm_session *session, mlcm__state **out, mlcm_error *err);
void mlcm__state_give_back(mlcm__state *state);
void mlcm__states_drop(mlcm_session *session); /* frees those that wait in the free set */
bool mlcm__state_owns_text(const mlcm__state *state, const char *ptr);
extern const mlcm_host mlcm__host;

/* bind.c */
mlcm_status mlcm__bind_inputs(mlcm__state *state, const mlcm_input *inputs, size_t n_inputs, mlcm_error *err);
mlcm_status mlcm__check_outputs(mlcm__state *state, const mlcm_output *outputs, size_t n_outputs, mlcm_error *err);
void mlcm__copy_outputs(mlcm__state *state, mlcm_output *outputs, size_t n_outputs);

#endif
