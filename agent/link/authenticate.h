/* SPDX-License-Identifier: Apache-2.0 */
/* Buying one access token with the host key: docs/protocol.md [AC]. */
#ifndef AGENT_AUTHENTICATE_H
#define AGENT_AUTHENTICATE_H

#include "agent/link/uplink.h"
#include "common/base/rng.h"
#include "common/base/secret.h"

enum authenticate_outcome {
    AUTHENTICATE_GRANTED,
    AUTHENTICATE_UNKNOWN, /* the installation does not know this runner with this key */
    AUTHENTICATE_TIME, /* refused for its time; the uplink has learned the right one meanwhile
                          [AC-3] */
    AUTHENTICATE_FAILED,
};

struct authenticate_result {
    enum authenticate_outcome outcome;
    const char *access_token; /* borrowed */
    uint32_t expires_in_s;
    uint32_t retry_after_s;
    struct err error;
};

typedef void authenticate_done_fn(const struct authenticate_result *result, void *userdata);

/* Caller's storage for the time of the request. */
struct authenticate {
    struct uplink *uplink; /* borrowed */
    authenticate_done_fn *done;
    void *userdata;
};

struct authenticate_spec {
    const char *runner_id;
    const char *installation_id;
    const struct secret *private_key_pem;
    const struct rng *rng;
    uint32_t total_timeout_ms; /* 0 = the usual deadline */
};

int authenticate_send(struct authenticate *authenticate, struct uplink *uplink,
                      const struct authenticate_spec *spec, authenticate_done_fn *done,
                      void *userdata, struct err *err) MUST_CHECK;

#endif
