/* SPDX-License-Identifier: Apache-2.0 */
/* The budget of a search, counted down while documents are looked at: at 0 everything stops. */
#ifndef QUERY_STEPS_H
#define QUERY_STEPS_H

#include <stdbool.h>
#include <stdint.h>

/** False when that was more than there was. */
static inline bool steps_spend(uint64_t *steps_left, uint64_t steps)
{
    *steps_left = *steps_left > steps ? *steps_left - steps : 0;
    return *steps_left > 0;
}

#endif
