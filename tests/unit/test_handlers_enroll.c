/* SPDX-License-Identifier: Apache-2.0 */
/* Joining over HTTP: the CA certificate, what enrolling answers and refuses. */
#include "tests/support/handler_host.h"
#include "tests/support/json_edit.h"
#include "tests/unit/handlers_cases.h"

#define ALLOCATOR "[\"allocator\"]"

static struct handler_harness *harness_of(void **state)
{
    return *state;
}

static const struct runner *find(const struct handler_harness *harness, const char *id)
{
    return registry_find(harness->base->registry, id);
}

/* [TR-1] */
static void the_ca_certificate_is_for_everybody(void **state)
{
    struct handler_harness *harness = harness_of(state);
    (void)handler_get(harness, WIRE_PATH_CA);
    const json_t *json = handler_expect_ok(harness);
    json_expect_count(json, "", 3);
    json_expect_integer(json, "protocol", 1);
    json_expect_text(json, "installation_id", harness->installation->id);
    json_expect_text(json, "ca_certificate", harness->installation->ca_cert_pem);
}

/* [EN-4] */
static void a_host_is_answered_when_it_is_registered_durably(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *token = handler_make_token(harness, ALLOCATOR_TOKEN);
    CLEANUP(host_fini) struct handler_host host;
    host_init(&host, "192.168.40.79");
    auto_json *json = host_enrolment(harness, &host, ALLOCATOR);
    auto_free char *body = json_compact(json);

    struct exchange *exchange = handler_send(
        harness, &(struct handler_request){
                     .method = "POST", .uri = WIRE_PATH_ENROLL, .bearer = token, .body = body});
    assert_int_equal(exchange->reply.status, 0);
    assert_null(find(harness, host.id));
    assert_true(memory_store_step(harness->base->memory));
    assert_non_null(memory_store_get(harness->base->memory, "runners/192.168.40.79"));
    (void)handler_receive(harness, exchange);

    const json_t *reply = handler_expect_ok(harness);
    struct wire_enroll_reply read;
    struct err err;
    if (wire_enroll_reply_from_json(reply, &read, &err) < 0) {
        fail_msg("%s", err.message);
    }
    wire_enroll_reply_fini(&read);
    json_expect_text(reply, "installation_id", harness->installation->id);
    json_expect_text(reply, "runner_id", host.id);
    json_expect_text(reply, "zone", "ece-zone-1");
    json_expect_text(reply, "roles.0", "allocator");
    json_expect_text(reply, "coordinators.0", "10.0.0.1:12443");
    json_expect_integer(reply, "expires_in", 900);
    json_expect_integer(reply, "interval_ms", INTERVAL);
    json_expect_integer(reply, "lease_ms", LEASE);

    (void)handler_get(harness, ALLOCATORS_URI "/192.168.40.79");
    json_expect_bool(handler_expect_ok(harness), "status.connected", false);
    json_expect_text(harness->json, "metadata.0.key", "k");
    json_expect_integer(harness->json, "capacity.memory.total", 1);
}

/* [TP-2] */
static void a_malformed_request_is_refused_with_the_path_of_the_field(void **state)
{
    struct handler_harness *harness = harness_of(state);

    static const struct {
        const char *path;
        const char *value; /* NULL = left out */
        const char *words; /* NULL = the path */
    } cases[] = {
        {"protocol", "2", NULL},
        {"protocol", NULL, NULL},
        {"runner_id", NULL, NULL},
        {"runner_id", "7", NULL},
        {"runner_id", "\"\"", NULL},
        {"runner_id", "\"a b\"", NULL},
        {"runner_id", "\"../x\"", NULL},
        {"zone", "null", NULL},
        {"zone", "\"a/b\"", NULL},
        {"roles", NULL, NULL},
        {"roles", "null", NULL},
        {"roles", "\"allocator\"", NULL},
        {"roles", "[\"allocator\",\"king\"]", "roles[1]"},
        {"tags", "[]", NULL},
        {"tags.k", "1", NULL},
        {"public_key", NULL, NULL},
        {"public_key", "\"-----BEGIN PUBLIC KEY-----\"", NULL},
        {"assertion", "{}", NULL},
        {"assertion", NULL, NULL},
        {"report", NULL, NULL},
        {"report", "[]", NULL},
        {"report.host_ip", "\"host79\"", NULL},
        {"report.software.version", NULL, NULL},
        {"report.memory.total", "-1", NULL},
        {"report.memory.total", "1.5", NULL},
        {"report.storage.total", "\"1\"", NULL},
        {"report.cpus", "4294967296", NULL},
        {"report.instances", "{}", NULL},
        {"report.instances", "[{\"name\":\"x\"}]", "report.instances[0].memory"},
        {"report.healthy", "1", NULL},
    };

    auto_free char *token = handler_make_token(harness, ALLOCATOR_TOKEN);
    CLEANUP(host_fini) struct handler_host host;
    host_init(&host, "h1");
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_json *json = host_enrolment(harness, &host, ALLOCATOR);
        assert_true(json_edit(json, cases[i].path, cases[i].value));
        (void)host_post(harness, WIRE_PATH_ENROLL, token, json);
        handler_expect_error(harness, 400, WIRE_E_REQUEST,
                             cases[i].words != NULL ? cases[i].words : cases[i].path);
    }
    assert_int_equal(registry_count(harness->base->registry), 0);
    assert_int_equal(replay_count(harness->enroll_replay), 0);

    /* What we do not know, a newer host may. */
    auto_json *json = host_enrolment(harness, &host, ALLOCATOR);
    assert_true(json_edit(json, "shoe_size", "44"));
    assert_true(json_edit(json, "report.memory.colour", "{}"));
    (void)host_post(harness, WIRE_PATH_ENROLL, token, json);
    (void)handler_expect_ok(harness);
}

/* [EN-2] */
static void an_assertion_by_another_key_registers_nothing(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *token = handler_make_token(harness, ALLOCATOR_TOKEN);
    CLEANUP(host_fini) struct handler_host host;
    CLEANUP(host_fini) struct handler_host other;
    host_init(&host, "h1");
    host_init(&other, "h1");

    auto_json *json = host_enrolment(harness, &host, ALLOCATOR);
    auto_json *public_key = json_string(other.public_pem);
    assert_int_equal(json_object_set(json, "public_key", public_key), 0);
    (void)host_post(harness, WIRE_PATH_ENROLL, token, json);
    handler_expect_error(harness, 400, WIRE_E_ASSERTION_INVALID, "assertion");
    assert_null(find(harness, "h1"));
    assert_int_equal(memory_store_queued(harness->base->memory), 0);
}

/* [EN-2], [AC-2]: for which runner, for which installation, in which words. */
static void an_assertion_that_says_something_else_is_invalid(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *token = handler_make_token(harness, ALLOCATOR_TOKEN);
    CLEANUP(host_fini) struct handler_host host;
    host_init(&host, "h1");

    auto_json *json = host_enrolment(harness, &host, ALLOCATOR);
    assert_true(json_edit(json, "runner_id", "\"h2\""));
    (void)host_post(harness, WIRE_PATH_ENROLL, token, json);
    handler_expect_error(harness, 400, WIRE_E_ASSERTION_INVALID, "iss");
    assert_true(json_edit(json, "assertion", "\"a.b.c\""));
    (void)host_post(harness, WIRE_PATH_ENROLL, token, json);
    handler_expect_error(harness, 400, WIRE_E_ASSERTION_INVALID, "");

    auto_free char *late = host_assertion(harness, &host, -3600);
    auto_json *assertion = json_string(late);
    assert_true(json_edit(json, "runner_id", "\"h1\""));
    assert_int_equal(json_object_set(json, "assertion", assertion), 0);
    (void)host_post(harness, WIRE_PATH_ENROLL, token, json);
    handler_expect_error(harness, 400, WIRE_E_ASSERTION_TIME, "clock"); /* [AC-3] */
    assert_int_equal(registry_count(harness->base->registry), 0);
}

/* [AC-2] */
static void an_assertion_is_taken_once(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *token = handler_make_token(harness, ALLOCATOR_TOKEN);
    CLEANUP(host_fini) struct handler_host host;
    host_init(&host, "h1");
    auto_json *json = host_enrolment(harness, &host, ALLOCATOR);

    assert_int_equal(host_post(harness, WIRE_PATH_ENROLL, token, json), 200);
    (void)host_post(harness, WIRE_PATH_ENROLL, token, json);
    handler_expect_error(harness, 400, WIRE_E_ASSERTION_INVALID, "used before");
    /* Nor does it buy an access token. */
    (void)host_ask_access(harness, &host,
                          json_string_value(json_object_get(json, "assertion")));
    handler_expect_error(harness, 400, WIRE_E_ASSERTION_INVALID, "used before");
}

/* [EN-3] */
static void roles_beyond_the_token_are_named_and_nothing_is_registered(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *token = handler_make_token(harness, ALLOCATOR_TOKEN);
    CLEANUP(host_fini) struct handler_host host;
    host_init(&host, "h1");

    (void)host_enroll(harness, &host, "[\"allocator\",\"proxy\",\"director\"]", token);
    handler_expect_error(harness, 403, WIRE_E_ROLES_NOT_PERMITTED, "director,proxy");
    assert_null(find(harness, "h1"));
    assert_int_equal(host_enroll(harness, &host, "[]", token), 200); /* fewer is fine */
}

/* [EN-5] */
static void the_same_key_gets_its_registration_again(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *token = handler_make_token(harness, FULL_TOKEN);
    CLEANUP(host_fini) struct handler_host host;
    host_init(&host, "h1");
    assert_int_equal(host_enroll(harness, &host, ALLOCATOR, token), 200);

    auto_json *json = host_enrolment(harness, &host, "[\"proxy\"]");
    assert_true(json_edit(json, "zone", "\"another\""));
    assert_true(json_edit(json, "tags", "{}"));
    (void)host_post(harness, WIRE_PATH_ENROLL, token, json);
    json_expect_text(handler_expect_ok(harness), "zone", "ece-zone-1");
    json_expect_count(harness->json, "roles", 1);
    json_expect_text(harness->json, "roles.0", "proxy");
    assert_int_equal(registry_count(harness->base->registry), 1);
    assert_int_equal(find(harness, "h1")->record.tags.count, 0);
    /* The access token of the first answer is still good. */
    assert_int_equal(host_beat(harness, &host, SESSION_A, 1), 200);
}

/* [EN-6], [AC-4], [AC-5] */
static void a_taken_id_is_refused_with_the_ways_out_or_taken_over(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *allocator = handler_make_token(harness, ALLOCATOR_TOKEN);
    auto_free char *full = handler_make_token(harness, FULL_TOKEN);
    CLEANUP(host_fini) struct handler_host host;
    CLEANUP(host_fini) struct handler_host other;
    host_init(&host, "h1");
    host_init(&other, "h1");
    assert_int_equal(host_enroll(harness, &host, "[\"allocator\",\"proxy\"]", full), 200);
    assert_int_equal(host_beat(harness, &host, SESSION_A, 1), 200);

    (void)host_enroll(harness, &other, ALLOCATOR, full);
    handler_expect_error(harness, 409, WIRE_E_RUNNER_ID_TAKEN, "is connected");
    handler_expect_error(harness, 409, WIRE_E_RUNNER_ID_TAKEN, "Choose another runner id");
    harness_pass(harness->base, LEASE);
    (void)host_enroll(harness, &other, ALLOCATOR, allocator);
    handler_expect_error(harness, 409, WIRE_E_RUNNER_ID_TAKEN, "does not permit: proxy");
    handler_expect_error(harness, 409, WIRE_E_RUNNER_ID_TAKEN, "delete the runner");

    assert_int_equal(host_enroll(harness, &other, ALLOCATOR, full), 200);
    (void)host_beat(harness, &host, SESSION_A, 2);
    handler_expect_error(harness, 401, WIRE_E_ACCESS_TOKEN, "belongs to another host");
    auto_free char *assertion = host_assertion(harness, &host, 0);
    (void)host_ask_access(harness, &host, assertion);
    handler_expect_error(harness, 403, WIRE_E_RUNNER_UNKNOWN, "with this host key");
    assert_int_equal(host_beat(harness, &other, SESSION_B, 1), 200);
}

/* [EN-7] */
static void one_key_is_one_runner(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *token = handler_make_token(harness, ALLOCATOR_TOKEN);
    CLEANUP(host_fini) struct handler_host host;
    host_init(&host, "h1");
    assert_int_equal(host_enroll(harness, &host, ALLOCATOR, token), 200);
    host.id = "h2";
    (void)host_enroll(harness, &host, ALLOCATOR, token);
    handler_expect_error(harness, 409, WIRE_E_RUNNER_ID_TAKEN, "runner h1");
    assert_null(find(harness, "h2"));
}

/* [EN-4], [RT-1] */
static void a_store_that_does_not_take_writes_says_when_to_come_back(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *token = handler_make_token(harness, ALLOCATOR_TOKEN);
    CLEANUP(host_fini) struct handler_host host;
    host_init(&host, "h1");

    memory_store_fail(harness->base->memory, 1);
    (void)host_enroll(harness, &host, ALLOCATOR, token);
    handler_expect_error(harness, 503, "root.unavailable", "could not be stored");
    assert_string_equal(harness->retry_after, "5");
    assert_null(find(harness, "h1"));
    assert_int_equal(host_enroll(harness, &host, ALLOCATOR, token), 200);
}

/* The reply was lost on the way: [EN-5] is for that host. */
static void a_host_that_hung_up_is_registered_all_the_same(void **state)
{
    struct handler_harness *harness = harness_of(state);
    auto_free char *token = handler_make_token(harness, ALLOCATOR_TOKEN);
    CLEANUP(host_fini) struct handler_host host;
    host_init(&host, "h1");
    auto_json *json = host_enrolment(harness, &host, ALLOCATOR);
    auto_free char *body = json_compact(json);

    handler_hang_up(handler_send(harness, &(struct handler_request){.method = "POST",
                                                                    .uri = WIRE_PATH_ENROLL,
                                                                    .bearer = token,
                                                                    .body = body}));
    (void)memory_store_run(harness->base->memory);
    assert_non_null(find(harness, "h1"));
    assert_int_equal(host_enroll(harness, &host, ALLOCATOR, token), 200);
}

int run_handlers_enroll_cases(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, handler_setup, handler_teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_ca_certificate_is_for_everybody),
        CASE(a_host_is_answered_when_it_is_registered_durably),
        CASE(a_malformed_request_is_refused_with_the_path_of_the_field),
        CASE(an_assertion_by_another_key_registers_nothing),
        CASE(an_assertion_that_says_something_else_is_invalid),
        CASE(an_assertion_is_taken_once),
        CASE(roles_beyond_the_token_are_named_and_nothing_is_registered),
        CASE(the_same_key_gets_its_registration_again),
        CASE(a_taken_id_is_refused_with_the_ways_out_or_taken_over),
        CASE(one_key_is_one_runner),
        CASE(a_store_that_does_not_take_writes_says_when_to_come_back),
        CASE(a_host_that_hung_up_is_registered_all_the_same),
    };
    return cmocka_run_group_tests_name("handlers_enroll", tests, NULL, NULL);
}
