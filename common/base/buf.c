/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The growing byte buffer. It grows by doubling, never past its bound, and wipes memory that it
 * leaves when growing: a buffer may carry a secret, and buf_wipe() could not reach copies that
 * realloc() left behind.
 */
#include "common/base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { FIRST_ALLOCATION = 64 };

/* Make room for @len more bytes and the NUL. The old memory stays valid in *@ret_old for the
 * caller to release with release(): the bytes to append may stand in it. */
static int reserve(struct buf *buf, size_t len, char **ret_old, struct err *err)
{
    size_t max = buf->max < PTRDIFF_MAX ? buf->max : PTRDIFF_MAX - 1;
    if (buf->len > max || len > max - buf->len) {
        return err_set(err, ERR_TOO_LARGE, "append to a buffer: over its bound: %zu bytes",
                       max);
    }
    size_t needed = buf->len + len + 1;
    if (needed <= buf->allocated) {
        return 0;
    }
    size_t size = buf->allocated > 0 ? buf->allocated : FIRST_ALLOCATION;
    while (size < needed) {
        size = size <= (max + 1) / 2 ? size * 2 : max + 1;
    }
    if (size > max + 1) {
        size = max + 1;
    }
    char *bytes = malloc(size);
    if (bytes == NULL) {
        return err_no_memory(err);
    }
    if (buf->bytes != NULL) {
        memcpy(bytes, buf->bytes, buf->len);
    }
    *ret_old = buf->bytes;
    buf->bytes = bytes;
    buf->bytes[buf->len] = '\0';
    buf->allocated = size;
    return 0;
}

static void release(char *old, size_t allocated)
{
    if (old != NULL) {
        explicit_bzero(old, allocated);
        free(old);
    }
}

int buf_append(struct buf *buf, const void *bytes, size_t len, struct err *err)
{
    if (len == 0) {
        return 0;
    }
    size_t old_allocated = buf->allocated;
    char *old = NULL;
    if (reserve(buf, len, &old, err) < 0) {
        return -1;
    }
    memcpy(buf->bytes + buf->len, bytes, len);
    buf->len += len;
    buf->bytes[buf->len] = '\0';
    release(old, old_allocated);
    return 0;
}

/* Print behind the content if there is room. Returns the length the text has, or -1; the
 * buffer's length is unchanged. */
static int PRINTF_LIKE(2, 0) print_behind(struct buf *buf, const char *format, va_list args)
{
    if (buf->bytes == NULL) {
        return vsnprintf(NULL, 0, format, args);
    }
    return vsnprintf(buf->bytes + buf->len, buf->allocated - buf->len, format, args);
}

/* The first try told that the text has @printed bytes and did not fit: print it once more
 * with room. */
static int PRINTF_LIKE(4, 0) append_printed(struct buf *buf, struct err *err, int printed,
                                            const char *format, va_list args)
{
    size_t old_allocated = buf->allocated;
    char *old = NULL;
    if (reserve(buf, (size_t)printed, &old, err) < 0) {
        return -1;
    }
    int again = print_behind(buf, format, args);
    release(old, old_allocated);
    if (again != printed) {
        buf->bytes[buf->len] = '\0';
        return err_set(err, ERR_INTERNAL,
                       "append to a buffer: the text changed while printing");
    }
    buf->len += (size_t)printed;
    return 0;
}

int buf_appendf(struct buf *buf, struct err *err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int printed = print_behind(buf, format, args);
    va_end(args);
    if (printed >= 0 && buf->bytes != NULL && (size_t)printed < buf->allocated - buf->len) {
        buf->len += (size_t)printed;
        return 0;
    }
    if (buf->bytes != NULL) {
        buf->bytes[buf->len] = '\0'; /* what the first try has cut does not belong to us */
    }
    if (printed < 0) {
        return err_set(err, ERR_INTERNAL, "append to a buffer: cannot print: \"%s\"", format);
    }
    va_start(args, format);
    int result = append_printed(buf, err, printed, format, args);
    va_end(args);
    return result;
}

const char *buf_text(const struct buf *buf)
{
    return buf->bytes != NULL ? buf->bytes : "";
}

void buf_clear(struct buf *buf)
{
    buf->len = 0;
    if (buf->bytes != NULL) {
        buf->bytes[0] = '\0';
    }
}

char *buf_take(struct buf *buf)
{
    if (buf->len == 0) {
        return NULL;
    }
    char *bytes = TAKE(buf->bytes);
    buf->len = 0;
    buf->allocated = 0;
    return bytes;
}

void buf_fini(struct buf *buf)
{
    free(buf->bytes);
    buf->bytes = NULL;
    buf->len = 0;
    buf->allocated = 0;
}

void buf_wipe(struct buf *buf)
{
    if (buf->bytes != NULL) {
        /* All of it: buf_clear() may have left longer content behind. */
        explicit_bzero(buf->bytes, buf->allocated);
    }
    buf->len = 0;
}
