/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests and replies as values. Knows no engine and no route: the engine fills an exchange
 * in, hands it to a handler, and is told when the reply is there. Who holds an exchange until
 * when: exchange_internal.h.
 */
#include "coordinator/http/exchange.h"

#include "common/base/parse.h"
#include "common/codec/json.h"
#include "common/wire/error_body.h"
#include "coordinator/http/exchange_internal.h"
#include "coordinator/http/percent.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define JSON_TYPE "application/json"

/* What is sent when there is no memory to say anything else. */
static const char no_memory_body[] =
    "{\n  \"errors\": [\n    {\n      \"code\": \"root.internal_error\",\n"
    "      \"message\": \"the coordinator has no memory left\"\n    }\n  ]\n}\n";

struct exchange *exchange_new(const char *method, const char *uri, const char *peer,
                              uint64_t connection)
{
    struct exchange *exchange = calloc(1, sizeof(*exchange));
    if (exchange == NULL) {
        return NULL;
    }
    exchange->path = strdup(uri);
    if (exchange->path == NULL) {
        free(exchange);
        return NULL;
    }
    char *question_mark = strchr(exchange->path, '?');
    if (question_mark != NULL) {
        *question_mark = '\0';
        exchange->query = question_mark + 1;
    }
    /* A longer method than any route has is cut: it matches none either way. */
    (void)snprintf(exchange->method, sizeof(exchange->method), "%s", method);
    (void)snprintf(exchange->peer, sizeof(exchange->peer), "%s", peer);
    exchange->connection = connection;
    exchange->has_engine = true;
    exchange->reply.file_fd = -1;
    exchange->headers =
        (struct exchange_fields){.max = EXCHANGE_HEADERS_MAX, .items = exchange->header_items};
    exchange->arguments =
        (struct exchange_fields){.max = EXCHANGE_QUERY_MAX, .items = exchange->argument_items};
    exchange->reply.headers = (struct exchange_fields){.max = EXCHANGE_REPLY_HEADERS_MAX,
                                                       .items = exchange->reply.header_items};
    return exchange;
}

static void drop_body(struct exchange_reply *reply)
{
    free(reply->body);
    reply->body = NULL;
    if (reply->file_fd >= 0) {
        (void)close(reply->file_fd);
        reply->file_fd = -1;
    }
}

static void exchange_free(struct exchange *exchange)
{
    if (exchange->free_principal != NULL) {
        exchange->free_principal(exchange->principal);
    }
    exchange_clear_fields(&exchange->reply.headers);
    exchange_clear_fields(&exchange->arguments);
    exchange_clear_fields(&exchange->headers);
    drop_body(&exchange->reply);
    buf_wipe(&exchange->body); /* passwords come in bodies, too */
    buf_fini(&exchange->body);
    free(exchange->path);
    free(exchange);
}

/* One "name=value" of the query, @len bytes. */
static int parse_argument(struct exchange *exchange, char *text, size_t len, struct err *err)
{
    char *equals = memchr(text, '=', len);
    size_t name_len = equals == NULL ? len : (size_t)(equals - text);
    size_t value_len = equals == NULL ? 0 : len - name_len - 1;
    char *value = equals == NULL ? text + len : equals + 1;
    auto_free char *decoded = malloc(len + 2);
    if (decoded == NULL) {
        return err_no_memory(err);
    }
    char *decoded_value = decoded + name_len + 1;
    if (percent_decode(text, name_len, PERCENT_PLUS_IS_BLANK, decoded, name_len + 1) < 0 ||
        percent_decode(value, value_len, PERCENT_PLUS_IS_BLANK, decoded_value, value_len + 1) <
            0) {
        return err_set(err, ERR_INVALID,
                       "the query has a malformed escape, a control character or is no UTF-8");
    }
    if (exchange_add_field(&exchange->arguments, decoded, strlen(decoded), decoded_value,
                           strlen(decoded_value), err) < 0) {
        return err_wrap(err, "read the parameters of the query");
    }
    return 0;
}

int exchange_parse_target(struct exchange *exchange, struct err *err)
{
    for (char *at = exchange->query; at != NULL && *at != '\0';) {
        size_t len = strcspn(at, "&");
        if (len > 0 && parse_argument(exchange, at, len, err) < 0) {
            return -1;
        }
        at += at[len] == '&' ? len + 1 : len;
    }
    size_t path_len = strlen(exchange->path);
    if (percent_decode(exchange->path, path_len, PERCENT_PLUS_IS_PLUS, exchange->path,
                       path_len + 1) < 0) {
        return err_set(err, ERR_INVALID,
                       "the path has a malformed escape, a control character or is no UTF-8");
    }
    return 0;
}

const char *exchange_method(const struct exchange *exchange)
{
    return exchange->method;
}

const char *exchange_path(const struct exchange *exchange)
{
    return exchange->path;
}

const char *exchange_param(const struct exchange *exchange, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < exchange->params.count; i++) {
        if (exchange->params.items[i].name_len == len &&
            memcmp(exchange->params.items[i].name, name, len) == 0) {
            return exchange->params.items[i].value;
        }
    }
    return NULL;
}

const char *exchange_query(const struct exchange *exchange, const char *name)
{
    for (size_t i = 0; i < exchange->arguments.count; i++) {
        if (strcmp(exchange->arguments.items[i].name, name) == 0) {
            return exchange->arguments.items[i].value;
        }
    }
    return NULL;
}

const char *exchange_header(const struct exchange *exchange, const char *name)
{
    return exchange_find_field(&exchange->headers, name);
}

const char *exchange_body(const struct exchange *exchange, size_t *ret_len)
{
    *ret_len = exchange->body.len;
    return buf_text(&exchange->body);
}

const char *exchange_peer(const struct exchange *exchange)
{
    return exchange->peer;
}

uint64_t exchange_connection(const struct exchange *exchange)
{
    return exchange->connection;
}

int exchange_json(const struct exchange *exchange, json_t **ret, struct err *err)
{
    const char *type = exchange_header(exchange, "Content-Type");
    size_t len = type == NULL ? 0 : strcspn(type, "; \t");
    if (len != strlen(JSON_TYPE) || strncasecmp(type, JSON_TYPE, len) != 0) {
        char shown[PARSE_SHOWN_BYTES];
        return err_set(
            err, ERR_INVALID,
            "read the body: send it as JSON, with the header Content-Type: " JSON_TYPE
            ": the request has %s",
            type == NULL ? "none" : parse_shown(type, shown));
    }
    if (exchange->body.len == 0) {
        return err_set(err, ERR_INVALID, "read the body: it is empty: a JSON object is needed");
    }
    if (json_parse(exchange->body.bytes, exchange->body.len, ret, err) < 0) {
        return err_wrap(err, "read the body");
    }
    return 0;
}

void exchange_set_principal(struct exchange *exchange, void *principal,
                            void (*free_principal)(void *))
{
    if (exchange->free_principal != NULL) {
        exchange->free_principal(exchange->principal);
    }
    exchange->principal = principal;
    exchange->free_principal = free_principal;
}

void *exchange_principal(const struct exchange *exchange)
{
    return exchange->principal;
}

void exchange_set_header(struct exchange *exchange, const char *name, const char *value)
{
    if (exchange->reply.status != 0) {
        return; /* the server has answered already */
    }
    struct exchange_fields *headers = &exchange->reply.headers;
    for (size_t i = 0; i < headers->count; i++) {
        if (strcasecmp(headers->items[i].name, name) == 0) {
            free(headers->items[i].name);
            headers->items[i] = headers->items[--headers->count];
            break;
        }
    }
    struct err err;
    if (exchange_add_field(headers, name, strlen(name), value, strlen(value), &err) < 0) {
        return; /* no memory: the reply goes out without it, which is better than no reply */
    }
}

/* Takes @body. */
static void store_reply(struct exchange *exchange, int status, const char *content_type,
                        char *body, size_t len)
{
    if (exchange->reply.status != 0) {
        free(body);
        return;
    }
    if (content_type != NULL) {
        exchange_set_header(exchange, "Content-Type", content_type);
    }
    exchange->reply.body = body;
    exchange->reply.len = len;
    exchange->reply.status = status;
}

static void store_no_memory(struct exchange *exchange)
{
    /* If even this copy fails the reply is a bare 500. */
    char *body = strdup(no_memory_body);
    store_reply(exchange, 500, JSON_TYPE, body, body == NULL ? 0 : strlen(body));
}

/* Takes @json and @text (its serialised form, NULL = no memory). */
static void store_json(struct exchange *exchange, int status, json_t *json, char *text)
{
    if (text == NULL) {
        store_no_memory(exchange);
    } else {
        store_reply(exchange, status, JSON_TYPE, text, strlen(text));
    }
    json_decref(json);
}

static void store_error(struct exchange *exchange, int status, const char *code,
                        const char *message)
{
    json_t *json = wire_error_to_json(code, message, NULL);
    exchange_set_header(exchange, "x-cloud-error-codes", code);
    store_json(exchange, status, json, json == NULL ? NULL : json_pretty(json));
}

/* The handler lets go: exactly once, at the end of its reply. */
static void settle(struct exchange *exchange, bool is_late)
{
    exchange->has_handler = false;
    if (!exchange->has_engine) {
        exchange_free(exchange);
    } else if (!is_late && exchange->on_replied != NULL) {
        exchange->on_replied(exchange, exchange->engine);
    }
}

void exchange_reply(struct exchange *exchange, int status, const char *content_type,
                    const char *body, size_t len)
{
    bool is_late = exchange->reply.status != 0;
    char *copy = malloc(len + 1);
    if (copy == NULL) {
        store_no_memory(exchange);
    } else {
        if (len > 0) {
            memcpy(copy, body, len);
        }
        copy[len] = '\0';
        store_reply(exchange, status, content_type, copy, len);
    }
    settle(exchange, is_late);
}

void exchange_reply_file(struct exchange *exchange, int fd, uint64_t size,
                         const char *content_type)
{
    bool is_late = exchange->reply.status != 0;
    if (is_late) {
        (void)close(fd);
    } else {
        exchange->reply.file_fd = fd;
        store_reply(exchange, 200, content_type, NULL, (size_t)size);
    }
    settle(exchange, is_late);
}

void exchange_reply_json(struct exchange *exchange, int status, json_t *json)
{
    bool is_late = exchange->reply.status != 0;
    store_json(exchange, status, json, json == NULL ? NULL : json_pretty(json));
    settle(exchange, is_late);
}

void exchange_reply_compact(struct exchange *exchange, int status, json_t *json)
{
    bool is_late = exchange->reply.status != 0;
    store_json(exchange, status, json, json == NULL ? NULL : json_compact(json));
    settle(exchange, is_late);
}

void exchange_reply_error(struct exchange *exchange, int status, const char *code,
                          const char *format, ...)
{
    bool is_late = exchange->reply.status != 0;
    char message[WIRE_ERROR_MESSAGE_BYTES];
    va_list args;
    va_start(args, format);
    (void)vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    store_error(exchange, status, code, message);
    settle(exchange, is_late);
}

void exchange_hand_over(struct exchange *exchange, exchange_replied_fn *on_replied,
                        void *engine)
{
    exchange->has_handler = true;
    exchange->on_replied = on_replied;
    exchange->engine = engine;
}

void exchange_preempt(struct exchange *exchange, int status, const char *code,
                      const char *message)
{
    /* The handler may have set headers for a reply that it now never gives, or given one that
     * cannot be sent. */
    exchange_clear_fields(&exchange->reply.headers);
    drop_body(&exchange->reply);
    exchange->reply.status = 0;
    store_error(exchange, status, code, message);
}

void exchange_release(struct exchange *exchange)
{
    if (exchange == NULL) {
        return;
    }
    exchange->has_engine = false;
    exchange->on_replied = NULL;
    exchange->engine = NULL;
    if (!exchange->has_handler) {
        exchange_free(exchange);
        return;
    }
    /* Whoever replies after this has nobody to reply to. */
    if (exchange->reply.status == 0) {
        exchange->reply.status = 503;
    }
}
