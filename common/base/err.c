/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The text and the tables of errors. Prints nothing and allocates nothing: an error must be
 * reportable when memory is out.
 */
#include "common/base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int exit_status;
} codes[] = {

#define X(code, name, status) [code] = {name, status},
    ERR_CODES(X)
#undef X
};

/* How many bytes the UTF-8 sequence that starts with @lead has; 1 for bytes that start none. */
static size_t sequence_length(unsigned char lead)
{
    if (lead >= 0xF0) {
        return 4;
    }
    if (lead >= 0xE0) {
        return 3;
    }
    return lead >= 0xC0 ? 2 : 1;
}

/* A message that was cut may end within a character, which would make the line it goes into
 * malformed: drop that rest. */
static void drop_partial_character(char *text)
{
    size_t len = strlen(text);
    size_t start = len;
    while (start > 0 && len - start < 4) {
        start--;
        unsigned char byte = (unsigned char)text[start];
        if ((byte & 0xC0) == 0x80) {
            continue; /* within a sequence: its lead is further left */
        }
        if (start + sequence_length(byte) > len) {
            text[start] = '\0';
        }
        return;
    }
}

/* vsnprintf into @message that ends on a whole character. @message may be among the
 * arguments. */
static void PRINTF_LIKE(2, 0) format_message(struct err *err, const char *format, va_list args)
{
    char text[sizeof(err->message)] = "";
    int len = vsnprintf(text, sizeof(text), format, args);
    if (len < 0 || (size_t)len >= sizeof(text)) {
        drop_partial_character(text);
    }
    memcpy(err->message, text, sizeof(text));
}

/* @message followed by ": " and @tail, cut on a whole character. */
static void append_message(struct err *err, const char *tail)
{
    size_t used = strlen(err->message);
    int len = snprintf(err->message + used, sizeof(err->message) - used, "%s%s", ": ", tail);
    if (len < 0 || (size_t)len >= sizeof(err->message) - used) {
        drop_partial_character(err->message);
    }
}

static enum err_code code_of_errno(int sys_errno)
{
    switch (sys_errno) {
    case ENOSPC:
    case EDQUOT:
        return ERR_NO_SPACE;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_PERMISSION;
    case ENOENT:
        return ERR_ABSENT;
    case ENOMEM:
        return ERR_NO_MEMORY;
    default:
        return ERR_IO;
    }
}

void err_record(struct err *err, enum err_code code, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    format_message(err, format, args);
    va_end(args);
    err->code = code;
    err->sys_errno = 0;
}

void err_record_errno(struct err *err, int sys_errno, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    format_message(err, format, args);
    va_end(args);
    char reason[128];
    append_message(err, strerror_r(sys_errno, reason, sizeof(reason)));
    err->code = code_of_errno(sys_errno);
    err->sys_errno = sys_errno;
}

void err_prefix(struct err *err, const char *format, ...)
{
    char cause[sizeof(err->message)];
    memcpy(cause, err->message, sizeof(cause));
    va_list args;
    va_start(args, format);
    format_message(err, format, args);
    va_end(args);
    append_message(err, cause);
}

void err_record_no_memory(struct err *err)
{
    err_record(err, ERR_NO_MEMORY, "out of memory");
}

const char *err_code_name(enum err_code code)
{
    return (size_t)code < ARRAY_LEN(codes) ? codes[code].name : "unknown";
}

int err_exit_status(enum err_code code)
{
    return (size_t)code < ARRAY_LEN(codes) ? codes[code].exit_status : 70; /* EX_SOFTWARE */
}
