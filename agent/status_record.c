/* SPDX-License-Identifier: Apache-2.0 */
/* The status file's form and its one line of text. Decides nothing: agent_report.c fills it,
 * the status command judges its age. */
#include "agent/status_record.h"

#include "common/base/clock.h"
#include "common/base/fs.h"
#include "common/codec/json.h"

#include <stdio.h>
#include <string.h>

enum { STATUS_FILE_MAX = 64 * 1024, MS_PER_S = 1000 };

static const char file_name[] = "status.json";

json_t *status_record_to_json(const struct status_record *record)
{
    return json_pack(
        "{s:i, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:o, s:I, s:I, s:I, s:I, s:I, s:I, s:{s:I, "
        "s:I, s:s}, s:I, s:I, "
        "s:b, s:s, s:s}",
        "pid", record->pid, "state", agent_state_name(record->state), "since_ms",
        (json_int_t)record->since_wall_ms, "reason", record->reason, "coordinator",
        record->coordinator, "runner_id", record->runner_id, "installation_id",
        record->installation_id, "zone", record->zone, "roles", roles_to_json(record->roles),
        "last_heartbeat_ms", (json_int_t)record->last_beat_wall_ms, "last_heartbeat_boot_ms",
        (json_int_t)record->last_beat_ms, "lease_end_boot_ms", (json_int_t)record->lease_end_ms,
        "next_try_boot_ms", (json_int_t)record->next_try_ms, "written_boot_ms",
        (json_int_t)record->written_ms, "good_until_boot_ms", (json_int_t)record->good_until_ms,
        "memory", "total", (json_int_t)record->memory_total_mb, "used",
        (json_int_t)record->memory_used_mb, "source", record->memory_source, "instances",
        (json_int_t)record->n_instances, "skew_ms", (json_int_t)record->skew_ms,
        "maintenance_mode", record->maintenance_mode ? 1 : 0, "conflict_host_ip",
        record->conflict_host_ip, "version", record->version);
}

int status_record_store(const char *runtime_dir, const struct status_record *record,
                        struct err *err)
{
    auto_free char *path = fs_join(runtime_dir, file_name);
    auto_json *json = status_record_to_json(record);
    auto_free char *text = json != NULL ? json_compact(json) : NULL;
    if (path == NULL || text == NULL) {
        return err_no_memory(err);
    }
    return fs_replace(path, text, strlen(text), 0644, false, err) < 0
               ? err_wrap(err, "leave the agent's status")
               : 0;
}

static int read_text(const json_t *json, const char *key, char *ret, size_t size,
                     struct err *err)
{
    const char *text = NULL;
    if (json_need_text(json, "", key, size - 1, &text, err) < 0) {
        return -1;
    }
    (void)snprintf(ret, size, "%s", text);
    return 0;
}

static int read_state(const json_t *json, enum agent_state *ret, struct err *err)
{
    const char *name = NULL;
    if (json_need_text(json, "", "state", 64, &name, err) < 0) {
        return -1;
    }
    for (int state = 0; state < AGENT_STATE_COUNT; state++) {
        if (strcmp(name, agent_state_name((enum agent_state)state)) == 0) {
            *ret = (enum agent_state)state;
            return 0;
        }
    }
    return err_set(err, ERR_INVALID, "state: \"%s\" is unknown", name);
}

static int read_times(const json_t *json, struct status_record *record, struct err *err)
{
    struct {
        const char *key;
        uint64_t *value;
    } times[] = {
        {"last_heartbeat_boot_ms", &record->last_beat_ms},
        {"lease_end_boot_ms", &record->lease_end_ms},
        {"next_try_boot_ms", &record->next_try_ms},
        {"written_boot_ms", &record->written_ms},
        {"good_until_boot_ms", &record->good_until_ms},
    };

    for (size_t i = 0; i < ARRAY_LEN(times); i++) {
        if (json_need_u64(json, "", times[i].key, INT64_MAX, times[i].value, err) < 0) {
            return -1;
        }
    }
    if (json_want_i64(json, "", "since_ms", &record->since_wall_ms, err) < 0 ||
        json_want_i64(json, "", "last_heartbeat_ms", &record->last_beat_wall_ms, err) < 0 ||
        json_want_i64(json, "", "skew_ms", &record->skew_ms, err) < 0) {
        return -1;
    }
    return 0;
}

static int read_memory(const json_t *json, struct status_record *record, struct err *err)
{
    json_t *memory = NULL;
    uint64_t total = 0;
    uint64_t used = 0;
    uint64_t instances = 0;
    if (json_need_object(json, "", "memory", &memory, err) < 0 ||
        json_need_u64(memory, "memory", "total", UINT32_MAX, &total, err) < 0 ||
        json_need_u64(memory, "memory", "used", UINT32_MAX, &used, err) < 0 ||
        read_text(memory, "source", record->memory_source, sizeof record->memory_source, err) <
            0 ||
        json_need_u64(json, "", "instances", REPORT_INSTANCES_MAX, &instances, err) < 0) {
        return -1;
    }
    record->memory_total_mb = (uint32_t)total;
    record->memory_used_mb = (uint32_t)used;
    record->n_instances = (size_t)instances;
    return 0;
}

static int read_record(const json_t *json, struct status_record *record, struct err *err)
{
    struct {
        const char *key;
        char *value;
        size_t size;
    } texts[] = {
        {"reason", record->reason, sizeof record->reason},
        {"coordinator", record->coordinator, sizeof record->coordinator},
        {"runner_id", record->runner_id, sizeof record->runner_id},
        {"installation_id", record->installation_id, sizeof record->installation_id},
        {"zone", record->zone, sizeof record->zone},
        {"conflict_host_ip", record->conflict_host_ip, sizeof record->conflict_host_ip},
        {"version", record->version, sizeof record->version},
    };

    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        if (read_text(json, texts[i].key, texts[i].value, texts[i].size, err) < 0) {
            return -1;
        }
    }
    uint64_t pid = 0;
    json_t *roles = NULL;
    if (json_need_u64(json, "", "pid", INT32_MAX, &pid, err) < 0 ||
        read_state(json, &record->state, err) < 0 || read_times(json, record, err) < 0 ||
        read_memory(json, record, err) < 0 ||
        json_want_array(json, "", "roles", ROLES_COUNT, &roles, err) < 0 ||
        roles_from_json(roles, &record->roles, err) < 0 ||
        json_need_bool(json, "", "maintenance_mode", &record->maintenance_mode, err) < 0) {
        return -1;
    }
    record->pid = (int)pid;
    return 0;
}

int status_record_load(const char *runtime_dir, enum status_found *ret_found,
                       struct status_record *ret, struct err *err)
{
    auto_free char *path = fs_join(runtime_dir, file_name);
    auto_buf text = BUF_INIT(STATUS_FILE_MAX);
    auto_json *json = NULL;
    if (path == NULL) {
        return err_no_memory(err);
    }
    if (fs_read(path, &text, err) < 0) {
        if (err->code == ERR_ABSENT) {
            *ret_found = STATUS_ABSENT;
            return 0;
        }
        return err_wrap(err, "read the agent's status");
    }
    struct status_record record = {0};
    if (json_parse(buf_text(&text), text.len, &json, err) < 0 ||
        read_record(json, &record, err) < 0) {
        err->code = ERR_CORRUPT;
        return err_wrap(err, "read the agent's status from %s", path);
    }
    *ret = record;
    *ret_found = STATUS_FOUND;
    return 0;
}

int status_record_erase(const char *runtime_dir, struct err *err)
{
    auto_free char *path = fs_join(runtime_dir, file_name);
    return path != NULL ? fs_remove(path, err) : err_no_memory(err);
}

/* "21:11:05 UTC" */
static void time_of_day(int64_t wall_ms, char ret_text[static STATUS_TIME_BYTES])
{
    char full[25];
    clock_format_utc(wall_ms, full);
    (void)snprintf(ret_text, STATUS_TIME_BYTES, "%.8s UTC", full + 11);
}

void status_record_time(int64_t wall_ms, char ret_text[static STATUS_TIME_BYTES])
{
    char full[25];
    clock_format_utc(wall_ms, full);
    (void)snprintf(ret_text, STATUS_TIME_BYTES, "%.10s %.8s UTC", full, full + 11);
}

/* The day only where it is not today's. */
static void time_near(int64_t wall_ms, int64_t now_wall_ms,
                      char ret_text[static STATUS_TIME_BYTES])
{
    char day[25];
    char today[25];
    clock_format_utc(wall_ms, day);
    clock_format_utc(now_wall_ms, today);
    if (strncmp(day, today, strlen("2026-11-23")) == 0) {
        time_of_day(wall_ms, ret_text);
    } else {
        status_record_time(wall_ms, ret_text);
    }
}

/* "connected to 192.168.40.10:12443 as allocator 192.168.40.79" */
static void say_connected(const struct status_record *record,
                          char ret_text[static STATUS_LINE_BYTES])
{
    char roles[ROLES_TEXT_BYTES];
    roles_format(record->roles, roles);
    (void)snprintf(ret_text, STATUS_LINE_BYTES, "connected to %s as %s %s", record->coordinator,
                   roles[0] != '\0' ? roles : "runner without roles", record->runner_id);
}

/* What is odd about a connected agent; "" = nothing. */
static void say_oddities(const struct status_record *record,
                         char ret_text[static STATUS_LINE_BYTES])
{
    bool is_conflict = record->conflict_host_ip[0] != '\0';
    (void)snprintf(ret_text, STATUS_LINE_BYTES, "%s%s%s",
                   record->maintenance_mode ? ", in maintenance mode" : "",
                   is_conflict ? ", another host uses this identity: " : "",
                   record->conflict_host_ip);
}

void status_record_line(const struct status_record *record,
                        char ret_line[static STATUS_LINE_BYTES])
{
    char since[STATUS_TIME_BYTES];
    char beat[STATUS_TIME_BYTES];
    char head[STATUS_LINE_BYTES];
    char tail[STATUS_LINE_BYTES];
    time_of_day(record->since_wall_ms, since);
    time_of_day(record->last_beat_wall_ms, beat);
    if (record->state == AGENT_CONNECTED) {
        say_connected(record, head);
        say_oddities(record, tail);
        (void)snprintf(ret_line, STATUS_LINE_BYTES,
                       "%.500s, %u MB, %u MB used, last heartbeat at %s%.300s", head,
                       record->memory_total_mb, record->memory_used_mb, beat, tail);
        return;
    }
    bool is_trying = record->state == AGENT_TRUSTING || record->state == AGENT_ENROLLING ||
                     record->state == AGENT_AUTHENTICATING;
    bool has_reason = record->reason[0] != '\0';
    (void)snprintf(ret_line, STATUS_LINE_BYTES, "%s since %s%s%s%s",
                   agent_state_name(record->state), since, has_reason ? ": " : "",
                   has_reason && is_trying ? "the last try failed: " : "", record->reason);
}

void status_record_line_now(const struct status_record *record, uint64_t now_ms,
                            int64_t now_wall_ms, char ret_line[static STATUS_LINE_BYTES])
{
    char since[STATUS_TIME_BYTES];
    char head[STATUS_LINE_BYTES];
    char tail[STATUS_LINE_BYTES];
    uint64_t beat_age_ms = now_ms > record->last_beat_ms ? now_ms - record->last_beat_ms : 0;
    uint64_t lease_ms = record->lease_end_ms > now_ms ? record->lease_end_ms - now_ms : 0;
    if (record->state != AGENT_CONNECTED) {
        status_record_line(record, ret_line);
        return;
    }
    time_near(record->since_wall_ms, now_wall_ms, since);
    say_connected(record, head);
    say_oddities(record, tail);
    (void)snprintf(ret_line, STATUS_LINE_BYTES,
                   "%.500s since %s, %u MB, %u MB used, last heartbeat %llu s ago, lease %llu "
                   "s left, clock skew %lld s%.300s",
                   head, since, record->memory_total_mb, record->memory_used_mb,
                   (unsigned long long)(beat_age_ms / MS_PER_S),
                   (unsigned long long)(lease_ms / MS_PER_S),
                   (long long)(record->skew_ms / MS_PER_S), tail);
}
