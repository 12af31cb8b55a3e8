/* SPDX-License-Identifier: Apache-2.0 */
/* Who may do what, by the Authorization header. The exchange is a fake. */
#include "coordinator/auth/auth.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_exchange.h"
#include "tests/support/fake_rng.h"
#include "tests/support/memory_store.h"

#define INSTALLATION "7d5a0e8c-31f4-4a57-9d3e-5b1f0c2a9e66"
#define ADMIN_RIGHT "Basic YWRtaW46cmlnaHQ="        /* admin:right */
#define READONLY_RIGHT "Basic cmVhZG9ubHk6cmlnaHQ=" /* readonly:right */
#define ADMIN_WRONG "Basic YWRtaW46d3Jvbmc="        /* admin:wrong */

struct fixture {
    uv_loop_t loop;
    struct memory_store *memory;
    struct fake_clock clock;
    struct fake_rng rng;
    struct log log;
    struct secret roles_key;
    struct secret access_key;
    struct auth auth;
    struct exchange exchange;
};

/* Hashing is slow by design: once for all tests. */
static char user_values[2][USER_RECORD_MAX];

static int hash_once(void **state)
{
    (void)state;
    struct fake_rng rng;
    struct user_record record = {.role = USER_ROLE_ADMIN};
    char salt[PASSWORD_HASH_BYTES];
    struct err err;
    fake_rng_init(&rng, 1);
    if (password_salt(&rng.rng, salt, &err) < 0 ||
        password_hash("right", salt, record.hash, &err) < 0) {
        return -1;
    }
    for (size_t i = 0; i < 2; i++) {
        char *value = NULL;
        record.role = i == 0 ? USER_ROLE_ADMIN : USER_ROLE_READONLY;
        if (user_record_encode(&record, &value, &err) < 0) {
            return -1;
        }
        (void)snprintf(user_values[i], USER_RECORD_MAX, "%s", value);
        free(value);
    }
    return 0;
}

static int open_auth(struct fixture *fixture, struct err *err)
{
    struct store *store = &fixture->memory->store;
    const struct users_options users_options = {&fixture->loop, store, &fixture->clock.clock,
                                                &fixture->rng.rng, &fixture->log};
    const struct roles_tokens_options tokens_options = {
        store,         &fixture->clock.clock, &fixture->rng.rng,
        &fixture->log, &fixture->roles_key,   "00"};
    fixture->auth.clock = &fixture->clock.clock;
    fixture->auth.access_tokens =
        (struct access_tokens){.installation_id = INSTALLATION, .key = &fixture->access_key};
    return users_open(&fixture->auth.users, &users_options, err) < 0 ||
                   access_token_cache_new(&fixture->auth.access_cache, err) < 0
               ? -1
               : roles_tokens_open(&fixture->auth.roles_tokens, &tokens_options, err);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct err err;
    if (fixture == NULL || uv_loop_init(&fixture->loop) != 0) {
        return -1;
    }
    fixture->memory = memory_store_new();
    fixture->log = (struct log){.threshold = LOG_LEVEL_ERROR, .fd = -1};
    fake_clock_init(&fixture->clock);
    fake_rng_init(&fixture->rng, 7);
    (void)memory_store_put(fixture->memory, "users/admin", user_values[0]);
    (void)memory_store_put(fixture->memory, "users/readonly", user_values[1]);
    *state = fixture;
    return secret_copy(&fixture->roles_key, "0123456789abcdef0123456789abcdef", 32, &err) < 0 ||
                   secret_copy(&fixture->access_key, "fedcba9876543210fedcba9876543210", 32,
                               &err) < 0
               ? -1
               : open_auth(fixture, &err);
}

static void forget_exchange(struct fixture *fixture)
{
    if (fixture->exchange.principal != NULL) {
        fixture->exchange.free_principal(fixture->exchange.principal);
    }
    fixture->exchange = (struct exchange){0};
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    forget_exchange(fixture);
    access_token_cache_free(fixture->auth.access_cache);
    users_stop(fixture->auth.users, NULL, NULL);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    memory_store_free(fixture->memory);
    users_free(fixture->auth.users);
    roles_tokens_free(fixture->auth.roles_tokens);
    secret_fini(&fixture->roles_key);
    secret_fini(&fixture->access_key);
    int result = uv_loop_close(&fixture->loop);
    free(fixture);
    return result;
}

static void on_granted(struct exchange *exchange, void *userdata)
{
    assert_ptr_equal(userdata, exchange);
    exchange->n_ends++;
    exchange->is_granted = true;
}

/* Ask with up to two headers, and run the loop until it is decided. */
static const struct exchange *ask(struct fixture *fixture, enum access access,
                                  const char *authorization, const char *name,
                                  const char *value)
{
    struct exchange *exchange = &fixture->exchange;
    forget_exchange(fixture);
    if (authorization != NULL) {
        exchange->request[0].name = "Authorization";
        exchange->request[0].value = authorization;
    }
    exchange->request[1].name = name;
    exchange->request[1].value = value;
    auth_check(&fixture->auth, exchange, access, on_granted, exchange);
    (void)uv_run(&fixture->loop, UV_RUN_DEFAULT);
    assert_int_equal(exchange->n_ends, 1);
    assert_int_equal(exchange->is_granted && access != ACCESS_PUBLIC,
                     exchange->principal != NULL);
    return exchange;
}

static const struct principal *principal_of(const struct exchange *exchange)
{
    return exchange->principal;
}

static void users_do_what_their_role_permits(void **state)
{
    struct fixture *fixture = *state;

    const struct exchange *exchange = ask(fixture, ACCESS_WRITE, ADMIN_RIGHT, NULL, NULL);
    assert_true(exchange->is_granted);
    assert_int_equal(principal_of(exchange)->kind, PRINCIPAL_USER);
    assert_string_equal(principal_of(exchange)->user.name, "admin");
    assert_true(ask(fixture, ACCESS_READ, READONLY_RIGHT, NULL, NULL)->is_granted);
    assert_true(ask(fixture, ACCESS_PUBLIC, NULL, NULL, NULL)->is_granted);

    exchange = ask(fixture, ACCESS_WRITE, READONLY_RIGHT, NULL, NULL);
    assert_int_equal(exchange->status, 403);
    assert_string_equal(exchange->code, "root.unauthorized.rbac");
}

static void what_is_no_login_is_unauthenticated(void **state)
{
    struct fixture *fixture = *state;
    static const char *const headers[] = {
        NULL,
        "",
        "Basic",
        "Basic ",
        "BasicYWRtaW46cmlnaHQ=",
        "Bearer YWRtaW46cmlnaHQ=",
        "Basic YWRtaW46cmlnaHQ",  /* no padding */
        "Basic YWRtaW46cmlnaHR=", /* spare bits */
        "Basic YWRtaW46 cmlnaHQ=",
        "Basic YWRtaW46cmlnaHQ= ",
        "Basic YWRtaW5yaWdodA==", /* no colon */
        "Basic YWRtaW46cmlnaHQA", /* NUL at the end */
        "Basic YWRtaW7/OnJpZ2h0", /* not UTF-8 */
        "Basic ====",
        ADMIN_WRONG,
    };
    for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
        const struct exchange *exchange = ask(fixture, ACCESS_READ, headers[i], NULL, NULL);
        if (exchange->is_granted || exchange->status != 401) {
            fail_msg("%s: %d", headers[i], exchange->status);
        }
        assert_string_equal(exchange->code, "root.unauthenticated");
        assert_non_null(strstr(exchange->challenge, "Basic realm="));
    }
    /* The scheme knows no case (RFC 9110, 11.1). */
    assert_true(ask(fixture, ACCESS_READ, "bAsIc YWRtaW46cmlnaHQ=", NULL, NULL)->is_granted);
}

static void scripts_in_a_browser_get_no_challenge(void **state)
{
    struct fixture *fixture = *state;

    static const struct {
        const char *name;
        const char *value;
        bool is_challenged;
    } cases[] = {
        {"X-Requested-With", "XMLHttpRequest", false},
        {"X-Management-Request", "true", false},
        {"Sec-Fetch-Mode", "cors", false},
        {"Sec-Fetch-Mode", "navigate", true},
        {"Accept", "text/html", true},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct exchange *exchange =
            ask(fixture, ACCESS_READ, ADMIN_WRONG, cases[i].name, cases[i].value);
        assert_int_equal(exchange->status, 401);
        assert_int_equal(exchange->challenge[0] != '\0', cases[i].is_challenged);
    }
}

/* The browser would add the password it remembers. */
static void another_sites_page_cannot_write(void **state)
{
    struct fixture *fixture = *state;
    static const char *const foreign[] = {"cross-site", "same-site", "whatever"};
    for (size_t i = 0; i < ARRAY_LEN(foreign); i++) {
        const struct exchange *exchange =
            ask(fixture, ACCESS_WRITE, ADMIN_RIGHT, "Sec-Fetch-Site", foreign[i]);
        assert_int_equal(exchange->status, 403);
    }
    assert_true(
        ask(fixture, ACCESS_WRITE, ADMIN_RIGHT, "Sec-Fetch-Site", "same-origin")->is_granted);
    assert_true(ask(fixture, ACCESS_WRITE, ADMIN_RIGHT, "Sec-Fetch-Site", "none")->is_granted);
}

static void too_many_failures_and_a_stop_say_when_to_come_back(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(ask(fixture, ACCESS_READ, ADMIN_WRONG, NULL, NULL)->status, 401);
    }
    const struct exchange *exchange = ask(fixture, ACCESS_READ, ADMIN_RIGHT, NULL, NULL);
    assert_int_equal(exchange->status, 429);
    assert_string_equal(exchange->retry_after, "60");

    fake_clock_advance(&fixture->clock, 60000);
    users_stop(fixture->auth.users, NULL, NULL);
    exchange = ask(fixture, ACCESS_READ, ADMIN_RIGHT, NULL, NULL);
    assert_int_equal(exchange->status, 503);
    assert_string_equal(exchange->retry_after, "1");
}

static const char *as_bearer(const char *token, char ret_header[static 1024])
{
    (void)snprintf(ret_header, 1024, "Bearer %s", token);
    return ret_header;
}

/* [AC-4] */
static void runners_come_with_an_access_token(void **state)
{
    struct fixture *fixture = *state;
    const struct access_token_claims claims = {.runner_id = "r1", .thumbprint = "abc"};
    char header[1024];
    char *text = NULL;
    struct err err;
    assert_int_equal(access_tokens_mint(&fixture->auth.access_tokens, &claims,
                                        clock_wall_s(&fixture->clock.clock), &text, &err),
                     0);

    const struct exchange *exchange =
        ask(fixture, ACCESS_RUNNER, as_bearer(text, header), NULL, NULL);
    assert_true(exchange->is_granted);
    assert_int_equal(principal_of(exchange)->kind, PRINCIPAL_RUNNER);
    assert_string_equal(principal_of(exchange)->runner.runner_id, "r1");
    assert_string_equal(principal_of(exchange)->runner.thumbprint, "abc");

    /* Known from now on, with the same claims; one that differs in a character is not. */
    exchange = ask(fixture, ACCESS_RUNNER, header, NULL, NULL);
    assert_true(exchange->is_granted);
    assert_string_equal(principal_of(exchange)->runner.runner_id, "r1");
    assert_string_equal(principal_of(exchange)->runner.thumbprint, "abc");
    header[strlen(header) - 10] ^= 1;
    assert_int_equal(ask(fixture, ACCESS_RUNNER, header, NULL, NULL)->status, 401);
    header[strlen(header) - 10] ^= 1;

    /* It opens nothing else. */
    assert_int_equal(ask(fixture, ACCESS_READ, header, NULL, NULL)->status, 401);
    assert_int_equal(ask(fixture, ACCESS_ROLES_TOKEN, header, NULL, NULL)->status, 401);

    fake_clock_advance(&fixture->clock, ACCESS_TOKEN_LIFE_S * 1000);
    static const char *const bad[] = {NULL, "Bearer", "Bearer ", "Bearer a.b.c", ADMIN_RIGHT};
    const char *refused[6] = {header};
    memcpy(&refused[1], bad, sizeof(bad));
    for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
        exchange = ask(fixture, ACCESS_RUNNER, refused[i], NULL, NULL);
        assert_int_equal(exchange->status, 401);
        assert_string_equal(exchange->code, "agent.access_token_invalid");
        assert_string_equal(exchange->challenge, "");
    }
    secret_free_text(text);
}

/* [TK-3] */
static void hosts_that_join_come_with_a_roles_token(void **state)
{
    struct fixture *fixture = *state;
    struct roles_token_change ephemeral;
    struct roles_token_change persistent;
    char header[1024];
    struct err err;
    const struct roles_token_request one_minute = {.roles = ROLE_ALLOCATOR, .validity_s = 60};
    const struct roles_token_request for_good = {.is_persistent = true};
    assert_int_equal(
        roles_tokens_issue(fixture->auth.roles_tokens, &one_minute, &ephemeral, &err), 0);
    assert_int_equal(
        roles_tokens_issue(fixture->auth.roles_tokens, &for_good, &persistent, &err), 0);

    const struct exchange *exchange =
        ask(fixture, ACCESS_ROLES_TOKEN, as_bearer(ephemeral.text, header), NULL, NULL);
    assert_true(exchange->is_granted);
    assert_int_equal(principal_of(exchange)->kind, PRINCIPAL_ROLES_TOKEN);
    assert_int_equal(principal_of(exchange)->roles_token.roles, ROLE_ALLOCATOR);
    assert_string_equal(principal_of(exchange)->roles_token.id, ephemeral.id);
    assert_int_equal(ask(fixture, ACCESS_RUNNER, header, NULL, NULL)->status, 401);

    fake_clock_advance(&fixture->clock, 60000);
    exchange = ask(fixture, ACCESS_ROLES_TOKEN, header, NULL, NULL);
    assert_int_equal(exchange->status, 401);
    assert_string_equal(exchange->code, "agent.roles_token_expired");
    exchange = ask(fixture, ACCESS_ROLES_TOKEN, as_bearer(persistent.text, header), NULL, NULL);
    assert_string_equal(exchange->code, "agent.roles_token_revoked");
    header[strlen(header) - 3] ^= 1;
    exchange = ask(fixture, ACCESS_ROLES_TOKEN, header, NULL, NULL);
    assert_string_equal(exchange->code, "agent.roles_token_invalid");
    exchange = ask(fixture, ACCESS_ROLES_TOKEN, NULL, NULL, NULL);
    assert_string_equal(exchange->code, "agent.roles_token_invalid");

    roles_token_change_fini(&ephemeral);
    roles_token_change_fini(&persistent);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(users_do_what_their_role_permits),
        CASE(what_is_no_login_is_unauthenticated),
        CASE(scripts_in_a_browser_get_no_challenge),
        CASE(another_sites_page_cannot_write),
        CASE(too_many_failures_and_a_stop_say_when_to_come_back),
        CASE(runners_come_with_an_access_token),
        CASE(hosts_that_join_come_with_a_roles_token),
    };
    return cmocka_run_group_tests(tests, hash_once, NULL);
}
