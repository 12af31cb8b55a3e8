/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One runner: a host that has joined. Its durable record, its last known report and its live
 * state, and the JSON of what the store keeps of it. Views read it; only the registry writes.
 */
#ifndef COORDINATOR_RUNNER_H
#define COORDINATOR_RUNNER_H

#include "common/base/err.h"
#include "common/codec/keys.h"
#include "common/wire/messages.h"
#include "common/wire/report.h"
#include "common/wire/roles.h"
#include "coordinator/registry/deadline_heap.h"
#include "coordinator/registry/liveness.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Keys in the store; the runner id follows. */
#define RUNNER_KEY_PREFIX "runners/"            /* the durable record */
#define RUNNER_CONNECTION_PREFIX "connections/" /* state and report, as of the last change */

enum {
    RUNNER_TOKEN_ID_BYTES = 129,
    RUNNER_REASON_BYTES = 257,
    RUNNER_KEY_BYTES = 160, /* of a key in the store, with the prefix */
    RUNNER_RECORD_VERSION = 1,
};

struct runner_maintenance {
    bool is_on;
    int64_t since_ms; /* wall; when it was set or cleared last, 0 = never */
    char reason[RUNNER_REASON_BYTES];
};

/* runners/<id>: what the operator and the enrolment decided. */
struct runner_record {
    char id[WIRE_RUNNER_ID_BYTES];
    char key_thumbprint[KEYS_SHA256_HEX_BYTES];
    char *public_key_pem; /* owned; canonical */
    char zone[WIRE_ZONE_BYTES];
    roles_t roles;
    struct wire_tags tags; /* the allocator's metadata */
    uint32_t capacity_mb;  /* settings.capacity; 0 = not set */
    struct runner_maintenance maintenance;
    char token_id[RUNNER_TOKEN_ID_BYTES]; /* `sub` of the roles token of the last enrolment */
    int64_t enrolled_at_ms;               /* wall; the first enrolment of this key */
};

struct runner_conflict {
    char host_ip[REPORT_HOST_IP_BYTES]; /* where the refused host is */
    uint64_t until_ms; /* monotonic; 0 = there is none. registry_has_conflict() asks */
};

struct runner {
    struct runner_record record;
    uint64_t version; /* mod_revision of the record; the revision of the steering, too */

    /* The last known report; kept while disconnected and over restarts. All zero until there is
     * one. */
    struct report report;
    bool has_report;

    /* Live. */
    enum liveness_state
        state; /* CONNECTED and SUSPECT are shown as connected: runner_is_connected() */
    int64_t
        state_since_ms; /* wall; when it became connected or disconnected; enrolment at first */
    int64_t last_beat_wall_ms; /* 0 = none since the coordinator started */
    enum liveness_end end;     /* why it is disconnected, as far as it is known */
    struct liveness_facts facts;
    char session[WIRE_SESSION_BYTES]; /* "" = none known */
    uint64_t seq;
    uint64_t connection; /* that carried the last beat; 0 = none, or it closed */
    uint64_t
        session_connection; /* the newest that carried this session; outlives its closing */
    bool needs_report;      /* this session sent none yet */
    struct runner_conflict conflict;

    uint32_t grants;          /* access tokens bought since grants_since_ms */
    uint64_t grants_since_ms; /* monotonic */

    /* The registry's own. */
    bool is_leaving;                /* its removal is being written */
    bool is_unsaved;                /* its connections/<id> is to be written */
    struct runner *unsaved_next;    /* borrowed */
    struct runner *unsaved_prev;    /* borrowed */
    struct deadline_entry deadline; /* when the verdict may change */
};

/** As the API and the UI show it: suspect counts as connected [LV-1]. */
static inline bool runner_is_connected(const struct runner *runner)
{
    return runner->state != LIVENESS_DISCONNECTED;
}

/** The store's value of runners/<id>: JSON text, malloc'd. */
int runner_record_encode(const struct runner_record *record, char **ret,
                         struct err *err) MUST_CHECK;

/** Read one. @id is what the key says; the record must agree. ERR_CORRUPT, or ERR_FUTURE for a
 * newer version. */
int runner_record_decode(const char *id, const void *bytes, size_t len,
                         struct runner_record *ret, struct err *err) MUST_CHECK;

int runner_record_copy(const struct runner_record *from, struct runner_record *ret,
                       struct err *err) MUST_CHECK;
void runner_record_fini(struct runner_record *record);

/* connections/<id>: what survives a restart of the live state [LV-3]. */
struct runner_connection {
    bool is_connected;
    int64_t since_ms; /* wall */
    uint32_t lease_ms;
    bool has_report;
    struct report report; /* owned */
};

/** JSON text, malloc'd. */
int runner_connection_encode(const struct runner *runner, char **ret,
                             struct err *err) MUST_CHECK;
int runner_connection_decode(const void *bytes, size_t len, struct runner_connection *ret,
                             struct err *err) MUST_CHECK;
void runner_connection_fini(struct runner_connection *connection);

/** "runners/<id>" or "connections/<id>". */
void runner_key(const char *prefix, const char *id, char ret_key[static RUNNER_KEY_BYTES]);

/** A runner that was never connected, around @record (taken; empty after). NULL without memory.
 */
struct runner *runner_new(struct runner_record *record);
void runner_free(struct runner *runner);

#endif
