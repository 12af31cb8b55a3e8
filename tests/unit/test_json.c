/* SPDX-License-Identifier: Apache-2.0 */
/* JSON from outside: bounded, unambiguous, and refused with the path of the field. */
#include "common/codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
    struct err err;
    json_t *json = NULL;
    if (json_parse(text, strlen(text), &json, &err) < 0) {
        fail_msg("%s: %s", text, err.message);
    }
    return json;
}

/* [TP-1] */
static void refuses_what_is_not_one_clean_document(void **state)
{
    (void)state;

    static const struct {
        const char *text;
        size_t len; /* 0 = strlen */
        const char *why;
    } cases[] = {
        {"", 0, "empty"},
        {"  \n", 0, "line"},
        {"1", 0, "line 1 column 1"},
        {"\"text\"", 0, "line 1"},
        {"null", 0, "line 1"},
        {"{", 0, "line 1"},
        {"{}x", 0, "end of file expected"},
        {"{}{}", 0, "end of file expected"},
        {"{\"a\":1,\"a\":2}", 0, "duplicate"},
        {"{\"a\":1,\n\"\\u0061\":2}", 0, "line 2"},
        {"{\"x\":{\"a\":1,\"a\":1}}", 0, "duplicate"},
        {"{\"a\":\"\xff\"}", 0, "0xff"},
        {"{\"a\":\"\xed\xa0\x80\"}", 0, "0xed"},
        {"{\"a\":\"\xc0\xaf\"}", 0, "0xc0"},
        {"{\"a\":\"\\ud800\"}", 0, "Unicode"},
        {"{\"a\":\"\\u0000\"}", 0, "u0000"},
        {"{\"\\u0000\":1}", 0, "NUL"},
        {"{\"a\":\"\0\"}", 9, "line 1"},
        {"{}\0", 3, "line 1"},
        {"\xef\xbb\xbf{}", 0, "line 1"},
        {"{\"a\":\"\n\"}", 0, "line 1"},
        {"{\"a\":01}", 0, "line 1"},
        {"{\"a\":NaN}", 0, "line 1"},
        {"{\"a\":1e999}", 0, "overflow"},
        {"{\"a\":9223372036854775808}", 0, "too big"},
        {"{\"a\":1,}", 0, "line 1"},
        {"{'a':1}", 0, "line 1"},
        {"/* c */{}", 0, "line 1"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {.code = ERR_NONE};
        json_t *json = NULL;
        size_t len = cases[i].len ? cases[i].len : strlen(cases[i].text);

        int result = json_parse(cases[i].text, len, &json, &err);

        if (result != -1 || strstr(err.message, cases[i].why) == NULL) {
            fail_msg("case %zu %s: %s", i, cases[i].text, err.message);
        }
        assert_int_equal(err.code, ERR_INVALID);
        assert_null(json);
    }
}

static void a_refusal_does_not_quote_the_document(void **state)
{
    (void)state;
    struct err err;
    json_t *json = NULL;
    static const char text[] = "{\"password\": hunter2}";

    assert_int_equal(json_parse(text, sizeof text - 1, &json, &err), -1);

    assert_null(strstr(err.message, "hunter2"));
}

/* [TP-1] */
static void counts_the_depth_outside_of_strings_only(void **state)
{
    (void)state;
    char text[256];
    struct err err;
    for (int depth = JSON_DEPTH_MAX - 1; depth <= JSON_DEPTH_MAX + 1; depth++) {
        json_t *json = NULL;
        (void)snprintf(text, sizeof text, "%.*s%.*s", depth,
                       "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[", depth,
                       "]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]");

        int result = json_parse(text, strlen(text), &json, &err);

        assert_int_equal(result, depth <= JSON_DEPTH_MAX ? 0 : -1);
        json_decref(json);
    }
    static const char *const flat[] = {
        "[\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]",
        "[\"\\\"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\"]",
        "[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],"
        "[],[],[],[],[],[]]",
    };
    for (size_t i = 0; i < ARRAY_LEN(flat); i++) {
        json_decref(parse(flat[i]));
    }
    static const char string_that_ends[] =
        "[\"\\\\\",[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]";
    json_t *json = NULL;
    assert_int_equal(json_parse(string_that_ends, sizeof string_that_ends - 1, &json, &err),
                     -1);
    assert_non_null(strstr(err.message, "deeper than 32"));
}

/* A million open brackets would take jansson down a million calls. */
static void a_very_deep_document_costs_no_stack(void **state)
{
    (void)state;
    struct err err;
    json_t *json = NULL;
    size_t len = 1 << 20;
    char *text = malloc(len);
    assert_non_null(text);
    memset(text, '[', len);

    assert_int_equal(json_parse(text, len, &json, &err), -1);

    assert_non_null(strstr(err.message, "byte 33"));
    free(text);
}

/* A reader of a good field says 0, of any other -1 and the path first. */
static void check(int result, bool is_good, const struct err *err, const char *path)
{
    assert_int_equal(result, is_good ? 0 : -1);
    if (!is_good) {
        assert_memory_equal(err->message, path, strlen(path));
        assert_int_equal(err->code, ERR_INVALID);
    }
}

/* [TP-1] [TP-2] One document, every reader, every wrong type: the message begins with the path.
 */
static void a_wrong_type_is_refused_with_its_path(void **state)
{
    (void)state;
    json_t *json = parse("{\"t\":\"x\",\"i\":1,\"r\":1.0,\"b\":true,\"o\":{},\"a\":[],"
                         "\"neg\":-1,\"big\":9223372036854775807}");
    static const char *const keys[] = {"t", "i", "r", "b", "o", "a", "neg", "big"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        const char *key = keys[i];
        struct err err;
        const char *text = "untouched";
        uint64_t u = 77;
        int64_t s = 77;
        bool flag = true;
        json_t *object = NULL;
        json_t *array = NULL;
        bool is_bool = strcmp(key, "b") == 0;
        bool is_integer = *key == 'i' || strlen(key) > 1;
        bool is_u64 = *key == 'i' || strcmp(key, "big") == 0;
        char expected[32];
        (void)snprintf(expected, sizeof expected, "doc.%s: ", key);

        check(json_want_text(json, "doc", key, 9, &text, &err), *key == 't', &err, expected);
        check(json_need_text(json, "doc", key, 9, &text, &err), *key == 't', &err, expected);
        check(json_want_u64(json, "doc", key, UINT64_MAX, &u, &err), is_u64, &err, expected);
        check(json_need_u64(json, "doc", key, UINT64_MAX, &u, &err), is_u64, &err, expected);
        check(json_want_i64(json, "doc", key, &s, &err), is_integer, &err, expected);
        check(json_want_bool(json, "doc", key, &flag, &err), is_bool, &err, expected);
        check(json_need_bool(json, "doc", key, &flag, &err), is_bool, &err, expected);
        check(json_want_object(json, "doc", key, &object, &err), *key == 'o', &err, expected);
        check(json_need_object(json, "doc", key, &object, &err), *key == 'o', &err, expected);
        check(json_want_array(json, "doc", key, 9, &array, &err), *key == 'a', &err, expected);
        assert_string_equal(text, *key == 't' ? "x" : "untouched");
        assert_int_equal(u, *key == 'i' ? 1 : is_u64 ? INT64_MAX : 77);
        assert_int_equal(s, *key == 'i' ? 1 : *key == 'n' ? -1 : is_u64 ? INT64_MAX : 77);
        assert_true((object != NULL) == (*key == 'o'));
        assert_true((array != NULL) == (*key == 'a'));
    }
    json_decref(json);
}

/* [TP-2] */
static void absent_and_null_are_fine_where_wanted_and_named_where_needed(void **state)
{
    (void)state;
    json_t *json = parse("{\"n\":null}");
    static const char *const keys[] = {"n", "missing"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct err err;
        const char *text = "kept";
        uint64_t u = 7;
        int64_t s = -7;
        bool flag = true;
        json_t *kept = json;

        assert_int_equal(json_want_text(json, "", keys[i], 9, &text, &err), 0);
        assert_int_equal(json_want_u64(json, "", keys[i], 9, &u, &err), 0);
        assert_int_equal(json_want_i64(json, "", keys[i], &s, &err), 0);
        assert_int_equal(json_want_bool(json, "", keys[i], &flag, &err), 0);
        assert_int_equal(json_want_object(json, "", keys[i], &kept, &err), 0);
        assert_int_equal(json_want_array(json, "", keys[i], 9, &kept, &err), 0);
        assert_string_equal(text, "kept");
        assert_true(u == 7 && s == -7 && flag && kept == json);

        char expected[32];
        (void)snprintf(expected, sizeof expected, "%s: is missing", keys[i]);
        assert_int_equal(json_need_text(json, NULL, keys[i], 9, &text, &err), -1);
        assert_string_equal(err.message, expected);
        assert_int_equal(json_need_u64(json, "", keys[i], 9, &u, &err), -1);
        assert_string_equal(err.message, expected);
        assert_int_equal(json_need_bool(json, "", keys[i], &flag, &err), -1);
        assert_string_equal(err.message, expected);
        assert_int_equal(json_need_object(json, "", keys[i], &kept, &err), -1);
        assert_string_equal(err.message, expected);
    }
    json_decref(json);
}

/* [TP-2] */
static void a_value_at_its_bound_passes_and_one_over_is_refused(void **state)
{
    (void)state;
    struct err err;
    json_t *json = parse("{\"text\":\"\xc3\xa9\xc3\xa9\",\"n\":10,\"list\":[1,2,3]}");
    const char *text = NULL;
    uint64_t n = 0;
    json_t *list = NULL;

    assert_int_equal(json_need_text(json, "r", "text", 4, &text, &err), 0);
    assert_int_equal(json_need_text(json, "r", "text", 3, &text, &err), -1);
    assert_string_equal(err.message, "r.text: longer than 3 bytes: 4");
    assert_int_equal(json_need_u64(json, "r", "n", 10, &n, &err), 0);
    assert_int_equal(json_need_u64(json, "r", "n", 9, &n, &err), -1);
    assert_string_equal(err.message, "r.n: must be from 0 to 9: 10");
    assert_int_equal(json_want_array(json, "r", "list", 3, &list, &err), 0);
    assert_int_equal(json_want_array(json, "r", "list", 2, &list, &err), -1);
    assert_string_equal(err.message, "r.list: more than 2 items: 3");
    json_decref(json);
}

static void members_of_what_is_no_object_are_refused(void **state)
{
    (void)state;
    struct err err;
    json_t *array = parse("[1]");
    uint64_t n = 0;

    assert_int_equal(json_want_u64(array, "", "a", 9, &n, &err), -1);
    assert_string_equal(err.message, "document: must be an object");
    assert_int_equal(json_want_u64(NULL, "report.memory", "a", 9, &n, &err), -1);
    assert_string_equal(err.message, "report.memory: must be an object");
    json_decref(array);
}

static void a_member_that_is_not_known_is_refused_by_its_path(void **state)
{
    (void)state;
    static const char *const names[] = {"from", "size"};
    struct err err;
    json_t *json = parse("{\"size\":1,\"sizes\":2}");
    json_t *array = parse("[]");

    assert_int_equal(json_only(json, "r", names, ARRAY_LEN(names), &err), -1);
    assert_string_equal(err.message, "r.sizes: unknown member");
    assert_int_equal(json_object_del(json, "sizes"), 0);
    assert_int_equal(json_only(json, "r", names, ARRAY_LEN(names), &err), 0);
    assert_int_equal(json_only(json, "", names, 1, &err), -1);
    assert_string_equal(err.message, "size: unknown member");
    assert_int_equal(json_only(array, "", names, ARRAY_LEN(names), &err), -1);
    assert_string_equal(err.message, "document: must be an object");
    json_decref(array);
    json_decref(json);
}

static void writes_the_order_it_was_given_compact_and_pretty(void **state)
{
    (void)state;
    json_t *json = parse("{\"z\":1,\"a\":[true,{}],\"e\":\"\xc3\xa9/\"}");
    char *compact = json_compact(json);
    char *pretty = json_pretty(json);

    assert_string_equal(compact, "{\"z\":1,\"a\":[true,{}],\"e\":\"\xc3\xa9/\"}");
    assert_string_equal(pretty, "{\n  \"z\": 1,\n  \"a\": [\n    true,\n    {}\n  ],\n"
                                "  \"e\": \"\xc3\xa9/\"\n}\n");

    free(compact);
    free(pretty);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refuses_what_is_not_one_clean_document),
        cmocka_unit_test(a_refusal_does_not_quote_the_document),
        cmocka_unit_test(counts_the_depth_outside_of_strings_only),
        cmocka_unit_test(a_very_deep_document_costs_no_stack),
        cmocka_unit_test(a_wrong_type_is_refused_with_its_path),
        cmocka_unit_test(absent_and_null_are_fine_where_wanted_and_named_where_needed),
        cmocka_unit_test(a_value_at_its_bound_passes_and_one_over_is_refused),
        cmocka_unit_test(members_of_what_is_no_object_are_refused),
        cmocka_unit_test(a_member_that_is_not_known_is_refused_by_its_path),
        cmocka_unit_test(writes_the_order_it_was_given_compact_and_pretty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
