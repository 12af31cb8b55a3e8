/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment, from the decision (registry_admit.c) to the durable record. Each attempt decides
 * on what memory says now and commits on the condition that the record is still the one that
 * was decided on; when it is not, the decision is made anew, a few times. So of two that race
 * for an id one is first and the other is answered as if it had come later.
 */
#include "common/base/compiler.h"
#include "coordinator/registry/registry_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { ATTEMPTS_MAX = 5 };

/* One enrolment from the call to its answer. */
struct registry_enroll_task {
    struct registry *registry; /* borrowed */
    struct registry_enroll_task *next;
    struct registry_enroll_task *prev;
    struct runner_record
        record;                 /* what is to be; owned. Zone, settings and time: see adopt() */
    char zone[WIRE_ZONE_BYTES]; /* as asked for */
    struct report report;       /* owned */
    roles_t permitted;
    char peer[REPORT_HOST_IP_BYTES];
    bool has_extra;
    char *extra_key;   /* owned */
    char *extra_value; /* owned; NULL = delete */
    size_t extra_len;
    unsigned attempts;
    enum registry_event_type event; /* of the attempt under way */
    registry_enrolled_fn *done;
    void *userdata;
};

static void attempt(struct registry_enroll_task *task);

const char *registry_find_enrolling(const struct registry *registry,
                                    const struct runner_record *record)
{
    for (const struct registry_enroll_task *task = registry->enrolling; task != NULL;
         task = task->next) {
        if (strcmp(task->record.id, record->id) != 0 &&
            strcmp(task->record.key_thumbprint, record->key_thumbprint) == 0) {
            return task->record.id;
        }
    }
    return NULL;
}

static void task_free(struct registry_enroll_task *task)
{
    runner_record_fini(&task->record);
    report_fini(&task->report);
    free(task->extra_key);
    free(task->extra_value);
    free(task);
}

static void link_task(struct registry *registry, struct registry_enroll_task *task)
{
    task->next = registry->enrolling;
    if (task->next != NULL) {
        task->next->prev = task;
    }
    registry->enrolling = task;
}

static void unlink_task(struct registry_enroll_task *task)
{
    *(task->prev == NULL ? &task->registry->enrolling : &task->prev->next) = task->next;
    if (task->next != NULL) {
        task->next->prev = task->prev;
    }
}

void registry_free_enrolling(struct registry *registry)
{
    while (registry->enrolling != NULL) {
        struct registry_enroll_task *task = registry->enrolling;
        unlink_task(task);
        task_free(task);
    }
}

/* The task's last act. */
static void finish(struct registry_enroll_task *task, const struct registry_decision *decision)
{
    unlink_task(task);
    if (decision->outcome != ENROLL_FAILED) {
        registry_emit(task->registry,
                      &(struct registry_event){
                          .type = decision->outcome == ENROLL_OK ? decision->event
                                                                 : REGISTRY_ENROLL_REFUSED,
                          .runner_id = task->record.id,
                          .runner = decision->runner,
                          .peer = task->peer,
                          .token_id = task->record.token_id,
                          .message = decision->message,
                      });
    }
    task->done(
        &(struct registry_enrolled){
            .outcome = decision->outcome,
            .missing = decision->missing,
            .message = decision->message,
            .runner = decision->outcome == ENROLL_OK ? decision->runner : NULL,
        },
        task->userdata);
    task_free(task);
}

static void fail(struct registry_enroll_task *task, const char *why)
{
    struct registry_decision decision = {.outcome = ENROLL_FAILED};
    (void)snprintf(decision.message, sizeof decision.message,
                   "runner %s could not be stored: %s", task->record.id, why);
    log_error(task->registry->options.log, "registry", "%s", decision.message);
    finish(task, &decision);
}

/* The record is durable, and the change feed has brought it into memory. */
static void stored(struct registry_enroll_task *task)
{
    struct registry *registry = task->registry;
    struct runner *runner = runner_index_find(&registry->index, task->record.id);
    if (runner == NULL ||
        strcmp(runner->record.key_thumbprint, task->record.key_thumbprint) != 0) {
        fail(task, "it was changed or removed right after; try again");
        return;
    }
    report_fini(&runner->report);
    runner->report = task->report; /* taken */
    task->report = (struct report){0};
    runner->has_report = true;
    /* A live session may know something newer; it is asked. */
    runner->needs_report = runner_is_connected(runner);
    registry_mark_unsaved(registry, runner);
    registry_save(registry);
    finish(task, &(struct registry_decision){
                     .outcome = ENROLL_OK, .event = task->event, .runner = runner});
}

static void on_stored(const struct store_result *result, void *userdata)
{
    struct registry_enroll_task *task = userdata;
    switch (result->outcome) {
    case STORE_COMMITTED:
        stored(task);
        return;
    case STORE_CONFLICT:
        attempt(task);
        return;
    case STORE_FAILED:
        fail(task, result->error.message);
        return;
    }
}

/* What the new record keeps of @holder's: the same host's zone and time [EN-5], and what the
 * operator set for the runner, whichever host it is. */
static void adopt(struct registry_enroll_task *task, const struct runner *holder)
{
    struct runner_record *record = &task->record;
    memcpy(record->zone, task->zone, sizeof record->zone);
    record->enrolled_at_ms = clock_wall_ms(task->registry->options.clock);
    record->capacity_mb = 0;
    record->maintenance = (struct runner_maintenance){0};
    if (holder == NULL) {
        return;
    }
    record->capacity_mb = holder->record.capacity_mb;
    record->maintenance = holder->record.maintenance;
    if (task->event == REGISTRY_REENROLLED) {
        memcpy(record->zone, holder->record.zone, sizeof record->zone);
        record->enrolled_at_ms = holder->record.enrolled_at_ms;
    }
}

static int commit(struct registry_enroll_task *task, uint64_t version, struct err *err)
{
    auto_free char *value = NULL;
    if (runner_record_encode(&task->record, &value, err) < 0) {
        return -1;
    }
    char key[RUNNER_KEY_BYTES];
    runner_key(RUNNER_KEY_PREFIX, task->record.id, key);
    struct store_condition condition = {.key = key, .mod_revision = version};
    struct store_operation operations[2] = {
        {.key = key, .value = value, .len = strlen(value)},
        {.key = task->extra_key, .value = task->extra_value, .len = task->extra_len},
    };
    return store_commit(task->registry->options.store, &condition, 1, operations,
                        task->has_extra ? 2 : 1, on_stored, task, err);
}

static void attempt(struct registry_enroll_task *task)
{
    struct registry_decision decision = {0};
    if (registry_decide(task->registry, &task->record, task->permitted, &decision) !=
        ENROLL_OK) {
        finish(task, &decision);
        return;
    }
    if (task->attempts == ATTEMPTS_MAX) {
        fail(task, "its record changed again and again meanwhile; try again");
        return;
    }
    task->attempts++;
    task->event = decision.event;
    adopt(task, decision.runner);
    struct err err = {0};
    if (commit(task, decision.runner == NULL ? 0 : decision.runner->version, &err) < 0) {
        fail(task, err.message);
    }
}

static int copy_extra(struct registry_enroll_task *task, const struct store_operation *extra,
                      struct err *err)
{
    if (extra == NULL) {
        return 0;
    }
    task->has_extra = true;
    task->extra_len = extra->len;
    task->extra_key = strdup(extra->key);
    if (extra->value != NULL) {
        task->extra_value = malloc(extra->len + 1);
    }
    if (task->extra_key == NULL || (extra->value != NULL && task->extra_value == NULL)) {
        return err_no_memory(err);
    }
    if (extra->value != NULL) {
        memcpy(task->extra_value, extra->value, extra->len);
    }
    return 0;
}

static int fill(struct registry_enroll_task *task, const struct registry_enroll *enroll,
                struct err *err)
{
    const struct wire_enroll_request *request = enroll->request;
    struct runner_record *record = &task->record;
    (void)snprintf(record->id, sizeof record->id, "%s", request->runner_id);
    (void)snprintf(record->key_thumbprint, sizeof record->key_thumbprint, "%s",
                   enroll->key_thumbprint);
    (void)snprintf(record->token_id, sizeof record->token_id, "%s", enroll->token_id);
    (void)snprintf(task->zone, sizeof task->zone, "%s", request->zone);
    (void)snprintf(task->peer, sizeof task->peer, "%s", enroll->peer);
    record->roles = request->roles;
    task->permitted = enroll->permitted;
    record->public_key_pem = strdup(enroll->public_key_pem);
    if (record->public_key_pem == NULL) {
        return err_no_memory(err);
    }
    if (wire_tags_copy(&request->tags, &record->tags, err) < 0 ||
        report_copy(&request->report, &task->report, err) < 0) {
        return -1;
    }
    return copy_extra(task, enroll->extra, err);
}

void registry_enroll(struct registry *registry, const struct registry_enroll *enroll,
                     registry_enrolled_fn *done, void *userdata)
{
    struct registry_enroll_task *task = calloc(1, sizeof *task);
    if (task == NULL) {
        done(&(struct registry_enrolled){.outcome = ENROLL_FAILED,
                                         .message = "out of memory; try again"},
             userdata);
        return;
    }
    task->registry = registry;
    task->done = done;
    task->userdata = userdata;
    link_task(registry, task);
    struct err err = {0};
    if (fill(task, enroll, &err) < 0) {
        fail(task, err.message);
        return;
    }
    attempt(task);
}
