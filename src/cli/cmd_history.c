/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_history.c - what happened: the moves of an alias, the change feed.
 */
#include <string.h>

#include "cli.h"
#include "progress.h"

/* ---- Moves of an alias --------------------------------------------------------------------------------------------- */

static void print_move(cli *c, const mlcm_alias_move *move) {
  char from[24], to[24];
  snprintf(from, sizeof from, move->from ? "%lld" : "-", (long long)move->from);
  snprintf(to, sizeof to, move->to ? "%lld" : "-", (long long)move->to);
  cli_line(c, 21, "%s  %4s -> %-4s %-9s %s%s%s%s", cli_date(move->time_ns).text, from, to, mlcm_cause_name(move->cause),
           cli_clean(c, move->actor), *move->reason ? "  \"" : "", cli_clean(c, move->reason), *move->reason ? "\"" : "");
}

static void print_moves(cli *c, const mlcm_history *history, int64_t next) {
  for (size_t i = 0; i < mlcm_history_n(history); i++) {
    mlcm_alias_move move = mlcm_history_at(history, i);
    print_move(c, &move);
  }
  if (next) cli_say(c, "perhaps more: --page %lld", (long long)next);
}

static int print_moves_json(cli *c, const mlcm_history *history, int64_t next) {
  cJSON *root = json_object(), *moves = json_put_list(root, "moves");
  for (size_t i = 0; i < mlcm_history_n(history); i++) {
    char *json = NULL;
    if (mlcm_history_to_json(history, i, &json, &c->err) != MLCM_OK) {
      cJSON_Delete(root);
      return cli_fail(c);
    }
    json_add(moves, cli_json_tree(c, json));
  }
  json_put(root, "next", next ? cJSON_CreateNumber((double)next) : cJSON_CreateNull());
  return cli_json(root);
}

int cmd_alias_history(cli *c) {
  mlcm_history *history = NULL;
  int64_t limit = 100, before = 0;
  int code = cli_get_number(c, "limit", 1, 1000, "a number from 1 to 1000", &limit);
  if (!code) code = cli_get_number(c, "page", 1, INT64_MAX, "the number that 'next' gave", &before);
  if (!code) code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  const char *model = c->args.positional[0], *alias = c->args.positional[1];
  if (mlcm_alias_history(c->reg, model, alias, before, (size_t)limit, &history, &c->err) != MLCM_OK) return cli_fail(c);
  const size_t n = mlcm_history_n(history);
  const int64_t next = n == (size_t)limit ? mlcm_history_at(history, n - 1).seq : 0;
  if (c->json)
    code = print_moves_json(c, history, next);
  else
    print_moves(c, history, next);
  mlcm_history_free(history);
  return code;
}

/* ---- The change feed ----------------------------------------------------------------------------------------------- */

static void print_change(cli *c, const mlcm_change *change) {
  char object[600] = "";
  if (*change->model) snprintf(object, sizeof object, "%s", change->model);
  if (change->version) snprintf(object + strlen(object), sizeof object - strlen(object), "/%lld", (long long)change->version);
  if (*change->alias) snprintf(object + strlen(object), sizeof object - strlen(object), "@%s", change->alias);
  cli_line(c, 8, "%6lld  %s  %-19s %-18s %s%s%s%s", (long long)change->seq, cli_date(change->time_ns).text, change->kind, object,
           cli_clean(c, change->actor), *change->reason ? "  \"" : "", cli_clean(c, change->reason), *change->reason ? "\"" : "");
}

static int print_feed(cli *c, const mlcm_feed *feed, int64_t *after) {
  for (size_t i = 0; i < mlcm_feed_n(feed); i++) {
    mlcm_change change = mlcm_feed_at(feed, i);
    char *json = NULL;
    *after = change.seq;
    if (!c->json)
      print_change(c, &change);
    else if (mlcm_feed_to_json(feed, i, &json, &c->err) != MLCM_OK)
      return cli_fail(c);
    else
      cli_json_text(c, json);
  }
  return EXIT_OK;
}

/* Prints what came after *after. Answers 0 or an exit code; *out_n is how much that was. */
static int print_after(cli *c, int64_t *after, size_t limit, size_t *out_n) {
  mlcm_feed *feed = NULL;
  *out_n = 0;
  if (mlcm_changes(c->reg, *after, limit, &feed, &c->err) != MLCM_OK) return cli_fail(c);
  int code = print_feed(c, feed, after);
  *out_n = mlcm_feed_n(feed);
  mlcm_feed_free(feed);
  cli_clean_reset(c);
  return code;
}

/* Until Ctrl-C, or until nobody reads any more. */
static int follow(cli *c, int64_t after, size_t limit) {
  while (!cli_interrupted()) {
    size_t n;
    int code = print_after(c, &after, limit, &n);
    if (code) return code;
    if (fflush(stdout) != 0) return EXIT_ERROR; /* main tells it */
    if (n == 0) cli_nap(100);
  }
  return EXIT_INTERRUPTED;
}

int cmd_log(cli *c) {
  int64_t after = 0, limit = 100;
  size_t n;
  int code = cli_get_number(c, "limit", 1, 10000, "a number from 1 to 10000", &limit);
  if (!code) code = cli_get_number(c, "after", 0, INT64_MAX, "a sequence number", &after);
  if (!code) code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  if (cli_has(&c->args, "follow")) return follow(c, after, (size_t)limit);
  code = print_after(c, &after, (size_t)limit, &n);
  if (!code && n == (size_t)limit) cli_say(c, "perhaps more: --after %lld", (long long)after);
  return code;
}
