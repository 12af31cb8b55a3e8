/* SPDX-License-Identifier: Apache-2.0 */
/* Whose beats count, what they keep alive, what they cost, and what is answered. */
#include "tests/support/registry_harness.h"

/* One runner h1 of key a, session A on connection 1. */
static struct registry_harness *make_connected(void)
{
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');
    harness->journal[0] = '\0';
    return harness;
}

static struct beat beat_of(const char *session, uint64_t seq, uint64_t connection)
{
    return (struct beat){
        .id = "h1", .key = 'a', .session = session, .seq = seq, .connection = connection};
}

static enum liveness_state state_of(const struct registry_harness *harness)
{
    return harness_find(harness, "h1")->state;
}

/* [LV-1] */
static void the_first_accepted_beat_connects(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    fake_clock_advance(&harness->clock, 500);
    harness->journal[0] = '\0';

    harness_connect(harness, "h1", 'a');
    harness_expect(harness, "connected h1; ");
    const struct runner *runner = harness_find(harness, "h1");
    assert_int_equal(runner->state, LIVENESS_CONNECTED);
    assert_int_equal(runner->state_since_ms, harness->clock.wall_ms);
    assert_int_equal(runner->last_beat_wall_ms, harness->clock.wall_ms);
    assert_int_equal(registry_count_in(harness->registry, LIVENESS_CONNECTED), 1);
    assert_int_equal(registry_count_in(harness->registry, LIVENESS_DISCONNECTED), 0);
    harness_free(harness);
}

/* [AC-4] */
static void a_beat_of_nobody_or_with_another_key_is_unknown(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();
    struct beat beat = beat_of(SESSION_A, 2, 1);

    beat.key = 'b';
    assert_int_equal(harness_beat(harness, beat), BEAT_UNKNOWN);
    beat.key = 'a';
    beat.id = "h2";
    assert_int_equal(harness_beat(harness, beat), BEAT_UNKNOWN);
    assert_int_equal(harness_find(harness, "h1")->seq, 1);
    harness_free(harness);
}

/* [LV-1], [LV-2] */
static void the_lease_ends_without_a_beat_and_every_beat_renews_it(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();

    harness_pass(harness, LEASE - 1);
    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 2, 1)), BEAT_OK);
    /* The wall clock, the host's or ours, plays no part. */
    fake_clock_set_wall(&harness->clock, 0);
    harness_pass(harness, LEASE - 1);
    assert_int_equal(state_of(harness), LIVENESS_CONNECTED);
    harness_expect(harness, "");

    harness_pass(harness, 1);
    assert_int_equal(state_of(harness), LIVENESS_DISCONNECTED);
    harness_expect(harness, "disconnected h1 (lease ended); ");
    assert_int_equal(harness_find(harness, "h1")->end, LIVENESS_END_LEASE);
    assert_true(registry_next_deadline(harness->registry) == LIVENESS_NEVER);
    assert_true(harness_find(harness, "h1")->connection == 0);

    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 3, 1)), BEAT_OK);
    harness_expect(harness, "connected h1; ");
    harness_free(harness);
}

/* [LV-1]: the timer is late. */
static void a_beat_after_the_lease_reconnects_though_no_tick_came(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();

    fake_clock_advance(&harness->clock, LEASE);
    assert_int_equal(harness_beat(harness, beat_of(SESSION_B, 1, 2)), BEAT_OK);
    harness_expect(harness, "disconnected h1 (lease ended); connected h1; ");
    harness_free(harness);
}

/* [LV-1], [LV-4] */
static void
a_closed_connection_is_suspect_for_the_grace_and_a_beat_on_another_ends_it(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();
    int64_t since_ms = harness_find(harness, "h1")->state_since_ms;

    registry_connection_closed(harness->registry, 1);
    assert_int_equal(state_of(harness), LIVENESS_SUSPECT);
    assert_true(runner_is_connected(harness_find(harness, "h1")));
    harness_pass(harness, GRACE - 1);
    assert_int_equal(state_of(harness), LIVENESS_SUSPECT);
    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 2, 2)), BEAT_OK);

    assert_int_equal(state_of(harness), LIVENESS_CONNECTED);
    harness_pass(harness, GRACE);
    assert_int_equal(state_of(harness), LIVENESS_CONNECTED);
    harness_expect(harness, ""); /* nobody heard of it */
    assert_int_equal(harness_find(harness, "h1")->state_since_ms, since_ms);
    harness_free(harness);
}

/* [LV-1] */
static void the_grace_ends_without_a_beat(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();

    registry_connection_closed(harness->registry, 1);
    harness_pass(harness, GRACE);
    assert_int_equal(state_of(harness), LIVENESS_DISCONNECTED);
    harness_expect(harness, "disconnected h1 (connection closed); ");
    harness_free(harness);
}

/* [LV-1]: the old connection's end is noticed after the new one's beat. */
static void closing_a_connection_that_the_runner_left_changes_nothing(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();

    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 2, 2)), BEAT_OK);
    registry_connection_closed(harness->registry, 1);
    registry_connection_closed(harness->registry, 0);
    registry_connection_closed(harness->registry, 99);
    assert_int_equal(state_of(harness), LIVENESS_CONNECTED);
    registry_connection_closed(harness->registry, 2);
    assert_int_equal(state_of(harness), LIVENESS_SUSPECT);
    harness_free(harness);
}

/* [LV-5] */
static void goodbye_disconnects_at_once_but_only_its_own_session(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();
    char key_a[KEYS_SHA256_HEX_BYTES];
    char key_b[KEYS_SHA256_HEX_BYTES];
    key_thumbprint('a', key_a);
    key_thumbprint('b', key_b);

    assert_true(registry_goodbye(harness->registry, "h1", key_a, SESSION_B));
    assert_false(registry_goodbye(harness->registry, "h1", key_b, SESSION_A));
    assert_false(registry_goodbye(harness->registry, "h2", key_a, SESSION_A));
    assert_int_equal(state_of(harness), LIVENESS_CONNECTED);

    assert_true(registry_goodbye(harness->registry, "h1", key_a, SESSION_A));
    assert_int_equal(state_of(harness), LIVENESS_DISCONNECTED);
    assert_true(registry_goodbye(harness->registry, "h1", key_a, SESSION_A));
    registry_connection_closed(harness->registry, 1);
    harness_pass(harness, GRACE);
    harness_expect(harness, "disconnected h1 (goodbye); ");

    assert_int_equal(harness_beat(harness, beat_of(SESSION_B, 1, 2)), BEAT_OK);
    harness_expect(harness, "connected h1; ");
    harness_free(harness);
}

/* [CL-1], [CL-3] */
static void another_session_is_refused_while_one_is_live(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();
    struct beat other = beat_of(SESSION_B, 1, 2);
    other.peer = "10.0.0.9";

    harness_pass(harness, 10500);
    assert_int_equal(harness_beat(harness, other), BEAT_CONFLICT);
    assert_int_equal(harness->retry_after_s, 20 + 1); /* 19.5 s are left */
    harness_expect(harness, "conflict h1 (10.0.0.9); ");
    const struct runner *runner = harness_find(harness, "h1");
    assert_string_equal(runner->session, SESSION_A);
    assert_true(runner->connection == 1);
    assert_true(registry_has_conflict(harness->registry, runner));

    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 2, 1)), BEAT_OK);
    assert_true(harness->reply.has_conflict);
    assert_string_equal(harness->reply.conflict_host_ip, "10.0.0.9");
    harness_free(harness);
}

/* [CL-3] */
static void
a_conflict_lasts_one_lease_after_the_last_refused_beat_and_is_told_once(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();
    struct beat other = beat_of(SESSION_B, 1, 2);
    other.is_full = true;
    (void)strcpy(harness->report.host_ip, "10.0.0.8"); /* says itself better than the peer */

    assert_int_equal(harness_beat(harness, other), BEAT_CONFLICT);
    harness_pass(harness, INTERVAL);
    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 2, 1)), BEAT_OK);
    other.is_full = false;
    assert_int_equal(harness_beat(harness, other), BEAT_CONFLICT);
    harness_expect(harness, "conflict h1 (10.0.0.8); ");

    for (uint64_t seq = 3; seq < 6; seq++) {
        harness_pass(harness, INTERVAL - (seq == 5));
        assert_int_equal(harness_beat(harness, beat_of(SESSION_A, seq, 1)), BEAT_OK);
        assert_true(harness->reply.has_conflict);
        assert_string_equal(harness->reply.conflict_host_ip, "10.0.0.8");
    }
    harness_pass(harness, 1);
    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 6, 1)), BEAT_OK);
    assert_false(harness->reply.has_conflict);
    assert_false(registry_has_conflict(harness->registry, harness_find(harness, "h1")));

    assert_int_equal(harness_beat(harness, other), BEAT_CONFLICT);
    harness_expect(harness, "conflict h1 (10.0.0.7); "); /* a new episode */
    harness_free(harness);
}

/* [CL-1], [CL-4]: a process that was killed and started again is no clone. */
static void another_session_is_accepted_when_the_first_is_suspect_or_gone(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();

    assert_int_equal(harness_beat(harness, beat_of(SESSION_B, 1, 2)), BEAT_CONFLICT);
    harness_expect(harness, "conflict h1 (10.0.0.7); ");
    registry_connection_closed(harness->registry, 1);
    assert_int_equal(harness_beat(harness, beat_of(SESSION_B, 1, 2)), BEAT_OK);
    assert_false(harness->reply.has_conflict); /* it was the other one itself */
    harness_expect(harness, "");
    assert_string_equal(harness_find(harness, "h1")->session, SESSION_B);

    /* Now A is the other one, until B is gone. */
    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 2, 3)), BEAT_CONFLICT);
    harness_pass(harness, (uint64_t)harness->retry_after_s * 1000);
    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 3, 3)), BEAT_OK);
    assert_false(harness->reply.has_conflict);
    harness_free(harness);
}

/* [CL-2], [HB-1] */
static void a_lower_seq_or_an_older_connection_within_the_session_is_a_clone(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();
    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 5, 4)), BEAT_OK);

    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 5, 4)), BEAT_OK); /* again */
    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 5, 6)), BEAT_OK); /* and anew */
    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 4, 7)), BEAT_CONFLICT);
    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 6, 4)), BEAT_CONFLICT);
    harness_expect(harness, "conflict h1 (10.0.0.7); ");
    assert_true(harness_find(harness, "h1")->seq == 5);

    registry_connection_closed(harness->registry, 6); /* it stays older than the closed one */
    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 6, 4)), BEAT_CONFLICT);
    assert_int_equal(harness->retry_after_s, GRACE / 1000 + 1);
    harness_pass(harness, GRACE);
    assert_int_equal(harness_beat(harness, beat_of(SESSION_A, 2, 4)), BEAT_OK); /* [CL-4] */
    harness_free(harness);
}

/* [HB-2] */
static void a_report_is_asked_for_until_the_session_sent_one(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();
    struct beat beat = beat_of(SESSION_A, 2, 1);
    assert_int_equal(harness_beat(harness, beat), BEAT_OK);
    assert_false(harness->reply.need_report);

    registry_connection_closed(harness->registry, 1);
    beat = beat_of(SESSION_B, 1, 2);
    assert_int_equal(harness_beat(harness, beat), BEAT_OK);
    assert_true(harness->reply.need_report);
    beat.seq = 2;
    assert_int_equal(harness_beat(harness, beat), BEAT_OK);
    assert_true(harness->reply.need_report);
    beat.seq = 3;
    beat.is_full = true;
    assert_int_equal(harness_beat(harness, beat), BEAT_OK);
    assert_false(harness->reply.need_report);
    beat.seq = 4;
    beat.is_full = false;
    assert_int_equal(harness_beat(harness, beat), BEAT_OK);
    assert_false(harness->reply.need_report);
    harness_free(harness);
}

/* [HB-4]: somebody changed the record; this coordinator hears of it by the change feed. */
static void a_changed_record_reaches_the_host_at_its_next_beat(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();
    assert_true(harness->reply.has_steering); /* it had none */
    struct beat beat = beat_of(SESSION_A, 2, 1);
    beat.steering = harness->reply.steering.revision;
    assert_int_equal(harness->reply.steering.roles, ROLE_ALLOCATOR);
    assert_int_equal(harness->reply.steering.coordinators.count, 1);
    assert_int_equal(harness_beat(harness, beat), BEAT_OK);
    assert_false(harness->reply.has_steering);

    struct runner_record record = {0};
    struct err err;
    char *text = NULL;
    assert_int_equal(runner_record_copy(&harness_find(harness, "h1")->record, &record, &err),
                     0);
    record.capacity_mb = 4096;
    record.roles = ROLE_ALLOCATOR | ROLE_PROXY;
    record.maintenance.is_on = true;
    assert_int_equal(runner_record_encode(&record, &text, &err), 0);
    uint64_t revision = memory_store_put(harness->memory, "runners/h1", text);
    free(text);
    runner_record_fini(&record);

    assert_int_equal(harness_beat(harness, beat), BEAT_OK);
    assert_true(harness->reply.has_steering);
    assert_true(harness->reply.steering.revision == revision);
    assert_int_equal(harness->reply.steering.capacity_mb, 4096);
    assert_int_equal(harness->reply.steering.roles, ROLE_ALLOCATOR | ROLE_PROXY);
    assert_true(harness->reply.steering.maintenance_mode);
    assert_int_equal(state_of(harness), LIVENESS_CONNECTED); /* undisturbed */
    harness_free(harness);
}

/* [HB-5] */
static void only_a_change_of_state_or_report_is_written(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();
    struct beat beat = beat_of(SESSION_A, 2, 1);
    size_t writes = memory_store_writes(harness->memory);

    for (; beat.seq < 100; beat.seq++) {
        beat.is_full = beat.seq % 2 == 0;
        beat.connection = beat.seq / 10 + 1;
        harness->report.skew_ms++;
        harness_pass(harness, INTERVAL);
        assert_int_equal(harness_beat(harness, beat), BEAT_OK);
        assert_int_equal(memory_store_queued(harness->memory), 0);
    }
    assert_int_equal(memory_store_writes(harness->memory), writes);
    assert_int_equal(harness_find(harness, "h1")->report.skew_ms, harness->report.skew_ms - 1);

    beat.is_full = true;
    harness->report.memory_used_mb = 2048;
    assert_int_equal(harness_beat(harness, beat), BEAT_OK);
    assert_int_equal(harness_find(harness, "h1")->report.memory_used_mb, 2048);
    assert_int_equal(memory_store_run(harness->memory), 1);
    assert_non_null(strstr(memory_store_get(harness->memory, "connections/h1"), "2048"));
    harness_free(harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_accepted_beat_connects),
        cmocka_unit_test(a_beat_of_nobody_or_with_another_key_is_unknown),
        cmocka_unit_test(the_lease_ends_without_a_beat_and_every_beat_renews_it),
        cmocka_unit_test(a_beat_after_the_lease_reconnects_though_no_tick_came),
        cmocka_unit_test(
            a_closed_connection_is_suspect_for_the_grace_and_a_beat_on_another_ends_it),
        cmocka_unit_test(the_grace_ends_without_a_beat),
        cmocka_unit_test(closing_a_connection_that_the_runner_left_changes_nothing),
        cmocka_unit_test(goodbye_disconnects_at_once_but_only_its_own_session),
        cmocka_unit_test(another_session_is_refused_while_one_is_live),
        cmocka_unit_test(
            a_conflict_lasts_one_lease_after_the_last_refused_beat_and_is_told_once),
        cmocka_unit_test(another_session_is_accepted_when_the_first_is_suspect_or_gone),
        cmocka_unit_test(a_lower_seq_or_an_older_connection_within_the_session_is_a_clone),
        cmocka_unit_test(a_report_is_asked_for_until_the_session_sent_one),
        cmocka_unit_test(a_changed_record_reaches_the_host_at_its_next_beat),
        cmocka_unit_test(only_a_change_of_state_or_report_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
