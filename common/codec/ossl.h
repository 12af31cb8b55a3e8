/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every file that calls OpenSSL needs: scoped ownership of its objects, its error queue as
 * a struct err, and PEM that never asks for a pass phrase.
 */
#ifndef CODEC_OSSL_H
#define CODEC_OSSL_H

#include "common/base/compiler.h"
#include "common/base/err.h"

#include <limits.h>
#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>

static inline void ossl_cleanup_bio(BIO **at)
{
    BIO_free_all(*at);
}

static inline void ossl_cleanup_bignum(BIGNUM **at)
{
    BN_clear_free(*at);
}

static inline void ossl_cleanup_pkey(EVP_PKEY **at)
{
    EVP_PKEY_free(*at);
}

static inline void ossl_cleanup_pkey_ctx(EVP_PKEY_CTX **at)
{
    EVP_PKEY_CTX_free(*at);
}

static inline void ossl_cleanup_x509(X509 **at)
{
    X509_free(*at);
}

#define auto_bio CLEANUP(ossl_cleanup_bio) BIO
#define auto_bignum CLEANUP(ossl_cleanup_bignum) BIGNUM
#define auto_pkey CLEANUP(ossl_cleanup_pkey) EVP_PKEY
#define auto_pkey_ctx CLEANUP(ossl_cleanup_pkey_ctx) EVP_PKEY_CTX
#define auto_x509 CLEANUP(ossl_cleanup_x509) X509

/** Fill @err with OpenSSL's last reason and leave its queue empty: a later caller must not find
 * our errors. Returns -1. */
static inline int ossl_fail(struct err *err, enum err_code code, const char *doing)
{
    const char *reason = ERR_reason_error_string(ERR_peek_last_error());
    ERR_clear_error();
    return err_set(err, code, "%s: OpenSSL: %s", doing, reason ? reason : "no reason given");
}

/** A pem_password_cb that has none: without it OpenSSL asks on the terminal and waits. */
static inline int ossl_no_passphrase(char *buf, int size, int rwflag, void *userdata)
{
    (void)buf;
    (void)size;
    (void)rwflag;
    (void)userdata;
    return -1;
}

/** The content of a memory BIO as a malloc'd text; NULL when it is empty or memory is out. */
static inline char *ossl_text(BIO *bio)
{
    char *bytes = NULL;
    long len = BIO_get_mem_data(bio, &bytes);
    return len > 0 ? strndup(bytes, (size_t)len) : NULL;
}

/** The private key of an unencrypted PEM text; NULL when it is none. Leaves the queue empty:
 * the decoders that OpenSSL tries in turn leave entries behind even when one of them succeeds.
 */
static inline EVP_PKEY *ossl_read_key(const char *pem, size_t len)
{
    auto_bio *bio = pem != NULL && len <= INT_MAX ? BIO_new_mem_buf(pem, (int)len) : NULL;
    EVP_PKEY *key =
        bio != NULL ? PEM_read_bio_PrivateKey(bio, NULL, ossl_no_passphrase, NULL) : NULL;
    ERR_clear_error();
    return key;
}

#endif
