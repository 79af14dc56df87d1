/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_files.c - any bytes as one of the library's own small files: audit.head, backup.json, the live evidence of a rollout and the
 * system's /proc/PID/stat. The first byte says which.
 */
#include "memory_file.h"
#include "metric/process.h"
#include "registry/backup_file.h"
#include "rollout/live.h"

static void check_error(mlcm_status st, const mlcm_error *err) {
  if (st && (err->code != st || !err->message[0])) abort();
}

static void read_head(mlcm_context *ctx) {
  mlcm__audit_head head = {.size = -1};
  mlcm_error err = {0};
  mlcm_status st = mlcm__audit_anchor_read(ctx, "audit.head", &head, &err);
  if (st ? st != MLCM_NOT_FOUND && st != MLCM_CORRUPT && st != MLCM_LIMIT : head.size < 0) abort();
  check_error(st, &err);
}

static void read_backup(mlcm_context *ctx) {
  mlcm__backup_file file = {.versions = -1};
  mlcm_error err = {0};
  mlcm_status st = mlcm__backup_file_read(ctx, ".", &file, &err);
  if (st && st != MLCM_CORRUPT && st != MLCM_NEWER_FORMAT) abort();
  if (!st && strlen(file.database_sha256) != MLCM__SHA256_HEX) abort();
  check_error(st, &err);
}

static void read_live(mlcm_context *ctx) {
  static char run_dir[] = "run";
  mlcm_registry reg = {.ctx = ctx, .run_dir = run_dir};
  const mlcm__rollout_head head = {.id = 1, .active = true, .lease_epoch = 1, .n_chunks = 2, .holder = "pid 1"};
  mlcm__buffer text;
  mlcm_error err = {0};
  mlcm__buffer_init(&text, ctx, 1 << 20);
  mlcm_status st = mlcm__live_read(&reg, &head, &text, &err);
  if (!st && text.len && text.data[text.len - 1] != '\n') abort(); /* whole lines only */
  check_error(st, &err);
  mlcm__buffer_reset(&text);
}

static void read_stat(const uint8_t *data, size_t size) {
  uint64_t ticks = 0;
  char state = 0;
  char *text = malloc(size + 1);
  if (!text) abort();
  memcpy(text, data, size);
  text[size] = '\0';
  if (mlcm__process_parse_stat(text, &ticks, &state) && state == '\0') abort();
  free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  if (size == 0) return 0;
  memory_file file = {.data = data + 1, .size = size - 1};
  mlcm_context *ctx = memory_context(&file);
  switch (data[0]) {
  case 'h': read_head(ctx); break;
  case 'b': read_backup(ctx); break;
  case 'l': read_live(ctx); break;
  case 's': read_stat(data + 1, size - 1); break;
  default: break;
  }
  mlcm_context_free(ctx);
  return 0;
}
