/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the host's states. One row for each state, one column for each event, so that every pair stands in plain
 * sight and the test can hold the whole of it to docs/protocol.md. Owns no state: agent.c does.
 */
#include "agent/agent_state.h"

enum agent_state agent_next(enum agent_state state, enum agent_event event)
{
    /* Three answers are the same from everywhere, and stopping is never left. */
    if (state == AGENT_STOPPING || event == AGENT_STOP) {
        return AGENT_STOPPING;
    }
    if (event == AGENT_IDENTITY_GONE) {
        return AGENT_UNENROLLED;
    }
    switch (event) {
    case AGENT_TRUST_BEGINS:
        /* A host with an identity does not trust anew unless it was rejected and got another token. */
        return state == AGENT_UNENROLLED || state == AGENT_DISCONNECTED ||
                       state == AGENT_REJECTED
                   ? AGENT_TRUSTING
                   : state;
    case AGENT_ENROLL_BEGINS:
        return state == AGENT_TRUSTING ? AGENT_ENROLLING : state;
    case AGENT_AUTHENTICATE_BEGINS:
        /* While connected a new access token is bought in passing: nothing that "connected" says changes. */
        return state == AGENT_UNENROLLED || state == AGENT_DISCONNECTED ||
                       state == AGENT_REJECTED
                   ? AGENT_AUTHENTICATING
                   : state;
    case AGENT_BEAT_ACCEPTED:
        return state == AGENT_ENROLLING || state == AGENT_AUTHENTICATING ||
                       state == AGENT_DISCONNECTED || state == AGENT_CONFLICT
                   ? AGENT_CONNECTED
                   : state;
    case AGENT_TOKEN_REFUSED:
        return state == AGENT_TRUSTING || state == AGENT_ENROLLING ||
                       state == AGENT_DISCONNECTED
                   ? AGENT_UNENROLLED
                   : state;
    case AGENT_UNAUTHORIZED:
        return state == AGENT_ENROLLING || state == AGENT_CONNECTED ||
                       state == AGENT_DISCONNECTED || state == AGENT_CONFLICT
                   ? AGENT_AUTHENTICATING
                   : state;
    case AGENT_FAILED:
        return state == AGENT_UNENROLLED ? state : AGENT_DISCONNECTED;
    case AGENT_CONNECTION_LOST:
    case AGENT_LEASE_ENDED:
        return state == AGENT_CONNECTED ? AGENT_DISCONNECTED : state;
    case AGENT_CONFLICT_FOUND:
        return state == AGENT_UNENROLLED || state == AGENT_TRUSTING || state == AGENT_REJECTED
                   ? state
                   : AGENT_CONFLICT;
    case AGENT_RUNNER_UNKNOWN:
        return state == AGENT_AUTHENTICATING || state == AGENT_CONNECTED ||
                       state == AGENT_CONFLICT
                   ? AGENT_REJECTED
                   : state;
    case AGENT_IDENTITY_GONE:
    case AGENT_STOP:
    case AGENT_EVENT_COUNT:
        break;
    }
    return state;
}

const char *agent_state_name(enum agent_state state)
{
    static const char *const names[] = {
#define X(value, name) name,
        AGENT_STATES(X)
#undef X
    };
    return state < AGENT_STATE_COUNT ? names[state] : "unknown";
}

const char *agent_event_name(enum agent_event event)
{
    static const char *const names[] = {
#define X(value, name) name,
        AGENT_EVENTS(X)
#undef X
    };
    return event < AGENT_EVENT_COUNT ? names[event] : "unknown";
}
