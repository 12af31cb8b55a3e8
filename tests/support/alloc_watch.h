/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shows what stood in a block when it was freed, and makes malloc() fail on demand. For one
 * test program that is linked so: add `LINK -Wl,--wrap=malloc -Wl,--wrap=free` to its line in
 * tests/unit/CMakeLists.txt. Include it in one file only: it defines the wrappers.
 */
#ifndef TESTS_SUPPORT_ALLOC_WATCH_H
#define TESTS_SUPPORT_ALLOC_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum { ALLOC_WATCH_BYTES = 256 };

/* A test's own state; cmocka runs one test at a time. */
static struct {
    const void *watched; /* never read through after its free */
    size_t len;
    bool was_freed;
    char seen[ALLOC_WATCH_BYTES]; /* its bytes at the moment of free() */
    bool malloc_fails;
} alloc_watch;

void *__real_malloc(size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void __wrap_free(void *block);

void *__wrap_malloc(size_t size)
{
    return alloc_watch.malloc_fails ? NULL : __real_malloc(size);
}

void __wrap_free(void *block)
{
    if (block != NULL && block == alloc_watch.watched) {
        memcpy(alloc_watch.seen, block, alloc_watch.len);
        alloc_watch.was_freed = true;
        alloc_watch.watched = NULL;
    }
    __real_free(block);
}

static inline void alloc_watch_start(const void *block, size_t len)
{
    alloc_watch.watched = block;
    alloc_watch.len = len < ALLOC_WATCH_BYTES ? len : ALLOC_WATCH_BYTES;
    alloc_watch.was_freed = false;
    memset(alloc_watch.seen, 0x5A, sizeof(alloc_watch.seen));
}

/* True if the block was freed and held nothing but zeros then. */
static inline bool alloc_watch_was_wiped(void)
{
    for (size_t i = 0; i < alloc_watch.len; i++) {
        if (alloc_watch.seen[i] != 0) {
            return false;
        }
    }
    return alloc_watch.was_freed;
}

#endif
