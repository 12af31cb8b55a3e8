/* SPDX-License-Identifier: Apache-2.0 */
/* P-256 keys of hosts and digests, over OpenSSL 3. */
#ifndef CODEC_KEYS_H
#define CODEC_KEYS_H

#include "common/base/err.h"
#include "common/base/secret.h"

#include <stddef.h>

enum { KEYS_SHA256_HEX_BYTES = 65 };

/** Make a P-256 key: PKCS#8 PEM (secret) and SubjectPublicKeyInfo PEM (malloc'd). */
int keys_generate(struct secret *ret_private_pem, char **ret_public_pem,
                  struct err *err) MUST_CHECK;

/** The public PEM of a private one. ERR_INVALID unless it is an unencrypted P-256 key; never
 * prompts. */
int keys_public_of(const struct secret *private_pem, char **ret_public_pem,
                   struct err *err) MUST_CHECK;

/** Check that @public_pem is one SubjectPublicKeyInfo on P-256 and give its canonical PEM
 * (malloc'd) and its thumbprint: hexadecimal SHA-256 of the DER. @public_pem is at most 4096
 * bytes. */
int keys_canonical_public(const char *public_pem, char **ret_canonical_pem,
                          char ret_thumbprint[static KEYS_SHA256_HEX_BYTES],
                          struct err *err) MUST_CHECK;

int keys_sha256_hex(const void *bytes, size_t len, char ret_hex[static KEYS_SHA256_HEX_BYTES],
                    struct err *err) MUST_CHECK;

#endif
