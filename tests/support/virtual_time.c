/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Each timer is armed so far in the real future that it never fires by itself; its moment by
 * the fake clock stands in that future's offset. To serve one, it is armed again with no wait
 * and the loop is turned once.
 */
#include "tests/support/virtual_time.h"

#include "common/base/compiler.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

int __real_uv_timer_start(uv_timer_t *timer, uv_timer_cb callback, uint64_t timeout,
                          uint64_t repeat);
int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb callback, uint64_t timeout,
                          uint64_t repeat);

enum {
    ROUNDS_MAX = 2000, /* turns without time passing: more is a loop without end */
    WALK_MS = 24 * 3600 * 1000,
};

static const uint64_t far_ms = UINT64_C(1) << 45;

int __wrap_uv_timer_start(uv_timer_t *timer, uv_timer_cb callback, uint64_t timeout,
                          uint64_t repeat)
{
    const struct virtual_time *time = CONTAINER_OF(timer->loop, struct virtual_time, loop);
    if (repeat != 0) {
        fail_msg("virtual time knows no repeating timers");
    }
    uint64_t due_ms = time->clock.monotonic_ms + timeout;
    return __real_uv_timer_start(timer, callback, far_ms + due_ms - uv_now(timer->loop), 0);
}

/* One walk over the timers: when the first one is due, or (fire) serve those that are. */
struct walk {
    const struct virtual_time *time;
    bool fire;
    unsigned n_due;
    uint64_t earliest_ms; /* UINT64_MAX = there is none */
};

static void visit(uv_handle_t *handle, void *userdata)
{
    struct walk *walk = userdata;
    walk->n_due += uv_is_closing(handle) != 0; /* its callback is */
    if (uv_handle_get_type(handle) != UV_TIMER || !uv_is_active(handle)) {
        return;
    }
    uv_timer_t *timer = (uv_timer_t *)handle;
    uint64_t at_ms = uv_now(&walk->time->loop) + uv_timer_get_due_in(timer);
    if (at_ms < far_ms) {
        return; /* about to be served */
    }
    uint64_t due_ms = at_ms - far_ms;
    walk->earliest_ms = due_ms < walk->earliest_ms ? due_ms : walk->earliest_ms;
    if (due_ms <= walk->time->clock.monotonic_ms) {
        walk->n_due++;
        if (walk->fire) {
            (void)__real_uv_timer_start(timer, timer->timer_cb, 0, 0);
        }
    }
}

static struct walk walk_timers(struct virtual_time *time, bool fire)
{
    struct walk walk = {.time = time, .fire = fire, .earliest_ms = UINT64_MAX};
    uv_walk(&time->loop, visit, &walk);
    return walk;
}

void virtual_time_init(struct virtual_time *time)
{
    assert_int_equal(uv_loop_init(&time->loop), 0);
    fake_clock_init(&time->clock);
}

/* Returns when the next timer is due. */
static uint64_t settle(struct virtual_time *time)
{
    for (unsigned round = 0; round < ROUNDS_MAX; round++) {
        (void)walk_timers(time, true);
        (void)uv_run(&time->loop, UV_RUN_NOWAIT);
        struct walk after = walk_timers(time, false);
        if (after.n_due == 0) {
            return after.earliest_ms;
        }
    }
    fail_msg("the loop does not come to rest: something is done again and again at once");
    return UINT64_MAX;
}

void virtual_time_settle(struct virtual_time *time)
{
    (void)settle(time);
}

bool virtual_time_wait(struct virtual_time *time, virtual_time_met_fn *is_met,
                       const void *userdata, uint64_t ms)
{
    uint64_t end_ms = time->clock.monotonic_ms + ms;
    assert_in_range(ms, 0, WALK_MS);
    for (;;) {
        uint64_t next_ms = settle(time);
        if (is_met != NULL && is_met(userdata)) {
            return true;
        }
        uint64_t now_ms = next_ms < end_ms ? next_ms : end_ms;
        fake_clock_advance(&time->clock, now_ms - time->clock.monotonic_ms);
        if (next_ms > end_ms) {
            return false;
        }
    }
}

void virtual_time_pass(struct virtual_time *time, uint64_t ms)
{
    (void)virtual_time_wait(time, NULL, NULL, ms);
}

void virtual_time_fini(struct virtual_time *time)
{
    virtual_time_settle(time);
    if (uv_loop_close(&time->loop) != 0) {
        uv_print_all_handles(&time->loop, stderr);
        fail_msg("handles are left open");
    }
}
