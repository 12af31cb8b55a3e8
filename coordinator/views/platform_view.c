/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PlatformInfo. What this installation does not have (ZooKeeper, container sets, constructors)
 * is there and empty: clients expect the fields.
 */
#include "coordinator/views/platform_view.h"

#include "common/codec/json.h"
#include "coordinator/views/allocator_view.h"
#include "coordinator/views/runner_view.h"
#include "version.h"

#include <string.h>

struct counts {
    json_int_t total;
    json_int_t connected;
    json_int_t healthy;
    json_int_t maintenance;
    json_int_t instances;
    json_int_t connected_mb;
    json_int_t largest_free_mb;
};

static bool is_allocator(const struct runner *runner)
{
    return (runner->record.roles & ROLE_ALLOCATOR) != 0;
}

static void count(struct counts *counts, const struct registry *registry,
                  const struct runner *runner)
{
    const struct report *report = &runner->report;
    bool is_connected = runner_is_connected(runner);
    bool is_whole = !registry_has_conflict(registry, runner);
    counts->total++;
    counts->connected += is_connected ? 1 : 0;
    counts->healthy += (is_connected || report->n_instances == 0) && is_whole ? 1 : 0;
    counts->maintenance += is_connected && runner->record.maintenance.is_on ? 1 : 0;
    counts->instances += (json_int_t)report->n_instances;
    if (is_connected && is_allocator(runner)) {
        json_int_t free_mb =
            (json_int_t)report->memory_total_mb - (json_int_t)report->memory_used_mb;
        counts->connected_mb += report->memory_total_mb;
        counts->largest_free_mb =
            free_mb > counts->largest_free_mb ? free_mb : counts->largest_free_mb;
    }
}

static json_t *zone_view(const struct registry *registry, const char *zone_id)
{
    struct counts counts = {0};
    for (size_t i = 0; i < registry_count(registry); i++) {
        const struct runner *runner = registry_at(registry, i);
        if (is_allocator(runner) && strcmp(runner->record.zone, zone_id) == 0) {
            count(&counts, registry, runner);
        }
    }
    return json_pack("{s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "zone_id", zone_id,
                     "total_allocators", counts.total, "healthy_allocators", counts.healthy,
                     "connected_allocators", counts.connected, "disconnected_allocators",
                     counts.total - counts.connected, "in_maintenance_allocators",
                     counts.maintenance, "connected_capacity", counts.connected_mb,
                     "max_available_capacity", counts.largest_free_mb, "instances",
                     counts.instances);
}

static bool has_zone(const json_t *zones, const char *zone_id)
{
    for (size_t i = 0; i < json_array_size(zones); i++) {
        const char *known =
            json_string_value(json_object_get(json_array_get(zones, i), "zone_id"));
        if (known != NULL && strcmp(known, zone_id) == 0) {
            return true;
        }
    }
    return false;
}

static json_t *allocators_view(const struct registry *registry)
{
    auto_json *zones = json_array();
    for (size_t i = 0; zones != NULL && i < registry_count(registry); i++) {
        const struct runner *runner = registry_at(registry, i);
        if (is_allocator(runner) && !has_zone(zones, runner->record.zone) &&
            json_array_append_new(zones, zone_view(registry, runner->record.zone)) < 0) {
            return NULL;
        }
    }
    bool is_healthy = true;
    for (size_t i = 0; i < json_array_size(zones); i++) {
        const json_t *zone = json_array_get(zones, i);
        is_healthy =
            is_healthy && json_integer_value(json_object_get(zone, "healthy_allocators")) ==
                              json_integer_value(json_object_get(zone, "total_allocators"));
    }
    return json_pack("{s:b, s:O}", "healthy", is_healthy, "zone_summaries", zones);
}

static json_t *runners_view(const struct registry *registry)
{
    struct counts counts = {0};
    json_int_t healthy = 0; /* stricter than an allocator's: a dead runner is not */
    for (size_t i = 0; i < registry_count(registry); i++) {
        count(&counts, registry, registry_at(registry, i));
        healthy += runner_view_is_healthy(registry, registry_at(registry, i)) ? 1 : 0;
    }
    return json_pack("{s:b, s:I, s:I, s:I, s:I, s:I, s:i}", "healthy", healthy == counts.total,
                     "total_runners", counts.total, "healthy_runners", healthy,
                     "connected_runners", counts.connected, "connected_capacity",
                     counts.connected_mb, "max_available_capacity", counts.largest_free_mb,
                     "containers_count", 0);
}

static json_t *region_view(const struct registry *registry)
{
    return json_pack("{s:s, s:{s:[]}, s:o, s:o, s:{s:b, s:i, s:i, s:[]}, s:{s:b, s:i, s:i, "
                     "s:[]}, s:{s:[]}, s:{s:[]}, "
                     "s:{s:b, s:i, s:i, s:i, s:i, s:i}}",
                     "region_id", VIEW_REGION, "zookeeper_states", "states", "allocators",
                     allocators_view(registry), "runners", runners_view(registry), "proxies",
                     "healthy", 1, "expected_proxies_count", 0, "proxies_count", 0, "proxies",
                     "container_sets_status", "healthy", 1, "healthy_container_sets_count", 0,
                     "unhealthy_container_sets_count", 0, "unhealthy_container_sets",
                     "constructors", "constructors", "coordinators", "coordinators",
                     "resources", "healthy", 1, "available_count", 0, "used_count", 0,
                     "missing_count", 0, "minimum_available_count", 0, "account_count", 0);
}

json_t *platform_view(const struct registry *registry)
{
    return json_pack("{s:s, s:[], s:b, s:b, s:[o], s:[]}", "version", ECE_VERSION, "services",
                     "phone_home_enabled", 0, "eula_accepted", 1, "regions",
                     region_view(registry), "unreachable_regions");
}
