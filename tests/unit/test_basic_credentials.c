/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/auth/basic_credentials.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static void credentials_split_at_the_first_colon_within_their_bounds(void **state)
{
    (void)state;
    struct basic_credentials basic;
    struct err err;
    assert_int_equal(basic_credentials_decode("YTpiOmM=", &basic, &err), 0); /* a:b:c */
    assert_string_equal(basic.name, "a");
    assert_string_equal(basic.password, "b:c");
    assert_int_equal(basic_credentials_decode("Og==", &basic, &err), 0); /* : */
    assert_string_equal(basic.name, "");
    assert_string_equal(basic.password, "");
    assert_int_equal(basic_credentials_decode("w6Q6w7w=", &basic, &err), 0); /* ä:ü */
    assert_string_equal(basic.name, "\xc3\xa4");

    char base64[1025];
    memset(base64, 'Y', sizeof(base64) - 1); /* "ccc...": long, no colon */
    for (size_t len = 0; len < sizeof(base64); len += 4) {
        base64[len] = '\0';
        assert_int_equal(basic_credentials_decode(base64, &basic, &err), -1);
        base64[len] = 'Y';
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials_split_at_the_first_colon_within_their_bounds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
