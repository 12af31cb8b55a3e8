/* SPDX-License-Identifier: Apache-2.0 */
/* What somebody sends who means no good: everything has a bound, and the bound is an answer. */
#include "coordinator/query/iso_time.h"
#include "tests/unit/query_cases.h"

/* @unit written @count times between @before and @after. */
static char *repeated(const char *before, const char *unit, size_t count, const char *after)
{
    size_t unit_len = strlen(unit);
    char *text = malloc(strlen(before) + count * unit_len + strlen(after) + 1);
    char *at = stpcpy(text, before);
    for (size_t i = 0; i < count; i++) {
        at = stpcpy(at, unit);
    }
    (void)stpcpy(at, after);
    return text;
}

static int parse_repeated(const char *before, const char *unit, size_t count, const char *after,
                          struct err *err)
{
    auto_free char *text = repeated(before, unit, count, after);
    auto_query *query = NULL;
    return query_from_text(text, &query, err);
}

static void bounds_on_the_text_are_kept(void **state)
{
    struct err err;
    (void)state;

    assert_int_equal(parse_repeated("", "a", QUERY_TEXT_MAX, "", &err), 0);
    assert_int_equal(parse_repeated("", "a", QUERY_TEXT_MAX + 1, "", &err), -1);
    assert_string_equal(err.message, "query_string: longer than 4096 bytes");

    assert_int_equal(parse_repeated("", "(", QUERY_DEPTH_MAX + 1, "a", &err), -1);
    assert_string_equal(err.message,
                        "query_string: at character 33: nested deeper than 32 levels");
    assert_int_equal(parse_repeated("", "(a -", QUERY_DEPTH_MAX, "a", &err), -1);
    assert_int_equal(parse_repeated("", "(a) ", QUERY_DEPTH_MAX + 1, "", &err), 0);

    assert_int_equal(parse_repeated("", "a ", QUERY_NODES_MAX - 1, "", &err), 0);
    assert_int_equal(parse_repeated("", "a ", QUERY_NODES_MAX, "", &err), -1);
    assert_string_equal(err.message,
                        "query_string: at character 2047: has more than 1024 clauses");

    assert_int_equal(parse_repeated("", "f", QUERY_FIELD_MAX, ":a", &err), 0);
    assert_int_equal(parse_repeated("", "f", QUERY_FIELD_MAX + 1, ":a", &err), -1);
    assert_string_equal(
        err.message,
        "query_string: at character 1: the name of a field is longer than 256 bytes");
    assert_int_equal(parse_repeated("b OR _exists_:", "f", QUERY_FIELD_MAX + 1, "", &err), -1);
    assert_non_null(strstr(err.message, "at character 6: the name of a field"));
}

static void malformed_utf8_is_refused(void **state)
{
    static const char *const texts[] = {"\xff", "a\xc3", "zone:\xed\xa0\x80", "\xc0\xaf"};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        auto_query *query = NULL;
        struct err err = {0};
        assert_int_equal(query_from_text(texts[i], &query, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_non_null(strstr(err.message, "UTF-8"));
    }
}

/* @levels of bool, one within the other. */
static int parse_nested_bool(size_t levels, struct err *err)
{
    auto_json *dsl = json_pack("{s:{}}", "match_all");
    auto_query *query = NULL;
    for (size_t i = 0; i < levels; i++) {
        dsl = json_pack("{s:{s:[o]}}", "bool", "must", dsl);
    }
    return query_from_json(dsl, "query", &query, err);
}

static void bounds_on_the_dsl_are_kept(void **state)
{
    auto_json *terms = json_pack("{s:{s:[]}}", "terms", "f");
    json_t *values = json_object_get(json_object_get(terms, "terms"), "f");
    auto_free char *value = repeated("", "v", QUERY_VALUE_MAX + 1, "");
    auto_json *term = json_pack("{s:{s:s}}", "term", "f", value);
    auto_free char *operators = repeated("", "a + b | ", 40, "c");
    auto_json *simple = json_pack("{s:{s:s}}", "simple_query_string", "query", operators);
    auto_query *query = NULL;
    struct err err;
    (void)state;

    assert_int_equal(parse_nested_bool(QUERY_DEPTH_MAX - 1, &err), 0);
    assert_int_equal(parse_nested_bool(QUERY_DEPTH_MAX, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.message, "nested deeper than 32 levels"));

    for (size_t i = 0; i < QUERY_NODES_MAX; i++) {
        assert_int_equal(json_array_append_new(values, json_string("v")), 0);
    }
    assert_int_equal(query_from_json(terms, "query", &query, &err), -1);
    assert_string_equal(err.message, "query: has more than 1024 clauses");

    assert_int_equal(query_from_json(term, "query", &query, &err), -1);
    assert_string_equal(err.message, "query.term.f: longer than 1024 bytes: 1025");

    /* a change of operator is a level of the tree */
    assert_int_equal(query_from_json(simple, "query", &query, &err), -1);
    assert_non_null(strstr(err.message, "nested deeper than 32 levels"));
    assert_null(query);
}

/* What would take backtracking matchers longer than the universe has. */
static void wildcards_are_not_exponential(void **state)
{
    auto_free char *text = repeated("value:", "*a", 500, "*b");
    auto_free char *value = repeated("", "a", 1000, "");
    auto_json *document = json_pack("{s:s}", "value", value);
    auto_query *query = NULL;
    uint64_t steps_left = QUERY_STEPS_MAX;
    bool is_match = true;
    struct err err;
    (void)state;

    assert_int_equal(query_from_text(text, &query, &err), 0);
    assert_int_equal(query_matches(query, document, &steps_left, &is_match, &err), 0);
    assert_false(is_match);
    assert_true(QUERY_STEPS_MAX - steps_left < 1000000);
}

static void the_budget_ends_what_costs_too_much(void **state)
{
    auto_json *document = json_pack("{s:[]}", "list");
    auto_query *query = NULL;
    uint64_t steps_left = 1000;
    bool is_match = false;
    struct err err;
    (void)state;
    for (int i = 0; i < 2000; i++) {
        assert_int_equal(
            json_array_append_new(json_object_get(document, "list"), json_string("words")), 0);
    }

    assert_int_equal(query_from_text("nobody", &query, &err), 0);
    assert_int_equal(query_matches(query, document, &steps_left, &is_match, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_non_null(strstr(err.message, "name the fields"));
    assert_int_equal(steps_left, 0);
    steps_left = 100000;
    assert_int_equal(query_matches(query, document, &steps_left, &is_match, &err), 0);
    assert_true(steps_left < 100000 - 2000);
}

static void odd_numbers_and_dates_match_nothing(void **state)
{
    static const struct query_case cases[] = {
        {"capacity.memory.total:0x2800", ""},
        {"capacity.memory.total:nan", ""},
        {"capacity.memory.total:<inf", ""},
        {"capacity.memory.total:\" 10240\"", ""},
        {"capacity.memory.total:10240.", ""},
        {"capacity.memory.total:1e", ""},
        {"capacity.memory.total:\"\"", ""},
        {"capacity.memory.total:<1e999", "abcd"},
        {"capacity.memory.total:<99999999999999999999", "abcd"},
        {"capacity.memory.total:>-99999999999999999999", "abcd"},
        {"status.maintenance_mode_timestamp:[\"2026-13-01\" TO \"2026-99-99T99:99\"]", ""},
        {"status.maintenance_mode_timestamp:\"2026-11-24T08:30:15.Z\"", ""},
        {"status.maintenance_mode_timestamp:\"2026-11-24T08:30:15.123Z0\"", ""},
        {"status.maintenance_mode_timestamp:\"2026-11-24T08:30:15.123+99:99\"", ""},
    };
    (void)state;

    query_expect_text(cases, ARRAY_LEN(cases));
}

static void days_that_are_none_are_no_dates(void **state)
{
    static const char *const texts[] = {"2026-02-29",
                                        "2026-11-31",
                                        "2026-00-01",
                                        "2026-1-1",
                                        "2026-11-24T24",
                                        "2026-11-24T08:30:60",
                                        "2026-11-24T",
                                        "2026-11-24 08:30",
                                        "20261124",
                                        "26-11-24",
                                        ""};
    struct iso_time time = {.first_ms = 7};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        assert_false(iso_time_parse(texts[i], strlen(texts[i]), &time));
    }
    assert_int_equal(time.first_ms, 7);
    assert_true(iso_time_parse("2028-02-29", strlen("2028-02-29"), &time));
    assert_true(time.first_ms == INT64_C(1835395200000));
    assert_true(time.last_ms == INT64_C(1835481599999));
}

static void documents_of_any_shape_are_looked_at(void **state)
{
    static const char *const documents[] = {"[]", "{}", "[[[]]]", "[1, 'a', null, true]",
                                            "{'': {'': 'a'}, 'a.': 1, '.a': 2}"};
    static const char *const texts[] = {"a",    "a:a", "\\*:a",     "_exists_:a",
                                        "..:a", ".:1", "*:[* TO b]"};
    struct err err;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(documents) * ARRAY_LEN(texts); i++) {
        auto_json *document = query_json(documents[i / ARRAY_LEN(texts)]);
        auto_query *query = NULL;
        uint64_t steps_left = 1000;
        bool is_match = false;
        assert_int_equal(query_from_text(texts[i % ARRAY_LEN(texts)], &query, &err), 0);
        assert_int_equal(query_matches(query, document, &steps_left, &is_match, &err), 0);
    }
}

int query_hostile_cases(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_on_the_text_are_kept),
        cmocka_unit_test(malformed_utf8_is_refused),
        cmocka_unit_test(bounds_on_the_dsl_are_kept),
        cmocka_unit_test(wildcards_are_not_exponential),
        cmocka_unit_test(the_budget_ends_what_costs_too_much),
        cmocka_unit_test(odd_numbers_and_dates_match_nothing),
        cmocka_unit_test(days_that_are_none_are_no_dates),
        cmocka_unit_test(documents_of_any_shape_are_looked_at),
    };
    return cmocka_run_group_tests_name("hostile", tests, NULL, NULL);
}
