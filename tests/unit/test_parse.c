/* SPDX-License-Identifier: Apache-2.0 */
/* Text into values: every rule at its bound and one step past it, and texts that were made to
 * deceive. */
#include "common/base/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

static void numbers_are_taken_up_to_their_bounds(void **state)
{
    struct err err;
    uint64_t value = 7;
    (void)state;

    assert_int_equal(parse_u64("0", 0, 10, &value, &err), 0);
    assert_int_equal(value, 0);
    assert_int_equal(parse_u64("10", 0, 10, &value, &err), 0);
    assert_int_equal(value, 10);
    assert_int_equal(parse_u64("0010", 0, 10, &value, &err), 0);
    assert_int_equal(value, 10);
    assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &value, &err), 0);
    assert_true(value == UINT64_MAX);
}

static void what_is_no_number_is_refused(void **state)
{
    static const char *const bad[] = {"",    " 1",  "1 ", "+1",   "-1",  "0x10",
                                      "1e3", "1.0", "1k", "1\n2", "eins"};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err;
        uint64_t value = 7;
        assert_int_equal(parse_u64(bad[i], 0, UINT64_MAX, &value, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.message, "decimal digits"));
        assert_int_equal(value, 7);
    }
}

static void numbers_out_of_range_are_refused_with_the_range(void **state)
{
    static const char *const bad[] = {"4", "101", "18446744073709551616",
                                      "18446744073709551621" /* 5 modulo 2^64 */,
                                      "99999999999999999999999999"};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err;
        uint64_t value = 7;
        assert_int_equal(parse_u64(bad[i], 5, 100, &value, &err), -1);
        assert_non_null(strstr(err.message, bad[i]));
        assert_non_null(strstr(err.message, "5 to 100"));
        assert_int_equal(value, 7);
    }
}

static void addresses_become_canonical(void **state)
{
    static const char *const pairs[][2] = {
        {"192.168.40.79", "192.168.40.79"},
        {"::1", "::1"},
        {"2001:DB8:0:0:0:0:0:1", "2001:db8::1"},
        {"::ffff:10.0.0.1", "::ffff:10.0.0.1"},
        {"0000:0000:0000:0000:0000:ffff:192.168.100.200", "::ffff:192.168.100.200"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct err err;
        char canonical[46];
        assert_int_equal(parse_ip(pairs[i][0], canonical, &err), 0);
        assert_string_equal(canonical, pairs[i][1]);
    }
}

static void what_is_no_address_is_refused(void **state)
{
    static const char *const bad[] = {"",           "1.2.3",   "1.2.3.256", "01.2.3.4",
                                      "1.2.3.4 ",   "0x7f.1",  "[::1]",     "fe80::1%eth0",
                                      "host.local", "1:2:3:4", ":::1",      "10.0.0.1/24"};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct err err;
        char canonical[46] = "kept";
        assert_int_equal(parse_ip(bad[i], canonical, &err), -1);
        assert_non_null(strstr(err.message, bad[i]));
        assert_string_equal(canonical, "kept");
    }
}

/* @count times @character, then @tail. */
static const char *repeat(char *into, char character, size_t count, const char *tail)
{
    memset(into, character, count);
    memcpy(into + count, tail, strlen(tail) + 1);
    return into;
}

static void host_names_follow_rfc_1123(void **state)
{
    static const char *const good[] = {
        "a", "host79", "3com.example", "a-b.c-d.example", "EU.Example", "::1", "10.0.0.1"};
    static const char *const bad[] = {
        "",    ".",   "a.",          ".a",  "a..b",  "-a",         "a-",    "a_b",
        "a b", "a/b", "h\xc3\xb6st", "a:1", "[::1]", "10.0.0.256", "127.1", "2130706433"};
    char text[300];
    struct err err;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(parse_host(good[i], &err), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(parse_host(bad[i], &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
    }
    assert_int_equal(parse_host(repeat(text, 'a', 63, ".b"), &err), 0);
    assert_int_equal(parse_host(repeat(text, 'a', 64, ".b"), &err), -1);

    for (size_t i = 0; i < 253; i++) { /* 127 labels of one letter */
        text[i] = i % 2 == 0 ? 'a' : '.';
    }
    text[253] = '\0';
    assert_int_equal(parse_host(text, &err), 0);
    memcpy(text + 253, "b", 2);
    assert_int_equal(parse_host(text, &err), -1);
}

static void runner_ids_are_fit_for_paths(void **state)
{
    static const char *const good[] = {"192.168.40.79", "2001:db8::1", "a",
                                       "...",           "_-.:",        "R2"};
    static const char *const bad[] = {"",    ".",   "..",   "../etc",  "a/b",
                                      "a b", "a\n", "a%2f", "\xc3\xa9"};
    char text[200];
    struct err err;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(parse_runner_id(good[i], &err), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(parse_runner_id(bad[i], &err), -1);
        assert_non_null(strstr(err.message, "runner id"));
    }
    assert_int_equal(parse_runner_id(repeat(text, 'r', 128, ""), &err), 0);
    assert_int_equal(parse_runner_id(repeat(text, 'r', 129, ""), &err), -1);
}

static void zones_are_printable_ascii(void **state)
{
    static const char *const good[] = {"ece-zone-1", "eu(1):b", "Z"};
    static const char *const bad[] = {"",    "a b",  "a\tb",        "a\"b",  "a'b",     "a`b",
                                      "a/b", "a\\b", "z\xc3\xb6ne", "a\x7f", "a\x1b[1m"};
    char text[200];
    struct err err;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_int_equal(parse_zone(good[i], &err), 0);
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_int_equal(parse_zone(bad[i], &err), -1);
    }
    assert_int_equal(parse_zone(repeat(text, 'z', 128, ""), &err), 0);
    assert_int_equal(parse_zone(repeat(text, 'z', 129, ""), &err), -1);
}

static void messages_never_carry_control_characters(void **state)
{
    struct err err;
    (void)state;

    assert_int_equal(parse_zone("\x1b]0;owned\x07\r\n", &err), -1);

    for (const char *at = err.message; *at != '\0'; at++) {
        assert_in_range(*at, ' ', '~');
    }
}

static void utf8_is_judged_as_rfc_3629_says(void **state)
{
    static const char *const good[] = {"",
                                       "a",
                                       "\x7f",
                                       "\xc2\x80",
                                       "\xdf\xbf",
                                       "\xe0\xa0\x80",
                                       "\xed\x9f\xbf",
                                       "\xee\x80\x80",
                                       "\xef\xbf\xbf",
                                       "\xf0\x90\x80\x80",
                                       "\xf4\x8f\xbf\xbf"};
    static const char *const bad[] = {"\x80",
                                      "\xbf",
                                      "\xc0\xaf",
                                      "\xc1\xbf",
                                      "\xc2",
                                      "\xc2\x41",
                                      "\xe0\x9f\xbf",
                                      "\xe0\xa0",
                                      "\xe1\x80\x41",
                                      "\xed\xa0\x80",
                                      "\xed\xbf\xbf",
                                      "\xf0\x8f\xbf\xbf",
                                      "\xf4\x90\x80\x80",
                                      "\xf5\x80\x80\x80",
                                      "\xff",
                                      "\xf1\x80\x80",
                                      "a\xe2\x82\xac\xe2\x82"};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        assert_true(parse_is_utf8(good[i], strlen(good[i])));
    }
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        assert_false(parse_is_utf8(bad[i], strlen(bad[i])));
    }
    assert_false(parse_is_utf8("a\0b", 3));
}

static void lists_are_split_and_trimmed(void **state)
{
    char *parts[3] = {NULL};
    struct err err;
    (void)state;

    assert_int_equal(parse_list("a, b c\t,d", ',', parts, 3, &err), 3);
    assert_string_equal(parts[0], "a");
    assert_string_equal(parts[1], "b c");
    assert_string_equal(parts[2], "d");
    for (size_t i = 0; i < 3; i++) {
        free(parts[i]);
    }
    assert_int_equal(parse_list("", ',', parts, 3, &err), 0);
    assert_int_equal(parse_list(" \t", ',', parts, 3, &err), 0);
}

static void lists_with_gaps_or_too_many_items_are_refused(void **state)
{
    static const char *const gaps[] = {",", "a,", ",a", "a,,b", "a, ,b"};
    char *parts[3] = {NULL};
    struct err err;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(gaps); i++) {
        assert_int_equal(parse_list(gaps[i], ',', parts, 3, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
    }
    assert_int_equal(parse_list("a,b,c,d", ',', parts, 3, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_null(parts[0]); /* nothing is left to free */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_taken_up_to_their_bounds),
        cmocka_unit_test(what_is_no_number_is_refused),
        cmocka_unit_test(numbers_out_of_range_are_refused_with_the_range),
        cmocka_unit_test(addresses_become_canonical),
        cmocka_unit_test(what_is_no_address_is_refused),
        cmocka_unit_test(host_names_follow_rfc_1123),
        cmocka_unit_test(runner_ids_are_fit_for_paths),
        cmocka_unit_test(zones_are_printable_ascii),
        cmocka_unit_test(messages_never_carry_control_characters),
        cmocka_unit_test(utf8_is_judged_as_rfc_3629_says),
        cmocka_unit_test(lists_are_split_and_trimmed),
        cmocka_unit_test(lists_with_gaps_or_too_many_items_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
