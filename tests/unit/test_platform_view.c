/* SPDX-License-Identifier: Apache-2.0 */
/* The installation at a glance: every field there, and counts that agree with the runners. */
#include "coordinator/views/platform_view.h"

#include "coordinator/views/runner_view.h"
#include "tests/support/view_harness.h"
#include "version.h"

#define ZONES "regions.0.allocators.zone_summaries"
#define RUNNERS "regions.0.runners."

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

static json_t *view_of(const struct registry_harness *harness)
{
    json_t *json = platform_view(harness->registry);
    assert_false(json_has_null(json));
    return json;
}

/* Borrowed from @json. */
static const json_t *zone_of(const json_t *json, const char *zone_id)
{
    const json_t *zones = json_expect(json, ZONES);
    for (size_t i = 0; i < json_array_size(zones); i++) {
        const json_t *zone = json_array_get(zones, i);
        if (strcmp(json_string_value(json_expect(zone, "zone_id")), zone_id) == 0) {
            return zone;
        }
    }
    fail_msg("zone %s: is not there", zone_id);
    return NULL;
}

static const struct json_field platform_fields[] = {
    {"version", 's'},
    {"services", 'a'},
    {"phone_home_enabled", 'b'},
    {"eula_accepted", 'b'},
    {"unreachable_regions", 'a'},
    {"regions.0.region_id", 's'},
    {"regions.0.zookeeper_states.states", 'a'},
    {"regions.0.allocators.healthy", 'b'},
    {"regions.0.allocators.zone_summaries", 'a'},
    {"regions.0.runners.healthy", 'b'},
    {"regions.0.runners.total_runners", 'i'},
    {"regions.0.runners.healthy_runners", 'i'},
    {"regions.0.runners.connected_runners", 'i'},
    {"regions.0.runners.connected_capacity", 'i'},
    {"regions.0.runners.max_available_capacity", 'i'},
    {"regions.0.runners.containers_count", 'i'},
    {"regions.0.proxies.healthy", 'b'},
    {"regions.0.proxies.expected_proxies_count", 'i'},
    {"regions.0.proxies.proxies_count", 'i'},
    {"regions.0.proxies.proxies", 'a'},
    {"regions.0.container_sets_status.healthy", 'b'},
    {"regions.0.container_sets_status.healthy_container_sets_count", 'i'},
    {"regions.0.container_sets_status.unhealthy_container_sets_count", 'i'},
    {"regions.0.container_sets_status.unhealthy_container_sets", 'a'},
    {"regions.0.constructors.constructors", 'a'},
    {"regions.0.coordinators.coordinators", 'a'},
    {"regions.0.resources.healthy", 'b'},
    {"regions.0.resources.available_count", 'i'},
    {"regions.0.resources.used_count", 'i'},
    {"regions.0.resources.missing_count", 'i'},
    {"regions.0.resources.minimum_available_count", 'i'},
    {"regions.0.resources.account_count", 'i'},
};

static const struct json_field zone_fields[] = {
    {"zone_id", 's'},
    {"total_allocators", 'i'},
    {"healthy_allocators", 'i'},
    {"connected_allocators", 'i'},
    {"disconnected_allocators", 'i'},
    {"in_maintenance_allocators", 'i'},
    {"connected_capacity", 'i'},
    {"max_available_capacity", 'i'},
    {"instances", 'i'},
};

static void an_empty_installation_has_every_field_and_is_healthy(void **state)
{
    auto_json *json = view_of(harness_of(state));
    json_expect_fields(json, platform_fields, ARRAY_LEN(platform_fields));
    json_expect_text(json, "version", ECE_VERSION);
    json_expect_count(json, "regions", 1);
    json_expect_text(json, "regions.0.region_id", "ece-region");
    json_expect_count(json, ZONES, 0);
    json_expect_bool(json, "regions.0.allocators.healthy", true);
    json_expect_bool(json, RUNNERS "healthy", true);
    json_expect_integer(json, RUNNERS "total_runners", 0);
    json_expect_integer(json, RUNNERS "max_available_capacity", 0);
}

/*
 * za: one connected and empty, one connected with two instances, one dead with an instance, a
 * proxy only zb: one dead and empty zc: a proxy only
 */
static void join_fleet(struct registry_harness *harness)
{
    struct report_instance instances[] = {{"a.service", 1000, false},
                                          {"b.service", 2000, false}};
    harness->report.memory_total_mb = 10000;
    view_connect(
        harness,
        (struct enrolment){.id = "a1", .key = 'a', .roles = ROLE_ALLOCATOR, .zone = "za"}, NULL,
        0);
    harness->report.memory_total_mb = 12000;
    view_connect(
        harness,
        (struct enrolment){.id = "a2", .key = 'b', .roles = ROLE_ALLOCATOR, .zone = "za"},
        instances, 2);
    harness->report.memory_total_mb = 90000;
    view_connect(
        harness,
        (struct enrolment){.id = "a3", .key = 'c', .roles = ROLE_ALLOCATOR, .zone = "za"},
        instances, 1);
    view_goodbye(harness, "a3", 'c');
    view_connect(harness,
                 (struct enrolment){.id = "b1", .key = 'd', .roles = ROLES_ALL, .zone = "zb"},
                 NULL, 0);
    view_goodbye(harness, "b1", 'd');
    view_connect(harness,
                 (struct enrolment){.id = "c1", .key = 'e', .roles = ROLE_PROXY, .zone = "zc"},
                 NULL, 0);
    view_connect(harness,
                 (struct enrolment){.id = "c2", .key = '1', .roles = ROLE_PROXY, .zone = "za"},
                 NULL, 0);
}

static void allocators_are_counted_by_zone(void **state)
{
    struct registry_harness *harness = harness_of(state);
    join_fleet(harness);

    auto_json *json = view_of(harness);
    json_expect_count(json, ZONES, 2); /* a zone without allocators is none of theirs */
    const json_t *zone = zone_of(json, "za");
    json_expect_fields(zone, zone_fields, ARRAY_LEN(zone_fields));
    json_expect_integer(zone, "total_allocators", 3);
    json_expect_integer(zone, "connected_allocators", 2);
    json_expect_integer(zone, "disconnected_allocators", 1);
    json_expect_integer(zone, "healthy_allocators", 2);
    json_expect_integer(zone, "in_maintenance_allocators", 0);
    json_expect_integer(zone, "connected_capacity", 22000);
    json_expect_integer(zone, "max_available_capacity", 10000); /* the other has 9000 left */
    json_expect_integer(zone, "instances", 3);

    zone = zone_of(json, "zb");
    json_expect_integer(zone, "total_allocators", 1);
    json_expect_integer(zone, "connected_allocators", 0);
    json_expect_integer(zone, "disconnected_allocators", 1);
    json_expect_integer(zone, "healthy_allocators", 1); /* dead, but nothing is lost */
    json_expect_integer(zone, "connected_capacity", 0);
    json_expect_integer(zone, "max_available_capacity", 0);
    json_expect_integer(zone, "instances", 0);
    json_expect_bool(json, "regions.0.allocators.healthy", false);
}

static void all_runners_count_and_only_allocators_offer_capacity(void **state)
{
    struct registry_harness *harness = harness_of(state);
    join_fleet(harness);

    auto_json *json = view_of(harness);
    json_expect_integer(json, RUNNERS "total_runners", 6);
    json_expect_integer(json, RUNNERS "connected_runners", 4);
    json_expect_integer(json, RUNNERS "connected_capacity", 22000);
    json_expect_integer(json, RUNNERS "max_available_capacity", 10000);
    json_expect_bool(json, RUNNERS "healthy", false);
}

/* A dead runner is not healthy, though an empty allocator that is dead is. */
static void as_many_runners_are_healthy_as_their_list_shows(void **state)
{
    struct registry_harness *harness = harness_of(state);
    join_fleet(harness);
    harness->report.healthy = false;
    view_connect(harness, (struct enrolment){.id = "d1", .key = 'f'}, NULL, 0);

    json_int_t healthy = 0;
    for (size_t i = 0; i < registry_count(harness->registry); i++) {
        auto_json *runner =
            runner_view_one(harness->registry, registry_at(harness->registry, i));
        healthy += json_is_true(json_at(runner, "healthy")) ? 1 : 0;
    }
    assert_int_equal(healthy, 4); /* a1, a2, c1, c2 */
    auto_json *json = view_of(harness);
    json_expect_integer(json, RUNNERS "healthy_runners", healthy);
    json_expect_integer(json, RUNNERS "connected_runners", 5);
}

/* [CL-3] */
static void a_conflict_makes_its_zone_and_the_platform_unhealthy(void **state)
{
    struct registry_harness *harness = harness_of(state);
    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');
    auto_json *before = view_of(harness);
    json_expect_bool(before, "regions.0.allocators.healthy", true);
    json_expect_bool(before, RUNNERS "healthy", true);

    view_clone(harness, "h1", 'a');
    auto_json *after = view_of(harness);
    json_expect_bool(after, "regions.0.allocators.healthy", false);
    json_expect_integer(zone_of(after, "ece-zone-1"), "healthy_allocators", 0);
    json_expect_integer(zone_of(after, "ece-zone-1"), "connected_allocators", 1);
    json_expect_bool(after, RUNNERS "healthy", false);
    json_expect_integer(after, RUNNERS "healthy_runners", 0);
}

/* The schema: "number of connected allocators in maintenance". */
static void maintenance_counts_while_connected(void **state)
{
    struct registry_harness *harness = harness_of(state);
    static const struct runner_maintenance on = {.is_on = true, .since_ms = 1};
    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');
    harness_join(harness, "h2", 'b');
    view_decide(harness, "h1", 0, on);
    view_decide(harness, "h2", 0, on);

    auto_json *json = view_of(harness);
    json_expect_integer(zone_of(json, "ece-zone-1"), "total_allocators", 2);
    json_expect_integer(zone_of(json, "ece-zone-1"), "in_maintenance_allocators", 1);
}

/* After the capacity was lowered, more may be assigned than is offered. */
static void what_is_available_is_never_less_than_nothing(void **state)
{
    struct registry_harness *harness = harness_of(state);
    struct report_instance instance = {"a.service", 9000, false};
    harness->report.memory_total_mb = 8000;
    view_connect(harness, (struct enrolment){.id = "h1", .key = 'a', .roles = ROLE_ALLOCATOR},
                 &instance, 1);

    auto_json *json = view_of(harness);
    json_expect_integer(zone_of(json, "ece-zone-1"), "max_available_capacity", 0);
    json_expect_integer(zone_of(json, "ece-zone-1"), "connected_capacity", 8000);
    json_expect_integer(json, RUNNERS "max_available_capacity", 0);
}

static void it_conforms_to_the_official_schema(void **state)
{
    struct registry_harness *harness = harness_of(state);
    auto_json *definitions = api_schema_load();
    if (definitions == NULL) {
        skip();
    }
    auto_json *empty = view_of(harness);
    api_schema_expect_named(definitions, "PlatformInfo", empty);
    join_fleet(harness);
    auto_json *json = view_of(harness);
    api_schema_expect_named(definitions, "PlatformInfo", json);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(an_empty_installation_has_every_field_and_is_healthy),
        CASE(allocators_are_counted_by_zone),
        CASE(all_runners_count_and_only_allocators_offer_capacity),
        CASE(as_many_runners_are_healthy_as_their_list_shows),
        CASE(a_conflict_makes_its_zone_and_the_platform_unhealthy),
        CASE(maintenance_counts_while_connected),
        CASE(what_is_available_is_never_less_than_nothing),
        CASE(it_conforms_to_the_official_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
