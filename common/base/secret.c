/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets in memory. Does not lock pages and does not read files; callers keep secrets as
 * few and as short as they can. */
#include "common/base/secret.h"

#include <stdint.h>
#include <string.h>

#include <openssl/crypto.h>

int secret_copy(struct secret *secret, const void *bytes, size_t len, struct err *err)
{
    char *copy = len < SIZE_MAX ? malloc(len + 1) : NULL;
    if (copy == NULL) {
        return err_no_memory(err);
    }
    if (len > 0) {
        memcpy(copy, bytes, len);
    }
    copy[len] = '\0';
    secret_adopt(secret, copy, len);
    return 0;
}

void secret_adopt(struct secret *secret, char *bytes, size_t len)
{
    if (bytes != secret->bytes) {
        secret_fini(secret);
    }
    secret->bytes = bytes;
    secret->len = len;
}

void secret_fini(struct secret *secret)
{
    if (secret->bytes != NULL) {
        explicit_bzero(secret->bytes, secret->len);
        free(secret->bytes);
    }
    secret->bytes = NULL;
    secret->len = 0;
}

void secret_free_text(char *text)
{
    if (text != NULL) {
        explicit_bzero(text, strlen(text));
        free(text);
    }
}

bool secret_equal(const void *a, size_t a_len, const void *b, size_t b_len)
{
    if (a_len != b_len) {
        return false;
    }
    return a_len == 0 || CRYPTO_memcmp(a, b, a_len) == 0;
}
