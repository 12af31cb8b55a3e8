/* SPDX-License-Identifier: Apache-2.0 */
/* Runners are found by each of their names, also when two share a key or a connection. */
#include "coordinator/registry/runner_index.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct runner_record record(const char *id, const char *key)
{
    struct runner_record record = {.public_key_pem = strdup("PEM")};
    (void)snprintf(record.id, sizeof record.id, "%s", id);
    (void)snprintf(record.key_thumbprint, sizeof record.key_thumbprint, "%s", key);
    return record;
}

static struct runner *add(struct runner_index *index, const char *id, const char *key)
{
    struct runner_record its = record(id, key);
    struct runner *runner = runner_new(&its);
    struct err err;
    assert_non_null(runner);
    assert_int_equal(runner_index_add(index, runner, &err), 0);
    return runner;
}

static void drop(struct runner_index *index, struct runner *runner)
{
    runner_index_remove(index, runner);
    runner_free(runner);
}

static void ids_stand_in_order_whatever_order_they_came_in(void **state)
{
    (void)state;
    struct runner_index index = {0};
    struct runner *b = add(&index, "b", "k2");
    struct runner *a = add(&index, "a", "k3");
    struct runner *c = add(&index, "c", "k1");

    assert_int_equal(index.by_id.count, 3);
    assert_ptr_equal(index.by_id.items[0], a);
    assert_ptr_equal(index.by_id.items[1], b);
    assert_ptr_equal(index.by_id.items[2], c);
    assert_ptr_equal(runner_index_find(&index, "b"), b);
    assert_null(runner_index_find(&index, "bb"));
    assert_null(runner_index_find(&index, ""));
    assert_ptr_equal(runner_index_find_key(&index, "k1"), c);
    assert_null(runner_index_find_key(&index, "k9"));

    drop(&index, b);
    assert_null(runner_index_find(&index, "b"));
    assert_null(runner_index_find_key(&index, "k2"));
    drop(&index, a);
    drop(&index, c);
    runner_index_fini(&index);
}

static void a_new_key_replaces_the_old_one(void **state)
{
    (void)state;
    struct runner_index index = {0};
    struct runner *a = add(&index, "a", "k1");
    struct runner *b = add(&index, "b", "k2");
    struct runner_record changed = record("a", "k3");

    runner_index_set_record(&index, a, &changed);
    assert_null(changed.public_key_pem);
    assert_null(runner_index_find_key(&index, "k1"));
    assert_ptr_equal(runner_index_find_key(&index, "k3"), a);

    /* Another coordinator could have let both in. */
    changed = record("a", "k2");
    runner_index_set_record(&index, a, &changed);
    assert_ptr_equal(runner_index_find_key(&index, "k2"), a);
    drop(&index, a);
    assert_ptr_equal(runner_index_find_key(&index, "k2"), b);

    drop(&index, b);
    runner_index_fini(&index);
}

static void a_connection_may_carry_several_runners(void **state)
{
    (void)state;
    struct runner_index index = {0};
    struct runner *a = add(&index, "a", "k1");
    struct runner *b = add(&index, "b", "k2");

    runner_index_set_connection(&index, b, 7);
    runner_index_set_connection(&index, a, 7);
    runner_index_set_connection(&index, a, 7);
    assert_ptr_equal(runner_index_find_connection(&index, 7), a);
    runner_index_set_connection(&index, a, 9);
    assert_ptr_equal(runner_index_find_connection(&index, 7), b);
    assert_ptr_equal(runner_index_find_connection(&index, 9), a);
    assert_null(runner_index_find_connection(&index, 8));
    runner_index_set_connection(&index, b, 0);
    assert_null(runner_index_find_connection(&index, 7));
    assert_null(runner_index_find_connection(&index, 0));

    drop(&index, a); /* while it is connected */
    assert_null(runner_index_find_connection(&index, 9));
    drop(&index, b);
    runner_index_fini(&index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ids_stand_in_order_whatever_order_they_came_in),
        cmocka_unit_test(a_new_key_replaces_the_old_one),
        cmocka_unit_test(a_connection_may_carry_several_runners),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
