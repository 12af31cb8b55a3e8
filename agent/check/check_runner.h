/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ece-agent check`: does the installation take this host? Before joining: whether it accepts
 * the roles token and the runner id is free [EN-8]; after: whether it still knows this runner.
 */
#ifndef AGENT_CHECK_RUNNER_H
#define AGENT_CHECK_RUNNER_H

#include "agent/check/check_report.h"
#include "agent/join/identity.h"
#include "agent/link/authenticate.h"

#include <stdbool.h>

struct check_runner_spec {
    struct uplink *uplink;           /* trusted; borrowed until @done */
    const struct identity *identity; /* complete; NULL = this host has not joined */
    const char *runner_id;           /* asked for; not NULL before joining */
    bool is_runner_id_given;         /* by the operator, not by the host ip */
    const struct secret *token;      /* of a host that has not joined; borrowed until @done */
    struct check_report *report;     /* borrowed until @done */
};

typedef void check_runner_done_fn(void *userdata);

/* Caller's storage, zeroed. */
struct check_runner {
    struct check_runner_spec spec;
    struct authenticate authenticate;
    bool has_retried;
    bool is_done;
    check_runner_done_fn *done;
    void *userdata;
};

/**
 * @done comes once, when both codes are in the report: from the loop, or at once where nothing
 * could be sent.
 */
void check_runner_start(struct check_runner *runner, const struct check_runner_spec *spec,
                        check_runner_done_fn *done, void *userdata);

/** Its time is over: say so and call @done, now. Nothing happens if it is done. */
void check_runner_give_up(struct check_runner *runner, unsigned seconds);

#endif
