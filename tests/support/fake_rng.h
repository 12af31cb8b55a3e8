/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Randomness that repeats: splitmix64 (S. Vigna) from a seed. Pass `&fake.rng` on; the struct
 * must not move after fake_rng_init().
 */
#ifndef TESTS_SUPPORT_FAKE_RNG_H
#define TESTS_SUPPORT_FAKE_RNG_H

#include "common/base/rng.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct fake_rng {
    struct rng rng;
    uint64_t state;
};

static inline uint64_t fake_rng_next(struct fake_rng *fake)
{
    fake->state += UINT64_C(0x9E3779B97F4A7C15);
    uint64_t mixed = fake->state;
    mixed = (mixed ^ (mixed >> 30)) * UINT64_C(0xBF58476D1CE4E5B9);
    mixed = (mixed ^ (mixed >> 27)) * UINT64_C(0x94D049BB133111EB);
    return mixed ^ (mixed >> 31);
}

static inline void fake_rng_fill_(void *ret_bytes, size_t len, void *userdata)
{
    unsigned char *at = ret_bytes;
    while (len > 0) {
        uint64_t word = fake_rng_next(userdata);
        size_t part = len < sizeof(word) ? len : sizeof(word);
        memcpy(at, &word, part);
        at += part;
        len -= part;
    }
}

static inline void fake_rng_init(struct fake_rng *fake, uint64_t seed)
{
    *fake = (struct fake_rng){.rng = {fake_rng_fill_, fake}, .state = seed};
}

#endif
