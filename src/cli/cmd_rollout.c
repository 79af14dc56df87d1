/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_rollout.c - rollouts: start, see, steer, explain, replay.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"
#include "tree.h"

static int print_json(cli *c, const mlcm_rollout_state *state) {
  char *json = NULL;
  return mlcm_rollout_state_to_json(state, &json, &c->err) == MLCM_OK ? cli_json_text(c, json) : cli_fail(c);
}

static int print_started(cli *c, mlcm_rollout *rollout) {
  mlcm_rollout_state *state = NULL;
  if (mlcm_rollout_state_get(rollout, &state, &c->err) != MLCM_OK) return cli_fail(c);
  const mlcm_rollout_summary *s = mlcm_rollout_state_summary(state);
  int code = EXIT_OK;
  if (c->json) {
    code = print_json(c, state);
  } else {
    printf("started rollout %lld of %s%s%s: /%lld against /%lld (@%s), step %d of %d at %.4g %%\n", (long long)s->id,
           cli_on(&c->out, STYLE_NAME), cli_clean(c, s->endpoint), cli_off(&c->out), (long long)s->candidate,
           (long long)s->stable, s->alias, s->step, s->n_steps, (double)s->weight_ppm / 10000);
    if (s->n_serving == 0)
      cli_say(c, "no process serves '%s' now: it waits until one opens the endpoint", cli_clean(c, s->endpoint));
    cli_next(c, "mlcm rollout watch %s", cli_clean(c, s->endpoint));
  }
  mlcm_rollout_state_free(state);
  return code;
}

int cmd_rollout_start(cli *c) {
  mlcm_rollout *rollout = NULL;
  char *text = NULL;
  size_t len;
  int code = cli_read_file(c, c->args.positional[0], &text, &len);
  if (!code) code = cli_open(c, 0);
  if (!code && mlcm_rollout_start(c->reg, c->args.positional[0], (mlcm_str){text, len}, &c->by, &rollout, &c->err) != MLCM_OK)
    code = cli_fail(c);
  if (!code) code = print_started(c, rollout);
  mlcm_rollout_close(rollout);
  free(text);
  return code;
}

/* Opens the registry and the rollout that the command speaks of: --rollout ID, else the endpoint's active or newest one. */
static int open_rollout(cli *c, uint32_t flags, mlcm_rollout **out) {
  const char *text = cli_get(&c->args, "rollout");
  int64_t id = 0;
  if (text && !cli_number(text, &id)) return cli_usage(c, "--rollout wants a number, got '%s'", text);
  int code = cli_open(c, flags);
  if (code) return code;
  mlcm_status st =
      text ? mlcm_rollout_open_by_id(c->reg, id, out, &c->err) : mlcm_rollout_open(c->reg, c->args.positional[0], out, &c->err);
  return st == MLCM_OK ? 0 : cli_fail(c);
}

/* ---- status and watch ---------------------------------------------------------------------------------------------- */

static int64_t now_ns(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void nap(int64_t ms) { nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL); }

static bool active(mlcm_rollout_status status) { return status == MLCM_ROLLOUT_PROGRESSING || status == MLCM_ROLLOUT_PAUSED; }

static int get_deadline(cli *c, int64_t *out) {
  const char *text = cli_get(&c->args, "timeout");
  int64_t seconds = 0;
  *out = INT64_MAX;
  if (!text) return 0;
  if (!cli_number(text, &seconds) || seconds < 0 || seconds > 31536000)
    return cli_usage(c, "--timeout wants seconds, got '%s'", text);
  *out = now_ns() + seconds * 1000000000;
  return 0;
}

int cmd_rollout_status(cli *c) {
  mlcm_rollout *rollout = NULL;
  mlcm_rollout_state *state = NULL;
  int64_t deadline;
  int code = get_deadline(c, &deadline);
  if (!code) code = open_rollout(c, MLCM_OPEN_READ_ONLY, &rollout);
  while (!code) {
    if (mlcm_rollout_state_get(rollout, &state, &c->err) != MLCM_OK)
      code = cli_fail(c);
    else if (!active(mlcm_rollout_state_summary(state)->status) || !cli_has(&c->args, "wait"))
      break;
    else if (now_ns() >= deadline)
      code = EXIT_TIMEOUT;
    else if (cli_interrupted())
      code = EXIT_INTERRUPTED;
    if (code) break;
    mlcm_rollout_state_free(state);
    state = NULL;
    nap(200);
  }
  if (state) {
    int printed = EXIT_OK;
    if (c->json)
      printed = print_json(c, state);
    else
      cli_tree_print(c, state, 0);
    if (!code) code = printed;
    if (!code && cli_has(&c->args, "wait")) code = cli_tree_exit_code(mlcm_rollout_state_summary(state)->status);
  }
  mlcm_rollout_state_free(state);
  mlcm_rollout_close(rollout);
  return code;
}

/* Prints what is new: the tree drawn over the last one on a terminal, else a line for each decision. */
typedef struct watcher {
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
      printf("%s: decision %lld: %s: %s\n", c->args.positional[0], (long long)mlcm_decision_seq(d),
             mlcm_action_name(mlcm_decision_action(d)), cli_clean(c, mlcm_decision_reason(d)));
    mlcm_decision_free(d);
  }
  fflush(stdout);
  return 0;
}

static int draw(cli *c, mlcm_rollout *rollout, const mlcm_rollout_state *state, watcher *w) {
  if (c->json || !c->out.redraw) return tell_decisions(c, rollout, mlcm_rollout_state_summary(state)->n_decisions, w);
  int columns = c->out.columns;
  cli_term_resize(&c->out);
  if (w->lines > 0 && c->out.columns != columns) { /* the old lines may have folded: begin on a clean screen */
    fputs("\033[H\033[J", stdout);
    w->lines = 0;
  }
  w->lines = cli_tree_print(c, state, w->lines);
  return 0;
}

int cmd_rollout_watch(cli *c) {
  mlcm_rollout *rollout = NULL;
  watcher w = {0, 0};
  int64_t deadline;
  int code = get_deadline(c, &deadline);
  if (!code) code = open_rollout(c, MLCM_OPEN_READ_ONLY, &rollout);
  while (!code) {
    mlcm_rollout_state *state = NULL;
    if (mlcm_rollout_state_get(rollout, &state, &c->err) != MLCM_OK) code = cli_fail(c);
    mlcm_rollout_status status = state ? mlcm_rollout_state_summary(state)->status : 0;
    if (!code) code = draw(c, rollout, state, &w);
    if (!code && !active(status) && !c->json && !c->out.redraw) cli_tree_line(c, state);
    mlcm_rollout_state_free(state);
    if (code || !active(status)) {
      if (!code) code = cli_tree_exit_code(status);
      break;
    }
    if (now_ns() >= deadline)
      code = EXIT_TIMEOUT;
    else if (cli_interrupted())
      code = EXIT_INTERRUPTED;
    else
      nap(c->out.redraw ? 250 : 100);
  }
  if (code == EXIT_TIMEOUT) cli_say(c, "still active after %s s", cli_get(&c->args, "timeout"));
  if (rollout && !mlcm_rollout_is_active(rollout)) cli_next(c, "mlcm rollout explain %s", c->args.positional[0]);
  mlcm_rollout_close(rollout);
  return code;
}

/* One row of the list, and the same as JSON. */
static int list_one(cli *c, int64_t id, cli_table *table, cJSON *list) {
  mlcm_rollout *rollout = NULL;
  mlcm_rollout_state *state = NULL;
  char *json = NULL, number[24], candidate[24], stable[24], step[32], decisions[24];
  int code = EXIT_OK;
  if (mlcm_rollout_open_by_id(c->reg, id, &rollout, &c->err) != MLCM_OK ||
      mlcm_rollout_state_get(rollout, &state, &c->err) != MLCM_OK ||
      mlcm_rollout_state_to_json(state, &json, &c->err) != MLCM_OK) {
    code = cli_fail(c);
  } else {
    const mlcm_rollout_summary *s = mlcm_rollout_state_summary(state);
    snprintf(number, sizeof number, "%lld", (long long)s->id);
    snprintf(candidate, sizeof candidate, "/%lld", (long long)s->candidate);
    snprintf(stable, sizeof stable, "/%lld", (long long)s->stable);
    snprintf(step, sizeof step, "%d of %d", s->step, s->n_steps);
    snprintf(decisions, sizeof decisions, "%lld", (long long)s->n_decisions);
    cli_table_row(table, (const char *const[]){number, s->endpoint, candidate, stable, mlcm_rollout_status_name(s->status), step,
                                               decisions, s->reason});
    cJSON_AddItemToArray(list, cli_json_tree(c, json));
  }
  mlcm_rollout_state_free(state);
  mlcm_rollout_close(rollout);
  return code;
}

int cmd_rollout_list(cli *c) {
  static const char *const headers[] = {"ID", "ENDPOINT", "CANDIDATE", "STABLE", "STATUS", "STEP", "DECISIONS", "LAST"};
  enum { MAX = 1000 };
  int64_t ids[MAX], limit = 100, before = 0;
  size_t n = 0;
  const char *text = cli_get(&c->args, "limit"), *page = cli_get(&c->args, "page");
  if (text && (!cli_number(text, &limit) || limit < 1 || limit > MAX))
    return cli_usage(c, "--limit wants a number from 1 to %d, got '%s'", MAX, text);
  if (page && (!cli_number(page, &before) || before < 1))
    return cli_usage(c, "--page wants the number that 'next' gave, got '%s'", page);
  int code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  const char *endpoint = c->args.n_positional ? c->args.positional[0] : NULL;
  if (mlcm_rollout_list(c->reg, endpoint, before, ids, (size_t)limit, &n, &c->err) != MLCM_OK) return cli_fail(c);
  cli_table *table = cli_table_new(8, headers);
  cJSON *root = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(root, "rollouts");
  for (size_t i = 0; !code && i < n; i++) code = list_one(c, ids[i], table, list);
  bool more = (int64_t)n == limit && ids[n - 1] > 1;
  if (more)
    cJSON_AddNumberToObject(root, "next", (double)ids[n - 1]);
  else
    cJSON_AddNullToObject(root, "next");
  if (!c->json && !code)
    cli_table_print(table, &c->out);
  else
    cli_table_free(table);
  if (!c->json && !code && n == 0) cli_say(c, "no rollout yet");
  if (!c->json && !code && more) cli_say(c, "more: --page %lld", (long long)ids[n - 1]);
  if (code) return cJSON_Delete(root), code;
  return cli_json(c, root);
}

/* ---- steering ------------------------------------------------------------------------------------------------------ */

static int command(cli *c, mlcm_command which, const char *verb) {
  mlcm_rollout *rollout = NULL;
  mlcm_rollout_state *state = NULL;
  int code = open_rollout(c, 0, &rollout);
  if (code) return code;
  if (mlcm_rollout_command(rollout, which, &c->by, &c->err) != MLCM_OK) code = cli_fail(c);
  /* The holder obeys within a tick; wait for it a little, so that what is printed is what is. */
  for (int i = 0; !code && i < 50; i++) {
    mlcm_rollout_state_free(state);
    state = NULL;
    if (mlcm_rollout_state_get(rollout, &state, &c->err) != MLCM_OK)
      code = cli_fail(c);
    else if (mlcm_rollout_state_summary(state)->n_pending == 0)
      break;
    else
      nap(50);
  }
  if (!code && c->json) {
    code = print_json(c, state);
  } else if (!code) {
    const mlcm_rollout_summary *s = mlcm_rollout_state_summary(state);
    if (s->n_pending)
      printf("%s: written down; the serving process will %s it at its next tick\n", c->args.positional[0], verb);
    else
      printf("%s: %s: %s\n", c->args.positional[0], mlcm_rollout_status_name(s->status), cli_clean(c, s->reason));
  }
  mlcm_rollout_state_free(state);
  mlcm_rollout_close(rollout);
  return code;
}

int cmd_rollout_pause(cli *c) { return command(c, MLCM_COMMAND_PAUSE, "pause"); }

int cmd_rollout_resume(cli *c) { return command(c, MLCM_COMMAND_RESUME, "resume"); }

int cmd_rollout_promote(cli *c) { return command(c, MLCM_COMMAND_PROMOTE, "promote"); }

int cmd_rollout_abort(cli *c) { return command(c, MLCM_COMMAND_ABORT, "abort"); }

int cmd_rollout_undo(cli *c) {
  int64_t version = 0;
  uint32_t flags = cli_has(&c->args, "force") ? MLCM_UNDO_ABORT : 0;
  int code = cli_open(c, 0);
  if (code) return code;
  if (mlcm_rollout_undo(c->reg, c->args.positional[0], flags, &c->by, &version, &c->err) != MLCM_OK) return cli_fail(c);
  if (c->json) {
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "endpoint", c->args.positional[0]);
    cJSON_AddNumberToObject(root, "version", (double)version);
    return cli_json(c, root);
  }
  printf("%s: back on version %lld\n", c->args.positional[0], (long long)version);
  return EXIT_OK;
}

/* ---- explain and replay -------------------------------------------------------------------------------------------- */

/* Several lines, without what could move the cursor. */
static void print_lines(cli *c, char *text) {
  for (char *line = text; *line;) {
    size_t len = strcspn(line, "\n");
    bool more = line[len] == '\n';
    line[len] = '\0';
    cli_line(c, (int)strspn(line, " ") + 2, "%s", cli_clean(c, line));
    line += len + more;
  }
}

int cmd_rollout_explain(cli *c) {
  mlcm_rollout *rollout = NULL;
  mlcm_decision *decision = NULL;
  const char *which = cli_get(&c->args, "decision");
  int64_t seq = 0;
  char *text = NULL;
  if (which && (!cli_number(which, &seq) || seq < 1)) return cli_usage(c, "--decision wants a number from 1, got '%s'", which);
  int code = open_rollout(c, MLCM_OPEN_READ_ONLY, &rollout);
  if (code) return code;
  if (mlcm_decision_get(rollout, seq, &decision, &c->err) != MLCM_OK)
    code = cli_fail(c);
  else if (c->json)
    puts(mlcm_decision_json(decision));
  else if (mlcm_decision_explain(c->ctx, decision, &text, &c->err) != MLCM_OK)
    code = cli_fail(c);
  else
    print_lines(c, text);
  mlcm_free(c->ctx, text);
  mlcm_decision_free(decision);
  mlcm_rollout_close(rollout);
  return code;
}

int cmd_rollout_replay(cli *c) {
  mlcm_rollout *rollout = NULL;
  mlcm_replay_report report;
  int code = open_rollout(c, MLCM_OPEN_READ_ONLY, &rollout);
  if (code) return code;
  mlcm_status st = mlcm_rollout_replay(c->reg, mlcm_rollout_id(rollout), &report, &c->err);
  int64_t id = mlcm_rollout_id(rollout);
  mlcm_rollout_close(rollout);
  if (st != MLCM_OK) return cli_fail(c);
  bool same = report.identical == report.decisions;
  if (c->json) {
    cJSON *root = cJSON_CreateObject();
    cJSON_AddNumberToObject(root, "rollout", (double)id);
    cJSON_AddNumberToObject(root, "decisions", (double)report.decisions);
    cJSON_AddNumberToObject(root, "identical", (double)report.identical);
    cJSON_AddNumberToObject(root, "ticks", (double)report.ticks);
    if (same)
      cJSON_AddNullToObject(root, "difference");
    else
      cJSON_AddStringToObject(root, "difference", report.difference);
    cli_json(c, root);
  } else if (same) {
    printf("%s%s%s rollout %lld: %lld decisions taken again from %lld ticks, all identical to the byte\n",
           cli_on(&c->out, STYLE_GOOD), cli_sign(&c->out, "\u2714", "ok"), cli_off(&c->out), (long long)id,
           (long long)report.decisions, (long long)report.ticks);
  } else {
    printf("%s%s%s rollout %lld: %lld of %lld decisions identical; decision %lld differs: %s\n", cli_on(&c->out, STYLE_BAD),
           cli_sign(&c->out, "\u2716", "x"), cli_off(&c->out), (long long)id, (long long)report.identical,
           (long long)report.decisions, (long long)report.first_different_seq, report.difference);
  }
  return same ? EXIT_OK : EXIT_ERROR;
}
