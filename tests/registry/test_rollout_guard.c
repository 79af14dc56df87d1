/* SPDX-License-Identifier: Apache-2.0
 *
 * test_rollout_guard.c - changes from outside while a rollout is active: refused whole unless forced, and then the rollout is
 * told.
 */
#include "registry/fixture.h"
#include "registry/rollouts.h"

/* Versions 1 to 3; m@champion on 1 serves endpoint m; a rollout takes 2 there. */
typedef struct scene {
  fixture f;
  mlcm__endpoint_row endpoint;
  int64_t rollout;
} scene;

static void set_scene(scene *s) {
  static const uint8_t salt[MLCM__ROUTING_SALT_BYTES] = {1};
  mlcm__db_conn *conn = NULL;
  *s = (scene){0};
  set_up(&s->f);
  add_versions(&s->f, "m", 3);
  move_alias(&s->f, "m", "champion", 1);
  move_alias(&s->f, "m", "other", 3);
  CHECK_OK(mlcm__registry_write_begin(s->f.reg, &conn, err));
  CHECK_OK(mlcm__endpoint_ensure(conn, s->f.reg, "m", NULL, NULL, &s->endpoint, err));
  mlcm__rollout_new row = {.endpoint_id = s->endpoint.id,
                           .stable = 1,
                           .candidate = 2,
                           .plan_name = "plan.yaml",
                           .plan = "x",
                           .policy_digest = "d",
                           .salt = salt,
                           .actor = "ana",
                           .now_wall_ns = TEST_EPOCH_NS};
  CHECK_OK(mlcm__rollout_insert(conn, &row, &s->rollout, err));
  CHECK_OK(mlcm__registry_commit(s->f.reg, &conn, err));
}

/* The oldest open intent of the rollout; kind 0 for none. */
static mlcm__intent intent_of(const scene *s) {
  mlcm__db_conn *conn = NULL;
  static mlcm__intent intent;
  CHECK_OK(mlcm__db_read_begin(s->f.reg->db, &conn, err));
  CHECK_OK(mlcm__intent_next(conn, s->rollout, &intent, err));
  mlcm__db_read_end(conn);
  return intent;
}

static int64_t head_of(const scene *s) {
  int64_t head = 0;
  CHECK_OK(mlcm_changes_head(s->f.reg, &head, err));
  return head;
}

START_TEST(changes_that_touch_the_rollout_are_refused_whole) {
  scene s;
  set_scene(&s);
  int64_t before = head_of(&s);
  const char *aliases[] = {"champion"};
  mlcm_register_options o = MLCM_REGISTER_OPTIONS_INIT;
  o.aliases = aliases;
  o.n_aliases = 1;
  char *path = make_file(&s.f, "x", "x");
  ck_assert_int_eq(mlcm_alias_set(s.f.reg, "m", "champion", 3, MLCM_ALIAS_ANY, 0, NULL, NULL), MLCM_CONFLICT);
  ck_assert_int_eq(mlcm_alias_delete(s.f.reg, "m", "champion", MLCM_ALIAS_ANY, 0, NULL, NULL), MLCM_CONFLICT);
  ck_assert_int_eq(mlcm_register(s.f.reg, "m", path, &o, NULL, NULL, NULL), MLCM_CONFLICT);
  ck_assert_int_eq(mlcm_version_delete(s.f.reg, "m", 2, 0, NULL, NULL), MLCM_CONFLICT);
  ck_assert_int_eq(mlcm_model_delete(s.f.reg, "m", 0, NULL, NULL), MLCM_CONFLICT);
  ck_assert_int_eq(head_of(&s), before);
  ck_assert_int_eq(alias_of(&s.f, "m", "champion"), 1);
  ck_assert_int_eq(intent_of(&s).id, 0);
  free(path);
  tear_down(&s.f);
}
END_TEST

START_TEST(what_does_not_touch_it_goes_on) {
  scene s;
  set_scene(&s);
  move_alias(&s.f, "m", "other", 2);
  ck_assert_int_eq(add_version(&s.f, "m", "new", NULL), 4);
  CHECK_OK(mlcm_version_delete(s.f.reg, "m", 3, 0, NULL, err));
  CHECK_OK(mlcm_version_tag_set(s.f.reg, "m", 2, "k", "v", NULL, err));
  ck_assert_int_eq(intent_of(&s).id, 0);
  tear_down(&s.f);
}
END_TEST

START_TEST(force_moves_and_tells_the_rollout_who) {
  scene s;
  set_scene(&s);
  CHECK_OK(mlcm_alias_set(s.f.reg, "m", "champion", 3, 1, MLCM_ALIAS_FORCE, &(mlcm_attribution){"bo", "incident"}, err));
  ck_assert_int_eq(alias_of(&s.f, "m", "champion"), 3);
  mlcm__intent intent = intent_of(&s);
  ck_assert_int_eq(intent.kind, MLCM__INTENT_DISPLACED);
  ck_assert_str_eq(intent.actor, "bo");
  tear_down(&s.f);
}
END_TEST

START_TEST(a_candidate_is_deleted_by_force_only) {
  scene s;
  set_scene(&s);
  CHECK_OK(mlcm_version_delete(s.f.reg, "m", 2, MLCM_FORCE, NULL, err));
  ck_assert_int_eq(intent_of(&s).kind, MLCM__INTENT_DISPLACED);
  tear_down(&s.f);
}
END_TEST

/* Found by fuzz_calls: with its alias gone nothing spoke for the rollout. */
START_TEST(a_model_without_aliases_is_deleted_by_force_only_too) {
  scene s;
  set_scene(&s);
  CHECK_OK(mlcm_alias_delete(s.f.reg, "m", "other", MLCM_ALIAS_ANY, 0, NULL, err));
  CHECK_OK(mlcm_alias_delete(s.f.reg, "m", "champion", MLCM_ALIAS_ANY, MLCM_FORCE, NULL, err));
  CHECK_FAILS(MLCM_CONFLICT, "speaks of the model", mlcm_model_delete(s.f.reg, "m", 0, NULL, err));
  CHECK_OK(mlcm_model_delete(s.f.reg, "m", MLCM_FORCE, NULL, err));
  ck_assert_int_eq(intent_of(&s).kind, MLCM__INTENT_DISPLACED);
  tear_down(&s.f);
}
END_TEST

START_TEST(without_a_rollout_the_endpoint_follows_its_alias) {
  fixture f;
  set_up(&f);
  mlcm__db_conn *conn = NULL;
  mlcm__endpoint_row endpoint;
  mlcm__routing routing = {0};
  add_versions(&f, "m", 2);
  move_alias(&f, "m", "champion", 1);
  CHECK_OK(mlcm__registry_write_begin(f.reg, &conn, err));
  CHECK_OK(mlcm__endpoint_ensure(conn, f.reg, "m", NULL, NULL, &endpoint, err));
  CHECK_OK(mlcm__registry_commit(f.reg, &conn, err));
  CHECK_OK(mlcm__routing_current(f.reg, endpoint.id, &routing, err));
  int64_t epoch = routing.epoch;
  ck_assert_int_eq(routing.stable, 1);
  move_alias(&f, "m", "champion", 2);
  CHECK_OK(mlcm__routing_current(f.reg, endpoint.id, &routing, err));
  ck_assert_int_eq(routing.stable, 2);
  ck_assert_int_eq(routing.epoch, epoch + 1);
  mlcm__routing_reset(f.ctx, &routing);
  tear_down(&f);
}
END_TEST

/* m@champion on 1 serves endpoint m; there is no rollout. Answers the endpoint's number. */
static int64_t serve(fixture *f) {
  mlcm__db_conn *conn = NULL;
  mlcm__endpoint_row endpoint;
  set_up(f);
  add_versions(f, "m", 3);
  move_alias(f, "m", "champion", 1);
  CHECK_OK(mlcm__registry_write_begin(f->reg, &conn, err));
  CHECK_OK(mlcm__endpoint_ensure(conn, f->reg, "m", NULL, NULL, &endpoint, err));
  CHECK_OK(mlcm__registry_commit(f->reg, &conn, err));
  return endpoint.id;
}

START_TEST(a_deleted_version_is_nothing_to_an_endpoint_without_a_rollout) {
  fixture f;
  mlcm__routing routing = {0};
  int64_t endpoint = serve(&f);
  CHECK_OK(mlcm_version_delete(f.reg, "m", 2, 0, NULL, err));
  CHECK_OK(mlcm__routing_current(f.reg, endpoint, &routing, err));
  ck_assert_int_eq(routing.epoch, 1);
  mlcm__routing_reset(f.ctx, &routing);
  tear_down(&f);
}
END_TEST

START_TEST(an_alias_that_comes_to_stable_ends_a_candidate_that_no_rollout_speaks_for) {
  fixture f;
  mlcm__db_conn *conn = NULL;
  mlcm__routing routing = {0};
  int64_t endpoint = serve(&f);
  CHECK_OK(mlcm__registry_write_begin(f.reg, &conn, err));
  CHECK_OK(mlcm__routing_read(conn, endpoint, &routing, err));
  routing.stable = 2;
  routing.candidate = 3;
  CHECK_OK(mlcm__routing_append(conn, &routing, TEST_EPOCH_NS, err));
  CHECK_OK(mlcm__registry_commit(f.reg, &conn, err));
  move_alias(&f, "m", "champion", 2);
  CHECK_OK(mlcm__routing_current(f.reg, endpoint, &routing, err));
  ck_assert_int_eq(routing.stable, 2);
  ck_assert_int_eq(routing.candidate, 0);
  mlcm__routing_reset(f.ctx, &routing);
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {changes_that_touch_the_rollout_are_refused_whole, what_does_not_touch_it_goes_on,
                          force_moves_and_tells_the_rollout_who, a_candidate_is_deleted_by_force_only,
                          a_model_without_aliases_is_deleted_by_force_only_too,
                          without_a_rollout_the_endpoint_follows_its_alias,
                          a_deleted_version_is_nothing_to_an_endpoint_without_a_rollout,
                          an_alias_that_comes_to_stable_ends_a_candidate_that_no_rollout_speaks_for};
  return TEST_RUN("registry_rollout_guard", tests);
}
