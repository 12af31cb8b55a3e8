/* SPDX-License-Identifier: Apache-2.0 */
/* What marks a SQLite file as ours, and how a new one is made. Internal to this folder. */
#ifndef COORDINATOR_STORE_SQLITE_FORMAT_H
#define COORDINATOR_STORE_SQLITE_FORMAT_H

#include "common/base/err.h"

#include <stdbool.h>
#include <stdint.h>

/** Look at the first bytes of @path, not through SQLite. Absent is no error. ERR_CORRUPT
 * (empty, foreign), ERR_FUTURE. */
int sqlite_format_check_header(const char *path, bool *ret_exists, struct err *err) MUST_CHECK;

/** ERR_FUTURE or ERR_CORRUPT unless @version is the one we know. */
int sqlite_format_check_version(const char *path, uint32_t version, struct err *err) MUST_CHECK;

/** Put an empty database at @path, whole or not at all; 0600. */
int sqlite_format_make(const char *path, struct err *err) MUST_CHECK;

#endif
