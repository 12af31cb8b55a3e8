/* SPDX-License-Identifier: Apache-2.0 */
/* Users and what they are made of: passwords, their cache, the limit of attempts. */
#include "coordinator/auth/users.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "coordinator/auth/attempt_limit.h"
#include "coordinator/auth/password_cache.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_rng.h"
#include "tests/support/memory_store.h"

#define PEER "192.168.40.7"

enum { ANSWERS_MAX = 64 };

struct fixture {
    uv_loop_t loop;
    struct memory_store *memory;
    struct fake_clock clock;
    struct fake_rng rng;
    struct log log;
    struct users *users;
    struct users_answer answers[ANSWERS_MAX]; /* in the order they came */
    unsigned n_answers;
    bool is_inside_check;
    bool is_stopped;
};

/* Hashing is slow by design, more so under a sanitizer: once for all tests. */
static char right_hash[PASSWORD_HASH_BYTES];

static int hash_once(void **state)
{
    (void)state;
    struct fake_rng rng;
    char salt[PASSWORD_HASH_BYTES];
    struct err err;
    fake_rng_init(&rng, 1);
    return password_salt(&rng.rng, salt, &err) < 0
               ? -1
               : password_hash("right", salt, right_hash, &err);
}

static void put_user(struct fixture *fixture, const char *key, enum user_role role)
{
    struct user_record record = {.role = role};
    struct err err;
    char *value = NULL;
    memcpy(record.hash, right_hash, sizeof(record.hash));
    assert_int_equal(user_record_encode(&record, &value, &err), 0);
    memory_store_put(fixture->memory, key, value);
    free(value);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    if (fixture == NULL || uv_loop_init(&fixture->loop) != 0) {
        return -1;
    }
    fixture->memory = memory_store_new();
    fixture->log = (struct log){.threshold = LOG_LEVEL_ERROR, .fd = -1};
    fake_clock_init(&fixture->clock);
    fake_rng_init(&fixture->rng, 7);
    put_user(fixture, "users/admin", USER_ROLE_ADMIN);
    put_user(fixture, "users/readonly", USER_ROLE_READONLY);
    const struct users_options options = {
        .loop = &fixture->loop,
        .store = &fixture->memory->store,
        .clock = &fixture->clock.clock,
        .rng = &fixture->rng.rng,
        .log = &fixture->log,
    };
    struct err err;
    *state = fixture;
    return users_open(&fixture->users, &options, &err);
}

static void on_stopped(void *userdata)
{
    ((struct fixture *)userdata)->is_stopped = true;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    if (!fixture->is_stopped) {
        users_stop(fixture->users, on_stopped, fixture);
    }
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    memory_store_free(fixture->memory);
    users_free(fixture->users);
    int result = fixture->is_stopped ? uv_loop_close(&fixture->loop) : -1;
    free(fixture);
    return result;
}

static void on_checked(const struct users_answer *answer, void *userdata)
{
    struct fixture *fixture = userdata;
    assert_false(fixture->is_inside_check);
    assert_in_range(fixture->n_answers, 0, ANSWERS_MAX - 1);
    fixture->answers[fixture->n_answers++] = *answer;
}

static enum users_verdict ask(struct fixture *fixture, const char *name, const char *password,
                              struct users_answer *ret)
{
    const struct users_attempt attempt = {.name = name, .password = password, .peer = PEER};
    fixture->is_inside_check = true;
    enum users_verdict verdict =
        users_check(fixture->users, &attempt, on_checked, fixture, ret);
    fixture->is_inside_check = false;
    return verdict;
}

static void run(struct fixture *fixture)
{
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
}

/* Ask, and run the loop if it takes time. */
static enum users_verdict check(struct fixture *fixture, const char *name, const char *password)
{
    struct users_answer answer;
    if (ask(fixture, name, password, &answer) != USERS_PENDING) {
        return answer.verdict;
    }
    unsigned before = fixture->n_answers;
    run(fixture);
    assert_int_equal(fixture->n_answers, before + 1);
    return fixture->answers[before].verdict;
}

static void the_right_password_gives_the_user_and_its_role(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(check(fixture, "admin", "right"), USERS_OK);
    assert_int_equal(check(fixture, "readonly", "right"), USERS_OK);

    assert_string_equal(fixture->answers[0].user.name, "admin");
    assert_int_equal(fixture->answers[0].user.role, USER_ROLE_ADMIN);
    assert_string_equal(fixture->answers[1].user.name, "readonly");
    assert_int_equal(fixture->answers[1].user.role, USER_ROLE_READONLY);
}

/* Whether a name exists must not show: neither in the answer nor in the work done for it. */
static void unknown_names_and_wrong_passwords_look_the_same(void **state)
{
    struct fixture *fixture = *state;
    struct users_answer answer;

    static const struct {
        const char *name;
        const char *password;
    } cases[] = {
        {"admin", "wrong"}, {"nobody", "right"}, {"", ""}, {"admin", ""}, {"Admin", "right"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(ask(fixture, cases[i].name, cases[i].password, &answer),
                         USERS_PENDING);
        run(fixture);
        assert_int_equal(fixture->answers[i].verdict, USERS_WRONG);
        assert_string_equal(fixture->answers[i].user.name, "");
    }
}

static void a_password_that_was_right_is_known_at_once_for_five_minutes(void **state)
{
    struct fixture *fixture = *state;
    struct users_answer answer;

    assert_int_equal(check(fixture, "admin", "right"), USERS_OK);
    assert_int_equal(ask(fixture, "admin", "right", &answer), USERS_OK);
    assert_string_equal(answer.user.name, "admin");
    /* Only that one of that user. */
    assert_int_equal(ask(fixture, "readonly", "right", &answer), USERS_PENDING);
    assert_int_equal(ask(fixture, "admin", "wrong", &answer), USERS_PENDING);
    run(fixture);
    fake_clock_advance(&fixture->clock, PASSWORD_CACHE_HOLD_MS - 1);
    assert_int_equal(ask(fixture, "admin", "right", &answer), USERS_OK);
    fake_clock_advance(&fixture->clock, 1);
    assert_int_equal(ask(fixture, "admin", "right", &answer), USERS_PENDING);
    run(fixture);
}

static void a_user_that_changes_or_goes_is_not_remembered(void **state)
{
    struct fixture *fixture = *state;
    struct users_answer answer;

    assert_int_equal(check(fixture, "admin", "right"), USERS_OK);
    put_user(fixture, "users/admin", USER_ROLE_READONLY);
    assert_int_equal(ask(fixture, "admin", "right", &answer), USERS_PENDING);
    run(fixture);
    assert_int_equal(fixture->answers[1].user.role, USER_ROLE_READONLY);
    memory_store_put(fixture->memory, "users/admin", NULL);
    assert_int_equal(check(fixture, "admin", "right"), USERS_WRONG);
}

/* The old password must not open what has a new one, not even if the check began before. */
static void a_user_that_changes_during_the_check_is_refused(void **state)
{
    struct fixture *fixture = *state;
    struct users_answer answer;

    assert_int_equal(ask(fixture, "admin", "right", &answer), USERS_PENDING);
    put_user(fixture, "users/admin", USER_ROLE_ADMIN);
    run(fixture);

    assert_int_equal(fixture->answers[0].verdict, USERS_WRONG);
    assert_int_equal(ask(fixture, "admin", "right", &answer), USERS_PENDING);
    run(fixture);
    assert_int_equal(fixture->answers[1].verdict, USERS_OK);
}

static void a_record_that_cannot_be_read_opens_nothing(void **state)
{
    struct fixture *fixture = *state;
    static const char *const records[] = {
        "",
        "{}",
        "{\"version\":2,\"role\":\"admin\",\"hash\":\"x\"}",
        "{\"version\":1,\"role\":\"root\",\"hash\":\"x\"}",
        "{\"version\":1,\"role\":\"admin\"}",
        "{\"version\":1,\"role\":\"admin\",\"hash\":\"\"}",
        "{\"version\":1,\"role\":\"admin\",\"hash\":\"right\"}",
        "{\"version\":1,\"role\":\"admin\",\"hash\":\"*0\"}",
    };
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        memory_store_put(fixture->memory, "users/admin", records[i]);
        assert_int_equal(check(fixture, "admin", "right"), USERS_WRONG);
    }
    put_user(fixture, "users/admin", USER_ROLE_ADMIN);
    fake_clock_advance(&fixture->clock, ATTEMPT_WINDOW_MS);
    assert_int_equal(check(fixture, "admin", "right"), USERS_OK);
}

static void too_many_checks_at_once_are_busy(void **state)
{
    struct fixture *fixture = *state;
    struct users_answer answer;
    unsigned n_pending = 0;

    while (ask(fixture, "admin", "right", &answer) == USERS_PENDING) {
        assert_in_range(++n_pending, 1, 40);
    }

    assert_int_equal(answer.verdict, USERS_BUSY);
    assert_true(answer.retry_after_s > 0);
    run(fixture);
    assert_int_equal(fixture->n_answers, n_pending);
    for (unsigned i = 0; i < n_pending; i++) {
        assert_int_equal(fixture->answers[i].verdict, USERS_OK);
    }
}

static void an_address_that_fails_too_often_has_to_wait(void **state)
{
    struct fixture *fixture = *state;
    struct users_answer answer;
    char too_long[PASSWORD_MAX + 2];
    memset(too_long, 'x', sizeof(too_long) - 1);
    too_long[sizeof(too_long) - 1] = '\0';

    assert_int_equal(check(fixture, "admin", "right"), USERS_OK);
    /* One over the bound costs no hash, but counts. */
    for (unsigned i = 0; i < ATTEMPT_FAILURES_MAX; i++) {
        assert_int_equal(ask(fixture, "admin", too_long, &answer), USERS_WRONG);
    }
    assert_int_equal(ask(fixture, "readonly", "right", &answer), USERS_LIMITED);
    assert_int_equal(answer.retry_after_s, ATTEMPT_WINDOW_MS / 1000);
    /* A client that has the right one goes on. */
    assert_int_equal(ask(fixture, "admin", "right", &answer), USERS_OK);
    fake_clock_advance(&fixture->clock, ATTEMPT_WINDOW_MS);
    assert_int_equal(check(fixture, "readonly", "right"), USERS_OK);
}

static void every_check_is_answered_when_the_users_stop(void **state)
{
    struct fixture *fixture = *state;
    struct users_answer answer;
    unsigned n_busy = 0;
    for (unsigned i = 0; i < 8; i++) {
        assert_int_equal(ask(fixture, "admin", "right", &answer), USERS_PENDING);
    }

    users_stop(fixture->users, on_stopped, fixture);
    users_stop(fixture->users, on_stopped, fixture);
    assert_false(fixture->is_stopped); /* from the loop only */
    assert_int_equal(ask(fixture, "admin", "right", &answer), USERS_BUSY);
    run(fixture);

    assert_true(fixture->is_stopped);
    assert_int_equal(fixture->n_answers, 8);
    for (unsigned i = 0; i < 8; i++) {
        n_busy += fixture->answers[i].verdict == USERS_BUSY;
    }
    assert_in_range(n_busy, 1, 7); /* those that waited; what ran was ended */
}

static void the_limit_counts_each_address_within_its_window(void **state)
{
    (void)state;
    static struct attempt_limit limit;
    limit = (struct attempt_limit){0};
    for (unsigned i = 1; i <= ATTEMPT_FAILURES_MAX; i++) {
        assert_int_equal(attempt_limit_wait(&limit, "a", 1000), 0);
        assert_int_equal(attempt_limit_fail(&limit, "a", 1000), i);
    }
    assert_int_equal(attempt_limit_wait(&limit, "a", 1000), 60);
    assert_int_equal(attempt_limit_wait(&limit, "a", 60999), 1);
    assert_int_equal(attempt_limit_wait(&limit, "a", 61000), 0);
    assert_int_equal(attempt_limit_wait(&limit, "b", 1000), 0);
    assert_int_equal(attempt_limit_fail(&limit, "a", 61000), 1);

    /* More addresses than there is room for: the newest are known. */
    for (unsigned i = 0; i < 2 * ATTEMPT_ADDRESSES; i++) {
        char address[16];
        (void)snprintf(address, sizeof(address), "%u", i);
        assert_int_equal(attempt_limit_fail(&limit, address, 70000 + i), 1);
        assert_int_equal(attempt_limit_fail(&limit, address, 70000 + i), 2);
    }
}

static void passwords_are_long_plain_and_different(void **state)
{
    (void)state;
    struct fake_rng rng;
    char first[PASSWORD_MADE_BYTES];
    char second[PASSWORD_MADE_BYTES];
    fake_rng_init(&rng, 3);

    password_make(&rng.rng, first);
    password_make(&rng.rng, second);

    assert_true(strlen(first) >= 25);
    assert_string_not_equal(first, second);
    assert_int_equal(strspn(first, "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"),
                     strlen(first));
}

static void hashes_are_yescrypt_and_fit_one_password(void **state)
{
    (void)state;
    assert_memory_equal(right_hash, "$y$", 3);
    assert_true(password_matches("right", right_hash));
    assert_false(password_matches("right ", right_hash));
    assert_false(password_matches("", right_hash));
    assert_false(password_matches("right", ""));
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_right_password_gives_the_user_and_its_role),
        CASE(unknown_names_and_wrong_passwords_look_the_same),
        CASE(a_password_that_was_right_is_known_at_once_for_five_minutes),
        CASE(a_user_that_changes_or_goes_is_not_remembered),
        CASE(a_user_that_changes_during_the_check_is_refused),
        CASE(a_record_that_cannot_be_read_opens_nothing),
        CASE(too_many_checks_at_once_are_busy),
        CASE(an_address_that_fails_too_often_has_to_wait),
        CASE(every_check_is_answered_when_the_users_stop),
        cmocka_unit_test(the_limit_counts_each_address_within_its_window),
        cmocka_unit_test(passwords_are_long_plain_and_different),
        cmocka_unit_test(hashes_are_yescrypt_and_fit_one_password),
    };
    return cmocka_run_group_tests(tests, hash_once, NULL);
}
