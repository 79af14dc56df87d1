// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <memory>
#include <mlcm/mlcm.h>

int main() {
  mlcm_error err;
  mlcm_context *raw = nullptr;
  if (mlcm_context_new(nullptr, &raw, &err) != MLCM_OK) return std::fprintf(stderr, "%s\n", err.message), 1;
  const std::unique_ptr<mlcm_context, decltype(&mlcm_context_free)> ctx(raw, mlcm_context_free);
  std::printf("libmlcm %s from C++, %s\n", mlcm_library_version(), mlcm_status_name(MLCM_OK));
  return mlcm_context_now(ctx.get()).wall_ns > 0 && mlcm_str_of("abc").len == 3 ? 0 : 1;
}
