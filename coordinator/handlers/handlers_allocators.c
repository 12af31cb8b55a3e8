/* SPDX-License-Identifier: Apache-2.0 */
/* Allocators: the list, the search, and one. */
#include "coordinator/handlers/handlers.h"

#include "common/codec/json.h"
#include "coordinator/handlers/search.h"
#include "coordinator/views/allocator_view.h"

static const struct search_kind allocators = {
    .code = "allocators.search_failed",
    .id_field = "allocator_id",
    .roles = ROLE_ALLOCATOR,
    .view = allocator_view_one,
};

static void reply_page(const struct handlers *handlers, struct exchange *exchange,
                       const struct search *search)
{
    auto_json *page = search_page(exchange, &allocators, search, handlers->registry);
    if (page != NULL) {
        exchange_reply_json(exchange, 200, allocator_view_group(page));
    }
}

void handle_allocators_list(struct exchange *exchange, void *context)
{
    auto_search search = {.size = SEARCH_SIZE_DEFAULT};
    if (search_read_q(exchange, &allocators, &search) &&
        search_read_page(exchange, &allocators, &search)) {
        reply_page(context, exchange, &search);
    }
}

void handle_allocators_search(struct exchange *exchange, void *context)
{
    auto_search search = {.size = SEARCH_SIZE_DEFAULT};
    if (search_read_body(exchange, &allocators, &search)) {
        reply_page(context, exchange, &search);
    }
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
