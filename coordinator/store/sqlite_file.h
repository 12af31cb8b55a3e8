/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The file behind store_sqlite: opening and checking it, and transactions on it. Blocking, one
 * thread at a time; knows no loop. Internal to this folder.
 */
#ifndef COORDINATOR_STORE_SQLITE_FILE_H
#define COORDINATOR_STORE_SQLITE_FILE_H

#include "coordinator/store/store.h"

struct sqlite_file;

/* What one transaction asks for, and what came of it. */
struct sqlite_txn {
    struct sqlite_txn *next; /* in the same batch */
    const struct store_condition *conditions;
    size_t n_conditions;
    const struct store_operation *operations;
    size_t n_operations;
    bool *is_change; /* for each operation: false = deleted what was not there */
    enum store_outcome outcome;
    uint64_t revision;
};

/** As store_sqlite_open says. */
int sqlite_file_open(struct sqlite_file **ret, const char *path, struct err *err) MUST_CHECK;

/** Moves the log into the file and releases the lock. NULL is fine. */
void sqlite_file_close(struct sqlite_file *file);

/**
 * Write @first and all that follow it in one go, in order; each sees what the ones before it
 * wrote. One whose conditions do not hold becomes STORE_CONFLICT and writes nothing. -1:
 * nothing at all was written, the outcomes say nothing, and the next call starts afresh. With
 * NULL it still writes, to find out whether that works.
 */
int sqlite_file_write(struct sqlite_file *file, struct sqlite_txn *first,
                      struct err *err) MUST_CHECK;

/** As store_list says. */
int sqlite_file_list(struct sqlite_file *file, const char *prefix, store_entry_fn *each,
                     void *userdata, struct err *err) MUST_CHECK;

#endif
