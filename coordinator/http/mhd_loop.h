/* SPDX-License-Identifier: Apache-2.0 */
/*
 * libmicrohttpd on a libuv loop: one uv_poll on its epoll descriptor, one uv_idle for "run
 * again at once", one tick. Owns these handles and the rule that MHD_run is never entered from
 * inside itself; borrows the daemon.
 */
#ifndef COORDINATOR_MHD_LOOP_H
#define COORDINATOR_MHD_LOOP_H

#include "common/base/compiler.h"
#include "common/base/err.h"

#include <microhttpd.h>
#include <stdbool.h>
#include <uv.h>

enum { MHD_LOOP_TICK_MS = 500 };

/** For all three callbacks: never called from inside MHD_run. */
typedef void mhd_loop_fn(void *userdata);

struct mhd_loop {
    struct MHD_Daemon *daemon; /* borrowed */
    uv_poll_t poll;
    uv_idle_t idle;
    uv_timer_t tick;
    unsigned open_handles;
    bool is_stopping;
    mhd_loop_fn *on_turn; /* after each MHD_run, in the same turn of the loop */
    mhd_loop_fn *on_tick;
    mhd_loop_fn *on_closed;
    void *userdata;
};

/** Start driving @daemon; @mhd has the callbacks and the userdata filled in. On failure
 * @on_closed is still called once the handles are closed, if any was open (open_handles > 0).
 */
int mhd_loop_start(struct mhd_loop *mhd, uv_loop_t *loop, struct MHD_Daemon *daemon,
                   struct err *err) MUST_CHECK;

/** Run MHD in the next turn of the loop: after MHD_resume_connection. From anywhere on the
 * loop's thread. */
void mhd_loop_wake(struct mhd_loop *mhd);

/** Stop driving; the daemon may be stopped as soon as this returns. @on_closed follows from the
 * loop. */
void mhd_loop_stop(struct mhd_loop *mhd);

#endif
