/* SPDX-License-Identifier: Apache-2.0
 *
 * reference.c - the backend's table, and the search for an operator.
 */
#include "infer/reference/reference.h"

#include <assert.h>
#include <string.h>

#include "infer/session.h"

/* The newest opsets whose operator definitions were read for this table. */
enum { KNOWN_CORE_OPSET = 28, KNOWN_ML_OPSET = 5 };

static const mlcm__ref_family *const FAMILIES[] = {
    &mlcm__ref_unary_family,   &mlcm__ref_binary_family, &mlcm__ref_variadic_family, &mlcm__ref_reduce_family,
    &mlcm__ref_matmul_family,  &mlcm__ref_shape_family,  &mlcm__ref_move_family,     &mlcm__ref_slice_family,
    &mlcm__ref_pad_family,     &mlcm__ref_gather_family, &mlcm__ref_scatter_family,  &mlcm__ref_cast_family,
    &mlcm__ref_softmax_family, &mlcm__ref_norm_family,   &mlcm__ref_select_family,   &mlcm__ref_make_family,
    &mlcm__ref_tree_family,    &mlcm__ref_linear_family, &mlcm__ref_svm_family,      &mlcm__ref_scale_family,
    &mlcm__ref_encode_family,  &mlcm__ref_label_family,  &mlcm__ref_map_family,      &mlcm__ref_text_family,
};

static bool is_of_domain(const mlcm_node *node, int domain) {
  return mlcm__ref_text_is(node->domain, domain == MLCM__REF_CORE ? "ai.onnx" : "ai.onnx.ml");
}

static const mlcm__ref_op *find_op(const mlcm_node *node) {
  for (size_t f = 0; f < sizeof FAMILIES / sizeof FAMILIES[0]; f++) {
    for (size_t i = 0; i < FAMILIES[f]->n; i++) {
      const mlcm__ref_op *op = &FAMILIES[f]->ops[i];
      int known = op->domain == MLCM__REF_CORE ? KNOWN_CORE_OPSET : KNOWN_ML_OPSET;
      if (!mlcm__ref_text_is(node->op, op->name) || !is_of_domain(node, op->domain)) continue;
      if (node->opset >= op->since && node->opset <= (op->until > 0 ? op->until : known)) return op;
    }
  }
  return NULL;
}

static mlcm_status check_arity(const mlcm__ref_op *op, const mlcm_node *node, mlcm_error *err) {
  size_t max_outputs = op->max_outputs > 0 ? op->max_outputs : 1;
  bool enough = node->n_inputs >= (size_t)op->min_inputs && node->n_outputs > 0;
  bool too_many = op->max_inputs >= 0 && node->n_inputs > (size_t)op->max_inputs;
  size_t n_needed = op->max_inputs < 0 ? node->n_inputs : (size_t)op->min_inputs; /* of a list none may be left out */
  for (size_t i = 0; enough && i < n_needed; i++) enough = node->has_input[i] != 0;
  if (!enough || too_many)
    return mlcm__fail(err, MLCM_PARSE,
                      "it has %zu inputs and %zu outputs; at least %d inputs and an output are needed, at most %d",
                      node->n_inputs, node->n_outputs, op->min_inputs, op->max_inputs);
  for (size_t i = max_outputs; i < node->n_outputs; i++)
    if (node->has_output[i])
      return mlcm__fail(err, MLCM_UNSUPPORTED, "output %zu is used; only the first %zu are supported", i, max_outputs);
  return MLCM_OK;
}

/* Types are worked out from node to node: those of this one's inputs are known as far as they can be. */
static mlcm_status supports(const mlcm_backend *backend, const mlcm_node *node, mlcm_error *err) {
  (void)backend;
  const mlcm__ref_op *op = find_op(node);
  if (op == NULL) return MLCM_UNSUPPORTED;
  mlcm_status st = check_arity(op, node, err);
  const mlcm_dtype first[] = {node->n_inputs > 0 ? node->input_dtypes[0] : 0, node->n_inputs > 1 ? node->input_dtypes[1] : 0};
  for (size_t i = 0; !st && i < node->n_inputs; i++) st = mlcm__ref_check_type(op, i, node->input_dtypes[i], first, err);
  for (size_t i = 0; !st && i < node->n_outputs; i++) node->output_dtypes[i] = mlcm__ref_output_type(op, node, i);
  return st;
}

static void release(const mlcm_backend *backend, void *kernel) {
  (void)backend;
  mlcm__ref_kernel *k = kernel;
  mlcm_context *ctx = k->arena.ctx;
  mlcm__arena_reset(&k->arena);
  mlcm__free(ctx, k);
}

static mlcm_status prepare(const mlcm_backend *backend, const mlcm_node *node, void **out_kernel, mlcm_error *err) {
  const mlcm__ref_op *op = find_op(node);
  assert(op != NULL && op->run != NULL); /* supports said so */
  mlcm__ref_kernel *k = mlcm__alloc_zero(node->ctx, 1, sizeof *k);
  if (k == NULL) return mlcm__fail_memory(err, sizeof *k);
  k->op = op;
  k->opset = node->opset;
  mlcm__arena_init(&k->arena, node->ctx);
  mlcm__ref_reader r = {.node = node, .arena = &k->arena, .err = err};
  k->data = mlcm__ref_keep(&r, 1, op->data_bytes);
  if (op->prepare != NULL && r.st == MLCM_OK) op->prepare(k, &r);
  if (r.st)
    release(backend, k);
  else
    *out_kernel = k;
  return r.st;
}

static mlcm_dtype dtype_of(const mlcm_call *call, size_t i) {
  const mlcm_tensor *t = mlcm__ref_input(call, i);
  return t != NULL ? t->dtype : 0;
}

/* The types again: at load some may have been unknown. */
static mlcm_status run(const mlcm_backend *backend, const void *kernel, mlcm_call *call, mlcm_error *err) {
  (void)backend;
  const mlcm__ref_kernel *k = kernel;
  const mlcm_dtype first[] = {dtype_of(call, 0), dtype_of(call, 1)};
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; !st && i < call->n_inputs; i++) st = mlcm__ref_check_type(k->op, i, dtype_of(call, i), first, err);
  return st ? st : k->op->run(k, call, err);
}

const mlcm_backend *mlcm__reference_backend(void) {
  static const mlcm_backend table = {.struct_size = sizeof table,
                                     .abi_version = MLCM_BACKEND_ABI_VERSION,
                                     .name = "reference",
                                     .supports = supports,
                                     .prepare = prepare,
                                     .run = run,
                                     .release = release};
  return &table;
}
