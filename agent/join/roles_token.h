/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The roles token on the host's side: where it comes from, whether its form holds
 * (docs/protocol.md TK-1, TK-2), and the hints that it carries. Without the key nothing of it
 * is verified: `hints` choose whom to talk to and what to say, they grant nothing.
 */
#ifndef AGENT_ROLES_TOKEN_H
#define AGENT_ROLES_TOKEN_H

#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/codec/jwt_text.h"
#include "common/codec/keys.h"
#include "common/wire/roles.h"

#include <stdbool.h>
#include <stdint.h>

enum { ROLES_TOKEN_ID_BYTES = 129, ROLES_TOKEN_ISSUER_BYTES = 129 };

struct roles_token_hints {
    char id[ROLES_TOKEN_ID_BYTES]; /* sub */
    char issuer[ROLES_TOKEN_ISSUER_BYTES];
    roles_t roles;      /* names that this version does not know are left out */
    bool is_persistent; /* says so, or has no exp */
    bool has_expiry;
    int64_t expires_at_s;
    char ca_sha256[KEYS_SHA256_HEX_BYTES]; /* "" when the token has none */
};

struct roles_token {
    struct secret text;
    struct roles_token_hints hints;
};

/** Check the form of [TK-1] and read the hints. Blanks and quotes around the text are an error
 * that says so. The error's message starts with the rule's name in brackets: "[algorithm] ...".
 * Never contains the token. */
int roles_token_parse(const char *text, size_t len, struct roles_token *ret,
                      struct err *err) MUST_CHECK;

/** [TK-2] for @wanted at @now_s: ERR_REFUSED when a role is missing (named) or it expired over
 * an hour ago. @ret_warning (may be "") says what is odd but not final. */
int roles_token_permits(const struct roles_token_hints *hints, roles_t wanted, int64_t now_s,
                        char *ret_warning, size_t warning_size, struct err *err) MUST_CHECK;

/** Where a token is read from when it is needed: nothing is read before. */
struct roles_token_source {
    struct secret inline_text;   /* from the command line or standard input; wiped by
                                    roles_token_source_forget */
    const char *file;            /* @FILE of the flag; borrowed */
    const char *credential_dir;  /* $CREDENTIALS_DIRECTORY: "roles-token" in it; borrowed */
    const char *configured_file; /* roles_token_file; borrowed */
};

enum roles_token_found { ROLES_TOKEN_FOUND, ROLES_TOKEN_ABSENT };

/** Read and parse from the first source that has one. Trailing newlines of files are dropped.
 * Blocks. @ret_origin names the source. */
int roles_token_read(const struct roles_token_source *source, enum roles_token_found *ret_found,
                     struct roles_token *ret, const char **ret_origin,
                     struct err *err) MUST_CHECK;

void roles_token_source_forget(struct roles_token_source *source);
void roles_token_fini(struct roles_token *token);

#endif
