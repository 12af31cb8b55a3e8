/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers share: who may call them, two common replies, and what waits for the store.
 */
#include "coordinator/handlers/handlers.h"

#include <stdio.h>
#include <stdlib.h>

void handlers_authenticate(struct exchange *exchange, enum access access, granted_fn *granted,
                           void *userdata, void *context)
{
    struct handlers *handlers = context;
    auth_check(&handlers->auth, exchange, access, granted, userdata);
}

void handlers_reply_unavailable(struct exchange *exchange, const char *what)
{
    exchange_set_header(exchange, "Retry-After", "5");
    exchange_reply_error(exchange, 503, "root.unavailable", "%s", what);
}

void handlers_actor(const struct exchange *exchange, char ret_text[static HANDLERS_ACTOR_BYTES])
{
    const struct principal *principal = exchange_principal(exchange);
    (void)snprintf(ret_text, HANDLERS_ACTOR_BYTES, "user %s", principal->user.name);
}

void handlers_reply_malformed(struct exchange *exchange, const struct err *err)
{
    exchange_reply_error(exchange, 400, WIRE_E_REQUEST, "%s", err->message);
}

struct handlers_pending *handlers_pending_new(struct handlers *handlers,
                                              struct exchange *exchange)
{
    struct handlers_pending *pending = malloc(sizeof *pending);
    if (pending != NULL) {
        *pending = (struct handlers_pending){.handlers = handlers, .exchange = exchange};
    }
    return pending;
}
