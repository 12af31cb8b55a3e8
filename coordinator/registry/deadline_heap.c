/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The heap is an array in which the parent of position p stands at p / 2, counted from 1 so
 * that an entry that is all zero is in no heap.
 */
#include "coordinator/registry/deadline_heap.h"

#include <assert.h>
#include <stdlib.h>

enum { FIRST_ALLOCATION = 64 };

static struct deadline_entry *at(const struct deadline_heap *heap, size_t position)
{
    return heap->entries[position - 1];
}

static void place(struct deadline_heap *heap, struct deadline_entry *entry, size_t position)
{
    heap->entries[position - 1] = entry;
    entry->position = position;
}

/* Move @entry, whose place is @position, towards the root while its parent is later. */
static size_t sift_up(struct deadline_heap *heap, struct deadline_entry *entry, size_t position)
{
    while (position > 1 && at(heap, position / 2)->at_ms > entry->at_ms) {
        place(heap, at(heap, position / 2), position);
        position /= 2;
    }
    place(heap, entry, position);
    return position;
}

static void sift_down(struct deadline_heap *heap, struct deadline_entry *entry, size_t position)
{
    for (;;) {
        size_t child = position * 2;
        if (child > heap->count) {
            break;
        }
        if (child < heap->count && at(heap, child + 1)->at_ms < at(heap, child)->at_ms) {
            child++;
        }
        if (at(heap, child)->at_ms >= entry->at_ms) {
            break;
        }
        place(heap, at(heap, child), position);
        position = child;
    }
    place(heap, entry, position);
}

int deadline_heap_reserve(struct deadline_heap *heap, size_t count, struct err *err)
{
    if (count <= heap->allocated) {
        return 0;
    }
    size_t wanted = heap->allocated == 0 ? FIRST_ALLOCATION : heap->allocated * 2;
    if (wanted < count) {
        wanted = count;
    }
    if (wanted > SIZE_MAX / sizeof(struct deadline_entry *)) {
        return err_no_memory(err);
    }
    struct deadline_entry **entries =
        realloc(heap->entries, wanted * sizeof(struct deadline_entry *));
    if (entries == NULL) {
        return err_no_memory(err);
    }
    heap->entries = entries;
    heap->allocated = wanted;
    return 0;
}

void deadline_heap_put(struct deadline_heap *heap, struct deadline_entry *entry, uint64_t at_ms)
{
    entry->at_ms = at_ms;
    if (entry->position == 0) {
        assert(heap->count < heap->allocated);
        heap->count++;
        (void)sift_up(heap, entry, heap->count);
        return;
    }
    size_t position = sift_up(heap, entry, entry->position);
    sift_down(heap, entry, position);
}

void deadline_heap_remove(struct deadline_heap *heap, struct deadline_entry *entry)
{
    size_t hole = entry->position;
    if (hole == 0) {
        return;
    }
    struct deadline_entry *last = at(heap, heap->count);
    heap->count--;
    entry->position = 0;
    if (last != entry) {
        sift_down(heap, last, sift_up(heap, last, hole));
    }
}

struct deadline_entry *deadline_heap_first(const struct deadline_heap *heap)
{
    return heap->count == 0 ? NULL : heap->entries[0];
}

void deadline_heap_fini(struct deadline_heap *heap)
{
    free(heap->entries);
    *heap = (struct deadline_heap){0};
}
