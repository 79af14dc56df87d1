/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_registry.c - commands that change models, versions, tags and aliases.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

int cmd_init(cli *c) {
  if (c->args.n_positional == 1) {
    if (cli_has(&c->args, "registry")) return cli_usage(c, "give the directory once: as DIR or as --registry");
    c->args.values[c->args.n_values].name = "registry";
    c->args.values[c->args.n_values++].value = c->args.positional[0];
  }
  int code = cli_open(c, MLCM_OPEN_CREATE);
  if (code) return code;
  if (c->json) {
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "registry", mlcm_registry_dir(c->reg));
    return cli_json(c, root);
  }
  printf("registry at %s\n", mlcm_registry_dir(c->reg));
  cli_next(c, "mlcm register NAME model.onnx --alias champion");
  return EXIT_OK;
}

/* Splits K=V in a copy; the value is NULL when there is no '='. */
static char *split_pair(const char *text, char **out_value) {
  char *key = strdup(text);
  char *equals = key ? strchr(key, '=') : NULL;
  if (equals) *equals = '\0';
  *out_value = equals ? equals + 1 : NULL;
  return key;
}

typedef struct pairs {
  mlcm_tag items[CLI_MAX_VALUES];
  size_t n;
} pairs;

static void free_pairs(pairs *p) {
  for (size_t i = 0; i < p->n; i++) {
    union {
      const char *in;
      char *out;
    } key = {p->items[i].key};
    free(key.out);
  }
}

static int collect_tags(cli *c, pairs *tags) {
  size_t cursor = 0;
  for (const char *text; (text = cli_each(&c->args, "tag", &cursor)) != NULL;) {
    char *value, *key = split_pair(text, &value);
    if (!value) return free(key), cli_usage(c, "--tag '%s' is not of the form K=V", text);
    tags->items[tags->n++] = (mlcm_tag){key, value};
  }
  return 0;
}

static int print_version(cli *c, const mlcm_version *v, const char *verb) {
  char *json = NULL;
  if (c->json) {
    if (mlcm_version_to_json(v, &json, &c->err) != MLCM_OK) return cli_fail(c);
    return cli_json_text(c, json);
  }
  printf("%s %s%s/%lld%s", verb, cli_on(&c->out, STYLE_NAME), mlcm_version_model(v), (long long)mlcm_version_number(v),
         cli_off(&c->out));
  for (size_t i = 0; i < mlcm_version_n_aliases(v); i++) printf(" @%s", mlcm_version_alias(v, i));
  char size[32];
  printf("  %zu file%s, %s, sha256:%.12s\n", mlcm_version_n_files(v), mlcm_version_n_files(v) == 1 ? "" : "s",
         cli_size_text((double)mlcm_version_size_bytes(v), size), mlcm_version_manifest_digest(v));
  return EXIT_OK;
}

int cmd_register(cli *c) {
  mlcm_register_options options;
  mlcm_version *version = NULL;
  const char *aliases[CLI_MAX_VALUES];
  pairs tags = {.n = 0};
  cli_progress progress;
  int code = collect_tags(c, &tags);
  if (code) goto done;
  mlcm_register_options_init(&options, sizeof options);
  size_t cursor = 0;
  for (const char *a; (a = cli_each(&c->args, "alias", &cursor)) != NULL;) aliases[options.n_aliases++] = a;
  options.aliases = aliases;
  options.tags = tags.items;
  options.n_tags = tags.n;
  options.description = cli_get(&c->args, "description");
  options.parent = cli_get(&c->args, "parent");
  options.dataset_digest = cli_get(&c->args, "dataset");
  options.source_revision = cli_get(&c->args, "revision");
  options.run_link = cli_get(&c->args, "run-link");
  options.progress = cli_progress_start(c, &progress, "reading");
  code = cli_open(c, 0);
  if (code) goto done;
  mlcm_status st = mlcm_register(c->reg, c->args.positional[0], c->args.positional[1], &options, &c->by, &version, &c->err);
  cli_progress_end(&progress);
  code = st == MLCM_OK ? print_version(c, version, "registered") : cli_fail(c);
  if (st == MLCM_OK && options.n_aliases == 0)
    cli_next(c, "mlcm alias set %s champion %lld", mlcm_version_model(version), (long long)mlcm_version_number(version));
done:
  mlcm_version_free(version);
  free_pairs(&tags);
  return code;
}

/* Takes a reference that names a model (*out_version 0) or one of its versions apart; aliases are resolved. */
static int resolve(cli *c, const char *text, mlcm_ref *ref, int64_t *out_version) {
  *out_version = 0;
  if (mlcm_ref_parse(text, ref, &c->err) != MLCM_OK) return cli_fail(c);
  if (ref->kind == MLCM_REF_NUMBER) *out_version = ref->version;
  if (ref->kind == MLCM_REF_ALIAS && mlcm_alias_get(c->reg, ref->model, ref->alias, out_version, &c->err) != MLCM_OK)
    return cli_fail(c);
  return 0;
}

static int told(cli *c, mlcm_status st, const mlcm_ref *ref, int64_t version, const char *verb) {
  if (st != MLCM_OK) return cli_fail(c);
  if (c->json) {
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "model", ref->model);
    if (version) cJSON_AddNumberToObject(root, "version", (double)version);
    cJSON_AddStringToObject(root, "done", verb);
    return cli_json(c, root);
  }
  printf("%s %s%s", verb, cli_on(&c->out, STYLE_NAME), ref->model);
  if (version) printf("/%lld", (long long)version);
  printf("%s\n", cli_off(&c->out));
  return EXIT_OK;
}

static mlcm_status tag_one(cli *c, const mlcm_ref *ref, int64_t version, const char *key, const char *value) {
  if (value && *value) {
    if (version) return mlcm_version_tag_set(c->reg, ref->model, version, key, value, &c->by, &c->err);
    return mlcm_model_tag_set(c->reg, ref->model, key, value, &c->by, &c->err);
  }
  if (version) return mlcm_version_tag_delete(c->reg, ref->model, version, key, &c->by, &c->err);
  return mlcm_model_tag_delete(c->reg, ref->model, key, &c->by, &c->err);
}

int cmd_tag(cli *c) {
  mlcm_ref ref;
  int64_t version;
  int code = cli_open(c, 0);
  if (!code) code = resolve(c, c->args.positional[0], &ref, &version);
  for (size_t i = 1; !code && i < c->args.n_positional; i++)
    if (!strchr(c->args.positional[i], '=')) code = cli_usage(c, "'%s' is not of the form K=V", c->args.positional[i]);
  if (code) return code;
  mlcm_status st = MLCM_OK;
  for (size_t i = 1; st == MLCM_OK && i < c->args.n_positional; i++) {
    char *value, *key = split_pair(c->args.positional[i], &value);
    st = tag_one(c, &ref, version, key, value);
    free(key);
  }
  return told(c, st, &ref, version, "tagged");
}

int cmd_delete(cli *c) {
  mlcm_ref ref;
  int64_t version;
  uint32_t flags = cli_has(&c->args, "force") ? MLCM_FORCE : 0;
  int code = cli_open(c, 0);
  if (!code) code = resolve(c, c->args.positional[0], &ref, &version);
  if (code) return code;
  mlcm_status st = version ? mlcm_version_delete(c->reg, ref.model, version, flags, &c->by, &c->err)
                           : mlcm_model_delete(c->reg, ref.model, flags, &c->by, &c->err);
  code = told(c, st, &ref, version, "deleted");
  if (!code) cli_next(c, "mlcm restore %s brings it back", c->args.positional[0]);
  return code;
}

int cmd_restore(cli *c) {
  mlcm_ref ref;
  int64_t version;
  int code = cli_open(c, 0);
  if (!code) code = resolve(c, c->args.positional[0], &ref, &version);
  if (code) return code;
  mlcm_status st = version ? mlcm_version_restore(c->reg, ref.model, version, &c->by, &c->err)
                           : mlcm_model_restore(c->reg, ref.model, &c->by, &c->err);
  return told(c, st, &ref, version, "restored");
}

static int get_expect(cli *c, int64_t *out) {
  const char *text = cli_get(&c->args, "expect");
  *out = MLCM_ALIAS_ANY;
  if (text && (!cli_number(text, out) || *out < 0)) return cli_usage(c, "--expect wants a version number, got '%s'", text);
  return 0;
}

static int alias_told(cli *c, const char *model, const char *alias, int64_t version) {
  if (c->json) {
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "model", model);
    cJSON_AddStringToObject(root, "alias", alias);
    if (version)
      cJSON_AddNumberToObject(root, "version", (double)version);
    else
      cJSON_AddNullToObject(root, "version");
    return cli_json(c, root);
  }
  if (version)
    printf("%s%s@%s%s is version %lld\n", cli_on(&c->out, STYLE_NAME), model, alias, cli_off(&c->out), (long long)version);
  else
    printf("removed %s@%s\n", model, alias);
  return EXIT_OK;
}

int cmd_alias_set(cli *c) {
  const char *model = c->args.positional[0], *alias = c->args.positional[1];
  int64_t version, expect;
  if (!cli_number(c->args.positional[2], &version)) return cli_usage(c, "VERSION is a number, got '%s'", c->args.positional[2]);
  int code = get_expect(c, &expect);
  if (!code) code = cli_open(c, 0);
  if (code) return code;
  uint32_t flags = cli_has(&c->args, "force") ? MLCM_ALIAS_FORCE : 0;
  if (mlcm_alias_set(c->reg, model, alias, version, expect, flags, &c->by, &c->err) != MLCM_OK) return cli_fail(c);
  return alias_told(c, model, alias, version);
}

int cmd_alias_delete(cli *c) {
  const char *model = c->args.positional[0], *alias = c->args.positional[1];
  int64_t expect;
  int code = get_expect(c, &expect);
  if (!code) code = cli_open(c, 0);
  if (code) return code;
  uint32_t flags = cli_has(&c->args, "force") ? MLCM_ALIAS_FORCE : 0;
  if (mlcm_alias_delete(c->reg, model, alias, expect, flags, &c->by, &c->err) != MLCM_OK) return cli_fail(c);
  return alias_told(c, model, alias, 0);
}

int cmd_evaluate(cli *c) {
  mlcm_ref ref;
  int64_t version;
  mlcm_score scores[CLI_MAX_ARGS];
  char *keys[CLI_MAX_ARGS];
  mlcm_evaluation evaluation = {.name = c->args.positional[1], .dataset_digest = cli_get(&c->args, "dataset"), .scores = scores};
  const char *samples = cli_get(&c->args, "samples");
  if (samples && !cli_number(samples, &evaluation.n_samples)) return cli_usage(c, "--samples wants a number, got '%s'", samples);
  int code = cli_open(c, 0);
  if (!code) code = resolve(c, c->args.positional[0], &ref, &version);
  if (!code && !version)
    code = cli_usage(c, "'%s' names a model; an evaluation is of a version, e.g. %s/1", ref.model, ref.model);
  for (size_t i = 2; !code && i < c->args.n_positional; i++) {
    char *value, *end = NULL, *key = split_pair(c->args.positional[i], &value);
    double score = value ? strtod(value, &end) : 0;
    keys[evaluation.n_scores] = key;
    scores[evaluation.n_scores++] = (mlcm_score){key, score};
    if (!value || end == value || *end) code = cli_usage(c, "'%s' is not of the form METRIC=NUMBER", c->args.positional[i]);
  }
  if (!code) code = told(c, mlcm_evaluate(c->reg, ref.model, version, &evaluation, &c->by, &c->err), &ref, version, "evaluated");
  for (size_t i = 0; i < evaluation.n_scores; i++) free(keys[i]);
  return code;
}
