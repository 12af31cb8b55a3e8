/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/auth/access_tokens.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/codec/json.h"
#include "common/codec/jwt_text.h"

#define ID "7d5a0e8c-31f4-4a57-9d3e-5b1f0c2a9e66"
#define THUMBPRINT "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff"

enum { NOW_S = 1800000000 };

static char key_bytes[] = "0123456789abcdef0123456789abcdef";
static char other_bytes[] = "fedcba9876543210fedcba9876543210";
static const struct secret key = {.bytes = key_bytes, .len = 32};
static const struct secret other_key = {.bytes = other_bytes, .len = 32};

static const struct access_tokens tokens = {.installation_id = ID, .key = &key};

static int verify(const char *text, int64_t now_s, struct access_token_claims *ret,
                  struct err *err)
{
    return access_tokens_verify(&tokens, text, strlen(text), now_s, ret, err);
}

static char *mint(const struct access_tokens *by)
{
    struct access_token_claims claims = {.runner_id = "192.168.40.79",
                                         .thumbprint = THUMBPRINT};
    char *text = NULL;
    struct err err;
    assert_int_equal(access_tokens_mint(by, &claims, NOW_S, &text, &err), 0);
    return text;
}

/* [AC-4] */
static void a_minted_token_names_its_runner_and_key_until_it_expires(void **state)
{
    (void)state;
    struct access_token_claims claims = {0};
    struct err err;
    char *text = mint(&tokens);

    assert_int_equal(verify(text, NOW_S, &claims, &err), 0);
    assert_string_equal(claims.runner_id, "192.168.40.79");
    assert_string_equal(claims.thumbprint, THUMBPRINT);
    assert_int_equal(verify(text, NOW_S + ACCESS_TOKEN_LIFE_S - 1, &claims, &err), 0);
    assert_int_equal(verify(text, NOW_S + ACCESS_TOKEN_LIFE_S, &claims, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);

    secret_free_text(text);
}

/* [AC-4] */
static void a_token_of_another_key_or_installation_is_refused(void **state)
{
    (void)state;
    const struct access_tokens other_signer = {.installation_id = ID, .key = &other_key};
    const struct access_tokens other_installation = {.installation_id = "other", .key = &key};
    struct access_token_claims claims = {.runner_id = "untouched"};
    struct err err;
    char *forged = mint(&other_signer);
    char *foreign = mint(&other_installation);

    assert_int_equal(verify(forged, NOW_S, &claims, &err), -1);
    assert_int_equal(err.code, ERR_REFUSED);
    assert_int_equal(verify(foreign, NOW_S, &claims, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_string_equal(claims.runner_id, "untouched");

    secret_free_text(forged);
    secret_free_text(foreign);
}

/* Ours by signature, but not as we make them: nothing is taken for granted. */
static void claims_of_wrong_types_or_bounds_are_refused(void **state)
{
    (void)state;
    static const char *const payloads[] = {
        "{}",
        "{\"iss\":\"" ID "\",\"sub\":\"a\",\"key\":\"k\"}",
        "{\"iss\":\"" ID "\",\"sub\":\"a\",\"key\":\"k\",\"exp\":\"4000000000\"}",
        "{\"iss\":\"" ID "\",\"sub\":\"a\",\"key\":\"k\",\"exp\":4000000000.5}",
        "{\"iss\":\"" ID "\",\"sub\":\"a\",\"key\":\"k\",\"exp\":-1}",
        "{\"iss\":\"" ID "\",\"sub\":7,\"key\":\"k\",\"exp\":4000000000}",
        "{\"iss\":\"" ID "\",\"key\":\"k\",\"exp\":4000000000}",
        "{\"iss\":\"" ID "\",\"sub\":\"a\",\"exp\":4000000000}",
        "{\"sub\":\"a\",\"key\":\"k\",\"exp\":4000000000}",
        "{\"iss\":\"" ID "\",\"sub\":\"a\",\"key\":\"" THUMBPRINT "0\",\"exp\":4000000000}",
    };
    for (size_t i = 0; i < ARRAY_LEN(payloads); i++) {
        struct access_token_claims claims;
        struct err err;
        json_t *json = NULL;
        char *text = NULL;
        assert_int_equal(json_parse(payloads[i], strlen(payloads[i]), &json, &err), 0);
        assert_int_equal(jwt_sign_hs256(json, &key, &text, &err), 0);
        if (verify(text, NOW_S, &claims, &err) == 0) {
            fail_msg("accepted: %s", payloads[i]);
        }
        secret_free_text(text);
        json_decref(json);
    }
}

int main(void)
{
    const struct CMUnitTest tests_[] = {
        cmocka_unit_test(a_minted_token_names_its_runner_and_key_until_it_expires),
        cmocka_unit_test(a_token_of_another_key_or_installation_is_refused),
        cmocka_unit_test(claims_of_wrong_types_or_bounds_are_refused),
    };
    return cmocka_run_group_tests(tests_, NULL, NULL);
}
