/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SQLite's result codes as our errors. Owns the wording only: each message names the file and
 * the way out, because it reaches the operator through /readyz, refused requests and the log as
 * it is.
 */
#include "coordinator/store/sqlite_error.h"

static enum err_code code_of(int rc)
{
    switch (rc & 0xFF) { /* the primary code */
    case SQLITE_FULL:
        return ERR_NO_SPACE;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return ERR_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_CORRUPT;
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return ERR_PERMISSION;
    case SQLITE_NOMEM:
        return ERR_NO_MEMORY;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        return ERR_IO;
    default:
        return ERR_INTERNAL;
    }
}

int sqlite_error(struct err *err, sqlite3 *db, int rc, const char *what, const char *path)
{
    enum err_code code = code_of(rc);
    if (code == ERR_NO_SPACE) {
        return err_set(err, code,
                       "%s %s: no space left on its file system: free some space; what was"
                       " stored before is not lost",
                       what, path);
    }
    if (code == ERR_BUSY) {
        return err_set(
            err, code,
            "%s %s: another program has locked it: end that program (fuser shows it)", what,
            path);
    }
    if (code == ERR_CORRUPT) {
        return err_set(err, code,
                       "%s %s: the file is damaged: restore a backup, or move it away to start"
                       " anew: %s",
                       what, path, sqlite3_errmsg(db));
    }
    if (code == ERR_PERMISSION) {
        return err_set(err, code,
                       "%s %s: no permission to write: check owner and mode of the file and its"
                       " directory, and that the file system is not read-only",
                       what, path);
    }
    int sys_errno = sqlite3_system_errno(db);
    if ((rc & 0xFF) == SQLITE_CANTOPEN && sys_errno != 0) {
        return err_set_errno(err, sys_errno, "%s %s", what, path);
    }
    if (code == ERR_IO) {
        /* SQLite does not keep the errno of a write. */
        return err_set(err, code,
                       "%s %s: %s (SQLite code %d): look for what the kernel says of its disk"
                       " (journalctl -k), and for limits on file sizes",
                       what, path, sqlite3_errstr(rc), rc);
    }
    return err_set(err, code, "%s %s: %s", what, path, sqlite3_errmsg(db));
}
