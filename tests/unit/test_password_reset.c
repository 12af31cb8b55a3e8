/* SPDX-License-Identifier: Apache-2.0 */
/* A new password: which are taken, whose it becomes, and what stays as it was. */
#include "coordinator/commands/password_reset.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "common/codec/json.h"
#include "coordinator/auth/user_record.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_rng.h"
#include "tests/support/store_harness.h"
#include "tests/support/tmpdir.h"

#define NEW_PASSWORD "correct: horse \xC3\xBC"
#define ADMIN_RECORD "{\"version\":1,\"role\":\"admin\",\"hash\":\"$y$old\"}"
#define READONLY_RECORD "{\"version\":1,\"role\":\"readonly\",\"hash\":\"$y$old\"}"

struct fixture {
    struct tmpdir dir;
    struct fake_clock clock;
    struct fake_rng rng;
    struct log log;
    struct offline_store offline;
    struct audit *audit;
};

static struct store_operation put(const char *key, const char *value)
{
    return (struct store_operation){.key = key, .value = value, .len = strlen(value)};
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof *fixture);
    struct store_harness harness;
    char path[TMPDIR_PATH_BYTES];
    struct err err;
    const struct store_operation users[] = {
        put(USERS_PREFIX "admin", ADMIN_RECORD),
        put(USERS_PREFIX "readonly", READONLY_RECORD),
        put(USERS_PREFIX "later", "{\"version\":2}"),
        put("usersettings", "x"),
    };
    assert_non_null(fixture);
    assert_true(tmpdir_make(&fixture->dir));
    assert_int_equal(
        harness_open(&harness, tmpdir_path(&fixture->dir, STORE_SQLITE_FILE, path), &err), 0);
    assert_int_equal(
        store_commit(harness.store, NULL, 0, users, ARRAY_LEN(users), NULL, NULL, &err), 0);
    assert_true(harness_close(&harness));

    fake_clock_init(&fixture->clock);
    fake_rng_init(&fixture->rng, 3);
    fixture->log = (struct log){.threshold = LOG_LEVEL_ERROR, .fd = -1};
    assert_int_equal(offline_store_open(&fixture->offline, fixture->dir.path, &err), 0);
    const struct audit_options audit = {
        .store = fixture->offline.store, .clock = &fixture->clock.clock, .log = &fixture->log};
    assert_int_equal(audit_open(&fixture->audit, &audit, &err), 0);
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    offline_store_close(&fixture->offline);
    audit_free(fixture->audit);
    bool is_gone = tmpdir_remove(&fixture->dir);
    free(fixture);
    return is_gone ? 0 : -1;
}

static int reset(struct fixture *fixture, const char *user, struct err *err)
{
    const struct password_reset spec = {.user = user,
                                        .password = NEW_PASSWORD,
                                        .actor = "uid 0",
                                        .audit = fixture->audit,
                                        .rng = &fixture->rng.rng};
    return password_reset(&fixture->offline, &spec, err);
}

static void on_record(const struct store_entry *entry, void *userdata)
{
    struct err err;
    assert_int_equal(user_record_decode(entry->value, entry->len, userdata, &err), 0);
}

static struct user_record record_of(struct fixture *fixture, const char *key)
{
    struct user_record record = {0};
    struct err err;
    assert_int_equal(store_list(fixture->offline.store, key, on_record, &record, &err), 0);
    return record;
}

static void the_password_is_the_users_and_the_role_stays(void **state)
{
    struct fixture *fixture = *state;
    struct err err;

    assert_int_equal(reset(fixture, "readonly", &err), 0);

    struct user_record record = record_of(fixture, USERS_PREFIX "readonly");
    assert_int_equal(record.role, USER_ROLE_READONLY);
    assert_true(password_matches(NEW_PASSWORD, record.hash));
    assert_false(password_matches(NEW_PASSWORD " ", record.hash));
    assert_string_equal(record_of(fixture, USERS_PREFIX "admin").hash, "$y$old");
}

static void note_entry(uint64_t number, const char *json, size_t len, void *userdata)
{
    (void)number;
    (void)snprintf(userdata, 512, "%.*s", (int)len, json);
}

static void the_audit_says_whose_and_by_whom(void **state)
{
    struct fixture *fixture = *state;
    char entry[512] = "";
    struct err err;

    assert_int_equal(reset(fixture, "admin", &err), 0);

    audit_recent(fixture->audit, 1, note_entry, entry);
    assert_non_null(strstr(entry, "\"action\":\"user.password_reset\""));
    assert_non_null(strstr(entry, "\"actor\":\"uid 0\""));
    assert_non_null(strstr(entry, "\"subject\":\"admin\""));
    assert_null(strstr(entry, "horse"));
}

static void a_name_that_is_no_users_is_refused_with_those_that_are(void **state)
{
    struct fixture *fixture = *state;
    static const char *const names[] = {"",    "Admin",   "admin ",
                                        "adm", "ettings", "administrator"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        struct err err;
        assert_int_equal(reset(fixture, names[i], &err), -1);
        assert_int_equal(err.code, ERR_ABSENT);
        assert_non_null(strstr(err.message, "admin, later, readonly"));
    }
    assert_string_equal(record_of(fixture, USERS_PREFIX "admin").hash, "$y$old");
}

static void a_record_of_a_newer_version_is_not_replaced(void **state)
{
    struct fixture *fixture = *state;
    struct store_harness journal = {0};
    struct err err;

    assert_int_equal(reset(fixture, "later", &err), -1);

    assert_int_equal(err.code, ERR_FUTURE);
    assert_int_equal(
        store_list(fixture->offline.store, USERS_PREFIX "later", note_change, &journal, &err),
        0);
    assert_string_equal(journal.journal, "users/later={\"version\":2}@1 ");
}

static void a_password_is_text_that_can_be_sent(void **state)
{
    (void)state;
    char longest[PASSWORD_MAX + 2];
    memset(longest, 'x', sizeof longest);

    static const struct {
        const char *text;
        size_t len;
        bool is_good;
    } cases[] = {
        {"12345678", 8, true},
        {"1234567", 7, false},
        {"", 0, false},
        {"a:b c\"\\d", 8, true},
        {"\xC3\xA4\xC3\xB6\xC3\xBC\xC3\x9F", 8, true},
        {"1234567\n", 8, false},
        {"1234\t678", 8, false},
        {"1234567\x7f", 8, false},
        {"1234\0"
         "678",
         8, false},
        {"1234567\xff", 8, false},
    };

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct err err = {0};
        int expected = cases[i].is_good ? 0 : -1;
        assert_int_equal(password_reset_check(cases[i].text, cases[i].len, &err), expected);
        assert_null(strstr(err.message, "1234"));
    }
    struct err err;
    assert_int_equal(password_reset_check(longest, PASSWORD_MAX, &err), 0);
    assert_int_equal(password_reset_check(longest, PASSWORD_MAX + 1, &err), -1);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        CASE(the_password_is_the_users_and_the_role_stays),
        CASE(the_audit_says_whose_and_by_whom),
        CASE(a_name_that_is_no_users_is_refused_with_those_that_are),
        CASE(a_record_of_a_newer_version_is_not_replaced),
        cmocka_unit_test(a_password_is_text_that_can_be_sent),
    };
    return cmocka_run_group_tests_name("password_reset", tests, NULL, NULL);
}
