/* SPDX-License-Identifier: Apache-2.0
 *
 * cmd_keep.c - keeping a registry sound: check and repair, backup and restore.
 */
#include <stdlib.h>
#include <string.h>

#include "cli.h"

static void set_attribution(cli *c) {
  c->by.actor = cli_get(&c->args, "actor");
  c->by.reason = cli_get(&c->args, "reason");
}

/* ---- fsck ---------------------------------------------------------------------------------------------------------- */

static void print_finding(cli *c, const mlcm_finding *f) {
  const cli_term *t = &c->out;
  const char *sign = f->repaired    ? cli_sign(t, "\u2714", "ok")
                     : f->is_damage ? cli_sign(t, "\u2716", "x")
                                    : cli_sign(t, "\u25cc", "note");
  printf("%s%s%s %s: %s\n",
         cli_on(t, f->repaired    ? STYLE_GOOD
                   : f->is_damage ? STYLE_BAD
                                  : STYLE_WARN),
         sign, cli_off(t), cli_clean(c, f->object), cli_clean(c, f->problem));
  if (*f->expected)
    printf("    expected %s, found %s\n", cli_clean(c, f->expected), *f->found ? cli_clean(c, f->found) : "nothing");
  if (f->repaired)
    printf("    repaired\n");
  else if (*f->restore)
    printf("    %s\n", cli_clean(c, f->restore));
}

static void print_report(cli *c, const mlcm_fsck_report *report) {
  char bytes[32];
  mlcm_fsck_summary s = mlcm_fsck_report_summary(report);
  bool can_repair = false;
  for (size_t i = 0; i < mlcm_fsck_report_n(report); i++) {
    mlcm_finding finding = mlcm_fsck_report_at(report, i);
    print_finding(c, &finding);
    can_repair = can_repair || (finding.can_repair && !finding.repaired);
  }
  printf("%s%s%s %lld version%s, %lld object%s (%s), %lld audit entries: ", cli_on(&c->out, s.left ? STYLE_BAD : STYLE_GOOD),
         s.left ? cli_sign(&c->out, "\u2716", "x") : cli_sign(&c->out, "\u2714", "ok"), cli_off(&c->out), (long long)s.versions,
         s.versions == 1 ? "" : "s", (long long)s.objects, s.objects == 1 ? "" : "s", cli_size_text((double)s.bytes, bytes),
         (long long)s.audit_entries);
  if (!s.damaged)
    printf("all sound\n");
  else
    printf("%lld damaged, %lld repaired, %lld left\n", (long long)s.damaged, (long long)s.repaired, (long long)s.left);
  if (*mlcm_fsck_report_refusal(report)) cli_say(c, "not repaired: %s", cli_clean(c, mlcm_fsck_report_refusal(report)));
  if (can_repair && !cli_has(&c->args, "repair")) cli_next(c, "mlcm fsck --repair");
}

int cmd_fsck(cli *c) {
  mlcm_fsck_options options;
  mlcm_fsck_report *report = NULL;
  cli_progress progress;
  char *json = NULL;
  set_attribution(c);
  mlcm_fsck_options_init(&options, sizeof options);
  options.repair = cli_has(&c->args, "repair");
  options.backup = cli_get(&c->args, "from");
  options.progress = cli_progress_start(c, &progress, "checking");
  mlcm_status st = mlcm_fsck(c->ctx, cli_registry_dir(c), &options, &c->by, &report, &c->err);
  cli_progress_end(&progress);
  if (st == MLCM_OK && c->json) st = mlcm_fsck_report_to_json(report, &json, &c->err);
  int code = EXIT_OK;
  if (st != MLCM_OK)
    code = cli_fail(c);
  else if (c->json)
    cli_json_text(c, json);
  else
    print_report(c, report);
  if (st == MLCM_OK && mlcm_fsck_report_summary(report).left > 0) code = EXIT_ERROR;
  mlcm_fsck_report_free(report);
  return code;
}

/* ---- backup and restore -------------------------------------------------------------------------------------------- */

static int print_backup(cli *c, const char *verb, const char *dir, const mlcm_backup_result *r) {
  char bytes[32];
  if (!c->json) {
    printf("%s %s: %lld version%s, %lld object%s, %s\n", verb, dir, (long long)r->versions, r->versions == 1 ? "" : "s",
           (long long)r->objects, r->objects == 1 ? "" : "s",
           cli_size_text((double)(r->object_bytes + r->database_bytes), bytes));
    printf("audit log: %lld entries, root %s\n", (long long)r->audit_entries, r->audit_root);
    return EXIT_OK;
  }
  cJSON *root = cJSON_CreateObject();
  cJSON_AddStringToObject(root, "directory", dir);
  cJSON_AddNumberToObject(root, "versions", (double)r->versions);
  cJSON_AddNumberToObject(root, "objects", (double)r->objects);
  cJSON_AddNumberToObject(root, "object_bytes", (double)r->object_bytes);
  cJSON_AddNumberToObject(root, "database_bytes", (double)r->database_bytes);
  cJSON_AddNumberToObject(root, "audit_entries", (double)r->audit_entries);
  cJSON_AddStringToObject(root, "audit_root", r->audit_root);
  return cli_json(c, root);
}

int cmd_backup_make(cli *c) {
  mlcm_backup_options options;
  mlcm_backup_result result;
  cli_progress progress;
  int code = cli_open(c, 0);
  if (code) return code;
  mlcm_backup_options_init(&options, sizeof options);
  options.progress = cli_progress_start(c, &progress, "copying");
  mlcm_status st = mlcm_backup(c->reg, c->args.positional[0], &options, &c->by, &result, &c->err);
  cli_progress_end(&progress);
  return st == MLCM_OK ? print_backup(c, "backup in", c->args.positional[0], &result) : cli_fail(c);
}

int cmd_backup_restore(cli *c) {
  mlcm_backup_options options;
  mlcm_backup_result result;
  cli_progress progress;
  set_attribution(c);
  mlcm_backup_options_init(&options, sizeof options);
  options.progress = cli_progress_start(c, &progress, "copying");
  mlcm_status st = mlcm_restore(c->ctx, c->args.positional[0], cli_registry_dir(c), &options, &c->by, &result, &c->err);
  cli_progress_end(&progress);
  return st == MLCM_OK ? print_backup(c, "registry at", cli_registry_dir(c), &result) : cli_fail(c);
}
