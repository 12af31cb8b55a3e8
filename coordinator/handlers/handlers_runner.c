/* SPDX-License-Identifier: Apache-2.0 */
/* What a host that is in does with its access token: heartbeats, goodbye, leave.
 * docs/protocol.md, [HB], [CL], [LV], [LE]. */
#include "coordinator/handlers/handlers.h"

#include "common/codec/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void reply_access_token(struct exchange *exchange, const char *runner_id)
{
    exchange_reply_error(exchange, 401, WIRE_E_ACCESS_TOKEN,
                         "runner %s was removed or belongs to another host", runner_id);
}

static void beat(struct handlers *handlers, struct exchange *exchange,
                 const struct wire_beat *wire)
{
    const struct principal *principal = exchange_principal(exchange);
    struct wire_beat_reply reply = {0};
    uint32_t retry_after_s = 0;
    struct registry_beat beat = {
        .runner_id = principal->runner.runner_id,
        .key_thumbprint = principal->runner.thumbprint,
        .beat = wire,
        .connection = exchange_connection(exchange),
        .peer = exchange_peer(exchange),
    };
    switch (registry_beat(handlers->registry, &beat, &reply, &retry_after_s)) {
    case BEAT_OK:
        exchange_reply_compact(exchange, 200, wire_beat_reply_to_json(&reply));
        return;
    case BEAT_CONFLICT: {
        char text[16];
        (void)snprintf(text, sizeof text, "%u", retry_after_s);
        exchange_set_header(exchange, "Retry-After", text);
        exchange_reply_error(exchange, 409, WIRE_E_CONFLICT,
                             "another host is connected as runner %s with the same key",
                             principal->runner.runner_id);
        return;
    }
    case BEAT_UNKNOWN:
        reply_access_token(exchange, principal->runner.runner_id);
        return;
    }
}

void handle_agent_heartbeat(struct exchange *exchange, void *context)
{
    struct err err = {0};
    auto_json *json = NULL;
    struct wire_beat wire = {0};
    if (exchange_json(exchange, &json, &err) < 0 ||
        wire_beat_from_json(json, &wire, &err) < 0) {
        handlers_reply_malformed(exchange, &err);
        return;
    }
    beat(context, exchange, &wire);
    wire_beat_fini(&wire);
}

void handle_agent_goodbye(struct exchange *exchange, void *context)
{
    struct handlers *handlers = context;
    struct err err = {0};
    auto_json *json = NULL;
    char session[WIRE_SESSION_BYTES];
    const struct principal *principal = exchange_principal(exchange);
    if (exchange_json(exchange, &json, &err) < 0 ||
        wire_goodbye_from_json(json, session, &err) < 0) {
        handlers_reply_malformed(exchange, &err);
        return;
    }
    if (!registry_goodbye(handlers->registry, principal->runner.runner_id,
                          principal->runner.thumbprint, session)) {
        reply_access_token(exchange, principal->runner.runner_id);
        return;
    }
    exchange_reply_compact(exchange, 200, json_object());
}

static void on_left(const struct err *error, void *userdata)
{
    struct handlers_pending pending = *(struct handlers_pending *)userdata;
    free(userdata);
    if (error != NULL) {
        log_warning(pending.handlers->log, "leave", "%s", error->message);
        handlers_reply_unavailable(
            pending.exchange, "the runner was not removed: the store does not take writes");
        return;
    }
    exchange_reply_compact(pending.exchange, 200, json_object());
}

void handle_agent_leave(struct exchange *exchange, void *context)
{
    struct handlers *handlers = context;
    struct err err = {0};
    auto_json *json = NULL;
    if (exchange_json(exchange, &json, &err) < 0) {
        handlers_reply_malformed(exchange, &err);
        return;
    }
    const struct principal *principal = exchange_principal(exchange);
    const struct runner *runner =
        registry_find(handlers->registry, principal->runner.runner_id);
    if (runner == NULL ||
        strcmp(runner->record.key_thumbprint, principal->runner.thumbprint) != 0) {
        reply_access_token(exchange, principal->runner.runner_id);
        return;
    }
    struct handlers_pending *pending = handlers_pending_new(handlers, exchange);
    if (pending == NULL) {
        handlers_reply_unavailable(exchange, "out of memory");
        return;
    }
    if (registry_leave(handlers->registry, runner->record.id, NULL, on_left, pending, &err) <
        0) {
        free(pending);
        handlers_reply_unavailable(exchange, err.message);
    }
}
