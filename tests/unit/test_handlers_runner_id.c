/* SPDX-License-Identifier: Apache-2.0 */
/* What a host asks about a runner id, before it joins and after. */
#include "tests/support/handler_host.h"
#include "tests/unit/handlers_cases.h"

#define ALLOCATOR "[\"allocator\"]"

static struct handler_harness *harness_of(void **state)
{
    return *state;
}

static void expect_availability(struct handler_harness *harness, const char *id,
                                const char *token, const char *reason)
{
    char uri[256];
    (void)snprintf(uri, sizeof uri, WIRE_PATH_RUNNER_IDS "%s", id);
    (void)handler_ask(harness,
                      &(struct handler_request){.method = "GET", .uri = uri, .bearer = token});
    const json_t *json = handler_expect_ok(harness);
    json_expect_count(json, "", 4);
    json_expect_text(json, "runner_id", id);
    json_expect_bool(json, "available", reason[0] == '\0');
    const char *said = json_string_value(json_expect(json, "reason"));
    if (reason[0] == '\0' ? said[0] != '\0' : strstr(said, reason) == NULL) {
        fail_msg("%s: %s", id, said);
    }
}

/* [EN-8], [TK-3] */
static void a_host_may_ask_beforehand_what_enrolling_would_meet(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *allocator = handler_make_token(harness, ALLOCATOR_TOKEN);
    auto_free char *nothing = handler_make_token(harness, "{\"persistent\":true}");
    auto_free char *nothing_id =
        strdup(json_string_value(json_expect(harness->json, "token_id")));
    CLEANUP(host_fini) struct handler_host host;
    host_init(&host, "h1");
    assert_int_equal(host_enroll(harness, &host, ALLOCATOR, allocator), 200);
    size_t writes = memory_store_writes(harness->base->memory);

    expect_availability(harness, "h2", allocator, "");
    expect_availability(harness, "h1", allocator, ""); /* it never beat: would be taken over */
    expect_availability(harness, "h1", nothing, "does not permit: allocator");
    assert_int_equal(host_beat(harness, &host, SESSION_A, 1), 200);
    expect_availability(harness, "h1", allocator, "is connected");
    (void)memory_store_run(harness->base->memory);
    assert_int_equal(memory_store_writes(harness->base->memory), writes + 1); /* the beat's */

    char uri[256];
    (void)snprintf(uri, sizeof uri, TOKENS_URI "/%s", nothing_id);
    assert_int_equal(
        handler_ask(harness, &(struct handler_request){.method = "DELETE", .uri = uri}), 200);
    (void)handler_ask(harness, &(struct handler_request){.method = "GET",
                                                         .uri = WIRE_PATH_RUNNER_IDS "h2",
                                                         .bearer = nothing});
    handler_expect_error(harness, 401, WIRE_E_TOKEN_REVOKED, "revoked");
    (void)host_enroll(harness, &host, "[]", nothing);
    handler_expect_error(harness, 401, WIRE_E_TOKEN_REVOKED, "revoked");
}

/* [EN-9] */
static void a_host_that_joined_sees_what_the_coordinator_shows_of_it(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *token = handler_make_token(harness, ALLOCATOR_TOKEN);
    const struct handler_request ask = {
        .method = "GET", .uri = WIRE_PATH_RUNNER_IDS "h1", .bearer = token};
    CLEANUP(host_fini) struct handler_host host;
    host_init(&host, "h1");

    (void)handler_ask(harness, &ask);
    assert_true(json_is_null(json_expect(handler_expect_ok(harness), "runner")));

    assert_int_equal(host_enroll(harness, &host, ALLOCATOR, token), 200);
    (void)handler_ask(harness, &ask);
    json_expect_bool(handler_expect_ok(harness), "runner.connected", false);

    assert_int_equal(host_beat(harness, &host, SESSION_A, 1), 200);
    (void)handler_ask(harness, &ask);
    const struct runner *runner = registry_find(harness->base->registry, "h1");
    const json_t *view = json_expect(handler_expect_ok(harness), "runner");
    json_expect_count(view, "", 5);
    json_expect_bool(view, "connected", true);
    json_expect_text(view, "zone", runner->record.zone);
    json_expect_text(view, "host_ip", runner->report.host_ip);
    json_expect_count(view, "roles", 1);
    json_expect_text(view, "roles.0", "allocator");
    assert_true(runner->report.memory_total_mb > 0);
    json_expect_integer(view, "memory.total", (json_int_t)runner->report.memory_total_mb);
    json_expect_integer(view, "memory.used", (json_int_t)runner->report.memory_used_mb);
}

int run_handlers_runner_id_cases(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, handler_setup, handler_teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_host_may_ask_beforehand_what_enrolling_would_meet),
        CASE(a_host_that_joined_sees_what_the_coordinator_shows_of_it),
    };
    return cmocka_run_group_tests_name("handlers_runner_id", tests, NULL, NULL);
}
