/* SPDX-License-Identifier: Apache-2.0 */
/* One enrolment: what the host says of itself, and what each answer means. */
#include "agent/join/enroll.h"

#include "common/codec/jwt_text.h"
#include "common/codec/keys.h"
#include "tests/support/fake_rng.h"
#include "tests/support/json_edit.h"
#include "tests/support/json_expect.h"
#include "tests/support/uplink_harness.h"

#include <stdlib.h>
#include <string.h>

#define TOKEN "the.roles.token"

struct fixture {
    struct uplink_harness line;
    struct fake_rng rng;
    struct secret private_pem;
    char *public_pem;
    struct secret token;
    struct wire_tags tags;
    struct report report;
    struct enroll enroll;
    unsigned n_done;
    struct enroll_result result; /* reply: gone; what was looked at stands below */
    struct wire_pace pace;
    roles_t roles;
    char access_token[64];
};

static void on_done(const struct enroll_result *result, void *userdata)
{
    struct fixture *test = userdata;
    test->n_done++;
    test->result = *result;
    test->access_token[0] = '\0';
    if (result->reply != NULL) {
        test->pace = result->reply->pace;
        test->roles = result->reply->roles;
        (void)snprintf(test->access_token, sizeof test->access_token, "%s",
                       result->reply->access_token);
    }
}

static int setup(void **state)
{
    struct err err = {0};
    struct fixture *test = calloc(1, sizeof *test);
    assert_non_null(test);
    uplink_harness_init(&test->line, NULL);
    fake_rng_init(&test->rng, 3);
    assert_int_equal(keys_generate(&test->private_pem, &test->public_pem, &err), 0);
    assert_int_equal(secret_copy(&test->token, TOKEN, strlen(TOKEN), &err), 0);
    assert_int_equal(wire_tags_parse("rack:7,disk:ssd", &test->tags, &err), 0);
    test->report = (struct report){
        .host_ip = "192.168.40.79",
        .public_hostname = "host79",
        .version = "2.0.0",
        .memory_total_mb = 12398,
        .memory_source = "85% of MemTotal",
        .healthy = true,
    };
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *test = *state;
    uplink_harness_fini(&test->line);
    secret_fini(&test->private_pem);
    secret_fini(&test->token);
    wire_tags_fini(&test->tags);
    free(test->public_pem);
    free(test);
    return 0;
}

static int try_send(struct fixture *test, struct err *err)
{
    struct enroll_spec spec = {.runner_id = "host-79",
                               .installation_id = UPLINK_INSTALLATION,
                               .zone = "ece-zone-2",
                               .roles = ROLE_ALLOCATOR | ROLE_PROXY,
                               .tags = &test->tags,
                               .report = &test->report,
                               .token = &test->token,
                               .private_key_pem = &test->private_pem,
                               .rng = &test->rng.rng};
    return enroll_send(&test->enroll, test->line.uplink, &spec, on_done, test, err);
}

static const struct fake_request *ask(struct fixture *test, struct fake_answer answer)
{
    struct err err = {0};
    unsigned before = test->n_done;
    fake_http_script(&test->line.fake, answer);
    assert_int_equal(try_send(test, &err), 0);
    assert_int_equal(test->n_done, before);
    virtual_time_settle(&test->line.time);
    assert_int_equal(test->n_done, before + 1);
    return fake_http_request(&test->line.fake, -1);
}

static struct fake_answer registered(void)
{
    return fake_json(json_pack(
        "{s:i,s:s,s:s,s:s,s:[s],s:[s],s:s,s:i,s:i,s:i,s:i}", "protocol", 1, "installation_id",
        UPLINK_INSTALLATION, "runner_id", "host-79", "zone", "ece-zone-1", "roles", "allocator",
        "coordinators", "c1:12443", "access_token", "x.y.z", "expires_in", 900, "interval_ms",
        10000, "lease_ms", 30000, "spread_ms", 1));
}

/* [EN-1] [EN-2] [TK-4]: the key's public half and a proof of the other one. */
static void expect_proof(const struct fixture *test, const json_t *body, json_int_t iat)
{
    struct err err = {0};
    struct jwt_verified jwt = {0};
    const char *assertion = json_string_value(json_object_get(body, "assertion"));
    const char *public_key = json_string_value(json_object_get(body, "public_key"));
    assert_string_equal(public_key, test->public_pem);
    assert_int_equal(
        jwt_verify_es256(assertion, strlen(assertion), public_key, &jwt, NULL, &err), 0);
    json_expect_text(jwt.claims, "iss", "host-79");
    json_expect_text(jwt.claims, "sub", "host-79");
    json_expect_text(jwt.claims, "aud", UPLINK_INSTALLATION);
    json_expect_integer(jwt.claims, "iat", iat);
    json_expect_integer(jwt.claims, "exp", iat + 60);
    jwt_verified_fini(&jwt);
}

/* [EN-1] [EN-2] [TK-4] */
static void it_says_who_this_host_is_and_proves_it(void **state)
{
    struct fixture *test = *state;

    const struct fake_request *request = ask(test, registered());

    assert_string_equal(request->method, "POST");
    assert_string_equal(request->path, "/agent/v1/enroll");
    assert_string_equal(request->bearer, TOKEN);
    assert_int_equal(request->trust, HTTP_TRUST_CA);
    json_expect_integer(request->body, "protocol", 1);
    json_expect_text(request->body, "runner_id", "host-79");
    json_expect_text(request->body, "zone", "ece-zone-2");
    json_expect_count(request->body, "roles", 2);
    json_expect_text(request->body, "roles.0", "proxy");
    json_expect_text(request->body, "roles.1", "allocator");
    json_expect_count(request->body, "tags", 2);
    json_expect_text(request->body, "tags.rack", "7");
    json_expect_text(request->body, "report.host_ip", "192.168.40.79");
    json_expect_integer(request->body, "report.memory.total", 12398);
    json_expect_bool(request->body, "report.healthy", true);
    expect_proof(test, request->body, UPLINK_START_S);
}

/* The private half is on no line of what was sent. */
static void the_host_key_never_leaves(void **state)
{
    struct fixture *test = *state;
    const struct fake_request *request = ask(test, registered());
    char *text = json_dumps(request->body, JSON_COMPACT);
    char line[65];
    const char *second_line = strchr(test->private_pem.bytes, '\n') + 1;
    memcpy(line, second_line, 40);
    line[40] = '\0';
    assert_null(strstr(text, "PRIVATE KEY")); /* [EN-1] */
    assert_null(strstr(text, line));
    assert_null(strstr(text, TOKEN)); /* [TK-4]: in the header alone */
    free(text);
}

/* [AC-3] */
static void the_proofs_time_is_the_coordinators(void **state)
{
    struct fixture *test = *state;
    uplink_learn_time(test->line.uplink, UPLINK_START_S + 86400);
    expect_proof(test, ask(test, registered())->body, UPLINK_START_S + 86400);
}

/* [EN-4] */
static void the_reply_says_what_was_registered(void **state)
{
    struct fixture *test = *state;

    (void)ask(test, registered());

    assert_int_equal(test->result.outcome, ENROLL_ACCEPTED);
    assert_int_equal(test->roles, ROLE_ALLOCATOR);
    assert_int_equal(test->pace.interval_ms, 10000);
    assert_int_equal(test->pace.lease_ms, 30000);
    assert_string_equal(test->access_token, "x.y.z");
}

/* [TK-3] [EN-3] [EN-6] [EN-7] */
static void a_no_is_a_refusal_and_no_answer_is_none(void **state)
{
    struct fixture *test = *state;

    static const struct {
        int status;
        const char *code;
        enum enroll_outcome outcome;
    } rows[] = {
        {401, WIRE_E_TOKEN_INVALID, ENROLL_REFUSED},
        {401, WIRE_E_TOKEN_EXPIRED, ENROLL_REFUSED},
        {401, WIRE_E_TOKEN_REVOKED, ENROLL_REFUSED},
        {403, WIRE_E_ROLES_NOT_PERMITTED, ENROLL_REFUSED},
        {409, WIRE_E_RUNNER_ID_TAKEN, ENROLL_REFUSED},
        {400, WIRE_E_REQUEST, ENROLL_REFUSED},
        {503, "something.else", ENROLL_FAILED},
        {429, "something.else", ENROLL_FAILED},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake_answer answer = fake_refusal(rows[i].status, rows[i].code);
        answer.retry_after_s = 90;
        (void)ask(test, answer);
        assert_int_equal(test->result.outcome, rows[i].outcome);
        assert_int_equal(test->result.retry_after_s, 90);
        assert_null(strstr(test->result.error.message, TOKEN));
    }
    (void)ask(test, fake_text(403, "text/html", "<h1>Forbidden</h1>"));
    assert_int_equal(test->result.outcome, ENROLL_FAILED);
    (void)ask(test, fake_failure(ERR_TIMEOUT));
    assert_int_equal(test->result.outcome, ENROLL_FAILED);
}

/* [RT-2] */
static void nonsense_is_a_failure_and_the_next_coordinator_is_asked(void **state)
{
    struct fixture *test = *state;

    static const struct {
        const char *path;
        const char *value;
    } wrong[] = {
        {"access_token", NULL},  {"expires_in", "0"},
        {"interval_ms", "0"},    {"lease_ms", "1"},
        {"zone", "7"},           {"roles", "\"allocator\""},
        {"coordinators", "[7]"}, {"coordinators", "[\"a b\"]"},
    };

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        uplink_harness_use(&test->line, "only-before");
        uplink_harness_use(&test->line, "a,b,c");
        struct fake_answer answer = registered();
        assert_true(json_edit(answer.json, wrong[i].path, wrong[i].value));
        (void)ask(test, answer);
        if (test->result.outcome != ENROLL_FAILED) {
            fail_msg("%s = %s was taken", wrong[i].path, wrong[i].value);
        }
        uplink_harness_expect_address(&test->line, "b:12443");
    }
}

static void what_cannot_be_sent_is_an_error_and_calls_nobody(void **state)
{
    struct fixture *test = *state;
    struct err err = {0};
    test->line.fake.refuses_next_send = true;

    assert_int_equal(try_send(test, &err), -1);

    assert_int_equal(err.code, ERR_NO_MEMORY);
    virtual_time_settle(&test->line.time);
    assert_int_equal(test->n_done, 0);
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(it_says_who_this_host_is_and_proves_it),
        CASE(the_host_key_never_leaves),
        CASE(the_proofs_time_is_the_coordinators),
        CASE(the_reply_says_what_was_registered),
        CASE(a_no_is_a_refusal_and_no_answer_is_none),
        CASE(nonsense_is_a_failure_and_the_next_coordinator_is_asked),
        CASE(what_cannot_be_sent_is_an_error_and_calls_nobody),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
