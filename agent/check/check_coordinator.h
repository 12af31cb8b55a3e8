/* SPDX-License-Identifier: Apache-2.0 */
/* `ece-agent check`: all checks of one coordinator's address: name, TCP, TLS, trust, clock. */
#ifndef AGENT_CHECK_COORDINATOR_H
#define AGENT_CHECK_COORDINATOR_H

#include "agent/check/check_report.h"
#include "agent/join/identity.h"
#include "agent/join/trust.h"
#include "agent/link/uplink.h"

#include <stdbool.h>
#include <uv.h>

/* What is the same for all coordinators; borrowed for as long as they are checked. */
struct check_coordinator_spec {
    uv_loop_t *loop;
    struct http_client *http;
    const struct clock *clock;
    const char *proxy;               /* one that accepts connections; NULL = none */
    const struct identity *identity; /* complete; NULL = this host has not joined */
    const char *pin;                 /* ca_sha256 of the roles token; "" = none */
    const char *ca_file_pem;         /* content of --coordinator-ca; NULL = none */
    const char *no_anchor; /* why nothing was given that could vouch; NULL = something was */
};

struct check_coordinator;
typedef void check_coordinator_done_fn(void *userdata);

/* Caller's storage, zeroed; stays where it is from start to fini. */
struct check_coordinator {
    const struct check_coordinator_spec *spec;
    struct endpoint endpoint;
    char where[ENDPOINT_TEXT_BYTES];
    struct check_report report; /* what was found so far */
    struct uplink *uplink;      /* owned; usable when is_verified */
    struct trust *trust;        /* weak; under way */
    char trusted[512];          /* what coordinator.trust will say; "" = not decided yet */
    bool is_verified;           /* it has proved itself over a verified connection */
    bool is_done;
    check_coordinator_done_fn *done;
    void *userdata;
};

/**
 * @done comes once, when all five codes are in the report: from the loop, or at once where
 * nothing could be sent.
 */
int check_coordinator_start(struct check_coordinator *coordinator,
                            const struct check_coordinator_spec *spec,
                            const struct endpoint *endpoint, check_coordinator_done_fn *done,
                            void *userdata, struct err *err) MUST_CHECK;

/** Its time is over: say so and call @done, now. Nothing happens if it is done. */
void check_coordinator_give_up(struct check_coordinator *coordinator, unsigned seconds);

/** The http client is stopped first. */
void check_coordinator_fini(struct check_coordinator *coordinator);

#endif
