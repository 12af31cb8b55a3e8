/* SPDX-License-Identifier: Apache-2.0 */
/* See fake_coordinator.h. Registers in memory, signs nothing but roles tokens, and is strict.
 */
#include "tests/support/fake_coordinator.h"

#include "common/codec/jwt_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { CLOCK_TOLERANCE_S = 60 };

static int64_t now_s(const struct fake_coordinator *coordinator)
{
    return (coordinator->offset_ms + (int64_t)clock_monotonic_ms(coordinator->clock)) / 1000;
}

void fake_coordinator_init(struct fake_coordinator *coordinator, const struct clock *clock)
{
    struct err err = {0};
    struct secret ca_key = {0};
    struct x509_ca ca;
    *coordinator = (struct fake_coordinator){
        .clock = clock,
        .offset_ms = clock_wall_ms(clock) - (int64_t)clock_monotonic_ms(clock),
        .pace = {.interval_ms = 10000, .lease_ms = 30000, .spread_ms = 1},
        .access_life_s = 900,
    };
    assert_int_equal(x509_make_ca(FAKE_INSTALLATION, now_s(coordinator), 3650,
                                  &coordinator->ca_pem, &ca_key, &err),
                     0);
    secret_fini(&ca_key);
    assert_int_equal(x509_read_ca(coordinator->ca_pem, strlen(coordinator->ca_pem), &ca, &err),
                     0);
    memcpy(coordinator->ca_sha256, ca.sha256, sizeof ca.sha256);
    assert_int_equal(
        secret_copy(&coordinator->token_key, "0123456789abcdef0123456789abcdef", 32, &err), 0);
}

void fake_coordinator_fini(struct fake_coordinator *coordinator)
{
    fake_coordinator_heal(coordinator);
    for (size_t i = 0; i < coordinator->n_runners; i++) {
        free(coordinator->runners[i].public_key_pem);
    }
    free(coordinator->runners);
    free(coordinator->ca_pem);
    secret_fini(&coordinator->token_key);
}

char *fake_coordinator_token(const struct fake_coordinator *coordinator, const char *id)
{
    struct err err = {0};
    char *text = NULL;
    json_t *claims = json_pack("{s:s,s:[s,s,s,s],s:s,s:b,s:s}", "sub", id, "roles", "director",
                               "coordinator", "proxy", "allocator", "iss", "current",
                               "persistent", 1, "ca_sha256", coordinator->ca_sha256);
    assert_int_equal(jwt_sign_hs256(claims, &coordinator->token_key, &text, &err), 0);
    json_decref(claims);
    return text;
}

static struct fake_runner *find(const struct fake_coordinator *coordinator,
                                const char *runner_id)
{
    for (size_t i = 0; i < coordinator->n_runners; i++) {
        if (strcmp(coordinator->runners[i].runner_id, runner_id) == 0) {
            return &coordinator->runners[i];
        }
    }
    return NULL;
}

struct fake_runner *fake_coordinator_runner(const struct fake_coordinator *coordinator,
                                            const char *runner_id)
{
    struct fake_runner *runner = find(coordinator, runner_id);
    if (runner == NULL) {
        fail_msg("%s never enrolled", runner_id);
    }
    return runner;
}

/* --- the routes -------------------------------------------------------------------------- */

static struct fake_answer give_ca(const struct fake_coordinator *coordinator)
{
    return fake_json(json_pack("{s:i,s:s,s:s}", "protocol", 1, "installation_id",
                               FAKE_INSTALLATION, "ca_certificate", coordinator->ca_pem));
}

/* [AC-2]: false when only its time is wrong. */
static bool check_assertion(const struct fake_coordinator *coordinator, const char *text,
                            const char *public_key_pem, const char *runner_id)
{
    struct err err = {0};
    struct jwt_verified jwt = {0};
    if (coordinator->believes_assertions) {
        return true;
    }
    if (jwt_verify_es256(text, strlen(text), public_key_pem, &jwt, NULL, &err) < 0) {
        fail_msg("the assertion of %s: %s", runner_id, err.message);
    }
    const char *sub = json_string_value(json_object_get(jwt.claims, "sub"));
    const char *aud = json_string_value(json_object_get(jwt.claims, "aud"));
    int64_t iat = json_integer_value(json_object_get(jwt.claims, "iat"));
    assert_non_null(sub);
    assert_string_equal(sub, runner_id);
    assert_non_null(aud);
    assert_string_equal(aud, FAKE_INSTALLATION);
    jwt_verified_fini(&jwt);
    return llabs(iat - now_s(coordinator)) <= CLOCK_TOLERANCE_S;
}

static void grant(struct fake_coordinator *coordinator, struct fake_runner *runner)
{
    runner->n_granted++;
    (void)snprintf(runner->access, sizeof runner->access, "access.token.%u",
                   ++coordinator->n_granted);
    runner->access_ends_ms =
        clock_monotonic_ms(coordinator->clock) + (uint64_t)coordinator->access_life_s * 1000;
}

static struct fake_runner *registration(struct fake_coordinator *coordinator,
                                        struct wire_enroll_request *request)
{
    struct fake_runner *runner = find(coordinator, request->runner_id);
    if (runner == NULL) {
        size_t size = (coordinator->n_runners + 1) * sizeof *runner;
        coordinator->runners = realloc(coordinator->runners, size);
        assert_non_null(coordinator->runners);
        runner = &coordinator->runners[coordinator->n_runners++];
        *runner = (struct fake_runner){0};
        memcpy(runner->runner_id, request->runner_id, sizeof runner->runner_id);
    }
    free(runner->public_key_pem);
    runner->public_key_pem = request->public_key_pem;
    request->public_key_pem = NULL;
    runner->is_removed = false;
    runner->n_enrolled++;
    return runner;
}

static struct fake_answer enroll(struct fake_coordinator *coordinator,
                                 const struct fake_request *asked)
{
    struct err err = {0};
    struct jwt_verified token = {0};
    struct wire_enroll_request request = {0};
    if (jwt_verify_hs256(asked->bearer, strlen(asked->bearer), &coordinator->token_key, &token,
                         NULL, &err) < 0) {
        return fake_refusal(401, WIRE_E_TOKEN_INVALID);
    }
    jwt_verified_fini(&token);
    if (wire_enroll_request_from_json(asked->body, &request, &err) < 0) {
        fail_msg("enroll: %s", err.message);
    }
    if (!check_assertion(coordinator, request.assertion, request.public_key_pem,
                         request.runner_id)) {
        wire_enroll_request_fini(&request);
        return fake_refusal(400, WIRE_E_ASSERTION_TIME);
    }
    struct fake_runner *runner = registration(coordinator, &request);
    grant(coordinator, runner);
    struct wire_enroll_reply reply = {
        .roles = request.roles,
        .coordinators = coordinator->steering.coordinators,
        .access_token = runner->access,
        .expires_in_s = coordinator->access_life_s,
        .pace = coordinator->pace,
    };
    (void)snprintf(reply.installation_id, sizeof reply.installation_id, FAKE_INSTALLATION);
    memcpy(reply.runner_id, request.runner_id, sizeof reply.runner_id);
    memcpy(reply.zone, request.zone, sizeof reply.zone);
    wire_enroll_request_fini(&request);
    return fake_json(wire_enroll_reply_to_json(&reply));
}

/* Whose assertion it is stands in it; nothing is believed before it is verified. */
static struct fake_runner *asserter(const struct fake_coordinator *coordinator,
                                    const char *text)
{
    struct err err = {0};
    struct jwt_unverified jwt = {0};
    assert_int_equal(jwt_peek(text, strlen(text), JWT_ES256, &jwt, NULL, &err), 0);
    const char *sub = json_string_value(json_object_get(jwt.claims, "sub"));
    assert_non_null(sub);
    struct fake_runner *runner = find(coordinator, sub);
    jwt_unverified_fini(&jwt);
    return runner;
}

static struct fake_answer give_access(struct fake_coordinator *coordinator,
                                      const struct fake_request *asked)
{
    struct err err = {0};
    struct wire_token_request request = {0};
    if (wire_token_request_from_json(asked->body, &request, &err) < 0) {
        fail_msg("token: %s", err.message);
    }
    struct fake_runner *runner = asserter(coordinator, request.assertion);
    bool is_known = runner != NULL && !runner->is_removed;
    bool is_in_time = is_known && check_assertion(coordinator, request.assertion,
                                                  runner->public_key_pem, runner->runner_id);
    wire_token_request_fini(&request);
    if (!is_known) {
        return fake_refusal(403, WIRE_E_RUNNER_UNKNOWN);
    }
    if (!is_in_time) {
        return fake_refusal(400, WIRE_E_ASSERTION_TIME);
    }
    grant(coordinator, runner);
    struct wire_token_reply reply = {.access_token = runner->access,
                                     .expires_in_s = coordinator->access_life_s};
    return fake_json(wire_token_reply_to_json(&reply));
}

/* [AC-4]; NULL = 401. */
static struct fake_runner *bearer(const struct fake_coordinator *coordinator,
                                  const struct fake_request *asked)
{
    uint64_t now_ms = clock_monotonic_ms(coordinator->clock);
    for (size_t i = 0; i < coordinator->n_runners; i++) {
        struct fake_runner *runner = &coordinator->runners[i];
        if (strcmp(runner->access, asked->bearer) == 0) {
            bool is_good = !runner->is_removed && now_ms < runner->access_ends_ms;
            return is_good ? runner : NULL;
        }
    }
    return NULL;
}

/* [HB-1]: one further, or the last one again. */
static void take_beat(struct fake_runner *runner, const struct wire_beat *beat)
{
    if (strcmp(runner->session, beat->session) != 0) {
        memcpy(runner->session, beat->session, sizeof runner->session);
        runner->has_report = false;
    } else if (beat->seq != runner->seq && beat->seq != runner->seq + 1) {
        fail_msg("beat %u of %s follows beat %u", (unsigned)beat->seq, runner->runner_id,
                 (unsigned)runner->seq);
    }
    runner->seq = beat->seq;
    runner->n_beats++;
    if (beat->has_report) {
        runner->report = beat->report;
        runner->report.instances = NULL;
        runner->has_report = true;
    }
}

static struct fake_answer beat(struct fake_coordinator *coordinator,
                               const struct fake_request *asked)
{
    struct err err = {0};
    struct wire_beat beat = {0};
    struct fake_runner *runner = bearer(coordinator, asked);
    if (runner == NULL) {
        return fake_refusal(401, WIRE_E_ACCESS_TOKEN);
    }
    if (wire_beat_from_json(asked->body, &beat, &err) < 0) {
        fail_msg("heartbeat: %s", err.message);
    }
    take_beat(runner, &beat);
    struct wire_beat_reply reply = {
        .pace = coordinator->pace,
        .need_report = !runner->has_report || coordinator->asks_for_report,
        .has_steering = beat.steering != coordinator->steering.revision,
        .steering = coordinator->steering,
        .has_conflict = coordinator->conflict_host_ip != NULL,
    };
    if (reply.has_conflict) {
        (void)snprintf(reply.conflict_host_ip, sizeof reply.conflict_host_ip, "%s",
                       coordinator->conflict_host_ip);
    }
    coordinator->asks_for_report = false;
    wire_beat_fini(&beat);
    return fake_json(wire_beat_reply_to_json(&reply));
}

static struct fake_answer goodbye(struct fake_coordinator *coordinator,
                                  const struct fake_request *asked)
{
    struct err err = {0};
    char session[WIRE_SESSION_BYTES];
    struct fake_runner *runner = bearer(coordinator, asked);
    if (runner == NULL) {
        return fake_refusal(401, WIRE_E_ACCESS_TOKEN);
    }
    assert_int_equal(wire_goodbye_from_json(asked->body, session, &err), 0);
    assert_string_equal(session, runner->session); /* [LV-5] */
    runner->n_goodbyes++;
    return fake_json(json_object());
}

/* [TR-1] [TR-3] [TK-4]: what may go over which line. */
static void check_line(const struct fake_coordinator *coordinator,
                       const struct fake_request *request)
{
    if (request->trust != HTTP_TRUST_CA) {
        assert_string_equal(request->path, WIRE_PATH_CA);
        assert_string_equal(request->method, "GET");
        assert_null(request->bearer);
        assert_null(request->body);
        return;
    }
    static const char name[] = "https://" FAKE_INSTALLATION ".ece.internal:";
    assert_string_equal(request->ca_pem, coordinator->ca_pem);
    assert_int_equal(strncmp(request->url, name, sizeof name - 1), 0);
    assert_string_equal(request->method, "POST");
    bool needs_none = strcmp(request->path, WIRE_PATH_TOKEN) == 0;
    assert_true((request->bearer == NULL) == needs_none);
}

static struct fake_answer serve(struct fake_coordinator *coordinator,
                                const struct fake_request *request)
{
    static const struct {
        const char *path;
        struct fake_answer (*serve)(struct fake_coordinator *coordinator,
                                    const struct fake_request *request);
    } routes[] = {
        {WIRE_PATH_ENROLL, enroll},
        {WIRE_PATH_TOKEN, give_access},
        {WIRE_PATH_HEARTBEAT, beat},
        {WIRE_PATH_GOODBYE, goodbye},
    };

    for (size_t i = 0; i < ARRAY_LEN(routes); i++) {
        if (strcmp(request->path, routes[i].path) == 0) {
            return routes[i].serve(coordinator, request);
        }
    }
    assert_string_equal(request->path, WIRE_PATH_CA);
    return give_ca(coordinator);
}

/* --- faults ------------------------------------------------------------------------------ */

static struct fake_fault *next_fault(struct fake_coordinator *coordinator, const char *path)
{
    for (size_t i = 0; i < coordinator->n_faults; i++) {
        if (strcmp(coordinator->faults[i].path, path) == 0) {
            return &coordinator->faults[i];
        }
    }
    return NULL;
}

static struct fake_answer use_fault(struct fake_coordinator *coordinator,
                                    struct fake_fault *fault)
{
    struct fake_answer answer = fault->answer;
    if (--fault->times > 0) {
        answer.json = json_incref(answer.json);
        return answer;
    }
    struct fake_fault *end = &coordinator->faults[coordinator->n_faults--];
    memmove(fault, fault + 1, (size_t)(end - fault - 1) * sizeof *fault);
    return answer;
}

struct fake_answer fake_coordinator_answer(struct fake_coordinator *coordinator,
                                           const struct fake_request *request)
{
    check_line(coordinator, request);
    struct fake_fault *fault = next_fault(coordinator, request->path);
    struct fake_answer answer = {0};
    if (fault == NULL || fault->kind != FAKE_FAULT_REPLACE) {
        answer = serve(coordinator, request);
    }
    if (fault != NULL && fault->kind == FAKE_FAULT_DELAY) {
        answer.delay_ms = use_fault(coordinator, fault).delay_ms;
    } else if (fault != NULL) {
        json_decref(answer.json);
        answer = use_fault(coordinator, fault);
    }
    answer.date_s = now_s(coordinator);
    return answer;
}

void fake_coordinator_add_fault(struct fake_coordinator *coordinator, struct fake_fault fault)
{
    assert_true(coordinator->n_faults < FAKE_FAULTS_MAX);
    coordinator->faults[coordinator->n_faults++] = fault;
}

void fake_coordinator_heal(struct fake_coordinator *coordinator)
{
    while (coordinator->n_faults > 0) {
        json_decref(coordinator->faults[--coordinator->n_faults].answer.json);
    }
}
