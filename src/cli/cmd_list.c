/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_list.c - lists of models and versions.
 */
#include <stdlib.h>

#include "cli.h"
#include "memory.h"
#include "table.h"

enum { LIST_MAX = 1000 };

static void version_row(cli_table *table, const mlcm_version *v) {
  cli_page page[3];
  char *text[3];
  fprintf(cli_page_open(&page[0]), "%s/%lld", mlcm_version_model(v), (long long)mlcm_version_number(v));
  cli_page_open(&page[1]);
  for (size_t i = 0; i < mlcm_version_n_aliases(v); i++) fprintf(page[1].file, "%s@%s", i ? " " : "", mlcm_version_alias(v, i));
  cli_page_open(&page[2]);
  for (size_t i = 0; i < mlcm_version_n_tags(v); i++)
    fprintf(page[2].file, "%s%s=%s", i ? " " : "", mlcm_version_tag(v, i).key, mlcm_version_tag(v, i).value);
  for (size_t i = 0; i < 3; i++) text[i] = cli_page_close(&page[i]);
  cli_table_row(table, (const char *const[]){text[0], text[1], text[2], cli_date(mlcm_version_created_ns(v)).text,
                                             mlcm_version_actor(v)});
  for (size_t i = 0; i < 3; i++) free(text[i]);
}

static cli_table *version_table(const mlcm_page *page) {
  static const char *const headers[] = {"VERSION", "ALIASES", "TAGS", "REGISTERED", "BY"};
  cli_table *table = cli_table_new(5, headers);
  for (size_t i = 0; i < mlcm_page_n(page); i++) version_row(table, mlcm_page_version(page, i));
  return table;
}

static void model_row(cli_table *table, const mlcm_model *m) {
  cli_page page;
  char n[24], newest[24];
  snprintf(n, sizeof n, "%lld", (long long)mlcm_model_n_versions(m));
  snprintf(newest, sizeof newest, "%lld", (long long)mlcm_model_newest_version(m));
  cli_page_open(&page);
  for (size_t i = 0; i < mlcm_model_n_aliases(m); i++)
    fprintf(page.file, "%s@%s->%lld", i ? " " : "", mlcm_model_alias(m, i).name, (long long)mlcm_model_alias(m, i).version);
  char *aliases = cli_page_close(&page);
  cli_table_row(table, (const char *const[]){mlcm_model_name(m), n, newest, aliases, cli_date(mlcm_model_updated_ns(m)).text});
  free(aliases);
}

static cli_table *model_table(const mlcm_page *page) {
  static const char *const headers[] = {"MODEL", "VERSIONS", "NEWEST", "ALIASES", "UPDATED"};
  cli_table *table = cli_table_new(5, headers);
  cli_table_right(table, 1);
  cli_table_right(table, 2);
  for (size_t i = 0; i < mlcm_page_n(page); i++) model_row(table, mlcm_page_model(page, i));
  return table;
}

static int print_page(cli *c, const mlcm_page *page, bool models) {
  cli_table *table = models ? model_table(page) : version_table(page);
  cli_table_print(table, &c->out);
  cli_table_free(table);
  if (mlcm_page_n(page) == 0) cli_say(c, "nothing found");
  if (mlcm_page_next(page)) cli_say(c, "more: --page %s", mlcm_page_next(page));
  return EXIT_OK;
}

static int print_json(cli *c, const mlcm_page *page, bool models) {
  cJSON *root = json_object(), *list = json_put_list(root, models ? "models" : "versions");
  for (size_t i = 0; i < mlcm_page_n(page); i++) {
    char *json = NULL;
    mlcm_status st = models ? mlcm_model_to_json(mlcm_page_model(page, i), &json, &c->err)
                            : mlcm_version_to_json(mlcm_page_version(page, i), &json, &c->err);
    if (st != MLCM_OK) {
      cJSON_Delete(root);
      return cli_fail(c);
    }
    json_add(list, cli_json_tree(c, json));
  }
  json_text(root, "next", mlcm_page_next(page));
  return cli_json(root);
}

static int search(cli *c, const char *filter, bool models, const char *default_order) {
  mlcm_query query;
  mlcm_page *page = NULL;
  int64_t limit = 100;
  const char *order = cli_get(&c->args, "order");
  int code = cli_get_number(c, "limit", 1, LIST_MAX, "a number from 1 to 1000", &limit);
  if (!code) code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  mlcm_query_init(&query, sizeof query);
  query.filter = filter;
  query.order_by = order ? order : default_order;
  query.page_token = cli_get(&c->args, "page");
  query.limit = (size_t)limit;
  mlcm_status st =
      models ? mlcm_search_models(c->reg, &query, &page, &c->err) : mlcm_search_versions(c->reg, &query, &page, &c->err);
  if (st != MLCM_OK) return cli_fail(c);
  code = c->json ? print_json(c, page, models) : print_page(c, page, models);
  mlcm_page_free(page);
  return code;
}

/* Answers 0 when there is such a model: an unknown one is an error, not an empty list. */
static int find_model(cli *c, const char *name) {
  mlcm_model *model = NULL;
  int code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (!code && mlcm_model_get(c->reg, name, &model, &c->err) != MLCM_OK) code = cli_fail(c);
  mlcm_model_free(model);
  mlcm_registry_close(c->reg);
  c->reg = NULL;
  return code;
}

int cmd_list(cli *c) {
  cli_page page;
  if (c->args.n_positional == 0) return search(c, NULL, true, NULL);
  int code = find_model(c, c->args.positional[0]);
  if (code) return code;
  FILE *file = cli_page_open(&page);
  fputs("name = '", file);
  for (const char *p = c->args.positional[0]; *p; p++) fprintf(file, "%s%c", *p == '\'' ? "'" : "", *p);
  fputc('\'', file);
  char *filter = cli_page_close(&page);
  code = search(c, filter, false, "version DESC");
  free(filter);
  return code;
}

int cmd_search(cli *c) { return search(c, c->args.positional[0], cli_has(&c->args, "models"), NULL); }
