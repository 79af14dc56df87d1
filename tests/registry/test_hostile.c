/* SPDX-License-Identifier: Apache-2.0
 *
 * test_hostile.c - folders that mean harm, and folders that change while they are registered: a named error, nothing registered,
 * no more memory than usual. What no disk offers (endless folders, names with slashes) comes through the context's I/O table.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "registry/fixture.h"
#include "registry/walk.h"

static void make_folder(const fixture *f, const char *name) {
  char *path = test_path(f->dir, name);
  ck_assert_int_eq(mkdir(path, 0755), 0);
  free(path);
}

static void make_link(const fixture *f, const char *to, const char *name) {
  char *path = test_path(f->dir, name);
  ck_assert_int_eq(symlink(to, path), 0);
  free(path);
}

static void make_socket(const fixture *f, const char *name) {
  struct sockaddr_un address = {.sun_family = AF_UNIX};
  char *path = test_path(f->dir, name);
  const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_uint_lt(strlen(path), sizeof address.sun_path);
  memcpy(address.sun_path, path, strlen(path) + 1);
  ck_assert_int_eq(bind(fd, (const struct sockaddr *)&address, sizeof address), 0);
  close(fd);
  free(path);
}

/* It is refused, and the registry is as it was. */
static void refuse(const fixture *f, mlcm_registry *reg, const char *name, mlcm_status status, const char *part) {
  int64_t head = -1;
  char *path = test_path(f->dir, name);
  CHECK_FAILS(status, part, mlcm_register(reg, "m", path, NULL, NULL, NULL, err));
  CHECK_OK(mlcm_changes_head(reg, &head, err));
  ck_assert_int_eq(head, 0);
  free(path);
}

/* ---- what lies on the disk ---- */

START_TEST(links_are_refused_wherever_they_lead) {
  static const struct {
    const char *folder, *to, *name;
  } links[] = {{"file", "/etc/passwd", "file/x"}, {"folder", "/etc", "folder/x"},  {"loop", "..", "loop/x"},
               {"self", "x", "self/x"},           {"nowhere", "gone", "nowhere/x"}};
  fixture f;
  set_up(&f);
  for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
    make_folder(&f, links[i].folder);
    make_link(&f, links[i].to, links[i].name);
    refuse(&f, f.reg, links[i].folder, MLCM_INVALID_ARGUMENT, "a symbolic link");
  }
  tear_down(&f);
}
END_TEST

START_TEST(a_socket_is_refused) {
  fixture f;
  set_up(&f);
  make_folder(&f, "s");
  make_socket(&f, "s/x");
  refuse(&f, f.reg, "s", MLCM_INVALID_ARGUMENT, "a socket");
  tear_down(&f);
}
END_TEST

START_TEST(hard_links_of_one_file_are_two_files) {
  fixture f;
  set_up(&f);
  make_folder(&f, "h");
  char *one = make_file(&f, "h/one", "abc"), *two = test_path(f.dir, "h/two"), *path = test_path(f.dir, "h");
  mlcm_version *v = NULL;
  ck_assert_int_eq(link(one, two), 0);
  CHECK_OK(mlcm_register(f.reg, "m", path, NULL, NULL, &v, err));
  ck_assert_uint_eq(mlcm_version_n_files(v), 2);
  ck_assert_str_eq(mlcm_version_file(v, 0).sha256, mlcm_version_file(v, 1).sha256);
  mlcm_version_free(v);
  free(one);
  free(two);
  free(path);
  tear_down(&f);
}
END_TEST

START_TEST(names_that_are_no_plain_text_are_refused) {
  static const char *const names[] = {"n/a\tb", "n/a\x1b[31m", "n/a\x7f", "n/\xc3(", "n/\xed\xa0\x80", "n/\xc2\x80", "n/\xf8"};
  fixture f;
  set_up(&f);
  make_folder(&f, "n");
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char *file = make_file(&f, names[i], "x");
    refuse(&f, f.reg, "n", MLCM_INVALID_ARGUMENT, "not valid UTF-8 or holds control characters");
    ck_assert_int_eq(unlink(file), 0);
    free(file);
  }
  tear_down(&f);
}
END_TEST

START_TEST(a_path_has_a_length) {
  fixture f;
  set_up(&f);
  char name[1400] = "p";
  make_folder(&f, name);
  for (int i = 0; i < 5; i++) {
    const size_t used = strlen(name);
    memset(name + used, 'd', 221);
    name[used] = '/';
    name[used + 221] = '\0';
    make_folder(&f, name);
  }
  strcat(name, "/x");
  free(make_file(&f, name, "x"));
  refuse(&f, f.reg, "p", MLCM_LIMIT, "more than the 1024 allowed");
  tear_down(&f);
}
END_TEST

static int stop_at_once(void *user, int64_t done, int64_t total) {
  (void)done;
  *(int64_t *)user = total;
  return 1;
}

START_TEST(a_huge_sparse_file_takes_no_memory) {
  const int64_t tib = INT64_C(1) << 40;
  fixture f;
  set_up(&f);
  test_memory memory;
  test_memory_init(&memory);
  mlcm_allocator allocator = test_memory_table(&memory);
  mlcm_context *ctx = test_context(&allocator, NULL, NULL);
  mlcm_registry *reg = open_registry(ctx, f.reg_dir, 0);
  mlcm_register_options options = MLCM_REGISTER_OPTIONS_INIT;
  int64_t total = 0;
  options.progress = (mlcm_progress){stop_at_once, &total};
  char *path = make_file(&f, "sparse", "");
  if (truncate(path, tib) != 0) ck_assert_int_eq(truncate(path, tib / 1024), 0); /* where files have an end before that */
  CHECK_FAILS(MLCM_CANCELLED, "of", mlcm_register(reg, "m", path, &options, NULL, NULL, err));
  ck_assert_int_ge(total, tib / 1024);
  ck_assert_uint_lt(memory.peak_bytes, 64 << 20);
  free(path);
  mlcm_registry_close(reg);
  mlcm_context_free(ctx);
  test_memory_check_empty(&memory, "after a huge file");
  tear_down(&f);
}
END_TEST

/* ---- what only an I/O table shows ---- */

typedef struct odd_io {
  mlcm_io real;
  const char *folder; /* the folder that is odd, by the end of its path */
  const char *entry;  /* its only name; NULL: n_entries numbers */
  int n_entries;
  bool are_folders; /* each with n_inside empty ones */
  int n_inside;
  int64_t size_bytes;
} odd_io;

static bool ends_with(const char *path, const char *end) {
  const size_t n = strlen(path), m = strlen(end);
  return n >= m && strcmp(path + n - m, end) == 0;
}

/* How many folders below the odd one a path lies; -1: not in it. */
static int depth_below(const odd_io *odd, const char *path) {
  const char *at = strstr(path, odd->folder);
  int depth = 0;
  if (!at) return -1;
  for (at += strlen(odd->folder); *at; at++) depth += *at == '/';
  return depth;
}

static int odd_list(void *user, const char *path, int (*visit)(void *visit_user, const char *name), void *visit_user) {
  const odd_io *odd = user;
  const int depth = depth_below(odd, path);
  char number[16];
  int stop = 0;
  if (depth < 0) return odd->real.list(odd->real.user, path, visit, visit_user);
  if (depth == 0 && odd->entry) return visit(visit_user, odd->entry);
  const int n = depth == 0 ? odd->n_entries : depth == 1 ? odd->n_inside : 0;
  for (int i = 0; !stop && i < n; i++) {
    (void)snprintf(number, sizeof number, "%d", i);
    stop = visit(visit_user, number);
  }
  return stop;
}

static int odd_stat(void *user, const char *path, mlcm_file_info *out) {
  const odd_io *odd = user;
  if (depth_below(odd, path) < 1) return odd->real.stat(odd->real.user, path, out);
  *out = (mlcm_file_info){
      .mode = odd->are_folders ? S_IFDIR | 0755 : S_IFREG | 0644, .inode = 1, .nlinks = 1, .size_bytes = odd->size_bytes};
  return 0;
}

/* Registers the folder "odd" as the table shows it. */
static void refuse_odd(odd_io odd, mlcm_status status, const char *part) {
  fixture f;
  set_up(&f);
  mlcm_io io;
  mlcm_io_default(&odd.real);
  io = odd.real;
  odd.folder = "/odd";
  io.user = &odd;
  io.list = odd_list;
  io.stat = odd_stat;
  make_folder(&f, "odd");
  mlcm_context *ctx = test_context(NULL, &io, NULL);
  mlcm_registry *reg = open_registry(ctx, f.reg_dir, 0);
  refuse(&f, reg, "odd", status, part);
  mlcm_registry_close(reg);
  mlcm_context_free(ctx);
  tear_down(&f);
}

START_TEST(names_that_lead_out_of_the_folder_are_refused) {
  static const char *const names[] = {"../x", "..", ".", "/etc/passwd", "a//b", "a/../../x", ""};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    refuse_odd((odd_io){.entry = names[i]}, MLCM_INVALID_ARGUMENT, "'.' or '..' part");
}
END_TEST

START_TEST(a_version_has_100_000_files_at_most) {
  refuse_odd((odd_io){.n_entries = MLCM_FILES_MAX + 1}, MLCM_LIMIT, "more than 100000 files");
}
END_TEST

START_TEST(sizes_that_overflow_are_refused) {
  refuse_odd((odd_io){.n_entries = 2, .size_bytes = INT64_MAX}, MLCM_LIMIT, "add up to more than 2^63 bytes");
}
END_TEST

START_TEST(a_million_folders_are_not_looked_through) {
  refuse_odd((odd_io){.n_entries = 2, .n_inside = MLCM__WALK_ENTRIES_MAX / 2, .are_folders = true}, MLCM_LIMIT,
             "more than 1000000 files and folders");
}
END_TEST

START_TEST(an_endless_folder_ends) { refuse_odd((odd_io){.n_entries = INT32_MAX}, MLCM_LIMIT, "has more than 1048576 entries"); }
END_TEST

/* ---- what changes meanwhile ---- */

typedef enum moment { BEFORE_OPEN, AFTER_READ } moment;

/* Does something to the folder once, at a moment of the reading of "x/file", or answers for the system. */
typedef struct meddler {
  mlcm_io real;
  const fixture *f;
  moment when;
  void (*meddle)(const fixture *f);
  int fd;      /* of x/file while it is open */
  int n_opens; /* of x/file */
  int open_errno;
  bool ends_early;     /* the last byte is not read */
  bool objects_vanish; /* what was stored is not there when it is looked for */
} meddler;

static void meddle(meddler *m, moment now) {
  if (m->when == now && m->meddle) {
    void (*once)(const fixture *f) = m->meddle;
    m->meddle = NULL;
    once(m->f);
  }
}

static int meddling_open(void *user, const char *path, int flags, uint32_t mode) {
  meddler *m = user;
  const bool ours = ends_with(path, "x/file");
  if (ours && m->open_errno) return -m->open_errno;
  if (ours) meddle(m, BEFORE_OPEN);
  m->n_opens += ours;
  const int fd = m->real.open(m->real.user, path, flags, mode);
  if (ours) m->fd = fd;
  return fd;
}

static int64_t meddling_read(void *user, int fd, void *out, size_t size) {
  meddler *m = user;
  const int64_t n = m->real.read(m->real.user, fd, out, size);
  if (fd != m->fd) return n;
  meddle(m, AFTER_READ);
  return m->ends_early && n > 0 ? n - 1 : n;
}

static int meddling_stat(void *user, const char *path, mlcm_file_info *out) {
  meddler *m = user;
  if (m->objects_vanish && strstr(path, "/objects/")) return -ENOENT;
  return m->real.stat(m->real.user, path, out);
}

static void rewrite(const fixture *f, const char *name, const char *bytes) { free(make_file(f, name, bytes)); }

static void grow(const fixture *f) { rewrite(f, "x/file", "longer than before"); }
static void cut(const fixture *f) { rewrite(f, "x/file", "s"); }

static void touch(const fixture *f) {
  const struct timespec times[2] = {{1, 0}, {1, 0}};
  char *path = test_path(f->dir, "x/file");
  ck_assert_int_eq(utimensat(AT_FDCWD, path, times, 0), 0);
  free(path);
}

static void exchange(const fixture *f, const char *from, const char *to) {
  char *a = test_path(f->dir, from), *b = test_path(f->dir, to);
  ck_assert_int_eq(rename(a, b), 0);
  free(a);
  free(b);
}

/* Another file of the same size and time under its name. */
static void replace(const fixture *f) {
  rewrite(f, "other", "SHORT");
  exchange(f, "other", "x/file");
}

static void remove_file(const fixture *f) { exchange(f, "x/file", "gone"); }

/* The folder becomes a link to one with another file of that name. */
static void replace_folder(const fixture *f) {
  exchange(f, "x", "was");
  make_link(f, "secret", "x");
}

/* ... a link in place of the file ... */
static void replace_by_link(const fixture *f) {
  remove_file(f);
  make_link(f, "../secret/file", "x/file");
}

/* ... and a pipe, at which a reader would wait for ever. */
static void replace_by_pipe(const fixture *f) {
  remove_file(f);
  char *path = test_path(f->dir, "x/file");
  ck_assert_int_eq(mkfifo(path, 0600), 0);
  free(path);
}

/* Answers how often the file was opened. */
static int refuse_meddled(meddler m, mlcm_status status, const char *part) {
  fixture f;
  set_up(&f);
  m.f = &f;
  m.fd = -1;
  mlcm_io io;
  mlcm_io_default(&m.real);
  io = m.real;
  io.user = &m;
  io.open = meddling_open;
  io.read = meddling_read;
  io.stat = meddling_stat;
  make_folder(&f, "x");
  make_folder(&f, "secret");
  free(make_file(&f, "x/file", "short"));
  free(make_file(&f, "secret/file", "12345"));
  mlcm_context *ctx = test_context(NULL, &io, NULL);
  mlcm_registry *reg = open_registry(ctx, f.reg_dir, 0);
  refuse(&f, reg, "x", status, part);
  mlcm_registry_close(reg);
  mlcm_context_free(ctx);
  tear_down(&f);
  return m.n_opens;
}

START_TEST(a_file_that_changes_meanwhile_is_refused) {
  static const struct {
    moment when;
    void (*what)(const fixture *f);
    mlcm_status status;
    const char *part;
  } cases[] = {
      {BEFORE_OPEN, grow, MLCM_CONFLICT, "grew while it was read"},
      {AFTER_READ, grow, MLCM_CONFLICT, "while it was read"},
      {BEFORE_OPEN, cut, MLCM_CONFLICT, "changed while it was read"},
      {AFTER_READ, cut, MLCM_CONFLICT, "changed while it was read"},
      {AFTER_READ, touch, MLCM_CONFLICT, "changed while it was read"},
      {BEFORE_OPEN, replace, MLCM_CONFLICT, "replaced by another"},
      {AFTER_READ, replace, MLCM_CONFLICT, "changed while it was read"},
      {BEFORE_OPEN, remove_file, MLCM_NOT_FOUND, "x/file"},
      {AFTER_READ, remove_file, MLCM_NOT_FOUND, "went away"},
      {BEFORE_OPEN, replace_folder, MLCM_CONFLICT, "replaced by another"},
      {BEFORE_OPEN, replace_by_link, MLCM_IO, "x/file"},
      {BEFORE_OPEN, replace_by_pipe, MLCM_INVALID_ARGUMENT, "not a regular file"},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    refuse_meddled((meddler){.when = cases[i].when, .meddle = cases[i].what}, cases[i].status, cases[i].part);
}
END_TEST

START_TEST(a_file_that_may_not_be_read_is_named) {
  refuse_meddled((meddler){.open_errno = EACCES}, MLCM_IO, "x/file' cannot be opened");
}
END_TEST

START_TEST(a_file_that_ends_before_its_size_is_refused) {
  refuse_meddled((meddler){.ends_early = true}, MLCM_CONFLICT, "changed while it was read (5 bytes before, 5 after)");
}
END_TEST

START_TEST(objects_that_vanish_are_written_three_times_and_then_missed) {
  ck_assert_int_eq(refuse_meddled((meddler){.objects_vanish = true}, MLCM_NOT_FOUND, "cannot be found"), 3);
}
END_TEST

/* ---- the registry's own database ---- */

START_TEST(a_hard_link_of_the_database_is_refused) {
  fixture f;
  set_up(&f);
  make_folder(&f, "h");
  char *database = test_path(f.reg_dir, "registry.db"), *linked = test_path(f.dir, "h/a name of its own");
  ck_assert_int_eq(link(database, linked), 0);
  refuse(&f, f.reg, "h", MLCM_INVALID_ARGUMENT, "holds the registry itself");
  free(database);
  free(linked);
  tear_down(&f);
}
END_TEST

/* As another file system may number its files. */
typedef struct numbered_io {
  mlcm_io real;
  uint64_t inode; /* that all files have */
  bool ages;      /* each look at a file finds it changed since the last */
  int64_t n_looks;
} numbered_io;

static int numbered_stat(void *user, const char *path, mlcm_file_info *out) {
  numbered_io *numbered = user;
  const int rc = numbered->real.stat(numbered->real.user, path, out);
  out->inode = numbered->inode;
  if (numbered->ages) out->mtime_ns += ++numbered->n_looks;
  return rc;
}

static int numbered_fstat(void *user, int fd, mlcm_file_info *out) {
  const numbered_io *numbered = user;
  const int rc = numbered->real.fstat(numbered->real.user, fd, out);
  out->inode = numbered->inode;
  return rc;
}

static mlcm_io numbered_table(numbered_io *numbered) {
  mlcm_io_default(&numbered->real);
  mlcm_io io = numbered->real;
  io.user = numbered;
  io.stat = numbered_stat;
  io.fstat = numbered_fstat;
  return io;
}

START_TEST(a_database_that_is_written_meanwhile_is_known_by_its_name) {
  fixture f;
  numbered_io numbered = {.inode = 7, .ages = true};
  const mlcm_io io = numbered_table(&numbered);
  set_up(&f);
  mlcm_context *ctx = test_context(NULL, &io, NULL);
  mlcm_registry *reg = open_registry(ctx, f.reg_dir, 0);
  refuse(&f, reg, "reg", MLCM_INVALID_ARGUMENT, "holds the registry itself");
  mlcm_registry_close(reg);
  mlcm_context_free(ctx);
  tear_down(&f);
}
END_TEST

START_TEST(a_file_that_only_has_the_number_of_the_database_is_taken) {
  fixture f;
  numbered_io numbered = {.inode = 7};
  const mlcm_io io = numbered_table(&numbered);
  const struct timespec times[2] = {{1, 0}, {1, 0}};
  set_up(&f);
  make_folder(&f, "n");
  char *file = make_file(&f, "n/file", "x"), *folder = test_path(f.dir, "n");
  ck_assert_int_eq(utimensat(AT_FDCWD, file, times, 0), 0);
  mlcm_context *ctx = test_context(NULL, &io, NULL);
  mlcm_registry *reg = open_registry(ctx, f.reg_dir, 0);
  CHECK_OK(mlcm_register(reg, "m", folder, NULL, NULL, NULL, err));
  mlcm_registry_close(reg);
  mlcm_context_free(ctx);
  free(file);
  free(folder);
  tear_down(&f);
}
END_TEST

int main(void) {
  const TTest *tests[] = {links_are_refused_wherever_they_lead,
                          a_socket_is_refused,
                          hard_links_of_one_file_are_two_files,
                          names_that_are_no_plain_text_are_refused,
                          a_path_has_a_length,
                          a_huge_sparse_file_takes_no_memory,
                          names_that_lead_out_of_the_folder_are_refused,
                          a_version_has_100_000_files_at_most,
                          sizes_that_overflow_are_refused,
                          a_million_folders_are_not_looked_through,
                          an_endless_folder_ends,
                          a_file_that_changes_meanwhile_is_refused,
                          a_file_that_may_not_be_read_is_named,
                          a_file_that_ends_before_its_size_is_refused,
                          objects_that_vanish_are_written_three_times_and_then_missed,
                          a_hard_link_of_the_database_is_refused,
                          a_database_that_is_written_meanwhile_is_known_by_its_name,
                          a_file_that_only_has_the_number_of_the_database_is_taken};
  return TEST_RUN("registry_hostile", tests);
}
