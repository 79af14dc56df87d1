/* SPDX-License-Identifier: Apache-2.0
 *
 * policy_checks.c - the grammar of a list of checks. Every value is checked where it stands, so that a complaint can say the
 * line; defaults are filled in here and nowhere else. Texts go to the arena.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "gate/policy.h"

#define SECOND_NS INT64_C(1000000000)

enum { MAX_NAME = 64, MAX_URL = 2048, MAX_QUERY = 8192, MAX_HEADERS = 16, MAX_FAILURES = 1000 };

/* Where the grammar reads from and writes to. */
typedef struct reader {
  mlcm__arena *arena;
  const mlcm__yaml *doc;
  mlcm_error *err;
} reader;

typedef struct word {
  const char *text;
  int32_t value;
} word;

static const word sources[] = {{"compare", 0},
                               {"meter", MLCM_SOURCE_METER},
                               {"prometheus", MLCM_SOURCE_PROMETHEUS},
                               {"http", MLCM_SOURCE_HTTP},
                               {"evaluation", MLCM_SOURCE_EVALUATION}};
static const word on_fails[] = {
    {"rollback", MLCM_ON_FAIL_ROLLBACK}, {"hold", MLCM_ON_FAIL_HOLD}, {"report", MLCM_ON_FAIL_REPORT}};
static const word units[] = {{"key", MLCM_UNIT_KEY}, {"request", MLCM_UNIT_REQUEST}};

static const struct {
  const char *name;
  double value;
} quantiles[] = {{"p50", 0.5}, {"p90", 0.9}, {"p95", 0.95}, {"p99", 0.99}, {"p99.9", 0.999}};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *word_of(const word *words, size_t n, int32_t value) {
  for (size_t i = 0; i < n; i++)
    if (words[i].value == value) return words[i].text;
  return "unknown";
}

const char *mlcm__on_fail_name(mlcm_on_fail on_fail) { return word_of(on_fails, COUNT(on_fails), on_fail); }
const char *mlcm__source_name(mlcm_source_kind source) { return word_of(sources, COUNT(sources), source); }

/* ---- Values -------------------------------------------------------------------------------------------------------- */

static mlcm_status read_word(const reader *r, const mlcm__node *node, const char *what, const word *words, size_t n,
                             int32_t *out) {
  const char *text = NULL;
  mlcm_status st = mlcm__yaml_text(r->doc, node, what, &text, r->err);
  if (st) return st;
  char list[128] = "";
  for (size_t i = 0; i < n; i++) {
    if (strcmp(text, words[i].text) == 0) {
      *out = words[i].value;
      return MLCM_OK;
    }
    strncat(list, i == 0 ? "" : i + 1 == n ? " or " : ", ", sizeof(list) - strlen(list) - 1);
    strncat(list, words[i].text, sizeof(list) - strlen(list) - 1);
  }
  return mlcm__yaml_fail(r->doc, node, r->err, "'%s' must be %s, found '%.60s'", what, list, text);
}

/* A copy of a plain, non-empty text of at most max bytes. */
static mlcm_status read_text(const reader *r, const mlcm__node *node, const char *what, size_t max, const char **out) {
  const char *text = NULL;
  mlcm_status st = mlcm__yaml_text(r->doc, node, what, &text, r->err);
  if (st) return st;
  if (node->len == 0) return mlcm__yaml_fail(r->doc, node, r->err, "'%s' is empty", what);
  if (node->len > max) return mlcm__yaml_fail(r->doc, node, r->err, "'%s' has %zu bytes, the limit is %zu", what, node->len, max);
  if (!mlcm__text_is_plain(text, node->len)) return mlcm__yaml_fail(r->doc, node, r->err, "'%s' holds control characters", what);
  *out = mlcm__arena_strndup(r->arena, text, node->len);
  return *out ? MLCM_OK : mlcm__fail_memory(r->err, node->len + 1);
}

static mlcm_status read_duration(const reader *r, const mlcm__node *node, const char *what, int64_t least, int64_t most,
                                 int64_t *out) {
  int64_t ns = 0;
  mlcm_status st = mlcm__yaml_duration(r->doc, node, what, &ns, r->err);
  if (st) return st;
  if (ns < least || ns > most) {
    char a[32], b[32];
    mlcm__format_duration(least, a);
    mlcm__format_duration(most, b);
    return mlcm__yaml_fail(r->doc, node, r->err, "'%s' is '%s', it must lie between %s and %s", what, node->text, a, b);
  }
  *out = ns;
  return MLCM_OK;
}

static mlcm_status read_url(const reader *r, const mlcm__node *node, const char **out) {
  mlcm_status st = read_text(r, node, "url", MAX_URL, out);
  if (st) return st;
  size_t scheme = strncmp(*out, "http://", 7) == 0 ? 7 : strncmp(*out, "https://", 8) == 0 ? 8 : 0;
  if (scheme == 0 || (*out)[scheme] == '\0' || strchr(*out, ' '))
    return mlcm__yaml_fail(r->doc, node, r->err, "'url' must be an http:// or https:// address, found '%.80s'", node->text);
  return MLCM_OK;
}

static bool is_outcome_name(const char *name) {
  size_t len = strlen(name);
  for (size_t i = 0; i < len; i++) {
    char c = name[i];
    bool good = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
    if (!good) return false;
  }
  return len >= 1 && len <= 63;
}

/* ---- Sources ------------------------------------------------------------------------------------------------------- */

static mlcm_status bad_meter(const reader *r, const mlcm__node *node, const char *text, bool compare) {
  const char *known = compare ? "error, latency.p50, latency.p90, latency.p95, latency.p99, latency.p99.9 or outcome.NAME"
                              : "error_ratio, requests_per_second, latency.p50 ... latency.p99.9 or outcome.NAME";
  return mlcm__yaml_fail(r->doc, node, r->err, "'%s' must be %s, found '%.60s'", compare ? "compare" : "meter", known, text);
}

static mlcm_status read_quantile(const reader *r, const mlcm__node *node, const char *name, mlcm_check *c) {
  for (size_t i = 0; i < COUNT(quantiles); i++)
    if (strcmp(name, quantiles[i].name) == 0) {
      c->meter = MLCM_METER_LATENCY;
      c->quantile = quantiles[i].value;
      return MLCM_OK;
    }
  return mlcm__yaml_fail(r->doc, node, r->err, "the latency quantile must be p50, p90, p95, p99 or p99.9, found '%.60s'", name);
}

/* "error" (compare), "error_ratio", "requests_per_second" (meter), "latency.p99", "outcome.NAME" (both). */
static mlcm_status read_meter(const reader *r, const mlcm__node *node, bool compare, mlcm_check *c) {
  const char *text = NULL;
  mlcm_status st = mlcm__yaml_text(r->doc, node, compare ? "compare" : "meter", &text, r->err);
  if (st) return st;
  if (strncmp(text, "latency.", 8) == 0) return read_quantile(r, node, text + 8, c);
  if (strcmp(text, compare ? "error" : "error_ratio") == 0) {
    c->meter = MLCM_METER_ERROR;
    return MLCM_OK;
  }
  if (!compare && strcmp(text, "requests_per_second") == 0) {
    c->meter = MLCM_METER_RATE;
    return MLCM_OK;
  }
  if (strncmp(text, "outcome.", 8) != 0) return bad_meter(r, node, text, compare);
  if (!is_outcome_name(text + 8))
    return mlcm__yaml_fail(r->doc, node, r->err,
                           "the outcome's name must be 1 to 63 letters, digits, '_', '-' and '.', found '%.80s'", text + 8);
  c->meter = MLCM_METER_OUTCOME;
  c->outcome = mlcm__arena_strndup(r->arena, text + 8, node->len - 8);
  return c->outcome ? MLCM_OK : mlcm__fail_memory(r->err, node->len);
}

static mlcm_status read_headers(const reader *r, const mlcm__node *map, mlcm_check *c) {
  if (map->kind != MLCM__YAML_MAP) return mlcm__yaml_fail(r->doc, map, r->err, "'headers' must be a map of names and values");
  if (map->n > MAX_HEADERS) return mlcm__yaml_fail(r->doc, map, r->err, "%zu headers, the limit is %d", map->n, MAX_HEADERS);
  mlcm_check_header *headers = mlcm__arena_alloc(r->arena, map->n, sizeof(*headers));
  if (!headers) return mlcm__fail_memory(r->err, map->n * sizeof(*headers));
  for (size_t i = 0; i < map->n; i++) {
    const mlcm__node *name = map->items[2 * i];
    if (strspn(name->text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_") != name->len || name->len == 0)
      return mlcm__yaml_fail(r->doc, name, r->err, "'%.60s' is not a header's name", name->text);
    mlcm_status st = read_text(r, name, "header", MAX_NAME, &headers[i].name);
    if (!st) st = read_text(r, map->items[2 * i + 1], headers[i].name, MAX_URL, &headers[i].value);
    if (st) return st;
  }
  c->headers = headers;
  c->n_headers = (int64_t)map->n;
  return MLCM_OK;
}

static mlcm_status read_prometheus(const reader *r, const mlcm__node *map, mlcm_check *c) {
  static const char *const keys[] = {"url", "query", "timeout", "max_age", "headers"};
  if (map->kind != MLCM__YAML_MAP)
    return mlcm__yaml_fail(r->doc, map, r->err, "'prometheus' must be a map with a url and a query");
  mlcm_status st = mlcm__yaml_known_keys(r->doc, map, keys, COUNT(keys), r->err);
  if (st) return st;
  const mlcm__node *url = mlcm__yaml_get(map, "url");
  const mlcm__node *query = mlcm__yaml_get(map, "query");
  const mlcm__node *timeout = mlcm__yaml_get(map, "timeout");
  const mlcm__node *max_age = mlcm__yaml_get(map, "max_age");
  const mlcm__node *headers = mlcm__yaml_get(map, "headers");
  if (!url || !query) return mlcm__yaml_fail(r->doc, map, r->err, "'prometheus' needs %s", url ? "a query" : "a url");
  c->timeout_ns = 10 * SECOND_NS;
  c->max_age_ns = 60 * SECOND_NS;
  st = read_url(r, url, &c->url);
  if (!st) st = read_text(r, query, "query", MAX_QUERY, &c->query);
  if (!st && timeout) st = read_duration(r, timeout, "timeout", SECOND_NS / 100, 60 * SECOND_NS, &c->timeout_ns);
  if (!st && max_age) st = read_duration(r, max_age, "max_age", SECOND_NS, 86400 * SECOND_NS, &c->max_age_ns);
  if (!st && headers) st = read_headers(r, headers, c);
  return st;
}

static mlcm_status read_http(const reader *r, const mlcm__node *map, mlcm_check *c) {
  static const char *const keys[] = {"url", "timeout"};
  if (map->kind != MLCM__YAML_MAP) return mlcm__yaml_fail(r->doc, map, r->err, "'http' must be a map with a url");
  mlcm_status st = mlcm__yaml_known_keys(r->doc, map, keys, COUNT(keys), r->err);
  if (st) return st;
  const mlcm__node *url = mlcm__yaml_get(map, "url");
  const mlcm__node *timeout = mlcm__yaml_get(map, "timeout");
  if (!url) return mlcm__yaml_fail(r->doc, map, r->err, "'http' needs a url");
  c->timeout_ns = 10 * SECOND_NS;
  c->max_age_ns = 60 * SECOND_NS;
  st = read_url(r, url, &c->url);
  if (!st && timeout) st = read_duration(r, timeout, "timeout", SECOND_NS / 100, 60 * SECOND_NS, &c->timeout_ns);
  return st;
}

static mlcm_status read_dataset(const reader *r, const mlcm__node *node, mlcm_check *c) {
  mlcm_status st = read_text(r, node, "dataset", 71, &c->dataset);
  if (st) return st;
  bool good = node->len == 71 && strncmp(c->dataset, "sha256:", 7) == 0 && strspn(c->dataset + 7, "0123456789abcdef") == 64;
  if (good) return MLCM_OK;
  return mlcm__yaml_fail(r->doc, node, r->err, "'dataset' must be 'sha256:' and 64 hexadecimal digits, found '%.80s'",
                         node->text);
}

/* ---- Limits -------------------------------------------------------------------------------------------------------- */

static mlcm_status read_margin(const reader *r, const mlcm__node *node, const char *what, double *out) {
  double value = 0;
  mlcm_status st = mlcm__yaml_times(r->doc, node, what, &value, r->err);
  if (st) return st;
  if (value < 0.1 || value > 20)
    return mlcm__yaml_fail(r->doc, node, r->err, "'%s' is '%.40s', it must lie between 0.1x and 20x", what, node->text);
  *out = value;
  return MLCM_OK;
}

static mlcm_status read_margins(const reader *r, const mlcm__node *map, mlcm_check *c) {
  const mlcm__node *tolerate = mlcm__yaml_get(map, "tolerate");
  const mlcm__node *above = mlcm__yaml_get(map, "fail_above");
  const mlcm__node *below = mlcm__yaml_get(map, "pass_below");
  if (tolerate && (above || below))
    return mlcm__yaml_fail(r->doc, tolerate, r->err, "'tolerate' sets both margins: give it alone, or fail_above and pass_below");
  if (!tolerate && !(above && below))
    return mlcm__yaml_fail(
        r->doc, map, r->err,
        "check '%s' needs 'tolerate: 1.25x', or both fail_above and pass_below: with one side alone it could never "
        "%s",
        c->name,
        above   ? "pass"
        : below ? "fail"
                : "decide");
  mlcm_status st = read_margin(r, tolerate ? tolerate : above, tolerate ? "tolerate" : "fail_above", &c->fail_above);
  if (!st) st = read_margin(r, tolerate ? tolerate : below, tolerate ? "tolerate" : "pass_below", &c->pass_below);
  return st;
}

/* A limit in the unit of its meter: shares may be written "2%", latencies "250ms". */
static mlcm_status read_limit(const reader *r, const mlcm__node *node, const char *what, const mlcm_check *c, double *out) {
  bool scalar = node->kind == MLCM__YAML_SCALAR && node->len > 0;
  bool share = c->meter == MLCM_METER_ERROR || c->meter == MLCM_METER_OUTCOME || c->source == MLCM_SOURCE_EVALUATION;
  if (scalar && share && node->text[node->len - 1] == '%') return mlcm__yaml_share(r->doc, node, what, out, r->err);
  int64_t ns = 0;
  if (scalar && c->meter == MLCM_METER_LATENCY && mlcm__parse_duration(node->text, node->len, &ns)) {
    *out = (double)ns / 1e9;
    return MLCM_OK;
  }
  return mlcm__yaml_f64(r->doc, node, what, out, r->err);
}

/* The absolute bound beside a comparison: a share that is neither all nor nothing. */
static mlcm_status read_bound(const reader *r, const mlcm__node *map, mlcm_check *c) {
  const mlcm__node *most = mlcm__yaml_get(map, "at_most");
  double rate = 0;
  if (!most) return MLCM_OK;
  if (c->meter == MLCM_METER_LATENCY)
    return mlcm__yaml_fail(
        r->doc, most, r->err,
        "'at_most' goes with 'compare: error' and 'compare: outcome.NAME': it bounds the share of bad answers");
  mlcm_status st = read_limit(r, most, "at_most", c, &rate);
  if (st) return st;
  if (!(rate >= 1e-6 && rate <= 0.5))
    return mlcm__yaml_fail(r->doc, most, r->err, "'at_most' is '%.40s', it must lie between 0.0001%% and 50%%", most->text);
  c->at_most = rate;
  c->has_at_most = 1;
  return MLCM_OK;
}

static mlcm_status read_limits(const reader *r, const mlcm__node *map, mlcm_check *c) {
  const mlcm__node *least = mlcm__yaml_get(map, "at_least");
  const mlcm__node *most = mlcm__yaml_get(map, "at_most");
  mlcm_status st = MLCM_OK;
  if (!least && !most)
    return mlcm__yaml_fail(r->doc, map, r->err, "check '%s' has no limit: give at_least, at_most or both", c->name);
  if (least) st = read_limit(r, least, "at_least", c, &c->at_least);
  if (!st && most) st = read_limit(r, most, "at_most", c, &c->at_most);
  if (st) return st;
  c->has_at_least = least != NULL;
  c->has_at_most = most != NULL;
  if (least && most && c->at_least > c->at_most)
    return mlcm__yaml_fail(r->doc, least, r->err, "'at_least' is above 'at_most': no value could be good");
  return MLCM_OK;
}

static mlcm_status read_status(const reader *r, const mlcm__node *node, mlcm_check *c) {
  int64_t status = 0;
  mlcm_status st = mlcm__yaml_i64(r->doc, node, "status", &status, r->err);
  if (st) return st;
  if (status < 100 || status > 599)
    return mlcm__yaml_fail(r->doc, node, r->err, "'status' is %lld, it must lie between 100 and 599", (long long)status);
  c->http_status = (int32_t)status;
  return MLCM_OK;
}

static mlcm_status read_failures(const reader *r, const mlcm__node *node, mlcm_check *c) {
  int64_t failures = 0;
  mlcm_status st = mlcm__yaml_i64(r->doc, node, "failures", &failures, r->err);
  if (st) return st;
  if (failures < 1 || failures > MAX_FAILURES)
    return mlcm__yaml_fail(r->doc, node, r->err, "'failures' is %lld, it must lie between 1 and %d", (long long)failures,
                           MAX_FAILURES);
  c->failures = (int32_t)failures;
  return MLCM_OK;
}

/* ---- A check ------------------------------------------------------------------------------------------------------- */

/* Finds the one source key of a check. */
static mlcm_status find_source(const reader *r, const mlcm__node *map, const mlcm__node **out, mlcm_check *c) {
  const char *first = NULL;
  for (size_t i = 0; i < COUNT(sources); i++) {
    const mlcm__node *value = mlcm__yaml_get(map, sources[i].text);
    if (!value) continue;
    if (first)
      return mlcm__yaml_fail(r->doc, value, r->err, "'%s' and '%s' in one check: it has one source", first, sources[i].text);
    first = sources[i].text;
    *out = value;
    c->kind = sources[i].value == 0 ? MLCM_CHECK_COMPARE : MLCM_CHECK_THRESHOLD;
    c->source = sources[i].value == 0 ? MLCM_SOURCE_METER : sources[i].value;
  }
  if (first) return MLCM_OK;
  return mlcm__yaml_fail(r->doc, map, r->err, "check '%s' has no source: give compare, meter, prometheus, http or evaluation",
                         c->name);
}

/* The keys that go with each source, beside the source's own. */
static bool goes_with(const mlcm_check *c, const char *key) {
  static const char *const compare[] = {"compare", "tolerate", "fail_above", "pass_below", "at_most", "unit"};
  static const char *const threshold[] = {"meter", "prometheus", "evaluation", "at_least", "at_most", "failures"};
  static const char *const http[] = {"http", "status", "failures"};
  bool is_http = c->source == MLCM_SOURCE_HTTP;
  const char *const *keys = c->kind == MLCM_CHECK_COMPARE ? compare : is_http ? http : threshold;
  size_t n = c->kind == MLCM_CHECK_COMPARE ? COUNT(compare) : is_http ? COUNT(http) : COUNT(threshold);
  if (strcmp(key, "name") == 0 || strcmp(key, "on_fail") == 0) return true;
  if (strcmp(key, "dataset") == 0) return c->source == MLCM_SOURCE_EVALUATION;
  for (size_t i = 0; i < n; i++)
    if (strcmp(key, keys[i]) == 0) return true;
  return false;
}

static mlcm_status check_keys(const reader *r, const mlcm__node *map, const mlcm_check *c) {
  for (size_t i = 0; i < map->n; i++) {
    const mlcm__node *key = map->items[2 * i];
    if (!goes_with(c, key->text))
      return mlcm__yaml_fail(r->doc, key, r->err, "'%s' does not go with '%s'", key->text,
                             c->kind == MLCM_CHECK_COMPARE ? "compare" : mlcm__source_name(c->source));
  }
  return MLCM_OK;
}

/* What a check does when nobody says: a comparison, a probe and the version's own evaluation blame the candidate; a resource
 * or an absolute limit may be bad for reasons that are not the candidate's. */
static void set_defaults(mlcm_check *c) {
  bool blames = c->kind == MLCM_CHECK_COMPARE || c->source == MLCM_SOURCE_HTTP || c->source == MLCM_SOURCE_EVALUATION;
  c->on_fail = blames ? MLCM_ON_FAIL_ROLLBACK : MLCM_ON_FAIL_HOLD;
  c->unit = c->kind == MLCM_CHECK_COMPARE ? MLCM_UNIT_KEY : 0;
  c->failures = c->kind == MLCM_CHECK_COMPARE ? 0 : c->source == MLCM_SOURCE_EVALUATION ? 1 : 3;
  c->outcome = c->url = c->query = c->metric = c->dataset = "";
}

static mlcm_status read_source(const reader *r, const mlcm__node *node, mlcm_check *c) {
  if (c->kind == MLCM_CHECK_COMPARE) return read_meter(r, node, true, c);
  if (c->source == MLCM_SOURCE_METER) return read_meter(r, node, false, c);
  if (c->source == MLCM_SOURCE_PROMETHEUS) return read_prometheus(r, node, c);
  if (c->source == MLCM_SOURCE_HTTP) return read_http(r, node, c);
  return read_text(r, node, "evaluation", 250, &c->metric);
}

static mlcm_status read_rest(const reader *r, const mlcm__node *map, mlcm_check *c) {
  const mlcm__node *on_fail = mlcm__yaml_get(map, "on_fail");
  const mlcm__node *unit = mlcm__yaml_get(map, "unit");
  const mlcm__node *failures = mlcm__yaml_get(map, "failures");
  const mlcm__node *status = mlcm__yaml_get(map, "status");
  const mlcm__node *dataset = mlcm__yaml_get(map, "dataset");
  mlcm_status st = MLCM_OK;
  if (on_fail) st = read_word(r, on_fail, "on_fail", on_fails, COUNT(on_fails), &c->on_fail);
  if (!st && unit) st = read_word(r, unit, "unit", units, COUNT(units), &c->unit);
  if (!st && failures) st = read_failures(r, failures, c);
  if (!st && status) st = read_status(r, status, c);
  if (!st && dataset) st = read_dataset(r, dataset, c);
  if (st || c->source == MLCM_SOURCE_HTTP) return st;
  if (c->kind == MLCM_CHECK_THRESHOLD) return read_limits(r, map, c);
  st = read_margins(r, map, c);
  return st ? st : read_bound(r, map, c);
}

static mlcm_status read_check(const reader *r, const mlcm__node *map, mlcm_check *c) {
  static const char *const keys[] = {"name",     "compare",    "meter",   "prometheus", "http",     "evaluation",
                                     "tolerate", "fail_above", "unit",    "pass_below", "at_least", "at_most",
                                     "failures", "status",     "dataset", "on_fail"};
  if (map->kind != MLCM__YAML_MAP) return mlcm__yaml_fail(r->doc, map, r->err, "a check must be a map with a name and a source");
  mlcm_status st = mlcm__yaml_known_keys(r->doc, map, keys, COUNT(keys), r->err);
  if (st) return st;
  const mlcm__node *name = mlcm__yaml_get(map, "name");
  const mlcm__node *source = NULL;
  c->line = map->line;
  c->column = map->column;
  if (!name) return mlcm__yaml_fail(r->doc, map, r->err, "this check has no name");
  st = read_text(r, name, "name", MAX_NAME, &c->name);
  if (!st) st = find_source(r, map, &source, c);
  if (!st) st = check_keys(r, map, c);
  if (st) return st;
  set_defaults(c);
  st = read_source(r, source, c);
  if (!st) st = read_rest(r, map, c);
  return st;
}

static mlcm_status check_unique(const reader *r, const mlcm__node *map, const mlcm_check *checks, size_t i) {
  for (size_t j = 0; j < i; j++)
    if (strcmp(checks[j].name, checks[i].name) == 0)
      return mlcm__yaml_fail(r->doc, mlcm__yaml_get(map, "name"), r->err, "two checks are named '%s', the first in line %d",
                             checks[i].name, checks[j].line);
  return MLCM_OK;
}

/* A gate whose checks all only report would pass whatever they see. */
static mlcm_status check_any_decides(const reader *r, const mlcm__node *list, const mlcm_check *checks, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (checks[i].on_fail != MLCM_ON_FAIL_REPORT) return MLCM_OK;
  return mlcm__yaml_fail(r->doc, list, r->err,
                         "every check only reports, so nothing could ever be proven: let one hold or roll back");
}

mlcm_status mlcm__policy_parse_checks(mlcm__arena *arena, const mlcm__yaml *doc, const mlcm__node *list, mlcm_check **out,
                                      size_t *out_n, mlcm_error *err) {
  reader r = {arena, doc, err};
  if (list->kind != MLCM__YAML_LIST) return mlcm__yaml_fail(doc, list, err, "'checks' must be a list");
  if (list->n == 0) return mlcm__yaml_fail(doc, list, err, "'checks' is empty: a gate without checks proves nothing");
  if (list->n > MLCM__POLICY_MAX_CHECKS)
    return mlcm__yaml_fail(doc, list, err, "%zu checks, the limit is %d", list->n, MLCM__POLICY_MAX_CHECKS);
  mlcm_check *checks = mlcm__arena_alloc(arena, list->n, sizeof(*checks));
  if (!checks) return mlcm__fail_memory(err, list->n * sizeof(*checks));
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; i < list->n && !st; i++) {
    st = read_check(&r, list->items[i], &checks[i]);
    if (!st) st = check_unique(&r, list->items[i], checks, i);
  }
  if (!st) st = check_any_decides(&r, list, checks, list->n);
  if (st) return st;
  *out = checks;
  *out_n = list->n;
  return MLCM_OK;
}

void mlcm__check_meter_name(const mlcm_check *c, char out[96]) {
  out[0] = '\0';
  if (c->meter == MLCM_METER_ERROR) snprintf(out, 96, "%s", c->kind == MLCM_CHECK_COMPARE ? "error" : "error_ratio");
  if (c->meter == MLCM_METER_RATE) snprintf(out, 96, "requests_per_second");
  if (c->meter == MLCM_METER_OUTCOME) snprintf(out, 96, "outcome.%s", c->outcome);
  if (c->meter != MLCM_METER_LATENCY) return;
  for (size_t i = 0; i < COUNT(quantiles); i++)
    if (quantiles[i].value == c->quantile) snprintf(out, 96, "latency.%s", quantiles[i].name);
}
