/* SPDX-License-Identifier: Apache-2.0 */
/* Base64url without padding (RFC 4648, 5), strict: no foreign characters, canonical last
 * character. */
#ifndef CODEC_B64URL_H
#define CODEC_B64URL_H

#include "common/base/buf.h"

#include <stddef.h>

int b64url_encode(const void *bytes, size_t len, struct buf *buf, struct err *err) MUST_CHECK;
/** ERR_INVALID for anything that b64url_encode would not have written. */
int b64url_decode(const char *text, size_t len, struct buf *buf, struct err *err) MUST_CHECK;

#endif
