/* SPDX-License-Identifier: Apache-2.0 */
/* How often an address may fail before it has to wait: a bounded table that forgets by
 * itself. Times are monotonic. */
#ifndef COORDINATOR_ATTEMPT_LIMIT_H
#define COORDINATOR_ATTEMPT_LIMIT_H

#include <stddef.h>
#include <stdint.h>

enum {
    ATTEMPT_FAILURES_MAX = 10, /* within one window */
    ATTEMPT_WINDOW_MS = 60 * 1000,
    ATTEMPT_ADDRESSES =
        256, /* when more fail at once, the one whose window ends first is forgotten */
    ATTEMPT_ADDRESS_BYTES = 64,
};

struct attempt_limit {
    struct attempt_address {
        char address[ATTEMPT_ADDRESS_BYTES]; /* "" = free */
        uint64_t until_ms;                   /* the end of its window */
        unsigned failures;
    } addresses[ATTEMPT_ADDRESSES];
};

/** 0 when @address may try; else the seconds that it has to wait. */
uint32_t attempt_limit_wait(const struct attempt_limit *limit, const char *address,
                            uint64_t now_ms);

/** It failed. Returns its failures in this window. */
unsigned attempt_limit_fail(struct attempt_limit *limit, const char *address, uint64_t now_ms);

#endif
