/* SPDX-License-Identifier: Apache-2.0 */
/* The exchange of an assertion for an access token (RFC 7523, its parameters as JSON) between
 * JSON and structs. */
#include "common/wire/access.h"

#include "common/base/secret.h"
#include "common/codec/json.h"
#include "common/wire/fields.h"
#include "common/wire/protocol.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NAME_MAX_BYTES = 128 };

json_t *wire_token_request_to_json(const struct wire_token_request *request)
{
    return json_pack("{s:s, s:s}", "grant_type", WIRE_GRANT_JWT_BEARER, "assertion",
                     request->assertion);
}

int wire_token_request_from_json(const json_t *json, struct wire_token_request *ret,
                                 struct err *err)
{
    const char *grant = NULL;
    struct wire_token_request request = {0};
    if (json_need_text(json, "", "grant_type", NAME_MAX_BYTES, &grant, err) < 0) {
        return -1;
    }
    if (strcmp(grant, WIRE_GRANT_JWT_BEARER) != 0) {
        return err_set(err, ERR_INVALID, "grant_type: must be " WIRE_GRANT_JWT_BEARER);
    }
    if (field_need_copy(json, "assertion", WIRE_JWT_MAX, &request.assertion, err) < 0) {
        return -1;
    }
    *ret = request;
    return 0;
}

void wire_token_request_fini(struct wire_token_request *request)
{
    free(request->assertion);
    request->assertion = NULL;
}

json_t *wire_token_reply_to_json(const struct wire_token_reply *reply)
{
    return json_pack("{s:s, s:s, s:I}", "access_token", reply->access_token, "token_type",
                     "Bearer", "expires_in", (json_int_t)reply->expires_in_s);
}

int wire_token_reply_from_json(const json_t *json, struct wire_token_reply *ret,
                               struct err *err)
{
    const char *type = NULL;
    CLEANUP(wire_token_reply_fini) struct wire_token_reply reply = {0};
    if (json_need_text(json, "", "token_type", NAME_MAX_BYTES, &type, err) < 0) {
        return -1;
    }
    if (strcasecmp(type, "Bearer") != 0) { /* RFC 6749, 5.1: in any case */
        return err_set(err, ERR_INVALID, "token_type: must be Bearer");
    }
    if (field_need_copy(json, "access_token", WIRE_JWT_MAX, &reply.access_token, err) < 0 ||
        field_need_range(json, "expires_in", 1, WIRE_ACCESS_TOKEN_LIFE_MAX_S,
                         &reply.expires_in_s, err) < 0) {
        return -1;
    }
    *ret = reply;
    reply = (struct wire_token_reply){0};
    return 0;
}

void wire_token_reply_fini(struct wire_token_reply *reply)
{
    secret_free_text(reply->access_token);
    reply->access_token = NULL;
}
