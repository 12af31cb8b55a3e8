/* SPDX-License-Identifier: Apache-2.0 */
/* A new password for a user, in the store of a coordinator that does not run. */
#ifndef COORDINATOR_PASSWORD_RESET_H
#define COORDINATOR_PASSWORD_RESET_H

#include "common/base/rng.h"
#include "coordinator/audit/audit.h"
#include "coordinator/commands/offline_store.h"

enum { PASSWORD_RESET_MIN = 8 };

struct password_reset {
    const char *user;
    const char *password; /* password_reset_check() */
    const char *actor;    /* for the audit: who runs the command */
    struct audit *audit;  /* borrowed; of the same store */
    const struct rng *rng;
};

/** What can be sent with basic authentication: UTF-8 of 8 to 256 bytes without control
 * characters. ERR_INVALID never shows the password. */
int password_reset_check(const char *password, size_t len, struct err *err) MUST_CHECK;

/** Durable when it returns, with an entry in the audit; the role stays. ERR_ABSENT names the
 * users that there are. */
int password_reset(struct offline_store *offline, const struct password_reset *reset,
                   struct err *err) MUST_CHECK;

#endif
