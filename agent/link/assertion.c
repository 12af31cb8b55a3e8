/* SPDX-License-Identifier: Apache-2.0 */
/* Builds the claims of [AC-2] and has them signed; keeps nothing. */
#include "agent/link/assertion.h"

#include "common/codec/json.h"
#include "common/codec/jwt_text.h"
#include "common/wire/messages.h"

enum { JTI_BYTES = 16 };

int assertion_make(const struct assertion_spec *spec, const struct rng *rng, char **ret,
                   struct err *err)
{
    char jti[2 * JTI_BYTES + 1];
    rng_hex(rng, JTI_BYTES, jti);
    json_int_t issued_at_s = spec->coordinator_time_s;
    json_int_t expires_at_s = issued_at_s + WIRE_ASSERTION_LIFE_S;
    auto_json *claims = json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "iss", spec->runner_id,
                                  "sub", spec->runner_id, "aud", spec->installation_id, "iat",
                                  issued_at_s, "exp", expires_at_s, "jti", jti);
    if (claims == NULL) {
        return err_no_memory(err);
    }
    return jwt_sign_es256(claims, spec->private_key_pem, ret, err) < 0
               ? err_wrap(err, "prove possession of the host key")
               : 0;
}
