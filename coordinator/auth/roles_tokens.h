/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The installation's roles tokens (in the API: enrollment tokens): made, listed, revoked,
 * verified. Persistent ones are in a table that follows the store; ephemeral ones live in
 * their text only.
 *
 * Making and revoking give the caller a change to commit, so that it goes into one
 * transaction with the audit entry (which needs the id). The table sees it when it is
 * durable, before the commit's callback.
 */
#ifndef COORDINATOR_ROLES_TOKENS_H
#define COORDINATOR_ROLES_TOKENS_H

#include "common/base/clock.h"
#include "common/base/log.h"
#include "common/base/rng.h"
#include "coordinator/auth/roles_token_text.h"
#include "coordinator/store/store.h"

#include <string.h>

struct roles_tokens;

enum { ROLES_TOKENS_MAX = 4096 }; /* persistent ones at a time */

struct roles_tokens_options { /* all borrowed, and outlive the tokens */
    struct store *store;
    const struct clock *clock;
    const struct rng *rng;
    const struct log *log;
    const struct secret *key; /* signs and verifies */
    const char *ca_sha256;
};

/** Read the tokens and watch them. Blocks (start-up). */
int roles_tokens_open(struct roles_tokens **ret, const struct roles_tokens_options *options,
                      struct err *err) MUST_CHECK;

/** After the store is closed: its watchers live as long as it does. NULL is fine. */
void roles_tokens_free(struct roles_tokens *tokens);

struct roles_token_request {
    roles_t roles;
    bool is_persistent;
    uint32_t
        validity_s; /* of an ephemeral one, at most ROLES_TOKEN_VALIDITY_MAX_S; 0 = default */
};

/** What to commit, together with an audit entry: see roles_token_change_operation(). */
struct roles_token_change {
    char id[ROLES_TOKEN_ID_BYTES];
    char *text; /* owned; of a new token: the only time that it is seen. NULL when revoking */
    bool is_stored; /* false for a new ephemeral token: there is nothing to commit for it */
    char key[ROLES_TOKEN_KEY_BYTES];
    char *value;           /* owned; NULL when revoking */
    uint64_t mod_revision; /* that the key must have */
};

/** Refers to @change until the commit was queued. */
static inline struct store_operation
roles_token_change_operation(const struct roles_token_change *change)
{
    return (struct store_operation){
        .key = change->key,
        .value = change->value,
        .len = change->value != NULL ? strlen(change->value) : 0,
    };
}

/** When it does not hold (STORE_CONFLICT), somebody else revoked it first: answer as if it
 * was not found. */
static inline struct store_condition
roles_token_change_condition(const struct roles_token_change *change)
{
    return (struct store_condition){.key = change->key, .mod_revision = change->mod_revision};
}

void roles_token_change_fini(struct roles_token_change *change);

/** Make a token. ERR_TOO_LARGE when there are ROLES_TOKENS_MAX already or @validity_s is over
 * its bound. */
int roles_tokens_issue(struct roles_tokens *tokens, const struct roles_token_request *request,
                       struct roles_token_change *ret, struct err *err) MUST_CHECK;

/** Revoke a persistent token, named by its id or its whole text. ERR_ABSENT when there is no
 * such one (unknown, revoked before, ephemeral): 404 enrollment_tokens.invalid_token_id. */
int roles_tokens_revoke(struct roles_tokens *tokens, const char *id_or_text,
                        struct roles_token_change *ret, struct err *err) MUST_CHECK;

typedef void roles_tokens_each_fn(const char *id, const struct roles_token_record *record,
                                  void *userdata);

/** Every persistent token, oldest first. */
void roles_tokens_each(const struct roles_tokens *tokens, roles_tokens_each_fn *each,
                       void *userdata);

enum roles_token_verdict {
    ROLES_TOKEN_OK,
    ROLES_TOKEN_INVALID,
    ROLES_TOKEN_EXPIRED,
    ROLES_TOKEN_REVOKED,
};

/** [TK-3]. @ret is filled for ROLES_TOKEN_OK only; otherwise @ret_why has the message for the
 * host's operator. */
enum roles_token_verdict roles_tokens_verify(const struct roles_tokens *tokens,
                                             const char *text, size_t len,
                                             struct roles_token_grant *ret,
                                             struct err *ret_why) MUST_CHECK;

#endif
