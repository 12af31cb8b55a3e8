/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of staying connected: the beat, its reply with the steering, the goodbye.
 * docs/protocol.md, HB and LV. */
#ifndef WIRE_BEAT_H
#define WIRE_BEAT_H

#include "common/base/endpoint.h"
#include "common/base/err.h"
#include "common/wire/pace.h"
#include "common/wire/protocol.h"
#include "common/wire/report.h"
#include "common/wire/roles.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* POST /agent/v1/heartbeat: <- */
struct wire_beat {
    char session[WIRE_SESSION_BYTES];
    uint64_t seq; /* grows by one with each new beat; a repeated one is the same beat again */
    uint64_t steering; /* revision of the steering that the host has; 0 = none */
    bool has_report;   /* a full beat */
    struct report report;
};

json_t *wire_beat_to_json(const struct wire_beat *beat);
int wire_beat_from_json(const json_t *json, struct wire_beat *ret, struct err *err) MUST_CHECK;
void wire_beat_fini(struct wire_beat *beat);

/* What the coordinator wants of the host; sent when its revision differs from the host's. */
struct wire_steering {
    uint64_t revision;
    roles_t roles;
    uint32_t capacity_mb; /* settings.capacity; 0 = not set */
    bool maintenance_mode;
    struct endpoint_list coordinators;
};

/* -> */
struct wire_beat_reply {
    struct wire_pace pace;
    bool need_report; /* send a full beat now */
    bool has_steering;
    struct wire_steering steering;
    bool has_conflict; /* another host uses this identity; this one is the first and stays */
    char conflict_host_ip[REPORT_HOST_IP_BYTES];
};

json_t *wire_beat_reply_to_json(const struct wire_beat_reply *reply);
int wire_beat_reply_from_json(const json_t *json, struct wire_beat_reply *ret,
                              struct err *err) MUST_CHECK;

/* POST /agent/v1/goodbye {"session"} -> {} */
json_t *wire_goodbye_to_json(const char *session);
int wire_goodbye_from_json(const json_t *json, char ret_session[static WIRE_SESSION_BYTES],
                           struct err *err) MUST_CHECK;

#endif
