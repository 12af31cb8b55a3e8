/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the test program test_fs share: one group of cases each, and how they
 * look at files. */
#ifndef TESTS_UNIT_FS_CASES_H
#define TESTS_UNIT_FS_CASES_H

#include "common/base/fs.h"

#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/tmpdir.h"

#define FS_CASE(function)                                                                      \
    cmocka_unit_test_setup_teardown(function, tmpdir_setup, tmpdir_teardown)

/* Each returns how many of its cases failed. */
int run_fs_replace_cases(void);
int run_fs_lock_cases(void);

enum { NOBODY = 65534 };

static inline void put(const char *path, const char *text)
{
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_true(fputs(text, file) >= 0);
    assert_int_equal(fclose(file), 0);
}

static inline void assert_content(const char *path, const char *text)
{
    struct buf buf = BUF_INIT(100000);
    struct err err = {0};
    if (fs_read(path, &buf, &err) < 0) {
        fail_msg("%s", err.message);
    }
    assert_string_equal(buf_text(&buf), text);
    buf_fini(&buf);
}

static inline mode_t mode_of(const char *path)
{
    struct stat stat;
    assert_int_equal(lstat(path, &stat), 0);
    return stat.st_mode & 07777;
}

static inline int entries_in(const char *path)
{
    DIR *dir = opendir(path);
    assert_non_null(dir);
    int count = 0;
    while (readdir(dir) != NULL) {
        count++;
    }
    assert_int_equal(closedir(dir), 0);
    return count - 2; /* "." and ".." */
}

/* The test may run as root, whom no mode stops: a child without privileges does the work.
 * Its exit status is the result. */
static inline int as_nobody(int (*work)(const struct tmpdir *dir), const struct tmpdir *dir)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 &&
            (setresgid(NOBODY, NOBODY, NOBODY) < 0 || setresuid(NOBODY, NOBODY, NOBODY) < 0)) {
            _exit(100);
        }
        _exit(work(dir));
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 101;
}

#endif
