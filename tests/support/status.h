/* SPDX-License-Identifier: Apache-2.0
 *
 * status.h - a call in one line, with what it answered in the message when that was not expected.
 */
#ifndef MLCM_TESTS_SUPPORT_STATUS_H
#define MLCM_TESTS_SUPPORT_STATUS_H

#include <check.h>
#include <string.h>

#include <mlcm/base.h>

/* The call ends with `err`: CHECK_OK(mlcm_alias_set(f.reg, "m", "a", 1, MLCM_ALIAS_ANY, 0, NULL, err)). */
#define CHECK_OK(call)                                                                           \
  do {                                                                                           \
    mlcm_error check_err = {0};                                                                  \
    mlcm_error *err = &check_err;                                                                \
    mlcm_status check_st = (call);                                                               \
    ck_assert_msg(check_st == MLCM_OK, "%s: %s", mlcm_status_name(check_st), check_err.message); \
  } while (0)

/* The status and a part of the message. */
#define CHECK_FAILS(status, part, call)                                                                               \
  do {                                                                                                                \
    mlcm_error check_err = {0};                                                                                       \
    mlcm_error *err = &check_err;                                                                                     \
    mlcm_status check_st = (call);                                                                                    \
    ck_assert_msg(check_st == (status), "%s instead of %s: %s", mlcm_status_name(check_st), mlcm_status_name(status), \
                  check_err.message);                                                                                 \
    ck_assert_int_eq(check_err.code, check_st);                                                                       \
    ck_assert_msg(strstr(check_err.message, part) != NULL, "no '%s' in: %s", part, check_err.message);                \
  } while (0)

#endif
