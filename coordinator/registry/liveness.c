/* SPDX-License-Identifier: Apache-2.0 */
/* The rules of [LV] and [HB-3] as arithmetic. */
#include "coordinator/registry/liveness.h"

enum {
    GRACE_MIN_MS = 2000,
    GRACE_BEYOND_SPREAD_MS = 1000,
    LEASE_INTERVALS = 3,
};

static struct liveness_verdict disconnected(enum liveness_end end)
{
    return (struct liveness_verdict){
        .state = LIVENESS_DISCONNECTED, .end = end, .until_ms = LIVENESS_NEVER};
}

static struct liveness_verdict live(enum liveness_state state, uint64_t until_ms)
{
    return (struct liveness_verdict){
        .state = state, .end = LIVENESS_END_NONE, .until_ms = until_ms};
}

static struct liveness_verdict judge_beat(const struct liveness_facts *facts, uint64_t now_ms)
{
    uint64_t lease_end_ms = facts->beat_ms + facts->lease_ms;
    if (!facts->is_closed) {
        return now_ms < lease_end_ms ? live(LIVENESS_CONNECTED, lease_end_ms)
                                     : disconnected(LIVENESS_END_LEASE);
    }
    /* A closed connection can only shorten what the lease allows. */
    uint64_t grace_end_ms = facts->closed_ms + liveness_grace_ms(facts->spread_ms);
    if (grace_end_ms <= lease_end_ms) {
        return now_ms < grace_end_ms ? live(LIVENESS_SUSPECT, grace_end_ms)
                                     : disconnected(LIVENESS_END_CONNECTION);
    }
    return now_ms < lease_end_ms ? live(LIVENESS_SUSPECT, lease_end_ms)
                                 : disconnected(LIVENESS_END_LEASE);
}

struct liveness_verdict liveness_judge(const struct liveness_facts *facts, uint64_t now_ms)
{
    switch (facts->ground) {
    case LIVENESS_NOTHING:
        break;
    case LIVENESS_BEAT:
        return judge_beat(facts, now_ms);
    case LIVENESS_RESTORED: {
        uint64_t end_ms = facts->beat_ms + 2 * (uint64_t)facts->lease_ms;
        return now_ms < end_ms ? live(LIVENESS_SUSPECT, end_ms)
                               : disconnected(LIVENESS_END_LEASE);
    }
    }
    return disconnected(LIVENESS_END_NONE);
}

uint64_t liveness_grace_ms(uint32_t spread_ms)
{
    uint64_t grace_ms = (uint64_t)spread_ms + GRACE_BEYOND_SPREAD_MS;
    return grace_ms > GRACE_MIN_MS ? grace_ms : GRACE_MIN_MS;
}

const char *liveness_state_name(enum liveness_state state)
{
    switch (state) {
    case LIVENESS_DISCONNECTED:
        return "disconnected";
    case LIVENESS_SUSPECT:
        return "suspect";
    case LIVENESS_CONNECTED:
        return "connected";
    }
    return "";
}

const char *liveness_end_name(enum liveness_end end)
{
    switch (end) {
    case LIVENESS_END_NONE:
        return "";
    case LIVENESS_END_GOODBYE:
        return "goodbye";
    case LIVENESS_END_LEASE:
        return "lease ended";
    case LIVENESS_END_CONNECTION:
        return "connection closed";
    }
    return "";
}

/* How many ms @count things take at @per_s each second, rounded up, and at most @max_ms. */
static uint32_t ms_at_rate(size_t count, uint32_t per_s, uint32_t max_ms)
{
    if (count >= (size_t)max_ms * per_s / 1000) {
        return max_ms;
    }
    return (uint32_t)(((uint64_t)count * 1000 + per_s - 1) / per_s);
}

struct wire_pace pace_for(const struct pace_base *base, size_t runners)
{
    uint32_t interval_ms = ms_at_rate(runners, base->beats_per_s, WIRE_INTERVAL_MAX_MS);
    if (interval_ms < base->interval_ms) {
        interval_ms = base->interval_ms;
    }
    if (interval_ms < WIRE_INTERVAL_MIN_MS) {
        interval_ms = WIRE_INTERVAL_MIN_MS;
    }
    if (interval_ms > WIRE_INTERVAL_MAX_MS) {
        interval_ms = WIRE_INTERVAL_MAX_MS;
    }
    return (struct wire_pace){
        .interval_ms = interval_ms,
        .lease_ms = LEASE_INTERVALS * interval_ms,
        .spread_ms = ms_at_rate(runners, base->reconnects_per_s, WIRE_INTERVAL_MAX_MS),
    };
}
