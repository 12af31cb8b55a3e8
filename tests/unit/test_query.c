/* SPDX-License-Identifier: Apache-2.0 */
/* The language of `q`: what Elasticsearch's documentation says it finds, and where it says that
 * a text is wrong. */
#include "tests/unit/query_cases.h"

static void nothing_asked_for_is_everything(void **state)
{
    static const struct query_case cases[] = {
        {"", "abcde"}, {" \t\n", "abcde"}, {"*", "abcde"}, {"*:*", "abcde"}, {"(*)", "abcde"}};
    (void)state;

    query_expect_text(cases, ARRAY_LEN(cases));
    auto_query *query = NULL;
    struct err err;
    assert_int_equal(query_from_text(NULL, &query, &err), 0);
    query_find(query, "NULL", "abcde");
}

static void a_field_has_its_value(void **state)
{
    static const struct query_case cases[] = {
        {"allocator_id:a", "a"},
        {"allocator_id : a", "a"},
        {"allocator_id:A", "a"},
        {"status.connected:false", "b"},
        {"status.connected:true", "ac"},
        {"status.connected:tru", ""},
        {"status:true", "abc"},
        {"status.connected.x:true", ""},
        {"nothing:true", ""},
        {"capacity.memory.total:10240", "a"},
        {"capacity.memory.total:10240.0", "a"},
        {"capacity.memory.total:1.024e4", "a"},
        {"capacity.memory.total:-5", "d"},
        {"capacity.memory.total:abc", ""},
        {"capacity.additional_master_bonus:0.5", "a"},
        {"big:9007199254740993", "e"},
        {"big:9007199254740992", ""},
        {"metadata.value:true", "b"},
        {"matrix:2", "d"},
        {"matrix.deep:down", "d"},
        {"tags.a.b:dotted", "c"},
        {"tags.a:dotted", ""},
        {"metadata.\\*:ssd", "b"},
        {"\\*_ip:192.168.44.1", "b"},
        {"*:kibana", "bc"},
    };
    (void)state;

    query_expect_text(cases, ARRAY_LEN(cases));
}

static void an_identifier_is_one_word_where_a_field_is_named(void **state)
{
    static const struct query_case cases[] = {
        {"zone_id:ece-zone-1", "a"},
        {"zone_id:zone", ""},
        {"host_ip:192.168.44.1", "b"},
        {"host_ip:192.168", ""},
        {"public_hostname:host79.EXAMPLE.com", "a"},
        {"note:smith", "de"},
        {"note:\"john smith\"", "d"},
        {"note:\"smith jo\"", "de"},
        {"note:\"jo smith\"", ""},
        {"note:\"smith john\"", ""},
        {"metadata.value:müll", "c"},
        {"metadata.key:grÖßE", "c"},
        {"zone_id:\"x+y (z)\"", "d"},
        {"zone_id:x\\+y", "d"},
        {"zone_id:\\(z\\)", "d"},
        {"host_ip:\"fe80::1\"", "c"},
        {"host_ip:fe80\\:\\:1", "c"},
        {"public_hostname:\"\"", "c"},
    };
    (void)state;

    query_expect_text(cases, ARRAY_LEN(cases));
}

static void a_word_alone_is_looked_for_everywhere(void **state)
{
    static const struct query_case cases[] = {
        {"zone", "abc"},
        {"zone-1", "ac"},
        {"host79", "a"},
        {"192.168.44", "ab"},
        {"\"Smith Jo\"", "de"},
        {"10240", "a"},
        {"kibana elasticsearch", "bc"},
        {"dotted", "c"},
        {"nobody", ""},
    };
    (void)state;

    query_expect_text(cases, ARRAY_LEN(cases));
}

static void wildcards_stand_for_characters(void **state)
{
    static const struct query_case cases[] = {
        {"zone_id:ece-zone-*", "abc"},
        {"zone_id:ece-zone-1?", "b"},
        {"zone_id:ECE*1", "a"},
        {"zone_id:*zone*", "abc"},
        {"zone_id:*?b", "c"},
        {"zone_id:ece", ""},
        {"host*", "a"},
        {"*79", "a"},
        {"*o*t", ""},
        {"gr??e", "c"},
        {"M?LL", "c"},
        {"note:sm?th", "de"},
        {"note:jo*smith*", "d"},
        {"build_info.commit_hash:a\\*c\\?e", "d"},
        {"build_info.commit_hash:a\\*c*", "d"},
        {"build_info.commit_hash:a\\*b*", ""},
        {"settings.capacity:*", "b"},
        {"public_hostname:*", "abc"},
        {"capacity.memory.total:1*", ""},
    };
    (void)state;

    query_expect_text(cases, ARRAY_LEN(cases));
}

static void exists_means_a_value(void **state)
{
    static const struct query_case cases[] = {
        {"_exists_:instances", "bc"},
        {"_exists_:settings", "b"},
        {"_exists_:public_hostname", "abc"},
        {"_exists_:\"status.healthy\"", "ab"},
        {"NOT _exists_:status", "de"},
        {"_exists_:build_info.\\*", "de"},
        /* what ecctl sends for --unhealthy, and its neighbour */
        {"status.connected:false AND _exists_:instances", "b"},
        {"status.maintenance_mode:true", "b"},
    };
    (void)state;

    query_expect_text(cases, ARRAY_LEN(cases));
}

static void ranges_and_comparisons(void **state)
{
    static const struct query_case cases[] = {
        {"capacity.memory.total:[5000 TO 10240]", "ac"},
        {"capacity.memory.total:{5000 TO 10240]", "a"},
        {"capacity.memory.total:[5000 TO 10240}", "c"},
        {"capacity.memory.total:{ 5000 TO 10240 }", ""},
        {"capacity.memory.total:[10240 TO *]", "ab"},
        {"capacity.memory.total:{* TO 0}", "d"},
        {"capacity.memory.total:[* TO *]", "abcd"},
        {"capacity.memory.total:[-10 TO -1]", "d"},
        {"capacity.memory.total:>10240", "b"},
        {"capacity.memory.total:\\>10240", "b"},
        {"capacity.memory.total:>=10240", "ab"},
        {"capacity.memory.total:<5000", "d"},
        {"capacity.memory.total:<=5000", "cd"},
        {"capacity.memory.total:>-6", "abcd"},
        {"capacity.memory.total:>0.5", "abc"},
        {"capacity.memory.total:>abc", ""},
        {"capacity.memory.total:(>=5000 AND <20480)", "ac"},
        {"capacity.memory.total:(+>=5000 +<20480)", "ac"},
        {"instances.node_memory:[3000 TO 5000]", "c"},
        {"allocator_id:[b TO d}", "bc"},
        {"allocator_id:{\"a\" TO \"c\"]", "bc"},
        {"allocator_id:[TO TO TO]", ""},
        {"build_info.version:>=2.9", "e"}, /* text: by characters */
        {"big:>9007199254740992", "e"},
    };
    (void)state;

    query_expect_text(cases, ARRAY_LEN(cases));
}

static void dates_compare_as_times(void **state)
{
    static const struct query_case cases[] = {
        {"status.maintenance_mode_timestamp:2026-11-24", "b"},
        {"status.maintenance_mode_timestamp:2026-11-24T08", "b"},
        {"status.maintenance_mode_timestamp:\"2026-11-24T08:30\"", "b"},
        {"status.maintenance_mode_timestamp:\"2026-11-24T08:30:15.123Z\"", "b"},
        {"status.maintenance_mode_timestamp:\"2026-11-24T09:30:15.123+01:00\"", "b"},
        {"status.maintenance_mode_timestamp:[2026-11-24 TO 2026-11-24]", "b"},
        {"status.maintenance_mode_timestamp:[2026-11-24 TO 2026-11-25]", "bc"},
        {"status.maintenance_mode_timestamp:>2026-11-24", "c"},
        {"status.maintenance_mode_timestamp:<2026-11-25", "b"},
        {"status.maintenance_mode_timestamp:<=2026-11-25", "bc"},
        {"status.maintenance_mode_timestamp:{* TO 2026-11-24T08:30:15.123Z}", ""},
        {"status.maintenance_mode_timestamp:[2026-11-24T23:30:00-01:00 TO *]", ""},
        {"status.maintenance_mode_timestamp:[2026-11-24T22:30:00-01:00 TO *]", "c"},
        {"status.maintenance_mode_timestamp:>=2026", "bc"},
        {"status.maintenance_mode_timestamp:\"2026-02-30\"", ""},
    };
    (void)state;

    query_expect_text(cases, ARRAY_LEN(cases));
}

/* As Lucene combines them. */
static void operators_combine_clauses(void **state)
{
    static const struct query_case cases[] = {
        {"allocator_id:a allocator_id:b", "ab"},
        {"allocator_id:a OR allocator_id:b", "ab"},
        {"allocator_id:a || allocator_id:b", "ab"},
        {"allocator_id:a||allocator_id:b", "ab"},
        {"zone AND kibana", "bc"},
        {"zone && kibana", "bc"},
        {"zone&&kibana", "bc"},
        {"zone NOT kibana", "a"},
        {"zone !kibana", "a"},
        {"zone -kibana", "a"},
        {"zone AND NOT kibana", "a"},
        {"NOT zone", "de"},
        {"-zone", "de"},
        {"-zone -allocator_id:d", "e"},
        {"+zone smith", "abc"},
        {"zone +smith", "bde"},
        {"allocator_id:a OR zone AND smith", "b"},
        {"allocator_id:a OR (zone AND smith)", "ab"},
        {"(allocator_id:a OR zone) AND smith", "b"},
        {"((zone AND kibana) OR allocator_id:e) AND NOT allocator_id:b", "ce"},
        {"allocator_id:(a OR b OR e)", "abe"},
        {"allocator_id:(a b) -b", "a"},
        {"allocator_id:(a zone_id:ece-zone-10)", "ab"},
        {"allocator_id:e OR (NOT zone)", "de"},
        {"and or not", ""},
        {"\"AND\" OR ANDY", ""},
        {"zone^2 AND kibana^0.5", "bc"},
        {"(kibana)^4 \"smith\"^2", "bcde"},
        {"zone\u3000smith", "abcde"},
    };
    (void)state;

    query_expect_text(cases, ARRAY_LEN(cases));
}

static void a_wrong_text_is_refused_with_the_place(void **state)
{
    static const struct query_case cases[] = {
        {"(a", "query_string: at character 1: the parenthesis that opens here is never closed"},
        {"a)", "at character 2: unexpected \")\""},
        {"()", "at character 2: there is nothing between the parentheses"},
        {"zone_id:", "at character 9: a term is missing at the end"},
        {"zone_id: )", "at character 10: unexpected \")\""},
        {"a AND", "at character 6: a term is missing at the end"},
        {"a AND OR b", "at character 7"},
        {"AND a", "at character 1: AND needs a term before it"},
        {"(|| a)", "at character 2: OR needs a term before it"},
        {"a NOT", "at character 6: a term is missing"},
        {"NOT NOT a", "at character 5"},
        {"a - b", "at character 3: \"-\" stands alone"},
        {"a +", "at character 3: \"+\" stands alone"},
        {"\"abc", "at character 1: the quote that opens here is never closed"},
        {"über \"abc", "at character 6: the quote"},
        {"abc\\", "at character 4: nothing follows the backslash"},
        {"a:b:c", "at character 4: a second \":\""},
        {"host_ip:fe80::1", "at character 13: a second \":\"; quote"},
        {"n:[1 2]", "at character 6: a range is [low TO high]: here TO is missing"},
        {"n:[1 TO 2", "at character 10: a range ends with"},
        {"n:[1 TO ]", "at character 9: a range is [low TO high], and a bound is missing"},
        {"n:[TO 1]", "at character 7: a range"},
        {"n:[", "at character 4: a range"},
        {"n:>", "at character 3: a comparison needs its value"},
        {"n:>= 5", "at character 3: a comparison needs its value"},
        {"n:>now-1d", "at character 3: arithmetic with dates"},
        {"n:[now TO *]", "arithmetic with dates"},
        {"roam~", "at character 5: fuzzy"},
        {"\"a b\"~2", "at character 6: fuzzy"},
        {"n:/joh?n/", "at character 3: regular expressions are not served"},
        {"a^", "at character 3: a number is missing"},
        {"a^x", "at character 3: a number is missing"},
        {"book.*:x", "at character 1: a wildcard in the name of a field needs a backslash"},
        {"]", "at character 1: unexpected \"]\""},
        {":x", "at character 1: unexpected \":\""},
    };
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct query *query = NULL;
        struct err err = {0};
        int rc = query_from_text(cases[i].query, &query, &err);
        query_expect_refusal(&cases[i], rc, query, &err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_asked_for_is_everything),
        cmocka_unit_test(a_field_has_its_value),
        cmocka_unit_test(an_identifier_is_one_word_where_a_field_is_named),
        cmocka_unit_test(a_word_alone_is_looked_for_everywhere),
        cmocka_unit_test(wildcards_stand_for_characters),
        cmocka_unit_test(exists_means_a_value),
        cmocka_unit_test(ranges_and_comparisons),
        cmocka_unit_test(dates_compare_as_times),
        cmocka_unit_test(operators_combine_clauses),
        cmocka_unit_test(a_wrong_text_is_refused_with_the_place),
    };
    int failed = cmocka_run_group_tests_name("q", tests, NULL, NULL);
    return failed + query_dsl_cases() + query_hostile_cases();
}
