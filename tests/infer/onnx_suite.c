/* SPDX-License-Identifier: Apache-2.0
 *
 * onnx_suite.c - ONNX's own node cases against the reference backend.
 *
 *   onnx_suite FOLDER_OF_CASES EXPECTED_FAILURES [PREFIX]
 *
 * One process a case, so that a crash is a failure of that case alone. Cases that need what the backend has not are skipped. A
 * case in the list of expected failures must fail: one that passes must be taken out. A line "NAME @N # reason" counts only for
 * a suite of N cases, which is how releases of ONNX are told apart. Prints a line for each failure (for all cases with PREFIX)
 * and "N passed, N failed, N skipped".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "infer/cases.h"

typedef struct suite {
  const char *prefix;
  char **expected;
  size_t n_expected;
  int passed, failed, skipped, wrong;
} suite;

static void count(const char *path, const char *name, void *user) {
  (void)path;
  (void)name;
  ++*(int *)user;
}

/* Is the line for a suite of so many cases? Cuts it down to the name. */
static int line_counts(char *line, int n_cases) {
  line[strcspn(line, "#\r\n")] = '\0';
  const char *at = strchr(line, '@');
  int wanted = at != NULL ? atoi(at + 1) : n_cases;
  line[strcspn(line, " @")] = '\0';
  return line[0] != '\0' && wanted == n_cases;
}

static void read_expected(suite *s, const char *path, int n_cases) {
  char line[256];
  FILE *f = fopen(path, "r");
  if (f == NULL) {
    fprintf(stderr, "cannot read %s\n", path);
    exit(2);
  }
  while (fgets(line, sizeof line, f) != NULL) {
    if (!line_counts(line, n_cases)) continue;
    s->expected = realloc(s->expected, (s->n_expected + 1) * sizeof *s->expected);
    s->expected[s->n_expected++] = strdup(line);
  }
  fclose(f);
}

static int is_expected(const suite *s, const char *name) {
  for (size_t i = 0; i < s->n_expected; i++)
    if (strcmp(s->expected[i], name) == 0) return 1;
  return 0;
}

/* In a child; the reason comes back through a pipe. */
static int run_apart(const char *path, char why[512]) {
  int ends[2], status = 0;
  why[0] = '\0';
  if (pipe(ends) != 0) return CASE_FAIL;
  pid_t child = fork();
  if (child == 0) {
    char text[512];
    int end = case_run(path, (case_tolerance){1e-3, 1e-7}, text);
    ssize_t wrote = write(ends[1], text, strlen(text) + 1);
    _exit(wrote < 0 ? CASE_FAIL : end);
  }
  close(ends[1]);
  ssize_t n = read(ends[0], why, 511);
  why[n > 0 ? n : 0] = '\0';
  close(ends[0]);
  waitpid(child, &status, 0);
  if (WIFEXITED(status) && WEXITSTATUS(status) <= CASE_SKIP) return WEXITSTATUS(status);
  snprintf(why, 512, "ended by signal %d or status %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0,
           WIFEXITED(status) ? WEXITSTATUS(status) : 0);
  return CASE_FAIL;
}

static void visit(const char *path, const char *name, void *user) {
  static const char *const words[] = {"pass", "FAIL", "skip"};
  suite *s = user;
  char why[512];
  if (s->prefix != NULL && strncmp(name, s->prefix, strlen(s->prefix)) != 0) return;
  int end = run_apart(path, why);
  int expected = is_expected(s, name);
  s->passed += end == CASE_PASS;
  s->failed += end == CASE_FAIL;
  s->skipped += end == CASE_SKIP;
  s->wrong += expected ? end != CASE_FAIL : end == CASE_FAIL;
  if (s->prefix != NULL || end == CASE_FAIL) printf("%s %s%s: %s\n", words[end], name, expected ? " (expected)" : "", why);
  if (expected && end != CASE_FAIL) printf("%s is expected to fail but did not: take it out of the list\n", name);
}

int main(int argc, char **argv) {
  suite s = {.prefix = argc > 3 ? argv[3] : NULL};
  if (argc < 3) {
    fprintf(stderr, "usage: onnx_suite FOLDER_OF_CASES EXPECTED_FAILURES [PREFIX]\n");
    return 2;
  }
  int n_cases = 0;
  case_each(argv[1], count, &n_cases);
  read_expected(&s, argv[2], n_cases);
  int n = case_each(argv[1], visit, &s);
  printf("%d passed, %d failed, %d skipped\n", s.passed, s.failed, s.skipped);
  for (size_t i = 0; i < s.n_expected; i++) free(s.expected[i]);
  free(s.expected);
  return n == 0 || s.wrong > 0;
}
