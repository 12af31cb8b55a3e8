/* SPDX-License-Identifier: Apache-2.0 */
/* Replacing and removing under adversity: kills, full and unwritable places, links that
 * somebody planted. */
#include "tests/unit/fs_cases.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>

/* The name that fs_replace() takes for its temporary file in this thread. */
static void put_temporary_path(char ret_path[static TMPDIR_PATH_BYTES],
                               const struct tmpdir *dir, const char *name)
{
    char temporary[128];
    (void)snprintf(temporary, sizeof(temporary), ".%s.%d.tmp", name, (int)gettid());
    (void)tmpdir_path(dir, temporary, ret_path);
}

static void a_replaced_file_has_content_and_mode_whatever_the_umask(void **state)
{
    const struct tmpdir *dir = *state;
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    (void)tmpdir_path(dir, "file", path);

    mode_t umask_before = umask(0777);
    int first = fs_replace(path, "one", 3, 0640, true, &err);
    (void)umask(0);
    int second = fs_replace(path, "", 0, 0600, false, &err);
    (void)umask(umask_before);

    assert_int_equal(first, 0);
    assert_int_equal(second, 0);
    assert_content(path, "");
    assert_int_equal(mode_of(path), 0600);
    assert_int_equal(fs_replace(path, "two", 3, 0640, true, &err), 0);
    assert_content(path, "two");
    assert_int_equal(mode_of(path), 0640);
    assert_int_equal(entries_in(dir->path), 1);
}

static void a_link_is_replaced_and_its_target_left_alone(void **state)
{
    const struct tmpdir *dir = *state;
    char victim[TMPDIR_PATH_BYTES];
    char link[TMPDIR_PATH_BYTES];
    struct err err = {0};
    put(tmpdir_path(dir, "victim", victim), "precious");
    assert_int_equal(symlink(victim, tmpdir_path(dir, "link", link)), 0);

    assert_int_equal(fs_replace(link, "new", 3, 0600, true, &err), 0);

    struct stat stat;
    assert_int_equal(lstat(link, &stat), 0);
    assert_true(S_ISREG(stat.st_mode));
    assert_content(link, "new");
    assert_content(victim, "precious");
}

static void a_stale_temporary_file_blocks_nobody(void **state)
{
    const struct tmpdir *dir = *state;
    char path[TMPDIR_PATH_BYTES];
    char victim[TMPDIR_PATH_BYTES];
    char temporary[TMPDIR_PATH_BYTES];
    struct err err = {0};
    (void)tmpdir_path(dir, "file", path);
    put_temporary_path(temporary, dir, "file");
    put(tmpdir_path(dir, "victim", victim), "precious");

    put(temporary, "half of what a killed writer wan");
    assert_int_equal(fs_replace(path, "one", 3, 0600, true, &err), 0);
    assert_content(path, "one");

    assert_int_equal(symlink(victim, temporary), 0); /* planted to write through */
    assert_int_equal(fs_replace(path, "two", 3, 0600, true, &err), 0);
    assert_content(path, "two");
    assert_content(victim, "precious");
    assert_int_equal(entries_in(dir->path), 2);
}

/* Every write of the child is followed by a byte to @fd, so that the parent kills it amid
 * its work. */
static void replace_for_ever(const char *path, int fd)
{
    static char contents[2][50000];
    memset(contents[0], 'a', sizeof(contents[0]));
    memset(contents[1], 'b', sizeof(contents[1]));
    struct err err;
    for (unsigned i = 0;; i++) {
        if (fs_replace(path, contents[i % 2], sizeof(contents[0]), 0600, false, &err) < 0 ||
            write(fd, "", 1) != 1) {
            _exit(1);
        }
    }
}

static void a_killed_writer_leaves_the_old_or_the_new_file_whole(void **state)
{
    const struct tmpdir *dir = *state;
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    (void)tmpdir_path(dir, "file", path);

    for (int round = 0; round < 25; round++) {
        int ends[2];
        assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
            replace_for_ever(path, ends[1]);
        }
        char bytes[4];
        assert_int_equal(close(ends[1]), 0);
        assert_true(read(ends[0], bytes, sizeof(bytes)) > 0);
        assert_int_equal(kill(child, SIGKILL), 0);
        int status = 0;
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status)); /* it did not fail before */
        assert_int_equal(close(ends[0]), 0);

        struct buf buf = BUF_INIT(100000);
        assert_int_equal(fs_read(path, &buf, &err), 0);
        assert_int_equal(buf.len, 50000);
        for (size_t i = 0; i < buf.len; i++) {
            assert_int_equal(buf.bytes[i], buf.bytes[0]);
        }
        buf_fini(&buf);
    }
    assert_int_equal(fs_replace(path, "next", 4, 0600, true, &err), 0);
    assert_content(path, "next");
}

static void a_write_that_fails_midway_leaves_the_old_file_and_no_other(void **state)
{
    const struct tmpdir *dir = *state;
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    static char large[100000];
    assert_int_equal(fs_replace(tmpdir_path(dir, "file", path), "old", 3, 0600, true, &err), 0);

    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit limit = {.rlim_cur = 4096, .rlim_max = before.rlim_max};
    void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    int result = fs_replace(path, large, sizeof(large), 0600, true, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);

    assert_int_equal(result, -1);
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(err.sys_errno, EFBIG);
    assert_non_null(strstr(err.message, path));
    assert_content(path, "old");
    assert_int_equal(entries_in(dir->path), 1);
}

static void a_path_that_cannot_be_replaced_leaves_no_temporary_file(void **state)
{
    const struct tmpdir *dir = *state;
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};

    assert_int_equal(mkdir(tmpdir_path(dir, "dir", path), 0700), 0);
    assert_int_equal(fs_replace(path, "x", 1, 0600, true, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(entries_in(dir->path), 1);

    assert_int_equal(
        fs_replace(tmpdir_path(dir, "absent/file", path), "x", 1, 0600, true, &err), -1);
    assert_int_equal(err.code, ERR_ABSENT);

    static const char *const no_names[] = {"", "/", "dir/", ".", "..", "dir/.."};
    for (size_t i = 0; i < ARRAY_LEN(no_names); i++) {
        assert_int_equal(fs_replace(no_names[i], "x", 1, 0600, true, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
    }
    assert_int_equal(entries_in(dir->path), 1);
}

static int write_where_it_is_forbidden(const struct tmpdir *dir)
{
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    if (fs_replace(tmpdir_path(dir, "file", path), "new", 3, 0600, true, &err) == 0 ||
        err.code != ERR_PERMISSION) {
        return 1;
    }
    if (fs_remove(path, &err) == 0 || err.code != ERR_PERMISSION) {
        return 2;
    }
    struct buf buf = BUF_INIT(10);
    if (fs_read(tmpdir_path(dir, "secret", path), &buf, &err) == 0 ||
        err.code != ERR_PERMISSION) {
        return 3;
    }
    if (fs_private_dir(tmpdir_path(dir, "new/dir", path), &err) == 0 ||
        err.code != ERR_PERMISSION) {
        return 4;
    }
    return 0;
}

static void where_we_may_not_write_nothing_changes(void **state)
{
    const struct tmpdir *dir = *state;
    char path[TMPDIR_PATH_BYTES];
    put(tmpdir_path(dir, "secret", path), "s");
    assert_int_equal(chmod(path, 0000), 0);
    put(tmpdir_path(dir, "file", path), "old");
    assert_int_equal(chmod(dir->path, 0555), 0);

    assert_int_equal(as_nobody(write_where_it_is_forbidden, dir), 0);

    assert_content(path, "old");
    assert_int_equal(entries_in(dir->path), 2);
}

static void removing_is_done_once_and_fine_twice(void **state)
{
    const struct tmpdir *dir = *state;
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    put(tmpdir_path(dir, "file", path), "x");

    assert_int_equal(fs_remove(path, &err), 0);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(fs_remove(path, &err), 0);
    assert_int_equal(fs_remove(tmpdir_path(dir, "no/such/dir", path), &err), 0);

    assert_int_equal(mkdir(tmpdir_path(dir, "dir", path), 0700), 0);
    assert_int_equal(fs_remove(path, &err), -1);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(access(path, F_OK), 0);
}

static void leftovers_of_killed_writers_are_swept_and_nothing_else(void **state)
{
    static const struct {
        const char *name;
        bool is_swept;
    } files[] = {
        {".file.123.tmp", true}, {".file.4.tmp", true},     {"file", false},
        {".file.tmp", false},    {".file.12a.tmp", false},  {".other.123.tmp", false},
        {"file.123.tmp", false}, {".file.123.tmpx", false}, {".file2.1.tmp", false},
    };
    const struct tmpdir *dir = *state;
    char path[TMPDIR_PATH_BYTES];
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        put(tmpdir_path(dir, files[i].name, path), "x");
    }

    fs_sweep(tmpdir_path(dir, "file", path));
    fs_sweep(tmpdir_path(dir, "no/such/dir", path));

    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        bool is_there = access(tmpdir_path(dir, files[i].name, path), F_OK) == 0;
        if (is_there == files[i].is_swept) {
            fail_msg("%s is %s", files[i].name, is_there ? "there" : "gone");
        }
    }
}

int run_fs_replace_cases(void)
{
    const struct CMUnitTest tests[] = {
        FS_CASE(a_replaced_file_has_content_and_mode_whatever_the_umask),
        FS_CASE(a_link_is_replaced_and_its_target_left_alone),
        FS_CASE(a_stale_temporary_file_blocks_nobody),
        FS_CASE(a_killed_writer_leaves_the_old_or_the_new_file_whole),
        FS_CASE(a_write_that_fails_midway_leaves_the_old_file_and_no_other),
        FS_CASE(a_path_that_cannot_be_replaced_leaves_no_temporary_file),
        FS_CASE(where_we_may_not_write_nothing_changes),
        FS_CASE(removing_is_done_once_and_fine_twice),
        FS_CASE(leftovers_of_killed_writers_are_swept_and_nothing_else),
    };
    return cmocka_run_group_tests_name("fs_replace", tests, NULL, NULL);
}
