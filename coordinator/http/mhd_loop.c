/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MHD's epoll set is edge-triggered: a connection that MHD left unfinished gives no second
 * event, so as long as MHD_get_timeout says 0 it is run again in the next turn. No other
 * time-out of MHD's is in use (the reaper has its own).
 */
#include "coordinator/http/mhd_loop.h"

static void run(struct mhd_loop *mhd)
{
    (void)uv_idle_stop(&mhd->idle);
    (void)MHD_run(mhd->daemon);
    unsigned long long timeout_ms = 0;
    if (MHD_get_timeout(mhd->daemon, &timeout_ms) == MHD_YES && timeout_ms == 0) {
        mhd_loop_wake(mhd);
    }
    mhd->on_turn(mhd->userdata);
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
    (void)status; /* MHD sees for itself what is wrong with its descriptors */
    (void)events;
    run(poll->data);
}

static void on_idle(uv_idle_t *idle)
{
    run(idle->data);
}

static void on_tick(uv_timer_t *tick)
{
    struct mhd_loop *mhd = tick->data;
    mhd->on_tick(mhd->userdata);
}

static void on_close(uv_handle_t *handle)
{
    struct mhd_loop *mhd = handle->data;
    if (--mhd->open_handles == 0) {
        mhd->on_closed(mhd->userdata);
    }
}

static void close_handle(struct mhd_loop *mhd, uv_handle_t *handle)
{
    if (handle->data == mhd) {
        uv_close(handle, on_close);
    }
}

int mhd_loop_start(struct mhd_loop *mhd, uv_loop_t *loop, struct MHD_Daemon *daemon,
                   struct err *err)
{
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (info == NULL) {
        return err_set(err, ERR_INTERNAL, "start the HTTPS server: libmicrohttpd has no epoll");
    }
    mhd->daemon = daemon;
    int status = uv_poll_init(loop, &mhd->poll, info->epoll_fd);
    if (status == 0) {
        mhd->poll.data = mhd;
        mhd->open_handles++;
        /* These two cannot fail. */
        (void)uv_idle_init(loop, &mhd->idle);
        (void)uv_timer_init(loop, &mhd->tick);
        mhd->idle.data = mhd;
        mhd->tick.data = mhd;
        mhd->open_handles += 2;
        status = uv_poll_start(&mhd->poll, UV_READABLE, on_readable);
    }
    if (status == 0) {
        status = uv_timer_start(&mhd->tick, on_tick, MHD_LOOP_TICK_MS, MHD_LOOP_TICK_MS);
    }
    if (status != 0) {
        mhd_loop_stop(mhd);
        return err_set(err, ERR_INTERNAL, "start the HTTPS server: watch its sockets: %s",
                       uv_strerror(status));
    }
    mhd_loop_wake(mhd); /* the first run puts the listening socket into the epoll set */
    return 0;
}

void mhd_loop_wake(struct mhd_loop *mhd)
{
    if (!mhd->is_stopping) {
        (void)uv_idle_start(&mhd->idle, on_idle); /* no-op while it is active */
    }
}

void mhd_loop_stop(struct mhd_loop *mhd)
{
    if (mhd->is_stopping) {
        return;
    }
    mhd->is_stopping = true;
    close_handle(mhd, (uv_handle_t *)&mhd->poll);
    close_handle(mhd, (uv_handle_t *)&mhd->idle);
    close_handle(mhd, (uv_handle_t *)&mhd->tick);
}
