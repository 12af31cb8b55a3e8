/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTPS listener on the libuv loop: libmicrohttpd driven by its epoll descriptor, TLS by
 * GnuTLS, with our own deadlines (reaper), framing checks and limits. Gives the router complete
 * requests; knows no route.
 */
#ifndef COORDINATOR_HTTP_SERVER_H
#define COORDINATOR_HTTP_SERVER_H

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/secret.h"
#include "coordinator/http/router.h"

#include <stdint.h>
#include <uv.h>

struct http_server;

/* A certificate chain with its key, both PEM. */
struct http_identity {
    const char *cert_pem;
    const struct secret *key_pem;
};

typedef void http_connection_closed_fn(uint64_t connection, void *userdata);

struct http_server_options {
    uv_loop_t *loop;
    const struct clock *clock;
    const struct log *log;
    const struct router *router; /* outlives the server */
    int listen_fd;               /* taken, also on failure; bound and listening, non-blocking */
    struct http_identity
        internal; /* for clients that name internal_name (SNI), and when there is no other */
    const char *internal_name; /* "<installation id>.ece.internal" */
    struct http_identity
        external; /* the operator's own for every other name; cert_pem NULL = none */
    unsigned max_connections;        /* 0 = from RLIMIT_NOFILE */
    unsigned max_connections_per_ip; /* 0 = no limit of its own */
    uint32_t request_deadline_ms;    /* connect or request start -> whole request; 10000 */
    uint32_t idle_timeout_ms;        /* kept connections without a request; 120000 */
    uint32_t park_deadline_ms;       /* a parked exchange is answered 503; 15000 */
    http_connection_closed_fn
        *on_connection_closed; /* for connections that carried at least one request */
    void *userdata;
};

int http_server_start(struct http_server **ret, const struct http_server_options *options,
                      struct err *err) MUST_CHECK;

/** Use another identity from the next handshake on (renewal). */
int http_server_set_internal(struct http_server *server, const struct http_identity *identity,
                             struct err *err) MUST_CHECK;
int http_server_set_external(struct http_server *server, const struct http_identity *identity,
                             struct err *err) MUST_CHECK;

/** Answer what is parked with 503, close listener and connections, free, call @closed once; all
 * of it from the loop, so handlers may call this. on_connection_closed is not called any more:
 * it is the server that leaves, not the clients. */
void http_server_stop(struct http_server *server, void (*closed)(void *userdata),
                      void *userdata);

/** A listening socket for "ADDR:PORT" ([::] is dual stack), backlog 4096, non-blocking,
 * CLOEXEC. Port 0 picks one. */
int http_server_listen(const char *address, uint16_t port, int *ret_fd,
                       struct err *err) MUST_CHECK;

#endif
