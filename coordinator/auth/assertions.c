/* SPDX-License-Identifier: Apache-2.0 */
/* Assertions of hosts: signature, then who, then when, then once. Nothing is remembered of
 * one that fails before. */
#include "coordinator/auth/assertions.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/codec/json.h"
#include "common/codec/jwt_text.h"
#include "common/wire/messages.h"

enum { JTI_MAX = 128 };

struct claims {
    int64_t issued_at_s;
    int64_t expires_at_s;
    const char *jti; /* borrowed from the token */
};

static int need_equal(const json_t *json, const char *key, const char *expected,
                      struct err *err)
{
    const char *value = NULL;
    if (json_need_text(json, "", key, WIRE_RUNNER_ID_BYTES, &value, err) < 0) {
        return -1;
    }
    if (strcmp(value, expected) != 0) {
        return err_set(err, ERR_INVALID, "%s: must be \"%s\", not \"%s\"", key, expected,
                       value);
    }
    return 0;
}

/* Wall times are positive and far from overflow. */
static int need_time(const json_t *json, const char *key, int64_t *ret, struct err *err)
{
    uint64_t value = 0;
    if (json_need_u64(json, "", key, INT64_MAX / 2, &value, err) < 0) {
        return -1;
    }
    *ret = (int64_t)value;
    return 0;
}

static int read_claims(const json_t *json, const struct assertion_expected *expected,
                       struct claims *ret, struct err *err)
{
    if (need_equal(json, "iss", expected->runner_id, err) < 0 ||
        need_equal(json, "sub", expected->runner_id, err) < 0 ||
        need_equal(json, "aud", expected->installation_id, err) < 0 ||
        need_time(json, "iat", &ret->issued_at_s, err) < 0 ||
        need_time(json, "exp", &ret->expires_at_s, err) < 0 ||
        json_need_text(json, "", "jti", JTI_MAX, &ret->jti, err) < 0) {
        return -1;
    }
    if (ret->jti[0] == '\0') {
        return err_set(err, ERR_INVALID, "jti: must not be empty");
    }
    int64_t life_s = ret->expires_at_s - ret->issued_at_s;
    if (life_s <= 0 || life_s > WIRE_ASSERTION_LIFE_S) {
        return err_set(err, ERR_INVALID, "exp: must be 1 to %d s after iat, not %lld",
                       WIRE_ASSERTION_LIFE_S, (long long)life_s);
    }
    return 0;
}

static bool is_current(const struct claims *claims, int64_t now_s, struct err *err)
{
    if (claims->issued_at_s > now_s + ASSERTION_LEEWAY_S) {
        (void)err_set(err, ERR_REFUSED,
                      "the assertion was made %lld s in the future of the coordinator's clock: "
                      "check the clocks of both hosts",
                      (long long)(claims->issued_at_s - now_s));
        return false;
    }
    if (claims->expires_at_s + ASSERTION_LEEWAY_S <= now_s) {
        (void)err_set(err, ERR_REFUSED,
                      "the assertion expired %lld s ago by the coordinator's clock: check the "
                      "clocks of both hosts",
                      (long long)(now_s - claims->expires_at_s));
        return false;
    }
    return true;
}

/* A jti is a host's own: two hosts may use the same. */
static enum assertion_verdict use_once(const struct assertion_expected *expected,
                                       const char *jti, struct replay *replay, struct err *err)
{
    char name[WIRE_RUNNER_ID_BYTES + JTI_MAX + 2];
    int len = snprintf(name, sizeof(name), "%s\n%s", expected->runner_id, jti);
    bool is_used = expected->elsewhere != NULL &&
                   replay_has(expected->elsewhere, name, (size_t)len, expected->now_ms);
    switch (is_used ? REPLAY_SEEN : replay_use(replay, name, (size_t)len, expected->now_ms)) {
    case REPLAY_FRESH:
        return ASSERTION_OK;
    case REPLAY_SEEN:
        (void)err_set(err, ERR_REFUSED,
                      "the assertion was used before: each request needs a new one");
        return ASSERTION_REPLAYED;
    case REPLAY_FULL:
        break;
    }
    (void)err_set(err, ERR_BUSY, "too many hosts ask at once: try again in some seconds");
    return ASSERTION_BUSY;
}

enum assertion_verdict assertion_verify(const char *text, size_t len,
                                        const struct assertion_expected *expected,
                                        struct replay *replay, struct err *ret_why)
{
    struct jwt_verified jwt = {0};
    struct claims claims = {0};
    enum assertion_verdict verdict = ASSERTION_INVALID;
    if (jwt_verify_es256(text, len, expected->public_key_pem, &jwt, NULL, ret_why) < 0 ||
        read_claims(jwt.claims, expected, &claims, ret_why) < 0) {
        (void)err_wrap(ret_why, "check the host's assertion");
    } else if (!is_current(&claims, expected->now_s, ret_why)) {
        verdict = ASSERTION_TIME;
    } else {
        verdict = use_once(expected, claims.jti, replay, ret_why);
    }
    jwt_verified_fini(&jwt);
    return verdict;
}
