/* SPDX-License-Identifier: Apache-2.0
 *
 * keyset.c - a page of header, then 2^20 bits in words of 64 that are set with an atomic or.
 */
#include "metric/keyset.h"

#include <assert.h>
#include <errno.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/fs.h"
#include "base/hash.h"
#include "metric/mapped.h"

enum {
  KEYSET_FORMAT = 1,
  KEYSET_BYTE_ORDER = 0x01020304,
  HEADER_PAGE = 4096,
  N_WORDS = MLCM__KEYSET_BITS / 64,
  FILE_BYTES = HEADER_PAGE + MLCM__KEYSET_BITS / 8,
  NAME_MAX_BYTES = 100
};

#define KEYSET_MAGIC "mlcmkeys"

typedef struct keyset_header {
  char magic[8];
  uint32_t byte_order;
  uint32_t format;
  uint64_t bits;
  uint64_t checksum; /* SipHash-2-4 with a zero key of the bytes before it */
} keyset_header;
static_assert(sizeof(keyset_header) == 32, "layout of the key set file");

struct mlcm__keyset {
  mlcm_context *ctx;
  mlcm__mapped map;
};

static _Atomic uint64_t *words(const mlcm__keyset *set) { return (_Atomic uint64_t *)(void *)(set->map.base + HEADER_PAGE); }

static uint64_t header_checksum(const keyset_header *h) {
  static const uint8_t no_key[16] = {0};
  return mlcm__siphash(no_key, h, offsetof(keyset_header, checksum));
}

static keyset_header make_header(void) {
  keyset_header h = {.byte_order = KEYSET_BYTE_ORDER, .format = KEYSET_FORMAT, .bits = MLCM__KEYSET_BITS};
  memcpy(h.magic, KEYSET_MAGIC, sizeof h.magic);
  h.checksum = header_checksum(&h);
  return h;
}

static mlcm_status check_part(const char *what, const char *part, mlcm_error *err) {
  const size_t n = strspn(part, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-");
  if (n > 0 && n <= NAME_MAX_BYTES && part[n] == 0) return MLCM_OK;
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "key set: %s '%.110s' must have 1 to %d of A-Z a-z 0-9 _ . -", what, part,
                    NAME_MAX_BYTES);
}

/* "keys+<rollout>+<signal>": the plus is in neither part, so that no two pairs share a file. */
static void file_name(const char *rollout, const char *signal, char out[256]) {
  snprintf(out, 256, "keys+%s+%s", rollout, signal);
}

static mlcm_status check_file(const mlcm__mapped *m, const char *name, mlcm_error *err) {
  const keyset_header want = make_header();
  if (m->base && m->size_bytes == FILE_BYTES && memcmp(m->base, &want, sizeof want) == 0) return MLCM_OK;
  return mlcm__fail(err, MLCM_CORRUPT,
                    "%s: is not a key set of this format (%zu bytes, expected %d); move it away, keys may then count again", name,
                    m->size_bytes, FILE_BYTES);
}

static mlcm_status make(mlcm_context *ctx, const char *run_dir, const char *name, mlcm__mapped *out, mlcm_error *err) {
  const keyset_header header = make_header();
  const mlcm__mapped_spec spec = {.run_dir = run_dir,
                                  .name = name,
                                  .header = &header,
                                  .header_bytes = sizeof header,
                                  .size_bytes = FILE_BYTES,
                                  .reserve_bytes = FILE_BYTES};
  return mlcm__mapped_make(ctx, &spec, out, err);
}

/* Opens the file or makes it; when another process makes it at the same moment, theirs is opened. */
static mlcm_status open_or_make(mlcm_context *ctx, const char *run_dir, const char *name, mlcm__mapped *out, mlcm_error *err) {
  mlcm_error why;
  mlcm_status st = mlcm__mapped_open(ctx, run_dir, name, true, HEADER_PAGE, out, &why);
  if (st == MLCM_NOT_FOUND) {
    st = make(ctx, run_dir, name, out, &why);
    if (st == MLCM_OK) return MLCM_OK;
    /* rarely: another process made it between the two calls */
    if (st == MLCM_ALREADY_EXISTS) st = mlcm__mapped_open(ctx, run_dir, name, true, HEADER_PAGE, out, &why);
  }
  if (!st) st = check_file(out, name, &why);
  if (st && err) *err = why;
  return st;
}

mlcm_status mlcm__keyset_open(mlcm_context *ctx, const char *run_dir, const char *rollout, const char *signal, mlcm__keyset **out,
                              mlcm_error *err) {
  char name[256];
  mlcm_status st = check_part("rollout", rollout, err);
  if (!st) st = check_part("signal", signal, err);
  if (st) return st;
  file_name(rollout, signal, name);
  mlcm__keyset *set = mlcm__alloc_zero(ctx, 1, sizeof *set);
  if (!set) return mlcm__fail_memory(err, sizeof *set);
  set->ctx = mlcm__context_retain(ctx);
  set->map = MLCM__MAPPED_NONE;
  st = open_or_make(ctx, run_dir, name, &set->map, err);
  if (!st)
    *out = set;
  else
    mlcm__keyset_close(set);
  return st;
}

void mlcm__keyset_close(mlcm__keyset *set) {
  if (!set) return;
  mlcm_context *ctx = set->ctx;
  mlcm__mapped_close(ctx, &set->map);
  mlcm__free(ctx, set);
  mlcm__context_release(ctx);
}

bool mlcm__keyset_first(mlcm__keyset *set, uint64_t key_hash) {
  /* The hash also decides the routing. Mixing it keeps the bits independent of the arm, so that a collision takes from both
   * alike. */
  uint64_t h = key_hash * UINT64_C(0x9e3779b97f4a7c15);
  h ^= h >> 29;
  h *= UINT64_C(0xbf58476d1ce4e5b9);
  const uint32_t bit = (uint32_t)(h >> 44);
  _Atomic uint64_t *word = &words(set)[bit / 64];
  const uint64_t mask = UINT64_C(1) << (bit % 64);
  if (atomic_load_explicit(word, memory_order_relaxed) & mask) return false;
  return (atomic_fetch_or_explicit(word, mask, memory_order_relaxed) & mask) == 0;
}

uint32_t mlcm__keyset_count(const mlcm__keyset *set) {
  uint32_t n = 0;
  for (size_t i = 0; i < N_WORDS; i++) {
    n += (uint32_t)__builtin_popcountll(atomic_load_explicit(&words(set)[i], memory_order_relaxed));
  }
  return n;
}

/* ---- Removing ------------------------------------------------------------------------------------------------------- */

static mlcm_status remove_file(mlcm_context *ctx, const char *run_dir, const char *name, mlcm_error *err) {
  char *path = NULL;
  mlcm_status st = mlcm__path_join(ctx, run_dir, name, &path, err);
  if (st) return st;
  const int bad = ctx->io.unlink(ctx->io.user, path);
  /* rarely: another process removed it first */
  if (bad < 0 && bad != -ENOENT) st = mlcm__fail_errno(err, bad, "%s: cannot remove", path);
  mlcm__free(ctx, path);
  return st;
}

/* Whose files go: asked for each file of a key set. */
typedef struct removal {
  mlcm_context *ctx;
  const char *run_dir;
  mlcm__keyset_is_over is_over;
  void *user;
} removal;

static mlcm_status remove_if_over(void *user, const char *name, mlcm_error *err) {
  const removal *r = user;
  char rollout[NAME_MAX_BYTES + 1];
  bool over = false;
  if (strncmp(name, "keys+", 5) != 0) return MLCM_OK;
  const size_t len = strcspn(name + 5, "+");
  if (len > NAME_MAX_BYTES || name[5 + len] != '+') return MLCM_OK; /* not ours */
  memcpy(rollout, name + 5, len);
  rollout[len] = 0;
  mlcm_status st = r->is_over(r->user, rollout, &over, err);
  return st || !over ? st : remove_file(r->ctx, r->run_dir, name, err);
}

mlcm_status mlcm__keyset_sweep(mlcm_context *ctx, const char *run_dir, mlcm__keyset_is_over is_over, void *user,
                               mlcm_error *err) {
  removal r = {.ctx = ctx, .run_dir = run_dir, .is_over = is_over, .user = user};
  return mlcm__list_dir(ctx, run_dir, remove_if_over, &r, err);
}

static mlcm_status is_this_one(void *user, const char *rollout, bool *out, mlcm_error *err) {
  (void)err;
  *out = strcmp(rollout, user) == 0;
  return MLCM_OK;
}

mlcm_status mlcm__keyset_remove(mlcm_context *ctx, const char *run_dir, const char *rollout, mlcm_error *err) {
  char wanted[NAME_MAX_BYTES + 1];
  mlcm_status st = check_part("rollout", rollout, err);
  if (st) return st;
  snprintf(wanted, sizeof wanted, "%s", rollout);
  return mlcm__keyset_sweep(ctx, run_dir, is_this_one, wanted, err);
}
