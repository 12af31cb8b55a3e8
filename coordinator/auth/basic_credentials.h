/* SPDX-License-Identifier: Apache-2.0 */
/* User name and password out of an Authorization header (RFC 7617, charset UTF-8), strictly. */
#ifndef COORDINATOR_BASIC_CREDENTIALS_H
#define COORDINATOR_BASIC_CREDENTIALS_H

#include "common/base/err.h"
#include "coordinator/auth/user_record.h"

#include <stddef.h>

struct basic_credentials {
    char name[USER_NAME_BYTES];
    char password[PASSWORD_MAX + 1];
};

/**
 * @base64: what follows "Basic ". The name ends at the first colon; the password may contain
 * more. ERR_INVALID for what is not canonical base64 of UTF-8 text without control
 * characters, has no colon, or is too long; nothing of it is in the message.
 */
int basic_credentials_decode(const char *base64, struct basic_credentials *ret,
                             struct err *err) MUST_CHECK;

/** Wipe. */
void basic_credentials_fini(struct basic_credentials *credentials);

#endif
