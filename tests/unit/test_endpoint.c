/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of coordinators in all the spellings that people use, and in those that must not
 * pass. */
#include "common/base/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static void every_spelling_is_read_and_written_back(void **state)
{
    static const char *const pairs[][2] = {
        {"host", "host:12443"},
        {"host.example:1", "host.example:1"},
        {"192.168.40.10", "192.168.40.10:12443"},
        {"192.168.40.10:65535", "192.168.40.10:65535"},
        {"[::1]", "[::1]:12443"},
        {"[2001:db8:0::1]:8443", "[2001:db8::1]:8443"},
        {"::1", "[::1]:12443"},
        {"fe80::1:9200", "[fe80::1:9200]:12443"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(pairs); i++) {
        struct endpoint endpoint;
        struct endpoint again;
        struct err err;
        char text[ENDPOINT_TEXT_BYTES];
        assert_int_equal(endpoint_parse(pairs[i][0], 12443, &endpoint, &err), 0);
        endpoint_format(&endpoint, text);
        assert_string_equal(text, pairs[i][1]);
        assert_int_equal(endpoint_parse(text, 1, &again, &err), 0);
        assert_true(endpoint_equal(&endpoint, &again));
    }
}

static void malformed_addresses_are_refused_and_named(void **state)
{
    static const char *const bad[] = {
        "host:",
        "host:0",
        "host:65536",
        "host:x",
        ":12443",
        "a:b:c",
        "[::1",
        "[::1]x",
        "[::1]:",
        "[]",
        "[host]:1",
        "[10.0.0.1]:1",
        "::1::2",
        "a b",
        "10.0.0.256",
        "host:-1",
        "https://host:12443",
        "user@host",
        "host/path",
        "host: 1",
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct endpoint endpoint = {.host = "kept", .port = 9};
        struct err err;
        assert_int_equal(endpoint_parse(bad[i], 12443, &endpoint, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.message, bad[i]));
        assert_string_equal(endpoint.host, "kept");
    }
    struct endpoint endpoint;
    struct err err;
    assert_int_equal(endpoint_parse("", 1, &endpoint, &err), -1);
}

static void a_scheme_is_answered_with_advice(void **state)
{
    struct endpoint endpoint;
    struct err err;
    (void)state;

    assert_int_equal(endpoint_parse("https://host", 1, &endpoint, &err), -1);

    assert_non_null(strstr(err.message, "without a scheme"));
}

static void the_longest_host_fits_and_a_longer_one_is_refused(void **state)
{
    struct endpoint endpoint;
    struct err err;
    char text[400];
    char formatted[ENDPOINT_TEXT_BYTES];
    (void)state;

    for (size_t i = 0; i < 253; i++) {
        text[i] = i % 2 == 0 ? 'a' : '.';
    }
    memcpy(text + 253, ":65535", 7);
    assert_int_equal(endpoint_parse(text, 1, &endpoint, &err), 0);
    endpoint_format(&endpoint, formatted);
    assert_string_equal(formatted, text);

    memset(text, 'a', 399);
    text[399] = '\0';
    assert_int_equal(endpoint_parse(text, 1, &endpoint, &err), -1);
}

static void lists_drop_duplicates_in_any_spelling(void **state)
{
    struct endpoint_list list;
    struct err err;
    (void)state;

    assert_int_equal(
        endpoint_list_parse("Host:12443, host ,[::1],0:0::1, host:1", 12443, &list, &err), 0);

    assert_int_equal(list.count, 3);
    assert_string_equal(list.items[0].host, "Host");
    assert_string_equal(list.items[1].host, "::1");
    assert_int_equal(list.items[2].port, 1);
}

static void empty_and_broken_lists_are_refused(void **state)
{
    static const char *const bad[] = {"", "  ", ",", "a,,b", "a,b:0,c"};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct endpoint_list list = {.count = 5};
        struct err err;
        assert_int_equal(endpoint_list_parse(bad[i], 1, &list, &err), -1);
        assert_int_equal(list.count, 5);
    }
}

static void a_list_holds_sixteen_and_no_more(void **state)
{
    struct endpoint_list list = {.count = 0};
    struct err err;
    char text[256] = "";
    size_t len = 0;
    (void)state;

    for (unsigned i = 0; i < ENDPOINT_LIST_MAX; i++) {
        len += (size_t)snprintf(text + len, sizeof text - len, "%sh%ux", i > 0 ? "," : "", i);
    }
    assert_int_equal(endpoint_list_parse(text, 1, &list, &err), 0);
    assert_int_equal(list.count, ENDPOINT_LIST_MAX);

    struct endpoint more = {.host = "more", .port = 1};
    endpoint_list_add(&list, &more);
    assert_int_equal(list.count, ENDPOINT_LIST_MAX);

    (void)snprintf(text + len, sizeof text - len, ",more");
    assert_int_equal(endpoint_list_parse(text, 1, &list, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_spelling_is_read_and_written_back),
        cmocka_unit_test(malformed_addresses_are_refused_and_named),
        cmocka_unit_test(a_scheme_is_answered_with_advice),
        cmocka_unit_test(the_longest_host_fits_and_a_longer_one_is_refused),
        cmocka_unit_test(lists_drop_duplicates_in_any_spelling),
        cmocka_unit_test(empty_and_broken_lists_are_refused),
        cmocka_unit_test(a_list_holds_sixteen_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
