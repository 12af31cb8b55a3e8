/* SPDX-License-Identifier: Apache-2.0 */
/* The agent and failure: how long it waits, whom it asks next, what makes it try at once. */
#include "tests/unit/agent_cases.h"

static struct fake_answer unavailable(int status, uint32_t retry_after_s)
{
    struct fake_answer answer = fake_text(status, "text/html", "<html>");
    answer.retry_after_s = retry_after_s;
    return answer;
}

/* [RT-1]: decorrelated jitter, 1 s to 60 s, each at most three times the one before. */
static void the_wait_grows_and_stays_within_its_bounds(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 1000,
                          fake_failure(ERR_CONNECT));
    (void)agent_harness_wait_request(test, 11000);
    uint64_t previous_ms = 1000;
    uint64_t longest_ms = 0;
    for (int i = 0; i < 40; i++) {
        uint64_t wait_ms = agent_harness_wait_request(test, 60000);
        uint64_t most_ms = 3 * previous_ms < 60000 ? 3 * previous_ms : 60000;
        assert_in_range(wait_ms, 1000, most_ms);
        longest_ms = wait_ms > longest_ms ? wait_ms : longest_ms;
        previous_ms = wait_ms;
    }
    assert_in_range(longest_ms, 30000, 60000);
}

/* The sum of the next @n waits. */
static uint64_t waits_ms(struct agent_harness *test, int n)
{
    uint64_t sum_ms = 0;
    for (int i = 0; i < n; i++) {
        sum_ms += agent_harness_wait_request(test, 60000);
    }
    return sum_ms;
}

/* [RT-1]: "not reset until a heartbeat succeeded": a token that was granted is no success. */
static void only_an_accepted_beat_starts_the_wait_anew(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 1000,
                          fake_refusal(401, WIRE_E_ACCESS_TOKEN));
    (void)agent_harness_wait_request(test, 11000);
    /* If each token that is granted reset it, no wait were longer than 3 s. */
    assert_in_range(waits_ms(test, 20), 20 * 3000 + 1, 20 * 60000);

    fake_coordinator_heal(&test->coordinator);
    (void)agent_harness_wait(test, AGENT_CONNECTED, 60000);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 1,
                          fake_failure(ERR_CONNECT));
    (void)agent_harness_wait(test, AGENT_DISCONNECTED, 11000);
    assert_in_range(agent_harness_wait(test, AGENT_CONNECTED, 60000), 1000, 3000);
}

/* [RT-1] */
static void retry_after_is_a_lower_bound_wherever_it_is_said(void **state)
{
    static const struct {
        const char *path;
        int status;
    } rows[] = {
        {WIRE_PATH_ENROLL, 503},    {WIRE_PATH_ENROLL, 429}, {WIRE_PATH_HEARTBEAT, 503},
        {WIRE_PATH_HEARTBEAT, 429}, {WIRE_PATH_TOKEN, 503},  {WIRE_PATH_TOKEN, 429},
    };
    struct agent_harness *test = *state;
    agent_harness_write_token(test, "token-1");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        fake_coordinator_fail(&test->coordinator, rows[i].path, 1,
                              unavailable(rows[i].status, 120));
    }
    agent_harness_start(test, NULL);
    for (size_t i = 0; i < 4; i++) {
        agent_harness_pass(test, 0);
        agent_harness_expect_state(test, AGENT_DISCONNECTED);
        assert_string_equal(fake_http_request(&test->fake, -1)->path, rows[i].path);
        assert_int_equal(agent_harness_wait_request(test, 200000), 120000);
    }
    agent_harness_expect_state(test, AGENT_CONNECTED);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 1,
                          fake_refusal(401, WIRE_E_ACCESS_TOKEN));
    (void)agent_harness_wait(test, AGENT_DISCONNECTED, 11000);
    assert_int_equal(agent_harness_wait_request(test, 200000), 120000);
    assert_int_equal(agent_harness_wait(test, AGENT_CONNECTED, 200000), 120000);
}

/* [CL-1] [CL-4] [RT-1] */
static void a_clone_waits_as_long_as_it_is_told_and_then_connects(void **state)
{
    struct agent_harness *test = *state;
    struct fake_answer refusal = fake_refusal(409, WIRE_E_CONFLICT);
    refusal.retry_after_s = 31;
    agent_harness_join(test);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 3, refusal);

    (void)agent_harness_wait(test, AGENT_CONFLICT, 11000);
    assert_int_equal(agent_harness_status(test).state, AGENT_CONFLICT);
    assert_in_range(agent_harness_wait_request(test, 100000), 31000, 31000 + 3000);
    agent_harness_expect_state(test, AGENT_CONFLICT);
    assert_in_range(agent_harness_wait_request(test, 100000), 31000, 31000 + 60000);
    assert_in_range(agent_harness_wait(test, AGENT_CONNECTED, 100000), 31000, 31000 + 60000);

    /* The address answered as it should: no other one was asked, no token bought. */
    for (size_t i = 0; i < test->fake.n_requests; i++) {
        assert_string_equal(test->fake.requests[i]->connect_host, "c1:12443");
    }
    assert_int_equal(agent_harness_runner(test)->n_granted, 1);
}

/* [CL-1]: "The live session is not disturbed." */
static void a_clone_that_is_stopped_says_no_goodbye(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 1,
                          fake_refusal(409, WIRE_E_CONFLICT));
    (void)agent_harness_wait(test, AGENT_CONFLICT, 11000);
    agent_harness_stop(test, 0);
    agent_harness_expect_trail(test, "POST /heartbeat");
}

/* [RT-2] */
static void another_coordinator_is_asked_after_each_failure(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 3,
                          fake_failure(ERR_CONNECT));
    (void)agent_harness_wait(test, AGENT_DISCONNECTED, 11000);
    (void)agent_harness_wait(test, AGENT_CONNECTED, 60000);

    static const char *const hosts[] = {"c1:12443", "c2:12443", "c1:12443", "c2:12443"};
    for (int i = 0; i < 4; i++) {
        assert_string_equal(fake_http_request(&test->fake, 3 + i)->connect_host, hosts[i]);
        json_expect_integer(fake_http_request(&test->fake, 3 + i)->body, "seq", 2); /* [HB-1] */
    }
    agent_harness_pass(test, 60000); /* who answers is asked again */
    assert_string_equal(fake_http_request(&test->fake, -1)->connect_host, "c2:12443");
}

static void a_reload_ends_a_long_wait(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 1, unavailable(503, 3600));
    (void)agent_harness_wait(test, AGENT_DISCONNECTED, 11000);
    agent_harness_pass(test, 1000);

    agent_reload(test->agent, NULL);

    assert_int_equal(agent_harness_wait(test, AGENT_CONNECTED, 0), 0);
}

/* Addresses of the identity stand behind those of the operator. */
static void a_coordinator_that_is_no_longer_named_is_left_at_once(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    agent_harness_reload(test, "--coordinator-host", "c9:443", NULL);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 2,
                          fake_failure(ERR_CONNECT)); /* c1, c2 */
    (void)agent_harness_wait(test, AGENT_DISCONNECTED, 0);
    (void)agent_harness_wait(test, AGENT_CONNECTED, 60000);
    assert_string_equal(fake_http_request(&test->fake, -1)->connect_host, "c9:443");
    agent_harness_expect_trail(test, "POST /heartbeat, POST /heartbeat, POST /heartbeat");

    agent_harness_reload(test, NULL);
    agent_harness_expect_state(test, AGENT_DISCONNECTED); /* [ST-2] */
    assert_int_equal(test->fake.n_idle_dropped, 1);
    agent_harness_pass(test, 0);

    agent_harness_expect_state(test, AGENT_CONNECTED);
    agent_harness_expect_trail(test, "POST /heartbeat");
    const struct fake_request *beat = fake_http_request(&test->fake, -1);
    assert_string_equal(beat->connect_host, "c1:12443");
    assert_non_null(json_object_get(beat->body, "report")); /* [HB-2] */
}

static void a_reload_that_keeps_the_coordinator_keeps_the_line(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);

    agent_harness_reload(test, "--coordinator-host", "c7,c1", "--capacity", "4096", NULL);
    agent_harness_expect_state(test, AGENT_CONNECTED);
    agent_harness_pass(test, 0);

    assert_int_equal(test->fake.n_idle_dropped, 0);
    agent_harness_expect_trail(test, "POST /heartbeat");
    assert_int_equal(agent_harness_runner(test)->report.memory_total_mb, 4096);
}

/* [TP-4] */
static void a_proxy_is_used_from_the_reload_on_that_names_it(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    for (int i = 0; i < 3; i++) {
        assert_null(fake_http_request(&test->fake, i)->proxy);
    }
    agent_harness_reload(test, "--proxy", "http://proxy.example:3128", NULL);
    agent_harness_pass(test, 0);
    assert_string_equal(fake_http_request(&test->fake, -1)->proxy, "http://proxy.example:3128");
    agent_harness_reload(test, NULL);
    agent_harness_pass(test, 0);
    assert_null(fake_http_request(&test->fake, -1)->proxy);
}

/* A client that takes no request: a failure like any other, in whatever step. */
static void what_cannot_be_sent_is_tried_again(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_write_token(test, "token-1");
    agent_harness_start(test, NULL);
    test->fake.refuses_next_send = true; /* the question for the CA */
    agent_harness_pass(test, 0);
    agent_harness_expect_trail(test, "");
    (void)agent_harness_wait(test, AGENT_CONNECTED, 66000);
    agent_harness_pass(test, 1000);

    test->fake.refuses_next_send = true; /* a beat */
    (void)agent_harness_wait(test, AGENT_DISCONNECTED, 11000);
    assert_in_range(agent_harness_wait(test, AGENT_CONNECTED, 3000), 1000, 3000);
}

int run_agent_retry_cases(void)
{
    const struct CMUnitTest tests[] = {
        AGENT_CASE(the_wait_grows_and_stays_within_its_bounds),
        AGENT_CASE(only_an_accepted_beat_starts_the_wait_anew),
        AGENT_CASE(retry_after_is_a_lower_bound_wherever_it_is_said),
        AGENT_CASE(a_clone_waits_as_long_as_it_is_told_and_then_connects),
        AGENT_CASE(a_clone_that_is_stopped_says_no_goodbye),
        AGENT_CASE(another_coordinator_is_asked_after_each_failure),
        AGENT_CASE(a_reload_ends_a_long_wait),
        AGENT_CASE(a_coordinator_that_is_no_longer_named_is_left_at_once),
        AGENT_CASE(a_reload_that_keeps_the_coordinator_keeps_the_line),
        AGENT_CASE(a_proxy_is_used_from_the_reload_on_that_names_it),
        AGENT_CASE(what_cannot_be_sent_is_tried_again),
    };
    return cmocka_run_group_tests_name("retry", tests, NULL, NULL);
}
