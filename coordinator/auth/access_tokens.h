/* SPDX-License-Identifier: Apache-2.0 */
/* The short-lived access token of a runner (docs/protocol.md, AC-4): every coordinator of
 * the installation checks it alone. */
#ifndef COORDINATOR_ACCESS_TOKENS_H
#define COORDINATOR_ACCESS_TOKENS_H

#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/codec/keys.h"
#include "common/wire/messages.h"

#include <stdint.h>

enum { ACCESS_TOKEN_LIFE_S = 900 };

struct access_tokens { /* borrowed from the installation */
    const char *installation_id;
    const struct secret *key;
};

struct access_token_claims {
    char runner_id[WIRE_RUNNER_ID_BYTES];
    char thumbprint[KEYS_SHA256_HEX_BYTES]; /* of the host key; still the runner's? */
    int64_t expires_at_s;                   /* set by verifying; minting sets its own */
};

/** @ret_text is malloc'd; secret_free_text. Valid for ACCESS_TOKEN_LIFE_S from @now_s. */
int access_tokens_mint(const struct access_tokens *tokens,
                       const struct access_token_claims *claims, int64_t now_s, char **ret_text,
                       struct err *err) MUST_CHECK;

/** ERR_INVALID (form, issuer, claims), ERR_REFUSED (signature), ERR_TIMEOUT (expired). */
int access_tokens_verify(const struct access_tokens *tokens, const char *text, size_t len,
                         int64_t now_s, struct access_token_claims *ret,
                         struct err *err) MUST_CHECK;

#endif
