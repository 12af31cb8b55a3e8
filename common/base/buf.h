/* SPDX-License-Identifier: Apache-2.0 */
/* A byte buffer that grows up to a bound given at its birth. Always NUL-terminated past `len`
 * once it holds bytes. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include "common/base/compiler.h"
#include "common/base/err.h"

#include <stddef.h>

struct buf {
    char *bytes; /* owned; NULL while empty */
    size_t len;
    size_t allocated;
    size_t max; /* appending past it is ERR_TOO_LARGE and leaves the buffer as it was */
};

#define BUF_INIT(max_bytes) ((struct buf){.max = (max_bytes)})
#define auto_buf CLEANUP(buf_fini) struct buf

int buf_append(struct buf *buf, const void *bytes, size_t len, struct err *err) MUST_CHECK;
int buf_appendf(struct buf *buf, struct err *err, const char *format, ...)
    PRINTF_LIKE(3, 4) MUST_CHECK;

/** The bytes as a C string ("" while empty). Borrowed until the next change. */
const char *buf_text(const struct buf *buf);

/** Forget the content, keep the memory. */
void buf_clear(struct buf *buf);

/** Hand the bytes to the caller (free()); the buffer is empty after. NULL if it was empty. */
char *buf_take(struct buf *buf);

/** Release. For secrets: buf_wipe first. Any number of times. */
void buf_fini(struct buf *buf);

/** Overwrite the content with zeros and forget it. */
void buf_wipe(struct buf *buf);

#endif
