/* SPDX-License-Identifier: Apache-2.0 */
/* The reader of /proc: every line once, whole or not at all. */
#include "agent/measure/proc_file.h"
#include "tests/support/host_tree.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void lines_come_one_by_one(void **state)
{
    static const struct {
        const char *text;
        const char *lines[4];
    } cases[] = {
        {"", {NULL}}, {"a", {"a"}}, {"a\n", {"a"}}, {"a\n\nb", {"a", "", "b"}}, {"\n", {""}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct proc_lines lines;
        host_tree_write(*state, "file", cases[i].text);
        int dir_fd = host_tree_open(((const struct tmpdir *)*state)->path);
        assert_true(proc_lines_open(&lines, dir_fd, "file"));
        for (size_t n = 0; cases[i].lines[n] != NULL; n++) {
            const char *line = proc_lines_next(&lines);
            assert_non_null(line);
            assert_string_equal(line, cases[i].lines[n]);
        }
        assert_null(proc_lines_next(&lines));
        assert_null(proc_lines_next(&lines));
        proc_lines_close(&lines);
        close(dir_fd);
    }
}

/* Lengths around the buffer's, followed by a line that must still be found, and not. */
static void an_overlong_line_is_left_out_and_the_next_is_found(void **state)
{
    static const size_t lengths[] = {PROC_LINE_BYTES - 2, PROC_LINE_BYTES - 1, PROC_LINE_BYTES,
                                     2 * PROC_LINE_BYTES - 2, 3 * PROC_LINE_BYTES + 7};
    static char text[4 * PROC_LINE_BYTES];
    for (size_t i = 0; i < sizeof lengths / sizeof lengths[0]; i++) {
        for (int has_next = 0; has_next <= 1; has_next++) {
            struct proc_lines lines;
            memset(text, 'x', lengths[i]);
            memcpy(text + lengths[i], has_next ? "\nnext\n" : "\0", has_next ? 7 : 1);
            host_tree_write(*state, "file", text);
            int dir_fd = host_tree_open(((const struct tmpdir *)*state)->path);
            assert_true(proc_lines_open(&lines, dir_fd, "file"));
            if (lengths[i] < PROC_LINE_BYTES - 1) {
                assert_int_equal(strlen(proc_lines_next(&lines)), lengths[i]);
            }
            const char *next = proc_lines_next(&lines);
            if (has_next) {
                assert_string_equal(next, "next");
                next = proc_lines_next(&lines);
            }
            assert_null(next);
            proc_lines_close(&lines);
            close(dir_fd);
        }
    }
}

static void an_absent_file_has_no_lines(void **state)
{
    struct proc_lines lines;
    int dir_fd = host_tree_open(((const struct tmpdir *)*state)->path);
    errno = 0;
    assert_false(proc_lines_open(&lines, dir_fd, "file"));
    assert_int_equal(errno, ENOENT);
    assert_null(proc_lines_next(&lines));
    proc_lines_close(&lines);
    close(dir_fd);
}

static void a_fifo_does_not_hang_the_reader(void **state)
{
    char path[TMPDIR_PATH_BYTES];
    char text[16];
    struct proc_lines lines;
    assert_int_equal(mkfifo(tmpdir_path(*state, "fifo", path), 0600), 0);
    int dir_fd = host_tree_open(((const struct tmpdir *)*state)->path);
    assert_true(proc_lines_open(&lines, dir_fd, "fifo"));
    assert_null(proc_lines_next(&lines));
    proc_lines_close(&lines);
    assert_true(proc_read_text(dir_fd, "fifo", text, sizeof text));
    assert_string_equal(text, "");
    close(dir_fd);
}

static void a_small_file_is_read_whole_or_not_at_all(void **state)
{
    char text[8] = "before";
    int dir_fd = host_tree_open(((const struct tmpdir *)*state)->path);
    host_tree_write(*state, "file", "1234 \n\n");
    assert_true(proc_read_text(dir_fd, "file", text, sizeof text));
    assert_string_equal(text, "1234");
    host_tree_write(*state, "file", "12345678");
    errno = 0;
    assert_false(proc_read_text(dir_fd, "file", text, sizeof text));
    assert_int_equal(errno, EFBIG);
    assert_false(proc_read_text(dir_fd, ".", text, sizeof text));
    close(dir_fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lines_come_one_by_one, tmpdir_setup, tmpdir_teardown),
        cmocka_unit_test_setup_teardown(an_overlong_line_is_left_out_and_the_next_is_found,
                                        tmpdir_setup, tmpdir_teardown),
        cmocka_unit_test_setup_teardown(an_absent_file_has_no_lines, tmpdir_setup,
                                        tmpdir_teardown),
        cmocka_unit_test_setup_teardown(a_fifo_does_not_hang_the_reader, tmpdir_setup,
                                        tmpdir_teardown),
        cmocka_unit_test_setup_teardown(a_small_file_is_read_whole_or_not_at_all, tmpdir_setup,
                                        tmpdir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
