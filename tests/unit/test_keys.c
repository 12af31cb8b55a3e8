/* SPDX-License-Identifier: Apache-2.0 */
/* [EN-1] [EN-2] P-256 and nothing else, and one identity for each key whatever text it came in.
 */
#include "common/codec/keys.h"

#include "common/codec/ossl.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/core_names.h>

static char *public_text(EVP_PKEY *key)
{
    auto_bio *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PUBKEY(bio, key), 1);
    char *text = ossl_text(bio);
    if (text == NULL) {
        abort();
    }
    return text;
}

static char *private_text(EVP_PKEY *key, const EVP_CIPHER *cipher)
{
    auto_bio *bio = BIO_new(BIO_s_mem());
    assert_int_equal(PEM_write_bio_PKCS8PrivateKey(bio, key, cipher, cipher ? "pass" : NULL,
                                                   cipher ? 4 : 0, NULL, NULL),
                     1);
    char *text = ossl_text(bio);
    if (text == NULL) {
        abort();
    }
    return text;
}

static void a_new_key_is_canonical_and_gives_its_public_half(void **state)
{
    (void)state;
    struct err err;
    struct secret private_pem = {NULL, 0};
    char *public_pem = NULL;
    char *again = NULL;
    char *canonical = NULL;
    char thumbprint[KEYS_SHA256_HEX_BYTES];

    assert_int_equal(keys_generate(&private_pem, &public_pem, &err), 0);
    assert_int_equal(keys_public_of(&private_pem, &again, &err), 0);
    assert_int_equal(keys_canonical_public(public_pem, &canonical, thumbprint, &err), 0);

    assert_memory_equal(private_pem.bytes, "-----BEGIN PRIVATE KEY-----\n", 28);
    assert_string_equal(again, public_pem);
    assert_string_equal(canonical, public_pem);
    assert_int_equal(strspn(thumbprint, "0123456789abcdef"), 64);
    secret_fini(&private_pem);
    free(public_pem);
    free(again);
    free(canonical);
}

static void two_new_keys_differ(void **state)
{
    (void)state;
    struct err err;
    struct secret private_pem = {NULL, 0};
    char *one = NULL;
    char *two = NULL;

    assert_int_equal(keys_generate(&private_pem, &one, &err), 0);
    assert_int_equal(keys_generate(&private_pem, &two, &err), 0);

    assert_string_not_equal(one, two);
    secret_fini(&private_pem);
    free(one);
    free(two);
}

/* [EN-5] A key in another encoding is the same host. */
static void every_encoding_of_one_key_has_one_thumbprint(void **state)
{
    (void)state;
    struct err err;
    auto_pkey *key = EVP_EC_gen("prime256v1");
    auto_free char *plain = public_text(key);
    assert_int_equal(
        EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_POINT_CONVERSION_FORMAT,
                                       OSSL_PKEY_EC_POINT_CONVERSION_FORMAT_COMPRESSED),
        1);
    auto_free char *compressed = public_text(key);
    assert_int_equal(EVP_PKEY_set_utf8_string_param(key, OSSL_PKEY_PARAM_EC_ENCODING,
                                                    OSSL_PKEY_EC_ENCODING_EXPLICIT),
                     1);
    auto_free char *explicit_curve = public_text(key);
    auto_free char *trailing = NULL;
    assert_true(asprintf(&trailing, "%s\n# host 79\n", plain) > 0);
    assert_string_not_equal(plain, compressed);
    assert_string_not_equal(compressed, explicit_curve);

    const char *const texts[] = {plain, compressed, explicit_curve, trailing};
    char first[KEYS_SHA256_HEX_BYTES] = "";
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        auto_free char *canonical = NULL;
        char thumbprint[KEYS_SHA256_HEX_BYTES];
        assert_int_equal(keys_canonical_public(texts[i], &canonical, thumbprint, &err), 0);
        assert_string_equal(canonical, plain);
        if (i == 0) {
            memcpy(first, thumbprint, sizeof first);
        }
        assert_string_equal(thumbprint, first);
    }
}

/* [EN-2] */
static void a_public_key_that_is_not_one_p256_key_is_refused(void **state)
{
    (void)state;
    auto_pkey *good_key = EVP_EC_gen("prime256v1");
    auto_pkey *p384_key = EVP_EC_gen("secp384r1");
    auto_pkey *k256_key = EVP_EC_gen("secp256k1");
    auto_pkey *ed_key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    auto_pkey *rsa_key = EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    auto_free char *good = public_text(good_key);
    auto_free char *p384 = public_text(p384_key);
    auto_free char *k256 = public_text(k256_key);
    auto_free char *ed = public_text(ed_key);
    auto_free char *rsa = public_text(rsa_key);
    auto_free char *private_pem = private_text(good_key, NULL);
    auto_free char *two = NULL;
    auto_free char *leading = NULL;
    char off_curve[512];
    char cut[61];
    char longer[5000];
    (void)snprintf(off_curve, sizeof off_curve, "%s", good);
    (void)snprintf(cut, sizeof cut, "%.60s", good);
    assert_true(asprintf(&two, "%s%s", good, p384) > 0);
    assert_true(asprintf(&leading, "%s%s", "text\n", good) > 0);
    /* The last bytes of Y: base64 characters before the newline and END line. */
    char *y = strstr(off_curve, "\n-----END") - 10;
    *y = *y == 'A' ? 'B' : 'A';
    memset(longer, '\n', 4999);
    memcpy(longer, good, strlen(good));
    longer[4999] = '\0';

    const char *const texts[] = {"",  "junk",  p384,        k256,      ed,  rsa,
                                 two, leading, private_pem, off_curve, cut, longer};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct err err = {.code = ERR_NONE};
        char *canonical = NULL;
        char thumbprint[KEYS_SHA256_HEX_BYTES];
        if (keys_canonical_public(texts[i], &canonical, thumbprint, &err) != -1) {
            fail_msg("case %zu was taken: %s", i, texts[i]);
        }
        assert_int_equal(err.code, ERR_INVALID);
        assert_null(canonical);
        assert_int_equal(ERR_peek_error(), 0);
    }
}

/* [EN-1] An encrypted key must not stop a daemon at a prompt for the pass phrase. */
static void a_private_key_that_is_encrypted_foreign_or_torn_is_refused(void **state)
{
    (void)state;
    auto_pkey *good_key = EVP_EC_gen("prime256v1");
    auto_pkey *p384_key = EVP_EC_gen("secp384r1");
    auto_free char *encrypted = private_text(good_key, EVP_aes_256_cbc());
    auto_free char *p384 = private_text(p384_key, NULL);
    auto_free char *public_pem = public_text(good_key);
    auto_free char *torn = private_text(good_key, NULL);
    torn[100] = '\0';

    const char *const texts[] = {"", "junk", encrypted, p384, public_pem, torn};
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        struct err err = {.code = ERR_NONE};
        struct secret pem = {NULL, 0};
        char *ret = NULL;
        assert_int_equal(secret_copy(&pem, texts[i], strlen(texts[i]), &err), 0);

        assert_int_equal(keys_public_of(&pem, &ret, &err), -1);

        assert_int_equal(err.code, ERR_INVALID);
        assert_null(ret);
        assert_int_equal(ERR_peek_error(), 0);
        secret_fini(&pem);
    }
}

static void sha256_is_written_in_lower_case_hexadecimal(void **state)
{
    (void)state;
    struct err err;
    char hex[KEYS_SHA256_HEX_BYTES];

    assert_int_equal(keys_sha256_hex("abc", 3, hex, &err), 0);
    assert_string_equal(hex,
                        "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(keys_sha256_hex("", 0, hex, &err), 0);
    assert_string_equal(hex,
                        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_key_is_canonical_and_gives_its_public_half),
        cmocka_unit_test(two_new_keys_differ),
        cmocka_unit_test(every_encoding_of_one_key_has_one_thumbprint),
        cmocka_unit_test(a_public_key_that_is_not_one_p256_key_is_refused),
        cmocka_unit_test(a_private_key_that_is_encrypted_foreign_or_torn_is_refused),
        cmocka_unit_test(sha256_is_written_in_lower_case_hexadecimal),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
