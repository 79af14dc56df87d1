/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_rollout.c - rollouts: start and steer them, explain and replay what was decided.
 */
#include <stdlib.h>

#include "cli.h"
#include "progress.h"
#include "rollout.h"

int cli_rollout_json(cli *c, const mlcm_rollout_state *state) {
  char *json = NULL;
  return mlcm_rollout_state_to_json(state, &json, &c->err) == MLCM_OK ? cli_json_text(c, json) : cli_fail(c);
}

static int print_started(cli *c, const mlcm_rollout_state *state) {
  const mlcm_rollout_summary *s = mlcm_rollout_state_summary(state);
  if (c->json) return cli_rollout_json(c, state);
  cli_line(c, 2, "started rollout %lld of %s%s%s: /%lld against /%lld (@%s), step %d of %d at %.4g %%", (long long)s->id,
           cli_on(&c->out, STYLE_NAME), cli_clean(c, s->endpoint), cli_off(&c->out), (long long)s->candidate,
           (long long)s->stable, s->alias, s->step, s->n_steps, (double)s->weight_ppm / 10000);
  if (s->n_serving == 0)
    cli_say(c, "no process serves '%s' now: it waits until one opens the endpoint", cli_clean(c, s->endpoint));
  cli_next(c, "mlcm rollout watch ", s->endpoint, "");
  return EXIT_OK;
}

int cmd_rollout_start(cli *c) {
  mlcm_rollout *rollout = NULL;
  mlcm_rollout_state *state = NULL;
  const char *plan = c->args.positional[0];
  char *text = NULL;
  size_t len;
  int code = cli_read_file(c, plan, PLAN_MAX_BYTES, &text, &len);
  if (!code) code = cli_open(c, 0);
  if (code) goto done;
  mlcm_status st = mlcm_rollout_start(c->reg, plan, (mlcm_str){text, len}, &c->by, &rollout, &c->err);
  if (st == MLCM_OK) st = mlcm_rollout_state_get(rollout, &state, &c->err);
  code = st == MLCM_OK ? print_started(c, state) : cli_fail(c);
done:
  mlcm_rollout_state_free(state);
  mlcm_rollout_close(rollout);
  free(text);
  return code;
}

/* Rollout `id`, which must be one of the endpoint's. */
static int open_by_id(cli *c, const char *endpoint, int64_t id, mlcm_rollout **out) {
  int64_t found = 0;
  size_t n = 0;
  mlcm_status st = mlcm_rollout_list(c->reg, endpoint, id + 1, &found, 1, &n, &c->err);
  if (st == MLCM_OK && found != id)
    return cli_error(c, MLCM_NOT_FOUND, "endpoint '%s' has no rollout %lld", endpoint, (long long)id);
  if (st == MLCM_OK) st = mlcm_rollout_open_by_id(c->reg, id, out, &c->err);
  return st == MLCM_OK ? 0 : cli_fail(c);
}

int cli_rollout_open(cli *c, uint32_t flags, mlcm_rollout **out) {
  const char *endpoint = c->args.positional[0];
  int64_t id = 0;
  int code = cli_get_number(c, "rollout", 1, INT64_MAX - 1, "a number", &id);
  if (!code) code = cli_open(c, flags);
  if (code) return code;
  if (id) return open_by_id(c, endpoint, id, out);
  return mlcm_rollout_open(c->reg, endpoint, out, &c->err) == MLCM_OK ? 0 : cli_fail(c);
}

/* ---- steering ------------------------------------------------------------------------------------------------------ */

static void tell_command(cli *c, const mlcm_rollout_summary *s, const char *verb) {
  const char *endpoint = cli_clean(c, c->args.positional[0]);
  if (s->n_pending > 0)
    cli_line(c, 2, "%s: written down; the serving process will %s it at its next tick", endpoint, verb);
  else
    cli_line(c, 2, "%s: %s: %s", endpoint, mlcm_rollout_status_name(s->status), cli_clean(c, s->reason));
}

static int command(cli *c, mlcm_command which, const char *verb) {
  mlcm_rollout *rollout = NULL;
  mlcm_rollout_state *state = NULL;
  int code = cli_rollout_open(c, 0, &rollout);
  if (code) return code;
  mlcm_status st = mlcm_rollout_command(rollout, which, &c->by, &c->err);
  if (st == MLCM_OK) st = mlcm_rollout_state_get(rollout, &state, &c->err);
  /* The holder obeys within a tick; wait for it a little, so that what is printed is what is. */
  for (int i = 0; st == MLCM_OK && i < 50 && mlcm_rollout_state_summary(state)->n_pending > 0; i++) {
    cli_nap(50);
    mlcm_rollout_state_free(state);
    state = NULL;
    st = mlcm_rollout_state_get(rollout, &state, &c->err);
  }
  if (st != MLCM_OK)
    code = cli_fail(c);
  else if (c->json)
    code = cli_rollout_json(c, state);
  else
    tell_command(c, mlcm_rollout_state_summary(state), verb);
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
    cJSON *root = json_object();
    json_text(root, "endpoint", c->args.positional[0]);
    json_whole(root, "version", version);
    return cli_json(root);
  }
  printf("%s: back on version %lld\n", c->args.positional[0], (long long)version);
  return EXIT_OK;
}

/* ---- explain and replay -------------------------------------------------------------------------------------------- */

int cmd_rollout_explain(cli *c) {
  mlcm_rollout *rollout = NULL;
  mlcm_decision *decision = NULL;
  int64_t seq = 0;
  char *text = NULL;
  int code = cli_get_number(c, "decision", 1, INT64_MAX, "a number from 1", &seq);
  if (!code) code = cli_rollout_open(c, MLCM_OPEN_READ_ONLY, &rollout);
  if (code) return code;
  if (mlcm_decision_get(rollout, seq, &decision, &c->err) != MLCM_OK)
    code = cli_fail(c);
  else if (c->json)
    puts(mlcm_decision_json(decision));
  else if (mlcm_decision_explain(c->ctx, decision, &text, &c->err) != MLCM_OK)
    code = cli_fail(c);
  else
    cli_lines(c, text);
  mlcm_free(c->ctx, text);
  mlcm_decision_free(decision);
  mlcm_rollout_close(rollout);
  return code;
}

static int print_replay(cli *c, int64_t id, const mlcm_replay_report *r) {
  const bool same = r->identical == r->decisions;
  if (c->json) {
    cJSON *root = json_object();
    json_whole(root, "rollout", id);
    json_whole(root, "decisions", r->decisions);
    json_whole(root, "identical", r->identical);
    json_whole(root, "ticks", r->ticks);
    json_text(root, "difference", same ? NULL : r->difference);
    cli_json(root);
  } else if (same) {
    cli_judge(c, true, "rollout %lld: %s taken again from %s, all identical to the byte", (long long)id,
              cli_count(r->decisions, "decision").text, cli_count(r->ticks, "tick").text);
  } else {
    cli_judge(c, false, "rollout %lld: %lld of %s identical: %s", (long long)id, (long long)r->identical,
              cli_count(r->decisions, "decision").text, cli_clean(c, r->difference));
  }
  return same ? EXIT_OK : EXIT_ERROR;
}

int cmd_rollout_replay(cli *c) {
  mlcm_rollout *rollout = NULL;
  mlcm_replay_report report;
  int code = cli_rollout_open(c, MLCM_OPEN_READ_ONLY, &rollout);
  if (code) return code;
  const int64_t id = mlcm_rollout_id(rollout);
  mlcm_rollout_close(rollout);
  if (mlcm_rollout_replay(c->reg, id, &report, &c->err) != MLCM_OK) return cli_fail(c);
  return print_replay(c, id, &report);
}
