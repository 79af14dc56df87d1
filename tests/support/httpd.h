/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd.h - a real HTTP/1.1 server on 127.0.0.1 that answers as the test's script says, well or badly.
 *
 *   test_httpd *server = test_httpd_start();
 *   test_httpd_on(server, "/api/v1/query", &(test_reply){.content_type = "application/json", .body = "{...}"});
 *   test_httpd_on(server, "/slow", &(test_reply){.delay_ms = 5000, .body = "late"});
 *   char url[128];
 *   test_httpd_url(server, "/api/v1/query", url);     // "http://127.0.0.1:PORT/api/v1/query"
 *   ...
 *   ck_assert_uint_eq(test_httpd_hits(server, "/api/v1/query"), 1);
 *   test_httpd_stop(server);                          // ends delays and drips at once: nobody waits for a slow answer
 *
 * Paths are compared without their query. A path without script answers 404. All functions may be called from any thread at any
 * time; a script set anew holds from the next request on. Connections are kept alive, each on a thread of its own.
 */
#ifndef MLCM_TESTS_SUPPORT_HTTPD_H
#define MLCM_TESTS_SUPPORT_HTTPD_H

#include <stdbool.h>
#include <stddef.h>

typedef struct test_reply {
  int status;               /* 0: 200 */
  const char *content_type; /* NULL: text/plain */
  const char *headers;      /* more header lines, each with "\r\n", or NULL; e.g. "Location: /there\r\n" */
  const char *body;         /* NULL: empty */
  size_t body_len;          /* 0: strlen(body) */
  size_t repeat;            /* the body that many times over, for large ones; 0: once */
  int delay_ms;             /* before the first byte */
  int drip_ms;              /* pause before each byte of the body: the slow drip */
  size_t cut_after;         /* close after so many bytes of the body although more were announced; 0: send all */
  const char *raw;          /* sent as it stands instead of all above, then the connection is closed: garbage */
  size_t raw_len;           /* 0: strlen(raw) */
  bool reset;               /* close the connection without a byte */
} test_reply;

/* A request as it came. */
typedef struct test_request {
  char method[16];
  char path[256];     /* without query */
  char query[2048];   /* behind '?', as sent (percent-encoded); "" when none */
  char headers[4096]; /* as sent */
  char body[4096];    /* NUL-terminated, cut to fit */
  size_t body_len;    /* as sent */
} test_request;

typedef struct test_httpd test_httpd;

test_httpd *test_httpd_start(void); /* fails the running test when no port can be had */
void test_httpd_stop(test_httpd *server);
int test_httpd_port(const test_httpd *server);
void test_httpd_url(const test_httpd *server, const char *path, char out[128]);

/* Sets or replaces what a path answers; all of the reply is copied. */
void test_httpd_on(test_httpd *server, const char *path, const test_reply *reply);
/* The same with a function that makes the reply for each request. What it points to must live until the server is stopped. */
void test_httpd_on_call(test_httpd *server, const char *path, test_reply (*answer)(void *user, const test_request *request),
                        void *user);

/* Requests that came for a path (NULL: all), and the last of them; false when there was none. */
size_t test_httpd_hits(test_httpd *server, const char *path);
bool test_httpd_last(test_httpd *server, const char *path, test_request *out);
/* Connections accepted so far: tells whether they are used again. */
size_t test_httpd_connections(test_httpd *server);

/* Outage and return: closes the port and all connections (new ones are refused), or opens the same port again. */
void test_httpd_refuse(test_httpd *server, bool refuse);

#endif
