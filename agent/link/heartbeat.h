/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The beats of one process: session, sequence, when a full report goes along (docs/protocol.md,
 * HB), and what an answer means. When the next one is sent is decided in agent_beat.c.
 */
#ifndef AGENT_HEARTBEAT_H
#define AGENT_HEARTBEAT_H

#include "agent/link/uplink.h"
#include "common/base/clock.h"
#include "common/base/rng.h"

#include <stdbool.h>

enum heartbeat_outcome {
    HEARTBEAT_ACCEPTED,
    HEARTBEAT_UNAUTHORIZED, /* the access token is no longer good */
    HEARTBEAT_CONFLICT,     /* another live session under this identity [CL] */
    HEARTBEAT_FAILED,
};

struct heartbeat_result {
    enum heartbeat_outcome outcome;
    const struct wire_beat_reply *reply; /* borrowed; set when accepted */
    uint64_t sent_ms; /* monotonic: the lease counts from here at the earliest */
    bool was_full;    /* it carried a report */
    uint32_t retry_after_s;
    struct err error;
};

typedef void heartbeat_done_fn(const struct heartbeat_result *result, void *userdata);

struct heartbeat {
    const struct clock *clock; /* borrowed */
    char session[WIRE_SESSION_BYTES];
    uint64_t seq; /* of the next beat; a beat without an answer is sent again with the same */
    uint64_t steering;       /* revision that we follow */
    bool need_report;        /* the next beat is full */
    uint64_t reported_ms;    /* when the last full beat was accepted */
    struct report reported;  /* what it said */
    struct report in_flight; /* what the beat under way says */
    bool in_flight_is_full;
    uint64_t sent_ms;
    struct uplink *uplink; /* borrowed, while a beat is under way */
    heartbeat_done_fn *done;
    void *userdata;
};

/** A new session, whose beats end in @done. */
void heartbeat_init(struct heartbeat *heartbeat, const struct clock *clock,
                    const struct rng *rng, heartbeat_done_fn *done, void *userdata);
void heartbeat_fini(struct heartbeat *heartbeat);

/** The line was lost, or the host's report must be seen: the next beat is full. */
void heartbeat_need_report(struct heartbeat *heartbeat);

/** Send one with @report (copied). */
int heartbeat_send(struct heartbeat *heartbeat, struct uplink *uplink, const char *access_token,
                   const struct report *report, struct err *err) MUST_CHECK;

#endif
