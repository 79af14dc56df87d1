/* SPDX-License-Identifier: Apache-2.0
 *
 * policy_json.c - the canonical form of a policy, whose SHA-256 is its digest: everything that decides and nothing else. Keys in
 * ascending order; doubles as hexadecimal floats, 64-bit integers as strings.
 */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "base/json.h"
#include "gate/json_text.h"
#include "gate/policy.h"

enum { MAX_JSON_BYTES = 16 << 20 };

static void write_headers(mlcm__json *j, const mlcm_check *c) {
  if (c->n_headers == 0) return;
  mlcm__json_array(j, "headers");
  for (int64_t i = 0; i < c->n_headers; i++) {
    mlcm__json_object(j, NULL);
    mlcm__json_string(j, "name", c->headers[i].name);
    mlcm__json_string(j, "value", c->headers[i].value);
    mlcm__json_end(j);
  }
  mlcm__json_end(j);
}

static void write_compare(mlcm__json *j, const mlcm_check *c) {
  char meter[96];
  mlcm__check_meter_name(c, meter);
  mlcm__json_object(j, NULL);
  if (c->has_at_most) {
    mlcm__json_hexf64(j, "at_most", c->at_most);
    mlcm__json_string(j, "at_most_method", MLCM_GATE_BOUND_METHOD);
  }
  mlcm__json_string(j, "compare", meter);
  mlcm__json_hexf64(j, "fail_above", c->fail_above);
  mlcm__json_string(j, "name", c->name);
  mlcm__json_string(j, "on_fail", mlcm__on_fail_name(c->on_fail));
  mlcm__json_hexf64(j, "pass_below", c->pass_below);
  mlcm__json_string(j, "unit", c->unit == MLCM_UNIT_KEY ? "key" : "request");
  mlcm__json_end(j);
}

static void write_threshold(mlcm__json *j, const mlcm_check *c) {
  char meter[96];
  bool remote = c->source == MLCM_SOURCE_PROMETHEUS || c->source == MLCM_SOURCE_HTTP;
  mlcm__check_meter_name(c, meter);
  mlcm__json_object(j, NULL);
  if (c->has_at_least) mlcm__json_hexf64(j, "at_least", c->at_least);
  if (c->has_at_most) mlcm__json_hexf64(j, "at_most", c->at_most);
  if (c->dataset[0]) mlcm__json_string(j, "dataset", c->dataset);
  if (c->source == MLCM_SOURCE_EVALUATION) mlcm__json_string(j, "evaluation", c->metric);
  mlcm__json_i64(j, "failures", c->failures);
  write_headers(j, c);
  if (remote) mlcm__json_i64_text(j, "max_age_ns", c->max_age_ns);
  if (c->source == MLCM_SOURCE_METER) mlcm__json_string(j, "meter", meter);
  mlcm__json_string(j, "name", c->name);
  mlcm__json_string(j, "on_fail", mlcm__on_fail_name(c->on_fail));
  if (c->source == MLCM_SOURCE_PROMETHEUS) mlcm__json_string(j, "query", c->query);
  mlcm__json_string(j, "source", mlcm__source_name(c->source));
  if (c->source == MLCM_SOURCE_HTTP) mlcm__json_i64(j, "status", c->http_status);
  if (remote) mlcm__json_i64_text(j, "timeout_ns", c->timeout_ns);
  if (remote) mlcm__json_string(j, "url", c->url);
  mlcm__json_end(j);
}

static void write_policy(mlcm__json *j, const mlcm_policy *policy) {
  const mlcm_policy_settings *s = &policy->settings;
  mlcm__json_object(j, NULL);
  mlcm__json_hexf64(j, "alpha", s->alpha);
  mlcm__json_array(j, "checks");
  for (size_t i = 0; i < policy->n_checks; i++) {
    if (policy->checks[i].kind == MLCM_CHECK_COMPARE)
      write_compare(j, &policy->checks[i]);
    else
      write_threshold(j, &policy->checks[i]);
  }
  mlcm__json_end(j);
  mlcm__json_object(j, "expire");
  mlcm__json_string(j, "action", s->expire_action == MLCM_EXPIRE_HOLD ? "hold" : "rollback");
  mlcm__json_i64_text(j, "after_ns", s->expire_after_ns);
  mlcm__json_end(j);
  if (s->harm_budget < 0)
    mlcm__json_null(j, "harm_budget");
  else
    mlcm__json_i64_text(j, "harm_budget", s->harm_budget);
  mlcm__json_string(j, "method", MLCM_GATE_METHOD);
  mlcm__json_i64_text(j, "min_samples", s->min_samples);
  mlcm__json_string(j, "mlcm", "gate/v1");
  mlcm__json_hexf64(j, "pass_alpha", s->pass_alpha);
  mlcm__json_hexf64(j, "sample_ratio_alpha", s->sample_ratio_alpha);
  mlcm__json_object(j, "warm_up");
  mlcm__json_i64_text(j, "for_ns", s->warm_up_ns);
  mlcm__json_i64_text(j, "requests", s->warm_up_requests);
  mlcm__json_end(j);
  mlcm__json_end(j);
}

mlcm_status mlcm__policy_seal(mlcm_policy *policy, mlcm_error *err) {
  mlcm__buffer buffer;
  mlcm__json j;
  uint8_t hash[MLCM__SHA256_BYTES];
  mlcm__buffer_init(&buffer, policy->ctx, MAX_JSON_BYTES);
  mlcm__json_init(&j, &buffer, true);
  write_policy(&j, policy);
  size_t len = buffer.len;
  mlcm_status st = mlcm__buffer_take(&buffer, "the policy", &policy->json, err);
  if (!st) st = mlcm__sha256_of(policy->json, len, hash, err);
  if (!st) mlcm__hex(hash, sizeof(hash), policy->digest);
  mlcm__buffer_reset(&buffer);
  return st;
}
