/* SPDX-License-Identifier: Apache-2.0 */
/* The installation as one value: made, encoded, decoded. Knows neither the store nor the
 * state directory. */
#include "coordinator/installation/installation_record.h"

#include <stdlib.h>
#include <string.h>

#include "common/codec/b64url.h"
#include "common/codec/json.h"

enum {
    VERSION = 1,
    CA_DAYS = 3653, /* 10 years */
    TOKEN_KEY_MAX = 128,
    TOKEN_KEY_TEXT_MAX = 2 * TOKEN_KEY_MAX,
    RECORD_MAX = 4 * X509_PEM_MAX,
};

void installation_free(struct installation *installation)
{
    if (installation == NULL) {
        return;
    }
    free(installation->ca_cert_pem);
    secret_fini(&installation->ca_key_pem);
    secret_fini(&installation->roles_token_key);
    secret_fini(&installation->access_token_key);
    free(installation);
}

/* What follows from id and certificate. */
static int derive(struct installation *installation, struct err *err)
{
    if (x509_read_ca(installation->ca_cert_pem, strlen(installation->ca_cert_pem),
                     &installation->ca, err) < 0) {
        return -1;
    }
    if (strcmp(installation->ca.installation_id, installation->id) != 0) {
        return err_set(err, ERR_INVALID,
                       "the CA certificate is of another installation: \"%s\"",
                       installation->ca.installation_id);
    }
    x509_server_name(installation->id, installation->internal_name);
    return 0;
}

static int make_token_key(const struct rng *rng, struct secret *ret, struct err *err)
{
    unsigned char bytes[INSTALLATION_TOKEN_KEY_BYTES];
    rng_fill(rng, bytes, sizeof(bytes));
    int result = secret_copy(ret, bytes, sizeof(bytes), err);
    explicit_bzero(bytes, sizeof(bytes));
    return result;
}

int installation_make(struct installation **ret, const struct clock *clock,
                      const struct rng *rng, struct err *err)
{
    struct installation *made = calloc(1, sizeof(*made));
    if (made == NULL) {
        return err_no_memory(err);
    }
    rng_uuid(rng, made->id);
    if (x509_make_ca(made->id, clock_wall_s(clock), CA_DAYS, &made->ca_cert_pem,
                     &made->ca_key_pem, err) < 0 ||
        make_token_key(rng, &made->roles_token_key, err) < 0 ||
        make_token_key(rng, &made->access_token_key, err) < 0 || derive(made, err) < 0) {
        installation_free(made);
        return err_wrap(err, "make the installation");
    }
    *ret = made;
    return 0;
}

static int encode_fields(const struct installation *installation, const char *roles_key,
                         const char *access_key, char **ret_value, struct err *err)
{
    auto_json *json = json_pack("{s:i, s:s, s:s, s:s, s:s, s:s}", "version", VERSION, "id",
                                installation->id, "ca_certificate", installation->ca_cert_pem,
                                "ca_key", installation->ca_key_pem.bytes, "roles_token_key",
                                roles_key, "access_token_key", access_key);
    char *value = json != NULL ? json_compact(json) : NULL;
    if (value == NULL) {
        return err_no_memory(err);
    }
    *ret_value = value;
    return 0;
}

int installation_encode(const struct installation *installation, char **ret_value,
                        struct err *err)
{
    struct buf roles_key = BUF_INIT(TOKEN_KEY_TEXT_MAX);
    struct buf access_key = BUF_INIT(TOKEN_KEY_TEXT_MAX);
    int result = -1;
    if (b64url_encode(installation->roles_token_key.bytes, installation->roles_token_key.len,
                      &roles_key, err) == 0 &&
        b64url_encode(installation->access_token_key.bytes, installation->access_token_key.len,
                      &access_key, err) == 0) {
        result = encode_fields(installation, buf_text(&roles_key), buf_text(&access_key),
                               ret_value, err);
    }
    buf_wipe(&roles_key);
    buf_wipe(&access_key);
    buf_fini(&roles_key);
    buf_fini(&access_key);
    return result;
}

static int decode_token_key(const json_t *json, const char *name, struct secret *ret,
                            struct err *err)
{
    const char *text = NULL;
    if (json_need_text(json, "", name, TOKEN_KEY_TEXT_MAX, &text, err) < 0) {
        return -1;
    }
    struct buf bytes = BUF_INIT(TOKEN_KEY_MAX);
    int result = b64url_decode(text, strlen(text), &bytes, err);
    if (result == 0 && bytes.len < INSTALLATION_TOKEN_KEY_BYTES) {
        result = err_set(err, ERR_INVALID, "%s: shorter than %d bytes", name,
                         INSTALLATION_TOKEN_KEY_BYTES);
    }
    if (result == 0) {
        result = secret_copy(ret, bytes.bytes, bytes.len, err);
    }
    buf_wipe(&bytes);
    buf_fini(&bytes);
    return result;
}

static int decode_fields(const json_t *json, struct installation *ret, struct err *err)
{
    uint64_t version = 0;
    const char *id = NULL;
    const char *cert = NULL;
    const char *key = NULL;
    if (json_need_u64(json, "", "version", UINT32_MAX, &version, err) < 0) {
        return -1;
    }
    if (version > VERSION) {
        return err_set(err, ERR_FUTURE, "version %llu is newer than this program's (%d)",
                       (unsigned long long)version, VERSION);
    }
    if (json_need_text(json, "", "id", INSTALLATION_ID_BYTES - 1, &id, err) < 0 ||
        json_need_text(json, "", "ca_certificate", X509_PEM_MAX, &cert, err) < 0 ||
        json_need_text(json, "", "ca_key", X509_PEM_MAX, &key, err) < 0 ||
        decode_token_key(json, "roles_token_key", &ret->roles_token_key, err) < 0 ||
        decode_token_key(json, "access_token_key", &ret->access_token_key, err) < 0 ||
        secret_copy(&ret->ca_key_pem, key, strlen(key), err) < 0) {
        return -1;
    }
    memcpy(ret->id, id, strlen(id) + 1);
    if ((ret->ca_cert_pem = strdup(cert)) == NULL) {
        return err_no_memory(err);
    }
    return derive(ret, err);
}

int installation_decode(const void *value, size_t len, struct installation **ret,
                        struct err *err)
{
    auto_json *json = NULL;
    struct installation *read = calloc(1, sizeof(*read));
    if (read == NULL) {
        return err_no_memory(err);
    }
    int result = len <= RECORD_MAX
                     ? json_parse(value, len, &json, err)
                     : err_set(err, ERR_CORRUPT, "%zu bytes, at most %d", len, RECORD_MAX);
    if (result == 0) {
        result = decode_fields(json, read, err);
    }
    if (result < 0) {
        installation_free(read);
        if (err->code != ERR_FUTURE && err->code != ERR_NO_MEMORY) {
            err->code = ERR_CORRUPT;
        }
        return err_wrap(err, "read the installation's record");
    }
    *ret = read;
    return 0;
}
