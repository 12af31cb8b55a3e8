/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords that were right a short while ago, so that clients which send one with every
 * request do not cost a hash each time. Holds HMAC-SHA256 digests under a key of this
 * process: worth nothing outside it.
 */
#ifndef COORDINATOR_PASSWORD_CACHE_H
#define COORDINATOR_PASSWORD_CACHE_H

#include "common/base/rng.h"
#include "coordinator/auth/user_record.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    PASSWORD_CACHE_ENTRIES = 64, /* when full, the one that ends first goes */
    PASSWORD_CACHE_HOLD_MS = 5 * 60 * 1000,
    PASSWORD_CACHE_DIGEST_BYTES = 32,
};

struct password_cache {
    unsigned char key[PASSWORD_CACHE_DIGEST_BYTES];

    struct password_cache_entry {
        char name[USER_NAME_BYTES];
        unsigned char digest[PASSWORD_CACHE_DIGEST_BYTES];
        uint64_t until_ms; /* monotonic; 0 = free */
    } entries[PASSWORD_CACHE_ENTRIES];
};

void password_cache_init(struct password_cache *cache, const struct rng *rng);

/** Was @password right for @name within the last minutes? */
bool password_cache_has(const struct password_cache *cache, const char *name,
                        const char *password, uint64_t now_ms);

/** It was right now. */
void password_cache_add(struct password_cache *cache, const char *name, const char *password,
                        uint64_t now_ms);

/** The user changed: nothing is known of it any more. */
void password_cache_drop(struct password_cache *cache, const char *name);

/** Wipe. */
void password_cache_fini(struct password_cache *cache);

#endif
