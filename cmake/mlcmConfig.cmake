# SPDX-License-Identifier: Apache-2.0
# find_package(mlcm) gives mlcm::mlcm (shared) and mlcm::mlcm_static. Both need nothing else to be found: the static one names the
# five libraries it stands on (curl, cjson, yaml, sqlite3, crypto), which the linker finds.
include(${CMAKE_CURRENT_LIST_DIR}/mlcmTargets.cmake)
