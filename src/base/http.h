/* SPDX-License-Identifier: Apache-2.0
 *
 * http.h - the HTTP client: libcurl with time limits, bounded bodies, no redirects unless asked, TLS verification on.
 */
#ifndef MLCM_BASE_HTTP_H
#define MLCM_BASE_HTTP_H

#include "buffer.h"

typedef struct mlcm__http_request {
  const char *url;            /* http or https only */
  const char *method;         /* NULL: GET, or POST when body is set */
  const char *const *headers; /* "Name: value" */
  size_t n_headers;
  const void *body;
  size_t body_len;
  int64_t timeout_ns;    /* whole exchange; 0: 10 s */
  size_t max_body_bytes; /* answer; 0: 1 MiB */
  int max_redirects;     /* 0: none */
} mlcm__http_request;

/* How an exchange ended. An HTTP status of any kind is an answer; these are what kept one from arriving. */
typedef enum mlcm__http_end {
  MLCM__HTTP_ANSWERED = 0,
  MLCM__HTTP_REFUSED, /* no connection: refused, unreachable, name not found */
  MLCM__HTTP_TIMED_OUT,
  MLCM__HTTP_TLS,       /* certificate or handshake */
  MLCM__HTTP_TOO_LARGE, /* body passed max_body_bytes */
  MLCM__HTTP_BROKEN,    /* not HTTP, cut off, anything else */
  MLCM__HTTP_CANCELLED
} mlcm__http_end;

typedef struct mlcm__http_answer {
  mlcm__http_end end;
  int status;            /* when ANSWERED */
  char content_type[96]; /* lower case, without parameters; "" when absent */
  mlcm__buffer body;
  int64_t took_ns;
  char detail[128]; /* for people: "connection refused" */
} mlcm__http_answer;

/* MLCM_INVALID_ARGUMENT unless the URL can be parsed and is http or https. NULL is refused too. */
mlcm_status mlcm__http_check_url(const char *url, mlcm_error *err);

/* A pool of connections that runs many exchanges side by side. One thread at a time, except _cancel. Proxies of the environment
 * and .netrc are not used. SIGPIPE does not reach the host. */
typedef struct mlcm__http mlcm__http;
mlcm_status mlcm__http_new(mlcm_context *ctx, mlcm__http **out, mlcm_error *err);
void mlcm__http_free(mlcm__http *http);

/* Runs all n requests side by side and returns when each has ended (each by its own time limit). answers[i].body is
 * initialised here and reset by mlcm__http_answer_reset. Non-OK only for lack of memory or a request that is itself wrong. */
mlcm_status mlcm__http_run(mlcm__http *http, const mlcm__http_request *requests, mlcm__http_answer *answers, size_t n,
                           mlcm_error *err);
void mlcm__http_answer_reset(mlcm__http_answer *answer);
/* From any thread: makes a running mlcm__http_run end soon, with MLCM__HTTP_CANCELLED for what is unfinished. When none is
 * running, or the running one is just ending, the next run is cancelled: a stop is never lost between two runs. */
void mlcm__http_cancel(mlcm__http *http);

#endif
