/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All JSON Web Tokens of the project (RFC 7519), over libjwt, which nothing else includes.
 * (Named jwt_text so that <jwt.h> stays libjwt's.)
 *
 * Every text passes one strict check of form before a library sees it: 1..8192 bytes, three
 * non-empty canonical base64url segments, a header without duplicate keys whose `alg` is
 * exactly the one expected, `typ` absent or "JWT", no crit/jku/jwk/x5u/x5c, kid at most 64
 * bytes; a payload that is one object without duplicate keys. Claims that were only read and
 * claims that were verified are different types, so that one cannot stand for the other.
 */
#ifndef CODEC_JWT_TEXT_H
#define CODEC_JWT_TEXT_H

#include "common/base/err.h"
#include "common/base/secret.h"

#include <jansson.h>
#include <stddef.h>

enum {
    JWT_TEXT_MAX = 8192,
    JWT_HS256_KEY_MIN = 32,
};

enum jwt_algorithm { JWT_HS256, JWT_ES256 };

/* Why a text is no token of ours: stable names for messages, tests and `ece-agent check`. */
#define JWT_RULES(X)                                                                           \
    X(JWT_RULE_OK, "ok")                                                                       \
    X(JWT_RULE_EMPTY, "empty")                                                                 \
    X(JWT_RULE_TOO_LONG, "too_long")                                                           \
    X(JWT_RULE_CHARACTERS,                                                                     \
      "characters")                  /* blanks, quotes, anything outside base64url and dots */ \
    X(JWT_RULE_SEGMENTS, "segments") /* not three non-empty ones */                            \
    X(JWT_RULE_ENCODING, "encoding") /* not canonical base64url */                             \
    X(JWT_RULE_HEADER, "header")     /* not an object, duplicate keys, crit and the like */    \
    X(JWT_RULE_TYPE, "type")         /* typ is not JWT */                                      \
    X(JWT_RULE_ALGORITHM, "algorithm") /* not exactly the expected one */                      \
    X(JWT_RULE_PAYLOAD, "payload")     /* not an object, duplicate keys, trailing bytes */     \
    X(JWT_RULE_SIGNATURE, "signature")

enum jwt_rule {

#define X(rule, name) rule,
    JWT_RULES(X)
#undef X
};

/** Claims that nobody has verified: good for hints and messages, never for a decision that
 * grants. */
struct jwt_unverified {
    json_t *claims; /* owned */
};

/** Claims under a verified signature. Times and audiences are the caller's to check. */
struct jwt_verified {
    json_t *claims; /* owned */
};

void jwt_unverified_fini(struct jwt_unverified *jwt);
void jwt_verified_fini(struct jwt_verified *jwt);

/** Read without a key. @ret_rule says which rule failed (NULL if not wanted). ERR_INVALID.
 * @text need not be terminated. */
int jwt_peek(const char *text, size_t len, enum jwt_algorithm expected,
             struct jwt_unverified *ret, enum jwt_rule *ret_rule, struct err *err) MUST_CHECK;

/** Verify HS256; @key at least JWT_HS256_KEY_MIN bytes. ERR_REFUSED for a wrong signature,
 * ERR_INVALID for bad form. */
int jwt_verify_hs256(const char *text, size_t len, const struct secret *key,
                     struct jwt_verified *ret, enum jwt_rule *ret_rule,
                     struct err *err) MUST_CHECK;

/** Verify ES256 with a canonical SubjectPublicKeyInfo PEM (keys_canonical_public). */
int jwt_verify_es256(const char *text, size_t len, const char *public_pem,
                     struct jwt_verified *ret, enum jwt_rule *ret_rule,
                     struct err *err) MUST_CHECK;

/** Sign @claims (borrowed). @ret is malloc'd; it is a bearer secret: secret_free_text(). */
int jwt_sign_hs256(const json_t *claims, const struct secret *key, char **ret,
                   struct err *err) MUST_CHECK;
int jwt_sign_es256(const json_t *claims, const struct secret *private_pem, char **ret,
                   struct err *err) MUST_CHECK;

const char *jwt_rule_name(enum jwt_rule rule);

#endif
