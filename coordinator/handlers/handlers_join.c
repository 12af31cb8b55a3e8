/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a host comes in: the CA that it compares, enrolment, and the access tokens that it buys
 * with its key. docs/protocol.md, [TR], [EN], [AC].
 */
#include "coordinator/handlers/handlers.h"

#include "common/base/parse.h"
#include "common/codec/json.h"
#include "common/codec/jwt_text.h"
#include "common/codec/keys.h"
#include "coordinator/auth/assertions.h"
#include "coordinator/views/runner_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void handle_agent_ca(struct exchange *exchange, void *context)
{
    const struct handlers *handlers = context;
    struct wire_ca ca = {.ca_pem = handlers->installation->ca_cert_pem};
    (void)snprintf(ca.installation_id, sizeof ca.installation_id, "%s",
                   handlers->installation->id);
    exchange_reply_compact(exchange, 200, wire_ca_to_json(&ca));
}

/* The same words for "no such runner" and "not with this key": nobody learns from it which ids
 * there are. */
static void reply_unknown(const struct handlers *handlers, struct exchange *exchange,
                          const char *runner_id)
{
    exchange_reply_error(exchange, 403, WIRE_E_RUNNER_UNKNOWN,
                         "installation %s knows no runner %s with this host key",
                         handlers->installation->id, runner_id);
}

/* The assertion's verdict as a reply. True when it is good. @is_registered: the key is the
 * registered runner's, so that a signature by another one means that this host lost its runner
 * id. */
static bool accept_assertion(struct handlers *handlers, struct exchange *exchange,
                             const char *assertion, const char *runner_id,
                             const char *public_key_pem, bool is_registered)
{
    struct err why = {0};
    struct assertion_expected expected = {
        .public_key_pem = public_key_pem,
        .runner_id = runner_id,
        .installation_id = handlers->installation->id,
        .now_s = clock_wall_s(handlers->clock),
        .now_ms = clock_monotonic_ms(handlers->clock),
        .elsewhere = is_registered ? handlers->enroll_replay : handlers->replay,
    };
    struct replay *seen = is_registered ? handlers->replay : handlers->enroll_replay;
    switch (assertion_verify(assertion, strlen(assertion), &expected, seen, &why)) {
    case ASSERTION_OK:
        return true;
    case ASSERTION_TIME:
        exchange_reply_error(exchange, 400, WIRE_E_ASSERTION_TIME, "%s", why.message);
        return false;
    case ASSERTION_INVALID:
        if (is_registered && why.code == ERR_REFUSED) {
            reply_unknown(handlers, exchange, runner_id);
            return false;
        }
        break;
    case ASSERTION_REPLAYED:
        break;
    case ASSERTION_BUSY:
        handlers_reply_unavailable(exchange, why.message);
        return false;
    }
    exchange_reply_error(exchange, 400, WIRE_E_ASSERTION_INVALID, "%s", why.message);
    return false;
}

static int enroll_status(enum enroll_outcome outcome)
{
    switch (outcome) {
    case ENROLL_OK:
        return 200;
    case ENROLL_ROLES:
        return 403;
    case ENROLL_TAKEN_CONNECTED:
    case ENROLL_TAKEN_ROLES:
    case ENROLL_TAKEN_KEY:
    case ENROLL_UNREADABLE:
        return 409;
    case ENROLL_FAILED:
        break;
    }
    return 503;
}

static void reply_enrolled(struct handlers *handlers, struct exchange *exchange,
                           const struct runner *runner)
{
    struct err err = {0};
    const struct runner_record *record = &runner->record;
    struct access_token_claims claims = {0};
    struct wire_enroll_reply reply = {
        .roles = record->roles,
        .coordinators = *registry_coordinators(handlers->registry),
        .expires_in_s = ACCESS_TOKEN_LIFE_S,
        .pace = registry_pace(handlers->registry),
    };
    (void)snprintf(claims.runner_id, sizeof claims.runner_id, "%s", record->id);
    (void)snprintf(claims.thumbprint, sizeof claims.thumbprint, "%s", record->key_thumbprint);
    (void)snprintf(reply.installation_id, sizeof reply.installation_id, "%s",
                   handlers->installation->id);
    (void)snprintf(reply.runner_id, sizeof reply.runner_id, "%s", record->id);
    (void)snprintf(reply.zone, sizeof reply.zone, "%s", record->zone);
    if (access_tokens_mint(&handlers->access_tokens, &claims, clock_wall_s(handlers->clock),
                           &reply.access_token, &err) < 0) {
        log_error(handlers->log, "enroll", "%s", err.message);
        exchange_reply_error(exchange, 500, "root.internal_error",
                             "no access token could be made");
        return;
    }
    exchange_reply_compact(exchange, 200, wire_enroll_reply_to_json(&reply));
    wire_enroll_reply_fini(&reply);
}

static void on_enrolled(const struct registry_enrolled *result, void *userdata)
{
    struct handlers_pending pending = *(struct handlers_pending *)userdata;
    free(userdata);
    int status = enroll_status(result->outcome);
    if (status == 200) {
        reply_enrolled(pending.handlers, pending.exchange, result->runner);
    } else if (status == 503) {
        handlers_reply_unavailable(pending.exchange, result->message);
    } else {
        exchange_reply_error(pending.exchange, status,
                             status == 403 ? WIRE_E_ROLES_NOT_PERMITTED
                                           : WIRE_E_RUNNER_ID_TAKEN,
                             "%s", result->message);
    }
}

static void enroll(struct handlers *handlers, struct exchange *exchange,
                   const struct wire_enroll_request *request)
{
    struct err err = {0};
    auto_free char *public_key_pem = NULL;
    char thumbprint[KEYS_SHA256_HEX_BYTES];
    const struct principal *principal = exchange_principal(exchange);
    if (keys_canonical_public(request->public_key_pem, &public_key_pem, thumbprint, &err) < 0) {
        (void)err_wrap(&err, "public_key");
        handlers_reply_malformed(exchange, &err);
        return;
    }
    if (!accept_assertion(handlers, exchange, request->assertion, request->runner_id,
                          public_key_pem, false)) {
        return;
    }
    struct handlers_pending *pending = handlers_pending_new(handlers, exchange);
    if (pending == NULL) {
        handlers_reply_unavailable(exchange, "out of memory");
        return;
    }
    struct registry_enroll enrolment = {
        .request = request,
        .permitted = principal->roles_token.roles,
        .token_id = principal->roles_token.id,
        .public_key_pem = public_key_pem,
        .key_thumbprint = thumbprint,
        .peer = exchange_peer(exchange),
    };
    registry_enroll(handlers->registry, &enrolment, on_enrolled, pending);
}

void handle_agent_enroll(struct exchange *exchange, void *context)
{
    struct err err = {0};
    auto_json *json = NULL;
    struct wire_enroll_request request = {0};
    if (exchange_json(exchange, &json, &err) < 0 ||
        wire_enroll_request_from_json(json, &request, &err) < 0) {
        handlers_reply_malformed(exchange, &err);
        return;
    }
    enroll(context, exchange, &request);
    wire_enroll_request_fini(&request);
}

void handle_agent_runner_id(struct exchange *exchange, void *context)
{
    const struct handlers *handlers = context;
    const struct principal *principal = exchange_principal(exchange);
    const char *runner_id = exchange_param(exchange, "runner_id");
    char reason[REGISTRY_MESSAGE_BYTES];
    struct err err = {0};
    if (parse_runner_id(runner_id, &err) < 0) {
        handlers_reply_malformed(exchange, &err);
        return;
    }
    enum enroll_outcome outcome = registry_would_enroll(handlers->registry, runner_id,
                                                        principal->roles_token.roles, reason);
    const struct runner *runner = registry_find(handlers->registry, runner_id);
    exchange_reply_compact(exchange, 200,
                           json_pack("{s:s, s:b, s:s, s:o}", "runner_id", runner_id,
                                     "available", outcome == ENROLL_OK, "reason", reason,
                                     "runner",
                                     runner == NULL ? json_null() : runner_view_brief(runner)));
}

/* Who an assertion says it is from: decides whose key it is checked with, nothing more. */
static int peek_subject(const char *assertion, char ret_id[static WIRE_RUNNER_ID_BYTES],
                        struct err *err)
{
    struct jwt_unverified jwt = {0};
    const char *subject = NULL;
    if (jwt_peek(assertion, strlen(assertion), JWT_ES256, &jwt, NULL, err) < 0) {
        return -1;
    }
    int rc =
        json_need_text(jwt.claims, "assertion", "sub", WIRE_RUNNER_ID_BYTES - 1, &subject, err);
    if (rc == 0) {
        (void)snprintf(ret_id, WIRE_RUNNER_ID_BYTES, "%s", subject);
    }
    jwt_unverified_fini(&jwt);
    return rc;
}

static void grant_access(struct handlers *handlers, struct exchange *exchange,
                         const char *assertion)
{
    struct err err = {0};
    char runner_id[WIRE_RUNNER_ID_BYTES];
    if (peek_subject(assertion, runner_id, &err) < 0) {
        exchange_reply_error(exchange, 400, WIRE_E_ASSERTION_INVALID, "%s", err.message);
        return;
    }
    const struct runner *runner = registry_find(handlers->registry, runner_id);
    if (runner == NULL) {
        reply_unknown(handlers, exchange, runner_id);
        return;
    }
    uint32_t wait_s = registry_grant_wait(handlers->registry, runner);
    if (wait_s > 0) {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", wait_s);
        exchange_set_header(exchange, "Retry-After", text);
        exchange_reply_error(exchange, 429, "agent.too_many_requests",
                             "runner %s asks for access too often", runner_id);
        return;
    }
    if (!accept_assertion(handlers, exchange, assertion, runner_id,
                          runner->record.public_key_pem, true)) {
        return;
    }
    registry_count_grant(handlers->registry, runner_id);
    struct access_token_claims claims = {0};
    struct wire_token_reply reply = {.expires_in_s = ACCESS_TOKEN_LIFE_S};
    (void)snprintf(claims.runner_id, sizeof claims.runner_id, "%s", runner_id);
    (void)snprintf(claims.thumbprint, sizeof claims.thumbprint, "%s",
                   runner->record.key_thumbprint);
    if (access_tokens_mint(&handlers->access_tokens, &claims, clock_wall_s(handlers->clock),
                           &reply.access_token, &err) < 0) {
        log_error(handlers->log, "token", "%s", err.message);
        exchange_reply_error(exchange, 500, "root.internal_error",
                             "no access token could be made");
        return;
    }
    exchange_reply_compact(exchange, 200, wire_token_reply_to_json(&reply));
    wire_token_reply_fini(&reply);
}

void handle_agent_token(struct exchange *exchange, void *context)
{
    struct err err = {0};
    auto_json *json = NULL;
    struct wire_token_request request = {0};
    if (exchange_json(exchange, &json, &err) < 0 ||
        wire_token_request_from_json(json, &request, &err) < 0) {
        handlers_reply_malformed(exchange, &err);
        return;
    }
    grant_access(context, exchange, request.assertion);
    wire_token_request_fini(&request);
}
