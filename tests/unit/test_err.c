/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of errors: what they say, what survives wrapping, where they are cut. */
#include "common/base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void a_set_error_has_code_message_and_minus_one(void **state)
{
    (void)state;
    struct err err = {.sys_errno = 99};

    assert_int_equal(err_set(&err, ERR_CONFLICT, "take id %s: held by %d", "r1", 7), -1);

    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(err.sys_errno, 0);
    assert_string_equal(err.message, "take id r1: held by 7");
}

static void a_system_error_chooses_its_code(void **state)
{
    (void)state;

    static const struct {
        int sys_errno;
        enum err_code code;
    } cases[] = {
        {ENOSPC, ERR_NO_SPACE},  {EDQUOT, ERR_NO_SPACE},  {EACCES, ERR_PERMISSION},
        {EPERM, ERR_PERMISSION}, {EROFS, ERR_PERMISSION}, {ENOENT, ERR_ABSENT},
        {ENOMEM, ERR_NO_MEMORY}, {EIO, ERR_IO},           {EFBIG, ERR_IO},
        {ENOTDIR, ERR_IO},       {123456, ERR_IO},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        assert_int_equal(err_set_errno(&err, cases[i].sys_errno, "read %s", "/x"), -1);
        assert_int_equal(err.code, cases[i].code);
        assert_int_equal(err.sys_errno, cases[i].sys_errno);
        assert_memory_equal(err.message, "read /x: ", 9);
        assert_string_equal(err.message + 9, strerror(cases[i].sys_errno));
    }
}

static void wrapping_puts_text_before_and_keeps_the_cause(void **state)
{
    (void)state;
    struct err err = {0};
    (void)err_set_errno(&err, ENOENT, "read %s", "/x");

    assert_int_equal(err_wrap(&err, "load identity of %s", "r1"), -1);

    assert_string_equal(err.message, "load identity of r1: read /x: No such file or directory");
    assert_int_equal(err.code, ERR_ABSENT);
    assert_int_equal(err.sys_errno, ENOENT);
}

static void a_message_may_quote_the_one_it_replaces(void **state)
{
    (void)state;
    struct err err = {0};
    (void)err_set(&err, ERR_IO, "inner");

    (void)err_set(&err, ERR_TIMEOUT, "outer (%s)", err.message);
    assert_string_equal(err.message, "outer (inner)");

    (void)err_wrap(&err, "again after %s", err.message);
    assert_string_equal(err.message, "again after outer (inner): outer (inner)");
}

/* Fills all but @room bytes of a message, the NUL not counted. */
static void fill_all_but(size_t room, char ret_text[static 512])
{
    memset(ret_text, 'a', 511 - room);
    ret_text[511 - room] = '\0';
}

static void an_overlong_message_is_cut_between_characters(void **state)
{
    (void)state;

    static const struct {
        size_t room;
        const char *text;
        const char *kept;
    } cases[] = {
        {3, "abcdef", "abc"},
        {1, "\xC3\xA9x", ""},         /* two bytes do not fit in one */
        {2, "\xC3\xA9x", "\xC3\xA9"}, /* they fit exactly */
        {3, "\xC3\xA9\xC3\xA9", "\xC3\xA9"},
        {2, "\xE2\x82\xACx", ""}, /* euro sign */
        {3, "\xE2\x82\xACx", "\xE2\x82\xAC"},
        {3, "\xF0\x9F\x98\x80", ""}, /* four bytes */
        {4, "\xF0\x9F\x98\x80x", "\xF0\x9F\x98\x80"},
        {4, "\x80\x80\x80\x80\x80\x80", "\x80\x80\x80\x80"}, /* no UTF-8: cut, not eaten */
    };

    char filler[512];

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        fill_all_but(cases[i].room, filler);
        (void)err_set(&err, ERR_INVALID, "%s%s", filler, cases[i].text);
        assert_memory_equal(err.message, filler, strlen(filler));
        assert_string_equal(err.message + strlen(filler), cases[i].kept);
    }
}

static void wrapping_an_overlong_message_is_cut_between_characters(void **state)
{
    (void)state;
    struct err err = {0};
    char filler[512];
    (void)err_set(&err, ERR_INVALID, "\xE2\x82\xAC");

    fill_all_but(4, filler); /* ": " leaves two bytes for the three */
    (void)err_wrap(&err, "%s", filler);
    assert_int_equal(strlen(err.message), 509);
    assert_string_equal(err.message + 507, ": ");

    fill_all_but(0, filler);
    (void)err_wrap(&err, "%s", filler);
    assert_string_equal(err.message, filler);
    assert_int_equal(err.code, ERR_INVALID);
}

static void every_code_has_its_name_and_exit_status(void **state)
{
    (void)state;

    static const struct {
        const char *name;
        enum err_code code;
        int status;
    } cases[] = {

#define X(code, name, status) {name, code, status},
        ERR_CODES(X)
#undef X
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_string_equal(err_code_name(cases[i].code), cases[i].name);
        assert_int_equal(err_exit_status(cases[i].code), cases[i].status);
        /* only success may look like success to the shell */
        assert_int_equal(cases[i].status == 0, cases[i].code == ERR_NONE);
    }
    assert_string_equal(err_code_name(ERR_NO_SPACE), "no_space");
    assert_int_equal(err_exit_status(ERR_USAGE), 64);
}

static void a_number_that_is_no_code_is_harmless(void **state)
{
    (void)state;
    enum err_code foreign = (enum err_code)1000;

    assert_string_equal(err_code_name(foreign), "unknown");
    assert_int_equal(err_exit_status(foreign), 70);
}

static void out_of_memory_needs_no_memory(void **state)
{
    (void)state;
    struct err err = {0};

    assert_int_equal(err_no_memory(&err), -1);

    assert_int_equal(err.code, ERR_NO_MEMORY);
    assert_string_equal(err.message, "out of memory");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_set_error_has_code_message_and_minus_one),
        cmocka_unit_test(a_system_error_chooses_its_code),
        cmocka_unit_test(wrapping_puts_text_before_and_keeps_the_cause),
        cmocka_unit_test(a_message_may_quote_the_one_it_replaces),
        cmocka_unit_test(an_overlong_message_is_cut_between_characters),
        cmocka_unit_test(wrapping_an_overlong_message_is_cut_between_characters),
        cmocka_unit_test(every_code_has_its_name_and_exit_status),
        cmocka_unit_test(a_number_that_is_no_code_is_harmless),
        cmocka_unit_test(out_of_memory_needs_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
