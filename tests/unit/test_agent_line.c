/* SPDX-License-Identifier: Apache-2.0 */
/* The agent that has joined: its beats, what makes it connected and what ends that, its access
 * tokens, its goodbye. */
#include "tests/unit/agent_cases.h"

static bool is_full(const struct fake_request *request)
{
    return json_object_get(request->body, "report") != NULL;
}

static const char *last_path(const struct agent_harness *test)
{
    return fake_http_request(&test->fake, -1)->path;
}

/* [HB-3] [HB-2] */
static void beats_come_at_the_pace_that_the_coordinator_sets(void **state)
{
    struct agent_harness *test = *state;
    uint64_t least_ms = UINT64_MAX;
    uint64_t most_ms = 0;
    agent_harness_join(test);
    for (int i = 0; i < 25; i++) {
        uint64_t wait_ms = agent_harness_wait_request(test, 11000);
        least_ms = wait_ms < least_ms ? wait_ms : least_ms;
        most_ms = wait_ms > most_ms ? wait_ms : most_ms;
        assert_false(is_full(fake_http_request(&test->fake, -1)));
    }
    assert_in_range(least_ms, 9000, 9999); /* give or take a tenth: both happen */
    assert_in_range(most_ms, 10001, 11000);

    test->coordinator.pace =
        (struct wire_pace){.interval_ms = 60000, .lease_ms = 180000, .spread_ms = 1000};
    (void)agent_harness_wait_request(test, 11000);
    assert_in_range(agent_harness_wait_request(test, 66000), 54000, 66000);
    agent_harness_expect_state(test, AGENT_CONNECTED);
}

/* [HB-2]: asked for a report, it is told at once; and once. */
static void a_report_that_is_asked_for_goes_out_at_once(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    test->coordinator.asks_for_report = true;

    (void)agent_harness_wait_request(test, 11000);

    agent_harness_expect_trail(test, "POST /heartbeat, POST /heartbeat");
    assert_false(is_full(fake_http_request(&test->fake, -2)));
    assert_true(is_full(fake_http_request(&test->fake, -1)));
}

/* A coordinator that is never content is not flooded: virtual time fails an endless loop. */
static void a_coordinator_that_always_asks_for_reports_is_not_flooded(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    json_t *reply = json_pack("{s:i,s:i,s:i,s:b}", "interval_ms", 10000, "lease_ms", 30000,
                              "spread_ms", 1, "need_report", 1);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 100, fake_json(reply));
    size_t before = test->fake.n_requests;
    agent_harness_pass(test, 100000);
    assert_in_range(test->fake.n_requests - before, 9, 13);
}

/* [ST-2] */
static void connected_ends_with_the_lease(void **state)
{
    struct agent_harness *test = *state;
    test->coordinator.pace.lease_ms = 15000;
    agent_harness_join(test);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 1,
                          (struct fake_answer){.delay_ms = FAKE_NEVER});

    agent_harness_pass(test, 14999);
    agent_harness_expect_state(test, AGENT_CONNECTED);
    agent_harness_pass(test, 1);
    agent_harness_expect_state(test, AGENT_DISCONNECTED);
    assert_int_equal(agent_harness_status(test).lease_end_ms, 0);

    /* The beat is given up after its 20 s, and the next one is on time for RT-1. */
    assert_in_range(agent_harness_wait(test, AGENT_CONNECTED, 30000), 10000, 19000);
    assert_true(is_full(fake_http_request(&test->fake, -1)));
}

/* [ST-2]: accepted, but by then nothing runs any more. */
static void an_answer_after_its_lease_connects_nobody(void **state)
{
    struct agent_harness *test = *state;
    test->coordinator.pace.lease_ms = 12000;
    agent_harness_join(test);
    fake_coordinator_delay(&test->coordinator, WIRE_PATH_HEARTBEAT, 12000);

    (void)agent_harness_wait_request(test, 11000);
    agent_harness_pass(test, 12000);

    agent_harness_expect_state(test, AGENT_DISCONNECTED);
    assert_int_equal(agent_harness_runner(test)->n_beats, 2);
    assert_in_range(agent_harness_wait(test, AGENT_CONNECTED, 3000), 1000, 3000);
    assert_int_equal(agent_harness_runner(test)->seq, 3);
}

/* [ST-2]: late, but what it grants still runs: for what is left of it. */
static void a_late_answer_connects_for_what_is_left_of_its_lease(void **state)
{
    struct agent_harness *test = *state;
    test->coordinator.pace.lease_ms = 16000;
    agent_harness_join(test);
    fake_coordinator_delay(&test->coordinator, WIRE_PATH_HEARTBEAT, 15000);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 1,
                          (struct fake_answer){.delay_ms = FAKE_NEVER});
    (void)agent_harness_wait_request(test, 11000);
    assert_in_range(agent_harness_wait(test, AGENT_DISCONNECTED, 15000), 5000, 7000);
    (void)agent_harness_wait(test, AGENT_CONNECTED, 15000);
    assert_int_equal(agent_harness_wait(test, AGENT_DISCONNECTED, 15000), 1000);
}

/* [LV-4] */
static void an_idle_close_is_seen_at_once_and_mended_within_the_spread(void **state)
{
    struct agent_harness *test = *state;
    test->coordinator.pace.spread_ms = 5000;
    agent_harness_join(test);
    uint64_t longest_ms = 0;
    for (int i = 0; i < 10; i++) {
        agent_harness_pass(test, 3000);
        fake_http_close_idle(&test->fake);
        virtual_time_settle(&test->time);
        agent_harness_expect_state(test, AGENT_DISCONNECTED);

        uint64_t waited_ms = agent_harness_wait(test, AGENT_CONNECTED, 5000);

        longest_ms = waited_ms > longest_ms ? waited_ms : longest_ms;
        assert_true(is_full(fake_http_request(&test->fake, -1))); /* [HB-2] */
    }
    assert_in_range(longest_ms, 1000, 5000); /* spread, not all at the first moment */
    assert_int_equal(agent_harness_runner(test)->n_granted, 1);
}

/* [AC-5] */
static void a_401_is_answered_with_one_new_assertion(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 1,
                          fake_refusal(401, WIRE_E_ACCESS_TOKEN));

    (void)agent_harness_wait_request(test, 11000);

    agent_harness_expect_trail(test, "POST /heartbeat, POST /token, POST /heartbeat");
    agent_harness_expect_state(test, AGENT_CONNECTED);
    assert_int_equal(test->states[5], AGENT_AUTHENTICATING);
    json_expect_integer(fake_http_request(&test->fake, 5)->body, "seq", 2); /* [HB-1] */
}

/* [AC-5] [RT-1] */
static void a_second_401_is_a_failure_like_any_other(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 1000,
                          fake_refusal(401, WIRE_E_ACCESS_TOKEN));

    (void)agent_harness_wait_request(test, 11000);
    agent_harness_expect_trail(test, "POST /heartbeat, POST /token, POST /heartbeat");
    agent_harness_expect_state(test, AGENT_DISCONNECTED);
    size_t before = test->fake.n_requests;
    agent_harness_pass(test, 600000);
    assert_in_range(test->fake.n_requests - before, 20, 200);

    fake_coordinator_heal(&test->coordinator);
    (void)agent_harness_wait(test, AGENT_CONNECTED, 60000);
}

/* [AC-3] */
static void an_assertion_refused_for_its_time_is_made_anew_once(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    agent_harness_stop(test, 0);
    agent_harness_expect_trail(test, "POST /goodbye");
    fake_clock_set_wall(&test->time.clock, 0); /* it starts without knowing the time */
    agent_harness_start(test, NULL);
    agent_harness_pass(test, 0);
    agent_harness_expect_trail(test, "POST /token, POST /token, POST /heartbeat");
    agent_harness_expect_state(test, AGENT_CONNECTED);

    /* A coordinator that cannot be content is not asked for ever. */
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 1,
                          fake_refusal(401, WIRE_E_ACCESS_TOKEN));
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_TOKEN, 2,
                          fake_refusal(400, WIRE_E_ASSERTION_TIME));
    (void)agent_harness_wait_request(test, 11000);
    agent_harness_expect_trail(test, "POST /heartbeat, POST /token, POST /token");
    agent_harness_expect_state(test, AGENT_DISCONNECTED);
}

/* [AC-4]: while the old one still works; nobody sees anything of it. */
static void the_access_token_is_renewed_in_passing(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);

    agent_harness_pass(test, 1800000);

    const struct fake_runner *runner = agent_harness_runner(test);
    assert_in_range(runner->n_granted, 3, 4); /* 900 s each, two minutes before the end */
    for (size_t i = 3; i < test->fake.n_requests; i++) {
        assert_int_equal(test->states[i], AGENT_CONNECTED);
    }
}

static void a_renewal_that_fails_disconnects_nobody(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_TOKEN, 1000,
                          fake_text(503, "text/html", "<html>"));
    agent_harness_pass(test, 880000);
    agent_harness_expect_state(test, AGENT_CONNECTED);
    unsigned n_tries = 0;
    for (size_t i = 3; i < test->fake.n_requests; i++) {
        assert_int_equal(test->states[i], AGENT_CONNECTED);
        n_tries += strcmp(test->fake.requests[i]->path, WIRE_PATH_TOKEN) == 0;
    }
    assert_in_range(n_tries, 3, 6); /* every 20 s at the earliest */

    (void)agent_harness_wait(test, AGENT_DISCONNECTED, 60000); /* now it has ended */
    fake_coordinator_heal(&test->coordinator);
    (void)agent_harness_wait(test, AGENT_CONNECTED, 60000);
}

/* [LV-5] */
static void a_stop_says_goodbye(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    agent_harness_pass(test, 25000);

    agent_harness_stop(test, 0);

    assert_int_equal(agent_harness_runner(test)->n_goodbyes, 1);
    assert_string_equal(last_path(test), WIRE_PATH_GOODBYE);
    assert_int_equal(fake_http_request(&test->fake, -1)->total_timeout_ms, 1000);
    struct err err = {0};
    struct status_record record;
    enum status_found found = STATUS_FOUND;
    assert_int_equal(status_record_load(test->runtime_dir, &found, &record, &err), 0);
    assert_int_equal(found, STATUS_ABSENT);
}

static void a_goodbye_that_nobody_hears_takes_a_second_at_most(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_GOODBYE, 1,
                          (struct fake_answer){.delay_ms = FAKE_NEVER});
    agent_harness_stop(test, 1000);
    assert_int_equal(agent_harness_runner(test)->n_goodbyes, 0);
}

static void a_stop_during_a_beat_says_goodbye_all_the_same(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    fake_coordinator_delay(&test->coordinator, WIRE_PATH_HEARTBEAT, 5000);
    (void)agent_harness_wait_request(test, 11000);

    agent_harness_stop(test, 0);

    agent_harness_expect_trail(test, "POST /heartbeat, POST /goodbye");
    assert_true(fake_http_request(&test->fake, -2)->is_cancelled);
}

int run_agent_line_cases(void)
{
    const struct CMUnitTest tests[] = {
        AGENT_CASE(beats_come_at_the_pace_that_the_coordinator_sets),
        AGENT_CASE(a_report_that_is_asked_for_goes_out_at_once),
        AGENT_CASE(a_coordinator_that_always_asks_for_reports_is_not_flooded),
        AGENT_CASE(connected_ends_with_the_lease),
        AGENT_CASE(an_answer_after_its_lease_connects_nobody),
        AGENT_CASE(a_late_answer_connects_for_what_is_left_of_its_lease),
        AGENT_CASE(an_idle_close_is_seen_at_once_and_mended_within_the_spread),
        AGENT_CASE(a_401_is_answered_with_one_new_assertion),
        AGENT_CASE(a_second_401_is_a_failure_like_any_other),
        AGENT_CASE(an_assertion_refused_for_its_time_is_made_anew_once),
        AGENT_CASE(the_access_token_is_renewed_in_passing),
        AGENT_CASE(a_renewal_that_fails_disconnects_nobody),
        AGENT_CASE(a_stop_says_goodbye),
        AGENT_CASE(a_goodbye_that_nobody_hears_takes_a_second_at_most),
        AGENT_CASE(a_stop_during_a_beat_says_goodbye_all_the_same),
    };
    return cmocka_run_group_tests_name("line", tests, NULL, NULL);
}
