/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a roles token to an identity: read and check the token, establish trust, make and keep
 * the host key, enrol. Each step can fail for now (back off) or for good as far as this token
 * goes (unenrolled, tried again slowly: the operator may replace the file).
 */
#include "agent/agent_internal.h"

#include "agent/measure/host_address.h"
#include "common/base/fs.h"
#include "common/base/message_ids.h"
#include "common/codec/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CA_FILE_MAX = 1024 * 1024 };

void agent_forget_token(struct agent *agent)
{
    roles_token_fini(&agent->token);
}

/* This token will not do. Another one, or another answer, may: look again in a minute. */
static void refuse(struct agent *agent, const char *why, uint32_t retry_after_s)
{
    char before[sizeof agent->reason];
    (void)snprintf(before, sizeof before, "%s", agent->reason);
    agent_forget_token(agent);
    agent_enter(agent, AGENT_TOKEN_REFUSED, why);
    if (strcmp(before, agent->reason) != 0) {
        log_event(agent->env.log, LOG_LEVEL_ERROR, "join", MESSAGE_AGENT_NOT_JOINED, "%s", why);
    }
    uint64_t delay_ms = agent_jitter(agent, AGENT_SLOW_RETRY_MS);
    if (delay_ms < (uint64_t)retry_after_s * 1000) {
        delay_ms = (uint64_t)retry_after_s * 1000;
    }
    agent_plan(agent, delay_ms);
}

static int read_token(struct agent *agent, struct roles_token *ret, struct err *err)
{
    enum roles_token_found found = ROLES_TOKEN_ABSENT;
    const char *origin = "";
    if (roles_token_read(&agent->options->token, &found, ret, &origin, err) < 0) {
        return -1;
    }
    if (found == ROLES_TOKEN_ABSENT) {
        return err_set(err, ERR_ABSENT,
                       "this host has not joined and has no roles token: give --roles-token "
                       "@FILE, the systemd credential "
                       "roles-token, or roles_token_file in the configuration");
    }
    if (agent->spent_token_id[0] != '\0' && strcmp(agent->spent_token_id, ret->hints.id) == 0) {
        roles_token_fini(ret);
        return err_set(err, ERR_REFUSED,
                       "this host has left or was removed, and %s still has the roles token "
                       "that it joined with; give it a new "
                       "one, or restart the agent to use it again",
                       origin);
    }
    return 0;
}

bool agent_has_fresh_token(struct agent *agent)
{
    struct err ignored = {0};
    struct roles_token token = {0};
    bool was_enrolled_with_it = false;
    if (read_token(agent, &token, &ignored) < 0) {
        return false;
    }
    if (agent->has_identity && agent->identity.is_complete) {
        was_enrolled_with_it = strcmp(token.hints.id, agent->identity.token_id) == 0;
    }
    roles_token_fini(&token);
    return !was_enrolled_with_it;
}

/* A pending identity that fits is used again: the coordinator may have its key already. */
static int prepare_identity(struct agent *agent, const struct trust_result *trust,
                            struct err *err)
{
    struct identity *identity = &agent->identity;
    const char *runner_id =
        agent->options->runner_id != NULL ? agent->options->runner_id : agent->report.host_ip;
    bool fits = agent->has_identity && !agent->start_over &&
                strcmp(identity->runner_id, runner_id) == 0 &&
                strcmp(identity->installation_id, trust->ca.installation_id) == 0;
    if (!fits) {
        auto_free char *public_pem = NULL;
        struct secret key = {0};
        if (keys_generate(&key, &public_pem, err) < 0) {
            return -1;
        }
        identity_fini(identity);
        identity->private_key_pem = key;
        agent->has_identity = true;
    }
    char *ca_pem = strdup(trust->ca_pem);
    if (ca_pem == NULL) {
        return err_no_memory(err);
    }
    free(identity->ca_pem);
    identity->ca_pem = ca_pem;
    identity->is_complete = false;
    identity->roles = agent->options->roles;
    identity->coordinators = agent->options->coordinators;
    (void)snprintf(identity->runner_id, sizeof identity->runner_id, "%s", runner_id);
    (void)snprintf(identity->installation_id, sizeof identity->installation_id, "%s",
                   trust->ca.installation_id);
    (void)snprintf(identity->zone, sizeof identity->zone, "%s", agent->options->zone);
    (void)snprintf(identity->token_id, sizeof identity->token_id, "%s", agent->token.hints.id);
    /* [EN-1]: before the coordinator can know the key, it is on the disk. */
    int rc = identity_store(agent->state_dir, identity, err);
    agent->identity_is_dirty = rc < 0;
    agent->start_over = agent->start_over && rc < 0;
    return rc;
}

static void on_enrolled(const struct enroll_result *result, void *userdata)
{
    struct agent *agent = userdata;
    if (result->outcome == ENROLL_FAILED) {
        agent_forget_token(agent);
        agent_back_off(agent, &result->error, result->retry_after_s);
        return;
    }
    if (result->outcome == ENROLL_REFUSED) {
        refuse(agent, result->error.message, result->retry_after_s);
        return;
    }
    const struct wire_enroll_reply *reply = result->reply;
    struct identity *identity = &agent->identity;
    if (strcmp(reply->zone, identity->zone) != 0) {
        log_warning(agent->env.log, "join",
                    "this runner is registered in zone %s, not %s: a zone does not change "
                    "(`ece-agent leave` first)",
                    reply->zone, identity->zone);
    }
    (void)snprintf(identity->zone, sizeof identity->zone, "%s", reply->zone);
    identity->roles = reply->roles;
    identity->is_complete = true;
    identity->enrolled_at_s = uplink_time_ms(agent->uplink) / 1000;
    for (size_t i = 0; i < reply->coordinators.count; i++) {
        endpoint_list_add(&identity->coordinators, &reply->coordinators.items[i]);
    }
    agent->pace = reply->pace;
    agent->spent_token_id[0] = '\0';
    agent_forget_token(agent);
    roles_token_source_forget(&agent->options->token); /* [TK-5] */
    agent_save_identity(agent);
    agent_refresh_endpoints(agent);
    log_set_field(agent->env.log, "ECE_RUNNER_ID", identity->runner_id);
    log_notice(agent->env.log, "join", "enrolled in installation %s as runner %s, zone %s",
               identity->installation_id, identity->runner_id, identity->zone);
    agent_set_access_token(agent, reply->access_token, reply->expires_in_s);
    agent_beat(agent);
}

static void enroll(struct agent *agent)
{
    struct err err = {0};
    const struct identity *identity = &agent->identity;
    struct enroll_spec spec = {
        .runner_id = identity->runner_id,
        .installation_id = identity->installation_id,
        .zone = identity->zone,
        .roles = agent->options->roles,
        .tags = &agent->options->tags,
        .report = &agent->report,
        .token = &agent->token.text,
        .private_key_pem = &identity->private_key_pem,
        .rng = agent->env.rng,
    };
    if (enroll_send(&agent->enroll, agent->uplink, &spec, on_enrolled, agent, &err) < 0) {
        agent_back_off(agent, &err, 0);
        return;
    }
    agent_enter(agent, AGENT_ENROLL_BEGINS, agent->reason);
}

/* The next address may do better; only when all were refused is the token at fault. */
static void on_untrusted(struct agent *agent, const struct trust_result *result)
{
    uplink_next_endpoint(agent->uplink);
    bool is_refused = result->outcome == TRUST_REFUSED;
    agent->trust_refusals = is_refused ? agent->trust_refusals + 1 : 0;
    if (is_refused && agent->trust_refusals >= uplink_endpoint_count(agent->uplink)) {
        agent->trust_refusals = 0;
        refuse(agent, result->error.message, 0);
        return;
    }
    agent_back_off(agent, &result->error, 0);
}

static void on_trusted(const struct trust_result *result, void *userdata)
{
    struct agent *agent = userdata;
    struct err err = {0};
    agent->trust = NULL;
    if (result->outcome != TRUST_ESTABLISHED) {
        on_untrusted(agent, result);
        return;
    }
    agent->trust_refusals = 0;
    if (result->date_s >= 0) {
        uplink_learn_time(agent->uplink, result->date_s);
    }
    log_info(agent->env.log, "join",
             "trusting the CA of installation %s (SHA-256 %s), vouched for by %s",
             result->ca.installation_id, result->ca.sha256, result->vouched_by);
    if (prepare_identity(agent, result, &err) < 0 ||
        uplink_trust(agent->uplink, result->ca_pem, result->ca.installation_id, &err) < 0) {
        agent_back_off(agent, &err, 0);
        return;
    }
    enroll(agent);
}

/* NULL without --coordinator-ca. */
static int read_ca_file(const struct agent *agent, char **ret, struct err *err)
{
    if (agent->options->coordinator_ca == NULL) {
        return 0;
    }
    auto_buf text = BUF_INIT(CA_FILE_MAX);
    if (fs_read(agent->options->coordinator_ca, &text, err) < 0) {
        return err_wrap(err, "read --coordinator-ca");
    }
    *ret = buf_take(&text);
    return *ret != NULL ? 0
                        : err_set(err, ERR_INVALID, "read --coordinator-ca: %s is empty",
                                  agent->options->coordinator_ca);
}

static int begin_trust(struct agent *agent, struct err *err)
{
    auto_free char *ca_file_pem = NULL;
    if (read_ca_file(agent, &ca_file_pem, err) < 0) {
        return -1;
    }
    struct trust_options options = {
        .http = agent->http,
        .endpoint = *uplink_endpoint(agent->uplink),
        .pin = agent->token.hints.ca_sha256,
        .ca_file_pem = ca_file_pem,
        .proxy = agent->options->proxy,
    };
    return trust_start(&agent->trust, &options, on_trusted, agent, err);
}

/* Everything that this host can know before it sends a byte. */
static int check_before_sending(struct agent *agent, struct err *err)
{
    char warning[256];
    if (read_token(agent, &agent->token, err) < 0 ||
        roles_token_permits(&agent->token.hints, agent->options->roles,
                            clock_wall_s(agent->env.clock), warning, sizeof warning, err) < 0) {
        return -1;
    }
    if (warning[0] != '\0') {
        log_warning(agent->env.log, "join", "%s", warning);
    }
    if (uplink_endpoint_count(agent->uplink) == 0) {
        return err_set(err, ERR_CONFIG,
                       "there is a roles token but no coordinator: give --coordinator-host");
    }
    agent_measure(agent);
    if (agent->report.host_ip[0] == '\0' && agent->options->runner_id == NULL) {
        return err_set(err, ERR_CONFIG,
                       "this host's address cannot be told from its routes: give --host-ip "
                       "(and --runner-id)");
    }
    if (!agent->capacity_is_known) {
        return err_set(err, ERR_CONFIG, "%s", agent->capacity_failure);
    }
    return 0;
}

void agent_join(struct agent *agent)
{
    struct err err = {0};
    agent_forget_token(agent);
    bool is_ready = check_before_sending(agent, &err) == 0;
    if (!is_ready && agent->has_identity && !agent->start_over &&
        agent->state != AGENT_REJECTED) {
        /* An enrolment whose answer was lost: the coordinator may know the key all the same. */
        log_warning(agent->env.log, "join", "%s; trying with the host key", err.message);
        agent_forget_token(agent);
        agent_beat(agent);
        return;
    }
    if (!is_ready || begin_trust(agent, &err) < 0) {
        refuse(agent, err.message, 0);
        return;
    }
    agent_enter(agent, AGENT_TRUST_BEGINS,
                agent->reason); /* the last failure, until this try ends */
}
