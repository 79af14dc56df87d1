/* SPDX-License-Identifier: Apache-2.0
 *
 * replay.c - the decisions of a rollout made again from its record: plan and evidence into a fresh machine, records compared as bytes.
 */
#include <stdio.h>
#include <string.h>

#include "rollout/handle.h"
#include "rollout/words.h"

/* One replay under way. A decision is the last tick of its chunk, so its record can name the chunk's digest. */
typedef struct replay {
  mlcm_rollout *h;
  mlcm__db_conn *conn;
  mlcm__machine *machine;
  mlcm__outcome outcome; /* of the chunk's last tick */
  uint8_t chain[MLCM__SHA256_BYTES];
  int64_t chunk;
  mlcm_replay_report report;
} replay;

static void note_difference(replay *r, int64_t seq, const char *why) {
  if (r->report.first_different_seq) return;
  r->report.first_different_seq = seq;
  mlcm__words_cut(why, r->report.difference, sizeof(r->report.difference));
}

/* "decision 3 differs at byte 120: recorded ...x..., replayed ...y..." */
static void describe(const char *recorded, const char *made, char *out, size_t size, int64_t seq) {
  size_t at = 0;
  while (recorded[at] == made[at]) at++; /* they differ */
  size_t from = at > 24 ? at - 24 : 0;
  mlcm__words_format(out, size, "decision %lld differs at byte %zu: recorded '%.48s', replayed '%.48s'", (long long)seq, at,
                     recorded + from, made + from);
}

static mlcm_status compare(replay *r, mlcm_error *err) {
  char *recorded = NULL, *made = NULL, why[256];
  int64_t seq = r->outcome.seq;
  mlcm_status st = mlcm__decision_read(r->conn, r->h->id, seq, &recorded, err);
  if (st == MLCM_NOT_FOUND) {
    snprintf(why, sizeof(why), "decision %lld was made by replay but never recorded", (long long)seq);
    note_difference(r, seq, why);
    return MLCM_OK;
  }
  if (!st) st = mlcm__record_make_again(r->machine, &r->outcome, r->h->id, r->chain, recorded, &made, err);
  if (!st && strcmp(recorded, made) == 0) {
    r->report.identical++;
  } else if (!st) {
    describe(recorded, made, why, sizeof(why), seq);
    note_difference(r, seq, why);
  }
  mlcm__free(r->h->ctx, recorded);
  mlcm__free(r->h->ctx, made);
  return st;
}

static mlcm_status feed(replay *r, const char *lines, size_t len, mlcm_error *err) {
  mlcm_context *ctx = r->h->ctx;
  mlcm__evidence_line line = {0};
  mlcm_status st = MLCM_OK;
  for (const char *at = lines, *end = lines + len; !st && at < end;) {
    const char *newline = memchr(at, '\n', (size_t)(end - at));
    size_t n = newline ? (size_t)(newline - at) : (size_t)(end - at);
    st = mlcm__evidence_read(ctx, at, n, &line, NULL, err);
    if (!st && !line.is_counted) {
      bool early = r->outcome.action != 0;
      if (early) note_difference(r, r->outcome.seq, "replay decides before the tick at which a decision was recorded");
      st = mlcm__machine_tick(r->machine, &line.tick, &r->outcome, err);
      r->report.ticks++;
    }
    at += n + 1;
  }
  mlcm__evidence_line_reset(ctx, &line);
  return st;
}

static mlcm_status take_chunk(void *user, int64_t chunk, int64_t lease_epoch, const char *lines, size_t len,
                              const uint8_t digest[MLCM__SHA256_BYTES], mlcm_error *err) {
  replay *r = user;
  (void)lease_epoch;
  mlcm_status st = mlcm__evidence_chain(r->chain, lines, len, err);
  if (!st && (chunk != r->chunk + 1 || memcmp(r->chain, digest, sizeof(r->chain)) != 0))
    st = mlcm__fail(err, MLCM_CORRUPT, "rollout %lld: evidence chunk %lld does not match its digest", (long long)r->h->id,
                    (long long)chunk);
  if (st) return st;
  r->chunk = chunk;
  memset(&r->outcome, 0, sizeof(r->outcome));
  st = feed(r, lines, len, err);
  if (st == MLCM_INVALID_ARGUMENT || st == MLCM_INVALID_STATE) { /* the machine refuses: the decisions cannot be made again */
    note_difference(r, r->machine->seq + 1, "the recorded evidence goes on where replay has ended");
    return MLCM_OK;
  }
  return st || !r->outcome.action ? st : compare(r, err);
}

static mlcm_status replay_all(replay *r, mlcm_error *err) {
  mlcm_rollout *h = r->h;
  mlcm__rollout_head head;
  mlcm_status st = mlcm__rollout_read(r->conn, h->id, &head, err);
  if (!st) st = mlcm__sha256_of("", 0, r->chain, err);
  if (!st) st = mlcm__machine_new(h->ctx, h->plan, head.stable, head.candidate, &r->machine, err);
  if (!st) st = mlcm__evidence_each(r->conn, h->id, 0, take_chunk, r, err);
  if (!st && memcmp(r->chain, head.chain, sizeof(r->chain)) != 0)
    st = mlcm__fail(err, MLCM_CORRUPT, "rollout %lld: the newest evidence is missing", (long long)h->id);
  if (st) return st;
  r->report.decisions = head.n_decisions;
  if (r->report.identical < head.n_decisions) note_difference(r, r->report.identical + 1, "recorded, but not made by replay");
  return MLCM_OK;
}

mlcm_status mlcm_rollout_replay(mlcm_registry *reg, int64_t id, mlcm_replay_report *out, mlcm_error *err) {
  if (!reg || !out) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_rollout_replay: an argument is NULL");
  replay r;
  memset(&r, 0, sizeof(r));
  mlcm_status st = mlcm_rollout_open_by_id(reg, id, &r.h, err);
  if (!st) st = mlcm__db_read_begin(reg->db, &r.conn, err);
  if (!st) st = replay_all(&r, err);
  mlcm__db_read_end(r.conn);
  if (!st) *out = r.report;
  mlcm__machine_free(r.machine);
  mlcm_rollout_close(r.h);
  return st;
}
