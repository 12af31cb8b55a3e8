/* SPDX-License-Identifier: Apache-2.0 */
/* The fleet: allocators, runners, the platform; and removing a runner that is gone. */
#include "coordinator/handlers/handlers.h"

#include "common/base/parse.h"
#include "coordinator/views/allocator_view.h"
#include "coordinator/views/platform_view.h"
#include "coordinator/views/runner_view.h"

#include <stdlib.h>
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

static void on_removed(const struct err *error, void *userdata)
{
    struct handlers_pending pending = *(struct handlers_pending *)userdata;
    free(userdata);
    if (error != NULL) {
        log_warning(pending.handlers->log, "runners", "%s", error->message);
        handlers_reply_unavailable(
            pending.exchange, "the runner was not deleted: the store does not take writes");
        return;
    }
    exchange_reply_json(pending.exchange, 200, json_object());
}

static int remove_runner(struct handlers *handlers, struct exchange *exchange, const char *id,
                         struct err *err)
{
    auto_audit_entry entry = {0};
    char actor[HANDLERS_ACTOR_BYTES];
    auto_free struct handlers_pending *pending = handlers_pending_new(handlers, exchange);
    if (pending == NULL) {
        return err_no_memory(err);
    }
    handlers_actor(exchange, actor);
    struct audit_event event = {.action = "runner.deleted",
                                .actor = actor,
                                .from = exchange_peer(exchange),
                                .subject = id};
    if (audit_prepare(handlers->audit, &event, &entry, err) < 0) {
        return -1;
    }
    struct store_operation operation = audit_entry_operation(&entry);
    if (registry_delete(handlers->registry, id, &operation, on_removed, pending, err) < 0) {
        return -1;
    }
    pending = NULL;
    return 0;
}

void handle_runner_delete(struct exchange *exchange, void *context)
{
    struct handlers *handlers = context;
    struct err err = {0};
    const char *id = exchange_param(exchange, "runner_id");
    const struct runner *runner = registry_find(handlers->registry, id);
    if (runner != NULL && runner_is_connected(runner)) {
        exchange_reply_error(
            exchange, 400, "runners.runner_deletion_failed",
            "runner %s is connected: stop its agent first, or run `ece-agent leave` there", id);
        return;
    }
    if (remove_runner(handlers, exchange, id, &err) == 0) {
        return;
    }
    if (err.code == ERR_ABSENT) {
        exchange_reply_error(exchange, 404, "runners.runner_not_found", "there is no runner %s",
                             id);
    } else {
        handlers_reply_unavailable(exchange, err.message);
    }
}

void handle_platform_get(struct exchange *exchange, void *context)
{
    const struct handlers *handlers = context;
    exchange_reply_json(exchange, 200, platform_view(handlers->registry));
}
