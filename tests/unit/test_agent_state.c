/* SPDX-License-Identifier: Apache-2.0 */
/* Every pair of state and event against a table that was written from docs/protocol.md, ST, and
 * not from the code. */
#include "agent/agent_state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

enum {
    U = AGENT_UNENROLLED,
    T = AGENT_TRUSTING,
    E = AGENT_ENROLLING,
    A = AGENT_AUTHENTICATING,
    C = AGENT_CONNECTED,
    D = AGENT_DISCONNECTED,
    X = AGENT_CONFLICT,
    R = AGENT_REJECTED,
    S = AGENT_STOPPING,
};

/* clang-format off */
/* [ST-1] One column for each state of before, in the order U T E A C D X R S; the cell is the state after. */
static const struct {
    enum agent_event event;
    int after[AGENT_STATE_COUNT];
} table[] = {
    {AGENT_TRUST_BEGINS,        {T, T, E, A, C, T, X, T, S}},
    {AGENT_ENROLL_BEGINS,       {U, E, E, A, C, D, X, R, S}},
    {AGENT_AUTHENTICATE_BEGINS, {A, T, E, A, C, A, X, A, S}},
    {AGENT_BEAT_ACCEPTED,       {C, T, C, C, C, C, C, R, S}},
    {AGENT_TOKEN_REFUSED,       {U, U, U, A, C, U, X, R, S}},
    {AGENT_UNAUTHORIZED,        {U, T, A, A, A, A, A, R, S}},
    {AGENT_FAILED,              {U, D, D, D, D, D, D, D, S}},
    {AGENT_CONNECTION_LOST,     {U, T, E, A, D, D, X, R, S}},
    {AGENT_LEASE_ENDED,         {U, T, E, A, D, D, X, R, S}},
    {AGENT_CONFLICT_FOUND,      {U, T, X, X, X, X, X, R, S}},
    {AGENT_RUNNER_UNKNOWN,      {U, T, E, R, R, D, R, R, S}},
    {AGENT_IDENTITY_GONE,       {U, U, U, U, U, U, U, U, S}},
    {AGENT_STOP,                {S, S, S, S, S, S, S, S, S}},
};

/* clang-format on */

static void every_pair_leads_where_the_protocol_says(void **state)
{
    (void)state;
    assert_int_equal(sizeof table / sizeof table[0], AGENT_EVENT_COUNT);
    for (size_t i = 0; i < AGENT_EVENT_COUNT; i++) {
        assert_int_equal(table[i].event, i);
        for (int before = 0; before < AGENT_STATE_COUNT; before++) {
            enum agent_state after = agent_next((enum agent_state)before, table[i].event);
            if ((int)after != table[i].after[before]) {
                fail_msg("%s on %s leads to %s", agent_state_name((enum agent_state)before),
                         agent_event_name(table[i].event), agent_state_name(after));
            }
        }
    }
}

/* [ST-2] Nothing but an accepted beat makes a host connected. */
static void only_an_accepted_beat_connects(void **state)
{
    (void)state;
    for (int before = 0; before < AGENT_STATE_COUNT; before++) {
        for (int event = 0; event < AGENT_EVENT_COUNT; event++) {
            enum agent_state after =
                agent_next((enum agent_state)before, (enum agent_event)event);
            if (after == AGENT_CONNECTED && before != AGENT_CONNECTED) {
                assert_int_equal(event, AGENT_BEAT_ACCEPTED);
            }
        }
    }
}

/* [RT-4] From every state but stopping some event leads on. */
static void no_state_is_a_dead_end(void **state)
{
    (void)state;
    for (int before = 0; before < AGENT_STOPPING; before++) {
        int exits = 0;
        for (int event = 0; event < AGENT_EVENT_COUNT; event++) {
            enum agent_state after =
                agent_next((enum agent_state)before, (enum agent_event)event);
            exits +=
                event != AGENT_STOP && event != AGENT_IDENTITY_GONE && (int)after != before;
        }
        assert_true(exits > 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_pair_leads_where_the_protocol_says),
        cmocka_unit_test(only_an_accepted_beat_connects),
        cmocka_unit_test(no_state_is_a_dead_end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
