/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of many moments comes first: a binary min-heap of entries that live inside their owners
 * (CONTAINER_OF). Owns only its array of pointers. Putting, moving and removing are O(log n)
 * and, once reserved, never allocate or fail.
 */
#ifndef COORDINATOR_DEADLINE_HEAP_H
#define COORDINATOR_DEADLINE_HEAP_H

#include "common/base/err.h"

#include <stddef.h>
#include <stdint.h>

/* All zero = in no heap. Both members are written by the heap only. */
struct deadline_entry {
    uint64_t at_ms;  /* monotonic */
    size_t position; /* in the heap, from 1; 0 = in none */
};

/* All zero = empty. */
struct deadline_heap {
    struct deadline_entry **entries; /* the array is owned, the entries are borrowed */
    size_t count;
    size_t allocated;
};

/** Make room for @count entries. Doubles, so that one call for each new owner is cheap. */
int deadline_heap_reserve(struct deadline_heap *heap, size_t count, struct err *err) MUST_CHECK;

/** Add @entry, or move it if it is there already. Room for it was reserved. */
void deadline_heap_put(struct deadline_heap *heap, struct deadline_entry *entry,
                       uint64_t at_ms);

/** Take @entry out; nothing happens when it is not in the heap. */
void deadline_heap_remove(struct deadline_heap *heap, struct deadline_entry *entry);

/** The earliest entry; NULL when there is none. */
struct deadline_entry *deadline_heap_first(const struct deadline_heap *heap);

/** Release the array; the entries are their owners'. */
void deadline_heap_fini(struct deadline_heap *heap);

#endif
