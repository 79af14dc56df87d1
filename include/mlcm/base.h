/* SPDX-License-Identifier: Apache-2.0
 *
 * mlcm/base.h - what every other header of libmlcm stands on: status codes, the error struct, the context and its seams.
 *
 *   int main(void) {
 *     mlcm_error err;
 *     mlcm_context *ctx = NULL;
 *     if (mlcm_context_new(NULL, &ctx, &err) != MLCM_OK) {
 *       fprintf(stderr, "%s: %s\n", mlcm_status_name(err.code), err.message);
 *       return 1;
 *     }
 *     printf("libmlcm %s, %lld ns after 1970\n", mlcm_library_version(), (long long)mlcm_context_now(ctx).wall_ns);
 *     mlcm_context_free(ctx);
 *     return 0;
 *   }
 *
 * Rules that hold for the whole library unless a function says otherwise:
 *
 * Errors    A function that can fail returns mlcm_status; MLCM_OK is 0. Results go out by pointer. The last parameter is a
 *           nullable, caller-owned mlcm_error, written only on failure and never read. On failure every other out-parameter
 *           is left as it was and nothing has changed; the one exception is MLCM_OUTCOME_UNKNOWN. The library never prints,
 *           exits, aborts or installs a signal handler.
 * Memory    Input pointers are borrowed for the call. What `_open` and `_new` give out is closed by `_close` and `_free`,
 *           which accept NULL. Every handle keeps what it needs alive, so the order of closing does not matter.
 * Strings   UTF-8, NUL-terminated, never NULL where returned unless stated.
 * Time      Nanoseconds in int64_t; wall-clock time since 1970-01-01 UTC.
 * Threads   A context, registry, session and endpoint may be used from any thread at the same time. Other objects: one thread
 *           at a time. There is no global and no thread-local state (libcurl's own is initialised once, when first needed).
 * Options   Structs whose first member is `struct_size` are set up by their `_init` function (or the macro of the same name
 *           in capitals) and may grow at the tail in later versions.
 */
#ifndef MLCM_BASE_H
#define MLCM_BASE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MLCM_API __attribute__((visibility("default")))
#define MLCM_MUST_USE __attribute__((warn_unused_result))
#define MLCM_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#else
#define MLCM_API
#define MLCM_MUST_USE
#define MLCM_PRINTF(fmt, args)
#endif

#define MLCM_VERSION_MAJOR 0
#define MLCM_VERSION_MINOR 1
#define MLCM_VERSION_PATCH 0
#define MLCM_VERSION_NUMBER (MLCM_VERSION_MAJOR * 10000 + MLCM_VERSION_MINOR * 100 + MLCM_VERSION_PATCH)

/* Version of the loaded library as MAJOR*10000 + MINOR*100 + PATCH, to compare with MLCM_VERSION_NUMBER, the one compiled
 * against. Any thread. Since 0.1. */
MLCM_API int32_t mlcm_library_version_number(void);

/* Version of the loaded library as text, e.g. "0.1.0". Static storage: never freed. Any thread. Since 0.1. */
MLCM_API const char *mlcm_library_version(void);

/* ---- Status and error ---------------------------------------------------------------------------------------------- */

/* Result of a call. 0 is success. Numbers are never reused; treat an unknown one as a failure. */
typedef int32_t mlcm_status;

enum {
  MLCM_OK = 0,
  MLCM_INVALID_ARGUMENT = 1, /* the caller passed something that no state of the world makes right */
  MLCM_NO_MEMORY = 2,        /* the allocator answered NULL */
  MLCM_IO = 3,               /* the operating system refused or failed; sys_code has errno */
  MLCM_NOT_FOUND = 4,        /* model, version, alias, rollout, file ... does not exist */
  MLCM_ALREADY_EXISTS = 5,   /* the thing to create is there already */
  MLCM_CONFLICT = 6,         /* compare-and-swap lost, or another active rollout stands in the way */
  MLCM_BUSY = 7,             /* a lock was not had within its time limit; try again */
  MLCM_CORRUPT = 8,          /* stored bytes are not what was written: digest, structure or audit proof does not match */
  MLCM_UNSUPPORTED = 9,      /* valid, but this build or backend cannot do it (operator, type, format version) */
  MLCM_INVALID_STATE = 10,   /* the object cannot do this now: closed, finished, forked */
  MLCM_REFUSED = 11,         /* a policy of the registry says no: read-only, not entitled to serve */
  MLCM_LIMIT = 12,           /* a documented limit was passed; the message names it */
  MLCM_PARSE = 13,           /* text or bytes from outside do not follow their grammar; the message says where */
  MLCM_TIMEOUT = 14,         /* a time limit given by the caller passed */
  MLCM_CANCELLED = 15,       /* the caller asked for it to stop */
  MLCM_NETWORK = 16,         /* no usable answer from a remote server */
  MLCM_STALE = 17,           /* another process holds the lease now; nothing was written */
  MLCM_OUTCOME_UNKNOWN = 18, /* a sync failed after the commit was written: it may or may not survive a crash */
  MLCM_DISK_FULL = 19,       /* no space left; reading goes on */
  MLCM_NEWER_FORMAT = 20,    /* the registry was written by a newer library */
  MLCM_MISMATCH = 21,        /* tensor name, type or shape does not fit the model's signature */
  MLCM_INTERNAL = 22         /* a bug in the library; please report the message */
};

/* Name of a status: the constant without its prefix, e.g. "NOT_FOUND"; "UNKNOWN" for numbers this version does not know, never
 * NULL. Static storage: never freed. Any thread. Since 0.1. */
MLCM_API const char *mlcm_status_name(mlcm_status status);

/* Who can do something about an error. */
enum {
  MLCM_KIND_CALLER = 1,    /* a bug or a bad input of the caller: the same call fails again */
  MLCM_KIND_PERMANENT = 2, /* the world must be changed first */
  MLCM_KIND_TRANSIENT = 3, /* the same call may succeed later */
  MLCM_KIND_CANCELLED = 4
};

/* What went wrong, in one struct on the caller's stack. 512 bytes for ever, no pointers, no need to initialise or free. */
typedef struct mlcm_error {
  int32_t code;      /* the mlcm_status that was returned */
  int32_t sys_code;  /* errno, HTTP status or 0 */
  uint32_t kind;     /* MLCM_KIND_* */
  uint32_t reserved; /* 0 */
  char message[496]; /* one line of English naming the object and the limit; too long a one has "..." in its middle */
} mlcm_error;

/* ---- The seams: allocator, clock, random, log, I/O ----------------------------------------------------------------- */

/* Memory for the library's own objects. alloc and realloc may answer NULL (then the call fails with MLCM_NO_MEMORY) and must
 * align as malloc does; free accepts NULL. All three from any thread. cJSON, libcurl, SQLite and OpenSSL keep using malloc. */
typedef struct mlcm_allocator {
  void *(*alloc)(void *user, size_t size_bytes);
  void *(*realloc)(void *user, void *ptr, size_t size_bytes);
  void (*free)(void *user, void *ptr);
  void *user;
} mlcm_allocator;

/* Two clocks. wall_ns: UTC since 1970, for display and records. mono_ns: never goes back, counts time asleep; the same base
 * for all processes of one boot (CLOCK_BOOTTIME by default). From any thread. */
typedef struct mlcm_clock {
  int64_t (*wall_ns)(void *user);
  int64_t (*mono_ns)(void *user);
  void *user;
} mlcm_clock;

/* One moment on both clocks, as handed to a tick. */
typedef struct mlcm_time {
  int64_t wall_ns;
  int64_t mono_ns;
} mlcm_time;

/* Random bytes: 0 on success, else an errno value. From any thread. The default reads the system's generator. */
typedef struct mlcm_random {
  int (*fill)(void *user, void *out, size_t size_bytes);
  void *user;
} mlcm_random;

enum { MLCM_LOG_DEBUG = 0, MLCM_LOG_INFO = 1, MLCM_LOG_WARN = 2, MLCM_LOG_ERROR = 3 };

/* Receives one line without newline. From any thread, never with a lock held that a library call would need; must not
 * call back into the library. The default drops everything. */
typedef struct mlcm_log {
  void (*write)(void *user, int32_t level, const char *message);
  void *user;
} mlcm_log;

/* What a file is, as the I/O table reports it. */
typedef struct mlcm_file_info {
  int64_t size_bytes;
  int64_t mtime_ns;
  uint64_t inode;
  uint32_t mode;   /* st_mode */
  uint32_t nlinks; /* hard links */
} mlcm_file_info;

/* Every file operation the library makes itself (SQLite has its own layer). Each entry answers >= 0 on success or a negative
 * errno value. Paths are absolute or relative to the working directory. `flags` and `mode` are those of open(2); O_CLOEXEC is
 * always set by the caller. From any thread. mlcm_io_default() has the system's calls; a test copies it and replaces some. */
typedef struct mlcm_io {
  size_t struct_size;
  void *user;
  int (*open)(void *user, const char *path, int flags, uint32_t mode);
  int (*close)(void *user, int fd);
  int64_t (*read)(void *user, int fd, void *out, size_t size_bytes);
  int64_t (*write)(void *user, int fd, const void *data, size_t size_bytes);
  int (*sync)(void *user, int fd);                                      /* fsync: of a file or of a directory */
  int (*stat)(void *user, const char *path, mlcm_file_info *out);       /* does not follow a symbolic link */
  int (*fstat)(void *user, int fd, mlcm_file_info *out);
  int (*link)(void *user, const char *from, const char *to);            /* fails with EEXIST when `to` is there */
  int (*rename)(void *user, const char *from, const char *to);
  int (*unlink)(void *user, const char *path);
  int (*mkdir)(void *user, const char *path, uint32_t mode);
  int (*rmdir)(void *user, const char *path);
  /* Calls visit for each entry but "." and ".." in unspecified order until it answers non-zero, which is then returned. */
  int (*list)(void *user, const char *path, int (*visit)(void *visit_user, const char *name), void *visit_user);
  uint64_t reserved[4];
} mlcm_io;

/* Fills `out` (not NULL) with the system's file operations, struct_size included: what a test's table starts from. The functions
 * hold no state and may be called from any thread. Since 0.1. */
MLCM_API void mlcm_io_default(mlcm_io *out);

/* ---- Context ------------------------------------------------------------------------------------------------------- */

/* Carries the seams to everything opened through it. Thread-safe, reference-counted inside: handles keep it alive. */
typedef struct mlcm_context mlcm_context;

/* Seams to replace. A table left zero keeps its default; one that is only partly filled is refused. The tables are copied, what
 * their `user` points to must outlive the context and everything opened through it. */
typedef struct mlcm_context_options {
  size_t struct_size;
  mlcm_allocator allocator;
  mlcm_clock clock;
  mlcm_random random;
  mlcm_log log;
  const mlcm_io *io; /* copied; NULL: the system's calls */
  uint64_t reserved[4];
} mlcm_context_options;

/* The same as an initialiser. */
#define MLCM_CONTEXT_OPTIONS_INIT                                                                                           \
  {sizeof(mlcm_context_options), {NULL, NULL, NULL, NULL}, {NULL, NULL, NULL}, {NULL, NULL}, {NULL, NULL}, NULL, {0, 0, 0, 0}}

/* Sets all members of *options to zero and struct_size to `size_bytes`, which is sizeof(mlcm_context_options) as the caller was
 * compiled: options that a later version adds stay untouched in an older caller. Since 0.1. */
MLCM_API void mlcm_context_options_init(mlcm_context_options *options, size_t size_bytes);

/* Makes a context. `options` (borrowed for the call, NULL: all defaults) names the seams to replace. *out is the caller's, to be
 * freed with mlcm_context_free. Any thread.
 * MLCM_INVALID_ARGUMENT: out is NULL, struct_size is smaller than the first version's or its unknown tail is not zero, a
 * table is only partly filled. MLCM_NO_MEMORY: the allocator answered NULL. Since 0.1. */
MLCM_API MLCM_MUST_USE mlcm_status mlcm_context_new(const mlcm_context_options *options, mlcm_context **out, mlcm_error *err);

/* Gives up the caller's hold; the memory goes when the last handle opened through it is closed. NULL is allowed. Any thread, but
 * not while another call uses the same pointer. Since 0.1. */
MLCM_API void mlcm_context_free(mlcm_context *ctx);

/* Both of the context's clocks, now; zeros for NULL. Any thread. Since 0.1. */
MLCM_API mlcm_time mlcm_context_now(const mlcm_context *ctx);

/* Frees raw bytes or text that a call on an object of this context gave out as "free with mlcm_free". `ptr` NULL is allowed. Any
 * thread. Since 0.1. */
MLCM_API void mlcm_free(mlcm_context *ctx, void *ptr);

/* ---- Small value types --------------------------------------------------------------------------------------------- */

/* Bytes with a length: need not be NUL-terminated. */
typedef struct mlcm_str {
  const char *ptr;
  size_t len;
} mlcm_str;

/* An mlcm_str over a string literal, without a call. C only; C++ has mlcm_str_of. */
#define MLCM_STR(literal) ((mlcm_str){"" literal, sizeof(literal) - 1})

/* An mlcm_str over NUL-terminated text; NULL gives the empty one. Nothing is copied: the text must outlive the view. O(length).
 * Any thread. Since 0.1. */
MLCM_API mlcm_str mlcm_str_of(const char *text);

/* Who makes a change, and why. Kept with the change for ever. */
typedef struct mlcm_attribution {
  const char *actor;  /* 1 to 255 bytes; NULL: the registry handle's actor */
  const char *reason; /* free text up to 4,096 bytes; NULL or "" for none */
} mlcm_attribution;

/* Told how far long work is: `done` of `total` units (bytes unless stated; total < 0 when unknown). Called on the thread that
 * made the call, at most about 20 times a second and once at the end. Answering non-zero stops with MLCM_CANCELLED. */
typedef struct mlcm_progress {
  int (*report)(void *user, int64_t done, int64_t total);
  void *user;
} mlcm_progress;

#ifdef __cplusplus
}
#endif
#endif
