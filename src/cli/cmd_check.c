/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_check.c - checks of what is stored, and the removal of what nothing needs.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"
#include "progress.h"

/* ---- verify -------------------------------------------------------------------------------------------------------- */

static int print_verified(cli *c, const mlcm_version *v) {
  if (!c->json) {
    cli_judge(c, true, "%s/%lld: %s, every byte as registered", mlcm_version_model(v), (long long)mlcm_version_number(v),
              cli_count((int64_t)mlcm_version_n_files(v), "file").text);
    return EXIT_OK;
  }
  cJSON *root = json_object();
  json_text(root, "model", mlcm_version_model(v));
  json_whole(root, "version", mlcm_version_number(v));
  json_text(root, "manifest", mlcm_version_manifest_digest(v));
  json_whole(root, "files", (int64_t)mlcm_version_n_files(v));
  json_truth(root, "ok", true);
  return cli_json(root);
}

int cmd_verify(cli *c) {
  mlcm_version *v = NULL;
  cli_progress progress;
  int code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  mlcm_progress report = cli_progress_start(c, &progress, "verifying", NULL);
  mlcm_status st = mlcm_version_get(c->reg, c->args.positional[0], &v, &c->err);
  if (st == MLCM_OK) st = mlcm_version_verify(c->reg, v, &report, &c->err);
  cli_progress_end(&progress);
  code = st == MLCM_OK ? print_verified(c, v) : cli_fail(c);
  mlcm_version_free(v);
  return code;
}

/* ---- audit --------------------------------------------------------------------------------------------------------- */

/* One hexadecimal digit, -1 when it is none. */
static int nibble(char digit) {
  static const char digits[] = "0123456789abcdef";
  const char *at = memchr(digits, digit, 16);
  return at ? (int)(at - digits) : -1;
}

/* "12:40ee..." */
static bool parse_head(const char *text, mlcm_audit_head *out) {
  char *end;
  out->size = strtoll(text, &end, 10);
  if (*end != ':' || out->size < 1 || strlen(end + 1) != 2 * sizeof out->root) return false;
  for (size_t i = 0; i < sizeof out->root; i++) {
    const int high = nibble(end[1 + 2 * i]), low = nibble(end[2 + 2 * i]);
    if (high < 0 || low < 0) return false;
    out->root[i] = (uint8_t)(high * 16 + low);
  }
  return true;
}

int cmd_audit_verify(cli *c) {
  mlcm_audit_head head, anchor;
  char root_hex[2 * sizeof head.root + 1];
  const char *text = cli_get(&c->args, "anchor");
  if (text && !parse_head(text, &anchor))
    return cli_usage(c, "--anchor wants N:ROOT, entries and root as printed, got '%.100s'", text);
  int code = cli_open(c, MLCM_OPEN_READ_ONLY);
  if (code) return code;
  if (mlcm_audit_verify(c->reg, text ? &anchor : NULL, NULL, &head, &c->err) != MLCM_OK) return cli_fail(c);
  for (size_t i = 0; i < sizeof head.root; i++) snprintf(root_hex + 2 * i, 3, "%02x", head.root[i]);
  if (!c->json) {
    cli_judge(c, true, "audit log: %s, root %s", cli_count(head.size, "entry").text, root_hex);
    return EXIT_OK;
  }
  cJSON *root = json_object();
  json_whole(root, "entries", head.size);
  json_text(root, "root", root_hex);
  json_truth(root, "ok", true);
  return cli_json(root);
}

/* ---- gc ------------------------------------------------------------------------------------------------------------ */

/* "24h", "90s", "10m", "2d" in nanoseconds, at least 1. */
static bool parse_grace(const char *text, int64_t *out) {
  static const struct {
    const char *unit;
    double seconds;
  } units[] = {{"s", 1}, {"m", 60}, {"h", 3600}, {"d", 86400}};
  char *end;
  const double value = strtod(text, &end);
  for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
    const double seconds = value * units[i].seconds;
    if (end == text || strcmp(end, units[i].unit) != 0 || !(seconds >= 0 && seconds <= 1e9)) continue;
    *out = (int64_t)(seconds * 1e9) + (seconds == 0);
    return true;
  }
  return false;
}

static void print_amount(cli *c, const char *what, int64_t n, int64_t bytes, const char *why) {
  if (n > 0) cli_line(c, 2, "%s %s, %s%s", what, cli_count(n, "object").text, cli_size(bytes).text, why);
}

static void print_gc(cli *c, bool dry_run, const mlcm_gc_result *r) {
  const char *would = dry_run ? "would have " : "";
  char what[64];
  snprintf(what, sizeof what, "%sremoved", would);
  print_amount(c, what, r->unlinked, r->unlinked_bytes, " that lay in the trash");
  snprintf(what, sizeof what, "%smoved to the trash", would);
  print_amount(c, what, r->trashed, r->trashed_bytes, " that nothing needs: the next gc after the grace time removes them");
  snprintf(what, sizeof what, "%staken back from the trash", would);
  print_amount(c, what, r->restored, 0, "");
  if (r->tmp_files > 0)
    cli_line(c, 2, "%sremoved %s of broken-off work, %s", would, cli_count(r->tmp_files, "file").text,
             cli_size(r->tmp_bytes).text);
  cli_judge(c, true, "%s %s (%s): in use, or too young to go", dry_run ? "would keep" : "kept",
            cli_count(r->kept, "object").text, cli_size(r->kept_bytes).text);
}

static int print_gc_json(bool dry_run, const mlcm_gc_result *r) {
  cJSON *root = json_object();
  json_truth(root, "dry_run", dry_run);
  json_whole(root, "kept", r->kept);
  json_whole(root, "kept_bytes", r->kept_bytes);
  json_whole(root, "trashed", r->trashed);
  json_whole(root, "trashed_bytes", r->trashed_bytes);
  json_whole(root, "unlinked", r->unlinked);
  json_whole(root, "unlinked_bytes", r->unlinked_bytes);
  json_whole(root, "restored", r->restored);
  json_whole(root, "tmp_files", r->tmp_files);
  json_whole(root, "tmp_bytes", r->tmp_bytes);
  return cli_json(root);
}

int cmd_gc(cli *c) {
  mlcm_gc_options options;
  mlcm_gc_result result;
  cli_progress progress;
  const char *grace = cli_get(&c->args, "grace");
  mlcm_gc_options_init(&options, sizeof options);
  options.dry_run = cli_has(&c->args, "dry-run");
  options.progress = cli_progress_start(c, &progress, "looking", "object");
  if (grace && !parse_grace(grace, &options.grace_ns))
    return cli_usage(c, "--grace wants a duration such as 24h, 90s or 2d, at most 11574d, got '%s'", grace);
  int code = cli_open(c, 0);
  if (code) return code;
  mlcm_status st = mlcm_gc(c->reg, &options, &c->by, &result, &c->err);
  cli_progress_end(&progress);
  if (st != MLCM_OK) return cli_fail(c);
  if (c->json) return print_gc_json(options.dry_run, &result);
  print_gc(c, options.dry_run, &result);
  if (options.dry_run && result.unlinked + result.trashed + result.tmp_files > 0) cli_next(c, "mlcm gc", NULL, "");
  return EXIT_OK;
}
