/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request and its reply as a libcurl transfer. Part of the module http_client; knows
 * neither the loop nor the other calls.
 */
#ifndef LOOP_HTTP_CALL_H
#define LOOP_HTTP_CALL_H

#include "common/base/buf.h"
#include "common/loop/http_client.h"

#include <curl/curl.h>
#include <sys/queue.h>

enum {
    HTTP_HOST_BYTES = 256,
    HTTP_PEER_BYTES = 288, /* "[host]:65535" */
    HTTP_TYPE_BYTES = 128,
    HTTP_HEADERS_MAX_BYTES = 65536, /* of one call, interim replies and all */
};

enum http_call_state {
    HTTP_CALL_RUNNING,
    HTTP_CALL_ENDED,     /* the reply stands; `done` was not called yet */
    HTTP_CALL_DELIVERED, /* `done` was called, or is being called */
};

struct http_call {
    TAILQ_ENTRY(http_call) link; /* in one of the client's lists */
    struct http_client *client;  /* borrowed */
    enum http_call_state state;
    bool is_in_delivery; /* in the client's list `delivering` */
    http_done_fn *done;
    void *userdata;

    CURL *easy; /* owned; NULL once the call has ended */
    /* libcurl borrows these four. */
    struct curl_slist *headers;    /* owned; the bearer stands in it */
    struct curl_slist *connect_to; /* owned */
    char *body;                    /* owned; may hold secrets */
    char curl_text[CURL_ERROR_SIZE];
    size_t body_len;

    enum http_trust trust;
    uint32_t connect_timeout_ms;
    uint32_t total_timeout_ms;
    uint64_t started_ms;
    bool has_proxy;
    char name[HTTP_HOST_BYTES];      /* demanded of the certificate */
    char peer[HTTP_PEER_BYTES];      /* "host:port" that the request is for */
    char dial_host[HTTP_HOST_BYTES]; /* what is resolved: the peer's or the proxy's host */
    char dial_peer[HTTP_PEER_BYTES]; /* "host:port" that TCP connects to */

    struct buf received;
    size_t header_bytes;
    bool has_all_headers;  /* the empty line after them came */
    enum err_code refusal; /* why we made libcurl stop; ERR_NONE = we did not */
    char content_type[HTTP_TYPE_BYTES];
    struct http_reply reply;
};

TAILQ_HEAD(http_call_list, http_call);

/** Everything of @request is copied. */
int http_call_new(struct http_call **ret, const struct http_request *request,
                  const char *user_agent, struct err *err) MUST_CHECK;

/** Make the easy handle of a call whose copies stand (http_transfer.c). */
int http_call_set_up(struct http_call *call, const struct http_request *request,
                     const char *user_agent, struct err *err) MUST_CHECK;

/** The transfer ended with @code: make the reply out of it (http_reply.c). */
void http_call_end(struct http_call *call, CURLcode code, const struct clock *clock);

/** The reply is this error, whatever came. */
void http_call_end_with(struct http_call *call, enum err_code code, const char *reason,
                        const struct clock *clock);

/** Release the transfer, which must be out of the multi handle. The reply stays. */
void http_call_release_transfer(struct http_call *call);

/** NULL and half-made ones are fine. */
void http_call_free(struct http_call *call);

/** Why the transfer of @call ended with @code, in an operator's words (http_failure.c). */
void http_failure_describe(const struct http_call *call, CURLcode code, struct err *ret);

#endif
