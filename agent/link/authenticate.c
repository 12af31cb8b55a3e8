/* SPDX-License-Identifier: Apache-2.0 */
/* One assertion out, one access token in. Keeps neither. */
#include "agent/link/authenticate.h"

#include "agent/link/assertion.h"

#include <string.h>

static enum authenticate_outcome classify(const struct uplink_reply *reply)
{
    if (reply->outcome != UPLINK_REFUSED) {
        return AUTHENTICATE_FAILED;
    }
    if (strcmp(reply->refusal.code, WIRE_E_ASSERTION_TIME) == 0) {
        return AUTHENTICATE_TIME;
    }
    return strcmp(reply->refusal.code, WIRE_E_RUNNER_UNKNOWN) == 0 ? AUTHENTICATE_UNKNOWN
                                                                   : AUTHENTICATE_FAILED;
}

static void on_reply(const struct uplink_reply *reply, void *userdata)
{
    struct authenticate *authenticate = userdata;
    struct authenticate_result result = {.outcome = classify(reply),
                                         .retry_after_s = reply->retry_after_s,
                                         .error = reply->error};
    struct wire_token_reply wire = {0};
    if (reply->outcome == UPLINK_OK) {
        if (wire_token_reply_from_json(reply->body, &wire, &result.error) == 0) {
            result.outcome = AUTHENTICATE_GRANTED;
            result.access_token = wire.access_token;
            result.expires_in_s = wire.expires_in_s;
        } else {
            (void)err_wrap(&result.error, "read the access token");
        }
    }
    if (reply->outcome != UPLINK_UNAVAILABLE && result.outcome == AUTHENTICATE_FAILED) {
        uplink_next_endpoint(
            authenticate->uplink); /* it answers, but not as it should: ask another */
    }
    authenticate->done(&result, authenticate->userdata);
    wire_token_reply_fini(&wire);
}

int authenticate_send(struct authenticate *authenticate, struct uplink *uplink,
                      const struct authenticate_spec *spec, authenticate_done_fn *done,
                      void *userdata, struct err *err)
{
    struct wire_token_request request = {0};
    struct assertion_spec assertion = {.runner_id = spec->runner_id,
                                       .installation_id = spec->installation_id,
                                       .private_key_pem = spec->private_key_pem,
                                       .coordinator_time_s = uplink_time_ms(uplink) / 1000};
    if (assertion_make(&assertion, spec->rng, &request.assertion, err) < 0) {
        return -1;
    }
    json_t *body = wire_token_request_to_json(&request);
    wire_token_request_fini(&request);
    if (body == NULL) {
        return err_no_memory(err);
    }
    struct uplink_request sent = {.method = "POST",
                                  .path = WIRE_PATH_TOKEN,
                                  .body = body,
                                  .total_timeout_ms = spec->total_timeout_ms};
    if (uplink_send(uplink, &sent, on_reply, authenticate, err) < 0) {
        return err_wrap(err, "authenticate");
    }
    authenticate->uplink = uplink;
    authenticate->done = done;
    authenticate->userdata = userdata;
    return 0;
}
