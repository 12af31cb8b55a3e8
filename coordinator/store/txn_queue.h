/* SPDX-License-Identifier: Apache-2.0 */
/* Transactions that wait to be written: copied, checked and bounded. Internal to this folder.
 * */
#ifndef COORDINATOR_STORE_TXN_QUEUE_H
#define COORDINATOR_STORE_TXN_QUEUE_H

#include "coordinator/store/sqlite_file.h"

enum {
    QUEUE_TXNS_MAX = 100000,
    QUEUE_BYTES_MAX = 64 * 1024 * 1024,
};

/* A queued transaction: one allocation with all that it points to. */
struct queued_txn {
    struct sqlite_txn txn;
    size_t bytes;
    store_commit_fn *done; /* may be NULL */
    void *userdata;
};

struct txn_queue {
    struct sqlite_txn *first; /* owned: each the head of a struct queued_txn */
    struct sqlite_txn *last;
    size_t count;
    size_t bytes;
};

/**
 * Append a copy of @txn. @written is the queue that is being written at the time: what stands
 * in it counts against the bounds as well. *ret is owned by the queue; its done and userdata
 * are the caller's to fill in. ERR_INVALID (empty key), ERR_TOO_LARGE, ERR_BUSY (the queue is
 * full), ERR_NO_MEMORY.
 */
int txn_queue_add(struct txn_queue *queue, const struct txn_queue *written,
                  const struct sqlite_txn *txn, struct queued_txn **ret,
                  struct err *err) MUST_CHECK;

/** The first one, free() it; NULL when there is none. */
struct queued_txn *txn_queue_pop(struct txn_queue *queue);

#endif
