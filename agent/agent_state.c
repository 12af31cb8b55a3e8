/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of the host's states: each event leads from some states to one. The test holds
 * every pair to docs/protocol.md. Owns no state: agent.c does.
 */
#include "agent/agent_state.h"

#include <stdbool.h>

#define FROM(state) (1U << (AGENT_##state))

enum {
    /* From everywhere; stopping is never left, whatever happens. */
    FROM_ANY = (1U << AGENT_STATE_COUNT) - 1,
};

static const struct {
    unsigned from; /* bits */
    enum agent_state to;
} moves[AGENT_EVENT_COUNT] = {
    /* A host with an identity does not trust anew unless it was rejected and got another token.
     */
    [AGENT_TRUST_BEGINS] = {FROM(UNENROLLED) | FROM(DISCONNECTED) | FROM(REJECTED),
                            AGENT_TRUSTING},
    [AGENT_ENROLL_BEGINS] = {FROM(TRUSTING), AGENT_ENROLLING},
    /* While connected a new access token is bought in passing: nothing that "connected" says
       changes. */
    [AGENT_AUTHENTICATE_BEGINS] = {FROM(UNENROLLED) | FROM(DISCONNECTED) | FROM(REJECTED),
                                   AGENT_AUTHENTICATING},
    [AGENT_BEAT_ACCEPTED] = {FROM(UNENROLLED) | FROM(ENROLLING) | FROM(AUTHENTICATING) |
                                 FROM(DISCONNECTED) | FROM(CONFLICT),
                             AGENT_CONNECTED},
    [AGENT_TOKEN_REFUSED] = {FROM(TRUSTING) | FROM(ENROLLING) | FROM(DISCONNECTED),
                             AGENT_UNENROLLED},
    [AGENT_UNAUTHORIZED] = {FROM(ENROLLING) | FROM(CONNECTED) | FROM(DISCONNECTED) |
                                FROM(CONFLICT),
                            AGENT_AUTHENTICATING},
    [AGENT_FAILED] = {FROM_ANY & ~FROM(UNENROLLED), AGENT_DISCONNECTED},
    [AGENT_CONNECTION_LOST] = {FROM(CONNECTED), AGENT_DISCONNECTED},
    [AGENT_LEASE_ENDED] = {FROM(CONNECTED), AGENT_DISCONNECTED},
    [AGENT_CONFLICT_FOUND] = {FROM_ANY & ~(FROM(UNENROLLED) | FROM(TRUSTING) | FROM(REJECTED)),
                              AGENT_CONFLICT},
    [AGENT_RUNNER_UNKNOWN] = {FROM(AUTHENTICATING) | FROM(CONNECTED) | FROM(CONFLICT),
                              AGENT_REJECTED},
    [AGENT_IDENTITY_GONE] = {FROM_ANY, AGENT_UNENROLLED},
    [AGENT_STOP] = {FROM_ANY, AGENT_STOPPING},
};

enum agent_state agent_next(enum agent_state state, enum agent_event event)
{
    bool leads_on = state != AGENT_STOPPING && (moves[event].from & (1U << state)) != 0;
    return leads_on ? moves[event].to : state;
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
