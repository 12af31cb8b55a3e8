/* SPDX-License-Identifier: Apache-2.0 */
/* Roles tokens as the platform API calls them: enrollment tokens. Each change is one
 * transaction with its audit entry. */
#include "coordinator/handlers/handlers.h"

#include "common/codec/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define E_REQUEST "enrollment_tokens.invalid_token_request"
#define E_TOKEN_ID "enrollment_tokens.invalid_token_id"

/* A change on its way into the store. */
struct pending {
    struct exchange *exchange;
    json_t *reply; /* owned; what is answered when it is durable */
};

static void on_committed(const struct store_result *result, void *userdata)
{
    struct pending *pending = userdata;
    switch (result->outcome) {
    case STORE_COMMITTED:
        exchange_reply_json(pending->exchange, 200, json_incref(pending->reply));
        break;
    case STORE_CONFLICT:
        exchange_reply_error(pending->exchange, 404, E_TOKEN_ID,
                             "the token was revoked by somebody else meanwhile");
        break;
    case STORE_FAILED:
        handlers_reply_unavailable(pending->exchange,
                                   "nothing was changed: the store does not take writes");
        break;
    }
    json_decref(pending->reply);
    free(pending);
}

/* Takes @reply. */
static int commit(struct handlers *handlers, struct exchange *exchange,
                  const struct roles_token_change *change, const struct audit_event *event,
                  json_t *reply, struct err *err)
{
    auto_json *owned_reply = reply;
    auto_audit_entry entry = {0};
    auto_free struct pending *pending = calloc(1, sizeof *pending);
    if (pending == NULL || owned_reply == NULL) {
        return err_no_memory(err);
    }
    *pending = (struct pending){.exchange = exchange, .reply = owned_reply};
    if (audit_prepare(handlers->audit, event, &entry, err) < 0) {
        return -1;
    }
    struct store_condition condition = roles_token_change_condition(change);
    struct store_operation operations[] = {roles_token_change_operation(change),
                                           audit_entry_operation(&entry)};
    if (store_commit(handlers->store, &condition, 1, operations, ARRAY_LEN(operations),
                     on_committed, pending, err) < 0) {
        return -1;
    }
    owned_reply = NULL;
    pending = NULL;
    return 0;
}

static int read_request(const json_t *json, struct roles_token_request *ret, struct err *err)
{
    json_t *roles = NULL;
    uint64_t validity_s = 0;
    const json_t *validity = json_object_get(json, "validity_in_seconds");
    if (!json_is_object(json)) {
        return err_set(err, ERR_INVALID, "the body must be a JSON object");
    }
    if (json_need_bool(json, "", "persistent", &ret->is_persistent, err) < 0 ||
        json_want_array(json, "", "roles", 16, &roles, err) < 0 ||
        roles_from_json(roles, &ret->roles, err) < 0 ||
        json_want_u64(json, "", "validity_in_seconds", ROLES_TOKEN_VALIDITY_MAX_S, &validity_s,
                      err) < 0) {
        return -1;
    }
    if (validity == NULL || json_is_null(validity)) {
        return 0;
    }
    if (ret->is_persistent) {
        return err_set(err, ERR_INVALID,
                       "validity_in_seconds: a persistent token is valid until it is deleted; "
                       "leave it out or ask for "
                       "\"persistent\": false");
    }
    if (validity_s == 0) {
        return err_set(err, ERR_INVALID, "validity_in_seconds: must be at least 1");
    }
    ret->validity_s = (uint32_t)validity_s;
    return 0;
}

static json_t *created_reply(const struct roles_token_change *change, bool is_persistent)
{
    return is_persistent
               ? json_pack("{s:s, s:s}", "token", change->text, "token_id", change->id)
               : json_pack("{s:s}", "token", change->text);
}

static void finish_create(struct handlers *handlers, struct exchange *exchange,
                          const struct roles_token_request *request,
                          const struct roles_token_change *change)
{
    char actor[HANDLERS_ACTOR_BYTES];
    char detail[ROLES_TEXT_BYTES + 32];
    char roles[ROLES_TEXT_BYTES];
    struct err err = {0};
    handlers_actor(exchange, actor);
    roles_format(request->roles, roles);
    (void)snprintf(detail, sizeof detail, "%s, roles: %s",
                   request->is_persistent ? "persistent" : "ephemeral",
                   roles[0] != '\0' ? roles : "none");
    struct audit_event event = {.action = "token.created",
                                .actor = actor,
                                .from = exchange_peer(exchange),
                                .subject = change->id,
                                .detail = detail};
    json_t *reply = created_reply(change, request->is_persistent);
    if (!change->is_stored) {
        audit_append(handlers->audit, &event);
        exchange_reply_json(exchange, 200, reply);
        return;
    }
    if (commit(handlers, exchange, change, &event, reply, &err) < 0) {
        (void)err_wrap(&err, "no token was made");
        handlers_reply_unavailable(exchange, err.message);
    }
}

void handle_tokens_create(struct exchange *exchange, void *context)
{
    struct handlers *handlers = context;
    struct err err = {0};
    struct roles_token_request request = {0};
    struct roles_token_change change = {0};
    auto_json *json = NULL;
    if (exchange_json(exchange, &json, &err) < 0 || read_request(json, &request, &err) < 0) {
        exchange_reply_error(exchange, 400, E_REQUEST, "%s", err.message);
        return;
    }
    if (roles_tokens_issue(handlers->roles_tokens, &request, &change, &err) < 0) {
        bool is_theirs = err.code == ERR_TOO_LARGE || err.code == ERR_INVALID;
        exchange_reply_error(exchange, is_theirs ? 400 : 503,
                             is_theirs ? E_REQUEST : "root.unavailable", "%s", err.message);
        return;
    }
    finish_create(handlers, exchange, &request, &change);
    roles_token_change_fini(&change);
}

static void add_token(const char *id, const struct roles_token_record *record, void *userdata)
{
    json_t *array = userdata;
    (void)json_array_append_new(
        array, json_pack("{s:s, s:o}", "token_id", id, "roles", roles_to_json(record->roles)));
}

void handle_tokens_list(struct exchange *exchange, void *context)
{
    struct handlers *handlers = context;
    auto_json *tokens = json_array();
    roles_tokens_each(handlers->roles_tokens, add_token, tokens);
    exchange_reply_json(exchange, 200, json_pack("{s:O}", "tokens", tokens));
}

void handle_tokens_delete(struct exchange *exchange, void *context)
{
    struct handlers *handlers = context;
    struct err err = {0};
    struct roles_token_change change = {0};
    char actor[HANDLERS_ACTOR_BYTES];
    if (roles_tokens_revoke(handlers->roles_tokens, exchange_param(exchange, "token"), &change,
                            &err) < 0) {
        int status = err.code == ERR_ABSENT ? 404 : 503;
        exchange_reply_error(exchange, status, status == 404 ? E_TOKEN_ID : "root.unavailable",
                             "%s", err.message);
        return;
    }
    handlers_actor(exchange, actor);
    struct audit_event event = {.action = "token.deleted",
                                .actor = actor,
                                .from = exchange_peer(exchange),
                                .subject = change.id};
    if (commit(handlers, exchange, &change, &event, json_object(), &err) < 0) {
        (void)err_wrap(&err, "the token was not deleted");
        handlers_reply_unavailable(exchange, err.message);
    }
    roles_token_change_fini(&change);
}
