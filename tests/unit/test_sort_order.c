/* SPDX-License-Identifier: Apache-2.0 */
/* The order of answers: both forms of `sort`, and what they make of values of all kinds. */
#include "coordinator/query/sort_order.h"
#include "tests/unit/query_cases.h"

static void expect_order(const struct sort_order *order, const char *shown,
                         const char *expected)
{
    auto_json *fleet = query_json(query_fleet);
    json_t *documents[5];
    char found[6] = "";
    struct err err;
    for (size_t i = 0; i < 5; i++) {
        documents[i] = json_array_get(fleet, i);
    }
    assert_int_equal(sort_order_apply(order, documents, 5, &err), 0);
    for (size_t i = 0; i < 5; i++) {
        found[i] = json_string_value(json_object_get(documents[i], "allocator_id"))[0];
    }
    if (strcmp(found, expected) != 0) {
        fail_msg("%s: gives %s, not %s", shown, found, expected);
    }
}

static void the_parameter_sorts(void **state)
{
    static const struct query_case cases[] = {
        {"", "abcde"},
        {"nothing", "abcde"},
        {"allocator_id:desc", "edcba"},
        {"capacity.memory.total", "dcabe"},
        {"capacity.memory.total:asc", "dcabe"},
        {"capacity.memory.total:desc", "bacde"}, /* those without a value stay last */
        {"status.connected, allocator_id:desc", "bcaed"},
        {"instances.node_memory", "cbade"},      /* the smallest of several */
        {"instances.node_memory:desc", "cbade"}, /* the largest */
        {"public_hostname", "cabde"},
    };
    struct err err;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sort_order order;
        assert_int_equal(sort_order_from_text(cases[i].query, &order, &err), 0);
        expect_order(&order, cases[i].query, cases[i].found);
    }
    struct sort_order order;
    assert_int_equal(sort_order_from_text(NULL, &order, &err), 0);
    assert_int_equal(order.n_fields, 0);
}

static void the_member_sorts(void **state)
{
    static const struct query_case cases[] = {
        {"[]", "abcde"},
        {"['_score', {'_score': 'desc'}]", "abcde"},
        {"['capacity.memory.total']", "dcabe"},
        {"[{'capacity.memory.total': 'desc'}]", "bacde"},
        {"[{'capacity.memory.total': {'order': 'desc', 'missing': '_first'}}]", "ebacd"},
        {"[{'capacity.memory.total': {'missing': '_last', 'unmapped_type': 'long'}}]", "dcabe"},
        {"[{'status.connected': {'order': 'desc'}, 'allocator_id': 'desc'}]", "cabed"},
    };
    struct sort_order order;
    struct err err;
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_json *sort = query_json(cases[i].query);
        assert_int_equal(sort_order_from_json(sort, "sort", &order, &err), 0);
        expect_order(&order, cases[i].query, cases[i].found);
    }
    assert_int_equal(sort_order_from_json(NULL, "sort", &order, &err), 0);
    assert_int_equal(sort_order_from_json(json_null(), "sort", &order, &err), 0);
    assert_int_equal(order.n_fields, 0);
}

static void a_wrong_parameter_is_refused(void **state)
{
    static const struct query_case cases[] = {
        {"a:up", "sort: the order is \"asc\" or \"desc\""},
        {"a:", "sort: the order is"},
        {":asc", "sort: the name of a field has 1 to 256 bytes, not 0"},
        {",a", "sort: the name of a field"},
        {"a,", "sort: a field is missing after the last"},
        {"a b", "sort: fields are parted by"},
        {"a,b,c,d,e,f,g,h,i", "sort: more than 8 fields"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct sort_order order = {.n_fields = 7};
        struct err err = {0};
        int rc = sort_order_from_text(cases[i].query, &order, &err);
        query_expect_refusal(&cases[i], rc, NULL, &err);
        assert_int_equal(order.n_fields, 7);
    }
}

static void a_wrong_member_is_refused(void **state)
{
    static const struct query_case cases[] = {
        {"{}", "sort: must be an array"},
        {"[1]", "sort[0]: must be"},
        {"['a', {'b': 'up'}]", "sort[1].b: the order is"},
        {"[{'b': 1}]", "sort[0].b: the order is"},
        {"[{'b': {'order': 'up'}}]", "sort[0].b: the order is"},
        {"[{'b': {'missing': 1}}]", "sort[0].b: missing is"},
        {"[{'b': {'mode': 'avg'}}]", "sort[0].b: unknown option \"mode\""},
        {"['']", "sort[0]: the name of a field"},
        {"['a','b','c','d','e','f','g','h','i']", "sort[8]: more than 8 fields"},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_json *sort = query_json(cases[i].query);
        struct sort_order order = {.n_fields = 7};
        struct err err = {0};
        int rc = sort_order_from_json(sort, "sort", &order, &err);
        query_expect_refusal(&cases[i], rc, NULL, &err);
        assert_int_equal(order.n_fields, 7);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_parameter_sorts),
        cmocka_unit_test(the_member_sorts),
        cmocka_unit_test(a_wrong_parameter_is_refused),
        cmocka_unit_test(a_wrong_member_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
