/* SPDX-License-Identifier: Apache-2.0 */
/* Random numbers in their shapes: bounds, evenness, form. */
#include "common/base/rng.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "common/base/compiler.h"
#include "tests/support/fake_rng.h"

/* A generator that says what it is told, the last word for ever. */
struct scripted_rng {
    struct rng rng;
    const uint64_t *words;
    size_t count;
    size_t used;
};

static void scripted_fill(void *ret_bytes, size_t len, void *userdata)
{
    struct scripted_rng *scripted = userdata;
    assert_int_equal(len, sizeof(uint64_t));
    size_t at = scripted->used < scripted->count ? scripted->used : scripted->count - 1;
    memcpy(ret_bytes, &scripted->words[at], len);
    scripted->used++;
}

static void a_bounded_number_stays_below_its_bound(void **state)
{
    (void)state;
    static const uint64_t bounds[] = {1,         2, 3, 10, 1000, UINT32_MAX, UINT64_MAX - 1,
                                      UINT64_MAX};
    struct fake_rng fake;
    fake_rng_init(&fake, 1);

    assert_int_equal(rng_below(&fake.rng, 0), 0);
    for (size_t i = 0; i < ARRAY_LEN(bounds); i++) {
        for (int k = 0; k < 100; k++) {
            assert_true(rng_below(&fake.rng, bounds[i]) < bounds[i]);
        }
    }
}

static void all_numbers_are_about_equally_likely(void **state)
{
    (void)state;
    struct fake_rng fake;
    fake_rng_init(&fake, 7);
    int counts[6] = {0};

    for (int i = 0; i < 60000; i++) {
        counts[rng_below(&fake.rng, 6)]++;
    }

    for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
        assert_in_range(counts[i], 9500, 10500); /* 5 sigma is 456 */
    }
}

static void a_draw_that_would_tilt_the_result_is_drawn_again(void **state)
{
    (void)state;
    /* 2^64 = 10 * n + 6: the six numbers at the top have no full set of ten. */
    static const uint64_t words[] = {UINT64_MAX, UINT64_MAX - 5, 123};
    struct scripted_rng scripted = {{scripted_fill, NULL}, words, ARRAY_LEN(words), 0};
    scripted.rng.userdata = &scripted;

    assert_int_equal(rng_below(&scripted.rng, 10), 3);
    assert_int_equal(scripted.used, 3);

    static const uint64_t highest_even[] = {UINT64_MAX - 6};
    scripted = (struct scripted_rng){{scripted_fill, &scripted}, highest_even, 1, 0};
    assert_int_equal(rng_below(&scripted.rng, 10), 9);
    assert_int_equal(scripted.used, 1);
}

static void a_stuck_generator_does_not_hang_the_caller(void **state)
{
    (void)state;
    static const uint64_t words[] = {UINT64_MAX};
    struct scripted_rng scripted = {{scripted_fill, NULL}, words, 1, 0};
    scripted.rng.userdata = &scripted;

    assert_true(rng_below(&scripted.rng, 10) < 10);
    assert_true(scripted.used < 1000);
}

static void hexadecimal_text_has_two_lower_case_digits_for_each_byte(void **state)
{
    (void)state;
    struct fake_rng fake;
    char text[2 * 64 + 2];

    for (size_t bytes = 0; bytes <= 64; bytes++) {
        unsigned char drawn[64];
        fake_rng_init(&fake, bytes);
        rng_fill(&fake.rng, drawn, bytes);
        char expected[2 * 64 + 1] = "";
        for (size_t i = 0; i < bytes; i++) {
            (void)snprintf(expected + 2 * i, 3, "%02x", drawn[i]);
        }

        fake_rng_init(&fake, bytes);
        memset(text, '#', sizeof(text));
        rng_hex(&fake.rng, bytes, text);

        assert_string_equal(text, expected);
        assert_int_equal(text[2 * bytes + 1], '#');
    }
}

static void a_uuid_is_version_4_in_lower_case(void **state)
{
    (void)state;
    struct fake_rng fake;
    fake_rng_init(&fake, 42);

    for (int i = 0; i < 200; i++) {
        char text[38];
        text[37] = '#';
        rng_uuid(&fake.rng, text);
        assert_int_equal(strlen(text), 36);
        assert_int_equal(text[37], '#');
        for (size_t k = 0; k < 36; k++) {
            if (k == 8 || k == 13 || k == 18 || k == 23) {
                assert_int_equal(text[k], '-');
            } else {
                assert_non_null(strchr("0123456789abcdef", text[k]));
            }
        }
        assert_int_equal(text[14], '4');
        assert_non_null(strchr("89ab", text[19]));
    }
}

static void the_system_does_not_repeat_itself(void **state)
{
    (void)state;
    char a[37];
    char b[37];

    rng_uuid(rng_system(), a);
    rng_uuid(rng_system(), b);
    assert_string_not_equal(a, b);

    /* more than getrandom() gives in one uninterruptible piece */
    unsigned char many[1000] = {0};
    rng_fill(rng_system(), many, sizeof(many));
    static const unsigned char zeros[16];
    assert_memory_not_equal(many, zeros, sizeof(zeros));
    assert_memory_not_equal(many + sizeof(many) - sizeof(zeros), zeros, sizeof(zeros));
    rng_fill(rng_system(), NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bounded_number_stays_below_its_bound),
        cmocka_unit_test(all_numbers_are_about_equally_likely),
        cmocka_unit_test(a_draw_that_would_tilt_the_result_is_drawn_again),
        cmocka_unit_test(a_stuck_generator_does_not_hang_the_caller),
        cmocka_unit_test(hexadecimal_text_has_two_lower_case_digits_for_each_byte),
        cmocka_unit_test(a_uuid_is_version_4_in_lower_case),
        cmocka_unit_test(the_system_does_not_repeat_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
