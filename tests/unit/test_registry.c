/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the registry, and ten thousand runners at once. */
#include "tests/support/registry_harness.h"
#include "tests/support/store_harness.h"
#include "tests/support/tmpdir.h"

enum { MANY = 10000 };

static void runners_are_listed_in_the_order_of_their_ids(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    assert_null(registry_at(harness->registry, 0));
    harness_join(harness, "h2", 'b');
    harness_join(harness, "h10", 'c');
    harness_join(harness, "h1", 'a');

    assert_int_equal(registry_count(harness->registry), 3);
    assert_string_equal(registry_at(harness->registry, 0)->record.id, "h1");
    assert_string_equal(registry_at(harness->registry, 1)->record.id, "h10");
    assert_string_equal(registry_at(harness->registry, 2)->record.id, "h2");
    assert_null(registry_at(harness->registry, 3));
    assert_null(registry_find(harness->registry, "h3"));
    assert_null(registry_find_key(harness->registry, ""));
    assert_int_equal(registry_coordinators(harness->registry)->count, 1);
    harness_free(harness);
}

static void the_counts_follow_the_states(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    harness_join(harness, "h2", 'b');
    harness_connect(harness, "h1", 'a');
    assert_int_equal(registry_count_in(harness->registry, LIVENESS_CONNECTED), 1);
    assert_int_equal(registry_count_in(harness->registry, LIVENESS_DISCONNECTED), 1);

    registry_connection_closed(harness->registry, 1);
    assert_int_equal(registry_count_in(harness->registry, LIVENESS_CONNECTED), 0);
    assert_int_equal(registry_count_in(harness->registry, LIVENESS_SUSPECT), 1);
    (void)memory_store_put(harness->memory, "runners/h1", NULL);
    assert_int_equal(registry_count_in(harness->registry, LIVENESS_SUSPECT), 0);
    harness_restart(harness, 0);
    assert_int_equal(registry_count_in(harness->registry, LIVENESS_DISCONNECTED), 1);
    harness_free(harness);
}

/* [HB-3] */
static void the_reply_sets_the_pace(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');

    assert_int_equal(harness->reply.pace.interval_ms, INTERVAL);
    assert_int_equal(harness->reply.pace.lease_ms, LEASE);
    assert_int_equal(harness->reply.pace.spread_ms, 1);
    harness_join(harness, "h2", 'b');
    harness_connect(harness, "h2", 'b');
    assert_int_equal(harness->reply.pace.spread_ms, 2);
    assert_int_equal(registry_pace(harness->registry).spread_ms, 2);
    harness_free(harness);
}

/* Events are optional. */
static void a_registry_without_a_listener_works(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    registry_free(harness->registry);
    memory_store_detach(harness->memory);
    struct registry_options options = {.store = memory_store_store(harness->memory),
                                       .clock = &harness->clock.clock,
                                       .log = &harness->log,
                                       .pace = PACE_BASE_DEFAULT};
    struct err err;
    assert_int_equal(registry_open(&harness->registry, &options, &err), 0);

    harness_join(harness, "h1", 'a');
    harness_connect(harness, "h1", 'a');
    assert_true(runner_is_connected(harness_find(harness, "h1")));
    harness_expect(harness, "");
    harness_free(harness);
}

static void open_over(struct registry_harness *harness, struct store *store)
{
    struct registry_options options = {.store = store,
                                       .clock = &harness->clock.clock,
                                       .log = &harness->log,
                                       .pace = PACE_BASE_DEFAULT,
                                       .on_event = harness_on_event,
                                       .userdata = harness};
    struct err err;
    assert_int_equal(registry_open(&harness->registry, &options, &err), 0);
}

static void close_both(struct registry_harness *harness, struct store_harness *file)
{
    assert_true(harness_close(file)); /* writes what is queued */
    registry_free(harness->registry);
    harness->registry = NULL;
}

/* [EN-4], [LV-3], [LE-1] over the real store: what it calls back when, and what is in the file
 * after. */
static void a_file_brings_the_runners_back_as_they_were(void **state)
{
    const struct tmpdir *dir = *state;
    char path[TMPDIR_PATH_BYTES + 16];
    (void)snprintf(path, sizeof path, "%s/store.db", dir->path);
    struct registry_harness *harness = harness_new();
    registry_free(harness->registry);
    memory_store_detach(harness->memory);
    struct store_harness file;
    struct err err;

    assert_int_equal(harness_open(&file, path, &err), 0);
    open_over(harness, file.store);
    harness_ask(harness, (struct enrolment){.id = "h1", .key = 'a'});
    harness_ask(harness, (struct enrolment){.id = "h1", .key = 'b'}); /* a race */
    harness_ask(harness, (struct enrolment){.id = "h2", .key = 'c'});
    (void)uv_run(&file.loop, UV_RUN_DEFAULT);
    assert_int_equal(harness->n_enrolled, 3);
    harness_expect(harness, "enrolled h1; enrolled h2; taken over h1; ");
    harness_connect(harness, "h1", 'b');
    harness_connect(harness, "h2", 'c');
    assert_int_equal(
        registry_leave(harness->registry, "h2", NULL, harness_on_removed, harness, &err), 0);
    close_both(harness, &file);
    assert_int_equal(harness->n_removed, 1);
    assert_string_equal(harness->removed.message, "");

    assert_int_equal(harness_open(&file, path, &err), 0);
    open_over(harness, file.store);
    assert_int_equal(registry_count(harness->registry), 1);
    assert_int_equal(harness_find(harness, "h1")->state, LIVENESS_SUSPECT);
    assert_int_equal(harness_find(harness, "h1")->report.memory_total_mb, 12398);
    assert_int_equal(harness_find(harness, "h1")->record.key_thumbprint[0], 'b');
    close_both(harness, &file);
    harness_free(harness);
}

/* What the fleet is filled with: a record that another coordinator wrote, with a key of its
 * own. */
static void put_runner(struct registry_harness *harness, unsigned number)
{
    struct runner_record record = {.public_key_pem = strdup("PEM"), .roles = ROLE_ALLOCATOR};
    struct err err;
    char key[RUNNER_KEY_BYTES];
    char *text = NULL;
    (void)snprintf(record.id, sizeof record.id, "h%05u", number);
    (void)snprintf(record.zone, sizeof record.zone, "z");
    (void)snprintf(record.key_thumbprint, sizeof record.key_thumbprint, "%064u", number);
    runner_key(RUNNER_KEY_PREFIX, record.id, key);
    assert_int_equal(runner_record_encode(&record, &text, &err), 0);
    (void)memory_store_put(harness->memory, key, text);
    free(text);
    runner_record_fini(&record);
}

static void beat_of(struct registry_harness *harness, unsigned number, uint64_t seq)
{
    char id[WIRE_RUNNER_ID_BYTES];
    char thumbprint[KEYS_SHA256_HEX_BYTES];
    struct wire_beat message = {.session = SESSION_A, .seq = seq};
    (void)snprintf(id, sizeof id, "h%05u", number);
    (void)snprintf(thumbprint, sizeof thumbprint, "%064u", number);
    struct registry_beat beat = {.runner_id = id,
                                 .key_thumbprint = thumbprint,
                                 .beat = &message,
                                 .connection = number + 1,
                                 .peer = "10.0.0.7"};
    assert_int_equal(
        registry_beat(harness->registry, &beat, &harness->reply, &harness->retry_after_s),
        BEAT_OK);
}

/* [HB-3], [HB-5], [LV-1], [LV-3] */
static void ten_thousand_runners_connect_expire_and_come_back(void **state)
{
    (void)state;
    struct registry_harness *harness = harness_new();
    for (unsigned i = 0; i < MANY; i++) {
        put_runner(harness, i);
    }
    assert_int_equal(registry_count(harness->registry), MANY);
    assert_int_equal(registry_pace(harness->registry).spread_ms, MANY);

    /* One each ms; so each lease ends in its own. */
    for (unsigned i = 0; i < MANY; i++) {
        fake_clock_advance(&harness->clock, 1);
        beat_of(harness, (i * 7919) % MANY, 1);
    }
    (void)memory_store_run(harness->memory);
    assert_int_equal(registry_count_in(harness->registry, LIVENESS_CONNECTED), MANY);
    /* Few transactions: the first one alone, the rest in full batches. */
    assert_true(memory_store_writes(harness->memory) <= MANY + 2 + MANY / STORE_TXN_MAX);
    size_t writes = memory_store_writes(harness->memory);
    for (unsigned i = 0; i < MANY; i++) {
        beat_of(harness, i, 2);
    }
    assert_int_equal(memory_store_writes(harness->memory), writes);
    assert_int_equal(memory_store_queued(harness->memory), 0);

    harness_restart(harness, 0);
    assert_int_equal(registry_count_in(harness->registry, LIVENESS_SUSPECT), MANY);
    for (unsigned i = 0; i < MANY; i++) {
        fake_clock_advance(&harness->clock, 1);
        beat_of(harness, (i * 7919) % MANY, 1);
    }
    assert_int_equal(registry_count_in(harness->registry, LIVENESS_CONNECTED), MANY);
    harness_expect(harness, ""); /* nobody was called disconnected */

    /* A third loses its connection, the others fall silent. */
    for (unsigned i = 0; i < MANY; i += 3) {
        registry_connection_closed(harness->registry, i + 1);
    }
    harness_pass(harness, MANY + 1000); /* spread + 1 s */
    assert_int_equal(registry_count_in(harness->registry, LIVENESS_DISCONNECTED),
                     (MANY + 2) / 3);
    harness_pass(harness, LEASE - MANY - 1000 - 1);
    assert_int_equal(registry_count_in(harness->registry, LIVENESS_CONNECTED), 1);
    harness_pass(harness, 1); /* the one that beat last */
    assert_int_equal(registry_count_in(harness->registry, LIVENESS_CONNECTED), 0);
    harness_free(harness);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runners_are_listed_in_the_order_of_their_ids),
        cmocka_unit_test(the_counts_follow_the_states),
        cmocka_unit_test(the_reply_sets_the_pace),
        cmocka_unit_test(a_registry_without_a_listener_works),
        cmocka_unit_test_setup_teardown(a_file_brings_the_runners_back_as_they_were,
                                        tmpdir_setup, tmpdir_teardown),
        cmocka_unit_test(ten_thousand_runners_connect_expire_and_come_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
