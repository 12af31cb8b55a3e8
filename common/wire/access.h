/* SPDX-License-Identifier: Apache-2.0 */
/* The messages that buy an access token with an assertion. docs/protocol.md, AC. */
#ifndef WIRE_ACCESS_H
#define WIRE_ACCESS_H

#include "common/base/err.h"

#include <jansson.h>
#include <stdint.h>

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

#endif
