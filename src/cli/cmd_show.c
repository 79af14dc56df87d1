/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_show.c - a model or a version with all that is known of it.
 */
#include <string.h>

#include "cli.h"

/* "  label        text"; nothing for an empty text. */
static void line(cli *c, const char *label, const char *text) {
  if (*text) cli_line(c, 15, "  %s%-12s%s %s", cli_on(&c->out, STYLE_GREY), label, cli_off(&c->out), cli_clean(c, text));
}

static void line_tag(cli *c, mlcm_tag tag) {
  cli_line(c, 15, "  %s%-12s%s %s = %s", cli_on(&c->out, STYLE_GREY), "tag", cli_off(&c->out), cli_clean(c, tag.key),
           cli_clean(c, tag.value));
}

static void line_who(cli *c, const char *label, int64_t when_ns, const char *who) {
  cli_line(c, 15, "  %s%-12s%s %s by %s", cli_on(&c->out, STYLE_GREY), label, cli_off(&c->out), cli_date(when_ns).text,
           cli_clean(c, who));
}

static void line_file(cli *c, mlcm_file file) {
  cli_line(c, 15, "  %s%-12s%s %s  %s  sha256:%.12s", cli_on(&c->out, STYLE_GREY), "file", cli_off(&c->out),
           cli_clean(c, file.path), cli_size(file.size_bytes).text, file.sha256);
}

static void line_evaluation(cli *c, mlcm_evaluation e) {
  printf("  %s%-12s%s %s:", cli_on(&c->out, STYLE_GREY), "evaluation", cli_off(&c->out), cli_clean(c, e.name));
  for (size_t k = 0; k < e.n_scores; k++) printf(" %s=%g", cli_clean(c, e.scores[k].metric), e.scores[k].value);
  printf("  %s by %s\n", cli_date(e.time_ns).text, cli_clean(c, e.actor));
}

static const char *state_text(mlcm_state state) { return state == MLCM_STATE_DELETED ? "  deleted" : ""; }

static void show_version(cli *c, const mlcm_version *v) {
  printf("%s%s/%lld%s%s\n", cli_on(&c->out, STYLE_NAME), mlcm_version_model(v), (long long)mlcm_version_number(v),
         cli_off(&c->out), state_text(mlcm_version_state(v)));
  for (size_t i = 0; i < mlcm_version_n_aliases(v); i++) line(c, "alias", mlcm_version_alias(v, i));
  line(c, "description", mlcm_version_description(v));
  line_who(c, "registered", mlcm_version_created_ns(v), mlcm_version_actor(v));
  line(c, "reason", mlcm_version_reason(v));
  line(c, "manifest", mlcm_version_manifest_digest(v));
  line(c, "scan", mlcm_version_scan_verdict(v));
  line(c, "parent", mlcm_version_parent(v));
  line(c, "dataset", mlcm_version_dataset_digest(v));
  line(c, "revision", mlcm_version_source_revision(v));
  line(c, "run", mlcm_version_run_link(v));
  for (size_t i = 0; i < mlcm_version_n_tags(v); i++) line_tag(c, mlcm_version_tag(v, i));
  for (size_t i = 0; i < mlcm_version_n_files(v); i++) line_file(c, mlcm_version_file(v, i));
  for (size_t i = 0; i < mlcm_version_n_evaluations(v); i++) line_evaluation(c, mlcm_version_evaluation(v, i));
}

static void show_model(cli *c, const mlcm_model *m) {
  char text[400];
  printf("%s%s%s%s\n", cli_on(&c->out, STYLE_NAME), mlcm_model_name(m), cli_off(&c->out), state_text(mlcm_model_state(m)));
  line(c, "description", mlcm_model_description(m));
  snprintf(text, sizeof text, "%lld, newest %lld", (long long)mlcm_model_n_versions(m), (long long)mlcm_model_newest_version(m));
  line(c, "versions", text);
  line_who(c, "created", mlcm_model_created_ns(m), mlcm_model_actor(m));
  for (size_t i = 0; i < mlcm_model_n_aliases(m); i++) {
    mlcm_alias alias = mlcm_model_alias(m, i);
    snprintf(text, sizeof text, "%.255s -> %lld", alias.name, (long long)alias.version);
    line(c, "alias", text);
  }
  for (size_t i = 0; i < mlcm_model_n_tags(m); i++) line_tag(c, mlcm_model_tag(m, i));
}

static int show_a_model(cli *c, const char *name) {
  mlcm_model *m = NULL;
  char *json = NULL;
  mlcm_status st = mlcm_model_get(c->reg, name, &m, &c->err);
  if (st == MLCM_OK && c->json) st = mlcm_model_to_json(m, &json, &c->err);
  if (st == MLCM_OK && !c->json) show_model(c, m);
  mlcm_model_free(m);
  if (st != MLCM_OK) return cli_fail(c);
  return json ? cli_json_text(c, json) : EXIT_OK;
}

static int show_a_version(cli *c, const char *ref) {
  mlcm_version *v = NULL;
  char *json = NULL;
  mlcm_status st = mlcm_version_get(c->reg, ref, &v, &c->err);
  if (st == MLCM_OK && c->json) st = mlcm_version_to_json(v, &json, &c->err);
  if (st == MLCM_OK && !c->json) show_version(c, v);
  mlcm_version_free(v);
  if (st != MLCM_OK) return cli_fail(c);
  return json ? cli_json_text(c, json) : EXIT_OK;
}

int cmd_show(cli *c) {
  const char *ref = c->args.positional[0];
  int code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  return strpbrk(ref, "/@") ? show_a_version(c, ref) : show_a_model(c, ref);
}
