/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens, over libjwt 1.10, which on its own takes the algorithm from the token, skips foreign
 * characters, accepts duplicate keys, puts a segment of any length on the stack, and verifies
 * nothing when the key is empty. So the form is checked here first, the key is checked before
 * the call and the algorithm after it, and claims are read from the bytes that were checked.
 * Knows no claim by name: times, audiences and roles are for the callers.
 */
#include "common/codec/jwt_text.h"

#include "common/codec/b64url.h"
#include "common/codec/json.h"

#include <errno.h>
#include <jwt.h>
#include <openssl/err.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    SEGMENTS = 3,
    KID_MAX = 64,
    KEY_MAX = 4096,
};

/* keys_canonical_public() writes every P-256 key with this beginning: PEM label, then the DER
 * up to the point. libjwt itself would verify with a key on any curve. */
static const char p256_begin[] =
    "-----BEGIN PUBLIC KEY-----\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE";

void jwt_unverified_fini(struct jwt_unverified *jwt)
{
    json_decref(jwt->claims);
    jwt->claims = NULL;
}

void jwt_verified_fini(struct jwt_verified *jwt)
{
    json_decref(jwt->claims);
    jwt->claims = NULL;
}

const char *jwt_rule_name(enum jwt_rule rule)
{
    switch (rule) {
#define X(constant, name)                                                                      \
    case constant:                                                                             \
        return name;
        JWT_RULES(X)
#undef X
    }
    return "unknown";
}

static const char *algorithm_name(enum jwt_algorithm algorithm)
{
    return algorithm == JWT_HS256 ? "HS256" : "ES256";
}

static jwt_alg_t algorithm_of_libjwt(enum jwt_algorithm algorithm)
{
    return algorithm == JWT_HS256 ? JWT_ALG_HS256 : JWT_ALG_ES256;
}

/* What the check of form fills. */
struct form {
    enum jwt_rule rule; /* the one that failed */
    json_t *claims;     /* owned */
};

static int PRINTF_LIKE(4, 5)
    refuse(struct form *form, enum jwt_rule rule, struct err *err, const char *format, ...)
{
    char reason[384]; /* first, because the arguments may stand in @err */
    va_list args;
    va_start(args, format);
    (void)vsnprintf(reason, sizeof reason, format, args); /* cut is fine */
    va_end(args);
    form->rule = rule;
    return err_set(err, ERR_INVALID, "%s", reason);
}

static bool is_token_character(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '-' || c == '_' || c == '.';
}

static int check_characters(struct form *form, const char *text, size_t len, struct err *err)
{
    if (text == NULL || len == 0) {
        return refuse(form, JWT_RULE_EMPTY, err, "it is empty");
    }
    if (len > JWT_TEXT_MAX) {
        return refuse(form, JWT_RULE_TOO_LONG, err, "it is longer than %d bytes: %zu",
                      JWT_TEXT_MAX, len);
    }
    for (size_t i = 0; i < len; i++) {
        unsigned char c = (unsigned char)text[i];
        if (is_token_character(text[i])) {
            continue;
        }
        if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
            return refuse(form, JWT_RULE_CHARACTERS, err,
                          "there is a blank or line break in it at character %zu", i + 1);
        }
        if (c == '"' || c == '\'') {
            return refuse(form, JWT_RULE_CHARACTERS, err,
                          "there is a quote in it at character %zu", i + 1);
        }
        return refuse(form, JWT_RULE_CHARACTERS, err,
                      "character %zu cannot stand in a token: byte 0x%02x", i + 1, (unsigned)c);
    }
    return 0;
}

struct segment {
    const char *text; /* borrowed from the token */
    size_t len;
};

static int split(struct form *form, const char *text, size_t len,
                 struct segment ret[static SEGMENTS], struct err *err)
{
    size_t n = 0;
    bool has_empty = false;
    for (size_t start = 0; start <= len; n++) {
        const char *dot = memchr(text + start, '.', len - start);
        size_t stop = dot ? (size_t)(dot - text) : len;
        has_empty = has_empty || stop == start;
        if (n < SEGMENTS) {
            ret[n] = (struct segment){text + start, stop - start};
        }
        start = stop + 1;
    }
    if (n == SEGMENTS && !has_empty) {
        return 0;
    }
    return refuse(form, JWT_RULE_SEGMENTS, err,
                  "it must be three parts joined by dots, none of them empty");
}

static int decode(struct form *form, const char *what, const struct segment *segment,
                  struct buf *ret, struct err *err)
{
    buf_clear(ret);
    if (b64url_decode(segment->text, segment->len, ret, err) < 0) {
        return err->code == ERR_NO_MEMORY
                   ? -1
                   : refuse(form, JWT_RULE_ENCODING, err,
                            "its %s is not canonical base64url: %s", what, err->message);
    }
    return 0;
}

static int decode_object(struct form *form, enum jwt_rule rule, const struct segment *segment,
                         json_t **ret, struct err *err)
{
    const char *what = jwt_rule_name(rule);
    auto_buf bytes = BUF_INIT(JWT_TEXT_MAX);
    auto_json *json = NULL;
    if (decode(form, what, segment, &bytes, err) < 0) {
        return -1;
    }
    if (json_parse(buf_text(&bytes), bytes.len, &json, err) < 0) {
        return err->code == ERR_NO_MEMORY
                   ? -1
                   : refuse(form, rule, err, "its %s is not one JSON object: %s", what,
                            err->message);
    }
    if (!json_is_object(json)) {
        return refuse(form, rule, err, "its %s is not one JSON object: it is an array", what);
    }
    *ret = TAKE(json);
    return 0;
}

/* Parameters that would have us fetch keys, take keys from the token, or understand extensions.
 */
static int check_header_parameters(struct form *form, const json_t *header, struct err *err)
{
    static const char *const forbidden[] = {"crit", "jku", "jwk", "x5u", "x5c"};
    for (size_t i = 0; i < ARRAY_LEN(forbidden); i++) {
        if (json_object_get(header, forbidden[i]) != NULL) {
            return refuse(form, JWT_RULE_HEADER, err, "its header must not have \"%s\"",
                          forbidden[i]);
        }
    }
    const json_t *kid = json_object_get(header, "kid");
    if (kid != NULL && (!json_is_string(kid) || json_string_length(kid) > KID_MAX)) {
        return refuse(form, JWT_RULE_HEADER, err,
                      "its header's \"kid\" must be a text of at most %d bytes", KID_MAX);
    }
    return 0;
}

static bool is_text(const json_t *value, const char *text)
{
    const char *given = json_string_value(value);
    return given != NULL && strcmp(given, text) == 0;
}

static int check_header(struct form *form, const json_t *header, enum jwt_algorithm expected,
                        struct err *err)
{
    if (check_header_parameters(form, header, err) < 0) {
        return -1;
    }
    const json_t *type = json_object_get(header, "typ");
    if (type != NULL && !is_text(type, "JWT")) {
        return refuse(form, JWT_RULE_TYPE, err, "its type (\"typ\") must be absent or \"JWT\"");
    }
    if (!is_text(json_object_get(header, "alg"), algorithm_name(expected))) {
        return refuse(form, JWT_RULE_ALGORITHM, err, "its algorithm (\"alg\") must be \"%s\"",
                      algorithm_name(expected));
    }
    return 0;
}

/* On success @form->claims is set; on failure @form->rule, unless it was for lack of memory. */
static int check_form(struct form *form, const char *text, size_t len,
                      enum jwt_algorithm expected, struct err *err)
{
    struct segment segments[SEGMENTS] = {{NULL, 0}};
    auto_json *header = NULL;
    auto_json *claims = NULL;
    auto_buf signature = BUF_INIT(JWT_TEXT_MAX);
    if (check_characters(form, text, len, err) < 0 ||
        split(form, text, len, segments, err) < 0 ||
        decode(form, "signature", &segments[2], &signature, err) < 0 ||
        decode_object(form, JWT_RULE_HEADER, &segments[0], &header, err) < 0 ||
        check_header(form, header, expected, err) < 0 ||
        decode_object(form, JWT_RULE_PAYLOAD, &segments[1], &claims, err) < 0) {
        return -1;
    }
    form->claims = TAKE(claims);
    return 0;
}

static void tell_rule(enum jwt_rule *ret_rule, enum jwt_rule rule)
{
    if (ret_rule != NULL) {
        *ret_rule = rule;
    }
}

int jwt_peek(const char *text, size_t len, enum jwt_algorithm expected,
             struct jwt_unverified *ret, enum jwt_rule *ret_rule, struct err *err)
{
    struct form form = {JWT_RULE_OK, NULL};
    int result = check_form(&form, text, len, expected, err);
    tell_rule(ret_rule, form.rule);
    if (result == 0) {
        ret->claims = form.claims;
    }
    return result;
}

struct verifier {
    enum jwt_algorithm algorithm;
    const char *key; /* borrowed */
    size_t key_len;  /* 1..KEY_MAX: libjwt verifies nothing with 0 */
};

/* The signature of a text whose form was checked. */
static int verify_signature(const char *text, size_t len, const struct verifier *verifier,
                            struct form *form, struct err *err)
{
    auto_secret copy = {NULL, 0}; /* terminated, as libjwt needs it, and wiped */
    if (secret_copy(&copy, text, len, err) < 0) {
        return -1;
    }
    jwt_t *jwt = NULL;
    int rc = jwt_decode(&jwt, copy.bytes, (const unsigned char *)verifier->key,
                        (int)verifier->key_len);
    /* Whatever made libjwt skip the verification left "none" here. */
    bool is_verified =
        rc == 0 && jwt != NULL && jwt_get_alg(jwt) == algorithm_of_libjwt(verifier->algorithm);
    jwt_free(jwt);
    ERR_clear_error();
    if (rc == ENOMEM) {
        return err_no_memory(err);
    }
    if (!is_verified) {
        form->rule = JWT_RULE_SIGNATURE;
        return err_set(err, ERR_REFUSED, "verify the token: its signature is wrong");
    }
    return 0;
}

static int verify(const char *text, size_t len, const struct verifier *verifier,
                  struct jwt_verified *ret, enum jwt_rule *ret_rule, struct err *err)
{
    struct form form = {JWT_RULE_OK, NULL};
    int result = check_form(&form, text, len, verifier->algorithm, err);
    if (result == 0) {
        result = verify_signature(text, len, verifier, &form, err);
    }
    tell_rule(ret_rule, form.rule);
    if (result < 0) {
        json_decref(form.claims);
        return -1;
    }
    ret->claims = form.claims;
    return 0;
}

static int check_hs256_key(const struct secret *key, struct err *err)
{
    if (key->bytes == NULL || key->len < JWT_HS256_KEY_MIN || key->len > KEY_MAX) {
        return err_set(err, ERR_INTERNAL, "use a token key: it must have %d to %d bytes: %zu",
                       JWT_HS256_KEY_MIN, KEY_MAX, key->len);
    }
    return 0;
}

int jwt_verify_hs256(const char *text, size_t len, const struct secret *key,
                     struct jwt_verified *ret, enum jwt_rule *ret_rule, struct err *err)
{
    if (check_hs256_key(key, err) < 0) {
        return -1;
    }
    struct verifier verifier = {JWT_HS256, key->bytes, key->len};
    return verify(text, len, &verifier, ret, ret_rule, err);
}

int jwt_verify_es256(const char *text, size_t len, const char *public_pem,
                     struct jwt_verified *ret, enum jwt_rule *ret_rule, struct err *err)
{
    size_t key_len = public_pem ? strnlen(public_pem, KEY_MAX + 1) : 0;
    if (key_len > KEY_MAX || key_len < sizeof p256_begin ||
        memcmp(public_pem, p256_begin, sizeof p256_begin - 1) != 0) {
        return err_set(err, ERR_INTERNAL,
                       "use a host key: it is no canonical public key on P-256");
    }
    struct verifier verifier = {JWT_ES256, public_pem, key_len};
    return verify(text, len, &verifier, ret, ret_rule, err);
}

static int sign(const json_t *claims, enum jwt_algorithm algorithm, const struct secret *key,
                char **ret, struct err *err)
{
    char *claims_text = json_is_object(claims) ? json_compact(claims) : NULL;
    jwt_t *jwt = NULL;
    int rc = claims_text == NULL ? EINVAL : jwt_new(&jwt);
    if (rc == 0) {
        rc = jwt_add_grants_json(jwt, claims_text);
    }
    secret_free_text(claims_text);
    if (rc == 0) {
        rc = jwt_set_alg(jwt, algorithm_of_libjwt(algorithm), (const unsigned char *)key->bytes,
                         (int)key->len);
    }
    char *text = NULL;
    if (rc == 0) {
        errno = 0;
        text = jwt_encode_str(jwt);
        rc = text == NULL ? (errno != 0 ? errno : EINVAL) : 0;
    }
    jwt_free(jwt); /* wipes its copy of the key */
    ERR_clear_error();
    if (text == NULL) {
        return rc == ENOMEM
                   ? err_no_memory(err)
                   : err_set(err, ERR_INTERNAL,
                             "sign a token: libjwt refused claims or key: %s", strerror(rc));
    }
    if (strlen(text) > JWT_TEXT_MAX) {
        size_t len = strlen(text);
        secret_free_text(text);
        return err_set(err, ERR_TOO_LARGE, "sign a token: longer than %d bytes: %zu",
                       JWT_TEXT_MAX, len);
    }
    *ret = text;
    return 0;
}

int jwt_sign_hs256(const json_t *claims, const struct secret *key, char **ret, struct err *err)
{
    if (check_hs256_key(key, err) < 0) {
        return -1;
    }
    return sign(claims, JWT_HS256, key, ret, err);
}

int jwt_sign_es256(const json_t *claims, const struct secret *private_pem, char **ret,
                   struct err *err)
{
    /* With an encrypted key OpenSSL, under libjwt, would ask for the pass phrase on the
     * terminal and wait. */
    if (private_pem->bytes == NULL || private_pem->len == 0 || private_pem->len > KEY_MAX ||
        memmem(private_pem->bytes, private_pem->len, "ENCRYPTED", 9) != NULL) {
        return err_set(err, ERR_INTERNAL, "sign a token: the key is no unencrypted PEM key");
    }
    return sign(claims, JWT_ES256, private_pem, ret, err);
}
