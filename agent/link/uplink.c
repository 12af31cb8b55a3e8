/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One request at a time to one of the installation's coordinators. Owns the list of addresses,
 * the trust and the clock offset; it retries nothing: when to try again is decided in agent.c.
 */
#include "agent/link/uplink.h"

#include "common/base/secret.h"
#include "common/codec/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CONNECT_TIMEOUT_MS = 10 * 1000, /* [RT-3] */
    TOTAL_TIMEOUT_MS = 20 * 1000,
    URL_BYTES = 512,
    DATE_RESOLUTION_MS = 2000, /* a Date header is cut to seconds, and the way takes time */
};

/* One request under way. Lives until the http client has called back, cancelled or not. */
struct pending {
    struct uplink *uplink;
    struct http_call *call; /* weak */
    uplink_done_fn *done;   /* NULL once cancelled */
    void *userdata;
};

struct uplink {
    const struct clock *clock; /* borrowed */
    struct http_client *http;  /* borrowed */
    char *proxy;               /* owned; NULL = none */
    struct endpoint_list endpoints;
    size_t current;
    char *ca_pem; /* owned; NULL = no trust yet */
    char server_name[X509_SERVER_NAME_BYTES];
    struct pending *pending; /* weak: frees itself when it ends */
    bool knows_time;
    int64_t offset_ms; /* coordinator's wall clock minus our monotonic clock */
};

int uplink_set_proxy(struct uplink *uplink, const char *proxy, struct err *err)
{
    char *copy = proxy != NULL ? strdup(proxy) : NULL;
    if (proxy != NULL && copy == NULL) {
        return err_no_memory(err);
    }
    free(uplink->proxy);
    uplink->proxy = copy;
    return 0;
}

int uplink_new(struct uplink **ret, const struct uplink_options *options, struct err *err)
{
    struct uplink *uplink = calloc(1, sizeof *uplink);
    if (uplink == NULL) {
        return err_no_memory(err);
    }
    uplink->clock = options->clock;
    uplink->http = options->http;
    if (uplink_set_proxy(uplink, options->proxy, err) < 0) {
        free(uplink);
        return -1;
    }
    *ret = uplink;
    return 0;
}

void uplink_free(struct uplink *uplink)
{
    if (uplink != NULL) {
        free(uplink->ca_pem);
        free(uplink->proxy);
        free(uplink);
    }
}

void uplink_set_endpoints(struct uplink *uplink, const struct endpoint_list *endpoints)
{
    struct endpoint in_use = {0};
    if (uplink->endpoints.count > 0) {
        in_use = *uplink_endpoint(uplink);
    }
    uplink->endpoints = *endpoints;
    uplink->current = 0;
    for (size_t i = 0; i < endpoints->count; i++) {
        if (endpoint_equal(&endpoints->items[i], &in_use)) {
            uplink->current = i;
        }
    }
}

const struct endpoint *uplink_endpoint(const struct uplink *uplink)
{
    static const struct endpoint none;
    return uplink->endpoints.count > 0 ? &uplink->endpoints.items[uplink->current] : &none;
}

void uplink_next_endpoint(struct uplink *uplink)
{
    if (uplink->endpoints.count > 0) {
        uplink->current = (uplink->current + 1) % uplink->endpoints.count;
    }
}

size_t uplink_endpoint_count(const struct uplink *uplink)
{
    return uplink->endpoints.count;
}

int uplink_trust(struct uplink *uplink, const char *ca_pem, const char *installation_id,
                 struct err *err)
{
    char *copy = strdup(ca_pem);
    if (copy == NULL) {
        return err_no_memory(err);
    }
    free(uplink->ca_pem);
    uplink->ca_pem = copy;
    x509_server_name(installation_id, uplink->server_name);
    return 0;
}

void uplink_distrust(struct uplink *uplink)
{
    free(uplink->ca_pem);
    uplink->ca_pem = NULL;
}

void uplink_learn_time(struct uplink *uplink, int64_t date_s)
{
    /* The header was cut to the second: on average half a second has passed since. */
    uplink->offset_ms = date_s * 1000 + 500 - (int64_t)clock_monotonic_ms(uplink->clock);
    uplink->knows_time = true;
}

bool uplink_knows_time(const struct uplink *uplink)
{
    return uplink->knows_time;
}

int64_t uplink_time_ms(const struct uplink *uplink)
{
    if (!uplink->knows_time) {
        return clock_wall_ms(uplink->clock);
    }
    return (int64_t)clock_monotonic_ms(uplink->clock) + uplink->offset_ms;
}

int64_t uplink_skew_ms(const struct uplink *uplink)
{
    int64_t skew = clock_wall_ms(uplink->clock) - uplink_time_ms(uplink);
    return llabs(skew) < DATE_RESOLUTION_MS ? 0 : skew;
}

static void where_text(const struct uplink *uplink, char ret_text[static ENDPOINT_TEXT_BYTES])
{
    endpoint_format(uplink_endpoint(uplink), ret_text);
}

static void read_success(const struct uplink *uplink, const struct http_reply *http,
                         struct uplink_reply *ret, json_t **ret_body)
{
    char where[ENDPOINT_TEXT_BYTES];
    struct err why = {0};
    where_text(uplink, where);
    if (json_parse(http->body, http->body_len, ret_body, &why) == 0 &&
        json_is_object(*ret_body)) {
        ret->outcome = UPLINK_OK;
        ret->body = *ret_body;
        return;
    }
    (void)err_set(&ret->error, ERR_PROTOCOL,
                  "%s answered %d with %s that is not the agent's protocol (%s); is a proxy or "
                  "another program "
                  "listening there?",
                  where, http->status,
                  http->content_type[0] != '\0' ? http->content_type : "a body",
                  why.code != ERR_NONE ? why.message : "not a JSON object");
}

static void read_refusal(const struct uplink *uplink, const struct http_reply *http,
                         struct uplink_reply *ret)
{
    char where[ENDPOINT_TEXT_BYTES];
    where_text(uplink, where);
    bool is_ours = wire_error_read(http->body, http->body_len, &ret->refusal);
    bool is_final =
        http->status >= 400 && http->status < 500 && http->status != 408 && http->status != 429;
    if (is_ours && is_final) {
        ret->outcome = UPLINK_REFUSED;
        (void)err_set(&ret->error, ERR_REFUSED, "%s refused: %s (%s)", where,
                      ret->refusal.message, ret->refusal.code);
        return;
    }
    (void)err_set(&ret->error, ERR_PROTOCOL, "%s answered %d%s%s", where, http->status,
                  is_ours ? ": " : " in a form that is not the coordinator's",
                  is_ours ? ret->refusal.message : "");
}

static void on_http_done(const struct http_reply *http, void *userdata)
{
    struct pending pending = *(struct pending *)userdata;
    free(userdata);
    if (pending.done == NULL) {
        return; /* uplink_cancel */
    }
    struct uplink *uplink = pending.uplink;
    uplink->pending = NULL;
    auto_json *body = NULL;
    struct uplink_reply reply = {
        .outcome = UPLINK_UNAVAILABLE,
        .status = http->status,
        .retry_after_s = http->retry_after_s,
        .is_new_connection = http->is_new_connection,
    };
    if (http->date_s >= 0) {
        uplink_learn_time(uplink, http->date_s);
    }
    if (http->status == 0) {
        reply.error = http->error;
    } else if (http->status >= 200 && http->status < 300) {
        read_success(uplink, http, &reply, &body);
    } else {
        read_refusal(uplink, http, &reply);
    }
    if (reply.outcome == UPLINK_UNAVAILABLE) {
        uplink_next_endpoint(uplink);
    }
    pending.done(&reply, pending.userdata);
}

static int send_text(struct pending *pending, const struct uplink_request *asked,
                     const char *body, struct err *err)
{
    struct uplink *uplink = pending->uplink;
    char url[URL_BYTES];
    const struct endpoint *endpoint = uplink_endpoint(uplink);
    uint32_t total_ms =
        asked->total_timeout_ms != 0 ? asked->total_timeout_ms : TOTAL_TIMEOUT_MS;
    int len = snprintf(url, sizeof url, "https://%s:%u%s", uplink->server_name, endpoint->port,
                       asked->path);
    if (len < 0 || (size_t)len >= sizeof url) {
        return err_set(err, ERR_TOO_LARGE, "ask %s: the path is too long", endpoint->host);
    }
    struct http_request request = {
        .method = asked->method,
        .url = url,
        .connect_host = endpoint->host,
        .connect_port = endpoint->port,
        .trust = HTTP_TRUST_CA,
        .ca_pem = uplink->ca_pem,
        .bearer = asked->bearer,
        .body = body,
        .body_len = body != NULL ? strlen(body) : 0,
        .max_reply_bytes = WIRE_BODY_MAX,
        .connect_timeout_ms = total_ms < CONNECT_TIMEOUT_MS ? total_ms : CONNECT_TIMEOUT_MS,
        .total_timeout_ms = total_ms,
        .proxy = uplink->proxy,
    };
    return http_client_send(uplink->http, &request, on_http_done, pending, &pending->call, err);
}

static int send_json(struct pending *pending, const struct uplink_request *asked,
                     struct err *err)
{
    char *text = NULL;
    if (asked->body != NULL && (text = json_compact(asked->body)) == NULL) {
        return err_no_memory(err);
    }
    int rc = send_text(pending, asked, text, err);
    secret_free_text(text);
    return rc;
}

int uplink_send(struct uplink *uplink, const struct uplink_request *request,
                uplink_done_fn *done, void *userdata, struct err *err)
{
    auto_json *taken = request->body;
    (void)taken;
    if (uplink->pending != NULL) {
        return err_set(err, ERR_BUSY, "ask the coordinator: another request is under way");
    }
    if (uplink->ca_pem == NULL || uplink->endpoints.count == 0) {
        return err_set(err, ERR_INTERNAL, "ask the coordinator: no address or no trust yet");
    }
    auto_free struct pending *pending = calloc(1, sizeof *pending);
    if (pending == NULL) {
        return err_no_memory(err);
    }
    *pending = (struct pending){.uplink = uplink, .done = done, .userdata = userdata};
    if (send_json(pending, request, err) < 0) {
        return -1;
    }
    uplink->pending = TAKE(pending);
    return 0;
}

void uplink_cancel(struct uplink *uplink)
{
    struct pending *pending = uplink->pending;
    if (pending != NULL) {
        uplink->pending = NULL;
        pending->done = NULL;
        http_client_cancel(pending->call);
    }
}

bool uplink_is_busy(const struct uplink *uplink)
{
    return uplink->pending != NULL;
}
