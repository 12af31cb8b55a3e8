/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of an agent: start, what to do next, reload, stop. One timer carries the plan ("try
 * again in 7 s", "beat in 10 s"); every answer from the network ends in a state and a new plan,
 * so that no state is without a way out.
 */
#include "agent/agent_internal.h"

#include "common/base/fs.h"
#include "common/base/message_ids.h"
#include "common/base/parse.h"
#include "version.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void act(struct agent *agent);

static void on_next(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    agent->next_try_ms = 0;
    act(agent);
}

static void on_lease_end(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    agent_enter(agent, AGENT_LEASE_ENDED, "the lease ended without an accepted heartbeat");
}

void agent_watch_lease(struct agent *agent, uint64_t left_ms)
{
    (void)uv_timer_start(&agent->lease_timer, on_lease_end, left_ms,
                         0); /* fails only for a closing handle */
}

static void on_idle_closed(void *userdata)
{
    struct agent *agent = userdata;
    if (agent->state != AGENT_CONNECTED) {
        return;
    }
    /* [LV-4]: the others have lost theirs as well; do not all come back at once. */
    agent_enter(agent, AGENT_CONNECTION_LOST, "the coordinator closed the connection");
    heartbeat_need_report(&agent->heartbeat);
    agent_plan(agent, rng_below(agent->env.rng, (uint64_t)agent->pace.spread_ms + 1));
}

void agent_plan(struct agent *agent, uint64_t delay_ms)
{
    if (agent->closed != NULL) {
        return;
    }
    agent->next_try_ms = clock_monotonic_ms(agent->env.clock) + delay_ms;
    uv_update_time(agent->env.loop);
    (void)uv_timer_start(&agent->next_timer, on_next, delay_ms,
                         0); /* fails only for a closing handle */
    agent_publish(agent);
}

uint64_t agent_jitter(const struct agent *agent, uint64_t ms)
{
    uint64_t tenth = ms / 10;
    return ms - tenth + rng_below(agent->env.rng, 2 * tenth + 1);
}

static bool is_power_of_two(unsigned n)
{
    return (n & (n - 1)) == 0;
}

/* Texts of others stand in it, and it may be cut: the status file takes nothing but UTF-8. */
static void set_reason(struct agent *agent, const char *text)
{
    (void)snprintf(agent->reason, sizeof agent->reason, "%s", text);
    if (parse_is_utf8(agent->reason, strlen(agent->reason))) {
        return;
    }
    for (char *c = agent->reason; *c != '\0'; c++) {
        *c = (unsigned char)*c < 0x80 ? *c : '?';
    }
}

/* What the catalog explains: the errors have records of their own, with the whole message. */
static const char *message_id(enum agent_state old, enum agent_state now)
{
    if (now == AGENT_CONNECTED) {
        return MESSAGE_AGENT_CONNECTED;
    }
    return old == AGENT_CONNECTED && now == AGENT_DISCONNECTED ? MESSAGE_AGENT_DISCONNECTED
                                                               : NULL;
}

/* Failures and refusals have a record of their own, which says what comes next as well. */
static bool is_told_here(enum agent_event event)
{
    return event == AGENT_CONNECTION_LOST || event == AGENT_LEASE_ENDED ||
           event == AGENT_IDENTITY_GONE || event == AGENT_UNAUTHORIZED;
}

void agent_enter(struct agent *agent, enum agent_event event, const char *why)
{
    enum agent_state old = agent->state;
    agent->state = agent_next(old, event);
    if (why != agent->reason) {
        set_reason(agent, why != NULL ? why : "");
    }
    if (agent->state != AGENT_CONNECTED) {
        (void)uv_timer_stop(&agent->lease_timer);
    }
    if (agent->state == old) {
        return;
    }
    agent->state_since_wall_ms = clock_wall_ms(agent->env.clock);
    bool is_retry = old == AGENT_DISCONNECTED || agent->state == AGENT_DISCONNECTED;
    enum log_level level = is_retry && agent->failures > 1 ? LOG_LEVEL_DEBUG : LOG_LEVEL_NOTICE;
    if (agent->state == AGENT_CONNECTED) {
        level = LOG_LEVEL_NOTICE;
    }
    bool has_news = why != NULL && is_told_here(event);
    log_event(agent->env.log, level, "agent", message_id(old, agent->state), "%s -> %s%s%s",
              agent_state_name(old), agent_state_name(agent->state), has_news ? ": " : "",
              has_news ? agent->reason : "");
    agent_publish(agent);
}

void agent_back_off(struct agent *agent, const struct err *why, uint32_t retry_after_s)
{
    agent->failures++;
    uint64_t delay_ms = backoff_next(&agent->backoff, agent->env.rng);
    if (delay_ms < (uint64_t)retry_after_s * 1000) {
        delay_ms = (uint64_t)retry_after_s * 1000;
    }
    if (is_power_of_two(agent->failures)) {
        log_warning(agent->env.log, "agent", "%s; try %u failed, next in %.1f s", why->message,
                    agent->failures, (double)delay_ms / 1000);
    }
    agent_enter(agent, AGENT_FAILED, why->message);
    agent_plan(agent, delay_ms);
}

void agent_refresh_endpoints(struct agent *agent)
{
    struct endpoint_list list = agent->options->coordinators;
    if (agent->has_identity) {
        for (size_t i = 0; i < agent->identity.coordinators.count; i++) {
            endpoint_list_add(&list, &agent->identity.coordinators.items[i]);
        }
    }
    uplink_set_endpoints(agent->uplink, &list);
}

/* What comes next, given what we have. */
static void act(struct agent *agent)
{
    if (agent->closed != NULL || uplink_is_busy(agent->uplink) || agent->trust != NULL) {
        return; /* the answer under way makes the next plan */
    }
    bool can_authenticate = agent->has_identity && !agent->start_over &&
                            (agent->identity.is_complete || !agent_has_fresh_token(agent));
    if (can_authenticate && agent->state == AGENT_REJECTED && agent_has_fresh_token(agent)) {
        agent->start_over =
            true; /* a new token after the refusal: the operator wants this host back */
        can_authenticate = false;
    }
    if (can_authenticate) {
        agent_beat(agent);
    } else {
        agent_join(agent);
    }
}

static void warn_of_differences(const struct agent *agent)
{
    const struct agent_options *options = agent->options;
    const struct identity *identity = &agent->identity;
    if (strcmp(options->state_dir, agent->state_dir) != 0 ||
        strcmp(options->runtime_dir, agent->runtime_dir) != 0) {
        log_warning(
            agent->env.log, "agent",
            "another --state-dir or --runtime-dir needs a restart; %s and %s stay in use",
            agent->state_dir, agent->runtime_dir);
    }
    if (!agent->has_identity || !identity->is_complete) {
        return;
    }
    if (options->runner_id != NULL && strcmp(options->runner_id, identity->runner_id) != 0) {
        log_warning(agent->env.log, "agent",
                    "--runner-id %s is ignored: this host has joined as %s (`ece-agent leave` "
                    "first to change it)",
                    options->runner_id, identity->runner_id);
    }
    if (opts_source(options->raw, "availability-zone") > OPT_SOURCE_DEFAULT &&
        strcmp(options->zone, identity->zone) != 0) {
        log_warning(agent->env.log, "agent",
                    "--availability-zone %s is ignored: this host has joined zone %s "
                    "(`ece-agent leave` first to change "
                    "it)",
                    options->zone, identity->zone);
    }
}

static int start_uplink(struct agent *agent, struct err *err)
{
    struct http_client_options http = {
        .loop = agent->env.loop,
        .clock = agent->env.clock,
        .user_agent = "ece-agent/" ECE_VERSION,
        .on_idle_closed = on_idle_closed,
        .userdata = agent,
    };
    if (http_client_start(&agent->http, &http, err) < 0) {
        return -1;
    }
    struct uplink_options uplink = {
        .clock = agent->env.clock, .http = agent->http, .proxy = agent->options->proxy};
    return uplink_new(&agent->uplink, &uplink, err);
}

static int take_directories(struct agent *agent, struct err *err)
{
    agent->state_dir = strdup(agent->options->state_dir);
    agent->runtime_dir = strdup(agent->options->runtime_dir);
    auto_free char *lock_path = fs_join(agent->options->state_dir, "lock");
    if (lock_path == NULL || agent->state_dir == NULL || agent->runtime_dir == NULL) {
        return err_no_memory(err);
    }
    if (fs_private_dir(agent->state_dir, err) < 0 ||
        fs_lock(lock_path, &agent->lock_fd, err) < 0) {
        return err_wrap(err, "use the state directory %s", agent->state_dir);
    }
    identity_sweep(agent->state_dir);
    struct err ignored = {0};
    /* agent_publish says it, once, when it matters. */
    err_ignore(fs_dir(agent->runtime_dir, &ignored));
    return 0;
}

static void ignore_closed(void *userdata)
{
    (void)userdata;
}

/* Nothing is on the loop yet when this fails, but for the http client, which closes itself. */
static void abandon(struct agent *agent)
{
    http_client_stop(agent->http, ignore_closed, NULL);
    uplink_free(agent->uplink);
    identity_fini(&agent->identity);
    heartbeat_fini(&agent->heartbeat);
    free(agent->state_dir);
    free(agent->runtime_dir);
    if (agent->lock_fd >= 0) {
        (void)close(agent->lock_fd);
    }
    free(agent);
}

/* At start the caller prints it and exits: the record is for the journal's catalog. */
static int read_identity(struct agent *agent, struct err *err)
{
    if (agent_read_identity(agent, err) < 0) {
        log_event(agent->env.log, LOG_LEVEL_ERROR, "agent", MESSAGE_AGENT_IDENTITY_UNREADABLE,
                  "%s", err->message);
        return -1;
    }
    return 0;
}

int agent_start(struct agent **ret, const struct agent_environment *environment,
                struct agent_options *options, struct err *err)
{
    struct agent *agent = calloc(1, sizeof *agent);
    if (agent == NULL) {
        return err_no_memory(err);
    }
    agent->env = *environment;
    agent->options = options;
    agent->lock_fd = -1;
    agent->state_since_wall_ms = clock_wall_ms(agent->env.clock);
    backoff_init(&agent->backoff, AGENT_RETRY_BASE_MS, AGENT_RETRY_CAP_MS);
    heartbeat_init(&agent->heartbeat, agent->env.clock, agent->env.rng, agent_on_beat, agent);
    if (take_directories(agent, err) < 0 || start_uplink(agent, err) < 0 ||
        read_identity(agent, err) < 0) {
        abandon(agent);
        return -1;
    }
    (void)uv_timer_init(agent->env.loop, &agent->next_timer);
    (void)uv_timer_init(agent->env.loop, &agent->lease_timer);
    agent->next_timer.data = agent;
    agent->lease_timer.data = agent;
    agent->open_handles = 2;
    agent->state = agent->has_identity ? AGENT_DISCONNECTED : AGENT_UNENROLLED; /* [ST-1] */
    agent_refresh_endpoints(agent);
    warn_of_differences(agent);
    agent_plan(agent, 0);
    *ret = agent;
    return 0;
}

void agent_reload(struct agent *agent, struct agent_options *options)
{
    struct err err = {0};
    struct endpoint before = *uplink_endpoint(agent->uplink);
    if (agent->closed != NULL) {
        return;
    }
    if (options != NULL) {
        agent->options = options;
    }
    if (read_identity(agent, &err) == 0 &&
        uplink_set_proxy(agent->uplink, agent->options->proxy, &err) < 0) {
        log_error(agent->env.log, "agent", "%s", err.message);
    }
    agent_refresh_endpoints(agent);
    warn_of_differences(agent);
    heartbeat_need_report(&agent->heartbeat);
    backoff_init(&agent->backoff, AGENT_RETRY_BASE_MS, AGENT_RETRY_CAP_MS);
    if (!endpoint_equal(&before, uplink_endpoint(agent->uplink))) {
        http_client_drop_idle(agent->http);
        agent_enter(agent, AGENT_CONNECTION_LOST, "the coordinator's address was changed");
    }
    agent_plan(agent, 0);
}

static void free_agent(struct agent *agent)
{
    agent_closed_fn *closed = agent->closed;
    void *userdata = agent->closed_userdata;
    struct err ignored = {0};
    /* At worst it is seen to be stale. */
    err_ignore(status_record_erase(agent->runtime_dir, &ignored));
    uplink_free(agent->uplink);
    identity_fini(&agent->identity);
    roles_token_fini(&agent->token);
    secret_fini(&agent->access_token);
    heartbeat_fini(&agent->heartbeat);
    report_fini(&agent->report);
    (void)close(agent->lock_fd);
    free(agent->state_dir);
    free(agent->runtime_dir);
    free(agent);
    closed(userdata);
}

static void on_handle_closed(uv_handle_t *handle)
{
    struct agent *agent = handle->data;
    if (--agent->open_handles == 0) {
        free_agent(agent);
    }
}

static void on_http_closed(void *userdata)
{
    struct agent *agent = userdata;
    uv_close((uv_handle_t *)&agent->next_timer, on_handle_closed);
    uv_close((uv_handle_t *)&agent->lease_timer, on_handle_closed);
}

void agent_close(struct agent *agent)
{
    struct http_client *http = agent->http;
    agent->http = NULL;
    http_client_stop(http, on_http_closed, agent);
}

void agent_stop(struct agent *agent, agent_closed_fn *closed, void *userdata)
{
    if (agent->closed != NULL) {
        return;
    }
    bool was_connected = agent->state == AGENT_CONNECTED;
    agent->closed = closed;
    agent->closed_userdata = userdata;
    (void)uv_timer_stop(&agent->next_timer);
    trust_cancel(agent->trust);
    agent->trust = NULL;
    uplink_cancel(agent->uplink);
    agent_enter(agent, AGENT_STOP, NULL);
    if (was_connected) {
        agent_goodbye(agent);
    } else {
        agent_close(agent);
    }
}
