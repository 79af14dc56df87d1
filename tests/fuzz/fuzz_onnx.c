/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_onnx.c - any bytes as a model: read, resolved, prepared, and run once on small inputs when that worked.
 */
#include <stdlib.h>
#include <string.h>

#include <mlcm/infer.h>

enum { MAX_PORTS = 8, MAX_ELEMENTS = 256 };

/* Zeroed memory serves every type: numbers are 0, strings empty. */
static _Alignas(16) char zeros[MAX_ELEMENTS * sizeof(mlcm_str)];

static int make_input(const mlcm_port *port, mlcm_input *in) {
  int64_t count = 1;
  *in = (mlcm_input){.name = port->name,
                     .data = zeros,
                     .dtype = port->dtype != 0 ? port->dtype : MLCM_F32,
                     .rank = port->rank < 0 ? 2 : port->rank};
  for (int32_t d = 0; d < in->rank; d++) {
    in->shape[d] = port->rank >= 0 && port->shape[d] >= 0 ? port->shape[d] : 2;
    if (in->shape[d] > MAX_ELEMENTS) return 0;
    count *= in->shape[d];
    if (count > MAX_ELEMENTS) return 0;
  }
  return 1;
}

static void run(mlcm_session *s) {
  mlcm_input inputs[MAX_PORTS];
  mlcm_output outputs[MAX_PORTS] = {0};
  size_t n_inputs = mlcm_session_n_inputs(s), n_outputs = mlcm_session_n_outputs(s);
  mlcm_error err;
  if (n_inputs > MAX_PORTS) return;
  for (size_t i = 0; i < n_inputs; i++) {
    mlcm_port port = mlcm_session_input(s, i);
    if (!make_input(&port, &inputs[i])) return;
  }
  for (int twice = 0; twice < 2; twice++)
    if (mlcm_session_run(s, inputs, n_inputs, outputs, n_outputs < MAX_PORTS ? n_outputs : MAX_PORTS, &err) == MLCM_INTERNAL)
      abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  mlcm_context *ctx = NULL;
  mlcm_session *s = NULL;
  mlcm_session_options options;
  mlcm_error err;
  mlcm_model_file file = {"model.onnx", data, size};
  if (mlcm_context_new(NULL, &ctx, &err)) abort();
  mlcm_session_options_init(&options, sizeof options);
  options.max_tensor_bytes = 1 << 20;
  err.code = MLCM_OK;
  if (mlcm_session_open(ctx, &file, 1, &options, &s, &err) == MLCM_OK)
    run(s);
  else if (err.code == MLCM_OK || err.message[0] == '\0' || err.code == MLCM_INTERNAL)
    abort();
  mlcm_session_close(s);
  mlcm_context_free(ctx);
  return 0;
}
