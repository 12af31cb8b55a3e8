/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the enrolment, sends it, classifies the answer. Neither makes the key nor stores the
 * identity: agent_join.c does. */
#include "agent/join/enroll.h"

#include "agent/link/assertion.h"
#include "common/codec/keys.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void on_reply(const struct uplink_reply *reply, void *userdata)
{
    struct enroll *enroll = userdata;
    struct enroll_result result = {
        .outcome = reply->outcome == UPLINK_REFUSED ? ENROLL_REFUSED : ENROLL_FAILED,
        .retry_after_s = reply->retry_after_s,
        .error = reply->error,
    };
    struct wire_enroll_reply wire = {0};
    if (reply->outcome == UPLINK_OK) {
        if (wire_enroll_reply_from_json(reply->body, &wire, &result.error) == 0) {
            result.outcome = ENROLL_ACCEPTED;
            result.reply = &wire;
        } else {
            (void)err_wrap(&result.error, "read the answer to the enrolment");
            uplink_next_endpoint(enroll->uplink);
        }
    }
    enroll->done(&result, enroll->userdata);
    wire_enroll_reply_fini(&wire);
}

static int build(const struct uplink *uplink, const struct enroll_spec *spec,
                 struct wire_enroll_request *request, struct err *err)
{
    struct assertion_spec assertion = {.runner_id = spec->runner_id,
                                       .installation_id = spec->installation_id,
                                       .private_key_pem = spec->private_key_pem,
                                       .coordinator_time_s = uplink_time_ms(uplink) / 1000};
    (void)snprintf(request->runner_id, sizeof request->runner_id, "%s", spec->runner_id);
    (void)snprintf(request->zone, sizeof request->zone, "%s", spec->zone);
    request->roles = spec->roles;
    if (wire_tags_copy(spec->tags, &request->tags, err) < 0 ||
        report_copy(spec->report, &request->report, err) < 0 ||
        keys_public_of(spec->private_key_pem, &request->public_key_pem, err) < 0 ||
        assertion_make(&assertion, spec->rng, &request->assertion, err) < 0) {
        return -1;
    }
    return 0;
}

int enroll_send(struct enroll *enroll, struct uplink *uplink, const struct enroll_spec *spec,
                enroll_done_fn *done, void *userdata, struct err *err)
{
    struct wire_enroll_request request = {0};
    json_t *body = NULL;
    int rc = build(uplink, spec, &request, err);
    if (rc == 0) {
        body = wire_enroll_request_to_json(&request);
        rc = body != NULL ? 0 : err_no_memory(err);
    }
    wire_enroll_request_fini(&request);
    if (rc == 0) {
        struct uplink_request sent = {.method = "POST",
                                      .path = WIRE_PATH_ENROLL,
                                      .bearer = spec->token->bytes,
                                      .body = body};
        rc = uplink_send(uplink, &sent, on_reply, enroll, err);
    }
    if (rc < 0) {
        return err_wrap(err, "enrol");
    }
    enroll->uplink = uplink;
    enroll->done = done;
    enroll->userdata = userdata;
    return 0;
}
