/* SPDX-License-Identifier: Apache-2.0 */
/* What texts and records say, as far as the coordinator believes them: each through the
 * table that decides. */
#include "coordinator/auth/roles_token_text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "common/codec/json.h"
#include "common/codec/jwt_text.h"
#include "tests/unit/roles_tokens_fixture.h"

/* What the coordinator must say of each text; the rules of form are the corpus's own. */
static enum roles_token_verdict expected_of(const struct token_row *row)
{
    static const char *const bad_claims[] = {
        "exp-string", "exp-real",      "sub-missing",   "iss-other",
        "roles-text", "roles-numbers", "not-yet-valid", "payload-empty-object",
    };
    if (strcmp(row->hs256, "ok") != 0) {
        return ROLES_TOKEN_INVALID;
    }
    for (size_t i = 0; i < ARRAY_LEN(bad_claims); i++) {
        if (strcmp(row->name, bad_claims[i]) == 0) {
            return ROLES_TOKEN_INVALID;
        }
    }
    return strncmp(row->name, "expired", 7) == 0 || strcmp(row->name, "exp-negative") == 0
               ? ROLES_TOKEN_EXPIRED
               : ROLES_TOKEN_OK;
}

/* [TK-3] */
static void every_token_of_the_corpus_gets_its_verdict(void **state)
{
    struct fixture *fixture = *state;
    memory_store_put(fixture->memory, ROLES_TOKENS_PREFIX CORPUS_ID, RECORD);
    unsigned n_ok = 0;
    for (size_t i = 0; i < token_corpus_rows(&fixture->corpus); i++) {
        struct token_row row = token_corpus_row(&fixture->corpus, i);
        struct roles_token_grant grant;
        struct err why = {0};
        enum roles_token_verdict verdict =
            roles_tokens_verify(fixture->tokens, row.text, row.len, &grant, &why);
        if (verdict != expected_of(&row)) {
            fail_msg("%s: %d, not %d: %s", row.name, (int)verdict, (int)expected_of(&row),
                     why.message);
        }
        n_ok += verdict == ROLES_TOKEN_OK;
        token_row_fini(&row);
    }
    assert_true(n_ok >= 4);
}

static enum roles_token_verdict verify_claims(struct fixture *fixture, const char *claims)
{
    struct roles_token_grant grant;
    auto_json *json = NULL;
    char *text = NULL;
    struct err err;
    assert_int_equal(json_parse(claims, strlen(claims), &json, &err), 0);
    assert_int_equal(jwt_sign_hs256(json, &fixture->key, &text, &err), 0);
    enum roles_token_verdict verdict = verify(fixture, text, &grant);
    secret_free_text(text);
    return verdict;
}

/* [TK-3]: signed by our key, and still not taken for granted */
static void claims_decide_as_documented(void **state)
{
    struct fixture *fixture = *state;
#define HEAD "{\"sub\":\"" CORPUS_ID "\",\"iss\":\"current\",\"roles\":[\"allocator\"]"

    static const struct {
        const char *claims;
        enum roles_token_verdict stored;
        enum roles_token_verdict not_stored;
    } cases[] = {
        {HEAD ",\"persistent\":true}", ROLES_TOKEN_OK, ROLES_TOKEN_REVOKED},
        {HEAD "}", ROLES_TOKEN_OK, ROLES_TOKEN_REVOKED},
        {HEAD ",\"persistent\":false}", ROLES_TOKEN_OK, ROLES_TOKEN_REVOKED},
        {HEAD ",\"exp\":4102444800}", ROLES_TOKEN_OK, ROLES_TOKEN_OK},
        {HEAD ",\"exp\":4102444800,\"persistent\":true}", ROLES_TOKEN_OK, ROLES_TOKEN_REVOKED},
        {HEAD ",\"exp\":1,\"persistent\":true}", ROLES_TOKEN_EXPIRED, ROLES_TOKEN_EXPIRED},
        {HEAD ",\"exp\":null}", ROLES_TOKEN_INVALID, ROLES_TOKEN_INVALID},
        {HEAD ",\"persistent\":\"true\"}", ROLES_TOKEN_INVALID, ROLES_TOKEN_INVALID},
        {"{\"sub\":\"" CORPUS_ID "\",\"iss\":\"current\",\"roles\":[\"root\"]}",
         ROLES_TOKEN_INVALID, ROLES_TOKEN_INVALID},
        {"{\"sub\":\"\",\"iss\":\"current\",\"roles\":[]}", ROLES_TOKEN_INVALID,
         ROLES_TOKEN_INVALID},
        {"{\"sub\":\"" CORPUS_ID "\",\"iss\":\"current\"}", ROLES_TOKEN_INVALID,
         ROLES_TOKEN_INVALID},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        memory_store_put(fixture->memory, ROLES_TOKENS_PREFIX CORPUS_ID, RECORD);
        enum roles_token_verdict stored = verify_claims(fixture, cases[i].claims);
        memory_store_put(fixture->memory, ROLES_TOKENS_PREFIX CORPUS_ID, NULL);
        enum roles_token_verdict not_stored = verify_claims(fixture, cases[i].claims);
        if (stored != cases[i].stored || not_stored != cases[i].not_stored) {
            fail_msg("%s: %d, %d", cases[i].claims, (int)stored, (int)not_stored);
        }
    }
}

static void a_record_that_cannot_be_read_permits_nothing(void **state)
{
    struct fixture *fixture = *state;
    static const char *const records[] = {
        "",
        "{}",
        "{\"version\":2,\"roles\":[],\"created\":5}",
        "{\"version\":1,\"roles\":[\"root\"],\"created\":5}",
        "{\"version\":1,\"created\":5}",
        "{\"version\":1,\"roles\":[],\"created\":5",
    };
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        memory_store_put(fixture->memory, ROLES_TOKENS_PREFIX CORPUS_ID, RECORD);
        assert_int_equal(verify_claims(fixture, HEAD "}"), ROLES_TOKEN_OK);
        memory_store_put(fixture->memory, ROLES_TOKENS_PREFIX CORPUS_ID, records[i]);
        assert_int_equal(verify_claims(fixture, HEAD "}"), ROLES_TOKEN_REVOKED);
    }
    close_tokens(fixture);
    open_tokens(fixture); /* nor does it keep the coordinator from starting */
    assert_int_equal(verify_claims(fixture, HEAD "}"), ROLES_TOKEN_REVOKED);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(every_token_of_the_corpus_gets_its_verdict),
        CASE(claims_decide_as_documented),
        CASE(a_record_that_cannot_be_read_permits_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
