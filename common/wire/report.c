/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report between its JSON and its struct. Decoding checks every bound, because the
 * coordinator keeps and shows what it got; encoding makes texts that come from the host's
 * system (names of cgroups) fit to be shown.
 */
#include "common/wire/report.h"

#include "common/base/parse.h"
#include "common/codec/json.h"
#include "common/wire/fields.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static json_t *instances_to_json(const struct report *report)
{
    json_t *array = json_array();
    for (size_t i = 0; array != NULL && i < report->n_instances && i < REPORT_INSTANCES_MAX;
         i++) {
        const struct report_instance *instance = &report->instances[i];
        json_t *item = json_pack("{s:o, s:I}", "name", field_from_text(instance->name),
                                 "memory", (json_int_t)instance->memory_mb);
        if (json_array_append_new(array, item) < 0) {
            json_decref(array);
            array = NULL;
        }
    }
    return array;
}

json_t *report_to_json(const struct report *report)
{
    json_t *software = json_pack("{s:o, s:o}", "version", field_from_text(report->version),
                                 "commit", field_from_text(report->commit));
    json_t *memory = json_pack("{s:I, s:I, s:o}", "total", (json_int_t)report->memory_total_mb,
                               "used", (json_int_t)report->memory_used_mb, "source",
                               field_from_text(report->memory_source));
    json_t *storage = json_pack("{s:o, s:o}", "total", field_from_u64(report->storage_total_mb),
                                "used", field_from_u64(report->storage_used_mb));
    return json_pack("{s:o, s:o, s:o, s:o, s:o, s:I, s:o, s:I, s:b}", "host_ip",
                     field_from_text(report->host_ip), "public_hostname",
                     field_from_text(report->public_hostname), "software", software, "memory",
                     memory, "storage", storage, "cpus", (json_int_t)report->cpus, "instances",
                     instances_to_json(report), "skew_ms", (json_int_t)report->skew_ms,
                     "healthy", report->healthy ? 1 : 0);
}

static int read_host(const json_t *object, const char *path, struct report *report,
                     struct err *err)
{
    char full[FIELD_PATH_BYTES];
    const char *ip = NULL;
    json_t *software = NULL;
    if (json_need_text(object, path, "host_ip", sizeof report->host_ip - 1, &ip, err) < 0) {
        return -1;
    }
    field_path(path, "host_ip", full);
    if (parse_ip(ip, report->host_ip, err) < 0) {
        return err_wrap(err, "%s", full);
    }
    if (field_need_text(object, path, "public_hostname", report->public_hostname,
                        sizeof report->public_hostname, err) < 0 ||
        json_need_object(object, path, "software", &software, err) < 0) {
        return -1;
    }
    field_path(path, "software", full);
    if (field_need_text(software, full, "version", report->version, sizeof report->version,
                        err) < 0) {
        return -1;
    }
    return field_want_text(software, full, "commit", report->commit, sizeof report->commit,
                           err);
}

static int read_memory(const json_t *object, const char *path, struct report *report,
                       struct err *err)
{
    char full[FIELD_PATH_BYTES];
    json_t *memory = NULL;
    field_path(path, "memory", full);
    if (json_need_object(object, path, "memory", &memory, err) < 0 ||
        field_need_u32(memory, full, "total", &report->memory_total_mb, err) < 0 ||
        field_need_u32(memory, full, "used", &report->memory_used_mb, err) < 0) {
        return -1;
    }
    return field_want_text(memory, full, "source", report->memory_source,
                           sizeof report->memory_source, err);
}

static int read_storage(const json_t *object, const char *path, struct report *report,
                        struct err *err)
{
    char full[FIELD_PATH_BYTES];
    json_t *storage = NULL;
    field_path(path, "storage", full);
    if (json_need_object(object, path, "storage", &storage, err) < 0 ||
        json_need_u64(storage, full, "total", INT64_MAX, &report->storage_total_mb, err) < 0) {
        return -1;
    }
    return json_need_u64(storage, full, "used", INT64_MAX, &report->storage_used_mb, err);
}

static int read_instances(const json_t *object, const char *path, struct report *report,
                          struct err *err)
{
    json_t *array = NULL;
    if (json_want_array(object, path, "instances", REPORT_INSTANCES_MAX, &array, err) < 0) {
        return -1;
    }
    size_t count = json_array_size(array);
    if (count == 0) {
        return 0;
    }
    report->instances = calloc(count, sizeof *report->instances);
    if (report->instances == NULL) {
        return err_no_memory(err);
    }
    for (size_t i = 0; i < count; i++) {
        char full[FIELD_PATH_BYTES];
        struct report_instance *instance = &report->instances[i];
        const json_t *item = json_array_get(array, i);
        (void)snprintf(full, sizeof full, "%s%sinstances[%zu]", path,
                       path[0] != '\0' ? "." : "", i);
        if (field_need_text(item, full, "name", instance->name, sizeof instance->name, err) <
                0 ||
            field_need_u32(item, full, "memory", &instance->memory_mb, err) < 0) {
            return -1;
        }
    }
    report->n_instances = count;
    return 0;
}

int report_from_json(const json_t *object, const char *path, struct report *ret,
                     struct err *err)
{
    CLEANUP(report_fini) struct report report = {0};
    if (read_host(object, path, &report, err) < 0 ||
        read_memory(object, path, &report, err) < 0 ||
        read_storage(object, path, &report, err) < 0 ||
        read_instances(object, path, &report, err) < 0 ||
        field_need_u32(object, path, "cpus", &report.cpus, err) < 0 ||
        json_want_i64(object, path, "skew_ms", &report.skew_ms, err) < 0 ||
        json_need_bool(object, path, "healthy", &report.healthy, err) < 0) {
        return -1;
    }
    *ret = report;
    report = (struct report){0};
    return 0;
}

static bool instances_equal(const struct report *a, const struct report *b)
{
    if (a->n_instances != b->n_instances) {
        return false;
    }
    for (size_t i = 0; i < a->n_instances; i++) {
        if (a->instances[i].memory_mb != b->instances[i].memory_mb ||
            strcmp(a->instances[i].name, b->instances[i].name) != 0) {
            return false;
        }
    }
    return true;
}

/* Everything that does not move by itself. */
static bool fixed_equal(const struct report *a, const struct report *b)
{
    return strcmp(a->host_ip, b->host_ip) == 0 &&
           strcmp(a->public_hostname, b->public_hostname) == 0 &&
           strcmp(a->version, b->version) == 0 && strcmp(a->commit, b->commit) == 0 &&
           a->memory_total_mb == b->memory_total_mb &&
           strcmp(a->memory_source, b->memory_source) == 0 &&
           a->storage_total_mb == b->storage_total_mb && a->cpus == b->cpus &&
           a->healthy == b->healthy;
}

bool report_equal(const struct report *a, const struct report *b)
{
    return fixed_equal(a, b) && a->memory_used_mb == b->memory_used_mb &&
           a->storage_used_mb == b->storage_used_mb && instances_equal(a, b);
}

static bool is_drift(uint64_t a, uint64_t b)
{
    return (a > b ? a - b : b - a) < REPORT_DRIFT_MB;
}

static bool instances_drift(const struct report *a, const struct report *b)
{
    if (a->n_instances != b->n_instances) {
        return false;
    }
    for (size_t i = 0; i < a->n_instances; i++) {
        const struct report_instance *one = &a->instances[i];
        const struct report_instance *other = &b->instances[i];
        bool may_drift = one->moves && other->moves;
        if (strcmp(one->name, other->name) != 0 ||
            (may_drift ? !is_drift(one->memory_mb, other->memory_mb)
                       : one->memory_mb != other->memory_mb)) {
            return false;
        }
    }
    return true;
}

bool report_is_news(const struct report *report, const struct report *known)
{
    return !fixed_equal(report, known) ||
           !is_drift(report->memory_used_mb, known->memory_used_mb) ||
           !is_drift(report->storage_used_mb, known->storage_used_mb) ||
           !instances_drift(report, known);
}

int report_copy(const struct report *from, struct report *ret, struct err *err)
{
    struct report copy = *from;
    copy.instances = NULL;
    if (from->n_instances > 0) {
        copy.instances = calloc(from->n_instances, sizeof *copy.instances);
        if (copy.instances == NULL) {
            return err_no_memory(err);
        }
        memcpy(copy.instances, from->instances, from->n_instances * sizeof *copy.instances);
    }
    *ret = copy;
    return 0;
}

void report_fini(struct report *report)
{
    free(report->instances);
    report->instances = NULL;
    report->n_instances = 0;
}
