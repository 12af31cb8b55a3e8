/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libcurl tells which descriptors and which timeout it waits for; the loop waits and tells
 * libcurl. Connections belong to the multi handle, which outlives the transfers, so a kept
 * connection is dropped by making an end of the multi handle: that is the one way to close an
 * idle connection at once, properly, with libcurl 7.88. A new one is made when needed.
 *
 * Between transfers libcurl watches nothing, and would find a closed connection at the next
 * transfer only. So this file knows the descriptor of the kept connection
 * (CURLINFO_ACTIVESOCKET after each transfer, until the connection's close-socket function says
 * that it goes) and watches it for the peer's FIN or RST alone: not for readability, since TLS
 * 1.3 session tickets make a healthy connection readable.
 *
 * libcurl forbids calls into it from its own callbacks: those of this file only note and arm.
 */
#include "common/loop/http_sockets.h"

#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* libuv permits one poll handle for a descriptor, and a closing one must not be used again. So
 * each is its own object, freed when libuv is through with it. */
struct http_watch {
    LIST_ENTRY(http_watch) link;
    struct http_sockets *sockets; /* borrowed */
    curl_socket_t fd;             /* borrowed from libcurl */
    uv_poll_t poll;
};

static void handle_closed(struct http_sockets *sockets)
{
    sockets->open_handles--;
    if (sockets->open_handles == 0) {
        sockets->events.on_closed(sockets->owner);
    }
}

static void on_watch_closed(uv_handle_t *handle)
{
    struct http_watch *watch = handle->data;
    struct http_sockets *sockets = watch->sockets;
    free(watch);
    handle_closed(sockets);
}

static struct http_watch *watch_new(struct http_sockets *sockets, curl_socket_t fd)
{
    struct http_watch *watch = calloc(1, sizeof(*watch));
    if (watch == NULL) {
        return NULL;
    }
    watch->sockets = sockets;
    watch->fd = fd;
    watch->poll.data = watch;
    if (uv_poll_init_socket(sockets->loop, &watch->poll, fd) < 0) {
        free(watch);
        return NULL;
    }
    sockets->open_handles++;
    LIST_INSERT_HEAD(&sockets->watches, watch, link);
    return watch;
}

/* After this the descriptor may be closed at once. */
static void watch_close(struct http_watch *watch)
{
    LIST_REMOVE(watch, link);
    (void)uv_poll_stop(&watch->poll);
    uv_close((uv_handle_t *)&watch->poll, on_watch_closed);
}

static void idle_watch_stop(struct http_sockets *sockets)
{
    if (sockets->idle_watch != NULL) {
        watch_close(sockets->idle_watch);
        sockets->idle_watch = NULL;
    }
}

/* Tell libcurl what happened, then let the owner collect what ended by it. */
static void socket_action(struct http_sockets *sockets, curl_socket_t fd, int flags)
{
    if (sockets->multi == NULL) {
        return;
    }
    int n_running = 0; /* says nothing: it is 0 before the last ended transfer was collected */
    CURLMcode code = curl_multi_socket_action(sockets->multi, fd, flags, &n_running);
    if (code == CURLM_OK) {
        sockets->events.on_progress(sockets->owner);
    } else {
        sockets->events.on_broken(sockets->owner);
    }
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
    struct http_watch *watch = poll->data;
    int flags = 0;
    if (status < 0) {
        /* libuv's word for POLLERR, the usual way of a refused connection. It has stopped the
         * handle as well; the transfer's own timeout stands behind that. Told of an error
         * alone, libcurl would not read what the error is. */
        flags = CURL_CSELECT_ERR | CURL_CSELECT_IN | CURL_CSELECT_OUT;
    }
    if ((events & UV_READABLE) != 0) {
        flags |= CURL_CSELECT_IN;
    }
    if ((events & UV_WRITABLE) != 0) {
        flags |= CURL_CSELECT_OUT;
    }
    socket_action(watch->sockets, watch->fd, flags);
}

static void on_timer(uv_timer_t *timer)
{
    socket_action(timer->data, CURL_SOCKET_TIMEOUT, 0);
}

/* CURLMOPT_TIMERFUNCTION */
static int set_timer(CURLM *multi, long timeout_ms, void *userdata)
{
    (void)multi;
    struct http_sockets *sockets = userdata;
    if (sockets->is_closing) {
        return 0;
    }
    if (timeout_ms < 0) {
        (void)uv_timer_stop(&sockets->timer);
        return 0;
    }
    /* At least 1 ms: libuv before 1.48 runs a zero timer that is set from its own callback
     * again in the same turn, for ever. The loop's time may be old, which makes the timer
     * early; then libcurl asks again. Renewing it here could make other timers of 1 ms due in
     * this turn. */
    uint64_t delay_ms = timeout_ms > 0 ? (uint64_t)timeout_ms : 1;
    return uv_timer_start(&sockets->timer, on_timer, delay_ms, 0) < 0 ? -1 : 0;
}

/* CURLMOPT_SOCKETFUNCTION. -1 makes libcurl give up: on_broken. */
static int set_socket(CURL *easy, curl_socket_t fd, int what, void *userdata, void *at)
{
    (void)easy;
    struct http_sockets *sockets = userdata;
    struct http_watch *watch = at;
    if (what == CURL_POLL_REMOVE) {
        if (watch != NULL) {
            (void)curl_multi_assign(sockets->multi, fd, NULL);
            watch_close(watch);
        }
        return 0;
    }
    if (sockets->is_closing) {
        return 0;
    }
    if (watch == NULL) {
        watch = watch_new(sockets, fd);
        if (watch == NULL) {
            return -1;
        }
        if (curl_multi_assign(sockets->multi, fd, watch) != CURLM_OK) {
            watch_close(watch);
            return -1;
        }
    }
    int events = ((what & CURL_POLL_IN) != 0 ? UV_READABLE : 0) |
                 ((what & CURL_POLL_OUT) != 0 ? UV_WRITABLE : 0);
    return uv_poll_start(&watch->poll, events, on_poll) < 0 ? -1 : 0;
}

/* CURLOPT_OPENSOCKETFUNCTION: libcurl's own leaves the descriptor to programs that we start. */
static curl_socket_t open_socket(void *userdata, curlsocktype purpose,
                                 struct curl_sockaddr *address)
{
    (void)userdata;
    (void)purpose;
    return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

/* CURLOPT_CLOSESOCKETFUNCTION. Belongs to the connection, not to the transfer: it is called
 * whenever that goes. */
static int close_socket(void *userdata, curl_socket_t fd)
{
    struct http_sockets *sockets = userdata;
    if (fd == sockets->kept_fd) {
        idle_watch_stop(sockets);
        sockets->kept_fd = CURL_SOCKET_BAD;
    }
    return close(fd);
}

static int ensure_multi(struct http_sockets *sockets, struct err *err)
{
    if (sockets->multi != NULL) {
        return 0;
    }
    CURLM *multi = curl_multi_init();
    if (multi == NULL) {
        return err_no_memory(err);
    }
    if (curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, set_socket) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, sockets) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_TIMERDATA, sockets) != CURLM_OK ||
        curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, 1L) != CURLM_OK) {
        (void)curl_multi_cleanup(multi);
        return err_set(err, ERR_INTERNAL, "set up libcurl: an option was refused");
    }
    sockets->multi = multi;
    return 0;
}

static void on_idle_event(uv_poll_t *poll, int status, int events)
{
    struct http_watch *watch = poll->data;
    struct http_sockets *sockets = watch->sockets;
    if (status < 0 || (events & UV_DISCONNECT) != 0) {
        http_sockets_drop(sockets);
        sockets->events.on_idle_closed(sockets->owner);
    }
}

static void on_timer_closed(uv_handle_t *handle)
{
    handle_closed(handle->data);
}

void http_sockets_init(struct http_sockets *sockets, uv_loop_t *loop,
                       const struct http_sockets_events *events, void *owner)
{
    *sockets = (struct http_sockets){
        .loop = loop,
        .events = *events,
        .owner = owner,
        .kept_fd = CURL_SOCKET_BAD,
        .open_handles = 1,
    };
    LIST_INIT(&sockets->watches);
    (void)uv_timer_init(loop, &sockets->timer); /* cannot fail */
    sockets->timer.data = sockets;
}

int http_sockets_add(struct http_sockets *sockets, CURL *easy, struct err *err)
{
    if (ensure_multi(sockets, err) < 0) {
        return -1;
    }
    if (curl_easy_setopt(easy, CURLOPT_OPENSOCKETFUNCTION, open_socket) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETFUNCTION, close_socket) != CURLE_OK ||
        curl_easy_setopt(easy, CURLOPT_CLOSESOCKETDATA, sockets) != CURLE_OK) {
        return err_set(err, ERR_INTERNAL, "set up libcurl: a socket option was refused");
    }
    idle_watch_stop(sockets); /* libcurl is about to use that descriptor */
    CURLMcode code = curl_multi_add_handle(sockets->multi, easy);
    if (code != CURLM_OK) {
        return err_set(err, ERR_INTERNAL, "start a transfer: %s", curl_multi_strerror(code));
    }
    return 0;
}

CURL *http_sockets_next_ended(struct http_sockets *sockets, CURLcode *ret_code)
{
    while (sockets->multi != NULL) {
        int n_left = 0;
        const CURLMsg *message = curl_multi_info_read(sockets->multi, &n_left);
        if (message == NULL) {
            return NULL;
        }
        if (message->msg == CURLMSG_DONE) {
            *ret_code = message->data.result;
            return message->easy_handle;
        }
    }
    return NULL;
}

void http_sockets_remove(struct http_sockets *sockets, CURL *easy)
{
    curl_socket_t fd = CURL_SOCKET_BAD;
    if (curl_easy_getinfo(easy, CURLINFO_ACTIVESOCKET, &fd) == CURLE_OK &&
        fd != CURL_SOCKET_BAD) {
        sockets->kept_fd = fd;
    }
    (void)curl_multi_remove_handle(sockets->multi, easy);
}

void http_sockets_rest(struct http_sockets *sockets)
{
    if (sockets->kept_fd == CURL_SOCKET_BAD || sockets->idle_watch != NULL ||
        sockets->events.on_idle_closed == NULL || sockets->is_closing) {
        return;
    }
    struct http_watch *watch = watch_new(sockets, sockets->kept_fd);
    if (watch == NULL) {
        http_sockets_drop(sockets); /* better none than one that lies */
        return;
    }
    sockets->idle_watch = watch;
    uv_unref((uv_handle_t *)&watch->poll); /* an idle client keeps no loop alive */
    if (uv_poll_start(&watch->poll, UV_DISCONNECT, on_idle_event) < 0) {
        http_sockets_drop(sockets);
    }
}

void http_sockets_drop(struct http_sockets *sockets)
{
    idle_watch_stop(sockets);
    if (sockets->multi != NULL) {
        (void)curl_multi_cleanup(sockets->multi); /* still calls set_socket and close_socket */
        sockets->multi = NULL;
    }
    sockets->kept_fd = CURL_SOCKET_BAD;
    (void)uv_timer_stop(&sockets->timer);
    while (!LIST_EMPTY(&sockets->watches)) { /* those that libcurl forgot to give back */
        watch_close(LIST_FIRST(&sockets->watches));
    }
}

void http_sockets_close(struct http_sockets *sockets)
{
    sockets->is_closing = true;
    http_sockets_drop(sockets);
    uv_close((uv_handle_t *)&sockets->timer, on_timer_closed);
}
