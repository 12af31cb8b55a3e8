/* SPDX-License-Identifier: Apache-2.0 */
/* What an installation is made of, and how the store keeps it: the one JSON value under
 * "installation". */
#ifndef COORDINATOR_INSTALLATION_RECORD_H
#define COORDINATOR_INSTALLATION_RECORD_H

#include "common/base/clock.h"
#include "common/base/rng.h"
#include "common/base/secret.h"
#include "common/codec/x509.h"

#include <stddef.h>

#define INSTALLATION_KEY "installation"

enum {
    INSTALLATION_ID_BYTES = 37,
    INSTALLATION_TOKEN_KEY_BYTES = 32,
};

/* Read it freely; it does not change after it was opened. */
struct installation {
    char id[INSTALLATION_ID_BYTES];
    char internal_name[X509_SERVER_NAME_BYTES]; /* "<id>.ece.internal" */
    char *ca_cert_pem;                          /* owned */
    struct secret ca_key_pem;
    struct x509_ca ca;              /* of ca_cert_pem: ca.sha256 is the tokens' pin */
    struct secret roles_token_key;  /* HS256; the issuer "current" */
    struct secret access_token_key; /* HS256 */
};

/** Make a new one: id, CA for 10 years, keys. installation_free(). */
int installation_make(struct installation **ret, const struct clock *clock,
                      const struct rng *rng, struct err *err) MUST_CHECK;

/** The JSON value (malloc'd; secret_free_text). */
int installation_encode(const struct installation *installation, char **ret_value,
                        struct err *err) MUST_CHECK;

/** ERR_CORRUPT, or ERR_FUTURE for a version that we do not know. */
int installation_decode(const void *value, size_t len, struct installation **ret,
                        struct err *err) MUST_CHECK;

/** NULL is fine. */
void installation_free(struct installation *installation);

#endif
