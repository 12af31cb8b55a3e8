/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finds a runner by its id, its host key or the connection that it beats on: three sorted
 * arrays of borrowed runners. Finding is O(log n); adding and removing move pointers, which at
 * ten thousand runners costs microseconds and, unlike a tree or a hash table, cannot fail once
 * a runner was added and keeps the order of ids for free.
 */
#ifndef COORDINATOR_RUNNER_INDEX_H
#define COORDINATOR_RUNNER_INDEX_H

#include "common/base/err.h"
#include "coordinator/registry/runner.h"

#include <stddef.h>
#include <stdint.h>

struct runner_list {
    struct runner **items; /* the array is owned, the runners are borrowed */
    size_t count;
    size_t allocated;
};

/* All zero = empty. */
struct runner_index {
    struct runner_list by_id;
    struct runner_list by_key;
    struct runner_list by_connection; /* those that beat on an open one */
};

/** Add @runner, whose id is not there yet and which has no connection. */
int runner_index_add(struct runner_index *index, struct runner *runner,
                     struct err *err) MUST_CHECK;
void runner_index_remove(struct runner_index *index, struct runner *runner);

/* NULL when there is none. Of several with the same key or connection, the first in the order
 * of ids. */
struct runner *runner_index_find(const struct runner_index *index, const char *id);
struct runner *runner_index_find_key(const struct runner_index *index, const char *thumbprint);
struct runner *runner_index_find_connection(const struct runner_index *index,
                                            uint64_t connection);

/** Exchange the runner's record for @record (taken; empty after), which has the same id but
 * perhaps another key. */
void runner_index_set_record(struct runner_index *index, struct runner *runner,
                             struct runner_record *record);

/** @runner beats on @connection now and on no other; 0 = on none. */
void runner_index_set_connection(struct runner_index *index, struct runner *runner,
                                 uint64_t connection);

/** Release the arrays; the runners are their owner's. */
void runner_index_fini(struct runner_index *index);

#endif
