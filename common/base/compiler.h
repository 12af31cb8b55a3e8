/* SPDX-License-Identifier: Apache-2.0 */
/* Compiler attributes, scoped cleanup and small macros. The only place for GNU extensions. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#define PRINTF_LIKE(format_at, first_at) __attribute__((format(printf, format_at, first_at)))
#define MUST_CHECK __attribute__((warn_unused_result))
#define CLEANUP(function) __attribute__((cleanup(function)))

#define ARRAY_LEN(array) (sizeof(array) / sizeof((array)[0]))

/* The struct that a member pointer stands in: for callbacks that get an embedded handle. */
#define CONTAINER_OF(pointer, type, member)                                                    \
    ((type *)(void *)((char *)(pointer)-offsetof(type, member)))

static inline void cleanup_free_(void *at)
{
    free(*(void **)at);
}

static inline void cleanup_fd_(int *fd)
{
    if (*fd >= 0) {
        (void)close(*fd);
    }
}

/* `auto_free char *p = NULL;` and `auto_fd int fd = -1;`: released when the scope ends. */
#define auto_free CLEANUP(cleanup_free_)
#define auto_fd CLEANUP(cleanup_fd_)

static inline void *take_pointer_(void *at)
{
    void *taken = *(void **)at;
    *(void **)at = NULL;
    return taken;
}

static inline int take_fd_(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

/* Hands an auto_free / auto_fd local over to the caller. */
#define TAKE(pointer) take_pointer_(&(pointer))
#define TAKE_FD(fd) take_fd_(&(fd))

#endif
