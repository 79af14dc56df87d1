/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_store.c - what the store costs: reading an alias, a durable registration, taking in a large file.
 *
 * Opponents do the least that gives the same promise on the same disk: SQLite alone writing as many pages with the same settings, plus the
 * same file syncs; hashing alone on one core and writing plus syncing alone. Ours and theirs take turns; each figure is the median over
 * rounds, since machines are noisy. Prints one JSON line a bar. MLCM_BENCH_DIR: where to work (a folder on a real disk).
 */
#include <fcntl.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <mlcm/mlcm.h>

enum {
  ALIAS_ROUNDS = 41,
  ALIAS_READS = 2000,
  MANY_VERSIONS = 100000,
  BATCH = 10000,
  REGISTER_ROUNDS = 15,
  REGISTRATIONS = 20,
  ARTIFACT_BYTES = 1024,
  PAGE_BYTES = 4096,
  FRAME_BYTES = PAGE_BYTES + 24,
  INGEST_ROUNDS = 7,
  CHUNK = 1 << 20,
  POOL = 64,           /* chunks that differ, for the opponents */
  INGEST_CHUNKS = 1024 /* 1 GiB */
};

static char work[256];

/* ---- small things ---- */

static void must(mlcm_status st, const mlcm_error *err) {
  if (st == MLCM_OK) return;
  fprintf(stderr, "bench_store: %s: %s\n", mlcm_status_name(st), err->message);
  exit(1);
}

static void must_sys(bool ok, const char *what) {
  if (ok) return;
  perror(what);
  exit(1);
}

static double now_s(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int by_value(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static double median(double *values, size_t n) {
  qsort(values, n, sizeof *values, by_value);
  return values[n / 2];
}

static void path_in(const char *name, char out[512]) {
  snprintf(out, 512, "%s/%s", work, name);
}

static void write_bytes(const char *path, const void *data, size_t len) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  must_sys(fd >= 0 && write(fd, data, len) == (ssize_t)len && close(fd) == 0, path);
}

static int remove_entry(const char *path, const struct stat *st, int type, struct FTW *where) {
  (void)st;
  (void)type;
  (void)where;
  return remove(path);
}

static void clean_up(void) {
  nftw(work, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}

static mlcm_registry *open_registry(mlcm_context *ctx, const char *name) {
  mlcm_error err = {0};
  mlcm_registry *reg = NULL;
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  char dir[512];
  path_in(name, dir);
  options.flags = MLCM_OPEN_CREATE;
  must(mlcm_registry_open(ctx, dir, &options, &reg, &err), &err);
  return reg;
}

/* ---- alias reads ---- */

static void add_versions(mlcm_registry *reg, const char *model, int n) {
  mlcm_error err = {0};
  char path[512];
  mlcm_register_item *items = calloc(BATCH, sizeof *items);
  must_sys(items != NULL, "memory");
  path_in("model.bin", path);
  write_bytes(path, model, strlen(model));
  for (int i = 0; i < BATCH; i++) items[i].path = path;
  for (int done = 0; done < n; done += BATCH)
    must(mlcm_register_many(reg, model, items, (size_t)(n - done < BATCH ? n - done : BATCH), NULL, NULL, &err), &err);
  must(mlcm_alias_set(reg, model, "champion", n / 2, MLCM_ALIAS_ANY, 0, NULL, &err), &err);
  free(items);
}

/* Microseconds a read. */
static double read_alias(mlcm_registry *reg, const char *model) {
  mlcm_error err = {0};
  int64_t version = 0;
  double begun = now_s();
  for (int i = 0; i < ALIAS_READS; i++) must(mlcm_alias_get(reg, model, "champion", &version, &err), &err);
  return (now_s() - begun) * 1e6 / ALIAS_READS;
}

static void bench_alias(mlcm_context *ctx) {
  double few[ALIAS_ROUNDS], many[ALIAS_ROUNDS];
  mlcm_registry *reg = open_registry(ctx, "alias");
  add_versions(reg, "few", 10);
  add_versions(reg, "many", MANY_VERSIONS);
  for (int i = 0; i < ALIAS_ROUNDS; i++) {
    few[i] = read_alias(reg, "few");
    many[i] = read_alias(reg, "many");
  }
  double f = median(few, ALIAS_ROUNDS), m = median(many, ALIAS_ROUNDS);
  printf("{\"name\":\"alias read, 100,000 versions\",\"unit\":\"us\",\"ours\":%.2f,\"theirs\":null,\"ratio\":null,\"goal\":\"<= 20\",\"ok\":%s}\n", m,
         m <= 20 ? "true" : "false");
  printf("{\"name\":\"alias read, 100,000 versions to 10\",\"unit\":\"us\",\"ours\":%.2f,\"theirs\":%.2f,\"ratio\":%.2f,\"goal\":\"<= 1.5\",\"ok\":%s}\n",
         m, f, m / f, m / f <= 1.5 ? "true" : "false");
  mlcm_registry_close(reg);
}

/* ---- durable registrations ---- */

/* Seconds for REGISTRATIONS artifacts whose bytes nobody has seen before. */
static double register_ours(mlcm_registry *reg, int round) {
  mlcm_error err = {0};
  char path[512], bytes[ARTIFACT_BYTES];
  path_in("artifact.bin", path);
  memset(bytes, 'x', sizeof bytes);
  double took = 0;
  for (int i = 0; i < REGISTRATIONS; i++) {
    snprintf(bytes, sizeof bytes, "round %d artifact %d", round, i);
    write_bytes(path, bytes, sizeof bytes);
    double begun = now_s();
    must(mlcm_register(reg, "model", path, NULL, NULL, NULL, &err), &err);
    took += now_s() - begun;
  }
  return took;
}

typedef struct bare {
  sqlite3 *db;
  sqlite3_stmt *update;
  int pages; /* a transaction */
  int next;
} bare;

enum { BARE_ROWS = 4096 };

static void run_sql(sqlite3 *db, const char *sql) {
  char *message = NULL;
  if (sqlite3_exec(db, sql, NULL, NULL, &message) == SQLITE_OK) return;
  fprintf(stderr, "bench_store: %s: %s\n", sql, message);
  exit(1);
}

/* A table with one row a page, so that updating `pages` rows writes as many pages of the log. The same settings as the registry, and
 * SQLite's own automatic checkpoint at the same length of the log. */
static void bare_open(bare *b, int pages) {
  char path[512];
  path_in("bare.db", path);
  *b = (bare){.pages = pages};
  must_sys(sqlite3_open(path, &b->db) == SQLITE_OK, path);
  run_sql(b->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 1024;"
                 "CREATE TABLE t (id INTEGER PRIMARY KEY, x BLOB); BEGIN;");
  for (int i = 0; i < BARE_ROWS; i++) run_sql(b->db, "INSERT INTO t (x) VALUES (randomblob(3900))");
  run_sql(b->db, "COMMIT; PRAGMA wal_checkpoint(TRUNCATE);");
  must_sys(sqlite3_prepare_v2(b->db, "UPDATE t SET x = randomblob(3900) WHERE id = ?1", -1, &b->update, NULL) == SQLITE_OK, "prepare");
  path_in("bare", path);
  must_sys(mkdir(path, 0755) == 0, path);
}

static void bare_transaction(bare *b) {
  run_sql(b->db, "BEGIN IMMEDIATE");
  for (int i = 0; i < b->pages; i++) {
    sqlite3_bind_int(b->update, 1, 1 + b->next++ % BARE_ROWS);
    must_sys(sqlite3_step(b->update) == SQLITE_DONE, "update");
    sqlite3_reset(b->update);
  }
  run_sql(b->db, "COMMIT");
}

static void sync_path(const char *path, int flags) {
  int fd = open(path, flags);
  must_sys(fd >= 0 && fsync(fd) == 0 && close(fd) == 0, path);
}

/* What a registration syncs of files: the object and its folder. */
static void bare_file(int round, int i) {
  char dir[512], tmp[600], path[600], bytes[ARTIFACT_BYTES];
  path_in("bare", dir);
  snprintf(tmp, sizeof tmp, "%s/tmp", dir);
  snprintf(path, sizeof path, "%s/%d-%d", dir, round, i);
  memset(bytes, 'x', sizeof bytes);
  int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL, 0444);
  must_sys(fd >= 0 && write(fd, bytes, sizeof bytes) == (ssize_t)sizeof bytes && fsync(fd) == 0 && close(fd) == 0, tmp);
  must_sys(rename(tmp, path) == 0, path);
  sync_path(dir, O_RDONLY | O_DIRECTORY);
}

static double register_theirs(bare *b, int round) {
  double begun = now_s();
  for (int i = 0; i < REGISTRATIONS; i++) {
    bare_file(round, i);
    bare_transaction(b);
  }
  return now_s() - begun;
}

static int64_t log_bytes(void) {
  char path[512];
  struct stat st;
  path_in("register/registry.db-wal", path);
  must_sys(stat(path, &st) == 0, path);
  return st.st_size;
}

/* Pages a registration writes, from the growth of a log that was not yet begun anew. */
static int count_pages(mlcm_registry *reg) {
  (void)register_ours(reg, -2);
  int64_t before = log_bytes();
  (void)register_ours(reg, -1);
  return (int)((log_bytes() - before + FRAME_BYTES * REGISTRATIONS / 2) / (FRAME_BYTES * REGISTRATIONS));
}

static void bench_register(mlcm_context *ctx) {
  double ours[REGISTER_ROUNDS], theirs[REGISTER_ROUNDS];
  bare b;
  mlcm_registry *reg = open_registry(ctx, "register");
  int pages = count_pages(reg);
  bare_open(&b, pages);
  (void)register_theirs(&b, -1);
  for (int i = 0; i < REGISTER_ROUNDS; i++) {
    ours[i] = register_ours(reg, i);
    theirs[i] = register_theirs(&b, i);
  }
  double o = REGISTRATIONS / median(ours, REGISTER_ROUNDS), t = REGISTRATIONS / median(theirs, REGISTER_ROUNDS);
  printf("{\"name\":\"durable registrations, bare SQLite of %d pages plus syncs\",\"unit\":\"1/s\",\"ours\":%.1f,\"theirs\":%.1f,\"ratio\":%.2f,"
         "\"goal\":\">= 0.9\",\"ok\":%s}\n",
         pages, o, t, o / t, o / t >= 0.9 ? "true" : "false");
  sqlite3_finalize(b.update);
  sqlite3_close(b.db);
  mlcm_registry_close(reg);
}

/* ---- taking in a large file ---- */

/* Bytes that differ from chunk to chunk, so that no layer below can take them for the same. */
static void fill(uint8_t *chunk, uint64_t seed) {
  uint64_t state = seed * UINT64_C(0x9E3779B97F4A7C15) + 1;
  for (size_t i = 0; i < CHUNK; i += 8) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    memcpy(chunk + i, &state, 8);
  }
}

static const uint8_t *chunk_of(const uint8_t *pool, int i) {
  return pool + (size_t)(i % POOL) * CHUNK;
}

static void make_source(const char *path, uint8_t *pool) {
  int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
  must_sys(fd >= 0, path);
  for (int i = 0; i < INGEST_CHUNKS; i++) {
    uint8_t *chunk = pool + (size_t)(i % POOL) * CHUNK;
    fill(chunk, (uint64_t)i);
    must_sys(write(fd, chunk, CHUNK) == CHUNK, path);
  }
  must_sys(fsync(fd) == 0 && close(fd) == 0, path);
}

static double hash_alone(const uint8_t *pool) {
  uint8_t digest[EVP_MAX_MD_SIZE];
  EVP_MD_CTX *md = EVP_MD_CTX_new();
  double begun = now_s();
  EVP_DigestInit_ex(md, EVP_sha256(), NULL);
  for (int i = 0; i < INGEST_CHUNKS; i++) EVP_DigestUpdate(md, chunk_of(pool, i), CHUNK);
  EVP_DigestFinal_ex(md, digest, NULL);
  double took = now_s() - begun;
  EVP_MD_CTX_free(md);
  return took;
}

static double write_alone(const char *path, const uint8_t *pool) {
  (void)unlink(path);
  double begun = now_s();
  int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0644);
  must_sys(fd >= 0, path);
  for (int i = 0; i < INGEST_CHUNKS; i++) must_sys(write(fd, chunk_of(pool, i), CHUNK) == CHUNK, path);
  must_sys(fsync(fd) == 0 && close(fd) == 0, path);
  double took = now_s() - begun;
  must_sys(unlink(path) == 0, path);
  return took;
}

static int remove_object(const char *path, const struct stat *st, int type, struct FTW *where) {
  (void)where;
  return type == FTW_F && st->st_size > CHUNK ? remove(path) : 0;
}

/* Into a registry of its own; the object is removed afterwards, outside the time taken, as the opponent's file is. */
static double ingest_ours(mlcm_registry *reg, const char *source) {
  mlcm_error err = {0};
  char objects[512];
  double begun = now_s();
  must(mlcm_register(reg, "large", source, NULL, NULL, NULL, &err), &err);
  double took = now_s() - begun;
  path_in("ingest/objects", objects);
  must_sys(nftw(objects, remove_object, 16, FTW_PHYS) == 0, objects);
  return took;
}

static void bench_ingest(mlcm_context *ctx) {
  double ours[INGEST_ROUNDS], hash[INGEST_ROUNDS], written[INGEST_ROUNDS];
  char source[512], target[512];
  uint8_t *pool = malloc((size_t)POOL * CHUNK);
  must_sys(pool != NULL, "memory");
  path_in("large.bin", source);
  path_in("written.bin", target);
  make_source(source, pool);
  mlcm_registry *reg = open_registry(ctx, "ingest");
  for (int i = 0; i < INGEST_ROUNDS; i++) {
    hash[i] = hash_alone(pool);
    written[i] = write_alone(target, pool);
    ours[i] = ingest_ours(reg, source);
  }
  double h = median(hash, INGEST_ROUNDS), w = median(written, INGEST_ROUNDS), o = median(ours, INGEST_ROUNDS);
  double slower = h > w ? h : w;
  printf("{\"name\":\"ingest of 1 GiB, slower of hash and write (%s)\",\"unit\":\"GiB/s\",\"ours\":%.2f,\"theirs\":%.2f,\"ratio\":%.2f,"
         "\"goal\":\">= 0.8\",\"ok\":%s}\n",
         h > w ? "hash" : "write", 1 / o, 1 / slower, slower / o, slower / o >= 0.8 ? "true" : "false");
  mlcm_registry_close(reg);
  free(pool);
}

int main(void) {
  mlcm_error err = {0};
  mlcm_context *ctx = NULL;
  const char *base = getenv("MLCM_BENCH_DIR");
  snprintf(work, sizeof work, "%s/mlcm-bench-XXXXXX", base && *base ? base : "/var/tmp");
  must_sys(mkdtemp(work) != NULL, work);
  atexit(clean_up);
  must(mlcm_context_new(NULL, &ctx, &err), &err);
  bench_alias(ctx);
  bench_register(ctx);
  bench_ingest(ctx);
  mlcm_context_free(ctx);
  return 0;
}
