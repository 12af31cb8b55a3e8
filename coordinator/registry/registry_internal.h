/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of the registry share: registry_store.c, registry_enroll.c, registry_remove.c,
 * registry_beat.c. */
#ifndef COORDINATOR_REGISTRY_INTERNAL_H
#define COORDINATOR_REGISTRY_INTERNAL_H

#include "coordinator/registry/deadline_heap.h"
#include "coordinator/registry/registry.h"
#include "coordinator/registry/runner_index.h"

enum {
    REGISTRY_STATES = LIVENESS_CONNECTED + 1,
    REGISTRY_SAVE_MAX = STORE_TXN_MAX,
};

/* An id whose record cannot be read. */
struct registry_unreadable {
    char id[WIRE_RUNNER_ID_BYTES];
    uint64_t version; /* mod_revision of what stands there */
    char why[128];
};

struct registry_enroll_task;

/* The one write of connections/ that is under way. */
struct registry_saving {
    size_t count;                              /* 0 = none is */
    struct runner *runners[REGISTRY_SAVE_MAX]; /* borrowed; NULL = removed meanwhile */
};

struct registry {
    struct registry_options options;
    struct runner_index index; /* owns the runners */
    struct deadline_heap deadlines;
    size_t in_state[REGISTRY_STATES];

    struct registry_unreadable *unreadable; /* owned */
    size_t n_unreadable;

    struct registry_enroll_task *enrolling; /* those that wait for the store; owned */

    struct runner *unsaved_first; /* their connections/<id> is to be written, oldest first */
    struct runner *unsaved_last;
    struct registry_saving saving;
    bool is_save_failing;
    uint64_t save_again_ms; /* monotonic; no write before it */
};

/* registry.c */

static inline uint64_t registry_now(const struct registry *registry)
{
    return clock_monotonic_ms(registry->options.clock);
}

void registry_emit(const struct registry *registry, const struct registry_event *event);

/** Make @verdict what the runner is: its state, its place among the deadlines, what follows
 * from a change. */
void registry_apply(struct registry *registry, struct runner *runner,
                    const struct liveness_verdict *verdict);

/** The runner's session is over and known to be: @end says why; nothing happens when it is
 * disconnected already. */
void registry_end_session(struct registry *registry, struct runner *runner,
                          enum liveness_end end);

/** As registry_apply(), but @state is not news: at start. */
void registry_set_state(struct registry *registry, struct runner *runner,
                        enum liveness_state state);

/* registry_store.c */

int registry_load(struct registry *registry, struct err *err) MUST_CHECK;

/** NULL unless the record of @id cannot be read. */
const struct registry_unreadable *registry_find_unreadable(const struct registry *registry,
                                                           const char *id);

/** What connections/<id> says is out of date. registry_save() writes. */
void registry_mark_unsaved(struct registry *registry, struct runner *runner);

/** Write what is out of date, unless a write is under way or failed just now. */
void registry_save(struct registry *registry);

/** When registry_save() is to be called again; LIVENESS_NEVER when nothing waits for time. */
uint64_t registry_save_deadline(const struct registry *registry);

/* registry_admit.c */

/* What an enrolment would meet now. */
struct registry_decision {
    enum enroll_outcome outcome;
    enum registry_event_type event; /* of ENROLL_OK: what it would be */
    roles_t missing;
    const struct runner *runner; /* that holds the id now; NULL when nobody does */
    char message[REGISTRY_MESSAGE_BYTES];
};

/** @record says id, key and roles that are asked for; @permitted is what the roles token
 * permits. */
enum enroll_outcome registry_decide(const struct registry *registry,
                                    const struct runner_record *record, roles_t permitted,
                                    struct registry_decision *decision);

/* registry_enroll.c */

/** The id, other than @record's own, under which its key is being enrolled just now; NULL when
 * there is none. */
const char *registry_find_enrolling(const struct registry *registry,
                                    const struct runner_record *record);

void registry_free_enrolling(struct registry *registry);

#endif
