/* SPDX-License-Identifier: Apache-2.0
 *
 * tls_server.h - an HTTPS server on 127.0.0.1 whose certificate it signed itself a moment ago, so that no client may trust it.
 */
#ifndef MLCM_TESTS_SUPPORT_TLS_SERVER_H
#define MLCM_TESTS_SUPPORT_TLS_SERVER_H

#include <stddef.h>

typedef struct test_tls_server test_tls_server;

test_tls_server *test_tls_server_start(void); /* fails the running test when it cannot */
void test_tls_server_stop(test_tls_server *server);
int test_tls_server_port(const test_tls_server *server);
/* Clients that accepted the certificate; each got "200 OK". */
size_t test_tls_server_handshakes(const test_tls_server *server);

#endif
