/* SPDX-License-Identifier: Apache-2.0 */
/*
 * P-256 keys as PEM texts. The point of the canonical form: one key has one text and one
 * thumbprint, whatever encoding (compressed point, explicit curve parameters, text around the
 * block) it arrived in, so that it is one identity. Does not store keys; private ones exist
 * only inside struct secret and OpenSSL's wiped memory.
 */
#include "common/codec/keys.h"

#include "common/codec/ossl.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <stdbool.h>
#include <string.h>

enum {
    PEM_MAX = 4096,
    COORDINATE_BYTES = 32,
    POINT_BYTES = 1 + 2 * COORDINATE_BYTES,
    DER_MAX = 256, /* a P-256 SubjectPublicKeyInfo has 91 */
    SHA256_BYTES = 32,
};

static const char curve[] = "prime256v1";
static const char begin_public[] = "-----BEGIN PUBLIC KEY-----";

static bool is_p256(const EVP_PKEY *key)
{
    char group[64];
    size_t len = 0;
    return EVP_PKEY_is_a(key, "EC") == 1 &&
           EVP_PKEY_get_group_name(key, group, sizeof group, &len) == 1 &&
           strcmp(group, curve) == 0;
}

static int write_public(EVP_PKEY *key, char **ret_pem, struct err *err)
{
    auto_bio *bio = BIO_new(BIO_s_mem());
    if (bio == NULL || PEM_write_bio_PUBKEY(bio, key) != 1) {
        return ossl_fail(err, ERR_INTERNAL, "write a public key as PEM");
    }
    char *pem = ossl_text(bio);
    if (pem == NULL) {
        return err_no_memory(err);
    }
    *ret_pem = pem;
    return 0;
}

static int write_private(EVP_PKEY *key, struct secret *ret_pem, struct err *err)
{
    auto_bio *bio = BIO_new(BIO_s_mem()); /* wipes its memory when freed */
    if (bio == NULL ||
        PEM_write_bio_PKCS8PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL) != 1) {
        return ossl_fail(err, ERR_INTERNAL, "write a private key as PEM");
    }
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);
    return secret_copy(ret_pem, bytes, len > 0 ? (size_t)len : 0, err);
}

int keys_generate(struct secret *ret_private_pem, char **ret_public_pem, struct err *err)
{
    auto_pkey *key = EVP_EC_gen(curve);
    if (key == NULL) {
        return ossl_fail(err, ERR_INTERNAL, "make a P-256 key");
    }
    auto_secret private_pem = {NULL, 0};
    if (write_private(key, &private_pem, err) < 0 ||
        write_public(key, ret_public_pem, err) < 0) {
        return -1;
    }
    size_t len = private_pem.len;
    secret_adopt(ret_private_pem, TAKE(private_pem.bytes), len);
    return 0;
}

int keys_public_of(const struct secret *private_pem, char **ret_public_pem, struct err *err)
{
    if (private_pem->bytes == NULL || private_pem->len == 0 || private_pem->len > PEM_MAX) {
        return err_set(err, ERR_INVALID, "read a private key: %s",
                       private_pem->len > PEM_MAX ? "it is longer than 4096 bytes"
                                                  : "it is empty");
    }
    auto_pkey *key = ossl_read_key(private_pem->bytes, private_pem->len);
    if (key == NULL) {
        return err_set(err, ERR_INVALID, "read a private key: it is no unencrypted PEM key");
    }
    if (!is_p256(key)) {
        return err_set(err, ERR_INVALID, "read a private key: it is not on the curve P-256");
    }
    return write_public(key, ret_public_pem, err);
}

/* One block, of the one kind: PEM readers skip what they do not look for, and a second block
 * would be a second meaning. */
static int check_public_text(const char *pem, size_t len, struct err *err)
{
    if (len > PEM_MAX) {
        return err_set(err, ERR_INVALID, "read a public key: it is longer than %d bytes",
                       PEM_MAX);
    }
    if (strncmp(pem, begin_public, sizeof begin_public - 1) != 0) {
        return err_set(err, ERR_INVALID, "read a public key: it must begin with \"%s\"",
                       begin_public);
    }
    if (strstr(pem + 1, "-----BEGIN") != NULL) {
        return err_set(err, ERR_INVALID, "read a public key: it holds more than one PEM block");
    }
    return 0;
}

/* @ret_point is the uncompressed point 04 || X || Y. */
static int read_point(const char *pem, size_t len, unsigned char ret_point[static POINT_BYTES],
                      struct err *err)
{
    auto_bio *bio = BIO_new_mem_buf(pem, (int)len);
    if (bio == NULL) {
        return ossl_fail(err, ERR_INTERNAL, "read a public key");
    }
    auto_pkey *key = PEM_read_bio_PUBKEY(bio, NULL, ossl_no_passphrase, NULL);
    ERR_clear_error();
    if (key == NULL) {
        return err_set(err, ERR_INVALID,
                       "read a public key: it is no PEM SubjectPublicKeyInfo");
    }
    if (!is_p256(key)) {
        return err_set(err, ERR_INVALID, "read a public key: it is not on the curve P-256");
    }
    BIGNUM *x_raw = NULL;
    BIGNUM *y_raw = NULL;
    (void)EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_X, &x_raw); /* NULL says it */
    (void)EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_EC_PUB_Y, &y_raw);
    auto_bignum *x = x_raw;
    auto_bignum *y = y_raw;
    ret_point[0] = POINT_CONVERSION_UNCOMPRESSED;
    if (x == NULL || y == NULL ||
        BN_bn2binpad(x, ret_point + 1, COORDINATE_BYTES) != COORDINATE_BYTES ||
        BN_bn2binpad(y, ret_point + 1 + COORDINATE_BYTES, COORDINATE_BYTES) !=
            COORDINATE_BYTES) {
        return ossl_fail(err, ERR_INVALID, "read a public key: its point");
    }
    return 0;
}

/* A fresh key has the one encoding, whatever the one it came from had. NULL on failure. */
static EVP_PKEY *key_of_point(unsigned char point[static POINT_BYTES])
{
    char group[sizeof curve];
    memcpy(group, curve, sizeof curve);
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, POINT_BYTES),
        OSSL_PARAM_construct_end(),
    };
    auto_pkey_ctx *ctx = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    EVP_PKEY *key = NULL;
    if (ctx == NULL || EVP_PKEY_fromdata_init(ctx) != 1 ||
        EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) != 1) {
        return NULL;
    }
    return key;
}

int keys_canonical_public(const char *public_pem, char **ret_canonical_pem,
                          char ret_thumbprint[static KEYS_SHA256_HEX_BYTES], struct err *err)
{
    size_t len = strnlen(public_pem, PEM_MAX + 1);
    unsigned char point[POINT_BYTES];
    if (check_public_text(public_pem, len, err) < 0 ||
        read_point(public_pem, len, point, err) < 0) {
        return -1;
    }
    auto_pkey *key = key_of_point(point);
    if (key == NULL) {
        return ossl_fail(err, ERR_INVALID, "read a public key: its point");
    }

    unsigned char der[DER_MAX];
    unsigned char *end = der;
    int der_len = i2d_PUBKEY(key, NULL);
    if (der_len <= 0 || der_len > DER_MAX || i2d_PUBKEY(key, &end) != der_len) {
        return ossl_fail(err, ERR_INTERNAL, "encode a public key");
    }
    char thumbprint[KEYS_SHA256_HEX_BYTES];
    if (keys_sha256_hex(der, (size_t)der_len, thumbprint, err) < 0 ||
        write_public(key, ret_canonical_pem, err) < 0) {
        return -1;
    }
    memcpy(ret_thumbprint, thumbprint, sizeof thumbprint);
    return 0;
}

int keys_sha256_hex(const void *bytes, size_t len, char ret_hex[static KEYS_SHA256_HEX_BYTES],
                    struct err *err)
{
    unsigned char digest[SHA256_BYTES];
    size_t digest_len = 0;
    if (EVP_Q_digest(NULL, "SHA256", NULL, bytes, len, digest, &digest_len) != 1 ||
        digest_len != sizeof digest) {
        return ossl_fail(err, ERR_INTERNAL, "compute SHA-256");
    }
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < sizeof digest; i++) {
        ret_hex[2 * i] = digits[digest[i] >> 4];
        ret_hex[2 * i + 1] = digits[digest[i] & 15];
    }
    ret_hex[2 * sizeof digest] = '\0';
    return 0;
}
