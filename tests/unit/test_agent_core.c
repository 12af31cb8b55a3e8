/* SPDX-License-Identifier: Apache-2.0 */
/* The whole agent over a fake coordinator: joining, from a token to connected, and all that
 * can come between. The other files of the program take it from there. */
#include "tests/unit/agent_cases.h"

#include "common/base/fs.h"
#include "tests/support/host_tree.h"

/* [ST-1] [HB-3] [EN-1] [EN-4] */
static void a_token_leads_to_connected_in_three_requests(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_write_token(test, "token-1");
    agent_harness_start(test, NULL);
    assert_int_equal(test->fake.n_requests, 0);
    agent_harness_expect_state(test, AGENT_UNENROLLED);

    (void)agent_harness_wait(test, AGENT_CONNECTED, 0);

    agent_harness_expect_trail(test, "GET /ca, POST /enroll, POST /heartbeat");
    assert_int_equal(fake_http_request(&test->fake, 0)->trust, HTTP_TRUST_NOTHING);
    assert_string_equal(fake_http_request(&test->fake, 0)->connect_host, "c1:12443");
    assert_string_equal(fake_http_request(&test->fake, 2)->connect_host, "c1:12443");
    const struct fake_runner *runner = agent_harness_runner(test);
    assert_string_equal(runner->report.host_ip, AGENT_HARNESS_ID);
    assert_true(runner->report.memory_total_mb > 0);
    assert_true(runner->report.healthy);
    struct identity identity = agent_harness_identity(test);
    assert_true(identity.is_complete);
    assert_string_equal(identity.installation_id, FAKE_INSTALLATION);
    assert_string_equal(identity.token_id, "token-1");
    assert_int_equal(identity.roles, ROLE_ALLOCATOR);
    identity_fini(&identity);
    struct status_record status = agent_harness_status(test);
    assert_int_equal(status.state, AGENT_CONNECTED);
    assert_string_equal(status.runner_id, AGENT_HARNESS_ID);
}

/* [EN-1]: the key is on the disk before the coordinator can know it. */
static void the_host_key_is_stored_before_it_is_sent(void **state)
{
    struct agent_harness *test = *state;
    fake_coordinator_delay(&test->coordinator, WIRE_PATH_ENROLL, 5000);
    agent_harness_write_token(test, "token-1");
    agent_harness_start(test, NULL);

    agent_harness_pass(test, 1000);

    agent_harness_expect_state(test, AGENT_ENROLLING);
    struct err err = {0};
    auto_free char *public_pem = NULL;
    struct identity identity = agent_harness_identity(test);
    assert_false(identity.is_complete);
    assert_int_equal(keys_public_of(&identity.private_key_pem, &public_pem, &err), 0);
    json_expect_text(fake_http_request(&test->fake, 1)->body, "public_key", public_pem);
    identity_fini(&identity);
}

/* [TK-4] [TK-5] */
static void the_token_is_wiped_and_kept_nowhere(void **state)
{
    struct agent_harness *test = *state;
    struct err err = {0};
    auto_buf file = BUF_INIT(65536);
    char path[TMPDIR_PATH_BYTES];
    char *token = fake_coordinator_token(&test->coordinator, "token-1");
    agent_harness_start(test, "--roles-token", token, NULL);
    assert_non_null(test->options->token.inline_text.bytes);

    (void)agent_harness_wait(test, AGENT_CONNECTED, 0);
    agent_harness_pass(test, 60000);

    assert_null(test->options->token.inline_text.bytes);
    assert_int_equal(fs_read(tmpdir_path(&test->dir, "state/identity.json", path), &file, &err),
                     0);
    assert_null(strstr(buf_text(&file), token));
    for (size_t i = 0; i < test->fake.n_requests; i++) {
        const struct fake_request *request = test->fake.requests[i];
        bool is_it = request->bearer != NULL && strcmp(request->bearer, token) == 0;
        assert_true(is_it == (strcmp(request->path, WIRE_PATH_ENROLL) == 0));
    }
    secret_free_text(token);
}

/* [TK-1] */
static void a_bad_token_is_refused_before_anything_is_sent(void **state)
{
    struct agent_harness *test = *state;
    host_tree_write(&test->dir, "token", "not.a.token");
    agent_harness_start(test, NULL);

    agent_harness_pass(test, 200000);

    agent_harness_expect_state(test, AGENT_UNENROLLED);
    assert_int_equal(test->fake.n_requests, 0);
    assert_non_null(strstr(agent_harness_status(test).reason, "[encoding]"));
    agent_harness_write_token(test, "token-1"); /* mended: seen within a minute [RT-4] */
    (void)agent_harness_wait(test, AGENT_CONNECTED, 66000);
}

static void without_any_token_it_waits_for_one(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_start(test, NULL);
    agent_harness_pass(test, 200000);
    agent_harness_expect_state(test, AGENT_UNENROLLED);
    assert_int_equal(test->fake.n_requests, 0);

    agent_harness_write_token(test, "token-1");
    agent_harness_reload(test, NULL);

    assert_int_equal(agent_harness_wait(test, AGENT_CONNECTED, 0), 0);
}

/* [EN-5] */
static void when_the_reply_to_the_enrolment_is_lost_the_same_key_asks_again(void **state)
{
    struct agent_harness *test = *state;
    fake_coordinator_lose(&test->coordinator, WIRE_PATH_ENROLL);
    agent_harness_write_token(test, "token-1");
    agent_harness_start(test, NULL);

    assert_in_range(agent_harness_wait(test, AGENT_CONNECTED, 3000), 1000, 3000); /* [RT-1] */

    agent_harness_expect_trail(test,
                               "GET /ca, POST /enroll, GET /ca, POST /enroll, POST /heartbeat");
    const json_t *first = fake_http_request(&test->fake, 1)->body;
    const json_t *second = fake_http_request(&test->fake, 3)->body;
    json_expect_text(second, "public_key",
                     json_string_value(json_object_get(first, "public_key")));
    json_expect_text(second, "runner_id", AGENT_HARNESS_ID);
    assert_int_equal(agent_harness_runner(test)->n_enrolled, 2);
    /* The first address gave no answer: the next one was asked [RT-2]. */
    assert_string_equal(fake_http_request(&test->fake, 2)->connect_host, "c2:12443");
}

/* [EN-5] [AC-6] */
static void killed_before_the_reply_it_comes_back_without_a_token(void **state)
{
    struct agent_harness *test = *state;
    fake_coordinator_lose(&test->coordinator, WIRE_PATH_ENROLL);
    agent_harness_write_token(test, "token-1");
    agent_harness_start(test, NULL);
    (void)agent_harness_wait(test, AGENT_DISCONNECTED, 0);
    agent_harness_stop(test, 0);
    agent_harness_remove_token(test);
    agent_harness_expect_trail(test, "GET /ca, POST /enroll");

    agent_harness_start(test, NULL);
    (void)agent_harness_wait(test, AGENT_CONNECTED, 0);

    agent_harness_expect_trail(test, "POST /token, POST /heartbeat");
    struct identity identity = agent_harness_identity(test);
    assert_true(identity.is_complete);
    identity_fini(&identity);
    assert_int_equal(agent_harness_runner(test)->n_enrolled, 1);
}

/* [AC-6] */
static void after_two_years_it_comes_back_without_a_token(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    agent_harness_stop(test, 0);
    agent_harness_remove_token(test);
    fake_clock_advance(&test->time.clock, UINT64_C(63072000) * 1000);
    agent_harness_expect_trail(test, "POST /goodbye");

    agent_harness_start(test, NULL);
    (void)agent_harness_wait(test, AGENT_CONNECTED, 0);

    agent_harness_expect_trail(test, "POST /token, POST /heartbeat");
}

/* [RT-4] [TK-3] [EN-3] [EN-6] */
static void a_refused_enrolment_is_tried_again_each_minute(void **state)
{
    static const struct {
        int status;
        const char *code;
        uint32_t retry_after_s;
        uint64_t least_ms, most_ms;
    } rows[] = {
        {401, WIRE_E_TOKEN_REVOKED, 0, 54000, 66000},
        {403, WIRE_E_ROLES_NOT_PERMITTED, 0, 54000, 66000},
        {409, WIRE_E_RUNNER_ID_TAKEN, 0, 54000, 66000},
        {409, WIRE_E_RUNNER_ID_TAKEN, 300, 300000, 300000},
    };
    struct agent_harness *test = *state;
    agent_harness_write_token(test, "token-1");
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct fake_answer refusal = fake_refusal(rows[i].status, rows[i].code);
        refusal.retry_after_s = rows[i].retry_after_s;
        fake_coordinator_fail(&test->coordinator, WIRE_PATH_ENROLL, 1, refusal);
    }
    agent_harness_start(test, NULL);
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        agent_harness_pass(test, 0);
        agent_harness_expect_trail(test, "GET /ca, POST /enroll");
        agent_harness_expect_state(test, AGENT_UNENROLLED);
        assert_in_range(agent_harness_wait_request(test, 3600000), rows[i].least_ms,
                        rows[i].most_ms);
    }
    agent_harness_expect_state(test, AGENT_CONNECTED);
}

/* [RT-4]: "at once on SIGHUP". */
static void a_reload_tries_a_refused_enrolment_at_once(void **state)
{
    struct agent_harness *test = *state;
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_ENROLL, 1,
                          fake_refusal(401, WIRE_E_TOKEN_INVALID));
    agent_harness_write_token(test, "token-1");
    agent_harness_start(test, NULL);
    agent_harness_pass(test, 5000);
    agent_harness_expect_state(test, AGENT_UNENROLLED);

    agent_reload(test->agent, NULL);

    assert_int_equal(agent_harness_wait(test, AGENT_CONNECTED, 0), 0);
}

/* [TR-2]: final for that address; the token is at fault only when every address contradicts. */
static void a_ca_that_contradicts_the_token_stops_it_before_it_enrols(void **state)
{
    struct agent_harness *test = *state;
    char good[KEYS_SHA256_HEX_BYTES];
    memcpy(good, test->coordinator.ca_sha256, sizeof good);
    memset(test->coordinator.ca_sha256, 'a', sizeof good - 1); /* the token's claim */
    agent_harness_write_token(test, "token-1");
    memcpy(test->coordinator.ca_sha256, good, sizeof good);
    agent_harness_start(test, NULL);

    agent_harness_pass(test, 0);
    agent_harness_expect_state(test, AGENT_DISCONNECTED);
    assert_in_range(agent_harness_wait(test, AGENT_UNENROLLED, 3000), 1000, 3000);
    assert_in_range(agent_harness_wait_request(test, 70000), 54000, 66000);

    agent_harness_expect_trail(test, "GET /ca, GET /ca, GET /ca");
    assert_string_equal(fake_http_request(&test->fake, 0)->connect_host, "c1:12443");
    assert_string_equal(fake_http_request(&test->fake, 1)->connect_host, "c2:12443");
}

/* [RT-2] */
static void of_two_addresses_the_one_that_answers_is_joined(void **state)
{
    struct agent_harness *test = *state;
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_CA, 1, fake_failure(ERR_RESOLVE));
    agent_harness_write_token(test, "token-1");
    agent_harness_start(test, NULL);

    (void)agent_harness_wait(test, AGENT_CONNECTED, 3000);

    agent_harness_expect_trail(test, "GET /ca, GET /ca, POST /enroll, POST /heartbeat");
    assert_string_equal(fake_http_request(&test->fake, 3)->connect_host, "c2:12443");
}

/* [AC-3] */
static void a_wrong_wall_clock_is_no_obstacle_and_is_said(void **state)
{
    struct agent_harness *test = *state;
    fake_clock_set_wall(&test->time.clock, test->time.clock.wall_ms - INT64_C(86400) * 1000);
    agent_harness_join(test);
    agent_harness_pass(test, 20000);

    assert_int_equal(agent_harness_runner(test)->n_enrolled, 1);
    assert_in_range((uint64_t)-agent_harness_status(test).skew_ms, 86399000, 86401000);
    agent_harness_expect_state(test, AGENT_CONNECTED);
}

/* At whatever moment: nothing is left open, nobody is told goodbye who was never met. */
static void it_can_be_stopped_at_any_moment_of_joining(void **state)
{
    static const char *const paths[] = {WIRE_PATH_CA, WIRE_PATH_ENROLL, WIRE_PATH_HEARTBEAT,
                                        WIRE_PATH_TOKEN};
    static const char trail[] = "GET /ca, GET /ca, POST /enroll, GET /ca, POST /enroll, "
                                "POST /heartbeat, POST /token";
    struct agent_harness *test = *state;
    agent_harness_write_token(test, "token-1");
    agent_harness_start(test, NULL);
    agent_harness_stop(test, 0);
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        fake_coordinator_delay(&test->coordinator, paths[i], 5000);
        agent_harness_start(test, NULL);
        agent_harness_pass(test, 100);
        assert_string_equal(fake_http_request(&test->fake, -1)->path, paths[i]);
        agent_harness_stop(test, 0);
        assert_true(fake_http_request(&test->fake, -1)->is_cancelled);
    }
    agent_harness_expect_trail(test, trail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        AGENT_CASE(a_token_leads_to_connected_in_three_requests),
        AGENT_CASE(the_host_key_is_stored_before_it_is_sent),
        AGENT_CASE(the_token_is_wiped_and_kept_nowhere),
        AGENT_CASE(a_bad_token_is_refused_before_anything_is_sent),
        AGENT_CASE(without_any_token_it_waits_for_one),
        AGENT_CASE(when_the_reply_to_the_enrolment_is_lost_the_same_key_asks_again),
        AGENT_CASE(killed_before_the_reply_it_comes_back_without_a_token),
        AGENT_CASE(after_two_years_it_comes_back_without_a_token),
        AGENT_CASE(a_refused_enrolment_is_tried_again_each_minute),
        AGENT_CASE(a_reload_tries_a_refused_enrolment_at_once),
        AGENT_CASE(a_ca_that_contradicts_the_token_stops_it_before_it_enrols),
        AGENT_CASE(of_two_addresses_the_one_that_answers_is_joined),
        AGENT_CASE(a_wrong_wall_clock_is_no_obstacle_and_is_said),
        AGENT_CASE(it_can_be_stopped_at_any_moment_of_joining),
    };
    int n_failed = cmocka_run_group_tests_name("join", tests, NULL, NULL);
    n_failed += run_agent_identity_cases();
    n_failed += run_agent_line_cases();
    n_failed += run_agent_retry_cases();
    n_failed += run_agent_steering_cases();
    return n_failed;
}
