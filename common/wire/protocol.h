/* SPDX-License-Identifier: Apache-2.0 */
/* The constants of docs/protocol.md: version, port, paths, bounds, codes of refusals. */
#ifndef WIRE_PROTOCOL_H
#define WIRE_PROTOCOL_H

enum {
    WIRE_PROTOCOL = 1,
    WIRE_PORT = 12443,
    WIRE_RUNNER_ID_BYTES = 129,
    WIRE_ZONE_BYTES = 129,
    WIRE_SESSION_BYTES = 33, /* 32 hexadecimal digits */
    WIRE_TAGS_MAX = 64,
    WIRE_TAG_KEY_BYTES = 129,
    WIRE_TAG_VALUE_BYTES = 257,
    WIRE_PUBLIC_KEY_MAX = 4096,
    WIRE_JWT_MAX = 8192, /* assertions and access tokens */
    WIRE_BODY_MAX = 128 * 1024,
    WIRE_INTERVAL_MIN_MS = 100,
    WIRE_INTERVAL_MAX_MS = 3600 * 1000,
    WIRE_LEASE_MAX_MS = 10 * WIRE_INTERVAL_MAX_MS,
    WIRE_ASSERTION_LIFE_S = 60,
    WIRE_ACCESS_TOKEN_LIFE_MAX_S = 24 * 3600,
};

#define WIRE_PATH_CA "/agent/v1/ca"
#define WIRE_PATH_ENROLL "/agent/v1/enroll"
#define WIRE_PATH_TOKEN "/agent/v1/token"
#define WIRE_PATH_HEARTBEAT "/agent/v1/heartbeat"
#define WIRE_PATH_GOODBYE "/agent/v1/goodbye"
#define WIRE_PATH_LEAVE "/agent/v1/leave"
#define WIRE_PATH_RUNNER_IDS "/agent/v1/runner-ids/" /* + id: is it free? */

#define WIRE_GRANT_JWT_BEARER                                                                  \
    "urn:ietf:params:oauth:grant-type:jwt-bearer" /* RFC 7523, 2.1                             \
                                                   */

/* Codes of the agent's routes. */
#define WIRE_E_TOKEN_INVALID "agent.roles_token_invalid"
#define WIRE_E_TOKEN_EXPIRED "agent.roles_token_expired"
#define WIRE_E_TOKEN_REVOKED "agent.roles_token_revoked"
#define WIRE_E_ROLES_NOT_PERMITTED "agent.roles_not_permitted"
#define WIRE_E_RUNNER_ID_TAKEN "agent.runner_id_taken"
#define WIRE_E_ASSERTION_INVALID "agent.assertion_invalid"
#define WIRE_E_ASSERTION_TIME                                                                  \
    "agent.assertion_time"                           /* the Date header says what time it is   \
                                                      */
#define WIRE_E_RUNNER_UNKNOWN "agent.runner_unknown" /* deleted, or never enrolled */
#define WIRE_E_ACCESS_TOKEN "agent.access_token_invalid"
#define WIRE_E_CONFLICT "agent.identity_conflict"
#define WIRE_E_REQUEST "agent.request_malformed"

#endif
