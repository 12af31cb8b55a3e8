/* SPDX-License-Identifier: Apache-2.0 */
/* Locks: a second process is refused and told who is first; a dead one holds nobody up. */
#include "tests/unit/fs_cases.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

/* A child that holds the lock until it is killed; returns when it has it. */
static pid_t fork_holder(const char *path)
{
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* a failed test leaves nobody behind */
        struct err err;
        int fd = -1;
        if (fs_lock(path, &fd, &err) < 0 || write(ends[1], "", 1) != 1) {
            _exit(1);
        }
        for (;;) {
            (void)pause();
        }
    }
    char byte;
    assert_int_equal(close(ends[1]), 0);
    assert_int_equal(read(ends[0], &byte, 1), 1);
    assert_int_equal(close(ends[0]), 0);
    return child;
}

static void a_lock_held_by_another_process_is_refused_with_its_pid(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    char pid[32];
    struct err err = {0};
    int fd = -2;
    put(tmpdir_path(*state, "lock", path), "999999999\nleft by a longer one\n");
    pid_t holder = fork_holder(path);
    (void)snprintf(pid, sizeof(pid), "(pid %d) ", (int)holder);

    assert_int_equal(fs_lock(path, &fd, &err), -1);
    assert_int_equal(err.code, ERR_BUSY);
    assert_non_null(strstr(err.message, pid));
    assert_non_null(strstr(err.message, "stop it or give another --state-dir"));
    assert_int_equal(fd, -2);
    assert_int_equal(fs_lock_holder(path), holder);

    assert_int_equal(kill(holder, SIGKILL), 0);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
    assert_int_equal(fs_lock_holder(path), 0); /* the pid of a dead holder still stands in it */
    assert_int_equal(fs_lock(path, &fd, &err), 0);
    assert_int_equal(fs_lock_holder(path), getpid());
    (void)snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    assert_content(path, pid);
    assert_int_equal(close(fd), 0);
    assert_int_equal(fs_lock_holder(path), 0);
}

static void a_lock_whose_holder_wrote_nothing_usable_is_still_refused(void **state)
{
    static const char *const contents[] = {"",    "garbage", "-5\n",
                                           "0\n", "12",      "99999999999999"};
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    int fd = -1;
    pid_t holder = fork_holder(tmpdir_path(*state, "lock", path));

    for (size_t i = 0; i < ARRAY_LEN(contents); i++) {
        put(path, contents[i]);
        assert_int_equal(fs_lock_holder(path), 0);
    }
    assert_int_equal(fs_lock(path, &fd, &err), -1);
    assert_int_equal(err.code, ERR_BUSY);
    assert_non_null(strstr(err.message, "another "));

    assert_int_equal(kill(holder, SIGKILL), 0);
    assert_int_equal(waitpid(holder, NULL, 0), holder);
}

static void a_lock_file_is_made_private_and_never_through_a_link(void **state)
{
    const struct tmpdir *dir = *state;
    char path[TMPDIR_PATH_BYTES];
    char link[TMPDIR_PATH_BYTES];
    struct err err = {0};
    int fd = -1;
    assert_int_equal(fs_lock_holder(tmpdir_path(dir, "lock", path)), 0);
    assert_int_equal(access(path, F_OK), -1); /* asking makes nothing */

    assert_int_equal(fs_lock(path, &fd, &err), 0);
    assert_int_equal(mode_of(path), 0600);
    assert_true((fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    assert_int_equal(close(fd), 0);

    assert_int_equal(symlink(path, tmpdir_path(dir, "link", link)), 0);
    assert_int_equal(fs_lock(link, &fd, &err), -1);
    assert_int_equal(err.sys_errno, ELOOP);
    assert_int_equal(fs_lock(tmpdir_path(dir, "absent/lock", path), &fd, &err), -1);
    assert_int_equal(err.code, ERR_ABSENT);
}

int run_fs_lock_cases(void)
{
    const struct CMUnitTest tests[] = {
        FS_CASE(a_lock_held_by_another_process_is_refused_with_its_pid),
        FS_CASE(a_lock_whose_holder_wrote_nothing_usable_is_still_refused),
        FS_CASE(a_lock_file_is_made_private_and_never_through_a_link),
    };
    return cmocka_run_group_tests_name("fs_lock", tests, NULL, NULL);
}
