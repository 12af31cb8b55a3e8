/* SPDX-License-Identifier: Apache-2.0 */
/* What was used once and must not be used again: a bounded window of names, each held for
 * the same time. When it is full, new names are refused rather than live ones forgotten. */
#ifndef COORDINATOR_REPLAY_H
#define COORDINATOR_REPLAY_H

#include "common/base/compiler.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct replay;

enum { REPLAY_NAME_MAX = 512 };

enum replay_verdict {
    REPLAY_FRESH, /* now remembered */
    REPLAY_SEEN,
    REPLAY_FULL, /* or no memory: not remembered, so it must not be accepted */
};

int replay_new(struct replay **ret, size_t capacity, uint64_t hold_ms,
               struct err *err) MUST_CHECK;
void replay_free(struct replay *replay);

/** @now_ms: monotonic, so that a set clock forgets nothing. @name: 1..REPLAY_NAME_MAX bytes. */
enum replay_verdict replay_use(struct replay *replay, const void *name, size_t len,
                               uint64_t now_ms) MUST_CHECK;

/** True when it was used and is still remembered; what cannot be looked up counts as used. */
bool replay_has(const struct replay *replay, const void *name, size_t len, uint64_t now_ms);

size_t replay_count(const struct replay *replay);

#endif
