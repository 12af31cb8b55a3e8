/* SPDX-License-Identifier: Apache-2.0 */
/* What the installation wants of a host, and that the host does it at once. */
#include "tests/unit/agent_cases.h"

static void steer(struct agent_harness *test, roles_t roles, uint32_t capacity_mb)
{
    test->coordinator.steering = (struct wire_steering){
        .revision = test->coordinator.steering.revision + 1,
        .roles = roles,
        .capacity_mb = capacity_mb,
    };
}

/* [HB-4] */
static void a_capacity_is_taken_and_told_in_the_same_moment(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    uint32_t measured_mb = agent_harness_runner(test)->report.memory_total_mb;
    assert_int_not_equal(measured_mb, 4096);
    steer(test, ROLE_ALLOCATOR, 4096);

    (void)agent_harness_wait_request(test, 11000);

    agent_harness_expect_trail(test, "POST /heartbeat, POST /heartbeat");
    json_expect_integer(fake_http_request(&test->fake, -2)->body, "steering", 0);
    const json_t *answer = fake_http_request(&test->fake, -1)->body;
    json_expect_integer(answer, "steering", 1);
    json_expect_integer(answer, "report.memory.total", 4096);
    assert_int_equal(agent_harness_runner(test)->report.memory_total_mb, 4096);

    steer(test, ROLE_ALLOCATOR, 0); /* as measured, again */
    (void)agent_harness_wait_request(test, 11000);
    agent_harness_expect_trail(test, "POST /heartbeat, POST /heartbeat");
    assert_int_equal(agent_harness_runner(test)->report.memory_total_mb, measured_mb);
}

/* [HB-4] */
static void roles_are_taken_and_kept_over_a_restart(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    steer(test, ROLE_ALLOCATOR | ROLE_PROXY, 0);
    (void)agent_harness_wait_request(test, 11000);

    struct identity identity = agent_harness_identity(test);
    assert_int_equal(identity.roles, ROLE_ALLOCATOR | ROLE_PROXY);
    identity_fini(&identity);
    assert_int_equal(agent_harness_status(test).roles, ROLE_ALLOCATOR | ROLE_PROXY);
    agent_harness_stop(test, 0);
    agent_harness_start(test, NULL);
    (void)agent_harness_wait(test, AGENT_CONNECTED, 0);
    assert_int_equal(agent_harness_status(test).roles, ROLE_ALLOCATOR | ROLE_PROXY);
}

/* [HB-4] */
static void maintenance_mode_shows_until_it_ends(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    assert_false(agent_harness_status(test).maintenance_mode);
    steer(test, ROLE_ALLOCATOR, 0);
    test->coordinator.steering.maintenance_mode = true;
    (void)agent_harness_wait_request(test, 11000);
    assert_true(agent_harness_status(test).maintenance_mode);
    agent_harness_pass(test, 60000);
    assert_true(agent_harness_status(test).maintenance_mode);
    steer(test, ROLE_ALLOCATOR, 0);
    (void)agent_harness_wait_request(test, 11000);
    assert_false(agent_harness_status(test).maintenance_mode);
}

/* [HB-4] [RT-2] */
static void coordinators_that_are_named_are_kept_and_asked_when_the_others_fail(void **state)
{
    struct agent_harness *test = *state;
    struct err err = {0};
    agent_harness_join(test);
    steer(test, ROLE_ALLOCATOR, 0);
    assert_int_equal(
        endpoint_list_parse("c8:443,c1", 12443, &test->coordinator.steering.coordinators, &err),
        0);
    (void)agent_harness_wait_request(test, 11000);
    struct identity identity = agent_harness_identity(test);
    assert_int_equal(identity.coordinators.count, 3);
    assert_string_equal(identity.coordinators.items[0].host, "c8");
    assert_string_equal(identity.coordinators.items[1].host, "c1");
    assert_string_equal(identity.coordinators.items[2].host, "c2"); /* the operator's own */
    identity_fini(&identity);
    agent_harness_expect_state(test, AGENT_CONNECTED); /* and the line in use stays */
    assert_int_equal(test->fake.n_idle_dropped, 0);

    fake_coordinator_fail(&test->coordinator, WIRE_PATH_HEARTBEAT, 2,
                          fake_failure(ERR_CONNECT));
    (void)agent_harness_wait(test, AGENT_DISCONNECTED, 11000);
    (void)agent_harness_wait(test, AGENT_CONNECTED, 60000);
    assert_string_equal(fake_http_request(&test->fake, -1)->connect_host, "c8:443");
}

/* [HB-4]: what was not asked for is not sent again. */
static void nothing_is_sent_at_once_when_the_report_stays_the_same(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    steer(test, ROLE_ALLOCATOR, 0);
    (void)agent_harness_wait_request(test, 11000);
    agent_harness_expect_trail(test, "POST /heartbeat");
    (void)agent_harness_wait_request(test, 11000);
    json_expect_integer(fake_http_request(&test->fake, -1)->body, "steering", 1);
}

/* What the installation wanted belonged to the identity: a new one starts without it. */
static void who_leaves_and_joins_anew_follows_no_old_steering(void **state)
{
    struct agent_harness *test = *state;
    struct err err = {0};
    agent_harness_join(test);
    steer(test, ROLE_ALLOCATOR, 4096);
    (void)agent_harness_wait_request(test, 11000);
    assert_int_equal(agent_harness_runner(test)->report.memory_total_mb, 4096);

    assert_int_equal(identity_erase(test->state_dir, &err), 0);
    agent_reload(test->agent, NULL);
    test->coordinator.steering = (struct wire_steering){0};
    agent_harness_write_token(test, "token-2");
    agent_harness_reload(test, NULL);
    (void)agent_harness_wait(test, AGENT_CONNECTED, 0);

    json_expect_integer(fake_http_request(&test->fake, -1)->body, "steering", 0);
    assert_int_not_equal(agent_harness_runner(test)->report.memory_total_mb, 4096);
}

/* [CL-3] */
static void another_host_under_this_identity_shows_until_it_is_gone(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    test->coordinator.conflict_host_ip = "198.51.100.4";
    (void)agent_harness_wait_request(test, 11000);
    assert_string_equal(agent_harness_status(test).conflict_host_ip, "198.51.100.4");
    agent_harness_expect_state(test, AGENT_CONNECTED);
    test->coordinator.conflict_host_ip = NULL;
    (void)agent_harness_wait_request(test, 11000);
    assert_string_equal(agent_harness_status(test).conflict_host_ip, "");
}

int run_agent_steering_cases(void)
{
    const struct CMUnitTest tests[] = {
        AGENT_CASE(a_capacity_is_taken_and_told_in_the_same_moment),
        AGENT_CASE(roles_are_taken_and_kept_over_a_restart),
        AGENT_CASE(maintenance_mode_shows_until_it_ends),
        AGENT_CASE(coordinators_that_are_named_are_kept_and_asked_when_the_others_fail),
        AGENT_CASE(nothing_is_sent_at_once_when_the_report_stays_the_same),
        AGENT_CASE(who_leaves_and_joins_anew_follows_no_old_steering),
        AGENT_CASE(another_host_under_this_identity_shows_until_it_is_gone),
    };
    return cmocka_run_group_tests_name("steering", tests, NULL, NULL);
}
