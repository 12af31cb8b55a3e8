/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store keeps of a runner, as JSON text and back. Both values carry a version, so that
 * an older program says "written by a newer version" instead of dropping what it does not know.
 */
#include "coordinator/registry/runner.h"

#include "common/base/compiler.h"
#include "common/base/parse.h"
#include "common/codec/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { THUMBPRINT_DIGITS = KEYS_SHA256_HEX_BYTES - 1 };

/* What is wrong with our own value is ERR_CORRUPT, whatever the reader called it. */
static int corrupt(struct err *err)
{
    if (err->code == ERR_INVALID || err->code == ERR_TOO_LARGE) {
        err->code = ERR_CORRUPT;
    }
    return -1;
}

static int check_version(const json_t *json, struct err *err)
{
    uint64_t version = 0;
    if (json_need_u64(json, "", "version", INT64_MAX, &version, err) < 0) {
        return -1;
    }
    if (version > RUNNER_RECORD_VERSION) {
        return err_set(err, ERR_FUTURE, "it was written by a newer version: format %llu",
                       (unsigned long long)version);
    }
    if (version == 0) {
        return err_set(err, ERR_CORRUPT, "version: 0 is none");
    }
    return 0;
}

static int copy_text(const json_t *json, const char *key, char *ret, size_t bytes,
                     struct err *err)
{
    const char *text = NULL;
    if (json_need_text(json, "", key, bytes - 1, &text, err) < 0) {
        return -1;
    }
    (void)snprintf(ret, bytes, "%s", text);
    return 0;
}

static json_t *maintenance_to_json(const struct runner_maintenance *maintenance)
{
    return json_pack("{s:b, s:I, s:s}", "on", maintenance->is_on ? 1 : 0, "since",
                     (json_int_t)maintenance->since_ms, "reason", maintenance->reason);
}

int runner_record_encode(const struct runner_record *record, char **ret, struct err *err)
{
    /* "o" takes what it is given, NULL too, in which case the whole is NULL. */
    auto_json *json = json_pack(
        "{s:i, s:s, s:s, s:s, s:s, s:o, s:o, s:I, s:o, s:s, s:I}", "version",
        RUNNER_RECORD_VERSION, "runner_id", record->id, "key_thumbprint",
        record->key_thumbprint, "public_key", record->public_key_pem, "zone", record->zone,
        "roles", roles_to_json(record->roles), "tags", wire_tags_to_json(&record->tags),
        "capacity_mb", (json_int_t)record->capacity_mb, "maintenance",
        maintenance_to_json(&record->maintenance), "token_id", record->token_id, "enrolled_at",
        (json_int_t)record->enrolled_at_ms);
    char *text = json == NULL ? NULL : json_compact(json);
    if (text == NULL) {
        return err_no_memory(err);
    }
    *ret = text;
    return 0;
}

static int decode_names(const json_t *json, const char *id, struct runner_record *record,
                        struct err *err)
{
    if (copy_text(json, "runner_id", record->id, sizeof record->id, err) < 0 ||
        copy_text(json, "key_thumbprint", record->key_thumbprint, sizeof record->key_thumbprint,
                  err) < 0 ||
        copy_text(json, "zone", record->zone, sizeof record->zone, err) < 0 ||
        copy_text(json, "token_id", record->token_id, sizeof record->token_id, err) < 0) {
        return -1;
    }
    if (strcmp(record->id, id) != 0) {
        return err_set(err, ERR_CORRUPT, "runner_id: it is another runner's record: %s",
                       record->id);
    }
    if (strspn(record->key_thumbprint, "0123456789abcdef") != THUMBPRINT_DIGITS) {
        return err_set(err, ERR_CORRUPT, "key_thumbprint: must be %d hexadecimal digits",
                       THUMBPRINT_DIGITS);
    }
    return parse_zone(record->zone, err);
}

static int decode_maintenance(const json_t *json, struct runner_maintenance *maintenance,
                              struct err *err)
{
    json_t *object = NULL;
    if (json_need_object(json, "", "maintenance", &object, err) < 0 ||
        json_need_bool(object, "maintenance", "on", &maintenance->is_on, err) < 0 ||
        json_want_i64(object, "maintenance", "since", &maintenance->since_ms, err) < 0) {
        return -1;
    }
    const char *reason = "";
    if (json_want_text(object, "maintenance", "reason", RUNNER_REASON_BYTES - 1, &reason, err) <
        0) {
        return -1;
    }
    (void)snprintf(maintenance->reason, sizeof maintenance->reason, "%s", reason);
    return 0;
}

static int decode_rest(const json_t *json, struct runner_record *record, struct err *err)
{
    json_t *roles = NULL;
    json_t *tags = NULL;
    uint64_t capacity_mb = 0;
    const char *pem = NULL;
    if (json_want_array(json, "", "roles", ROLES_COUNT, &roles, err) < 0 ||
        roles_from_json(roles, &record->roles, err) < 0 ||
        json_want_u64(json, "", "capacity_mb", UINT32_MAX, &capacity_mb, err) < 0 ||
        json_want_i64(json, "", "enrolled_at", &record->enrolled_at_ms, err) < 0 ||
        decode_maintenance(json, &record->maintenance, err) < 0 ||
        json_need_text(json, "", "public_key", WIRE_PUBLIC_KEY_MAX, &pem, err) < 0 ||
        json_need_object(json, "", "tags", &tags, err) < 0 ||
        wire_tags_from_json(tags, "tags", &record->tags, err) < 0) {
        return -1;
    }
    record->capacity_mb = (uint32_t)capacity_mb;
    record->public_key_pem = strdup(pem);
    return record->public_key_pem == NULL ? err_no_memory(err) : 0;
}

int runner_record_decode(const char *id, const void *bytes, size_t len,
                         struct runner_record *ret, struct err *err)
{
    auto_json *json = NULL;
    if (json_parse(bytes, len, &json, err) < 0 || check_version(json, err) < 0) {
        return corrupt(err);
    }
    struct runner_record record = {0};
    if (decode_names(json, id, &record, err) < 0 || decode_rest(json, &record, err) < 0) {
        runner_record_fini(&record);
        return corrupt(err);
    }
    *ret = record;
    return 0;
}

int runner_record_copy(const struct runner_record *from, struct runner_record *ret,
                       struct err *err)
{
    struct runner_record copy = *from;
    copy.public_key_pem = strdup(from->public_key_pem);
    copy.tags = (struct wire_tags){0};
    if (copy.public_key_pem == NULL) {
        return err_no_memory(err);
    }
    if (wire_tags_copy(&from->tags, &copy.tags, err) < 0) {
        runner_record_fini(&copy);
        return -1;
    }
    *ret = copy;
    return 0;
}

void runner_record_fini(struct runner_record *record)
{
    free(record->public_key_pem);
    wire_tags_fini(&record->tags);
    *record = (struct runner_record){0};
}

int runner_connection_encode(const struct runner *runner, char **ret, struct err *err)
{
    json_t *report = runner->has_report ? report_to_json(&runner->report) : json_null();
    auto_json *json = json_pack("{s:i, s:b, s:I, s:I, s:o}", "version", RUNNER_RECORD_VERSION,
                                "connected", runner_is_connected(runner) ? 1 : 0, "since",
                                (json_int_t)runner->state_since_ms, "lease_ms",
                                (json_int_t)runner->facts.lease_ms, "report", report);
    char *text = json == NULL ? NULL : json_compact(json);
    if (text == NULL) {
        return err_no_memory(err);
    }
    *ret = text;
    return 0;
}

int runner_connection_decode(const void *bytes, size_t len, struct runner_connection *ret,
                             struct err *err)
{
    auto_json *json = NULL;
    struct runner_connection connection = {0};
    json_t *report = NULL;
    uint64_t lease_ms = 0;
    if (json_parse(bytes, len, &json, err) < 0 || check_version(json, err) < 0 ||
        json_need_bool(json, "", "connected", &connection.is_connected, err) < 0 ||
        json_want_i64(json, "", "since", &connection.since_ms, err) < 0 ||
        json_want_u64(json, "", "lease_ms", WIRE_LEASE_MAX_MS, &lease_ms, err) < 0 ||
        json_want_object(json, "", "report", &report, err) < 0) {
        return corrupt(err);
    }
    connection.lease_ms = (uint32_t)lease_ms;
    if (report != NULL) {
        if (report_from_json(report, "report", &connection.report, err) < 0) {
            return corrupt(err);
        }
        connection.has_report = true;
    }
    *ret = connection;
    return 0;
}

void runner_connection_fini(struct runner_connection *connection)
{
    report_fini(&connection->report);
    *connection = (struct runner_connection){0};
}

void runner_key(const char *prefix, const char *id, char ret_key[static RUNNER_KEY_BYTES])
{
    (void)snprintf(ret_key, RUNNER_KEY_BYTES, "%s%s", prefix, id);
}

struct runner *runner_new(struct runner_record *record)
{
    struct runner *runner = calloc(1, sizeof *runner);
    if (runner == NULL) {
        return NULL;
    }
    runner->record = *record;
    *record = (struct runner_record){0};
    runner->state_since_ms = runner->record.enrolled_at_ms;
    return runner;
}

void runner_free(struct runner *runner)
{
    if (runner == NULL) {
        return;
    }
    runner_record_fini(&runner->record);
    report_fini(&runner->report);
    free(runner);
}
