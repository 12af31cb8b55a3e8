/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The certificates of an installation. Makes them and reads the few facts that a host needs;
 * chains and names are verified by the TLS libraries, never here. Keeps no files and knows no
 * renewal: callers pass the time and store the texts.
 */
#include "common/codec/x509.h"

#include "common/base/parse.h"
#include "common/codec/ossl.h"

#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

enum {
    SERIAL_BITS = 159,     /* RFC 5280, 4.1.2.2: at most 20 bytes, positive */
    BACKDATE_S = 3600,     /* for hosts whose clock is behind */
    DAYS_MAX = 36500,      /* a hundred years */
    COMMON_NAME_MAX = 64,  /* ub-common-name; longer names stand in the SAN alone */
    BUNDLE_MAX = 16 << 20, /* a system's trust store has less than 1 MiB */
};

static const char organization[] = "ECE installation";
static const char begin_any[] = "-----BEGIN ";
static const char begin_certificate[] = "-----BEGIN CERTIFICATE-----";

static inline void names_cleanup(GENERAL_NAMES **names)
{
    GENERAL_NAMES_free(*names);
}

#define auto_names CLEANUP(names_cleanup) GENERAL_NAMES

/* An installation id becomes a DNS label. */
static bool is_installation_id(const char *id)
{
    size_t len = strnlen(id, X509_INSTALLATION_ID_BYTES);
    return len > 0 && len < X509_INSTALLATION_ID_BYTES &&
           strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") == len;
}

/*
 * The hash is taken of one certificate, but whoever is handed the text trusts all of it. A
 * second certificate behind the one that the token's hash vouches for would be trusted unseen,
 * so there must be none.
 */
static int check_single(const char *pem, size_t len, struct err *err)
{
    if (len > X509_PEM_MAX) {
        return err_set(err, ERR_INVALID, "read a CA certificate: longer than %d bytes",
                       X509_PEM_MAX);
    }
    const char *first = memmem(pem, len, begin_any, sizeof begin_any - 1);
    size_t left = first ? len - (size_t)(first - pem) : 0;
    if (left < sizeof begin_certificate ||
        memcmp(first, begin_certificate, sizeof begin_certificate - 1) != 0) {
        return err_set(err, ERR_INVALID, "read a CA certificate: no \"%s\" in it",
                       begin_certificate);
    }
    if (memmem(first + 1, left - 1, begin_any, sizeof begin_any - 1) != NULL) {
        return err_set(err, ERR_INVALID,
                       "read a CA certificate: more than one PEM block; exactly one is needed");
    }
    return 0;
}

static int digest_hex(const X509 *cert, char ret_hex[static KEYS_SHA256_HEX_BYTES],
                      struct err *err)
{
    unsigned char *der = NULL;
    int len = i2d_X509(cert, &der);
    if (len <= 0) {
        return ossl_fail(err, ERR_INTERNAL, "encode a certificate");
    }
    int result = keys_sha256_hex(der, (size_t)len, ret_hex, err);
    OPENSSL_free(der);
    return result;
}

/* The one value of an attribute of the subject into @ret; false if it is absent, there twice,
 * too long or holds a NUL. */
static bool subject_text(const X509 *cert, int nid, char *ret, size_t size)
{
    const X509_NAME *subject = X509_get_subject_name(cert);
    int at = X509_NAME_get_index_by_NID(subject, nid, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(subject, nid, at) >= 0) {
        return false;
    }
    unsigned char *text = NULL;
    int len =
        ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at)));
    bool fits = len > 0 && (size_t)len < size && memchr(text, '\0', (size_t)len) == NULL;
    if (fits) {
        memcpy(ret, text, (size_t)len);
        ret[len] = '\0';
    }
    OPENSSL_free(text);
    return fits;
}

static void read_installation_id(const X509 *cert, char ret[static X509_INSTALLATION_ID_BYTES])
{
    char given[sizeof organization];
    if (X509_NAME_entry_count(X509_get_subject_name(cert)) != 2 ||
        !subject_text(cert, NID_organizationName, given, sizeof given) ||
        strcmp(given, organization) != 0 ||
        !subject_text(cert, NID_commonName, ret, X509_INSTALLATION_ID_BYTES) ||
        !is_installation_id(ret)) {
        ret[0] = '\0';
    }
}

int x509_read_ca(const char *pem, size_t len, struct x509_ca *ret, struct err *err)
{
    if (check_single(pem, len, err) < 0) {
        return -1;
    }
    auto_bio *bio = BIO_new_mem_buf(pem, (int)len);
    if (bio == NULL) {
        return ossl_fail(err, ERR_INTERNAL, "read a CA certificate");
    }
    auto_x509 *cert = PEM_read_bio_X509(bio, NULL, ossl_no_passphrase, NULL);
    if (cert == NULL) {
        return ossl_fail(err, ERR_INVALID, "read a CA certificate");
    }
    /* 1 = version 3 with basicConstraints CA:TRUE; the other non-zero answers are for relics.
     */
    bool is_ca =
        X509_check_ca(cert) == 1 && (X509_get_extension_flags(cert) & EXFLAG_INVALID) == 0;
    ERR_clear_error();
    if (!is_ca) {
        return err_set(err, ERR_INVALID,
                       "read a CA certificate: it is a certificate, but of no CA");
    }

    struct x509_ca ca = {.not_after_s = 0};
    struct tm not_after;
    if (ASN1_TIME_to_tm(X509_get0_notAfter(cert), &not_after) != 1) {
        return ossl_fail(err, ERR_INVALID, "read a CA certificate: its time of expiry");
    }
    ca.not_after_s = timegm(&not_after);
    read_installation_id(cert, ca.installation_id);
    if (digest_hex(cert, ca.sha256, err) < 0) {
        return -1;
    }
    *ret = ca;
    return 0;
}

int x509_bundle_contains(const char *pem, size_t len, const char *sha256, bool *ret,
                         struct err *err)
{
    if (len > BUNDLE_MAX) {
        return err_set(err, ERR_INVALID, "read CA certificates: longer than %d bytes",
                       BUNDLE_MAX);
    }
    auto_bio *bio = BIO_new_mem_buf(pem, (int)len);
    if (bio == NULL) {
        return ossl_fail(err, ERR_INTERNAL, "read CA certificates");
    }
    bool found = false;
    size_t n = 0;
    for (;; n++) {
        auto_x509 *cert = PEM_read_bio_X509(bio, NULL, ossl_no_passphrase, NULL);
        if (cert == NULL) {
            break;
        }
        char hex[KEYS_SHA256_HEX_BYTES];
        if (digest_hex(cert, hex, err) < 0) {
            return -1;
        }
        found = found || strcasecmp(hex, sha256) == 0;
    }
    bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (n == 0 || !at_end) {
        return err_set(err, ERR_INVALID,
                       n == 0 ? "read CA certificates: there is none in PEM form"
                              : "read CA certificates: the one after number %zu is damaged",
                       n);
    }
    *ret = found;
    return 0;
}

static bool set_serial(X509 *cert)
{
    auto_bignum *serial = BN_new();
    return serial != NULL &&
           BN_rand(serial, SERIAL_BITS, BN_RAND_TOP_ONE, BN_RAND_BOTTOM_ANY) == 1 &&
           BN_to_ASN1_INTEGER(serial, X509_get_serialNumber(cert)) != NULL;
}

static bool set_subject(X509 *cert, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(cert);
    const unsigned char *cn = (const unsigned char *)common_name;
    const unsigned char *o = (const unsigned char *)organization;
    return X509_NAME_add_entry_by_NID(name, NID_organizationName, MBSTRING_UTF8, o, -1, -1,
                                      0) == 1 &&
           (strlen(common_name) > COMMON_NAME_MAX ||
            X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8, cn, -1, -1, 0) ==
                1);
}

static int check_days(unsigned days, struct err *err)
{
    return days > 0 && days <= DAYS_MAX
               ? 0
               : err_set(err, ERR_INVALID, "make a certificate: for 1 to %d days, not %u",
                         DAYS_MAX, days);
}

/* A certificate with all but issuer, extensions and signature. NULL with OpenSSL's reason in
 * its queue. */
static X509 *start_cert(EVP_PKEY *key, const char *common_name, int64_t now_s, unsigned days)
{
    auto_x509 *cert = X509_new();
    if (cert == NULL || X509_set_version(cert, X509_VERSION_3) != 1 || !set_serial(cert) ||
        ASN1_TIME_adj(X509_getm_notBefore(cert), now_s, 0, -(long)BACKDATE_S) == NULL ||
        ASN1_TIME_adj(X509_getm_notAfter(cert), now_s, (int)days, 0) == NULL ||
        X509_set_pubkey(cert, key) != 1 || !set_subject(cert, common_name)) {
        return NULL;
    }
    return TAKE(cert);
}

struct extension {
    int nid;
    const char *value; /* in the syntax of x509v3_config(5); constants only, never a name from
                          outside */
};

static bool add_extensions(X509 *cert, X509 *issuer, const struct extension *extensions,
                           size_t n)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    for (size_t i = 0; i < n; i++) {
        X509_EXTENSION *extension =
            X509V3_EXT_nconf_nid(NULL, &ctx, extensions[i].nid, extensions[i].value);
        int added = extension ? X509_add_ext(cert, extension, -1) : 0;
        X509_EXTENSION_free(extension);
        if (added != 1) {
            return false;
        }
    }
    return true;
}

static int sign_and_write(X509 *cert, EVP_PKEY *issuer_key, char **ret_pem, struct err *err)
{
    auto_bio *bio = BIO_new(BIO_s_mem());
    if (bio == NULL || X509_sign(cert, issuer_key, EVP_sha256()) <= 0 ||
        PEM_write_bio_X509(bio, cert) != 1) {
        return ossl_fail(err, ERR_INTERNAL, "sign a certificate");
    }
    char *pem = ossl_text(bio);
    if (pem == NULL) {
        return err_no_memory(err);
    }
    *ret_pem = pem;
    return 0;
}

/* Hand the key out last, when nothing can fail any more. */
static void hand_over(struct secret *from, struct secret *ret)
{
    size_t len = from->len;
    secret_adopt(ret, TAKE(from->bytes), len);
}

int x509_make_ca(const char *installation_id, int64_t now_s, unsigned days, char **ret_cert_pem,
                 struct secret *ret_key_pem, struct err *err)
{
    static const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
        {NID_key_usage, "critical,keyCertSign,cRLSign"},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
    };
    if (!is_installation_id(installation_id)) {
        return err_set(err, ERR_INVALID,
                       "make a CA: the installation id must be 1..%d letters, digits and "
                       "hyphens: \"%.80s\"",
                       X509_INSTALLATION_ID_BYTES - 1, installation_id);
    }
    auto_secret key_pem = {NULL, 0};
    auto_free char *public_pem = NULL;
    if (check_days(days, err) < 0 || keys_generate(&key_pem, &public_pem, err) < 0) {
        return -1;
    }
    auto_pkey *key = ossl_read_key(key_pem.bytes, key_pem.len);
    auto_x509 *cert = key ? start_cert(key, installation_id, now_s, days) : NULL;
    if (cert == NULL || X509_set_issuer_name(cert, X509_get_subject_name(cert)) != 1 ||
        !add_extensions(cert, cert, extensions, ARRAY_LEN(extensions))) {
        return ossl_fail(err, ERR_INTERNAL, "make a CA");
    }
    if (sign_and_write(cert, key, ret_cert_pem, err) < 0) {
        return -1;
    }
    hand_over(&key_pem, ret_key_pem);
    return 0;
}

/* One name, which parse_host has seen, so it is no more than a name. */
static int add_name(GENERAL_NAMES *names, const char *name, struct err *err)
{
    char address[46];
    bool is_address = parse_ip(name, address, err) == 0; /* if not, @err is filled in vain */
    GENERAL_NAME *entry =
        a2i_GENERAL_NAME(NULL, NULL, NULL, is_address ? GEN_IPADD : GEN_DNS, name, 0);
    if (entry == NULL || sk_GENERAL_NAME_push(names, entry) <= 0) {
        GENERAL_NAME_free(entry);
        return ossl_fail(err, ERR_INTERNAL, "make a server certificate: add a name");
    }
    return 0;
}

static int add_names(X509 *cert, const struct x509_server_spec *spec, struct err *err)
{
    auto_names *names = GENERAL_NAMES_new();
    for (size_t i = 0; names != NULL && i < spec->n_names; i++) {
        if (add_name(names, spec->names[i], err) < 0) {
            return -1;
        }
    }
    if (names == NULL ||
        X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, X509V3_ADD_DEFAULT) != 1) {
        return ossl_fail(err, ERR_INTERNAL, "make a server certificate: add its names");
    }
    return 0;
}

/* The certificate without its signature. */
static int build_server(const struct x509_server_spec *spec, X509 *ca, EVP_PKEY *key,
                        X509 **ret_cert, struct err *err)
{
    static const struct extension extensions[] = {
        {NID_basic_constraints, "critical,CA:FALSE"},
        {NID_key_usage, "critical,digitalSignature"},
        {NID_ext_key_usage, "serverAuth"},
        {NID_subject_key_identifier, "hash"},
        {NID_authority_key_identifier, "keyid:always"},
    };
    auto_x509 *cert = key ? start_cert(key, spec->names[0], spec->now_s, spec->days) : NULL;
    if (cert == NULL || X509_set_issuer_name(cert, X509_get_subject_name(ca)) != 1 ||
        !add_extensions(cert, ca, extensions, ARRAY_LEN(extensions))) {
        return ossl_fail(err, ERR_INTERNAL, "make a server certificate");
    }
    if (add_names(cert, spec, err) < 0) {
        return -1;
    }
    *ret_cert = TAKE(cert);
    return 0;
}

int x509_make_server(const struct x509_server_spec *spec, char **ret_cert_pem,
                     struct secret *ret_key_pem, struct err *err)
{
    if (spec->n_names == 0 || spec->n_names > X509_NAMES_MAX) {
        return err_set(err, ERR_INVALID,
                       "make a server certificate: for 1 to %d names, not %zu", X509_NAMES_MAX,
                       spec->n_names);
    }
    for (size_t i = 0; i < spec->n_names; i++) {
        if (parse_host(spec->names[i], err) < 0) {
            return err_wrap(err, "make a server certificate");
        }
    }
    auto_bio *ca_bio = BIO_new_mem_buf(spec->ca_cert_pem, -1);
    auto_x509 *ca = ca_bio ? PEM_read_bio_X509(ca_bio, NULL, ossl_no_passphrase, NULL) : NULL;
    auto_pkey *ca_key = ossl_read_key(spec->ca_key_pem->bytes, spec->ca_key_pem->len);
    if (ca == NULL || ca_key == NULL || X509_check_private_key(ca, ca_key) != 1) {
        ERR_clear_error();
        return err_set(err, ERR_INVALID, "make a server certificate: the CA's %s",
                       ca == NULL       ? "certificate is unreadable"
                       : ca_key == NULL ? "key is unreadable"
                                        : "key does not belong to its certificate");
    }
    auto_secret key_pem = {NULL, 0};
    auto_free char *public_pem = NULL;
    if (check_days(spec->days, err) < 0 || keys_generate(&key_pem, &public_pem, err) < 0) {
        return -1;
    }
    auto_pkey *key = ossl_read_key(key_pem.bytes, key_pem.len);
    auto_x509 *cert = NULL;
    if (build_server(spec, ca, key, &cert, err) < 0 ||
        sign_and_write(cert, ca_key, ret_cert_pem, err) < 0) {
        return -1;
    }
    hand_over(&key_pem, ret_key_pem);
    return 0;
}

void x509_server_name(const char *installation_id, char ret_name[static X509_SERVER_NAME_BYTES])
{
    (void)snprintf(ret_name, X509_SERVER_NAME_BYTES, "%.*s%s", X509_INSTALLATION_ID_BYTES - 1,
                   installation_id, X509_INTERNAL_DOMAIN);
}
