/* SPDX-License-Identifier: Apache-2.0 */
/* The proof that a host holds its key: the claims of [AC-2] under its signature. */
#include "agent/link/assertion.h"

#include "common/codec/jwt_text.h"
#include "common/codec/keys.h"
#include "common/wire/messages.h"
#include "tests/support/fake_rng.h"
#include "tests/support/json_expect.h"

#include <string.h>

struct fixture {
    struct fake_rng rng;
    struct secret private_pem;
    char *public_pem;
    struct assertion_spec spec;
};

static int setup(void **state)
{
    struct err err = {0};
    struct fixture *test = calloc(1, sizeof *test);
    assert_non_null(test);
    fake_rng_init(&test->rng, 7);
    assert_int_equal(keys_generate(&test->private_pem, &test->public_pem, &err), 0);
    test->spec = (struct assertion_spec){
        .runner_id = "192.168.40.79",
        .installation_id = "5d0c2c0e-5a2c-4b9e-9f6e-0d6c2f2f5a11",
        .private_key_pem = &test->private_pem,
        .coordinator_time_s = INT64_C(1795468265),
    };
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *test = *state;
    secret_fini(&test->private_pem);
    free(test->public_pem);
    free(test);
    return 0;
}

static struct jwt_verified make(struct fixture *test)
{
    struct err err = {0};
    char *text = NULL;
    struct jwt_verified jwt = {0};
    assert_int_equal(assertion_make(&test->spec, &test->rng.rng, &text, &err), 0);
    assert_int_equal(jwt_verify_es256(text, strlen(text), test->public_pem, &jwt, NULL, &err),
                     0);
    secret_free_text(text);
    return jwt;
}

/* [AC-2] [AC-3] */
static void it_says_who_to_whom_and_for_how_long(void **state)
{
    struct fixture *test = *state;

    struct jwt_verified jwt = make(test);

    json_expect_text(jwt.claims, "iss", "192.168.40.79");
    json_expect_text(jwt.claims, "sub", "192.168.40.79");
    json_expect_text(jwt.claims, "aud", "5d0c2c0e-5a2c-4b9e-9f6e-0d6c2f2f5a11");
    json_expect_integer(jwt.claims, "iat", 1795468265);
    json_expect_integer(jwt.claims, "exp", 1795468265 + 60);
    json_expect_count(jwt.claims, "", 6);
    jwt_verified_fini(&jwt);
}

/* [AC-2]: the coordinator takes a `jti` once. */
static void no_two_are_the_same(void **state)
{
    struct fixture *test = *state;

    struct jwt_verified first = make(test);
    struct jwt_verified second = make(test);

    const char *jti = json_string_value(json_object_get(first.claims, "jti"));
    assert_int_equal(strspn(jti, "0123456789abcdef"), 32);
    assert_int_equal(strlen(jti), 32);
    assert_string_not_equal(jti, json_string_value(json_object_get(second.claims, "jti")));
    jwt_verified_fini(&first);
    jwt_verified_fini(&second);
}

static void without_a_key_there_is_none(void **state)
{
    struct fixture *test = *state;
    struct err err = {0};
    char *text = NULL;
    struct secret torn = {0};
    assert_int_equal(secret_copy(&torn, "-----BEGIN PRIVATE KEY-----\n", 28, &err), 0);
    test->spec.private_key_pem = &torn;

    assert_int_equal(assertion_make(&test->spec, &test->rng.rng, &text, &err), -1);

    assert_null(text);
    assert_null(strstr(err.message, "BEGIN"));
    secret_fini(&torn);
}

/* Ids are the operator's texts: they must not change the claims around them. */
static void odd_ids_stay_what_they_are(void **state)
{
    struct fixture *test = *state;
    test->spec.runner_id = "a\",\"sub\":\"b";

    struct jwt_verified jwt = make(test);

    json_expect_text(jwt.claims, "sub", "a\",\"sub\":\"b");
    jwt_verified_fini(&jwt);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(it_says_who_to_whom_and_for_how_long, setup, teardown),
        cmocka_unit_test_setup_teardown(no_two_are_the_same, setup, teardown),
        cmocka_unit_test_setup_teardown(without_a_key_there_is_none, setup, teardown),
        cmocka_unit_test_setup_teardown(odd_ids_stay_what_they_are, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
