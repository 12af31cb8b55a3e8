/* SPDX-License-Identifier: Apache-2.0 */
/* Reading files, making directories, asking for space; and the main of all cases of fs. */
#include "common/base/fs.h"

#include <fcntl.h>

#include "tests/unit/fs_cases.h"

static void a_file_is_read_whole_up_to_the_bound(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    char content[10001];
    memset(content, 'c', sizeof(content) - 1);
    content[sizeof(content) - 1] = '\0';
    put(tmpdir_path(*state, "file", path), content);

    struct buf exact = BUF_INIT(10000);
    assert_int_equal(fs_read(path, &exact, &err), 0);
    assert_string_equal(buf_text(&exact), content);
    buf_fini(&exact);

    struct buf small = BUF_INIT(10002); /* three bytes stand in it, 10000 do not fit */
    assert_int_equal(buf_append(&small, "abc", 3, &err), 0);
    assert_int_equal(fs_read(path, &small, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_non_null(strstr(err.message, path));
    assert_int_equal(small.len, 3);
    assert_string_equal(buf_text(&small), "abc");
    buf_fini(&small);
}

static void reading_appends(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    struct buf buf = BUF_INIT(100);
    put(tmpdir_path(*state, "file", path), "def");
    assert_int_equal(buf_append(&buf, "abc", 3, &err), 0);

    assert_int_equal(fs_read(path, &buf, &err), 0);

    assert_string_equal(buf_text(&buf), "abcdef");
    buf_fini(&buf);
}

static void a_file_that_says_it_has_no_size_is_read(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf buf = BUF_INIT(1000000);

    assert_int_equal(fs_read("/proc/self/status", &buf, &err), 0);

    assert_non_null(strstr(buf_text(&buf), "VmRSS:"));
    buf_fini(&buf);
}

static void what_is_no_file_is_refused_and_never_waited_for(void **state)
{
    const struct tmpdir *dir = *state;
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    struct buf buf = BUF_INIT(100);

    assert_int_equal(fs_read(tmpdir_path(dir, "absent", path), &buf, &err), -1);
    assert_int_equal(err.code, ERR_ABSENT);
    assert_non_null(strstr(err.message, path));

    assert_int_equal(fs_read(dir->path, &buf, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_non_null(strstr(err.message, "a directory"));

    assert_int_equal(mkfifo(tmpdir_path(dir, "fifo", path), 0600), 0);
    assert_int_equal(fs_read(path, &buf, &err), -1); /* nobody will ever write to it */
    assert_int_equal(err.code, ERR_IO);

    assert_int_equal(fs_read("/dev/zero", &buf, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(buf.len, 0);
    buf_fini(&buf);
}

static void a_dash_reads_standard_input(void **state)
{
    (void)state;
    struct err err = {0};
    struct buf buf = BUF_INIT(100);
    int ends[2];
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    assert_int_equal(write(ends[1], "token", 5), 5);
    assert_int_equal(close(ends[1]), 0);
    int saved = dup(STDIN_FILENO);
    assert_true(dup2(ends[0], STDIN_FILENO) >= 0);

    int result = fs_read("-", &buf, &err);

    if (saved >= 0) {
        assert_true(dup2(saved, STDIN_FILENO) >= 0);
        assert_int_equal(close(saved), 0);
    }
    assert_int_equal(close(ends[0]), 0);
    assert_int_equal(result, 0);
    assert_string_equal(buf_text(&buf), "token");
    buf_fini(&buf);
}

static void a_private_directory_is_made_with_its_parents(void **state)
{
    const struct tmpdir *dir = *state;
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};

    mode_t umask_before = umask(0);
    int loose = fs_private_dir(tmpdir_path(dir, "a/b//c/", path), &err);
    (void)umask(0777);
    int tight = fs_private_dir(tmpdir_path(dir, "d/e", path), &err);
    (void)umask(umask_before);

    assert_int_equal(loose, 0);
    assert_int_equal(tight, 0);
    assert_int_equal(mode_of(tmpdir_path(dir, "a", path)), 0755);
    assert_int_equal(mode_of(tmpdir_path(dir, "a/b", path)), 0755);
    assert_int_equal(mode_of(tmpdir_path(dir, "a/b/c", path)), 0700);
    assert_int_equal(mode_of(tmpdir_path(dir, "d", path)), 0755);
    assert_int_equal(mode_of(tmpdir_path(dir, "d/e", path)), 0700);
}

static void an_existing_private_directory_must_not_be_writable_by_others(void **state)
{
    static const struct {
        mode_t mode;
        bool is_accepted;
    } cases[] = {
        {0700, true},  {0750, true},  {0755, true},   {0711, true},
        {0770, false}, {0702, false}, {01777, false}, {0777, false},
    };

    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    assert_int_equal(mkdir(tmpdir_path(*state, "dir", path), 0700), 0);

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(chmod(path, cases[i].mode), 0);
        int result = fs_private_dir(path, &err);
        assert_int_equal(result, cases[i].is_accepted ? 0 : -1);
        assert_int_equal(mode_of(path), cases[i].mode);
        if (result < 0) {
            assert_int_equal(err.code, ERR_PERMISSION);
            assert_non_null(strstr(err.message, path));
        }
    }
}

static int use_foreign_directory(const struct tmpdir *dir)
{
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    return fs_private_dir(tmpdir_path(dir, "dir", path), &err) < 0 &&
                   err.code == ERR_PERMISSION && strstr(err.message, "belongs to") != NULL
               ? 0
               : 1;
}

static void a_private_directory_must_be_ours(void **state)
{
    const struct tmpdir *dir = *state;
    char path[TMPDIR_PATH_BYTES];
    if (geteuid() != 0) {
        skip(); /* it takes two users */
    }
    assert_int_equal(chmod(dir->path, 0755), 0);
    assert_int_equal(mkdir(tmpdir_path(dir, "dir", path), 0755), 0);

    assert_int_equal(as_nobody(use_foreign_directory, dir), 0);
}

static void a_link_to_a_directory_of_ours_is_good_enough(void **state)
{
    const struct tmpdir *dir = *state;
    char target[TMPDIR_PATH_BYTES];
    char link[TMPDIR_PATH_BYTES];
    struct err err = {0};
    /* systemd's StateDirectory= with DynamicUser= looks like that */
    assert_int_equal(mkdir(tmpdir_path(dir, "private", target), 0700), 0);
    assert_int_equal(symlink(target, tmpdir_path(dir, "state", link)), 0);

    assert_int_equal(fs_private_dir(link, &err), 0);
    assert_int_equal(fs_private_dir(tmpdir_path(dir, "state/sub", link), &err), 0);
    assert_int_equal(entries_in(target), 1);
}

static void a_file_in_the_place_of_a_directory_is_an_error(void **state)
{
    const struct tmpdir *dir = *state;
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    put(tmpdir_path(dir, "file", path), "x");

    assert_int_equal(fs_dir(path, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(fs_private_dir(path, &err), -1);
    assert_int_equal(fs_dir(tmpdir_path(dir, "file/sub", path), &err), -1);

    assert_int_equal(symlink("/nowhere/at/all", tmpdir_path(dir, "dangling", path)), 0);
    assert_int_equal(fs_dir(path, &err), -1);
    assert_content(tmpdir_path(dir, "file", path), "x");
}

static void a_public_directory_has_mode_0755(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};

    mode_t umask_before = umask(0077);
    int result = fs_dir(tmpdir_path(*state, "a/b", path), &err);
    (void)umask(umask_before);

    assert_int_equal(result, 0);
    assert_int_equal(mode_of(path), 0755);
    assert_int_equal(fs_dir(path, &err), 0);
}

static void paths_are_joined_with_one_slash(void **state)
{
    (void)state;

    static const struct {
        const char *dir;
        const char *joined;
    } cases[] = {
        {"/a/b", "/a/b/name"}, {"/a/b/", "/a/b/name"}, {"/", "/name"}, {"a", "a/name"}};

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char *joined = fs_join(cases[i].dir, "name");
        assert_string_equal(joined, cases[i].joined);
        free(joined);
    }
}

static void the_file_system_tells_its_space(void **state)
{
    const struct tmpdir *dir = *state;
    char path[TMPDIR_PATH_BYTES];
    struct err err = {0};
    uint64_t free_bytes = 0;
    uint64_t total_bytes = 0;

    assert_int_equal(fs_space(dir->path, &free_bytes, &total_bytes, &err), 0);
    assert_true(total_bytes >= 1000000);
    assert_true(free_bytes <= total_bytes);

    uint64_t untouched = 7;
    assert_int_equal(fs_space(tmpdir_path(dir, "absent", path), &untouched, &untouched, &err),
                     -1);
    assert_int_equal(err.code, ERR_ABSENT);
    assert_int_equal(untouched, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FS_CASE(a_file_is_read_whole_up_to_the_bound),
        FS_CASE(reading_appends),
        FS_CASE(a_file_that_says_it_has_no_size_is_read),
        FS_CASE(what_is_no_file_is_refused_and_never_waited_for),
        FS_CASE(a_dash_reads_standard_input),
        FS_CASE(a_private_directory_is_made_with_its_parents),
        FS_CASE(an_existing_private_directory_must_not_be_writable_by_others),
        FS_CASE(a_private_directory_must_be_ours),
        FS_CASE(a_link_to_a_directory_of_ours_is_good_enough),
        FS_CASE(a_file_in_the_place_of_a_directory_is_an_error),
        FS_CASE(a_public_directory_has_mode_0755),
        FS_CASE(paths_are_joined_with_one_slash),
        FS_CASE(the_file_system_tells_its_space),
    };
    int failed = cmocka_run_group_tests_name("fs", tests, NULL, NULL);
    failed += run_fs_replace_cases();
    failed += run_fs_lock_cases();
    return failed;
}
