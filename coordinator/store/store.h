/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the coordinator must not forget: an asynchronous key-value store with revisions, in the
 * manner of etcd, so that one coordinator can use a file (store_sqlite) and several can share
 * etcd. Keys are text ("runners/<id>"), values bytes.
 *
 * Every committed transaction gets the next revision. A write is durable when its callback
 * comes. Watchers see each change once, in order, after it is durable and before the callback
 * of the write that made it. All callbacks come from the loop, never from inside the call that
 * asked.
 */
#ifndef COORDINATOR_STORE_H
#define COORDINATOR_STORE_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct store;

enum {
    STORE_KEY_MAX = 512,
    STORE_VALUE_MAX = 1024 * 1024,
    STORE_TXN_MAX = 128, /* operations and conditions, each */
};

struct store_entry {
    const char *key;
    const void *value;
    size_t len;
    uint64_t mod_revision;
};

/* Holds when the key's mod_revision is exactly this; 0 = the key does not exist. */
struct store_condition {
    const char *key;
    uint64_t mod_revision;
};

struct store_operation {
    const char *key;
    const void *value; /* NULL = delete */
    size_t len;
};

enum store_outcome {
    STORE_COMMITTED,
    STORE_CONFLICT, /* a condition did not hold; nothing was changed */
    STORE_FAILED,   /* not written: error says why (full disk, locked, gone) */
};

struct store_result {
    enum store_outcome outcome;
    uint64_t revision; /* of this transaction */
    struct err error;
};

typedef void store_commit_fn(const struct store_result *result, void *userdata);
typedef void store_entry_fn(const struct store_entry *entry,
                            void *userdata); /* value NULL = deleted */
typedef void store_closed_fn(void *userdata);

/* One backend. */
struct store_ops {
    int (*commit)(struct store *store, const struct store_condition *conditions,
                  size_t n_conditions, const struct store_operation *operations,
                  size_t n_operations, store_commit_fn *done, void *userdata, struct err *err);
    int (*list)(struct store *store, const char *prefix, store_entry_fn *each, void *userdata,
                struct err *err);
    int (*watch)(struct store *store, const char *prefix, store_entry_fn *changed,
                 void *userdata, struct err *err);
    bool (*is_healthy)(const struct store *store, struct err *ret_why);
    void (*close)(struct store *store, store_closed_fn *closed, void *userdata);
};

struct store {
    const struct store_ops *ops; /* first member of each backend's struct */
};

/** Queue a transaction (all is copied). -1 only if it could not be queued (bounds, memory,
 * closing): then no callback.
 * @done may be NULL. */
/* NOLINTNEXTLINE(readability-function-size): two lists and a callback have that many parts */
static inline int store_commit(struct store *store, const struct store_condition *conditions,
                               size_t n_conditions, const struct store_operation *operations,
                               size_t n_operations, store_commit_fn *done, void *userdata,
                               struct err *err)
{
    return store->ops->commit(store, conditions, n_conditions, operations, n_operations, done,
                              userdata, err);
}

/** Read all keys below @prefix in key order, now. Blocks: for start-up only. */
static inline int store_list(struct store *store, const char *prefix, store_entry_fn *each,
                             void *userdata, struct err *err)
{
    return store->ops->list(store, prefix, each, userdata, err);
}

/** Be told of every change below @prefix from now on. At most 16 watchers; they live as long as
 * the store. */
static inline int store_watch(struct store *store, const char *prefix, store_entry_fn *changed,
                              void *userdata, struct err *err)
{
    return store->ops->watch(store, prefix, changed, userdata, err);
}

/** False, with the reason, while the last write failed. For /readyz. */
static inline bool store_is_healthy(const struct store *store, struct err *ret_why)
{
    return store->ops->is_healthy(store, ret_why);
}

/** Write what is queued, call its callbacks, then @closed once from the loop; the store is
 * freed. */
static inline void store_close(struct store *store, store_closed_fn *closed, void *userdata)
{
    store->ops->close(store, closed, userdata);
}

#endif
