/* SPDX-License-Identifier: Apache-2.0 */
/* AllocatorInfo with every field of its schema: clients crash on those that are missing. See
 * allocator_view.h. */
#include "coordinator/views/allocator_view.h"

#include "common/base/clock.h"
#include "common/base/compiler.h"
#include "common/codec/json.h"

#include <string.h>

/* What the schema permits; an instance whose name does not begin with one of these is shown as
 * the first. */
static const char *const cluster_types[] = {
    "elasticsearch", "kibana", "apm", "integrations_server", "appsearch", "enterprise_search"};

static const char *cluster_type(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(cluster_types); i++) {
        if (strncmp(name, cluster_types[i], strlen(cluster_types[i])) == 0) {
            return cluster_types[i];
        }
    }
    return cluster_types[0];
}

static json_t *instance_view(const struct runner *runner,
                             const struct report_instance *instance)
{
    int is_up = runner_is_connected(runner) ? 1 : 0;
    return json_pack("{s:s, s:s, s:s, s:s, s:I, s:b, s:b, s:s, s:s, s:b, s:{s:b, s:s, s:i}}",
                     "cluster_type", cluster_type(instance->name), "cluster_id", instance->name,
                     "cluster_name", instance->name, "instance_name", "instance-0000000000",
                     "node_memory", (json_int_t)instance->memory_mb, "healthy", is_up,
                     "cluster_healthy", is_up, "instance_configuration_id", "", "deployment_id",
                     "", "moving", 0, "plans_info", "pending", 0, "version", "", "zone_count",
                     1);
}

static json_t *instances_view(const struct runner *runner)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < runner->report.n_instances; i++) {
        if (json_array_append_new(array, instance_view(runner, &runner->report.instances[i])) <
            0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *metadata_view(const struct wire_tags *tags)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < tags->count; i++) {
        json_t *item =
            json_pack("{s:s, s:s}", "key", tags->items[i].key, "value", tags->items[i].value);
        if (json_array_append_new(array, item) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

static json_t *settings_view(const struct runner_record *record)
{
    return record->capacity_mb == 0
               ? json_object()
               : json_pack("{s:I}", "capacity", (json_int_t)record->capacity_mb);
}

/* ECE: an allocator is healthy when it is connected or has nothing to lose. */
static json_t *status_view(const struct registry *registry, const struct runner *runner)
{
    const struct runner_maintenance *maintenance = &runner->record.maintenance;
    bool is_connected = runner_is_connected(runner);
    bool has_instances = runner->report.n_instances > 0;
    bool is_healthy =
        (is_connected || !has_instances) && !registry_has_conflict(registry, runner);
    json_t *status =
        json_pack("{s:b, s:b, s:b, s:{s:b, s:b, s:b}}", "connected", is_connected, "healthy",
                  is_healthy, "maintenance_mode", maintenance->is_on, "health_checks",
                  "is_docker_healthy", is_connected && runner->report.healthy,
                  "is_connected_to_zk", is_connected, "has_instances", has_instances);
    if (status != NULL && maintenance->since_ms != 0) {
        char when[25];
        clock_format_utc(maintenance->since_ms, when);
        (void)json_object_set_new(status, "maintenance_mode_timestamp",
                                  json_string(when)); /* optional field */
    }
    return status;
}

const struct runner *allocator_view_find(const struct registry *registry,
                                         const char *allocator_id)
{
    const struct runner *runner = registry_find(registry, allocator_id);
    return runner != NULL && (runner->record.roles & ROLE_ALLOCATOR) != 0 ? runner : NULL;
}

static json_t *capacity_view(const struct report *report)
{
    return json_pack("{s:{s:I, s:I}, s:{s:I}, s:I, s:f}", "memory", "total",
                     (json_int_t)report->memory_total_mb, "used",
                     (json_int_t)report->memory_used_mb, "storage", "total",
                     (json_int_t)report->storage_total_mb, "available_cpus",
                     (json_int_t)report->cpus, "additional_master_bonus", 0.0);
}

json_t *allocator_view_one(const struct registry *registry, const struct runner *runner)
{
    const struct runner_record *record = &runner->record;
    const struct report *report = &runner->report;
    return json_pack(
        "{s:s, s:s, s:s, s:s, s:o, s:o, s:o, s:o, s:o, s:[], s:[], s:{s:s, s:s}, s:s}",
        "allocator_id", record->id, "zone_id", record->zone, "host_ip", report->host_ip,
        "public_hostname", report->public_hostname, "status", status_view(registry, runner),
        "capacity", capacity_view(report), "settings", settings_view(record), "instances",
        instances_view(runner), "metadata", metadata_view(&record->tags), "features",
        "external_links", "build_info", "commit_hash", report->commit, "version",
        report->version, "region", VIEW_REGION);
}

/* The array of @zone_id's allocators, made when its first one comes. @arrays has all of them by
 * zone. Borrowed; NULL without memory. */
static json_t *zone_array(json_t *zones, json_t *arrays, const char *zone_id)
{
    json_t *known = json_object_get(arrays, zone_id);
    if (known != NULL) {
        return known;
    }
    auto_json *array = json_array();
    if (json_array_append_new(
            zones, json_pack("{s:s, s:O}", "zone_id", zone_id, "allocators", array)) < 0 ||
        json_object_set(arrays, zone_id, array) < 0) {
        return NULL;
    }
    return array; /* both hold it */
}

json_t *allocator_view_group(const json_t *allocators)
{
    auto_json *zones = json_array();
    auto_json *arrays = json_object();
    for (size_t i = 0; i < json_array_size(allocators); i++) {
        json_t *allocator = json_array_get(allocators, i);
        const char *zone_id = json_string_value(json_object_get(allocator, "zone_id"));
        if (json_array_append(zone_array(zones, arrays, zone_id), allocator) < 0) {
            return NULL;
        }
    }
    return json_pack("{s:O}", "zones", zones);
}
