/* SPDX-License-Identifier: Apache-2.0 */
/* The heap gives the earliest first, whatever was put, moved and removed before. */
#include "coordinator/registry/deadline_heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

enum { MANY = 2000 };

static struct deadline_heap make(size_t room)
{
    struct deadline_heap heap = {0};
    struct err err;
    assert_int_equal(deadline_heap_reserve(&heap, room, &err), 0);
    return heap;
}

/* The least of those that are in, found the slow way. */
static uint64_t least(const struct deadline_entry *entries, size_t count)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (entries[i].position != 0 && entries[i].at_ms < least) {
            least = entries[i].at_ms;
        }
    }
    return least;
}

static void an_empty_heap_has_no_first(void **state)
{
    (void)state;
    struct deadline_heap heap = {0};
    struct deadline_entry entry = {0};

    assert_null(deadline_heap_first(&heap));
    deadline_heap_remove(&heap, &entry);
    assert_null(deadline_heap_first(&heap));
    deadline_heap_fini(&heap);
}

static void the_earliest_is_first(void **state)
{
    (void)state;
    struct deadline_heap heap = make(3);
    struct deadline_entry a = {0};
    struct deadline_entry b = {0};
    struct deadline_entry c = {0};

    deadline_heap_put(&heap, &a, 20);
    deadline_heap_put(&heap, &b, 10);
    deadline_heap_put(&heap, &c, 30);
    assert_ptr_equal(deadline_heap_first(&heap), &b);
    deadline_heap_remove(&heap, &b);
    assert_ptr_equal(deadline_heap_first(&heap), &a);
    assert_int_equal(b.position, 0);

    deadline_heap_fini(&heap);
}

static void putting_again_moves_the_entry_either_way(void **state)
{
    (void)state;
    struct deadline_heap heap = make(2);
    struct deadline_entry a = {0};
    struct deadline_entry b = {0};
    deadline_heap_put(&heap, &a, 20);
    deadline_heap_put(&heap, &b, 10);

    deadline_heap_put(&heap, &b, 40);
    assert_ptr_equal(deadline_heap_first(&heap), &a);
    deadline_heap_put(&heap, &b, 5);
    assert_ptr_equal(deadline_heap_first(&heap), &b);
    assert_int_equal(heap.count, 2);

    deadline_heap_fini(&heap);
}

static void removing_twice_removes_once(void **state)
{
    (void)state;
    struct deadline_heap heap = make(2);
    struct deadline_entry a = {0};
    struct deadline_entry b = {0};
    deadline_heap_put(&heap, &a, 10);
    deadline_heap_put(&heap, &b, 10);

    deadline_heap_remove(&heap, &a);
    deadline_heap_remove(&heap, &a);
    assert_int_equal(heap.count, 1);
    assert_ptr_equal(deadline_heap_first(&heap), &b);
    deadline_heap_remove(&heap, &b);
    assert_null(deadline_heap_first(&heap));
    deadline_heap_put(&heap, &a, 7);
    assert_ptr_equal(deadline_heap_first(&heap), &a);

    deadline_heap_fini(&heap);
}

static void any_order_of_changes_keeps_the_earliest_first(void **state)
{
    (void)state;
    struct deadline_heap heap = make(MANY);
    struct deadline_entry *entries = calloc(MANY, sizeof *entries);
    assert_non_null(entries);
    uint64_t random = 88172645463325252U; /* xorshift64 */

    for (size_t step = 0; step < 4 * (size_t)MANY; step++) {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        struct deadline_entry *entry = &entries[random % MANY];
        if (random >> 62 == 0) {
            deadline_heap_remove(&heap, entry);
        } else {
            deadline_heap_put(&heap, entry, (random >> 20) % 1000);
        }
        const struct deadline_entry *first = deadline_heap_first(&heap);
        assert_true((first == NULL ? UINT64_MAX : first->at_ms) == least(entries, MANY));
    }
    uint64_t last = 0;
    for (size_t left = heap.count; left > 0; left--) {
        struct deadline_entry *first = deadline_heap_first(&heap);
        assert_non_null(first);
        assert_true(first->at_ms >= last);
        last = first->at_ms;
        deadline_heap_remove(&heap, first);
    }
    assert_null(deadline_heap_first(&heap));

    free(entries);
    deadline_heap_fini(&heap);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_heap_has_no_first),
        cmocka_unit_test(the_earliest_is_first),
        cmocka_unit_test(putting_again_moves_the_entry_either_way),
        cmocka_unit_test(removing_twice_removes_once),
        cmocka_unit_test(any_order_of_changes_keeps_the_earliest_first),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
