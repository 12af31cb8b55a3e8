/* SPDX-License-Identifier: Apache-2.0 */
/* How often a host beats: set by the coordinator in its replies to enrolment and heartbeats. */
#ifndef WIRE_PACE_H
#define WIRE_PACE_H

#include "common/base/err.h"

#include <jansson.h>
#include <stdint.h>

/* The pace that the coordinator sets. */
struct wire_pace {
    uint32_t interval_ms; /* between heartbeats */
    uint32_t lease_ms;    /* how long one keeps the runner connected */
    uint32_t spread_ms;   /* a lost connection is replaced at a random moment within it */
};

/** Add the three fields to @object. 0, or -1 without memory. */
int wire_pace_to_json(const struct wire_pace *pace, json_t *object) MUST_CHECK;
/** interval_ms within its bounds, lease_ms not shorter than it. */
int wire_pace_from_json(const json_t *object, struct wire_pace *ret,
                        struct err *err) MUST_CHECK;

#endif
