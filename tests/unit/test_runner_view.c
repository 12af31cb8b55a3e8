/* SPDX-License-Identifier: Apache-2.0 */
/* Runners as clients of the platform API see them. */
#include "coordinator/views/runner_view.h"

#include "coordinator/views/allocator_view.h"
#include "tests/support/view_harness.h"

static struct registry_harness *harness_of(void **state)
{
    return *state;
}

static int setup(void **state)
{
    *state = harness_new();
    return 0;
}

static int teardown(void **state)
{
    harness_free(*state);
    return 0;
}

static json_t *view_of(const struct registry_harness *harness, const char *id)
{
    json_t *json = runner_view_one(harness->registry, harness_find(harness, id));
    assert_false(json_has_null(json));
    return json;
}

static const struct json_field runner_fields[] = {
    {"runner_id", 's'},
    {"runner_name", 's'},
    {"zone", 's'},
    {"tags", 'o'},
    {"features", 'o'},
    {"build_info.commit_hash", 's'},
    {"build_info.version", 's'},
    {"host_ip", 's'},
    {"public_hostname", 's'},
    {"containers", 'a'},
    {"roles", 'a'},
    {"roles.0.role_name", 's'},
    {"connected", 'b'},
    {"healthy", 'b'},
    {"health_checks.is_docker_healthy", 'b'},
    {"health_checks.is_connected_to_zk", 'b'},
    {"health_checks.has_containers", 'b'},
    {"region", 's'},
};

static void every_field_is_there_and_says_what_the_host_reported(void **state)
{
    struct registry_harness *harness = harness_of(state);
    view_connect(harness,
                 (struct enrolment){.id = "h1",
                                    .key = 'a',
                                    .roles = ROLE_ALLOCATOR,
                                    .zone = "z-2",
                                    .tags = "SSD:true,rack:7"},
                 NULL, 0);

    auto_json *json = view_of(harness, "h1");
    json_expect_fields(json, runner_fields, ARRAY_LEN(runner_fields));
    json_expect_text(json, "runner_id", "h1");
    json_expect_text(json, "zone", "z-2");
    json_expect_text(json, "host_ip", "10.0.0.7");
    json_expect_text(json, "public_hostname", "host7");
    json_expect_text(json, "build_info.version", "2.0.0");
    json_expect_count(json, "tags", 2);
    json_expect_text(json, "tags.SSD", "true");
    /* As in ECE a runner has a zone, an allocator a zone_id; and the capacity is the
     * allocator's. */
    assert_null(json_at(json, "zone_id"));
    assert_null(json_at(json, "capacity"));
}

static void a_runner_without_a_report_has_every_field_too(void **state)
{
    struct registry_harness *harness = harness_of(state);
    harness_join(harness, "h1", 'a');
    (void)memory_store_put(harness->memory, "connections/h1", NULL);
    harness_restart(harness, 1000);
    assert_false(harness_find(harness, "h1")->has_report);

    auto_json *json = view_of(harness, "h1");
    json_expect_fields(json, runner_fields, ARRAY_LEN(runner_fields));
    json_expect_bool(json, "connected", false);
    json_expect_bool(json, "healthy", false);
}

static void roles_are_the_runners_own_and_the_two_of_the_system(void **state)
{
    struct registry_harness *harness = harness_of(state);

    static const struct {
        const char *id;
        char key;
        roles_t roles;
        const char *text;
    } cases[] = {
        {"h1", 'a', ROLES_NONE, ""},
        {"h2", 'b', ROLE_ALLOCATOR, "allocator "},
        {"h3", 'c', ROLE_PROXY | ROLE_DIRECTOR, "director proxy "},
        {"h4", 'd', ROLES_ALL, "director coordinator proxy allocator "},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        view_join(harness, (struct enrolment){.id = cases[i].id,
                                              .key = cases[i].key,
                                              .roles = cases[i].roles});
        auto_json *json = view_of(harness, cases[i].id);
        const json_t *roles = json_at(json, "roles");
        char text[256] = "";
        char expected[256];
        for (size_t j = 0; j < json_array_size(roles); j++) {
            const json_t *name = json_expect(json_array_get(roles, j), "role_name");
            size_t used = strlen(text);
            (void)snprintf(text + used, sizeof text - used, "%s ", json_string_value(name));
        }
        (void)snprintf(expected, sizeof expected, "%sbeats-runner services-forwarder ",
                       cases[i].text);
        assert_string_equal(text, expected);
    }
}

static void healthy_is_connected_well_and_without_a_conflict(void **state)
{
    struct registry_harness *harness = harness_of(state);

    static const struct {
        const char *id;
        char key;
        bool is_well;
        bool is_dead;
        bool has_clone;
        bool is_healthy;
    } cases[] = {
        {"well", 'a', true, false, false, true},
        {"unwell", 'b', false, false, false, false},
        {"dead", 'c', true, true, false, false},
        {"clone", 'd', true, false, true, false}, /* [CL-3] */
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        harness->report.healthy = cases[i].is_well;
        view_connect(harness, (struct enrolment){.id = cases[i].id, .key = cases[i].key}, NULL,
                     0);
        if (cases[i].is_dead) {
            view_goodbye(harness, cases[i].id, cases[i].key);
        }
        if (cases[i].has_clone) {
            view_clone(harness, cases[i].id, cases[i].key);
        }
        auto_json *json = view_of(harness, cases[i].id);
        if (json_is_true(json_at(json, "healthy")) != cases[i].is_healthy) {
            fail_msg("%s: healthy is not %d", cases[i].id, cases[i].is_healthy);
        }
        json_expect_bool(json, "connected", !cases[i].is_dead);
        json_expect_bool(json, "health_checks.is_connected_to_zk", !cases[i].is_dead);
        json_expect_bool(json, "health_checks.is_docker_healthy",
                         cases[i].is_well && !cases[i].is_dead);
    }
}

static void it_conforms_to_the_official_schema(void **state)
{
    struct registry_harness *harness = harness_of(state);
    auto_json *definitions = api_schema_load();
    if (definitions == NULL) {
        skip();
    }
    view_join(harness, (struct enrolment){
                           .id = "h1", .key = 'a', .roles = ROLES_ALL, .tags = "SSD:true"});
    harness_connect(harness, "h1", 'a');

    auto_json *one = view_of(harness, "h1");
    api_schema_expect_named(definitions, "RunnerInfo", one);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(every_field_is_there_and_says_what_the_host_reported),
        CASE(a_runner_without_a_report_has_every_field_too),
        CASE(roles_are_the_runners_own_and_the_two_of_the_system),
        CASE(healthy_is_connected_well_and_without_a_conflict),
        CASE(it_conforms_to_the_official_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
