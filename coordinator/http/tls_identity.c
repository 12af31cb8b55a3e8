/* SPDX-License-Identifier: Apache-2.0 */
/* Certificates for handshakes. The operator's own files end here too, so the messages say what
 * to do about them. */
#include "coordinator/http/tls_identity.h"

#include <gnutls/x509.h>
#include <string.h>

enum {
    CHAIN_MAX = 16,
    KEY_ID_BYTES = 64,
};

struct tls_identity {
    unsigned holders;
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned chain_len;
    gnutls_privkey_t key; /* owned */
};

struct tls_identity *tls_identity_ref(struct tls_identity *identity)
{
    identity->holders++;
    return identity;
}

void tls_identity_unref(struct tls_identity *identity)
{
    if (identity == NULL || --identity->holders > 0) {
        return;
    }
    for (unsigned i = 0; i < identity->chain_len; i++) {
        gnutls_pcert_deinit(&identity->chain[i]);
    }
    gnutls_privkey_deinit(identity->key);
    free(identity);
}

static void cleanup_identity(struct tls_identity **identity)
{
    tls_identity_unref(*identity);
}

/* GnuTLS only reads what a datum points to. */
static gnutls_datum_t datum(const char *text, size_t len)
{
    union {
        const char *in;
        unsigned char *out;
    } bytes = {.in = text};

    return (gnutls_datum_t){.data = bytes.out, .size = (unsigned)len};
}

static int import_chain(struct tls_identity *identity, const char *pem, struct err *err)
{
    gnutls_x509_crt_t *certificates = NULL;
    unsigned count = 0;
    gnutls_datum_t text = datum(pem, strlen(pem));
    int status = gnutls_x509_crt_list_import2(&certificates, &count, &text, GNUTLS_X509_FMT_PEM,
                                              GNUTLS_X509_CRT_LIST_SORT);
    if (status < 0) {
        return err_set(err, ERR_CONFIG,
                       "read the server's certificate: it must be a PEM chain that starts with "
                       "the server's own and goes up from there: %s",
                       gnutls_strerror(status));
    }
    if (count > CHAIN_MAX) {
        status = GNUTLS_E_X509_UNSUPPORTED_ATTRIBUTE;
    } else {
        unsigned len = count;
        status = gnutls_pcert_import_x509_list(identity->chain, certificates, &len, 0);
        identity->chain_len = status < 0 ? 0 : len;
    }
    for (unsigned i = 0; i < count; i++) {
        gnutls_x509_crt_deinit(certificates[i]);
    }
    gnutls_free(certificates);
    if (status < 0) {
        return err_set(
            err, ERR_CONFIG,
            "read the server's certificate: %u certificates, at most %d are taken: %s", count,
            CHAIN_MAX, gnutls_strerror(status));
    }
    return 0;
}

static int import_key(struct tls_identity *identity, const struct secret *pem, struct err *err)
{
    gnutls_datum_t text = datum(pem->bytes, pem->len);
    int status =
        gnutls_privkey_import_x509_raw(identity->key, &text, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (status < 0) {
        return err_set(err, ERR_CONFIG,
                       "read the key of the server's certificate: it must be PEM and not "
                       "encrypted: %s",
                       gnutls_strerror(status));
    }
    return 0;
}

/* The two halves must belong together, else every handshake fails and no client can say why. */
static int check_pair(const struct tls_identity *identity, struct err *err)
{
    unsigned char ids[2][KEY_ID_BYTES];
    size_t lens[2] = {KEY_ID_BYTES, KEY_ID_BYTES};
    gnutls_pubkey_t public_half = NULL;
    int status = gnutls_pubkey_init(&public_half);
    if (status >= 0) {
        status = gnutls_pubkey_import_privkey(public_half, identity->key, 0, 0);
    }
    if (status >= 0) {
        status =
            gnutls_pubkey_get_key_id(public_half, GNUTLS_KEYID_USE_SHA256, ids[0], &lens[0]);
    }
    if (status >= 0) {
        status = gnutls_pubkey_get_key_id(identity->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256,
                                          ids[1], &lens[1]);
    }
    gnutls_pubkey_deinit(public_half);
    if (status < 0) {
        return err_set(err, ERR_CONFIG, "compare the server's certificate with its key: %s",
                       gnutls_strerror(status));
    }
    if (lens[0] != lens[1] || memcmp(ids[0], ids[1], lens[0]) != 0) {
        return err_set(err, ERR_CONFIG,
                       "compare the server's certificate with its key: the key belongs to "
                       "another certificate: give the two that were made together");
    }
    return 0;
}

int tls_identity_new(struct tls_identity **ret, const struct http_identity *pems,
                     struct err *err)
{
    CLEANUP(cleanup_identity) struct tls_identity *identity = calloc(1, sizeof(*identity));
    if (identity == NULL) {
        return err_no_memory(err);
    }
    identity->holders = 1;
    int status = gnutls_privkey_init(&identity->key);
    if (status < 0) {
        return err_set(err, ERR_NO_MEMORY, "prepare TLS: %s", gnutls_strerror(status));
    }
    if (import_chain(identity, pems->cert_pem, err) < 0 ||
        import_key(identity, pems->key_pem, err) < 0 || check_pair(identity, err) < 0) {
        return -1;
    }
    *ret = TAKE(identity);
    return 0;
}

void tls_identity_present(const struct tls_identity *identity, gnutls_pcert_st **ret_chain,
                          unsigned *ret_len, gnutls_privkey_t *ret_key)
{
    union {
        const gnutls_pcert_st *in;
        gnutls_pcert_st *out;
    } chain = {.in = identity->chain};

    *ret_chain = chain.out; /* GnuTLS does not change it */
    *ret_len = identity->chain_len;
    *ret_key = identity->key;
}
