/* SPDX-License-Identifier: Apache-2.0 */
/* The audit over a real store: what is written, what leaves, what is lost, and who is told. */
#include "coordinator/audit/audit.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "common/codec/json.h"
#include "tests/support/fake_clock.h"
#include "tests/support/store_harness.h"
#include "tests/support/tmpdir.h"

struct fixture {
    struct tmpdir dir;
    char path[TMPDIR_PATH_BYTES];
    struct fake_clock clock;
    struct log log;
    struct store_harness on;
    struct audit *audit;
};

static const struct audit_event connected = {
    .action = "runner.connected",
    .actor = "runner 10.0.0.1",
    .from = "192.0.2.7",
    .subject = "10.0.0.1",
    .detail = "first beat of its session",
};

static void open_audit(struct fixture *fixture, size_t limit)
{
    struct err err = {0};
    struct audit_options options = {
        .clock = &fixture->clock.clock, .log = &fixture->log, .limit = limit};
    if (harness_open(&fixture->on, fixture->path, &err) < 0) {
        fail_msg("%s", err.message);
    }
    options.store = fixture->on.store;
    if (audit_open(&fixture->audit, &options, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static bool close_audit(struct fixture *fixture)
{
    bool is_clean = harness_close(&fixture->on);
    audit_free(fixture->audit);
    fixture->audit = NULL;
    return is_clean;
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    if (fixture == NULL || !tmpdir_make(&fixture->dir)) {
        return -1;
    }
    (void)tmpdir_path(&fixture->dir, "coordinator.db", fixture->path);
    fake_clock_init(&fixture->clock);
    fixture->log =
        (struct log){.threshold = LOG_LEVEL_DEBUG, .fd = memfd_create("log", MFD_CLOEXEC)};
    *state = fixture;
    open_audit(fixture, 0);
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;
    bool is_clean = close_audit(fixture);
    (void)close(fixture->log.fd);
    is_clean = tmpdir_remove(&fixture->dir) && is_clean;
    free(fixture);
    return is_clean ? 0 : -1;
}

/* Until all that was asked for is written. */
static void settle(struct fixture *fixture)
{
    (void)uv_run(&fixture->on.loop, UV_RUN_DEFAULT);
}

struct listing {
    size_t count;
    char first_key[STORE_KEY_MAX + 1];
    char last_key[STORE_KEY_MAX + 1];
    char last[4096];
};

static void note_entry(const struct store_entry *entry, void *userdata)
{
    struct listing *listing = userdata;
    if (listing->count++ == 0) {
        (void)snprintf(listing->first_key, sizeof(listing->first_key), "%s", entry->key);
    }
    (void)snprintf(listing->last_key, sizeof(listing->last_key), "%s", entry->key);
    (void)snprintf(listing->last, sizeof(listing->last), "%.*s", (int)entry->len,
                   (const char *)entry->value);
}

static struct listing list_audit(struct fixture *fixture)
{
    struct listing listing = {0};
    struct err err = {0};
    assert_int_equal(store_list(fixture->on.store, "audit/", note_entry, &listing, &err), 0);
    return listing;
}

static void note_recent(uint64_t number, const char *json, size_t len, void *userdata)
{
    assert_int_equal(strlen(json), len);
    harness_note(userdata, "%ju ", (uintmax_t)number);
}

static void assert_recent(struct fixture *fixture, size_t max, const char *expected)
{
    fixture->on.journal[0] = '\0';
    audit_recent(fixture->audit, max, note_recent, &fixture->on);
    assert_string_equal(fixture->on.journal, expected);
}

/* How often @text stands in the log. */
static size_t count_in_log(struct fixture *fixture, const char *text)
{
    static char content[65536];
    ssize_t len = pread(fixture->log.fd, content, sizeof(content) - 1, 0);
    assert_true(len >= 0);
    content[len] = '\0';
    size_t count = 0;
    for (const char *at = content; (at = strstr(at, text)) != NULL; at++) {
        count++;
    }
    return count;
}

static void an_entry_says_when_who_did_what(void **state)
{
    struct fixture *fixture = *state;
    audit_append(fixture->audit, &connected);
    settle(fixture);
    struct listing listing = list_audit(fixture);
    assert_string_equal(listing.last_key, "audit/00000000000000000001");
    assert_string_equal(
        listing.last,
        "{\"time\":\"2026-11-23T21:11:05.123Z\",\"action\":\"runner.connected\","
        "\"actor\":\"runner 10.0.0.1\",\"from\":\"192.0.2.7\",\"subject\":\"10.0.0.1\","
        "\"detail\":\"first beat of its session\"}");

    fake_clock_advance(&fixture->clock, 1000);
    audit_append(
        fixture->audit,
        &(struct audit_event){.action = "store.opened", .actor = "system", .detail = ""});
    settle(fixture);
    assert_string_equal(list_audit(fixture).last,
                        "{\"time\":\"2026-11-23T21:11:06.123Z\",\"action\":\"store.opened\","
                        "\"actor\":\"system\"}");
}

static void numbers_and_recent_entries_go_on_after_a_restart(void **state)
{
    struct fixture *fixture = *state;
    audit_append(fixture->audit, &connected);
    audit_append(fixture->audit, &connected);
    assert_recent(fixture, 10, ""); /* what is not durable is not shown */
    settle(fixture);
    assert_recent(fixture, 10, "2 1 ");

    assert_true(close_audit(fixture));
    open_audit(fixture, 0);
    audit_append(fixture->audit, &connected);
    settle(fixture);

    assert_int_equal(list_audit(fixture).count, 3);
    assert_recent(fixture, 10, "3 2 1 ");
    assert_recent(fixture, 2, "3 2 ");
}

/* A change of the key "k" that is only made at @revision, and its audit entry with it. */
static void commit_with_audit(struct fixture *fixture, uint64_t revision)
{
    auto_audit_entry entry = {.value = NULL};
    struct err err = {0};
    assert_int_equal(audit_prepare(fixture->audit, &connected, &entry, &err), 0);
    struct store_condition condition = {"k", revision};
    struct store_operation operations[] = {{"k", "v", 1}, audit_entry_operation(&entry)};
    assert_int_equal(store_commit(fixture->on.store, &condition, 1, operations, 2, note_result,
                                  &fixture->on, &err),
                     0);
}

static void a_prepared_entry_shares_the_fate_of_its_change(void **state)
{
    struct fixture *fixture = *state;
    commit_with_audit(fixture, 99); /* a conflict: neither change nor entry 1 */
    commit_with_audit(fixture, 0);
    settle(fixture);

    struct listing listing = list_audit(fixture);
    assert_int_equal(listing.count, 1);
    assert_string_equal(listing.last_key, "audit/00000000000000000002");
    assert_recent(fixture, 10, "2 ");
}

static void entries_of_another_coordinator_are_followed_and_strange_keys_ignored(void **state)
{
    struct fixture *fixture = *state;
    struct err err = {0};
    static const char *const keys[] = {"audit/00000000000000000041", "audit/41",
                                       "audit/0000000000000000004x",
                                       "audit/99999999999999999999"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
        assert_int_equal(harness_put(&fixture->on, keys[i], "{}", &err), 0);
    }
    settle(fixture);

    audit_append(fixture->audit, &connected);
    settle(fixture);

    assert_recent(fixture, 10, "42 41 ");
}

static void texts_of_peers_become_bounded_json(void **state)
{
    static const struct {
        const char *text;
        const char *expected;
    } table[] = {
        {"plain \"quoted\" \\ \x01\n\x7F", "plain \"quoted\" \\ \x01\n\x7F"},
        {"\xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80", "\xC3\xA4 \xE2\x82\xAC \xF0\x9F\x98\x80"},
        {"\xFF\xC0\x80 \xED\xA0\x80 \xC3", "??? ??? ?"},
        {"\xC3", "?"},
    };
    struct fixture *fixture = *state;
    for (size_t i = 0; i < ARRAY_LEN(table); i++) {
        struct audit_event event = {.action = "a", .actor = "b", .detail = table[i].text};
        auto_audit_entry entry = {.value = NULL};
        auto_json *json = NULL;
        struct err err = {0};
        assert_int_equal(audit_prepare(fixture->audit, &event, &entry, &err), 0);
        assert_int_equal(json_parse(entry.value, entry.len, &json, &err), 0);
        assert_string_equal(json_string_value(json_object_get(json, "detail")),
                            table[i].expected);
    }
}

static void a_long_text_is_cut_between_characters(void **state)
{
    struct fixture *fixture = *state;
    char text[4 * AUDIT_TEXT_MAX] = "x";
    for (size_t i = 1; i + 2 < sizeof(text); i += 2) {
        memcpy(text + i, "\xC3\xA4", 2);
    }
    struct audit_event event = {.action = "a", .actor = "b", .detail = text};
    auto_audit_entry entry = {.value = NULL};
    auto_json *json = NULL;
    struct err err = {0};

    assert_int_equal(audit_prepare(fixture->audit, &event, &entry, &err), 0);

    assert_int_equal(json_parse(entry.value, entry.len, &json, &err), 0);
    const char *detail = json_string_value(json_object_get(json, "detail"));
    assert_int_equal(strlen(detail), AUDIT_TEXT_MAX - 1); /* the x, then only whole ones */
    assert_memory_equal(detail, text, AUDIT_TEXT_MAX - 1);
}

static void the_oldest_leave_when_there_are_too_many(void **state)
{
    struct fixture *fixture = *state;
    for (int i = 0; i < 300; i++) {
        commit_with_audit(fixture,
                          i < 150 ? 99 : (uint64_t)i - 150); /* the first 150 conflict */
        if (i % 20 == 0) {
            settle(fixture);
        }
    }
    settle(fixture);
    assert_int_equal(list_audit(fixture).count, 150);

    /* Far below: the entries above the limit leave at the start. */
    assert_true(close_audit(fixture));
    open_audit(fixture, AUDIT_LIMIT_MIN);
    settle(fixture);
    struct listing listing = list_audit(fixture);
    assert_in_range(listing.count, AUDIT_LIMIT_MIN * 9 / 10, AUDIT_LIMIT_MIN);
    assert_string_equal(listing.last_key, "audit/00000000000000000300");

    for (int i = 0; i < 250; i++) {
        audit_append(fixture->audit, &connected);
        if (i % 10 == 0) {
            settle(fixture);
            assert_in_range(list_audit(fixture).count, AUDIT_LIMIT_MIN * 3 / 4,
                            AUDIT_LIMIT_MIN);
        }
    }
    settle(fixture);
    assert_string_equal(list_audit(fixture).last_key, "audit/00000000000000000550");
    assert_recent(fixture, 3, "550 549 548 ");
}

static void a_gap_in_the_numbers_does_not_stop_old_ones_from_leaving(void **state)
{
    struct fixture *fixture = *state;
    assert_true(close_audit(fixture));
    open_audit(fixture, AUDIT_LIMIT_MIN);
    audit_append(fixture->audit, &connected);
    for (int i = 0; i < 500; i++) {
        auto_audit_entry unused = {.value = NULL};
        struct err err = {0};
        assert_int_equal(audit_prepare(fixture->audit, &connected, &unused, &err), 0);
    }
    for (int i = 0; i < 200; i++) {
        audit_append(fixture->audit, &connected);
    }
    settle(fixture);

    struct listing listing = list_audit(fixture);
    assert_true(listing.count <= AUDIT_LIMIT_MIN);
    assert_true(listing.count >= AUDIT_LIMIT_MIN * 9 / 10);
    assert_string_equal(listing.last_key, "audit/00000000000000000701");
}

static void lost_entries_are_counted_and_said_once(void **state)
{
    struct fixture *fixture = *state;
    char aside[TMPDIR_PATH_BYTES];
    assert_int_equal(rename(fixture->path, tmpdir_path(&fixture->dir, "aside", aside)), 0);
    for (int i = 0; i < 3; i++) {
        audit_append(fixture->audit, &connected);
        /* One turn: the store's probe would go on until the file is back. */
        while (audit_lost(fixture->audit) <= (uint64_t)i) {
            (void)uv_run(&fixture->on.loop, UV_RUN_ONCE);
        }
    }
    assert_int_equal(audit_lost(fixture->audit), 3);
    assert_int_equal(count_in_log(fixture, "an entry is lost"), 1);
    assert_int_equal(count_in_log(fixture, "written again"), 0);

    assert_int_equal(rename(aside, fixture->path), 0);
    audit_append(fixture->audit, &connected);
    settle(fixture);
    assert_int_equal(count_in_log(fixture, "written again; lost: 3"), 1);
    assert_int_equal(list_audit(fixture).count, 1);

    store_close(fixture->on.store, harness_on_closed, &fixture->on);
    audit_append(fixture->audit, &connected); /* too late, and no harm */
    settle(fixture);
    assert_int_equal(audit_lost(fixture->audit), 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
        CASE(an_entry_says_when_who_did_what),
        CASE(numbers_and_recent_entries_go_on_after_a_restart),
        CASE(a_prepared_entry_shares_the_fate_of_its_change),
        CASE(entries_of_another_coordinator_are_followed_and_strange_keys_ignored),
        CASE(texts_of_peers_become_bounded_json),
        CASE(a_long_text_is_cut_between_characters),
        CASE(the_oldest_leave_when_there_are_too_many),
        CASE(a_gap_in_the_numbers_does_not_stop_old_ones_from_leaving),
        CASE(lost_entries_are_counted_and_said_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
