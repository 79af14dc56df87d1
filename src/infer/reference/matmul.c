/* SPDX-License-Identifier: Apache-2.0
 *
 * matmul.c - MatMul and Gemm.
 *
 * The right-hand side is used as doubles (or int64s) in row-major [k, n]; a constant one is turned into that once, at load. Each
 * element of the result is summed over k in ascending order, in eight columns at a time, so neither the batch nor the width of
 * the machine's vectors changes a bit.
 */
#include <assert.h>
#include <string.h>

#include "infer/reference/reference.h"

enum { COLUMNS = 8 };

/* Constants above this many elements, or that several nodes read, are converted when they are used: in memory once. */
static const int64_t MAX_PACKED = (int64_t)1 << 24;

typedef struct params {
  double alpha, beta; /* Gemm */
  bool trans_a, trans_b;
  void *packed; /* constant B as lanes [k, n], or NULL */
} params;

/* ---- One row of A times B ---- */

static void row_f64(const double *a, const double *b, int64_t k, int64_t n, double *out) {
  int64_t j = 0;
  assert(k >= 0 && n >= 0);
  for (; j + COLUMNS <= n; j += COLUMNS) {
    double acc[COLUMNS] = {0};
    for (int64_t i = 0; i < k; i++)
      for (int c = 0; c < COLUMNS; c++) acc[c] += a[i] * b[i * n + j + c];
    memcpy(out + j, acc, sizeof acc);
  }
  for (; j < n; j++) {
    double acc = 0;
    for (int64_t i = 0; i < k; i++) acc += a[i] * b[i * n + j];
    out[j] = acc;
  }
}

static void row_u64(const uint64_t *a, const uint64_t *b, int64_t k, int64_t n, uint64_t *out) {
  for (int64_t j = 0; j < n; j++) {
    uint64_t acc = 0;
    for (int64_t i = 0; i < k; i++) acc += a[i] * b[i * n + j];
    out[j] = acc;
  }
}

static void load(void *out, const mlcm_tensor *t, int64_t at, int64_t step, int64_t n) {
  if (mlcm__is_real(t->dtype))
    mlcm__load_f64(out, t, at, step, n);
  else
    mlcm__load_i64(out, t, at, step, n);
}

static void multiply_row(bool whole, const void *a, const void *b, int64_t k, int64_t n, void *out) {
  if (whole)
    row_u64(a, b, k, n, out);
  else
    row_f64(a, b, k, n, out);
}

/* ---- B as lanes ---- */

/* [k, n] from row-major t at `at`, which is [n, k] when transposed. */
static void pack(void *out, const mlcm_tensor *t, int64_t at, bool transposed, int64_t k, int64_t n) {
  double *to = out; /* a lane is 8 bytes, of either kind */
  if (!transposed) {
    load(to, t, at, 1, k * n);
    return;
  }
  for (int64_t i = 0; i < k; i++) load(to + i * n, t, at + i, k, n);
}

static void pack_constant(mlcm__ref_reader *r, params *p) {
  const mlcm_tensor *b = r->node->constants[1];
  if (b == NULL || b->rank != 2 || b->count > MAX_PACKED || r->node->input_readers[1] > 1) return;
  int64_t n = p->trans_b ? b->shape[0] : b->shape[1], k = p->trans_b ? b->shape[1] : b->shape[0];
  p->packed = mlcm__ref_keep(r, (size_t)b->count, sizeof(double));
  if (p->packed != NULL) pack(p->packed, b, 0, p->trans_b, k, n);
}

static mlcm_status inner_mismatch(const mlcm_tensor *a, const mlcm_tensor *b, mlcm_error *err) {
  char left[120], right[120];
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "matrices of shapes %s and %s do not multiply",
                    mlcm__shape_text(left, a->rank, a->shape), mlcm__shape_text(right, b->rank, b->shape));
}

/* Scratch: a row of A (k), a row of the result (n), and B (k * n) unless it is packed. All lanes of 8 bytes. */
typedef struct buffers {
  double *a, *out, *b;
} buffers;

static mlcm_status get_buffers(mlcm_call *call, const params *p, int64_t k, int64_t n, buffers *out, mlcm_error *err) {
  int64_t own = p->packed == NULL ? k * n : 0; /* the elements of one matrix of B */
  double *memory = mlcm__ref_scratch(call, k + n + own, err);
  if (memory == NULL) return err->code;
  *out = (buffers){.a = memory, .out = memory + k, .b = p->packed != NULL ? p->packed : memory + k + n};
  return MLCM_OK;
}

/* ---- MatMul ---- */

typedef struct matmul_plan {
  mlcm_tensor a, b; /* ranks at least 2 */
  int32_t rank;     /* of the batch */
  int64_t batch[MLCM_MAX_RANK];
  int64_t steps_a[MLCM_MAX_RANK], steps_b[MLCM_MAX_RANK]; /* over the batch, in elements */
  int64_t m, k, n;
} matmul_plan;

/* The batch part of a tensor's shape, as a tensor, and what one matrix of it holds. */
static mlcm_tensor batch_of(const mlcm_tensor *t) {
  mlcm_tensor batch = *t;
  batch.rank -= 2;
  return batch;
}

static mlcm_status plan_matmul(const mlcm_tensor *a, const mlcm_tensor *b, matmul_plan *p, mlcm_error *err) {
  *p = (matmul_plan){.a = *a, .b = *b};
  if (a->rank < 1 || b->rank < 1) return inner_mismatch(a, b, err);
  if (a->rank == 1) {
    p->a.rank = 2;
    p->a.shape[1] = a->shape[0];
    p->a.shape[0] = 1;
  }
  if (b->rank == 1) {
    p->b.rank = 2;
    p->b.shape[1] = 1;
  }
  p->m = p->a.shape[p->a.rank - 2];
  p->k = p->a.shape[p->a.rank - 1];
  p->n = p->b.shape[p->b.rank - 1];
  if (p->b.shape[p->b.rank - 2] != p->k) return inner_mismatch(a, b, err);
  mlcm_tensor batch_a = batch_of(&p->a), batch_b = batch_of(&p->b);
  p->rank = batch_a.rank;
  memcpy(p->batch, batch_a.shape, sizeof p->batch);
  mlcm_status st = mlcm__broadcast(&p->rank, p->batch, &batch_b, err);
  if (st) return st;
  mlcm__broadcast_steps(&batch_a, p->rank, p->steps_a);
  mlcm__broadcast_steps(&batch_b, p->rank, p->steps_b);
  for (int32_t d = 0; d < p->rank; d++) {
    p->steps_a[d] *= p->m * p->k;
    p->steps_b[d] *= p->k * p->n;
  }
  return MLCM_OK;
}

static int32_t matmul_shape(const matmul_plan *p, const mlcm_tensor *a, const mlcm_tensor *b, int64_t *shape) {
  int32_t rank = p->rank;
  memcpy(shape, p->batch, (size_t)rank * sizeof *shape);
  if (a->rank > 1) shape[rank++] = p->m;
  if (b->rank > 1) shape[rank++] = p->n;
  return rank;
}

static void store_row(const mlcm_tensor *out, int64_t at, const double *row, int64_t n) {
  if (mlcm__is_real(out->dtype))
    mlcm__store_f64(out->dtype, out->data, at, row, n);
  else
    mlcm__store_i64(out->dtype, out->data, at, (const int64_t *)(const void *)row, n);
}

static void multiply_rows(const matmul_plan *p, const buffers *buf, int64_t at_a, const mlcm_tensor *out, int64_t at) {
  for (int64_t i = 0; i < p->m; i++) {
    load(buf->a, &p->a, at_a + i * p->k, 1, p->k);
    multiply_row(!mlcm__is_real(out->dtype), buf->a, buf->b, p->k, p->n, buf->out);
    store_row(out, at + i * p->n, buf->out, p->n);
  }
}

static mlcm_status run_matmul(const mlcm__ref_kernel *kernel, mlcm_call *call, mlcm_error *err) {
  const params *own = kernel->data;
  const mlcm_tensor *a = call->inputs[0], *b = call->inputs[1];
  int64_t shape[MLCM_MAX_RANK + 2], at = 0;
  matmul_plan p;
  buffers buf = {0};
  mlcm__walk w;
  mlcm_status st = plan_matmul(a, b, &p, err);
  if (st) return st;
  if (call->host->output(call, 0, a->dtype, matmul_shape(&p, a, b, shape), shape, err) == NULL) return err->code;
  if (call->outputs[0]->count == 0) return MLCM_OK; /* a million rows of nothing are no work */
  st = get_buffers(call, own, p.k, p.n, &buf, err);
  if (st) return st;
  mlcm__walk_start(&w, p.rank, p.batch, 2, (const int64_t *const[]){p.steps_a, p.steps_b});
  while (mlcm__walk_row(&w)) {
    for (int64_t i = 0; i < w.inner; i++, at += p.m * p.n) {
      bool fresh = own->packed == NULL && (at == 0 || p.b.rank > 2);
      if (fresh) pack(buf.b, &p.b, w.at[1] + i * w.step[1], false, p.k, p.n);
      multiply_rows(&p, &buf, w.at[0] + i * w.step[0], call->outputs[0], at);
    }
  }
  return MLCM_OK;
}

static void prepare_matmul(mlcm__ref_kernel *k, mlcm__ref_reader *r) { pack_constant(r, k->data); }

/* ---- Gemm ---- */

static void prepare_gemm(mlcm__ref_kernel *k, mlcm__ref_reader *r) {
  params *p = k->data;
  p->alpha = mlcm__ref_float(r, "alpha", 1);
  p->beta = mlcm__ref_float(r, "beta", 1);
  p->trans_a = mlcm__ref_flag(r, "transA", false);
  p->trans_b = mlcm__ref_flag(r, "transB", false);
  pack_constant(r, p);
}

/* out[j] = alpha * out[j] + beta * c[j]; the row of C is loaded in blocks. */
static void add_bias(const params *p, const mlcm_tensor *c, int64_t at, int64_t step, double *out, int64_t n, bool whole) {
  mlcm__lanes block;
  int64_t *ints = (int64_t *)(void *)out;
  for (int64_t j = 0; j < n; j += MLCM__BLOCK) {
    int64_t m = mlcm__block_of(n - j);
    if (c != NULL) mlcm__load(&block, c, at + j * step, step, m);
    for (int64_t i = 0; !whole && i < m; i++) out[j + i] = p->alpha * out[j + i] + (c != NULL ? p->beta * block.f[i] : 0.0);
    for (int64_t i = 0; whole && i < m; i++) {
      double value = p->alpha * (double)ints[j + i] + (c != NULL ? p->beta * (double)block.i[i] : 0.0);
      ints[j + i] = mlcm__f64_to_int(MLCM_I64, value);
    }
  }
}

static mlcm_status check_bias(const mlcm_tensor *c, int64_t m, int64_t n, int64_t *steps, mlcm_error *err) {
  int32_t rank = 2;
  int64_t shape[MLCM_MAX_RANK] = {m, n};
  char text[120];
  mlcm_status st = mlcm__broadcast(&rank, shape, c, err);
  if (st) return st;
  if (rank != 2 || shape[0] != m || shape[1] != n)
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "C of shape %s does not broadcast to [%lld, %lld]",
                      mlcm__shape_text(text, c->rank, c->shape), (long long)m, (long long)n);
  mlcm__broadcast_steps(c, 2, steps);
  return MLCM_OK;
}

static mlcm_status run_gemm(const mlcm__ref_kernel *kernel, mlcm_call *call, mlcm_error *err) {
  const params *p = kernel->data;
  const mlcm_tensor *a = call->inputs[0], *b = call->inputs[1], *c = mlcm__ref_input(call, 2);
  int64_t steps_c[MLCM_MAX_RANK] = {0};
  buffers buf = {0};
  mlcm_status st = MLCM_OK;
  if (a->rank != 2 || b->rank != 2) return inner_mismatch(a, b, err);
  int64_t m = p->trans_a ? a->shape[1] : a->shape[0], k = p->trans_a ? a->shape[0] : a->shape[1];
  int64_t n = p->trans_b ? b->shape[0] : b->shape[1];
  if ((p->trans_b ? b->shape[1] : b->shape[0]) != k) return inner_mismatch(a, b, err);
  if (c != NULL) st = check_bias(c, m, n, steps_c, err);
  if (st) return st;
  if (call->host->output(call, 0, a->dtype, 2, (const int64_t[]){m, n}, err) == NULL) return err->code;
  if (call->outputs[0]->count == 0) return MLCM_OK;
  st = get_buffers(call, p, k, n, &buf, err);
  if (st) return st;
  bool whole = !mlcm__is_real(a->dtype);
  if (p->packed == NULL) pack(buf.b, b, 0, p->trans_b, k, n);
  for (int64_t i = 0; i < m; i++) {
    load(buf.a, a, p->trans_a ? i : i * k, p->trans_a ? m : 1, k);
    multiply_row(whole, buf.a, buf.b, k, n, buf.out);
    add_bias(p, c, i * steps_c[0], steps_c[1], buf.out, n, whole);
    store_row(call->outputs[0], i * n, buf.out, n);
  }
  return MLCM_OK;
}

static const mlcm__ref_op OPS[] = {
    {MLCM__REF_OP("MatMul", 1, 2, 2), .takes = {MLCM__NUMBERS, MLCM__SAME}, .gives = {MLCM__LIKE_0}, .data_bytes = sizeof(params),
     .prepare = prepare_matmul, .run = run_matmul},
    {MLCM__REF_OP("Gemm", 1, 2, 3), .takes = {MLCM__NUMBERS, MLCM__SAME}, .gives = {MLCM__LIKE_0}, .data_bytes = sizeof(params),
     .prepare = prepare_gemm, .run = run_gemm},
};

const mlcm__ref_family mlcm__ref_matmul_family = {OPS, sizeof OPS / sizeof OPS[0]};
