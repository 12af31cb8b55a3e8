/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/auth/access_token_cache.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { NOW_S = 1800000000 };

static int setup(void **state)
{
    struct access_token_cache *cache = NULL;
    struct err err;
    assert_int_equal(access_token_cache_new(&cache, &err), 0);
    *state = cache;
    return 0;
}

static int teardown(void **state)
{
    access_token_cache_free(*state);
    return 0;
}

static struct access_token_claims claims_of(const char *runner_id)
{
    struct access_token_claims claims = {.thumbprint = "00ff", .expires_at_s = NOW_S + 900};
    (void)snprintf(claims.runner_id, sizeof claims.runner_id, "%s", runner_id);
    return claims;
}

static void add(struct access_token_cache *cache, const char *text, const char *runner_id)
{
    struct access_token_claims claims = claims_of(runner_id);
    access_token_cache_add(cache, text, strlen(text), &claims);
}

static bool knows(const struct access_token_cache *cache, const char *text, int64_t now_s,
                  const char *runner_id)
{
    struct access_token_claims claims = {0};
    return access_token_cache_find(cache, text, strlen(text), now_s, &claims) &&
           strcmp(claims.runner_id, runner_id) == 0 && strcmp(claims.thumbprint, "00ff") == 0;
}

/* [AC-4] */
static void a_token_is_known_until_it_expires(void **state)
{
    add(*state, "head.claims.signature", "a");
    assert_true(knows(*state, "head.claims.signature", NOW_S, "a"));
    assert_true(knows(*state, "head.claims.signature", NOW_S + 899, "a"));
    assert_false(knows(*state, "head.claims.signature", NOW_S + 900, "a"));
}

static void any_other_text_is_unknown(void **state)
{
    static const char *const others[] = {"", "head.claims.signaturf", "head.claims.signatur",
                                         "head.claims.signature ", "Head.claims.signature"};
    struct access_token_claims untouched = claims_of("untouched");
    add(*state, "head.claims.signature", "a");
    for (size_t i = 0; i < ARRAY_LEN(others); i++) {
        assert_false(
            access_token_cache_find(*state, others[i], strlen(others[i]), NOW_S, &untouched));
    }
    assert_string_equal(untouched.runner_id, "untouched");
}

static void each_of_many_tokens_gives_its_own_claims_or_none(void **state)
{
    enum { TOKENS = 4 * ACCESS_TOKEN_CACHE_ENTRIES };

    char text[32];
    size_t known = 0;
    for (unsigned i = 0; i < TOKENS; i++) {
        (void)snprintf(text, sizeof text, "token.%u", i);
        add(*state, text, text);
    }
    for (unsigned i = 0; i < TOKENS; i++) {
        struct access_token_claims claims = {0};
        (void)snprintf(text, sizeof text, "token.%u", i);
        if (access_token_cache_find(*state, text, strlen(text), NOW_S, &claims)) {
            assert_string_equal(claims.runner_id, text);
            known++;
        }
    }
    assert_in_range(known, ACCESS_TOKEN_CACHE_ENTRIES / 2, ACCESS_TOKEN_CACHE_ENTRIES);
    assert_true(knows(*state, text, NOW_S, text)); /* the newest */
}

static void without_a_cache_nothing_is_known(void **state)
{
    (void)state;
    add(NULL, "head.claims.signature", "a");
    assert_false(knows(NULL, "head.claims.signature", NOW_S, "a"));
    access_token_cache_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_token_is_known_until_it_expires, setup, teardown),
        cmocka_unit_test_setup_teardown(any_other_text_is_unknown, setup, teardown),
        cmocka_unit_test_setup_teardown(each_of_many_tokens_gives_its_own_claims_or_none, setup,
                                        teardown),
        cmocka_unit_test(without_a_cache_nothing_is_known),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
