/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of joining: the CA certificate, the request to enrol and its reply.
 * docs/protocol.md, TR and EN. */
#ifndef WIRE_ENROLMENT_H
#define WIRE_ENROLMENT_H

#include "common/base/endpoint.h"
#include "common/base/err.h"
#include "common/codec/x509.h"
#include "common/wire/pace.h"
#include "common/wire/protocol.h"
#include "common/wire/report.h"
#include "common/wire/roles.h"
#include "common/wire/tags.h"

#include <jansson.h>
#include <stdint.h>

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

#endif
