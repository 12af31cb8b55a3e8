/* SPDX-License-Identifier: Apache-2.0 */
/* Roles tokens as text and as stored records. All refusals of a text are worded for the
 * person who pasted it. */
#include "coordinator/auth/roles_token_text.h"

#include <string.h>

#include "common/codec/json.h"
#include "common/codec/jwt_text.h"

enum { RECORD_VERSION = 1 };

#define MAKE_ANOTHER                                                                           \
    "make another with POST /api/v1/platform/configuration/security/enrollment-tokens"

/* "exp" or "persistent", as the official tokens have it. */
static int add_lifetime(json_t *claims, const struct roles_token_grant *grant, struct err *err)
{
    if ((grant->has_expiry &&
         json_object_set_new(claims, "exp", json_integer(grant->expires_at_s)) < 0) ||
        (grant->is_persistent && json_object_set_new(claims, "persistent", json_true()) < 0)) {
        return err_no_memory(err);
    }
    return 0;
}

int roles_token_text_sign(const struct roles_token_grant *grant, const char *ca_sha256,
                          const struct secret *key, char **ret_text, struct err *err)
{
    auto_json *claims = json_pack("{s:s, s:o, s:s}", "sub", grant->id, "roles",
                                  roles_to_json(grant->roles), "iss", ROLES_TOKEN_ISSUER);
    if (claims == NULL) {
        return err_no_memory(err);
    }
    if (add_lifetime(claims, grant, err) < 0) {
        return -1;
    }
    if (json_object_set_new(claims, "ca_sha256", json_string(ca_sha256)) < 0) {
        return err_no_memory(err);
    }
    if (jwt_sign_hs256(claims, key, ret_text, err) < 0) {
        return err_wrap(err, "sign a roles token");
    }
    return 0;
}

static int read_identity(const json_t *claims, struct roles_token_grant *ret, struct err *err)
{
    const char *id = NULL;
    const char *issuer = NULL;
    if (json_need_text(claims, "", "sub", ROLES_TOKEN_ID_BYTES - 1, &id, err) < 0 ||
        json_need_text(claims, "", "iss", 64, &issuer, err) < 0) {
        return -1;
    }
    if (id[0] == '\0') {
        return err_set(err, ERR_INVALID, "sub: must not be empty");
    }
    if (strcmp(issuer, ROLES_TOKEN_ISSUER) != 0) {
        return err_set(err, ERR_INVALID, "iss: signed by a key that is not in use: \"%s\"",
                       issuer);
    }
    memcpy(ret->id, id, strlen(id) + 1);
    return 0;
}

/* A token that says neither when it ends nor that it is persistent is persistent: early ones
 * look like that. */
static int read_lifetime(const json_t *claims, struct roles_token_grant *ret, struct err *err)
{
    if (json_is_null(json_object_get(claims, "exp")) ||
        json_is_null(json_object_get(claims, "persistent"))) {
        return err_set(err, ERR_INVALID, "exp, persistent: must not be null");
    }
    if (json_object_get(claims, "nbf") != NULL) {
        return err_set(err, ERR_INVALID, "nbf: roles tokens have none");
    }
    bool is_persistent = false;
    ret->has_expiry = json_object_get(claims, "exp") != NULL;
    if (json_want_i64(claims, "", "exp", &ret->expires_at_s, err) < 0 ||
        json_want_bool(claims, "", "persistent", &is_persistent, err) < 0) {
        return -1;
    }
    ret->is_persistent = is_persistent || !ret->has_expiry;
    return 0;
}

static int read_claims(const json_t *claims, struct roles_token_grant *ret, struct err *err)
{
    const json_t *roles = json_object_get(claims, "roles");
    if (read_identity(claims, ret, err) < 0 || read_lifetime(claims, ret, err) < 0) {
        return -1;
    }
    if (!json_is_array(roles)) {
        return err_set(err, ERR_INVALID, "roles: must be an array of role names");
    }
    return roles_from_json(roles, &ret->roles, err);
}

int roles_token_text_verify(const char *text, size_t len, const struct secret *key,
                            struct roles_token_grant *ret, struct err *err)
{
    struct jwt_verified jwt = {0};
    if (jwt_verify_hs256(text, len, key, &jwt, NULL, err) < 0) {
        if (err->code == ERR_REFUSED) {
            return err_set(err, ERR_REFUSED,
                           "the roles token was not signed by this installation: it is of "
                           "another one, or its text was changed on the way. Copy it whole, "
                           "or " MAKE_ANOTHER);
        }
        return err_wrap(err, "the text is no roles token");
    }
    struct roles_token_grant grant = {0};
    int result = read_claims(jwt.claims, &grant, err);
    jwt_verified_fini(&jwt);
    if (result < 0) {
        return err_wrap(err, "the roles token cannot be used (" MAKE_ANOTHER ")");
    }
    *ret = grant;
    return 0;
}

int roles_token_record_encode(const struct roles_token_record *record, char **ret_value,
                              struct err *err)
{
    auto_json *json =
        json_pack("{s:i, s:o, s:I}", "version", RECORD_VERSION, "roles",
                  roles_to_json(record->roles), "created", (json_int_t)record->created_s);
    char *value = json != NULL ? json_compact(json) : NULL;
    if (value == NULL) {
        return err_no_memory(err);
    }
    *ret_value = value;
    return 0;
}

static int decode_fields(const json_t *json, struct roles_token_record *ret, struct err *err)
{
    uint64_t version = 0;
    const json_t *roles = json_object_get(json, "roles");
    if (json_need_u64(json, "", "version", UINT32_MAX, &version, err) < 0) {
        return -1;
    }
    if (version > RECORD_VERSION) {
        return err_set(err, ERR_FUTURE, "version %llu is newer than this program's (%d)",
                       (unsigned long long)version, RECORD_VERSION);
    }
    if (!json_is_array(roles)) {
        return err_set(err, ERR_INVALID, "roles: must be an array");
    }
    if (json_want_i64(json, "", "created", &ret->created_s, err) < 0) {
        return -1;
    }
    return roles_from_json(roles, &ret->roles, err);
}

int roles_token_record_decode(const void *value, size_t len, struct roles_token_record *ret,
                              struct err *err)
{
    auto_json *json = NULL;
    struct roles_token_record record = {0};
    if (len > ROLES_TOKEN_RECORD_MAX) {
        return err_set(err, ERR_CORRUPT, "read a roles token's record: %zu bytes, at most %d",
                       len, ROLES_TOKEN_RECORD_MAX);
    }
    if (json_parse(value, len, &json, err) < 0 || decode_fields(json, &record, err) < 0) {
        if (err->code != ERR_FUTURE && err->code != ERR_NO_MEMORY) {
            err->code = ERR_CORRUPT;
        }
        return err_wrap(err, "read a roles token's record");
    }
    *ret = record;
    return 0;
}
