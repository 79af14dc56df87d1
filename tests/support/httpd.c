/* SPDX-License-Identifier: Apache-2.0
 *
 * httpd.c - the scripted HTTP server. One thread accepts, one a connection answers. `lock` guards everything in test_httpd but
 * the port. Every wait is a poll that the server's end or outage interrupts: each generation of the listening socket has its own
 * pipe, whose closing wakes all who wait.
 */
#include "httpd.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MAX_ROUTES = 64, MAX_CONNECTIONS = 4096, HEAD_BYTES = 16384 };

typedef struct route {
  char path[256];
  test_reply reply; /* strings owned */
  test_reply (*answer)(void *user, const test_request *request);
  void *user;
  size_t hits;
  test_request last;
} route;

typedef struct connection {
  test_httpd *server;
  pthread_t thread;
  int fd;
  int wake; /* readable or hung up when this generation ends */
  bool started;
} connection;

struct test_httpd {
  pthread_mutex_t lock;
  int port;
  int listener; /* -1 while refusing */
  int wake_read, wake_write;
  pthread_t acceptor;
  route *routes[MAX_ROUTES];
  size_t n_routes;
  size_t n_hits;
  connection connections[MAX_CONNECTIONS]; /* of this generation */
  size_t n_connections;
  size_t n_accepted;
};

/* ---- Waiting and sending ------------------------------------------------------------------------------------------- */

/* False when the server is to end. */
static bool wait_ms(int wake, int ms) {
  struct pollfd p = {.fd = wake, .events = POLLIN};
  return poll(&p, 1, ms) == 0;
}

static bool wait_readable(const connection *c) {
  struct pollfd p[2] = {{.fd = c->fd, .events = POLLIN}, {.fd = c->wake, .events = POLLIN}};
  while (poll(p, 2, -1) < 0 && errno == EINTR) {
  }
  return p[1].revents == 0;
}

static bool send_all(const connection *c, const char *data, size_t len) {
  while (len > 0) {
    struct pollfd p[2] = {{.fd = c->fd, .events = POLLOUT}, {.fd = c->wake, .events = POLLIN}};
    if (poll(p, 2, -1) < 0 && errno != EINTR) return false;
    if (p[1].revents) return false;
    const ssize_t n = send(c->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (n <= 0) return false;
    data += n;
    len -= (size_t)n;
  }
  return true;
}

/* ---- Reading a request --------------------------------------------------------------------------------------------- */

static void copy_text(char *out, size_t size, const char *from, size_t len) {
  const size_t n = len < size - 1 ? len : size - 1;
  memcpy(out, from, n);
  out[n] = 0;
}

static void parse_target(test_request *q, const char *target, size_t len) {
  const char *mark = memchr(target, '?', len);
  const size_t path_len = mark ? (size_t)(mark - target) : len;
  copy_text(q->path, sizeof q->path, target, path_len);
  copy_text(q->query, sizeof q->query, mark ? mark + 1 : "", mark ? len - path_len - 1 : 0);
}

static bool parse_head(test_request *q, const char *head, size_t head_len) {
  const char *space = memchr(head, ' ', head_len);
  const char *line_end = memchr(head, '\r', head_len);
  if (!space || !line_end || space > line_end) return false;
  const char *target = space + 1;
  const char *target_end = memchr(target, ' ', (size_t)(line_end - target));
  if (!target_end) return false;
  memset(q, 0, sizeof *q);
  copy_text(q->method, sizeof q->method, head, (size_t)(space - head));
  parse_target(q, target, (size_t)(target_end - target));
  const char *headers = line_end + 2;
  copy_text(q->headers, sizeof q->headers, headers, head_len - (size_t)(headers - head));
  const char *length = strcasestr(q->headers, "content-length:");
  q->body_len = length ? strtoul(length + strlen("content-length:"), NULL, 10) : 0;
  return true;
}

/* False at the end of the connection. */
static bool read_request(const connection *c, test_request *q) {
  char head[HEAD_BYTES + 1];
  size_t len = 0, body = 0;
  while (body == 0) {
    if (len == HEAD_BYTES || !wait_readable(c)) return false;
    const ssize_t n = recv(c->fd, head + len, HEAD_BYTES - len, 0);
    if (n <= 0) return false;
    len += (size_t)n;
    head[len] = 0;
    if (head[0] < 'A' || head[0] > 'Z') { /* TLS, say: a real server does not wait for more of it */
      send_all(c, "HTTP/1.1 400 Bad Request\r\n\r\n", 28);
      return false;
    }
    const char *end = strstr(head, "\r\n\r\n");
    if (end) body = (size_t)(end - head) + 4;
  }
  if (!parse_head(q, head, body)) return false;
  size_t have = len - body;
  copy_text(q->body, sizeof q->body, head + body, have);
  while (have < q->body_len) {
    if (!wait_readable(c)) return false;
    const ssize_t n = recv(c->fd, head, HEAD_BYTES, 0);
    if (n <= 0) return false;
    if (have < sizeof q->body - 1) copy_text(q->body + have, sizeof q->body - have, head, (size_t)n);
    have += (size_t)n;
  }
  return true;
}

/* ---- Answering ----------------------------------------------------------------------------------------------------- */

static bool send_body(const connection *c, const test_reply *r, size_t len) {
  const size_t times = r->repeat ? r->repeat : 1;
  size_t left = r->cut_after ? r->cut_after : SIZE_MAX;
  for (size_t i = 0; i < times && left > 0; i++) {
    for (size_t at = 0; at < len && left > 0;) {
      size_t n = r->drip_ms ? 1 : len - at;
      if (n > left) n = left;
      if (r->drip_ms && !wait_ms(c->wake, r->drip_ms)) return false;
      if (!send_all(c, r->body + at, n)) return false;
      at += n;
      left -= n;
    }
  }
  return r->cut_after == 0;
}

/* False when the connection is to be closed. */
static bool send_reply(const connection *c, const test_request *q, const test_reply *r) {
  if (r->delay_ms && !wait_ms(c->wake, r->delay_ms)) return false;
  if (r->reset) return false;
  if (r->raw) {
    send_all(c, r->raw, r->raw_len ? r->raw_len : strlen(r->raw));
    return false;
  }
  const size_t len = !r->body ? 0 : r->body_len ? r->body_len : strlen(r->body);
  char head[4096];
  const int n = snprintf(head, sizeof head, "HTTP/1.1 %d Scripted\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%s\r\n",
                         r->status ? r->status : 200, r->content_type ? r->content_type : "text/plain",
                         len * (r->repeat ? r->repeat : 1), r->headers ? r->headers : "");
  if (n < 0 || !send_all(c, head, (size_t)n)) return false;
  return strcmp(q->method, "HEAD") == 0 || send_body(c, r, len);
}

static char *copy_bytes(const char *from, size_t len) {
  if (!from) return NULL;
  if (len == 0) len = strlen(from);
  char *copy = malloc(len + 1);
  ck_assert_ptr_nonnull(copy);
  memcpy(copy, from, len);
  copy[len] = 0;
  return copy;
}

/* All of a reply in memory of its own. */
static test_reply copy_reply(const test_reply *from) {
  test_reply to = *from;
  if (to.body && to.body_len == 0) to.body_len = strlen(to.body);
  if (to.raw && to.raw_len == 0) to.raw_len = strlen(to.raw);
  to.content_type = copy_bytes(from->content_type, 0);
  to.headers = copy_bytes(from->headers, 0);
  to.body = copy_bytes(from->body, to.body_len);
  to.raw = copy_bytes(from->raw, to.raw_len);
  return to;
}

static void free_text(const char *text) {
  char *own = NULL;
  memcpy(&own, &text, sizeof own); /* ours by copy_reply, const only to users */
  free(own);
}

static void free_reply(test_reply *r) {
  free_text(r->content_type);
  free_text(r->headers);
  free_text(r->body);
  free_text(r->raw);
  memset(r, 0, sizeof *r);
}

/* Under the lock. */
static route *find_route(test_httpd *s, const char *path) {
  for (size_t i = 0; i < s->n_routes; i++) {
    if (strcmp(s->routes[i]->path, path) == 0) return s->routes[i];
  }
  return NULL;
}

/* Under the lock: the route of a path, made when new. */
static route *make_route(test_httpd *s, const char *path) {
  route *r = find_route(s, path);
  if (r) return r;
  ck_assert_uint_lt(s->n_routes, MAX_ROUTES);
  r = calloc(1, sizeof *r);
  ck_assert_ptr_nonnull(r);
  copy_text(r->path, sizeof r->path, path, strlen(path));
  s->routes[s->n_routes++] = r;
  return r;
}

/* Counts the request and finds its answer, in memory that the caller frees. */
static test_reply decide(test_httpd *s, const test_request *q) {
  static const test_reply not_found = {.status = 404, .body = "nothing is scripted here\n"};
  pthread_mutex_lock(&s->lock);
  s->n_hits++;
  route *r = find_route(s, q->path);
  test_reply (*answer)(void *user, const test_request *request) = r ? r->answer : NULL;
  void *user = r ? r->user : NULL;
  if (r) {
    r->hits++;
    r->last = *q;
  }
  test_reply reply = answer ? (test_reply){0} : copy_reply(r ? &r->reply : &not_found);
  pthread_mutex_unlock(&s->lock);
  if (answer) { /* without the lock: it may look at the server */
    const test_reply made = answer(user, q);
    reply = copy_reply(&made);
  }
  return reply;
}

static void *serve(void *user) {
  connection *c = user;
  test_request *q = malloc(sizeof *q);
  bool open = q != NULL;
  while (open && read_request(c, q)) {
    test_reply reply = decide(c->server, q);
    open = send_reply(c, q, &reply);
    free_reply(&reply);
  }
  shutdown(c->fd, SHUT_RDWR); /* closed when the generation ends, so that the number is not given out again meanwhile */
  free(q);
  return NULL;
}

static void *accept_all(void *user) {
  test_httpd *s = user;
  for (;;) {
    struct pollfd p[2] = {{.fd = s->listener, .events = POLLIN}, {.fd = s->wake_read, .events = POLLIN}};
    if (poll(p, 2, -1) < 0 && errno == EINTR) continue;
    if (p[1].revents) return NULL;
    const int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) continue;
    const int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    pthread_mutex_lock(&s->lock);
    if (s->n_connections == MAX_CONNECTIONS) {
      close(fd);
    } else {
      connection *c = &s->connections[s->n_connections++];
      *c = (connection){.server = s, .fd = fd, .wake = s->wake_read};
      s->n_accepted++;
      c->started = pthread_create(&c->thread, NULL, serve, c) == 0;
    }
    pthread_mutex_unlock(&s->lock);
  }
}

/* ---- Life ---------------------------------------------------------------------------------------------------------- */

static void listen_on(test_httpd *s, int port) {
  struct sockaddr_in address = {
      .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  const int on = 1;
  int pipe_fds[2];
  ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
  s->wake_read = pipe_fds[0];
  s->wake_write = pipe_fds[1];
  s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  ck_assert_int_ge(s->listener, 0);
  setsockopt(s->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  ck_assert_msg(bind(s->listener, (struct sockaddr *)&address, size) == 0, "cannot bind port %d: %s", port, strerror(errno));
  ck_assert_int_eq(listen(s->listener, 256), 0);
  ck_assert_int_eq(getsockname(s->listener, (struct sockaddr *)&address, &size), 0);
  s->port = ntohs(address.sin_port);
  ck_assert_int_eq(pthread_create(&s->acceptor, NULL, accept_all, s), 0);
}

static void stop_listening(test_httpd *s) {
  close(s->wake_write); /* the other end hangs up: every poll returns */
  pthread_join(s->acceptor, NULL);
  close(s->listener);
  for (size_t i = 0; i < s->n_connections; i++) {
    if (s->connections[i].started) pthread_join(s->connections[i].thread, NULL);
    close(s->connections[i].fd);
  }
  close(s->wake_read);
  s->n_connections = 0;
  s->listener = -1;
}

test_httpd *test_httpd_start(void) {
  test_httpd *s = calloc(1, sizeof *s);
  ck_assert_ptr_nonnull(s);
  pthread_mutex_init(&s->lock, NULL);
  listen_on(s, 0);
  return s;
}

void test_httpd_stop(test_httpd *s) {
  if (!s) return;
  if (s->listener >= 0) stop_listening(s);
  for (size_t i = 0; i < s->n_routes; i++) {
    free_reply(&s->routes[i]->reply);
    free(s->routes[i]);
  }
  pthread_mutex_destroy(&s->lock);
  free(s);
}

void test_httpd_refuse(test_httpd *s, bool refuse) {
  if (refuse && s->listener >= 0) stop_listening(s);
  if (!refuse && s->listener < 0) listen_on(s, s->port);
}

int test_httpd_port(const test_httpd *s) { return s->port; }

void test_httpd_url(const test_httpd *s, const char *path, char out[128]) {
  snprintf(out, 128, "http://127.0.0.1:%d%s", s->port, path);
}

void test_httpd_on(test_httpd *s, const char *path, const test_reply *reply) {
  pthread_mutex_lock(&s->lock);
  route *r = make_route(s, path);
  free_reply(&r->reply);
  r->reply = copy_reply(reply);
  r->answer = NULL;
  pthread_mutex_unlock(&s->lock);
}

void test_httpd_on_call(test_httpd *s, const char *path, test_reply (*answer)(void *user, const test_request *request),
                        void *user) {
  pthread_mutex_lock(&s->lock);
  route *r = make_route(s, path);
  r->answer = answer;
  r->user = user;
  pthread_mutex_unlock(&s->lock);
}

size_t test_httpd_hits(test_httpd *s, const char *path) {
  pthread_mutex_lock(&s->lock);
  const route *r = path ? find_route(s, path) : NULL;
  const size_t hits = path ? (r ? r->hits : 0) : s->n_hits;
  pthread_mutex_unlock(&s->lock);
  return hits;
}

bool test_httpd_last(test_httpd *s, const char *path, test_request *out) {
  pthread_mutex_lock(&s->lock);
  const route *r = find_route(s, path);
  const bool any = r && r->hits > 0;
  if (any) *out = r->last;
  pthread_mutex_unlock(&s->lock);
  return any;
}

size_t test_httpd_connections(test_httpd *s) {
  pthread_mutex_lock(&s->lock);
  const size_t n = s->n_accepted;
  pthread_mutex_unlock(&s->lock);
  return n;
}
