/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A certificate chain with its key, parsed once for GnuTLS. Counted: a handshake that has begun
 * keeps the identity that it was given, whatever renewal does meanwhile.
 */
#ifndef COORDINATOR_TLS_IDENTITY_H
#define COORDINATOR_TLS_IDENTITY_H

#include "coordinator/http/http_server.h"

#include <gnutls/abstract.h>

struct tls_identity;

/** Parse both. ERR_CONFIG says what is wrong with them, also when the key is not the
 * certificate's. */
int tls_identity_new(struct tls_identity **ret, const struct http_identity *pems,
                     struct err *err) MUST_CHECK;

struct tls_identity *tls_identity_ref(struct tls_identity *identity);
/** NULL is fine. */
void tls_identity_unref(struct tls_identity *identity);

/** What a gnutls_certificate_retrieve_function2 returns; borrowed from the identity. */
void tls_identity_present(const struct tls_identity *identity, gnutls_pcert_st **ret_chain,
                          unsigned *ret_len, gnutls_privkey_t *ret_key);

#endif
