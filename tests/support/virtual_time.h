/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A libuv loop whose timers run on a clock that stands still until the test lets time pass:
 * minutes of an agent's life in milliseconds, and each timer at its very moment. Works by the
 * link option --wrap=uv_timer_start, which the test's CMake line gives (ece_on_fake_http).
 * Every loop of such a program is one of these.
 */
#ifndef TESTS_SUPPORT_VIRTUAL_TIME_H
#define TESTS_SUPPORT_VIRTUAL_TIME_H

#include "tests/support/fake_clock.h"

#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

/* Must not move after virtual_time_init(). loop.data is the test's. */
struct virtual_time {
    uv_loop_t loop;
    struct fake_clock clock;
};

void virtual_time_init(struct virtual_time *time);

/** Serve all that is due now. Fails the test when that has no end. */
void virtual_time_settle(struct virtual_time *time);

/** Let @ms pass, serving each timer at its moment. */
void virtual_time_pass(struct virtual_time *time, uint64_t ms);

typedef bool virtual_time_met_fn(const void *userdata);

/** Let time pass until @is_met, at most @ms. False when it was not met. */
bool virtual_time_wait(struct virtual_time *time, virtual_time_met_fn *is_met,
                       const void *userdata, uint64_t ms);

/** Close the loop. Fails the test when a handle is left open in it. */
void virtual_time_fini(struct virtual_time *time);

#endif
