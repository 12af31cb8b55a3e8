/* SPDX-License-Identifier: Apache-2.0 */
/* Allocators as clients of the platform API see them: every field there, of its type and never
 * null, and nothing but the truth. */
#include "coordinator/views/allocator_view.h"

#include "tests/support/view_harness.h"

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
    const struct runner *runner = allocator_view_find(harness->registry, id);
    assert_non_null(runner);
    json_t *json = allocator_view_one(harness->registry, runner);
    assert_false(json_has_null(json));
    return json;
}

/* A connected one with something in every list. */
static void join_busy_allocator(struct registry_harness *harness)
{
    struct report_instance instances[] = {{"kibana-1.service", 1024, false},
                                          {"x.service", 2048, false}};
    view_connect(
        harness,
        (struct enrolment){
            .id = "h1", .key = 'a', .roles = ROLE_ALLOCATOR, .tags = "SSD:true,rack:7"},
        instances, ARRAY_LEN(instances));
    view_decide(harness, "h1", 8192,
                (struct runner_maintenance){.is_on = true, .since_ms = INT64_C(1700000000123)});
}

/* What the Go client and the exporter unmarshal. */
static const struct json_field allocator_fields[] = {
    {"allocator_id", 's'},
    {"zone_id", 's'},
    {"host_ip", 's'},
    {"public_hostname", 's'},
    {"status.connected", 'b'},
    {"status.healthy", 'b'},
    {"status.maintenance_mode", 'b'},
    {"status.health_checks.is_docker_healthy", 'b'},
    {"status.health_checks.is_connected_to_zk", 'b'},
    {"status.health_checks.has_instances", 'b'},
    {"capacity.memory.total", 'i'},
    {"capacity.memory.used", 'i'},
    {"capacity.storage.total", 'i'},
    {"capacity.available_cpus", 'i'},
    {"capacity.additional_master_bonus", 'r'},
    {"settings", 'o'},
    {"instances", 'a'},
    {"metadata", 'a'},
    {"features", 'a'},
    {"external_links", 'a'},
    {"build_info.commit_hash", 's'},
    {"build_info.version", 's'},
    {"region", 's'},
};

static const struct json_field busy_fields[] = {
    {"status.maintenance_mode_timestamp", 's'},
    {"settings.capacity", 'i'},
    {"metadata.0.key", 's'},
    {"metadata.0.value", 's'},
    {"instances.0.cluster_type", 's'},
    {"instances.0.cluster_id", 's'},
    {"instances.0.cluster_name", 's'},
    {"instances.0.instance_name", 's'},
    {"instances.0.node_memory", 'i'},
    {"instances.0.healthy", 'b'},
    {"instances.0.cluster_healthy", 'b'},
    {"instances.0.instance_configuration_id", 's'},
    {"instances.0.deployment_id", 's'},
    {"instances.0.moving", 'b'},
    {"instances.0.plans_info.pending", 'b'},
    {"instances.0.plans_info.version", 's'},
    {"instances.0.plans_info.zone_count", 'i'},
};

static void every_field_is_there_and_says_what_the_host_reported(void **state)
{
    struct registry_harness *harness = *state;
    join_busy_allocator(harness);

    auto_json *json = view_of(harness, "h1");
    json_expect_fields(json, allocator_fields, ARRAY_LEN(allocator_fields));
    json_expect_fields(json, busy_fields, ARRAY_LEN(busy_fields));
    json_expect_text(json, "allocator_id", "h1");
    json_expect_text(json, "zone_id", "ece-zone-1");
    json_expect_text(json, "host_ip", "10.0.0.7");
    json_expect_text(json, "public_hostname", "host7");
    json_expect_text(json, "region", "ece-region");
    json_expect_text(json, "build_info.version", "2.0.0");
    json_expect_integer(json, "capacity.storage.total", 102400);
    json_expect_integer(json, "capacity.available_cpus", 4);
    json_expect_bool(json, "status.maintenance_mode", true);
    json_expect_text(json, "status.maintenance_mode_timestamp", "2023-11-14T22:13:20.123Z");
    json_expect_bool(json, "status.health_checks.has_instances", true);
}

/* The connections/ entry may be lost or damaged: the runner is shown without a report. */
static void a_runner_without_a_report_has_every_field_too(void **state)
{
    struct registry_harness *harness = *state;
    join_busy_allocator(harness);
    (void)memory_store_run(harness->memory);
    (void)memory_store_put(harness->memory, "connections/h1", NULL);
    harness_restart(harness, 1000);
    assert_false(harness_find(harness, "h1")->has_report);

    auto_json *json = view_of(harness, "h1");
    json_expect_fields(json, allocator_fields, ARRAY_LEN(allocator_fields));
    json_expect_bool(json, "status.connected", false);
    json_expect_bool(json, "status.healthy", true);
    json_expect_integer(json, "capacity.memory.used", 0);
    json_expect_count(json, "instances", 0);
}

static void used_is_what_is_assigned_to_instances(void **state)
{
    struct registry_harness *harness = *state;
    harness_join(harness, "empty", 'e');
    harness_connect(harness, "empty", 'e');
    join_busy_allocator(harness);

    auto_json *empty = view_of(harness, "empty");
    json_expect_integer(empty, "capacity.memory.total", 12398);
    json_expect_integer(empty, "capacity.memory.used", 0);
    json_expect_count(empty, "metadata", 0);
    json_expect_count(empty, "instances", 0);
    json_expect_bool(empty, "status.health_checks.has_instances", false);

    auto_json *busy = view_of(harness, "h1");
    json_expect_count(busy, "instances", 2);
    json_expect_integer(busy, "instances.0.node_memory", 1024);
    json_expect_integer(busy, "instances.1.node_memory", 2048);
    json_expect_integer(busy, "capacity.memory.used", 1024 + 2048);
}

/* ECE: connected or without instances. [CL-3]: a conflict is shown. */
static void healthy_is_connected_or_empty_and_without_a_conflict(void **state)
{
    struct registry_harness *harness = *state;

    static const struct {
        const char *id;
        char key;
        bool has_instances;
        bool is_dead;
        bool has_clone;
        bool is_healthy;
    } cases[] = {
        {"alive-empty", 'a', false, false, false, true},
        {"alive-full", 'b', true, false, false, true},
        {"dead-empty", 'c', false, true, false, true},
        {"dead-full", 'd', true, true, false, false},
        {"clone-empty", 'e', false, false, true, false},
        {"clone-full", 'f', true, false, true, false},
    };

    struct report_instance instance = {"x.service", 512, false};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        view_connect(
            harness,
            (struct enrolment){.id = cases[i].id, .key = cases[i].key, .roles = ROLE_ALLOCATOR},
            &instance, cases[i].has_instances ? 1 : 0);
        if (cases[i].is_dead) {
            view_goodbye(harness, cases[i].id, cases[i].key);
        }
        if (cases[i].has_clone) {
            view_clone(harness, cases[i].id, cases[i].key);
        }
        auto_json *json = view_of(harness, cases[i].id);
        if (json_is_true(json_at(json, "status.healthy")) != cases[i].is_healthy) {
            fail_msg("%s: healthy is not %d", cases[i].id, cases[i].is_healthy);
        }
        json_expect_bool(json, "status.connected", !cases[i].is_dead);
        json_expect_bool(json, "status.health_checks.is_connected_to_zk", !cases[i].is_dead);
        json_expect_bool(json, "status.health_checks.has_instances", cases[i].has_instances);
        if (cases[i].has_instances) {
            json_expect_bool(json, "instances.0.healthy", !cases[i].is_dead);
        }
    }
}

/* [LV-1] */
static void a_suspect_allocator_is_shown_as_connected_until_its_grace_ends(void **state)
{
    struct registry_harness *harness = *state;
    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');
    registry_connection_closed(harness->registry, 1);

    auto_json *suspect = view_of(harness, "h1");
    json_expect_bool(suspect, "status.connected", true);
    harness_pass(harness, GRACE);
    auto_json *gone = view_of(harness, "h1");
    json_expect_bool(gone, "status.connected", false);
}

static void a_host_that_is_not_well_says_so_in_its_health_checks(void **state)
{
    struct registry_harness *harness = *state;
    harness->report.healthy = false;
    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');

    auto_json *json = view_of(harness, "h1");
    json_expect_bool(json, "status.health_checks.is_docker_healthy", false);
    json_expect_bool(json, "status.health_checks.is_connected_to_zk", true);
}

static void settings_have_the_capacity_only_when_an_operator_set_it(void **state)
{
    struct registry_harness *harness = *state;
    harness_join(harness, "h1", 'a');

    auto_json *without = view_of(harness, "h1");
    json_expect_count(without, "settings", 0);
    assert_null(json_at(without, "status.maintenance_mode_timestamp"));
    json_expect_bool(without, "status.maintenance_mode", false);

    view_decide(harness, "h1", 4096, (struct runner_maintenance){.since_ms = 1});
    auto_json *with = view_of(harness, "h1");
    json_expect_count(with, "settings", 1);
    json_expect_integer(with, "settings.capacity", 4096);
    json_expect_bool(with, "status.maintenance_mode", false);
    json_expect_text(with, "status.maintenance_mode_timestamp", "1970-01-01T00:00:00.001Z");
}

static void metadata_are_the_tags_in_their_order(void **state)
{
    struct registry_harness *harness = *state;
    view_join(harness, (struct enrolment){.id = "h1",
                                          .key = 'a',
                                          .roles = ROLE_ALLOCATOR,
                                          .tags = "SSD:true,a:b,rack:\xC3\xA9 7"});

    auto_json *json = view_of(harness, "h1");
    json_expect_count(json, "metadata", 3);
    json_expect_text(json, "metadata.0.key", "SSD");
    json_expect_text(json, "metadata.0.value", "true");
    json_expect_text(json, "metadata.1.key", "a");
    json_expect_text(json, "metadata.2.value", "\xC3\xA9 7");
}

/* The schema has a closed list. */
static void an_instance_is_of_the_type_that_its_name_begins_with(void **state)
{
    struct registry_harness *harness = *state;
    static const char *const types[] = {"elasticsearch", "kibana",
                                        "apm",           "integrations_server",
                                        "appsearch",     "enterprise_search"};
    struct report_instance instances[ARRAY_LEN(types) + 2] = {0};
    for (size_t i = 0; i < ARRAY_LEN(types); i++) {
        (void)snprintf(instances[i].name, sizeof instances[i].name, "%s-7.scope", types[i]);
    }
    (void)snprintf(instances[6].name, sizeof instances[6].name, "libpod-0123.scope");
    (void)snprintf(instances[7].name, sizeof instances[7].name, "my-kibana.service");
    view_connect(harness, (struct enrolment){.id = "h1", .key = 'a', .roles = ROLE_ALLOCATOR},
                 instances, ARRAY_LEN(instances));

    auto_json *json = view_of(harness, "h1");
    for (size_t i = 0; i < ARRAY_LEN(instances); i++) {
        const json_t *instance = json_array_get(json_at(json, "instances"), i);
        json_expect_text(instance, "cluster_type",
                         i < ARRAY_LEN(types) ? types[i] : "elasticsearch");
        json_expect_text(instance, "cluster_id", instances[i].name);
    }
}

static void only_runners_with_the_role_are_allocators(void **state)
{
    struct registry_harness *harness = *state;
    view_join(harness, (struct enrolment){.id = "h1",
                                          .key = 'a',
                                          .roles = ROLES_ALL & ~(roles_t)ROLE_ALLOCATOR});
    view_join(harness, (struct enrolment){.id = "h2", .key = 'b', .roles = ROLES_ALL});

    assert_null(allocator_view_find(harness->registry, "h1"));
    assert_null(allocator_view_find(harness->registry, "h3"));
    assert_null(allocator_view_find(harness->registry, ""));
    assert_ptr_equal(allocator_view_find(harness->registry, "h2"), harness_find(harness, "h2"));
    auto_json *list = view_allocators(harness);
    json_expect_count(list, "zones", 1);
    json_expect_count(list, "zones.0.allocators", 1);
    json_expect_text(list, "zones.0.allocators.0.allocator_id", "h2");
}

/* "za: h1 h10; zb: h2; " */
static void describe(const json_t *list, char *ret_text, size_t size)
{
    const json_t *zones = json_expect(list, "zones");
    ret_text[0] = '\0';
    for (size_t i = 0; i < json_array_size(zones); i++) {
        const json_t *zone = json_array_get(zones, i);
        const json_t *allocators = json_expect(zone, "allocators");
        size_t used = strlen(ret_text);
        (void)snprintf(ret_text + used, size - used,
                       "%s:", json_string_value(json_expect(zone, "zone_id")));
        for (size_t j = 0; j < json_array_size(allocators); j++) {
            const json_t *id = json_expect(json_array_get(allocators, j), "allocator_id");
            used = strlen(ret_text);
            (void)snprintf(ret_text + used, size - used, " %s", json_string_value(id));
        }
        used = strlen(ret_text);
        (void)snprintf(ret_text + used, size - used, "; ");
    }
}

static void they_are_grouped_by_zone_in_the_order_that_they_have(void **state)
{
    struct registry_harness *harness = *state;

    static const struct enrolment runners[] = {
        {.id = "h9", .key = 'a', .roles = ROLE_ALLOCATOR, .zone = "za"},
        {.id = "h1", .key = 'b', .roles = ROLE_ALLOCATOR, .zone = "zb"},
        {.id = "h10", .key = 'c', .roles = ROLE_ALLOCATOR, .zone = "za"},
        {.id = "h2", .key = 'd', .roles = ROLE_PROXY, .zone = "zc"},
        {.id = "h3", .key = 'e', .roles = ROLE_ALLOCATOR, .zone = "zb"},
    };

    auto_json *none = view_allocators(harness);
    json_expect_count(none, "zones", 0);
    for (size_t i = 0; i < ARRAY_LEN(runners); i++) {
        view_join(harness, runners[i]);
    }
    char text[256];
    auto_json *list = view_allocators(harness);
    describe(list, text, sizeof text);
    assert_string_equal(text, "zb: h1 h3; za: h10 h9; ");
}

static void it_conforms_to_the_official_schema(void **state)
{
    struct registry_harness *harness = *state;
    auto_json *definitions = api_schema_load();
    if (definitions == NULL) {
        skip();
    }
    join_busy_allocator(harness);
    harness_join(harness, "h2", 'b');

    auto_json *one = view_of(harness, "h1");
    api_schema_expect_named(definitions, "AllocatorInfo", one);
    auto_json *list = view_allocators(harness);
    json_expect_count(list, "zones.0.allocators", 2);
    api_schema_expect_named(definitions, "AllocatorOverview", list);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(every_field_is_there_and_says_what_the_host_reported),
        CASE(a_runner_without_a_report_has_every_field_too),
        CASE(used_is_what_is_assigned_to_instances),
        CASE(healthy_is_connected_or_empty_and_without_a_conflict),
        CASE(a_suspect_allocator_is_shown_as_connected_until_its_grace_ends),
        CASE(a_host_that_is_not_well_says_so_in_its_health_checks),
        CASE(settings_have_the_capacity_only_when_an_operator_set_it),
        CASE(metadata_are_the_tags_in_their_order),
        CASE(an_instance_is_of_the_type_that_its_name_begins_with),
        CASE(only_runners_with_the_role_are_allocators),
        CASE(they_are_grouped_by_zone_in_the_order_that_they_have),
        CASE(it_conforms_to_the_official_schema),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
