/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading a roles token and checking what a host can check. The text lives in `struct secret`
 * and nowhere else; messages carry rule names, roles and times, never a part of the token.
 */
#include "agent/join/roles_token.h"

#include "common/base/clock.h"
#include "common/base/fs.h"
#include "common/codec/json.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

enum {
    TOKEN_FILE_MAX = 16 * 1024,
    TOKEN_ROLES_MAX = 16,
    EXPIRY_GRACE_S = 3600, /* our own clock may be the one that is wrong */
};

/* Roles of a later version are no reason to refuse a token: they are left out. */
static int read_roles(const json_t *claims, roles_t *ret, struct err *err)
{
    json_t *array = json_object_get(claims, "roles");
    if (!json_is_array(array) || json_array_size(array) > TOKEN_ROLES_MAX) {
        return err_set(err, ERR_INVALID, "claim roles must be an array of at most %d texts",
                       TOKEN_ROLES_MAX);
    }
    roles_t roles = ROLES_NONE;
    for (size_t i = 0; i < json_array_size(array); i++) {
        const char *name = json_string_value(json_array_get(array, i));
        if (name == NULL) {
            return err_set(err, ERR_INVALID, "claim roles[%zu] must be a text", i);
        }
        roles_t role = ROLES_NONE;
        struct err ignored = {0};
        if (roles_parse_list(name, &role, &ignored) == 0) {
            roles |= role;
        }
    }
    *ret = roles;
    return 0;
}

static int read_ca_sha256(const json_t *claims, struct roles_token_hints *hints,
                          struct err *err)
{
    const char *pin = NULL;
    if (json_want_text(claims, "claim", "ca_sha256", KEYS_SHA256_HEX_BYTES - 1, &pin, err) <
        0) {
        return -1;
    }
    if (pin == NULL) {
        return 0;
    }
    if (strlen(pin) != KEYS_SHA256_HEX_BYTES - 1 ||
        strspn(pin, "0123456789abcdef") != strlen(pin)) {
        return err_set(err, ERR_INVALID,
                       "claim ca_sha256 must be 64 lower-case hexadecimal digits");
    }
    (void)snprintf(hints->ca_sha256, sizeof hints->ca_sha256, "%s", pin);
    return 0;
}

static int read_expiry(const json_t *claims, struct roles_token_hints *hints, struct err *err)
{
    bool is_persistent = false;
    uint64_t expires_at = 0;
    if (json_want_bool(claims, "claim", "persistent", &is_persistent, err) < 0) {
        return -1;
    }
    hints->has_expiry = json_object_get(claims, "exp") != NULL;
    if (hints->has_expiry &&
        json_need_u64(claims, "claim", "exp", INT64_MAX, &expires_at, err) < 0) {
        return -1;
    }
    hints->expires_at_s = (int64_t)expires_at;
    hints->is_persistent = is_persistent || !hints->has_expiry;
    return 0;
}

static int read_hints(const json_t *claims, struct roles_token_hints *ret, struct err *err)
{
    struct roles_token_hints hints = {0};
    const char *id = NULL;
    const char *issuer = NULL;
    if (json_need_text(claims, "claim", "sub", sizeof hints.id - 1, &id, err) < 0 ||
        json_need_text(claims, "claim", "iss", sizeof hints.issuer - 1, &issuer, err) < 0 ||
        read_roles(claims, &hints.roles, err) < 0 || read_expiry(claims, &hints, err) < 0 ||
        read_ca_sha256(claims, &hints, err) < 0) {
        return -1;
    }
    (void)snprintf(hints.id, sizeof hints.id, "%s", id);
    (void)snprintf(hints.issuer, sizeof hints.issuer, "%s", issuer);
    *ret = hints;
    return 0;
}

/* The commonest mistakes of copy and paste get a hint of their own. */
static const char *paste_hint(const char *text, size_t len, enum jwt_rule rule)
{
    if (rule == JWT_RULE_EMPTY) {
        return " (is the shell variable or file empty?)";
    }
    if (rule == JWT_RULE_SEGMENTS || rule == JWT_RULE_ENCODING) {
        return " (was it cut when it was copied?)";
    }
    if (rule != JWT_RULE_CHARACTERS || len == 0) {
        return "";
    }
    unsigned char first = (unsigned char)text[0];
    unsigned char last = (unsigned char)text[len - 1];
    if (first == '"' || first == '\'' || last == '"' || last == '\'' || first >= 0x80) {
        return " (remove the quotes around it)";
    }
    if (isspace(first) || isspace(last)) {
        return " (remove the blanks around it)";
    }
    bool has_blank = memchr(text, ' ', len) != NULL || memchr(text, '\n', len) != NULL;
    return has_blank ? " (copy it as one word)" : "";
}

int roles_token_parse(const char *text, size_t len, struct roles_token *ret, struct err *err)
{
    struct jwt_unverified jwt = {0};
    enum jwt_rule rule = JWT_RULE_OK;
    if (jwt_peek(text, len, JWT_HS256, &jwt, &rule, err) < 0) {
        struct err inner = *err;
        return err_set(err, inner.code, "[%s] the roles token is not usable: %s%s",
                       jwt_rule_name(rule), inner.message, paste_hint(text, len, rule));
    }
    struct roles_token token = {0};
    int rc = read_hints(jwt.claims, &token.hints, err);
    jwt_unverified_fini(&jwt);
    if (rc < 0) {
        err->code = ERR_INVALID;
        return err_wrap(err, "[claims] the roles token is not usable");
    }
    if (secret_copy(&token.text, text, len, err) < 0) {
        return -1;
    }
    *ret = token;
    return 0;
}

int roles_token_permits(const struct roles_token_hints *hints, roles_t wanted, int64_t now_s,
                        char *ret_warning, size_t warning_size, struct err *err)
{
    ret_warning[0] = '\0';
    roles_t missing = wanted & ~hints->roles;
    if (missing != ROLES_NONE) {
        char missing_text[ROLES_TEXT_BYTES];
        char permitted_text[ROLES_TEXT_BYTES];
        roles_format(missing, missing_text);
        roles_format(hints->roles, permitted_text);
        return err_set(err, ERR_REFUSED,
                       "[roles] the roles token does not permit %s; it permits: %s. Ask for "
                       "fewer roles or make "
                       "a token with these",
                       missing_text, permitted_text[0] != '\0' ? permitted_text : "none");
    }
    if (hints->has_expiry && now_s >= hints->expires_at_s) {
        char when[25];
        clock_format_utc(hints->expires_at_s * 1000, when);
        if (now_s - hints->expires_at_s > EXPIRY_GRACE_S) {
            return err_set(
                err, ERR_REFUSED,
                "[expiry] the roles token expired at %s by this host's clock; make a new one",
                when);
        }
        (void)snprintf(
            ret_warning, warning_size,
            "the roles token expired at %s by this host's clock; the coordinator decides",
            when);
    }
    return 0;
}

/* A file's text without the newlines at its end: an editor puts one there. */
static int read_file(const char *path, struct roles_token *ret, struct err *err)
{
    auto_buf text = BUF_INIT(TOKEN_FILE_MAX);
    if (fs_read(path, &text, err) < 0) {
        return err_wrap(err, "read the roles token");
    }
    size_t len = text.len;
    while (len > 0 && (text.bytes[len - 1] == '\n' || text.bytes[len - 1] == '\r')) {
        len--;
    }
    int rc = roles_token_parse(buf_text(&text), len, ret, err);
    buf_wipe(&text);
    return rc;
}

/* The unit names a credential that is gone once the host has joined, and gives an empty line in
 * its place: that is not an error. */
static int read_credential(const char *dir, enum roles_token_found *ret_found,
                           struct roles_token *ret, struct err *err)
{
    auto_free char *path = fs_join(dir, "roles-token");
    if (path == NULL) {
        return err_no_memory(err);
    }
    struct stat stat;
    if (fstatat(AT_FDCWD, path, &stat, 0) < 0 || stat.st_size <= 1) {
        *ret_found = ROLES_TOKEN_ABSENT;
        return 0;
    }
    if (read_file(path, ret, err) < 0) {
        return err_wrap(err, "the systemd credential roles-token");
    }
    *ret_found = ROLES_TOKEN_FOUND;
    return 0;
}

int roles_token_read(const struct roles_token_source *source, enum roles_token_found *ret_found,
                     struct roles_token *ret, const char **ret_origin, struct err *err)
{
    if (source->inline_text.bytes != NULL) {
        if (roles_token_parse(source->inline_text.bytes, source->inline_text.len, ret, err) <
            0) {
            return -1;
        }
        *ret_origin = "the command line";
        *ret_found = ROLES_TOKEN_FOUND;
        return 0;
    }
    if (source->file != NULL) {
        *ret_origin = source->file;
        *ret_found = ROLES_TOKEN_FOUND;
        return read_file(source->file, ret, err);
    }
    if (source->credential_dir != NULL) {
        enum roles_token_found found = ROLES_TOKEN_ABSENT;
        if (read_credential(source->credential_dir, &found, ret, err) < 0) {
            return -1;
        }
        if (found == ROLES_TOKEN_FOUND) {
            *ret_origin = "the systemd credential roles-token";
            *ret_found = found;
            return 0;
        }
    }
    if (source->configured_file != NULL) {
        *ret_origin = source->configured_file;
        *ret_found = ROLES_TOKEN_FOUND;
        return read_file(source->configured_file, ret, err);
    }
    *ret_found = ROLES_TOKEN_ABSENT;
    return 0;
}

void roles_token_source_forget(struct roles_token_source *source)
{
    secret_fini(&source->inline_text);
}

void roles_token_fini(struct roles_token *token)
{
    secret_fini(&token->text);
    *token = (struct roles_token){0};
}
