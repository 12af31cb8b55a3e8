/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator's routes without a network: requests go through the real router,
 * authentication of hosts and handlers into a registry, tokens and audit over a store in
 * memory; what comes back is read as a client reads it. Users are not asked for a password:
 * whoever comes is the user admin.
 */
#ifndef TESTS_SUPPORT_HANDLER_HARNESS_H
#define TESTS_SUPPORT_HANDLER_HARNESS_H

#include "coordinator/auth/assertions.h"
#include "coordinator/handlers/handlers.h"
#include "coordinator/http/exchange_internal.h"
#include "tests/support/fake_rng.h"
#include "tests/support/json_expect.h"
#include "tests/support/registry_harness.h"

#include "common/base/compiler.h"
#include "common/codec/json.h"
#include "common/codec/jwt_text.h"

#define HANDLER_PEER "192.168.40.9"
#define TOKENS_URI "/api/v1/platform/configuration/security/enrollment-tokens"
#define ALLOCATORS_URI "/api/v1/platform/infrastructure/allocators"
#define RUNNERS_URI "/api/v1/platform/infrastructure/runners"

enum { HANDLER_REPLAY_WINDOW = 16 };

struct handler_harness {
    struct registry_harness *base; /* its memory, clock and registry */
    struct fake_rng rng;
    struct installation *installation;
    struct audit *audit;
    struct roles_tokens *tokens;
    struct replay *replay;
    struct replay *enroll_replay;
    struct handlers handlers;
    struct router router;

    /* The last reply. */
    int status;
    json_t *json; /* owned */
    char codes[64];
    char retry_after[16];
};

struct handler_request {
    const char *method;
    const char *uri;
    const char *bearer; /* NULL = no Authorization */
    const char *body;   /* NULL = none */
    const char *type;   /* NULL = application/json when there is a body */
    uint64_t connection;
};

static inline void handler_authenticate_(struct exchange *exchange, enum access access,
                                         granted_fn *granted, void *userdata, void *context)
{
    if (access != ACCESS_READ && access != ACCESS_WRITE) {
        handlers_authenticate(exchange, access, granted, userdata, context);
        return;
    }
    struct principal *principal = calloc(1, sizeof *principal);
    assert_non_null(principal);
    *principal = (struct principal){.kind = PRINCIPAL_USER,
                                    .user = {.name = "admin", .role = USER_ROLE_ADMIN}};
    exchange_set_principal(exchange, principal, free);
    granted(exchange, userdata);
}

static inline void handler_open_parts_(struct handler_harness *harness)
{
    struct store *store = memory_store_store(harness->base->memory);
    const struct clock *clock = &harness->base->clock.clock;
    const struct audit_options audit = {store, clock, &harness->base->log, 0};
    struct err err;
    assert_int_equal(installation_make(&harness->installation, clock, &harness->rng.rng, &err),
                     0);
    const struct roles_tokens_options tokens = {
        store,
        clock,
        &harness->rng.rng,
        &harness->base->log,
        &harness->installation->roles_token_key,
        harness->installation->ca.sha256,
    };
    assert_int_equal(audit_open(&harness->audit, &audit, &err), 0);
    assert_int_equal(roles_tokens_open(&harness->tokens, &tokens, &err), 0);
    assert_int_equal(
        replay_new(&harness->replay, HANDLER_REPLAY_WINDOW, ASSERTION_HOLD_MS, &err), 0);
    assert_int_equal(
        replay_new(&harness->enroll_replay, HANDLER_REPLAY_WINDOW, ASSERTION_HOLD_MS, &err), 0);
}

static inline int handler_setup(void **state)
{
    struct handler_harness *harness = calloc(1, sizeof *harness);
    assert_non_null(harness);
    harness->base = harness_new();
    fake_rng_init(&harness->rng, 7);
    handler_open_parts_(harness);
    const struct access_tokens access_tokens = {harness->installation->id,
                                                &harness->installation->access_token_key};
    harness->handlers = (struct handlers){
        .clock = &harness->base->clock.clock,
        .log = &harness->base->log,
        .store = memory_store_store(harness->base->memory),
        .audit = harness->audit,
        .registry = harness->base->registry,
        .roles_tokens = harness->tokens,
        .replay = harness->replay,
        .enroll_replay = harness->enroll_replay,
        .access_tokens = access_tokens,
        .installation = harness->installation,
        .auth = {.roles_tokens = harness->tokens,
                 .access_tokens = access_tokens,
                 .clock = &harness->base->clock.clock},
    };
    harness->router = (struct router){handlers_routes, handlers_route_count,
                                      handler_authenticate_, &harness->handlers};
    *state = harness;
    return 0;
}

static inline int handler_teardown(void **state)
{
    struct handler_harness *harness = *state;
    harness_free(harness->base); /* writes what is queued */
    audit_free(harness->audit);
    roles_tokens_free(harness->tokens);
    replay_free(harness->replay);
    replay_free(harness->enroll_replay);
    installation_free(harness->installation);
    json_decref(harness->json);
    free(harness);
    return 0;
}

static inline void handler_add_header_(struct exchange *exchange, const char *name,
                                       const char *value)
{
    struct err err;
    assert_int_equal(
        exchange_add_field(&exchange->headers, name, strlen(name), value, strlen(value), &err),
        0);
}

/* The request arrives and is answered, or parked. handler_receive() or handler_hang_up() comes
 * next. */
static inline struct exchange *handler_send(struct handler_harness *harness,
                                            const struct handler_request *request)
{
    struct exchange *exchange =
        exchange_new(request->method, request->uri, HANDLER_PEER, request->connection);
    const struct route *route = NULL;
    char allow[64];
    struct err err;
    assert_non_null(exchange);
    if (router_match(&harness->router, exchange->method, exchange->path, &route,
                     &exchange->params, allow) != ROUTE_FOUND) {
        fail_msg("%s %s: no route", request->method, request->uri);
    }
    assert_int_equal(exchange_parse_target(exchange, &err), 0);
    if (request->bearer != NULL) {
        char header[JWT_TEXT_MAX + 16];
        (void)snprintf(header, sizeof header, "Bearer %s", request->bearer);
        handler_add_header_(exchange, "Authorization", header);
    }
    if (request->body != NULL) {
        exchange->body = BUF_INIT(route->max_body);
        assert_int_equal(
            buf_append(&exchange->body, request->body, strlen(request->body), &err), 0);
        handler_add_header_(exchange, "Content-Type",
                            request->type == NULL ? "application/json" : request->type);
    }
    exchange_hand_over(exchange, NULL, NULL);
    router_dispatch(&harness->router, route, exchange);
    return exchange;
}

/* The reply as the client sees it; the connection is done with the exchange. */
static inline int handler_receive(struct handler_harness *harness, struct exchange *exchange)
{
    const struct exchange_reply *reply = &exchange->reply;
    const char *codes = exchange_find_field(&reply->headers, "x-cloud-error-codes");
    const char *retry_after = exchange_find_field(&reply->headers, "Retry-After");
    struct err err;
    assert_int_not_equal(reply->status, 0);
    assert_string_equal(exchange_find_field(&reply->headers, "Content-Type"),
                        "application/json");
    json_decref(harness->json);
    harness->json = NULL;
    assert_int_equal(json_parse(reply->body, reply->len, &harness->json, &err), 0);
    harness->status = reply->status;
    (void)snprintf(harness->codes, sizeof harness->codes, "%s", codes == NULL ? "" : codes);
    (void)snprintf(harness->retry_after, sizeof harness->retry_after, "%s",
                   retry_after == NULL ? "" : retry_after);
    exchange_release(exchange);
    return harness->status;
}

/* The client left: whatever the handler still says goes nowhere. */
static inline void handler_hang_up(struct exchange *exchange)
{
    assert_int_equal(exchange->reply.status, 0);
    exchange_release(exchange);
}

/* Send, let everything be written, receive. Returns the status. */
static inline int handler_ask(struct handler_harness *harness,
                              const struct handler_request *request)
{
    struct exchange *exchange = handler_send(harness, request);
    (void)memory_store_run(harness->base->memory);
    return handler_receive(harness, exchange);
}

static inline int handler_get(struct handler_harness *harness, const char *uri)
{
    return handler_ask(harness, &(struct handler_request){.method = "GET", .uri = uri});
}

/* The last reply is good. Borrowed until the next one. */
static inline const json_t *handler_expect_ok(const struct handler_harness *harness)
{
    if (harness->status != 200) {
        fail_msg("%d %s: %s", harness->status, harness->codes,
                 json_string_value(json_at(harness->json, "errors.0.message")));
    }
    assert_string_equal(harness->codes, "");
    return harness->json;
}

/* [TP-3]: the last reply is a refusal with this code, in its body and its header, and a message
 * that says @words. */
static inline void handler_expect_error(const struct handler_harness *harness, int status,
                                        const char *code, const char *words)
{
    const char *message = json_string_value(json_at(harness->json, "errors.0.message"));
    if (harness->status != status || strcmp(harness->codes, code) != 0 || message == NULL ||
        strstr(message, words) == NULL) {
        fail_msg("%d %s: %s; not %d %s: ...%s", harness->status, harness->codes,
                 message == NULL ? "?" : message, status, code, words);
    }
    json_expect_count(harness->json, "errors", 1);
    json_expect_text(harness->json, "errors.0.code", code);
}

/* Another coordinator registered the allocator "h" and @number, of the zone z. */
static inline void handler_add_allocator(struct handler_harness *harness, unsigned number)
{
    char pem[] = "PEM";
    struct runner_record record = {.public_key_pem = pem, .zone = "z", .roles = ROLE_ALLOCATOR};
    char key[RUNNER_KEY_BYTES];
    auto_free char *value = NULL;
    struct err err;
    (void)snprintf(record.id, sizeof record.id, "h%03u", number);
    (void)snprintf(record.key_thumbprint, sizeof record.key_thumbprint, "%064u", number);
    assert_int_equal(runner_record_encode(&record, &value, &err), 0);
    runner_key(RUNNER_KEY_PREFIX, record.id, key);
    (void)memory_store_put(harness->base->memory, key, value);
}

/* Make a roles token by the API; malloc'd. */
static inline char *handler_make_token(struct handler_harness *harness, const char *body)
{
    const struct handler_request request = {.method = "POST", .uri = TOKENS_URI, .body = body};
    assert_int_equal(handler_ask(harness, &request), 200);
    char *text = strdup(json_string_value(json_expect(harness->json, "token")));
    assert_non_null(text);
    return text;
}

#endif
