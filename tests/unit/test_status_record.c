/* SPDX-License-Identifier: Apache-2.0 */
/* The status file and its one line. */
#include "agent/status_record.h"

#include "common/base/fs.h"
#include "tests/support/tmpdir.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static struct status_record connected(void)
{
    return (struct status_record){
        .pid = 4711,
        .state = AGENT_CONNECTED,
        .since_wall_ms = 1795467065000, /* 2026-11-23T20:51:05Z */
        .coordinator = "192.168.40.10:12443",
        .runner_id = "192.168.40.79",
        .installation_id = "5d0c2c0e-5a2c-4b9e-9f6e-0d6c2f2f5a11",
        .zone = "ece-zone-1",
        .roles = ROLE_ALLOCATOR,
        .last_beat_wall_ms = 1795467065000,
        .last_beat_ms = 1000,
        .lease_end_ms = 31000,
        .next_try_ms = 11000,
        .written_ms = 1000,
        .good_until_ms = 41000,
        .memory_total_mb = 12398,
        .memory_source = "85% of MemTotal",
        .skew_ms = -42000,
        .version = "2.0.0",
    };
}

static void what_is_stored_is_found_again(void **state)
{
    const struct tmpdir *dir = *state;
    struct status_record stored = connected();
    struct status_record loaded;
    enum status_found found = STATUS_ABSENT;
    struct err err = {0};
    assert_int_equal(status_record_store(dir->path, &stored, &err), 0);
    assert_int_equal(status_record_load(dir->path, &found, &loaded, &err), 0);
    assert_int_equal(found, STATUS_FOUND);
    json_t *before = status_record_to_json(&stored);
    json_t *after = status_record_to_json(&loaded);
    assert_true(json_equal(before, after));
    json_decref(before);
    json_decref(after);
    assert_int_equal(status_record_erase(dir->path, &err), 0);
    assert_int_equal(status_record_load(dir->path, &found, &loaded, &err), 0);
    assert_int_equal(found, STATUS_ABSENT);
}

static void a_torn_record_is_an_error_and_no_status(void **state)
{
    const struct tmpdir *dir = *state;
    struct err err = {0};
    struct status_record loaded;
    enum status_found found = STATUS_ABSENT;
    auto_free char *path = fs_join(dir->path, "status.json");
    assert_int_equal(fs_replace(path, "{\"pid\":1", 8, 0644, false, &err), 0);
    assert_int_equal(status_record_load(dir->path, &found, &loaded, &err), -1);
    assert_int_equal(err.code, ERR_CORRUPT);
}

static void the_line_says_what_is(void **state)
{
    (void)state;
    char line[STATUS_LINE_BYTES];
    struct status_record record = connected();
    status_record_line(&record, line);
    assert_string_equal(
        line,
        "connected to 192.168.40.10:12443 as allocator 192.168.40.79, 12398 MB, 0 MB used, "
        "last heartbeat at 20:51:05 UTC");
    record.maintenance_mode = true;
    (void)snprintf(record.conflict_host_ip, sizeof record.conflict_host_ip, "10.0.0.9");
    status_record_line(&record, line);
    assert_non_null(strstr(line, "maintenance mode"));
    assert_non_null(strstr(line, "10.0.0.9"));
}

static void the_line_of_now_says_all_once(void **state)
{
    (void)state;
    char line[STATUS_LINE_BYTES];
    struct status_record record = connected();
    status_record_line_now(&record, 4000, record.since_wall_ms + 3000, line);
    assert_string_equal(
        line,
        "connected to 192.168.40.10:12443 as allocator 192.168.40.79 since 20:51:05 UTC, 12398 "
        "MB, 0 MB used, last heartbeat 3 s ago, lease 27 s left, clock skew -42 s");
    /* Another day's time of day alone would be taken for today's. */
    record.since_wall_ms -= 24LL * 3600 * 1000;
    record.roles = ROLES_NONE;
    (void)snprintf(record.conflict_host_ip, sizeof record.conflict_host_ip, "10.0.0.9");
    status_record_line_now(&record, 4000, record.since_wall_ms + 24LL * 3600 * 1000, line);
    assert_non_null(strstr(line, "as runner without roles 192.168.40.79 since 2026-11-22 "
                                 "20:51:05 UTC, "));
    assert_non_null(strstr(line, "10.0.0.9"));
}

/* [ST-2] */
static void only_connected_says_connected(void **state)
{
    (void)state;
    for (int i = 0; i < AGENT_STATE_COUNT; i++) {
        char line[STATUS_LINE_BYTES];
        struct status_record record = connected();
        record.state = (enum agent_state)i;
        (void)snprintf(record.reason, sizeof record.reason, "10.0.0.1:12443 refused");
        status_record_line(&record, line);
        assert_int_equal(strncmp(line, "connected", 9) == 0, i == AGENT_CONNECTED);
        status_record_line_now(&record, 4000, record.since_wall_ms, line);
        assert_int_equal(strncmp(line, "connected", 9) == 0, i == AGENT_CONNECTED);
        assert_int_equal(strstr(line, "10.0.0.1:12443 refused") != NULL, i != AGENT_CONNECTED);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_stored_is_found_again, tmpdir_setup,
                                        tmpdir_teardown),
        cmocka_unit_test_setup_teardown(a_torn_record_is_an_error_and_no_status, tmpdir_setup,
                                        tmpdir_teardown),
        cmocka_unit_test(the_line_says_what_is),
        cmocka_unit_test(the_line_of_now_says_all_once),
        cmocka_unit_test(only_connected_says_connected),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
