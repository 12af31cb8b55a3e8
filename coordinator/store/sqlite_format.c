/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What marks a file as ours, and how a new one is made. Owns the schema and its version; holds
 * no file open.
 *
 * A new file is built in memory and put in place whole, so that an empty or half-made file
 * under our name can only mean damage, never a first start that was cut off.
 */
#include "coordinator/store/sqlite_format.h"

#include <errno.h>
#include <fcntl.h>
#include <sqlite3.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/fs.h"

enum {
    APPLICATION_ID = 0x45434573, /* "ECEs" */
    FORMAT_VERSION = 1,
    HEADER_BYTES = 100, /* https://www.sqlite.org/fileformat2.html#the_database_header */
    HEADER_USER_VERSION = 60,
    HEADER_APPLICATION_ID = 68,
};

static const char schema[] =
    "CREATE TABLE kv (key TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL,"
    " create_revision INTEGER NOT NULL, mod_revision INTEGER NOT NULL) WITHOUT ROWID;"
    "CREATE TABLE meta (name TEXT PRIMARY KEY NOT NULL, value INTEGER NOT NULL) WITHOUT ROWID;"
    "INSERT INTO meta VALUES ('revision', 0);";

static uint32_t read_be32(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
           bytes[3];
}

int sqlite_format_check_version(const char *path, uint32_t version, struct err *err)
{
    if (version > FORMAT_VERSION) {
        return err_set(err, ERR_FUTURE,
                       "open %s: a newer version of this program wrote it: install that version"
                       " again: format %u, at most %d is known here",
                       path, version, FORMAT_VERSION);
    }
    if (version < FORMAT_VERSION) {
        return err_set(err, ERR_CORRUPT, "open %s: it has an unknown format: %u", path,
                       version);
    }
    return 0;
}

/* Is it ours? Looks at the bytes, because SQLite would already change a foreign database by
 * opening it. */
int sqlite_format_check_header(const char *path, bool *ret_exists, struct err *err)
{
    auto_fd int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        if (errno != ENOENT) {
            return err_set_errno(err, errno, "open %s", path);
        }
        *ret_exists = false;
        return 0;
    }
    unsigned char header[HEADER_BYTES];
    ssize_t len = read(fd, header, sizeof(header));
    if (len < 0) {
        return err_set_errno(err, errno, "read %s", path);
    }
    if (len == 0) {
        return err_set(err, ERR_CORRUPT,
                       "open %s: the file is empty, something has cut it off: restore a backup,"
                       " or remove it to start anew",
                       path);
    }
    static const char magic[16] = "SQLite format 3";
    if ((size_t)len < sizeof(header) || memcmp(header, magic, sizeof(magic)) != 0 ||
        read_be32(header + HEADER_APPLICATION_ID) != APPLICATION_ID) {
        return err_set(err, ERR_CORRUPT,
                       "open %s: this is no database of this program; it is left as it is: name"
                       " another file, or move this one away",
                       path);
    }
    *ret_exists = true;
    return sqlite_format_check_version(path, read_be32(header + HEADER_USER_VERSION), err);
}

/* A log without its file holds writes of a file that was lost; SQLite would mix them into a new
 * one. */
static int refuse_orphaned_log(const char *path, struct err *err)
{
    auto_free char *log_path = NULL;
    if (asprintf(&log_path, "%s-wal", path) < 0) {
        log_path = NULL;
        return err_no_memory(err);
    }
    struct stat status;
    if (stat(log_path, &status) < 0 || status.st_size == 0) {
        return 0;
    }
    return err_set(err, ERR_CORRUPT,
                   "open %s: the file is gone but its log %s is there: restore the file, or"
                   " remove the log to start anew",
                   path, log_path);
}

int sqlite_format_make(const char *path, struct err *err)
{
    if (refuse_orphaned_log(path, err) < 0) {
        return -1;
    }
    sqlite3 *db = NULL;
    int rc = sqlite3_open(":memory:", &db);
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(db, schema, NULL, NULL, NULL);
    }
    char pragmas[96];
    (void)snprintf(pragmas, sizeof(pragmas), "PRAGMA application_id=%d; PRAGMA user_version=%d",
                   APPLICATION_ID, FORMAT_VERSION);
    if (rc == SQLITE_OK) {
        rc = sqlite3_exec(db, pragmas, NULL, NULL, NULL);
    }
    sqlite3_int64 len = 0;
    unsigned char *bytes = rc == SQLITE_OK ? sqlite3_serialize(db, "main", &len, 0) : NULL;
    int result = 0;
    if (bytes == NULL) {
        result = err_set(err, ERR_INTERNAL, "make a new database for %s: %s", path,
                         sqlite3_errmsg(db));
    } else {
        result = fs_replace(path, bytes, (size_t)len, 0600, true, err);
    }
    sqlite3_free(bytes);
    (void)sqlite3_close(db);
    return result;
}
