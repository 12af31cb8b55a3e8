/* SPDX-License-Identifier: Apache-2.0 */
/* The escapes of URLs (RFC 3986, 2.1), decoded strictly: what cannot be text is refused, not
 * repaired. */
#ifndef COORDINATOR_PERCENT_H
#define COORDINATOR_PERCENT_H

#include "common/base/compiler.h"

#include <stddef.h>

enum percent_plus {
    PERCENT_PLUS_IS_PLUS,  /* paths */
    PERCENT_PLUS_IS_BLANK, /* queries, as HTML forms write them */
};

/**
 * Decode @len bytes of @text once into @ret, NUL-terminated; @ret may be @text itself.
 * Returns 0, or -1 when an escape is malformed, the result would not fit, is no UTF-8 or holds
 * a control character.
 */
int percent_decode(const char *text, size_t len, enum percent_plus plus, char *ret,
                   size_t ret_bytes) MUST_CHECK;

#endif
