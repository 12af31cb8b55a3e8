/* SPDX-License-Identifier: Apache-2.0 */
/* Randomness, passed in so that tests can repeat it. */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

struct rng {
    void (*fill)(void *ret_bytes, size_t len, void *userdata); /* cannot fail */
    void *userdata;
};

/** getrandom(2). Static, immutable. */
const struct rng *rng_system(void);

static inline void rng_fill(const struct rng *rng, void *ret_bytes, size_t len)
{
    rng->fill(ret_bytes, len, rng->userdata);
}

/** Uniform in [0, bound); 0 for bound 0. */
uint64_t rng_below(const struct rng *rng, uint64_t bound);

/** 2 * @bytes lower-case hexadecimal digits and a NUL; @bytes at most 64. */
void rng_hex(const struct rng *rng, size_t bytes, char *ret_text);

/** A version 4 UUID (RFC 9562), lower case, into 37 bytes. */
void rng_uuid(const struct rng *rng, char ret_text[static 37]);

#endif
