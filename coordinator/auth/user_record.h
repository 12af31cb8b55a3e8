/* SPDX-License-Identifier: Apache-2.0 */
/* One user of the platform as the store keeps it: "users/<name>" ->
 * {"version":1,"role":"admin","hash":"$y$..."}. */
#ifndef COORDINATOR_USER_RECORD_H
#define COORDINATOR_USER_RECORD_H

#include "common/base/err.h"
#include "coordinator/auth/password.h"

#include <stddef.h>

#define USERS_PREFIX "users/"

enum {
    USER_NAME_BYTES = 65,
    USER_RECORD_MAX = 1024,
};

enum user_role {
    USER_ROLE_ADMIN,    /* may change everything */
    USER_ROLE_READONLY, /* reads everything, changes nothing */
};

struct user_record {
    enum user_role role;
    char hash[PASSWORD_HASH_BYTES];
};

/** The JSON value (malloc'd). */
int user_record_encode(const struct user_record *record, char **ret_value,
                       struct err *err) MUST_CHECK;

/** ERR_CORRUPT, or ERR_FUTURE for a version that we do not know. */
int user_record_decode(const void *value, size_t len, struct user_record *ret,
                       struct err *err) MUST_CHECK;

#endif
