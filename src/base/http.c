/* SPDX-License-Identifier: Apache-2.0
 *
 * http.c - the HTTP client. One curl multi handle owns the pool of connections; each exchange is an easy handle that lives for
 * one run. The environment is not read (no proxies, no .netrc): what a probe measures must not depend on who started the process.
 *
 * Threads: everything belongs to the thread in mlcm__http_run but `cancelled`, which any thread may set. SIGPIPE is blocked for
 * the duration of a run: curl writes to sockets that peers close, and the host's disposition is not ours to touch.
 */
#include "http.h"

#include <assert.h>
#include <curl/curl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "text.h"

enum { DEFAULT_BODY_BYTES = 1 << 20, POLL_MS = 1000, NS_PER_MS = 1000000 };
static const int64_t default_timeout_ns = INT64_C(10) * 1000000000;

struct mlcm__http {
  mlcm_context *ctx;
  CURLM *multi;
  atomic_bool cancelled;
};

/* One request under way. */
typedef struct exchange {
  const mlcm__http_request *request;
  mlcm__http_answer *answer;
  CURL *easy;
  struct curl_slist *headers;
  bool ended;
  char why[CURL_ERROR_SIZE];
} exchange;

/* ---- Set-up -------------------------------------------------------------------------------------------------------- */

/* curl must be initialised once a process, and the older ones not by two threads at a time. This is the library's only global:
 * curl's own state is one. */
static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_ready = CURLE_FAILED_INIT;

static void init_curl(void) { curl_ready = curl_global_init(CURL_GLOBAL_DEFAULT); }

mlcm_status mlcm__http_new(mlcm_context *ctx, mlcm__http **out, mlcm_error *err) {
  pthread_once(&curl_once, init_curl);
  /* never: only the process's first call could find no memory */
  if (curl_ready != CURLE_OK)
    return mlcm__fail(err, MLCM_INTERNAL, "libcurl cannot be initialised: %s", curl_easy_strerror(curl_ready));
  mlcm__http *http = mlcm__alloc_zero(ctx, 1, sizeof *http);
  if (!http) return mlcm__fail_memory(err, sizeof *http);
  http->multi = curl_multi_init();
  if (!http->multi) {
    mlcm__free(ctx, http);
    return mlcm__fail(err, MLCM_NO_MEMORY, "out of memory: libcurl has none for a pool of connections");
  }
  http->ctx = mlcm__context_retain(ctx);
  atomic_init(&http->cancelled, false);
  *out = http;
  return MLCM_OK;
}

void mlcm__http_free(mlcm__http *http) {
  if (!http) return;
  mlcm_context *ctx = http->ctx;
  curl_multi_cleanup(http->multi);
  mlcm__free(ctx, http);
  mlcm__context_release(ctx);
}

void mlcm__http_cancel(mlcm__http *http) {
  atomic_store(&http->cancelled, true);
  curl_multi_wakeup(http->multi);
}

/* ---- A request into curl's options --------------------------------------------------------------------------------- */

mlcm_status mlcm__http_check_url(const char *url, mlcm_error *err) {
  if (!url) return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "an HTTP request has no URL");
  CURLU *parts = curl_url();
  if (!parts) return mlcm__fail(err, MLCM_NO_MEMORY, "out of memory: libcurl has none for a URL");
  char *scheme = NULL;
  CURLUcode bad = curl_url_set(parts, CURLUPART_URL, url, 0);
  if (!bad) bad = curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0);
  const bool web = !bad && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
  curl_free(scheme);
  curl_url_cleanup(parts);
  if (bad == CURLUE_OUT_OF_MEMORY) return mlcm__fail(err, MLCM_NO_MEMORY, "out of memory: libcurl has none for a URL");
  if (web) return MLCM_OK;
  return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%.200s' is not a URL that begins with http:// or https://", url);
}

static mlcm_status check_request(const mlcm__http_request *q, mlcm_error *err) {
  const mlcm_status st = mlcm__http_check_url(q->url, err);
  if (st) return st;
  for (const char *c = q->method; c && *c; c++) {
    if (*c < 'A' || *c > 'Z')
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT, "'%.40s' is not an HTTP method: capital letters only", q->method);
  }
  for (size_t i = 0; i < q->n_headers; i++) {
    const char *header = q->headers[i];
    if (!mlcm__text_is_plain(header, strlen(header)) || !strchr(header, ':')) {
      return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                        "header %zu of a request to '%.200s' is not of the form 'Name: value' without control characters", i + 1,
                        q->url);
    }
  }
  if (q->timeout_ns < 0 || q->max_redirects < 0) {
    return mlcm__fail(err, MLCM_INVALID_ARGUMENT,
                      "the time limit or the number of redirects of a request to '%.200s' is negative", q->url);
  }
  return MLCM_OK;
}

static size_t take_body(char *data, size_t size, size_t n, void *user) {
  exchange *x = user;
  mlcm__buffer_append(&x->answer->body, data, size * n);
  return x->answer->body.bad ? 0 : size * n; /* 0 makes curl give up */
}

static mlcm_status set_headers(exchange *x, mlcm_error *err) {
  static const char *const no_wait[] = {"Expect:"}; /* a body is sent at once, not after a second's wait for "100 Continue" */
  for (size_t i = 0; i <= x->request->n_headers; i++) {
    struct curl_slist *longer = curl_slist_append(x->headers, i < x->request->n_headers ? x->request->headers[i] : no_wait[0]);
    if (!longer) return mlcm__fail(err, MLCM_NO_MEMORY, "out of memory: libcurl has none for a header");
    x->headers = longer;
  }
  return MLCM_OK;
}

static int64_t limit_ns(const mlcm__http_request *q) { return q->timeout_ns ? q->timeout_ns : default_timeout_ns; }

/* Numbers: curl has no reason to refuse those, all options being older than the oldest curl that this file is compiled with. */
static void set_limits(const exchange *x) {
  CURL *e = x->easy;
  const mlcm__http_request *q = x->request;
  const int64_t up = (limit_ns(q) - 1) / NS_PER_MS + 1; /* never 0, which would mean no limit */
  const long timeout_ms = up > INT32_MAX ? INT32_MAX : (long)up;
  const size_t max = x->answer->body.max;
  (void)curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, timeout_ms);
  (void)curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, timeout_ms);
  (void)curl_easy_setopt(e, CURLOPT_MAXFILESIZE_LARGE, (curl_off_t)(max > INT64_MAX ? INT64_MAX : max));
  (void)curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, q->max_redirects > 0 ? 1L : 0L);
  (void)curl_easy_setopt(e, CURLOPT_MAXREDIRS, (long)q->max_redirects);
  (void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 1L);
  (void)curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 2L);
  (void)curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
  (void)curl_easy_setopt(e, CURLOPT_QUICK_EXIT, 1L); /* a resolver that is stuck is left alone, not waited for */
  (void)curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
}

/* Where curl may go: not over another protocol, not through a proxy that the environment names. */
static CURLcode set_routes(const exchange *x) {
  CURLcode bad = curl_easy_setopt(x->easy, CURLOPT_PROXY, "");
  if (!bad) bad = curl_easy_setopt(x->easy, CURLOPT_PROTOCOLS_STR, "http,https");
  if (!bad) bad = curl_easy_setopt(x->easy, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
  return bad;
}

static CURLcode set_content(exchange *x) {
  CURL *e = x->easy;
  const mlcm__http_request *q = x->request;
  const bool head = q->method && strcmp(q->method, "HEAD") == 0;
  CURLcode bad = curl_easy_setopt(e, CURLOPT_URL, q->url);
  if (!bad) bad = curl_easy_setopt(e, CURLOPT_USERAGENT, "libmlcm");
  if (!bad) bad = curl_easy_setopt(e, CURLOPT_HTTPHEADER, x->headers);
  if (!bad) bad = curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->why);
  if (!bad) bad = curl_easy_setopt(e, CURLOPT_PRIVATE, x);
  if (!bad) bad = curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, take_body);
  if (!bad) bad = curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
  if (!bad && q->body) bad = curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_len);
  if (!bad && q->body) bad = curl_easy_setopt(e, CURLOPT_POSTFIELDS, q->body);
  if (!bad && head) bad = curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
  if (!bad && q->method && !head) bad = curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, q->method);
  return bad;
}

static mlcm_status start(mlcm__http *http, exchange *x, mlcm_error *err) {
  const mlcm_status st = set_headers(x, err);
  if (st) return st;
  CURL *easy = curl_easy_init();
  if (!easy) return mlcm__fail(err, MLCM_NO_MEMORY, "out of memory: libcurl has none for a request");
  x->easy = easy;
  set_limits(x);
  CURLcode bad = set_routes(x);
  if (!bad) bad = set_content(x);
  /* never: a fresh handle, and no callback under way */
  if (!bad && curl_multi_add_handle(http->multi, easy) != CURLM_OK) bad = CURLE_FAILED_INIT;
  if (!bad) return MLCM_OK;
  curl_easy_cleanup(easy);
  x->easy = NULL;
  const mlcm_status code = bad == CURLE_OUT_OF_MEMORY ? MLCM_NO_MEMORY : MLCM_INTERNAL; /* never: all else was checked before */
  return mlcm__fail(err, code, "libcurl refuses a request to '%.200s': %s", x->request->url, curl_easy_strerror(bad));
}

static void stop(mlcm__http *http, exchange *x) {
  if (x->easy) {
    curl_multi_remove_handle(http->multi, x->easy);
    curl_easy_cleanup(x->easy);
    x->easy = NULL;
  }
  curl_slist_free_all(x->headers);
  x->headers = NULL;
}

/* ---- How it ended -------------------------------------------------------------------------------------------------- */

static mlcm__http_end end_of(const exchange *x, CURLcode code) {
  switch (code) {
  case CURLE_OK: return MLCM__HTTP_ANSWERED;
  case CURLE_COULDNT_RESOLVE_HOST:
  case CURLE_COULDNT_CONNECT: return MLCM__HTTP_REFUSED;
  case CURLE_OPERATION_TIMEDOUT: return MLCM__HTTP_TIMED_OUT;
  case CURLE_FILESIZE_EXCEEDED: return MLCM__HTTP_TOO_LARGE;
  case CURLE_WRITE_ERROR: return x->answer->body.bad == MLCM_LIMIT ? MLCM__HTTP_TOO_LARGE : MLCM__HTTP_BROKEN;
  case CURLE_SSL_CONNECT_ERROR:
  case CURLE_PEER_FAILED_VERIFICATION:
  case CURLE_SSL_CERTPROBLEM:
  case CURLE_SSL_CIPHER:
  case CURLE_SSL_CACERT_BADFILE:
  case CURLE_SSL_ISSUER_ERROR:
  case CURLE_SSL_INVALIDCERTSTATUS: return MLCM__HTTP_TLS;
  default: return MLCM__HTTP_BROKEN;
  }
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c; }

/* For people. curl's own words where it has any, in lower case like the rest of ours. */
static void describe(const exchange *x, CURLcode code) {
  char *out = x->answer->detail;
  const size_t size = sizeof x->answer->detail;
  long os_errno = 0;
  const char *os_text = NULL;
  curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &os_errno);
  /* rarely: curl knows the errno of nearly every refusal */
  if (code == CURLE_COULDNT_CONNECT && os_errno) os_text = strerrordesc_np((int)os_errno);
  if (x->answer->end == MLCM__HTTP_TIMED_OUT) {
    snprintf(out, size, "no complete answer within %lld ms", (long long)((limit_ns(x->request) - 1) / NS_PER_MS + 1));
  } else if (x->answer->end == MLCM__HTTP_TOO_LARGE) {
    snprintf(out, size, "the answer is larger than %zu bytes", x->answer->body.max);
  } else {
    const char *why = os_text ? os_text : x->why[0] ? x->why : curl_easy_strerror(code);
    snprintf(out, size, "%.*s", (int)mlcm__utf8_cut(why, strlen(why), size - 1), why);
  }
  const bool is_acronym = (unsigned char)(out[1] - 'A') <= 'Z' - 'A'; /* "SSL ..." keeps its capitals */
  if (!is_acronym) out[0] = lower(out[0]);
}

static void note_content_type(const exchange *x) {
  const char *type = NULL;
  char *out = x->answer->content_type;
  size_t n = 0;
  curl_easy_getinfo(x->easy, CURLINFO_CONTENT_TYPE, &type);
  for (; type && type[n] && !strchr("; \t", type[n]) && n + 1 < sizeof x->answer->content_type; n++) out[n] = lower(type[n]);
  out[n] = 0;
}

static void finish(exchange *x, CURLcode code) {
  long status = 0;
  curl_off_t took_us = 0;
  x->ended = true;
  x->answer->end = end_of(x, code);
  curl_easy_getinfo(x->easy, CURLINFO_TOTAL_TIME_T, &took_us);
  x->answer->took_ns = (int64_t)took_us * 1000;
  if (code == CURLE_OK) {
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    x->answer->status = (int)status;
    note_content_type(x);
  } else {
    describe(x, code);
    if (code == CURLE_OUT_OF_MEMORY) x->answer->body.bad = MLCM_NO_MEMORY;
    if (x->answer->body.bad != MLCM_NO_MEMORY) mlcm__buffer_reset(&x->answer->body); /* half a body is worse than none */
  }
}

static void cancel_rest(exchange *xs, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (xs[i].ended) continue;
    xs[i].ended = true;
    xs[i].answer->end = MLCM__HTTP_CANCELLED;
    mlcm__buffer_reset(&xs[i].answer->body);
    snprintf(xs[i].answer->detail, sizeof xs[i].answer->detail, "cancelled");
  }
}

/* ---- The loop ------------------------------------------------------------------------------------------------------ */

static void collect(mlcm__http *http) {
  int left = 0;
  for (CURLMsg *message = NULL; (message = curl_multi_info_read(http->multi, &left)) != NULL;) {
    exchange *x = NULL;
    curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&x);
    assert(message->msg == CURLMSG_DONE); /* curl has no other message */
    finish(x, message->data.result);
  }
}

static mlcm_status drive(mlcm__http *http, exchange *xs, size_t n, mlcm_error *err) {
  for (;;) {
    int running = 0;
    CURLMcode bad = curl_multi_perform(http->multi, &running);
    collect(http);
    if (!bad && running == 0) return MLCM_OK; /* never: curl goes on with a good handle, whatever its transfers meet */
    if (atomic_exchange(&http->cancelled, false)) {
      cancel_rest(xs, n);
      return MLCM_OK;
    }
    if (!bad) bad = curl_multi_poll(http->multi, NULL, 0, POLL_MS, NULL); /* never: as above */
    /* never: poll asks for memory from many connections on */
    if (bad == CURLM_OUT_OF_MEMORY) return mlcm__fail(err, MLCM_NO_MEMORY, "out of memory: libcurl has none to go on with");
    /* never: as above */
    if (bad) return mlcm__fail(err, MLCM_INTERNAL, "libcurl cannot go on: %s", curl_multi_strerror(bad));
  }
}

/* A body that the allocator had no room for is our failure, not the server's. */
static mlcm_status check_memory(const exchange *xs, size_t n, mlcm_error *err) {
  for (size_t i = 0; i < n; i++) {
    if (xs[i].answer->body.bad == MLCM_NO_MEMORY)
      return mlcm__buffer_check(&xs[i].answer->body, "the body of an HTTP answer", err);
  }
  return MLCM_OK;
}

static mlcm_status run_quietly(mlcm__http *http, exchange *xs, size_t n, mlcm_error *err) {
  mlcm_status st = MLCM_OK;
  for (size_t i = 0; i < n && !st; i++) st = check_request(xs[i].request, err);
  for (size_t i = 0; i < n && !st; i++) st = start(http, &xs[i], err);
  if (!st) st = drive(http, xs, n, err);
  for (size_t i = 0; i < n; i++) stop(http, &xs[i]);
  return st ? st : check_memory(xs, n, err);
}

/* Runs with SIGPIPE blocked in this thread and takes away the one that may have come, unless one was waiting before. */
static mlcm_status run_all(mlcm__http *http, exchange *xs, size_t n, mlcm_error *err) {
  sigset_t pipe_only, before, pending;
  sigemptyset(&pipe_only);
  sigaddset(&pipe_only, SIGPIPE);
  sigemptyset(&pending);
  sigpending(&pending);
  const bool was_pending = sigismember(&pending, SIGPIPE) == 1;
  pthread_sigmask(SIG_BLOCK, &pipe_only, &before);
  const mlcm_status st = run_quietly(http, xs, n, err);
  const struct timespec at_once = {0, 0};
  if (!was_pending) sigtimedwait(&pipe_only, NULL, &at_once);
  pthread_sigmask(SIG_SETMASK, &before, NULL);
  return st;
}

mlcm_status mlcm__http_run(mlcm__http *http, const mlcm__http_request *requests, mlcm__http_answer *answers, size_t n,
                           mlcm_error *err) {
  if (n == 0) return MLCM_OK;
  exchange *xs = mlcm__alloc_zero(http->ctx, n, sizeof *xs);
  if (!xs) return mlcm__fail_memory(err, n * sizeof *xs);
  for (size_t i = 0; i < n; i++) {
    const size_t max_body = requests[i].max_body_bytes ? requests[i].max_body_bytes : DEFAULT_BODY_BYTES;
    memset(&answers[i], 0, sizeof answers[i]);
    mlcm__buffer_init(&answers[i].body, http->ctx, max_body);
    xs[i].request = &requests[i];
    xs[i].answer = &answers[i];
  }
  const mlcm_status st = run_all(http, xs, n, err);
  for (size_t i = 0; i < n && st; i++) mlcm__http_answer_reset(&answers[i]);
  mlcm__free(http->ctx, xs);
  return st;
}

void mlcm__http_answer_reset(mlcm__http_answer *answer) { mlcm__buffer_reset(&answer->body); }
