/* SPDX-License-Identifier: Apache-2.0 */
/* Each rule of [LV-1] to [LV-3] at both sides of each boundary, and the pace of [HB-3]. */
#include "coordinator/registry/liveness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

enum { BEAT = 1000000, LEASE = 30000 };

struct row {
    const char *rule;
    struct liveness_facts facts;
    uint64_t now_ms;
    enum liveness_state state;
    enum liveness_end end;
    uint64_t until_ms;
};

#define OPEN                                                                                   \
    {                                                                                          \
        .ground = LIVENESS_BEAT, .beat_ms = BEAT, .lease_ms = LEASE, .spread_ms = 1            \
    }
#define CLOSED(at, spread)                                                                     \
    {                                                                                          \
        .ground = LIVENESS_BEAT, .beat_ms = BEAT, .lease_ms = LEASE, .spread_ms = (spread),    \
        .is_closed = true, .closed_ms = (at)                                                   \
    }
#define RESTORED                                                                               \
    {                                                                                          \
        .ground = LIVENESS_RESTORED, .beat_ms = BEAT, .lease_ms = LEASE, .spread_ms = 1        \
    }
#define IS_CONNECTED(until) LIVENESS_CONNECTED, LIVENESS_END_NONE, (until)
#define IS_SUSPECT(until) LIVENESS_SUSPECT, LIVENESS_END_NONE, (until)
#define IS_GONE(why) LIVENESS_DISCONNECTED, (why), LIVENESS_NEVER

/* [LV-1], [LV-2], [LV-3] */
static const struct row rows[] = {
    {"never beat", {.ground = LIVENESS_NOTHING}, BEAT, IS_GONE(LIVENESS_END_NONE)},
    {"just beat", OPEN, BEAT, IS_CONNECTED(BEAT + LEASE)},
    {"the lease's last ms", OPEN, BEAT + LEASE - 1, IS_CONNECTED(BEAT + LEASE)},
    {"the lease ended", OPEN, BEAT + LEASE, IS_GONE(LIVENESS_END_LEASE)},
    {"long ago", OPEN, (uint64_t)BEAT * 1000, IS_GONE(LIVENESS_END_LEASE)},

    {"just closed", CLOSED(BEAT + 100, 1), BEAT + 100, IS_SUSPECT(BEAT + 2100)},
    {"the grace's last ms", CLOSED(BEAT + 100, 1), BEAT + 2099, IS_SUSPECT(BEAT + 2100)},
    {"the grace ended", CLOSED(BEAT + 100, 1), BEAT + 2100, IS_GONE(LIVENESS_END_CONNECTION)},
    {"spread of 1 s: still 2 s", CLOSED(BEAT, 1000), BEAT + 1999, IS_SUSPECT(BEAT + 2000)},
    {"spread of 5 s: 6 s", CLOSED(BEAT, 5000), BEAT + 5999, IS_SUSPECT(BEAT + 6000)},
    {"spread of 5 s ended", CLOSED(BEAT, 5000), BEAT + 6000, IS_GONE(LIVENESS_END_CONNECTION)},
    {"closing does not lengthen the lease", CLOSED(BEAT + LEASE - 500, 1), BEAT + LEASE - 1,
     IS_SUSPECT(BEAT + LEASE)},
    {"the lease ends within the grace", CLOSED(BEAT + LEASE - 500, 1), BEAT + LEASE,
     IS_GONE(LIVENESS_END_LEASE)},
    {"closed after the lease", CLOSED(BEAT + LEASE + 5, 1), BEAT + LEASE + 5,
     IS_GONE(LIVENESS_END_LEASE)},

    {"restored", RESTORED, BEAT, IS_SUSPECT(BEAT + 2 * LEASE)},
    {"restored, one lease on", RESTORED, BEAT + LEASE, IS_SUSPECT(BEAT + 2 * LEASE)},
    {"restored, the last ms", RESTORED, BEAT + 2 * LEASE - 1, IS_SUSPECT(BEAT + 2 * LEASE)},
    {"restored, ended", RESTORED, BEAT + 2 * LEASE, IS_GONE(LIVENESS_END_LEASE)},
};

static void each_rule_holds_up_to_its_boundary(void **state)
{
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct liveness_verdict verdict = liveness_judge(&rows[i].facts, rows[i].now_ms);
        if (verdict.state != rows[i].state || verdict.end != rows[i].end ||
            verdict.until_ms != rows[i].until_ms) {
            fail_msg("%s: %s (%s) until %ju", rows[i].rule, liveness_state_name(verdict.state),
                     liveness_end_name(verdict.end), (uintmax_t)verdict.until_ms);
        }
    }
}

/* The heap relies on it: the verdict is another one at until_ms, and not before. */
static void a_verdict_holds_until_the_moment_it_names(void **state)
{
    (void)state;

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct liveness_verdict verdict = liveness_judge(&rows[i].facts, rows[i].now_ms);
        if (verdict.until_ms == LIVENESS_NEVER) {
            continue;
        }
        assert_int_equal(liveness_judge(&rows[i].facts, verdict.until_ms - 1).state,
                         verdict.state);
        assert_int_equal(liveness_judge(&rows[i].facts, verdict.until_ms).state,
                         LIVENESS_DISCONNECTED);
    }
}

/* [HB-3] */
static void the_pace_follows_the_fleet(void **state)
{
    (void)state;

    static const struct {
        size_t runners;
        uint32_t interval_ms, spread_ms;
    } fleets[] = {
        {0, 10000, 0},
        {1, 10000, 1},
        {10000, 10000, 10000},
        {20000, 10000, 20000},
        {20001, 10001, 20001},
        {100000, 50000, 100000},
        {SIZE_MAX, WIRE_INTERVAL_MAX_MS, WIRE_INTERVAL_MAX_MS},
    };
    struct pace_base base = PACE_BASE_DEFAULT;

    for (size_t i = 0; i < sizeof fleets / sizeof fleets[0]; i++) {
        struct wire_pace pace = pace_for(&base, fleets[i].runners);
        assert_int_equal(pace.interval_ms, fleets[i].interval_ms);
        assert_int_equal(pace.lease_ms, 3 * fleets[i].interval_ms);
        assert_int_equal(pace.spread_ms, fleets[i].spread_ms);
    }
}

static void a_base_is_lowered_only_as_far_as_the_wire_allows(void **state)
{
    (void)state;
    struct pace_base fast = {.interval_ms = 1, .beats_per_s = 100, .reconnects_per_s = 3};
    struct pace_base slow = {
        .interval_ms = UINT32_MAX, .beats_per_s = UINT32_MAX, .reconnects_per_s = UINT32_MAX};

    assert_int_equal(pace_for(&fast, 1).interval_ms, WIRE_INTERVAL_MIN_MS);
    assert_int_equal(pace_for(&fast, 1).spread_ms, 334); /* rounded up */
    assert_int_equal(pace_for(&fast, 50).interval_ms, 500);
    assert_int_equal(pace_for(&slow, 1).interval_ms, WIRE_INTERVAL_MAX_MS);
    assert_int_equal(pace_for(&slow, 1).lease_ms, 3 * WIRE_INTERVAL_MAX_MS);
    assert_int_equal(pace_for(&slow, 1).spread_ms, 1);
}

static void states_and_ends_have_names(void **state)
{
    (void)state;

    assert_string_equal(liveness_state_name(LIVENESS_DISCONNECTED), "disconnected");
    assert_string_equal(liveness_state_name(LIVENESS_SUSPECT), "suspect");
    assert_string_equal(liveness_state_name(LIVENESS_CONNECTED), "connected");
    assert_string_equal(liveness_end_name(LIVENESS_END_NONE), "");
    assert_string_equal(liveness_end_name(LIVENESS_END_GOODBYE), "goodbye");
    assert_string_equal(liveness_end_name(LIVENESS_END_LEASE), "lease ended");
    assert_string_equal(liveness_end_name(LIVENESS_END_CONNECTION), "connection closed");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_rule_holds_up_to_its_boundary),
        cmocka_unit_test(a_verdict_holds_until_the_moment_it_names),
        cmocka_unit_test(the_pace_follows_the_fleet),
        cmocka_unit_test(a_base_is_lowered_only_as_far_as_the_wire_allows),
        cmocka_unit_test(states_and_ends_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
