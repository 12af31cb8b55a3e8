/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of calls: running, ended, delivered. A call that libcurl ended is delivered in the
 * same turn of the loop, after libcurl was left; one that was cancelled is delivered by a
 * timer. Completions may send, cancel and stop: a call is out of every list before its own is
 * called, and the client itself is freed in a close callback only, where none of its frames is
 * on the stack.
 */
#include "common/loop/http_client.h"
#include "common/loop/http_call.h"
#include "common/loop/http_sockets.h"

#include <stdlib.h>
#include <string.h>

struct http_client {
    const struct clock *clock; /* borrowed */
    char *user_agent;          /* owned */
    http_idle_closed_fn *on_idle_closed;
    void *userdata;
    struct http_sockets sockets;
    uv_timer_t deliver_timer;
    struct http_call_list running;
    struct http_call_list delivering; /* ended: delivered before the loop is given back */
    struct http_call_list cancelled;  /* delivered by deliver_timer */
    size_t open_parts;                /* of sockets, deliver_timer */
    bool wants_fresh;                 /* the next call makes a new connection */
    bool is_stopping;
    http_closed_fn *closed;
    void *closed_userdata;
};

/* The reply stands: from running to @list. */
static void release(struct http_client *client, struct http_call *call,
                    struct http_call_list *list)
{
    http_sockets_remove(&client->sockets, call->easy);
    http_call_release_transfer(call);
    TAILQ_REMOVE(&client->running, call, link);
    TAILQ_INSERT_TAIL(list, call, link);
    call->is_in_delivery = list == &client->delivering;
}

static void collect(struct http_client *client)
{
    CURLcode code = CURLE_OK;
    for (;;) {
        CURL *easy = http_sockets_next_ended(&client->sockets, &code);
        if (easy == NULL) {
            return;
        }
        char *call = NULL;
        (void)curl_easy_getinfo(easy, CURLINFO_PRIVATE, &call);
        http_call_end((struct http_call *)(void *)call, code, client->clock);
        release(client, (struct http_call *)(void *)call, &client->delivering);
    }
}

static void deliver(struct http_client *client)
{
    while (!TAILQ_EMPTY(&client->delivering)) {
        struct http_call *call = TAILQ_FIRST(&client->delivering);
        TAILQ_REMOVE(&client->delivering, call, link);
        call->state = HTTP_CALL_DELIVERED;
        call->done(&call->reply, call->userdata);
        http_call_free(call);
    }
}

/* Those that are cancelled meanwhile wait for the next round: completions that cancel must not
 * keep the loop here. */
static void deliver_cancelled(struct http_client *client)
{
    struct http_call *call = NULL;
    TAILQ_FOREACH(call, &client->cancelled, link)
    {
        call->is_in_delivery = true;
    }
    TAILQ_CONCAT(&client->delivering, &client->cancelled, link);
    deliver(client);
}

static void rest_if_idle(struct http_client *client)
{
    if (TAILQ_EMPTY(&client->running)) {
        http_sockets_rest(&client->sockets);
    }
}

static void on_deliver_timer(uv_timer_t *timer)
{
    deliver_cancelled(timer->data);
}

static void on_progress(void *owner)
{
    struct http_client *client = owner;
    collect(client);
    deliver(client);
    rest_if_idle(client);
}

static void on_broken(void *owner)
{
    struct http_client *client = owner;
    collect(client);
    while (!TAILQ_EMPTY(&client->running)) {
        struct http_call *call = TAILQ_FIRST(&client->running);
        http_call_end_with(call, ERR_INTERNAL, "libcurl gave up", client->clock);
        release(client, call, &client->delivering);
    }
    http_sockets_drop(&client->sockets);
    deliver(client);
    rest_if_idle(client);
}

static void on_idle_closed(void *owner)
{
    struct http_client *client = owner;
    client->on_idle_closed(client->userdata);
}

static void on_part_closed(struct http_client *client)
{
    client->open_parts--;
    if (client->open_parts > 0) {
        return;
    }
    while (!TAILQ_EMPTY(&client->cancelled)) {
        deliver_cancelled(client);
    }
    http_closed_fn *closed = client->closed;
    void *userdata = client->closed_userdata;
    free(client->user_agent);
    free(client);
    if (closed != NULL) {
        closed(userdata);
    }
}

static void on_sockets_closed(void *owner)
{
    on_part_closed(owner);
}

static void on_deliver_timer_closed(uv_handle_t *handle)
{
    on_part_closed(handle->data);
}

int http_client_start(struct http_client **ret, const struct http_client_options *options,
                      struct err *err)
{
    struct http_client *client = calloc(1, sizeof(*client));
    char *user_agent = strdup(options->user_agent);
    if (client == NULL || user_agent == NULL) {
        free(client);
        free(user_agent);
        return err_no_memory(err);
    }
    client->clock = options->clock;
    client->user_agent = user_agent;
    client->on_idle_closed = options->on_idle_closed;
    client->userdata = options->userdata;
    TAILQ_INIT(&client->running);
    TAILQ_INIT(&client->delivering);
    TAILQ_INIT(&client->cancelled);
    const struct http_sockets_events events = {
        .on_progress = on_progress,
        .on_broken = on_broken,
        .on_idle_closed = options->on_idle_closed != NULL ? on_idle_closed : NULL,
        .on_closed = on_sockets_closed,
    };
    http_sockets_init(&client->sockets, options->loop, &events, client);
    (void)uv_timer_init(options->loop, &client->deliver_timer); /* cannot fail */
    client->deliver_timer.data = client;
    client->open_parts = 2;
    *ret = client;
    return 0;
}

int http_client_send(struct http_client *client, const struct http_request *request,
                     http_done_fn *done, void *userdata, struct http_call **ret_call,
                     struct err *err)
{
    if (client->is_stopping) {
        return err_set(err, ERR_CANCELLED, "send a request: the client is stopping");
    }
    struct http_call *call = NULL;
    if (http_call_new(&call, request, client->user_agent, err) < 0) {
        return -1;
    }
    call->client = client;
    call->done = done;
    call->userdata = userdata;
    call->started_ms = clock_monotonic_ms(client->clock);
    (void)curl_easy_setopt(call->easy, CURLOPT_FRESH_CONNECT, client->wants_fresh ? 1L : 0L);
    if (http_sockets_add(&client->sockets, call->easy, err) < 0) {
        http_call_free(call);
        rest_if_idle(client);
        return -1;
    }
    client->wants_fresh = false;
    TAILQ_INSERT_TAIL(&client->running, call, link);
    if (ret_call != NULL) {
        *ret_call = call;
    }
    return 0;
}

void http_client_cancel(struct http_call *call)
{
    if (call == NULL || call->state == HTTP_CALL_DELIVERED) {
        return;
    }
    struct http_client *client = call->client;
    bool is_running = call->state == HTTP_CALL_RUNNING;
    http_call_end_with(call, ERR_CANCELLED, "cancelled", client->clock);
    if (is_running) {
        release(client, call, &client->cancelled);
        rest_if_idle(client);
    } else if (call->is_in_delivery) {
        TAILQ_REMOVE(&client->delivering, call, link);
        call->is_in_delivery = false;
        TAILQ_INSERT_TAIL(&client->cancelled, call, link);
    }
    if (!client->is_stopping) {
        /* 1 ms and not 0: a completion that cancels must not be served again in the same turn.
         * */
        (void)uv_timer_start(&client->deliver_timer, on_deliver_timer, 1, 0);
    }
}

void http_client_drop_idle(struct http_client *client)
{
    if (client->is_stopping) {
        return;
    }
    if (TAILQ_EMPTY(&client->running)) {
        http_sockets_drop(&client->sockets);
    } else {
        /* libcurl cannot close one connection alone; but with one that is newer it keeps only
         * that. */
        client->wants_fresh = true;
    }
}

void http_client_stop(struct http_client *client, http_closed_fn *closed, void *userdata)
{
    if (client == NULL || client->is_stopping) {
        return;
    }
    client->is_stopping = true;
    client->closed = closed;
    client->closed_userdata = userdata;
    struct http_call_list *const lists[] = {&client->running, &client->delivering};
    for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
        while (!TAILQ_EMPTY(lists[i])) {
            http_client_cancel(TAILQ_FIRST(lists[i])); /* moves it to `cancelled` */
        }
    }
    http_sockets_close(&client->sockets);
    uv_close((uv_handle_t *)&client->deliver_timer, on_deliver_timer_closed);
}
