/* SPDX-License-Identifier: Apache-2.0
 *
 * test_limits.c - how many arguments and options a command line may have: the most is taken, one more is told with the number.
 * docs/limits.md lists them.
 */
#include "cli/args.h"

#include <string.h>

#include "support/suite.h"

enum { WORDS = 2 * CLI_MAX_VALUES };
static char program[] = "mlcm", command[] = "tag", word[] = "k=v", option[] = "--quiet";
static char *argv[WORDS] = {program, command};
static cli_args args;

/* "mlcm tag k=v k=v ... --quiet --quiet ..." */
static int parse(int n_arguments, int n_options) {
  int argc = 2;
  for (int i = 0; i < n_arguments; i++) argv[argc++] = word;
  for (int i = 0; i < n_options; i++) argv[argc++] = option;
  return cli_args_parse(&args, argc, argv);
}

START_TEST(a_command_has_64_arguments_at_most) {
  ck_assert_int_eq(parse(CLI_MAX_ARGS, 0), 0);
  ck_assert_uint_eq(args.n_positional, CLI_MAX_ARGS);
  ck_assert_int_eq(parse(CLI_MAX_ARGS + 1, 0), 2);
  ck_assert_str_eq(args.error, "more than 64 arguments");
}
END_TEST

START_TEST(a_command_has_128_options_at_most) {
  ck_assert_int_eq(parse(2, CLI_MAX_VALUES), 0);
  ck_assert_uint_eq(args.n_values, CLI_MAX_VALUES);
  ck_assert_int_eq(parse(2, CLI_MAX_VALUES + 1), 2);
  ck_assert_str_eq(args.error, "more than 128 options");
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_command_has_64_arguments_at_most, a_command_has_128_options_at_most};
  return TEST_RUN("cli_limits", tests);
}
