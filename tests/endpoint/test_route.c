/* SPDX-License-Identifier: Apache-2.0
 *
 * test_route.c - shares of traffic, stickiness, and that the same keys move on every machine.
 */
#include "support/suite.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "endpoint/guard.h"
#include "endpoint/route.h"
#include "gate/math.h"

enum { KEYS = 200000 };

static const uint8_t salt[MLCM__SALT_BYTES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

static uint64_t hash_of(int i) {
  char key[32];
  int n = snprintf(key, sizeof key, "user-%d", i);
  return mlcm__route_key_hash(salt, (mlcm_str){key, (size_t)n});
}

static bool to_candidate(uint64_t key_hash, int64_t ppm) {
  return mlcm__route_is_candidate(key_hash, mlcm__route_arm_hash(2), mlcm__route_arm_hash(3), ppm);
}

/* Pearson's statistic with one degree of freedom; 15.1 is passed with probability 1e-4. */
static double chi_square(int n_candidate, double share) {
  double expected = share * KEYS;
  double d = n_candidate - expected;
  return d * d / expected + d * d / (KEYS - expected);
}

static void check_share(int64_t ppm) {
  int n = 0;
  for (int i = 0; i < KEYS; ++i) n += to_candidate(hash_of(i), ppm);
  double statistic = chi_square(n, (double)ppm / MLCM__WEIGHT_ALL_PPM);
  ck_assert_msg(statistic < 15.1, "%lld ppm: %d of %d, chi-square %.2f", (long long)ppm, n, KEYS, statistic);
}

START_TEST(candidate_gets_its_share_of_the_keys) {
  const int64_t shares[] = {1000, 10000, 50000, 100000, 250000, 500000, 750000, 990000};
  for (size_t i = 0; i < sizeof shares / sizeof shares[0]; ++i) check_share(shares[i]);
}
END_TEST

START_TEST(no_weight_sends_nothing_and_all_weight_everything) {
  for (int i = 0; i < 1000; ++i) {
    ck_assert(!to_candidate(hash_of(i), 0));
    ck_assert(to_candidate(hash_of(i), MLCM__WEIGHT_ALL_PPM));
  }
}
END_TEST

START_TEST(raising_the_weight_moves_keys_to_the_candidate_and_none_back) {
  for (int i = 0; i < 20000; ++i) {
    uint64_t key = hash_of(i);
    bool before = false;
    for (int64_t ppm = 0; ppm <= MLCM__WEIGHT_ALL_PPM; ppm += 9973) {
      bool now = to_candidate(key, ppm);
      ck_assert_msg(now || !before, "key %d went back at %lld ppm", i, (long long)ppm);
      before = now;
    }
  }
}
END_TEST

START_TEST(another_salt_spreads_the_keys_anew) {
  uint8_t other[MLCM__SALT_BYTES];
  memcpy(other, salt, sizeof other);
  other[0] ^= 1;
  int both = 0;
  for (int i = 0; i < KEYS; ++i) {
    char key[32];
    int n = snprintf(key, sizeof key, "user-%d", i);
    both += to_candidate(hash_of(i), 100000) && to_candidate(mlcm__route_key_hash(other, (mlcm_str){key, (size_t)n}), 100000);
  }
  double expected = 0.01 * KEYS;
  ck_assert_double_lt(fabs(both - expected), 5 * sqrt(expected));
}
END_TEST

START_TEST(arms_are_drawn_independently_of_their_order) {
  int n = 0;
  for (int i = 0; i < KEYS; ++i) {
    n += mlcm__route_is_candidate(hash_of(i), mlcm__route_arm_hash(3), mlcm__route_arm_hash(2), 500000);
  }
  ck_assert_double_lt(chi_square(n, 0.5), 15.1);
}
END_TEST

static double score(uint64_t key_hash, int64_t version, double weight_of_the_other) {
  double u = (double)((mlcm__mix64(key_hash ^ mlcm__route_arm_hash(version)) >> 11) + 1) * 0x1p-53;
  return -mlcm__math_log(u) * weight_of_the_other;
}

START_TEST(shortcut_decides_as_the_logarithms_do) {
  for (int i = 0; i < 2000000; ++i) {
    uint64_t key = mlcm__mix64((uint64_t)i);
    int64_t ppm = (int64_t)(mlcm__mix64(key) % (MLCM__WEIGHT_ALL_PPM - 1)) + 1;
    bool lower = score(key, 3, (double)(MLCM__WEIGHT_ALL_PPM - ppm)) < score(key, 2, (double)ppm);
    ck_assert_msg(to_candidate(key, ppm) == lower, "key %d at %lld ppm", i, (long long)ppm);
  }
}
END_TEST

/* Written down once; the same on every machine and compiler, or rollouts would not be sticky across a fleet. */
START_TEST(routing_is_the_same_everywhere) {
  uint64_t fingerprint = 0;
  for (int i = 0; i < 64; ++i) fingerprint |= (uint64_t)to_candidate(hash_of(i), 250000) << i;
  ck_assert_uint_eq(mlcm__route_key_hash(salt, MLCM_STR("user-42")), UINT64_C(0xd8500b9efd1ab378));
  ck_assert_uint_eq(fingerprint, UINT64_C(0xc1e91140512042));
}
END_TEST

/* ---- Override rules ------------------------------------------------------------------------------------------------- */

static const mlcm__override_rule rules[] = {
    {{"x-canary", 8}, {"always", 6}, true}, {{"x-canary", 8}, {"never", 5}, false}, {{"x-old", 5}, {NULL, 0}, false}};

static const mlcm__override_rule *match(const char *key, const char *value) {
  mlcm_attribute attributes[2] = {{mlcm_str_of("unrelated"), mlcm_str_of("always")}, {mlcm_str_of(key), mlcm_str_of(value)}};
  return mlcm__route_override(rules, 3, attributes, 2);
}

START_TEST(rule_meets_its_attribute_and_value) {
  ck_assert_ptr_eq(match("x-canary", "always"), &rules[0]);
  ck_assert_ptr_eq(match("x-canary", "never"), &rules[1]);
}
END_TEST

START_TEST(rule_without_value_meets_any_value) {
  ck_assert_ptr_eq(match("x-old", "1"), &rules[2]);
  ck_assert_ptr_eq(match("x-old", ""), &rules[2]);
}
END_TEST

START_TEST(other_attributes_and_values_meet_no_rule) {
  ck_assert_ptr_null(match("x-canary", "Always"));
  ck_assert_ptr_null(match("x-canary", "alway"));
  ck_assert_ptr_null(match("x-canar", "always"));
  ck_assert_ptr_null(match("", ""));
  ck_assert_ptr_null(mlcm__route_override(rules, 3, NULL, 0));
}
END_TEST

START_TEST(empty_value_meets_the_rule_that_names_it) {
  const mlcm__override_rule empty = {{"x-debug", 7}, {"", 0}, true};
  const mlcm_attribute attributes[2] = {{MLCM_STR("x-debug"), MLCM_STR("1")}, {MLCM_STR("x-debug"), {NULL, 0}}};
  ck_assert_ptr_null(mlcm__route_override(&empty, 1, attributes, 1));
  ck_assert_ptr_eq(mlcm__route_override(&empty, 1, attributes, 2), &empty);
}
END_TEST

START_TEST(first_rule_decides) {
  mlcm_attribute attributes[2] = {{MLCM_STR("x-old"), MLCM_STR("1")}, {MLCM_STR("x-canary"), MLCM_STR("always")}};
  ck_assert_ptr_eq(mlcm__route_override(rules, 3, attributes, 2), &rules[0]);
}
END_TEST

int main(void) {
  const TTest *tests[] = {candidate_gets_its_share_of_the_keys,
                          no_weight_sends_nothing_and_all_weight_everything,
                          raising_the_weight_moves_keys_to_the_candidate_and_none_back,
                          another_salt_spreads_the_keys_anew,
                          arms_are_drawn_independently_of_their_order,
                          shortcut_decides_as_the_logarithms_do,
                          routing_is_the_same_everywhere,
                          rule_meets_its_attribute_and_value,
                          rule_without_value_meets_any_value,
                          other_attributes_and_values_meet_no_rule,
                          empty_value_meets_the_rule_that_names_it,
                          first_rule_decides};
  return TEST_RUN("endpoint_route", tests);
}
