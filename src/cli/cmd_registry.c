/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_registry.c - commands that make a registry and change models, versions and tags.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "memory.h"
#include "progress.h"

int cmd_init(cli *c) {
  if (c->args.n_positional == 1) {
    if (cli_has(&c->args, "registry")) return cli_usage(c, "give the directory once: as DIR or as --registry");
    c->dir = c->args.positional[0];
  }
  int code = cli_open(c, MLCM_OPEN_CREATE);
  if (code) return code;
  if (c->json) {
    cJSON *root = json_object();
    json_text(root, "registry", mlcm_registry_dir(c->reg));
    return cli_json(root);
  }
  cli_line(c, 2, "registry at %s", cli_clean(c, mlcm_registry_dir(c->reg)));
  cli_next(c, "mlcm register NAME model.onnx --alias champion", NULL, "");
  return EXIT_OK;
}

/* ---- Texts of the form K=V ----------------------------------------------------------------------------------------- */

typedef struct pairs {
  struct {
    char *key, *value; /* the value lies behind the key */
  } items[CLI_MAX_VALUES];
  size_t n;
} pairs;

static void pairs_reset(pairs *p) {
  for (size_t i = 0; i < p->n; i++) free(p->items[i].key);
}

/* False when `text` has no '='. */
static bool pairs_add(pairs *p, const char *text) {
  if (!strchr(text, '=')) return false;
  char *key = cli_copy(text), *equals = strchr(key, '=');
  *equals = '\0';
  p->items[p->n].key = key;
  p->items[p->n++].value = equals + 1;
  return true;
}

/* ---- register ------------------------------------------------------------------------------------------------------ */

static int print_version(cli *c, const mlcm_version *v) {
  char *json = NULL;
  if (c->json) return mlcm_version_to_json(v, &json, &c->err) == MLCM_OK ? cli_json_text(c, json) : cli_fail(c);
  printf("registered %s%s/%lld%s", cli_on(&c->out, STYLE_NAME), mlcm_version_model(v), (long long)mlcm_version_number(v),
         cli_off(&c->out));
  for (size_t i = 0; i < mlcm_version_n_aliases(v); i++) printf(" @%s", mlcm_version_alias(v, i));
  printf("  %s, %s, sha256:%.12s\n", cli_count((int64_t)mlcm_version_n_files(v), "file").text,
         cli_size(mlcm_version_size_bytes(v)).text, mlcm_version_manifest_digest(v));
  return EXIT_OK;
}

static int register_as(cli *c, mlcm_register_options *options) {
  mlcm_version *version = NULL;
  cli_progress progress;
  int code = cli_open(c, 0);
  if (code) return code;
  options->progress = cli_progress_start(c, &progress, "reading", NULL);
  mlcm_status st = mlcm_register(c->reg, c->args.positional[0], c->args.positional[1], options, &c->by, &version, &c->err);
  cli_progress_end(&progress);
  if (st != MLCM_OK) return cli_fail(c);
  code = print_version(c, version);
  if (options->n_aliases == 0 && mlcm_version_number(version) == 1)
    cli_next(c, "mlcm alias set ", mlcm_version_model(version), " champion 1");
  else if (options->n_aliases == 0)
    cli_next(c, "mlcm rollout start PLAN, whose candidate is this version", NULL, "");
  mlcm_version_free(version);
  return code;
}

int cmd_register(cli *c) {
  mlcm_register_options options;
  const char *aliases[CLI_MAX_VALUES], *text;
  mlcm_tag tags[CLI_MAX_VALUES];
  pairs given = {.n = 0};
  size_t cursor = 0;
  int code = EXIT_OK;
  mlcm_register_options_init(&options, sizeof options);
  while ((text = cli_each(&c->args, "alias", &cursor)) != NULL) aliases[options.n_aliases++] = text;
  cursor = 0;
  while (!code && (text = cli_each(&c->args, "tag", &cursor)) != NULL)
    if (!pairs_add(&given, text)) code = cli_usage(c, "--tag '%s' is not of the form K=V", text);
  for (size_t i = 0; i < given.n; i++) tags[i] = (mlcm_tag){given.items[i].key, given.items[i].value};
  options.aliases = aliases;
  options.tags = tags;
  options.n_tags = given.n;
  options.description = cli_get(&c->args, "description");
  options.parent = cli_get(&c->args, "parent");
  options.dataset_digest = cli_get(&c->args, "dataset");
  options.source_revision = cli_get(&c->args, "revision");
  options.run_link = cli_get(&c->args, "run-link");
  if (!code) code = register_as(c, &options);
  pairs_reset(&given);
  return code;
}

/* ---- Changes of a model or version --------------------------------------------------------------------------------- */

/* Takes the reference of a model (*out_version 0) or of one of its versions apart; aliases are resolved. */
static int open_and_resolve(cli *c, mlcm_ref *ref, int64_t *out_version) {
  const char *text = c->args.positional[0];
  *out_version = 0;
  int code = cli_open(c, 0);
  if (code) return code;
  if (mlcm_ref_parse(text, ref, &c->err) != MLCM_OK) return cli_fail(c);
  if (ref->kind == MLCM_REF_NUMBER) *out_version = ref->version;
  if (ref->kind == MLCM_REF_ALIAS && mlcm_alias_get(c->reg, ref->model, ref->alias, out_version, &c->err) != MLCM_OK)
    return cli_fail(c);
  return 0;
}

static int told(cli *c, mlcm_status st, const mlcm_ref *ref, int64_t version, const char *verb) {
  if (st != MLCM_OK) return cli_fail(c);
  if (c->json) {
    cJSON *root = json_object();
    json_text(root, "model", ref->model);
    if (version) json_whole(root, "version", version);
    json_text(root, "done", verb);
    return cli_json(root);
  }
  printf("%s %s%s", verb, cli_on(&c->out, STYLE_NAME), ref->model);
  if (version) printf("/%lld", (long long)version);
  printf("%s\n", cli_off(&c->out));
  return EXIT_OK;
}

static mlcm_status tag_one(cli *c, const mlcm_ref *ref, int64_t version, const char *key, const char *value) {
  if (*value) {
    if (version) return mlcm_version_tag_set(c->reg, ref->model, version, key, value, &c->by, &c->err);
    return mlcm_model_tag_set(c->reg, ref->model, key, value, &c->by, &c->err);
  }
  if (version) return mlcm_version_tag_delete(c->reg, ref->model, version, key, &c->by, &c->err);
  return mlcm_model_tag_delete(c->reg, ref->model, key, &c->by, &c->err);
}

int cmd_tag(cli *c) {
  mlcm_ref ref;
  int64_t version;
  pairs tags = {.n = 0};
  mlcm_status st = MLCM_OK;
  int code = EXIT_OK;
  for (size_t i = 1; !code && i < c->args.n_positional; i++)
    if (!pairs_add(&tags, c->args.positional[i])) code = cli_usage(c, "'%s' is not of the form K=V", c->args.positional[i]);
  if (!code) code = open_and_resolve(c, &ref, &version);
  for (size_t i = 0; !code && st == MLCM_OK && i < tags.n; i++)
    st = tag_one(c, &ref, version, tags.items[i].key, tags.items[i].value);
  pairs_reset(&tags);
  return code ? code : told(c, st, &ref, version, "tagged");
}

int cmd_delete(cli *c) {
  mlcm_ref ref;
  int64_t version;
  uint32_t flags = cli_has(&c->args, "force") ? MLCM_FORCE : 0;
  int code = open_and_resolve(c, &ref, &version);
  if (code) return code;
  mlcm_status st = version ? mlcm_version_delete(c->reg, ref.model, version, flags, &c->by, &c->err)
                           : mlcm_model_delete(c->reg, ref.model, flags, &c->by, &c->err);
  code = told(c, st, &ref, version, "deleted");
  if (!code) cli_next(c, "mlcm restore ", c->args.positional[0], " brings it back");
  return code;
}

int cmd_restore(cli *c) {
  mlcm_ref ref;
  int64_t version;
  int code = open_and_resolve(c, &ref, &version);
  if (code) return code;
  mlcm_status st = version ? mlcm_version_restore(c->reg, ref.model, version, &c->by, &c->err)
                           : mlcm_model_restore(c->reg, ref.model, &c->by, &c->err);
  return told(c, st, &ref, version, "restored");
}

/* ---- evaluate ------------------------------------------------------------------------------------------------------ */

static int evaluate(cli *c, const mlcm_evaluation *evaluation) {
  mlcm_ref ref;
  int64_t version;
  int code = open_and_resolve(c, &ref, &version);
  if (code) return code;
  if (!version) return cli_usage(c, "'%s' names a model; an evaluation is of a version, e.g. %s/1", ref.model, ref.model);
  return told(c, mlcm_evaluate(c->reg, ref.model, version, evaluation, &c->by, &c->err), &ref, version, "evaluated");
}

int cmd_evaluate(cli *c) {
  mlcm_score scores[CLI_MAX_ARGS];
  pairs given = {.n = 0};
  mlcm_evaluation evaluation = {.name = c->args.positional[1], .dataset_digest = cli_get(&c->args, "dataset"), .scores = scores};
  int code = cli_get_number(c, "samples", 0, INT64_MAX, "a number", &evaluation.n_samples);
  for (size_t i = 2; !code && i < c->args.n_positional; i++) {
    mlcm_score *score = &scores[evaluation.n_scores++];
    if (!pairs_add(&given, c->args.positional[i]) || !cli_real(given.items[given.n - 1].value, &score->value))
      code = cli_usage(c, "'%s' is not of the form METRIC=NUMBER", c->args.positional[i]);
    else
      score->metric = given.items[given.n - 1].key;
  }
  if (!code) code = evaluate(c, &evaluation);
  pairs_reset(&given);
  return code;
}
