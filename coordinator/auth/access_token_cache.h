/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access tokens that were verified before: the same one comes with every heartbeat, and
 * verifying it costs more than all the rest of a heartbeat. Holds SHA-256 digests and claims,
 * no tokens. What a token grants still ends with its own expiry, and whether its runner is
 * still there is for others to look up each time [AC-4].
 */
#ifndef COORDINATOR_ACCESS_TOKEN_CACHE_H
#define COORDINATOR_ACCESS_TOKEN_CACHE_H

#include "common/base/err.h"
#include "coordinator/auth/access_tokens.h"

#include <stdbool.h>
#include <stddef.h>

struct access_token_cache;

enum {
    ACCESS_TOKEN_CACHE_ENTRIES = 16384, /* one place for each token: the newer one takes it */
};

int access_token_cache_new(struct access_token_cache **ret, struct err *err) MUST_CHECK;
void access_token_cache_free(struct access_token_cache *cache);

/** The claims of exactly this text, if it is known and has not expired. NULL cache: false. */
bool access_token_cache_find(const struct access_token_cache *cache, const char *text,
                             size_t len, int64_t now_s, struct access_token_claims *ret);

/** @text was verified just now, and says @claims. NULL cache: nothing happens. */
void access_token_cache_add(struct access_token_cache *cache, const char *text, size_t len,
                            const struct access_token_claims *claims);

#endif
