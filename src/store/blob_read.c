/* SPDX-License-Identifier: Apache-2.0
 *
 * blob_read.c - reading an object: the bytes that are hashed are the bytes that are used.
 *
 * The copy is private memory, so that a file changed after the check changes nothing. Each chunk is hashed right after it was
 * read, while it is still in the cache.
 */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "blob_dir.h"

enum { MAPPED_FROM = 256 << 10, ALIGNMENT = 64 };

/* ---- private memory ---- */

/* Zeroed memory of at least size + 1 bytes. Small: the allocator, with room to align and a pointer kept in front. */
static mlcm_status take_memory(mlcm_context *ctx, size_t size, mlcm__blob_bytes *out, mlcm_error *err) {
  *out = (mlcm__blob_bytes){.ctx = ctx, .size = size};
  if (size >= MAPPED_FROM) {
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    assert(size <= INT64_MAX); /* of a file */
    size_t mapped = (size / page + 1) * page;
    void *memory = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) return mlcm__fail_memory(err, mapped);
    out->mapped = mapped;
    out->data = (const uint8_t *)memory;
    return MLCM_OK;
  }
  uint8_t *raw = (uint8_t *)mlcm__alloc_zero(ctx, 1, size + 1 + sizeof(void *) + ALIGNMENT);
  if (!raw) return mlcm__fail_memory(err, size);
  uintptr_t at = ((uintptr_t)raw + sizeof(void *) + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
  uint8_t *data = raw + (at - (uintptr_t)raw);
  memcpy(data - sizeof raw, &raw, sizeof raw);
  out->data = data;
  return MLCM_OK;
}

/* The address behind a pointer to const that was ours to write before it was given out. */
static uint8_t *writable(const mlcm__blob_bytes *bytes) {
  return (uint8_t *)(uintptr_t)bytes->data;
}

void mlcm__blob_bytes_free(mlcm__blob_bytes *bytes) {
  if (bytes->data && bytes->mapped) {
    munmap(writable(bytes), bytes->mapped);
  } else if (bytes->data) {
    void *raw = NULL;
    memcpy(&raw, bytes->data - sizeof raw, sizeof raw);
    mlcm__free(bytes->ctx, raw);
  }
  *bytes = (mlcm__blob_bytes){0};
}

/* ---- reading and checking ---- */

typedef struct reading {
  mlcm__blobs *blobs;
  const uint8_t *sha256; /* expected */
  char hex[MLCM__SHA256_HEX + 1];
  char *path;
  int fd;
  mlcm__sha256 hash;
} reading;

static void end_reading(reading *r) {
  mlcm_context *ctx = r->blobs->ctx;
  if (r->fd >= 0) ctx->io.close(ctx->io.user, r->fd);
  mlcm__sha256_reset(&r->hash);
  mlcm__free(ctx, r->path);
}

static mlcm_status fail_size(const reading *r, int64_t found, int64_t expected, mlcm_error *err) {
  return mlcm__fail(err, MLCM_CORRUPT, "object sha256:%s has %lld bytes, %lld were stored; restore it from a backup", r->hex,
                    (long long)found, (long long)expected);
}

static mlcm_status begin_reading(mlcm__blobs *blobs, const uint8_t *sha256, int64_t size_bytes, reading *r, mlcm_error *err) {
  mlcm_context *ctx = blobs->ctx;
  mlcm_file_info info;
  *r = (reading){.blobs = blobs, .sha256 = sha256, .fd = -1};
  mlcm__hex(sha256, MLCM__SHA256_BYTES, r->hex);
  mlcm_status status = mlcm__blob_object_path(blobs, sha256, &r->path, err);
  if (status != MLCM_OK) return status;
  r->fd = ctx->io.open(ctx->io.user, r->path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0);
  if (r->fd < 0) return mlcm__fail_errno(err, r->fd, "object '%s' cannot be opened", r->path);
  int rc = ctx->io.fstat(ctx->io.user, r->fd, &info);
  if (rc < 0) return mlcm__fail_errno(err, rc, "object '%s' cannot be looked at", r->path);
  if (info.size_bytes != size_bytes) return fail_size(r, info.size_bytes, size_bytes, err);
  return mlcm__sha256_init(&r->hash, err);
}

/* Reads exactly `len` bytes and hashes them. */
static mlcm_status read_chunk(reading *r, uint8_t *out, size_t len, int64_t done, int64_t total, mlcm_error *err) {
  mlcm_context *ctx = r->blobs->ctx;
  for (size_t got = 0; got < len;) {
    int64_t n = ctx->io.read(ctx->io.user, r->fd, out + got, len - got);
    if (n == -EINTR) continue;
    if (n < 0) return mlcm__fail_errno(err, (int)n, "object '%s' cannot be read", r->path);
    if (n == 0) return fail_size(r, done + (int64_t)got, total, err);
    got += (size_t)n;
  }
  return mlcm__sha256_update(&r->hash, out, len, err);
}

static mlcm_status check_digest(reading *r, mlcm_error *err) {
  uint8_t found[MLCM__SHA256_BYTES];
  char hex[MLCM__SHA256_HEX + 1];
  mlcm_status status = mlcm__sha256_final(&r->hash, found, err);
  if (status != MLCM_OK || memcmp(found, r->sha256, sizeof found) == 0) return status;
  mlcm__hex(found, sizeof found, hex);
  return mlcm__fail(err, MLCM_CORRUPT,
                    "stored bytes were changed: expected sha256:%s, found sha256:%s; restore them from a backup", r->hex, hex);
}

static size_t chunk_at(int64_t done, int64_t total) {
  return total - done < MLCM__BLOB_CHUNK ? (size_t)(total - done) : MLCM__BLOB_CHUNK;
}

mlcm_status mlcm__blob_read_verified(mlcm__blobs *blobs, const uint8_t sha256[MLCM__SHA256_BYTES], int64_t size_bytes,
                                     mlcm__blob_bytes *out, mlcm_error *err) {
  reading r;
  mlcm__blob_bytes bytes = {0};
  mlcm_status status = begin_reading(blobs, sha256, size_bytes, &r, err);
  if (status == MLCM_OK) status = take_memory(blobs->ctx, (size_t)size_bytes, &bytes, err);
  for (int64_t done = 0; status == MLCM_OK && done < size_bytes; done += MLCM__BLOB_CHUNK)
    status = read_chunk(&r, writable(&bytes) + done, chunk_at(done, size_bytes), done, size_bytes, err);
  if (status == MLCM_OK) status = check_digest(&r, err);
  if (status == MLCM_OK && bytes.mapped && mprotect(writable(&bytes), bytes.mapped, PROT_READ) != 0)
    status = mlcm__fail_errno(err, errno, "memory of object '%s' cannot be made read-only", r.path);
  if (status == MLCM_OK) *out = bytes;
  else mlcm__blob_bytes_free(&bytes);
  end_reading(&r);
  return status;
}

mlcm_status mlcm__blob_verify(mlcm__blobs *blobs, const uint8_t sha256[MLCM__SHA256_BYTES], int64_t size_bytes,
                              mlcm__blob_tap *tap, void *user, mlcm_error *err) {
  reading r;
  uint8_t *chunk = NULL;
  mlcm_status status = begin_reading(blobs, sha256, size_bytes, &r, err);
  if (status == MLCM_OK && !(chunk = (uint8_t *)mlcm__alloc(blobs->ctx, MLCM__BLOB_CHUNK)))
    status = mlcm__fail_memory(err, MLCM__BLOB_CHUNK);
  for (int64_t done = 0; status == MLCM_OK && done < size_bytes; done += MLCM__BLOB_CHUNK) {
    size_t len = chunk_at(done, size_bytes);
    status = read_chunk(&r, chunk, len, done, size_bytes, err);
    if (status == MLCM_OK && tap) status = tap(user, chunk, len, err);
  }
  if (status == MLCM_OK) status = check_digest(&r, err);
  mlcm__free(blobs->ctx, chunk);
  end_reading(&r);
  return status;
}
