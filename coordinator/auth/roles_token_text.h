/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One roles token: its claims as a signed text, and what the store keeps of a persistent one
 * ("tokens/<id>", never the text). No state; roles_tokens knows which are still good.
 */
#ifndef COORDINATOR_ROLES_TOKEN_TEXT_H
#define COORDINATOR_ROLES_TOKEN_TEXT_H

#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/wire/roles.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ROLES_TOKENS_PREFIX "tokens/"
#define ROLES_TOKEN_ISSUER "current" /* the name of the signing key in use */

enum {
    ROLES_TOKEN_ID_BYTES = 65,  /* a UUID in all that we make */
    ROLES_TOKEN_KEY_BYTES = 80, /* ROLES_TOKENS_PREFIX and the id */
    ROLES_TOKEN_RECORD_MAX = 1024,
    ROLES_TOKEN_VALIDITY_DEFAULT_S = 3600,
    ROLES_TOKEN_VALIDITY_MAX_S = INT32_MAX,
};

/** What a roles token says, once its signature is verified. */
struct roles_token_grant {
    char id[ROLES_TOKEN_ID_BYTES];
    roles_t roles;
    bool is_persistent; /* must be in the store */
    bool has_expiry;    /* every token that is not persistent */
    int64_t expires_at_s;
};

/** What the store keeps of a persistent one. */
struct roles_token_record {
    roles_t roles;
    int64_t created_s;
};

/** The token's text (malloc'd; secret_free_text). @ca_sha256: the pin for the hosts. */
int roles_token_text_sign(const struct roles_token_grant *grant, const char *ca_sha256,
                          const struct secret *key, char **ret_text,
                          struct err *err) MUST_CHECK;

/** Form, signature, issuer and types of the claims; neither expiry nor revocation.
 * ERR_INVALID or ERR_REFUSED; the message is for the host's operator. */
int roles_token_text_verify(const char *text, size_t len, const struct secret *key,
                            struct roles_token_grant *ret, struct err *err) MUST_CHECK;

int roles_token_record_encode(const struct roles_token_record *record, char **ret_value,
                              struct err *err) MUST_CHECK;
/** ERR_CORRUPT, or ERR_FUTURE for a version that we do not know. */
int roles_token_record_decode(const void *value, size_t len, struct roles_token_record *ret,
                              struct err *err) MUST_CHECK;

#endif
