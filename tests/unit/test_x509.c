/* SPDX-License-Identifier: Apache-2.0 */
/* [TR-2] [TR-3] The installation's certificates stand before OpenSSL's own verification, and a
 * host reads no foreign one as its CA. */
#include "common/codec/x509.h"

#include "common/codec/ossl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/x509v3.h>

enum { NOW_S = 1800000000, DAY_S = 86400 };

#define ID "7d5a0e8c-31f4-4a57-9d3e-5b1f0c2a9e66"
#define SERVER_NAME "7d5a0e8c-31f4-4a57-9d3e-5b1f0c2a9e66.ece.internal"

/* A CA and one server certificate of it, made once for all tests. */
struct fixture {
    char *ca_pem;
    struct secret ca_key;
    char *server_pem;
    struct secret server_key;
};

static const char *const server_names[] = {SERVER_NAME, "coordinator.example", "localhost",
                                           "192.168.40.10", "fd00::10"};

static int setup(void **state)
{
    static struct fixture fixture;
    struct err err;
    struct x509_server_spec spec = {.names = server_names,
                                    .n_names = ARRAY_LEN(server_names),
                                    .now_s = NOW_S,
                                    .days = 397,
                                    .ca_key_pem = &fixture.ca_key};
    if (x509_make_ca(ID, NOW_S, 3650, &fixture.ca_pem, &fixture.ca_key, &err) < 0) {
        return -1;
    }
    spec.ca_cert_pem = fixture.ca_pem;
    if (x509_make_server(&spec, &fixture.server_pem, &fixture.server_key, &err) < 0) {
        return -1;
    }
    *state = &fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    free(fixture->ca_pem);
    free(fixture->server_pem);
    secret_fini(&fixture->ca_key);
    secret_fini(&fixture->server_key);
    return 0;
}

static X509 *read_pem(const char *pem)
{
    auto_bio *bio = BIO_new_mem_buf(pem, -1);
    X509 *cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
    assert_non_null(cert);
    return cert;
}

/* X509_verify_cert's verdict on @pem under @ca_pem alone, as a TLS client would ask at that
 * time. */
static int verdict(const char *pem, const char *ca_pem, int64_t at_s)
{
    auto_x509 *cert = read_pem(pem);
    auto_x509 *ca = read_pem(ca_pem);
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    assert_int_equal(X509_STORE_add_cert(store, ca), 1);
    assert_int_equal(X509_STORE_CTX_init(ctx, store, cert, NULL), 1);
    X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(ctx);
    X509_VERIFY_PARAM_set_time(param, at_s);
    assert_int_equal(X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER), 1);
    X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_X509_STRICT);

    (void)X509_verify_cert(ctx);
    int error = X509_STORE_CTX_get_error(ctx);

    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
    ERR_clear_error();
    return error;
}

/* [TR-3] */
static void a_server_certificate_verifies_against_its_ca(void **state)
{
    const struct fixture *fixture = *state;

    assert_int_equal(verdict(fixture->server_pem, fixture->ca_pem, NOW_S), X509_V_OK);
}

/* [TR-3] */
static void
a_server_certificate_does_not_verify_against_another_ca_of_the_same_name(void **state)
{
    const struct fixture *fixture = *state;
    struct err err;
    char *other_pem = NULL;
    struct secret other_key = {NULL, 0};
    assert_int_equal(x509_make_ca(ID, NOW_S, 3650, &other_pem, &other_key, &err), 0);

    assert_int_not_equal(verdict(fixture->server_pem, other_pem, NOW_S), X509_V_OK);

    free(other_pem);
    secret_fini(&other_key);
}

static void certificates_hold_from_an_hour_before_until_their_days_are_over(void **state)
{
    const struct fixture *fixture = *state;
    const int64_t end_s = NOW_S + 397LL * DAY_S;

    assert_int_equal(verdict(fixture->server_pem, fixture->ca_pem, NOW_S - 3599), X509_V_OK);
    assert_int_equal(verdict(fixture->server_pem, fixture->ca_pem, NOW_S - 3601),
                     X509_V_ERR_CERT_NOT_YET_VALID);
    assert_int_equal(verdict(fixture->server_pem, fixture->ca_pem, end_s - 1), X509_V_OK);
    assert_int_equal(verdict(fixture->server_pem, fixture->ca_pem, end_s + 1),
                     X509_V_ERR_CERT_HAS_EXPIRED);
}

/* [TR-3] */
static void a_server_certificate_is_for_its_names_and_addresses_only(void **state)
{
    const struct fixture *fixture = *state;
    auto_x509 *cert = read_pem(fixture->server_pem);

    assert_int_equal(X509_check_host(cert, SERVER_NAME, 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(cert, "coordinator.example", 0, 0, NULL), 1);
    assert_int_equal(X509_check_host(cert, "x.coordinator.example", 0, 0, NULL), 0);
    assert_int_equal(X509_check_host(cert, "other.ece.internal", 0, 0, NULL), 0);
    assert_int_equal(X509_check_ip_asc(cert, "192.168.40.10", 0), 1);
    assert_int_equal(X509_check_ip_asc(cert, "192.168.40.11", 0), 0);
    assert_int_equal(X509_check_ip_asc(cert, "fd00:0::10", 0), 1);
    assert_int_equal(X509_check_ip_asc(cert, "fd00::11", 0), 0);
    /* An address that is only a DNS entry would be no address to a client. */
    assert_int_equal(X509_check_host(cert, "192.168.40.10", 0, 0, NULL), 0);
}

static void a_server_key_belongs_to_its_certificate_and_a_server_is_no_ca(void **state)
{
    const struct fixture *fixture = *state;
    auto_x509 *cert = read_pem(fixture->server_pem);
    auto_pkey *key = ossl_read_key(fixture->server_key.bytes, fixture->server_key.len);

    assert_int_equal(X509_check_private_key(cert, key), 1);
    assert_int_equal(X509_get_key_usage(cert), KU_DIGITAL_SIGNATURE);
    assert_int_equal(X509_get_extended_key_usage(cert), XKU_SSL_SERVER);
    assert_int_equal(X509_check_ca(cert), 0);
}

static void a_ca_signs_servers_and_no_further_ca(void **state)
{
    const struct fixture *fixture = *state;
    auto_x509 *cert = read_pem(fixture->ca_pem);
    int constraints = X509_get_ext_by_NID(cert, NID_basic_constraints, -1);
    int usage = X509_get_ext_by_NID(cert, NID_key_usage, -1);

    assert_int_equal(X509_check_ca(cert), 1);
    assert_int_equal(X509_get_pathlen(cert), 0);
    assert_int_equal(X509_get_key_usage(cert), KU_KEY_CERT_SIGN | KU_CRL_SIGN);
    assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(cert, constraints)), 1);
    assert_int_equal(X509_EXTENSION_get_critical(X509_get_ext(cert, usage)), 1);
    assert_non_null(X509_get0_subject_key_id(cert));
    assert_non_null(X509_get0_authority_key_id(cert));
}

static void serials_are_random_and_159_bits_long(void **state)
{
    const struct fixture *fixture = *state;
    auto_x509 *ca = read_pem(fixture->ca_pem);
    auto_x509 *server = read_pem(fixture->server_pem);
    auto_bignum *one = ASN1_INTEGER_to_BN(X509_get0_serialNumber(ca), NULL);
    auto_bignum *two = ASN1_INTEGER_to_BN(X509_get0_serialNumber(server), NULL);

    assert_int_equal(BN_num_bits(one), 159);
    assert_int_equal(BN_num_bits(two), 159);
    assert_int_not_equal(BN_cmp(one, two), 0);
}

/* [TR-2] [TR-3] */
static void a_host_reads_hash_installation_and_end_out_of_a_ca(void **state)
{
    const struct fixture *fixture = *state;
    struct err err;
    struct x509_ca ca;
    char hex[KEYS_SHA256_HEX_BYTES];
    auto_x509 *cert = read_pem(fixture->ca_pem);
    unsigned char *der = NULL;
    int der_len = i2d_X509(cert, &der);
    assert_int_equal(keys_sha256_hex(der, (size_t)der_len, hex, &err), 0);
    OPENSSL_free(der);

    assert_int_equal(x509_read_ca(fixture->ca_pem, strlen(fixture->ca_pem), &ca, &err), 0);

    assert_string_equal(ca.sha256, hex);
    assert_string_equal(ca.installation_id, ID);
    assert_true(ca.not_after_s == NOW_S + 3650LL * DAY_S);
}

/* An operator's own CA is a CA, but names no installation. */
static void a_ca_in_another_form_has_no_installation_id(void **state)
{
    (void)state;

    static const struct {
        const char *o, *cn, *third;
    } subjects[] = {
        {"Another company", ID, NULL},
        {"ECE installation", "bad id", NULL},
        {"ECE installation", "a.b", NULL},
        {"ECE installation", NULL, NULL},
        {NULL, ID, NULL},
        {"ECE installation", ID, "unit"},
        {"ECE installation", "0123456789012345678901234567890123456789012345678901234567890123",
         NULL},
    };

    for (size_t i = 0; i < ARRAY_LEN(subjects); i++) {
        struct err err;
        struct x509_ca ca;
        auto_pkey *key = EVP_EC_gen("P-256");
        auto_x509 *cert = X509_new();
        auto_bio *bio = BIO_new(BIO_s_mem());
        X509_NAME *name = X509_get_subject_name(cert);
        const char *const parts[][2] = {
            {"O", subjects[i].o}, {"CN", subjects[i].cn}, {"OU", subjects[i].third}};
        for (size_t k = 0; k < ARRAY_LEN(parts); k++) {
            assert_true(parts[k][1] == NULL ||
                        X509_NAME_add_entry_by_txt(name, parts[k][0], MBSTRING_ASC,
                                                   (const unsigned char *)parts[k][1], -1, -1,
                                                   0) == 1);
        }
        X509_EXTENSION *ca_true =
            X509V3_EXT_nconf_nid(NULL, NULL, NID_basic_constraints, "critical,CA:TRUE");
        assert_int_equal(X509_set_version(cert, X509_VERSION_3), 1);
        assert_int_equal(X509_add_ext(cert, ca_true, -1), 1);
        assert_non_null(ASN1_TIME_set(X509_getm_notBefore(cert), 0));
        assert_non_null(ASN1_TIME_set(X509_getm_notAfter(cert), NOW_S));
        assert_int_equal(X509_set_pubkey(cert, key), 1);
        assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
        assert_int_equal(PEM_write_bio_X509(bio, cert), 1);
        auto_free char *pem = ossl_text(bio);

        assert_int_equal(x509_read_ca(pem, strlen(pem), &ca, &err), 0);

        assert_string_equal(ca.installation_id, "");
        assert_true(ca.not_after_s == NOW_S);
        X509_EXTENSION_free(ca_true);
    }
}

/* [TR-2] */
static void what_is_not_exactly_one_ca_certificate_is_refused(void **state)
{
    const struct fixture *fixture = *state;
    auto_free char *two = NULL;
    auto_free char *key_behind = NULL;
    auto_free char *trusted = NULL;
    auto_free char *cut = strdup(fixture->ca_pem);
    auto_free char *longer = malloc(X509_PEM_MAX + 2);
    assert_true(asprintf(&two, "%s%s", fixture->ca_pem, fixture->server_pem) > 0);
    assert_true(asprintf(&key_behind, "%s%s", fixture->ca_pem, fixture->ca_key.bytes) > 0);
    assert_true(asprintf(&trusted, "-----BEGIN TRUSTED CERTIFICATE-----\n%s",
                         strchr(fixture->ca_pem, '\n') + 1) > 0);
    cut[strlen(cut) / 2] = '\0';
    memset(longer, '\n', X509_PEM_MAX + 1);
    longer[X509_PEM_MAX + 1] = '\0';
    memcpy(longer, fixture->ca_pem, strlen(fixture->ca_pem));

    const char *const texts[] = {"",
                                 "junk",
                                 fixture->server_pem,
                                 fixture->ca_key.bytes,
                                 two,
                                 key_behind,
                                 trusted,
                                 cut,
                                 longer,
                                 "-----BEGIN CERTIFICATE-----"};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct err err = {.code = ERR_NONE};
        struct x509_ca ca = {.not_after_s = 42};
        if (x509_read_ca(texts[i], strlen(texts[i]), &ca, &err) != -1) {
            fail_msg("case %zu was taken", i);
        }
        assert_int_equal(err.code, ERR_INVALID);
        assert_int_equal(ca.not_after_s, 42);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

/* [TR-2] --coordinator-ca may be a bundle. */
static void a_bundle_contains_each_of_its_certificates(void **state)
{
    const struct fixture *fixture = *state;
    struct err err;
    struct x509_ca ca;
    auto_free char *bundle = NULL;
    auto_free char *damaged = NULL;
    assert_int_equal(x509_read_ca(fixture->ca_pem, strlen(fixture->ca_pem), &ca, &err), 0);
    assert_true(asprintf(&bundle, "a comment\n%s\n%s", fixture->server_pem, fixture->ca_pem) >
                0);
    assert_true(asprintf(&damaged, "%s-----BEGIN CERTIFICATE-----\nMIIB\n", fixture->ca_pem) >
                0);
    bool contains = false;

    assert_int_equal(x509_bundle_contains(bundle, strlen(bundle), ca.sha256, &contains, &err),
                     0);
    assert_true(contains);
    assert_int_equal(x509_bundle_contains(fixture->server_pem, strlen(fixture->server_pem),
                                          ca.sha256, &contains, &err),
                     0);
    assert_false(contains);
    assert_int_equal(x509_bundle_contains(damaged, strlen(damaged), ca.sha256, &contains, &err),
                     -1);
    assert_non_null(strstr(err.message, "number 1 is damaged"));
    assert_int_equal(x509_bundle_contains("", 0, ca.sha256, &contains, &err), -1);
    assert_int_equal(x509_bundle_contains("junk", 4, ca.sha256, &contains, &err), -1);
    assert_non_null(strstr(err.message, "none in PEM form"));
    assert_false(contains);
}

static void a_server_certificate_is_not_made_from_bad_parts(void **state)
{
    const struct fixture *fixture = *state;
    static const char *const tricks[] = {
        "", "a,DNS:evil.example", "a b", "a\nb", "dirName:x", "-a", "1.2.3"};
    const char *good = "host";
    const struct x509_server_spec base = {.ca_cert_pem = fixture->ca_pem,
                                          .ca_key_pem = &fixture->ca_key,
                                          .names = &good,
                                          .n_names = 1,
                                          .now_s = NOW_S,
                                          .days = 1};
    struct x509_server_spec specs[5 + ARRAY_LEN(tricks)];
    const char *names[X509_NAMES_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        names[i] = "host";
    }
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        specs[i] = base;
    }
    specs[0].n_names = 0;
    specs[1].names = names;
    specs[1].n_names = ARRAY_LEN(names);
    specs[2].days = 0;
    specs[3].ca_key_pem = &fixture->server_key; /* a key, but not the CA's */
    specs[4].ca_cert_pem = "junk";
    for (size_t i = 0; i < ARRAY_LEN(tricks); i++) {
        specs[5 + i].names = &tricks[i];
    }
    for (size_t i = 0; i < ARRAY_LEN(specs); i++) {
        struct err err = {.code = ERR_NONE};
        char *pem = NULL;
        struct secret key = {NULL, 0};
        if (x509_make_server(&specs[i], &pem, &key, &err) != -1 || err.code != ERR_INVALID) {
            fail_msg("case %zu: %s", i, err.message);
        }
        assert_null(pem);
        assert_null(key.bytes);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

/* A common name ends at 64 characters; the name itself must still work. */
static void a_long_first_name_stands_in_the_certificate_all_the_same(void **state)
{
    const struct fixture *fixture = *state;
    struct err err;
    const char *name = "a-host-with-a-rather-long-name.in-a-department.of-a-company.example";
    struct x509_server_spec spec = {.ca_cert_pem = fixture->ca_pem,
                                    .ca_key_pem = &fixture->ca_key,
                                    .names = &name,
                                    .n_names = 1,
                                    .now_s = NOW_S,
                                    .days = 1};
    char *pem = NULL;
    struct secret key = {NULL, 0};
    assert_true(strlen(name) > 64);

    assert_int_equal(x509_make_server(&spec, &pem, &key, &err), 0);

    auto_x509 *cert = read_pem(pem);
    assert_int_equal(X509_check_host(cert, name, 0, 0, NULL), 1);
    assert_int_equal(verdict(pem, fixture->ca_pem, NOW_S), X509_V_OK);
    free(pem);
    secret_fini(&key);
}

static void a_ca_needs_an_installation_id_that_can_be_a_name(void **state)
{
    (void)state;
    static const char *const ids[] = {
        "",    "a.b",      "a b",
        "a/b", "\xc3\xa9", "0123456789012345678901234567890123456789012345678901234567890123"};
    for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
        struct err err;
        char *pem = NULL;
        struct secret key = {NULL, 0};
        assert_int_equal(x509_make_ca(ids[i], NOW_S, 1, &pem, &key, &err), -1);
        assert_int_equal(err.code, ERR_INVALID);
        assert_null(pem);
        assert_null(key.bytes);
    }
    char name[X509_SERVER_NAME_BYTES];
    x509_server_name(ID, name);
    assert_string_equal(name, SERVER_NAME);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_server_certificate_verifies_against_its_ca),
        cmocka_unit_test(
            a_server_certificate_does_not_verify_against_another_ca_of_the_same_name),
        cmocka_unit_test(certificates_hold_from_an_hour_before_until_their_days_are_over),
        cmocka_unit_test(a_server_certificate_is_for_its_names_and_addresses_only),
        cmocka_unit_test(a_server_key_belongs_to_its_certificate_and_a_server_is_no_ca),
        cmocka_unit_test(a_ca_signs_servers_and_no_further_ca),
        cmocka_unit_test(serials_are_random_and_159_bits_long),
        cmocka_unit_test(a_host_reads_hash_installation_and_end_out_of_a_ca),
        cmocka_unit_test(a_ca_in_another_form_has_no_installation_id),
        cmocka_unit_test(what_is_not_exactly_one_ca_certificate_is_refused),
        cmocka_unit_test(a_bundle_contains_each_of_its_certificates),
        cmocka_unit_test(a_server_certificate_is_not_made_from_bad_parts),
        cmocka_unit_test(a_long_first_name_stands_in_the_certificate_all_the_same),
        cmocka_unit_test(a_ca_needs_an_installation_id_that_can_be_a_name),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
