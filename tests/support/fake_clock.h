/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A clock that stands still until the test moves it. Pass `&fake.clock` on; the struct must not
 * move after fake_clock_init().
 */
#ifndef TESTS_SUPPORT_FAKE_CLOCK_H
#define TESTS_SUPPORT_FAKE_CLOCK_H

#include "common/base/clock.h"

#include <stdint.h>

struct fake_clock {
    struct clock clock;
    uint64_t monotonic_ms; /* the test may write both at any time */
    int64_t wall_ms;
};

static inline uint64_t fake_clock_monotonic_(void *userdata)
{
    return ((struct fake_clock *)userdata)->monotonic_ms;
}

static inline int64_t fake_clock_wall_(void *userdata)
{
    return ((struct fake_clock *)userdata)->wall_ms;
}

/* Starts at 1,000,000 ms of monotonic time and 2026-11-23T21:11:05.123Z: different, so that
 * mixing them shows. */
static inline void fake_clock_init(struct fake_clock *fake)
{
    *fake = (struct fake_clock){
        .clock = {fake_clock_monotonic_, fake_clock_wall_, fake},
        .monotonic_ms = 1000000,
        .wall_ms = INT64_C(1795468265123),
    };
}

/* Time passes: both clocks go on. */
static inline void fake_clock_advance(struct fake_clock *fake, uint64_t ms)
{
    fake->monotonic_ms += ms;
    fake->wall_ms += (int64_t)ms;
}

/* Somebody sets the wall clock; monotonic time does not notice. */
static inline void fake_clock_set_wall(struct fake_clock *fake, int64_t wall_ms)
{
    fake->wall_ms = wall_ms;
}

#endif
