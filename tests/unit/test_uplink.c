/* SPDX-License-Identifier: Apache-2.0 */
/* The line to the installation: whom it asks over which trust, what an answer means, what time
 * it is. */
#include "tests/support/uplink_harness.h"

#include <stdlib.h>
#include <string.h>

struct fixture {
    struct uplink_harness line;
    unsigned n_done;
    /* What the last completion was told: */
    enum uplink_outcome outcome;
    int status;
    char code[WIRE_ERROR_CODE_BYTES];
    enum err_code error;
    uint32_t retry_after_s;
    bool is_new_connection;
    json_t *body;
};

static void on_done(const struct uplink_reply *reply, void *userdata)
{
    struct fixture *test = userdata;
    test->n_done++;
    test->outcome = reply->outcome;
    test->status = reply->status;
    test->error = reply->error.code;
    test->retry_after_s = reply->retry_after_s;
    test->is_new_connection = reply->is_new_connection;
    memcpy(test->code, reply->refusal.code, sizeof test->code);
    json_decref(test->body);
    test->body = json_incref(reply->body);
}

static int setup_with(void **state, const char *proxy)
{
    struct fixture *test = calloc(1, sizeof *test);
    assert_non_null(test);
    uplink_harness_init(&test->line, proxy);
    *state = test;
    return 0;
}

static int setup(void **state)
{
    return setup_with(state, NULL);
}

static int setup_proxy(void **state)
{
    return setup_with(state, "http://proxy.example:3128");
}

static int teardown(void **state)
{
    struct fixture *test = *state;
    uplink_harness_fini(&test->line);
    json_decref(test->body);
    free(test);
    return 0;
}

static int try_send(struct fixture *test, struct err *err)
{
    struct uplink_request request = {.method = "POST",
                                     .path = WIRE_PATH_HEARTBEAT,
                                     .bearer = "access",
                                     .body = json_pack("{s:i}", "seq", 7)};
    return uplink_send(test->line.uplink, &request, on_done, test, err);
}

static void send_one(struct fixture *test)
{
    struct err err = {0};
    assert_int_equal(try_send(test, &err), 0);
}

/* Send, let the answer come. */
static void ask(struct fixture *test, struct fake_answer answer)
{
    unsigned before = test->n_done;
    fake_http_script(&test->line.fake, answer);
    send_one(test);
    assert_int_equal(test->n_done, before); /* never from inside the call */
    virtual_time_settle(&test->line.time);
    assert_int_equal(test->n_done, before + 1);
}

/* [TR-3] [RT-3] [TP-1] */
static void the_name_is_the_installations_whatever_address_is_dialled(void **state)
{
    struct fixture *test = *state;

    ask(test, fake_json(json_pack("{s:i}", "x", 1)));

    const struct fake_request *request = fake_http_request(&test->line.fake, 0);
    assert_string_equal(request->method, "POST");
    assert_string_equal(request->url, "https://" UPLINK_INSTALLATION
                                      ".ece.internal:12443/agent/v1/heartbeat");
    assert_string_equal(request->connect_host, "10.0.0.1:12443");
    assert_int_equal(request->trust, HTTP_TRUST_CA);
    assert_string_equal(request->ca_pem, UPLINK_CA);
    assert_string_equal(request->bearer, "access");
    assert_int_equal(json_integer_value(json_object_get(request->body, "seq")), 7);
    assert_int_equal(request->max_reply_bytes, WIRE_BODY_MAX);
    assert_int_equal(request->connect_timeout_ms, 10000);
    assert_int_equal(request->total_timeout_ms, 20000);
    assert_null(request->proxy); /* [TP-4] */
    assert_int_equal(test->outcome, UPLINK_OK);
    assert_int_equal(json_integer_value(json_object_get(test->body, "x")), 1);
    assert_true(test->is_new_connection);
}

/* [RT-3] */
static void a_shorter_deadline_bounds_the_connecting_too(void **state)
{
    struct fixture *test = *state;
    struct err err = {0};
    struct uplink_request request = {
        .method = "POST", .path = WIRE_PATH_GOODBYE, .total_timeout_ms = 1000};
    fake_http_script(&test->line.fake, (struct fake_answer){.delay_ms = FAKE_NEVER});

    assert_int_equal(uplink_send(test->line.uplink, &request, on_done, test, &err), 0);
    virtual_time_pass(&test->line.time, 999);
    assert_int_equal(test->n_done, 0);
    virtual_time_pass(&test->line.time, 1);

    assert_int_equal(fake_http_request(&test->line.fake, 0)->connect_timeout_ms, 1000);
    assert_int_equal(fake_http_request(&test->line.fake, 0)->total_timeout_ms, 1000);
    assert_int_equal(test->n_done, 1);
    assert_int_equal(test->outcome, UPLINK_UNAVAILABLE);
    assert_int_equal(test->error, ERR_TIMEOUT);
}

/* [TP-4] */
static void a_proxy_is_used_when_it_is_named_and_while_it_is(void **state)
{
    struct fixture *test = *state;
    struct err err = {0};

    ask(test, fake_json(json_object()));
    assert_int_equal(uplink_set_proxy(test->line.uplink, "http://other:1", &err), 0);
    ask(test, fake_json(json_object()));
    assert_int_equal(uplink_set_proxy(test->line.uplink, NULL, &err), 0);
    ask(test, fake_json(json_object()));

    assert_string_equal(fake_http_request(&test->line.fake, 0)->proxy,
                        "http://proxy.example:3128");
    assert_string_equal(fake_http_request(&test->line.fake, 1)->proxy, "http://other:1");
    assert_null(fake_http_request(&test->line.fake, 2)->proxy);
}

/* [RT-2] */
static void the_next_address_is_asked_when_one_is_of_no_use(void **state)
{
    struct fixture *test = *state;

    ask(test, fake_failure(ERR_CONNECT));
    ask(test, fake_text(503, "text/html", "<html>"));
    ask(test, fake_text(200, "text/html", "<html>"));
    ask(test, fake_json(json_object()));

    assert_string_equal(fake_http_request(&test->line.fake, 0)->connect_host, "10.0.0.1:12443");
    assert_string_equal(fake_http_request(&test->line.fake, 1)->connect_host,
                        "coordinator.example:443");
    assert_string_equal(fake_http_request(&test->line.fake, 1)->url,
                        "https://" UPLINK_INSTALLATION ".ece.internal:443/agent/v1/heartbeat");
    assert_string_equal(fake_http_request(&test->line.fake, 2)->connect_host,
                        "2001:db8::7:12443");
    assert_string_equal(fake_http_request(&test->line.fake, 3)->connect_host, "10.0.0.1:12443");
}

/* [RT-2]: a no is an answer. */
static void an_answer_and_a_refusal_keep_the_address(void **state)
{
    struct fixture *test = *state;

    ask(test, fake_json(json_object()));
    uplink_harness_expect_address(&test->line, "10.0.0.1:12443");
    ask(test, fake_refusal(401, WIRE_E_ACCESS_TOKEN));
    uplink_harness_expect_address(&test->line, "10.0.0.1:12443");
    ask(test, fake_refusal(409, WIRE_E_CONFLICT));
    uplink_harness_expect_address(&test->line, "10.0.0.1:12443");
}

static void expect_outcome(struct fixture *test, int status, bool is_ours,
                           enum uplink_outcome outcome)
{
    struct fake_answer answer = is_ours ? fake_refusal(status, "some.code")
                                        : fake_text(status, "text/html", "<h1>Forbidden</h1>");
    answer.retry_after_s = 17;

    ask(test, answer);

    if (test->outcome != outcome) {
        fail_msg("%d: outcome %d", status, (int)test->outcome);
    }
    assert_int_equal(test->status, status);
    assert_int_equal(test->retry_after_s, 17);
    assert_string_equal(test->code, is_ours ? "some.code" : "");
    assert_int_equal(test->error, outcome == UPLINK_REFUSED ? ERR_REFUSED : ERR_PROTOCOL);
    assert_null(test->body);
}

/* [TP-3] [RT-1] */
static void only_a_final_status_in_our_form_is_a_refusal(void **state)
{
    static const int final[] = {400, 401, 403, 404, 409, 499};
    static const int passing[] = {100, 302, 408, 429, 500, 503};
    for (size_t i = 0; i < ARRAY_LEN(final); i++) {
        expect_outcome(*state, final[i], true, UPLINK_REFUSED);
        expect_outcome(*state, final[i], false, UPLINK_UNAVAILABLE); /* a proxy's page */
    }
    for (size_t i = 0; i < ARRAY_LEN(passing); i++) {
        expect_outcome(*state, passing[i], true, UPLINK_UNAVAILABLE);
    }
}

static void a_success_that_is_no_json_object_is_no_success(void **state)
{
    struct fixture *test = *state;
    static const char *const bodies[] = {
        "",      "<html>welcome</html>", "[1]", "null", "{\"interval_ms\":",
        "{} {}", "{\"a\":1,\"a\":2}",
    };
    for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
        ask(test, fake_text(200, "text/html", bodies[i]));
        assert_int_equal(test->outcome, UPLINK_UNAVAILABLE);
        assert_int_equal(test->error, ERR_PROTOCOL);
        assert_null(test->body);
    }
}

/* [AC-3] */
static void the_coordinators_time_goes_on_while_the_wall_clock_jumps(void **state)
{
    struct fixture *test = *state;
    assert_false(uplink_knows_time(test->line.uplink));
    assert_int_equal(uplink_time_ms(test->line.uplink), test->line.time.clock.wall_ms);
    assert_int_equal(uplink_skew_ms(test->line.uplink), 0);

    struct fake_answer answer = fake_json(json_object());
    answer.date_s = UPLINK_START_S + 3600;
    ask(test, answer);

    assert_true(uplink_knows_time(test->line.uplink));
    assert_int_equal(uplink_time_ms(test->line.uplink),
                     INT64_C(1000) * (UPLINK_START_S + 3600) + 500);
    fake_clock_set_wall(&test->line.time.clock, INT64_C(86400) * 1000); /* 1970 */
    fake_clock_advance(&test->line.time.clock, 60000);
    assert_int_equal(uplink_time_ms(test->line.uplink),
                     INT64_C(1000) * (UPLINK_START_S + 3660) + 500);
    assert_int_equal(uplink_skew_ms(test->line.uplink),
                     INT64_C(86460) * 1000 - (INT64_C(1000) * (UPLINK_START_S + 3660) + 500));
}

/* A Date header says seconds: less than two of them are no skew. */
static void a_skew_counts_from_two_seconds_on(void **state)
{
    struct fixture *test = *state;

    static const int64_t ahead_ms[] = {0, 1999, -1999, 2000, -2000, 90000, -3600000};

    for (size_t i = 0; i < ARRAY_LEN(ahead_ms); i++) {
        uplink_learn_time(test->line.uplink, UPLINK_START_S);
        fake_clock_set_wall(&test->line.time.clock,
                            INT64_C(1000) * UPLINK_START_S + 500 + ahead_ms[i]);
        assert_int_equal(uplink_skew_ms(test->line.uplink),
                         llabs(ahead_ms[i]) < 2000 ? 0 : ahead_ms[i]);
    }
}

/* [AC-3]: "refused for its time" is worth nothing without it. */
static void a_refusal_teaches_the_time_as_well(void **state)
{
    struct fixture *test = *state;
    struct fake_answer answer = fake_refusal(400, WIRE_E_ASSERTION_TIME);
    answer.date_s = UPLINK_START_S - 86400;

    ask(test, answer);
    ask(test, fake_failure(ERR_CONNECT)); /* has none: what is known stays */

    assert_int_equal(uplink_time_ms(test->line.uplink),
                     INT64_C(1000) * (UPLINK_START_S - 86400) + 500);
}

static void a_second_request_at_the_same_time_is_refused(void **state)
{
    struct fixture *test = *state;
    struct err err = {0};
    fake_http_script(&test->line.fake, fake_json(json_object()));
    assert_false(uplink_is_busy(test->line.uplink));
    send_one(test);
    assert_true(uplink_is_busy(test->line.uplink));

    assert_int_equal(try_send(test, &err), -1);

    assert_int_equal(err.code, ERR_BUSY);
    virtual_time_settle(&test->line.time);
    assert_int_equal(test->n_done, 1);
    assert_int_equal(test->line.fake.n_requests, 1);
    assert_false(uplink_is_busy(test->line.uplink));
}

static void after_a_cancel_the_next_one_is_sent_at_once(void **state)
{
    struct fixture *test = *state;
    fake_http_script(&test->line.fake, (struct fake_answer){.delay_ms = FAKE_NEVER});
    fake_http_script(&test->line.fake, fake_json(json_pack("{s:i}", "second", 2)));
    send_one(test);

    uplink_cancel(test->line.uplink);
    assert_false(uplink_is_busy(test->line.uplink));
    send_one(test);
    virtual_time_pass(&test->line.time, 60000);

    assert_int_equal(test->n_done, 1);
    assert_true(fake_http_request(&test->line.fake, 0)->is_cancelled);
    assert_int_equal(json_integer_value(json_object_get(test->body, "second")), 2);
    uplink_harness_expect_address(&test->line,
                                  "10.0.0.1:12443"); /* giving up is not the address's fault */
    uplink_cancel(test->line.uplink);                /* nothing under way: nothing happens */
}

static void nothing_is_sent_without_trust_or_address(void **state)
{
    struct fixture *test = *state;
    struct err err = {0};

    uplink_distrust(test->line.uplink);
    assert_int_equal(try_send(test, &err), -1);
    assert_int_equal(uplink_trust(test->line.uplink, UPLINK_CA, UPLINK_INSTALLATION, &err), 0);
    uplink_set_endpoints(test->line.uplink, &(struct endpoint_list){0});
    assert_int_equal(try_send(test, &err), -1);

    assert_int_equal(test->line.fake.n_requests, 0);
    assert_int_equal(uplink_endpoint(test->line.uplink)->port, 0);
    uplink_next_endpoint(test->line.uplink);
    assert_int_equal(uplink_endpoint_count(test->line.uplink), 0);
}

static void a_request_that_the_client_does_not_take_leaves_the_line_free(void **state)
{
    struct fixture *test = *state;
    struct err err = {0};
    test->line.fake.refuses_next_send = true;

    assert_int_equal(try_send(test, &err), -1);

    assert_int_equal(err.code, ERR_NO_MEMORY);
    assert_false(uplink_is_busy(test->line.uplink));
    ask(test, fake_json(json_object()));
    assert_int_equal(test->outcome, UPLINK_OK);
}

static void another_list_keeps_the_address_in_use_if_it_is_in_it(void **state)
{
    struct fixture *test = *state;
    ask(test, fake_failure(ERR_CONNECT));
    uplink_harness_expect_address(&test->line, "coordinator.example:443");

    uplink_harness_use(&test->line, "a,b,coordinator.example:443");
    uplink_harness_expect_address(&test->line, "coordinator.example:443");
    uplink_harness_use(&test->line, "a,b");
    uplink_harness_expect_address(&test->line, "a:12443");
}

int main(void)
{
#define CASE(function) cmocka_unit_test_setup_teardown(function, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_name_is_the_installations_whatever_address_is_dialled),
        CASE(a_shorter_deadline_bounds_the_connecting_too),
        cmocka_unit_test_setup_teardown(a_proxy_is_used_when_it_is_named_and_while_it_is,
                                        setup_proxy, teardown),
        CASE(the_next_address_is_asked_when_one_is_of_no_use),
        CASE(an_answer_and_a_refusal_keep_the_address),
        CASE(only_a_final_status_in_our_form_is_a_refusal),
        CASE(a_success_that_is_no_json_object_is_no_success),
        CASE(the_coordinators_time_goes_on_while_the_wall_clock_jumps),
        CASE(a_skew_counts_from_two_seconds_on),
        CASE(a_refusal_teaches_the_time_as_well),
        CASE(a_second_request_at_the_same_time_is_refused),
        CASE(after_a_cancel_the_next_one_is_sent_at_once),
        CASE(nothing_is_sent_without_trust_or_address),
        CASE(a_request_that_the_client_does_not_take_leaves_the_line_free),
        CASE(another_list_keeps_the_address_in_use_if_it_is_in_it),
    };
#undef CASE
    return cmocka_run_group_tests(tests, NULL, NULL);
}
