/* SPDX-License-Identifier: Apache-2.0
 *
 * standalone.c - replays a corpus without libFuzzer, so that ordinary ctest runs every fuzz target. Besides each file it tries
 * every beginning of it and, byte by byte, a few changed values: a small and always equal part of what a fuzzer would do.
 */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MAX_FILE_BYTES = 1 << 24, MAX_CUTS = 2000 };

static size_t n_inputs;

/* From memory of exactly that size, so that a sanitizer sees the byte behind the end. */
static void try_input(const uint8_t *data, size_t size) {
  uint8_t *copy = malloc(size ? size : 1);
  if (!copy) exit(2);
  memcpy(copy, data, size);
  LLVMFuzzerTestOneInput(copy, size);
  free(copy);
  n_inputs++;
}

static void try_variants(uint8_t *data, size_t size) {
  static const uint8_t flips[] = {0x01, 0x20, 0x80, 0xFF};
  const size_t step = size / MAX_CUTS + 1; /* large files: every few bytes */
  try_input(data, size);
  for (size_t cut = 0; cut < size; cut += step) try_input(data, cut);
  for (size_t i = 0; i < size; i += step) {
    for (size_t f = 0; f < sizeof flips; f++) {
      data[i] ^= flips[f];
      try_input(data, size);
      data[i] ^= flips[f];
    }
  }
}

static int try_file(const char *path) {
  FILE *file = fopen(path, "rb");
  uint8_t *data = malloc(MAX_FILE_BYTES);
  if (!file || !data) {
    fprintf(stderr, "cannot read %s\n", path);
    free(data);
    if (file) fclose(file);
    return 1;
  }
  const size_t size = fread(data, 1, MAX_FILE_BYTES, file);
  fclose(file);
  try_variants(data, size);
  free(data);
  return 0;
}

static int try_folder(const char *folder) {
  DIR *dir = opendir(folder);
  if (!dir) {
    fprintf(stderr, "cannot open the corpus %s\n", folder);
    return 1;
  }
  int bad = 0, n_files = 0;
  for (const struct dirent *entry = NULL; (entry = readdir(dir)) != NULL;) {
    char path[4096];
    if (entry->d_name[0] == '.') continue;
    snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
    bad |= try_file(path);
    n_files++;
  }
  closedir(dir);
  printf("%s: %d files, %zu inputs\n", folder, n_files, n_inputs);
  return bad || n_files == 0;
}

int main(int argc, char **argv) {
  int bad = argc < 2;
  for (int i = 1; i < argc; i++) bad |= try_folder(argv[i]);
  return bad;
}
