/* SPDX-License-Identifier: Apache-2.0 */
/* Runners: the list, the search, one, and removing one that is gone. */
#include "coordinator/handlers/handlers.h"

#include "common/codec/json.h"
#include "coordinator/handlers/search.h"
#include "coordinator/views/runner_view.h"

#include <stdlib.h>

static const struct search_kind runners = {
    .code = "runners.search_failed",
    .id_field = "runner_id",
    .view = runner_view_one,
};

static void reply_page(const struct handlers *handlers, struct exchange *exchange,
                       const struct search *search)
{
    auto_json *page = search_page(exchange, &runners, search, handlers->registry);
    if (page != NULL) {
        exchange_reply_json(exchange, 200, json_pack("{s:O}", "runners", page));
    }
}

void handle_runners_list(struct exchange *exchange, void *context)
{
    auto_search search = {.size = SIZE_MAX}; /* this list has no pages */
    if (search_read_q(exchange, &runners, &search)) {
        reply_page(context, exchange, &search);
    }
}

void handle_runners_search(struct exchange *exchange, void *context)
{
    auto_search search = {.size = SEARCH_SIZE_DEFAULT};
    if (search_read_body(exchange, &runners, &search)) {
        reply_page(context, exchange, &search);
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
