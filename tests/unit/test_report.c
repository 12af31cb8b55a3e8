/* SPDX-License-Identifier: Apache-2.0 */
/* The report: what one side says the other understands, and nothing that is out of bounds gets
 * through. */
#include "common/codec/json.h"
#include "common/wire/report.h"
#include "tests/support/json_edit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* The sample of docs/protocol.md. */
static const char sample[] =
    "{\"host_ip\":\"192.168.40.79\",\"public_hostname\":\"host79\","
    "\"software\":{\"version\":\"2.0.0\",\"commit\":\"abc\"},"
    "\"memory\":{\"total\":12398,\"used\":0,\"source\":\"85% of MemTotal\"},"
    "\"storage\":{\"total\":102400,\"used\":1024},\"cpus\":4,"
    "\"instances\":[{\"name\":\"x.service\",\"memory\":1024}],\"skew_ms\":-12,\"healthy\":"
    "true}";

static json_t *parse_sample(void)
{
    json_t *json = NULL;
    struct err err;
    assert_int_equal(json_parse(sample, strlen(sample), &json, &err), 0);
    return json;
}

static struct report read_sample(void)
{
    auto_json *json = parse_sample();
    struct report report;
    struct err err;
    assert_int_equal(report_from_json(json, "report", &report, &err), 0);
    return report;
}

static void the_documented_sample_is_read(void **state)
{
    struct report report = read_sample();
    (void)state;

    assert_string_equal(report.host_ip, "192.168.40.79");
    assert_string_equal(report.public_hostname, "host79");
    assert_string_equal(report.version, "2.0.0");
    assert_string_equal(report.commit, "abc");
    assert_int_equal(report.memory_total_mb, 12398);
    assert_int_equal(report.memory_used_mb, 0);
    assert_string_equal(report.memory_source, "85% of MemTotal");
    assert_int_equal(report.storage_total_mb, 102400);
    assert_int_equal(report.storage_used_mb, 1024);
    assert_int_equal(report.cpus, 4);
    assert_int_equal(report.skew_ms, -12);
    assert_true(report.healthy);
    assert_int_equal(report.n_instances, 1);
    assert_string_equal(report.instances[0].name, "x.service");
    assert_int_equal(report.instances[0].memory_mb, 1024);
    report_fini(&report);
}

static void writing_it_gives_the_documented_sample(void **state)
{
    struct report report = read_sample();
    auto_json *json = report_to_json(&report);
    char *text = json_compact(json);
    (void)state;

    assert_string_equal(text, sample);
    free(text);
    report_fini(&report);
}

/* [TP-2] */
static void unknown_and_optional_fields_do_no_harm(void **state)
{
    static const struct {
        const char *path;
        const char *value;
    } cases[] = {
        {"gpus", "[{}]"},
        {"memory.swap", "1"},
        {"instances.0.cpu", "2"},
        {"instances", "null"},
        {"instances", NULL},
        {"instances", "[]"},
        {"skew_ms", NULL},
        {"skew_ms", "null"},
        {"software.commit", NULL},
        {"software.commit", "\"\""},
        {"memory.source", NULL},
        {"memory.source", "null"},
        {"memory.total", "2147483647"},
        {"storage.total", "9223372036854775807"},
        {"skew_ms", "-9223372036854775808"},
        {"host_ip", "\"::1\""},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_json *json = parse_sample();
        struct report report;
        struct err err;
        assert_true(json_edit(json, cases[i].path, cases[i].value));
        assert_int_equal(report_from_json(json, "report", &report, &err), 0);
        report_fini(&report);
    }
}

/* [TP-2] */
static void every_wrong_field_is_refused_by_its_path(void **state)
{
    static const struct {
        const char *path;
        const char *value;
        const char *named; /* NULL: "report." and path */
    } cases[] = {
        {"host_ip", NULL, NULL},
        {"host_ip", "null", NULL},
        {"host_ip", "7", NULL},
        {"host_ip", "\"\"", NULL},
        {"host_ip", "\"host79\"", NULL},
        {"host_ip", "\"0000:0000:0000:0000:0000:ffff:192.168.100.2000\"", NULL},
        {"public_hostname", NULL, NULL},
        {"public_hostname", "\"\"", NULL},
        {"public_hostname", "\"a\\u001b[1m\"", NULL},
        {"public_hostname", "\"a\\u009b1m\"", NULL},
        {"software", NULL, NULL},
        {"software", "[]", NULL},
        {"software.version", NULL, NULL},
        {"software.version", "2", NULL},
        {"software.version", "\"123456789012345678901234567890123\"", NULL},
        {"software.commit", "\"123456789012345678901234567890123\"", NULL},
        {"memory", "null", NULL},
        {"memory.total", NULL, NULL},
        {"memory.total", "-1", NULL},
        {"memory.total", "1.0", NULL},
        {"memory.total", "\"1\"", NULL},
        {"memory.total", "4294967296", NULL},
        {"memory.used", NULL, NULL},
        {"memory.source", "{}", NULL},
        {"storage", "1", NULL},
        {"storage.total", "-1", NULL},
        {"storage.used", NULL, NULL},
        {"cpus", NULL, NULL},
        {"cpus", "4294967296", NULL},
        {"skew_ms", "\"0\"", NULL},
        {"healthy", NULL, NULL},
        {"healthy", "1", NULL},
        {"instances", "{}", NULL},
        {"instances.0", "1", "report.instances[0]"},
        {"instances.0", "null", "report.instances[0]"},
        {"instances.0.name", NULL, "report.instances[0].name"},
        {"instances.0.name", "\"\"", "report.instances[0].name"},
        {"instances.0.name", "\"a\\nb\"", "report.instances[0].name"},
        {"instances.0.memory", "-1", "report.instances[0].memory"},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_json *json = parse_sample();
        struct report report = {.cpus = 77};
        struct err err;
        char named[100];
        (void)snprintf(named, sizeof named, "report.%s: ", cases[i].path);
        assert_true(json_edit(json, cases[i].path, cases[i].value));

        assert_int_equal(report_from_json(json, "report", &report, &err), -1);

        assert_int_equal(err.code, ERR_INVALID);
        assert_ptr_equal(strstr(err.message, cases[i].named ? cases[i].named : named),
                         err.message);
        assert_int_equal(report.cpus, 77);
    }
}

static void without_a_path_fields_are_named_alone(void **state)
{
    auto_json *json = parse_sample();
    struct report report;
    struct err err;
    (void)state;
    assert_true(json_edit(json, "memory.total", NULL));

    assert_int_equal(report_from_json(json, "", &report, &err), -1);

    assert_ptr_equal(strstr(err.message, "memory.total: "), err.message);
}

static void five_hundred_and_twelve_instances_are_the_most(void **state)
{
    struct report_instance instances[REPORT_INSTANCES_MAX + 1];
    struct report report = read_sample();
    struct report again;
    struct err err;
    (void)state;
    report_fini(&report);
    for (size_t i = 0; i < ARRAY_LEN(instances); i++) {
        instances[i] = (struct report_instance){.memory_mb = (uint32_t)i};
        (void)snprintf(instances[i].name, sizeof instances[i].name, "i%zu.scope", i);
    }
    report.instances = instances;
    report.n_instances = REPORT_INSTANCES_MAX;

    auto_json *json = report_to_json(&report);
    assert_int_equal(report_from_json(json, "", &again, &err), 0);
    assert_true(report_equal(&report, &again));
    report_fini(&again);

    json_t *array = json_object_get(json, "instances");
    assert_int_equal(json_array_append(array, json_array_get(array, 0)), 0);
    assert_int_equal(report_from_json(json, "", &again, &err), -1);
    assert_non_null(strstr(err.message, "512"));
}

/* Names of cgroups are bytes; one odd name must not silence the whole host. */
static void any_name_of_an_instance_arrives_in_a_form_that_can_be_shown(void **state)
{
    struct report_instance instances[] = {
        {.name = "caf\xc3\xa9.service"}, {.name = "\xff\xfe"}, {.name = "a\nb\x1b[1m"}};
    struct report report = {.host_ip = "::1",
                            .public_hostname = "h",
                            .version = "1",
                            .n_instances = 3,
                            .instances = instances};
    struct report again;
    struct err err;
    auto_json *json = report_to_json(&report);
    (void)state;

    assert_non_null(json);
    assert_int_equal(report_from_json(json, "", &again, &err), 0);

    assert_string_equal(again.instances[0].name, "caf\xc3\xa9.service");
    assert_string_equal(again.instances[1].name, "??");
    assert_string_equal(again.instances[2].name, "a?b?[1m");
    report_fini(&again);
}

/* [HB-2] */
static void equality_sees_everything_but_the_skew(void **state)
{
    static const struct {
        const char *path;
        const char *value;
        bool is_equal;
    } cases[] = {
        {"skew_ms", "5000", true},
        {"host_ip", "\"192.168.40.80\"", false},
        {"public_hostname", "\"host80\"", false},
        {"software.version", "\"2.0.1\"", false},
        {"software.commit", "\"abd\"", false},
        {"memory.total", "1", false},
        {"memory.used", "1", false},
        {"memory.source", "\"--capacity\"", false},
        {"storage.total", "1", false},
        {"storage.used", "1", false},
        {"cpus", "5", false},
        {"healthy", "false", false},
        {"instances", "[]", false},
        {"instances.0.name", "\"y.service\"", false},
        {"instances.0.memory", "1025", false},
    };
    struct report report = read_sample();
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        auto_json *json = parse_sample();
        struct report other;
        struct err err;
        assert_true(json_edit(json, cases[i].path, cases[i].value));
        assert_int_equal(report_from_json(json, "", &other, &err), 0);
        assert_int_equal(report_equal(&report, &other), cases[i].is_equal);
        report_fini(&other);
    }
    report_fini(&report);
}

static void a_copy_stands_alone(void **state)
{
    struct report report = read_sample();
    struct report copy;
    struct err err;
    (void)state;

    assert_int_equal(report_copy(&report, &copy, &err), 0);
    assert_true(report_equal(&report, &copy));
    report_fini(&report);
    assert_string_equal(copy.instances[0].name, "x.service");
    report_fini(&copy);
    report_fini(&copy);
    assert_int_equal(report_copy(&report, &copy, &err), 0); /* without instances */
    assert_null(copy.instances);
}

/* [HB-2] What moves by itself is told when it has moved far enough; anything else at once. */
static void drift_is_no_news_and_everything_else_is(void **state)
{
    (void)state;
    struct report_instance instances[] = {{"a.service", 1000, false}, {"b.service", 500, true}};
    struct report_instance changed[] = {{"a.service", 1000, false}, {"b.service", 500, true}};
    struct report known = {.host_ip = "10.0.0.1",
                           .memory_total_mb = 8000,
                           .memory_used_mb = 1500,
                           .storage_used_mb = 700,
                           .n_instances = 2,
                           .instances = instances};
    struct report report = known;
    report.instances = changed;

    report.skew_ms = 90000;
    report.storage_used_mb = 763;
    report.memory_used_mb = 1437;
    changed[1].memory_mb = 437;
    assert_false(report_is_news(&report, &known));

    changed[1].memory_mb = 436;
    assert_true(report_is_news(&report, &known));
    changed[1].memory_mb = 500;
    report.storage_used_mb = 764;
    assert_true(report_is_news(&report, &known));
    report.storage_used_mb = 700;
    report.memory_used_mb = 1564;
    assert_true(report_is_news(&report, &known));
    report.memory_used_mb = 1500;
    assert_false(report_is_news(&report, &known));
    changed[0].memory_mb = 1001; /* a limit is no drift */
    assert_true(report_is_news(&report, &known));
    changed[0].memory_mb = 1000;
    report.memory_total_mb = 8001;
    assert_true(report_is_news(&report, &known));
    report.memory_total_mb = 8000;
    report.n_instances = 1;
    assert_true(report_is_news(&report, &known));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(drift_is_no_news_and_everything_else_is),
        cmocka_unit_test(the_documented_sample_is_read),
        cmocka_unit_test(writing_it_gives_the_documented_sample),
        cmocka_unit_test(unknown_and_optional_fields_do_no_harm),
        cmocka_unit_test(every_wrong_field_is_refused_by_its_path),
        cmocka_unit_test(without_a_path_fields_are_named_alone),
        cmocka_unit_test(five_hundred_and_twelve_instances_are_the_most),
        cmocka_unit_test(any_name_of_an_instance_arrives_in_a_form_that_can_be_shown),
        cmocka_unit_test(equality_sees_everything_but_the_skew),
        cmocka_unit_test(a_copy_stands_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
