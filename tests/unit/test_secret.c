/* SPDX-License-Identifier: Apache-2.0 */
/* Secrets: nothing of them is left where they were. */
#include "common/base/secret.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/alloc_watch.h"

static void a_copy_has_all_bytes_and_a_nul(void **state)
{
    (void)state;
    struct secret secret = {0};
    struct err err = {0};

    assert_int_equal(secret_copy(&secret, "a\0b", 3, &err), 0);

    assert_int_equal(secret.len, 3);
    assert_memory_equal(secret.bytes, "a\0b", 4);
    secret_fini(&secret);
    assert_null(secret.bytes);
    assert_int_equal(secret.len, 0);
    secret_fini(&secret);
}

static void an_empty_secret_is_not_none(void **state)
{
    (void)state;
    struct secret secret = {0};
    struct err err = {0};

    assert_int_equal(secret_copy(&secret, NULL, 0, &err), 0);

    assert_non_null(secret.bytes);
    assert_string_equal(secret.bytes, "");
    secret_fini(&secret);
}

static void a_released_secret_is_wiped(void **state)
{
    (void)state;
    struct secret secret = {0};
    struct err err = {0};
    assert_int_equal(secret_copy(&secret, "hunter2", 7, &err), 0);
    alloc_watch_start(secret.bytes, 7);

    secret_fini(&secret);

    assert_true(alloc_watch_was_wiped());
}

static void a_replaced_secret_is_wiped(void **state)
{
    (void)state;
    struct secret secret = {0};
    struct err err = {0};
    assert_int_equal(secret_copy(&secret, "hunter2", 7, &err), 0);
    alloc_watch_start(secret.bytes, 7);

    assert_int_equal(secret_copy(&secret, secret.bytes + 6, 1, &err), 0);

    assert_true(alloc_watch_was_wiped());
    assert_string_equal(secret.bytes, "2");
    secret_fini(&secret);
}

static void an_adopted_secret_is_wiped(void **state)
{
    (void)state;
    struct secret secret = {0};
    char *text = strdup("adopted");
    alloc_watch_start(text, 7);

    secret_adopt(&secret, text, 7);
    assert_ptr_equal(secret.bytes, text);
    secret_fini(&secret);

    assert_true(alloc_watch_was_wiped());
}

static void a_freed_text_is_wiped(void **state)
{
    (void)state;
    char *text = strdup("bearer");
    alloc_watch_start(text, 6);

    secret_free_text(text);
    secret_free_text(NULL);

    assert_true(alloc_watch_was_wiped());
}

static void no_memory_leaves_the_secret_as_it_was(void **state)
{
    (void)state;
    struct secret secret = {0};
    struct err err = {0};
    assert_int_equal(secret_copy(&secret, "old", 3, &err), 0);

    alloc_watch.malloc_fails = true;
    int copied = secret_copy(&secret, "new", 3, &err);
    alloc_watch.malloc_fails = false;

    assert_int_equal(copied, -1);
    assert_int_equal(err.code, ERR_NO_MEMORY);
    assert_null(strstr(err.message, "new"));
    assert_string_equal(secret.bytes, "old");
    secret_fini(&secret);
}

static void equality_looks_at_every_byte(void **state)
{
    (void)state;

    assert_true(secret_equal("abc", 3, "abc", 3));
    assert_true(secret_equal("a\0c", 3, "a\0c", 3));
    assert_true(secret_equal(NULL, 0, "", 0));
    assert_false(secret_equal("abc", 3, "abcd", 4));
    assert_false(secret_equal("abc", 3, "xbc", 3));
    assert_false(secret_equal("abc", 3, "abx", 3));
    assert_false(secret_equal("a\0c", 3, "a\0d", 3));
    assert_false(secret_equal("", 0, "a", 1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_copy_has_all_bytes_and_a_nul),
        cmocka_unit_test(an_empty_secret_is_not_none),
        cmocka_unit_test(a_released_secret_is_wiped),
        cmocka_unit_test(a_replaced_secret_is_wiped),
        cmocka_unit_test(an_adopted_secret_is_wiped),
        cmocka_unit_test(a_freed_text_is_wiped),
        cmocka_unit_test(no_memory_leaves_the_secret_as_it_was),
        cmocka_unit_test(equality_looks_at_every_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
