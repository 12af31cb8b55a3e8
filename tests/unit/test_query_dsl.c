/* SPDX-License-Identifier: Apache-2.0 */
/* The query DSL: every query that Elastic's API documents, in the forms that clients send. */
#include "tests/unit/query_cases.h"

static void no_query_is_everything(void **state)
{
    static const struct query_case cases[] = {
        {"{}", "abcde"},
        {"{'match_all': {}}", "abcde"},
        {"{'match_all': {'boost': 2}, 'term': null}", "abcde"}, /* as Go's clients write it */
        {"{'match_none': {}}", ""},
        {"{'bool': {}}", "abcde"},
    };
    struct query *query = NULL;
    struct err err;
    (void)state;

    query_expect_dsl(cases, ARRAY_LEN(cases));
    assert_int_equal(query_from_json(NULL, "query", &query, &err), 0);
    query_find(query, "NULL", "abcde");
    query_free(query);
    query = NULL;
    assert_int_equal(query_from_json(json_null(), "query", &query, &err), 0);
    query_find(query, "null", "abcde");
    query_free(query);
}

static void exact_values(void **state)
{
    static const struct query_case cases[] = {
        {"{'term': {'allocator_id': {'value': 'a'}}}", "a"},
        {"{'term': {'allocator_id': 'a'}}", "a"},
        {"{'term': {'allocator_id': 'A'}}", ""},
        {"{'term': {'zone_id': 'ece-zone-1'}}", "a"},
        {"{'term': {'note': 'smith'}}", ""},
        {"{'term': {'status.connected': true}}", "ac"},
        {"{'term': {'status.connected': {'value': 'true', 'boost': 1.5}}}", "ac"},
        {"{'term': {'capacity.memory.total': 10240}}", "a"},
        {"{'term': {'capacity.memory.total': 10240.5}}", ""},
        {"{'term': {'capacity.additional_master_bonus': 0.5}}", "a"},
        {"{'term': {'big': 9007199254740993}}", "e"},
        {"{'term': {'status.maintenance_mode_timestamp': '2026-11-24'}}", "b"},
        {"{'terms': {'allocator_id': ['a', 'e', 'x'], 'boost': 1}}", "ae"},
        {"{'terms': {'allocator_id': []}}", ""},
        {"{'prefix': {'zone_id': 'ece-zone-1'}}", "abc"},
        {"{'prefix': {'zone_id': {'value': 'ece-zone-10'}}}", "b"},
        {"{'prefix': {'zone_id': 'ECE'}}", ""},
        {"{'prefix': {'zone_id': 'zone'}}", ""},
        {"{'prefix': {'capacity.memory.total': '1'}}", ""},
        {"{'exists': {'field': 'instances'}}", "bc"},
        {"{'exists': {'field': 'settings'}}", "b"},
    };
    (void)state;

    query_expect_dsl(cases, ARRAY_LEN(cases));
}

static void words_match_in_any_case(void **state)
{
    static const struct query_case cases[] = {
        {"{'match': {'note': 'SMITH john'}}", "de"},
        {"{'match': {'note': {'query': 'smith john', 'operator': 'AND'}}}", "d"},
        {"{'match': {'note': {'query': 'jo smith john', 'minimum_should_match': 2}}}", "de"},
        {"{'match': {'note': {'query': 'jo smith john', 'minimum_should_match': 3}}}", "d"},
        {"{'match': {'note': {'query': 'jo john x y', 'minimum_should_match': '50%'}}}", "d"},
        {"{'match': {'note': {'query': 'jo smith john', 'minimum_should_match': -1}}}", "de"},
        {"{'match': {'note': {'query': 'jo smith john', 'minimum_should_match': '-25%'}}}",
         "d"},
        {"{'match': {'zone_id': 'ece-zone-1'}}", "a"},
        {"{'match': {'zone_id': 'ece-zone-1 ece-zone-10'}}", "ab"},
        {"{'match': {'status.connected': {'query': false}}}", "b"},
        {"{'match': {'capacity.memory.total': 5000}}", "c"},
        {"{'match': {'note': ' '}}", ""},
    };
    (void)state;

    query_expect_dsl(cases, ARRAY_LEN(cases));
}

static void ranges_have_open_and_closed_ends(void **state)
{
    static const struct query_case cases[] = {
        {"{'range': {'capacity.memory.total': {'gte': 5000, 'lt': 20480}}}", "ac"},
        {"{'range': {'capacity.memory.total': {'gt': '5000', 'lte': 20480.0}}}", "ab"},
        {"{'range': {'capacity.memory.total': {'lt': 0, 'gt': null, 'boost': 1}}}", "d"},
        {"{'range': {'capacity.memory.total': {}}}", "abcd"},
        {"{'range': {'allocator_id': {'gte': 'd'}}}", "de"},
        {"{'range': {'status.maintenance_mode_timestamp': {'gt': '2026-11-24'}}}", "c"},
        {"{'range': {'status.maintenance_mode_timestamp':"
         " {'gte': '2026-11-24', 'lte': '2026-11-24'}}}",
         "b"},
    };
    (void)state;

    query_expect_dsl(cases, ARRAY_LEN(cases));
}

static void bool_combines(void **state)
{
#define IS(id) "{'term': {'allocator_id': '" id "'}}"
#define HAS_ZONE "{'prefix': {'zone_id': 'ece'}}"
    static const struct query_case cases[] = {
        {"{'bool': {'must': [" HAS_ZONE ", {'exists': {'field': 'instances'}}]}}", "bc"},
        {"{'bool': {'must': " HAS_ZONE ", 'must_not': " IS("a") "}}", "bc"},
        {"{'bool': {'filter': [" HAS_ZONE "], 'should': [" IS("a") "]}}", "abc"},
        {"{'bool': {'filter': [" HAS_ZONE
         "], 'should': [" IS("a") ", " IS("e") "],"
                                               " 'minimum_should_match': 1}}",
         "a"},
        {"{'bool': {'should': [" IS("a") ", " IS("b") "]}}", "ab"},
        {"{'bool': {'should': [" IS("a") ", " HAS_ZONE "], 'minimum_should_match': 2}}", "a"},
        {"{'bool': {'should': [" IS("a") "], 'minimum_should_match': 2}}", ""},
        {"{'bool': {'should': [" IS("a") "], 'minimum_should_match': 0}}", "abcde"},
        {"{'bool': {'must_not': [" IS("a") ", " IS("b") "]}}", "cde"},
        {"{'bool': {'must': null, 'should': [], 'filter': " IS("d") "}}", "d"},
        {"{'bool': {'must': [{'bool': {'should': [" IS("a") ", " IS(
             "b") "]}},"
                  " {'bool': {'must_not': [{'bool': {'must': [" IS("a") "]}}]}}]}}",
         "b"},
    };
    (void)state;

    query_expect_dsl(cases, ARRAY_LEN(cases));
}

static void nested_clauses_meet_one_element(void **state)
{
#define KIBANA "{'term': {'instances.cluster_type': 'kibana'}}"
#define IS_LARGE "{'range': {'instances.node_memory': {'gte': 2000}}}"
#define BOTH "{'bool': {'must': [" KIBANA ", " IS_LARGE "]}}"
    static const struct query_case cases[] = {
        {BOTH, "bc"}, /* without nested, two elements may share the work */
        {"{'nested': {'path': 'instances', 'query': " BOTH "}}", "c"},
        {"{'nested': {'path': 'instances', 'score_mode': 'avg', 'query': " KIBANA "}}", "bc"},
        {"{'nested': {'path': 'instances', 'query': {'match_all': {}}}}", "bc"},
        {"{'nested': {'path': 'instances', 'query': {'term': {'allocator_id': 'b'}}}}", ""},
        {"{'nested': {'path': 'instances', 'query': {'query_string': {'query': 'KIBANA'}}}}",
         "bc"},
        {"{'nested': {'path': 'instances', 'query':"
         " {'query_string': {'query': 'i\\\\*_memory:4096 \\\\*_id:c'}}}}",
         "c"},
        {"{'nested': {'path': 'metadata', 'query': {'bool': {'must': ["
         "{'term': {'metadata.key': {'value': 'ssd'}}},"
         "{'term': {'metadata.value': {'value': 'Jo Smith'}}}]}}}}",
         ""},
        {"{'nested': {'path': 'capacity', 'query': {'nested': {'path': 'capacity.memory',"
         " 'query': {'term': {'capacity.memory.used': 1}}}}}}",
         "c"},
        {"{'nested': {'path': 'capacity', 'query': {'term': {'capacity_memory.used': 1}}}}",
         ""},
        {"{'nested': {'path': 'zone_id', 'query': {'match_all': {}}}}", ""},
        {"{'nested': {'path': 'nothing', 'query': {'match_all': {}}}}", ""},
        {"{'bool': {'must_not': {'nested': {'path': 'instances', 'query': " KIBANA "}}}}",
         "ade"},
    };
    (void)state;

    query_expect_dsl(cases, ARRAY_LEN(cases));
}

static void query_strings_within_the_dsl(void **state)
{
    static const struct query_case cases[] = {
        {"{'query_string': {'query': 'status.connected:false AND _exists_:instances'}}", "b"},
        {"{'query_string': {'query': 'zone kibana', 'default_operator': 'AND'}}", "bc"},
        {"{'query_string': {'query': 'zone OR smith', 'default_operator': 'and'}}", "abcde"},
        {"{'query_string': {'query': 'smith john', 'default_field': 'note',"
         " 'default_operator': 'AND'}}",
         "d"},
        {"{'query_string': {'query': 'kibana', 'default_field': '*'}}", "bc"},
        {"{'query_string': {'query': '*bana', 'allow_leading_wildcard': true}}", "bc"},
        {"{'query_string': {'query': '*', 'allow_leading_wildcard': false}}", "abcde"},
        {"{'query_string': {'query': '  '}}", ""}, /* documented so; only q differs */
    };
    (void)state;

    query_expect_dsl(cases, ARRAY_LEN(cases));
}

#define SIMPLE(text) "{'simple_query_string': {'query': " text "}}"

static void simple_query_strings_take_everything(void **state)
{
    static const struct query_case cases[] = {
        {SIMPLE("'kibana'"), "bc"},
        {SIMPLE("'host79 smith'"), "abde"},
        {SIMPLE("'kibana + smith'"), "b"},
        {SIMPLE("'host79 | smith'"), "abde"},
        {SIMPLE("'+ kibana +| smith'"), "b"}, /* the first one counts */
        {SIMPLE("'-zone'"), "de"},
        {SIMPLE("'zone +-kibana'"), "a"},
        {SIMPLE("'zone -kibana'"), "abcde"}, /* documented: OR not */
        {SIMPLE("'--zone'"), "abc"},
        {SIMPLE("'\\\"smith jo\\\"'"), "de"},
        {SIMPLE("'kib* + smi*'"), "b"},
        {SIMPLE("'kib\\\\*'"), ""},
        {SIMPLE("'(host79 | kibana) + zone'"), "abc"},
        {SIMPLE("'host79 | kibana + smith'"), "b"}, /* from left to right */
        {SIMPLE("'kibana~1'"), "bc"},
        {SIMPLE("'(((kibana'"), "bc"},
        {SIMPLE("'kibana)) ||| + - '"), "bc"},
        {SIMPLE("'\\\"kibana'"), "bc"},
        {SIMPLE("'() + kibana'"), "bc"},
        {SIMPLE("'( ) | kibana'"), "bc"},
        {SIMPLE("' + | - '"), ""},
        {SIMPLE("''"), ""},
        {"{'simple_query_string': {'query': 'zone kibana', 'default_operator': 'AND'}}", "bc"},
        {"{'simple_query_string': {'query': 'a smith', 'fields': ['note^5', 'allocator_id']}}",
         "ade"},
        {"{'simple_query_string': {'query': 'jo sm*', 'fields': ['n*e'],"
         " 'minimum_should_match': '2', 'flags': 'ALL', 'lenient': true}}",
         "de"},
        {"{'simple_query_string': {'query': 'e', 'fields': ['note', 'allocator_id'],"
         " 'minimum_should_match': '2'}}",
         "e"},
        {"{'simple_query_string': {'query': 'kibana', 'fields': ['*']}}", "bc"},
    };
    (void)state;

    query_expect_dsl(cases, ARRAY_LEN(cases));
}

static void a_wrong_query_is_refused_with_its_path(void **state)
{
    static const struct query_case cases[] = {
        {"[]", "query: must be an object"},
        {"{'foo': {}}", "query: unknown query \"foo\""},
        {"{'term': {'a': 1}, 'match_all': {}}", "query: has more than one query"},
        {"{'bool': {'must': [{}, {'foo': {}}]}}", "query.bool.must[1]: unknown query \"foo\""},
        {"{'bool': {'must': [1]}}", "query.bool.must[0]: must be an object"},
        {"{'bool': {'must': 'x'}}", "query.bool.must: must be an object"},
        {"{'bool': {'musst': []}}", "query.bool: unknown option \"musst\""},
        {"{'bool': {'should': [], 'minimum_should_match': 'x'}}",
         "query.bool.minimum_should_match: must be a number of clauses"},
        {"{'bool': {'minimum_should_match': '2<75%'}}", "minimum_should_match"},
        {"{'bool': {'minimum_should_match': 99999}}", "minimum_should_match"},
        {"{'term': 'x'}", "query.term: must be an object"},
        {"{'term': {}}", "query.term: names no field"},
        {"{'term': {'a': 1, 'b': 2}}", "query.term: has more than one field"},
        {"{'term': {'a': {}}}", "query.term.a.value: is missing"},
        {"{'term': {'a': {'value': null}}}", "query.term.a.value: must be a text"},
        {"{'term': {'a': [1]}}", "query.term.a: must be a text, a number or a boolean"},
        {"{'term': {'a': {'value': 1, 'fuzzy': 1}}}", "query.term.a: unknown option \"fuzzy\""},
        {"{'terms': {'a': 1}}", "query.terms.a: must be an array"},
        {"{'terms': {'a': [{}]}}", "query.terms.a: must be a text"},
        {"{'match': {'a': {'query': 'x', 'operator': 'nor'}}}",
         "query.match.a.operator: must be \"and\" or \"or\""},
        {"{'match': {'a': {'query': 'x', 'analyzer': 'y'}}}", "unknown option \"analyzer\""},
        {"{'match': {'a': 'x', 'boost': 1}}", "query.match: has more than one field"},
        {"{'match_all': []}", "query.match_all: must be an object"},
        {"{'match_none': {'x': 1}}", "query.match_none: unknown option"},
        {"{'range': {'a': {'gt': {}}}}", "query.range.a.gt: must be a text"},
        {"{'range': {'a': {'gt': 1, 'gte': 1}}}", "query.range.a.gt: is the second bound"},
        {"{'range': {'a': {'gte': 'now-1d/d'}}}", "query.range.a.gte: arithmetic with dates"},
        {"{'range': {'a': {'lt': '2026-11-24||+1d'}}}", "arithmetic with dates"},
        {"{'range': {'a': {'format': 'yyyy'}}}", "query.range.a: unknown option \"format\""},
        {"{'range': {'a': 5}}", "query.range.a: must be an object"},
        {"{'exists': {}}", "query.exists.field: is missing"},
        {"{'exists': {'field': 1}}", "query.exists.field: must be a text"},
        {"{'nested': {'query': {}}}", "query.nested.path: is missing"},
        {"{'nested': {'path': 'a'}}", "query.nested.query: is missing"},
        {"{'nested': {'path': 'a', 'query': {'x': 1}}}", "query.nested.query: unknown query"},
        {"{'query_string': {'query': 'a ('}}",
         "query.query_string: query_string: at character 4: a term is missing"},
        {"{'query_string': {'query': 1}}", "query.query_string.query: must be a text"},
        {"{'query_string': {}}", "query.query_string.query: is missing"},
        {"{'query_string': {'query': 'a', 'default_field': 1}}",
         "default_field: must be a text"},
        {"{'query_string': {'query': 'a', 'default_operator': 1}}", "default_operator"},
        {"{'query_string': {'query': 'a ?b', 'allow_leading_wildcard': false}}",
         "at character 3: a term may not begin with a wildcard"},
        {"{'query_string': {'query': 'a', 'allow_leading_wildcard': 'no'}}",
         "must be true or false"},
        {SIMPLE("5"), "query.simple_query_string.query: must be a text"},
        {"{'simple_query_string': {'query': 'a', 'fields': 'x'}}", "fields: must be an array"},
        {"{'simple_query_string': {'query': 'a', 'fields': [1]}}", "fields: must be an array"},
        {"{'simple_query_string': {'query': 'a', 'fields': ['^5']}}",
         "fields: must be an array"},
        {"{'simple_query_string': {'query': 'a', 'flags': 'OR|AND'}}", "flags: only \"ALL\""},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_json *dsl = query_json(cases[i].query);
        struct query *query = NULL;
        struct err err = {0};
        int rc = query_from_json(dsl, "query", &query, &err);
        query_expect_refusal(&cases[i], rc, query, &err);
    }
}

int query_dsl_cases(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_query_is_everything),
        cmocka_unit_test(exact_values),
        cmocka_unit_test(words_match_in_any_case),
        cmocka_unit_test(ranges_have_open_and_closed_ends),
        cmocka_unit_test(bool_combines),
        cmocka_unit_test(nested_clauses_meet_one_element),
        cmocka_unit_test(query_strings_within_the_dsl),
        cmocka_unit_test(simple_query_strings_take_everything),
        cmocka_unit_test(a_wrong_query_is_refused_with_its_path),
    };
    return cmocka_run_group_tests_name("DSL", tests, NULL, NULL);
}
