/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Staying connected: access tokens, heartbeats, what their answers change, goodbye. Decides
 * when the next beat is sent; heartbeat.c decides what is in it.
 */
#include "agent/agent_internal.h"

#include "common/base/message_ids.h"

#include <stdio.h>
#include <string.h>

enum {
    GOODBYE_TIMEOUT_MS = 1000,
    RENEW_BEFORE_MS = 120 * 1000, /* buy the next access token while this one still works */
    RENEW_RETRY_MS = 20 * 1000,
    SKEW_WARN_MS = 60 * 1000,
};

void agent_set_access_token(struct agent *agent, const char *text, uint32_t expires_in_s)
{
    struct err err = {0};
    secret_fini(&agent->access_token);
    if (secret_copy(&agent->access_token, text, strlen(text), &err) < 0) {
        log_warning(agent->env.log, "agent", "%s",
                    err.message); /* the next beat buys another */
    }
    agent->access_token_is_untried = true;
    agent->renew_not_before_ms = 0;
    agent->access_expires_ms =
        clock_monotonic_ms(agent->env.clock) + (uint64_t)expires_in_s * 1000;
}

static void send_beat(struct agent *agent)
{
    struct err err = {0};
    agent_measure(agent);
    if (heartbeat_send(&agent->heartbeat, agent->uplink, agent->access_token.bytes,
                       &agent->report, &err) < 0) {
        agent_back_off(agent, &err, 0);
    }
}

static void on_unknown(struct agent *agent, const struct err *why)
{
    char text[STATUS_REASON_BYTES];
    (void)snprintf(text, sizeof text,
                   "%.300s; to join again give this host a new roles token, or run `ece-agent "
                   "leave --local`",
                   why->message);
    bool is_news = agent->state != AGENT_REJECTED && strcmp(text, agent->reason) != 0;
    if (agent->identity.is_complete) {
        (void)snprintf(agent->spent_token_id, sizeof agent->spent_token_id, "%s",
                       agent->identity.token_id);
    }
    secret_fini(&agent->access_token);
    agent_enter(agent, AGENT_RUNNER_UNKNOWN, text);
    if (is_news) {
        log_event(agent->env.log, LOG_LEVEL_ERROR, "agent", MESSAGE_AGENT_REJECTED, "%s", text);
    }
    agent_plan(agent, agent_jitter(agent, AGENT_SLOW_RETRY_MS));
}

static bool has_access(const struct agent *agent)
{
    return agent->access_token.bytes != NULL &&
           clock_monotonic_ms(agent->env.clock) < agent->access_expires_ms;
}

/* A renewal that failed takes nothing away: the old token goes on while it lasts. */
static void on_no_access(struct agent *agent, const struct authenticate_result *result)
{
    if (!has_access(agent)) {
        agent_back_off(agent, &result->error, result->retry_after_s);
        return;
    }
    log_info(agent->env.log, "agent", "%s; the access token in use is good for a while",
             result->error.message);
    uint64_t wait_ms = (uint64_t)result->retry_after_s * 1000;
    agent->renew_not_before_ms = clock_monotonic_ms(agent->env.clock) +
                                 (wait_ms > RENEW_RETRY_MS ? wait_ms : RENEW_RETRY_MS);
    send_beat(agent);
}

static void on_authenticated(const struct authenticate_result *result, void *userdata)
{
    struct agent *agent = userdata;
    bool was_repeated = agent->assertion_was_repeated;
    agent->assertion_was_repeated = false;
    switch (result->outcome) {
    case AUTHENTICATE_GRANTED:
        agent_set_access_token(agent, result->access_token, result->expires_in_s);
        if (agent->access_token.bytes != NULL) {
            send_beat(agent);
        } else {
            agent_plan(agent, AGENT_RETRY_BASE_MS);
        }
        return;
    case AUTHENTICATE_UNKNOWN:
        on_unknown(agent, &result->error);
        return;
    case AUTHENTICATE_TIME:
        if (!was_repeated) {
            agent->assertion_was_repeated = true; /* [AC-3] */
            agent_beat(agent);
            return;
        }
        break;
    case AUTHENTICATE_FAILED:
        break;
    }
    on_no_access(agent, result);
}

/* A renewal goes before a heartbeat: one that hangs must not eat the lease. */
static uint32_t renewal_deadline(const struct agent *agent)
{
    return agent->state == AGENT_CONNECTED ? agent->pace.lease_ms / 3 : 0;
}

static void authenticate(struct agent *agent)
{
    struct err err = {0};
    struct authenticate_spec spec = {
        .runner_id = agent->identity.runner_id,
        .installation_id = agent->identity.installation_id,
        .private_key_pem = &agent->identity.private_key_pem,
        .rng = agent->env.rng,
        .total_timeout_ms = renewal_deadline(agent),
    };
    if (authenticate_send(&agent->authenticate, agent->uplink, &spec, on_authenticated, agent,
                          &err) < 0) {
        agent_back_off(agent, &err, 0);
        return;
    }
    agent_enter(agent, AGENT_AUTHENTICATE_BEGINS, agent->reason);
}

void agent_beat(struct agent *agent)
{
    if (uplink_endpoint_count(agent->uplink) == 0) {
        struct err err = {0};
        (void)err_set(&err, ERR_CONFIG, "no coordinator is known: give --coordinator-host");
        agent_back_off(agent, &err, 0);
        return;
    }
    uint64_t now_ms = clock_monotonic_ms(agent->env.clock);
    bool is_renewal_due = now_ms + RENEW_BEFORE_MS >= agent->access_expires_ms &&
                          now_ms >= agent->renew_not_before_ms;
    if (has_access(agent) && !is_renewal_due) {
        send_beat(agent);
    } else {
        authenticate(agent);
    }
}

/* The installation's own list comes first, what the operator configured stays behind it; none
 * said = keep what works. */
static bool follow_coordinators(struct agent *agent, const struct endpoint_list *told)
{
    struct endpoint_list *known = &agent->identity.coordinators;
    struct endpoint_list wanted = *told;
    for (size_t i = 0; i < agent->options->coordinators.count; i++) {
        endpoint_list_add(&wanted, &agent->options->coordinators.items[i]);
    }
    bool is_same = wanted.count == known->count;
    for (size_t i = 0; is_same && i < wanted.count; i++) {
        is_same = endpoint_equal(&wanted.items[i], &known->items[i]);
    }
    if (told->count == 0 || is_same) {
        return false;
    }
    *known = wanted;
    return true;
}

static void follow_steering(struct agent *agent, const struct wire_steering *steering)
{
    struct identity *identity = &agent->identity;
    bool is_changed = identity->roles != steering->roles;
    if (is_changed) {
        char roles[ROLES_TEXT_BYTES];
        roles_format(steering->roles, roles);
        log_notice(agent->env.log, "agent", "the installation gives this host the roles: %s",
                   roles[0] != '\0' ? roles : "none");
    }
    if (agent->maintenance_mode != steering->maintenance_mode) {
        log_notice(agent->env.log, "agent", "maintenance mode %s",
                   steering->maintenance_mode ? "begins" : "ends");
    }
    if (agent->settings_capacity_mb != steering->capacity_mb) {
        log_notice(agent->env.log, "agent",
                   "the installation sets the capacity to %u MB (0 = as measured)",
                   steering->capacity_mb);
    }
    identity->roles = steering->roles;
    agent->maintenance_mode = steering->maintenance_mode;
    agent->settings_capacity_mb = steering->capacity_mb;
    bool has_moved = follow_coordinators(agent, &steering->coordinators);
    if (is_changed || has_moved) {
        agent_save_identity(agent);
        agent_refresh_endpoints(agent);
    }
}

static void note_conflict(struct agent *agent, const struct wire_beat_reply *reply)
{
    if (reply->has_conflict && agent->conflict_host_ip[0] == '\0') {
        log_event(agent->env.log, LOG_LEVEL_WARNING, "agent", MESSAGE_AGENT_CONFLICT,
                  "another host (%s) uses the identity of this one: a copied state directory "
                  "or a cloned machine; on the "
                  "copy run `ece-agent leave --local` and join it under its own name",
                  reply->conflict_host_ip);
    }
    (void)snprintf(agent->conflict_host_ip, sizeof agent->conflict_host_ip, "%s",
                   reply->has_conflict ? reply->conflict_host_ip : "");
}

static void note_skew(struct agent *agent)
{
    int64_t skew_ms = uplink_skew_ms(agent->uplink);
    bool is_large = skew_ms > SKEW_WARN_MS || skew_ms < -SKEW_WARN_MS;
    if (is_large && !agent->skew_was_reported) {
        log_warning(
            agent->env.log, "agent",
            "this host's clock is %.0f s %s the coordinator's; heartbeats are not affected",
            (double)(skew_ms < 0 ? -skew_ms : skew_ms) / 1000,
            skew_ms < 0 ? "behind" : "ahead of");
    }
    agent->skew_was_reported = is_large;
}

static void on_accepted(struct agent *agent, const struct heartbeat_result *result)
{
    const struct wire_beat_reply *reply = result->reply;
    struct report before = agent->report; /* only its numbers are compared */
    uint64_t now_ms = clock_monotonic_ms(agent->env.clock);
    if (result->sent_ms + reply->pace.lease_ms <= now_ms) {
        struct err late = {0};
        (void)err_set(&late, ERR_TIMEOUT,
                      "the answer to the heartbeat came after its lease had ended");
        agent_back_off(agent, &late, 0); /* [ST-2]: accepted, but nothing runs any more */
        return;
    }
    agent->pace = reply->pace;
    agent->failures = 0;
    backoff_reset(&agent->backoff);
    agent->last_beat_ms = result->sent_ms;
    agent->last_beat_wall_ms = clock_wall_ms(agent->env.clock);
    agent->lease_end_ms = result->sent_ms + reply->pace.lease_ms;
    agent->access_token_is_untried = false;
    if (agent->identity_is_dirty || !agent->identity.is_complete) {
        agent->identity.is_complete =
            true; /* the answer to the enrolment was lost, and it held */
        agent_save_identity(agent);
    }
    note_conflict(agent, reply);
    note_skew(agent);
    if (reply->has_steering) {
        follow_steering(agent, &reply->steering);
        agent_measure(agent);
    }
    agent_enter(agent, AGENT_BEAT_ACCEPTED, NULL);
    agent_watch_lease(agent, agent->lease_end_ms - now_ms);
    /* A full beat that is answered with "full, please" is not sent again at once: that would
     * have no end. */
    bool is_news = (reply->need_report && !result->was_full) ||
                   before.memory_total_mb != agent->report.memory_total_mb;
    /* At once, once: answers that change something every time must not make a loop. */
    uint64_t prompt_ms = agent->last_beat_was_news ? WIRE_INTERVAL_MIN_MS : 0;
    agent->last_beat_was_news = is_news;
    agent_plan(agent, is_news ? prompt_ms : agent_jitter(agent, agent->pace.interval_ms));
}

static void on_conflict(struct agent *agent, const struct heartbeat_result *result)
{
    bool is_news = agent->state != AGENT_CONFLICT;
    agent_enter(agent, AGENT_CONFLICT_FOUND, result->error.message);
    if (is_news) {
        log_event(agent->env.log, LOG_LEVEL_ERROR, "agent", MESSAGE_AGENT_CONFLICT,
                  "%s; if this machine is a copy of that one, run `ece-agent leave --local` "
                  "here and join it under its own name",
                  result->error.message);
    }
    uint64_t wait_ms = (uint64_t)result->retry_after_s * 1000;
    agent_plan(agent, wait_ms + backoff_next(&agent->backoff, agent->env.rng)); /* [CL-4] */
}

void agent_on_beat(const struct heartbeat_result *result, void *userdata)
{
    struct agent *agent = userdata;
    switch (result->outcome) {
    case HEARTBEAT_ACCEPTED:
        on_accepted(agent, result);
        return;
    case HEARTBEAT_UNAUTHORIZED:
        secret_fini(&agent->access_token);
        if (agent->access_token_is_untried) {
            break; /* a new one did not help */
        }
        agent_enter(agent, AGENT_UNAUTHORIZED, result->error.message);
        agent_beat(agent); /* [AC-5]: one new assertion */
        return;
    case HEARTBEAT_CONFLICT:
        on_conflict(agent, result);
        return;
    case HEARTBEAT_FAILED:
        break;
    }
    agent_back_off(agent, &result->error, result->retry_after_s);
}

static void on_goodbye(const struct uplink_reply *reply, void *userdata)
{
    struct agent *agent = userdata;
    if (reply->outcome != UPLINK_OK) {
        log_info(agent->env.log, "agent", "goodbye was not heard: %s", reply->error.message);
    }
    agent_close(agent);
}

void agent_goodbye(struct agent *agent)
{
    struct err err = {0};
    struct uplink_request request = {
        .method = "POST",
        .path = WIRE_PATH_GOODBYE,
        .bearer = agent->access_token.bytes,
        .body = wire_goodbye_to_json(agent->heartbeat.session),
        .total_timeout_ms = GOODBYE_TIMEOUT_MS,
    };
    if (uplink_send(agent->uplink, &request, on_goodbye, agent, &err) < 0) {
        log_info(agent->env.log, "agent", "goodbye was not sent: %s", err.message);
        agent_close(agent);
    }
}
