/* SPDX-License-Identifier: Apache-2.0 */
/* [TK-1] [TK-3] [EN-2] Every text of the corpus gets its verdict, whoever reads it. */
#include "common/codec/jwt_text.h"

#include "common/codec/keys.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/err.h>

#include "tests/support/token_corpus.h"

static struct secret secret_of(const char *text)
{
    struct err err;
    struct secret secret = {NULL, 0};
    assert_int_equal(secret_copy(&secret, text, strlen(text), &err), 0);
    return secret;
}

/* What a reader said of a row. */
struct outcome {
    int result;
    enum jwt_rule rule;
    struct err err;
    const json_t *claims;
};

/* What every reader must keep to, whatever the verdict. */
static void check_verdict(const struct token_row *row, const char *expected,
                          const struct outcome *outcome)
{
    bool is_good = outcome->rule == JWT_RULE_OK;
    if (strcmp(jwt_rule_name(outcome->rule), expected) != 0) {
        fail_msg("%s: %s instead of %s (%s)", row->name, jwt_rule_name(outcome->rule), expected,
                 outcome->err.message);
    }
    assert_int_equal(outcome->result, is_good ? 0 : -1);
    assert_true((outcome->claims != NULL) == is_good);
    if (!is_good) {
        assert_int_equal(outcome->err.code,
                         outcome->rule == JWT_RULE_SIGNATURE ? ERR_REFUSED : ERR_INVALID);
        /* No token in a message. */
        assert_true(row->len <= 40 ||
                    strstr(outcome->err.message, row->text + row->len - 40) == NULL);
    }
    assert_int_equal(ERR_peek_error(), 0);
}

/* [TK-1] */
static void a_host_reads_every_text_of_the_corpus_as_written_there(void **state)
{
    const struct token_corpus *corpus = *state;
    for (size_t i = 0; i < token_corpus_rows(corpus); i++) {
        struct token_row row = token_corpus_row(corpus, i);
        struct outcome outcome = {.rule = JWT_RULE_EMPTY};
        struct jwt_unverified jwt = {NULL};

        outcome.result =
            jwt_peek(row.text, row.len, JWT_HS256, &jwt, &outcome.rule, &outcome.err);
        outcome.claims = jwt.claims;

        check_verdict(&row, row.peek, &outcome);
        jwt_unverified_fini(&jwt);
        token_row_fini(&row);
    }
}

/* [TK-3] */
static void a_coordinator_verifies_every_text_of_the_corpus_as_written_there(void **state)
{
    const struct token_corpus *corpus = *state;
    struct secret key = secret_of(token_corpus_text(corpus, "secret"));
    for (size_t i = 0; i < token_corpus_rows(corpus); i++) {
        struct token_row row = token_corpus_row(corpus, i);
        struct outcome outcome = {.rule = JWT_RULE_EMPTY};
        struct jwt_verified jwt = {NULL};

        outcome.result =
            jwt_verify_hs256(row.text, row.len, &key, &jwt, &outcome.rule, &outcome.err);
        outcome.claims = jwt.claims;

        check_verdict(&row, row.hs256, &outcome);
        jwt_verified_fini(&jwt);
        token_row_fini(&row);
    }
    secret_fini(&key);
}

/* [EN-2] [AC-2] */
static void an_assertion_is_verified_as_written_in_the_corpus(void **state)
{
    const struct token_corpus *corpus = *state;
    const char *public_pem = token_corpus_text(corpus, "public_pem");
    for (size_t i = 0; i < token_corpus_rows(corpus); i++) {
        struct token_row row = token_corpus_row(corpus, i);
        struct outcome outcome = {.rule = JWT_RULE_EMPTY};
        struct jwt_verified jwt = {NULL};

        outcome.result =
            jwt_verify_es256(row.text, row.len, public_pem, &jwt, &outcome.rule, &outcome.err);
        outcome.claims = jwt.claims;

        check_verdict(&row, row.es256, &outcome);
        jwt_verified_fini(&jwt);
        token_row_fini(&row);
    }
}

/* An access token checks form by its HS256 rules; an assertion is peeked at for its issuer,
 * before the key is known. */
static void a_text_is_read_only_as_the_algorithm_that_was_asked_for(void **state)
{
    const struct token_corpus *corpus = *state;
    struct err err;
    struct jwt_unverified jwt = {NULL};
    struct token_row row = token_corpus_find(corpus, "valid-es256");

    assert_int_equal(jwt_peek(row.text, row.len, JWT_ES256, &jwt, NULL, &err), 0);

    assert_string_equal(json_string_value(json_object_get(jwt.claims, "sub")), "192.168.40.79");
    jwt_unverified_fini(&jwt);
    token_row_fini(&row);
}

static void a_text_without_terminator_is_not_read_past_its_end(void **state)
{
    const struct token_corpus *corpus = *state;
    struct err err;
    struct secret key = secret_of(token_corpus_text(corpus, "secret"));
    struct token_row row = token_corpus_find(corpus, "valid-hs256");
    struct jwt_verified jwt = {NULL};
    char *bare = malloc(row.len); /* AddressSanitizer watches its end */
    assert_non_null(bare);
    memcpy(bare, row.text, row.len);

    assert_int_equal(jwt_verify_hs256(bare, row.len, &key, &jwt, NULL, &err), 0);

    jwt_verified_fini(&jwt);
    free(bare);
    token_row_fini(&row);
    secret_fini(&key);
}

static void a_nul_inside_the_text_ends_nothing(void **state)
{
    const struct token_corpus *corpus = *state;
    struct err err;
    struct token_row row = token_corpus_find(corpus, "valid-hs256");
    struct jwt_unverified jwt = {NULL};
    enum jwt_rule rule = JWT_RULE_OK;

    /* The NUL that ends the C string, taken for a part of the token. */
    assert_int_equal(jwt_peek(row.text, row.len + 1, JWT_HS256, &jwt, &rule, &err), -1);

    assert_int_equal(rule, JWT_RULE_CHARACTERS);
    token_row_fini(&row);
}

static void no_text_at_all_is_empty_and_no_crash(void **state)
{
    (void)state;
    struct err err;
    struct jwt_unverified jwt = {NULL};
    enum jwt_rule rule = JWT_RULE_OK;

    assert_int_equal(jwt_peek(NULL, 0, JWT_HS256, &jwt, &rule, &err), -1);

    assert_int_equal(rule, JWT_RULE_EMPTY);
    assert_null(jwt.claims);
}

/* With a key of length 0 libjwt would verify nothing and say yes. */
static void an_empty_or_short_key_verifies_and_signs_nothing(void **state)
{
    const struct token_corpus *corpus = *state;
    struct token_row row = token_corpus_find(corpus, "empty-secret");
    struct token_row good = token_corpus_find(corpus, "valid-hs256");
    auto_free char *long_key = calloc(1, 5000);
    char short_key[] = "thirty-one bytes are too few...";
    struct secret keys[] = {{NULL, 0}, {short_key, 0}, {short_key, 31}, {long_key, 4999}};
    json_t *claims = json_object();
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct err err;
        struct jwt_verified jwt = {NULL};
        char *text = NULL;

        assert_int_equal(jwt_verify_hs256(row.text, row.len, &keys[i], &jwt, NULL, &err), -1);
        assert_int_equal(err.code, ERR_INTERNAL);
        assert_int_equal(jwt_verify_hs256(good.text, good.len, &keys[i], &jwt, NULL, &err), -1);
        assert_int_equal(jwt_sign_hs256(claims, &keys[i], &text, &err), -1);
        assert_null(jwt.claims);
        assert_null(text);
    }
    json_decref(claims);
    token_row_fini(&row);
    token_row_fini(&good);
}

/* [EN-2] libjwt alone would take a key on any curve. */
static void es256_takes_no_key_but_a_canonical_one_on_p256(void **state)
{
    const struct token_corpus *corpus = *state;
    struct token_row row = token_corpus_find(corpus, "es256-p384-key");
    const char *const keys[] = {NULL,
                                "",
                                "-----BEGIN PUBLIC KEY-----\n",
                                token_corpus_text(corpus, "p384_pem"),
                                token_corpus_text(corpus, "private_pem"),
                                token_corpus_text(corpus, "secret")};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        struct err err;
        struct jwt_verified jwt = {NULL};

        assert_int_equal(jwt_verify_es256(row.text, row.len, keys[i], &jwt, NULL, &err), -1);

        assert_int_equal(err.code, ERR_INTERNAL);
        assert_null(jwt.claims);
    }
    token_row_fini(&row);
}

static json_t *some_claims(void)
{
    return json_pack("{s:s, s:[s,s], s:I, s:b, s:{s:s}}", "sub", "192.168.40.79", "roles",
                     "allocator", "proxy", "exp", (json_int_t)4102444800, "persistent", 1,
                     "nested", "text", "\xc3\xa9 \"quoted\"");
}

static void what_was_signed_with_hs256_comes_back_verified(void **state)
{
    const struct token_corpus *corpus = *state;
    struct err err;
    struct secret key = secret_of(token_corpus_text(corpus, "secret"));
    json_t *claims = some_claims();
    char *text = NULL;
    struct jwt_verified jwt = {NULL};
    enum jwt_rule rule = JWT_RULE_SIGNATURE;

    assert_int_equal(jwt_sign_hs256(claims, &key, &text, &err), 0);
    assert_int_equal(jwt_verify_hs256(text, strlen(text), &key, &jwt, &rule, &err), 0);

    assert_int_equal(rule, JWT_RULE_OK);
    assert_true(json_equal(jwt.claims, claims));
    jwt_verified_fini(&jwt);
    secret_free_text(text);
    json_decref(claims);
    secret_fini(&key);
}

static void what_a_new_host_key_signed_only_its_public_half_verifies(void **state)
{
    (void)state;
    struct err err;
    struct secret private_pem = {NULL, 0};
    struct secret other_private = {NULL, 0};
    char *public_pem = NULL;
    char *other_public = NULL;
    char *text = NULL;
    json_t *claims = some_claims();
    struct jwt_verified jwt = {NULL};
    enum jwt_rule rule = JWT_RULE_OK;
    assert_int_equal(keys_generate(&private_pem, &public_pem, &err), 0);
    assert_int_equal(keys_generate(&other_private, &other_public, &err), 0);

    assert_int_equal(jwt_sign_es256(claims, &private_pem, &text, &err), 0);
    assert_int_equal(jwt_verify_es256(text, strlen(text), other_public, &jwt, &rule, &err), -1);
    assert_int_equal(rule, JWT_RULE_SIGNATURE);
    assert_int_equal(jwt_verify_es256(text, strlen(text), public_pem, &jwt, &rule, &err), 0);

    assert_true(json_equal(jwt.claims, claims));
    jwt_verified_fini(&jwt);
    secret_free_text(text);
    json_decref(claims);
    secret_fini(&private_pem);
    secret_fini(&other_private);
    free(public_pem);
    free(other_public);
}

/* r and s with a leading zero byte come once in 128 signatures each and must keep their width.
 */
static void short_numbers_in_a_signature_keep_their_width(void **state)
{
    const struct token_corpus *corpus = *state;
    struct err err;
    struct secret private_pem = secret_of(token_corpus_text(corpus, "private_pem"));
    json_t *claims = json_object();
    for (int i = 0; i < 300; i++) {
        char *text = NULL;
        struct jwt_verified jwt = {NULL};

        assert_int_equal(jwt_sign_es256(claims, &private_pem, &text, &err), 0);
        assert_int_equal(jwt_verify_es256(text, strlen(text),
                                          token_corpus_text(corpus, "public_pem"), &jwt, NULL,
                                          &err),
                         0);

        assert_int_equal(strlen(strrchr(text, '.') + 1), 86);
        jwt_verified_fini(&jwt);
        secret_free_text(text);
    }
    json_decref(claims);
    secret_fini(&private_pem);
}

static void what_cannot_be_signed_is_refused(void **state)
{
    const struct token_corpus *corpus = *state;
    struct err err;
    struct secret key = secret_of(token_corpus_text(corpus, "secret"));
    struct secret encrypted = secret_of("-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIG\n");
    struct secret none = {NULL, 0};
    char *text = NULL;
    json_t *array = json_array();
    json_t *claims = json_object();
    char *filler = malloc(8001);
    assert_non_null(filler);
    memset(filler, 'x', 8000);
    filler[8000] = '\0';
    json_t *big = json_pack("{s:s}", "note", filler);

    assert_int_equal(jwt_sign_hs256(array, &key, &text, &err), -1);
    assert_int_equal(jwt_sign_hs256(NULL, &key, &text, &err), -1);
    assert_int_equal(jwt_sign_es256(claims, &none, &text, &err), -1);
    assert_int_equal(jwt_sign_es256(claims, &key, &text, &err), -1);
    assert_int_equal(jwt_sign_es256(claims, &encrypted, &text, &err), -1);
    assert_int_equal(err.code, ERR_INTERNAL);
    assert_int_equal(jwt_sign_hs256(big, &key, &text, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);

    assert_null(text);
    assert_int_equal(ERR_peek_error(), 0);
    json_decref(array);
    json_decref(claims);
    json_decref(big);
    free(filler);
    secret_fini(&key);
    secret_fini(&encrypted);
}

/* The messages of the commonest slips say what to do. */
static void a_pasted_blank_or_quote_is_named_in_the_message(void **state)
{
    const struct token_corpus *corpus = *state;

    static const struct {
        const char *row;
        const char *words;
    } cases[] = {
        {"leading-blank", "blank or line break in it at character 1"},
        {"wrapped", "blank or line break in it at character 77"},
        {"single-quotes", "quote in it at character 1"},
        {"two-segments", "three parts joined by dots"},
        {"alg-none", "\"HS256\""},
        {"typ-at+jwt", "\"JWT\""},
        {"crit", "\"crit\""},
        {"token-8193-bytes", "8192 bytes: 8193"},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct token_row row = token_corpus_find(corpus, cases[i].row);
        struct err err;
        struct jwt_unverified jwt = {NULL};

        assert_int_equal(jwt_peek(row.text, row.len, JWT_HS256, &jwt, NULL, &err), -1);

        if (strstr(err.message, cases[i].words) == NULL) {
            fail_msg("%s: %s", row.name, err.message);
        }
        token_row_fini(&row);
    }
}

static int load(void **state)
{
    static struct token_corpus corpus;
    corpus = token_corpus_load();
    *state = &corpus;
    return 0;
}

static int unload(void **state)
{
    token_corpus_fini(*state);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_host_reads_every_text_of_the_corpus_as_written_there),
        cmocka_unit_test(a_coordinator_verifies_every_text_of_the_corpus_as_written_there),
        cmocka_unit_test(an_assertion_is_verified_as_written_in_the_corpus),
        cmocka_unit_test(a_text_is_read_only_as_the_algorithm_that_was_asked_for),
        cmocka_unit_test(a_text_without_terminator_is_not_read_past_its_end),
        cmocka_unit_test(a_nul_inside_the_text_ends_nothing),
        cmocka_unit_test(no_text_at_all_is_empty_and_no_crash),
        cmocka_unit_test(an_empty_or_short_key_verifies_and_signs_nothing),
        cmocka_unit_test(es256_takes_no_key_but_a_canonical_one_on_p256),
        cmocka_unit_test(what_was_signed_with_hs256_comes_back_verified),
        cmocka_unit_test(what_a_new_host_key_signed_only_its_public_half_verifies),
        cmocka_unit_test(short_numbers_in_a_signature_keep_their_width),
        cmocka_unit_test(what_cannot_be_signed_is_refused),
        cmocka_unit_test(a_pasted_blank_or_quote_is_named_in_the_message),
    };
    return cmocka_run_group_tests(tests, load, unload);
}
