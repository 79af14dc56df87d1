/* SPDX-License-Identifier: Apache-2.0
 *
 * follow.c - recorded evidence into the machine, chunk by chunk, each checked against its digest.
 *
 * A watcher also feeds it the holder's live lines. When their chunk is committed it begins with the very same lines, which are
 * skipped then; when it does not (the holder died and another one gathered anew), everything is read again from the beginning.
 */
#include <assert.h>
#include <string.h>

#include "rollout/handle.h"

/* ---- forgetting ----------------------------------------------------------------------------------------------------- */

static void close_pending(mlcm_rollout *h) {
  mlcm__free(h->ctx, h->pending.record);
  mlcm_decision_free(h->pending.decision);
  memset(&h->pending, 0, sizeof(h->pending));
}

void mlcm__handle_forget(mlcm_rollout *h) {
  mlcm__machine_free(h->machine);
  h->machine = NULL;
  h->is_synced = false;
  h->n_chunks = 0;
  mlcm__buffer_clear(&h->live);
  mlcm__buffer_clear(&h->chunk);
  h->chunk_lines = 0;
  close_pending(h);
  mlcm__counted_reset(h->ctx, &h->counted);
}

void mlcm__handle_drop_lease(mlcm_rollout *h) {
  assert(h->chunk.len > 0 || !h->pending.is_open); /* what is sealed ends with a line of totals */
  if (h->chunk.len > 0) mlcm__handle_forget(h);
  if (h->is_synced) {
    mlcm__counted_reset(h->ctx, &h->counted);
    h->counted = *mlcm__gather_counted(h->gather);
    memset(mlcm__gather_counted(h->gather), 0, sizeof(h->counted));
  }
  mlcm__gather_free(h->gather);
  h->gather = NULL;
  h->is_synced = false;
  h->lease.epoch = 0;
  mlcm__live_end(h->reg, &h->live_file);
}

bool mlcm__handle_holds(const mlcm_rollout *h) { return h->lease.epoch > 0 && h->is_synced; }

/* ---- lines ---------------------------------------------------------------------------------------------------------- */

/* Feeds the machine with whole lines. */
static mlcm_status feed(mlcm_rollout *h, const char *lines, size_t len, mlcm__counted *counted, mlcm_error *err) {
  mlcm__evidence_line line = {0};
  mlcm__outcome outcome;
  mlcm_status st = MLCM_OK;
  for (const char *at = lines, *end = lines + len; !st && at < end;) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    size_t n = newline ? (size_t)(newline - at) : (size_t)(end - at);
    st = mlcm__evidence_read(h->ctx, at, n, &line, counted, err);
    if (!st && !line.is_counted) st = mlcm__machine_tick(h->machine, &line.tick, &outcome, err);
    at += n + 1;
  }
  mlcm__evidence_line_reset(h->ctx, &line);
  if (st == MLCM_INVALID_ARGUMENT || st == MLCM_INVALID_STATE) { /* the gate or the machine refuses what the record says */
    mlcm__error_prefix(err, "evidence of rollout %lld: ", (long long)h->id);
    if (err) err->code = MLCM_CORRUPT;
    st = MLCM_CORRUPT;
  }
  return st;
}

static mlcm_status new_machine(mlcm_rollout *h, mlcm_error *err) {
  mlcm_status st = mlcm__machine_new(h->ctx, h->plan, h->head.stable, h->head.candidate, &h->machine, err);
  return st ? st : mlcm__sha256_of("", 0, h->chain, err);
}

/* ---- chunks --------------------------------------------------------------------------------------------------------- */

/* Lines of the chunk that are in the machine already as live lines; SIZE_MAX when it began with others. */
static size_t known_prefix(const mlcm_rollout *h, int64_t lease_epoch, const char *lines, size_t len) {
  if (h->live.len == 0) return 0;
  if (lease_epoch != h->live_epoch || len < h->live.len || memcmp(lines, h->live.data, h->live.len) != 0) return SIZE_MAX;
  return h->live.len;
}

/* Answers MLCM_STALE when what was read live is not what was recorded. */
static mlcm_status take_chunk(void *user, int64_t chunk, int64_t lease_epoch, const char *lines, size_t len,
                              const uint8_t digest[MLCM__SHA256_BYTES], mlcm_error *err) {
  mlcm_rollout *h = user;
  uint8_t chain[MLCM__SHA256_BYTES];
  size_t skip = known_prefix(h, lease_epoch, lines, len);
  if (skip == SIZE_MAX) return MLCM_STALE;
  memcpy(chain, h->chain, sizeof(chain));
  mlcm_status st = mlcm__evidence_chain(chain, lines, len, err);
  if (st) return st;
  if (chunk != h->n_chunks + 1 || memcmp(chain, digest, sizeof(chain)) != 0)
    return mlcm__fail(err, MLCM_CORRUPT, "rollout %lld: evidence chunk %lld does not match its digest", (long long)h->id,
                      (long long)chunk);
  st = feed(h, lines + skip, len - skip, &h->counted, err);
  if (st) return st;
  mlcm__buffer_clear(&h->live);
  memcpy(h->chain, chain, sizeof(chain));
  h->n_chunks = chunk;
  return MLCM_OK;
}

static mlcm_status follow_once(mlcm_rollout *h, mlcm_error *err) {
  mlcm__db_conn *conn = NULL;
  mlcm_status st = mlcm__db_read_begin(h->reg->db, &conn, err);
  if (!st) st = mlcm__rollout_read(conn, h->id, &h->head, err);
  if (!st && !h->machine) st = new_machine(h, err);
  if (!st && h->n_chunks < h->head.n_chunks) st = mlcm__evidence_each(conn, h->id, h->n_chunks, take_chunk, h, err);
  mlcm__db_read_end(conn);
  if (!st && h->n_chunks != h->head.n_chunks)
    st = mlcm__fail(err, MLCM_CORRUPT, "rollout %lld: %lld chunks of evidence are recorded, %lld are there", (long long)h->id,
                    (long long)h->head.n_chunks, (long long)h->n_chunks);
  return st;
}

mlcm_status mlcm__handle_follow(mlcm_rollout *h, mlcm_error *err) {
  assert(!h->is_synced);
  mlcm_status st = follow_once(h, err);
  if (st == MLCM_STALE) {
    mlcm__handle_forget(h);
    st = follow_once(h, err);
  }
  if (st) mlcm__handle_forget(h); /* half a chunk may be in the machine */
  return st;
}

mlcm_status mlcm__handle_follow_live(mlcm_rollout *h, mlcm_error *err) {
  mlcm__buffer lines;
  mlcm_error why;
  mlcm__buffer_init(&lines, h->ctx, MLCM__LIVE_MAX);
  mlcm_status st = mlcm__live_read(h->reg, &h->head, &lines, err);
  bool grew = !st && lines.len > h->live.len &&
              (h->live.len == 0 || (h->live_epoch == h->head.lease_epoch && memcmp(lines.data, h->live.data, h->live.len) == 0));
  if (grew && feed(h, lines.data + h->live.len, lines.len - h->live.len, NULL, &why)) {
    mlcm__log(h->ctx, MLCM_LOG_WARN, "live evidence of rollout %lld cannot be read (%s); showing what is recorded",
              (long long)h->id, why.message);
    mlcm__handle_forget(h);
    st = mlcm__handle_follow(h, err);
  } else if (grew) {
    h->live_epoch = h->head.lease_epoch;
    mlcm__buffer_clear(&h->live);
    mlcm__buffer_append(&h->live, lines.data, lines.len);
    st = mlcm__buffer_check(&h->live, "live evidence", err);
  }
  mlcm__buffer_reset(&lines);
  return st;
}
