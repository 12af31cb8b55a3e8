/* SPDX-License-Identifier: Apache-2.0 */
/* What SQLite reports, in words that tell the operator what to do. Internal to this folder. */
#ifndef COORDINATOR_STORE_SQLITE_ERROR_H
#define COORDINATOR_STORE_SQLITE_ERROR_H

#include "common/base/err.h"

#include <sqlite3.h>

/** Fill @err from @rc, the last result on @db (borrowed): "<what> <path>: ...". Returns -1. */
int sqlite_error(struct err *err, sqlite3 *db, int rc, const char *what, const char *path);

#endif
