/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the agent share: agent.c (life, states, what to do next), agent_identity.c
 * (the identity in memory and on disk), agent_join.c (token to identity), agent_beat.c (access
 * token and heartbeats), agent_report.c (what it says of itself, upwards and to the status
 * file). Nobody else but tests includes it.
 */
#ifndef AGENT_AGENT_INTERNAL_H
#define AGENT_AGENT_INTERNAL_H

#include "agent/agent.h"
#include "agent/join/enroll.h"
#include "agent/join/identity.h"
#include "agent/join/trust.h"
#include "agent/link/authenticate.h"
#include "agent/link/heartbeat.h"
#include "agent/link/uplink.h"
#include "common/base/backoff.h"
#include "common/loop/http_client.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    AGENT_RETRY_BASE_MS = 1000, /* [RT-1] */
    AGENT_RETRY_CAP_MS = 60 * 1000,
    AGENT_SLOW_RETRY_MS = 60 * 1000, /* [RT-4] */
};

struct agent {
    struct agent_environment env;
    struct agent_options *options; /* borrowed */
    struct http_client *http;      /* owned */
    struct uplink *uplink;         /* owned */
    char *state_dir;               /* owned; as of the start: a reload does not change it */
    char *runtime_dir;             /* owned; likewise */
    int lock_fd;                   /* the state directory is ours */

    enum agent_state state;
    int64_t state_since_wall_ms;
    char reason[STATUS_REASON_BYTES];
    unsigned failures; /* in a row; decides which are logged */

    uv_timer_t next_timer;  /* what comes next */
    uv_timer_t lease_timer; /* ends "connected" when no beat did */
    unsigned open_handles;
    uint64_t next_try_ms;
    struct backoff backoff;

    bool has_identity; /* pending or complete */
    struct identity identity;
    bool identity_is_dirty; /* could not be written; tried again with each beat */
    bool start_over;        /* the identity was refused: another token makes a new one */
    char spent_token_id[ROLES_TOKEN_ID_BYTES]; /* left or rejected with it: only another one
                                                  joins again by itself */

    struct roles_token token; /* while joining */
    struct trust *trust;      /* weak; while trusting */
    size_t trust_refusals;    /* in a row, each from another address */
    struct enroll enroll;
    struct authenticate authenticate;
    bool assertion_was_repeated;
    struct secret access_token;
    bool access_token_is_untried; /* no heartbeat was accepted with it yet */
    uint64_t renew_not_before_ms; /* a renewal failed: go on with the old one until then */
    uint64_t access_expires_ms;

    struct heartbeat heartbeat;
    struct report report;
    bool capacity_is_known;
    char capacity_failure[256]; /* why the last measurement failed; "" = it did not */
    struct wire_pace pace;
    uint32_t settings_capacity_mb;
    bool maintenance_mode;
    uint64_t last_beat_ms;
    bool last_beat_was_news; /* it was followed by another at once */
    int64_t last_beat_wall_ms;
    uint64_t lease_end_ms;
    char conflict_host_ip[REPORT_HOST_IP_BYTES];
    bool skew_was_reported;
    bool status_has_failed;

    agent_closed_fn *closed; /* set once stopping */
    void *closed_userdata;
};

/* agent.c */
/** The only writer of `state`. @why becomes the reason that people see: NULL = nothing to say,
 * agent->reason = what was said before still holds. */
void agent_enter(struct agent *agent, enum agent_event event, const char *why);
/** Do what comes next in @delay_ms. */
void agent_plan(struct agent *agent, uint64_t delay_ms);
/** A transient failure: say so, back off, at least @retry_after_s. */
void agent_back_off(struct agent *agent, const struct err *why, uint32_t retry_after_s);
/** @ms give or take a tenth. */
uint64_t agent_jitter(const struct agent *agent, uint64_t ms);
/** Connected for no longer than @left_ms from now. */
void agent_watch_lease(struct agent *agent, uint64_t left_ms);
/** Configured coordinators first, then those that the installation named. */
void agent_refresh_endpoints(struct agent *agent);

/* agent_identity.c */
/** Look at the file: at the start, and whenever it may have changed. */
int agent_read_identity(struct agent *agent, struct err *err) MUST_CHECK;
/** Write what changed; a disk that refuses is tried again with each heartbeat. */
void agent_save_identity(struct agent *agent);

/* agent_join.c */
void agent_join(struct agent *agent);
/** True when a token other than the spent one can be read now. */
bool agent_has_fresh_token(struct agent *agent);
void agent_forget_token(struct agent *agent);

/* agent_beat.c */
/** Send a heartbeat, buying an access token first if there is none that lasts. */
void agent_beat(struct agent *agent);
/** What each heartbeat ends in; @userdata is the agent. */
void agent_on_beat(const struct heartbeat_result *result, void *userdata);
void agent_set_access_token(struct agent *agent, const char *text, uint32_t expires_in_s);
void agent_goodbye(struct agent *agent);
/** agent.c: what agent_goodbye ends in. */
void agent_close(struct agent *agent);

/* agent_report.c */
/** Measure this host anew into agent->report. */
void agent_measure(struct agent *agent);
/** Leave the status for people and systemd. */
void agent_publish(struct agent *agent);

#endif
