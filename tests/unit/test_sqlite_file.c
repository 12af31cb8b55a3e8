/* SPDX-License-Identifier: Apache-2.0 */
/* The file behind the store: who may open it, what fails and comes back. Damaged and foreign
 * files: test_sqlite_format. */
#include "coordinator/store/sqlite_file.h"

#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "tests/support/tmpdir.h"

static const char *db_path(const struct tmpdir *dir, char ret_path[static TMPDIR_PATH_BYTES])
{
    return tmpdir_path(dir, "coordinator.db", ret_path);
}

static struct sqlite_file *open_file(const char *path)
{
    struct sqlite_file *file = NULL;
    struct err err = {0};
    if (sqlite_file_open(&file, path, &err) < 0) {
        fail_msg("%s", err.message);
    }
    return file;
}

static int write_one(struct sqlite_file *file, const char *key, const void *value, size_t len,
                     struct err *err)
{
    struct store_operation operation = {.key = key, .value = value, .len = len};
    bool is_change = false;
    struct sqlite_txn txn = {
        .operations = &operation, .n_operations = 1, .is_change = &is_change};
    return sqlite_file_write(file, &txn, err);
}

static void a_missing_directory_is_said(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    struct sqlite_file *file = NULL;
    (void)tmpdir_path(*state, "missing/coordinator.db", path);

    assert_int_equal(sqlite_file_open(&file, path, &err), -1);

    assert_int_equal(err.code, ERR_ABSENT);
    assert_non_null(strstr(err.message, "missing/coordinator.db"));
}

static void a_second_open_is_refused_and_names_the_holder(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    char holder[32];
    struct err err = {0};
    struct sqlite_file *second = NULL;
    struct sqlite_file *first = open_file(db_path(*state, path));
    (void)snprintf(holder, sizeof(holder), "(pid %d)", (int)getpid());

    assert_int_equal(sqlite_file_open(&second, path, &err), -1);

    assert_int_equal(err.code, ERR_BUSY);
    assert_non_null(strstr(err.message, holder));
    assert_int_equal(write_one(first, "k", "1", 1, &err), 0); /* which it did not disturb */
    sqlite_file_close(first);
    sqlite_file_close(open_file(path));
}

/* --- Files that fail while they are open --- */

static void a_foreign_lock_fails_writes_until_it_is_gone(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    sqlite3 *other = NULL;
    struct sqlite_file *file = open_file(db_path(*state, path));
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);

    assert_int_equal(write_one(file, "k", "1", 1, &err), -1);
    assert_int_equal(err.code, ERR_BUSY);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(write_one(file, "k", "2", 1, &err), 0);

    sqlite_file_close(file);
}

static void a_file_that_was_taken_away_takes_no_writes(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    char aside[TMPDIR_PATH_BYTES];
    struct err err = {0};
    struct sqlite_file *file = open_file(db_path(*state, path));
    assert_int_equal(rename(path, tmpdir_path(*state, "aside", aside)), 0);

    assert_int_equal(write_one(file, "k", "1", 1, &err), -1);
    assert_int_equal(err.code, ERR_ABSENT);
    assert_int_equal(mkdir(path, 0700), 0);
    assert_int_equal(write_one(file, "k", "2", 1, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(rmdir(path), 0);
    assert_int_equal(rename(aside, path), 0);
    assert_int_equal(write_one(file, "k", "3", 1, &err), 0);

    sqlite_file_close(file);
}

static bool write_text(const char *path, const char *text)
{
    auto_fd int fd = open(path, O_WRONLY | O_CLOEXEC);
    return fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
}

/* A file system of 1 MiB of its own at @path; false where the system does not let us. */
static bool mount_small(const char *path)
{
    char uid_map[64];
    char gid_map[64];
    (void)snprintf(uid_map, sizeof(uid_map), "0 %u 1", (unsigned)getuid());
    (void)snprintf(gid_map, sizeof(gid_map), "0 %u 1", (unsigned)getgid());
    return unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 &&
           write_text("/proc/self/setgroups", "deny") &&
           write_text("/proc/self/uid_map", uid_map) &&
           write_text("/proc/self/gid_map", gid_map) &&
           mount("none", path, "tmpfs", 0, "size=1m") == 0;
}

enum { CHILD_OK = 0, CHILD_SKIPPED = 77 };

/* In a process of its own, for its mounts die with it. Returns its exit status; others than the
 * two are line numbers. */
static int meet_full_disk(const struct tmpdir *dir)
{
    char path[TMPDIR_PATH_BYTES];
    static char value[200 * 1024];
    struct err err = {0};
    struct sqlite_file *file = NULL;
    if (!mount_small(dir->path)) {
        return CHILD_SKIPPED;
    }
    if (sqlite_file_open(&file, db_path(dir, path), &err) < 0 ||
        write_one(file, "before", value, 100, &err) < 0) {
        return 1;
    }
    char filler_path[TMPDIR_PATH_BYTES];
    int filler = open(tmpdir_path(dir, "filler", filler_path), O_WRONLY | O_CREAT, 0600);
    while (write(filler, value, 65536) > 0) {
    }
    (void)close(filler);
    if (write_one(file, "big", value, sizeof(value), &err) == 0 || err.code != ERR_NO_SPACE ||
        strstr(err.message, "free some space") == NULL) {
        return 2;
    }
    if (unlink(filler_path) < 0 || write_one(file, "big", value, sizeof(value), &err) < 0) {
        return 3;
    }
    sqlite_file_close(file);
    return CHILD_OK;
}

static void a_full_disk_is_said_and_writing_goes_on_when_there_is_space(void **state)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        _exit(meet_full_disk(*state));
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == CHILD_SKIPPED) {
        skip(); /* no user namespaces here */
    }
    assert_int_equal(WEXITSTATUS(status), CHILD_OK);
}

static void the_files_are_private(void **state)
{
    static const char *const names[] = {"coordinator.db", "coordinator.db-wal",
                                        "coordinator.db-shm", "coordinator.db.lock"};
    char path[TMPDIR_PATH_BYTES];
    mode_t before = umask(0);
    struct err err = {0};
    struct sqlite_file *file = open_file(db_path(*state, path));
    assert_int_equal(write_one(file, "k", "1", 1, &err), 0);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct stat status;
        assert_int_equal(stat(tmpdir_path(*state, names[i], path), &status), 0);
        assert_int_equal(status.st_mode & 07777, 0600);
    }
    (void)umask(before);
    sqlite_file_close(file);
}

static void compare_bytes(const struct store_entry *entry, void *userdata)
{
    *(bool *)userdata = entry->len == 4 && memcmp(entry->value, "\0\xFF\n", 4) == 0;
}

static void a_value_is_kept_byte_by_byte(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    bool is_equal = false;
    struct sqlite_file *file = open_file(db_path(*state, path));
    assert_int_equal(write_one(file, "bytes", "\0\xFF\n", 4, &err), 0);
    sqlite_file_close(file);

    file = open_file(path);
    assert_int_equal(sqlite_file_list(file, "bytes", compare_bytes, &is_equal, &err), 0);
    assert_true(is_equal);
    sqlite_file_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, tmpdir_setup, tmpdir_teardown)
        CASE(a_missing_directory_is_said),
        CASE(a_second_open_is_refused_and_names_the_holder),
        CASE(a_foreign_lock_fails_writes_until_it_is_gone),
        CASE(a_file_that_was_taken_away_takes_no_writes),
        CASE(a_full_disk_is_said_and_writing_goes_on_when_there_is_space),
        CASE(the_files_are_private),
        CASE(a_value_is_kept_byte_by_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
