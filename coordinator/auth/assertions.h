/* SPDX-License-Identifier: Apache-2.0 */
/* The assertion by which a host proves that it holds its key (docs/protocol.md, AC-2, EN-2). */
#ifndef COORDINATOR_ASSERTIONS_H
#define COORDINATOR_ASSERTIONS_H

#include "common/base/err.h"
#include "coordinator/auth/replay.h"

#include <stddef.h>
#include <stdint.h>

enum {
    ASSERTION_LEEWAY_S = 60,
    /* An assertion is good from iat - leeway to exp + leeway, 180 s in all; a minute more
     * for the edges. */
    ASSERTION_HOLD_MS = 240 * 1000,
    ASSERTION_WINDOW = 65536, /* for replay_new: 270 assertions/s for the whole hold */
};

enum assertion_verdict {
    ASSERTION_OK,
    ASSERTION_INVALID,  /* 400 agent.assertion_invalid */
    ASSERTION_TIME,     /* 400 agent.assertion_time: the Date header says what time it is */
    ASSERTION_REPLAYED, /* 400 agent.assertion_invalid */
    ASSERTION_BUSY,     /* the window of seen ones is full: 503 with Retry-After */
};

struct assertion_expected {     /* borrowed */
    const char *public_key_pem; /* canonical (keys_canonical_public) */
    const char *runner_id;
    const char *installation_id;
    int64_t now_s;                  /* wall */
    uint64_t now_ms;                /* monotonic */
    const struct replay *elsewhere; /* what was used there was used; NULL = nothing */
};

/** Anything but ASSERTION_OK fills @ret_why with a message for the host. Only a good
 * assertion is remembered in @replay. */
enum assertion_verdict assertion_verify(const char *text, size_t len,
                                        const struct assertion_expected *expected,
                                        struct replay *replay, struct err *ret_why) MUST_CHECK;

#endif
