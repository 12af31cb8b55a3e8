/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator: owns store, installation, registry, users, tokens and the HTTPS server,
 * connects the modules that do not know each other, and takes them down in reverse.
 */
#ifndef COORDINATOR_COORDINATOR_H
#define COORDINATOR_COORDINATOR_H

#include "common/base/clock.h"
#include "common/base/err.h"
#include "common/base/log.h"
#include "common/base/rng.h"
#include "coordinator/coordinator_options.h"

#include <uv.h>

struct coordinator;

struct coordinator_environment {
    uv_loop_t *loop;
    const struct clock *clock;
    const struct rng *rng;
    const struct log *log;
};

/* @error is NULL when it serves; otherwise it does not, and coordinator_stop is the next step.
 * From the loop, once. */
typedef void coordinator_ready_fn(const struct err *error, void *userdata);
typedef void coordinator_closed_fn(void *userdata);

/** Open the state directory and begin; @options is borrowed until the stop's callback. ERR_BUSY
 * when another one has the directory or the port. Blocks while it reads the store. */
int coordinator_start(struct coordinator **ret,
                      const struct coordinator_environment *environment,
                      const struct coordinator_options *options, coordinator_ready_fn *ready,
                      void *userdata, struct err *err) MUST_CHECK;

/** Read the operator's certificate again. */
int coordinator_reload(struct coordinator *coordinator, struct err *err) MUST_CHECK;

/** Answer what is under way, write what is queued, close all, call @closed once from the loop,
 * free. */
void coordinator_stop(struct coordinator *coordinator, coordinator_closed_fn *closed,
                      void *userdata);

#endif
