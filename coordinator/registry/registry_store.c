/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the registry and the store: what is loaded at start, what the change feed brings, and
 * writing connections/<id> behind the changes of state. Those writes go out one transaction at
 * a time, so that a thousand changes meanwhile cost few transactions and the newest state
 * always lands last; what the store refuses is written again.
 */
#include "coordinator/registry/registry_internal.h"

#include "common/base/message_ids.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    SAVE_AGAIN_MS = 5000,
    SAVE_BYTES = 512 * 1024, /* about what one transaction carries */
};

const struct registry_unreadable *registry_find_unreadable(const struct registry *registry,
                                                           const char *id)
{
    for (size_t i = 0; i < registry->n_unreadable; i++) {
        if (strcmp(registry->unreadable[i].id, id) == 0) {
            return &registry->unreadable[i];
        }
    }
    return NULL;
}

static void forget_unreadable(struct registry *registry, const char *id)
{
    const struct registry_unreadable *found = registry_find_unreadable(registry, id);
    if (found == NULL) {
        return;
    }
    registry->n_unreadable--;
    registry->unreadable[found - registry->unreadable] =
        registry->unreadable[registry->n_unreadable];
}

/* Without memory for it the enrolment's condition still keeps the record from being
 * overwritten. */
static void note_unreadable(struct registry *registry, const char *id, uint64_t version,
                            const struct err *why)
{
    log_error(registry->options.log, "registry",
              "the record of runner %s in the store cannot be read: %s; the host cannot enrol "
              "under this id until the runner is deleted",
              id, why->message);
    forget_unreadable(registry, id);
    struct registry_unreadable *grown =
        realloc(registry->unreadable, (registry->n_unreadable + 1) * sizeof *grown);
    if (grown == NULL) {
        return;
    }
    registry->unreadable = grown;
    struct registry_unreadable *added = &grown[registry->n_unreadable];
    registry->n_unreadable++;
    *added = (struct registry_unreadable){.version = version};
    (void)snprintf(added->id, sizeof added->id, "%s", id);
    (void)snprintf(added->why, sizeof added->why, "%.*s", (int)sizeof added->why - 1,
                   why->message);
}

static int add_runner(struct registry *registry, struct runner_record *record, uint64_t version,
                      struct err *err)
{
    struct runner *runner = runner_new(record);
    if (runner == NULL) {
        return err_no_memory(err);
    }
    runner->version = version;
    if (deadline_heap_reserve(&registry->deadlines, registry_count(registry) + 1, err) < 0 ||
        runner_index_add(&registry->index, runner, err) < 0) {
        runner_free(runner);
        return -1;
    }
    registry->in_state[runner->state]++;
    return 0;
}

static void change_runner(struct registry *registry, struct runner *runner,
                          struct runner_record *record, uint64_t version)
{
    if (strcmp(runner->record.key_thumbprint, record->key_thumbprint) != 0) {
        /* Another host is this runner from now on. */
        registry_end_session(registry, runner, LIVENESS_END_CONNECTION);
        runner->conflict = (struct runner_conflict){0};
    }
    runner_index_set_record(&registry->index, runner, record);
    runner->version = version;
}

static void forget_unsaved(struct registry *registry, struct runner *runner)
{
    if (!runner->is_unsaved) {
        return;
    }
    *(runner->unsaved_prev == NULL ? &registry->unsaved_first
                                   : &runner->unsaved_prev->unsaved_next) =
        runner->unsaved_next;
    *(runner->unsaved_next == NULL ? &registry->unsaved_last
                                   : &runner->unsaved_next->unsaved_prev) =
        runner->unsaved_prev;
    runner->unsaved_prev = NULL;
    runner->unsaved_next = NULL;
    runner->is_unsaved = false;
}

static void remove_runner(struct registry *registry, struct runner *runner)
{
    forget_unsaved(registry, runner);
    for (size_t i = 0; i < registry->saving.count; i++) {
        if (registry->saving.runners[i] == runner) {
            registry->saving.runners[i] = NULL;
        }
    }
    deadline_heap_remove(&registry->deadlines, &runner->deadline);
    runner_index_remove(&registry->index, runner);
    registry->in_state[runner->state]--;
    if (!runner->is_leaving) {
        registry_emit(registry, &(struct registry_event){.type = REGISTRY_DELETED,
                                                         .runner_id = runner->record.id,
                                                         .runner = runner});
    }
    runner_free(runner);
}

/* One key below runners/, at start and from the change feed. Repeats and older states are
 * skipped. */
static void on_record(const struct store_entry *entry, void *userdata)
{
    struct registry *registry = userdata;
    const char *id = entry->key + strlen(RUNNER_KEY_PREFIX);
    struct runner *runner = runner_index_find(&registry->index, id);
    if (runner != NULL && entry->mod_revision <= runner->version) {
        return;
    }
    if (entry->value == NULL) {
        forget_unreadable(registry, id);
        if (runner != NULL) {
            remove_runner(registry, runner);
        }
        return;
    }
    struct err why = {0};
    struct runner_record record = {0};
    if (runner_record_decode(id, entry->value, entry->len, &record, &why) < 0) {
        note_unreadable(registry, id, entry->mod_revision, &why);
        return;
    }
    forget_unreadable(registry, id);
    if (runner != NULL) {
        change_runner(registry, runner, &record, entry->mod_revision);
        registry_save(registry);
    } else if (add_runner(registry, &record, entry->mod_revision, &why) < 0) {
        note_unreadable(registry, id, entry->mod_revision, &why);
    }
    runner_record_fini(&record);
}

/* One key below connections/, at start: what the runner was when the coordinator stopped
 * [LV-3]. */
static void on_connection(const struct store_entry *entry, void *userdata)
{
    struct registry *registry = userdata;
    const char *id = entry->key + strlen(RUNNER_CONNECTION_PREFIX);
    struct runner *runner = runner_index_find(&registry->index, id);
    if (runner == NULL) {
        return;
    }
    struct err why = {0};
    struct runner_connection connection = {0};
    if (runner_connection_decode(entry->value, entry->len, &connection, &why) < 0) {
        log_warning(registry->options.log, "registry",
                    "the last state of runner %s in the store cannot be read: %s; it counts as "
                    "disconnected until its next heartbeat",
                    id, why.message);
        return;
    }
    runner->report = connection.report; /* taken */
    runner->has_report = connection.has_report;
    runner->state_since_ms = connection.since_ms;
    if (!connection.is_connected) {
        return;
    }
    struct wire_pace pace = registry_pace(registry);
    uint64_t now_ms = registry_now(registry);
    runner->facts = (struct liveness_facts){
        .ground = LIVENESS_RESTORED,
        .beat_ms = now_ms,
        /* What it was told last is not known to the millisecond: the longer one wrongs nobody.
         */
        .lease_ms = connection.lease_ms > pace.lease_ms ? connection.lease_ms : pace.lease_ms,
        .spread_ms = pace.spread_ms,
    };
    struct liveness_verdict verdict = liveness_judge(&runner->facts, now_ms);
    registry_set_state(registry, runner, verdict.state);
    deadline_heap_put(&registry->deadlines, &runner->deadline, verdict.until_ms);
}

int registry_load(struct registry *registry, struct err *err)
{
    struct store *store = registry->options.store;
    /* Watching first: a change between the two would be missed otherwise. */
    if (store_watch(store, RUNNER_KEY_PREFIX, on_record, registry, err) < 0 ||
        store_list(store, RUNNER_KEY_PREFIX, on_record, registry, err) < 0) {
        return -1;
    }
    return store_list(store, RUNNER_CONNECTION_PREFIX, on_connection, registry, err);
}

void registry_mark_unsaved(struct registry *registry, struct runner *runner)
{
    if (runner->is_unsaved) {
        return;
    }
    runner->is_unsaved = true;
    runner->unsaved_prev = registry->unsaved_last;
    *(registry->unsaved_last == NULL ? &registry->unsaved_first
                                     : &registry->unsaved_last->unsaved_next) = runner;
    registry->unsaved_last = runner;
}

static void save_failed(struct registry *registry, const struct err *why)
{
    if (!registry->is_save_failing) {
        log_event(registry->options.log, LOG_LEVEL_ERROR, "registry", MESSAGE_STORE_FAILING,
                  "which runners are connected could not be stored: %s; trying again every %d "
                  "s, a restart of the coordinator meanwhile may show an older state",
                  why->message, SAVE_AGAIN_MS / 1000);
    }
    registry->is_save_failing = true;
    registry->save_again_ms = registry_now(registry) + SAVE_AGAIN_MS;
    size_t count = registry->saving.count;
    registry->saving.count = 0;
    for (size_t i = 0; i < count; i++) {
        if (registry->saving.runners[i] != NULL) {
            registry_mark_unsaved(registry, registry->saving.runners[i]);
        }
    }
}

static void on_saved(const struct store_result *result, void *userdata)
{
    struct registry *registry = userdata;
    if (result->outcome != STORE_COMMITTED) {
        save_failed(registry, &result->error);
        return;
    }
    if (registry->is_save_failing) {
        log_notice(registry->options.log, "registry",
                   "which runners are connected is stored again");
    }
    registry->is_save_failing = false;
    registry->saving.count = 0;
    registry_save(registry);
}

/* What one transaction is made of, until the store has copied it. */
struct save_batch {
    struct store_operation operations[REGISTRY_SAVE_MAX];
    char keys[REGISTRY_SAVE_MAX][RUNNER_KEY_BYTES];
    char *values[REGISTRY_SAVE_MAX]; /* owned */
};

static void save_batch_free(struct save_batch *batch)
{
    for (size_t i = 0; i < REGISTRY_SAVE_MAX; i++) {
        free(batch->values[i]);
    }
    free(batch);
}

/* Move unsaved runners into registry->saving, and what is to be written of them into @batch. */
static int gather(struct registry *registry, struct save_batch *batch, struct err *err)
{
    size_t bytes = 0;
    while (registry->unsaved_first != NULL && registry->saving.count < REGISTRY_SAVE_MAX &&
           bytes < SAVE_BYTES) {
        struct runner *runner = registry->unsaved_first;
        if (runner->is_leaving) {
            /* Its removal goes first; should that fail, it is marked again. */
            forget_unsaved(registry, runner);
            continue;
        }
        size_t i = registry->saving.count;
        if (runner_connection_encode(runner, &batch->values[i], err) < 0) {
            return -1;
        }
        forget_unsaved(registry, runner);
        runner_key(RUNNER_CONNECTION_PREFIX, runner->record.id, batch->keys[i]);
        batch->operations[i] = (struct store_operation){
            .key = batch->keys[i], .value = batch->values[i], .len = strlen(batch->values[i])};
        bytes += batch->operations[i].len;
        registry->saving.runners[i] = runner;
        registry->saving.count++;
    }
    return 0;
}

static int save_batch(struct registry *registry, struct err *err)
{
    struct save_batch *batch = calloc(1, sizeof *batch);
    if (batch == NULL) {
        return err_no_memory(err);
    }
    int failed = gather(registry, batch, err);
    if (failed == 0 && registry->saving.count > 0) {
        failed = store_commit(registry->options.store, NULL, 0, batch->operations,
                              registry->saving.count, on_saved, registry, err);
    }
    save_batch_free(batch);
    return failed;
}

void registry_save(struct registry *registry)
{
    if (registry->saving.count > 0 || registry->unsaved_first == NULL ||
        registry_now(registry) < registry->save_again_ms) {
        return;
    }
    struct err err = {0};
    if (save_batch(registry, &err) < 0) {
        save_failed(registry, &err);
    }
}

uint64_t registry_save_deadline(const struct registry *registry)
{
    return registry->saving.count > 0 || registry->unsaved_first == NULL
               ? LIVENESS_NEVER
               : registry->save_again_ms;
}
