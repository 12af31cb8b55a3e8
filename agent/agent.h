/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host: owns everything that a running agent is made of, moves it through its states and
 * connects the modules that do not know each other. Any number of them can live in one process
 * on one loop.
 */
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include "agent/agent_state.h"
#include "agent/options.h"
#include "agent/status_record.h"
#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/rng.h"
#include "common/loop/notify.h"

#include <uv.h>

struct agent;

struct agent_environment {
    uv_loop_t *loop;
    const struct clock *clock;
    const struct rng *rng;
    struct log *log;         /* its fields are set as they become known */
    struct notify *notify;   /* NULL = no service manager to tell */
    const char *system_root; /* "/" or a captured tree: where proc and sys are read */
};

typedef void agent_closed_fn(void *userdata);

/**
 * Take the state directory's lock, read the identity and begin. @options is borrowed until
 * agent_stop's callback or until agent_reload replaces it; its inline token is wiped once it
 * was used. ERR_BUSY when another agent has the state directory.
 */
int agent_start(struct agent **ret, const struct agent_environment *environment,
                struct agent_options *options, struct err *err) MUST_CHECK;

/** Use other options (NULL: the same), look at the identity file and the token's sources anew,
 * and try now. */
void agent_reload(struct agent *agent, struct agent_options *options);

/** Say goodbye (at most a second), close everything, call @closed once from the loop, free. */
void agent_stop(struct agent *agent, agent_closed_fn *closed, void *userdata);

#endif
