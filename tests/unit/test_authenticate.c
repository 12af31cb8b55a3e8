/* SPDX-License-Identifier: Apache-2.0 */
/* Buying an access token: what is sent for it, and what each answer means. */
#include "agent/link/authenticate.h"

#include "common/codec/jwt_text.h"
#include "common/codec/keys.h"
#include "tests/support/fake_rng.h"
#include "tests/support/json_edit.h"
#include "tests/support/json_expect.h"
#include "tests/support/uplink_harness.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
    struct uplink_harness line;
    struct fake_rng rng;
    struct secret private_pem;
    char *public_pem;
    struct authenticate authenticate;
    unsigned n_done;
    struct authenticate_result result; /* access_token is the copy below */
    char access_token[64];
};

static void on_done(const struct authenticate_result *result, void *userdata)
{
    struct fixture *test = userdata;
    test->n_done++;
    test->result = *result;
    (void)snprintf(test->access_token, sizeof test->access_token, "%s",
                   result->access_token != NULL ? result->access_token : "");
}

static int setup(void **state)
{
    struct err err = {0};
    struct fixture *test = calloc(1, sizeof *test);
    assert_non_null(test);
    uplink_harness_init(&test->line, NULL);
    fake_rng_init(&test->rng, 3);
    assert_int_equal(keys_generate(&test->private_pem, &test->public_pem, &err), 0);
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *test = *state;
    uplink_harness_fini(&test->line);
    secret_fini(&test->private_pem);
    free(test->public_pem);
    free(test);
    return 0;
}

static int try_send(struct fixture *test, struct err *err)
{
    struct authenticate_spec spec = {.runner_id = "192.168.40.79",
                                     .installation_id = UPLINK_INSTALLATION,
                                     .private_key_pem = &test->private_pem,
                                     .rng = &test->rng.rng};
    return authenticate_send(&test->authenticate, test->line.uplink, &spec, on_done, test, err);
}

static const struct fake_request *buy(struct fixture *test, struct fake_answer answer)
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

static struct fake_answer granted(void)
{
    return fake_json(json_pack("{s:s,s:s,s:i}", "access_token", "x.y.z", "token_type", "Bearer",
                               "expires_in", 900));
}

static json_int_t issued_at(const struct fixture *test, const struct fake_request *request)
{
    struct err err = {0};
    struct jwt_verified jwt = {0};
    const char *text = json_string_value(json_object_get(request->body, "assertion"));
    assert_non_null(text);
    assert_int_equal(jwt_verify_es256(text, strlen(text), test->public_pem, &jwt, NULL, &err),
                     0);
    json_expect_text(jwt.claims, "sub", "192.168.40.79");
    json_expect_text(jwt.claims, "aud", UPLINK_INSTALLATION);
    json_int_t iat = json_integer_value(json_object_get(jwt.claims, "iat"));
    json_expect_integer(jwt.claims, "exp", iat + 60);
    jwt_verified_fini(&jwt);
    return iat;
}

/* [AC-1] [AC-2] */
static void an_assertion_buys_a_token(void **state)
{
    struct fixture *test = *state;

    const struct fake_request *request = buy(test, granted());

    assert_string_equal(request->method, "POST");
    assert_string_equal(request->path, "/agent/v1/token");
    assert_int_equal(request->trust, HTTP_TRUST_CA);
    assert_null(request->bearer); /* the assertion is all that it has */
    json_expect_text(request->body, "grant_type",
                     "urn:ietf:params:oauth:grant-type:jwt-bearer");
    json_expect_count(request->body, "", 2);
    assert_int_equal(issued_at(test, request), UPLINK_START_S);
    assert_int_equal(test->result.outcome, AUTHENTICATE_GRANTED);
    assert_string_equal(test->access_token, "x.y.z");
    assert_int_equal(test->result.expires_in_s, 900);
}

/* [AC-3]: the time that the refusal brought is in the next assertion, wherever our clock is. */
static void the_time_is_the_coordinators(void **state)
{
    struct fixture *test = *state;
    fake_clock_set_wall(&test->line.time.clock, 0); /* 1970: a host without a battery */
    struct fake_answer refusal = fake_refusal(400, WIRE_E_ASSERTION_TIME);
    refusal.date_s = UPLINK_START_S;

    assert_int_equal(issued_at(test, buy(test, refusal)), 0);
    assert_int_equal(test->result.outcome, AUTHENTICATE_TIME);
    virtual_time_pass(&test->line.time, 5000);
    assert_int_equal(issued_at(test, buy(test, granted())), UPLINK_START_S + 5);
    assert_int_equal(test->result.outcome, AUTHENTICATE_GRANTED);
}

/* [AC-5] [RT-2] */
static void answers_are_told_apart(void **state)
{
    struct fixture *test = *state;

    static const struct {
        int status;
        const char *code;
        enum authenticate_outcome outcome;
        bool moves_on; /* to the next coordinator */
    } rows[] = {
        {403, WIRE_E_RUNNER_UNKNOWN, AUTHENTICATE_UNKNOWN, false},
        {400, WIRE_E_ASSERTION_TIME, AUTHENTICATE_TIME, false},
        {400, WIRE_E_ASSERTION_INVALID, AUTHENTICATE_FAILED, true},
        {403, "something.else", AUTHENTICATE_FAILED, true},
        {404, "root.resource_not_found", AUTHENTICATE_FAILED, true},
        {503, WIRE_E_RUNNER_UNKNOWN, AUTHENTICATE_FAILED, true}, /* not by a server's fault */
        {429, "something.else", AUTHENTICATE_FAILED, true},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        uplink_harness_use(&test->line, "only-before");
        uplink_harness_use(&test->line, "a,b");
        struct fake_answer answer = fake_refusal(rows[i].status, rows[i].code);
        answer.retry_after_s = 11;
        (void)buy(test, answer);
        assert_int_equal(test->result.outcome, rows[i].outcome);
        assert_int_equal(test->result.retry_after_s, 11);
        assert_int_not_equal(test->result.error.code, ERR_NONE);
        uplink_harness_expect_address(&test->line, rows[i].moves_on ? "b:12443" : "a:12443");
    }
}

static void nonsense_is_a_failure_and_moves_on_once(void **state)
{
    struct fixture *test = *state;

    static const struct {
        const char *path;
        const char *value;
    } wrong[] = {
        {"access_token", NULL}, {"access_token", "7"},       {"expires_in", NULL},
        {"expires_in", "0"},    {"expires_in", "86401"},     {"expires_in", "-1"},
        {"token_type", NULL},   {"token_type", "\"basic\""},
    };

    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        uplink_harness_use(&test->line, "only-before");
        uplink_harness_use(&test->line, "a,b,c");
        struct fake_answer answer = granted();
        assert_true(json_edit(answer.json, wrong[i].path, wrong[i].value));
        (void)buy(test, answer);
        assert_int_equal(test->result.outcome, AUTHENTICATE_FAILED);
        assert_string_equal(test->access_token, "");
        uplink_harness_expect_address(&test->line, "b:12443");
    }
    (void)buy(test, fake_failure(ERR_TIMEOUT));
    assert_int_equal(test->result.outcome, AUTHENTICATE_FAILED);
    assert_int_equal(test->result.error.code, ERR_TIMEOUT);
    uplink_harness_expect_address(&test->line, "c:12443");
}

static void what_cannot_be_sent_is_an_error_and_calls_nobody(void **state)
{
    struct fixture *test = *state;
    struct err err = {0};
    uplink_distrust(test->line.uplink);

    assert_int_equal(try_send(test, &err), -1);

    virtual_time_settle(&test->line.time);
    assert_int_equal(test->n_done, 0);
    assert_int_equal(test->line.fake.n_requests, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(an_assertion_buys_a_token, setup, teardown),
        cmocka_unit_test_setup_teardown(the_time_is_the_coordinators, setup, teardown),
        cmocka_unit_test_setup_teardown(answers_are_told_apart, setup, teardown),
        cmocka_unit_test_setup_teardown(nonsense_is_a_failure_and_moves_on_once, setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(what_cannot_be_sent_is_an_error_and_calls_nobody, setup,
                                        teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
