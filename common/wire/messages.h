/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of /agent/v1/ as typed values: docs/protocol.md describes each; both sides encode and decode with these
 * functions only. Decoders check every bound and leave @ret untouched on failure; strings in structs are owned unless
 * they are arrays.
 */
#ifndef WIRE_MESSAGES_H
#define WIRE_MESSAGES_H

#include "common/base/endpoint.h"
#include "common/base/err.h"
#include "common/codec/x509.h"
#include "common/wire/report.h"
#include "common/wire/roles.h"

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    WIRE_PROTOCOL = 1,
    WIRE_RUNNER_ID_BYTES = 129,
    WIRE_ZONE_BYTES = 129,
    WIRE_SESSION_BYTES = 33, /* 32 hexadecimal digits */
    WIRE_TAGS_MAX = 64,
    WIRE_TAG_KEY_BYTES = 129,
    WIRE_TAG_VALUE_BYTES = 257,
    WIRE_BODY_MAX = 128 * 1024,
    WIRE_INTERVAL_MIN_MS = 100,
    WIRE_INTERVAL_MAX_MS = 3600 * 1000,
    WIRE_ASSERTION_LIFE_S = 60,
};

#define WIRE_PATH_CA "/agent/v1/ca"
#define WIRE_PATH_ENROLL "/agent/v1/enroll"
#define WIRE_PATH_TOKEN "/agent/v1/token"
#define WIRE_PATH_HEARTBEAT "/agent/v1/heartbeat"
#define WIRE_PATH_GOODBYE "/agent/v1/goodbye"
#define WIRE_PATH_LEAVE "/agent/v1/leave"
#define WIRE_PATH_RUNNER_IDS "/agent/v1/runner-ids/" /* + id: is it free? */

#define WIRE_GRANT_JWT_BEARER "urn:ietf:params:oauth:grant-type:jwt-bearer" /* RFC 7523, 2.1 */

struct wire_tag {
    char key[WIRE_TAG_KEY_BYTES];
    char value[WIRE_TAG_VALUE_BYTES];
};

struct wire_tags {
    size_t count;
    struct wire_tag *items; /* owned */
};

/** "k:v,k:v" as --allocator-tags has it; a repeated key is ERR_INVALID. */
int wire_tags_parse(const char *text, struct wire_tags *ret, struct err *err) MUST_CHECK;
int wire_tags_from_json(const json_t *object, const char *path, struct wire_tags *ret,
                        struct err *err) MUST_CHECK;
json_t *wire_tags_to_json(const struct wire_tags *tags); /* {"k":"v"}; owned */
int wire_tags_copy(const struct wire_tags *from, struct wire_tags *ret,
                   struct err *err) MUST_CHECK;
void wire_tags_fini(struct wire_tags *tags);

/* GET /agent/v1/ca -> */
struct wire_ca {
    char installation_id[X509_INSTALLATION_ID_BYTES];
    char *ca_pem; /* owned */
};

json_t *wire_ca_to_json(const struct wire_ca *ca);
int wire_ca_from_json(const json_t *json, struct wire_ca *ret, struct err *err) MUST_CHECK;
void wire_ca_fini(struct wire_ca *ca);

/* POST /agent/v1/enroll: <- */
struct wire_enroll_request {
    char runner_id[WIRE_RUNNER_ID_BYTES];
    char zone[WIRE_ZONE_BYTES];
    roles_t roles;
    struct wire_tags tags;
    char *public_key_pem; /* owned */
    char *assertion;      /* owned; ES256 by that key */
    struct report report;
};

json_t *wire_enroll_request_to_json(const struct wire_enroll_request *request);
int wire_enroll_request_from_json(const json_t *json, struct wire_enroll_request *ret,
                                  struct err *err) MUST_CHECK;
void wire_enroll_request_fini(struct wire_enroll_request *request);

/* The pace that the coordinator sets. */
struct wire_pace {
    uint32_t interval_ms; /* between heartbeats */
    uint32_t lease_ms;    /* how long one keeps the runner connected */
    uint32_t spread_ms;   /* a lost connection is replaced at a random moment within it */
};

/* -> */
struct wire_enroll_reply {
    char installation_id[X509_INSTALLATION_ID_BYTES];
    char runner_id[WIRE_RUNNER_ID_BYTES];
    char zone[WIRE_ZONE_BYTES]; /* as registered: a zone does not change */
    roles_t roles;
    struct endpoint_list coordinators; /* may be empty: keep what you have */
    char *access_token;                /* owned, secret */
    uint32_t expires_in_s;
    struct wire_pace pace;
};

json_t *wire_enroll_reply_to_json(const struct wire_enroll_reply *reply);
int wire_enroll_reply_from_json(const json_t *json, struct wire_enroll_reply *ret,
                                struct err *err) MUST_CHECK;
void wire_enroll_reply_fini(struct wire_enroll_reply *reply);

/* POST /agent/v1/token: <- */
struct wire_token_request {
    char *assertion; /* owned */
};

json_t *wire_token_request_to_json(const struct wire_token_request *request);
int wire_token_request_from_json(const json_t *json, struct wire_token_request *ret,
                                 struct err *err) MUST_CHECK;
void wire_token_request_fini(struct wire_token_request *request);

/* -> */
struct wire_token_reply {
    char *access_token; /* owned, secret */
    uint32_t expires_in_s;
};

json_t *wire_token_reply_to_json(const struct wire_token_reply *reply);
int wire_token_reply_from_json(const json_t *json, struct wire_token_reply *ret,
                               struct err *err) MUST_CHECK;
void wire_token_reply_fini(struct wire_token_reply *reply);

/* POST /agent/v1/heartbeat: <- */
struct wire_beat {
    char session[WIRE_SESSION_BYTES];
    uint64_t seq; /* grows by one with each new beat; a repeated one is the same beat again */
    uint64_t steering; /* revision of the steering that the host has; 0 = none */
    bool has_report;   /* a full beat */
    struct report report;
};

json_t *wire_beat_to_json(const struct wire_beat *beat);
int wire_beat_from_json(const json_t *json, struct wire_beat *ret, struct err *err) MUST_CHECK;
void wire_beat_fini(struct wire_beat *beat);

/* What the coordinator wants of the host; sent when its revision differs from the host's. */
struct wire_steering {
    uint64_t revision;
    roles_t roles;
    uint32_t capacity_mb; /* settings.capacity; 0 = not set */
    bool maintenance_mode;
    struct endpoint_list coordinators;
};

/* -> */
struct wire_beat_reply {
    struct wire_pace pace;
    bool need_report; /* send a full beat now */
    bool has_steering;
    struct wire_steering steering;
    bool has_conflict; /* another host uses this identity; this one is the first and stays */
    char conflict_host_ip[REPORT_HOST_IP_BYTES];
};

json_t *wire_beat_reply_to_json(const struct wire_beat_reply *reply);
int wire_beat_reply_from_json(const json_t *json, struct wire_beat_reply *ret,
                              struct err *err) MUST_CHECK;

/* POST /agent/v1/goodbye {"session"} -> {} */
json_t *wire_goodbye_to_json(const char *session);
int wire_goodbye_from_json(const json_t *json, char ret_session[static WIRE_SESSION_BYTES],
                           struct err *err) MUST_CHECK;

/* {"errors":[{"code","message","fields"}]}, of every refusal on both the agent's and the platform's routes. */
enum {
    WIRE_ERROR_CODE_BYTES = 97,
    WIRE_ERROR_MESSAGE_BYTES = 385,
};

struct wire_error {
    char code[WIRE_ERROR_CODE_BYTES];
    char message[WIRE_ERROR_MESSAGE_BYTES]; /* cut, control characters replaced */
};

json_t *wire_error_to_json(const char *code, const char *message,
                           const char *field /* may be NULL */);
/** Tolerant: a body that is no such JSON gives false. */
bool wire_error_read(const char *body, size_t len, struct wire_error *ret);

/* Codes of the agent's routes. */
#define WIRE_E_TOKEN_INVALID "agent.roles_token_invalid"
#define WIRE_E_TOKEN_EXPIRED "agent.roles_token_expired"
#define WIRE_E_TOKEN_REVOKED "agent.roles_token_revoked"
#define WIRE_E_ROLES_NOT_PERMITTED "agent.roles_not_permitted"
#define WIRE_E_RUNNER_ID_TAKEN "agent.runner_id_taken"
#define WIRE_E_ASSERTION_INVALID "agent.assertion_invalid"
#define WIRE_E_ASSERTION_TIME "agent.assertion_time" /* the Date header says what time it is */
#define WIRE_E_RUNNER_UNKNOWN "agent.runner_unknown" /* deleted, or never enrolled */
#define WIRE_E_ACCESS_TOKEN "agent.access_token_invalid"
#define WIRE_E_CONFLICT "agent.identity_conflict"
#define WIRE_E_REQUEST "agent.request_malformed"

#endif
