/* SPDX-License-Identifier: Apache-2.0 */
/* What the handlers share: who may call them, and the reply for "not now". */
#include "coordinator/handlers/handlers.h"

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
