/* SPDX-License-Identifier: Apache-2.0 */
/* A host at the coordinator's routes: its key, its assertions, and the requests it makes. */
#ifndef TESTS_SUPPORT_HANDLER_HOST_H
#define TESTS_SUPPORT_HANDLER_HOST_H

#include "common/codec/keys.h"
#include "tests/support/handler_harness.h"
#include "tests/support/wire_samples.h"

#define ALLOCATOR_TOKEN "{\"persistent\":true,\"roles\":[\"allocator\"]}"
#define FULL_TOKEN                                                                             \
    "{\"persistent\":true,\"roles\":[\"allocator\",\"proxy\",\"director\",\"coordinator\"]}"

struct handler_host {
    const char *id; /* borrowed */
    struct secret key;
    char *public_pem;
    unsigned n_assertions;
    char *access_token; /* of the last enrolment or token request; NULL = none */
};

static inline void host_init(struct handler_host *host, const char *id)
{
    struct err err;
    *host = (struct handler_host){.id = id};
    assert_int_equal(keys_generate(&host->key, &host->public_pem, &err), 0);
}

static inline void host_fini(struct handler_host *host)
{
    secret_fini(&host->key);
    free(host->public_pem);
    secret_free_text(host->access_token);
}

/* [AC-2], by a clock that is @ahead_s ahead of the coordinator's. malloc'd. */
static inline char *host_assertion(const struct handler_harness *harness,
                                   struct handler_host *host, int64_t ahead_s)
{
    char jti[80];
    char *text = NULL;
    struct err err;
    int64_t now_s = clock_wall_s(&harness->base->clock.clock) + ahead_s;
    (void)snprintf(jti, sizeof jti, "%p-%u", (void *)host, host->n_assertions++);
    auto_json *claims =
        json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "iss", host->id, "sub", host->id, "aud",
                  harness->installation->id, "iat", (json_int_t)now_s, "exp",
                  (json_int_t)(now_s + WIRE_ASSERTION_LIFE_S), "jti", jti);
    assert_int_equal(jwt_sign_es256(claims, &host->key, &text, &err), 0);
    return text;
}

static inline void host_keep_access_token_(const struct handler_harness *harness,
                                           struct handler_host *host)
{
    secret_free_text(host->access_token);
    host->access_token = strdup(json_string_value(json_expect(harness->json, "access_token")));
}

/* A good request to enrol, with a new assertion; owned. @roles is JSON. */
static inline json_t *host_enrolment(const struct handler_harness *harness,
                                     struct handler_host *host, const char *roles)
{
    auto_free char *assertion = host_assertion(harness, host, 0);
    json_t *json =
        json_pack("{s:i, s:s, s:s, s:o, s:{s:s}, s:s, s:s, s:o}", "protocol", 1, "runner_id",
                  host->id, "zone", "ece-zone-1", "roles", json_loads(roles, 0, NULL), "tags",
                  "k", "v", "public_key", host->public_pem, "assertion", assertion, "report",
                  json_loads(WIRE_SAMPLE_REPORT, 0, NULL));
    assert_non_null(json);
    return json;
}

/* Send @json as it is. */
static inline int host_post(struct handler_harness *harness, const char *uri,
                            const char *bearer, const json_t *json)
{
    auto_free char *body = json_compact(json);
    return handler_ask(
        harness,
        &(struct handler_request){
            .method = "POST", .uri = uri, .bearer = bearer, .body = body, .connection = 1});
}

static inline int host_enroll(struct handler_harness *harness, struct handler_host *host,
                              const char *roles, const char *token)
{
    auto_json *json = host_enrolment(harness, host, roles);
    int status = host_post(harness, WIRE_PATH_ENROLL, token, json);
    if (status == 200) {
        host_keep_access_token_(harness, host);
    }
    return status;
}

/* Makes a host that has joined as an allocator. */
static inline void host_join(struct handler_harness *harness, struct handler_host *host,
                             const char *id)
{
    auto_free char *token = handler_make_token(harness, ALLOCATOR_TOKEN);
    host_init(host, id);
    assert_int_equal(host_enroll(harness, host, "[\"allocator\"]", token), 200);
}

/* [AC-1] with this assertion. */
static inline int host_ask_access(struct handler_harness *harness, struct handler_host *host,
                                  const char *assertion)
{
    auto_json *json =
        json_pack("{s:s, s:s}", "grant_type", WIRE_GRANT_JWT_BEARER, "assertion", assertion);
    int status = host_post(harness, WIRE_PATH_TOKEN, NULL, json);
    if (status == 200) {
        host_keep_access_token_(harness, host);
    }
    return status;
}

/* A small beat. */
static inline int host_beat(struct handler_harness *harness, const struct handler_host *host,
                            const char *session, unsigned seq)
{
    auto_json *json = json_pack("{s:i, s:s, s:i, s:i}", "protocol", 1, "session", session,
                                "seq", seq, "steering", 0);
    return host_post(harness, WIRE_PATH_HEARTBEAT, host->access_token, json);
}

#endif
