/* SPDX-License-Identifier: Apache-2.0 */
/* What a host can tell of a roles token: the whole corpus of hostile ones, the claims, the
 * sources. */
#include "agent/join/roles_token.h"

#include "common/base/fs.h"
#include "tests/support/tmpdir.h"
#include "tests/support/token_corpus.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* Rows whose form holds and whose claims do not: the rest follow the corpus's own verdict for
 * jwt_peek. */
static const struct {
    const char *name;
    const char *what; /* in the message; NULL = accepted */
} claims[] = {
    {"exp-string", "exp"},           {"exp-real", "exp"},          {"exp-negative", "exp"},
    {"exp-overflow", "exp"},         {"sub-missing", "sub"},       {"roles-text", "roles"},
    {"roles-numbers", "roles"},      {"ca-short", "ca_sha256"},    {"ca-not-hex", "ca_sha256"},
    {"payload-empty-object", "sub"}, {"valid-es256", "algorithm"},
};

static const char *claim_at_fault(const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
        if (strcmp(claims[i].name, name) == 0) {
            return claims[i].what;
        }
    }
    return NULL;
}

/* [TK-1] Every row of the corpus; no message contains any part of the token's signature. */
static void the_corpus_is_judged_row_by_row(void **state)
{
    (void)state;
    struct token_corpus corpus = token_corpus_load();
    for (size_t i = 0; i < token_corpus_rows(&corpus); i++) {
        struct token_row row = token_corpus_row(&corpus, i);
        struct roles_token token = {0};
        struct err err = {0};
        const char *fault = claim_at_fault(row.name);
        bool is_well_formed = strcmp(row.peek, "ok") == 0;
        int rc = roles_token_parse(row.text, row.len, &token, &err);
        if (is_well_formed && fault == NULL) {
            if (rc != 0) {
                fail_msg("%s: refused: %s", row.name, err.message);
            }
            assert_non_null(token.text.bytes);
        } else {
            char rule[64];
            (void)snprintf(rule, sizeof rule, "[%s]", is_well_formed ? "claims" : row.peek);
            if (rc == 0 || strstr(err.message, rule) == NULL ||
                (is_well_formed && strstr(err.message, fault) == NULL)) {
                fail_msg("%s: expected %s %s, got: %s", row.name, rule, fault,
                         rc == 0 ? "accepted" : err.message);
            }
            const char *signature = strrchr(row.text, '.');
            assert_true(signature == NULL || strlen(signature) < 12 ||
                        strstr(err.message, signature + 1) == NULL);
        }
        roles_token_fini(&token);
        token_row_fini(&row);
    }
    token_corpus_fini(&corpus);
}

static void parse_row(const char *name, struct roles_token *ret)
{
    struct token_corpus corpus = token_corpus_load();
    struct token_row row = token_corpus_find(&corpus, name);
    struct err err = {0};
    assert_int_equal(roles_token_parse(row.text, row.len, ret, &err), 0);
    token_row_fini(&row);
    token_corpus_fini(&corpus);
}

static void hints_are_read(void **state)
{
    (void)state;
    struct roles_token token = {0};
    parse_row("valid-hs256", &token);
    assert_true(token.hints.has_expiry);
    assert_false(token.hints.is_persistent);
    assert_int_equal(strlen(token.hints.ca_sha256), 64);
    assert_string_equal(token.hints.issuer, "current");
    assert_true((token.hints.roles & ROLE_ALLOCATOR) != 0);
    roles_token_fini(&token);
    parse_row("valid-without-ca", &token);
    assert_string_equal(token.hints.ca_sha256, "");
    roles_token_fini(&token);
    parse_row("exp-missing", &token);
    assert_true(token.hints.is_persistent);
    roles_token_fini(&token);
}

static void pasted_mistakes_get_a_hint(void **state)
{
    (void)state;

    static const struct {
        const char *name;
        const char *hint;
    } rows[] = {
        {"single-quotes", "remove the quotes"},      {"double-quotes", "remove the quotes"},
        {"typographic-quotes", "remove the quotes"}, {"leading-blank", "remove the blanks"},
        {"trailing-space", "remove the blanks"},     {"empty", "empty"},
        {"two-segments", "cut when it was copied"},
    };
    struct token_corpus corpus = token_corpus_load();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct token_row row = token_corpus_find(&corpus, rows[i].name);
        struct roles_token token = {0};
        struct err err = {0};
        assert_int_equal(roles_token_parse(row.text, row.len, &token, &err), -1);
        if (strstr(err.message, rows[i].hint) == NULL) {
            fail_msg("%s: no hint in: %s", rows[i].name, err.message);
        }
        token_row_fini(&row);
    }
    token_corpus_fini(&corpus);
}

/* [TK-2] */
static void roles_and_expiry_are_checked_before_sending(void **state)
{
    (void)state;
    struct roles_token_hints hints = {
        .roles = ROLE_ALLOCATOR, .has_expiry = true, .expires_at_s = 1000000};

    static const struct {
        roles_t wanted;
        int64_t now_s;
        int rc;
        const char *message;
        const char *warning;
    } rows[] = {
        {ROLE_ALLOCATOR, 999999, 0, "", ""},
        {ROLES_NONE, 999999, 0, "", ""},
        {ROLE_ALLOCATOR | ROLE_PROXY, 999999, -1, "proxy", ""},
        {ROLE_ALLOCATOR, 1000000, 0, "", "expired"},
        {ROLE_ALLOCATOR, 1003600, 0, "", "expired"},
        {ROLE_ALLOCATOR, 1003601, -1, "[expiry]", ""},
    };

    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        char warning[256];
        struct err err = {0};
        int rc = roles_token_permits(&hints, rows[i].wanted, rows[i].now_s, warning,
                                     sizeof warning, &err);
        assert_int_equal(rc, rows[i].rc);
        assert_non_null(strstr(err.message, rows[i].message));
        assert_non_null(strstr(warning, rows[i].warning));
        assert_true(rows[i].warning[0] != '\0' || warning[0] == '\0');
    }
}

static void write_token(const struct tmpdir *dir, const char *name, const char *end)
{
    struct token_corpus corpus = token_corpus_load();
    struct token_row row = token_corpus_find(&corpus, "valid-persistent");
    struct err err = {0};
    auto_free char *path = fs_join(dir->path, name);
    auto_buf text = BUF_INIT(16384);
    assert_int_equal(buf_appendf(&text, &err, "%s%s", row.text, end), 0);
    assert_int_equal(fs_replace(path, buf_text(&text), text.len, 0600, false, &err), 0);
    token_row_fini(&row);
    token_corpus_fini(&corpus);
}

static void the_credential_comes_before_the_configured_file(void **state)
{
    const struct tmpdir *dir = *state;
    struct err err = {0};
    struct roles_token token = {0};
    enum roles_token_found found = ROLES_TOKEN_ABSENT;
    const char *origin = NULL;
    auto_free char *file = fs_join(dir->path, "token");
    struct roles_token_source source = {.credential_dir = dir->path, .configured_file = file};
    write_token(dir, "token", "\n");
    assert_int_equal(roles_token_read(&source, &found, &token, &origin, &err), 0);
    assert_int_equal(found, ROLES_TOKEN_FOUND);
    assert_string_equal(origin, file); /* no credential of that name is there yet */
    roles_token_fini(&token);
    write_token(dir, "roles-token", "\r\n");
    assert_int_equal(roles_token_read(&source, &found, &token, &origin, &err), 0);
    assert_non_null(strstr(origin, "credential"));
    roles_token_fini(&token);
}

/* ece-agent.service has a newline as the credential's default, for hosts that have joined. */
static void an_empty_credential_is_none(void **state)
{
    const struct tmpdir *dir = *state;
    struct err err = {0};
    struct roles_token token = {0};
    enum roles_token_found found = ROLES_TOKEN_FOUND;
    const char *origin = NULL;
    struct roles_token_source source = {.credential_dir = dir->path};
    auto_free char *path = fs_join(dir->path, "roles-token");
    assert_int_equal(fs_replace(path, "\n", 1, 0600, false, &err), 0);
    assert_int_equal(roles_token_read(&source, &found, &token, &origin, &err), 0);
    assert_int_equal(found, ROLES_TOKEN_ABSENT);
    assert_int_equal(fs_replace(path, "", 0, 0600, false, &err), 0);
    found = ROLES_TOKEN_FOUND;
    assert_int_equal(roles_token_read(&source, &found, &token, &origin, &err), 0);
    assert_int_equal(found, ROLES_TOKEN_ABSENT);
}

static void no_source_is_absent_and_a_missing_file_is_an_error(void **state)
{
    const struct tmpdir *dir = *state;
    struct err err = {0};
    struct roles_token token = {0};
    enum roles_token_found found = ROLES_TOKEN_FOUND;
    const char *origin = NULL;
    struct roles_token_source none = {.credential_dir = dir->path};
    auto_free char *file = fs_join(dir->path, "nowhere");
    struct roles_token_source missing = {.file = file};
    assert_int_equal(roles_token_read(&none, &found, &token, &origin, &err), 0);
    assert_int_equal(found, ROLES_TOKEN_ABSENT);
    assert_int_equal(roles_token_read(&missing, &found, &token, &origin, &err), -1);
    assert_int_equal(err.code, ERR_ABSENT);
    assert_non_null(strstr(err.message, file));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_corpus_is_judged_row_by_row),
        cmocka_unit_test(hints_are_read),
        cmocka_unit_test(pasted_mistakes_get_a_hint),
        cmocka_unit_test(roles_and_expiry_are_checked_before_sending),
        cmocka_unit_test_setup_teardown(the_credential_comes_before_the_configured_file,
                                        tmpdir_setup, tmpdir_teardown),
        cmocka_unit_test_setup_teardown(an_empty_credential_is_none, tmpdir_setup,
                                        tmpdir_teardown),
        cmocka_unit_test_setup_teardown(no_source_is_absent_and_a_missing_file_is_an_error,
                                        tmpdir_setup, tmpdir_teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
