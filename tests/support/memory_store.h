/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store in memory, for tests of what writes to one: conditions, revisions and watches as
 * store.h promises them. It has no loop: nothing is written and nobody is called before
 * memory_store_step() or memory_store_run() (or store_close, which runs what is queued and
 * calls back at once).
 */
#ifndef TESTS_SUPPORT_MEMORY_STORE_H
#define TESTS_SUPPORT_MEMORY_STORE_H

#include "coordinator/store/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MEMORY_WATCHERS_MAX = 16 };

struct memory_entry;
struct memory_txn;

struct memory_watcher {
    char prefix[STORE_KEY_MAX];
    store_entry_fn *changed;
    void *userdata;
};

struct memory_store {
    struct store store; /* first; what the code under test gets */

    /* See memory_store_fail() and its like below. */
    size_t fail_next;
    size_t conflict_next;
    bool refuses;
    size_t writes;
    size_t queued;

    /* Its own. */
    struct memory_entry **entries; /* sorted by key */
    size_t count;
    size_t allocated;
    uint64_t revision;
    struct memory_txn *first;
    struct memory_txn *last;
    size_t n_watchers;
    struct memory_watcher watchers[MEMORY_WATCHERS_MAX];
};

/** NULL without memory. */
struct memory_store *memory_store_new(void);

static inline struct store *memory_store_store(struct memory_store *memory)
{
    return &memory->store;
}

/** Execute the oldest queued transaction and call back. False when there was none. */
bool memory_store_step(struct memory_store *memory);
/** Until nothing is queued. Returns how many transactions ran. */
size_t memory_store_run(struct memory_store *memory);

/** The next @count transactions that are executed are STORE_FAILED with ERR_NO_SPACE. */
static inline void memory_store_fail(struct memory_store *memory, size_t count)
{
    memory->fail_next = count;
}

/** The next @count transactions that are executed are STORE_CONFLICT, whatever their
 * conditions. */
static inline void memory_store_conflict(struct memory_store *memory, size_t count)
{
    memory->conflict_next = count;
}

/** From now on nothing can be queued, or it can again: commit gives -1. */
static inline void memory_store_refuse(struct memory_store *memory, bool refuses)
{
    memory->refuses = refuses;
}

/** How many transactions were committed, by anybody. */
static inline size_t memory_store_writes(const struct memory_store *memory)
{
    return memory->writes;
}

/** How many wait to be executed. */
static inline size_t memory_store_queued(const struct memory_store *memory)
{
    return memory->queued;
}

/** Another writer: a transaction of one operation (@text NULL = delete), executed at once, with
 * the watchers told. Returns its revision. */
uint64_t memory_store_put(struct memory_store *memory, const char *key, const char *text);
/** The value of @key as text; NULL when there is none. Borrowed until the next change. */
const char *memory_store_get(const struct memory_store *memory, const char *key);

/** Forget the watchers, as a coordinator that stopped; the entries stay. Nothing may be queued.
 */
void memory_store_detach(struct memory_store *memory);

void memory_store_free(struct memory_store *memory);

#endif
