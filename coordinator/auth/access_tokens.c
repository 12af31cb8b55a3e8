/* SPDX-License-Identifier: Apache-2.0 */
/* Access tokens: claims on the way out and in. The key and all else belong to the
 * installation. */
#include "coordinator/auth/access_tokens.h"

#include <string.h>

#include "common/codec/json.h"
#include "common/codec/jwt_text.h"

int access_tokens_mint(const struct access_tokens *tokens,
                       const struct access_token_claims *claims, int64_t now_s, char **ret_text,
                       struct err *err)
{
    int64_t expires_at_s = now_s + ACCESS_TOKEN_LIFE_S;
    auto_json *json = json_pack("{s:s, s:s, s:s, s:I, s:I}", "iss", tokens->installation_id,
                                "sub", claims->runner_id, "key", claims->thumbprint, "iat",
                                (json_int_t)now_s, "exp", (json_int_t)expires_at_s);
    if (json == NULL) {
        return err_no_memory(err);
    }
    if (jwt_sign_hs256(json, tokens->key, ret_text, err) < 0) {
        return err_wrap(err, "sign an access token");
    }
    return 0;
}

static int read_claims(const struct access_tokens *tokens, const json_t *json, int64_t now_s,
                       struct access_token_claims *ret, struct err *err)
{
    const char *issuer = NULL;
    const char *runner_id = NULL;
    const char *thumbprint = NULL;
    uint64_t expires_at_s = 0;
    if (json_need_text(json, "", "iss", 64, &issuer, err) < 0 ||
        json_need_text(json, "", "sub", WIRE_RUNNER_ID_BYTES - 1, &runner_id, err) < 0 ||
        json_need_text(json, "", "key", KEYS_SHA256_HEX_BYTES - 1, &thumbprint, err) < 0 ||
        json_need_u64(json, "", "exp", INT64_MAX, &expires_at_s, err) < 0) {
        return -1;
    }
    if (strcmp(issuer, tokens->installation_id) != 0) {
        return err_set(err, ERR_INVALID, "iss: another installation: \"%s\"", issuer);
    }
    if ((int64_t)expires_at_s <= now_s) {
        return err_set(err, ERR_TIMEOUT, "it expired %lld s ago",
                       (long long)(now_s - (int64_t)expires_at_s));
    }
    ret->expires_at_s = (int64_t)expires_at_s;
    memcpy(ret->runner_id, runner_id, strlen(runner_id) + 1);
    memcpy(ret->thumbprint, thumbprint, strlen(thumbprint) + 1);
    return 0;
}

int access_tokens_verify(const struct access_tokens *tokens, const char *text, size_t len,
                         int64_t now_s, struct access_token_claims *ret, struct err *err)
{
    struct jwt_verified jwt = {0};
    if (jwt_verify_hs256(text, len, tokens->key, &jwt, NULL, err) < 0) {
        return err_wrap(err, "check the access token");
    }
    struct access_token_claims claims = {0};
    int result = read_claims(tokens, jwt.claims, now_s, &claims, err);
    jwt_verified_fini(&jwt);
    if (result < 0) {
        return err_wrap(err, "check the access token");
    }
    *ret = claims;
    return 0;
}
