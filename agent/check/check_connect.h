/* SPDX-License-Identifier: Apache-2.0 */
/* `ece-agent check`: which of these addresses accept TCP? */
#ifndef AGENT_CHECK_CONNECT_H
#define AGENT_CHECK_CONNECT_H

#include "agent/check/check_report.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <uv.h>

enum { CHECK_CONNECT_MAX = 8 };

struct check_connect_spec {
    uv_loop_t *loop;
    const char *name;            /* whose addresses they are; borrowed until @done */
    const char *code;            /* static */
    struct check_report *report; /* borrowed until @done: gets one finding for each address */
    size_t count;                /* 1..CHECK_CONNECT_MAX */
    struct sockaddr_storage addresses[CHECK_CONNECT_MAX]; /* with ports */
};

/* @is_reached: at least one accepted. */
typedef void check_connect_done_fn(bool is_reached, void *userdata);

/** All at once, for at most 5 s. @done comes from the loop, once, when all handles are closed.
 */
int check_connect_start(const struct check_connect_spec *spec, check_connect_done_fn *done,
                        void *userdata, struct err *err) MUST_CHECK;

#endif
