/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Removing a runner, on its host's word or an operator's. It is gone from memory when the
 * change feed says so, just before the answer.
 */
#include "coordinator/registry/registry_internal.h"

#include <stdio.h>
#include <stdlib.h>

/* One removal from the call to its answer. */
struct remove_task {
    struct registry *registry; /* borrowed */
    char id[WIRE_RUNNER_ID_BYTES];
    enum registry_event_type event;
    registry_removed_fn *done;
    void *userdata;
};

static void removed(struct remove_task *task)
{
    registry_emit(task->registry,
                  &(struct registry_event){.type = task->event, .runner_id = task->id});
    task->done(NULL, task->userdata);
}

static void not_removed(struct remove_task *task, const struct store_result *result)
{
    struct runner *runner = runner_index_find(&task->registry->index, task->id);
    if (runner != NULL) {
        runner->is_leaving = false;
        registry_mark_unsaved(task->registry, runner);
        registry_save(task->registry);
    }
    struct err err = result->error;
    if (result->outcome == STORE_CONFLICT) {
        (void)err_set(&err, ERR_CONFLICT, "it was changed meanwhile; try again");
    }
    (void)err_wrap(&err, "remove runner %s", task->id);
    task->done(&err, task->userdata);
}

static void on_removed(const struct store_result *result, void *userdata)
{
    struct remove_task *task = userdata;
    if (result->outcome == STORE_COMMITTED) {
        removed(task);
    } else {
        not_removed(task, result);
    }
    free(task);
}

static int commit(struct remove_task *task, uint64_t version,
                  const struct store_operation *extra, struct err *err)
{
    char record[RUNNER_KEY_BYTES];
    char connection[RUNNER_KEY_BYTES];
    runner_key(RUNNER_KEY_PREFIX, task->id, record);
    runner_key(RUNNER_CONNECTION_PREFIX, task->id, connection);
    /* Of the record that was looked at: another host may have taken the id over meanwhile. */
    struct store_condition condition = {.key = record, .mod_revision = version};
    struct store_operation operations[3] = {{.key = record}, {.key = connection}};
    size_t count = 2;
    if (extra != NULL) {
        operations[count] = *extra;
        count++;
    }
    return store_commit(task->registry->options.store, &condition, 1, operations, count,
                        on_removed, task, err);
}

static int begin(const struct remove_task *wanted, const struct store_operation *extra,
                 struct err *err)
{
    struct runner *runner = runner_index_find(&wanted->registry->index, wanted->id);
    const struct registry_unreadable *unreadable =
        registry_find_unreadable(wanted->registry, wanted->id);
    if (runner == NULL && unreadable == NULL) {
        return err_set(err, ERR_ABSENT, "there is no such runner");
    }
    if (runner != NULL && runner->is_leaving) {
        return err_set(err, ERR_BUSY, "its removal is under way already");
    }
    struct remove_task *task = malloc(sizeof *task);
    if (task == NULL) {
        return err_no_memory(err);
    }
    *task = *wanted;
    if (commit(task, unreadable != NULL ? unreadable->version : runner->version, extra, err) <
        0) {
        free(task);
        return -1;
    }
    if (runner != NULL) {
        runner->is_leaving = true;
    }
    return 0;
}

static int start(struct remove_task *wanted, const char *runner_id,
                 const struct store_operation *extra, struct err *err)
{
    (void)snprintf(wanted->id, sizeof wanted->id, "%s", runner_id);
    if (begin(wanted, extra, err) < 0) {
        return err_wrap(err, "remove runner %s", runner_id);
    }
    return 0;
}

int registry_leave(struct registry *registry, const char *runner_id,
                   const struct store_operation *extra, registry_removed_fn *done,
                   void *userdata, struct err *err)
{
    struct remove_task wanted = {
        .registry = registry, .event = REGISTRY_LEFT, .done = done, .userdata = userdata};
    return start(&wanted, runner_id, extra, err);
}

int registry_delete(struct registry *registry, const char *runner_id,
                    const struct store_operation *extra, registry_removed_fn *done,
                    void *userdata, struct err *err)
{
    struct remove_task wanted = {
        .registry = registry, .event = REGISTRY_DELETED, .done = done, .userdata = userdata};
    return start(&wanted, runner_id, extra, err);
}
