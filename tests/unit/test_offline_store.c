/* SPDX-License-Identifier: Apache-2.0 */
/* A stopped coordinator's state: found or not, in use or not, and changed for good. */
#include "coordinator/commands/offline_store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "tests/support/store_harness.h"
#include "tests/support/tmpdir.h"

/* As a coordinator leaves it: with one entry, at revision 1. */
static void make_installation(const struct tmpdir *dir)
{
    struct store_harness harness;
    char path[TMPDIR_PATH_BYTES];
    struct err err;
    const struct store_operation put = {.key = "a", .value = "1", .len = 1};
    assert_int_equal(harness_open(&harness, tmpdir_path(dir, STORE_SQLITE_FILE, path), &err),
                     0);
    assert_int_equal(store_commit(harness.store, NULL, 0, &put, 1, NULL, NULL, &err), 0);
    assert_true(harness_close(&harness));
}

static void open_it(struct offline_store *offline, const struct tmpdir *dir)
{
    struct err err;
    if (offline_store_open(offline, dir->path, &err) < 0) {
        fail_msg("%s", err.message);
    }
}

static void what_is_not_there_is_absent_and_nothing_is_made(void **state)
{
    const struct tmpdir *dir = *state;
    struct offline_store offline;
    struct err err;

    assert_int_equal(offline_store_open(&offline, dir->path, &err), -1);
    assert_int_equal(err.code, ERR_ABSENT);
    assert_non_null(strstr(err.message, "--state-dir"));
    assert_int_equal(rmdir(dir->path), 0); /* it is empty */

    assert_int_equal(offline_store_open(&offline, dir->path, &err), -1);
    assert_int_equal(err.code, ERR_ABSENT);
    assert_int_equal(access(dir->path, F_OK), -1);
    assert_int_equal(mkdir(dir->path, 0700), 0); /* for the teardown */
}

static void one_that_a_coordinator_uses_is_busy_and_says_what_to_do(void **state)
{
    const struct tmpdir *dir = *state;
    struct store_harness coordinator;
    struct offline_store offline;
    char path[TMPDIR_PATH_BYTES];
    struct err err;
    assert_int_equal(
        harness_open(&coordinator, tmpdir_path(dir, STORE_SQLITE_FILE, path), &err), 0);

    assert_int_equal(offline_store_open(&offline, dir->path, &err), -1);
    assert_int_equal(err.code, ERR_BUSY);
    assert_non_null(strstr(err.message, "systemctl stop ece-coordinator"));

    assert_true(harness_close(&coordinator));
    open_it(&offline, dir);
    offline_store_close(&offline);
}

static void a_change_is_durable_when_it_returns(void **state)
{
    const struct tmpdir *dir = *state;
    struct offline_store offline;
    struct store_harness journal = {0};
    struct err err;
    const struct store_condition is_first = {.key = "a", .mod_revision = 1};
    const struct store_operation operations[] = {{.key = "a", .value = "2", .len = 1},
                                                 {.key = "b", .value = "3", .len = 1}};
    make_installation(dir);

    open_it(&offline, dir);
    assert_int_equal(
        offline_store_commit(&offline, &is_first, operations, ARRAY_LEN(operations), &err), 0);
    offline_store_close(&offline);

    open_it(&offline, dir);
    assert_int_equal(store_list(offline.store, "", note_change, &journal, &err), 0);
    assert_string_equal(journal.journal, "a=2@2 b=3@2 ");
    offline_store_close(&offline);
}

static void a_change_of_what_is_not_as_it_was_is_refused(void **state)
{
    const struct tmpdir *dir = *state;
    struct offline_store offline;
    struct store_harness journal = {0};
    struct err err;
    const struct store_condition is_older = {.key = "a", .mod_revision = 0};
    const struct store_operation put = {.key = "a", .value = "2", .len = 1};
    make_installation(dir);

    open_it(&offline, dir);
    assert_int_equal(offline_store_commit(&offline, &is_older, &put, 1, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(store_list(offline.store, "", note_change, &journal, &err), 0);
    assert_string_equal(journal.journal, "a=1@1 ");
    offline_store_close(&offline);
}

int main(void)
{
#define CASE(name) cmocka_unit_test_setup_teardown(name, tmpdir_setup, tmpdir_teardown)
    const struct CMUnitTest tests[] = {
        CASE(what_is_not_there_is_absent_and_nothing_is_made),
        CASE(one_that_a_coordinator_uses_is_busy_and_says_what_to_do),
        CASE(a_change_is_durable_when_it_returns),
        CASE(a_change_of_what_is_not_as_it_was_is_refused),
    };
    return cmocka_run_group_tests_name("offline_store", tests, NULL, NULL);
}
