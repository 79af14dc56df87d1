/* SPDX-License-Identifier: Apache-2.0
 *
 * bench_endpoint.c - what the request path costs a host with its own engine, while a canary runs: route, and complete plus report.
 * Keys are all different, so each is a unit of analysis and sets its bits. Takes the median of rounds; prints one JSON line a bar.
 */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <mlcm/mlcm.h>

enum { ROUNDS = 301, REQUESTS = 2000, KEY_LEN = 13 };

static const char plan[] =
    "mlcm: rollout/v1\nendpoint: bench\ncandidate: bench/2\nsteps:\n  - {weight: 25%, for: 1h}\nthen: promote\nchecks:\n"
    "  - {name: wrong, compare: outcome.wrong, tolerate: 1.25x}\n";

static char keys[ROUNDS][REQUESTS][KEY_LEN + 1];
static mlcm_ticket tickets[REQUESTS];

static void must(mlcm_status st, const mlcm_error *err) {
  if (st == MLCM_OK) return;
  fprintf(stderr, "bench_endpoint: %s: %s\n", mlcm_status_name(st), err->message);
  exit(1);
}

static double now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare_doubles(const void *a, const void *b) {
  const double *x = a, *y = b;
  return (*x > *y) - (*x < *y);
}

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *ftw) {
  (void)info;
  (void)type;
  (void)ftw;
  return remove(path);
}

/* Two versions of a model, the first one champion. */
static void register_two(mlcm_registry *reg, const char *dir) {
  mlcm_error err;
  char path[256];
  for (int i = 1; i <= 2; ++i) {
    mlcm_version *version = NULL;
    snprintf(path, sizeof path, "%s/weights-%d", dir, i);
    FILE *file = fopen(path, "w");
    if (file == NULL || fprintf(file, "version %d\n", i) < 0 || fclose(file) != 0) exit(1);
    must(mlcm_register(reg, "bench", path, NULL, NULL, &version, &err), &err);
    mlcm_version_free(version);
  }
  must(mlcm_alias_set(reg, "bench", "champion", 1, MLCM_ALIAS_ANY, 0, NULL, &err), &err);
}

static mlcm_endpoint *open_endpoint(mlcm_registry *reg) {
  mlcm_endpoint_options options;
  mlcm_endpoint *ep = NULL;
  mlcm_error err;
  mlcm_endpoint_options_init(&options, sizeof options);
  options.flags = MLCM_ENDPOINT_MANUAL | MLCM_ENDPOINT_NO_ENGINE;
  must(mlcm_endpoint_open(reg, "bench", &options, &ep, &err), &err);
  return ep;
}

static double route_all(mlcm_endpoint *ep, int round) {
  mlcm_status st = MLCM_OK;
  double begun = now_ns();
  for (int i = 0; i < REQUESTS; ++i) {
    st |= mlcm_endpoint_route(ep, (mlcm_str){keys[round][i], KEY_LEN}, &tickets[i], NULL);
  }
  double took = now_ns() - begun;
  if (st) exit(1);
  return took / REQUESTS;
}

static double finish_all(mlcm_endpoint *ep, int32_t wrong) {
  mlcm_status st = MLCM_OK;
  double begun = now_ns();
  for (int i = 0; i < REQUESTS; ++i) {
    st |= mlcm_endpoint_complete(ep, &tickets[i], 1000000 + i, 1, NULL);
    st |= mlcm_endpoint_report_id(ep, &tickets[i], wrong, (i & 63) == 0, NULL);
  }
  double took = now_ns() - begun;
  if (st) exit(1);
  return took / REQUESTS;
}

static void print_bar(const char *name, double *took, double goal) {
  qsort(took, ROUNDS, sizeof took[0], compare_doubles);
  double ours = took[ROUNDS / 2];
  printf("{\"name\":\"%s\",\"unit\":\"ns\",\"ours\":%.1f,\"theirs\":null,\"ratio\":null,\"goal\":\"<= %g\",\"ok\":%s}\n", name, ours, goal,
         ours <= goal ? "true" : "false");
}

int main(void) {
  static double routed[ROUNDS], finished[ROUNDS];
  char dir[] = "/tmp/mlcm-bench-XXXXXX";
  mlcm_error err;
  mlcm_context *ctx = NULL;
  mlcm_registry *reg = NULL;
  mlcm_rollout *rollout = NULL;
  mlcm_registry_options options;
  int32_t wrong = 0;
  if (mkdtemp(dir) == NULL) return 1;
  for (int r = 0; r < ROUNDS; ++r) {
    for (int i = 0; i < REQUESTS; ++i) snprintf(keys[r][i], KEY_LEN + 1, "user-%08d", r * REQUESTS + i);
  }
  mlcm_registry_options_init(&options, sizeof options);
  options.flags = MLCM_OPEN_CREATE;
  must(mlcm_context_new(NULL, &ctx, &err), &err);
  must(mlcm_registry_open(ctx, dir, &options, &reg, &err), &err);
  register_two(reg, dir);
  must(mlcm_rollout_start(reg, "bench", mlcm_str_of(plan), NULL, &rollout, &err), &err);
  mlcm_endpoint *ep = open_endpoint(reg);
  must(mlcm_endpoint_outcome(ep, MLCM_OUTCOME_WRONG, &wrong, &err), &err);
  for (int r = 0; r < ROUNDS; ++r) {
    routed[r] = route_all(ep, r);
    finished[r] = finish_all(ep, wrong);
  }
  print_bar("route, sticky, 25 % canary", routed, 50);
  print_bar("complete plus report, latency measured by the caller", finished, 50);
  mlcm_endpoint_close(ep);
  mlcm_rollout_close(rollout);
  mlcm_registry_close(reg);
  mlcm_context_free(ctx);
  return nftw(dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS);
}
