/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registry's life, its reading side and the one place where a runner's state changes. What
 * the runners are comes from registry_store.c; who may change them is decided in
 * registry_enroll.c, registry_remove.c and registry_beat.c.
 */
#include "coordinator/registry/registry.h"

#include "common/base/compiler.h"
#include "coordinator/registry/registry_internal.h"

#include <stdlib.h>

int registry_open(struct registry **ret, const struct registry_options *options,
                  struct err *err)
{
    struct registry *registry = calloc(1, sizeof *registry);
    if (registry == NULL) {
        return err_no_memory(err);
    }
    registry->options = *options;
    if (registry_load(registry, err) < 0) {
        registry_free(registry);
        return err_wrap(err, "load the runners");
    }
    *ret = registry;
    return 0;
}

void registry_free(struct registry *registry)
{
    if (registry == NULL) {
        return;
    }
    registry_free_enrolling(registry);
    for (size_t i = 0; i < registry->index.by_id.count; i++) {
        runner_free(registry->index.by_id.items[i]);
    }
    runner_index_fini(&registry->index);
    deadline_heap_fini(&registry->deadlines);
    free(registry->unreadable);
    free(registry);
}

void registry_emit(const struct registry *registry, const struct registry_event *event)
{
    if (registry->options.on_event == NULL) {
        return;
    }
    struct registry_event complete = *event;
    complete.peer = event->peer == NULL ? "" : event->peer;
    complete.token_id = event->token_id == NULL ? "" : event->token_id;
    complete.message = event->message == NULL ? "" : event->message;
    registry->options.on_event(&complete, registry->options.userdata);
}

void registry_set_state(struct registry *registry, struct runner *runner,
                        enum liveness_state state)
{
    registry->in_state[runner->state]--;
    registry->in_state[state]++;
    runner->state = state;
}

void registry_apply(struct registry *registry, struct runner *runner,
                    const struct liveness_verdict *verdict)
{
    bool was_connected = runner_is_connected(runner);
    registry_set_state(registry, runner, verdict->state);
    if (runner_is_connected(runner)) {
        deadline_heap_put(&registry->deadlines, &runner->deadline, verdict->until_ms);
    } else {
        deadline_heap_remove(&registry->deadlines, &runner->deadline);
    }
    if (was_connected == runner_is_connected(runner)) {
        return;
    }
    runner->state_since_ms = clock_wall_ms(registry->options.clock);
    runner->end = verdict->end;
    if (was_connected) {
        /* Who comes next, and be it the same session, meets nobody here. */
        runner->facts.ground = LIVENESS_NOTHING;
        runner_index_set_connection(&registry->index, runner, 0);
    }
    registry_mark_unsaved(registry, runner);
    registry_emit(registry,
                  &(struct registry_event){
                      .type = was_connected ? REGISTRY_DISCONNECTED : REGISTRY_CONNECTED,
                      .runner_id = runner->record.id,
                      .runner = runner,
                      .end = runner->end,
                  });
}

void registry_end_session(struct registry *registry, struct runner *runner,
                          enum liveness_end end)
{
    registry_apply(registry, runner,
                   &(struct liveness_verdict){
                       .state = LIVENESS_DISCONNECTED, .end = end, .until_ms = LIVENESS_NEVER});
}

const struct runner *registry_find(const struct registry *registry, const char *runner_id)
{
    return runner_index_find(&registry->index, runner_id);
}

const struct runner *registry_find_key(const struct registry *registry,
                                       const char *key_thumbprint)
{
    return runner_index_find_key(&registry->index, key_thumbprint);
}

size_t registry_count(const struct registry *registry)
{
    return registry->index.by_id.count;
}

const struct runner *registry_at(const struct registry *registry, size_t index)
{
    return index < registry->index.by_id.count ? registry->index.by_id.items[index] : NULL;
}

size_t registry_count_in(const struct registry *registry, enum liveness_state state)
{
    return registry->in_state[state];
}

bool registry_has_conflict(const struct registry *registry, const struct runner *runner)
{
    return registry_now(registry) < runner->conflict.until_ms;
}

struct wire_pace registry_pace(const struct registry *registry)
{
    return pace_for(&registry->options.pace, registry_count(registry));
}

const struct endpoint_list *registry_coordinators(const struct registry *registry)
{
    return &registry->options.coordinators;
}

uint64_t registry_next_deadline(const struct registry *registry)
{
    uint64_t next_ms = registry_save_deadline(registry);
    const struct deadline_entry *first = deadline_heap_first(&registry->deadlines);
    return first != NULL && first->at_ms < next_ms ? first->at_ms : next_ms;
}

void registry_tick(struct registry *registry)
{
    uint64_t now_ms = registry_now(registry);
    struct deadline_entry *first = deadline_heap_first(&registry->deadlines);
    while (first != NULL && first->at_ms <= now_ms) {
        struct runner *runner = CONTAINER_OF(first, struct runner, deadline);
        struct liveness_verdict verdict = liveness_judge(&runner->facts, now_ms);
        registry_apply(registry, runner, &verdict);
        first = deadline_heap_first(&registry->deadlines);
    }
    registry_save(registry);
}
