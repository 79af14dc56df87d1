/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_alias.c - moves and removals of aliases.
 */
#include "cli.h"

/* Opens the registry; answers 0 or an exit code. */
static int begin(cli *c, int64_t *expect, uint32_t *flags) {
  *expect = MLCM_ALIAS_ANY;
  *flags = cli_has(&c->args, "force") ? MLCM_ALIAS_FORCE : 0;
  int code = cli_get_number(c, "expect", 0, INT64_MAX, "a version number, or 0", expect);
  return code ? code : cli_open(c, 0);
}

/* `version` 0: it is gone. */
static int told(const cli *c, const char *model, const char *alias, int64_t version) {
  if (c->json) {
    cJSON *root = json_object();
    json_text(root, "model", model);
    json_text(root, "alias", alias);
    json_put(root, "version", version ? cJSON_CreateNumber((double)version) : cJSON_CreateNull());
    return cli_json(root);
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
  uint32_t flags;
  if (!cli_number(c->args.positional[2], &version)) return cli_usage(c, "VERSION is a number, got '%s'", c->args.positional[2]);
  int code = begin(c, &expect, &flags);
  if (code) return code;
  if (mlcm_alias_set(c->reg, model, alias, version, expect, flags, &c->by, &c->err) != MLCM_OK) return cli_fail(c);
  return told(c, model, alias, version);
}

int cmd_alias_delete(cli *c) {
  const char *model = c->args.positional[0], *alias = c->args.positional[1];
  int64_t expect;
  uint32_t flags;
  int code = begin(c, &expect, &flags);
  if (code) return code;
  if (mlcm_alias_delete(c->reg, model, alias, expect, flags, &c->by, &c->err) != MLCM_OK) return cli_fail(c);
  return told(c, model, alias, 0);
}
