/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts that have joined, over HTTP: access tokens, heartbeats, goodbye and leave. What counts
 * as a beat is test_registry_beat.c's. */
#include "tests/support/handler_host.h"
#include "tests/support/json_edit.h"
#include "tests/unit/handlers_cases.h"

static struct handler_harness *harness_of(void **state)
{
    return *state;
}

static int ask_access(struct handler_harness *harness, struct handler_host *host,
                      int64_t ahead_s)
{
    auto_free char *assertion = host_assertion(harness, host, ahead_s);
    return host_ask_access(harness, host, assertion);
}

/* [AC-1], [AC-6] */
static void an_assertion_buys_an_access_token(void **state)
{
    struct handler_harness *harness = harness_of(state);
    CLEANUP(host_fini) struct handler_host host;
    host_join(harness, &host, "h1");
    fake_clock_advance(&harness->base->clock, UINT64_C(2) * 365 * 24 * 3600 * 1000);
    (void)host_beat(harness, &host, SESSION_A, 1);
    handler_expect_error(harness, 401, WIRE_E_ACCESS_TOKEN, "expired");

    (void)ask_access(harness, &host, 0);
    const json_t *json = handler_expect_ok(harness);
    json_expect_count(json, "", 3);
    json_expect_text(json, "token_type", "Bearer");
    json_expect_integer(json, "expires_in", 900);
    assert_int_equal(host_beat(harness, &host, SESSION_A, 1), 200);
}

/* [AC-5] */
static void a_runner_that_is_unknown_is_told_so(void **state)
{
    struct handler_harness *harness = harness_of(state);
    CLEANUP(host_fini) struct handler_host host;
    host_init(&host, "h1");
    (void)ask_access(harness, &host, 0);
    handler_expect_error(harness, 403, WIRE_E_RUNNER_UNKNOWN, "no runner h1");
    handler_expect_error(harness, 403, WIRE_E_RUNNER_UNKNOWN, harness->installation->id);
}

/* [AC-3] */
static void a_wrong_clock_is_said_and_the_next_assertion_taken(void **state)
{
    struct handler_harness *harness = harness_of(state);
    CLEANUP(host_fini) struct handler_host host;
    host_join(harness, &host, "h1");
    (void)ask_access(harness, &host, 3600);
    handler_expect_error(harness, 400, WIRE_E_ASSERTION_TIME, "future");
    (void)ask_access(harness, &host, -3600);
    handler_expect_error(harness, 400, WIRE_E_ASSERTION_TIME, "expired");
    assert_int_equal(ask_access(harness, &host, 0), 200);
}

/* [AC-1], [TP-2] */
static void a_malformed_token_request_is_refused_by_name(void **state)
{
    struct handler_harness *harness = harness_of(state);

    static const struct {
        const char *body;
        const char *code;
        const char *words;
    } cases[] = {
        {"", WIRE_E_REQUEST, "empty"},
        {"grant_type=x", WIRE_E_REQUEST, "JSON"},
        {"[]", WIRE_E_REQUEST, "object"},
        {"{}", WIRE_E_REQUEST, "grant_type"},
        {"{\"grant_type\":\"password\",\"assertion\":\"a.b.c\"}", WIRE_E_REQUEST, "grant_type"},
        {"{\"grant_type\":1}", WIRE_E_REQUEST, "grant_type"},
        {"{\"grant_type\":\"" WIRE_GRANT_JWT_BEARER "\"}", WIRE_E_REQUEST, "assertion"},
        {"{\"grant_type\":\"" WIRE_GRANT_JWT_BEARER "\",\"assertion\":\"\"}", WIRE_E_REQUEST,
         "assertion"},
        {"{\"grant_type\":\"" WIRE_GRANT_JWT_BEARER "\",\"assertion\":[]}", WIRE_E_REQUEST,
         "assertion"},
        {"{\"grant_type\":\"" WIRE_GRANT_JWT_BEARER "\",\"assertion\":\"a.b.c\"}",
         WIRE_E_ASSERTION_INVALID, ""},
        /* {"alg":"ES256"} . {} . AA: no sub */
        {"{\"grant_type\":\"" WIRE_GRANT_JWT_BEARER
         "\",\"assertion\":\"eyJhbGciOiJFUzI1NiJ9.e30.AA\"}",
         WIRE_E_ASSERTION_INVALID, "sub"},
        /* {"alg":"none"} */
        {"{\"grant_type\":\"" WIRE_GRANT_JWT_BEARER
         "\",\"assertion\":\"eyJhbGciOiJub25lIn0.e30.AA\"}",
         WIRE_E_ASSERTION_INVALID, ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        (void)handler_ask(harness, &(struct handler_request){.method = "POST",
                                                             .uri = WIRE_PATH_TOKEN,
                                                             .body = cases[i].body});
        handler_expect_error(harness, 400, cases[i].code, cases[i].words);
    }
}

/* [AC-2], [RT-1]: rather refused for a while than taken twice */
static void a_flood_of_assertions_is_told_to_come_back(void **state)
{
    struct handler_harness *harness = harness_of(state);
    CLEANUP(host_fini) struct handler_host host;
    host_join(harness, &host, "h1"); /* enrolments have a window of their own */
    for (int i = 0; i < HANDLER_REPLAY_WINDOW; i++) {
        assert_int_equal(ask_access(harness, &host, 0), 200);
    }
    (void)ask_access(harness, &host, 0);
    handler_expect_error(harness, 503, "root.unavailable", "try again");
    assert_string_equal(harness->retry_after, "5");
    fake_clock_advance(&harness->base->clock, ASSERTION_HOLD_MS);
    assert_int_equal(ask_access(harness, &host, 0), 200);
}

/* [AC-7]: forged ones are not counted, so that nobody else can use up what is the runner's. */
static void a_runner_that_asks_for_access_too_often_has_to_wait(void **state)
{
    struct handler_harness *harness = harness_of(state);
    CLEANUP(host_fini) struct handler_host host;
    CLEANUP(host_fini) struct handler_host other;
    host_join(harness, &host, "h1");
    host_init(&other, "h1");
    for (int i = 0; i < 2 * REGISTRY_GRANTS_MAX; i++) {
        assert_int_equal(ask_access(harness, &other, 0), 403);
    }
    for (int i = 0; i < REGISTRY_GRANTS_MAX; i++) {
        registry_count_grant(harness->base->registry, "h1");
    }
    assert_int_equal(ask_access(harness, &host, 0), 429);
    assert_string_equal(harness->retry_after, "61");
    fake_clock_advance(&harness->base->clock, 60000);
    assert_int_equal(ask_access(harness, &host, 0), 200);
}

/* [HB-3], [HB-4] */
static void a_beat_is_answered_with_pace_and_steering(void **state)
{
    struct handler_harness *harness = harness_of(state);
    CLEANUP(host_fini) struct handler_host host;
    host_join(harness, &host, "h1");

    (void)host_beat(harness, &host, SESSION_A, 1);
    const json_t *json = handler_expect_ok(harness);
    json_expect_integer(json, "interval_ms", INTERVAL);
    json_expect_integer(json, "lease_ms", LEASE);
    json_expect_bool(json, "need_report", true);
    json_expect_text(json, "steering.roles.0", "allocator");
    struct wire_beat_reply read;
    struct err err;
    assert_int_equal(wire_beat_reply_from_json(json, &read, &err), 0);

    (void)handler_get(harness, ALLOCATORS_URI "/h1");
    json_expect_bool(handler_expect_ok(harness), "status.connected", true);
}

/* [TP-2] */
static void a_malformed_beat_or_goodbye_is_refused_by_name_and_changes_nothing(void **state)
{
    struct handler_harness *harness = harness_of(state);

    static const struct {
        const char *uri;
        const char *path;
        const char *value;
    } cases[] = {
        {WIRE_PATH_HEARTBEAT, "protocol", "0"},
        {WIRE_PATH_HEARTBEAT, "protocol", "\"1\""},
        {WIRE_PATH_HEARTBEAT, "session", NULL},
        {WIRE_PATH_HEARTBEAT, "session", "\"abc\""},
        {WIRE_PATH_HEARTBEAT, "session", "\"gggggggggggggggggggggggggggggggg\""},
        {WIRE_PATH_HEARTBEAT, "seq", NULL},
        {WIRE_PATH_HEARTBEAT, "seq", "-1"},
        {WIRE_PATH_HEARTBEAT, "seq", "7.0"},
        {WIRE_PATH_HEARTBEAT, "steering", "null"},
        {WIRE_PATH_HEARTBEAT, "report", "[]"},
        {WIRE_PATH_HEARTBEAT, "report.memory.used", "\"0\""},
        {WIRE_PATH_HEARTBEAT, "report.public_hostname", "\"a\\nb\""},
        {WIRE_PATH_GOODBYE, "session", NULL},
        {WIRE_PATH_GOODBYE, "session", "1"},
        {WIRE_PATH_GOODBYE, "session", "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\""},
    };

    CLEANUP(host_fini) struct handler_host host;
    host_join(harness, &host, "h1");
    harness_expect(harness->base, "enrolled h1; ");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_json *json = json_pack("{s:i, s:s, s:i, s:i, s:o}", "protocol", 1, "session",
                                    WIRE_SAMPLE_SESSION, "seq", 7, "steering", 3, "report",
                                    json_loads(WIRE_SAMPLE_REPORT, 0, NULL));
        assert_true(json_edit(json, cases[i].path, cases[i].value));
        (void)host_post(harness, cases[i].uri, host.access_token, json);
        handler_expect_error(harness, 400, WIRE_E_REQUEST, cases[i].path);
    }
    (void)handler_ask(harness, &(struct handler_request){.method = "POST",
                                                         .uri = WIRE_PATH_HEARTBEAT,
                                                         .bearer = host.access_token,
                                                         .body = "{}",
                                                         .type = "text/plain"});
    handler_expect_error(harness, 400, WIRE_E_REQUEST, "Content-Type");
    harness_expect(harness->base, "");
}

/* [CL-1], [CL-3] */
static void a_clone_is_told_how_long_to_wait_and_the_live_session_who_it_is(void **state)
{
    struct handler_harness *harness = harness_of(state);
    CLEANUP(host_fini) struct handler_host host;
    host_join(harness, &host, "h1");
    assert_int_equal(host_beat(harness, &host, SESSION_A, 1), 200);
    assert_null(json_at(harness->json, "conflict"));

    (void)host_beat(harness, &host, SESSION_B, 1);
    handler_expect_error(harness, 409, WIRE_E_CONFLICT, "h1");
    assert_string_equal(harness->retry_after, "31");
    fake_clock_advance(&harness->base->clock, 9001);
    (void)host_beat(harness, &host, SESSION_B, 2);
    handler_expect_error(harness, 409, WIRE_E_CONFLICT, "h1");
    assert_string_equal(harness->retry_after, "22");

    (void)host_beat(harness, &host, SESSION_A, 2);
    json_expect_text(handler_expect_ok(harness), "conflict.host_ip", HANDLER_PEER);
}

static void expect_dead_access_token(struct handler_harness *harness,
                                     const struct handler_host *host, const char *words)
{
    static const char *const uris[] = {WIRE_PATH_HEARTBEAT, WIRE_PATH_GOODBYE, WIRE_PATH_LEAVE};
    auto_json *json = json_pack("{s:i, s:s, s:i, s:i}", "protocol", 1, "session", SESSION_A,
                                "seq", 2, "steering", 0);
    for (size_t i = 0; i < ARRAY_LEN(uris); i++) {
        (void)host_post(harness, uris[i], host->access_token, json);
        handler_expect_error(harness, 401, WIRE_E_ACCESS_TOKEN, words);
    }
}

/* [AC-4] */
static void the_access_token_of_a_deleted_runner_is_dead_at_once(void **state)
{
    struct handler_harness *harness = harness_of(state);
    CLEANUP(host_fini) struct handler_host host;
    CLEANUP(host_fini) struct handler_host other;
    struct err err;
    host_join(harness, &host, "h1");
    assert_int_equal(host_beat(harness, &host, SESSION_A, 1), 200);
    assert_int_equal(registry_delete(harness->base->registry, "h1", NULL, harness_on_removed,
                                     harness->base, &err),
                     0);
    (void)memory_store_run(harness->base->memory);

    expect_dead_access_token(harness, &host, "h1 was removed");
    (void)ask_access(harness, &host, 0); /* [AC-5] */
    handler_expect_error(harness, 403, WIRE_E_RUNNER_UNKNOWN, "no runner h1");

    /* The id in other hands: who had it can neither beat for the new one nor remove it. */
    host_join(harness, &other, "h1");
    expect_dead_access_token(harness, &host, "belongs to another host");
    assert_int_equal(host_beat(harness, &other, SESSION_A, 1), 200);
}

/* [LV-5] */
static void goodbye_ends_its_own_session_only(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_json *own = wire_goodbye_to_json(SESSION_A);
    auto_json *another = wire_goodbye_to_json(SESSION_B);
    CLEANUP(host_fini) struct handler_host host;
    host_join(harness, &host, "h1");
    assert_int_equal(host_beat(harness, &host, SESSION_A, 1), 200);
    harness_expect(harness->base, "enrolled h1; connected h1; ");

    assert_int_equal(host_post(harness, WIRE_PATH_GOODBYE, host.access_token, another), 200);
    json_expect_count(handler_expect_ok(harness), "", 0);
    harness_expect(harness->base, "");
    assert_int_equal(host_post(harness, WIRE_PATH_GOODBYE, host.access_token, own), 200);
    harness_expect(harness->base, "disconnected h1 (goodbye); ");
}

static struct exchange *send_leave(struct handler_harness *harness,
                                   const struct handler_host *host)
{
    return handler_send(harness, &(struct handler_request){.method = "POST",
                                                           .uri = WIRE_PATH_LEAVE,
                                                           .bearer = host->access_token,
                                                           .body = "{}"});
}

/* [LE-1] */
static void leave_is_answered_when_the_runner_is_gone_durably(void **state)
{
    struct handler_harness *harness = harness_of(state);
    CLEANUP(host_fini) struct handler_host host;
    host_join(harness, &host, "h1");

    struct exchange *exchange = send_leave(harness, &host);
    assert_int_equal(exchange->reply.status, 0);
    struct exchange *again = send_leave(harness, &host); /* it is under way */
    (void)handler_receive(harness, again);
    handler_expect_error(harness, 503, "root.unavailable", "h1");
    assert_string_equal(harness->retry_after, "5");
    (void)memory_store_run(harness->base->memory);
    (void)handler_receive(harness, exchange);
    json_expect_count(handler_expect_ok(harness), "", 0);
    assert_null(memory_store_get(harness->base->memory, "runners/h1"));

    (void)handler_get(harness, RUNNERS_URI "/h1");
    handler_expect_error(harness, 404, "runners.runner_not_found", "h1");
    (void)handler_receive(harness, send_leave(harness, &host));
    handler_expect_error(harness, 401, WIRE_E_ACCESS_TOKEN, "h1");
}

/* [LE-1], [RT-1] */
static void a_leave_that_was_not_written_may_be_tried_again(void **state)
{
    struct handler_harness *harness = harness_of(state);
    CLEANUP(host_fini) struct handler_host host;
    host_join(harness, &host, "h1");

    memory_store_fail(harness->base->memory, 1);
    struct exchange *exchange = send_leave(harness, &host);
    (void)memory_store_run(harness->base->memory);
    (void)handler_receive(harness, exchange);
    handler_expect_error(harness, 503, "root.unavailable", "was not removed");
    assert_string_equal(harness->retry_after, "5");
    assert_non_null(registry_find(harness->base->registry, "h1"));

    handler_hang_up(send_leave(harness, &host)); /* and nobody waits for the answer */
    (void)memory_store_run(harness->base->memory);
    assert_null(registry_find(harness->base->registry, "h1"));
}

int run_handlers_access_cases(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, handler_setup, handler_teardown)
    const struct CMUnitTest tests[] = {
        CASE(an_assertion_buys_an_access_token),
        CASE(a_runner_that_is_unknown_is_told_so),
        CASE(a_wrong_clock_is_said_and_the_next_assertion_taken),
        CASE(a_malformed_token_request_is_refused_by_name),
        CASE(a_flood_of_assertions_is_told_to_come_back),
        CASE(a_runner_that_asks_for_access_too_often_has_to_wait),
        CASE(a_beat_is_answered_with_pace_and_steering),
        CASE(a_malformed_beat_or_goodbye_is_refused_by_name_and_changes_nothing),
        CASE(a_clone_is_told_how_long_to_wait_and_the_live_session_who_it_is),
        CASE(the_access_token_of_a_deleted_runner_is_dead_at_once),
        CASE(goodbye_ends_its_own_session_only),
        CASE(leave_is_answered_when_the_runner_is_gone_durably),
        CASE(a_leave_that_was_not_written_may_be_tried_again),
    };
    return cmocka_run_group_tests_name("handlers_access", tests, NULL, NULL);
}
