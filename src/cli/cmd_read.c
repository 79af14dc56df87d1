/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_read.c - commands that only look: show, list, search, history, log, verify, audit; and gc.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli.h"

static const char *local_time(int64_t ns, char out[32]) {
  time_t seconds = (time_t)(ns / 1000000000);
  struct tm tm;
  localtime_r(&seconds, &tm);
  strftime(out, 32, "%Y-%m-%d %H:%M:%S", &tm);
  return out;
}

static void line(cli *c, const char *label, const char *text) {
  if (*text) printf("  %s%-12s%s %s\n", cli_on(&c->out, STYLE_GREY), label, cli_off(&c->out), cli_clean(c, text));
}

static void show_version(cli *c, const mlcm_version *v) {
  char when[32], who[400];
  printf("%s%s/%lld%s%s\n", cli_on(&c->out, STYLE_NAME), mlcm_version_model(v), (long long)mlcm_version_number(v),
         cli_off(&c->out), mlcm_version_state(v) == MLCM_STATE_DELETED ? "  deleted" : "");
  for (size_t i = 0; i < mlcm_version_n_aliases(v); i++) line(c, "alias", mlcm_version_alias(v, i));
  line(c, "description", mlcm_version_description(v));
  snprintf(who, sizeof who, "%s by %s", local_time(mlcm_version_created_ns(v), when), mlcm_version_actor(v));
  line(c, "registered", who);
  line(c, "reason", mlcm_version_reason(v));
  line(c, "manifest", mlcm_version_manifest_digest(v));
  line(c, "scan", mlcm_version_scan_verdict(v));
  line(c, "parent", mlcm_version_parent(v));
  line(c, "dataset", mlcm_version_dataset_digest(v));
  line(c, "revision", mlcm_version_source_revision(v));
  line(c, "run", mlcm_version_run_link(v));
  for (size_t i = 0; i < mlcm_version_n_tags(v); i++) {
    mlcm_tag tag = mlcm_version_tag(v, i);
    printf("  %s%-12s%s %s = %s\n", cli_on(&c->out, STYLE_GREY), "tag", cli_off(&c->out), cli_clean(c, tag.key),
           cli_clean(c, tag.value));
  }
  for (size_t i = 0; i < mlcm_version_n_files(v); i++) {
    mlcm_file file = mlcm_version_file(v, i);
    printf("  %s%-12s%s %s  %s  sha256:%.12s\n", cli_on(&c->out, STYLE_GREY), "file", cli_off(&c->out), cli_clean(c, file.path),
           cli_size_text((double)file.size_bytes, when), file.sha256);
  }
  for (size_t i = 0; i < mlcm_version_n_evaluations(v); i++) {
    mlcm_evaluation e = mlcm_version_evaluation(v, i);
    printf("  %s%-12s%s %s:", cli_on(&c->out, STYLE_GREY), "evaluation", cli_off(&c->out), cli_clean(c, e.name));
    for (size_t k = 0; k < e.n_scores; k++) printf(" %s=%g", cli_clean(c, e.scores[k].metric), e.scores[k].value);
    printf("  %s by %s\n", local_time(e.time_ns, when), cli_clean(c, e.actor));
  }
}

static void show_model(cli *c, const mlcm_model *m) {
  char when[32], text[400];
  printf("%s%s%s%s\n", cli_on(&c->out, STYLE_NAME), mlcm_model_name(m), cli_off(&c->out),
         mlcm_model_state(m) == MLCM_STATE_DELETED ? "  deleted" : "");
  line(c, "description", mlcm_model_description(m));
  snprintf(text, sizeof text, "%lld, newest %lld", (long long)mlcm_model_n_versions(m), (long long)mlcm_model_newest_version(m));
  line(c, "versions", text);
  snprintf(text, sizeof text, "%s by %s", local_time(mlcm_model_created_ns(m), when), mlcm_model_actor(m));
  line(c, "created", text);
  for (size_t i = 0; i < mlcm_model_n_aliases(m); i++) {
    mlcm_alias alias = mlcm_model_alias(m, i);
    snprintf(text, sizeof text, "%.255s -> %lld", alias.name, (long long)alias.version);
    line(c, "alias", text);
  }
  for (size_t i = 0; i < mlcm_model_n_tags(m); i++) {
    mlcm_tag tag = mlcm_model_tag(m, i);
    snprintf(text, sizeof text, "%.200s = %.180s", tag.key, tag.value);
    line(c, "tag", text);
  }
}

int cmd_show(cli *c) {
  mlcm_ref ref;
  mlcm_version *v = NULL;
  mlcm_model *m = NULL;
  char *json = NULL;
  int code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  mlcm_status st = mlcm_ref_parse(c->args.positional[0], &ref, &c->err);
  bool model = st == MLCM_OK && ref.kind == MLCM_REF_MODEL && !strpbrk(c->args.positional[0], "/@");
  if (st == MLCM_OK && model)
    st = mlcm_model_get(c->reg, ref.model, &m, &c->err);
  else if (st == MLCM_OK)
    st = mlcm_version_get(c->reg, c->args.positional[0], &v, &c->err);
  if (st == MLCM_OK && c->json) st = m ? mlcm_model_to_json(m, &json, &c->err) : mlcm_version_to_json(v, &json, &c->err);
  if (st != MLCM_OK)
    code = cli_fail(c);
  else if (json)
    code = cli_json_text(c, json);
  else if (m)
    show_model(c, m);
  else
    show_version(c, v);
  mlcm_version_free(v);
  mlcm_model_free(m);
  return code;
}

/* ---- lists --------------------------------------------------------------------------------------------------------- */

static int get_limit(cli *c, size_t *out, int64_t max) {
  const char *text = cli_get(&c->args, "limit");
  int64_t limit = 100;
  if (text && (!cli_number(text, &limit) || limit < 1 || limit > max))
    return cli_usage(c, "--limit wants a number from 1 to %lld, got '%s'", (long long)max, text);
  *out = (size_t)limit;
  return 0;
}

static void aliases_text(const mlcm_version *v, char *out, size_t size) {
  out[0] = '\0';
  for (size_t i = 0; i < mlcm_version_n_aliases(v) && strlen(out) + 40 < size; i++) {
    size_t used = strlen(out);
    snprintf(out + used, size - used, "%s@%.32s", i ? " " : "", mlcm_version_alias(v, i));
  }
}

static void tags_text(const mlcm_version *v, char *out, size_t size) {
  out[0] = '\0';
  for (size_t i = 0; i < mlcm_version_n_tags(v) && strlen(out) + 80 < size; i++) {
    mlcm_tag tag = mlcm_version_tag(v, i);
    size_t used = strlen(out);
    snprintf(out + used, size - used, "%s%.32s=%.40s", i ? " " : "", tag.key, tag.value);
  }
}

static void print_versions(cli *c, const mlcm_page *page) {
  static const char *const headers[] = {"VERSION", "ALIASES", "TAGS", "REGISTERED", "BY"};
  cli_table *table = cli_table_new(5, headers);
  for (size_t i = 0; i < mlcm_page_n(page); i++) {
    const mlcm_version *v = mlcm_page_version(page, i);
    char name[320], aliases[200], tags[200], when[32];
    snprintf(name, sizeof name, "%s/%lld", mlcm_version_model(v), (long long)mlcm_version_number(v));
    aliases_text(v, aliases, sizeof aliases);
    tags_text(v, tags, sizeof tags);
    cli_table_row(
        table, (const char *const[]){name, aliases, tags, local_time(mlcm_version_created_ns(v), when), mlcm_version_actor(v)});
  }
  cli_table_print(table, &c->out);
}

static void print_models(cli *c, const mlcm_page *page) {
  static const char *const headers[] = {"MODEL", "VERSIONS", "NEWEST", "ALIASES", "UPDATED"};
  cli_table *table = cli_table_new(5, headers);
  cli_table_right(table, 1);
  cli_table_right(table, 2);
  for (size_t i = 0; i < mlcm_page_n(page); i++) {
    const mlcm_model *m = mlcm_page_model(page, i);
    char n[24], newest[24], aliases[200] = "", when[32];
    snprintf(n, sizeof n, "%lld", (long long)mlcm_model_n_versions(m));
    snprintf(newest, sizeof newest, "%lld", (long long)mlcm_model_newest_version(m));
    for (size_t k = 0; k < mlcm_model_n_aliases(m) && strlen(aliases) + 64 < sizeof aliases; k++) {
      size_t used = strlen(aliases);
      mlcm_alias alias = mlcm_model_alias(m, k);
      snprintf(aliases + used, sizeof aliases - used, "%s@%.32s->%lld", k ? " " : "", alias.name, (long long)alias.version);
    }
    cli_table_row(table,
                  (const char *const[]){mlcm_model_name(m), n, newest, aliases, local_time(mlcm_model_updated_ns(m), when)});
  }
  cli_table_print(table, &c->out);
}

static int print_page(cli *c, const mlcm_page *page, bool models) {
  if (!c->json) {
    if (models)
      print_models(c, page);
    else
      print_versions(c, page);
    if (mlcm_page_n(page) == 0) cli_say(c, "nothing found");
    if (mlcm_page_next(page)) cli_say(c, "more: --page %s", mlcm_page_next(page));
    return EXIT_OK;
  }
  cJSON *root = cJSON_CreateObject(), *list = cJSON_AddArrayToObject(root, models ? "models" : "versions");
  for (size_t i = 0; i < mlcm_page_n(page); i++) {
    char *json = NULL;
    mlcm_status st = models ? mlcm_model_to_json(mlcm_page_model(page, i), &json, &c->err)
                            : mlcm_version_to_json(mlcm_page_version(page, i), &json, &c->err);
    if (st != MLCM_OK) {
      cJSON_Delete(root);
      return cli_fail(c);
    }
    cJSON_AddItemToArray(list, cli_json_tree(c, json));
  }
  if (mlcm_page_next(page))
    cJSON_AddStringToObject(root, "next", mlcm_page_next(page));
  else
    cJSON_AddNullToObject(root, "next");
  return cli_json(c, root);
}

static int search(cli *c, const char *filter, bool models, const char *default_order) {
  mlcm_query query;
  mlcm_page *page = NULL;
  mlcm_query_init(&query, sizeof query);
  query.filter = filter;
  query.order_by = cli_get(&c->args, "order") ? cli_get(&c->args, "order") : default_order;
  query.page_token = cli_get(&c->args, "page");
  int code = get_limit(c, &query.limit, 1000);
  if (!code) code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  mlcm_status st =
      models ? mlcm_search_models(c->reg, &query, &page, &c->err) : mlcm_search_versions(c->reg, &query, &page, &c->err);
  code = st == MLCM_OK ? print_page(c, page, models) : cli_fail(c);
  mlcm_page_free(page);
  return code;
}

int cmd_list(cli *c) {
  char filter[3 * MLCM_MODEL_NAME_MAX];
  if (c->args.n_positional == 0) return search(c, NULL, true, NULL);
  size_t used = (size_t)snprintf(filter, sizeof filter, "name = '");
  for (const char *p = c->args.positional[0]; *p && used + 4 < sizeof filter; p++) {
    if (*p == '\'') filter[used++] = '\'';
    filter[used++] = *p;
  }
  snprintf(filter + used, sizeof filter - used, "'");
  mlcm_model *model = NULL; /* an unknown model is an error, not an empty list */
  int code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  if (mlcm_model_get(c->reg, c->args.positional[0], &model, &c->err) != MLCM_OK) return cli_fail(c);
  mlcm_model_free(model);
  mlcm_registry_close(c->reg);
  c->reg = NULL;
  return search(c, filter, false, "version DESC");
}

int cmd_search(cli *c) { return search(c, c->args.positional[0], cli_has(&c->args, "models"), NULL); }

/* ---- history and feed ---------------------------------------------------------------------------------------------- */

static void print_move(cli *c, const mlcm_alias_move *move) {
  char when[32], from[24], to[24];
  snprintf(from, sizeof from, move->from ? "%lld" : "-", (long long)move->from);
  snprintf(to, sizeof to, move->to ? "%lld" : "-", (long long)move->to);
  cli_line(c, 21, "%s  %4s -> %-4s %-9s %s%s%s%s", local_time(move->time_ns, when), from, to, mlcm_cause_name(move->cause),
           cli_clean(c, move->actor), *move->reason ? "  \"" : "", cli_clean(c, move->reason), *move->reason ? "\"" : "");
}

int cmd_alias_history(cli *c) {
  mlcm_history *history = NULL;
  size_t limit = 0;
  int64_t before = 0;
  const char *page = cli_get(&c->args, "page");
  int code = get_limit(c, &limit, 1000);
  if (!code && page && !cli_number(page, &before))
    code = cli_usage(c, "--page wants the number that 'next' gave, got '%s'", page);
  if (!code) code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  if (mlcm_alias_history(c->reg, c->args.positional[0], c->args.positional[1], before, limit, &history, &c->err) != MLCM_OK)
    return cli_fail(c);
  cJSON *root = cJSON_CreateObject(), *moves = cJSON_AddArrayToObject(root, "moves");
  size_t n = mlcm_history_n(history);
  for (size_t i = 0; i < n; i++) {
    mlcm_alias_move move = mlcm_history_at(history, i);
    char *json = NULL;
    if (!c->json)
      print_move(c, &move);
    else if (mlcm_history_to_json(history, i, &json, &c->err) == MLCM_OK)
      cJSON_AddItemToArray(moves, cli_json_tree(c, json));
    else
      code = cli_fail(c);
  }
  if (n == limit)
    cJSON_AddNumberToObject(root, "next", (double)mlcm_history_at(history, n - 1).seq);
  else
    cJSON_AddNullToObject(root, "next");
  mlcm_history_free(history);
  if (code) {
    cJSON_Delete(root);
    return code;
  }
  return cli_json(c, root);
}

static void print_change(cli *c, const mlcm_change *change) {
  char when[32], object[600] = "";
  if (*change->model) snprintf(object, sizeof object, "%s", change->model);
  if (change->version) snprintf(object + strlen(object), sizeof object - strlen(object), "/%lld", (long long)change->version);
  if (*change->alias) snprintf(object + strlen(object), sizeof object - strlen(object), "@%s", change->alias);
  cli_line(c, 8, "%6lld  %s  %-22s %-24s %s%s%s%s", (long long)change->seq, local_time(change->time_ns, when), change->kind,
           object, cli_clean(c, change->actor), *change->reason ? "  \"" : "", cli_clean(c, change->reason),
           *change->reason ? "\"" : "");
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
  fflush(stdout);
  return EXIT_OK;
}

int cmd_log(cli *c) {
  int64_t after = 0;
  size_t limit = 0;
  bool follow = cli_has(&c->args, "follow");
  const char *text = cli_get(&c->args, "after");
  int code = get_limit(c, &limit, 10000);
  if (!code && text && (!cli_number(text, &after) || after < 0))
    code = cli_usage(c, "--after wants a sequence number, got '%s'", text);
  if (!code) code = cli_open(c, MLCM_OPEN_READ_ONLY);
  while (!code) {
    mlcm_feed *feed = NULL;
    if (mlcm_changes(c->reg, after, limit, &feed, &c->err) != MLCM_OK) return cli_fail(c);
    size_t n = mlcm_feed_n(feed);
    code = print_feed(c, feed, &after);
    mlcm_feed_free(feed);
    if (!follow && n == limit) cli_say(c, "perhaps more: --after %lld", (long long)after);
    if (!follow || cli_interrupted()) break;
    if (n == 0) nanosleep(&(struct timespec){0, 100000000}, NULL);
  }
  return code;
}

/* ---- checks and upkeep --------------------------------------------------------------------------------------------- */

int cmd_verify(cli *c) {
  mlcm_version *v = NULL;
  cli_progress progress;
  int code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  if (mlcm_version_get(c->reg, c->args.positional[0], &v, &c->err) != MLCM_OK) return cli_fail(c);
  mlcm_progress report = cli_progress_start(c, &progress, "verifying");
  mlcm_status st = mlcm_version_verify(c->reg, v, report.report ? &report : NULL, &c->err);
  cli_progress_end(&progress);
  if (st != MLCM_OK)
    code = cli_fail(c);
  else if (c->json) {
    cJSON *root = cJSON_CreateObject();
    cJSON_AddStringToObject(root, "model", mlcm_version_model(v));
    cJSON_AddNumberToObject(root, "version", (double)mlcm_version_number(v));
    cJSON_AddStringToObject(root, "manifest", mlcm_version_manifest_digest(v));
    cJSON_AddNumberToObject(root, "files", (double)mlcm_version_n_files(v));
    cJSON_AddTrueToObject(root, "ok");
    code = cli_json(c, root);
  } else {
    printf("%s%s%s %s/%lld: %zu file%s, every byte as registered\n", cli_on(&c->out, STYLE_GOOD),
           cli_sign(&c->out, "\u2714", "ok"), cli_off(&c->out), mlcm_version_model(v), (long long)mlcm_version_number(v),
           mlcm_version_n_files(v), mlcm_version_n_files(v) == 1 ? "" : "s");
  }
  mlcm_version_free(v);
  return code;
}

static void hex(const uint8_t *bytes, size_t n, char *out) {
  for (size_t i = 0; i < n; i++) snprintf(out + 2 * i, 3, "%02x", bytes[i]);
}

/* "12:40ee..." */
static bool parse_head(const char *text, mlcm_audit_head *out) {
  char *end;
  out->size = strtoll(text, &end, 10);
  if (end == text || *end != ':' || out->size < 1 || strlen(end + 1) != 2 * sizeof out->root) return false;
  for (size_t i = 0; i < sizeof out->root; i++) {
    unsigned byte;
    if (sscanf(end + 1 + 2 * i, "%2x", &byte) != 1) return false;
    out->root[i] = (uint8_t)byte;
  }
  return true;
}

int cmd_audit_verify(cli *c) {
  mlcm_audit_head head, anchor;
  char root_hex[65];
  const char *text = cli_get(&c->args, "anchor");
  if (text && !parse_head(text, &anchor))
    return cli_usage(c, "--anchor wants N:ROOT, entries and root as printed, got '%.100s'", text);
  int code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  if (mlcm_audit_verify(c->reg, text ? &anchor : NULL, NULL, &head, &c->err) != MLCM_OK) return cli_fail(c);
  hex(head.root, sizeof head.root, root_hex);
  if (c->json) {
    cJSON *root = cJSON_CreateObject();
    cJSON_AddNumberToObject(root, "entries", (double)head.size);
    cJSON_AddStringToObject(root, "root", root_hex);
    cJSON_AddTrueToObject(root, "ok");
    return cli_json(c, root);
  }
  printf("%s%s%s audit log: %lld entries, root %s\n", cli_on(&c->out, STYLE_GOOD), cli_sign(&c->out, "\u2714", "ok"),
         cli_off(&c->out), (long long)head.size, root_hex);
  return EXIT_OK;
}

/* "24h", "90s", "10m", "2d" in nanoseconds. */
static bool parse_grace(const char *text, int64_t *out) {
  char *end;
  double value = strtod(text, &end);
  double unit = strcmp(end, "s") == 0   ? 1
                : strcmp(end, "m") == 0 ? 60
                : strcmp(end, "h") == 0 ? 3600
                : strcmp(end, "d") == 0 ? 86400
                                        : 0;
  if (end == text || unit == 0 || value < 0 || value * unit > 1e9) return false;
  *out = (int64_t)(value * unit * 1e9);
  if (*out == 0) *out = 1;
  return true;
}

int cmd_gc(cli *c) {
  mlcm_gc_options options;
  mlcm_gc_result result;
  const char *grace = cli_get(&c->args, "grace");
  mlcm_gc_options_init(&options, sizeof options);
  options.dry_run = cli_has(&c->args, "dry-run");
  if (grace && !parse_grace(grace, &options.grace_ns))
    return cli_usage(c, "--grace wants a duration such as 24h, 90s or 2d, got '%s'", grace);
  int code = cli_open(c, 0);
  if (code) return code;
  if (mlcm_gc(c->reg, &options, &c->by, &result, &c->err) != MLCM_OK) return cli_fail(c);
  if (c->json) {
    cJSON *root = cJSON_CreateObject();
    cJSON_AddBoolToObject(root, "dry_run", options.dry_run);
    const struct {
      const char *name;
      int64_t value;
    } numbers[] = {{"kept", result.kept},          {"kept_bytes", result.kept_bytes},
                   {"trashed", result.trashed},    {"trashed_bytes", result.trashed_bytes},
                   {"unlinked", result.unlinked},  {"unlinked_bytes", result.unlinked_bytes},
                   {"restored", result.restored},  {"tmp_files", result.tmp_files},
                   {"tmp_bytes", result.tmp_bytes}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
      cJSON_AddNumberToObject(root, numbers[i].name, (double)numbers[i].value);
    return cli_json(c, root);
  }
  char kept[32], trashed[32], unlinked[32];
  printf("%s %lld objects (%s); to the trash %lld (%s); removed %lld (%s); left-overs removed %lld\n",
         options.dry_run ? "would keep" : "kept", (long long)result.kept, cli_size_text((double)result.kept_bytes, kept),
         (long long)result.trashed, cli_size_text((double)result.trashed_bytes, trashed), (long long)result.unlinked,
         cli_size_text((double)result.unlinked_bytes, unlinked), (long long)result.tmp_files);
  return EXIT_OK;
}
