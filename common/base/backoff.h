/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The wait before the next try: decorrelated jitter, next = min(cap, random between base and 3
 * x previous). Source: M. Brooker, "Exponential Backoff And Jitter" (AWS Architecture Blog,
 * 2015).
 */
#ifndef BASE_BACKOFF_H
#define BASE_BACKOFF_H

#include "common/base/rng.h"

#include <stdint.h>

struct backoff {
    uint32_t base_ms;
    uint32_t cap_ms;
    uint32_t previous_ms;
};

void backoff_init(struct backoff *backoff, uint32_t base_ms, uint32_t cap_ms);
/** The next wait, in [base_ms, cap_ms]. */
uint32_t backoff_next(struct backoff *backoff, const struct rng *rng);
/** After success: the next wait starts from base_ms again. */
void backoff_reset(struct backoff *backoff);

#endif
