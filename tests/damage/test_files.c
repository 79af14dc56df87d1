/* SPDX-License-Identifier: Apache-2.0
 *
 * test_files.c - every file and folder of a registry gone, cut, changed, or something else in its place; bits of the database file
 * turned over; its log cut. What there is is read from the folder.
 *
 * Run bare it takes a sample, by seed; with MLCM_TEST_SCALE=1000 all.
 */
#include <check.h>
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "damage/compare.h"
#include "damage/harmless.h"
#include "damage/judge.h"
#include "support/soak.h"
#include "support/status.h"
#include "support/suite.h"
#include "support/temp_dir.h"

enum { SAMPLE = 8 /* one damage in so many, at scale 1 */, ENTRIES_MAX = 512, PATH_BYTES = 512, BITS = 16 /* a scale */, BITS_MAX = 2000 };

typedef struct attack {
  scene s;
  tally t;
  uint64_t random;
} attack;

/* ---- what is there ---- */

typedef struct entry {
  char path[PATH_BYTES]; /* below the registry */
  bool is_folder;
} entry;

static void list_entries(const char *root, const char *below, entry *out, size_t *n) {
  char *dir_path = below[0] ? test_path(root, below) : strdup(root);
  DIR *dir = opendir(dir_path);
  ck_assert_msg(dir != NULL, "%s", dir_path);
  for (struct dirent *found; (found = readdir(dir)) != NULL;) {
    struct stat st;
    entry *e = &out[*n];
    if (found->d_name[0] == '.') continue;
    ck_assert_uint_lt(++*n, ENTRIES_MAX);
    (void)snprintf(e->path, sizeof e->path, "%s%s%s", below, below[0] ? "/" : "", found->d_name);
    char *path = test_path(root, e->path);
    ck_assert_int_eq(lstat(path, &st), 0);
    free(path);
    e->is_folder = S_ISDIR(st.st_mode);
    if (e->is_folder) list_entries(root, e->path, out, n);
  }
  closedir(dir);
  free(dir_path);
}

static int by_path(const void *a, const void *b) { return strcmp(((const entry *)a)->path, ((const entry *)b)->path); }

/* ---- ways to spoil it ---- */

static void rewrite(const char *path, const char *bytes, size_t len) {
  ck_assert(unlink(path) == 0);
  test_write_file(path, bytes, len);
}

static bool turn_bit(const char *path, size_t at_share, size_t of) {
  size_t len = 0;
  char *bytes = test_read_file(path, &len);
  if (len > 0) {
    bytes[(len - 1) * at_share / of] ^= 0x10;
    rewrite(path, bytes, len);
  }
  free(bytes);
  return len > 0;
}

static bool set_length(const char *path, size_t shares, size_t of, size_t more) {
  size_t len = 0;
  char *bytes = test_read_file(path, &len);
  const size_t wanted = len * shares / of + more;
  if (wanted != len) {
    bytes = realloc(bytes, wanted + 1);
    for (size_t i = len; i < wanted; i++) bytes[i] = 'x';
    rewrite(path, bytes, wanted);
  }
  free(bytes);
  return wanted != len;
}

static bool is_gone(const char *path) { return scene_remove(path), true; }
static bool is_empty(const char *path) { return set_length(path, 0, 1, 0); }
static bool is_cut(const char *path) { return set_length(path, 1, 2, 0); }
static bool is_longer(const char *path) { return set_length(path, 1, 1, 1); }
static bool first_changed(const char *path) { return turn_bit(path, 0, 1); }
static bool middle_changed(const char *path) { return turn_bit(path, 1, 2); }
static bool last_changed(const char *path) { return turn_bit(path, 1, 1); }
static bool is_a_folder(const char *path) { return scene_remove(path), mkdir(path, 0755) == 0; }
static bool is_a_fifo(const char *path) { return scene_remove(path), mkfifo(path, 0644) == 0; }
static bool is_a_link(const char *path) { return scene_remove(path), symlink("/dev/null", path) == 0; }
static bool is_a_file(const char *path) { return scene_remove(path), test_write_file(path, "x", 1), true; }

static const struct {
  const char *name;
  bool (*make)(const char *path); /* false: it changes nothing */
  bool of_files, of_folders, of_database; /* registry.db has its bytes changed below */
} kinds[] = {{"gone", is_gone, true, true, true},
             {"empty", is_empty, true, false, true},
             {"cut", is_cut, true, false, true},
             {"longer", is_longer, true, false, true},
             {"first byte", first_changed, true, false, false},
             {"middle byte", middle_changed, true, false, false},
             {"last byte", last_changed, true, false, false},
             {"a folder", is_a_folder, true, false, true},
             {"a fifo", is_a_fifo, true, true, true},
             {"a link", is_a_link, true, true, true},
             {"a file", is_a_file, false, true, false}};
enum { KINDS = sizeof kinds / sizeof kinds[0] };

/* ---- what it is called ---- */

/* "objects/ab/cdef..." is what has the digest "abcdef...". */
static void name_object(damage *d, const char *path) {
  char hex[PATH_BYTES];
  size_t n = 0;
  for (const char *at = path + strlen("objects/"); *at; at++)
    if (*at != '/') hex[n++] = *at;
  hex[n] = '\0';
  damage_word(d, "%s", hex);
}

/* Names of all that lies below the folder too: with it they are gone. */
static void name_entry(damage *d, const entry *all, size_t n, const entry *e) {
  const size_t len = strlen(e->path);
  damage_word(d, "%s", e->path);
  for (size_t i = 0; i < n; i++) {
    const bool is_below = strncmp(all[i].path, e->path, len) == 0 && (all[i].path[len] == '/' || all[i].path[len] == '\0');
    if (is_below && !all[i].is_folder && strncmp(all[i].path, "objects/", strlen("objects/")) == 0) name_object(d, all[i].path);
  }
}

static bool applies(const entry *e, size_t kind) {
  if (strcmp(e->path, "registry.db") == 0) return kinds[kind].of_database;
  return e->is_folder ? kinds[kind].of_folders : kinds[kind].of_files;
}

static void attack_entry(attack *a, const entry *all, size_t n, const entry *e, size_t kind) {
  static damage d; /* large */
  d.n_words = 0;
  scene_renew(&a->s);
  char *path = test_path(a->s.work, e->path);
  const bool made = kinds[kind].make(path);
  free(path);
  if (!made) return;
  (void)snprintf(d.what, sizeof d.what, "%.200s: %s", e->path, kinds[kind].name);
  name_entry(&d, all, n, e);
  d.hides_others = strcmp(e->path, "objects") == 0;
  d.harmless = harmless_file(e->path, d.n_words > 1, kinds[kind].name);
  judge(&a->s, &d, &a->t);
}

static void attack_begin(attack *a) {
  *a = (attack){.random = test_seed(1)};
  scene_open(&a->s);
}

static void attack_end(attack *a, const char *name) {
  scene_close(&a->s);
  tally_end(&a->t, name);
}

START_TEST(every_file_and_folder_that_is_not_as_it_was_is_found_and_named) {
  attack a;
  size_t n = 0;
  attack_begin(&a);
  entry *all = calloc(ENTRIES_MAX, sizeof *all);
  list_entries(a.s.good, "", all, &n);
  qsort(all, n, sizeof *all, by_path);
  for (size_t i = 0; i < n; i++)
    for (size_t kind = 0; kind < KINDS; kind++)
      if (applies(&all[i], kind) && damage_is_drawn(&a.random, SAMPLE)) attack_entry(&a, all, n, &all[i], kind);
  free(all);
  attack_end(&a, "files");
}
END_TEST

/* ---- bits of the database ---- */

/* Which row a bit belongs to nobody knows beforehand, and many belong to none: what must be found is a database that is not the
 * good one any more. */
static void attack_bit(attack *a, const char *good_path, size_t len) {
  damage d = {.n_words = 0};
  const size_t at = (size_t)(damage_draw(&a->random) % len);
  size_t n = 0;
  scene_renew(&a->s);
  char *path = test_path(a->s.work, "registry.db");
  char *bytes = test_read_file(path, &n);
  ck_assert_uint_eq(n, len);
  bytes[at] = (char)(bytes[at] ^ 1 << damage_draw(&a->random) % 8);
  rewrite(path, bytes, n);
  free(bytes);
  (void)snprintf(d.what, sizeof d.what, "registry.db: a bit of byte %zu", at);
  d.harmless = databases_are_equal(good_path, path) ? "no table has it" : NULL;
  free(path);
  judge(&a->s, &d, &a->t);
}

START_TEST(a_bit_of_the_database_that_changes_a_row_is_found) {
  attack a;
  size_t len = 0;
  attack_begin(&a);
  char *path = test_path(a.s.good, "registry.db");
  free(test_read_file(path, &len));
  const long bits = (long)BITS * test_scale() / DAMAGE_SPARSER;
  for (long i = 0; i < bits && i < BITS_MAX; i++) attack_bit(&a, path, len);
  free(path);
  attack_end(&a, "bits");
}
END_TEST

int main(void) {
  const TTest *tests[] = {every_file_and_folder_that_is_not_as_it_was_is_found_and_named,
                          a_bit_of_the_database_that_changes_a_row_is_found};
  return TEST_RUN("damage_files", tests);
}
