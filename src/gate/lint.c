/* SPDX-License-Identifier: Apache-2.0
 *
 * lint.c - advice on a valid policy. The power estimates are rough on purpose: evidence grows by the Kullback-Leibler
 * divergence for each bad event, and has to pay for the threshold and the 24 alternatives: events = (ln threshold + ln 24) /
 * KL.
 */
#include <assert.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/json.h"
#include "base/text.h"
#include "gate/latency.h"
#include "gate/math.h"
#include "gate/state.h"

enum { MAX_OUTPUT_BYTES = 4 << 20 };

static const double ASSUMED_BAD_RATE = 0.01;
static const double ASSUMED_WEIGHT = 0.05;
static const double LEAST_BOUND = 0.001; /* of a proposed at_most */

typedef struct lint {
  const mlcm_policy *policy;
  const mlcm_lint_options *o;
  const char *name;
  mlcm__json json;
  mlcm__buffer *text;
} lint;

static void tell(lint *l, const mlcm_check *check, const char *level, const char *format, ...) MLCM_PRINTF(4, 5);

static void tell(lint *l, const mlcm_check *check, const char *level, const char *format, ...) {
  char message[512];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof(message), format, args);
  va_end(args);
  int32_t line = check ? check->line : 1;
  int32_t column = check ? check->column : 1;
  mlcm__json_object(&l->json, NULL);
  mlcm__json_string(&l->json, "check", check ? check->name : NULL);
  mlcm__json_i64(&l->json, "column", column);
  mlcm__json_string(&l->json, "level", level);
  mlcm__json_i64(&l->json, "line", line);
  mlcm__json_string(&l->json, "message", message);
  mlcm__json_end(&l->json);
  mlcm__buffer_format(l->text, "%s:%d:%d: %s%s\n", l->name, (int)line, (int)column, strcmp(level, "note") == 0 ? "note: " : "",
                      message);
}

/* ---- Numbers for people -------------------------------------------------------------------------------------------- */

/* Two significant digits with thousands separated: 17654 to "18,000". */
static void about(double n, char out[32]) {
  if (n > 1e15) {
    snprintf(out, 32, "more than 10^15");
    return;
  }
  int64_t step = 1;
  while (n / (double)step >= 100) step *= 10;
  int64_t rounded = (int64_t)(n / (double)step + 0.999) * step;
  char digits[24];
  snprintf(digits, sizeof(digits), "%lld", (long long)rounded);
  size_t len = strlen(digits), at = 0;
  for (size_t i = 0; i < len; i++) {
    if (i > 0 && (len - i) % 3 == 0) out[at++] = ',';
    out[at++] = digits[i];
  }
  out[at] = '\0';
}

static void percent(double share, char out[32]) { snprintf(out, 32, "%.3g %%", 100 * share); }

/* " (40 min at today's 7.5/s)", or "" when the rate is not known. */
static void time_needed(const lint *l, double requests, char out[96]) {
  char span[32], rate[32];
  out[0] = '\0';
  if (l->o->requests_per_second <= 0) return;
  double seconds = requests / l->o->requests_per_second;
  if (seconds > 3e8)
    snprintf(span, sizeof span, "years");
  else
    mlcm__format_duration((int64_t)(seconds * 1e9), span);
  if (l->o->requests_per_second < 100)
    snprintf(rate, sizeof(rate), "%.3g", l->o->requests_per_second);
  else
    about(l->o->requests_per_second, rate);
  snprintf(out, 96, " (%s at today's %s/s)", span, rate);
}

/* ---- Power --------------------------------------------------------------------------------------------------------- */

/* Probability that a bad event is the candidate's, at weight w and odds ratio d. */
static double candidate_share(double w, double d) { return w * d / (1 - w + w * d); }

static double divergence(double p, double q) { return p * mlcm__math_log(p / q) + (1 - p) * mlcm__math_log((1 - p) / (1 - q)); }

static double bad_rate(const lint *l, const mlcm_check *check) {
  if (check->meter == MLCM_METER_LATENCY) return 1 - check->quantile;
  return l->o->bad_rate > 0 ? l->o->bad_rate : ASSUMED_BAD_RATE;
}

/* Requests (both sides) until E reaches e^log_threshold when the truth is odds ratio `truth` and the null ends at `margin`. */
static double requests_needed(const lint *l, const mlcm_check *check, double w, double truth, double margin,
                              double log_threshold) {
  double share = candidate_share(w, truth);
  double kl = divergence(share, candidate_share(w, margin));
  double events = (log_threshold + mlcm__math_log(MLCM__EVALUE_GRID)) / kl;
  double rate = bad_rate(l, check) * (1 - w + w * truth);
  return events / (rate < 1 ? rate : 1);
}

/* Requests (both sides) until the candidate's own rate is proven below the check's at_most; more than any number when it is
 * not. Both tests share one E, hence 2 / pass_alpha. */
static double requests_to_bound(const lint *l, const mlcm_check *check, double w) {
  double bound = check->at_most / (1 - check->at_most);
  double rate = l->o->bad_rate > 0 ? l->o->bad_rate : check->at_most / 10;
  if (rate >= 0.95 * check->at_most) return INFINITY;
  double odds = rate / (1 - rate) < 0.02 * bound ? 0.02 * bound : rate / (1 - rate);
  double each = rate * mlcm__math_log(odds / bound) - mlcm__math_log((1 + odds) / (1 + bound));
  double needed = mlcm__math_log(2.0 / l->policy->settings.pass_alpha) + mlcm__math_log(MLCM__EVALUE_GRID);
  return needed / each / w;
}

/* Margins as the test sees them: for latency both nulls are odds ratio 1 on exceedances. */
static double null_of(const mlcm_check *check, double margin) { return check->meter == MLCM_METER_LATENCY ? 1.0 : margin; }

static void steps_of(const lint *l, const mlcm_lint_step **out, size_t *out_n, mlcm_lint_step *assumed) {
  *assumed = (mlcm_lint_step){.weight = ASSUMED_WEIGHT};
  *out = l->o->n_steps > 0 ? l->o->steps : assumed;
  *out_n = l->o->n_steps > 0 ? l->o->n_steps : 1;
}

static bool is_too_short(const lint *l, const mlcm_lint_step *step, double requests) {
  return step->for_ns > 0 && l->o->requests_per_second > 0 && (double)step->for_ns / 1e9 * l->o->requests_per_second < requests;
}

static const char *unit_words(const mlcm_check *check) { return check->unit == MLCM_UNIT_KEY ? " of different keys" : ""; }

/* The first step that ends before a doubling would be seen; without times and rate, what the first step needs. */
static void lint_failing(lint *l, const mlcm_check *check) {
  const mlcm_lint_step *steps;
  size_t n;
  mlcm_lint_step assumed;
  double margin = null_of(check, check->fail_above);
  double log_threshold = mlcm__math_log((double)l->policy->n_comparing / l->policy->settings.alpha);
  steps_of(l, &steps, &n, &assumed);
  if (margin >= 2) return; /* a doubling is tolerated */
  for (size_t i = 0; i < n; i++) {
    double requests = requests_needed(l, check, steps[i].weight, 2, margin, log_threshold);
    char count[32], weight[32], time[96], lasts[32], where[24] = "";
    about(requests, count);
    percent(steps[i].weight, weight);
    time_needed(l, requests, time);
    mlcm__format_duration(steps[i].for_ns, lasts);
    if (steps[i].line > 0) snprintf(where, sizeof(where), " (line %d)", (int)steps[i].line);
    if (is_too_short(l, &steps[i], requests)) {
      tell(l, check, "warning",
           "'%s' sees a doubling at %s weight only after about %s requests%s%s; the step%s lasts %s. Raise the weight, the "
           "duration, or the tolerance.",
           check->name, weight, count, unit_words(check), time, where, lasts);
      return;
    }
    if (l->o->requests_per_second <= 0 && i == 0)
      tell(l, check, "note", "'%s' sees a doubling at %s weight after about %s requests%s%s", check->name, weight, count,
           unit_words(check), l->o->bad_rate > 0 || check->meter == MLCM_METER_LATENCY ? "" : ", if 1 % are bad today");
  }
}

/* A bound that today's rate keeps with room to prove it: "0.1%", or twice the rate to two digits. */
static void propose_bound(const lint *l, char out[32]) {
  double twice = 2 * l->o->bad_rate;
  snprintf(out, 32, "%.2g%%", 100 * (twice > LEAST_BOUND ? twice < 0.5 ? twice : 0.5 : LEAST_BOUND));
}

/* Requests (both sides) until a candidate like stable is proven fine at weight w, by the comparison or by its bound. */
static double requests_to_pass(const lint *l, const mlcm_check *check, double w) {
  double null = null_of(check, check->pass_below);
  double truth = check->meter == MLCM_METER_LATENCY ? 0.5 : 1.0; /* a margin of slowness halves the exceedances, say */
  double log_threshold = mlcm__math_log(1.0 / l->policy->settings.pass_alpha);
  double compared = null > truth ? requests_needed(l, check, w, truth, null, log_threshold) : INFINITY;
  double bounded = check->has_at_most ? requests_to_bound(l, check, w) : INFINITY;
  return compared < bounded ? compared : bounded;
}

/* Time until the whole plan is proven fine, against expiry. */
static void lint_passing(lint *l, const mlcm_check *check) {
  const mlcm_lint_step *steps;
  size_t n;
  mlcm_lint_step assumed;
  double total = 0;
  steps_of(l, &steps, &n, &assumed);
  for (size_t i = 0; i < n; i++) total += requests_to_pass(l, check, steps[i].weight);
  if (total > 1e300) return; /* no end to it: lint_margins says so */
  double seconds = l->o->requests_per_second > 0 ? total / l->o->requests_per_second : 0;
  if (seconds <= (double)l->policy->settings.expire_after_ns / 1e9) return;
  char count[32], time[96], expire[32], bound[32];
  bool may_bound = check->meter != MLCM_METER_LATENCY && !check->has_at_most;
  about(total, count);
  time_needed(l, total, time);
  mlcm__format_duration(l->policy->settings.expire_after_ns, expire);
  propose_bound(l, bound);
  tell(l, check, "warning",
       "'%s' needs about %s requests%s%s to prove a candidate as good as stable in %s; the rollout expires after %s. Raise a "
       "weight, pass_below, or 'expire'%s%s%s.",
       check->name, count, unit_words(check), time, n == 1 ? "its step" : "all steps", expire,
       may_bound ? ", or add 'at_most: " : "", may_bound ? bound : "", may_bound ? "'" : "");
}

static void lint_samples(lint *l, const mlcm_check *check) {
  int64_t least = l->policy->settings.min_samples;
  for (size_t i = 0; i < l->o->n_steps; i++) {
    double requests = (double)least / l->o->steps[i].weight;
    char weight[32], lasts[32];
    if (!is_too_short(l, &l->o->steps[i], requests)) continue;
    percent(l->o->steps[i].weight, weight);
    mlcm__format_duration(l->o->steps[i].for_ns, lasts);
    tell(l, check, "note",
         "'%s' waits for min_samples (%lld) at %s weight: today's traffic does not bring them within the step's %s", check->name,
         (long long)least, weight, lasts);
    return;
  }
}

/* ---- Margins and units --------------------------------------------------------------------------------------------- */

static void lint_margins(lint *l, const mlcm_check *check) {
  if (check->meter != MLCM_METER_LATENCY && check->pass_below <= 1 && !check->has_at_most)
    tell(l, check, "warning",
         "'%s' passes only a candidate that is proven better than stable (pass_below %.4gx): one that is as good "
         "waits until the rollout expires",
         check->name, check->pass_below);
  if (check->fail_above < 1)
    tell(l, check, "warning", "'%s' fails a candidate that is exactly as good as stable (fail_above %.4gx)", check->name,
         check->fail_above);
  if (check->fail_above < check->pass_below)
    tell(l, check, "note",
         "'%s': between %.4gx and %.4gx both can be proven; the one that comes first counts, and a failure overrides "
         "a pass",
         check->name, check->fail_above, check->pass_below);
  if (check->fail_above > check->pass_below)
    tell(l, check, "note",
         "'%s': between %.4gx and %.4gx nothing can be proven; such a candidate waits until the rollout expires", check->name,
         check->pass_below, check->fail_above);
  if (check->meter != MLCM_METER_LATENCY) return;
  double fail = mlcm__latency_rounded(mlcm__latency_shift(check->fail_above));
  double pass = mlcm__latency_rounded(mlcm__latency_shift(check->pass_below));
  tell(l, check, "note", "'%s' is tested at whole buckets of 2.2 %%: fail_above %.4gx, pass_below %.4gx", check->name, fail,
       pass);
}

/* A comparison lives on bad events: without any it proves nothing, and a healthy candidate never passes. */
static void lint_bound(lint *l, const mlcm_check *check) {
  char bound[32];
  if (check->meter == MLCM_METER_LATENCY) return;
  propose_bound(l, bound);
  if (!check->has_at_most && l->o->bad_rate == 0)
    tell(l, check, "note",
         "'%s' cannot pass while neither side has a bad answer. Add 'at_most: %s' to pass also a candidate whose own share is "
         "proven below that, whatever stable does",
         check->name, bound);
  if (check->has_at_most && l->o->bad_rate >= check->at_most)
    tell(l, check, "warning",
         "'%s': at_most %.3g %% is not above today's %.3g %% of bad answers, so it passes nobody that is like stable; "
         "'at_most: %s' leaves room",
         check->name, 100 * check->at_most, 100 * l->o->bad_rate, bound);
}

static void lint_unit(lint *l, const mlcm_check *check) {
  if (check->unit == MLCM_UNIT_REQUEST)
    tell(l, check, "note",
         "'%s' counts every request: right without keys. Users that stick to a version make requests that are not "
         "independent, and a good candidate is then failed far more often than alpha says",
         check->name);
}

static void lint_source(lint *l, const mlcm_check *check) {
  for (int64_t i = 0; i < check->n_headers; i++) {
    const char *name = check->headers[i].name;
    static const char *const secrets[] = {"authorization", "cookie", "x-api-key"};
    char lower[72] = "";
    assert(strlen(name) < sizeof(lower)); /* the policy's limit is 64 */
    for (size_t k = 0; name[k]; k++) lower[k] = (char)(name[k] >= 'A' && name[k] <= 'Z' ? name[k] + 32 : name[k]);
    for (size_t k = 0; k < sizeof(secrets) / sizeof(secrets[0]); k++)
      if (strcmp(lower, secrets[k]) == 0)
        tell(l, check, "warning",
             "'%s' sends the header '%s': its value is kept with every record of the policy. Put the secret into a "
             "proxy instead",
             check->name, name);
  }
  if (check->source == MLCM_SOURCE_PROMETHEUS && check->on_fail == MLCM_ON_FAIL_ROLLBACK)
    tell(l, check, "note", "'%s' rolls back on an absolute limit, which stable may break too; 'on_fail: hold' waits instead",
         check->name);
}

/* ---- The policy as a whole ----------------------------------------------------------------------------------------- */

/* By chance alone the running excess of a candidate like stable reaches about 1.25 sigma, sigma^2 being its expected failures. */
static void lint_harm(lint *l) {
  int64_t budget = l->policy->settings.harm_budget;
  const mlcm_lint_step *steps;
  size_t n;
  mlcm_lint_step assumed;
  if (budget < 0 || l->o->requests_per_second <= 0) return;
  steps_of(l, &steps, &n, &assumed);
  double failures = 0;
  double rate = l->o->bad_rate > 0 ? l->o->bad_rate : ASSUMED_BAD_RATE;
  for (size_t i = 0; i < n; i++) failures += (double)steps[i].for_ns / 1e9 * l->o->requests_per_second * steps[i].weight * rate;
  if ((double)budget * (double)budget >= 9 * failures) return;
  char count[32];
  about(failures, count);
  tell(l, NULL, "warning",
       "harm_budget %lld is within chance: a candidate as good as stable has about %s failures over the plan, give "
       "or take; leave room for three times their square root",
       (long long)budget, count);
}

static void lint_policy(lint *l) {
  if (l->policy->n_comparing == 0) tell(l, NULL, "note", "no check compares the candidate with stable: only limits decide");
  for (size_t i = 0; i < l->policy->n_checks; i++) {
    const mlcm_check *check = &l->policy->checks[i];
    if (check->kind == MLCM_CHECK_COMPARE) {
      lint_margins(l, check);
      lint_bound(l, check);
      lint_failing(l, check);
      lint_passing(l, check);
      lint_samples(l, check);
      lint_unit(l, check);
    } else {
      lint_source(l, check);
    }
  }
  lint_harm(l);
}

static mlcm_status check_options(const mlcm_lint_options *o, mlcm_error *err) {
  bool bad_numbers = !(o->requests_per_second >= 0 && o->requests_per_second < 1e12) || !(o->bad_rate >= 0 && o->bad_rate < 1);
  if (bad_numbers || (o->n_steps > 0 && !o->steps))
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_policy_lint: rate and bad_rate must be sensible numbers, steps not NULL");
  for (size_t i = 0; i < o->n_steps; i++)
    if (!(o->steps[i].weight > 0 && o->steps[i].weight < 1) || o->steps[i].for_ns < 0)
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                        "mlcm_policy_lint: weight of step %zu must lie between 0 and 1, its time not below 0", i);
  return MLCM_OK;
}

void mlcm_lint_options_init(mlcm_lint_options *options, size_t size_bytes) {
  memset(options, 0, size_bytes);
  options->struct_size = size_bytes;
}

static mlcm_status hand_over(mlcm_context *ctx, mlcm__buffer *json, mlcm__buffer *text, char **out_json, char **out_text,
                             mlcm_error *err) {
  char *a = NULL;
  char *b = NULL;
  mlcm_status st = mlcm__buffer_take(json, "the findings", &a, err);
  if (!st) st = mlcm__buffer_take(text, "the findings' text", &b, err);
  if (!st && out_json) {
    *out_json = a;
    a = NULL;
  }
  if (!st && out_text) {
    *out_text = b;
    b = NULL;
  }
  mlcm__free(ctx, a);
  mlcm__free(ctx, b);
  return st;
}

mlcm_status mlcm_policy_lint(mlcm_context *ctx, const mlcm_policy *policy, const mlcm_lint_options *options, char **out_json,
                             char **out_text, mlcm_error *err) {
  if (!ctx || !policy) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "mlcm_policy_lint: ctx and policy must not be NULL");
  mlcm_lint_options o;
  mlcm_status st = mlcm__options_read(options, sizeof(o), &o, sizeof(o), "mlcm_lint_options", err);
  if (!st) st = check_options(&o, err);
  if (st) return st;
  mlcm__buffer json, text;
  mlcm__buffer_init(&json, ctx, MAX_OUTPUT_BYTES);
  mlcm__buffer_init(&text, ctx, MAX_OUTPUT_BYTES);
  lint l = {.policy = policy, .o = &o, .name = o.name ? o.name : "policy", .text = &text};
  mlcm__json_init(&l.json, &json, true);
  mlcm__json_object(&l.json, NULL);
  mlcm__json_array(&l.json, "findings");
  lint_policy(&l);
  mlcm__json_end(&l.json);
  mlcm__json_end(&l.json);
  st = hand_over(ctx, &json, &text, out_json, out_text, err);
  mlcm__buffer_reset(&json);
  mlcm__buffer_reset(&text);
  return st;
}
