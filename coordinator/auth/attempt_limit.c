/* SPDX-License-Identifier: Apache-2.0 */
/* Failures by address. The table is small enough to be searched from end to end, next to
 * what a password check costs. */
#include "coordinator/auth/attempt_limit.h"

#include <stdio.h>
#include <string.h>

static const struct attempt_address *find(const struct attempt_limit *limit,
                                          const char *address, uint64_t now_ms)
{
    for (size_t i = 0; i < ATTEMPT_ADDRESSES; i++) {
        const struct attempt_address *at = &limit->addresses[i];
        if (at->until_ms > now_ms &&
            strncmp(at->address, address, ATTEMPT_ADDRESS_BYTES - 1) == 0) {
            return at;
        }
    }
    return NULL;
}

uint32_t attempt_limit_wait(const struct attempt_limit *limit, const char *address,
                            uint64_t now_ms)
{
    const struct attempt_address *at = find(limit, address, now_ms);
    if (at == NULL || at->failures < ATTEMPT_FAILURES_MAX) {
        return 0;
    }
    return (uint32_t)((at->until_ms - now_ms + 999) / 1000);
}

unsigned attempt_limit_fail(struct attempt_limit *limit, const char *address, uint64_t now_ms)
{
    const struct attempt_address *known = find(limit, address, now_ms);
    if (known != NULL) {
        return ++limit->addresses[known - limit->addresses].failures;
    }
    struct attempt_address *oldest = &limit->addresses[0];
    for (size_t i = 1; i < ATTEMPT_ADDRESSES; i++) {
        if (limit->addresses[i].until_ms < oldest->until_ms) {
            oldest = &limit->addresses[i];
        }
    }
    (void)snprintf(oldest->address, sizeof(oldest->address), "%s", address);
    oldest->until_ms = now_ms + ATTEMPT_WINDOW_MS;
    oldest->failures = 1;
    return 1;
}
