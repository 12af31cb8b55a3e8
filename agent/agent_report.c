/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent says of itself: the report that goes with heartbeats, the status file and
 * systemd's STATUS=. */
#include "agent/agent_internal.h"

#include "agent/measure/capacity.h"
#include "agent/measure/host_address.h"
#include "version.h"

#include <stdio.h>
#include <string.h>

enum {
    STATUS_GRACE_MS = 30 * 1000, /* longer than any request may take */
};

static void find_host_ip(struct agent *agent)
{
    struct report *report = &agent->report;
    struct err err = {0};
    char found[REPORT_HOST_IP_BYTES];
    if (agent->options->host_ip != NULL) {
        (void)snprintf(report->host_ip, sizeof report->host_ip, "%s", agent->options->host_ip);
        return;
    }
    char proc[256];
    (void)snprintf(proc, sizeof proc, "%s/proc",
                   strcmp(agent->env.system_root, "/") == 0 ? "" : agent->env.system_root);
    if (host_address_find(proc, found, &err) == 0) {
        (void)snprintf(report->host_ip, sizeof report->host_ip, "%s", found); /* [HB-6] */
    } else if (report->host_ip[0] == '\0') {
        log_debug(agent->env.log, "agent", "%s", err.message);
    }
}

static void find_public_hostname(struct agent *agent)
{
    struct report *report = &agent->report;
    const char *name = agent->options->public_hostname != NULL ? agent->options->public_hostname
                                                               : report->host_ip;
    (void)snprintf(report->public_hostname, sizeof report->public_hostname, "%s", name);
}

void agent_measure(struct agent *agent)
{
    struct report *report = &agent->report;
    struct err err = {0};
    struct capacity_options options = {
        .root = agent->env.system_root,
        .instances_slice = agent->options->instances_slice,
        .storage_path = agent->state_dir,
        .flag_mb = agent->options->capacity_mb,
        .settings_mb = agent->settings_capacity_mb,
        .roles = agent->identity.is_complete ? agent->identity.roles : agent->options->roles,
    };
    find_host_ip(agent);
    find_public_hostname(agent);
    (void)snprintf(report->version, sizeof report->version, "%s", ECE_VERSION);
    (void)snprintf(report->commit, sizeof report->commit, "%s", ECE_COMMIT);
    report->skew_ms = uplink_skew_ms(agent->uplink);
    bool is_measured = capacity_measure(&options, report, &err) == 0;
    if (!is_measured && report->healthy) {
        log_warning(agent->env.log, "capacity", "%s", err.message);
    }
    agent->capacity_is_known |= is_measured;
    (void)snprintf(agent->capacity_failure, sizeof agent->capacity_failure, "%.255s",
                   is_measured ? "" : err.message);
    report->healthy = is_measured && !agent->identity_is_dirty;
}

static void fill(const struct agent *agent, struct status_record *record)
{
    const struct identity *identity = &agent->identity;
    const struct report *report = &agent->report;
    uint64_t now_ms = clock_monotonic_ms(agent->env.clock);
    uint64_t next_ms = agent->next_try_ms > now_ms ? agent->next_try_ms : now_ms;
    *record = (struct status_record){
        .pid = (int)getpid(),
        .state = agent->state,
        .since_wall_ms = agent->state_since_wall_ms,
        .roles = agent->has_identity ? identity->roles : agent->options->roles,
        .last_beat_wall_ms = agent->last_beat_wall_ms,
        .last_beat_ms = agent->last_beat_ms,
        .lease_end_ms = agent->state == AGENT_CONNECTED ? agent->lease_end_ms : 0,
        .next_try_ms = agent->next_try_ms,
        .written_ms = now_ms,
        .good_until_ms = next_ms + STATUS_GRACE_MS,
        .memory_total_mb = report->memory_total_mb,
        .memory_used_mb = report->memory_used_mb,
        .n_instances = report->n_instances,
        .skew_ms = uplink_skew_ms(agent->uplink),
        .maintenance_mode = agent->maintenance_mode,
    };
    if (uplink_endpoint_count(agent->uplink) > 0) {
        endpoint_format(uplink_endpoint(agent->uplink), record->coordinator);
    }
    const char *runner_id =
        agent->options->runner_id != NULL ? agent->options->runner_id : report->host_ip;
    (void)snprintf(record->reason, sizeof record->reason, "%s", agent->reason);
    (void)snprintf(record->runner_id, sizeof record->runner_id, "%s",
                   agent->has_identity ? identity->runner_id : runner_id);
    (void)snprintf(record->installation_id, sizeof record->installation_id, "%s",
                   identity->installation_id);
    (void)snprintf(record->zone, sizeof record->zone, "%s",
                   agent->has_identity ? identity->zone : agent->options->zone);
    (void)snprintf(record->memory_source, sizeof record->memory_source, "%s",
                   report->memory_source);
    (void)snprintf(record->conflict_host_ip, sizeof record->conflict_host_ip, "%s",
                   agent->conflict_host_ip);
    (void)snprintf(record->version, sizeof record->version, "%s", ECE_VERSION);
}

void agent_publish(struct agent *agent)
{
    struct status_record record;
    struct err err = {0};
    fill(agent, &record);
    if (agent->env.notify != NULL) {
        char line[STATUS_LINE_BYTES];
        status_record_line(&record, line);
        notify_status(agent->env.notify, "%s", line);
    }
    if (status_record_store(agent->runtime_dir, &record, &err) == 0) {
        agent->status_has_failed = false;
    } else if (!agent->status_has_failed) {
        agent->status_has_failed = true;
        log_warning(agent->env.log, "agent", "%s; `ece-agent status` will not know",
                    err.message);
    }
}
