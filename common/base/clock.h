/* SPDX-License-Identifier: Apache-2.0 */
/* The two clocks, passed in so that tests own time. Never mix them: waits use monotonic,
 * documents use wall. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

struct clock {
    uint64_t (*monotonic_ms)(void *userdata); /* CLOCK_BOOTTIME: counts while suspended */
    int64_t (*wall_ms)(void *userdata);       /* since 1970 UTC; jumps when somebody sets it */
    void *userdata;
};

/** The real one. Static, immutable. */
const struct clock *clock_system(void);

static inline uint64_t clock_monotonic_ms(const struct clock *clock)
{
    return clock->monotonic_ms(clock->userdata);
}

static inline int64_t clock_wall_ms(const struct clock *clock)
{
    return clock->wall_ms(clock->userdata);
}

static inline int64_t clock_wall_s(const struct clock *clock)
{
    return clock->wall_ms(clock->userdata) / 1000;
}

/** "2026-11-23T21:11:05.123Z" (RFC 3339, UTC) into 25 bytes. */
void clock_format_utc(int64_t wall_ms, char ret_text[static 25]);

/** Seconds since 1970 of an HTTP date (RFC 9110, 5.6.7, IMF-fixdate only); -1 if it is none. */
int64_t clock_parse_http_date(const char *text);

#endif
