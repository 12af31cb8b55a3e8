/* SPDX-License-Identifier: Apache-2.0 */
/* RunnerInfo with every field of its schema. See runner_view.h. */
#include "coordinator/views/runner_view.h"

#include "common/base/compiler.h"
#include "common/codec/json.h"
#include "coordinator/views/allocator_view.h"

static int add_role(json_t *array, const char *name)
{
    return json_array_append_new(array, json_pack("{s:s}", "role_name", name));
}

static json_t *roles_view(roles_t roles)
{
    auto_json *array = json_array();
    int rc = array != NULL ? 0 : -1;
    for (size_t i = 0; rc == 0 && i < ROLES_COUNT; i++) {
        if ((roles & (1U << i)) != 0) {
            rc = add_role(array, roles_name(i));
        }
    }
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(roles_system_names); i++) {
        rc = add_role(array, roles_system_names[i]);
    }
    return rc == 0 ? json_incref(array) : NULL;
}

bool runner_view_is_healthy(const struct registry *registry, const struct runner *runner)
{
    return runner_is_connected(runner) && runner->report.healthy &&
           !registry_has_conflict(registry, runner);
}

json_t *runner_view_one(const struct registry *registry, const struct runner *runner)
{
    const struct runner_record *record = &runner->record;
    const struct report *report = &runner->report;
    bool is_connected = runner_is_connected(runner);
    bool is_healthy = runner_view_is_healthy(registry, runner);
    return json_pack("{s:s, s:s, s:s, s:o, s:{}, s:{s:s, s:s}, s:s, s:s, s:[], s:o, s:b, s:b, "
                     "s:{s:b, s:b, s:b}, s:s}",
                     "runner_id", record->id, "runner_name", record->id, "zone", record->zone,
                     "tags", wire_tags_to_json(&record->tags), "features", "build_info",
                     "commit_hash", report->commit, "version", report->version, "host_ip",
                     report->host_ip, "public_hostname", report->public_hostname, "containers",
                     "roles", roles_view(record->roles), "connected", is_connected, "healthy",
                     is_healthy, "health_checks", "is_docker_healthy",
                     is_connected && report->healthy, "is_connected_to_zk", is_connected,
                     "has_containers", 0, "region", VIEW_REGION);
}

json_t *runner_view_brief(const struct runner *runner)
{
    const struct runner_record *record = &runner->record;
    const struct report *report = &runner->report;
    return json_pack("{s:b, s:s, s:s, s:o, s:{s:I, s:I}}", "connected",
                     runner_is_connected(runner), "zone", record->zone, "host_ip",
                     report->host_ip, "roles", roles_to_json(record->roles), "memory", "total",
                     (json_int_t)report->memory_total_mb, "used",
                     (json_int_t)report->memory_used_mb);
}
