/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's routes: who may use which, the fleet as it is read, and the two that watch
 * the process. */
#include "tests/support/handler_harness.h"
#include "tests/unit/handlers_cases.h"

static struct handler_harness *harness_of(void **state)
{
    return *state;
}

/* As the real authenticator has it; no user is known. */
static void a_route_is_closed_to_who_brings_no_credentials(void **state)
{
    struct handler_harness *harness = harness_of(state);
    static const char *const open_to_all[] = {
        "GET /agent/v1/ca",      "POST /agent/v1/token",
        "GET /artifacts/{file}", "GET /elastic-cloud-enterprise.sh",
        "GET /healthz",          "GET /readyz"};
    static const char *const codes[] = {
        [ACCESS_READ] = "root.unauthenticated",
        [ACCESS_WRITE] = "root.unauthenticated",
        [ACCESS_ROLES_TOKEN] = "agent.roles_token_invalid",
        [ACCESS_RUNNER] = "agent.access_token_invalid",
    };
    size_t n_public = 0;
    harness->router.authenticate = handlers_authenticate;
    for (size_t i = 0; i < handlers_route_count; i++) {
        const struct route *route = &handlers_routes[i];
        char name[256];
        (void)snprintf(name, sizeof name, "%s %s", route->method, route->pattern);
        if (route->access == ACCESS_PUBLIC) {
            assert_true(n_public < ARRAY_LEN(open_to_all));
            assert_string_equal(name, open_to_all[n_public++]);
            continue;
        }
        /* "{id}" will do as an id. */
        (void)handler_ask(
            harness, &(struct handler_request){.method = route->method, .uri = route->pattern});
        handler_expect_error(harness, 401, codes[route->access], "");
    }
    assert_int_equal(n_public, ARRAY_LEN(open_to_all));
}

static void whoever_changes_something_needs_the_right_to_write(void **state)
{
    (void)state;
    for (size_t i = 0; i < handlers_route_count; i++) {
        const struct route *route = &handlers_routes[i];
        if (strncmp(route->pattern, "/api/", 5) == 0) {
            bool is_reading =
                strcmp(route->method, "GET") == 0 || strstr(route->pattern, "/_search") != NULL;
            assert_int_equal(route->access, is_reading ? ACCESS_READ : ACCESS_WRITE);
        }
    }
}

/* h1..h5: allocators, but h3. */
static void join_five(struct handler_harness *harness)
{
    static const char *const ids[] = {"h1", "h2", "h3", "h4", "h5"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        const struct enrolment enrolment = {
            .id = ids[i],
            .key = (char)('a' + i),
            .roles = i == 2 ? ROLE_PROXY : ROLE_ALLOCATOR,
            .permitted = ROLES_ALL,
        };
        assert_int_equal(harness_enroll(harness->base, enrolment), ENROLL_OK);
    }
}

static void a_page_of_allocators_is_what_from_and_size_say(void **state)
{
    struct handler_harness *harness = harness_of(state);

    static const struct {
        const char *query;
        size_t count;
        const char *first;
    } pages[] = {
        {"", 4, "h1"},
        {"?size=2", 2, "h1"},
        {"?from=1&size=2", 2, "h2"},
        {"?size=2&from=2", 2, "h4"},
        {"?from=4", 0, NULL},
        {"?size=0", 0, NULL},
        {"?from=100000&size=100000", 0, NULL},
        {"?q=", 4, "h1"}, /* clients send it empty */
        {"?unknown=1", 4, "h1"},
    };

    join_five(harness);
    for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
        char uri[256];
        (void)snprintf(uri, sizeof uri, "%s%s", ALLOCATORS_URI, pages[i].query);
        (void)handler_get(harness, uri);
        const json_t *json = handler_expect_ok(harness);
        if (pages[i].first == NULL) {
            json_expect_count(json, "zones", 0);
        } else {
            json_expect_count(json, "zones.0.allocators", pages[i].count);
            json_expect_text(json, "zones.0.allocators.0.allocator_id", pages[i].first);
        }
    }
}

/* As the documentation has it. */
static void a_page_has_a_hundred_allocators_unless_asked_otherwise(void **state)
{
    struct handler_harness *harness = harness_of(state);
    for (unsigned i = 0; i < 101; i++) {
        handler_add_allocator(harness, i);
    }
    (void)handler_get(harness, ALLOCATORS_URI);
    json_expect_count(handler_expect_ok(harness), "zones.0.allocators", 100);
    (void)handler_get(harness, ALLOCATORS_URI "?size=101");
    json_expect_count(handler_expect_ok(harness), "zones.0.allocators", 101);
}

static void a_number_that_is_none_is_refused_by_name(void **state)
{
    struct handler_harness *harness = harness_of(state);

    static const struct {
        const char *uri;
        const char *words;
    } cases[] = {
        {ALLOCATORS_URI "?from=-1", "query parameter from"},
        {ALLOCATORS_URI "?from=", "query parameter from"},
        {ALLOCATORS_URI "?from", "query parameter from"},
        {ALLOCATORS_URI "?from=1x", "query parameter from"},
        {ALLOCATORS_URI "?from=100001", "query parameter from"},
        {ALLOCATORS_URI "?from=18446744073709551616", "query parameter from"},
        {ALLOCATORS_URI "?size=ten", "query parameter size"},
        {ALLOCATORS_URI "?size=1.5", "query parameter size"},
        {ALLOCATORS_URI "?size=%2B1", "query parameter size"},
        {ALLOCATORS_URI "?size=+1", "query parameter size"},
        {ALLOCATORS_URI "?size=0x10", "query parameter size"},
        {ALLOCATORS_URI "?size=100001", "query parameter size"},
    };

    join_five(harness);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)handler_get(harness, cases[i].uri);
        handler_expect_error(harness, 400, "root.bad_request", cases[i].words);
    }
}

static void one_allocator_or_runner_is_found_by_its_id_or_is_404(void **state)
{
    struct handler_harness *harness = harness_of(state);

    static const struct {
        const char *uri;
        const char *code;
        const char *words;
    } absent[] = {
        {ALLOCATORS_URI "/h9", "allocators.allocator_not_found", "no allocator h9"},
        {ALLOCATORS_URI "/h3", "allocators.allocator_not_found", "no allocator h3"},
        {ALLOCATORS_URI "/H1", "allocators.allocator_not_found", "no allocator H1"},
        {ALLOCATORS_URI "/h1%2F", "allocators.allocator_not_found", "no allocator h1/"},
        {RUNNERS_URI "/h9", "runners.runner_not_found", "no runner h9"},
        {RUNNERS_URI "/%C3%A9", "runners.runner_not_found", "no runner \xC3\xA9"},
    };

    join_five(harness);
    (void)handler_get(harness, ALLOCATORS_URI "/h%31");
    json_expect_text(handler_expect_ok(harness), "allocator_id", "h1");
    (void)handler_get(harness, RUNNERS_URI "/h3");
    json_expect_text(handler_expect_ok(harness), "runner_id", "h3");
    for (size_t i = 0; i < ARRAY_LEN(absent); i++) {
        (void)handler_get(harness, absent[i].uri);
        handler_expect_error(harness, 404, absent[i].code, absent[i].words);
    }
    char uri[sizeof RUNNERS_URI + 1100] = RUNNERS_URI "/";
    memset(uri + strlen(uri), 'x', 1024); /* as long as a parameter may be */
    (void)handler_get(harness, uri);
    handler_expect_error(harness, 404, "runners.runner_not_found", "no runner xxx");
}

static void the_same_is_served_below_any_region(void **state)
{
    struct handler_harness *harness = harness_of(state);
    static const char *const paths[] = {
        "",
        "/infrastructure/allocators",
        "/infrastructure/allocators/h1",
        "/infrastructure/runners",
        "/infrastructure/runners/h3",
        "/configuration/security/enrollment-tokens",
    };
    join_five(harness);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        char uri[256];
        (void)snprintf(uri, sizeof uri, "/api/v1/platform%s", paths[i]);
        (void)handler_get(harness, uri);
        auto_json *plain = json_deep_copy(handler_expect_ok(harness));
        (void)snprintf(uri, sizeof uri, "/api/v1/regions/ece-region/platform%s", paths[i]);
        (void)handler_get(harness, uri);
        assert_true(json_equal(handler_expect_ok(harness), plain));
    }
}

static void all_runners_and_the_platform_are_read(void **state)
{
    struct handler_harness *harness = harness_of(state);
    join_five(harness);
    (void)handler_get(harness, RUNNERS_URI);
    json_expect_count(handler_expect_ok(harness), "runners", 5);
    (void)handler_get(harness, "/api/v1/platform");
    json_expect_integer(handler_expect_ok(harness), "regions.0.runners.total_runners", 5);
}

static void ready_is_said_only_while_the_store_takes_writes(void **state)
{
    struct handler_harness *harness = harness_of(state);
    (void)handler_get(harness, "/readyz");
    json_expect_text(handler_expect_ok(harness), "status", "ready");

    memory_store_fail(harness->base->memory, 1);
    (void)handler_get(harness, "/readyz");
    handler_expect_error(harness, 503, "root.unavailable", "store");
    /* The reason may say where the store is: that is for the log. */
    assert_null(strstr(json_string_value(json_at(harness->json, "errors.0.message")), "space"));
    (void)handler_get(harness, "/healthz");
    json_expect_text(handler_expect_ok(harness), "status", "ok");
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, handler_setup, handler_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_route_is_closed_to_who_brings_no_credentials),
        CASE(whoever_changes_something_needs_the_right_to_write),
        CASE(a_page_of_allocators_is_what_from_and_size_say),
        CASE(a_page_has_a_hundred_allocators_unless_asked_otherwise),
        CASE(a_number_that_is_none_is_refused_by_name),
        CASE(one_allocator_or_runner_is_found_by_its_id_or_is_404),
        CASE(the_same_is_served_below_any_region),
        CASE(all_runners_and_the_platform_are_read),
        CASE(ready_is_said_only_while_the_store_takes_writes),
    };
    int failed = cmocka_run_group_tests_name("handlers", tests, NULL, NULL);
    failed += run_handlers_tokens_cases();
    failed += run_handlers_enroll_cases();
    failed += run_handlers_runner_id_cases();
    failed += run_handlers_access_cases();
    failed += run_handlers_artifacts_cases();
    failed += run_handlers_search_cases();
    return failed;
}
