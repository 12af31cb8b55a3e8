/* SPDX-License-Identifier: Apache-2.0 */
/* Lists with a query and the two searches: what is found, in which order, what part of it, and
 * what is refused where. The query language itself is test_query's. */
#include "tests/support/handler_harness.h"
#include "tests/unit/handlers_cases.h"

#define E_ALLOCATORS "allocators.search_failed"
#define E_RUNNERS "runners.search_failed"
#define E_REQUEST "root.bad_request"

static struct handler_harness *harness_of(void **state)
{
    return *state;
}

/* h1..h5: allocators of 1000..5000 MB, but h3; h1 and h4 are connected. */
static int setup(void **state)
{
    static const struct enrolment runners[] = {
        {.id = "h1", .key = 'a', .roles = ROLE_ALLOCATOR, .zone = "zb", .tags = "disk:ssd"},
        {.id = "h2", .key = 'b', .roles = ROLE_ALLOCATOR, .zone = "za"},
        {.id = "h3", .key = 'c', .roles = ROLE_PROXY, .zone = "zc"},
        {.id = "h4", .key = 'd', .roles = ROLES_ALL, .zone = "za", .tags = "disk:hdd"},
        {.id = "h5", .key = 'e', .roles = ROLE_ALLOCATOR, .zone = "zb"},
    };
    (void)handler_setup(state);
    struct handler_harness *harness = *state;
    for (size_t i = 0; i < ARRAY_LEN(runners); i++) {
        struct enrolment enrolment = runners[i];
        enrolment.permitted = ROLES_ALL;
        harness->base->report.memory_total_mb = 1000 * (uint32_t)(i + 1);
        assert_int_equal(harness_enroll(harness->base, enrolment), ENROLL_OK);
    }
    harness->base->report.memory_total_mb = 1000;
    harness_connect(harness->base, "h1", 'a');
    harness->base->report.memory_total_mb = 4000;
    harness_connect(harness->base, "h4", 'd');
    return 0;
}

static int search(struct handler_harness *harness, const char *uri, const char *body)
{
    return handler_ask(harness,
                       &(struct handler_request){.method = "POST", .uri = uri, .body = body});
}

static void add_ids(const json_t *documents, const char *field, char *text, size_t size)
{
    for (size_t i = 0; i < json_array_size(documents); i++) {
        size_t used = strlen(text);
        (void)snprintf(text + used, size - used, "%s%s", used > 0 ? " " : "",
                       json_string_value(json_object_get(json_array_get(documents, i), field)));
    }
}

/* The ids of the last reply, as they come: "h2 h4 h1". */
static void expect_found(const struct handler_harness *harness, const char *question,
                         const char *expected)
{
    const json_t *json = handler_expect_ok(harness);
    const json_t *zones = json_object_get(json, "zones");
    char found[256] = "";
    add_ids(json_object_get(json, "runners"), "runner_id", found, sizeof found);
    for (size_t i = 0; i < json_array_size(zones); i++) {
        add_ids(json_object_get(json_array_get(zones, i), "allocators"), "allocator_id", found,
                sizeof found);
    }
    if (strcmp(found, expected) != 0) {
        fail_msg("%s: found \"%s\", not \"%s\"", question, found, expected);
    }
}

static void a_list_has_what_its_q_matches(void **state)
{
    struct handler_harness *harness = harness_of(state);

    static const struct {
        const char *uri;
        const char *found;
    } cases[] = {
        /* Grouped by zone: h1 and h5 are of zb. */
        {ALLOCATORS_URI, "h1 h5 h2 h4"},
        {ALLOCATORS_URI "?q=", "h1 h5 h2 h4"},
        {ALLOCATORS_URI "?q=+", "h1 h5 h2 h4"},
        {ALLOCATORS_URI "?q=status.connected:true", "h1 h4"},
        {ALLOCATORS_URI "?q=zone_id:za+AND+NOT+status.connected:true", "h2"},
        {ALLOCATORS_URI "?q=metadata.value:ssd", "h1"},
        {ALLOCATORS_URI "?q=capacity.memory.total:%3E3999", "h4 h5"},
        {ALLOCATORS_URI "?q=capacity.memory.total:\\%3E3999", "h4 h5"}, /* as ECE's UI */
        {ALLOCATORS_URI "?q=allocator_id:h3", ""}, /* a runner, but no allocator */
        {ALLOCATORS_URI "?q=allocator_id:h*&size=2", "h1 h2"},
        {ALLOCATORS_URI "?q=zone_id:zb&from=1", "h5"},
        {ALLOCATORS_URI "?q=zone_id:zb&from=2", ""},
        {ALLOCATORS_URI "?q=zone_id:zb&size=0", ""},
        {RUNNERS_URI, "h1 h2 h3 h4 h5"},
        {RUNNERS_URI "?q=connected:false", "h2 h3 h5"},
        {RUNNERS_URI "?q=roles.role_name:proxy", "h3 h4"},
        {RUNNERS_URI "?q=zone:zz", ""},
        {RUNNERS_URI "?sort=(&size=x&from=x", "h1 h2 h3 h4 h5"}, /* it has none of these */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)handler_get(harness, cases[i].uri);
        expect_found(harness, cases[i].uri, cases[i].found);
    }
}

static void a_list_is_sorted_then_cut_then_grouped(void **state)
{
    struct handler_harness *harness = harness_of(state);

    static const struct {
        const char *query;
        const char *found;
    } cases[] = {
        {"?sort=", "h1 h5 h2 h4"},
        {"?sort=allocator_id", "h1 h5 h2 h4"},
        {"?sort=allocator_id:asc,zone_id&size=3", "h1 h2 h4"},
        {"?sort=allocator_id:desc", "h5 h1 h4 h2"},
        {"?sort=zone_id", "h2 h4 h1 h5"},
        {"?sort=zone_id,allocator_id:desc", "h4 h2 h5 h1"},
        {"?sort=zone_id,allocator_id:desc&from=1&size=2", "h2 h5"},
        {"?sort=zone_id&from=4", ""},
        {"?sort=zone_id&size=0", ""},
        {"?sort=capacity.memory.total:desc&size=1&q=zone_id:zb", "h5"},
        {"?sort=metadata.value&size=2", "h4 h1"}, /* hdd, ssd */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char uri[256];
        (void)snprintf(uri, sizeof uri, "%s%s", ALLOCATORS_URI, cases[i].query);
        (void)handler_get(harness, uri);
        expect_found(harness, uri, cases[i].found);
    }
}

static void a_search_without_a_query_finds_all(void **state)
{
    struct handler_harness *harness = harness_of(state);
    static const char *const bodies[] = {
        NULL,
        "{}",
        "{\"query\":null,\"sort\":null,\"from\":null,\"size\":null,\"cursor\":null}",
        "{\"query\":{},\"sort\":[],\"cursor\":\"\"}",
        "{\"query\":{\"match_all\":{}},\"sort\":[\"_score\"]}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        (void)search(harness, ALLOCATORS_URI "/_search", bodies[i]);
        expect_found(harness, bodies[i], "h1 h5 h2 h4");
        (void)search(harness, RUNNERS_URI "/_search", bodies[i]);
        expect_found(harness, bodies[i], "h1 h2 h3 h4 h5");
    }
}

static void a_search_finds_what_its_query_matches(void **state)
{
    struct handler_harness *harness = harness_of(state);

    static const struct {
        const char *uri;
        const char *body;
        const char *found;
    } cases[] = {
        /* As ecctl sends it. */
        {ALLOCATORS_URI,
         "{\"query\":{\"term\":{\"allocator_id\":{\"value\":\"h4\"}}},\"sort\":null}", "h4"},
        {ALLOCATORS_URI, "{\"query\":{\"query_string\":{\"query\":\"status.connected:true\"}}}",
         "h1 h4"},
        {ALLOCATORS_URI,
         "{\"query\":{\"bool\":{\"must_not\":[{\"term\":{\"zone_id\":\"za\"}}]}},"
         "\"sort\":[{\"allocator_id\":\"desc\"}]}",
         "h5 h1"},
        {ALLOCATORS_URI,
         "{\"query\":{\"nested\":{\"path\":\"metadata\",\"query\":{\"bool\":{\"must\":["
         "{\"term\":{\"metadata.key\":\"disk\"}},{\"term\":{\"metadata.value\":\"hdd\"}}]}}}}}",
         "h4"},
        {ALLOCATORS_URI, "{\"from\":1,\"size\":2}", "h2 h4"},
        {ALLOCATORS_URI, "{\"query\":{\"match_none\":{}}}", ""},
        {RUNNERS_URI, "{\"query\":{\"term\":{\"connected\":true}},\"sort\":[\"zone\"]}",
         "h4 h1"},
        {RUNNERS_URI, "{\"size\":2,\"from\":4}", "h5"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char uri[256];
        (void)snprintf(uri, sizeof uri, "%s/_search", cases[i].uri);
        (void)search(harness, uri, cases[i].body);
        expect_found(harness, cases[i].body, cases[i].found);
    }
}

static void a_list_that_is_asked_for_wrongly_is_refused_with_the_place(void **state)
{
    struct handler_harness *harness = harness_of(state);

    static const struct {
        const char *uri;
        const char *code;
        const char *words;
    } cases[] = {
        {ALLOCATORS_URI "?q=zone_id:(za", E_ALLOCATORS, "query_string: at character "},
        {ALLOCATORS_URI "?q=zone_id:za+AND", E_ALLOCATORS, "at character "},
        {ALLOCATORS_URI "?q=a+AND+%22b", E_ALLOCATORS, "at character 7"},
        {RUNNERS_URI "?q=%29", E_RUNNERS, "at character 1"},
        {ALLOCATORS_URI "?sort=zone_id:up", E_ALLOCATORS, "sort: "},
        {ALLOCATORS_URI "?sort=a,b,c,d,e,f,g,h,i", E_ALLOCATORS, "sort: more than 8 fields"},
        {ALLOCATORS_URI "?sort=zone_id&size=ten", E_REQUEST, "query parameter size"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)handler_get(harness, cases[i].uri);
        handler_expect_error(harness, 400, cases[i].code, cases[i].words);
    }
}

static void a_search_that_is_wrong_is_refused_with_its_path(void **state)
{
    struct handler_harness *harness = harness_of(state);

    static const struct {
        const char *body;
        const char *code; /* NULL: that of the search */
        const char *words;
    } cases[] = {
        {"{\"size\":", E_REQUEST, "line 1 column 8"},
        {"\"{}\"", E_REQUEST, "read the body"},
        {"null", E_REQUEST, "read the body"},
        {"{\"size\":99999999999999999999}", E_REQUEST, "read the body"},
        {"{\"query\":{},\"query\":{}}", E_REQUEST, "read the body"},
        {"{\"query\":{\"term\":{\"zone_id\":\"\xFF\"}}}", E_REQUEST, "read the body"},
        {"[]", NULL, "must be an object"},
        {"{\"limit\":1}", NULL, "limit: unknown member"},
        {"{\"size\":\"10\"}", NULL, "size: must be an integer"},
        {"{\"size\":1.5}", NULL, "size: must be an integer"},
        {"{\"size\":-1}", NULL, "size: must be from 0 to 100000"},
        {"{\"from\":100001}", NULL, "from: must be from 0 to 100000"},
        {"{\"from\":[]}", NULL, "from: must be an integer"},
        {"{\"cursor\":\"abc\"}", NULL, "cursor: no reply has one"},
        {"{\"cursor\":1}", NULL, "cursor: must be a text"},
        {"{\"sort\":\"zone\"}", NULL, "sort: must be an array"},
        {"{\"sort\":[{\"zone\":\"up\"}]}", NULL, "sort[0]"},
        {"{\"query\":[]}", NULL, "query: "},
        {"{\"query\":\"zone_id:za\"}", NULL, "query: "},
        {"{\"query\":{\"bool\":{\"must\":[{\"match_all\":{}},{\"foo\":{}}]}}}", NULL,
         "query.bool.must[1]: unknown query"},
        {"{\"query\":{\"query_string\":{\"query\":\"(a\"}}}", NULL, "at character "},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *code = cases[i].code;
        (void)search(harness, ALLOCATORS_URI "/_search", cases[i].body);
        handler_expect_error(harness, 400, code != NULL ? code : E_ALLOCATORS, cases[i].words);
        (void)search(harness, RUNNERS_URI "/_search", cases[i].body);
        handler_expect_error(harness, 400, code != NULL ? code : E_RUNNERS, cases[i].words);
    }
    (void)handler_ask(harness, &(struct handler_request){.method = "POST",
                                                         .uri = RUNNERS_URI "/_search",
                                                         .body = "{}",
                                                         .type = "text/plain"});
    handler_expect_error(harness, 400, E_REQUEST, "Content-Type");
}

/* A text of @head, @n times @part, and @tail; owned. */
static struct buf repeat(const char *head, const char *part, size_t n, const char *tail)
{
    struct buf text = BUF_INIT(1 << 20);
    struct err err;
    assert_int_equal(buf_append(&text, head, strlen(head), &err), 0);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(buf_append(&text, part, strlen(part), &err), 0);
    }
    assert_int_equal(buf_append(&text, tail, strlen(tail), &err), 0);
    return text;
}

static void what_would_cost_too_much_is_refused(void **state)
{
    struct handler_harness *harness = harness_of(state);

    static const struct {
        const char *head;
        const char *part;
        size_t n;
        const char *tail;
        const char *code;
        const char *words;
    } cases[] = {
        {"{\"query\":", "{\"bool\":{\"must\":", 3000, "", E_REQUEST, "read the body"},
        {"{\"query\":{\"query_string\":{\"query\":\"", "(", 1000, "\"}}}", E_ALLOCATORS,
         "at character "},
        {"{\"query\":{\"query_string\":{\"query\":\"", "a", 4097, "\"}}}", E_ALLOCATORS,
         "4096"},
        {"{\"query\":{\"bool\":{\"must\":[{}", ",{}", 1100, "]}}}", E_ALLOCATORS, "1024"},
        {"{\"query\":{\"term\":{\"zone_id\":\"", "x", 1025, "\"}}}", E_ALLOCATORS, "1024"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_buf text = repeat(cases[i].head, cases[i].part, cases[i].n, cases[i].tail);
        (void)search(harness, ALLOCATORS_URI "/_search", buf_text(&text));
        handler_expect_error(harness, 400, cases[i].code, cases[i].words);
    }
}

/* Each clause is cheap, and so is each host; all of them together are not. */
static void a_search_has_one_budget_for_the_whole_fleet(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_buf body = repeat("{\"query\":{\"bool\":{\"should\":[{\"match_none\":{}}",
                           ",{\"query_string\":{\"query\":\"*e*o*r*1*a*x*\"}}", 500, "]}}}");
    (void)search(harness, ALLOCATORS_URI "/_search", buf_text(&body));
    expect_found(harness, "a small fleet", "");
    for (unsigned i = 0; i < 1000; i++) {
        handler_add_allocator(harness, i);
    }
    (void)search(harness, ALLOCATORS_URI "/_search", buf_text(&body));
    handler_expect_error(harness, 400, E_ALLOCATORS, "costs more than a search may");
}

static void a_search_is_served_below_any_region_too(void **state)
{
    struct handler_harness *harness = harness_of(state);
    (void)search(harness, "/api/v1/regions/r/platform/infrastructure/allocators/_search", NULL);
    expect_found(harness, "allocators", "h1 h5 h2 h4");
    (void)search(harness, "/api/v1/regions/r/platform/infrastructure/runners/_search",
                 "{\"query\":{\"term\":{\"zone\":\"zc\"}}}");
    expect_found(harness, "runners", "h3");
}

int run_handlers_search_cases(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, handler_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_list_has_what_its_q_matches),
        CASE(a_list_is_sorted_then_cut_then_grouped),
        CASE(a_search_without_a_query_finds_all),
        CASE(a_search_finds_what_its_query_matches),
        CASE(a_list_that_is_asked_for_wrongly_is_refused_with_the_place),
        CASE(a_search_that_is_wrong_is_refused_with_its_path),
        CASE(what_would_cost_too_much_is_refused),
        CASE(a_search_has_one_budget_for_the_whole_fleet),
        CASE(a_search_is_served_below_any_region_too),
    };
    return cmocka_run_group_tests_name("handlers_search", tests, NULL, NULL);
}
