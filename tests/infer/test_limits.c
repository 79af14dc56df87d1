/* SPDX-License-Identifier: Apache-2.0
 *
 * test_limits.c - the limits of a session whose options name none. docs/limits.md lists them; how they work is in test_refused.c.
 */
#include "infer/one.h"

#include "support/fault.h"
#include "support/status.h"
#include "support/suite.h"

static mlcm_status try_line(const char *line, uint64_t max_tensor_bytes, mlcm_error *err) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  bool opened = false;
  mlcm_status st = one_try(ctx, line, max_tensor_bytes, 0, &opened, err);
  ck_assert(opened);
  mlcm_context_free(ctx);
  return st;
}

/* One element past 4 GiB; as many as fit would take them. */
START_TEST(a_tensor_has_four_gibibytes_unless_the_options_say_otherwise) {
  CHECK_FAILS(MLCM_LIMIT, "over the limit of 4294967296 bytes (max_tensor_bytes)",
              try_line("Expand | f32[1] i64:1073741825", 0, err));
}
END_TEST

START_TEST(a_session_has_sixteen_gibibytes_unless_the_options_say_otherwise) {
  CHECK_FAILS(MLCM_LIMIT, "more than its limit of 17179869184 bytes (max_session_bytes)",
              try_line("Expand | f32[1] i64:4294967296", UINT64_MAX, err));
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_tensor_has_four_gibibytes_unless_the_options_say_otherwise,
                          a_session_has_sixteen_gibibytes_unless_the_options_say_otherwise};
  return TEST_RUN("infer_limits", tests);
}
