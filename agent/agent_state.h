/* SPDX-License-Identifier: Apache-2.0 */
/* The states of a host and what moves it between them (docs/protocol.md, ST). Pure: no clock,
 * no effects. */
#ifndef AGENT_STATE_H
#define AGENT_STATE_H

#define AGENT_STATES(X)                                                                        \
    X(AGENT_UNENROLLED, "unenrolled")         /* no identity; waits for a token that works */  \
    X(AGENT_TRUSTING, "trusting")             /* fetching and checking the CA */               \
    X(AGENT_ENROLLING, "enrolling")           /* token sent, or first beat not yet accepted */ \
    X(AGENT_AUTHENTICATING, "authenticating") /* buying an access token with the host key */   \
    X(AGENT_CONNECTED, "connected")       /* last beat accepted, lease running, line open */   \
    X(AGENT_DISCONNECTED, "disconnected") /* backing off before the next try */                \
    X(AGENT_CONFLICT, "conflict")         /* another host lives under this identity */         \
    X(AGENT_REJECTED, "rejected")         /* the installation no longer knows this runner */   \
    X(AGENT_STOPPING, "stopping")         /* goodbye, then exit */

#define AGENT_EVENTS(X)                                                                        \
    X(AGENT_TRUST_BEGINS, "trust_begins")                                                      \
    X(AGENT_ENROLL_BEGINS, "enroll_begins")                                                    \
    X(AGENT_AUTHENTICATE_BEGINS, "authenticate_begins")                                        \
    X(AGENT_BEAT_ACCEPTED, "beat_accepted")                                                    \
    X(AGENT_TOKEN_REFUSED, "token_refused") /* by our own check or by the coordinator */       \
    X(AGENT_UNAUTHORIZED, "unauthorized")   /* 401 on the access token */                      \
    X(AGENT_FAILED, "failed") /* no answer, or one that makes no sense: transient */           \
    X(AGENT_CONNECTION_LOST, "connection_lost")                                                \
    X(AGENT_LEASE_ENDED, "lease_ended")                                                        \
    X(AGENT_CONFLICT_FOUND, "conflict_found")                                                  \
    X(AGENT_RUNNER_UNKNOWN, "runner_unknown") /* the assertion was refused: deleted */         \
    X(AGENT_IDENTITY_GONE, "identity_gone")   /* left */                                       \
    X(AGENT_STOP, "stop")

enum agent_state {

#define X(state, name) state,
    AGENT_STATES(X)
#undef X
        AGENT_STATE_COUNT
};

enum agent_event {

#define X(event, name) event,
    AGENT_EVENTS(X)
#undef X
        AGENT_EVENT_COUNT
};

/** The state after @event; an event that means nothing in @state leaves it as it is. */
enum agent_state agent_next(enum agent_state state, enum agent_event event);

const char *agent_state_name(enum agent_state state);
const char *agent_event_name(enum agent_event event);

#endif
