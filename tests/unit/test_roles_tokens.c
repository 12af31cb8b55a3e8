/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/auth/roles_tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/codec/json.h"
#include "common/codec/jwt_text.h"
#include "tests/unit/roles_tokens_fixture.h"

static void on_commit(const struct store_result *result, void *userdata)
{
    *(enum store_outcome *)userdata = result->outcome;
}

static enum store_outcome commit(struct fixture *fixture,
                                 const struct roles_token_change *change)
{
    enum store_outcome outcome = STORE_FAILED;
    struct err err;
    const struct store_condition condition = roles_token_change_condition(change);
    const struct store_operation operation = roles_token_change_operation(change);
    assert_true(change->is_stored);
    assert_int_equal(store_commit(&fixture->memory->store, &condition, 1, &operation, 1,
                                  on_commit, &outcome, &err),
                     0);
    (void)memory_store_run(fixture->memory);
    return outcome;
}

static struct roles_token_change issue(struct fixture *fixture,
                                       const struct roles_token_request *request)
{
    struct roles_token_change change;
    struct err err;
    assert_int_equal(roles_tokens_issue(fixture->tokens, request, &change, &err), 0);
    return change;
}

static json_t *payload_of(const char *text)
{
    struct jwt_unverified jwt;
    struct err err;
    assert_int_equal(jwt_peek(text, strlen(text), JWT_HS256, &jwt, NULL, &err), 0);
    return jwt.claims;
}

/* [TK-3] */
static void a_persistent_token_is_good_from_its_commit_to_its_revocation(void **state)
{
    struct fixture *fixture = *state;
    const struct roles_token_request request = {.roles = ROLE_ALLOCATOR | ROLE_PROXY,
                                                .is_persistent = true};
    struct roles_token_grant grant = {0};
    struct roles_token_change made = issue(fixture, &request);

    assert_int_equal(verify(fixture, made.text, &grant), ROLES_TOKEN_REVOKED); /* not yet */
    assert_int_equal(commit(fixture, &made), STORE_COMMITTED);
    assert_int_equal(verify(fixture, made.text, &grant), ROLES_TOKEN_OK);
    assert_string_equal(grant.id, made.id);
    assert_int_equal(grant.roles, ROLE_ALLOCATOR | ROLE_PROXY);
    assert_true(grant.is_persistent);

    struct roles_token_change revoked;
    struct err err;
    assert_int_equal(roles_tokens_revoke(fixture->tokens, made.id, &revoked, &err), 0);
    assert_int_equal(verify(fixture, made.text, &grant), ROLES_TOKEN_OK); /* not yet durable */
    assert_int_equal(commit(fixture, &revoked), STORE_COMMITTED);
    assert_int_equal(verify(fixture, made.text, &grant), ROLES_TOKEN_REVOKED);
    assert_null(memory_store_get(fixture->memory, made.key));

    roles_token_change_fini(&made);
    roles_token_change_fini(&revoked);
}

/* The claims are those of the official tokens, and one more: [TK], [TR-2]. */
static void the_claims_are_the_documented_ones(void **state)
{
    struct fixture *fixture = *state;
    const struct roles_token_request persistent = {.roles = ROLE_ALLOCATOR,
                                                   .is_persistent = true};
    const struct roles_token_request ephemeral = {.roles = ROLES_NONE};
    struct roles_token_change first = issue(fixture, &persistent);
    struct roles_token_change second = issue(fixture, &ephemeral);

    auto_json *have = payload_of(first.text);
    auto_json *expected =
        json_pack("{s:s, s:[s], s:s, s:b, s:s}", "sub", first.id, "roles", "allocator", "iss",
                  "current", "persistent", 1, "ca_sha256", CA_SHA256);
    assert_true(json_equal(have, expected));
    auto_json *have_second = payload_of(second.text);
    auto_json *expected_second = json_pack(
        "{s:s, s:[], s:s, s:I, s:s}", "sub", second.id, "roles", "iss", "current", "exp",
        (json_int_t)(token_corpus_now_s(&fixture->corpus) + 3600), "ca_sha256", CA_SHA256);
    assert_true(json_equal(have_second, expected_second));
    /* What the store gets never holds the text. */
    assert_null(strstr(first.value, strrchr(first.text, '.') + 1));
    assert_false(second.is_stored);

    roles_token_change_fini(&first);
    roles_token_change_fini(&second);
}

/* [TK-3] */
static void an_ephemeral_token_ends_by_itself_and_cannot_be_revoked(void **state)
{
    struct fixture *fixture = *state;
    const struct roles_token_request request = {.roles = ROLE_ALLOCATOR, .validity_s = 60};
    struct roles_token_grant grant = {0};
    struct roles_token_change made = issue(fixture, &request);
    struct roles_token_change revoked;
    struct err err;

    assert_int_equal(verify(fixture, made.text, &grant), ROLES_TOKEN_OK);
    assert_false(grant.is_persistent);
    assert_int_equal(roles_tokens_revoke(fixture->tokens, made.id, &revoked, &err), -1);
    assert_int_equal(err.code, ERR_ABSENT);
    assert_int_equal(roles_tokens_revoke(fixture->tokens, made.text, &revoked, &err), -1);
    assert_int_equal(err.code, ERR_ABSENT);
    fake_clock_advance(&fixture->clock, 59999);
    assert_int_equal(verify(fixture, made.text, &grant), ROLES_TOKEN_OK);
    fake_clock_advance(&fixture->clock, 1);
    assert_int_equal(verify(fixture, made.text, &grant), ROLES_TOKEN_EXPIRED);

    roles_token_change_fini(&made);
}

static void a_token_can_be_revoked_by_its_whole_text_but_not_by_a_forged_one(void **state)
{
    struct fixture *fixture = *state;
    const struct roles_token_request request = {.roles = ROLE_PROXY, .is_persistent = true};
    struct roles_token_change made = issue(fixture, &request);
    struct roles_token_change revoked;
    struct err err;
    assert_int_equal(commit(fixture, &made), STORE_COMMITTED);

    char *forged = strdup(made.text);
    char *last = strrchr(forged, '.') + 1;
    *last = *last == 'A' ? 'B' : 'A';
    assert_int_equal(roles_tokens_revoke(fixture->tokens, forged, &revoked, &err), -1);
    assert_int_equal(err.code, ERR_ABSENT);
    assert_int_equal(roles_tokens_revoke(fixture->tokens, "", &revoked, &err), -1);
    assert_int_equal(roles_tokens_revoke(fixture->tokens, made.text, &revoked, &err), 0);
    assert_string_equal(revoked.id, made.id);
    assert_int_equal(commit(fixture, &revoked), STORE_COMMITTED);

    free(forged);
    roles_token_change_fini(&made);
    roles_token_change_fini(&revoked);
}

static void of_two_revocations_at_once_one_conflicts(void **state)
{
    struct fixture *fixture = *state;
    const struct roles_token_request request = {.is_persistent = true};
    struct roles_token_change made = issue(fixture, &request);
    struct roles_token_change revoked[2];
    struct err err;
    assert_int_equal(commit(fixture, &made), STORE_COMMITTED);

    assert_int_equal(roles_tokens_revoke(fixture->tokens, made.id, &revoked[0], &err), 0);
    assert_int_equal(roles_tokens_revoke(fixture->tokens, made.id, &revoked[1], &err), 0);

    assert_int_equal(commit(fixture, &revoked[0]), STORE_COMMITTED);
    assert_int_equal(commit(fixture, &revoked[1]), STORE_CONFLICT);
    roles_token_change_fini(&made);
    roles_token_change_fini(&revoked[0]);
    roles_token_change_fini(&revoked[1]);
}

static void note_id(const char *id, const struct roles_token_record *record, void *userdata)
{
    (void)record;
    strncat(userdata, id, 63);
    strncat(userdata, " ", 2);
}

static void tokens_are_found_again_after_a_restart_oldest_first(void **state)
{
    struct fixture *fixture = *state;
    const struct roles_token_request request = {.roles = ROLE_ALLOCATOR, .is_persistent = true};
    struct roles_token_change made = issue(fixture, &request);
    struct roles_token_grant grant;
    char ids[512] = "";
    char expected[128];
    assert_int_equal(commit(fixture, &made), STORE_COMMITTED);
    memory_store_put(fixture->memory, "tokens/zz",
                     "{\"version\":1,\"roles\":[],\"created\":3}");
    memory_store_put(fixture->memory, "tokens/aa", RECORD);
    close_tokens(fixture);

    open_tokens(fixture);

    roles_tokens_each(fixture->tokens, note_id, ids);
    (void)snprintf(expected, sizeof(expected), "zz aa %s ", made.id);
    assert_string_equal(ids, expected);
    assert_int_equal(verify(fixture, made.text, &grant), ROLES_TOKEN_OK);
    roles_token_change_fini(&made);
}

static void requests_have_bounds(void **state)
{
    struct fixture *fixture = *state;
    struct roles_token_request request = {.validity_s = (uint32_t)INT32_MAX};
    struct roles_token_change change = issue(fixture, &request);
    struct roles_token_grant grant;
    struct err err;
    assert_int_equal(verify(fixture, change.text, &grant), ROLES_TOKEN_OK);
    roles_token_change_fini(&change);

    request.validity_s++;
    assert_int_equal(roles_tokens_issue(fixture->tokens, &request, &change, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    for (unsigned i = 0; i < ROLES_TOKENS_MAX; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), ROLES_TOKENS_PREFIX "%u", i);
        memory_store_put(fixture->memory, key, RECORD);
    }
    request = (struct roles_token_request){.is_persistent = true};
    assert_int_equal(roles_tokens_issue(fixture->tokens, &request, &change, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(a_persistent_token_is_good_from_its_commit_to_its_revocation),
        CASE(the_claims_are_the_documented_ones),
        CASE(an_ephemeral_token_ends_by_itself_and_cannot_be_revoked),
        CASE(a_token_can_be_revoked_by_its_whole_text_but_not_by_a_forged_one),
        CASE(of_two_revocations_at_once_one_conflicts),
        CASE(tokens_are_found_again_after_a_restart_oldest_first),
        CASE(requests_have_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
