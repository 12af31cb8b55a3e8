/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fake of common/loop/http_client.c: see its header. One timer for each call delivers its
 * reply; one for each client ends it once no call is left.
 */
#include "tests/support/fake_http.h"

#include "common/codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { HTTP_WHERE_BYTES = 288 };

struct http_client {
    struct http_client *next;
    struct fake_http *fake;
    const struct clock *clock;
    uv_loop_t *loop;
    http_idle_closed_fn *on_idle_closed;
    void *userdata;
    char *kept; /* "host:port/trust" of the kept connection; NULL = none */
    uv_timer_t idle_timer;
    uv_timer_t stop_timer;
    unsigned open_timers;
    unsigned n_calls;
    LIST_HEAD(, http_call) calls;
    bool is_stopping;
    http_closed_fn *closed;
    void *closed_userdata;
};

struct http_call {
    LIST_ENTRY(http_call) link;
    struct http_client *client;
    struct fake_request *request; /* kept by the fake */
    struct fake_answer answer;
    char *line; /* "host:port/trust" */
    http_done_fn *done;
    void *userdata;
    uv_timer_t timer;
    bool is_delivered;
};

static char *copy(const char *text)
{
    char *made = text != NULL ? strdup(text) : NULL;
    if (text != NULL && made == NULL) {
        abort();
    }
    return made;
}

static void *make(size_t size)
{
    void *made = calloc(1, size);
    if (made == NULL) {
        abort();
    }
    return made;
}

/* --- the client's side ------------------------------------------------------------------- */

static void forget_line(struct http_client *client)
{
    free(client->kept);
    client->kept = NULL;
}

static void on_timer_closed(uv_handle_t *handle)
{
    struct http_client *client = handle->data;
    if (--client->open_timers > 0) {
        return;
    }
    struct http_client **at = &client->fake->first;
    while (*at != client) {
        at = &(*at)->next;
    }
    *at = client->next;
    http_closed_fn *closed = client->closed;
    void *userdata = client->closed_userdata;
    forget_line(client);
    free(client);
    closed(userdata);
}

static void on_stop(uv_timer_t *timer)
{
    struct http_client *client = timer->data;
    if (client->n_calls > 0) {
        (void)uv_timer_start(timer, on_stop, 0, 0);
        return;
    }
    uv_close((uv_handle_t *)&client->stop_timer, on_timer_closed);
    uv_close((uv_handle_t *)&client->idle_timer, on_timer_closed);
}

static void on_idle_closed(uv_timer_t *timer)
{
    struct http_client *client = timer->data;
    if (client->kept != NULL && LIST_EMPTY(&client->calls) && !client->is_stopping) {
        forget_line(client);
        client->on_idle_closed(client->userdata);
    }
}

int http_client_start(struct http_client **ret, const struct http_client_options *options,
                      struct err *err)
{
    struct http_client *client = make(sizeof *client);
    (void)err;
    client->fake = options->loop->data;
    client->clock = options->clock;
    client->loop = options->loop;
    client->on_idle_closed = options->on_idle_closed;
    client->userdata = options->userdata;
    LIST_INIT(&client->calls);
    (void)uv_timer_init(options->loop, &client->idle_timer);
    (void)uv_timer_init(options->loop, &client->stop_timer);
    client->idle_timer.data = client;
    client->stop_timer.data = client;
    client->open_timers = 2;
    client->next = client->fake->first;
    client->fake->first = client;
    *ret = client;
    return 0;
}

void http_client_stop(struct http_client *client, http_closed_fn *closed, void *userdata)
{
    if (client == NULL || client->is_stopping) {
        return;
    }
    struct http_call *call = NULL;
    client->is_stopping = true;
    client->closed = closed;
    client->closed_userdata = userdata;
    LIST_FOREACH(call, &client->calls, link)
    {
        http_client_cancel(call);
    }
    (void)uv_timer_start(&client->stop_timer, on_stop, 0, 0);
}

void http_client_drop_idle(struct http_client *client)
{
    client->fake->n_idle_dropped++;
    forget_line(client);
}

/* --- calls ------------------------------------------------------------------------------- */

static void on_call_closed(uv_handle_t *handle)
{
    struct http_call *call = handle->data;
    call->client->n_calls--;
    json_decref(call->answer.json);
    free(call->line);
    free(call);
}

static bool is_same_line(const struct http_client *client, const struct http_call *call)
{
    return client->kept != NULL && strcmp(client->kept, call->line) == 0;
}

static void fill_error(const struct http_call *call, enum err_code code,
                       struct http_reply *reply)
{
    (void)err_set(&reply->error, code, "reach %s: %s (scripted)", call->request->connect_host,
                  err_code_name(code));
}

static void on_deliver(uv_timer_t *timer)
{
    struct http_call *call = timer->data;
    struct http_client *client = call->client;
    const struct fake_answer *answer = &call->answer;
    char *body = answer->json != NULL ? json_compact(answer->json)
                                      : copy(answer->text != NULL ? answer->text : "");
    const char *type = answer->content_type != NULL ? answer->content_type : "application/json";
    struct http_reply reply = {
        .body = "",
        .content_type = "",
        .date_s = -1,
        .elapsed_ms = clock_monotonic_ms(client->clock) - call->request->sent_ms,
    };
    if (answer->error != ERR_NONE) {
        fill_error(call, answer->error, &reply);
        forget_line(client);
    } else {
        reply.status = answer->status;
        reply.body = body;
        reply.body_len = strlen(body);
        reply.content_type = type;
        reply.date_s = answer->date_s != 0 ? answer->date_s : -1;
        reply.retry_after_s = answer->retry_after_s;
        reply.is_new_connection = answer->is_new_connection || !is_same_line(client, call);
        forget_line(client);
        client->kept = copy(call->line);
    }
    LIST_REMOVE(call, link);
    call->is_delivered = true;
    uv_close((uv_handle_t *)timer, on_call_closed);
    call->done(&reply, call->userdata);
    free(body);
}

static struct fake_request *record(struct fake_http *fake, struct http_client *client,
                                   const struct http_request *request)
{
    struct fake_request *kept = make(sizeof *kept);
    char where[HTTP_WHERE_BYTES];
    (void)snprintf(where, sizeof where, "%s:%u", request->connect_host, request->connect_port);
    *kept = (struct fake_request){
        .client = client,
        .method = copy(request->method),
        .url = copy(request->url),
        .connect_host = copy(where),
        .trust = request->trust,
        .ca_pem = copy(request->ca_pem),
        .bearer = copy(request->bearer),
        .body = request->body != NULL
                    ? json_loadb(request->body, request->body_len, JSON_REJECT_DUPLICATES, NULL)
                    : NULL,
        .max_reply_bytes = request->max_reply_bytes,
        .connect_timeout_ms = request->connect_timeout_ms,
        .total_timeout_ms = request->total_timeout_ms,
        .proxy = copy(request->proxy),
        .sent_ms = clock_monotonic_ms(client->clock),
    };
    if (request->body != NULL && !json_is_object(kept->body)) {
        fail_msg("%s: the body is no JSON object", request->url);
    }
    const char *path = kept->url != NULL ? strstr(kept->url, "://") : NULL;
    kept->path = path != NULL ? strchr(path + 3, '/') : NULL;
    if (kept->path == NULL) {
        fail_msg("%s: is no URL", request->url);
    }
    fake->requests =
        realloc(fake->requests, (fake->n_requests + 1) * sizeof(struct fake_request *));
    if (fake->requests == NULL) {
        abort();
    }
    fake->requests[fake->n_requests++] = kept;
    return kept;
}

static struct fake_answer choose(struct fake_http *fake, const struct fake_request *request)
{
    if (fake->answer != NULL) {
        return fake->answer(request, fake->userdata);
    }
    if (fake->script_at == fake->n_script) {
        fail_msg("%s %s: nobody scripted an answer", request->method, request->path);
    }
    return fake->script[fake->script_at++];
}

int http_client_send(struct http_client *client, const struct http_request *request,
                     http_done_fn *done, void *userdata, struct http_call **ret_call,
                     struct err *err)
{
    struct fake_http *fake = client->fake;
    if (client->is_stopping) {
        return err_set(err, ERR_CANCELLED, "send a request: the client is stopping");
    }
    if (fake->refuses_next_send) {
        fake->refuses_next_send = false;
        return err_set(err, ERR_NO_MEMORY, "send a request: scripted to fail");
    }
    struct http_call *call = make(sizeof *call);
    call->client = client;
    call->request = record(fake, client, request);
    call->answer = choose(fake, call->request);
    call->done = done;
    call->userdata = userdata;
    char line[HTTP_WHERE_BYTES + 16];
    (void)snprintf(line, sizeof line, "%s/%d", call->request->connect_host,
                   (int)request->trust);
    call->line = copy(line);
    if (call->answer.delay_ms >= request->total_timeout_ms) {
        call->answer.delay_ms = request->total_timeout_ms;
        call->answer.error = ERR_TIMEOUT;
    }
    (void)uv_timer_init(client->loop, &call->timer);
    call->timer.data = call;
    (void)uv_timer_start(&call->timer, on_deliver, call->answer.delay_ms, 0);
    client->n_calls++;
    LIST_INSERT_HEAD(&client->calls, call, link);
    if (ret_call != NULL) {
        *ret_call = call;
    }
    return 0;
}

void http_client_cancel(struct http_call *call)
{
    if (call == NULL || call->is_delivered) {
        return;
    }
    call->request->is_cancelled = true;
    call->answer.error = ERR_CANCELLED;
    (void)uv_timer_start(&call->timer, on_deliver, 0, 0);
}

/* --- the test's side --------------------------------------------------------------------- */

void fake_http_init(struct fake_http *fake, uv_loop_t *loop)
{
    *fake = (struct fake_http){0};
    loop->data = fake;
}

void fake_http_fini(struct fake_http *fake)
{
    for (size_t i = 0; i < fake->n_requests; i++) {
        struct fake_request *request = fake->requests[i];
        free(request->method);
        free(request->url);
        free(request->connect_host);
        free(request->ca_pem);
        free(request->bearer);
        free(request->proxy);
        json_decref(request->body);
        free(request);
    }
    free(fake->requests);
    for (size_t i = fake->script_at; i < fake->n_script; i++) {
        json_decref(fake->script[i].json);
    }
    assert_null(fake->first);
    *fake = (struct fake_http){0};
}

void fake_http_script(struct fake_http *fake, struct fake_answer answer)
{
    assert_true(fake->n_script < FAKE_HTTP_SCRIPT_MAX);
    fake->script[fake->n_script++] = answer;
}

const struct fake_request *fake_http_request(const struct fake_http *fake, int at)
{
    size_t index = at >= 0 ? (size_t)at : fake->n_requests - (size_t)-at;
    if (index >= fake->n_requests) {
        fail_msg("only %zu requests were made", fake->n_requests);
    }
    return fake->requests[index];
}

void fake_http_trail(const struct fake_http *fake, size_t from, char *ret_text, size_t size)
{
    static const char prefix[] = "/agent/v1";
    size_t len = 0;
    ret_text[0] = '\0';
    for (size_t i = from; i < fake->n_requests && len < size; i++) {
        const struct fake_request *request = fake->requests[i];
        bool has_prefix = strncmp(request->path, prefix, sizeof prefix - 1) == 0;
        int more = snprintf(ret_text + len, size - len, "%s%s %s", i > from ? ", " : "",
                            request->method,
                            has_prefix ? request->path + sizeof prefix - 1 : request->path);
        len += more > 0 ? (size_t)more : 0;
    }
}

void fake_http_close_idle(struct fake_http *fake)
{
    for (struct http_client *client = fake->first; client != NULL; client = client->next) {
        if (client->on_idle_closed != NULL && !client->is_stopping) {
            (void)uv_timer_start(&client->idle_timer, on_idle_closed, 0, 0);
        }
    }
}
