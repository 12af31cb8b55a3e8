/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state of a coordinator that does not run, for commands that read or change it: the store
 * with a loop of its own, under the same lock as the daemon's. Blocking.
 */
#ifndef COORDINATOR_OFFLINE_STORE_H
#define COORDINATOR_OFFLINE_STORE_H

#include "coordinator/store/store.h"

#include <uv.h>

struct offline_store {
    uv_loop_t loop;
    struct store *store;
};

/**
 * Open what is in @state_dir; nothing is made. ERR_ABSENT when no installation is there,
 * ERR_BUSY when a coordinator has it, else as store_sqlite_open says.
 *
 * Run by root, the process becomes the owner of the directory, for good: files that root makes
 * in it (SQLite's log beside the database) would lock the daemon out. So read what only root
 * can read before.
 */
int offline_store_open(struct offline_store *offline, const char *state_dir,
                       struct err *err) MUST_CHECK;

/** Change what @condition says is as it was; returns when it is durable. ERR_CONFLICT when it
 * is not. */
int offline_store_commit(struct offline_store *offline, const struct store_condition *condition,
                         const struct store_operation *operations, size_t n_operations,
                         struct err *err) MUST_CHECK;

/** Whoever watches the store is freed after. */
void offline_store_close(struct offline_store *offline);

#endif
