/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_watch.c - rollouts as they stand and as they move: status, watch, list.
 */
#include <stdlib.h>

#include "cli.h"
#include "progress.h"
#include "rollout.h"
#include "table.h"
#include "tree.h"

static int get_deadline(cli *c, int64_t *out) {
  int64_t seconds = -1;
  (void)cli_interrupted(); /* from here on Ctrl-C is counted */
  int code = cli_get_number(c, "timeout", 0, 31536000, "seconds, at most a year", &seconds);
  *out = seconds < 0 ? INT64_MAX : cli_now_ns() + seconds * 1000000000;
  return code;
}

/* Between two looks at an active rollout: 0 to go on, EXIT_TIMEOUT or EXIT_INTERRUPTED. */
static int pause_between(int64_t deadline, int64_t ms) {
  if (cli_interrupted()) return EXIT_INTERRUPTED;
  if (cli_now_ns() >= deadline) return EXIT_TIMEOUT;
  cli_nap(ms);
  return 0;
}

/* ---- status -------------------------------------------------------------------------------------------------------- */

/* Waits with --wait until it has ended. Answers 0, or an exit code; *out is set unless the state could not be had. */
static int await_end(cli *c, mlcm_rollout *rollout, int64_t deadline, mlcm_rollout_state **out) {
  const bool waits = cli_has(&c->args, "wait");
  for (;;) {
    if (mlcm_rollout_state_get(rollout, out, &c->err) != MLCM_OK) return cli_fail(c);
    const mlcm_rollout_status status = mlcm_rollout_state_summary(*out)->status;
    if (!waits) return EXIT_OK;
    if (!cli_is_active(status)) return cli_tree_exit_code(status);
    int code = pause_between(deadline, 200);
    if (code) return code;
    mlcm_rollout_state_free(*out);
    *out = NULL;
  }
}

int cmd_rollout_status(cli *c) {
  mlcm_rollout *rollout = NULL;
  mlcm_rollout_state *state = NULL;
  int64_t deadline;
  int code = get_deadline(c, &deadline);
  if (!code) code = cli_rollout_open(c, MLCM_OPEN_READ_ONLY, &rollout);
  if (code) return code;
  code = await_end(c, rollout, deadline, &state);
  if (state && c->json) {
    const int printed = cli_rollout_json(c, state);
    if (printed) code = printed;
  } else if (state) {
    cli_tree_print(c, state, 0);
  }
  mlcm_rollout_state_free(state);
  mlcm_rollout_close(rollout);
  return code;
}

/* ---- watch --------------------------------------------------------------------------------------------------------- */

/* Prints what is new: the tree drawn over the last one on a terminal, else a line for each decision. */
typedef struct watcher {
  bool draws;
  int lines;         /* of the tree on the screen */
  int64_t decisions; /* told so far */
} watcher;

static int tell_decisions(cli *c, mlcm_rollout *rollout, int64_t upto, watcher *w) {
  for (; w->decisions < upto; w->decisions++) {
    mlcm_decision *d = NULL;
    if (mlcm_decision_get(rollout, w->decisions + 1, &d, &c->err) != MLCM_OK) return cli_fail(c);
    if (c->json)
      puts(mlcm_decision_json(d));
    else
      printf("%s: decision %lld: %s: %s\n", cli_clean(c, c->args.positional[0]), (long long)mlcm_decision_seq(d),
             mlcm_action_name(mlcm_decision_action(d)), cli_clean(c, mlcm_decision_reason(d)));
    mlcm_decision_free(d);
  }
  return fflush(stdout) == 0 ? 0 : EXIT_ERROR; /* main tells it */
}

static void draw(cli *c, const mlcm_rollout_state *state, watcher *w) {
  const int columns = c->out.columns;
  cli_term_resize(&c->out);
  if (c->out.columns != columns) { /* the old lines may have folded: begin on a clean screen */
    fputs("\033[H\033[J", stdout);
    w->lines = 0;
  }
  w->lines = cli_tree_print(c, state, w->lines);
}

/* One look. Answers 0 to go on; *out_ended tells whether it has ended, then with the exit code that says how. */
static int look(cli *c, mlcm_rollout *rollout, watcher *w, bool *out_ended) {
  mlcm_rollout_state *state = NULL;
  int code = 0;
  if (mlcm_rollout_state_get(rollout, &state, &c->err) != MLCM_OK) return cli_fail(c);
  const mlcm_rollout_summary *s = mlcm_rollout_state_summary(state);
  *out_ended = !cli_is_active(s->status);
  if (w->draws)
    draw(c, state, w);
  else
    code = tell_decisions(c, rollout, s->n_decisions, w);
  if (*out_ended && !w->draws && !c->json) cli_tree_line(c, state);
  if (*out_ended && !code) code = cli_tree_exit_code(s->status);
  mlcm_rollout_state_free(state);
  cli_clean_reset(c);
  return code;
}

int cmd_rollout_watch(cli *c) {
  mlcm_rollout *rollout = NULL;
  watcher w = {.draws = c->out.redraw && !c->json};
  int64_t deadline;
  bool ended = false;
  int code = get_deadline(c, &deadline);
  if (!code) code = cli_rollout_open(c, MLCM_OPEN_READ_ONLY, &rollout);
  if (code) return code;
  while (!code && !ended) {
    code = look(c, rollout, &w, &ended);
    if (!code && !ended) code = pause_between(deadline, w.draws ? 250 : 100);
  }
  if (code == EXIT_TIMEOUT) cli_say(c, "still active after %s s", cli_get(&c->args, "timeout"));
  if (ended) cli_next(c, "mlcm rollout explain ", c->args.positional[0], "");
  mlcm_rollout_close(rollout);
  return code;
}

/* ---- list ---------------------------------------------------------------------------------------------------------- */

static void state_row(cli_table *table, const mlcm_rollout_summary *s) {
  char number[24], candidate[24], stable[24], step[32], decisions[24];
  snprintf(number, sizeof number, "%lld", (long long)s->id);
  snprintf(candidate, sizeof candidate, "/%lld", (long long)s->candidate);
  snprintf(stable, sizeof stable, "/%lld", (long long)s->stable);
  snprintf(step, sizeof step, "%d of %d", s->step, s->n_steps);
  snprintf(decisions, sizeof decisions, "%lld", (long long)s->n_decisions);
  cli_table_row(table, (const char *const[]){number, s->endpoint, candidate, stable, mlcm_rollout_status_name(s->status), step,
                                             decisions, s->reason});
}

/* One row of the list, or the same as JSON. */
static int list_one(cli *c, int64_t id, cli_table *table, cJSON *list) {
  mlcm_rollout *rollout = NULL;
  mlcm_rollout_state *state = NULL;
  char *json = NULL;
  mlcm_status st = mlcm_rollout_open_by_id(c->reg, id, &rollout, &c->err);
  if (st == MLCM_OK) st = mlcm_rollout_state_get(rollout, &state, &c->err);
  if (st == MLCM_OK && c->json) st = mlcm_rollout_state_to_json(state, &json, &c->err);
  if (st == MLCM_OK && c->json) json_add(list, cli_json_tree(c, json));
  if (st == MLCM_OK) state_row(table, mlcm_rollout_state_summary(state));
  mlcm_rollout_state_free(state);
  mlcm_rollout_close(rollout);
  return st == MLCM_OK ? 0 : cli_fail(c);
}

enum { LIST_MAX = 1000 };

static int list_all(cli *c, const int64_t *ids, size_t n, int64_t next) {
  static const char *const headers[] = {"ID", "ENDPOINT", "CANDIDATE", "STABLE", "STATUS", "STEP", "DECISIONS", "LAST"};
  cli_table *table = cli_table_new(8, headers);
  cJSON *root = json_object(), *list = json_put_list(root, "rollouts");
  int code = 0;
  for (size_t i = 0; !code && i < n; i++) code = list_one(c, ids[i], table, list);
  json_put(root, "next", next ? cJSON_CreateNumber((double)next) : cJSON_CreateNull());
  if (!code && c->json)
    code = cli_json(root);
  else
    cJSON_Delete(root);
  if (!code && !c->json) cli_table_print(table, &c->out);
  cli_table_free(table);
  if (!code && n == 0) cli_say(c, "no rollout yet");
  if (!code && next) cli_say(c, "more: --page %lld", (long long)next);
  return code;
}

int cmd_rollout_list(cli *c) {
  int64_t ids[LIST_MAX], limit = 100, before = 0;
  size_t n = 0;
  const char *endpoint = c->args.n_positional ? c->args.positional[0] : NULL;
  int code = cli_get_number(c, "limit", 1, LIST_MAX, "a number from 1 to 1000", &limit);
  if (!code) code = cli_get_number(c, "page", 1, INT64_MAX, "the number that 'next' gave", &before);
  if (!code) code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  if (mlcm_rollout_list(c->reg, endpoint, before, ids, (size_t)limit, &n, &c->err) != MLCM_OK) return cli_fail(c);
  return list_all(c, ids, n, n == (size_t)limit && ids[n - 1] > 1 ? ids[n - 1] : 0);
}
