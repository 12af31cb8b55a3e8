/* SPDX-License-Identifier: Apache-2.0 */
/* What is loaded, what the change feed brings, and what becomes of writes that fail. */
#include "tests/support/registry_harness.h"

/* [LV-3] */
static void a_runner_that_was_connected_stays_so_for_two_leases_after_a_restart(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    fake_clock_advance(&harness->clock, 700);
    harness_connect(harness, "h1", 'a');
    int64_t since_ms = harness->clock.wall_ms;

    harness_restart(harness, UINT64_C(3600000));
    const struct runner *runner = harness_find(harness, "h1");
    assert_true(runner_is_connected(runner));
    assert_int_equal(runner->state_since_ms, since_ms);
    assert_int_equal(runner->report.memory_total_mb, 12398);
    harness_pass(harness, 2 * LEASE - 1);
    assert_true(runner_is_connected(runner));
    harness_expect(harness, "");
    harness_pass(harness, 1);
    assert_false(runner_is_connected(runner));
    harness_expect(harness, "disconnected h1 (lease ended); ");

    harness_restart(harness, 0);
    runner = harness_find(harness, "h1");
    assert_false(runner_is_connected(runner));
    assert_int_equal(runner->report.memory_total_mb, 12398); /* the last known */
    harness_free(harness);
}

/* [LV-3], [HB-5] */
static void a_beat_after_a_restart_goes_on_without_a_word_or_a_write(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');
    harness_restart(harness, 1000);
    size_t writes = memory_store_writes(harness->memory);

    struct beat beat = {.id = "h1",
                        .key = 'a',
                        .session = SESSION_A,
                        .seq = 2,
                        .connection = 1,
                        .is_full = true};
    harness_pass(harness, LEASE + 5000);
    assert_int_equal(harness_beat(harness, beat), BEAT_OK);
    (void)memory_store_run(harness->memory);
    assert_int_equal(harness_find(harness, "h1")->state, LIVENESS_CONNECTED);
    assert_int_equal(memory_store_writes(harness->memory), writes);
    harness_pass(harness, LEASE - 1); /* an ordinary lease from here on [LV-1] */
    harness_expect(harness, "");
    harness_pass(harness, 1);
    harness_expect(harness, "disconnected h1 (lease ended); ");
    harness_free(harness);
}

/* [LV-3]: the pace was slower before the restart. */
static void the_lease_that_is_doubled_is_the_last_one(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');
    (void)memory_store_put(harness->memory, "connections/h1",
                           "{\"version\":1,\"connected\":true,\"since\":5,\"lease_ms\":90000}");

    harness_restart(harness, 0);
    harness_pass(harness, 180000 - 1);
    assert_true(runner_is_connected(harness_find(harness, "h1")));
    harness_pass(harness, 1);
    assert_false(runner_is_connected(harness_find(harness, "h1")));
    harness_free(harness);
}

/* [EN-6]: what was connected before a restart is not taken over during the grace. */
static void a_restored_runner_is_not_taken_over_and_any_session_of_its_key_goes_on(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');
    harness_restart(harness, 0);

    assert_int_equal(harness_enroll(harness, (struct enrolment){.id = "h1", .key = 'b'}),
                     ENROLL_TAKEN_CONNECTED);
    struct beat beat = {
        .id = "h1", .key = 'a', .session = SESSION_B, .seq = 1, .connection = 1};
    assert_int_equal(harness_beat(harness, beat), BEAT_OK);
    assert_true(harness->reply.need_report); /* [HB-2] none of this session yet */
    harness_free(harness);
}

static void the_settings_survive_a_restart(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    assert_int_equal(harness_enroll(harness, (struct enrolment){.id = "h1",
                                                                .key = 'a',
                                                                .roles = ROLE_PROXY,
                                                                .permitted = ROLES_ALL,
                                                                .tags = "ssd:true"}),
                     ENROLL_OK);
    uint64_t version = harness_find(harness, "h1")->version;

    harness_restart(harness, 0);
    const struct runner *runner = harness_find(harness, "h1");
    assert_int_equal(runner->record.roles, ROLE_PROXY);
    assert_string_equal(runner->record.tags.items[0].key, "ssd");
    assert_string_equal(runner->record.public_key_pem, "PEM");
    assert_true(runner->version == version);
    assert_int_equal(runner->state, LIVENESS_DISCONNECTED);
    harness_free(harness);
}

/* Neither fatal nor overwritten; the way out is to delete it. */
static void an_unreadable_record_is_skipped_and_its_id_refused_until_it_is_deleted(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    char message[REGISTRY_MESSAGE_BYTES];
    struct err err;
    harness_join(harness, "h1", 'a');
    (void)memory_store_put(harness->memory, "runners/h2", "{\"version\":1,");
    (void)memory_store_put(harness->memory, "runners/h3", "{\"version\":7}");
    (void)memory_store_put(harness->memory, "connections/h1", "garbage");
    (void)memory_store_put(harness->memory, "connections/h9", "{}");

    for (int round = 0; round < 2; round++) {
        assert_int_equal(registry_count(harness->registry), 1);
        assert_int_equal(harness_enroll(harness, (struct enrolment){.id = "h2", .key = 'b'}),
                         ENROLL_UNREADABLE);
        assert_non_null(strstr(harness->message, "Delete the runner"));
        assert_int_equal(registry_would_enroll(harness->registry, "h3", ROLES_ALL, message),
                         ENROLL_UNREADABLE);
        assert_non_null(strstr(message, "newer version"));
        assert_string_equal(memory_store_get(harness->memory, "runners/h2"), "{\"version\":1,");
        harness_restart(harness, 0);
    }

    assert_int_equal(
        registry_delete(harness->registry, "h2", NULL, harness_on_removed, harness, &err), 0);
    (void)memory_store_run(harness->memory);
    assert_string_equal(harness->removed.message, "");
    harness_join(harness, "h2", 'b');
    (void)memory_store_put(harness->memory, "runners/h3", NULL);
    harness_join(harness, "h3", 'c');
    harness_free(harness);
}

/* A good record that somebody damages while we run: what was known stays in use. */
static void a_record_that_becomes_unreadable_keeps_its_runner_until_it_is_mended(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');
    char good[1024];
    (void)snprintf(good, sizeof good, "%s", memory_store_get(harness->memory, "runners/h1"));

    (void)memory_store_put(harness->memory, "runners/h1", "[");
    assert_int_equal(harness_find(harness, "h1")->state, LIVENESS_CONNECTED);
    assert_int_equal(harness_enroll(harness, (struct enrolment){.id = "h1", .key = 'a'}),
                     ENROLL_UNREADABLE);
    uint64_t revision = memory_store_put(harness->memory, "runners/h1", good);
    assert_true(harness_find(harness, "h1")->version == revision);
    assert_int_equal(harness_enroll(harness, (struct enrolment){.id = "h1", .key = 'a'}),
                     ENROLL_OK);
    harness_free(harness);
}

/* Another coordinator let another host take the id over. */
static void a_record_that_comes_with_another_key_ends_the_session(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    struct runner_record record = {0};
    struct err err;
    char *text = NULL;
    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');
    assert_int_equal(runner_record_copy(&harness_find(harness, "h1")->record, &record, &err),
                     0);
    key_thumbprint('b', record.key_thumbprint);
    struct beat other = {.id = "h1", .key = 'a', .session = SESSION_B, .seq = 1};
    assert_int_equal(harness_beat(harness, other), BEAT_CONFLICT);
    assert_int_equal(runner_record_encode(&record, &text, &err), 0);

    (void)memory_store_put(harness->memory, "runners/h1", text);
    free(text);
    runner_record_fini(&record);
    (void)memory_store_run(harness->memory);
    assert_int_equal(harness_find(harness, "h1")->state, LIVENESS_DISCONNECTED);
    assert_false(registry_has_conflict(harness->registry, harness_find(harness, "h1")));
    assert_non_null(strstr(memory_store_get(harness->memory, "connections/h1"), "false"));
    struct beat beat = {.id = "h1", .key = 'a', .session = SESSION_A, .seq = 2};
    assert_int_equal(harness_beat(harness, beat), BEAT_UNKNOWN);
    harness_free(harness);
}

/* Watching starts before listing, and a feed may repeat itself after it was interrupted. */
static void what_the_change_feed_repeats_does_not_undo_what_came_after(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    char old[1024];
    (void)snprintf(old, sizeof old, "%s", memory_store_get(harness->memory, "runners/h1"));
    uint64_t old_version = harness_find(harness, "h1")->version;
    assert_int_equal(harness_enroll(harness, (struct enrolment){.id = "h1", .key = 'a'}),
                     ENROLL_OK);
    uint64_t version = harness_find(harness, "h1")->version;

    const struct memory_watcher *feed = &harness->memory->watchers[0];
    feed->changed(&(struct store_entry){"runners/h1", old, strlen(old), old_version},
                  feed->userdata);
    feed->changed(&(struct store_entry){"runners/h1", NULL, 0, old_version}, feed->userdata);
    assert_int_equal(harness_find(harness, "h1")->record.roles, ROLES_NONE);
    assert_true(harness_find(harness, "h1")->version == version);
    harness_free(harness);
}

/* [HB-5], [LV-3]: a full disk delays what is written and loses nothing. */
static void a_state_that_could_not_be_written_is_written_later(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    harness->journal[0] = '\0';

    memory_store_fail(harness->memory, 2);
    harness_connect(harness, "h1", 'a');
    assert_non_null(strstr(memory_store_get(harness->memory, "connections/h1"), "false"));
    uint64_t again_ms = registry_next_deadline(harness->registry);
    assert_true(again_ms > harness->clock.monotonic_ms);
    assert_true(again_ms <= harness->clock.monotonic_ms + 5000);
    harness_pass(harness, 5000); /* fails again */
    assert_non_null(strstr(memory_store_get(harness->memory, "connections/h1"), "false"));
    memory_store_refuse(harness->memory, true);
    harness_pass(harness, 5000);
    memory_store_refuse(harness->memory, false);
    harness_pass(harness, 5000);
    assert_non_null(strstr(memory_store_get(harness->memory, "connections/h1"), "true"));
    harness_expect(harness, "connected h1; ");
    harness_free(harness);
}

static void what_changes_while_a_write_is_under_way_is_written_after_it(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    struct beat beat = {.id = "h1",
                        .key = 'a',
                        .session = SESSION_A,
                        .seq = 1,
                        .connection = 1,
                        .is_full = true};

    for (; beat.seq < 10; beat.seq++) {
        harness->report.memory_used_mb = (uint32_t)beat.seq;
        assert_int_equal(harness_beat(harness, beat), BEAT_OK);
        assert_int_equal(memory_store_queued(harness->memory), 1);
    }
    assert_int_equal(memory_store_run(harness->memory), 2); /* the first and the newest */
    assert_non_null(strstr(memory_store_get(harness->memory, "connections/h1"), "\"used\":9"));
    harness_free(harness);
}

static void several_may_share_a_store_and_one_that_cannot_watch_it_says_so(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    struct registry *second = NULL;
    struct registry_options options = {.store = memory_store_store(harness->memory),
                                       .clock = &harness->clock.clock,
                                       .log = &harness->log,
                                       .pace = PACE_BASE_DEFAULT};
    struct err err = {0};

    /* The fake's only way to fail at start: too many watchers. */
    struct registry *others[16] = {0};
    size_t opened = 0;
    while (opened < 16 && registry_open(&others[opened], &options, &err) == 0) {
        opened++;
    }
    assert_int_equal(opened, 15);
    assert_int_equal(registry_open(&second, &options, &err), -1);
    assert_null(second);
    assert_non_null(strstr(err.message, "load the runners: "));

    /* Several on one store: each hears what one of them wrote. */
    harness_join(harness, "h1", 'a');
    assert_non_null(registry_find(others[3], "h1"));
    for (size_t i = 0; i < opened; i++) {
        registry_free(others[i]);
    }
    memory_store_detach(harness->memory);
    harness_free(harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_runner_that_was_connected_stays_so_for_two_leases_after_a_restart),
        cmocka_unit_test(a_beat_after_a_restart_goes_on_without_a_word_or_a_write),
        cmocka_unit_test(the_lease_that_is_doubled_is_the_last_one),
        cmocka_unit_test(
            a_restored_runner_is_not_taken_over_and_any_session_of_its_key_goes_on),
        cmocka_unit_test(the_settings_survive_a_restart),
        cmocka_unit_test(
            an_unreadable_record_is_skipped_and_its_id_refused_until_it_is_deleted),
        cmocka_unit_test(a_record_that_becomes_unreadable_keeps_its_runner_until_it_is_mended),
        cmocka_unit_test(a_record_that_comes_with_another_key_ends_the_session),
        cmocka_unit_test(what_the_change_feed_repeats_does_not_undo_what_came_after),
        cmocka_unit_test(a_state_that_could_not_be_written_is_written_later),
        cmocka_unit_test(what_changes_while_a_write_is_under_way_is_written_after_it),
        cmocka_unit_test(several_may_share_a_store_and_one_that_cannot_watch_it_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
