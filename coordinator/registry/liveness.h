/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a runner is called connected, and the pace that the fleet is asked to keep. Pure
 * functions of what is passed in: no clock, no state, no effects. docs/protocol.md, [HB-3] and
 * [LV], is the contract.
 */
#ifndef COORDINATOR_LIVENESS_H
#define COORDINATOR_LIVENESS_H

#include "common/wire/messages.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "No moment": the verdict stays until something happens. */
#define LIVENESS_NEVER UINT64_MAX

enum liveness_state {
    LIVENESS_DISCONNECTED,
    LIVENESS_SUSPECT, /* its connection was lost, or the coordinator restarted: shown as
                         connected for a grace */
    LIVENESS_CONNECTED,
};

/* Why a runner is disconnected. */
enum liveness_end {
    LIVENESS_END_NONE, /* it is not, or it never was connected */
    LIVENESS_END_GOODBYE,
    LIVENESS_END_LEASE,
    LIVENESS_END_CONNECTION,
};

/* What a runner's being connected rests on. */
enum liveness_ground {
    LIVENESS_NOTHING,  /* it never sent a beat, or it said goodbye */
    LIVENESS_BEAT,     /* an accepted beat */
    LIVENESS_RESTORED, /* it was connected when the coordinator stopped [LV-3] */
};

struct liveness_facts {
    enum liveness_ground ground;
    uint64_t
        beat_ms; /* monotonic: arrival of the last accepted beat; restored: when we started */
    uint32_t lease_ms;  /* as it was told to the host */
    uint32_t spread_ms; /* likewise */
    bool is_closed;     /* the connection of the last beat was seen closing */
    uint64_t closed_ms; /* monotonic; when is_closed */
};

struct liveness_verdict {
    enum liveness_state state;
    enum liveness_end end; /* when disconnected */
    uint64_t
        until_ms; /* the verdict holds before this moment; LIVENESS_NEVER when disconnected */
};

/** Judge by monotonic @now_ms. */
struct liveness_verdict liveness_judge(const struct liveness_facts *facts, uint64_t now_ms);

/** How long a runner whose connection closed may take to beat on another one: max(2 s, spread +
 * 1 s). */
uint64_t liveness_grace_ms(uint32_t spread_ms);

/** "connected", "suspect", "disconnected". */
const char *liveness_state_name(enum liveness_state state);
/** "goodbye", "lease ended", "connection closed"; "" for none. */
const char *liveness_end_name(enum liveness_end end);

/* What the pace is computed from; small labs and tests lower it. */
struct pace_base {
    uint32_t interval_ms;      /* the shortest interval */
    uint32_t beats_per_s;      /* what the whole fleet may send; > 0 */
    uint32_t reconnects_per_s; /* how fast the whole fleet may come back; > 0 */
};

/* 10 s, 2000/s, 1000/s. */
#define PACE_BASE_DEFAULT                                                                      \
    ((struct pace_base){.interval_ms = 10000, .beats_per_s = 2000, .reconnects_per_s = 1000})

/** The pace for a fleet of @runners: within WIRE_INTERVAL_MIN_MS and WIRE_INTERVAL_MAX_MS,
 * lease = 3 intervals. */
struct wire_pace pace_for(const struct pace_base *base, size_t runners);

#endif
