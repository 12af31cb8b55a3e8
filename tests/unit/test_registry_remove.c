/* SPDX-License-Identifier: Apache-2.0 */
/* A runner is gone when its removal is durable, and not before. */
#include "tests/support/registry_harness.h"

static struct registry_harness *make_connected(void)
{
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');
    harness->journal[0] = '\0';
    return harness;
}

static void leave(struct registry_harness *harness, const char *id)
{
    struct err err;
    assert_int_equal(
        registry_leave(harness->registry, id, NULL, harness_on_removed, harness, &err), 0);
}

/* [LE-1], [AC-4] */
static void leaving_removes_the_runner_durably(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();

    leave(harness, "h1");
    assert_non_null(registry_find(harness->registry, "h1"));
    assert_int_equal(harness->n_removed, 0);
    (void)memory_store_run(harness->memory);

    assert_int_equal(harness->n_removed, 1);
    assert_string_equal(harness->removed.message, "");
    harness_expect(harness, "left h1; ");
    assert_null(registry_find(harness->registry, "h1"));
    assert_int_equal(registry_count(harness->registry), 0);
    assert_int_equal(registry_count_in(harness->registry, LIVENESS_CONNECTED), 0);
    assert_null(memory_store_get(harness->memory, "runners/h1"));
    assert_null(memory_store_get(harness->memory, "connections/h1"));
    assert_true(registry_next_deadline(harness->registry) == LIVENESS_NEVER);
    registry_connection_closed(harness->registry, 1);
    struct beat beat = {.id = "h1", .key = 'a', .session = SESSION_A, .seq = 2};
    assert_int_equal(harness_beat(harness, beat), BEAT_UNKNOWN);

    harness_join(harness, "h1", 'b'); /* the id is free */
    harness_free(harness);
}

static void what_does_not_exist_or_is_leaving_cannot_be_removed(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();
    struct err err;

    assert_int_equal(
        registry_leave(harness->registry, "h2", NULL, harness_on_removed, harness, &err), -1);
    assert_int_equal(err.code, ERR_ABSENT);
    leave(harness, "h1");
    assert_int_equal(
        registry_delete(harness->registry, "h1", NULL, harness_on_removed, harness, &err), -1);
    assert_int_equal(err.code, ERR_BUSY);
    (void)memory_store_run(harness->memory);
    assert_int_equal(harness->n_removed, 1);
    harness_free(harness);
}

static void a_removal_that_fails_leaves_the_runner_as_it_is(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();
    struct err err;

    memory_store_fail(harness->memory, 1);
    leave(harness, "h1");
    harness->report.memory_used_mb = 2048; /* not written while it is leaving */
    struct beat beat = {.id = "h1",
                        .key = 'a',
                        .session = SESSION_A,
                        .seq = 2,
                        .connection = 1,
                        .is_full = true};
    assert_int_equal(harness_beat(harness, beat), BEAT_OK);
    assert_int_equal(memory_store_queued(harness->memory), 1);
    (void)memory_store_run(harness->memory);

    assert_int_equal(harness->removed.code, ERR_NO_SPACE);
    assert_non_null(strstr(harness->removed.message, "remove runner h1: "));
    assert_int_equal(harness_find(harness, "h1")->state, LIVENESS_CONNECTED);
    assert_non_null(strstr(memory_store_get(harness->memory, "connections/h1"), "2048"));

    memory_store_refuse(harness->memory, true);
    assert_int_equal(
        registry_leave(harness->registry, "h1", NULL, harness_on_removed, harness, &err), -1);
    memory_store_refuse(harness->memory, false);
    leave(harness, "h1");
    (void)memory_store_run(harness->memory);
    harness_expect(harness, "left h1; ");
    harness_free(harness);
}

static void a_removal_is_of_the_record_that_was_looked_at(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();

    harness_ask(harness, (struct enrolment){.id = "h1", .key = 'a'});
    leave(harness, "h1");
    (void)memory_store_run(harness->memory);

    assert_int_equal(harness->outcome, ENROLL_OK);
    assert_int_equal(harness->removed.code, ERR_CONFLICT);
    assert_non_null(strstr(harness->removed.message, "try again"));
    assert_non_null(registry_find(harness->registry, "h1"));
    harness_free(harness);
}

static void an_enrolment_behind_a_removal_finds_the_id_free(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();

    leave(harness, "h1");
    harness_ask(harness, (struct enrolment){.id = "h1", .key = 'a'});
    (void)memory_store_run(harness->memory);

    assert_int_equal(harness->outcome, ENROLL_OK);
    harness_expect(harness, "left h1; enrolled h1; ");
    assert_int_equal(harness_find(harness, "h1")->state, LIVENESS_DISCONNECTED);
    harness_free(harness);
}

static void a_deletion_is_told_whoever_made_it(void **state)
{
    (void)state;
    struct registry_harness *harness = make_connected();
    struct store_operation extra = {.key = "audit/1", .value = "who", .len = 3};
    struct err err;
    harness_join(harness, "h2", 'b');
    harness->journal[0] = '\0';

    assert_int_equal(
        registry_delete(harness->registry, "h1", &extra, harness_on_removed, harness, &err), 0);
    (void)memory_store_run(harness->memory);
    assert_string_equal(memory_store_get(harness->memory, "audit/1"), "who");
    (void)memory_store_put(harness->memory, "runners/h2", NULL);
    harness_expect(harness, "deleted h1; deleted h2; ");
    assert_int_equal(registry_count(harness->registry), 0);
    harness_free(harness);
}

/* Its state is being written, or waits for that, when it goes. */
static void a_runner_that_is_deleted_while_it_is_written_is_forgotten(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    harness_join(harness, "h2", 'b');
    struct beat beat = {.id = "h1", .key = 'a', .session = SESSION_A, .seq = 1};
    assert_int_equal(harness_beat(harness, beat), BEAT_OK); /* under way */
    beat.id = "h2";
    beat.key = 'b';
    assert_int_equal(harness_beat(harness, beat), BEAT_OK); /* waits */

    (void)memory_store_put(harness->memory, "runners/h1", NULL);
    (void)memory_store_put(harness->memory, "runners/h2", NULL);
    memory_store_fail(harness->memory, 1);
    (void)memory_store_run(harness->memory);
    assert_int_equal(registry_count(harness->registry), 0);
    assert_true(registry_next_deadline(harness->registry) == LIVENESS_NEVER);
    harness_free(harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(leaving_removes_the_runner_durably),
        cmocka_unit_test(what_does_not_exist_or_is_leaving_cannot_be_removed),
        cmocka_unit_test(a_removal_that_fails_leaves_the_runner_as_it_is),
        cmocka_unit_test(a_removal_is_of_the_record_that_was_looked_at),
        cmocka_unit_test(an_enrolment_behind_a_removal_finds_the_id_free),
        cmocka_unit_test(a_deletion_is_told_whoever_made_it),
        cmocka_unit_test(a_runner_that_is_deleted_while_it_is_written_is_forgotten),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
