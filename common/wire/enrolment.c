/* SPDX-License-Identifier: Apache-2.0 */
/* The messages of joining between their JSON and their structs. Form only: whether an assertion
 * is good, or a role permitted, is for others to say. */
#include "common/wire/enrolment.h"

#include "common/base/parse.h"
#include "common/base/secret.h"
#include "common/codec/json.h"
#include "common/wire/fields.h"

#include <stdlib.h>
#include <string.h>

json_t *wire_ca_to_json(const struct wire_ca *ca)
{
    return json_pack("{s:i, s:s, s:s}", "protocol", WIRE_PROTOCOL, "installation_id",
                     ca->installation_id, "ca_certificate", ca->ca_pem);
}

int wire_ca_from_json(const json_t *json, struct wire_ca *ret, struct err *err)
{
    CLEANUP(wire_ca_fini) struct wire_ca ca = {0};
    if (field_need_protocol(json, err) < 0 ||
        field_need_checked(json, "installation_id", field_check_installation_id,
                           ca.installation_id, sizeof ca.installation_id, err) < 0 ||
        field_need_copy(json, "ca_certificate", X509_PEM_MAX, &ca.ca_pem, err) < 0) {
        return -1;
    }
    *ret = ca;
    ca = (struct wire_ca){0};
    return 0;
}

void wire_ca_fini(struct wire_ca *ca)
{
    free(ca->ca_pem);
    ca->ca_pem = NULL;
}

json_t *wire_enroll_request_to_json(const struct wire_enroll_request *request)
{
    return json_pack("{s:i, s:s, s:s, s:o, s:o, s:s, s:s, s:o}", "protocol", WIRE_PROTOCOL,
                     "runner_id", request->runner_id, "zone", request->zone, "roles",
                     roles_to_json(request->roles), "tags", wire_tags_to_json(&request->tags),
                     "public_key", request->public_key_pem, "assertion", request->assertion,
                     "report", report_to_json(&request->report));
}

/* An array must be there, so that a misspelt key does not enrol a runner without roles. */
static int need_roles(const json_t *json, roles_t *ret, struct err *err)
{
    const json_t *array = json_object_get(json, "roles");
    if (array == NULL || json_is_null(array)) {
        return err_set(err, ERR_INVALID, "roles: is missing");
    }
    return roles_from_json(array, ret, err);
}

int wire_enroll_request_from_json(const json_t *json, struct wire_enroll_request *ret,
                                  struct err *err)
{
    CLEANUP(wire_enroll_request_fini) struct wire_enroll_request request = {0};
    json_t *report = NULL;
    if (field_need_protocol(json, err) < 0 ||
        field_need_checked(json, "runner_id", parse_runner_id, request.runner_id,
                           sizeof request.runner_id, err) < 0 ||
        field_need_checked(json, "zone", parse_zone, request.zone, sizeof request.zone, err) <
            0 ||
        need_roles(json, &request.roles, err) < 0 ||
        wire_tags_from_json(json_object_get(json, "tags"), "tags", &request.tags, err) < 0 ||
        field_need_copy(json, "public_key", WIRE_PUBLIC_KEY_MAX, &request.public_key_pem, err) <
            0 ||
        field_need_copy(json, "assertion", WIRE_JWT_MAX, &request.assertion, err) < 0 ||
        json_need_object(json, "", "report", &report, err) < 0 ||
        report_from_json(report, "report", &request.report, err) < 0) {
        return -1;
    }
    *ret = request;
    request = (struct wire_enroll_request){0};
    return 0;
}

void wire_enroll_request_fini(struct wire_enroll_request *request)
{
    wire_tags_fini(&request->tags);
    free(request->public_key_pem);
    request->public_key_pem = NULL;
    free(request->assertion);
    request->assertion = NULL;
    report_fini(&request->report);
}

json_t *wire_enroll_reply_to_json(const struct wire_enroll_reply *reply)
{
    json_t *json =
        json_pack("{s:i, s:s, s:s, s:s, s:o, s:o, s:s, s:I}", "protocol", WIRE_PROTOCOL,
                  "installation_id", reply->installation_id, "runner_id", reply->runner_id,
                  "zone", reply->zone, "roles", roles_to_json(reply->roles), "coordinators",
                  field_from_endpoints(&reply->coordinators), "access_token",
                  reply->access_token, "expires_in", (json_int_t)reply->expires_in_s);
    if (json != NULL && wire_pace_to_json(&reply->pace, json) < 0) {
        json_decref(json);
        return NULL;
    }
    return json;
}

int wire_enroll_reply_from_json(const json_t *json, struct wire_enroll_reply *ret,
                                struct err *err)
{
    CLEANUP(wire_enroll_reply_fini) struct wire_enroll_reply reply = {0};
    if (field_need_protocol(json, err) < 0 ||
        field_need_checked(json, "installation_id", field_check_installation_id,
                           reply.installation_id, sizeof reply.installation_id, err) < 0 ||
        field_need_checked(json, "runner_id", parse_runner_id, reply.runner_id,
                           sizeof reply.runner_id, err) < 0 ||
        field_need_checked(json, "zone", parse_zone, reply.zone, sizeof reply.zone, err) < 0 ||
        need_roles(json, &reply.roles, err) < 0 ||
        field_want_endpoints(json, "", "coordinators", &reply.coordinators, err) < 0 ||
        field_need_copy(json, "access_token", WIRE_JWT_MAX, &reply.access_token, err) < 0 ||
        field_need_range(json, "expires_in", 1, WIRE_ACCESS_TOKEN_LIFE_MAX_S,
                         &reply.expires_in_s, err) < 0 ||
        wire_pace_from_json(json, &reply.pace, err) < 0) {
        return -1;
    }
    *ret = reply;
    reply = (struct wire_enroll_reply){0};
    return 0;
}

void wire_enroll_reply_fini(struct wire_enroll_reply *reply)
{
    secret_free_text(reply->access_token);
    reply->access_token = NULL;
}
