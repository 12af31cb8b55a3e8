/* SPDX-License-Identifier: Apache-2.0 */
/* For whoever watches the process: /healthz = the loop turns; /readyz = and what is written
 * stays written. */
#include "coordinator/handlers/handlers.h"

void handle_healthz(struct exchange *exchange, void *context)
{
    (void)context;
    exchange_reply_json(exchange, 200, json_pack("{s:s}", "status", "ok"));
}

void handle_readyz(struct exchange *exchange, void *context)
{
    const struct handlers *handlers = context;
    struct err why = {0};
    if (!store_is_healthy(handlers->store, &why)) {
        log_debug(handlers->log, "health", "not ready: %s", why.message);
        exchange_reply_error(exchange, 503, "root.unavailable",
                             "the store does not take writes; see the coordinator's log");
        return;
    }
    exchange_reply_json(exchange, 200, json_pack("{s:s}", "status", "ready"));
}
