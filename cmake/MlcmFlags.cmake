# SPDX-License-Identifier: Apache-2.0
# How every file of libmlcm is compiled. -ffp-contract=off: gate and routing must give the same bits on every machine.
add_library(mlcm_flags INTERFACE)
target_compile_features(mlcm_flags INTERFACE c_std_11)
target_compile_definitions(mlcm_flags INTERFACE _GNU_SOURCE)
target_compile_options(mlcm_flags INTERFACE
  -ffp-contract=off -fno-math-errno -fstack-protector-strong
  $<$<COMPILE_LANGUAGE:C>:-Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wundef -Wvla
    -Wformat=2 -Wcast-qual -Wwrite-strings -Wnull-dereference -Wno-missing-field-initializers>
  $<$<BOOL:${MLCM_WERROR}>:-Werror>)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE RelWithDebInfo CACHE STRING "Build type" FORCE)
endif()
if(NOT MLCM_SANITIZE AND NOT CMAKE_BUILD_TYPE STREQUAL "Debug")
  target_compile_options(mlcm_flags INTERFACE -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif()
if(MLCM_SANITIZE)
  target_compile_options(mlcm_flags INTERFACE -fsanitize=${MLCM_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(mlcm_flags INTERFACE -fsanitize=${MLCM_SANITIZE})
  target_compile_definitions(mlcm_flags INTERFACE MLCM_SANITIZED=1)
endif()
if(MLCM_FUZZ)
  # -UNDEBUG: a fuzzer is the best reader of assertions
  target_compile_options(mlcm_flags INTERFACE -UNDEBUG -fsanitize=fuzzer-no-link,address,undefined -fno-omit-frame-pointer -fno-sanitize-recover=all)
  target_link_options(mlcm_flags INTERFACE -fsanitize=fuzzer-no-link,address,undefined)
  target_compile_definitions(mlcm_flags INTERFACE MLCM_SANITIZED=1)
endif()
if(MLCM_COVERAGE) # processes and threads add to the same counts
  target_compile_options(mlcm_flags INTERFACE --coverage -O0 -fprofile-update=atomic)
  target_link_options(mlcm_flags INTERFACE --coverage)
endif()
