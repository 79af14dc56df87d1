/* SPDX-License-Identifier: Apache-2.0
 *
 * test_real_prometheus.c - Debian's prometheus scrapes an exporter that this test scripts; mlcm_measure asks it. Killed,
 * restarted, an exporter that goes away: each must land in its kind.
 *
 * The server listens on a free port of 127.0.0.1 and dies with the test (PR_SET_PDEATHSIG). All waiting is polling with a limit.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <mlcm/metric.h>

#include "support/fault.h"
#include "support/httpd.h"
#include "support/suite.h"
#include "support/temp_dir.h"

static const int64_t second = 1000000000;

typedef struct prometheus {
  char *dir;
  int port;
  pid_t pid;
  char url[64];
} prometheus;

static int free_port(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t len = sizeof address;
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  ck_assert_int_ge(fd, 0);
  ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
  ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &len), 0);
  close(fd);
  return ntohs(address.sin_port);
}

static void write_config(const prometheus *p, int exporter_port) {
  char text[512];
  char *path = test_path(p->dir, "prometheus.yml");
  snprintf(text, sizeof text,
           "global: {scrape_interval: 200ms, scrape_timeout: 200ms}\n"
           "scrape_configs:\n"
           "  - job_name: model\n"
           "    static_configs: [{targets: ['127.0.0.1:%d']}]\n",
           exporter_port);
  test_write_file(path, text, strlen(text));
  free(path);
}

static void run_server(const prometheus *p) {
  char config[256];
  char data[256];
  char listen_at[64];
  char *log = test_path(p->dir, "log");
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  snprintf(config, sizeof config, "--config.file=%s/prometheus.yml", p->dir);
  snprintf(data, sizeof data, "--storage.tsdb.path=%s/data", p->dir);
  snprintf(listen_at, sizeof listen_at, "--web.listen-address=127.0.0.1:%d", p->port);
  if (!freopen(log, "a", stderr) || !freopen("/dev/null", "w", stdout)) _exit(126);
  execlp("prometheus", "prometheus", config, data, listen_at, (char *)NULL);
  _exit(127); /* the readiness check tells */
}

static void start_server(prometheus *p) {
  p->pid = fork();
  ck_assert_int_ge(p->pid, 0);
  if (p->pid == 0) run_server(p);
}

static void kill_server(prometheus *p) {
  if (p->pid <= 0) return;
  kill(p->pid, SIGKILL);
  waitpid(p->pid, NULL, 0);
  p->pid = 0;
}

static mlcm_measurement ask(mlcm_context *ctx, const prometheus *p, const char *query, int64_t max_age_ns) {
  const mlcm_source source = {.url = p->url, .query = query, .timeout_ns = 5 * second, .max_age_ns = max_age_ns};
  mlcm_measurement m;
  mlcm_error err;
  mlcm_status st = mlcm_measure(ctx, &source, 1, &m, &err);
  ck_assert_msg(st == MLCM_OK, "%s", st ? err.message : "");
  return m;
}

/* Asks until the measurement has that kind (and value, where the kind has one). */
static void wait_for(mlcm_context *ctx, const prometheus *p, const char *query, mlcm_measurement_kind kind, double value) {
  const struct timespec pause = {0, 20000000};
  mlcm_measurement m = {.kind = 0};
  for (int tries = 0; tries < 1500; tries++) {
    int status = 0;
    m = ask(ctx, p, query, 0);
    if (m.kind == kind && m.value == value) return;
    ck_assert_msg(p->pid <= 0 || waitpid(p->pid, &status, WNOHANG) == 0, "prometheus ended with status %d (127: not installed)",
                  WEXITSTATUS(status));
    nanosleep(&pause, NULL);
  }
  ck_abort_msg("%s is still %s %g (%s) after 30 s, not %s %g", query, mlcm_measurement_kind_name(m.kind), m.value, m.detail,
               mlcm_measurement_kind_name(kind), value);
}

static void export_metrics(test_httpd *exporter, const char *text) {
  test_httpd_on(exporter, "/metrics", &(test_reply){.content_type = "text/plain; version=0.0.4", .body = text});
}

START_TEST(a_real_server_gives_each_kind_and_survives_kill_and_restart) {
  mlcm_context *ctx = test_context(NULL, NULL, NULL);
  test_httpd *exporter = test_httpd_start();
  prometheus p = {.dir = test_temp_dir(), .port = free_port()};
  snprintf(p.url, sizeof p.url, "http://127.0.0.1:%d", p.port);
  export_metrics(exporter, "# TYPE accuracy gauge\naccuracy 0.97\n# TYPE busy gauge\nbusy{gpu=\"0\"} 40\nbusy{gpu=\"1\"} 60\n"
                           "# TYPE odd gauge\nodd NaN\n# TYPE huge gauge\nhuge +Inf\n");
  write_config(&p, test_httpd_port(exporter));

  ck_assert_int_eq(ask(ctx, &p, "accuracy", 0).kind, MLCM_MEASURED_ERROR); /* not started: refused */
  start_server(&p);
  wait_for(ctx, &p, "accuracy", MLCM_MEASURED_VALUE, 0.97);

  const struct {
    const char *query;
    mlcm_measurement_kind kind;
    double value;
    const char *detail;
  } cases[] = {
      {"accuracy", MLCM_MEASURED_VALUE, 0.97, ""},
      {"avg(busy)", MLCM_MEASURED_VALUE, 50, ""},
      {"scalar(accuracy) * 2", MLCM_MEASURED_VALUE, 1.94, ""},
      {"vector(1)", MLCM_MEASURED_VALUE, 1, ""},
      {"busy", MLCM_MEASURED_ERROR, 0, "2 series"},
      {"no_such_series", MLCM_MEASURED_NO_DATA, 0, "no series matches"},
      {"odd", MLCM_MEASURED_NO_DATA, 0, "NaN"},
      {"0/0", MLCM_MEASURED_NO_DATA, 0, "NaN"},
      {"huge", MLCM_MEASURED_ERROR, 0, "infinite"},
      {"accuracy[1m]", MLCM_MEASURED_ERROR, 0, "range of samples"},
      {"\"text\"", MLCM_MEASURED_ERROR, 0, "string"},
      {"sum(", MLCM_MEASURED_ERROR, 0, "HTTP 400: "},
      {"accuracy * on(job) group_left busy * on(job) busy", MLCM_MEASURED_ERROR, 0, "HTTP 422: "},
  };
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    const mlcm_measurement m = ask(ctx, &p, cases[i].query, 0);
    ck_assert_msg(m.kind == cases[i].kind && m.value == cases[i].value, "%s: %s %g (%s)", cases[i].query,
                  mlcm_measurement_kind_name(m.kind), m.value, m.detail);
    ck_assert_msg(strstr(m.detail, cases[i].detail) != NULL, "%s: '%s' lacks '%s'", cases[i].query, m.detail, cases[i].detail);
  }

  test_httpd_refuse(exporter, true); /* the exporter goes: prometheus marks its series as gone */
  wait_for(ctx, &p, "accuracy", MLCM_MEASURED_NO_DATA, 0);
  wait_for(ctx, &p, "up", MLCM_MEASURED_VALUE, 0);
  test_httpd_refuse(exporter, false);
  wait_for(ctx, &p, "accuracy", MLCM_MEASURED_VALUE, 0.97);

  kill_server(&p); /* the server goes: an error, and with it back the old sample is no value where max_age says so */
  const mlcm_measurement gone = ask(ctx, &p, "accuracy", 0);
  ck_assert_int_eq(gone.kind, MLCM_MEASURED_ERROR);
  ck_assert_str_eq(gone.detail, "connection refused");
  export_metrics(exporter, "accuracy 0.5\n");
  start_server(&p);
  wait_for(ctx, &p, "accuracy", MLCM_MEASURED_VALUE, 0.5);
  const mlcm_measurement m = ask(ctx, &p, "accuracy", 30 * second); /* lookback_delta is understood */
  ck_assert_int_eq(m.kind, MLCM_MEASURED_VALUE);

  kill_server(&p);
  test_httpd_stop(exporter);
  test_temp_dir_remove(p.dir);
  mlcm_context_free(ctx);
}
END_TEST

int main(void) {
  const TTest *tests[] = {a_real_server_gives_each_kind_and_survives_kill_and_restart};
  return TEST_RUN("metric_real_prometheus", tests);
}
