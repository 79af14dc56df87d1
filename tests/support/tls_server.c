/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_server.c - one thread that takes one client after the other through a TLS handshake with a fresh self-signed certificate.
 */
#include "tls_server.h"

#include <arpa/inet.h>
#include <check.h>
#include <netinet/in.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct test_tls_server {
  SSL_CTX *tls;
  int listener, port;
  pthread_t thread;
  atomic_size_t n_handshakes;
};

/* A certificate for "localhost", valid for an hour. */
static void certify(SSL_CTX *tls) {
  EVP_PKEY *key = EVP_EC_gen("P-256");
  X509 *certificate = X509_new();
  ck_assert(key && certificate);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
  X509_NAME *name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"localhost", -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_set_pubkey(certificate, key);
  ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
  ck_assert_int_eq(SSL_CTX_use_certificate(tls, certificate), 1);
  ck_assert_int_eq(SSL_CTX_use_PrivateKey(tls, key), 1);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

static void *serve(void *user) {
  static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";
  test_tls_server *s = user;
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, NULL); /* OpenSSL writes to sockets that clients close: SIGPIPE stays pending here */
  for (;;) {
    const int fd = accept4(s->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return NULL;
    SSL *session = SSL_new(s->tls);
    if (session && SSL_set_fd(session, fd) == 1 && SSL_accept(session) == 1) {
      char request[2048];
      if (SSL_read(session, request, sizeof request) > 0) {
        atomic_fetch_add(&s->n_handshakes, 1);
        SSL_write(session, reply, (int)strlen(reply));
      }
    }
    SSL_free(session);
    close(fd);
  }
}

test_tls_server *test_tls_server_start(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  test_tls_server *s = calloc(1, sizeof *s);
  ck_assert_ptr_nonnull(s);
  s->tls = SSL_CTX_new(TLS_server_method());
  ck_assert_ptr_nonnull(s->tls);
  certify(s->tls);
  s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ck_assert_int_ge(s->listener, 0);
  ck_assert_int_eq(bind(s->listener, (struct sockaddr *)&address, size), 0);
  ck_assert_int_eq(listen(s->listener, 8), 0);
  ck_assert_int_eq(getsockname(s->listener, (struct sockaddr *)&address, &size), 0);
  s->port = ntohs(address.sin_port);
  ck_assert_int_eq(pthread_create(&s->thread, NULL, serve, s), 0);
  return s;
}

void test_tls_server_stop(test_tls_server *s) {
  shutdown(s->listener, SHUT_RDWR); /* makes accept return */
  pthread_join(s->thread, NULL);
  close(s->listener);
  SSL_CTX_free(s->tls);
  free(s);
}

int test_tls_server_port(const test_tls_server *s) { return s->port; }

size_t test_tls_server_handshakes(const test_tls_server *s) { return s->n_handshakes; }
