/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Transactions that wait to be written. Owns their copies and what may come in at all; a store
 * whose disk has stopped must refuse, not eat the memory.
 */
#include "coordinator/store/txn_queue.h"

#include <stdlib.h>
#include <string.h>

static void append(struct txn_queue *queue, struct queued_txn *queued)
{
    struct sqlite_txn *txn = &queued->txn;
    if (queue->last != NULL) {
        queue->last->next = txn;
    } else {
        queue->first = txn;
    }
    queue->last = txn;
    queue->count++;
    queue->bytes += queued->bytes;
}

/* Also what the copy of it takes, into *ret_bytes. */
static int check_key(const char *key, size_t *ret_bytes, struct err *err)
{
    size_t len = strnlen(key, STORE_KEY_MAX + 1);
    if (len == 0) {
        return err_set(err, ERR_INVALID, "write to the store: a key is empty");
    }
    if (len > STORE_KEY_MAX) {
        return err_set(err, ERR_TOO_LARGE,
                       "write to the store: a key is longer than %d bytes: %.64s...",
                       STORE_KEY_MAX, key);
    }
    *ret_bytes += len + 1;
    return 0;
}

static int check_txn(const struct sqlite_txn *txn, size_t *ret_bytes, struct err *err)
{
    if (txn->n_conditions > STORE_TXN_MAX || txn->n_operations > STORE_TXN_MAX) {
        return err_set(err, ERR_TOO_LARGE,
                       "write to the store: more than %d conditions or operations: %zu and %zu",
                       STORE_TXN_MAX, txn->n_conditions, txn->n_operations);
    }
    for (size_t i = 0; i < txn->n_conditions; i++) {
        if (check_key(txn->conditions[i].key, ret_bytes, err) < 0) {
            return -1;
        }
    }
    for (size_t i = 0; i < txn->n_operations; i++) {
        const struct store_operation *operation = &txn->operations[i];
        if (check_key(operation->key, ret_bytes, err) < 0) {
            return -1;
        }
        size_t len = operation->value != NULL ? operation->len : 0;
        if (len > STORE_VALUE_MAX) {
            return err_set(err, ERR_TOO_LARGE, "write %s to the store: over %d bytes: %zu",
                           operation->key, STORE_VALUE_MAX, len);
        }
        *ret_bytes += len;
    }
    *ret_bytes += sizeof(struct queued_txn) + txn->n_conditions * sizeof(*txn->conditions) +
                  txn->n_operations * (sizeof(*txn->operations) + sizeof(*txn->is_change));
    return 0;
}

static const void *copy_bytes(char **at, const void *bytes, size_t len)
{
    char *copy = *at;
    memcpy(copy, bytes, len);
    *at += len;
    return copy;
}

static const char *copy_text(char **at, const char *text)
{
    return copy_bytes(at, text, strlen(text) + 1);
}

/* The whole of @txn in one allocation of @bytes, which check_txn has counted. NULL without
 * memory. */
static struct queued_txn *copy_txn(const struct sqlite_txn *txn, size_t bytes)
{
    struct queued_txn *queued = malloc(bytes);
    if (queued == NULL) {
        return NULL;
    }
    /* By alignment: pointers first, bytes last. */
    struct store_condition *conditions = (void *)(queued + 1);
    struct store_operation *operations = (void *)(conditions + txn->n_conditions);
    bool *is_change = (void *)(operations + txn->n_operations);
    char *at = (void *)(is_change + txn->n_operations);
    for (size_t i = 0; i < txn->n_conditions; i++) {
        conditions[i] = txn->conditions[i];
        conditions[i].key = copy_text(&at, txn->conditions[i].key);
    }
    for (size_t i = 0; i < txn->n_operations; i++) {
        operations[i] = (struct store_operation){0};
        operations[i].key = copy_text(&at, txn->operations[i].key);
        if (txn->operations[i].value != NULL) {
            operations[i].len = txn->operations[i].len;
            operations[i].value = copy_bytes(&at, txn->operations[i].value, operations[i].len);
        }
    }
    *queued = (struct queued_txn){.txn = *txn, .bytes = bytes};
    queued->txn.conditions = conditions;
    queued->txn.operations = operations;
    queued->txn.is_change = is_change;
    return queued;
}

/* What is being written counts as well: it still takes memory. */
static int check_room(const struct txn_queue *queue, const struct txn_queue *written,
                      size_t bytes, struct err *err)
{
    if (bytes > QUEUE_BYTES_MAX) {
        return err_set(err, ERR_TOO_LARGE, "write to the store: over %d bytes at once: %zu",
                       QUEUE_BYTES_MAX, bytes);
    }
    if (queue->count + written->count >= QUEUE_TXNS_MAX ||
        queue->bytes + written->bytes > QUEUE_BYTES_MAX - bytes) {
        return err_set(err, ERR_BUSY,
                       "write to the store: its disk is too slow: %zu writes wait already",
                       queue->count + written->count);
    }
    return 0;
}

int txn_queue_add(struct txn_queue *queue, const struct txn_queue *written,
                  const struct sqlite_txn *txn, struct queued_txn **ret, struct err *err)
{
    size_t bytes = 0;
    if (check_txn(txn, &bytes, err) < 0 || check_room(queue, written, bytes, err) < 0) {
        return -1;
    }
    struct queued_txn *queued = copy_txn(txn, bytes);
    if (queued == NULL) {
        return err_no_memory(err);
    }
    append(queue, queued);
    *ret = queued;
    return 0;
}

struct queued_txn *txn_queue_pop(struct txn_queue *queue)
{
    if (queue->first == NULL) {
        return NULL;
    }
    struct queued_txn *queued = CONTAINER_OF(queue->first, struct queued_txn, txn);
    queue->first = queued->txn.next;
    if (queue->first == NULL) {
        queue->last = NULL;
    }
    queue->count--;
    queue->bytes -= queued->bytes;
    return queued;
}
