/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One SQLite file as key-value store: how it is locked, checked, read and written. It does not
 * know who waits for what; store_sqlite does.
 *
 * "<path>.lock" keeps a second coordinator out, not SQLite's own exclusive mode: so `sqlite3
 * <path> ".backup ..."` works while the coordinator runs. A failed write is rolled back whole,
 * and the next one starts from a clean connection.
 */
#include "coordinator/store/sqlite_file.h"

#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/base/fs.h"
#include "coordinator/store/sqlite_error.h"
#include "coordinator/store/sqlite_format.h"

enum { BUSY_TIMEOUT_MS = 1000 };

enum statement {
    STATEMENT_BEGIN,
    STATEMENT_COMMIT,
    STATEMENT_ROLLBACK,
    STATEMENT_GET_REVISION,
    STATEMENT_SET_REVISION,
    STATEMENT_FIND,
    STATEMENT_PUT,
    STATEMENT_DELETE,
    STATEMENT_LIST,
    STATEMENT_COUNT,
};

static const char put_text[] =
    "INSERT INTO kv (key, value, create_revision, mod_revision) VALUES (?1, ?2, ?3, ?3)"
    " ON CONFLICT (key) DO UPDATE SET value = excluded.value, mod_revision = "
    "excluded.mod_revision";

static const char *const statement_texts[STATEMENT_COUNT] = {
    [STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
    [STATEMENT_COMMIT] = "COMMIT",
    [STATEMENT_ROLLBACK] = "ROLLBACK",
    [STATEMENT_GET_REVISION] = "SELECT value FROM meta WHERE name = 'revision'",
    [STATEMENT_SET_REVISION] = "UPDATE meta SET value = ?1 WHERE name = 'revision'",
    [STATEMENT_FIND] = "SELECT mod_revision FROM kv WHERE key = ?1",
    [STATEMENT_PUT] = put_text,
    [STATEMENT_DELETE] = "DELETE FROM kv WHERE key = ?1",
    [STATEMENT_LIST] = "SELECT key, value, mod_revision FROM kv WHERE key >= ?1 ORDER BY key",
};

struct sqlite_file {
    char *path;  /* owned */
    int lock_fd; /* owned */
    sqlite3 *db; /* owned */
    sqlite3_stmt *statements[STATEMENT_COUNT];
    dev_t device; /* of the file that we opened: it must stay the one under path */
    ino_t inode;
};

static int fail(const struct sqlite_file *file, const char *what, int rc, struct err *err)
{
    return sqlite_error(err, file->db, rc, what, file->path);
}

/* Run a statement that gives at most one number; without one @ret (may be NULL) stays as it
 * was. */
static int run(struct sqlite_file *file, enum statement which, sqlite3_int64 *ret)
{
    sqlite3_stmt *statement = file->statements[which];
    int rc = sqlite3_step(statement);
    bool has_row = rc == SQLITE_ROW;
    if (has_row && ret != NULL) {
        *ret = sqlite3_column_int64(statement, 0);
    }
    (void)sqlite3_reset(statement); /* says once more what step said */
    return has_row || rc == SQLITE_DONE ? SQLITE_OK : rc;
}

/* The first column of the first row that @sql gives, as text; cut to fit. */
static int query(struct sqlite_file *file, const char *sql, char *ret_text, size_t bytes,
                 struct err *err)
{
    sqlite3_stmt *statement = NULL;
    int rc = sqlite3_prepare_v2(file->db, sql, -1, &statement, NULL);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    int result = 0;
    if (rc == SQLITE_ROW) {
        const char *text = (const char *)sqlite3_column_text(statement, 0);
        (void)snprintf(ret_text, bytes, "%s", text != NULL ? text : "");
    } else {
        result = fail(file, "open", rc, err);
    }
    (void)sqlite3_finalize(statement);
    return result;
}

/* As sqlite_format_check_header did, but with the log in view; then the pages themselves. */
static int check_content(struct sqlite_file *file, struct err *err)
{
    char text[160];
    if (query(file, "PRAGMA user_version", text, sizeof(text), err) < 0) {
        return -1;
    }
    uint32_t version = (uint32_t)strtoul(text, NULL, 10);
    if (sqlite_format_check_version(file->path, version, err) < 0) {
        return -1;
    }
    if (query(file, "PRAGMA quick_check(1)", text, sizeof(text), err) < 0) {
        return -1;
    }
    if (strcmp(text, "ok") != 0) {
        return err_set(err, ERR_CORRUPT,
                       "open %s: the file is damaged: restore a backup, or move it away to"
                       " start anew: %s",
                       file->path, text);
    }
    return 0;
}

static int set_up(struct sqlite_file *file, struct err *err)
{
    char mode[16];
    if (query(file, "PRAGMA journal_mode = WAL", mode, sizeof(mode), err) < 0) {
        return -1;
    }
    if (strcmp(mode, "wal") != 0) {
        return err_set(err, ERR_IO,
                       "open %s: its file system cannot hold a write-ahead log (is it a network"
                       " file system?): journal mode is \"%s\"",
                       file->path, mode);
    }
    /* The size limit: after a burst the log shrinks again. */
    int rc = sqlite3_exec(file->db,
                          "PRAGMA synchronous = FULL; PRAGMA journal_size_limit = 16777216;"
                          "PRAGMA trusted_schema = OFF",
                          NULL, NULL, NULL);
    for (size_t i = 0; i < STATEMENT_COUNT && rc == SQLITE_OK; i++) {
        rc = sqlite3_prepare_v3(file->db, statement_texts[i], -1, SQLITE_PREPARE_PERSISTENT,
                                &file->statements[i], NULL);
    }
    if (rc == SQLITE_ERROR) {
        return err_set(err, ERR_CORRUPT,
                       "open %s: the file is damaged: restore a backup, or move it away to"
                       " start anew: %s",
                       file->path, sqlite3_errmsg(file->db));
    }
    return rc == SQLITE_OK ? 0 : fail(file, "open", rc, err);
}

static int open_database(struct sqlite_file *file, struct err *err)
{
    int rc = sqlite3_open_v2(
        file->path, &file->db,
        SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, NULL);
    if (rc != SQLITE_OK) {
        return file->db == NULL ? err_no_memory(err) : fail(file, "open", rc, err);
    }
    (void)sqlite3_busy_timeout(file->db, BUSY_TIMEOUT_MS);
    (void)sqlite3_db_config(file->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    /* A file that is refused keeps its log as it is. */
    (void)sqlite3_db_config(file->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (check_content(file, err) < 0 || set_up(file, err) < 0) {
        return -1;
    }
    (void)sqlite3_db_config(file->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    struct stat status;
    if (stat(file->path, &status) < 0) {
        return err_set_errno(err, errno, "open %s", file->path);
    }
    file->device = status.st_dev;
    file->inode = status.st_ino;
    return 0;
}

static int lock_and_open(struct sqlite_file *file, struct err *err)
{
    auto_free char *lock_path = NULL;
    if (asprintf(&lock_path, "%s.lock", file->path) < 0) {
        lock_path = NULL;
        return err_no_memory(err);
    }
    if (fs_lock(lock_path, &file->lock_fd, err) < 0) {
        return err_wrap(err, "open %s", file->path);
    }
    bool exists = false;
    if (sqlite_format_check_header(file->path, &exists, err) < 0) {
        return -1;
    }
    if (!exists && sqlite_format_make(file->path, err) < 0) {
        return -1;
    }
    return open_database(file, err);
}

int sqlite_file_open(struct sqlite_file **ret, const char *path, struct err *err)
{
    struct sqlite_file *file = calloc(1, sizeof(*file));
    if (file == NULL) {
        return err_no_memory(err);
    }
    file->lock_fd = -1;
    file->path = strdup(path);
    if (file->path == NULL) {
        free(file);
        return err_no_memory(err);
    }
    if (lock_and_open(file, err) < 0) {
        sqlite_file_close(file);
        return -1;
    }
    *ret = file;
    return 0;
}

void sqlite_file_close(struct sqlite_file *file)
{
    if (file == NULL) {
        return;
    }
    for (size_t i = 0; i < STATEMENT_COUNT; i++) {
        (void)sqlite3_finalize(file->statements[i]); /* says what the last step said */
    }
    (void)sqlite3_close(file->db); /* only refuses with statements left */
    if (file->lock_fd >= 0) {
        (void)close(file->lock_fd);
    }
    free(file->path);
    free(file);
}

/* A file that was removed or replaced would take our writes and lose them at the next start. */
static int check_identity(const struct sqlite_file *file, struct err *err)
{
    struct stat status;
    if (stat(file->path, &status) < 0) {
        return err_set_errno(err, errno,
                             "write %s: the file was taken away: restart, after"
                             " restoring it if it is to be kept",
                             file->path);
    }
    if (status.st_dev != file->device || status.st_ino != file->inode) {
        return err_set(err, ERR_CONFLICT,
                       "write %s: another file was put in its place: restart to use that one",
                       file->path);
    }
    return 0;
}

static int find(struct sqlite_file *file, const char *key, uint64_t *ret_revision)
{
    sqlite3_int64 revision = 0;
    int rc = sqlite3_bind_text(file->statements[STATEMENT_FIND], 1, key, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK) {
        rc = run(file, STATEMENT_FIND, &revision);
    }
    *ret_revision = (uint64_t)revision;
    return rc;
}

static int put(struct sqlite_file *file, const struct store_operation *operation,
               uint64_t revision)
{
    sqlite3_stmt *statement = file->statements[STATEMENT_PUT];
    int rc = sqlite3_bind_text(statement, 1, operation->key, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_blob64(statement, 2, operation->value, operation->len, SQLITE_STATIC);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_int64(statement, 3, (sqlite3_int64)revision);
    }
    return rc == SQLITE_OK ? run(file, STATEMENT_PUT, NULL) : rc;
}

static int delete (struct sqlite_file *file, const char *key, bool *ret_is_change)
{
    int rc = sqlite3_bind_text(file->statements[STATEMENT_DELETE], 1, key, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK) {
        rc = run(file, STATEMENT_DELETE, NULL);
    }
    *ret_is_change = sqlite3_changes(file->db) > 0;
    return rc;
}

static int apply(struct sqlite_file *file, struct sqlite_txn *txn, uint64_t *revision)
{
    for (size_t i = 0; i < txn->n_conditions; i++) {
        uint64_t found = 0;
        int rc = find(file, txn->conditions[i].key, &found);
        if (rc != SQLITE_OK) {
            return rc;
        }
        if (found != txn->conditions[i].mod_revision) {
            txn->outcome = STORE_CONFLICT;
            return SQLITE_OK;
        }
    }
    txn->outcome = STORE_COMMITTED;
    txn->revision = ++*revision;
    for (size_t i = 0; i < txn->n_operations; i++) {
        const struct store_operation *operation = &txn->operations[i];
        txn->is_change[i] = true;
        int rc = operation->value != NULL ? put(file, operation, txn->revision)
                                          : delete (file, operation->key, &txn->is_change[i]);
        if (rc != SQLITE_OK) {
            return rc;
        }
    }
    return SQLITE_OK;
}

static int write_all(struct sqlite_file *file, struct sqlite_txn *first)
{
    sqlite3_int64 stored = 0;
    int rc = run(file, STATEMENT_BEGIN, NULL);
    if (rc == SQLITE_OK) {
        rc = run(file, STATEMENT_GET_REVISION, &stored);
    }
    uint64_t revision = (uint64_t)stored;
    for (struct sqlite_txn *txn = first; txn != NULL && rc == SQLITE_OK; txn = txn->next) {
        rc = apply(file, txn, &revision);
    }
    if (rc == SQLITE_OK) {
        rc = sqlite3_bind_int64(file->statements[STATEMENT_SET_REVISION], 1,
                                (sqlite3_int64)revision);
    }
    if (rc == SQLITE_OK) {
        rc = run(file, STATEMENT_SET_REVISION, NULL);
    }
    return rc == SQLITE_OK ? run(file, STATEMENT_COMMIT, NULL) : rc;
}

int sqlite_file_write(struct sqlite_file *file, struct sqlite_txn *first, struct err *err)
{
    if (check_identity(file, err) < 0) {
        return -1;
    }
    int rc = write_all(file, first);
    int result = rc == SQLITE_OK ? 0 : fail(file, "write", rc, err);
    if (sqlite3_get_autocommit(file->db) == 0) {
        (void)run(file, STATEMENT_ROLLBACK, NULL); /* cannot fail with a transaction open */
    }
    return result;
}

int sqlite_file_list(struct sqlite_file *file, const char *prefix, store_entry_fn *each,
                     void *userdata, struct err *err)
{
    sqlite3_stmt *statement = file->statements[STATEMENT_LIST];
    size_t prefix_len = strlen(prefix);
    int rc = sqlite3_bind_text(statement, 1, prefix, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK) {
        rc = sqlite3_step(statement);
    }
    while (rc == SQLITE_ROW) {
        const char *key = (const char *)sqlite3_column_text(statement, 0);
        if (key == NULL || strncmp(key, prefix, prefix_len) != 0) {
            break; /* keys come in order: the first one beyond the prefix ends it */
        }
        const void *value = sqlite3_column_blob(statement, 1);
        struct store_entry entry = {
            .key = key,
            .value = value != NULL ? value : "", /* SQLite has NULL for an empty blob */
            .len = (size_t)sqlite3_column_bytes(statement, 1),
            .mod_revision = (uint64_t)sqlite3_column_int64(statement, 2),
        };
        each(&entry, userdata);
        rc = sqlite3_step(statement);
    }
    (void)sqlite3_reset(statement); /* says once more what step said */
    (void)sqlite3_clear_bindings(statement);
    return rc == SQLITE_ROW || rc == SQLITE_DONE ? 0 : fail(file, "read", rc, err);
}
