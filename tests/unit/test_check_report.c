/* SPDX-License-Identifier: Apache-2.0 */
/* The report of `ece-agent check`: what is printed, what is JSON, and what counts as a failure.
 */
#include "agent/check/check_report.h"
#include "common/codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { TEXT_MAX = 256 * 1024 };

static void add_one_of_each(struct check_report *report)
{
    check_ok(report, CHECK_COORDINATOR_TCP, "%s accepts connections (%d ms)",
             "192.168.40.10:12443", 1);
    check_warning(report, CHECK_COORDINATOR_CLOCK, "set the clock", "%d s behind", 75);
    check_failure(report, CHECK_RUNNER_ID, "give another --runner-id", "h1 is not free");
    check_skipped(report, CHECK_TOKEN_ROLES, CHECK_TOKEN_FORM " failed");
}

static void the_text_is_aligned_and_says_the_next_step_below(void **state)
{
    struct check_report report = CHECK_REPORT_INIT;
    struct buf text = BUF_INIT(TEXT_MAX);
    struct err err = {0};
    (void)state;
    add_one_of_each(&report);

    assert_int_equal(check_report_text(&report, &text, &err), 0);

    assert_string_equal(
        buf_text(&text),
        "ok       coordinator.tcp    192.168.40.10:12443 accepts connections (1 ms)\n"
        "warning  coordinator.clock  75 s behind\n"
        "         -> set the clock\n"
        "failure  runner.id          h1 is not free\n"
        "         -> give another --runner-id\n"
        "skipped  token.roles        token.form failed\n"
        "1 ok, 1 warning, 1 failure, 1 skipped\n");
    buf_fini(&text);
    check_report_fini(&report);
}

static void the_json_has_every_member_of_every_check(void **state)
{
    struct check_report report = CHECK_REPORT_INIT;
    struct buf text = BUF_INIT(TEXT_MAX);
    struct err err = {0};
    json_t *json = NULL;
    (void)state;
    add_one_of_each(&report);

    assert_int_equal(check_report_json(&report, &text, &err), 0);

    assert_int_equal(json_parse(buf_text(&text), text.len, &json, &err), 0);
    char *compact = json_compact(json);
    assert_string_equal(
        compact,
        "{\"ok\":false,\"checks\":["
        "{\"code\":\"coordinator.tcp\",\"status\":\"ok\","
        "\"message\":\"192.168.40.10:12443 accepts connections (1 ms)\",\"next\":null},"
        "{\"code\":\"coordinator.clock\",\"status\":\"warning\","
        "\"message\":\"75 s behind\",\"next\":\"set the clock\"},"
        "{\"code\":\"runner.id\",\"status\":\"failure\","
        "\"message\":\"h1 is not free\",\"next\":\"give another --runner-id\"},"
        "{\"code\":\"token.roles\",\"status\":\"skipped\","
        "\"message\":\"token.form failed\",\"next\":null}]}");
    free(compact);
    json_decref(json);
    buf_fini(&text);
    check_report_fini(&report);
}

static void only_failures_and_missing_findings_make_it_not_ok(void **state)
{
    struct check_report report = CHECK_REPORT_INIT;
    (void)state;

    assert_true(check_report_is_ok(&report));
    check_ok(&report, CHECK_CONFIG_VALID, "a");
    check_warning(&report, CHECK_TOKEN_FORM, "do this", "b");
    check_skipped(&report, CHECK_TOKEN_ROLES, "c");
    assert_true(check_report_is_ok(&report));
    report.is_incomplete = true;
    assert_false(check_report_is_ok(&report));
    report.is_incomplete = false;
    check_failure(&report, CHECK_RUNNER_ID, "do that", "d");
    assert_false(check_report_is_ok(&report));
    check_report_fini(&report);
}

static void the_summary_counts_with_the_right_plurals(void **state)
{
    static const struct {
        int n_ok;
        int n_warnings;
        int n_failures;
        const char *summary;
    } cases[] = {
        {0, 0, 0, "0 ok, 0 warnings, 0 failures\n"},
        {12, 1, 1, "12 ok, 1 warning, 1 failure\n"},
        {1, 2, 2, "1 ok, 2 warnings, 2 failures\n"},
        {100, 0, 0, "100 ok, 0 warnings, 0 failures\n"}, /* the list grows */
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct check_report report = CHECK_REPORT_INIT;
        struct buf text = BUF_INIT(TEXT_MAX);
        struct err err = {0};
        for (int n = 0; n < cases[i].n_ok; n++) {
            check_ok(&report, CHECK_CONFIG_VALID, "m");
        }
        for (int n = 0; n < cases[i].n_warnings; n++) {
            check_warning(&report, CHECK_CONFIG_VALID, "n", "m");
        }
        for (int n = 0; n < cases[i].n_failures; n++) {
            check_failure(&report, CHECK_CONFIG_VALID, "n", "m");
        }
        assert_int_equal(check_report_text(&report, &text, &err), 0);
        const char *last = buf_text(&text) + text.len - strlen(cases[i].summary);
        assert_true(text.len >= strlen(cases[i].summary));
        assert_string_equal(last, cases[i].summary);
        buf_fini(&text);
        check_report_fini(&report);
    }
}

static void a_summary_says_when_findings_are_missing(void **state)
{
    struct check_report report = {.is_incomplete = true};
    struct buf text = BUF_INIT(TEXT_MAX);
    struct err err = {0};
    (void)state;

    assert_int_equal(check_report_text(&report, &text, &err), 0);

    assert_string_equal(buf_text(&text),
                        "0 ok, 0 warnings, 0 failures; memory ran out, findings are missing\n");
    buf_fini(&text);
    check_report_fini(&report);
}

/* What a coordinator or a file says may stand in a message. */
static void hostile_text_reaches_neither_terminal_nor_json(void **state)
{
    static const struct {
        const char *said;
        const char *shown;
    } cases[] = {
        {"a\x1b[2Jb\r\nc\td\x7f", "a?[2Jb??c?d?"},
        {"\xc2\x9b"
         "31m",
         "??31m"}, /* CSI as one character, U+009B */
        {"z\xc3\xbcrich \xe2\x82\xac", "z\xc3\xbcrich \xe2\x82\xac"}, /* good UTF-8 stays */
        {"latin \xfc, cut \xe2\x82", "latin ?, cut ??"},
        {"", ""},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct check_report report = CHECK_REPORT_INIT;
        struct buf text = BUF_INIT(TEXT_MAX);
        struct err err = {0};
        json_t *json = NULL;
        check_failure(&report, CHECK_RUNNER_ID, cases[i].said, "%s", cases[i].said);

        assert_int_equal(report.count, 1);
        assert_string_equal(report.findings[0].message, cases[i].shown);
        assert_string_equal(report.findings[0].next, cases[i].shown);
        assert_int_equal(check_report_json(&report, &text, &err), 0);
        assert_int_equal(json_parse(buf_text(&text), text.len, &json, &err), 0);
        json_decref(json);
        buf_fini(&text);
        check_report_fini(&report);
    }
}

static void appending_moves_the_findings_in_order(void **state)
{
    struct check_report all = CHECK_REPORT_INIT;
    struct check_report part = CHECK_REPORT_INIT;
    struct check_report empty = CHECK_REPORT_INIT;
    char message[16];
    (void)state;
    check_ok(&all, CHECK_CONFIG_VALID, "first");
    for (int i = 0; i < 70; i++) {
        check_ok(&part, CHECK_COORDINATOR_TCP, "%d", i);
    }
    part.is_incomplete = true;

    check_report_append(&all, &part);
    check_report_append(&all, &empty);

    assert_int_equal(all.count, 71);
    assert_true(all.is_incomplete);
    assert_string_equal(all.findings[0].message, "first");
    for (int i = 0; i < 70; i++) {
        (void)snprintf(message, sizeof message, "%d", i);
        assert_string_equal(all.findings[i + 1].message, message);
    }
    assert_int_equal(part.count, 0);
    assert_null(part.findings);
    check_report_fini(&all);
    check_report_fini(&all); /* any number of times */
}

static void a_fact_is_a_message_without_its_remedy(void **state)
{
    (void)state;
    char fact[CHECK_FACT_BYTES];
    check_fact("no route: give --host-ip", ": give --host-ip", fact);
    assert_string_equal(fact, "no route");
    check_fact("load x (restore it): it is torn", " (restore it)", fact);
    assert_string_equal(fact, "load x: it is torn");
    check_fact("something else", ": give --host-ip", fact);
    assert_string_equal(fact, "something else");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_fact_is_a_message_without_its_remedy),
        cmocka_unit_test(the_text_is_aligned_and_says_the_next_step_below),
        cmocka_unit_test(the_json_has_every_member_of_every_check),
        cmocka_unit_test(only_failures_and_missing_findings_make_it_not_ok),
        cmocka_unit_test(the_summary_counts_with_the_right_plurals),
        cmocka_unit_test(a_summary_says_when_findings_are_missing),
        cmocka_unit_test(hostile_text_reaches_neither_terminal_nor_json),
        cmocka_unit_test(appending_moves_the_findings_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
