/* SPDX-License-Identifier: Apache-2.0 */
/* Decorrelated jitter: how long to wait. Does not wait, and does not know what Retry-After
 * said. */
#include "common/base/backoff.h"

void backoff_init(struct backoff *backoff, uint32_t base_ms, uint32_t cap_ms)
{
    backoff->base_ms = base_ms;
    backoff->cap_ms = cap_ms > base_ms ? cap_ms : base_ms;
    backoff_reset(backoff);
}

uint32_t backoff_next(struct backoff *backoff, const struct rng *rng)
{
    /* previous_ms is never below base_ms, so the span holds at least one value. */
    uint64_t span = 3 * (uint64_t)backoff->previous_ms - backoff->base_ms + 1;
    uint64_t wait_ms = backoff->base_ms + rng_below(rng, span);
    if (wait_ms > backoff->cap_ms) {
        wait_ms = backoff->cap_ms;
    }
    backoff->previous_ms = (uint32_t)wait_ms;
    return backoff->previous_ms;
}

void backoff_reset(struct backoff *backoff)
{
    backoff->previous_ms = backoff->base_ms;
}
