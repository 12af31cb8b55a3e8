/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The messages of docs/protocol.md: each sample is read and written back byte for byte, and
 * each field is broken in turn.
 */
#include "common/codec/json.h"
#include "tests/support/json_edit.h"
#include "tests/support/wire_samples.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static json_t *parse(const char *text)
{
    json_t *json = NULL;
    struct err err;
    assert_int_equal(json_parse(text, strlen(text), &json, &err), 0);
    return json;
}

/* The first message of this name. */
static const struct wire_sample *find(const char *name)
{
    size_t i = 0;
    while (strcmp(wire_samples[i].name, name) != 0) {
        i++;
    }
    return &wire_samples[i];
}

static void every_sample_is_read_and_written_back(void **state)
{
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(wire_samples); i++) {
        auto_json *json = parse(wire_samples[i].text);
        auto_json *again = NULL;
        struct err err;
        assert_int_equal(wire_samples[i].pass(json, &again, &err), 0);
        char *text = json_compact(again);
        assert_string_equal(text, wire_samples[i].text);
        free(text);
    }
}

/* [TP-2] */
static void unknown_fields_are_ignored_in_every_message(void **state)
{
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(wire_samples); i++) {
        auto_json *json = parse(wire_samples[i].text);
        auto_json *again = NULL;
        struct err err;
        assert_true(json_edit(json, "from_the_future", "{\"deep\":[1,2,null]}"));
        assert_int_equal(wire_samples[i].pass(json, &again, &err), 0);
        char *text = json_compact(again);
        assert_string_equal(text, wire_samples[i].text);
        free(text);
    }
}

/* [TP-2] */
static void what_is_no_object_is_no_message(void **state)
{
    static const char *const texts[] = {"[]", "[{}]", "{}"};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(wire_samples); i++) {
        for (size_t j = 0; j < ARRAY_LEN(texts); j++) {
            auto_json *json = parse(texts[j]);
            json_t *again = NULL;
            struct err err;
            assert_int_equal(wire_samples[i].pass(json, &again, &err), -1);
            assert_int_equal(err.code, ERR_INVALID);
        }
    }
}

/* [TP-2] */
static void optional_fields_may_be_absent_or_null(void **state)
{
    static const struct {
        const char *name;
        const char *path;
    } cases[] = {
        {"enroll request", "tags"},
        {"enroll reply", "coordinators"},
        {"beat", "report"},
        {"beat reply", "need_report"},
        {"beat reply", "steering"},
        {"beat reply", "steering.capacity"},
        {"beat reply", "steering.coordinators"},
        {"beat reply", "conflict"},
        {"beat reply", "conflict.host_ip"},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct wire_sample *sample = find(cases[i].name);
        auto_json *absent = parse(sample->text);
        auto_json *null = parse(sample->text);
        auto_json *first = NULL;
        auto_json *second = NULL;
        struct err err;
        assert_true(json_edit(absent, cases[i].path, NULL));
        assert_true(json_edit(null, cases[i].path, "null"));
        assert_int_equal(sample->pass(absent, &first, &err), 0);
        assert_int_equal(sample->pass(null, &second, &err), 0);
        assert_true(json_equal(first, second));
    }
}

struct breakage {
    const char *name;
    const char *path;  /* of the field */
    const char *value; /* NULL = remove it */
    const char *named; /* where the message points, if not at path */
};

/* [TP-2] [EN-4] [HB-3] */
static const struct breakage breakages[] = {
    {"ca", "protocol", NULL, NULL},
    {"ca", "protocol", "\"1\"", NULL},
    {"ca", "installation_id", NULL, NULL},
    {"ca", "installation_id", "null", NULL},
    {"ca", "installation_id", "\"\"", NULL},
    {"ca", "installation_id", "\"a.b\"", NULL},
    {"ca", "installation_id", "\"-a\"", NULL},
    {"ca", "installation_id", "\"a/b\"", NULL},
    {"ca", "ca_certificate", NULL, NULL},
    {"ca", "ca_certificate", "\"\"", NULL},
    {"ca", "ca_certificate", "[]", NULL},

    {"enroll request", "protocol", NULL, NULL},
    {"enroll request", "runner_id", NULL, NULL},
    {"enroll request", "runner_id", "\"..\"", NULL},
    {"enroll request", "runner_id", "\"a/b\"", NULL},
    {"enroll request", "runner_id", "1", NULL},
    {"enroll request", "zone", NULL, NULL},
    {"enroll request", "zone", "\"a b\"", NULL},
    {"enroll request", "roles", NULL, NULL},
    {"enroll request", "roles", "null", NULL},
    {"enroll request", "roles", "\"allocator\"", NULL},
    {"enroll request", "roles.0", "\"root\"", "roles[0]"},
    {"enroll request", "tags", "[]", NULL},
    {"enroll request", "tags.k", "1", NULL},
    {"enroll request", "tags.k", "\"a\\u0007\"", "tags"},
    {"enroll request", "public_key", NULL, NULL},
    {"enroll request", "public_key", "\"\"", NULL},
    {"enroll request", "assertion", NULL, NULL},
    {"enroll request", "assertion", "{}", NULL},
    {"enroll request", "report", NULL, NULL},
    {"enroll request", "report", "null", NULL},
    {"enroll request", "report.memory.total", "-1", NULL},

    {"enroll reply", "protocol", NULL, NULL},
    {"enroll reply", "installation_id", "\"a b\"", NULL},
    {"enroll reply", "runner_id", "\"\"", NULL},
    {"enroll reply", "zone", "\"\"", NULL},
    {"enroll reply", "roles", NULL, NULL},
    {"enroll reply", "coordinators", "\"c1\"", NULL},
    {"enroll reply", "coordinators.1", "1", "coordinators[1]"},
    {"enroll reply", "coordinators.1", "\"https://x\"", "coordinators[1]"},
    {"enroll reply", "access_token", NULL, NULL},
    {"enroll reply", "access_token", "\"\"", NULL},
    {"enroll reply", "expires_in", "0", NULL},
    {"enroll reply", "expires_in", "86401", NULL},
    {"enroll reply", "expires_in", "900.5", NULL},
    {"enroll reply", "interval_ms", NULL, NULL},
    {"enroll reply", "interval_ms", "99", NULL},
    {"enroll reply", "interval_ms", "3600001", NULL},
    {"enroll reply", "lease_ms", "9999", NULL},
    {"enroll reply", "lease_ms", "36000001", NULL},
    {"enroll reply", "spread_ms", "-1", NULL},
    {"enroll reply", "spread_ms", "3600001", NULL},

    {"token request", "grant_type", NULL, NULL},
    {"token request", "grant_type", "\"password\"", NULL},
    {"token request", "assertion", NULL, NULL},
    {"token request", "assertion", "\"\"", NULL},
    {"token reply", "access_token", "7", NULL},
    {"token reply", "token_type", "\"MAC\"", NULL},
    {"token reply", "token_type", NULL, NULL},
    {"token reply", "expires_in", "-1", NULL},

    {"beat", "protocol", NULL, NULL},
    {"beat", "session", NULL, NULL},
    {"beat", "session", "\"0123456789abcdef0123456789abcde\"", NULL},
    {"beat", "session", "\"0123456789abcdef0123456789abcdef0\"", NULL},
    {"beat", "session", "\"0123456789abcdef0123456789abcdeg\"", NULL},
    {"beat", "seq", NULL, NULL},
    {"beat", "seq", "-1", NULL},
    {"beat", "seq", "7.0", NULL},
    {"beat", "steering", NULL, NULL},
    {"beat", "steering", "true", NULL},
    {"beat", "report", "[]", NULL},
    {"beat", "report.healthy", "0", NULL},

    {"beat reply", "interval_ms", NULL, NULL},
    {"beat reply", "lease_ms", "\"30000\"", NULL},
    {"beat reply", "need_report", "1", NULL},
    {"beat reply", "steering", "4", NULL},
    {"beat reply", "steering.revision", NULL, NULL},
    {"beat reply", "steering.roles", NULL, NULL},
    {"beat reply", "steering.roles", "null", NULL},
    {"beat reply", "steering.roles", "[\"x\"]", "steering: roles[0]"},
    {"beat reply", "steering.capacity", "-1", NULL},
    {"beat reply", "steering.capacity", "4294967296", NULL},
    {"beat reply", "steering.maintenance_mode", NULL, NULL},
    {"beat reply", "steering.coordinators.0", "\"\"", "steering.coordinators[0]"},
    {"beat reply", "conflict", "true", NULL},
    {"beat reply", "conflict.host_ip", "\"somewhere\"", NULL},

    {"goodbye", "session", "null", NULL},
    {"goodbye", "session", "\"x\"", NULL},
};

static void every_broken_field_is_refused_by_its_path(void **state)
{
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(breakages); i++) {
        const struct breakage *breakage = &breakages[i];
        auto_json *json = parse(find(breakage->name)->text);
        json_t *again = NULL;
        struct err err;
        char named[80];
        (void)snprintf(named, sizeof named,
                       "%s: ", breakage->named ? breakage->named : breakage->path);
        assert_true(json_edit(json, breakage->path, breakage->value));

        assert_int_equal(find(breakage->name)->pass(json, &again, &err), -1);

        assert_int_equal(err.code, ERR_INVALID);
        assert_ptr_equal(strstr(err.message, named), err.message);
    }
}

/* [TP-2] */
static void texts_end_at_their_bounds(void **state)
{
    static const struct {
        const char *name;
        const char *path;
        size_t max;
    } cases[] = {
        {"ca", "installation_id", 63},
        {"ca", "ca_certificate", X509_PEM_MAX},
        {"enroll request", "runner_id", 128},
        {"enroll request", "zone", 128},
        {"enroll request", "public_key", WIRE_PUBLIC_KEY_MAX},
        {"enroll request", "assertion", WIRE_JWT_MAX},
        {"enroll request", "tags.k", 256},
        {"enroll reply", "access_token", WIRE_JWT_MAX},
        {"token request", "assertion", WIRE_JWT_MAX},
        {"token reply", "access_token", WIRE_JWT_MAX},
    };

    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        for (size_t over = 0; over <= 1; over++) {
            const struct wire_sample *sample = find(cases[i].name);
            auto_json *json = parse(sample->text);
            auto_json *again = NULL;
            struct err err;
            char *text = calloc(1, cases[i].max + over + 3);
            memset(text, 'x', cases[i].max + over + 2);
            text[0] = '"';
            text[cases[i].max + over + 1] = '"';
            assert_true(json_edit(json, cases[i].path, text));
            free(text);
            assert_int_equal(sample->pass(json, &again, &err), over == 0 ? 0 : -1);
        }
    }
}

static void another_protocol_is_told_apart_from_garbage(void **state)
{
    static const char *const names[] = {"ca", "enroll request", "enroll reply", "beat"};
    (void)state;

    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        auto_json *json = parse(find(names[i])->text);
        json_t *again = NULL;
        struct err err;
        assert_true(json_edit(json, "protocol", "2"));
        assert_int_equal(find(names[i])->pass(json, &again, &err), -1);
        assert_int_equal(err.code, ERR_PROTOCOL);
        assert_non_null(strstr(err.message, "version 2"));
    }
}

static void a_failed_decode_leaves_the_result_alone(void **state)
{
    auto_json *json = parse(find("enroll request")->text);
    struct wire_enroll_request request = {.runner_id = "kept", .roles = 5};
    struct err err;
    (void)state;
    assert_true(json_edit(json, "report.healthy", NULL)); /* the last that is looked at */

    assert_int_equal(wire_enroll_request_from_json(json, &request, &err), -1);

    assert_string_equal(request.runner_id, "kept");
    assert_int_equal(request.roles, 5);
    assert_null(request.public_key_pem);
}

static void more_than_sixteen_coordinators_are_refused(void **state)
{
    auto_json *json = parse(find("enroll reply")->text);
    json_t *array = json_object_get(json, "coordinators");
    json_t *again = NULL;
    struct err err;
    (void)state;
    while (json_array_size(array) <= ENDPOINT_LIST_MAX) {
        assert_int_equal(json_array_append_new(array, json_string("same:1")), 0);
    }

    assert_int_equal(find("enroll reply")->pass(json, &again, &err), -1);

    assert_ptr_equal(strstr(err.message, "coordinators: "), err.message);
}

static void a_full_beat_is_told_from_a_small_one(void **state) /* [HB-2] */
{
    auto_json *full = parse(find("beat")->text);
    auto_json *small = parse(find("beat")->text);
    struct wire_beat beat;
    struct err err;
    (void)state;
    assert_true(json_edit(small, "report", "null"));

    assert_int_equal(wire_beat_from_json(full, &beat, &err), 0);
    assert_true(beat.has_report);
    assert_int_equal(beat.seq, 7);
    assert_int_equal(beat.steering, 3);
    assert_int_equal(beat.report.cpus, 4);
    wire_beat_fini(&beat);
    assert_int_equal(wire_beat_from_json(small, &beat, &err), 0);
    assert_false(beat.has_report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_sample_is_read_and_written_back),
        cmocka_unit_test(unknown_fields_are_ignored_in_every_message),
        cmocka_unit_test(what_is_no_object_is_no_message),
        cmocka_unit_test(optional_fields_may_be_absent_or_null),
        cmocka_unit_test(every_broken_field_is_refused_by_its_path),
        cmocka_unit_test(texts_end_at_their_bounds),
        cmocka_unit_test(another_protocol_is_told_apart_from_garbage),
        cmocka_unit_test(a_failed_decode_leaves_the_result_alone),
        cmocka_unit_test(more_than_sixteen_coordinators_are_refused),
        cmocka_unit_test(a_full_beat_is_told_from_a_small_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
