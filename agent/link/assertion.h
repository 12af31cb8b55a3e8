/* SPDX-License-Identifier: Apache-2.0 */
/* The host's proof that it holds its key: the ES256 assertion of docs/protocol.md [AC-2]. */
#ifndef AGENT_ASSERTION_H
#define AGENT_ASSERTION_H

#include "common/base/err.h"
#include "common/base/rng.h"
#include "common/base/secret.h"

#include <stdint.h>

struct assertion_spec {
    const char *runner_id;
    const char *installation_id;
    const struct secret *private_key_pem;
    int64_t coordinator_time_s; /* the coordinator's clock, not ours [AC-3] */
};

/** @ret is malloc'd (secret_free_text). */
int assertion_make(const struct assertion_spec *spec, const struct rng *rng, char **ret,
                   struct err *err) MUST_CHECK;

#endif
