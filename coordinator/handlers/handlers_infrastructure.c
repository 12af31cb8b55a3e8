/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the fleet: allocators, runners, the platform. */
#include "coordinator/handlers/handlers.h"

#include "common/base/parse.h"
#include "coordinator/views/allocator_view.h"
#include "coordinator/views/platform_view.h"
#include "coordinator/views/runner_view.h"

#include <string.h>

enum {
    LIST_SIZE_DEFAULT = 100, /* as documented for GET allocators */
    LIST_SIZE_MAX = 100000,
};

static int read_number(const struct exchange *exchange, const char *name, uint64_t fallback,
                       uint64_t *ret, struct err *err)
{
    const char *text = exchange_query(exchange, name);
    *ret = fallback;
    if (text == NULL) {
        return 0;
    }
    return parse_u64(text, 0, LIST_SIZE_MAX, ret, err) < 0
               ? err_wrap(err, "query parameter %s", name)
               : 0;
}

/* What is not served yet is refused rather than answered wrongly. */
static bool has_unserved_query(struct exchange *exchange)
{
    const char *query = exchange_query(exchange, "q");
    const char *sort = exchange_query(exchange, "sort");
    if (query != NULL && query[0] != '\0') {
        exchange_reply_error(exchange, 400, "root.bad_request",
                             "query parameter q is not served by this version");
        return true;
    }
    if (sort != NULL && sort[0] != '\0' && strcmp(sort, "allocator_id") != 0) {
        exchange_reply_error(exchange, 400, "root.bad_request",
                             "query parameter sort: this version sorts by id only");
        return true;
    }
    return false;
}

void handle_allocators_list(struct exchange *exchange, void *context)
{
    const struct handlers *handlers = context;
    struct err err = {0};
    uint64_t from = 0;
    uint64_t size = 0;
    if (has_unserved_query(exchange)) {
        return;
    }
    if (read_number(exchange, "from", 0, &from, &err) < 0 ||
        read_number(exchange, "size", LIST_SIZE_DEFAULT, &size, &err) < 0) {
        exchange_reply_error(exchange, 400, "root.bad_request", "%s", err.message);
        return;
    }
    exchange_reply_json(exchange, 200,
                        allocator_view_list(handlers->registry, (size_t)from, (size_t)size));
}

void handle_allocator_get(struct exchange *exchange, void *context)
{
    const struct handlers *handlers = context;
    const char *id = exchange_param(exchange, "allocator_id");
    const struct runner *runner = allocator_view_find(handlers->registry, id);
    if (runner == NULL) {
        exchange_reply_error(exchange, 404, "allocators.allocator_not_found",
                             "there is no allocator %s", id);
        return;
    }
    exchange_reply_json(exchange, 200, allocator_view_one(handlers->registry, runner));
}

void handle_runners_list(struct exchange *exchange, void *context)
{
    const struct handlers *handlers = context;
    if (!has_unserved_query(exchange)) {
        exchange_reply_json(exchange, 200, runner_view_list(handlers->registry));
    }
}

void handle_runner_get(struct exchange *exchange, void *context)
{
    const struct handlers *handlers = context;
    const char *id = exchange_param(exchange, "runner_id");
    const struct runner *runner = registry_find(handlers->registry, id);
    if (runner == NULL) {
        exchange_reply_error(exchange, 404, "runners.runner_not_found", "there is no runner %s",
                             id);
        return;
    }
    exchange_reply_json(exchange, 200, runner_view_one(handlers->registry, runner));
}

void handle_platform_get(struct exchange *exchange, void *context)
{
    const struct handlers *handlers = context;
    exchange_reply_json(exchange, 200, platform_view(handlers->registry));
}
