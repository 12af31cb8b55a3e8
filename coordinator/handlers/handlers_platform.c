/* SPDX-License-Identifier: Apache-2.0 */
/* The installation as a whole. */
#include "coordinator/handlers/handlers.h"

#include "coordinator/views/platform_view.h"

void handle_platform_get(struct exchange *exchange, void *context)
{
    const struct handlers *handlers = context;
    exchange_reply_json(exchange, 200, platform_view(handlers->registry));
}
