/* SPDX-License-Identifier: Apache-2.0 */
/* Basic credentials. EVP_DecodeBlock is lenient (blanks, spare bits, padding counted as
 * bytes), so that what it gives is encoded again and must be the same text. */
#include "coordinator/auth/basic_credentials.h"

#include <string.h>

#include <openssl/evp.h>

#include "common/base/parse.h"

enum {
    TEXT_MAX = USER_NAME_BYTES + PASSWORD_MAX, /* name, colon, password */
    BASE64_MAX = (TEXT_MAX + 2) / 3 * 4,
};

/* Canonical base64 into @ret_text, terminated; its length or -1. */
static int decode_base64(const char *base64, unsigned char ret_text[static BASE64_MAX + 1])
{
    unsigned char again[BASE64_MAX + 1];
    size_t len = strlen(base64);
    if (len == 0 || len > BASE64_MAX || len % 4 != 0) {
        return -1;
    }
    int n = EVP_DecodeBlock(ret_text, (const unsigned char *)base64, (int)len);
    if (n < 3) {
        return -1;
    }
    n -= base64[len - 1] == '=';
    n -= base64[len - 2] == '=';
    ret_text[n] = '\0';
    (void)EVP_EncodeBlock(again, ret_text, n);
    bool is_canonical = memcmp(again, base64, len) == 0;
    explicit_bzero(again, sizeof(again));
    return is_canonical ? n : -1;
}

static bool has_control(const unsigned char *text, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        if (text[i] < 0x20 || text[i] == 0x7f) {
            return true;
        }
    }
    return false;
}

static int split(const unsigned char *text, size_t len, struct basic_credentials *ret,
                 struct err *err)
{
    const unsigned char *colon = memchr(text, ':', len);
    if (colon == NULL) {
        return err_set(err, ERR_INVALID, "there is no colon between user name and password");
    }
    size_t name_len = (size_t)(colon - text);
    size_t password_len = len - name_len - 1;
    if (name_len >= USER_NAME_BYTES || password_len > PASSWORD_MAX) {
        return err_set(err, ERR_INVALID, "the user name or the password is too long");
    }
    memcpy(ret->name, text, name_len);
    ret->name[name_len] = '\0';
    memcpy(ret->password, colon + 1, password_len);
    ret->password[password_len] = '\0';
    return 0;
}

int basic_credentials_decode(const char *base64, struct basic_credentials *ret, struct err *err)
{
    unsigned char text[BASE64_MAX + 1] = {0};
    int len = decode_base64(base64, text);
    int result = -1;
    if (len < 0) {
        (void)err_set(err, ERR_INVALID, "the credentials are not base64, or too long");
    } else if (!parse_is_utf8((const char *)text, (size_t)len) ||
               has_control(text, (size_t)len)) {
        (void)err_set(err, ERR_INVALID, "the credentials are not UTF-8 text");
    } else {
        result = split(text, (size_t)len, ret, err);
    }
    explicit_bzero(text, sizeof(text));
    return result;
}

void basic_credentials_fini(struct basic_credentials *credentials)
{
    explicit_bzero(credentials, sizeof(*credentials));
}
