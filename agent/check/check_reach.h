/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `ece-agent check`: does a name have addresses, and do they accept TCP? Knows nothing of TLS.
 */
#ifndef AGENT_CHECK_REACH_H
#define AGENT_CHECK_REACH_H

#include "agent/check/check_report.h"
#include "common/base/endpoint.h"

#include <uv.h>

struct check_reach_spec {
    uv_loop_t *loop;
    struct endpoint endpoint;
    const char *resolve_code;    /* static */
    const char *tcp_code;        /* static */
    struct check_report *report; /* borrowed until @done: gets the findings of both codes */
};

/* @is_reached: at least one address accepted. */
typedef void check_reach_done_fn(bool is_reached, void *userdata);

/**
 * At most 5 s for the name and 5 s for its addresses, which are tried at once. @done comes from
 * the loop, once. A lookup that hangs longer cannot be stopped: it stays on the loop after
 * @done (uv_loop_close says UV_EBUSY), and threads of libuv wait for it at exit().
 */
int check_reach_start(const struct check_reach_spec *spec, check_reach_done_fn *done,
                      void *userdata, struct err *err) MUST_CHECK;

#endif
