/* SPDX-License-Identifier: Apache-2.0
 *
 * options.c - reading options structs that may be older or newer than this library.
 */
#include <string.h>

#include "context.h"

enum { LARGEST_FUTURE_BYTES = 1 << 16 }; /* a struct_size beyond it is memory that was never set up */

mlcm_status mlcm__options_read(const void *options, size_t first_bytes, void *out, size_t known_bytes, const char *what,
                               mlcm_error *err) {
  if (!options) {
    memset(out, 0, known_bytes);
    return MLCM_OK;
  }
  size_t size = 0;
  memcpy(&size, options, sizeof size);
  if (size < first_bytes) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                      "%s: struct_size is %zu, but this library knows %zu to %zu bytes: set the struct up with its _init "
                      "function",
                      what, size, first_bytes, known_bytes);
  }
  if (size > LARGEST_FUTURE_BYTES) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                      "%s: struct_size is %zu, more than the %d that options may ever have: set the struct up with its _init "
                      "function",
                      what, size, LARGEST_FUTURE_BYTES);
  }
  const unsigned char *bytes = options;
  for (size_t i = known_bytes; i < size; i++) {
    if (bytes[i]) {
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                        "%s: byte %zu is set, but this library (%s) knows only %zu bytes: the caller was built for a newer one",
                        what, i, mlcm_library_version(), known_bytes);
    }
  }
  memset(out, 0, known_bytes);
  memcpy(out, options, size < known_bytes ? size : known_bytes);
  return MLCM_OK;
}
