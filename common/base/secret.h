/* SPDX-License-Identifier: Apache-2.0 */
/* Bytes that must not leak: wiped when released, compared in constant time, never part of a
 * message or a log line. */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include "common/base/compiler.h"
#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>

struct secret {
    char *bytes; /* owned, NUL-terminated past len; NULL = none */
    size_t len;
};

#define auto_secret CLEANUP(secret_fini) struct secret

int secret_copy(struct secret *secret, const void *bytes, size_t len,
                struct err *err) MUST_CHECK;
/** Takes malloc memory of @len bytes plus a NUL; it is wiped and freed with the secret. */
void secret_adopt(struct secret *secret, char *bytes, size_t len);
/** Wipe and free; any number of times. */
void secret_fini(struct secret *secret);
/** Wipe and free a malloc'd C string. NULL is fine. */
void secret_free_text(char *text);
/** Constant-time equality of two byte strings; a different length is unequal at once. */
bool secret_equal(const void *a, size_t a_len, const void *b, size_t b_len);

#endif
