/* SPDX-License-Identifier: Apache-2.0 */
/* The host's proof that it holds its key: the ES256 assertion of docs/protocol.md [AC-2]. */
#ifndef AGENT_ASSERTION_H
#define AGENT_ASSERTION_H

#include "common/base/err.h"
#include "common/base/rng.h"
#include "common/base/secret.h"

#include <stdint.h>

/** @ret is malloc'd (secret_free_text). @coordinator_time_s is the coordinator's clock, not ours [AC-3]. */
int assertion_make(const char *runner_id, const char *installation_id,
                   const struct secret *private_pem, int64_t coordinator_time_s,
                   const struct rng *rng, char **ret, struct err *err) MUST_CHECK;

#endif
