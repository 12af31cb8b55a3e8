/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server on loopback that behaves as badly as a test wants: each connection runs the test's
 * own function on a thread of its own, with blocking reads and writes. TLS by OpenSSL, or plain
 * TCP. Stopping it ends every blocked read. The process must ignore SIGPIPE.
 */
#ifndef TESTS_SUPPORT_TLS_SERVER_H
#define TESTS_SUPPORT_TLS_SERVER_H

#include "common/base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct tls_server;
struct tls_peer;

/* The connection closes when it returns. For TLS it is called after the handshake; a handshake
 * that fails is forgotten. */
typedef void tls_serve_fn(struct tls_peer *peer, void *userdata);

struct tls_server_options {
    const char *cert_pem; /* NULL = plain TCP */
    const char *key_pem;
    tls_serve_fn *serve;
    void *userdata; /* shared with the threads */
};

/** NULL if it could not start; the reason is on stderr. */
struct tls_server *tls_server_start(const struct tls_server_options *options);
void tls_server_stop(struct tls_server *server); /* NULL is fine */

uint16_t tls_server_port(const struct tls_server *server);
/** Connections accepted so far. */
unsigned tls_server_n_accepted(struct tls_server *server);

/** 0 for the server's first connection. */
unsigned tls_peer_index(const struct tls_peer *peer);
/** The name that the client asked for; "" if it did not. */
const char *tls_peer_sni(const struct tls_peer *peer);

/** One request with its body (Content-Length), as text. False when the client closed; then
 * @ret_text is as it was. */
bool tls_peer_read_request(struct tls_peer *peer, char *ret_text, size_t size);
/** False when the client closed. */
bool tls_peer_send(struct tls_peer *peer, const char *format, ...) PRINTF_LIKE(2, 3);
/** A fresh session ticket out of turn (TLS 1.3). */
bool tls_peer_send_ticket(struct tls_peer *peer);
/** Read and forget until the client closes or the server is stopped. */
void tls_peer_wait_closed(struct tls_peer *peer);
/** Close with RST. */
void tls_peer_reset(struct tls_peer *peer);

#endif
