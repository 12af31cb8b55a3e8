/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Beats, goodbyes and closing connections: whose beat counts ([CL-1], [CL-2]), what it changes
 * and what it is answered. A small beat costs three look-ups and a move in the heap; it
 * allocates and writes nothing [HB-5].
 */
#include "coordinator/registry/registry_internal.h"

#include <stdio.h>
#include <string.h>

/* NULL when there is no such runner or another key holds it [AC-4]. */
static struct runner *authorized(const struct registry *registry, const char *runner_id,
                                 const char *key_thumbprint)
{
    struct runner *runner = runner_index_find(&registry->index, runner_id);
    return runner != NULL && strcmp(runner->record.key_thumbprint, key_thumbprint) == 0 ? runner
                                                                                        : NULL;
}

/* End what ended by @now_ms, though no tick came yet. */
static struct liveness_verdict settle(struct registry *registry, struct runner *runner,
                                      uint64_t now_ms)
{
    struct liveness_verdict verdict = liveness_judge(&runner->facts, now_ms);
    registry_apply(registry, runner, &verdict);
    return verdict;
}

/* Does another host use this identity while the runner's own is there? */
static bool is_clone(const struct runner *runner, const struct registry_beat *in)
{
    if (!runner_is_connected(runner) || runner->session[0] == '\0') {
        return false; /* nobody there, or not since the restart: who comes first is it [CL-4] */
    }
    if (strcmp(runner->session, in->beat->session) != 0) {
        return runner->state == LIVENESS_CONNECTED; /* [CL-1] */
    }
    return in->beat->seq < runner->seq ||
           in->connection < runner->session_connection; /* [CL-2] */
}

static void refuse(struct registry *registry, struct runner *runner,
                   const struct registry_beat *in, uint64_t now_ms)
{
    bool is_new = now_ms >= runner->conflict.until_ms;
    const char *host_ip = in->beat->has_report ? in->beat->report.host_ip : in->peer;
    if (is_new || in->beat->has_report) {
        (void)snprintf(runner->conflict.host_ip, sizeof runner->conflict.host_ip, "%s",
                       host_ip);
    }
    runner->conflict.until_ms = now_ms + runner->facts.lease_ms;
    if (is_new) {
        registry_emit(registry, &(struct registry_event){.type = REGISTRY_CONFLICT,
                                                         .runner_id = runner->record.id,
                                                         .runner = runner,
                                                         .peer = runner->conflict.host_ip});
    }
}

static void take_report(struct registry *registry, struct runner *runner,
                        const struct report *report)
{
    if (runner->has_report && report_equal(&runner->report, report)) {
        runner->report.skew_ms = report->skew_ms;
        runner->needs_report = false;
        return;
    }
    struct report copy = {0};
    struct err err = {0};
    if (report_copy(report, &copy, &err) < 0) {
        log_error(registry->options.log, "registry", "keep the report of runner %s: %s",
                  runner->record.id, err.message);
        runner->needs_report = true;
        return;
    }
    report_fini(&runner->report);
    runner->report = copy;
    runner->has_report = true;
    runner->needs_report = false;
    registry_mark_unsaved(registry, runner);
}

static void accept(struct registry *registry, struct runner *runner,
                   const struct registry_beat *in, uint64_t now_ms)
{
    const struct wire_beat *beat = in->beat;
    if (strcmp(runner->session, beat->session) != 0) {
        (void)snprintf(runner->session, sizeof runner->session, "%s", beat->session);
        runner->needs_report = true;
        runner->conflict = (struct runner_conflict){0};
    }
    runner->seq = beat->seq;
    runner->session_connection = in->connection;
    runner_index_set_connection(&registry->index, runner, in->connection);

    struct wire_pace pace = registry_pace(registry);
    runner->facts = (struct liveness_facts){.ground = LIVENESS_BEAT,
                                            .beat_ms = now_ms,
                                            .lease_ms = pace.lease_ms,
                                            .spread_ms = pace.spread_ms};
    runner->last_beat_wall_ms = clock_wall_ms(registry->options.clock);
    if (beat->has_report) {
        take_report(registry, runner, &beat->report);
    }
    (void)settle(registry, runner, now_ms);
}

static void answer(const struct registry *registry, const struct runner *runner,
                   const struct wire_beat *beat, struct wire_beat_reply *ret)
{
    *ret = (struct wire_beat_reply){.pace = registry_pace(registry),
                                    .need_report = runner->needs_report};
    if (beat->steering != runner->version) {
        ret->has_steering = true;
        ret->steering = (struct wire_steering){
            .revision = runner->version,
            .roles = runner->record.roles,
            .capacity_mb = runner->record.capacity_mb,
            .maintenance_mode = runner->record.maintenance.is_on,
            .coordinators = registry->options.coordinators,
        };
    }
    if (registry_has_conflict(registry, runner)) {
        ret->has_conflict = true;
        memcpy(ret->conflict_host_ip, runner->conflict.host_ip, sizeof ret->conflict_host_ip);
    }
}

enum beat_outcome registry_beat(struct registry *registry, const struct registry_beat *beat,
                                struct wire_beat_reply *ret_reply, uint32_t *ret_retry_after_s)
{
    struct runner *runner = authorized(registry, beat->runner_id, beat->key_thumbprint);
    if (runner == NULL) {
        return BEAT_UNKNOWN;
    }
    uint64_t now_ms = registry_now(registry);
    struct liveness_verdict verdict = settle(registry, runner, now_ms);
    if (is_clone(runner, beat)) {
        refuse(registry, runner, beat, now_ms);
        *ret_retry_after_s = (uint32_t)((verdict.until_ms - now_ms + 999) / 1000 + 1);
        return BEAT_CONFLICT;
    }
    accept(registry, runner, beat, now_ms);
    registry_save(registry);
    answer(registry, runner, beat->beat, ret_reply);
    return BEAT_OK;
}

bool registry_goodbye(struct registry *registry, const char *runner_id,
                      const char *key_thumbprint, const char *session)
{
    struct runner *runner = authorized(registry, runner_id, key_thumbprint);
    if (runner == NULL) {
        return false;
    }
    if (strcmp(runner->session, session) == 0) {
        registry_end_session(registry, runner, LIVENESS_END_GOODBYE);
        registry_save(registry);
    }
    return true;
}

void registry_connection_closed(struct registry *registry, uint64_t connection)
{
    uint64_t now_ms = registry_now(registry);
    if (connection == 0) {
        return;
    }
    struct runner *runner = runner_index_find_connection(&registry->index, connection);
    while (runner != NULL) {
        runner_index_set_connection(&registry->index, runner, 0);
        runner->facts.is_closed = true;
        runner->facts.closed_ms = now_ms;
        (void)settle(registry, runner, now_ms);
        runner = runner_index_find_connection(&registry->index, connection);
    }
    registry_save(registry);
}

enum { GRANTS_WINDOW_MS = 60 * 1000 };

uint32_t registry_grant_wait(const struct registry *registry, const struct runner *runner)
{
    uint64_t end_ms = runner->grants_since_ms + GRANTS_WINDOW_MS;
    uint64_t now_ms = registry_now(registry);
    bool is_over = runner->grants >= REGISTRY_GRANTS_MAX && now_ms < end_ms;
    return is_over ? (uint32_t)((end_ms - now_ms) / 1000 + 1) : 0;
}

void registry_count_grant(struct registry *registry, const char *runner_id)
{
    struct runner *runner = runner_index_find(&registry->index, runner_id);
    uint64_t now_ms = registry_now(registry);
    if (runner == NULL) {
        return;
    }
    if (runner->grants == 0 || now_ms >= runner->grants_since_ms + GRANTS_WINDOW_MS) {
        runner->grants = 0;
        runner->grants_since_ms = now_ms;
    }
    runner->grants++;
}
