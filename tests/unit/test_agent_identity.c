/* SPDX-License-Identifier: Apache-2.0 */
/* The agent and its identity: kept, lost, refused, given up, and disks that do not take it. */
#include "tests/unit/agent_cases.h"

#include "tests/support/host_tree.h"

#include <signal.h>
#include <sys/resource.h>

/* A disk without room: every write fails, for root as well. */
static void disk_has_room(bool has_room)
{
    struct rlimit limit;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    limit.rlim_cur = has_room ? limit.rlim_max : 0;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
}

static int teardown_with_room(void **state)
{
    disk_has_room(true);
    return agent_harness_teardown(state);
}

static char *public_key(const struct agent_harness *test)
{
    struct err err = {0};
    char *public_pem = NULL;
    struct identity identity = agent_harness_identity(test);
    assert_int_equal(keys_public_of(&identity.private_key_pem, &public_pem, &err), 0);
    identity_fini(&identity);
    return public_pem;
}

/* [EN-1]: a key that could not be kept is not sent. */
static void with_a_full_disk_nothing_is_enrolled_until_there_is_room(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_write_token(test, "token-1");
    agent_harness_start(test, NULL);
    disk_has_room(false);

    agent_harness_pass(test, 30000);
    agent_harness_expect_state(test, AGENT_DISCONNECTED);
    assert_int_equal(test->coordinator.n_runners, 0);
    for (size_t i = 0; i < test->fake.n_requests; i++) {
        assert_string_equal(test->fake.requests[i]->path, WIRE_PATH_CA);
    }
    disk_has_room(true);

    (void)agent_harness_wait(test, AGENT_CONNECTED, 60000); /* [RT-1] */
    auto_free char *kept = public_key(test);
    assert_string_equal(kept, agent_harness_runner(test)->public_key_pem);
}

/* The coordinator knows the host, only our disk does not: the host works, says it is not well,
 * and heals by itself. */
static void a_disk_that_fills_during_the_enrolment_is_said_and_heals(void **state)
{
    struct agent_harness *test = *state;
    fake_coordinator_delay(&test->coordinator, WIRE_PATH_ENROLL, 1000);
    agent_harness_write_token(test, "token-1");
    agent_harness_start(test, NULL);
    agent_harness_pass(test, 500);
    disk_has_room(false);

    agent_harness_pass(test, 30000);
    agent_harness_expect_state(test, AGENT_CONNECTED);
    assert_false(agent_harness_runner(test)->report.healthy);
    struct identity identity = agent_harness_identity(test);
    assert_false(identity.is_complete);
    identity_fini(&identity);

    disk_has_room(true);
    agent_harness_pass(test, 22000); /* two beats */
    assert_true(agent_harness_runner(test)->report.healthy);
    identity = agent_harness_identity(test);
    assert_true(identity.is_complete);
    identity_fini(&identity);
    assert_int_equal(agent_harness_runner(test)->n_enrolled, 1);
}

static void erase_identity(const struct agent_harness *test)
{
    struct err err = {0};
    assert_int_equal(identity_erase(test->state_dir, &err), 0);
}

/* [LE-1] [LE-2]: `ece-agent leave` removed the file and sent SIGHUP. */
static void a_host_that_has_left_does_not_come_back_with_the_same_token(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    auto_free char *first_key = public_key(test);

    erase_identity(test);
    agent_reload(test->agent, NULL);
    agent_harness_expect_state(test, AGENT_UNENROLLED);
    agent_harness_pass(test, 300000);

    agent_harness_expect_state(test, AGENT_UNENROLLED);
    agent_harness_expect_trail(test, "");
    agent_harness_write_token(test, "token-2");
    (void)agent_harness_wait(test, AGENT_CONNECTED, 66000); /* [RT-4] */
    agent_harness_expect_trail(test, "GET /ca, POST /enroll, POST /heartbeat");
    auto_free char *second_key = public_key(test);
    assert_string_not_equal(first_key, second_key);
}

static void leaving_ends_what_is_under_way(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    fake_coordinator_delay(&test->coordinator, WIRE_PATH_HEARTBEAT, 5000);
    (void)agent_harness_wait_request(test, 11000);

    erase_identity(test);
    agent_reload(test->agent, NULL);
    agent_harness_pass(test, 10000);

    agent_harness_expect_state(test, AGENT_UNENROLLED);
    assert_true(fake_http_request(&test->fake, -1)->is_cancelled);
    assert_int_equal(access(test->state_dir, F_OK), 0);
    struct err err = {0};
    struct identity identity = {0};
    enum identity_found found = IDENTITY_FOUND;
    assert_int_equal(identity_load(test->state_dir, &found, &identity, &err), 0);
    assert_int_equal(found, IDENTITY_ABSENT);
}

static void remove_runner(struct agent_harness *test)
{
    agent_harness_runner(test)->is_removed = true;
    (void)agent_harness_wait(test, AGENT_REJECTED, 11000);
    agent_harness_expect_trail(test, "POST /heartbeat, POST /token");
}

/* [AC-5] [RT-4] */
static void a_removed_runner_is_rejected_and_asks_once_a_minute(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    remove_runner(test);

    for (int i = 0; i < 5; i++) {
        assert_in_range(agent_harness_wait_request(test, 70000), 54000, 66000);
        agent_harness_expect_trail(test, "POST /token"); /* the token it joined with: never */
        agent_harness_expect_state(test, AGENT_REJECTED);
    }
    agent_harness_runner(test)->is_removed = false; /* its coordinator got its state back */
    (void)agent_harness_wait(test, AGENT_CONNECTED, 66000);
    agent_harness_expect_trail(test, "POST /token, POST /heartbeat");
}

/* [RT-4] */
static void a_fresh_token_brings_a_rejected_host_back_with_a_new_key(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    auto_free char *first_key = public_key(test);
    remove_runner(test);

    agent_harness_write_token(test, "token-2");
    agent_harness_reload(test, NULL);
    assert_int_equal(agent_harness_wait(test, AGENT_CONNECTED, 0), 0);

    agent_harness_expect_trail(test, "GET /ca, POST /enroll, POST /heartbeat");
    auto_free char *second_key = public_key(test);
    assert_string_not_equal(first_key, second_key);
    struct identity identity = agent_harness_identity(test);
    assert_string_equal(identity.token_id, "token-2");
    identity_fini(&identity);
}

/* A pending identity that the coordinator never heard of, and a token to enrol it with. */
static void an_unknown_pending_identity_enrols_when_a_token_comes(void **state)
{
    struct agent_harness *test = *state;
    fake_coordinator_fail(&test->coordinator, WIRE_PATH_ENROLL, 1, fake_failure(ERR_CONNECT));
    agent_harness_write_token(test, "token-1");
    agent_harness_start(test, NULL);
    (void)agent_harness_wait(test, AGENT_DISCONNECTED, 0);
    agent_harness_stop(test, 0);
    agent_harness_remove_token(test);
    agent_harness_start(test, NULL);
    (void)agent_harness_wait(test, AGENT_REJECTED, 0);
    agent_harness_expect_trail(test, "GET /ca, POST /enroll, POST /token");

    agent_harness_write_token(test, "token-1"); /* never used up: it may be the same */
    agent_harness_reload(test, NULL);
    (void)agent_harness_wait(test, AGENT_CONNECTED, 0);

    agent_harness_expect_trail(test, "GET /ca, POST /enroll, POST /heartbeat");
}

/* Somebody restored a backup: the file is the truth. */
static void another_identity_in_the_file_is_taken_on_reload(void **state)
{
    struct agent_harness *test = *state;
    struct err err = {0};
    agent_harness_join(test);
    struct identity first = agent_harness_identity(test);
    erase_identity(test);
    agent_reload(test->agent, NULL);
    agent_harness_write_token(test, "token-2");
    agent_reload(test->agent, NULL);
    (void)agent_harness_wait(test, AGENT_CONNECTED, 0);
    struct fake_runner *runner = agent_harness_runner(test);
    free(runner->public_key_pem);
    assert_int_equal(keys_public_of(&first.private_key_pem, &runner->public_key_pem, &err), 0);
    agent_harness_expect_trail(test, "GET /ca, POST /enroll, POST /heartbeat");

    assert_int_equal(identity_store(test->state_dir, &first, &err), 0);
    agent_reload(test->agent, NULL);
    agent_harness_pass(test, 0);

    agent_harness_expect_trail(test, "POST /token, POST /heartbeat");
    agent_harness_expect_state(test, AGENT_CONNECTED);
    identity_fini(&first);
}

static void expect_no_start(struct agent_harness *test, enum err_code code)
{
    struct err err = {0};
    struct agent *agent = NULL;
    struct agent_environment environment = {
        .loop = &test->time.loop,
        .clock = &test->time.clock.clock,
        .rng = &test->rng.rng,
        .log = &test->log,
        .system_root = HOST_TREE("v2-systemd"),
    };
    assert_int_equal(agent_start(&agent, &environment, test->options, &err), -1);
    assert_int_equal(err.code, code);
    virtual_time_settle(&test->time);
}

static void a_second_agent_on_one_state_directory_does_not_start(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);

    expect_no_start(test, ERR_BUSY);

    agent_harness_pass(test, 11000); /* the first one is not disturbed */
    agent_harness_expect_trail(test, "POST /heartbeat");
    agent_harness_expect_state(test, AGENT_CONNECTED);
}

static void a_torn_identity_is_left_alone_and_nothing_is_sent(void **state)
{
    struct agent_harness *test = *state;
    agent_harness_join(test);
    agent_harness_stop(test, 0);
    agent_harness_expect_trail(test, "POST /goodbye");
    static const char torn[] = "{\"version\":1,\"priv";
    host_tree_write(&test->dir, "state/identity.json", torn);
    char path[TMPDIR_PATH_BYTES];
    assert_int_equal(chmod(tmpdir_path(&test->dir, "state/identity.json", path), 0600), 0);

    expect_no_start(test, ERR_CORRUPT);

    agent_harness_expect_trail(test, "");
    struct stat info;
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, sizeof torn - 1);
}

int run_agent_identity_cases(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(
            with_a_full_disk_nothing_is_enrolled_until_there_is_room, agent_harness_setup,
            teardown_with_room),
        cmocka_unit_test_setup_teardown(
            a_disk_that_fills_during_the_enrolment_is_said_and_heals, agent_harness_setup,
            teardown_with_room),
        AGENT_CASE(a_host_that_has_left_does_not_come_back_with_the_same_token),
        AGENT_CASE(leaving_ends_what_is_under_way),
        AGENT_CASE(a_removed_runner_is_rejected_and_asks_once_a_minute),
        AGENT_CASE(a_fresh_token_brings_a_rejected_host_back_with_a_new_key),
        AGENT_CASE(an_unknown_pending_identity_enrols_when_a_token_comes),
        AGENT_CASE(another_identity_in_the_file_is_taken_on_reload),
        AGENT_CASE(a_second_agent_on_one_state_directory_does_not_start),
        AGENT_CASE(a_torn_identity_is_left_alone_and_nothing_is_sent),
    };
    return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
