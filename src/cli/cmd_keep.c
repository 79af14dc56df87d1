/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_keep.c - keeping a registry sound: check and repair, backup and restore.
 */
#include "cli.h"
#include "progress.h"

/* ---- fsck ---------------------------------------------------------------------------------------------------------- */

static void print_finding(cli *c, const mlcm_finding *f) {
  const cli_mark mark = f->repaired ? CLI_GOOD : f->is_damage ? CLI_BAD : CLI_OPEN;
  cli_line(c, 2, "%s %s: %s", cli_marked(&c->out, mark).text, cli_clean(c, f->object), cli_clean(c, f->problem));
  if (*f->expected)
    cli_line(c, 6, "    expected %s, found %s", cli_clean(c, f->expected), *f->found ? cli_clean(c, f->found) : "nothing");
  cli_line(c, 6, "    %s", f->repaired ? "repaired" : cli_clean(c, f->restore));
}

static void print_report(cli *c, const mlcm_fsck_report *report) {
  char outcome[96] = "all sound";
  const mlcm_fsck_summary s = mlcm_fsck_report_summary(report);
  bool can_repair = false;
  for (size_t i = 0; i < mlcm_fsck_report_n(report); i++) {
    mlcm_finding finding = mlcm_fsck_report_at(report, i);
    print_finding(c, &finding);
    if (finding.can_repair) can_repair = true;
  }
  if (s.damaged)
    snprintf(outcome, sizeof outcome, "%lld damaged, %lld repaired, %lld left", (long long)s.damaged, (long long)s.repaired,
             (long long)s.left);
  cli_judge(c, s.left == 0, "%s, %s (%s), %s in the audit log: %s", cli_count(s.versions, "version").text,
            cli_count(s.objects, "object").text, cli_size(s.bytes).text, cli_count(s.audit_entries, "entry").text, outcome);
  const char *refusal = mlcm_fsck_report_refusal(report);
  if (*refusal) cli_say(c, "nothing was repaired: %s", cli_clean(c, refusal));
  if (can_repair && !cli_has(&c->args, "repair")) cli_next(c, "mlcm fsck --repair", NULL, "");
}

static int tell_report(cli *c, const mlcm_fsck_report *report) {
  char *json = NULL;
  if (!c->json)
    print_report(c, report);
  else if (mlcm_fsck_report_to_json(report, &json, &c->err) != MLCM_OK)
    return cli_fail(c);
  else
    cli_json_text(c, json);
  return mlcm_fsck_report_summary(report).left > 0 ? EXIT_ERROR : EXIT_OK;
}

int cmd_fsck(cli *c) {
  mlcm_fsck_options options;
  mlcm_fsck_report *report = NULL;
  cli_progress progress;
  mlcm_fsck_options_init(&options, sizeof options);
  options.repair = cli_has(&c->args, "repair");
  options.backup = cli_get(&c->args, "from");
  options.progress = cli_progress_start(c, &progress, "checking", NULL);
  mlcm_status st = mlcm_fsck(c->ctx, cli_registry_dir(c), &options, &c->by, &report, &c->err);
  cli_progress_end(&progress);
  if (st != MLCM_OK) return cli_fail(c);
  int code = tell_report(c, report);
  mlcm_fsck_report_free(report);
  return code;
}

/* ---- backup and restore -------------------------------------------------------------------------------------------- */

static int print_backup(cli *c, const char *what, const char *dir, const mlcm_backup_result *r) {
  if (!c->json) {
    cli_judge(c, true, "%s %s: %s, %s, %s", what, cli_clean(c, dir), cli_count(r->versions, "version").text,
              cli_count(r->objects, "object").text, cli_size(r->object_bytes + r->database_bytes).text);
    cli_line(c, 2, "  audit log: %s, root %s", cli_count(r->audit_entries, "entry").text, r->audit_root);
    return EXIT_OK;
  }
  cJSON *root = json_object();
  json_text(root, "directory", dir);
  json_whole(root, "versions", r->versions);
  json_whole(root, "objects", r->objects);
  json_whole(root, "object_bytes", r->object_bytes);
  json_whole(root, "database_bytes", r->database_bytes);
  json_whole(root, "audit_entries", r->audit_entries);
  json_text(root, "audit_root", r->audit_root);
  return cli_json(root);
}

int cmd_backup_make(cli *c) {
  const char *dir = c->args.positional[0];
  mlcm_backup_options options;
  mlcm_backup_result result;
  cli_progress progress;
  int code = cli_open(c, 0);
  if (code) return code;
  mlcm_backup_options_init(&options, sizeof options);
  options.progress = cli_progress_start(c, &progress, "copying", NULL);
  mlcm_status st = mlcm_backup(c->reg, dir, &options, &c->by, &result, &c->err);
  cli_progress_end(&progress);
  if (st != MLCM_OK) return cli_fail(c);
  code = print_backup(c, "backup in", dir, &result);
  cli_next(c, "mlcm fsck --registry ", dir, "");
  return code;
}

int cmd_backup_restore(cli *c) {
  mlcm_backup_options options;
  mlcm_backup_result result;
  cli_progress progress;
  mlcm_backup_options_init(&options, sizeof options);
  options.progress = cli_progress_start(c, &progress, "copying", NULL);
  mlcm_status st = mlcm_restore(c->ctx, c->args.positional[0], cli_registry_dir(c), &options, &c->by, &result, &c->err);
  cli_progress_end(&progress);
  return st == MLCM_OK ? print_backup(c, "registry at", cli_registry_dir(c), &result) : cli_fail(c);
}
