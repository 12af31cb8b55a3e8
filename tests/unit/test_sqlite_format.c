/* SPDX-License-Identifier: Apache-2.0 */
/* Files under our name that are not ours, not whole or not of our time: refused with the way
 * out, and left as they are. */
#include "coordinator/store/sqlite_format.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "common/base/fs.h"
#include "coordinator/store/sqlite_file.h"
#include "tests/support/tmpdir.h"

/* A database with some pages, cleanly closed: all of it is in the file itself. */
static void make_database(const char *path)
{
    struct sqlite_file *file = NULL;
    struct err err = {0};
    char value[5000];
    memset(value, 'v', sizeof(value));
    assert_int_equal(sqlite_file_open(&file, path, &err), 0);
    for (int i = 0; i < 40; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "key/%d", i);
        bool is_change = false;
        struct store_operation operation = {key, value, sizeof(value)};
        struct sqlite_txn txn = {
            .operations = &operation, .n_operations = 1, .is_change = &is_change};
        assert_int_equal(sqlite_file_write(file, &txn, &err), 0);
    }
    sqlite_file_close(file);
}

static void overwrite(const char *path, off_t at, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, len, at), len);
    assert_int_equal(close(fd), 0);
}

static void empty(const char *path)
{
    assert_int_equal(truncate(path, 0), 0);
}

static void tear_header(const char *path)
{
    assert_int_equal(truncate(path, 50), 0);
}

static void tear_half(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(truncate(path, status.st_size / 2 / 4096 * 4096), 0);
}

static void tear_page(const char *path)
{
    struct stat status;
    assert_int_equal(stat(path, &status), 0);
    assert_int_equal(truncate(path, status.st_size - 1000), 0);
}

static void damage_page(const char *path)
{
    char garbage[4096];
    memset(garbage, 0xA5, sizeof(garbage));
    overwrite(path, 4096, garbage, sizeof(garbage));
}

static void replace_by_text(const char *path)
{
    empty(path);
    static const char text[] = "# some notes that stand where the database should be\n";
    char many[200] = "";
    for (int i = 0; i < 3; i++) {
        (void)strcat(many, text);
    }
    overwrite(path, 0, many, strlen(many));
}

static void replace_by_other_database(const char *path)
{
    assert_int_equal(unlink(path), 0);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "CREATE TABLE kv (key, value)", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void run_sql(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void drop_table(const char *path)
{
    run_sql(path, "DROP TABLE meta");
}

static void make_newer(const char *path)
{
    run_sql(path, "PRAGMA user_version = 2");
}

static void make_older(const char *path)
{
    run_sql(path, "PRAGMA user_version = 0");
}

static void lose_all_but_log(const char *path)
{
    char log_path[TMPDIR_PATH_BYTES];
    (void)snprintf(log_path, sizeof(log_path), "%.500s-wal", path);
    assert_int_equal(rename(path, log_path), 0);
}

static void replace_by_directory(const char *path)
{
    assert_int_equal(unlink(path), 0);
    assert_int_equal(mkdir(path, 0700), 0);
}

struct strange {
    void (*make)(const char *path);
    enum err_code code;
    const char *message; /* part of it */
};

static void read_bytes(const char *path, struct buf *ret)
{
    struct err err = {0};
    *ret = BUF_INIT(1024 * 1024);
    if (fs_read(path, ret, &err) < 0) {
        buf_clear(ret); /* not a file */
    }
}

static void strange_files_are_refused_and_left_as_they_are(void **state)
{
    static const struct strange table[] = {
        {empty, ERR_CORRUPT, "the file is empty"},
        {tear_header, ERR_CORRUPT, "no database of this program"},
        {tear_half, ERR_CORRUPT, "restore a backup"},
        {tear_page, ERR_CORRUPT, "restore a backup"},
        {damage_page, ERR_CORRUPT, "restore a backup"},
        {replace_by_text, ERR_CORRUPT, "no database of this program"},
        {replace_by_other_database, ERR_CORRUPT, "no database of this program"},
        {drop_table, ERR_CORRUPT, "restore a backup"},
        {make_newer, ERR_FUTURE, "a newer version"},
        {make_older, ERR_CORRUPT, "unknown format"},
        {lose_all_but_log, ERR_CORRUPT, "its log"},
        {replace_by_directory, ERR_IO, "directory"},
    };
    const struct tmpdir *dir = *state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        char name[16];
        char path[TMPDIR_PATH_BYTES];
        (void)snprintf(name, sizeof(name), "case-%zu", i);
        (void)tmpdir_path(dir, name, path);
        make_database(path);
        table[i].make(path);
        struct buf before;
        read_bytes(path, &before);

        struct sqlite_file *file = NULL;
        struct err err = {0};
        if (sqlite_file_open(&file, path, &err) == 0) {
            fail_msg("case %zu was opened", i);
        }
        assert_null(file);
        assert_string_equal(err_code_name(err.code), err_code_name(table[i].code));
        if (strstr(err.message, table[i].message) == NULL ||
            strstr(err.message, path) == NULL) {
            fail_msg("case %zu says: %s", i, err.message);
        }

        struct buf after;
        read_bytes(path, &after);
        assert_int_equal(after.len, before.len);
        assert_memory_equal(buf_text(&after), buf_text(&before), before.len);
        buf_fini(&before);
        buf_fini(&after);
    }
}

static void a_newer_version_is_seen_while_it_stands_in_the_log_only(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    struct sqlite_file *file = NULL;
    sqlite3 *db = NULL;
    make_database(tmpdir_path(*state, "coordinator.db", path));
    /* As after a crash of the newer one: the connection stays open, so nothing moves the log
     * into the file. */
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "PRAGMA user_version = 7", NULL, NULL, NULL), SQLITE_OK);

    assert_int_equal(sqlite_file_open(&file, path, &err), -1);

    assert_int_equal(err.code, ERR_FUTURE);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void a_new_file_is_made_whole_and_known_as_ours(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    bool exists = true;
    (void)tmpdir_path(*state, "coordinator.db", path);

    assert_int_equal(sqlite_format_check_header(path, &exists, &err), 0);
    assert_false(exists);
    assert_int_equal(sqlite_format_make(path, &err), 0);
    assert_int_equal(sqlite_format_check_header(path, &exists, &err), 0);
    assert_true(exists);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, tmpdir_setup, tmpdir_teardown)
        CASE(a_new_file_is_made_whole_and_known_as_ours),
        CASE(strange_files_are_refused_and_left_as_they_are),
        CASE(a_newer_version_is_seen_while_it_stands_in_the_log_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
