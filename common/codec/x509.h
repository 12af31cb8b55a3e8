/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Certificates of an installation, over OpenSSL 3: its CA, the servers' certificates, and what
 * a host reads out of them. The CA's subject is "O = ECE installation, CN = <installation id>":
 * a host that trusts the CA knows from it the name to demand of every server, <installation
 * id>.ece.internal (docs/protocol.md, TR).
 */
#ifndef CODEC_X509_H
#define CODEC_X509_H

#include "common/base/err.h"
#include "common/base/secret.h"
#include "common/codec/keys.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    X509_INSTALLATION_ID_BYTES = 64,
    X509_SERVER_NAME_BYTES = 80,
    X509_NAMES_MAX = 64,
    X509_PEM_MAX = 16384,
};

#define X509_INTERNAL_DOMAIN ".ece.internal"

/** What a host needs of a CA certificate. */
struct x509_ca {
    char sha256[KEYS_SHA256_HEX_BYTES];               /* of the DER, lower-case hexadecimal */
    char installation_id[X509_INSTALLATION_ID_BYTES]; /* the CN; "" when the subject is not in
                                                         our form */
    int64_t not_after_s;
};

/** Read the one PEM certificate in the text (at most X509_PEM_MAX bytes). ERR_INVALID if it is
 * none, no CA, or there is a second PEM block: who trusts the text trusts all of it, so it must
 * hold nothing that was not looked at. */
int x509_read_ca(const char *pem, size_t len, struct x509_ca *ret, struct err *err) MUST_CHECK;

/** True if any certificate in the PEM bundle has this SHA-256. */
int x509_bundle_contains(const char *pem, size_t len, const char *sha256, bool *ret,
                         struct err *err) MUST_CHECK;

/** Make the CA: P-256, @days valid, pathlen 0, keyCertSign + cRLSign. @now_s is wall time;
 * backdated one hour. */
int x509_make_ca(const char *installation_id, int64_t now_s, unsigned days, char **ret_cert_pem,
                 struct secret *ret_key_pem, struct err *err) MUST_CHECK;

struct x509_server_spec {
    const char *ca_cert_pem;
    const struct secret *ca_key_pem;
    const char *const *names; /* DNS names and IP addresses, told apart by parse_ip */
    size_t n_names;           /* 1..X509_NAMES_MAX; the first is also the CN */
    int64_t now_s;
    unsigned days;
};

/** Make a server certificate (serverAuth) with a new P-256 key. */
int x509_make_server(const struct x509_server_spec *spec, char **ret_cert_pem,
                     struct secret *ret_key_pem, struct err *err) MUST_CHECK;

/** "<installation id>.ece.internal" */
void x509_server_name(const char *installation_id,
                      char ret_name[static X509_SERVER_NAME_BYTES]);

#endif
