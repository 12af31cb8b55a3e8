/* SPDX-License-Identifier: Apache-2.0 */
/* The installation's server certificate and the names in it. */
#include "coordinator/installation/server_identity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "tests/support/fake_clock.h"
#include "tests/support/fake_rng.h"

static bool certificate_has(X509 *cert, const char *name)
{
    return X509_check_host(cert, name, 0, 0, NULL) == 1 ||
           X509_check_ip_asc(cert, name, 0) == 1;
}

/* [TR-3], [TR-4] */
static void the_server_certificate_has_all_names_and_is_renewed_in_time(void **state)
{
    (void)state;
    struct installation *made = NULL;
    struct fake_clock clock;
    struct fake_rng rng;
    static const char *const external[] = {"cloud.example.org", "198.51.100.7", "LOCALHOST"};
    struct local_names names;
    struct server_identity identity;
    struct err err;
    fake_clock_init(&clock);
    fake_rng_init(&rng, 5);
    int64_t now_s = clock_wall_s(&clock.clock);
    assert_int_equal(installation_make(&made, &clock.clock, &rng.rng, &err), 0);
    assert_int_equal(local_names_collect(&names, made->internal_name, external, 3, &err), 0);

    assert_int_equal(server_identity_make(made, &names, now_s, &identity, &err), 0);

    assert_string_equal(names.items[0], made->internal_name);
    BIO *bio = BIO_new_mem_buf(identity.cert_pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    assert_non_null(cert);
    static const char *const expected[] = {"localhost", "127.0.0.1", "::1", "cloud.example.org",
                                           "198.51.100.7"};
    assert_true(certificate_has(cert, made->internal_name));
    for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
        assert_true(certificate_has(cert, expected[i]));
    }
    assert_false(certificate_has(cert, "example.org"));
    X509_free(cert);
    BIO_free(bio);

    const int64_t day_s = 24 * 3600;
    assert_false(server_identity_is_due(&identity, now_s));
    assert_false(server_identity_is_due(&identity, now_s + 60 * day_s));
    assert_true(server_identity_is_due(&identity, now_s + 60 * day_s + 1));
    assert_true(server_identity_is_due(&identity, now_s + 100 * day_s));
    assert_true(server_identity_is_due(&identity, now_s - day_s)); /* the clock was set back */
    server_identity_fini(&identity);
    local_names_fini(&names);
    installation_free(made);
}

static void names_are_checked_kept_once_and_bounded(void **state)
{
    (void)state;
    struct local_names names = {0};
    struct local_names same = {0};
    struct err err;
    assert_int_equal(local_names_add(&names, "::ffff", &err), 0);
    assert_int_equal(local_names_add(&names, "0:0:0::ffff", &err), 0); /* the same address */
    assert_int_equal(local_names_add(&names, "Host", &err), 0);
    assert_int_equal(local_names_add(&names, "host", &err), 0);
    assert_int_equal(names.count, 2);
    assert_int_equal(local_names_add(&names, "not a host", &err), -1);
    assert_int_equal(local_names_add(&names, "", &err), -1);

    assert_int_equal(local_names_add(&same, "HOST", &err), 0);
    assert_false(local_names_equal(&names, &same));
    assert_int_equal(local_names_add(&same, "::ffff", &err), 0);
    assert_true(local_names_equal(&names, &same));

    for (unsigned i = 0; i < X509_NAMES_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "host%u", i);
        assert_int_equal(local_names_add(&names, name, &err), 0);
    }
    assert_int_equal(names.count, X509_NAMES_MAX);
    assert_int_equal(names.omitted, 2);
    local_names_fini(&names);
    local_names_fini(&same);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_server_certificate_has_all_names_and_is_renewed_in_time),
        cmocka_unit_test(names_are_checked_kept_once_and_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
