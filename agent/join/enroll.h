/* SPDX-License-Identifier: Apache-2.0 */
/* One enrolment: the request of docs/protocol.md [EN] over a trusted line, and what its answer
 * means. */
#ifndef AGENT_ENROLL_H
#define AGENT_ENROLL_H

#include "agent/link/uplink.h"
#include "common/base/rng.h"
#include "common/base/secret.h"

enum enroll_outcome {
    ENROLL_ACCEPTED,
    ENROLL_REFUSED, /* the coordinator said no to this token, these roles or this runner id */
    ENROLL_FAILED,  /* no answer, or none that we understand: try again */
};

struct enroll_result {
    enum enroll_outcome outcome;
    const struct wire_enroll_reply *reply; /* borrowed; set when accepted */
    uint32_t retry_after_s;
    struct err error;
};

typedef void enroll_done_fn(const struct enroll_result *result, void *userdata);

/* Caller's storage for the time of the request. */
struct enroll {
    struct uplink *uplink; /* borrowed */
    enroll_done_fn *done;
    void *userdata;
};

struct enroll_spec {
    const char *runner_id;
    const char *installation_id;
    const char *zone;
    roles_t roles;
    const struct wire_tags *tags;
    const struct report *report;
    const struct secret *token;
    const struct secret *private_key_pem;
    const struct rng *rng;
};

/** Send it; everything in @spec is copied. */
int enroll_send(struct enroll *enroll, struct uplink *uplink, const struct enroll_spec *spec,
                enroll_done_fn *done, void *userdata, struct err *err) MUST_CHECK;

#endif
