/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store in one SQLite file (WAL, synchronous=FULL). Writes run on libuv's thread pool, one
 * batch at a time: what queues up while a batch is written goes into the next one, so that a
 * burst costs few fsyncs.
 */
#ifndef COORDINATOR_STORE_SQLITE_H
#define COORDINATOR_STORE_SQLITE_H

#include "coordinator/store/store.h"

#include <uv.h>

#define STORE_SQLITE_FILE "coordinator.db" /* in the state directory */

/**
 * Open or make @path (0600; the directory is there). Blocks. ERR_BUSY when another process has
 * it, ERR_CORRUPT when it is no database of ours or damaged (it is left as it is), ERR_FUTURE
 * when a newer version wrote it. A second store_sqlite on the same file is refused while this
 * one is open.
 */
int store_sqlite_open(struct store **ret, uv_loop_t *loop, const char *path,
                      struct err *err) MUST_CHECK;

#endif
