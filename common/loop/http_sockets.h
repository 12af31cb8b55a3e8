/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl's multi handle on a libuv loop: its sockets, its timer, and the watch over the one
 * kept, idle connection. Part of the module http_client; knows transfers (easy handles), not
 * calls.
 */
#ifndef LOOP_HTTP_SOCKETS_H
#define LOOP_HTTP_SOCKETS_H

#include "common/base/err.h"

#include <curl/curl.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <uv.h>

struct http_watch;
LIST_HEAD(http_watch_list, http_watch);

/* Called from the loop, with the owner. */
struct http_sockets_events {
    void (*on_progress)(
        void *owner);               /* transfers may have ended: ask http_sockets_next_ended */
    void (*on_broken)(void *owner); /* libcurl gave up: collect, remove what is left, drop */
    void (*on_idle_closed)(void *owner); /* NULL = do not watch */
    void (*on_closed)(void *owner);      /* the last; the memory may go */
};

struct http_sockets {
    uv_loop_t *loop; /* borrowed */
    struct http_sockets_events events;
    void *owner;
    CURLM *multi;                   /* owned; NULL while nothing needs it */
    uv_timer_t timer;               /* libcurl's one timeout */
    struct http_watch_list watches; /* on the descriptors that libcurl asked for */
    struct http_watch *idle_watch;  /* on kept_fd while no transfer runs; NULL = none */
    curl_socket_t kept_fd;          /* of the connection kept for the next transfer, or -1 */
    size_t open_handles;
    bool is_closing;
};

void http_sockets_init(struct http_sockets *sockets, uv_loop_t *loop,
                       const struct http_sockets_events *events, void *owner);

/** Start a transfer. Nothing of it happens before the loop turns. */
int http_sockets_add(struct http_sockets *sockets, CURL *easy, struct err *err) MUST_CHECK;

/** An ended transfer and how it ended; NULL when there is none. It must be removed before the
 * next is asked for. */
CURL *http_sockets_next_ended(struct http_sockets *sockets, CURLcode *ret_code);

/** Take a transfer out, ended or not (then its connection closes). */
void http_sockets_remove(struct http_sockets *sockets, CURL *easy);

/** No transfer is left: watch the kept connection, if there is one. */
void http_sockets_rest(struct http_sockets *sockets);

/** Close every connection. No transfer may be left. */
void http_sockets_drop(struct http_sockets *sockets);

/** As drop, for good; then on_closed. */
void http_sockets_close(struct http_sockets *sockets);

#endif
