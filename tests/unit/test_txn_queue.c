/* SPDX-License-Identifier: Apache-2.0 */
/* What may wait to be written, and how much of it. */
#include "coordinator/store/txn_queue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct txn_queue nothing;

static int add(struct txn_queue *queue, const struct txn_queue *written,
               const struct store_operation *operations, size_t n, struct err *err)
{
    struct sqlite_txn txn = {.operations = operations, .n_operations = n};
    struct queued_txn *queued = NULL;
    return txn_queue_add(queue, written, &txn, &queued, err);
}

static size_t drain(struct txn_queue *queue)
{
    size_t count = 0;
    struct queued_txn *queued = NULL;
    while ((queued = txn_queue_pop(queue)) != NULL) {
        free(queued);
        count++;
    }
    return count;
}

static void a_queued_transaction_is_a_copy(void **state)
{
    (void)state;
    char key[] = "key";
    char value[] = {'a', '\0', 'b'};
    struct store_condition condition = {key, 7};
    struct store_operation operations[] = {
        {key, value, sizeof(value)}, {key, NULL, 5}, {key, value, 0}};
    struct sqlite_txn txn = {.conditions = &condition,
                             .n_conditions = 1,
                             .operations = operations,
                             .n_operations = 3};
    struct txn_queue queue = {0};
    struct queued_txn *queued = NULL;
    struct err err = {0};

    assert_int_equal(txn_queue_add(&queue, &nothing, &txn, &queued, &err), 0);
    memset(key, 'x', 3);
    memset(value, 'x', sizeof(value));
    memset(operations, 0, sizeof(operations));
    condition = (struct store_condition){0};

    const struct sqlite_txn *copy = &queued->txn;
    assert_string_equal(copy->conditions[0].key, "key");
    assert_int_equal(copy->conditions[0].mod_revision, 7);
    assert_string_equal(copy->operations[0].key, "key");
    assert_int_equal(copy->operations[0].len, 3);
    assert_memory_equal(copy->operations[0].value, "a\0b", 3);
    assert_null(copy->operations[1].value);
    assert_non_null(copy->operations[2].value); /* empty, not deleted */
    assert_int_equal(copy->operations[2].len, 0);
    assert_ptr_equal(txn_queue_pop(&queue), queued);
    free(queued);
    assert_null(txn_queue_pop(&queue));
    assert_int_equal(queue.bytes, 0);
}

static void what_is_over_its_bound_is_refused(void **state)
{
    (void)state;
    struct txn_queue queue = {0};
    struct err err = {0};
    char key[STORE_KEY_MAX + 2] = "";
    memset(key, 'k', STORE_KEY_MAX + 1);
    struct store_operation operation = {key, "v", 1};
    assert_int_equal(add(&queue, &nothing, &operation, 1, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    key[STORE_KEY_MAX] = '\0';
    assert_int_equal(add(&queue, &nothing, &operation, 1, &err), 0);

    operation.key = "";
    assert_int_equal(add(&queue, &nothing, &operation, 1, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);

    char *value = calloc(1, STORE_VALUE_MAX + 1);
    assert_non_null(value);
    operation = (struct store_operation){"k", value, STORE_VALUE_MAX + 1};
    assert_int_equal(add(&queue, &nothing, &operation, 1, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    operation.len = STORE_VALUE_MAX;
    assert_int_equal(add(&queue, &nothing, &operation, 1, &err), 0);

    struct store_operation many[STORE_TXN_MAX + 1];
    for (size_t i = 0; i < ARRAY_LEN(many); i++) {
        many[i] = (struct store_operation){"k", "v", 1};
    }
    assert_int_equal(add(&queue, &nothing, many, STORE_TXN_MAX + 1, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_int_equal(add(&queue, &nothing, many, STORE_TXN_MAX, &err), 0);
    assert_int_equal(drain(&queue), 3);

    /* Each part within its bound, together more than can ever wait. */
    for (size_t i = 0; i < 65; i++) {
        many[i] = (struct store_operation){"k", value, STORE_VALUE_MAX};
    }
    assert_int_equal(add(&queue, &nothing, many, 65, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    free(value);
}

static void a_queue_is_full_by_count(void **state)
{
    (void)state;
    struct txn_queue queue = {0};
    struct txn_queue written = {.count = QUEUE_TXNS_MAX - 10};
    struct store_operation operation = {"k", "v", 1};
    struct err err = {0};
    for (int i = 0; i < 10; i++) {
        assert_int_equal(add(&queue, &written, &operation, 1, &err), 0);
    }

    assert_int_equal(add(&queue, &written, &operation, 1, &err), -1);

    assert_int_equal(err.code, ERR_BUSY);
    assert_int_equal(drain(&queue), 10);
    assert_int_equal(add(&queue, &nothing, &operation, 1, &err), 0);
    assert_int_equal(drain(&queue), 1);
}

static void a_queue_is_full_by_size(void **state)
{
    (void)state;
    struct txn_queue queue = {0};
    struct txn_queue written = {.bytes = 60 * 1024 * 1024};
    struct err err = {0};
    char *value = calloc(1, STORE_VALUE_MAX);
    assert_non_null(value);
    struct store_operation operation = {"k", value, STORE_VALUE_MAX};
    for (int i = 0; i < 3; i++) {
        assert_int_equal(add(&queue, &written, &operation, 1, &err), 0);
    }

    assert_int_equal(add(&queue, &written, &operation, 1, &err),
                     -1); /* with its key too much */

    assert_int_equal(err.code, ERR_BUSY);
    operation.len = 1000;
    assert_int_equal(add(&queue, &written, &operation, 1, &err), 0);
    free(value);
    assert_int_equal(drain(&queue), 4);
    assert_int_equal(queue.bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queued_transaction_is_a_copy),
        cmocka_unit_test(what_is_over_its_bound_is_refused),
        cmocka_unit_test(a_queue_is_full_by_count),
        cmocka_unit_test(a_queue_is_full_by_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
