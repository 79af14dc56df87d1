/* SPDX-License-Identifier: Apache-2.0
 *
 * test_policy.c - the grammar of policies: what is read, the defaults, and the exact complaint about everything else.
 */
#include <stdio.h>

#include "gate/policy.h"
#include "support.h"

static const char full[] =
    "mlcm: gate/v1\n"
    "alpha: 1%\n"
    "pass_alpha: 0.1\n"
    "sample_ratio_alpha: 0\n"
    "warm_up: {requests: 100, for: 10s}\n"
    "min_samples: 50\n"
    "harm_budget: 20\n"
    "expire: {after: 1h, action: hold}\n"
    "checks:\n"
    "  - name: wrong answers\n"
    "    compare: outcome.wrong\n"
    "    tolerate: 1.25x\n"
    "    unit: request\n"
    "  - name: slow answers\n"
    "    compare: latency.p99.9\n"
    "    fail_above: 1.1x\n"
    "    pass_below: 1.3\n"
    "    on_fail: report\n"
    "  - name: up\n"
    "    http: {url: \"http://127.0.0.1:8080/healthz\", timeout: 2s}\n"
    "    status: 204\n"
    "  - name: GPU busy\n"
    "    prometheus: {url: \"https://metrics.example\", query: \"avg(u)\", timeout: 500ms, max_age: 30s, headers: {X-Scope: a}}\n"
    "    at_least: 40\n"
    "    at_most: 95\n"
    "    failures: 5\n"
    "  - {name: p99, meter: latency.p99, at_most: 250ms}\n"
    "  - {name: ratio, meter: error_ratio, at_most: 2%}\n"
    "  - {name: rate, meter: requests_per_second, at_least: 10}\n"
    "  - {name: right, meter: outcome.right, at_least: 0.9}\n"
    "  - {name: accuracy, evaluation: accuracy, at_least: 95%}\n"
    "  - {name: errors, compare: error, tolerate: 2}\n";

START_TEST(every_key_is_read) {
  mlcm_context *ctx = new_context();
  mlcm_policy *p = parse(ctx, full);
  mlcm_policy_settings s = mlcm_policy_get_settings(p);
  ck_assert(s.alpha == 0.01 && s.pass_alpha == 0.1 && s.sample_ratio_alpha == 0);
  ck_assert(s.warm_up_requests == 100 && s.warm_up_ns == 10000000000 && s.min_samples == 50 && s.harm_budget == 20);
  ck_assert(s.expire_after_ns == 3600000000000 && s.expire_action == MLCM_EXPIRE_HOLD);
  ck_assert_uint_eq(mlcm_policy_n_checks(p), 10);
  ck_assert_uint_eq(mlcm_policy_n_comparing(p), 3);
  const mlcm_check *c = mlcm_policy_check(p, 0);
  ck_assert_str_eq(c->name, "wrong answers");
  ck_assert(c->kind == MLCM_CHECK_COMPARE && c->meter == MLCM_METER_OUTCOME && c->unit == MLCM_UNIT_REQUEST);
  ck_assert_str_eq(c->outcome, "wrong");
  ck_assert(c->fail_above == 1.25 && c->pass_below == 1.25 && c->on_fail == MLCM_ON_FAIL_ROLLBACK);
  ck_assert(c->line == 10 && c->column == 5);
  c = mlcm_policy_check(p, 1);
  ck_assert(c->meter == MLCM_METER_LATENCY && c->quantile == 0.999 && c->fail_above == 1.1 && c->pass_below == 1.3);
  ck_assert(c->on_fail == MLCM_ON_FAIL_REPORT && c->unit == MLCM_UNIT_KEY);
  c = mlcm_policy_check(p, 2);
  ck_assert(c->source == MLCM_SOURCE_HTTP && c->http_status == 204 && c->timeout_ns == 2000000000);
  ck_assert_str_eq(c->url, "http://127.0.0.1:8080/healthz");
  c = mlcm_policy_check(p, 3);
  ck_assert(c->source == MLCM_SOURCE_PROMETHEUS && c->at_least == 40 && c->at_most == 95 && c->failures == 5);
  ck_assert(c->timeout_ns == 500000000 && c->max_age_ns == 30000000000 && c->n_headers == 1);
  ck_assert_str_eq(c->headers[0].name, "X-Scope");
  ck_assert_str_eq(c->headers[0].value, "a");
  ck_assert(mlcm_policy_check(p, 4)->at_most == 0.25 && mlcm_policy_check(p, 4)->quantile == 0.99);
  ck_assert(mlcm_policy_check(p, 5)->meter == MLCM_METER_ERROR && mlcm_policy_check(p, 5)->at_most == 0.02);
  ck_assert(mlcm_policy_check(p, 6)->meter == MLCM_METER_RATE);
  ck_assert_str_eq(mlcm_policy_check(p, 7)->outcome, "right");
  ck_assert_str_eq(mlcm_policy_check(p, 8)->metric, "accuracy");
  ck_assert(mlcm_policy_check(p, 8)->at_least == 0.95);
  ck_assert(mlcm_policy_check(p, 9)->meter == MLCM_METER_ERROR);
  ck_assert_ptr_null(mlcm_policy_check(p, 10));
  mlcm_policy_free(p);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(defaults_are_filled_in) {
  mlcm_context *ctx = new_context();
  mlcm_policy *p = parse(ctx, "mlcm: gate/v1\nchecks:\n  - {name: e, compare: error, tolerate: 1.25x}\n"
                              "  - {name: g, prometheus: {url: 'http://p', query: q}, at_most: 1}\n"
                              "  - {name: h, http: {url: 'http://h'}}\n"
                              "  - {name: m, meter: error_ratio, at_most: 1}\n"
                              "  - {name: a, evaluation: acc, at_least: 1}\n");
  mlcm_policy_settings s = mlcm_policy_get_settings(p);
  ck_assert(s.alpha == 0.05 && s.pass_alpha == 0.05 && s.sample_ratio_alpha == 0.001 && s.harm_budget == -1 &&
            s.min_samples == 0);
  ck_assert(s.warm_up_requests == 0 && s.warm_up_ns == 0);
  ck_assert(s.expire_after_ns == 86400000000000 && s.expire_action == MLCM_EXPIRE_ROLLBACK);
  ck_assert(mlcm_policy_check(p, 0)->on_fail == MLCM_ON_FAIL_ROLLBACK && mlcm_policy_check(p, 0)->unit == MLCM_UNIT_KEY);
  ck_assert(mlcm_policy_check(p, 1)->on_fail == MLCM_ON_FAIL_HOLD && mlcm_policy_check(p, 1)->failures == 3);
  ck_assert(mlcm_policy_check(p, 1)->timeout_ns == 10000000000 && mlcm_policy_check(p, 1)->max_age_ns == 60000000000);
  ck_assert(mlcm_policy_check(p, 2)->on_fail == MLCM_ON_FAIL_ROLLBACK && mlcm_policy_check(p, 2)->http_status == 0);
  ck_assert(mlcm_policy_check(p, 3)->on_fail == MLCM_ON_FAIL_HOLD && mlcm_policy_check(p, 3)->failures == 3);
  ck_assert(mlcm_policy_check(p, 4)->on_fail == MLCM_ON_FAIL_ROLLBACK && mlcm_policy_check(p, 4)->failures == 1);
  ck_assert_str_eq(mlcm_policy_check(p, 4)->dataset, "");
  mlcm_policy_free(p);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(canonical_json_shows_defaults_and_method) {
  mlcm_context *ctx = new_context();
  mlcm_policy *p = parse(ctx, "mlcm: gate/v1\nchecks:\n  - {name: e, compare: error, tolerate: 1.25x}\n");
  ck_assert_str_eq(
      mlcm_policy_to_json(p),
      "{\"alpha\":\"0x1.999999999999ap-5\",\"checks\":[{\"compare\":\"error\",\"fail_above\":\"0x1.4p+0\",\"name\":\"e\","
      "\"on_fail\":\"rollback\",\"pass_below\":\"0x1.4p+0\",\"unit\":\"key\"}],\"expire\":{\"action\":\"rollback\","
      "\"after_ns\":\"86400000000000\"},\"harm_budget\":null,\"method\":\"hypergeometric-e/1\",\"min_samples\":\"0\","
      "\"mlcm\":\"gate/v1\",\"pass_alpha\":\"0x1.999999999999ap-5\",\"sample_ratio_alpha\":\"0x1.0624dd2f1a9fcp-10\","
      "\"warm_up\":{\"for_ns\":\"0\",\"requests\":\"0\"}}");
  mlcm_policy_free(p);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(digest_depends_on_meaning_not_on_layout) {
  mlcm_context *ctx = new_context();
  mlcm_policy *a = parse(ctx, "mlcm: gate/v1\nchecks:\n  - {name: e, compare: error, tolerate: 1.25x}\n");
  mlcm_policy *b =
      parse(ctx, "# text\nchecks: [{tolerate: 1.25, name: 'e', unit: key,\n  compare: error}]\nalpha: 5%\nmlcm: gate/v1");
  mlcm_policy *c = parse(ctx, "mlcm: gate/v1\nalpha: 0.051\nchecks:\n  - {name: e, compare: error, tolerate: 1.25x}\n");
  ck_assert_uint_eq(strlen(mlcm_policy_digest(a)), 64);
  ck_assert_str_eq(mlcm_policy_digest(a), mlcm_policy_digest(b));
  ck_assert_str_ne(mlcm_policy_digest(a), mlcm_policy_digest(c));
  mlcm_policy_free(a);
  mlcm_policy_free(b);
  mlcm_policy_free(c);
  mlcm_context_free(ctx);
}
END_TEST

/* A policy with one check given in flow style, and the whole complaint. */
static const struct {
  const char *yaml;
  const char *message;
} complaints[] = {
#define TOP(text) "mlcm: gate/v1\n" text "\nchecks: [{name: e, compare: error, tolerate: 1.25x}]\n"
#define CHECK(text) "mlcm: gate/v1\nchecks:\n  - {" text "}\n"
    {"checks: []", "gate.yaml:1:1: 'mlcm: gate/v1' is missing"},
    {"[1]", "gate.yaml:1:1: a policy is a map that begins with 'mlcm: gate/v1'"},
    {"mlcm: rollout/v1", "gate.yaml:1:7: 'mlcm' must be gate/v1, found 'rollout/v1'"},
    {"mlcm: gate/v1", "gate.yaml:1:1: 'checks' is missing: a gate without checks proves nothing"},
    {"mlcm: gate/v1\nchecks: []", "gate.yaml:2:9: 'checks' is empty: a gate without checks proves nothing"},
    {"mlcm: gate/v1\nchecks: 3", "gate.yaml:2:9: 'checks' must be a list"},
    {"mlcm: gate/v1\nchecks: [3]", "gate.yaml:2:10: a check must be a map with a name and a source"},
    {TOP("alhpa: 0.1"), "gate.yaml:2:1: unknown key 'alhpa' (did you mean 'alpha'?)"},
    {TOP("alpha: 0"), "gate.yaml:2:8: 'alpha' is '0', it must lie between 1e-9 and 0.5"},
    {TOP("alpha: 60%"), "gate.yaml:2:8: 'alpha' is '60%', it must lie between 1e-9 and 0.5"},
    {TOP("pass_alpha: 0.6"), "gate.yaml:2:13: 'pass_alpha' is '0.6', it must lie between 1e-9 and 0.5"},
    {TOP("sample_ratio_alpha: 0.2"),
     "gate.yaml:2:21: 'sample_ratio_alpha' is '0.2', it must lie between 1e-9 and 0.1, or be 0 for off"},
    {TOP("warm_up: {}"), "gate.yaml:2:10: 'warm_up' is empty: give requests, for, or both"},
    {TOP("warm_up: {request: 1}"), "gate.yaml:2:11: unknown key 'request' (did you mean 'requests'?)"},
    {TOP("warm_up: {requests: -1}"), "gate.yaml:2:21: 'requests' is -1, it must lie between 0 and 1000000000000"},
    {TOP("warm_up: {for: 31d}"), "gate.yaml:2:16: 'for' is '31d', it must lie between 0 and 30 days"},
    {TOP("min_samples: -5"), "gate.yaml:2:14: 'min_samples' is -5, it must lie between 0 and 1000000000000"},
    {TOP("harm_budget: -5"), "gate.yaml:2:14: 'harm_budget' is -5, it must lie between 0 and 1000000000000"},
    {TOP("expire: {action: promote}"),
     "gate.yaml:2:18: 'action' cannot be 'promote': time going by proves nothing; say rollback or hold"},
    {TOP("expire: {action: stop}"), "gate.yaml:2:18: 'action' must be rollback or hold, found 'stop'"},
    {TOP("expire: {after: 400d}"), "gate.yaml:2:17: 'after' is '400d', it must lie between 1 s and 366 days"},
    {CHECK("compare: error, tolerate: 2x"), "gate.yaml:3:5: this check has no name"},
    {CHECK("name: '', compare: error, tolerate: 2x"), "gate.yaml:3:12: 'name' is empty"},
    {CHECK("name: \"a\\tb\", compare: error, tolerate: 2x"), "gate.yaml:3:12: 'name' holds control characters"},
    {CHECK("name: a"), "gate.yaml:3:5: check 'a' has no source: give compare, meter, prometheus, http or evaluation"},
    {CHECK("name: a, compare: error, meter: error_ratio"),
     "gate.yaml:3:38: 'compare' and 'meter' in one check: it has one source"},
    {CHECK("name: a, compar: error, tolerate: 2x"), "gate.yaml:3:15: unknown key 'compar' (did you mean 'compare'?)"},
    {CHECK("name: a, compare: error"), "gate.yaml:3:5: check 'a' needs 'tolerate: 1.25x', or both fail_above and pass_below: "
                                       "with one side alone it could never decide"},
    {CHECK("name: a, compare: error, fail_above: 2x"), "gate.yaml:3:5: check 'a' needs 'tolerate: 1.25x', or both fail_above and "
                                                       "pass_below: with one side alone it could never pass"},
    {CHECK("name: a, compare: error, pass_below: 2x"), "gate.yaml:3:5: check 'a' needs 'tolerate: 1.25x', or both fail_above and "
                                                       "pass_below: with one side alone it could never fail"},
    {CHECK("name: a, compare: error, tolerate: 2x, fail_above: 2x"),
     "gate.yaml:3:41: 'tolerate' sets both margins: give it alone, or fail_above and pass_below"},
    {CHECK("name: a, compare: error, tolerate: 30x"), "gate.yaml:3:41: 'tolerate' is '30x', it must lie between 0.1x and 20x"},
    {CHECK("name: a, compare: error, tolerate: 2x, unit: user"), "gate.yaml:3:51: 'unit' must be key or request, found 'user'"},
    {CHECK("name: a, compare: error, tolerate: 2x, on_fail: stop"),
     "gate.yaml:3:54: 'on_fail' must be rollback, hold or report, found 'stop'"},
    {CHECK("name: a, compare: error, tolerate: 2x, at_most: 1"),
     "gate.yaml:3:54: 'at_most' is '1', it must lie between 0.0001% and 50%"},
    {CHECK("name: a, compare: error, tolerate: 2x, at_most: 0"),
     "gate.yaml:3:54: 'at_most' is '0', it must lie between 0.0001% and 50%"},
    {CHECK("name: a, compare: error, tolerate: 2x, at_most: few"), "gate.yaml:3:54: 'at_most' must be a number, found 'few'"},
    {CHECK("name: a, compare: latency.p99, tolerate: 2x, at_most: 1%"),
     "gate.yaml:3:60: 'at_most' goes with 'compare: error' and 'compare: outcome.NAME': it bounds the share of bad answers"},
    {TOP("alpha: [1]"), "gate.yaml:2:8: 'alpha' must be a share from 0% to 100% (or 0 to 1), found a list"},
    {TOP("min_samples: many"), "gate.yaml:2:14: 'min_samples' must be a whole number, found 'many'"},
    {TOP("min_samples: 1000000000001"),
     "gate.yaml:2:14: 'min_samples' is 1000000000001, it must lie between 0 and 1000000000000"},
    {TOP("expire: {after: soon}"), "soon"},
    {TOP("expire: {after: 1ms}"), "gate.yaml:2:17: 'after' is '1ms', it must lie between 1 s and 366 days"},
    {TOP("expire: {before: 1h}"), "unknown key 'before'"},
    {TOP("expire: {after: 1h, action: [hold]}"), "'action'"},
    {"mlcm: [gate/v1]\nchecks: []\n", "'mlcm'"},
    {CHECK("name: a, compare: error, tolerate: 2x, on_fail: [stop]"), "'on_fail'"},
    {CHECK("name: [a], compare: error, tolerate: 2x"), "'name'"},
    {CHECK("name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, compare: error, tolerate: 2x"),
     "'name' has 65 bytes, the limit is 64"},
    {CHECK("name: a, compare: [error], tolerate: 2x"), "'compare'"},
    {CHECK("name: a, meter: [error], at_most: 1"), "'meter'"},
    {CHECK("name: a, compare: error, tolerate: [2x]"), "'tolerate'"},
    {CHECK("name: a, compare: error, tolerate: 0.05x"), "'tolerate' is '0.05x', it must lie between 0.1x and 20x"},
    {CHECK("name: a, compare: error, tolerate: 2x, pass_below: 2x"), "'tolerate' sets both margins"},
    {CHECK("name: a, compare: 'outcome.', tolerate: 2x"), "the outcome's name must be 1 to 63 letters"},
    {CHECK("name: a, compare: outcome.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, tolerate: 2x"),
     "the outcome's name must be 1 to 63 letters"},
    {CHECK("name: a, compare: 'outcome.{', tolerate: 2x"), "the outcome's name must be"},
    {CHECK("name: a, compare: 'outcome.[', tolerate: 2x"), "the outcome's name must be"},
    {CHECK("name: a, compare: 'outcome.:', tolerate: 2x"), "the outcome's name must be"},
    {CHECK("name: a, meter: error_ratio, at_most: [1]"), "'at_most'"},
    {CHECK("name: a, meter: error_ratio, at_most: ''"), "'at_most'"},
    {CHECK("name: a, meter: error_ratio, at_least: few, at_most: 1"), "'at_least' must be a number, found 'few'"},
    {CHECK("name: a, meter: latency.p99, at_most: soon"), "'at_most' must be a number, found 'soon'"},
    {CHECK("name: a, meter: error_ratio, at_most: 1, failures: often"), "'failures' must be a whole number, found 'often'"},
    {CHECK("name: a, meter: error_ratio, at_most: 1, failures: 1001"), "'failures' is 1001, it must lie between 1 and 1000"},
    {CHECK("name: a, http: {url: 'http://x', wait: 1s}"), "unknown key 'wait'"},
    {CHECK("name: a, http: {url: ['http://x']}"), "'url'"},
    {CHECK("name: a, http: {url: 'http://a b'}"), "'url' must be an http:// or https:// address"},
    {CHECK("name: a, http: {url: 'http://x', timeout: soon}"), "soon"},
    {CHECK("name: a, http: {url: 'http://x', timeout: 1ms}"), "'timeout' is '1ms', it must lie between 10 ms and 1 min"},
    {CHECK("name: a, http: {url: 'http://x'}, status: fine"), "'status' must be a whole number, found 'fine'"},
    {CHECK("name: a, http: {url: 'http://x'}, status: 600"), "'status' is 600, it must lie between 100 and 599"},
    {CHECK("name: a, prometheus: up, at_most: 1"), "'prometheus' must be a map with a url and a query"},
    {CHECK("name: a, prometheus: {url: 'ftp://x', query: up, timeout: 1s, max_age: 1s, headers: {a: b}}, at_most: 1"),
     "'url' must be"},
    {CHECK("name: a, prometheus: {url: 'http://x', query: ''}, at_most: 1"), "'query' is empty"},
    {CHECK("name: a, prometheus: {url: 'http://x', query: up, headers: {'': c}}, at_most: 1"), "'' is not a header's name"},
    {CHECK("name: a, prometheus: {url: 'http://x', query: up, headers: {a: ''}}, at_most: 1"), "'a' is empty"},
    {CHECK("name: a, prometheus: {url: 'http://x', query: up, headers: "
           "{aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa: b}}, "
           "at_most: 1"),
     "'header' has 65 bytes, the limit is 64"},
    {CHECK("name: a, prometheus: {url: 'http://x', query: up, headers: {a: b, c: d, e: f, g: h, i: j, k: l, m: n, o: p, q: r, s: "
           "t, u: v, "
           "w: x, y: z, ab: c, ac: d, ad: e, ae: f}}, at_most: 1"),
     "17 headers, the limit is 16"},
    {CHECK("name: a, evaluation: acc, at_least: 1, dataset: [x]"), "'dataset'"},
    {CHECK("name: a, evaluation: acc, at_least: 1, dataset: "
           "'md5:cd:0000000000000000000000000000000000000000000000000000000000000000'"),
     "'dataset' must be 'sha256:' and 64 hexadecimal digits"},
    {CHECK("name: a, evaluation: acc, at_least: 1, dataset: "
           "'sha256:x000000000000000000000000000000000000000000000000000000000000000'"),
     "'dataset' must be 'sha256:' and 64 hexadecimal digits"},
    {"mlcm: gate/v1\nchecks:\n  - {name: a, compare: error, tolerate: 2x}\n  - {name: b}\n  - {name: c}\n",
     "check 'b' has no source"},
    {CHECK("name: a, compare: error, tolerate: 2x, at_least: 1"), "gate.yaml:3:45: 'at_least' does not go with 'compare'"},
    {CHECK("name: a, compare: errors, tolerate: 2x"), "gate.yaml:3:24: 'compare' must be error, latency.p50, latency.p90, "
                                                      "latency.p95, latency.p99, latency.p99.9 or outcome.NAME, found "
                                                      "'errors'"},
    {CHECK("name: a, compare: latency.p98, tolerate: 2x"),
     "gate.yaml:3:24: the latency quantile must be p50, p90, p95, p99 or p99.9, found 'p98'"},
    {CHECK("name: a, compare: 'outcome.a b', tolerate: 2x"),
     "gate.yaml:3:24: the outcome's name must be 1 to 63 letters, digits, '_', '-' and '.', found 'a b'"},
    {CHECK("name: a, meter: error, at_most: 1"), "gate.yaml:3:22: 'meter' must be error_ratio, requests_per_second, latency.p50 "
                                                 "... latency.p99.9 or outcome.NAME, found 'error'"},
    {CHECK("name: a, meter: error_ratio"), "gate.yaml:3:5: check 'a' has no limit: give at_least, at_most or both"},
    {CHECK("name: a, meter: error_ratio, at_least: 2, at_most: 1"),
     "gate.yaml:3:45: 'at_least' is above 'at_most': no value could be good"},
    {CHECK("name: a, meter: error_ratio, at_most: many"), "gate.yaml:3:44: 'at_most' must be a number, found 'many'"},
    {CHECK("name: a, meter: error_ratio, at_most: .nan"), "gate.yaml:3:44: 'at_most' must be a number, found '.nan'"},
    {CHECK("name: a, meter: error_ratio, at_most: 1, failures: 0"),
     "gate.yaml:3:57: 'failures' is 0, it must lie between 1 and 1000"},
    {CHECK("name: a, meter: error_ratio, at_most: 1, tolerate: 2x"), "gate.yaml:3:47: 'tolerate' does not go with 'meter'"},
    {CHECK("name: a, meter: error_ratio, at_most: 1, on_fail: report"),
     "gate.yaml:3:3: every check only reports, so nothing could ever be proven: let one hold or roll back"},
    {CHECK("name: a, http: 'http://x'"), "gate.yaml:3:21: 'http' must be a map with a url"},
    {CHECK("name: a, http: {timeout: 1s}"), "gate.yaml:3:21: 'http' needs a url"},
    {CHECK("name: a, http: {url: 'ftp://x'}"), "gate.yaml:3:27: 'url' must be an http:// or https:// address, found 'ftp://x'"},
    {CHECK("name: a, http: {url: 'http://'}"), "gate.yaml:3:27: 'url' must be an http:// or https:// address, found 'http://'"},
    {CHECK("name: a, http: {url: 'http://x', timeout: 2m}"),
     "gate.yaml:3:48: 'timeout' is '2m', it must lie between 10 ms and 1 min"},
    {CHECK("name: a, http: {url: 'http://x'}, status: 99"), "gate.yaml:3:48: 'status' is 99, it must lie between 100 and 599"},
    {CHECK("name: a, http: {url: 'http://x'}, at_most: 1"), "gate.yaml:3:40: 'at_most' does not go with 'http'"},
    {CHECK("name: a, prometheus: {url: 'http://x'}, at_most: 1"), "gate.yaml:3:27: 'prometheus' needs a query"},
    {CHECK("name: a, prometheus: {query: up}, at_most: 1"), "gate.yaml:3:27: 'prometheus' needs a url"},
    {CHECK("name: a, prometheus: {url: 'http://x', query: up, step: 1}, at_most: 1"),
     "gate.yaml:3:56: unknown key 'step' (known here: url, query, timeout, max_age, headers)"},
    {CHECK("name: a, prometheus: {url: 'http://x', query: up, headers: [a]}, at_most: 1"),
     "gate.yaml:3:65: 'headers' must be a map of names and values"},
    {CHECK("name: a, prometheus: {url: 'http://x', query: up, headers: {'a b': c}}, at_most: 1"),
     "gate.yaml:3:66: 'a b' is not a header's name"},
    {CHECK("name: a, evaluation: acc, at_least: 1, dataset: md5:1"),
     "gate.yaml:3:54: 'dataset' must be 'sha256:' and 64 hexadecimal digits, found 'md5:1'"},
    {CHECK("name: a, meter: error_ratio, at_most: 1, dataset: x"), "gate.yaml:3:47: 'dataset' does not go with 'meter'"},
    {"mlcm: gate/v1\nchecks:\n  - {name: a, compare: error, tolerate: 2x}\n  - {name: a, meter: error_ratio, at_most: 1}\n",
     "gate.yaml:4:12: two checks are named 'a', the first in line 3"},
};

START_TEST(everything_else_is_refused_with_its_place) {
  mlcm_context *ctx = new_context();
  mlcm_policy *policy = NULL;
  mlcm_error err;
  mlcm_status st = mlcm_policy_parse(ctx, "gate.yaml", mlcm_str_of(complaints[_i].yaml), &policy, &err);
  ck_assert_int_eq(st, MLCM_PARSE);
  ck_assert_msg(strstr(err.message, complaints[_i].message) != NULL, "no '%s' in: %s", complaints[_i].message, err.message);
  ck_assert_ptr_null(policy);
  ck_assert_int_eq(mlcm_policy_parse(ctx, "gate.yaml", mlcm_str_of(complaints[_i].yaml), &policy, NULL), MLCM_PARSE);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(more_checks_than_the_limit_are_refused) {
  mlcm_context *ctx = new_context();
  static char yaml[16384] = "mlcm: gate/v1\nchecks:\n";
  for (int i = 0; i <= MLCM__POLICY_MAX_CHECKS; i++) {
    size_t len = strlen(yaml);
    snprintf(yaml + len, sizeof(yaml) - len, "  - {name: c%d, compare: error, tolerate: 2x}\n", i);
  }
  mlcm_policy *policy = NULL;
  mlcm_error err;
  ck_assert_int_eq(mlcm_policy_parse(ctx, "g", mlcm_str_of(yaml), &policy, &err), MLCM_PARSE);
  ck_assert_str_eq(err.message, "g:3:3: 101 checks, the limit is 100");
  mlcm_context_free(ctx);
}
END_TEST

static const char digest_of_data[] =
    "mlcm: gate/v1\nexpire: {action: rollback}\nchecks:\n  - {name: a, evaluation: f1, at_least: 0.9, dataset: 'sha256:"
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'}\n"
    "  - {name: b, meter: outcome.A-z_0.9, at_most: 1}\n"
    "  - {name: c, meter: latency.p50, at_most: 0.25}\n";

START_TEST(a_data_set_is_kept_by_its_digest) {
  mlcm_context *ctx = new_context();
  mlcm_policy *p = parse(ctx, digest_of_data);
  ck_assert_str_eq(mlcm_policy_check(p, 0)->dataset, "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  ck_assert_ptr_nonnull(strstr(mlcm_policy_to_json(p), "\"dataset\":\"sha256:e3b0c442"));
  ck_assert_str_eq(mlcm_policy_check(p, 1)->outcome, "A-z_0.9");
  ck_assert(mlcm_policy_get_settings(p).expire_action == MLCM_EXPIRE_ROLLBACK);
  ck_assert(mlcm_policy_check(p, 2)->at_most == 0.25);
  mlcm_policy_free(p);
  mlcm_context_free(ctx);
}
END_TEST

START_TEST(words_of_unknown_numbers_are_unknown) {
  ck_assert_str_eq(mlcm__verdict_name(0), "unknown");
  ck_assert_str_eq(mlcm__on_fail_name(0), "unknown");
  ck_assert_str_eq(mlcm__source_name(99), "unknown");
}
END_TEST

START_TEST(null_arguments_are_refused) {
  mlcm_context *ctx = new_context();
  mlcm_policy *policy = NULL;
  ck_assert_int_eq(mlcm_policy_parse(NULL, "g", MLCM_STR("a"), &policy, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_policy_parse(ctx, NULL, MLCM_STR("a"), &policy, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_policy_parse(ctx, "g", MLCM_STR("a"), NULL, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_policy_parse(ctx, "g", (mlcm_str){NULL, 1}, &policy, NULL), MLCM_INVALID_ARGUMENT);
  ck_assert_int_eq(mlcm_policy_parse(ctx, "g", (mlcm_str){NULL, 0}, &policy, NULL), MLCM_PARSE);
  mlcm_policy_free(NULL);
  mlcm_context_free(ctx);
}
END_TEST

int main(void) {
  TCase *c = tcase_create("policy");
  tcase_add_test(c, every_key_is_read);
  tcase_add_test(c, defaults_are_filled_in);
  tcase_add_test(c, canonical_json_shows_defaults_and_method);
  tcase_add_test(c, digest_depends_on_meaning_not_on_layout);
  tcase_add_loop_test(c, everything_else_is_refused_with_its_place, 0, (int)(sizeof(complaints) / sizeof(complaints[0])));
  tcase_add_test(c, more_checks_than_the_limit_are_refused);
  tcase_add_test(c, a_data_set_is_kept_by_its_digest);
  tcase_add_test(c, words_of_unknown_numbers_are_unknown);
  tcase_add_test(c, null_arguments_are_refused);
  return run_case("policy", c);
}
