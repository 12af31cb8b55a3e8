/* SPDX-License-Identifier: Apache-2.0 */
/* What the store keeps of a runner comes back as it was, and what is damaged is not taken for a
 * runner. */
#include "coordinator/registry/runner.h"

#include "common/base/compiler.h"
#include "common/codec/json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define THUMBPRINT "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char sample[] =
    "{\"version\":1,\"runner_id\":\"h1\",\"key_thumbprint\":\"" THUMBPRINT "\","
    "\"public_key\":\"PEM\",\"zone\":\"ece-zone-1\",\"roles\":[\"proxy\",\"allocator\"],"
    "\"tags\":{\"k\":\"v\"},\"capacity_mb\":4096,"
    "\"maintenance\":{\"on\":true,\"since\":1795468265123,\"reason\":\"disk\"},"
    "\"token_id\":\"t1\",\"enrolled_at\":1795468260000}";

static int decode(const char *text, struct runner_record *ret, struct err *err)
{
    return runner_record_decode("h1", text, strlen(text), ret, err);
}

static void a_record_comes_back_as_it_was(void **state)
{
    (void)state;
    struct runner_record record = {0};
    struct err err = {0};
    assert_int_equal(decode(sample, &record, &err), 0);

    assert_string_equal(record.id, "h1");
    assert_string_equal(record.key_thumbprint, THUMBPRINT);
    assert_string_equal(record.public_key_pem, "PEM");
    assert_string_equal(record.zone, "ece-zone-1");
    assert_int_equal(record.roles, ROLE_PROXY | ROLE_ALLOCATOR);
    assert_int_equal(record.tags.count, 1);
    assert_string_equal(record.tags.items[0].value, "v");
    assert_int_equal(record.capacity_mb, 4096);
    assert_true(record.maintenance.is_on);
    assert_int_equal(record.maintenance.since_ms, INT64_C(1795468265123));
    assert_string_equal(record.maintenance.reason, "disk");
    assert_string_equal(record.token_id, "t1");
    assert_int_equal(record.enrolled_at_ms, INT64_C(1795468260000));

    char *text = NULL;
    struct runner_record copy = {0};
    assert_int_equal(runner_record_copy(&record, &copy, &err), 0);
    assert_int_equal(runner_record_encode(&copy, &text, &err), 0);
    assert_string_equal(text, sample);
    free(text);
    runner_record_fini(&copy);
    runner_record_fini(&record);
}

struct damage {
    const char *text;
    enum err_code code;
    const char *message; /* a part of it */
};

static void expect_damage(const struct damage *damage, int failed, const struct err *err)
{
    if (failed == 0 || err->code != damage->code ||
        strstr(err->message, damage->message) == NULL) {
        fail_msg("%s: %d %s", damage->text, failed, err->message);
    }
}

static void a_damaged_record_is_refused_with_the_reason(void **state)
{
    (void)state;
    static const struct damage damages[] = {
        {"", ERR_CORRUPT, "empty"},
        {"{\"version\":1", ERR_CORRUPT, "line 1"},
        {"[]", ERR_CORRUPT, "object"},
        {"{}", ERR_CORRUPT, "version"},
        {"{\"version\":0}", ERR_CORRUPT, "version"},
        {"{\"version\":2}", ERR_FUTURE, "newer version"},
        {"{\"version\":1}", ERR_CORRUPT, "runner_id"},
        {"{\"version\":1,\"runner_id\":\"h2\",\"key_thumbprint\":\"" THUMBPRINT
         "\",\"zone\":\"z\",\"token_id\":\"t\"}",
         ERR_CORRUPT, "another runner"},
        {"{\"version\":1,\"runner_id\":\"h1\",\"key_thumbprint\":\"xyz\",\"zone\":\"z\","
         "\"token_id\":\"t\"}",
         ERR_CORRUPT, "key_thumbprint"},
        {"{\"version\":1,\"runner_id\":\"h1\",\"key_thumbprint\":\"" THUMBPRINT
         "\",\"zone\":\"a b\",\"token_id\":\"t\"}",
         ERR_CORRUPT, "zone"},
        {"{\"version\":1,\"runner_id\":\"h1\",\"key_thumbprint\":\"" THUMBPRINT
         "\",\"zone\":\"z\",\"token_id\":\"t\",\"roles\":[\"king\"]}",
         ERR_CORRUPT, "king"},
        {"{\"version\":1,\"runner_id\":\"h1\",\"key_thumbprint\":\"" THUMBPRINT
         "\",\"zone\":\"z\",\"token_id\":\"t\",\"capacity_mb\":-1}",
         ERR_CORRUPT, "capacity_mb"},
        {"{\"version\":1,\"runner_id\":\"h1\",\"key_thumbprint\":\"" THUMBPRINT
         "\",\"zone\":\"z\",\"token_id\":\"t\",\"maintenance\":{\"on\":false}}",
         ERR_CORRUPT, "public_key"},
    };

    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct runner_record record = {0};
        struct err err = {0};
        int failed = decode(damages[i].text, &record, &err);
        expect_damage(&damages[i], failed, &err);
        assert_string_equal(record.id, ""); /* untouched */
    }
}

/* Every prefix of a good record: what a torn write could leave. */
static void a_torn_record_is_never_taken_for_a_runner(void **state)
{
    (void)state;

    for (size_t len = 0; len < strlen(sample); len++) {
        struct runner_record record = {0};
        struct err err = {0};
        assert_int_equal(runner_record_decode("h1", sample, len, &record, &err), -1);
        assert_int_equal(err.code, ERR_CORRUPT);
    }
}

static struct runner *make_runner(void)
{
    struct runner_record record = {0};
    struct err err = {0};
    assert_int_equal(decode(sample, &record, &err), 0);
    struct runner *runner = runner_new(&record);
    assert_non_null(runner);
    return runner;
}

static void the_connection_comes_back_with_and_without_a_report(void **state)
{
    (void)state;
    struct runner *runner = make_runner();
    runner->state = LIVENESS_SUSPECT;
    runner->state_since_ms = 123;
    runner->facts.lease_ms = 30000;

    for (int round = 0; round < 2; round++) {
        auto_free char *text = NULL;
        struct err err = {0};
        struct runner_connection connection = {0};
        assert_int_equal(runner_connection_encode(runner, &text, &err), 0);
        assert_int_equal(runner_connection_decode(text, strlen(text), &connection, &err), 0);

        assert_true(connection.is_connected);
        assert_int_equal(connection.since_ms, 123);
        assert_int_equal(connection.lease_ms, 30000);
        assert_int_equal(connection.has_report, runner->has_report);
        assert_true(report_equal(&connection.report, &runner->report));
        runner_connection_fini(&connection);

        runner->has_report = true;
        (void)strcpy(runner->report.host_ip, "10.0.0.7");
        (void)strcpy(runner->report.public_hostname, "host7");
        (void)strcpy(runner->report.version, "2.0.0");
        runner->report.memory_total_mb = 77;
    }
    runner_free(runner);
}

static void a_damaged_connection_is_refused(void **state)
{
    (void)state;
    static const struct damage damages[] = {
        {"{\"version\":1}", ERR_CORRUPT, "connected"},
        {"{\"version\":9,\"connected\":true}", ERR_FUTURE, "newer version"},
        {"{\"version\":1,\"connected\":\"yes\"}", ERR_CORRUPT, "connected"},
        {"{\"version\":1,\"connected\":true,\"lease_ms\":99999999999}", ERR_CORRUPT,
         "lease_ms"},
        {"{\"version\":1,\"connected\":true,\"report\":{\"host_ip\":7}}", ERR_CORRUPT,
         "report"},
    };

    for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
        struct runner_connection connection = {0};
        struct err err = {0};
        int failed = runner_connection_decode(damages[i].text, strlen(damages[i].text),
                                              &connection, &err);
        expect_damage(&damages[i], failed, &err);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_comes_back_as_it_was),
        cmocka_unit_test(a_damaged_record_is_refused_with_the_reason),
        cmocka_unit_test(a_torn_record_is_never_taken_for_a_runner),
        cmocka_unit_test(the_connection_comes_back_with_and_without_a_report),
        cmocka_unit_test(a_damaged_connection_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
