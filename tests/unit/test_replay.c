/* SPDX-License-Identifier: Apache-2.0 */
#include "coordinator/auth/replay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

enum { HOLD_MS = 1000 };

static struct replay *make(size_t capacity)
{
    struct replay *replay = NULL;
    struct err err;
    assert_int_equal(replay_new(&replay, capacity, HOLD_MS, &err), 0);
    return replay;
}

static enum replay_verdict use(struct replay *replay, const char *name, uint64_t now_ms)
{
    return replay_use(replay, name, strlen(name), now_ms);
}

/* [AC-2] */
static void a_name_is_fresh_once_within_its_hold(void **state)
{
    (void)state;
    struct replay *replay = make(8);

    assert_int_equal(use(replay, "a", 100), REPLAY_FRESH);
    assert_int_equal(use(replay, "a", 100), REPLAY_SEEN);
    assert_int_equal(use(replay, "b", 100), REPLAY_FRESH);
    assert_int_equal(use(replay, "a", 100 + HOLD_MS - 1), REPLAY_SEEN);
    assert_int_equal(use(replay, "a", 100 + HOLD_MS), REPLAY_FRESH);

    replay_free(replay);
}

static void being_seen_again_does_not_hold_a_name_longer(void **state)
{
    (void)state;
    struct replay *replay = make(8);

    assert_int_equal(use(replay, "a", 0), REPLAY_FRESH);
    assert_int_equal(use(replay, "a", HOLD_MS / 2), REPLAY_SEEN);
    assert_int_equal(use(replay, "a", HOLD_MS), REPLAY_FRESH);

    replay_free(replay);
}

/* [AC-2]: forgetting a live one would let it be used twice. */
static void a_full_window_refuses_new_names_and_keeps_the_live_ones(void **state)
{
    (void)state;
    struct replay *replay = make(3);

    assert_int_equal(use(replay, "a", 0), REPLAY_FRESH);
    assert_int_equal(use(replay, "b", 10), REPLAY_FRESH);
    assert_int_equal(use(replay, "c", 20), REPLAY_FRESH);
    assert_int_equal(use(replay, "d", 30), REPLAY_FULL);
    assert_int_equal(use(replay, "a", 30), REPLAY_SEEN);
    assert_int_equal(use(replay, "d", HOLD_MS), REPLAY_FRESH); /* a is gone */
    assert_int_equal(use(replay, "b", HOLD_MS), REPLAY_SEEN);
    assert_int_equal(replay_count(replay), 3);

    replay_free(replay);
}

static void a_window_that_turned_over_often_holds_only_what_is_live(void **state)
{
    (void)state;
    struct replay *replay = make(2000);

    for (uint64_t now_ms = 0; now_ms < 10 * HOLD_MS; now_ms++) {
        char name[24];
        (void)snprintf(name, sizeof(name), "%llu", (unsigned long long)now_ms);
        assert_int_equal(use(replay, name, now_ms), REPLAY_FRESH);
        assert_int_equal(use(replay, name, now_ms), REPLAY_SEEN);
    }

    assert_int_equal(replay_count(replay), HOLD_MS);
    replay_free(replay);
}

static void names_differ_in_every_byte_and_out_of_bounds_ones_are_never_fresh(void **state)
{
    (void)state;
    struct replay *replay = make(8);
    char name[REPLAY_NAME_MAX + 1] = {0};

    assert_int_equal(replay_use(replay, name, 0, 0), REPLAY_FULL);
    assert_int_equal(replay_use(replay, name, REPLAY_NAME_MAX + 1, 0), REPLAY_FULL);
    assert_int_equal(replay_use(replay, name, REPLAY_NAME_MAX, 0), REPLAY_FRESH);
    name[REPLAY_NAME_MAX - 1] = 1;
    assert_int_equal(replay_use(replay, name, REPLAY_NAME_MAX, 0), REPLAY_FRESH);
    assert_int_equal(replay_use(replay, name, REPLAY_NAME_MAX - 1, 0), REPLAY_FRESH);

    replay_free(replay);
    replay_free(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_is_fresh_once_within_its_hold),
        cmocka_unit_test(being_seen_again_does_not_hold_a_name_longer),
        cmocka_unit_test(a_full_window_refuses_new_names_and_keeps_the_live_ones),
        cmocka_unit_test(a_window_that_turned_over_often_holds_only_what_is_live),
        cmocka_unit_test(names_differ_in_every_byte_and_out_of_bounds_ones_are_never_fresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
