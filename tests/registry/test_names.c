/* SPDX-License-Identifier: Apache-2.0
 *
 * test_names.c - which names and references are accepted, and what is said of the others.
 */
#include "registry/fixture.h"
#include "registry/names.h"

static char long_name[MLCM_MODEL_NAME_MAX + 2];

static void fill(size_t len) {
  memset(long_name, 'a', len);
  long_name[len] = '\0';
}

START_TEST(model_names_that_are_fine) {
  static const char *const names[] = {"digits", "a", "with space", "ütf-8", "a%b", "a.b", "1", "a'b", "x-y_z"};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) CHECK_OK(mlcm__check_model_name(names[i], err));
  fill(MLCM_MODEL_NAME_MAX);
  CHECK_OK(mlcm__check_model_name(long_name, err));
}
END_TEST

START_TEST(model_names_that_are_refused) {
  static const char *const names[][2] = {{"", "empty"},       {"a/b", "'/'"},      {"a:b", "':'"},        {"a@b", "'@'"},
                                         {".hidden", "dot"},  {"..", "dot"},       {" a", "white space"}, {"a ", "white space"},
                                         {"a\tb", "control"}, {"a\nb", "control"}, {"\xff", "UTF-8"},     {"\xc0\x80", "UTF-8"},
                                         {"a\x7f", "control"}};
  for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
    CHECK_FAILS(MLCM_INVALID_ARGUMENT, names[i][1], mlcm__check_model_name(names[i][0], err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "NULL", mlcm__check_model_name(NULL, err));
  fill(MLCM_MODEL_NAME_MAX + 1);
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "257 bytes, more than the 256", mlcm__check_model_name(long_name, err));
}
END_TEST

START_TEST(alias_names_follow_mlflow) {
  static const char *const fine[] = {"champion", "a-b_c", "Latest1", "v", "v1a", "1", "été", "version1"};
  static const char *const refused[][2] = {{"", "empty"},      {"latest", "reserved"}, {"LATEST", "reserved"}, {"v1", "reserved"},
                                           {"V12", "NAME/12"}, {"a b", "' '"},         {"a.b", "'.'"},         {"a@b", "'@'"},
                                           {"a/b", "'/'"},     {"a:b", "':'"}};
  for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) CHECK_OK(mlcm__check_alias_name_free(fine[i], err));
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++) {
    CHECK_FAILS(MLCM_INVALID_ARGUMENT, refused[i][1], mlcm__check_alias_name_free(refused[i][0], err));
  }
}
END_TEST

START_TEST(tag_keys_follow_mlflow) {
  static const char *const fine[] = {"team", "mlflow.source", "a/b", "a b", "a:b", "ключ", "a.-_", "a/.b"};
  static const char *const refused[][2] = {{"", "empty"},      {"a//b", "slashes"}, {"/a", "slashes"}, {"a/..", "slashes"},
                                           {"./a", "slashes"}, {"a=b", "'='"},      {"a'b", "'''"}};
  for (size_t i = 0; i < sizeof fine / sizeof fine[0]; i++) CHECK_OK(mlcm__check_tag(fine[i], "", err));
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
    CHECK_FAILS(MLCM_INVALID_ARGUMENT, refused[i][1], mlcm__check_tag(refused[i][0], "x", err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "no value", mlcm__check_tag("k", NULL, err));
}
END_TEST

START_TEST(tag_values_have_a_limit) {
  char *value = malloc(MLCM_TAG_VALUE_MAX + 2);
  memset(value, 'x', MLCM_TAG_VALUE_MAX + 1);
  value[MLCM_TAG_VALUE_MAX + 1] = '\0';
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "100001 bytes", mlcm__check_tag("k", value, err));
  value[MLCM_TAG_VALUE_MAX] = '\0';
  CHECK_OK(mlcm__check_tag("k", value, err));
  free(value);
}
END_TEST

START_TEST(digests_are_sha256_and_64_digits) {
  static const char good[] = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
  CHECK_OK(mlcm__check_digest(good, "d", err));
  CHECK_OK(mlcm__check_digest("", "d", err));
  CHECK_OK(mlcm__check_digest(NULL, "d", err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "sha256:", mlcm__check_digest(good + 7, "d", err));
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "64 lower-case", mlcm__check_digest("sha256:E3B0", "d", err));
}
END_TEST

START_TEST(paths_are_relative_and_plain) {
  static const char *const refused[] = {"", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a\\b", "a\nb", "\xff"};
  CHECK_OK(mlcm__check_file_path("a/b c/model.onnx", err));
  CHECK_OK(mlcm__check_file_path("...", err));
  for (size_t i = 0; i < sizeof refused / sizeof refused[0]; i++)
    ck_assert_int_eq(mlcm__check_file_path(refused[i], NULL), MLCM_INVALID_ARGUMENT);
}
END_TEST

/* ---- references ---- */

static const struct {
  const char *text;
  mlcm_ref_kind kind;
  const char *model;
  int64_t version;
  const char *alias;
} refs[] = {
    {"digits", MLCM_REF_MODEL, "digits", 0, ""},
    {"digits/3", MLCM_REF_NUMBER, "digits", 3, ""},
    {"digits@champion", MLCM_REF_ALIAS, "digits", 0, "champion"},
    {"models:/digits/12", MLCM_REF_NUMBER, "digits", 12, ""},
    {"models:/digits@champion", MLCM_REF_ALIAS, "digits", 0, "champion"},
    {"models:/digits", MLCM_REF_MODEL, "digits", 0, ""},
    {"digits/latest", MLCM_REF_MODEL, "digits", 0, ""},
    {"digits@latest", MLCM_REF_MODEL, "digits", 0, ""},
    {"with space/1", MLCM_REF_NUMBER, "with space", 1, ""},
    {"models", MLCM_REF_MODEL, "models", 0, ""},
};

START_TEST(references_are_taken_apart) {
  for (size_t i = 0; i < sizeof refs / sizeof refs[0]; i++) {
    mlcm_ref ref;
    CHECK_OK(mlcm_ref_parse(refs[i].text, &ref, err));
    ck_assert_int_eq(ref.kind, refs[i].kind);
    ck_assert_str_eq(ref.model, refs[i].model);
    ck_assert_int_eq(ref.version, refs[i].version);
    ck_assert_str_eq(ref.alias, refs[i].alias);
  }
}
END_TEST

START_TEST(wrong_references_are_explained) {
  static const char *const wrong[][2] = {{"", "NAME/3"},
                                         {"/3", "no model name"},
                                         {"digits/", "version number"},
                                         {"digits/0", "version number"},
                                         {"digits/-1", "version number"},
                                         {"digits/v3", "version number"},
                                         {"digits/3/4", "version number"},
                                         {"digits/3x", "'3x'"},
                                         {"digits@", "empty"},
                                         {"digits@a b", "' '"},
                                         {"a:b", "':'"},
                                         {"digits/99999999999999999999", "version number"},
                                         {"models:/", "no model name"},
                                         {"digits@a@b", "'@'"}};
  for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
    mlcm_ref ref = {.kind = 77};
    CHECK_FAILS(MLCM_INVALID_ARGUMENT, wrong[i][1], mlcm_ref_parse(wrong[i][0], &ref, err));
    ck_assert_int_eq(ref.kind, 77);
  }
  CHECK_FAILS(MLCM_INVALID_ARGUMENT, "NULL", mlcm_ref_parse(NULL, &(mlcm_ref){0}, err));
}
END_TEST

int main(void) {
  const TTest *tests[] = {model_names_that_are_fine,    model_names_that_are_refused, alias_names_follow_mlflow,
                          tag_keys_follow_mlflow,       tag_values_have_a_limit,      digests_are_sha256_and_64_digits,
                          paths_are_relative_and_plain, references_are_taken_apart,   wrong_references_are_explained};
  return TEST_RUN("registry_names", tests);
}
