/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The runners of the installation, in memory, and the only place that decides about them: who
 * may enrol under which id, whose beats count, who is connected. Fed by the store at start and
 * by its change feed after; writes through the store, so that a record in memory changes only
 * when the change is durable. The live state (beats, connections) is this coordinator's own;
 * the store gets it only when it changes [HB-5].
 *
 * It has no timer of its own: the wiring calls registry_tick() at registry_next_deadline(),
 * which any call may move. docs/protocol.md, [EN], [HB], [LV], [CL], [LE], is the contract.
 */
#ifndef COORDINATOR_REGISTRY_H
#define COORDINATOR_REGISTRY_H

#include "common/base/clock.h"
#include "common/base/endpoint.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/wire/messages.h"
#include "coordinator/registry/liveness.h"
#include "coordinator/registry/runner.h"
#include "coordinator/store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct registry;

enum {
    REGISTRY_MESSAGE_BYTES = WIRE_ERROR_MESSAGE_BYTES,
    REGISTRY_GRANTS_MAX = 30,
};

enum registry_event_type {
    REGISTRY_ENROLLED,
    REGISTRY_REENROLLED, /* the same key again */
    REGISTRY_TAKEN_OVER, /* another key holds the id from now on */
    REGISTRY_ENROLL_REFUSED,
    REGISTRY_CONNECTED,
    REGISTRY_DISCONNECTED,
    REGISTRY_CONFLICT, /* once per episode */
    REGISTRY_LEFT,     /* the host asked for it */
    REGISTRY_DELETED,  /* somebody else did */
};

/* All is borrowed for the time of the callback. */
struct registry_event {
    enum registry_event_type type;
    const char *runner_id;
    const struct runner
        *runner; /* NULL when there is none: a refused id, a runner that is gone */
    const char
        *peer; /* enrolments: where it came from; conflicts: the other host's ip; else "" */
    const char *token_id;  /* enrolments: `sub` of the roles token; else "" */
    const char *message;   /* refusals: why; else "" */
    enum liveness_end end; /* disconnected: why */
};

/** May read the registry, must not change it. */
typedef void registry_event_fn(const struct registry_event *event, void *userdata);

struct registry_options {
    struct store *store;       /* borrowed: it is closed before the registry is freed */
    const struct clock *clock; /* borrowed */
    const struct log *log;     /* borrowed */
    struct pace_base pace;
    struct endpoint_list coordinators; /* what hosts are told; may be empty */
    registry_event_fn *on_event;       /* may be NULL */
    void *userdata;
};

/**
 * Load all runners and watch for changes. Blocks; for start-up. A record that cannot be read is
 * logged and skipped, and its id refused at enrolment, so that nothing overwrites it silently.
 */
int registry_open(struct registry **ret, const struct registry_options *options,
                  struct err *err) MUST_CHECK;

/** After the store was closed: no callback of it may come any more. NULL is fine. */
void registry_free(struct registry *registry);

/* Enrolment. */

enum enroll_outcome {
    ENROLL_OK,
    ENROLL_ROLES,           /* 403 agent.roles_not_permitted [EN-3] */
    ENROLL_TAKEN_CONNECTED, /* 409 agent.runner_id_taken [EN-6] */
    ENROLL_TAKEN_ROLES,     /* 409, likewise */
    ENROLL_TAKEN_KEY,       /* 409, likewise [EN-7] */
    ENROLL_UNREADABLE, /* 409, likewise: the id's record in the store is damaged or newer than
                          we are */
    ENROLL_FAILED,     /* 503: it could not be stored */
};

struct registry_enroll {
    const struct wire_enroll_request *request; /* verified: its assertion, its public key */
    roles_t permitted;                         /* of the roles token */
    const char *token_id;                      /* `sub` of the roles token */
    const char *public_key_pem;                /* canonical */
    const char *key_thumbprint;
    const char *peer;
    const struct store_operation *extra; /* optional: written in the same transaction (audit) */
};

struct registry_enrolled {
    enum enroll_outcome outcome;
    roles_t missing;     /* ENROLL_ROLES, ENROLL_TAKEN_ROLES: which the token does not permit */
    const char *message; /* refusals: what is wrong and the ways out; "" when it is well */
    const struct runner
        *runner; /* ENROLL_OK; else NULL. Borrowed for the time of the callback */
};

typedef void registry_enrolled_fn(const struct registry_enrolled *result, void *userdata);

/**
 * Decide and, if it is allowed, store. @done is called exactly once: with ENROLL_OK when the
 * runner is durable [EN-4], inside this call when the answer needs no write. All of @enroll is
 * borrowed until this call returns.
 */
void registry_enroll(struct registry *registry, const struct registry_enroll *enroll,
                     registry_enrolled_fn *done, void *userdata);

/** What enrolling as @runner_id with a new key and a token that permits @permitted would meet
 * [EN-8]. Changes nothing.
 * @ret_message gets the reason; "" when it is available. */
enum enroll_outcome registry_would_enroll(const struct registry *registry,
                                          const char *runner_id, roles_t permitted,
                                          char ret_message[static REGISTRY_MESSAGE_BYTES]);

/* Heartbeats. */

enum beat_outcome {
    BEAT_OK,
    BEAT_CONFLICT, /* 409 agent.identity_conflict with Retry-After [CL-1], [CL-2] */
    BEAT_UNKNOWN,  /* 401: no such runner, or it belongs to another key [AC-4] */
};

struct registry_beat {
    const char *runner_id;      /* of the access token */
    const char *key_thumbprint; /* likewise */
    const struct wire_beat *beat;
    uint64_t connection; /* exchange_connection() */
    const char *peer;
};

/** One beat, arriving now. @ret_reply is filled for BEAT_OK, @ret_retry_after_s for
 * BEAT_CONFLICT. */
enum beat_outcome registry_beat(struct registry *registry, const struct registry_beat *beat,
                                struct wire_beat_reply *ret_reply, uint32_t *ret_retry_after_s);

/**
 * A runner buys at most REGISTRY_GRANTS_MAX access tokens a minute: one host must not crowd the
 * others' assertions out of the window that guards against replays. 0 = it may; else the
 * seconds to wait. Counted by registry_count_grant, for assertions that were good: a forger
 * counts for nobody.
 */
uint32_t registry_grant_wait(const struct registry *registry, const struct runner *runner);
void registry_count_grant(struct registry *registry, const char *runner_id);

/** The runner's session ends [LV-5]. A goodbye of another session is ignored. False:
 * BEAT_UNKNOWN. */
bool registry_goodbye(struct registry *registry, const char *runner_id,
                      const char *key_thumbprint, const char *session);

/** The listener saw @connection closing. Not to be called for connections that the coordinator
 * itself closes when it stops. */
void registry_connection_closed(struct registry *registry, uint64_t connection);

/* Removal. */

/** @error is NULL when the runner's removal is durable. */
typedef void registry_removed_fn(const struct err *error, void *userdata);

/**
 * Remove a runner durably [LE-1]: REGISTRY_LEFT. @extra as in enrolment, may be NULL. -1 (no
 * callback): ERR_ABSENT, ERR_BUSY when its removal is under way already, or it could not be
 * queued.
 */
int registry_leave(struct registry *registry, const char *runner_id,
                   const struct store_operation *extra, registry_removed_fn *done,
                   void *userdata, struct err *err) MUST_CHECK;

/** The same on an operator's word: REGISTRY_DELETED. Also the way out for a record that cannot
 * be read. */
int registry_delete(struct registry *registry, const char *runner_id,
                    const struct store_operation *extra, registry_removed_fn *done,
                    void *userdata, struct err *err) MUST_CHECK;

/* Reading. Pointers are good until the loop turns. */

/** NULL when there is none. */
const struct runner *registry_find(const struct registry *registry, const char *runner_id);
const struct runner *registry_find_key(const struct registry *registry,
                                       const char *key_thumbprint);
/** In the order of ids (bytewise), 0..count-1. */
size_t registry_count(const struct registry *registry);
const struct runner *registry_at(const struct registry *registry, size_t index);
/** How many are in @state. Suspect ones are shown as connected. */
size_t registry_count_in(const struct registry *registry, enum liveness_state state);
/** Another host uses the runner's identity, or did within the last lease: it is not healthy
 * [CL-3]. */
bool registry_has_conflict(const struct registry *registry, const struct runner *runner);
/** The pace for the fleet as it is now [HB-3]. */
struct wire_pace registry_pace(const struct registry *registry);
const struct endpoint_list *registry_coordinators(const struct registry *registry);

/* Time. */

/** When registry_tick() is due (monotonic); LIVENESS_NEVER when nothing is waited for. */
uint64_t registry_next_deadline(const struct registry *registry);
/** Do what is due: end leases and graces, write again what the store refused. */
void registry_tick(struct registry *registry);

#endif
