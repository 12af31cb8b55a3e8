/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/auth/assertions.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/codec/json.h"
#include "common/codec/jwt_text.h"
#include "tests/support/token_corpus.h"

#define RUNNER "192.168.40.79"
#define INSTALLATION "7d5a0e8c-31f4-4a57-9d3e-5b1f0c2a9e66"

struct fixture {
    struct token_corpus corpus;
    struct replay *replay;
    struct assertion_expected expected;
    int64_t now_s;
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    struct err err;
    if (fixture == NULL || replay_new(&fixture->replay, 64, ASSERTION_HOLD_MS, &err) < 0) {
        return -1;
    }
    fixture->corpus = token_corpus_load();
    fixture->now_s = token_corpus_now_s(&fixture->corpus);
    fixture->expected = (struct assertion_expected){
        .public_key_pem = token_corpus_text(&fixture->corpus, "public_pem"),
        .runner_id = RUNNER,
        .installation_id = INSTALLATION,
        .now_s = fixture->now_s,
        .now_ms = 5000,
    };
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    replay_free(fixture->replay);
    token_corpus_fini(&fixture->corpus);
    free(fixture);
    return 0;
}

static enum assertion_verdict verify(struct fixture *fixture, const char *text, size_t len)
{
    struct err why = {0};
    enum assertion_verdict verdict =
        assertion_verify(text, len, &fixture->expected, fixture->replay, &why);
    assert_int_equal(verdict == ASSERTION_OK, why.message[0] == '\0');
    return verdict;
}

static enum assertion_verdict verify_claims(struct fixture *fixture, const char *claims)
{
    const char *pem = token_corpus_text(&fixture->corpus, "private_pem");
    auto_secret key = {0};
    auto_json *json = NULL;
    struct err err;
    char *text = NULL;
    assert_int_equal(secret_copy(&key, pem, strlen(pem), &err), 0);
    assert_int_equal(json_parse(claims, strlen(claims), &json, &err), 0);
    assert_int_equal(jwt_sign_es256(json, &key, &text, &err), 0);
    enum assertion_verdict verdict = verify(fixture, text, strlen(text));
    secret_free_text(text);
    return verdict;
}

static enum assertion_verdict verify_times(struct fixture *fixture, int64_t iat, int64_t exp)
{
    char claims[256];
    static unsigned counter;
    (void)snprintf(claims, sizeof(claims),
                   "{\"iss\":\"" RUNNER "\",\"sub\":\"" RUNNER "\",\"aud\":\"" INSTALLATION
                   "\",\"iat\":%lld,\"exp\":%lld,\"jti\":\"j%u\"}",
                   (long long)iat, (long long)exp, counter++);
    return verify_claims(fixture, claims);
}

/* What the corpus says of the form; the rows whose form is good are listed here with what
 * their claims deserve. */
static enum assertion_verdict expected_of(const struct token_row *row)
{
    if (strcmp(row->es256, "ok") != 0 || strncmp(row->name, "aud-", 4) == 0) {
        return ASSERTION_INVALID;
    }
    if (strcmp(row->name, "assertion-expired") == 0) {
        return ASSERTION_TIME;
    }
    /* The malleated signature is another text of the same assertion. */
    return strcmp(row->name, "replayed-jti-malleated") == 0 ? ASSERTION_REPLAYED : ASSERTION_OK;
}

/* [AC-2], [EN-2] */
static void every_token_of_the_corpus_gets_its_verdict(void **state)
{
    struct fixture *fixture = *state;
    unsigned n_ok = 0;
    for (size_t i = 0; i < token_corpus_rows(&fixture->corpus); i++) {
        struct token_row row = token_corpus_row(&fixture->corpus, i);
        enum assertion_verdict verdict = verify(fixture, row.text, row.len);
        if (verdict != expected_of(&row)) {
            fail_msg("%s: %d, not %d", row.name, (int)verdict, (int)expected_of(&row));
        }
        n_ok += verdict == ASSERTION_OK;
        token_row_fini(&row);
    }
    assert_true(n_ok >= 2);
}

/* [AC-2]: 60 s of clock difference, both ways */
static void an_assertion_is_good_within_a_minute_of_clock_difference(void **state)
{
    struct fixture *fixture = *state;
    int64_t now = fixture->now_s;

    const struct {
        int64_t iat;
        int64_t exp;
        enum assertion_verdict verdict;
    } cases[] = {
        {now, now + 60, ASSERTION_OK},         {now + 60, now + 120, ASSERTION_OK},
        {now + 61, now + 121, ASSERTION_TIME}, {now - 119, now - 59, ASSERTION_OK},
        {now - 120, now - 60, ASSERTION_TIME}, {now - 10, now + 1, ASSERTION_OK},
        {now, now + 61, ASSERTION_INVALID}, /* lives too long */
        {now, now, ASSERTION_INVALID},         {now, now - 1, ASSERTION_INVALID},
        {0, INT64_MAX, ASSERTION_INVALID},     {-1, 59, ASSERTION_INVALID},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        enum assertion_verdict verdict = verify_times(fixture, cases[i].iat, cases[i].exp);
        if (verdict != cases[i].verdict) {
            fail_msg("case %zu: %d, not %d", i, (int)verdict, (int)cases[i].verdict);
        }
    }
}

/* [AC-2] */
static void a_jti_is_taken_once_and_only_when_all_else_was_good(void **state)
{
    struct fixture *fixture = *state;
    struct token_row row = token_corpus_find(&fixture->corpus, "valid-es256");

    fixture->expected.now_s = fixture->now_s + 3600;
    assert_int_equal(verify(fixture, row.text, row.len), ASSERTION_TIME);
    fixture->expected.now_s = fixture->now_s;
    fixture->expected.runner_id = "another";
    assert_int_equal(verify(fixture, row.text, row.len), ASSERTION_INVALID);
    fixture->expected.runner_id = RUNNER;
    assert_int_equal(replay_count(fixture->replay), 0);

    assert_int_equal(verify(fixture, row.text, row.len), ASSERTION_OK);
    assert_int_equal(verify(fixture, row.text, row.len), ASSERTION_REPLAYED);
    /* As long as it could be good by the clock, and longer. */
    fixture->expected.now_ms += ASSERTION_HOLD_MS - 1;
    fixture->expected.now_s += 119;
    assert_int_equal(verify(fixture, row.text, row.len), ASSERTION_REPLAYED);

    token_row_fini(&row);
}

static void missing_or_empty_claims_are_invalid(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"iss", "sub", "aud", "iat", "exp", "jti"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        auto_json *claims =
            json_pack("{s:s, s:s, s:s, s:I, s:I, s:s}", "iss", RUNNER, "sub", RUNNER, "aud",
                      INSTALLATION, "iat", (json_int_t)fixture->now_s, "exp",
                      (json_int_t)(fixture->now_s + 60), "jti", "x");
        assert_int_equal(json_object_del(claims, names[i]), 0);
        auto_free char *text = json_compact(claims);
        assert_int_equal(verify_claims(fixture, text), ASSERTION_INVALID);
    }
    assert_int_equal(verify_claims(fixture, "{\"iss\":\"" RUNNER "\",\"sub\":\"" RUNNER
                                            "\",\"aud\":\"" INSTALLATION
                                            "\",\"iat\":1800000000,\"exp\":1800000060,"
                                            "\"jti\":\"\"}"),
                     ASSERTION_INVALID);
}

/* [AC-2]: rather refused than taken twice */
static void a_full_window_is_busy(void **state)
{
    struct fixture *fixture = *state;
    for (unsigned i = 0; i < 64; i++) {
        assert_int_equal(verify_times(fixture, fixture->now_s, fixture->now_s + 60),
                         ASSERTION_OK);
    }
    assert_int_equal(verify_times(fixture, fixture->now_s, fixture->now_s + 60),
                     ASSERTION_BUSY);
    fixture->expected.now_ms += ASSERTION_HOLD_MS;
    assert_int_equal(verify_times(fixture, fixture->now_s, fixture->now_s + 60), ASSERTION_OK);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(every_token_of_the_corpus_gets_its_verdict),
        CASE(an_assertion_is_good_within_a_minute_of_clock_difference),
        CASE(a_jti_is_taken_once_and_only_when_all_else_was_good),
        CASE(missing_or_empty_claims_are_invalid),
        CASE(a_full_window_is_busy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
