/* SPDX-License-Identifier: Apache-2.0 */
/*
 * HTTPS requests on a libuv loop, over libcurl's multi interface: one completion each,
 * deadlines and bounds always, no redirects, no proxy but the one named, TLS 1.2 or newer.
 * Keeps at most one idle connection and watches it.
 *
 * Completions come from the loop, never from inside the call that asked. Inside one, sending,
 * cancelling and stopping are fine. After `closed` nothing is called any more. The program has
 * called curl_global_init and ignores SIGPIPE.
 */
#ifndef LOOP_HTTP_CLIENT_H
#define LOOP_HTTP_CLIENT_H

#include "common/base/clock.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

struct http_client;
struct http_call;

enum http_trust {
    HTTP_TRUST_CA,      /* the chain ends in ca_pem and nothing else; name verified */
    HTTP_TRUST_SYSTEM,  /* the system's store; name verified */
    HTTP_TRUST_NOTHING, /* unverified; for fetching a CA certificate that is compared with a
                           pin, and nothing else */
};

struct http_request {
    const char *method; /* "GET", "POST", "DELETE" */
    const char *url; /* "https://NAME:PORT/path"; NAME is what TLS sends as SNI and verifies */
    const char *connect_host; /* where TCP goes: name or address; NULL = NAME */
    uint16_t connect_port;
    enum http_trust trust;
    const char *ca_pem; /* HTTP_TRUST_CA; may be a bundle */
    const char *bearer; /* Authorization: Bearer; NULL = none */
    const void *body;   /* application/json; NULL = none */
    size_t body_len;
    size_t max_reply_bytes;
    uint32_t connect_timeout_ms; /* name resolution, TCP and TLS */
    uint32_t total_timeout_ms;
    const char *proxy; /* URL; NULL = none, whatever the environment says */
};

/* All of it is copied by http_client_send. */

struct http_reply {
    int status;       /* HTTP status; 0 when there was no whole reply: then `error` says why */
    const char *body; /* NUL-terminated; "" when empty */
    size_t body_len;
    const char *content_type; /* "" when absent */
    int64_t date_s;           /* the Date header; -1 when absent */
    uint32_t
        retry_after_s; /* the Retry-After header in seconds, 0 when absent, cut at one day */
    uint64_t elapsed_ms;
    bool is_new_connection;
    struct err error; /* ERR_RESOLVE, ERR_CONNECT, ERR_TLS, ERR_TIMEOUT, ERR_PROTOCOL,
                       * ERR_TOO_LARGE, ERR_CANCELLED; its message names the host, the step
                       * (resolving, connecting, TLS, waiting for the reply) and the reason */
};

typedef void http_done_fn(const struct http_reply *reply,
                          void *userdata); /* reply is borrowed for the call */
typedef void http_idle_closed_fn(void *userdata);
typedef void http_closed_fn(void *userdata);

struct http_client_options {
    uv_loop_t *loop;
    const struct clock *clock;
    const char *user_agent;
    http_idle_closed_fn
        *on_idle_closed; /* the peer closed the kept, idle connection; NULL = do not watch */
    void *userdata;
};

int http_client_start(struct http_client **ret, const struct http_client_options *options,
                      struct err *err) MUST_CHECK;

/** @ret_call (may be NULL) is good until @done was called. */
int http_client_send(struct http_client *client, const struct http_request *request,
                     http_done_fn *done, void *userdata, struct http_call **ret_call,
                     struct err *err) MUST_CHECK;

/** @done comes with ERR_CANCELLED from a later turn of the loop. NULL is fine. */
void http_client_cancel(struct http_call *call);

/** Close the idle connection (a new address list, a resume from suspend). */
void http_client_drop_idle(struct http_client *client);

/** Cancel all, close all, then call @closed once (from the loop) and free. NULL client: nothing
 * happens, closed is not called. */
void http_client_stop(struct http_client *client, http_closed_fn *closed, void *userdata);

#endif
