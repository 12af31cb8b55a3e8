/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The identity in memory and the file that keeps it: reading it at start and on reload,
 * noticing that it is gone or another one, writing it when something in it changed. What is in
 * the file is identity.c's.
 */
#include "agent/agent_internal.h"

#include <stdio.h>
#include <string.h>

/* What belonged to the identity that was: requests under way, trust, access, what the
 * installation wanted. */
static void drop_identity(struct agent *agent)
{
    uplink_cancel(agent->uplink);
    trust_cancel(agent->trust);
    agent->trust = NULL;
    agent_forget_token(agent);
    identity_fini(&agent->identity);
    agent->has_identity = false;
    secret_fini(&agent->access_token);
    agent->heartbeat.steering = 0;
    agent->settings_capacity_mb = 0;
    agent->maintenance_mode = false;
    agent->conflict_host_ip[0] = '\0';
    uplink_distrust(agent->uplink);
    http_client_drop_idle(agent->http);
}

/* The identity file is gone though we had one: `ece-agent leave` was here. */
static void forget_identity(struct agent *agent)
{
    if (agent->identity.is_complete) {
        (void)snprintf(agent->spent_token_id, sizeof agent->spent_token_id, "%s",
                       agent->identity.token_id);
    }
    drop_identity(agent);
    agent_enter(agent, AGENT_IDENTITY_GONE,
                "this host has left the installation; a new roles token joins it again");
}

static bool is_same_identity(const struct identity *a, const struct identity *b)
{
    return strcmp(a->runner_id, b->runner_id) == 0 &&
           strcmp(a->installation_id, b->installation_id) == 0 &&
           secret_equal(a->private_key_pem.bytes, a->private_key_pem.len,
                        b->private_key_pem.bytes, b->private_key_pem.len);
}

int agent_read_identity(struct agent *agent, struct err *err)
{
    enum identity_found found = IDENTITY_ABSENT;
    struct identity identity = {0};
    if (agent->identity_is_dirty) {
        return 0; /* what we know is newer than what the disk took */
    }
    if (identity_load(agent->state_dir, &found, &identity, err) < 0) {
        return -1;
    }
    if (found == IDENTITY_ABSENT) {
        if (agent->has_identity) {
            forget_identity(agent);
        }
        return 0;
    }
    if (agent->has_identity && is_same_identity(&agent->identity, &identity)) {
        identity_fini(&identity);
        return 0;
    }
    drop_identity(agent);
    heartbeat_need_report(&agent->heartbeat);
    agent->identity = identity;
    agent->has_identity = true;
    log_set_field(agent->env.log, "ECE_RUNNER_ID", identity.runner_id);
    return uplink_trust(agent->uplink, identity.ca_pem, identity.installation_id, err);
}

void agent_save_identity(struct agent *agent)
{
    struct err err = {0};
    if (identity_store(agent->state_dir, &agent->identity, &err) == 0) {
        agent->identity_is_dirty = false;
        return;
    }
    if (!agent->identity_is_dirty) {
        log_error(agent->env.log, "agent", "%s; tried again with each heartbeat", err.message);
    }
    agent->identity_is_dirty = true;
}
