/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the claims of [AC-2] and has them signed; keeps nothing. */
#include "agent/link/assertion.h"

#include "common/codec/json.h"
#include "common/codec/jwt_text.h"
#include "common/wire/messages.h"

enum { JTI_BYTES = 16 };

int assertion_make(const char *runner_id, const char *installation_id,
                   const struct secret *private_pem, int64_t coordinator_time_s,
                   const struct rng *rng, char **ret, struct err *err)
{
    char jti[2 * JTI_BYTES + 1];
    rng_hex(rng, JTI_BYTES, jti);
    auto_json *claims =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "iss", runner_id, "sub", runner_id, "aud",
                  installation_id, "iat", (json_int_t)coordinator_time_s, "exp",
                  (json_int_t)(coordinator_time_s + WIRE_ASSERTION_LIFE_S), "jti", jti);
    if (claims == NULL) {
        return err_no_memory(err);
    }
    return jwt_sign_es256(claims, private_pem, ret, err) < 0
               ? err_wrap(err, "prove possession of the host key")
               : 0;
}
