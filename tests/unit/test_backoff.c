/* SPDX-License-Identifier: Apache-2.0 */
/* [RT-1] Decorrelated jitter: between the bounds, growing, spread out, and from the start
 * again only when told. */
#include "common/base/backoff.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/support/fake_rng.h"

/* [RT-1] */
static void every_wait_is_between_base_and_cap(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct fake_rng fake;
        struct backoff backoff;
        fake_rng_init(&fake, seed);
        backoff_init(&backoff, 1000, 60000);
        uint64_t previous = 1000;
        for (int i = 0; i < 100; i++) {
            uint32_t wait_ms = backoff_next(&backoff, &fake.rng);
            assert_in_range(wait_ms, 1000, 60000);
            assert_true(wait_ms <= 3 * previous);
            previous = wait_ms;
        }
    }
}

/* [RT-1] */
static void the_waits_reach_the_cap_and_go_on_varying(void **state)
{
    (void)state;
    struct fake_rng fake;
    struct backoff backoff;
    fake_rng_init(&fake, 3);
    backoff_init(&backoff, 1000, 60000);
    int at_cap = 0;

    for (int i = 0; i < 1000; i++) {
        at_cap += backoff_next(&backoff, &fake.rng) == 60000;
    }

    assert_in_range(at_cap, 100, 950);
}

/* [RT-1] A fleet that lost its coordinator at one moment does not come back at one moment. */
static void hosts_with_other_randomness_wait_other_times(void **state)
{
    (void)state;
    int quarters[4] = {0};

    for (uint64_t seed = 0; seed < 1000; seed++) {
        struct fake_rng fake;
        struct backoff backoff;
        fake_rng_init(&fake, seed);
        backoff_init(&backoff, 1000, 60000);
        uint32_t wait_ms = backoff_next(&backoff, &fake.rng); /* 1000..3000 */
        quarters[(wait_ms - 1000) * 4 / 2001]++;
    }

    for (int i = 0; i < 4; i++) {
        assert_in_range(quarters[i], 180, 320);
    }
}

static void after_a_reset_the_next_wait_is_a_first_one(void **state)
{
    (void)state;
    struct fake_rng fake;
    struct backoff backoff;
    fake_rng_init(&fake, 5);
    backoff_init(&backoff, 1000, 60000);

    for (int round = 0; round < 50; round++) {
        for (int i = 0; i < 20; i++) {
            (void)backoff_next(&backoff, &fake.rng);
        }
        backoff_reset(&backoff);
        assert_in_range(backoff_next(&backoff, &fake.rng), 1000, 3000);
    }
}

static void bounds_at_the_edges_do_not_overflow(void **state)
{
    (void)state;
    struct fake_rng fake;
    struct backoff backoff;
    fake_rng_init(&fake, 9);

    backoff_init(&backoff, UINT32_MAX, UINT32_MAX);
    assert_int_equal(backoff_next(&backoff, &fake.rng), UINT32_MAX);
    assert_int_equal(backoff_next(&backoff, &fake.rng), UINT32_MAX);

    backoff_init(&backoff, UINT32_C(1) << 31, UINT32_MAX); /* three times as much: 33 bits */
    assert_true(backoff_next(&backoff, &fake.rng) > UINT32_C(1) << 31);

    backoff_init(&backoff, 1, UINT32_MAX);
    for (int i = 0; i < 200; i++) {
        assert_true(backoff_next(&backoff, &fake.rng) >= 1);
    }

    backoff_init(&backoff, 0, 10);
    assert_int_equal(backoff_next(&backoff, &fake.rng), 0);

    backoff_init(&backoff, 500,
                 100); /* a cap below the base cannot pull a wait under the base */
    assert_int_equal(backoff_next(&backoff, &fake.rng), 500);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_wait_is_between_base_and_cap),
        cmocka_unit_test(the_waits_reach_the_cap_and_go_on_varying),
        cmocka_unit_test(hosts_with_other_randomness_wait_other_times),
        cmocka_unit_test(after_a_reset_the_next_wait_is_a_first_one),
        cmocka_unit_test(bounds_at_the_edges_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
