/* SPDX-License-Identifier: Apache-2.0 */
/* The growing buffer: its bound, its NUL, and what it leaves behind. */
#include "common/base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/alloc_watch.h"

static void an_empty_buffer_reads_as_empty_text(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(8);
    struct err err = {0};

    assert_string_equal(buf_text(&buf), "");
    assert_null(buf_take(&buf));
    assert_int_equal(buf_append(&buf, NULL, 0, &err), 0);
    assert_string_equal(buf_text(&buf), "");

    buf_clear(&buf);
    buf_wipe(&buf);
    buf_fini(&buf);
    buf_fini(&buf);
}

static void appended_bytes_keep_their_nuls_and_end_with_one(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(1000);
    struct err err = {0};

    assert_int_equal(buf_append(&buf, "a\0b", 3, &err), 0);
    assert_int_equal(buf_append(&buf, "c", 1, &err), 0);

    assert_int_equal(buf.len, 4);
    assert_memory_equal(buf.bytes, "a\0bc", 5);
    buf_fini(&buf);
}

static void it_grows_to_its_bound_and_not_past_it(void **state)
{
    (void)state;
    static const size_t bounds[] = {1, 2, 63, 64, 65, 127, 128, 1000};

    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        struct buf buf = BUF_INIT(bounds[i]);
        struct err err = {0};
        for (size_t k = 0; k < bounds[i]; k++) {
            assert_int_equal(buf_append(&buf, "x", 1, &err), 0);
        }
        assert_int_equal(buf_append(&buf, "y", 1, &err), -1);
        assert_int_equal(err.code, ERR_TOO_LARGE);
        assert_int_equal(buf.len, bounds[i]);
        assert_int_equal(strlen(buf_text(&buf)), bounds[i]);
        assert_null(strchr(buf_text(&buf), 'y'));
        assert_true(buf.allocated <= bounds[i] + 1);
        buf_fini(&buf);
    }
}

static void a_length_that_would_wrap_around_is_too_large(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(SIZE_MAX);
    struct err err = {0};
    assert_int_equal(buf_append(&buf, "abc", 3, &err), 0);

    static const size_t lengths[] = {SIZE_MAX, SIZE_MAX - 2, SIZE_MAX - 3, SIZE_MAX - 4,
                                     (size_t)PTRDIFF_MAX};
    for (size_t i = 0; i < ARRAY_LEN(lengths); i++) {
        assert_int_equal(buf_append(&buf, "x", lengths[i], &err), -1);
        assert_int_equal(err.code, ERR_TOO_LARGE);
        assert_string_equal(buf_text(&buf), "abc");
    }
    buf_fini(&buf);
}

static void a_buffer_may_be_appended_to_itself(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(100000);
    struct err err = {0};
    assert_int_equal(buf_append(&buf, "0123456789", 10, &err), 0);

    for (int i = 0; i < 5; i++) {
        assert_int_equal(buf_append(&buf, buf.bytes, buf.len, &err), 0);
    }

    assert_int_equal(buf.len, 320);
    assert_memory_equal(buf.bytes + 310, "0123456789", 11);
    buf_fini(&buf);
}

static void printed_text_is_whole_whether_it_fits_at_once_or_not(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(4096);
    struct err err = {0};
    char expected[4096] = "";

    for (int i = 0; i < 100; i++) {
        size_t at = strlen(expected);
        (void)snprintf(expected + at, sizeof(expected) - at, "<%d %s>", i * i, "twelve bytes");
        assert_int_equal(buf_appendf(&buf, &err, "<%d %s>", i * i, "twelve bytes"), 0);
    }

    assert_string_equal(buf_text(&buf), expected);
    assert_int_equal(buf.len, strlen(expected));
    buf_fini(&buf);
}

static void printing_over_the_bound_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(10);
    struct err err = {0};
    assert_int_equal(buf_appendf(&buf, &err, "%s", "12345"), 0);

    assert_int_equal(buf_appendf(&buf, &err, "%s", "678901"), -1);

    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_int_equal(buf.len, 5);
    assert_string_equal(buf_text(&buf), "12345");
    assert_int_equal(buf_appendf(&buf, &err, "%s", "67890"), 0);
    assert_string_equal(buf_text(&buf), "1234567890");
    buf_fini(&buf);
}

static void no_memory_leaves_the_buffer_as_it_was(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(1000);
    struct err err = {0};
    char filler[200] = "";
    assert_int_equal(buf_append(&buf, "kept", 4, &err), 0);

    alloc_watch.malloc_fails = true;
    int appended = buf_append(&buf, filler, sizeof(filler), &err);
    alloc_watch.malloc_fails = false;

    assert_int_equal(appended, -1);
    assert_int_equal(err.code, ERR_NO_MEMORY);
    assert_int_equal(buf.len, 4);
    assert_string_equal(buf_text(&buf), "kept");
    buf_fini(&buf);
}

static void taken_bytes_belong_to_the_caller(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(10);
    struct err err = {0};
    assert_int_equal(buf_append(&buf, "abc", 3, &err), 0);

    char *taken = buf_take(&buf);

    assert_string_equal(taken, "abc");
    free(taken);
    assert_int_equal(buf.len, 0);
    assert_null(buf.bytes);
    assert_int_equal(buf_append(&buf, "0123456789", 10, &err),
                     0); /* the bound is still there */
    assert_int_equal(buf_append(&buf, "x", 1, &err), -1);
    buf_fini(&buf);
}

static void a_cleared_buffer_is_empty_and_keeps_its_memory(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(100);
    struct err err = {0};
    assert_int_equal(buf_append(&buf, "abc", 3, &err), 0);
    const char *memory = buf.bytes;

    buf_clear(&buf);

    assert_string_equal(buf_text(&buf), "");
    assert_null(buf_take(&buf));
    assert_int_equal(buf_append(&buf, "d", 1, &err), 0);
    assert_string_equal(buf_text(&buf), "d");
    assert_ptr_equal(buf.bytes, memory);
    buf_fini(&buf);
}

static void wiping_reaches_what_an_earlier_longer_content_left(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(100);
    struct err err = {0};
    assert_int_equal(buf_append(&buf, "a long secret", 13, &err), 0);
    buf_clear(&buf);
    assert_int_equal(buf_append(&buf, "b", 1, &err), 0);
    alloc_watch_start(buf.bytes, buf.allocated);

    buf_wipe(&buf);
    assert_string_equal(buf_text(&buf), "");
    buf_fini(&buf);

    assert_true(alloc_watch_was_wiped());
}

static void growing_leaves_no_copy_behind(void **state)
{
    (void)state;
    struct buf buf = BUF_INIT(1000);
    struct err err = {0};
    char more[200] = "";
    assert_int_equal(buf_append(&buf, "a secret", 8, &err), 0);
    alloc_watch_start(buf.bytes, buf.allocated);

    assert_int_equal(buf_append(&buf, more, sizeof(more), &err), 0);

    assert_true(alloc_watch_was_wiped());
    buf_fini(&buf);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_buffer_reads_as_empty_text),
        cmocka_unit_test(appended_bytes_keep_their_nuls_and_end_with_one),
        cmocka_unit_test(it_grows_to_its_bound_and_not_past_it),
        cmocka_unit_test(a_length_that_would_wrap_around_is_too_large),
        cmocka_unit_test(a_buffer_may_be_appended_to_itself),
        cmocka_unit_test(printed_text_is_whole_whether_it_fits_at_once_or_not),
        cmocka_unit_test(printing_over_the_bound_leaves_the_buffer_as_it_was),
        cmocka_unit_test(no_memory_leaves_the_buffer_as_it_was),
        cmocka_unit_test(taken_bytes_belong_to_the_caller),
        cmocka_unit_test(a_cleared_buffer_is_empty_and_keeps_its_memory),
        cmocka_unit_test(wiping_reaches_what_an_earlier_longer_content_left),
        cmocka_unit_test(growing_leaves_no_copy_behind),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
