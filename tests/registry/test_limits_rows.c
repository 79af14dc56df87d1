/* SPDX-License-Identifier: Apache-2.0
 *
 * test_limits_rows.c - rows of models, versions, aliases, evaluations, policies, the feed and the audit log that claim too much.
 */
#include "registry/claims.h"

#include <mlcm/trust.h>

static void read_versions(reader *r) {
  mlcm_query query = MLCM_QUERY_INIT;
  mlcm_page *page = NULL;
  query.order_by = "tags.team, metrics.accuracy, version DESC";
  if (!ANSWERS(mlcm_search_versions(r->reg, &query, &page, NULL))) return;
  for (size_t i = 0; i < mlcm_page_n(page); i++) {
    char *json = NULL;
    if (ANSWERS(mlcm_version_to_json(mlcm_page_version(page, i), &json, NULL))) mlcm_free(r->ctx, json);
  }
  mlcm_page_free(page);
}

static void read_rest(reader *r) {
  mlcm_query query = MLCM_QUERY_INIT;
  mlcm_page *models = NULL;
  mlcm_history *history = NULL;
  mlcm_feed *feed = NULL;
  mlcm_version *version = NULL;
  int64_t target = 0;
  if (ANSWERS(mlcm_search_models(r->reg, &query, &models, NULL))) mlcm_page_free(models);
  if (ANSWERS(mlcm_alias_history(r->reg, "digits", "champion", 0, 100, &history, NULL))) mlcm_history_free(history);
  if (ANSWERS(mlcm_changes(r->reg, 0, 1000, &feed, NULL))) mlcm_feed_free(feed);
  if (ANSWERS(mlcm_version_get(r->reg, "digits@champion", &version, NULL))) mlcm_version_free(version);
  (void)ANSWERS(mlcm_alias_get(r->reg, "digits", "champion", &target, NULL));
  (void)ANSWERS(mlcm_audit_verify(r->reg, NULL, NULL, NULL, NULL));
}

static void write_some(reader *r) {
  mlcm_gc_result collected;
  (void)ANSWERS(mlcm_version_tag_set(r->reg, "digits", 2, "team", "sound", NULL, NULL));
  (void)ANSWERS(mlcm_alias_set(r->reg, "digits", "champion", 3, MLCM_ALIAS_ANY, 0, NULL, NULL));
  (void)ANSWERS(mlcm_gc(r->reg, NULL, NULL, &collected, NULL));
}

static void use_all(reader *r, const char *dir) {
  mlcm_registry_options options = MLCM_REGISTRY_OPTIONS_INIT;
  mlcm_fsck_report *report = NULL;
  if (ANSWERS(mlcm_registry_open(r->ctx, dir, &options, &r->reg, NULL))) {
    read_versions(r);
    read_rest(r);
    write_some(r);
    mlcm_registry_close(r->reg);
  }
  if (ANSWERS(mlcm_fsck(r->ctx, dir, NULL, NULL, &report, NULL))) mlcm_fsck_report_free(report);
}

START_TEST(rows_that_claim_too_much_come_to_an_end) {
  fixture f;
  live(&f);
  close_and_checkpoint(&f);
  check_claims(&f, use_all);
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {rows_that_claim_too_much_come_to_an_end};
  in_memory();
  return TEST_RUN("registry_limits_rows", tests);
}
