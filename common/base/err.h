/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What went wrong, for people and for the caller.
 *
 * Fallible functions return 0 or -1 and fill `struct err` (last parameter, never NULL). The
 * message reads "what was being done: what went wrong: with which value"; each layer wraps it
 * once, the top prints it once. An expected outcome is not an error: it is an enum in the
 * result.
 *
 * The makers of errors are macros around functions, so that the reader, the compiler and the
 * analyser all see the -1.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "common/base/compiler.h"

#include <stdarg.h>
#include <stdbool.h>

/* code, name, exit status of a program that ends with it (sysexits.h) */
#define ERR_CODES(X)                                                                           \
    X(ERR_NONE, "ok", 0)                                                                       \
    X(ERR_USAGE, "usage", 64)         /* wrong flags */                                        \
    X(ERR_INVALID, "invalid", 65)     /* input is malformed */                                 \
    X(ERR_TOO_LARGE, "too_large", 65) /* input is over its bound */                            \
    X(ERR_CORRUPT, "corrupt", 65)     /* our own file is torn or foreign */                    \
    X(ERR_FUTURE, "future", 65)       /* our own file is of a newer version */                 \
    X(ERR_ABSENT, "absent", 66)       /* the file or object is not there */                    \
    X(ERR_RESOLVE, "resolve", 68)     /* a name has no address */                              \
    X(ERR_CONNECT, "connect", 69)     /* refused, reset, unreachable */                        \
    X(ERR_INTERNAL, "internal", 70)   /* a library refused what must work */                   \
    X(ERR_NO_MEMORY, "no_memory", 71)                                                          \
    X(ERR_NO_SPACE, "no_space", 73)                                                            \
    X(ERR_IO, "io", 74)                                                                        \
    X(ERR_BUSY, "busy", 75) /* held by another process */                                      \
    X(ERR_TIMEOUT, "timeout", 75)                                                              \
    X(ERR_CONFLICT, "conflict", 75) /* somebody else is it */                                  \
    X(ERR_CANCELLED, "cancelled", 75)                                                          \
    X(ERR_TLS, "tls", 76)               /* handshake, chain or name */                         \
    X(ERR_PROTOCOL, "protocol", 76)     /* the peer does not speak our language */             \
    X(ERR_PERMISSION, "permission", 77) /* the system said no */                               \
    X(ERR_REFUSED, "refused", 77)       /* the peer said no */                                 \
    X(ERR_CONFIG, "config", 78)

enum err_code {

#define X(code, name, status) code,
    ERR_CODES(X)
#undef X
};

struct err {
    enum err_code code;
    int sys_errno; /* 0 unless a system call failed */
    char message[512];
};

/** Fill @err; cuts an overlong message. Returns -1, so that `return err_set(...)` reads well.
 */
void err_record(struct err *err, enum err_code code, const char *format, ...) PRINTF_LIKE(3, 4);
#define err_set(...) (err_record(__VA_ARGS__), -1)

/** As err_set, with ": strerror(sys_errno)" after the message; ENOSPC/EDQUOT,
 * EACCES/EPERM/EROFS, ENOENT and ENOMEM choose their own code, anything else is ERR_IO. Returns
 * -1. */
void err_record_errno(struct err *err, int sys_errno, const char *format, ...)
    PRINTF_LIKE(3, 4);
#define err_set_errno(...) (err_record_errno(__VA_ARGS__), -1)

/** Put "what was being done: " before the message of @err; keeps code and errno. Returns -1. */
void err_prefix(struct err *err, const char *format, ...) PRINTF_LIKE(2, 3);
#define err_wrap(...) (err_prefix(__VA_ARGS__), -1)

/** ERR_NO_MEMORY with a fixed text. Returns -1. */
void err_record_no_memory(struct err *err);
#define err_no_memory(err) (err_record_no_memory(err), -1)

/** For the rare call whose failure changes nothing: gcc does not take (void) for MUST_CHECK.
 * Say why beside it. */
static inline void err_ignore(int rc)
{
    (void)rc;
}

/** "no_space" for ERR_NO_SPACE: stable, for JSON and tests. */
const char *err_code_name(enum err_code code);

/** The sysexits status for a program that ends with @code. */
int err_exit_status(enum err_code code);

#endif
