/* SPDX-License-Identifier: Apache-2.0 */
/* Who may enrol under which id, what is durable when the answer comes, and who wins a race. */
#include "tests/support/registry_harness.h"

#define ALLOCATOR_ONLY .roles = ROLE_ALLOCATOR, .permitted = ROLE_ALLOCATOR

/* [EN-4] */
static void the_answer_comes_when_the_runner_is_durable(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();

    harness_ask(harness, (struct enrolment){.id = "h1", .key = 'a', ALLOCATOR_ONLY});
    assert_int_equal(harness->n_enrolled, 0);
    assert_null(registry_find(harness->registry, "h1"));
    assert_true(memory_store_step(harness->memory));

    assert_int_equal(harness->n_enrolled, 1);
    assert_int_equal(harness->outcome, ENROLL_OK);
    assert_string_equal(harness->enrolled_id, "h1");
    assert_non_null(memory_store_get(harness->memory, "runners/h1"));
    harness_expect(harness, "enrolled h1; ");

    const struct runner *runner = harness_find(harness, "h1");
    assert_int_equal(runner->state, LIVENESS_DISCONNECTED);
    assert_int_equal(runner->record.roles, ROLE_ALLOCATOR);
    assert_string_equal(runner->record.zone, "ece-zone-1");
    assert_string_equal(runner->record.token_id, "token-1");
    assert_int_equal(runner->record.enrolled_at_ms, harness->clock.wall_ms);
    assert_int_equal(runner->report.memory_total_mb, 12398);
    char thumbprint[KEYS_SHA256_HEX_BYTES];
    key_thumbprint('a', thumbprint);
    assert_ptr_equal(registry_find_key(harness->registry, thumbprint), runner);
    harness_free(harness);
}

/* [EN-3] */
static void
roles_that_the_token_does_not_permit_are_named_and_nothing_is_registered(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();

    harness_ask(harness,
                (struct enrolment){.id = "h1",
                                   .key = 'a',
                                   .roles = ROLE_ALLOCATOR | ROLE_PROXY | ROLE_DIRECTOR,
                                   .permitted = ROLE_ALLOCATOR});

    assert_int_equal(harness->outcome, ENROLL_ROLES);
    assert_int_equal(harness->missing, ROLE_PROXY | ROLE_DIRECTOR);
    assert_non_null(strstr(harness->message, "director,proxy"));
    assert_null(registry_find(harness->registry, "h1"));
    assert_int_equal(memory_store_queued(harness->memory), 0);
    harness_expect(harness, "refused h1; ");
    harness_free(harness);
}

/* [EN-5] */
static void
the_same_key_gets_the_same_registration_with_the_newer_roles_tags_and_report(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    int64_t first_ms = harness->clock.wall_ms;
    fake_clock_advance(&harness->clock, 5000);
    harness->report.memory_total_mb = 20000;

    assert_int_equal(harness_enroll(harness, (struct enrolment){.id = "h1",
                                                                .key = 'a',
                                                                .roles = ROLE_PROXY,
                                                                .permitted = ROLES_ALL,
                                                                .zone = "ece-zone-2",
                                                                .tags = "ssd:true"}),
                     ENROLL_OK);

    harness_expect(harness, "enrolled h1; reenrolled h1; ");
    assert_int_equal(registry_count(harness->registry), 1);
    const struct runner *runner = harness_find(harness, "h1");
    assert_int_equal(runner->record.roles, ROLE_PROXY);
    assert_string_equal(runner->record.zone, "ece-zone-1");
    assert_int_equal(runner->record.tags.count, 1);
    assert_int_equal(runner->record.enrolled_at_ms, first_ms);
    assert_int_equal(runner->report.memory_total_mb, 20000);
    assert_non_null(strstr(memory_store_get(harness->memory, "connections/h1"), "20000"));
    harness_free(harness);
}

/* [EN-5]: the reply got lost and the host asks again before the first answer. */
static void the_same_request_twice_at_once_is_answered_well_twice(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();

    harness_ask(harness, (struct enrolment){.id = "h1", .key = 'a', ALLOCATOR_ONLY});
    harness_ask(harness, (struct enrolment){.id = "h1", .key = 'a', ALLOCATOR_ONLY});
    (void)memory_store_run(harness->memory);

    assert_int_equal(harness->n_enrolled, 2);
    assert_int_equal(harness->outcome, ENROLL_OK);
    harness_expect(harness, "enrolled h1; reenrolled h1; ");
    harness_free(harness);
}

static void a_live_session_is_asked_for_its_report_after_the_host_enrolled_again(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');

    harness_join(harness, "h1", 'a');
    assert_int_equal(harness_find(harness, "h1")->state, LIVENESS_CONNECTED);
    struct beat beat = {
        .id = "h1", .key = 'a', .session = SESSION_A, .seq = 2, .connection = 1};
    assert_int_equal(harness_beat(harness, beat), BEAT_OK);
    assert_true(harness->reply.need_report);
    harness_free(harness);
}

/* [EN-6] */
static void an_id_whose_runner_is_connected_is_not_taken_over(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');
    struct enrolment other = {.id = "h1", .key = 'b', ALLOCATOR_ONLY};

    assert_int_equal(harness_enroll(harness, other), ENROLL_TAKEN_CONNECTED);
    assert_non_null(strstr(harness->message, "is connected"));
    assert_non_null(strstr(harness->message, "10.0.0.7"));
    assert_non_null(strstr(harness->message, "another runner id"));

    registry_connection_closed(harness->registry, 1); /* suspect is shown as connected */
    assert_int_equal(harness_enroll(harness, other), ENROLL_TAKEN_CONNECTED);
    harness_free(harness);
}

/* [EN-6] */
static void an_id_of_a_disconnected_runner_is_taken_over_with_its_settings(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');
    struct runner_record record = {0};
    struct err err;
    char *text = NULL;
    assert_int_equal(runner_record_copy(&harness_find(harness, "h1")->record, &record, &err),
                     0);
    record.capacity_mb = 4096;
    record.maintenance.is_on = true;
    assert_int_equal(runner_record_encode(&record, &text, &err), 0);
    (void)memory_store_put(harness->memory, "runners/h1", text);
    free(text);
    runner_record_fini(&record);
    harness_pass(harness, LEASE);
    harness->journal[0] = '\0';

    assert_int_equal(
        harness_enroll(
            harness,
            (struct enrolment){.id = "h1", .key = 'b', ALLOCATOR_ONLY, .zone = "ece-zone-2"}),
        ENROLL_OK);

    harness_expect(harness, "taken over h1; ");
    const struct runner *runner = harness_find(harness, "h1");
    assert_string_equal(runner->record.zone, "ece-zone-2");
    assert_int_equal(runner->record.capacity_mb, 4096);
    assert_true(runner->record.maintenance.is_on);
    assert_int_equal(runner->record.enrolled_at_ms, harness->clock.wall_ms);

    /* [AC-4] Its access fails at once. */
    struct beat beat = {
        .id = "h1", .key = 'a', .session = SESSION_A, .seq = 2, .connection = 1};
    assert_int_equal(harness_beat(harness, beat), BEAT_UNKNOWN);
    beat.key = 'b';
    assert_int_equal(harness_beat(harness, beat), BEAT_OK);
    harness_free(harness);
}

/* [EN-6] */
static void a_token_that_lacks_a_role_of_the_runner_does_not_take_its_id_over(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    assert_int_equal(harness_enroll(harness, (struct enrolment){.id = "h1",
                                                                .key = 'a',
                                                                .roles = ROLES_ALL,
                                                                .permitted = ROLES_ALL}),
                     ENROLL_OK);

    assert_int_equal(
        harness_enroll(harness, (struct enrolment){.id = "h1", .key = 'b', ALLOCATOR_ONLY}),
        ENROLL_TAKEN_ROLES);
    assert_int_equal(harness->missing, ROLES_ALL & ~ROLE_ALLOCATOR);
    assert_non_null(strstr(harness->message, "director,coordinator,proxy"));
    assert_non_null(strstr(harness->message, "delete the runner"));
    harness_expect(harness, "enrolled h1; refused h1; ");
    harness_free(harness);
}

/* [EN-7] */
static void a_key_that_is_registered_under_another_id_is_refused(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');

    assert_int_equal(
        harness_enroll(harness, (struct enrolment){.id = "h2", .key = 'a', ALLOCATOR_ONLY}),
        ENROLL_TAKEN_KEY);
    assert_non_null(strstr(harness->message, "runner h1"));
    assert_non_null(strstr(harness->message, "ece-agent leave"));
    assert_null(registry_find(harness->registry, "h2"));
    harness_free(harness);
}

/* [EN-7] */
static void a_key_that_is_being_enrolled_under_another_id_is_refused(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();

    harness_ask(harness, (struct enrolment){.id = "h1", .key = 'a', ALLOCATOR_ONLY});
    harness_ask(harness, (struct enrolment){.id = "h2", .key = 'a', ALLOCATOR_ONLY});
    assert_int_equal(harness->outcome, ENROLL_TAKEN_KEY);
    assert_int_equal(harness->n_enrolled, 1);
    (void)memory_store_run(harness->memory);

    harness_expect(harness, "refused h2; enrolled h1; ");
    assert_int_equal(registry_count(harness->registry), 1);
    harness_free(harness);
}

/* [EN-6]: both find the id free; the second is answered as if it had come later. */
static void of_two_keys_that_race_for_an_id_the_later_one_meets_the_earlier(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();

    harness_ask(harness,
                (struct enrolment){
                    .id = "h1", .key = 'a', .roles = ROLE_PROXY, .permitted = ROLES_ALL});
    harness_ask(harness, (struct enrolment){.id = "h1", .key = 'b', ALLOCATOR_ONLY});
    (void)memory_store_run(harness->memory);

    assert_int_equal(harness->n_enrolled, 2);
    assert_int_equal(harness->outcome, ENROLL_TAKEN_ROLES);
    harness_expect(harness, "enrolled h1; refused h1; ");
    assert_int_equal(harness_find(harness, "h1")->record.roles, ROLE_PROXY);
    harness_free(harness);
}

/* [EN-6]: the holder is disconnected, two take it over. */
static void of_two_takeovers_each_is_decided_on_what_the_other_left(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');

    harness_ask(harness, (struct enrolment){.id = "h1", .key = 'b', ALLOCATOR_ONLY});
    harness_ask(harness, (struct enrolment){.id = "h1", .key = 'c', ALLOCATOR_ONLY});
    (void)memory_store_run(harness->memory);

    assert_int_equal(harness->n_enrolled, 3);
    harness_expect(harness, "enrolled h1; taken over h1; taken over h1; ");
    assert_int_equal(harness_find(harness, "h1")->record.key_thumbprint[0], 'c');
    harness_free(harness);
}

static void conflicts_without_end_end_in_an_answer(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    memory_store_conflict(harness->memory, 4);
    harness_join(harness, "h1", 'a');

    memory_store_conflict(harness->memory, 1000);
    assert_int_equal(
        harness_enroll(harness, (struct enrolment){.id = "h2", .key = 'b', ALLOCATOR_ONLY}),
        ENROLL_FAILED);
    assert_non_null(strstr(harness->message, "try again"));
    assert_null(registry_find(harness->registry, "h2"));
    harness_free(harness);
}

/* [EN-4] */
static void what_could_not_be_written_is_not_registered(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    struct enrolment enrolment = {.id = "h1", .key = 'a', ALLOCATOR_ONLY};

    memory_store_fail(harness->memory, 1);
    assert_int_equal(harness_enroll(harness, enrolment), ENROLL_FAILED);
    assert_non_null(strstr(harness->message, "no space left"));
    assert_null(registry_find(harness->registry, "h1"));

    memory_store_refuse(harness->memory, true);
    assert_int_equal(harness_enroll(harness, enrolment), ENROLL_FAILED);
    harness_expect(harness, "");

    memory_store_refuse(harness->memory, false);
    assert_int_equal(harness_enroll(harness, enrolment), ENROLL_OK);
    harness_free(harness);
}

static void the_extra_operation_is_written_with_the_record_or_not_at_all(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    struct store_operation extra = {.key = "audit/1", .value = "who", .len = 3};
    struct enrolment enrolment = {.id = "h1", .key = 'a', ALLOCATOR_ONLY, .extra = &extra};

    memory_store_fail(harness->memory, 1);
    assert_int_equal(harness_enroll(harness, enrolment), ENROLL_FAILED);
    assert_null(memory_store_get(harness->memory, "audit/1"));
    memory_store_conflict(harness->memory, 2);
    assert_int_equal(harness_enroll(harness, enrolment), ENROLL_OK);
    assert_string_equal(memory_store_get(harness->memory, "audit/1"), "who");
    harness_free(harness);
}

/* [EN-8] */
static void the_preview_says_what_a_new_key_would_meet(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    char message[REGISTRY_MESSAGE_BYTES];
    assert_int_equal(harness_enroll(harness, (struct enrolment){.id = "h1",
                                                                .key = 'a',
                                                                .roles = ROLES_ALL,
                                                                .permitted = ROLES_ALL}),
                     ENROLL_OK);

    assert_int_equal(registry_would_enroll(harness->registry, "h2", ROLES_NONE, message),
                     ENROLL_OK);
    assert_string_equal(message, "");
    assert_int_equal(registry_would_enroll(harness->registry, "h1", ROLES_ALL, message),
                     ENROLL_OK);
    assert_int_equal(registry_would_enroll(harness->registry, "h1", ROLE_PROXY, message),
                     ENROLL_TAKEN_ROLES);
    assert_non_null(strstr(message, "director"));
    harness_connect(harness, "h1", 'a');
    size_t writes = memory_store_writes(harness->memory);
    assert_int_equal(registry_would_enroll(harness->registry, "h1", ROLES_ALL, message),
                     ENROLL_TAKEN_CONNECTED);
    assert_non_null(strstr(message, "is connected"));
    assert_int_equal(memory_store_writes(harness->memory), writes);
    assert_int_equal(memory_store_queued(harness->memory), 0);
    harness_free(harness);
}

static void a_registry_that_is_freed_forgets_what_waits(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();

    harness_ask(harness, (struct enrolment){.id = "h1", .key = 'a', ALLOCATOR_ONLY});
    registry_free(harness->registry);
    memory_store_free(harness->memory);
    assert_int_equal(harness->n_enrolled, 0);
    free(harness);
    registry_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_answer_comes_when_the_runner_is_durable),
        cmocka_unit_test(
            roles_that_the_token_does_not_permit_are_named_and_nothing_is_registered),
        cmocka_unit_test(
            the_same_key_gets_the_same_registration_with_the_newer_roles_tags_and_report),
        cmocka_unit_test(the_same_request_twice_at_once_is_answered_well_twice),
        cmocka_unit_test(a_live_session_is_asked_for_its_report_after_the_host_enrolled_again),
        cmocka_unit_test(an_id_whose_runner_is_connected_is_not_taken_over),
        cmocka_unit_test(an_id_of_a_disconnected_runner_is_taken_over_with_its_settings),
        cmocka_unit_test(a_token_that_lacks_a_role_of_the_runner_does_not_take_its_id_over),
        cmocka_unit_test(a_key_that_is_registered_under_another_id_is_refused),
        cmocka_unit_test(a_key_that_is_being_enrolled_under_another_id_is_refused),
        cmocka_unit_test(of_two_keys_that_race_for_an_id_the_later_one_meets_the_earlier),
        cmocka_unit_test(of_two_takeovers_each_is_decided_on_what_the_other_left),
        cmocka_unit_test(conflicts_without_end_end_in_an_answer),
        cmocka_unit_test(what_could_not_be_written_is_not_registered),
        cmocka_unit_test(the_extra_operation_is_written_with_the_record_or_not_at_all),
        cmocka_unit_test(the_preview_says_what_a_new_key_would_meet),
        cmocka_unit_test(a_registry_that_is_freed_forgets_what_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
