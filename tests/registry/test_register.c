/* SPDX-License-Identifier: Apache-2.0
 *
 * test_register.c - what becomes of a file or a folder, in one transaction.
 */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "registry/fixture.h"

/* sha256 of "abc". */
static const char abc_sha256[] = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

START_TEST(a_file_becomes_version_1_of_a_new_model) {
  fixture f;
  set_up(&f);
  mlcm_version *v = NULL;
  char *path = make_file(&f, "model.onnx", "abc");
  CHECK_OK(mlcm_register(f.reg, "digits", path, NULL, &(mlcm_attribution){"bo", "first try"}, &v, err));
  ck_assert_str_eq(mlcm_version_model(v), "digits");
  ck_assert_int_eq(mlcm_version_number(v), 1);
  ck_assert_int_eq(mlcm_version_state(v), MLCM_STATE_READY);
  ck_assert_int_eq(mlcm_version_created_ns(v), TEST_EPOCH_NS);
  ck_assert_str_eq(mlcm_version_actor(v), "bo");
  ck_assert_str_eq(mlcm_version_reason(v), "first try");
  ck_assert_str_eq(mlcm_version_scan_verdict(v), "unscanned");
  ck_assert_uint_eq(mlcm_version_n_files(v), 1);
  mlcm_file file = mlcm_version_file(v, 0);
  ck_assert_str_eq(file.path, "model.onnx");
  ck_assert_int_eq(file.size_bytes, 3);
  ck_assert_str_eq(file.sha256, abc_sha256);
  ck_assert_int_eq(mlcm_version_size_bytes(v), 3);
  ck_assert_uint_eq(strlen(mlcm_version_manifest_digest(v)), 64);
  mlcm_version_free(v);
  free(path);
  tear_down(&f);
}
END_TEST

static void make_folder(const fixture *f, const char *name) {
  char *path = test_path(f->dir, name);
  ck_assert_int_eq(mkdir(path, 0755), 0);
  free(path);
}

START_TEST(a_folder_gives_its_files_sorted_by_path) {
  static const char *const expected[] = {"a/z.bin", "a0.bin", "b.bin", "empty.bin"};
  fixture f;
  set_up(&f);
  mlcm_version *v = NULL;
  make_folder(&f, "m");
  make_folder(&f, "m/a");
  make_folder(&f, "m/nothing");
  free(make_file(&f, "m/b.bin", "b"));
  free(make_file(&f, "m/a/z.bin", "z"));
  free(make_file(&f, "m/a0.bin", "z"));
  free(make_file(&f, "m/empty.bin", ""));
  char *path = test_path(f.dir, "m");
  CHECK_OK(mlcm_register(f.reg, "digits", path, NULL, NULL, &v, err));
  ck_assert_uint_eq(mlcm_version_n_files(v), 4);
  for (size_t i = 0; i < 4; i++) ck_assert_str_eq(mlcm_version_file(v, i).path, expected[i]);
  mlcm_version_free(v);
  free(path);
  tear_down(&f);
}
END_TEST

START_TEST(the_manifest_digest_depends_on_paths_and_bytes_only) {
  fixture f;
  set_up(&f);
  add_version(&f, "a", "same", NULL);
  test_clock_advance(&f.clock, TEST_SECOND_NS);
  add_version(&f, "b", "same", NULL);
  add_version(&f, "b", "other", NULL);
  mlcm_version *one = get_version(&f, "a/1");
  mlcm_version *two = get_version(&f, "b/1");
  mlcm_version *three = get_version(&f, "b/2");
  ck_assert_str_eq(mlcm_version_manifest_digest(one), mlcm_version_manifest_digest(two));
  ck_assert_str_ne(mlcm_version_manifest_digest(one), mlcm_version_manifest_digest(three));
  mlcm_version_free(one);
  mlcm_version_free(two);
  mlcm_version_free(three);
  tear_down(&f);
}
END_TEST

START_TEST(tags_aliases_and_lineage_come_in_the_same_transaction) {
  fixture f;
  set_up(&f);
  add_version(&f, "base", "0", NULL);
  const char *aliases[] = {"champion", "blue"};
  const mlcm_tag tags[] = {{"team", "vision"}, {"lang", "c"}};
  mlcm_register_options options = MLCM_REGISTER_OPTIONS_INIT;
  options.description = "two lines\nof text";
  options.aliases = aliases;
  options.n_aliases = 2;
  options.tags = tags;
  options.n_tags = 2;
  options.parent = "base";
  options.dataset_digest = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  options.source_revision = "4f1c";
  options.run_link = "https://runs.example/1";
  add_version(&f, "digits", "1", &options);
  mlcm_version *v = get_version(&f, "digits@champion");
  ck_assert_str_eq(mlcm_version_description(v), "two lines\nof text");
  ck_assert_uint_eq(mlcm_version_n_aliases(v), 2);
  ck_assert_str_eq(mlcm_version_alias(v, 0), "blue");
  ck_assert_uint_eq(mlcm_version_n_tags(v), 2);
  ck_assert_str_eq(mlcm_version_tag(v, 0).key, "lang");
  ck_assert_str_eq(mlcm_version_tag_value(v, "team"), "vision");
  ck_assert_ptr_null(mlcm_version_tag_value(v, "teem"));
  ck_assert_str_eq(mlcm_version_parent(v), "base/1");
  ck_assert_str_eq(mlcm_version_dataset_digest(v), options.dataset_digest);
  ck_assert_str_eq(mlcm_version_source_revision(v), "4f1c");
  ck_assert_str_eq(mlcm_version_run_link(v), "https://runs.example/1");
  mlcm_version_free(v);
  tear_down(&f);
}
END_TEST

START_TEST(numbers_are_never_used_again) {
  fixture f;
  set_up(&f);
  add_versions(&f, "digits", 3);
  CHECK_OK(mlcm_version_delete(f.reg, "digits", 3, 0, NULL, err));
  ck_assert_int_eq(add_version(&f, "digits", "x", NULL), 4);
  tear_down(&f);
}
END_TEST

START_TEST(options_that_break_a_rule_change_nothing) {
  fixture f;
  set_up(&f);
  char *path = make_file(&f, "m", "x");
  const char *twice[] = {"a", "a"};
  const char *reserved[] = {"latest"};
  const mlcm_tag tags[] = {{"k", "1"}, {"k", "2"}};
  mlcm_register_options o = MLCM_REGISTER_OPTIONS_INIT;
  o.aliases = twice;
  o.n_aliases = 2;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "given twice", mlcm_register(f.reg, "m", path, &o, NULL, NULL, err));
  o.aliases = reserved;
  o.n_aliases = 1;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "reserved", mlcm_register(f.reg, "m", path, &o, NULL, NULL, err));
  o = (mlcm_register_options)MLCM_REGISTER_OPTIONS_INIT;
  o.tags = tags;
  o.n_tags = 2;
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "given twice", mlcm_register(f.reg, "m", path, &o, NULL, NULL, err));
  o = (mlcm_register_options)MLCM_REGISTER_OPTIONS_INIT;
  o.parent = "nobody/1";
  CHECK_FAILS(MLCM_NOT_FOUND, "parent: model 'nobody'", mlcm_register(f.reg, "m", path, &o, NULL, NULL, err));
  o.parent = NULL;
  o.dataset_digest = "md5:1";
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "sha256:", mlcm_register(f.reg, "m", path, &o, NULL, NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "'@'", mlcm_register(f.reg, "m@x", path, NULL, NULL, NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "actor is empty",
              mlcm_register(f.reg, "m", path, NULL, &(mlcm_attribution){"", NULL}, NULL, err));
  int64_t head = -1;
  CHECK_OK(mlcm_changes_head(f.reg, &head, err));
  ck_assert_int_eq(head, 0);
  free(path);
  tear_down(&f);
}
END_TEST

/* ---- what may not be registered ---- */

static void refuse(const fixture *f, const char *name, mlcm_status status, const char *part) {
  char *path = test_path(f->dir, name);
  CHECK_FAILS(status, part, mlcm_register(f->reg, "m", path, NULL, NULL, NULL, err));
  free(path);
}

START_TEST(links_pipes_and_odd_names_are_refused) {
  fixture f;
  set_up(&f);
  make_folder(&f, "link");
  make_folder(&f, "pipe");
  make_folder(&f, "name");
  make_folder(&f, "slash");
  make_folder(&f, "utf8");
  make_folder(&f, "none");
  char *link = test_path(f.dir, "link/x");
  char *top = test_path(f.dir, "top");
  char *pipe = test_path(f.dir, "pipe/x");
  ck_assert_int_eq(symlink("/etc/passwd", link), 0);
  ck_assert_int_eq(symlink("/etc/passwd", top), 0);
  ck_assert_int_eq(mkfifo(pipe, 0600), 0);
  free(make_file(&f, "name/a\nb", "x"));
  free(make_file(&f, "slash/a\\b", "x"));
  free(make_file(&f, "utf8/a\xff", "x"));
  refuse(&f, "link", MLCM_INVALID_ARGUMENT, "symbolic link");
  refuse(&f, "top", MLCM_INVALID_ARGUMENT, "symbolic link");
  refuse(&f, "pipe", MLCM_INVALID_ARGUMENT, "a pipe");
  refuse(&f, "name", MLCM_INVALID_ARGUMENT, "control characters");
  refuse(&f, "slash", MLCM_INVALID_ARGUMENT, "backslash");
  refuse(&f, "utf8", MLCM_INVALID_ARGUMENT, "UTF-8");
  refuse(&f, "none", MLCM_INVALID_ARGUMENT, "no file");
  refuse(&f, "missing", MLCM_NOT_FOUND, "missing");
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "a device", mlcm_register(f.reg, "m", "/dev/null", NULL, NULL, NULL, err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "empty", mlcm_register(f.reg, "m", "", NULL, NULL, NULL, err));
  free(link);
  free(top);
  free(pipe);
  tear_down(&f);
}
END_TEST

START_TEST(hard_links_are_copied) {
  fixture f;
  set_up(&f);
  char *one = make_file(&f, "one", "abc");
  char *two = test_path(f.dir, "two");
  ck_assert_int_eq(link(one, two), 0);
  CHECK_OK(mlcm_register(f.reg, "m", two, NULL, NULL, NULL, err));
  test_write_file(one, "changed afterwards", 18);
  mlcm_version *v = get_version(&f, "m/1");
  CHECK_OK(mlcm_version_verify(f.reg, v, NULL, err));
  mlcm_version_free(v);
  free(one);
  free(two);
  tear_down(&f);
}
END_TEST

START_TEST(a_file_of_the_working_directory_needs_no_folder_in_its_path) {
  fixture f;
  mlcm_version *v = NULL;
  set_up(&f);
  free(make_file(&f, "model.bin", "x"));
  int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  ck_assert_int_ge(here, 0);
  ck_assert_int_eq(chdir(f.dir), 0);
  CHECK_OK(mlcm_register(f.reg, "m", "model.bin", NULL, NULL, &v, err));
  ck_assert_int_eq(fchdir(here), 0);
  close(here);
  ck_assert_str_eq(mlcm_version_file(v, 0).path, "model.bin");
  mlcm_version_free(v);
  tear_down(&f);
}
END_TEST

START_TEST(a_registry_does_not_swallow_itself) {
  fixture f;
  set_up(&f);
  free(make_file(&f, "model.bin", "x"));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "holds the registry itself", mlcm_register(f.reg, "m", f.dir, NULL, NULL, NULL, err));
  tear_down(&f);
}
END_TEST

START_TEST(folders_have_a_depth) {
  fixture f;
  set_up(&f);
  char name[300] = "deep";
  make_folder(&f, name);
  for (int i = 0; i < 64; i++) {
    strcat(name, "/d");
    make_folder(&f, name);
  }
  strcat(name, "/x");
  free(make_file(&f, name, "x"));
  refuse(&f, "deep", MLCM_LIMIT, "64 folders deep");
  tear_down(&f);
}
END_TEST

/* A file that grows in the middle of being read. */
static char *growing;
static int64_t (*real_read)(void *user, int fd, void *out, size_t size);

static int64_t read_and_grow(void *user, int fd, void *out, size_t size) {
  int64_t n = real_read(user, fd, out, size);
  if (growing && n > 0) {
    char *path = growing;
    growing = NULL;
    test_write_file(path, "longer than before", 18);
  }
  return n;
}

START_TEST(a_file_that_changes_while_it_is_read_is_refused) {
  fixture f;
  set_up(&f);
  mlcm_io io;
  mlcm_io_default(&io);
  real_read = io.read;
  io.read = read_and_grow;
  mlcm_context *ctx = test_context(NULL, &io, NULL);
  mlcm_registry *reg = open_registry(ctx, f.reg_dir, 0);
  char *path = make_file(&f, "m", "short");
  growing = path;
  CHECK_FAILS(MLCM_CONFLICT, "while it was read", mlcm_register(reg, "m", path, NULL, NULL, NULL, err));
  CHECK_OK(mlcm_register(reg, "m", path, NULL, NULL, NULL, err));
  free(path);
  mlcm_registry_close(reg);
  mlcm_context_free(ctx);
  tear_down(&f);
}
END_TEST

/* ---- progress, bulk ---- */

static int cancel(void *user, int64_t done, int64_t total) {
  int64_t *seen = user;
  seen[0] = done;
  seen[1] = total;
  return (int)seen[2];
}

START_TEST(progress_ends_with_everything_and_can_cancel) {
  fixture f;
  set_up(&f);
  int64_t seen[3] = {0, 0, 0};
  mlcm_register_options options = MLCM_REGISTER_OPTIONS_INIT;
  options.progress = (mlcm_progress){cancel, seen};
  add_version(&f, "m", "12345", &options);
  ck_assert_int_eq(seen[0], 5);
  ck_assert_int_eq(seen[1], 5);
  seen[2] = 1;
  char *path = make_file(&f, "x", "12345");
  CHECK_FAILS(MLCM_CANCELLED, "5 of 5", mlcm_register(f.reg, "m", path, &options, NULL, NULL, err));
  ck_assert_int_eq(add_version(&f, "m", "y", NULL), 2);
  free(path);
  tear_down(&f);
}
END_TEST

START_TEST(many_versions_come_in_one_transaction) {
  enum { N = 300 };
  fixture f;
  set_up(&f);
  static mlcm_register_item items[N];
  static mlcm_register_options options[N];
  const char *aliases[] = {"champion"};
  char *path = make_file(&f, "m", "x");
  for (int i = 0; i < N; i++) {
    mlcm_register_options_init(&options[i], sizeof options[i]);
    options[i].aliases = aliases;
    options[i].n_aliases = i % 100 == 0;
    items[i] = (mlcm_register_item){path, &options[i]};
  }
  int64_t first = 0;
  add_version(&f, "m", "0", NULL);
  CHECK_OK(mlcm_register_many(f.reg, "m", items, N, NULL, &first, err));
  ck_assert_int_eq(first, 2);
  ck_assert_int_eq(alias_of(&f, "m", "champion"), 202);
  mlcm_model *model = NULL;
  CHECK_OK(mlcm_model_get(f.reg, "m", &model, err));
  ck_assert_int_eq(mlcm_model_n_versions(model), N + 1);
  ck_assert_int_eq(mlcm_model_newest_version(model), N + 1);
  mlcm_model_free(model);
  options[N - 1].parent = "nobody";
  CHECK_FAILS(MLCM_NOT_FOUND, "nobody", mlcm_register_many(f.reg, "m", items, N, NULL, &first, err));
  ck_assert_int_eq(add_version(&f, "m", "y", NULL), N + 2);
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "0 versions", mlcm_register_many(f.reg, "m", items, 0, NULL, NULL, err));
  free(path);
  tear_down(&f);
}
END_TEST

START_TEST(options_from_an_older_or_newer_caller) {
  struct newer {
    mlcm_register_options known;
    uint64_t unknown;
  } options;
  fixture f;
  set_up(&f);
  mlcm_register_options_init(&options.known, sizeof options);
  add_version(&f, "m", "x", &options.known);
  options.unknown = 1;
  char *path = make_file(&f, "x", "x");
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "newer", mlcm_register(f.reg, "m", path, &options.known, NULL, NULL, err));
  free(path);
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_file_becomes_version_1_of_a_new_model,
                          a_folder_gives_its_files_sorted_by_path,
                          the_manifest_digest_depends_on_paths_and_bytes_only,
                          tags_aliases_and_lineage_come_in_the_same_transaction,
                          numbers_are_never_used_again,
                          options_that_break_a_rule_change_nothing,
                          links_pipes_and_odd_names_are_refused,
                          hard_links_are_copied,
                          a_file_of_the_working_directory_needs_no_folder_in_its_path,
                          a_registry_does_not_swallow_itself,
                          folders_have_a_depth,
                          a_file_that_changes_while_it_is_read_is_refused,
                          progress_ends_with_everything_and_can_cancel,
                          many_versions_come_in_one_transaction,
                          options_from_an_older_or_newer_caller};
  return TEST_RUN("registry_register", tests);
}
